"""The roster as processed is a OneRoster bundle itself: whoever reads it again has what was selected, and no more."""

import csv
import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from oneroster_engine.duckdb_session import connect
from oneroster_engine.inspecting.export import SYSTEM, write_roster
from oneroster_engine.planning.plan import plan_changes
from oneroster_engine.planning.policy import Policy
from oneroster_engine.planning.snapshot import next_snapshot
from oneroster_engine.sample_district import SHAPES, District, write
from oneroster_engine.selecting.selection import EVERYTHING, Selection, select
from oneroster_engine.staging.stage import stage_bundle
from oneroster_engine.standard.archive import Limits, inflate
from oneroster_engine.standard.entities import ENTITIES
from tests.engine.districts import write_bundle
from tests.engine.test_plan import TWO_SCHOOLS

LIMITS = Limits(10**8, 10**9, 100, 1000)
DISTRICT = District(SHAPES["tiny"], seed=3, version="1.2", day=1, problems=True)
NOT_COMPARED = ("line",)


def staged(folder: Path, archive: Path) -> Path:
    inflate(archive, folder / "bundle", LIMITS)
    stage_bundle(folder / "bundle", folder / "stage")
    return folder / "stage"


def rows(stage: Path, entity: str, where: str = "true") -> list[dict[str, Any]]:
    query = f"SELECT * FROM read_parquet('{stage}/{entity}.parquet') WHERE {where} ORDER BY sourcedId"
    with duckdb.connect() as connection:
        found = connection.execute(query)
        names = [name for name, *_ in found.description]
        read = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return [{name: value for name, value in row.items() if name not in NOT_COMPARED} for row in read]


def processed(stage: Path, selection: Selection, out: Path, version: str = "1.2") -> Path:
    out.parent.mkdir(parents=True, exist_ok=True)
    with connect() as connection:
        select(connection, stage, selection)
        write_roster(connection, out, version)
    return out


def in_bulk(row: dict[str, Any]) -> dict[str, Any]:
    """A bulk file has no status, but for the legacy word whose loss would make somebody active, and no time."""
    status = row["status"] if row["status"] == "inactive" else ""
    cell = {"statusCell": "blank" if row["statusCell"] == "active" else row["statusCell"]} if "statusCell" in row else {}
    return row | {"status": status, "dateLastModified": None} | cell


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_read_again_it_is_the_same_roster_row_for_row_without_what_was_left_out(tmp_path: Path, version: str) -> None:
    write(District(SHAPES["tiny"], seed=3, version=version, day=1, problems=True), tmp_path / "in.zip")
    first = staged(tmp_path / "first", tmp_path / "in.zip")

    again = staged(tmp_path / "again", processed(first, EVERYTHING, tmp_path / "out" / "roster.zip"))

    for entity in ENTITIES:
        wanted = [in_bulk(row) for row in rows(first, entity, "status <> 'tobedeleted'")]
        assert wanted
        assert rows(again, entity) == wanted, entity


@pytest.mark.parametrize("version", ["1.1", "1.2"])
@pytest.mark.parametrize("source", [pytest.param("two schools", id="two-schools"), pytest.param("sample", id="sample")])
def test_an_export_that_is_fed_back_changes_nothing(tmp_path: Path, source: str, version: str) -> None:
    if source == "sample":
        write(District(SHAPES["tiny"], seed=3, version="1.2", day=1, problems=False), tmp_path / "in.zip")
        first = staged(tmp_path / "first", tmp_path / "in.zip")
    else:
        first = tmp_path / "first" / "stage"
        stage_bundle(write_bundle(tmp_path / "first" / "bundle", "1.1", **TWO_SCHOOLS), first)
    day_one, day_two = (Policy(sync_id=f"s{day}", now=datetime(2026, 9, day, tzinfo=UTC)) for day in (1, 2))
    plan_changes(first, EVERYTHING, None, tmp_path / "plan", day_one)
    next_snapshot(None, tmp_path / "plan", tmp_path / "snapshot", day_one.now, day_one.purging)

    inflate(processed(first, EVERYTHING, tmp_path / "out" / "roster.zip", version), tmp_path / "back", LIMITS)
    found = stage_bundle(tmp_path / "back", tmp_path / "again")
    planned = plan_changes(tmp_path / "again", EVERYTHING, tmp_path / "snapshot", tmp_path / "plan2", day_two)

    assert (found.problems.get("error", 0), found.problems.get("warning", 0)) == (0, 0)
    assert planned.changes == 0


