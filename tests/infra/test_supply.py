"""What is shipped that others wrote: pinned by hash, under a licence that allows it."""

import json
import re

import pytest

from infra import ROOT, artifact
from infra.audit import PORTAL_LOCK, not_allowed, portal_licences, python_licences
from infra.package import CACHE

pytestmark = pytest.mark.xdist_group("artifact")


def test_every_package_that_is_shipped_is_pinned_by_its_hash() -> None:
    lines = [line for line in artifact.LOCK.read_text().splitlines() if not line.startswith("#")]
    packages = json.loads(PORTAL_LOCK.read_text())["packages"]

    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==\S+ --hash=sha256:[0-9a-f]{64}", line)] == []
    assert [path for path, each in packages.items() if path and not each.get("link") and not each.get("integrity")] == []


def test_every_package_that_is_shipped_is_under_a_licence_that_allows_it() -> None:
    assert not_allowed(python_licences(artifact.fetch(CACHE))) == []
    assert not_allowed(portal_licences()) == []


@pytest.mark.parametrize("licence", ["", "AGPL-3.0-only", "GNU General Public License v3 (GPLv3)", "UNLICENSED", "SSPL-1.0"])
def test_a_licence_that_would_bind_the_product_is_named(licence: str) -> None:
    assert not_allowed(iter([("odd 1.0", licence)])) == [f"odd 1.0: {licence or 'no licence'}"]


def test_every_exception_of_checkov_has_its_reason_beside_it() -> None:
    lines = (ROOT / "infra" / "checkov.yaml").read_text().splitlines()
    skipped = [line for line in lines if line.strip().startswith("- CKV")]

    assert skipped
    assert all(len(line.partition("#")[2].strip()) > 20 for line in skipped)
