"""What is shipped that others wrote: pinned by hash, under a licence that allows it."""

import json
import re
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from infra import ROOT, artifact
from infra.audit import PORTAL_LOCK, advisories, not_allowed, portal_licences, python_licences
from infra.locks import LISTS, lock_of
from infra.package import CACHE

pytestmark = pytest.mark.xdist_group("artifact")


def test_every_package_that_is_shipped_is_pinned_by_its_hash() -> None:
    lines = [line for line in artifact.LOCK.read_text().splitlines() if not line.startswith("#")]
    packages = json.loads(PORTAL_LOCK.read_text())["packages"]

    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==\S+ --hash=sha256:[0-9a-f]{64}", line)] == []
    assert [path for path, each in packages.items() if path and not each.get("link") and not each.get("integrity")] == []


def test_whatever_the_makefile_installs_is_installed_by_hash_from_a_lock_that_make_lock_writes() -> None:
    makefile = (ROOT / "Makefile").read_text()
    installed = re.findall(r"pip install (.*)", makefile)
    locks = set(re.findall(r"(\S+\.lock)\b", makefile))

    assert len(installed) == len(LISTS)
    assert all("--require-hashes -r " in each for each in installed)
    assert locks == {name.replace(".txt", ".lock") for name in LISTS}


@pytest.mark.parametrize("name", LISTS)
def test_a_lock_has_the_versions_of_its_list_and_a_hash_for_each_package(name: str) -> None:
    locked = lock_of(ROOT / name).read_text()
    packages = re.split(r"\n(?=\S)", locked.strip())
    versions = {each.partition(" ")[0] for each in packages}

    assert [each for each in packages if "--hash=sha256:" not in each] == []
    lists = [ROOT / name, *([artifact.REQUIREMENTS] if name == "requirements-dev.txt" else [])]
    for line in (line.partition(";")[0].partition("#")[0].strip() for each in lists for line in each.read_text().splitlines()):
        if line and not line.startswith("-r"):
            assert canonicalize_name(re.sub(r"\[.*\]", "", line).partition("==")[0]) + "==" + line.partition("==")[2] in versions


def test_every_package_that_is_shipped_is_under_a_licence_that_allows_it() -> None:
    assert not_allowed(python_licences(artifact.fetch(CACHE))) == []
    assert not_allowed(portal_licences()) == []


@pytest.mark.parametrize("licence", ["", "AGPL-3.0-only", "GNU General Public License v3 (GPLv3)", "UNLICENSED", "SSPL-1.0"])
def test_a_licence_that_would_bind_the_product_is_named(licence: str) -> None:
    assert not_allowed(iter([("odd 1.0", licence)])) == [f"odd 1.0: {licence or 'no licence'}"]


PIP_FINE = '{"dependencies": [{"name": "duckdb", "version": "2.0.0", "vulns": []}], "fixes": []}'
PIP_OPEN = '{"dependencies": [{"name": "odd", "version": "1", "vulns": [{"id": "PYSEC-1"}, {"id": "PYSEC-2"}]}], "fixes": []}'
NPM_OPEN = '{"auditReportVersion": 2, "vulnerabilities": {"odd": {"name": "odd", "severity": "high"}}}'
NPM_OFFLINE = '{"message": "request to https://registry.example failed", "error": {"summary": "", "detail": ""}}'


@pytest.mark.parametrize(
    ("said", "trouble", "wrong"),
    [
        (PIP_FINE, "No known vulnerabilities found", ""),
        (PIP_OPEN, "Found 2 known vulnerabilities", "tool: odd has open advisories: PYSEC-1, PYSEC-2"),
        ('{"auditReportVersion": 2, "vulnerabilities": {}}', "", ""),
        (NPM_OPEN, "", "tool: odd has open advisories: high"),
        ("", "ERROR: Max retries exceeded", "could not be asked, so nothing is known; audit again with a network (ERROR: Max"),
        (NPM_OFFLINE, "", "could not be asked, so nothing is known; audit again with a network ("),
    ],
    ids=["pip fine", "pip open", "npm fine", "npm open", "pip offline", "npm offline"],
)
def test_an_audit_tells_what_is_open_from_what_could_not_be_asked(said: str, trouble: str, wrong: str) -> None:
    found = advisories("tool", said, trouble)

    assert len(found) == bool(wrong)
    assert wrong in "".join(found)


def test_every_exception_of_checkov_has_its_reason_beside_it() -> None:
    lines = (ROOT / "infra" / "checkov.yaml").read_text().splitlines()
    skipped = [line for line in lines if line.strip().startswith("- CKV")]

    assert skipped
    assert all(len(line.partition("#")[2].strip()) > 20 for line in skipped)


def test_a_package_may_be_locked_at_another_version_than_is_installed(tmp_path: Path) -> None:
    asked = tmp_path / "requirements.txt"
    asked.write_text("-r others.txt\nDuckDB==9.9.9\n")

    kept = artifact.tested_versions(asked).splitlines()

    assert not any(line.startswith("duckdb==") for line in kept)
    assert any(line.startswith("pytest==") for line in kept)
