"""`make audit`: what is shipped that others wrote, whether anything known is wrong with it, and under which licence it stands.

Into `build/sbom`: CycloneDX of the functions' packages and of the portal's. Ends with 1 where an advisory is open, a licence is
not among those allowed, or an advisory service could not be asked: not to know is not to be fine.
"""

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path

from infra import ROOT, artifact
from infra.package import CACHE

OUT = ROOT / "build" / "sbom"
TOOLS = ROOT / ".venv" / "audit" / "bin"
PORTAL_LOCK = ROOT / "portal" / "package-lock.json"
# Licences that may be shipped with the product as they are. What is LGPL (paramiko, inflate64) is used unchanged, as packages of
# their own.
ALLOWED = re.compile(
    r"^\(?(MIT|MIT-0|Apache|BSD|0BSD|ISC|PSF|Python Software|MPL|Mozilla|(The )?Unlicense\b|CC0|CC-BY-4|BlueOak|Zlib|"
    r"Dual License|GNU (Library or )?Lesser|LGPL|The MIT|3-Clause BSD|Public Domain)",
    re.IGNORECASE,
)


def python_licences(wheels: list[Path]) -> Iterator[tuple[str, str]]:
    """Package and licence, as each wheel's metadata says it: the expression, else the classifier, else the free text."""
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as packed:
            name = next(each for each in packed.namelist() if each.endswith(".dist-info/METADATA"))
            package = HeaderParser().parsestr(packed.read(name).decode())
        classified = [each.split(" :: ")[-1] for each in package.get_all("Classifier") or [] if each.startswith("License ::")]
        first = (package["License-Expression"], *classified, (package["License"] or "").partition("\n")[0])
        yield f"{package['Name']} {package['Version']}", next((each for each in first if each), "")


def portal_licences() -> Iterator[tuple[str, str]]:
    """Of what the browser gets; tools that only build it are left out."""
    packages = json.loads(PORTAL_LOCK.read_text())["packages"]
    for path, each in packages.items():
        if path and not each.get("dev") and not each.get("link"):
            yield f"{path.rpartition('node_modules/')[2]} {each['version']}", str(each.get("license", ""))


def not_allowed(licences: Iterator[tuple[str, str]]) -> list[str]:
    return [f"{package}: {licence or 'no licence'}" for package, licence in licences if not ALLOWED.match(licence)]


def advisories(tool: str, said: str, trouble: str) -> list[str]:
    """What a tool has found, a line for each package with open advisories; or that its service could not be asked: then
    nothing is known, which is not to be fine."""
    try:
        found = json.loads(said)
    except ValueError:
        found = {}
    if "dependencies" in found:  # pip-audit
        wrong = {each["name"]: [one["id"] for one in each["vulns"]] for each in found["dependencies"] if each.get("vulns")}
    elif "vulnerabilities" in found:  # npm audit
        wrong = {name: [str(each["severity"])] for name, each in found["vulnerabilities"].items()}
    else:
        last = (trouble.strip() or json.dumps(found)).splitlines()[-1][-200:]
        return [f"{tool}: its advisory service could not be asked, so nothing is known; audit again with a network ({last})"]
    return [f"{tool}: {name} has open advisories: {', '.join(ids)}" for name, ids in sorted(wrong.items())]


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    npm = str(ROOT / "local" / "npm.sh")
    made = [
        [str(TOOLS / "cyclonedx-py"), "requirements", str(artifact.LOCK), "--of", "JSON", "-o", str(OUT / "functions.cdx.json")],
        [npm, "sbom", "--package-lock-only", "--omit", "dev", "--sbom-format", "cyclonedx"],
    ]
    wrong: list[str] = []
    for command, out in zip(made, (None, OUT / "portal.cdx.json"), strict=True):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            wrong.append(f"no SBOM by {Path(command[0]).name}: {done.stderr.strip()[-300:]}")
        elif out:
            out.write_text(done.stdout)
    wrong += not_allowed(python_licences(artifact.fetch(CACHE))) + not_allowed(portal_licences())
    for command in (
        [str(TOOLS / "pip-audit"), "--strict", "--disable-pip", "--require-hashes", "-f", "json", "-r", str(artifact.LOCK)],
        [npm, "audit", "--omit=dev", "--json"],
    ):
        print(f"{Path(command[0]).name} {' '.join(command[1:])}", flush=True)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wrong += advisories(Path(command[0]).name, done.stdout, done.stderr)
    print(f"SBOMs in {OUT.relative_to(ROOT)}")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
