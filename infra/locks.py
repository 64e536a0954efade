"""`make lock`: every list of packages that something is installed from, with the hash of each file that may be taken.

`requirements.txt` becomes `lambda.lock` (see `artifact.py`); each list of LISTS becomes a `.lock` beside it, for every
Python from 3.11 on and every system, by uv. What the lists don't name keeps the version that is installed here: locked is what
the tests ran.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from infra import ROOT, artifact

UV = ROOT / ".venv" / "lock" / "bin" / "uv"
# Each in an environment of its own, and the first Python that all of its packages run on.
LISTS = {
    "requirements-dev.txt": "3.11",
    "docs/requirements.txt": "3.11",
    "infra/requirements-audit.txt": "3.11",
    "infra/requirements-checkov.txt": "3.11.5",
    "infra/requirements-lock.txt": "3.11",
    "benchmarks/peers/requirements.txt": "3.11",
}
OPTIONS = ("--quiet", "--universal", "--generate-hashes", "--no-header", "--no-annotate")


def lock_of(requirements: Path) -> Path:
    return requirements.with_suffix(".lock")


def main() -> None:
    artifact.LOCK.write_text(artifact.lock())
    with tempfile.TemporaryDirectory() as folder:
        tested = Path(folder) / "tested.txt"
        tested.write_text(artifact.tested_versions(artifact.REQUIREMENTS, ROOT / "requirements-dev.txt"))
        for name, python in LISTS.items():
            path = ROOT / name
            kept = ("-c", str(tested)) if name == "requirements-dev.txt" else ()
            asked = [str(UV), "pip", "compile", *OPTIONS, "--python-version", python, *kept, str(path), "-o", str(lock_of(path))]
            if subprocess.run(asked, cwd=ROOT, check=False).returncode:
                sys.exit(f"{name} could not be locked; see above. Nothing else was changed.")


if __name__ == "__main__":
    main()