def test_folders_that_are_called_like_columns_change_nothing(tmp_path: Path) -> None:
    exported, planned = [], []
    for folder in (tmp_path / "plain", tmp_path / "status=tobedeleted" / "sourcedId=7" / "action=deactivate" / "entity=orgs"):
        stage_bundle(write_bundle(folder / "bundle", "1.1", **TWO_SCHOOLS), folder / "stage")
        day_one = Policy(sync_id="s1", now=datetime(2026, 9, 1, tzinfo=UTC))
        planned.append(plan_changes(folder / "stage", EVERYTHING, None, folder / "plan", day_one).counts)
        exported.append(processed(folder / "stage", EVERYTHING, folder / "out" / "roster.zip").read_bytes())

    assert exported[1] == exported[0]
    assert planned[1] == planned[0]


def test_a_selection_brings_its_school_and_nobody_else(tmp_path: Path) -> None:
    write(DISTRICT, tmp_path / "in.zip")
    first = staged(tmp_path / "first", tmp_path / "in.zip")
    school = rows(first, "orgs", "type = 'school'")[0]["sourcedId"]
    chosen = Selection(orgs=frozenset({school}), other_members=True)

    again = staged(tmp_path / "again", processed(first, chosen, tmp_path / "out" / "roster.zip"))

    here = rows(first, "classes", f"schoolSourcedId = '{school}' AND status <> 'tobedeleted'")
    assert [row["sourcedId"] for row in rows(again, "classes")] == [row["sourcedId"] for row in here] != []
    assert 0 < len(rows(again, "users")) < len(rows(first, "users"))


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    write(DISTRICT, tmp_path / "in.zip")
    stage = staged(tmp_path / "first", tmp_path / "in.zip")

    one, two = (processed(stage, EVERYTHING, tmp_path / name / "roster.zip").read_bytes() for name in ("one", "two"))

    assert one == two


USERS = {
    "1.1": "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,middleName,"
    "identifier,email,sms,phone,agentSourcedIds,grades,password",
    "1.2": "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,middleName,identifier,email,sms,"
    "phone,agentSourcedIds,grades,password,userMasterIdentifier,preferredGivenName,preferredMiddleName,preferredFamilyName,"
    "primaryOrgSourcedId,pronouns",
}
MODES = {
    "1.1": "academicSessions categories classes classResources courses courseResources demographics enrollments lineItems orgs "
    "resources results users",
    "1.2": "academicSessions categories classes classResources courses courseResources demographics enrollments "
    "lineItemLearningObjectiveIds lineItems lineItemScoreScales orgs resources resultLearningObjectiveIds results "
    "resultScoreScales roles scoreScales userProfiles userResources users",
}


def exported(tmp_path: Path, source: Path, version: str) -> tuple[zipfile.ZipFile, list[str]]:
    stage = staged(tmp_path / "first", source)
    with connect() as connection:
        select(connection, stage, EVERYTHING)
        lost = write_roster(connection, tmp_path / "out.zip", version)
    return zipfile.ZipFile(tmp_path / "out.zip"), lost


def table(bundle: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(bundle.read(f"{name}.csv").decode(), newline="")))


