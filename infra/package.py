"""`make package STAGE=...`: what AWS gets, made and checked without an AWS account.

Into `build/STAGE`: `lambda.zip`, the code of every function; `sam.json`, the template. Stages differ by parameters
alone, so the same commit makes the same files for each. Where it is Lambda's Python that packs, its bytecode is packed too.
"""

import json
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from infra import ROOT, artifact
from infra.build import build, functions_of

CACHE = ROOT / "build"
THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class Package:
    code: Path
    sha256: str
    template: Path
    sizes: dict[str, int]


def package(out: Path) -> Package:
    """Raises artifact.Unfit when the functions would not run in Lambda."""
    built = build(out)
    unzipped = out / "artifact"
    with zipfile.ZipFile(built.code) as packed:
        packed.extractall(unzipped)
    wheels = artifact.fetch(CACHE)
    artifact.unpack(wheels, unzipped)
    if THIS_PYTHON == artifact.PYTHON:
        artifact.add_bytecode(unzipped)
    functions = functions_of(json.loads(built.template.read_text())).values()
    handlers = {function["Properties"]["Handler"] for function in functions}
    artifact.check(unzipped, wheels, sorted(handlers | _modules(unzipped)), CACHE)
    code = out / "lambda.zip"
    return Package(code, artifact.pack(unzipped, code), built.template, dict(artifact.sizes(unzipped)))


def _modules(unzipped: Path) -> set[str]:
    """Each module of ours, by an attribute that it has: some are imported by a handler only once it does its work."""
    found = (path.relative_to(unzipped).with_suffix("") for path in (unzipped / "chalicelib").rglob("*.py"))
    return {f"{'.'.join(each.parts)}.__name__" for each in found if each.name != "__init__"}


def main(stage: str) -> None:
    try:
        made = package(ROOT / "build" / stage)
    except artifact.Unfit as reasons:
        sys.exit(str(reasons))
    for name, size_bytes in sorted(made.sizes.items(), key=lambda each: -each[1]):
        if size_bytes >= 100_000:
            print(f"{size_bytes / 1e6:8.1f} MB  {name}")
    whole = sum(made.sizes.values())
    print(f"{whole / 1e6:8.1f} MB  unzipped, {whole / artifact.MOST_BYTES:.0%} of what Lambda takes")
    print(f"{made.code.stat().st_size / 1e6:8.1f} MB  {made.code.relative_to(ROOT)}, sha256 {made.sha256}")
    print(f"{made.template.stat().st_size / 1e6:8.1f} MB  {made.template.relative_to(ROOT)}")


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].isalnum():
        sys.exit("Say for which stage: make package STAGE=prod")
    main(sys.argv[1])
