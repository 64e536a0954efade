"""Strangers' clients against our provider: each reads a whole synced district, and counts what the district's files hold.

`make conformance`; outside `make test`, since it installs other people's packages. SHAPE in the environment names another
sample than tiny. The API answers over HTTP as Lambda gives it, on AWS in moto. A client whose Python is not on this machine is
skipped, by name. SUITE in the environment is the path of a Postman collection, as Microsoft publishes for School Data Sync.
"""

import csv
import io
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from oneroster_engine.sample_district import SHAPES, District, write
from tests.rostering.serving import served
from tests.rostering.test_api import V1P1, Reader, made
from tests.steps.walk import Walk, make_group

PEERS = Path(__file__).parent / "peers"
NPM = Path(__file__).resolve().parents[2] / "local" / "npm.sh"
NEWMAN = "newman@6.2.2"
FILES = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments")


def installed(version: str, package: str, folder: Path) -> Path:
    """A Python of that version that has the package, in an environment of its own."""
    places = [shutil.which(f"python{version}"), *map(str, Path.home().glob(f".pyenv/versions/{version}*/bin/python"))]
    found = next((each for each in places if each and _runs(each)), None)
    if found is None:
        pytest.skip(f"{package} wants Python {version}, which this machine does not have")
    subprocess.run([found, "-m", "venv", str(folder)], check=True)
    subprocess.run([str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", package], check=True)
    return folder / "bin" / "python"


def _runs(python: str) -> bool:
    return subprocess.run([python, "-V"], capture_output=True, check=False).returncode == 0


def counted(python: Path, script: str, *arguments: str) -> dict[str, int]:
    done = subprocess.run([str(python), str(PEERS / script), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture
def district(aws: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, dict[str, int]]]:
    """The address that serves a synced sample, and how many of each kind its files hold."""
    bundle = tmp_path / "sample.zip"
    write(District(SHAPES[os.environ.get("SHAPE", "tiny")], 1, "1.1", 1, False, False), bundle)
    make_group()
    Walk(bundle.read_bytes()).through()
    with zipfile.ZipFile(bundle) as packed:
        rows = {name: list(csv.DictReader(io.StringIO(packed.read(f"{name}.csv").decode()))) for name in FILES}
    expected = {name: len(found) for name, found in rows.items()}
    expected |= {
        "schools": sum(row["type"] == "school" for row in rows["orgs"]),
        "terms": sum(row["type"] == "term" for row in rows["academicSessions"]),
        "gradingPeriods": sum(row["type"] == "gradingPeriod" for row in rows["academicSessions"]),
        "students": sum(row["role"] == "student" for row in rows["users"]),
        "teachers": sum(row["role"] == "teacher" for row in rows["users"]),
    }
    with served() as origin:
        monkeypatch.setenv("PORTAL_ORIGIN", origin)
        yield origin, expected


def test_strongmind_oneroster_client_reads_everything_by_1_1(district: tuple[str, dict[str, int]], tmp_path: Path) -> None:
    python = installed("3.11", "strongmind-oneroster-client==2.0.5", tmp_path / "env")
    _, expected = district
    client = made()

    found = counted(python, "strongmind_1_1.py", client["baseUrl11"], Reader(client, V1P1).token)

    print(f"strongmind-oneroster-client 2.0.5, OneRoster 1.1: {found}")
    assert found == expected


def test_timeback_oneroster_reads_everything_by_1_2(district: tuple[str, dict[str, int]], tmp_path: Path) -> None:
    python = installed("3.13", "timeback-oneroster==0.4.0", tmp_path / "env")
    origin, expected = district
    client = made()

    found = counted(python, "timeback_1_2.py", f"{origin}/api", client["tokenUrl"], client["clientId"], client["clientSecret"])

    print(f"timeback-oneroster 0.4.0, OneRoster 1.2: {found}")
    assert found == {name: number for name, number in expected.items() if name != "users"}


# What Microsoft's collections ask for beside rostering: grades, demographics, and one student of a district of their own.
NOT_OURS = {"lineitems", "categories", "results", "demographics", "a1"}


def test_a_postman_collection_passes_by_1_1_but_for_what_is_no_rostering(
    district: tuple[str, dict[str, int]], tmp_path: Path
) -> None:
    if not (suite := os.environ.get("SUITE")):
        pytest.skip("SUITE names no Postman collection")
    origin, _ = district
    client = made()
    reader = Reader(client, V1P1)
    _, years, _ = reader.get("academicSessions", limit=1)
    told = {
        "OneRosterHost": f"{origin}/api",
        "Oauth2TokenAddress": client["tokenUrl"],
        "OneRosterConsumerKey": client["clientId"],
        "OneRosterConsumerSecret": client["clientSecret"],
        "SchoolYear": years["academicSessions"][0]["schoolYear"],
        "DeltaDateTime": "2020-01-01T01:00:00.000Z",
        "school_id": reader.ids("schools")[0],  # asked for before anything has said which schools there are
    }
    report = tmp_path / "report.json"
    newman = [str(NPM), "exec", "--yes", f"--package={NEWMAN}", f"--cache={tmp_path / 'npm'}", "--", "newman", "run"]
    variables = [word for name, value in told.items() for word in ("--env-var", f"{name}={value}")]
    reporter = ["--reporters", "json", "--reporter-json-export", str(report)]

    done = subprocess.run(
        [*newman, str(Path(suite).resolve()), *variables, *reporter], capture_output=True, text=True, check=False
    )

    assert report.exists(), done.stderr[-3000:]
    run = json.loads(report.read_text())["run"]
    ours: list[str] = []
    others: list[str] = []
    for each in run["executions"]:
        failed = [one["assertion"] for one in each.get("assertions", ()) if one.get("error")]
        (others if NOT_OURS.intersection(map(str.lower, each["request"]["url"]["path"])) else ours).extend(
            f"{each['item']['name']}: {name}" for name in failed
        )
    requests, assertions = run["stats"]["requests"]["total"], run["stats"]["assertions"]["total"]
    print(f"{Path(suite).name}: {requests} requests, {assertions} assertions, {len(ours) + len(others)} failed")
    print("\n".join(("Of what is no rostering:", *others)))
    assert requests > 0
    assert len(ours) + len(others) == run["stats"]["assertions"]["failed"]
    assert ours == []