@pytest.mark.parametrize("source", ["1.1", "1.2"])
@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_whichever_version_came_the_bundle_has_all_that_the_standard_asks_for(tmp_path: Path, source: str, version: str) -> None:
    write(District(SHAPES["tiny"], seed=3, version=source, day=1, problems=True), tmp_path / "in.zip")

    bundle, _ = exported(tmp_path, tmp_path / "in.zip", version)
    properties = {row["propertyName"]: row["value"] for row in table(bundle, "manifest")}
    sent = {name.removesuffix(".csv") for name in bundle.namelist()} - {"manifest"}

    assert properties.pop("manifest.version") == "1.0"
    assert properties.pop("oneroster.version") == version
    assert {properties.pop("source.systemName"), properties.pop("source.systemCode")} == set(SYSTEM)
    assert properties == {f"file.{name}": "bulk" if name in sent else "absent" for name in MODES[version].split()}
    assert bundle.read("users.csv").decode().partition("\r\n")[0] == USERS[version]
    for name in sent:
        assert {(row["status"], row["dateLastModified"]) for row in table(bundle, name)} <= {("", ""), ("inactive", "")}


def test_between_the_versions_nobody_is_lost_and_1_2_says_what_1_1_said(tmp_path: Path) -> None:
    write(District(SHAPES["tiny"], seed=3, version="1.1", day=1, problems=True), tmp_path / "in.zip")

    first = staged(tmp_path / "first", tmp_path / "in.zip")
    exported(tmp_path / "to 1.2", tmp_path / "in.zip", "1.2")
    exported(tmp_path / "to 1.1", tmp_path / "to 1.2" / "out.zip", "1.1")
    again = staged(tmp_path / "again", tmp_path / "to 1.1" / "out.zip")

    for entity in ENTITIES:
        wanted = [in_bulk(row) for row in rows(first, entity, "status <> 'tobedeleted'")]
        assert rows(again, entity) == wanted != [], entity


def test_1_1_has_one_role_and_fewer_words_so_nobody_becomes_more_than_they_are(tmp_path: Path) -> None:
    people = {
        "principal": [("primary", "principal", "00001")],
        "counselor": [("primary", "counselor", "00001")],
        "nurse": [("primary", "ext:nurse", "00001")],
        "both": [("secondary", "student", "00002"), ("primary", "teacher", "00001"), ("secondary", "teacher", "00003")],
    }
    write(District(SHAPES["tiny"], seed=3, version="1.2", day=1, problems=False), tmp_path / "made.zip")
    with zipfile.ZipFile(tmp_path / "made.zip") as made, zipfile.ZipFile(tmp_path / "in.zip", "w") as packed:
        for name in made.namelist():
            content = made.read(name).decode()
            if name == "users.csv":
                content += "".join(f"{who},,,true,{who},,A,B{',' * 14}\r\n" for who in people)
            if name == "roles.csv":
                roles = [(who, *role) for who, held in people.items() for role in held]
                content += "".join(f"r{n},,,{w},{t},{role},,,{org},\r\n" for n, (w, t, role, org) in enumerate(roles))
            packed.writestr(zipfile.ZipInfo(name), content)

    bundle, lost = exported(tmp_path, tmp_path / "in.zip", "1.1")
    users = {row["sourcedId"]: (row["role"], row["orgSourcedIds"]) for row in table(bundle, "users")}

    assert {who: users[who] for who in people} == {
        "principal": ("administrator", "00001"),
        "counselor": ("aide", "00001"),
        "nurse": ("aide", "00001"),
        "both": ("teacher", "00001,00003"),
    }
    assert [message.partition(" people")[0] for message in lost] == ["1", "2"]


def test_a_district_without_courses_says_that_they_are_absent(tmp_path: Path) -> None:
    write(District(SHAPES["tiny"], seed=3, version="1.1", day=1, problems=False), tmp_path / "made.zip")
    with zipfile.ZipFile(tmp_path / "made.zip") as made, zipfile.ZipFile(tmp_path / "in.zip", "w") as packed:
        for name in set(made.namelist()) - {"courses.csv", "manifest.csv"}:
            packed.writestr(zipfile.ZipInfo(name), made.read(name))

    bundle, _ = exported(tmp_path, tmp_path / "in.zip", "1.1")

    assert "courses.csv" not in bundle.namelist()
    assert {"propertyName": "file.courses", "value": "absent"} in table(bundle, "manifest")
