"""Every error that the API can give to a form, through the portal's own renderer: no library's words, no code, no raw id."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.api.routing import ROUTES, Route
from infra import ROOT
from tests.api.test_routes import call, filled
from tests.stack_fixtures import NODE

pytestmark = pytest.mark.usefixtures("aws")

WRONG: tuple[Any, ...] = (
    None,
    "",
    "x" * 3000,
    "a`b",
    "2026-99-99",
    -1,
    1.5,
    150,
    67.10112254349215,
    True,
    [],
    [1],
    {},
    {"method": "no"},
)
PORTAL = ROOT / "portal"
# What nobody says: a library's own words, marks of code, a raw id, a number nobody rounds, a bracket of a pattern.
UNSAID = {
    "a library's words": re.compile(
        r"String should|Input should|Field required|Value error|less than or equal|greater than|valid string"
    ),
    "marks of code": re.compile(r"`|\{\}|\^\[|\$$|\\[sSdw]|None|undefined|NaN"),
    "a raw id": re.compile(r"\b[0-9a-f]{12}\b|\d{8}T\d{6}"),
    "an unrounded number": re.compile(r"\d\.\d{3,}"),
    "a name of a field as in code": re.compile(r"\b[a-z]+[A-Z][a-z]+\b(?<!sourcedId)"),
}


def bodies(route: Route) -> Iterator[dict[str, Any]]:
    """Bodies with each field wrong in its turn, in every way; nested fields too."""
    if route.body is None:
        return
    names = [field.alias or name for name, field in route.body.model_fields.items()]
    for name in names:
        for wrong in WRONG:
            yield {name: wrong}
    for inner in ("host", "port", "path", "username", "doneMarker", "hostKeyFingerprint", "credentials"):
        if "source" in names:
            for wrong in WRONG:
                yield {"name": "Lakeside", "source": {"method": "sftp", inner: wrong}}
    for inner in ("baseUrl", "tokenUrl", "scopes", "maxParallel", "pageSize", "credentials", "authorization"):
        if "source" in names:
            for wrong in WRONG:
                yield {"name": "Lakeside", "source": {"method": "rest", inner: wrong}}
    for outer, inners in {
        "guard": ("share", "floor", "rolloverShare", "rollover"),
        "schedule": ("at", "day", "timeZone", "frequency"),
    }.items():
        if outer in names:
            for inner in inners:
                for wrong in WRONG:
                    yield {"name": "Lakeside", outer: {inner: wrong}}


def problems() -> list[dict[str, Any]]:
    """Each problem document that differs in what it says."""
    found: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        if route.role is None:
            continue
        for body in [None, *bodies(route)]:
            status, answer = call(filled(route), body)
            if status >= 400 and isinstance(answer, dict) and "detail" in answer:
                found[json.dumps([answer["detail"], answer.get("errors")])] = answer
    return list(found.values())


def rendered(told: list[dict[str, Any]], folder: Path) -> list[str]:
    """As the portal words them: its own module, made to run by the compiler that checks it."""
    tsc = PORTAL / "node_modules" / "typescript" / "bin" / "tsc"
    source = PORTAL / "src" / "api" / "plain.ts"
    subprocess.run(
        [*NODE, str(tsc), str(source), "--outDir", str(folder), "--module", "esnext", "--target", "es2022"], check=True
    )
    (folder / "plain.js").rename(folder / "plain.mjs")
    (folder / "run.mjs").write_text(
        "import { problemSentence } from './plain.mjs';\n"
        "const told = JSON.parse(await new Response(process.stdin).text());\n"
        "console.log(JSON.stringify(told.map(each => problemSentence({ errors: [], requestId: '', ...each }))));\n"
    )
    ran = subprocess.run([*NODE, str(folder / "run.mjs")], input=json.dumps(told), capture_output=True, text=True, check=True)
    sentences: list[str] = json.loads(ran.stdout)
    return sentences


def test_no_error_of_the_api_reads_like_code(tmp_path: Path) -> None:
    found = problems()
    sentences = rendered(found, tmp_path)

    assert len(found) > 100  # it did walk
    unsaid = {f"{why}: {message}" for message in sentences for why, pattern in UNSAID.items() if pattern.search(message)}
    assert unsaid == set()


def test_a_share_is_corrected_in_percent_and_by_its_label(tmp_path: Path) -> None:
    status, answer = call("POST /groups", {"name": "Lakeside", "guard": {"share": 1.5}})

    assert status == 422
    assert rendered([answer], tmp_path) == [
        "Some fields need another value. Hold a sync that removes more than: Enter 100 % or less."
    ]


def test_a_sync_is_named_by_its_moment_and_a_support_reference_is_kept(tmp_path: Path) -> None:
    sync = "0a1b2c3d4e5f-20261127T082800123-ab12"
    found = [
        {
            "status": 409,
            "title": "",
            "detail": f"This group is already being synced by {sync}. Wait for it to end, or cancel it.",
        },
        {
            "status": 500,
            "title": "",
            "detail": f"The sync stopped because of an error of ours (X). Start it again; name {sync} to support.",
        },
        {"status": 422, "title": "", "detail": "Nothing was changed. Nothing was changed."},
    ]

    busy, failed, twice = rendered(found, tmp_path)

    assert re.match(r"This group is already being synced by the sync of Nov 27, 2026, \d+:28\sAM\. Wait", busy)
    assert failed.endswith(f"Reference for support: {sync}")
    assert twice == "Nothing was changed."
