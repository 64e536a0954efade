"""Whole files of the roster: a delta leads from one version to the next, and nobody gets more than their pages hold."""

import contextlib
import csv
import io
import itertools
import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
import duckdb
import pytest

from chalicelib.provider.bulk import columns, write_bundle, write_changes, write_parquet
from chalicelib.provider.query import SHOWN_ALWAYS, USER_FIELDS, ListPath, Query, View, read_page
from chalicelib.provider.resources import Version
from chalicelib.service import erasure, retention
from chalicelib.store import audit, files, groups
from oneroster_engine.planning.plan import plan_changes
from oneroster_engine.planning.policy import Policy
from oneroster_engine.planning.snapshot import next_snapshot
from oneroster_engine.selecting.selection import EVERYTHING
from oneroster_engine.staging.delta import View as SourceView
from oneroster_engine.staging.stage import stage_bundle
from oneroster_engine.standard.archive import Limits, inflate
from oneroster_engine.standard.entities import ENTITIES
from tests.api.test_routes import call
from tests.engine.districts import enrollment
from tests.engine.test_plan import TWO_SCHOOLS, Platform, without
from tests.examples import examples
from tests.rostering.test_api import Reader, made, send
from tests.rostering.test_query import DISTRICT
from tests.steps.walk import Walk, make_group, zipped

DAYS = examples(3)
LIMITS = Limits(10**8, 10**9, 100, 1000)
EVERYBODY = View()
NORTH = View(frozenset({"north"}))
AT = datetime(2026, 9, 1, tzinfo=UTC)
VERSIONS = [pytest.param("1.1", id="1.1"), pytest.param("1.2", id="1.2")]
VIEWS = [pytest.param(EVERYBODY, id="all schools"), pytest.param(NORTH, id="one school")]


def some_day(chance: Random) -> dict[str, list[dict[str, str]]]:
    """A district in which people, classes and enrollments come, go, change and are called inactive."""
    people = [
        {
            **each,
            "givenName": chance.choice("AB"),
            "orgSourcedIds": chance.choice([each["orgSourcedIds"], "north", "south", "south,north"]),
            "enabledUser": chance.choice(["", "true", "false"]),
            "status": chance.choice(["", "", "inactive"]),
            "agentSourcedIds": chance.choice(["", each.get("agentSourcedIds", ""), "gus"]),
        }
        for each in DISTRICT["users"]
        if chance.random() < 0.85
    ]
    there = {each["sourcedId"] for each in people}
    classes = [{**each, "title": chance.choice("XY")} for each in DISTRICT["classes"] if chance.random() < 0.85]
    taught = {each["sourcedId"] for each in classes}
    enrollments = [
        {**each, "beginDate": chance.choice(["", "2026-09-01"])}
        for each in DISTRICT["enrollments"]
        if each["userSourcedId"] in there and each["classSourcedId"] in taught and chance.random() < 0.85
    ]
    return {**DISTRICT, "users": people, "classes": classes, "enrollments": enrollments}


class Consumer:
    """A platform of somebody else, with this engine as its reader: one bundle first, then deltas."""

    def __init__(self, folder: Path, bundle: Path) -> None:
        self.folder, self.days = folder, 0
        self.snapshot: Path | None = None
        inflate(bundle, folder / "bulk", LIMITS)
        self.source = folder / "bulk"
        stage_bundle(self.source, folder / "stage0")
        self._commit(folder / "stage0")

    def takes(self, delta: Path) -> None:
        csvs, after, stage = (self.folder / f"{name}{self.days}" for name in ("csvs", "view", "stage"))
        inflate(delta, csvs, LIMITS)
        staged = stage_bundle(csvs, stage, view=SourceView(self.source, after))
        assert staged.problems.get("error", 0) == 0, duckdb.read_parquet(str(stage / "problems.parquet")).fetchall()
        self.source = after
        self._commit(stage)

    def _commit(self, stage: Path) -> None:
        self.days += 1
        now = AT + timedelta(days=self.days)
        policy = Policy(sync_id=f"c{self.days}", now=now)
        plan, out = self.folder / f"plan{self.days}", self.folder / f"snapshot{self.days}"
        plan_changes(stage, EVERYTHING, self.snapshot, plan, policy)
        next_snapshot(self.snapshot, plan, out, now, policy.purging)
        self.snapshot = out


def tables(bundle: Path) -> dict[str, list[dict[str, str]]]:
    with zipfile.ZipFile(bundle) as archive:
        read = {
            name.removesuffix(".csv"): list(csv.DictReader(io.StringIO(archive.read(name).decode(), newline="")))
            for name in archive.namelist()
        }
    return {name: sorted(rows, key=lambda row: str(row.get("sourcedId"))) for name, rows in read.items()}


def contents(snapshot: Path | None, view: View, version: str, out: Path) -> dict[str, list[dict[str, str]]]:
    """Every row of every file, whoever wrote it: an empty file and an absent one are the same."""
    assert snapshot
    write_bundle(snapshot, view, version, out)
    return {name: rows for name, rows in tables(out).items() if rows and name != "manifest"}


@pytest.mark.parametrize(
    ("version", "view", "seed"),
    [
        pytest.param(version, view, seed, id=f"{version}-{name}-{seed}")
        for seed, (version, (name, view)) in enumerate(
            itertools.product(["1.1", "1.2"], [("all schools", EVERYBODY), ("one school", NORTH)])
        )
    ],
)
def test_who_holds_a_version_and_reads_the_delta_holds_the_next_whatever_a_day_brings(
    tmp_path: Path, version: str, view: View, seed: int
) -> None:
    chance, ours = Random(seed), Platform(tmp_path)
    ours.sync(DISTRICT)
    assert ours.snapshot
    write_bundle(ours.snapshot, view, version, tmp_path / "first.zip")
    theirs = Consumer(tmp_path / "theirs", tmp_path / "first.zip")
    for day in range(DAYS):
        before = ours.snapshot
        ours.sync(some_day(chance))
        delta = tmp_path / f"delta{day}.zip"

        rows = write_changes(before, ours.snapshot, view, version, AT, delta)
        if rows:
            theirs.takes(delta)

        wanted = contents(ours.snapshot, view, version, tmp_path / f"ours{day}.zip")
        if view != EVERYBODY:  # a part of a roster refers to what is not in it, so it is read anew to be compared
            anew = Consumer(tmp_path / f"anew{day}", tmp_path / f"ours{day}.zip")
            wanted = contents(anew.snapshot, EVERYBODY, version, tmp_path / f"anew{day}.zip")
        assert contents(theirs.snapshot, EVERYBODY, version, tmp_path / f"theirs{day}.zip") == wanted, day


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    platform = Platform(tmp_path_factory.mktemp("bulk"))
    platform.sync(DISTRICT)
    assert platform.snapshot
    return platform.snapshot


HIDES = View(hidden=USER_FIELDS - SHOWN_ALWAYS - {"username"})


@pytest.mark.parametrize("view", [*VIEWS, pytest.param(HIDES, id="few fields")])
@pytest.mark.parametrize("entity", ENTITIES)
def test_the_parquet_holds_who_the_pages_hold_and_no_column_that_is_ours_alone(
    snapshot: Path, tmp_path: Path, entity: str, view: View
) -> None:
    write_parquet(snapshot, view, tmp_path)

    found = duckdb.read_parquet(str(tmp_path / f"{entity}.parquet"))
    pages = read_page(snapshot, ListPath(entity), Query(limit=1000), view, Version.V1P2).records
    documented = ["sourcedId", "status", "dateLastModified", *columns(entity)]
    assert {row[0] for row in found.fetchall()} == {each.sourced_id for each in pages}
    if view is HIDES and entity == "users":
        shown = ["enabledUser", "username", "givenName", "familyName", "roles"]
        documented = [*documented[:3], *(name for name in documented if name in shown)]
    assert found.columns == documented


def test_the_parquet_needs_no_codec_but_snappy_and_its_moments_are_instants(snapshot: Path, tmp_path: Path) -> None:
    write_parquet(snapshot, EVERYBODY, tmp_path)

    found = duckdb.execute(
        f"""SELECT DISTINCT compression, logical_type FROM parquet_metadata('{tmp_path}/*.parquet')
        JOIN parquet_schema('{tmp_path}/users.parquet') ON name = 'dateLastModified'"""
    ).fetchall()
    assert [(packed, "isAdjustedToUTC=1" in moment) for packed, moment in found] == [("SNAPPY", True)]
    pages = read_page(snapshot, ListPath("users"), Query(limit=1000), EVERYBODY, Version.V1P2).records
    told = duckdb.execute(f"SELECT sourcedId, dateLastModified AT TIME ZONE 'UTC' FROM '{tmp_path}/users.parquet'").fetchall()
    assert dict(told) == {each.sourced_id: datetime.fromisoformat(each.modified).replace(tzinfo=None) for each in pages}


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_client_may_not_see_is_in_no_file(snapshot: Path, tmp_path: Path, version: str) -> None:
    write_bundle(snapshot, View(frozenset({"north"}), HIDES.hidden), version, tmp_path / "north.zip")

    found = tables(tmp_path / "north.zip")

    assert {row["sourcedId"] for row in found["users"]} == {"ann", "tea", "gil"}
    assert {row["sourcedId"] for row in found["orgs"]} == {"d", "north"}
    assert [each for each in ("south", "Ann@x.org", "gus") if each in str(found)] == []


def test_who_has_a_place_in_a_class_and_a_role_elsewhere_is_what_they_are_in_that_class(tmp_path: Path) -> None:
    platform = Platform(tmp_path)
    guest = enrollment("e9", classSourcedId="m1", userSourcedId="bob")  # of South, in a class of North
    platform.sync({**DISTRICT, "enrollments": [*DISTRICT["enrollments"], guest]})
    assert platform.snapshot

    write_bundle(platform.snapshot, NORTH, "1.1", tmp_path / "north.zip")

    [bob] = [row for row in tables(tmp_path / "north.zip")["users"] if row["sourcedId"] == "bob"]
    assert (bob["role"], bob["orgSourcedIds"]) == ("student", "north")


def test_another_order_of_their_enrollments_changes_nobody_who_is_here_as_what_they_are_in_a_class(tmp_path: Path) -> None:
    """Their roles are made of enrollments; another order of the same is no difference that a delta sends."""
    found = []
    for number, roles in enumerate((("student", "teacher"), ("teacher", "student"))):
        (tmp_path / str(number)).mkdir()
        platform = Platform(tmp_path / str(number))
        guests = [enrollment(f"e9{n}", classSourcedId="m1", userSourcedId="bob", role=each) for n, each in enumerate(roles)]
        platform.sync({**DISTRICT, "enrollments": [*DISTRICT["enrollments"], *guests]})
        assert platform.snapshot
        write_bundle(platform.snapshot, NORTH, "1.2", tmp_path / f"north{number}.zip")
        rows = tables(tmp_path / f"north{number}.zip")["roles"]
        found.append([(row["sourcedId"], row["role"]) for row in rows if row["userSourcedId"] == "bob"])

    assert found[0] == found[1] == [("bob/1", "student"), ("bob/2", "teacher")]


# --- over HTTP ---


def asked(reader: Reader, name: str = "", since: str = "", **headers: str) -> Any:
    resource = "/oneroster/bulk" + ("/{part1}" if name else "")
    event_headers = {"Authorization": f"Bearer {reader.token}", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return send("GET", resource, [name] if name else [], event_headers, {"since": since} if since else None)


def downloaded(answer: Any, to: Path) -> Path:
    assert answer["statusCode"] == 302, answer
    key = unquote(urlsplit(answer["headers"]["Location"]).path).lstrip("/")
    boto3.client("s3").download_file("data", key.removeprefix("data/"), str(to))
    return to


def version_of(answer: Any) -> str:
    return str(answer["headers"]["ETag"]).strip('"')


@pytest.fixture
def two_days(aws: None, tmp_path: Path) -> tuple[Reader, str]:
    """A reader who holds the first day, as the second is committed."""
    make_group()
    Walk(zipped(TWO_SCHOOLS)).through()
    reader = Reader(made())
    first = asked(reader, "roster-1.2.zip")
    downloaded(first, tmp_path / "first.zip")
    Walk(zipped(without("users", "idle")), day=1).through()
    return reader, version_of(first)


def test_a_reader_of_an_address_gets_a_new_file_only_when_the_roster_has_changed(aws: None, tmp_path: Path) -> None:
    make_group()
    reader = Reader(made(schools=["south"]))
    assert asked(reader, "roster-1.2.zip")["statusCode"] == 503
    Walk(zipped(TWO_SCHOOLS)).through()

    index = asked(reader)
    held = asked(reader, "roster-1.2.zip")
    found = tables(downloaded(held, tmp_path / "one.zip"))

    assert {row["sourcedId"] for row in found["users"]} == {"cat", "bob"}
    assert json.loads(index["body"])["version"] == version_of(held)
    assert asked(reader, "roster-1.2.zip", If_None_Match=held["headers"]["ETag"])["statusCode"] == 304
    entries = [each for each in audit.entries("g1", 100) if each.what == "roster downloaded"]
    assert [each.detail["file"] for each in entries] == ["roster-1.2.zip"]
    Walk(zipped(without("users", "idle")), day=1).through()
    assert asked(reader, "roster-1.2.zip", If_None_Match=held["headers"]["ETag"])["statusCode"] == 302


@pytest.mark.parametrize("name", ["changes-1.1.zip", "changes-1.2.zip"])
def test_the_changes_since_a_version_are_a_delta(two_days: tuple[Reader, str], tmp_path: Path, name: str) -> None:
    reader, since = two_days

    answer = asked(reader, name, since)
    found = tables(downloaded(answer, tmp_path / "delta.zip"))

    assert [(row["sourcedId"], row["status"]) for row in found["users"]] == [("idle", "tobedeleted")]
    assert {row["value"] for row in found["manifest"] if row["propertyName"] == "file.users"} == {"delta"}
    assert asked(reader, name, version_of(answer))["statusCode"] == 204
    assert (asked(reader, name, "x")["statusCode"], asked(reader, name)["statusCode"]) == (422, 422)


def test_who_may_see_something_else_now_reads_the_whole_roster_again(two_days: tuple[Reader, str]) -> None:
    reader, since = two_days
    [client] = call("GET /groups/g1/clients")[1]["items"]
    call(f"PATCH /groups/g1/clients/{client['clientId']}", {"schools": ["south"]})

    answer = asked(reader, "changes-1.2.zip", since)

    assert answer["statusCode"] == 410
    assert "Read the whole roster once" in str(answer["body"])


def test_after_an_erasure_no_delta_is_told_that_would_leave_the_person_with_the_reader(two_days: tuple[Reader, str]) -> None:
    reader, since = two_days
    status, _ = call("POST /groups/g1/erasures", {"id": "ann", "confirm": "ann"})
    assert status == 202
    erasure.go_on(datetime.now(UTC), lambda: True)

    assert asked(reader, "changes-1.2.zip", since)["statusCode"] == 410
    assert not files.in_folder(files.bulk_prefix("g1"))


def test_who_had_left_before_their_erasure_does_not_stay_with_a_reader_of_when_they_were_there(
    two_days: tuple[Reader, str],
) -> None:
    """Idle left on the second day: no commit says that they were erased, and neither day's snapshot has them now."""
    reader, since = two_days
    status, _ = call("POST /groups/g1/erasures", {"id": "idle", "confirm": "idle"})
    assert status == 202
    erasure.go_on(datetime.now(UTC), lambda: True)

    assert asked(reader, "changes-1.2.zip", since)["statusCode"] == 410


@pytest.mark.parametrize("name", ["roster-1.1.zip", "changes-1.1.zip"])
def test_a_file_that_was_being_made_while_a_person_was_erased_is_not_kept(
    two_days: tuple[Reader, str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    reader, since = two_days
    upload = files.upload

    def erased_meanwhile(path: Path, key: str) -> None:
        monkeypatch.setattr(files, "upload", upload)
        assert call("POST /groups/g1/erasures", {"id": "ann", "confirm": "ann"})[0] == 202
        erasure.go_on(datetime.now(UTC), lambda: True)
        upload(path, key)

    monkeypatch.setattr(files, "upload", erased_meanwhile)

    assert asked(reader, name, since if name.startswith("changes") else "")["statusCode"] == 503
    assert not files.in_folder(files.bulk_prefix("g1"))


def test_an_erasure_that_was_cut_off_before_it_removed_whole_files_removes_them_with_its_next_pass(
    two_days: tuple[Reader, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    delete_folder = files.delete_folder

    def killed(prefix: str, *kept: Any) -> int:
        if prefix == files.bulk_prefix("g1"):
            raise KeyboardInterrupt
        return delete_folder(prefix, *kept)

    assert call("POST /groups/g1/erasures", {"id": "ann", "confirm": "ann"})[0] == 202
    monkeypatch.setattr(files, "delete_folder", killed)
    for hour in range(8):  # each pass writes one file more without the person, then dies
        with contextlib.suppress(KeyboardInterrupt):
            erasure.go_on(datetime.now(UTC) + timedelta(hours=hour), lambda: True)
    monkeypatch.setattr(files, "delete_folder", delete_folder)
    assert files.in_folder(files.bulk_prefix("g1"))

    erasure.go_on(datetime.now(UTC) + timedelta(hours=8), lambda: True)

    assert not files.in_folder(files.bulk_prefix("g1"))


def test_files_of_versions_that_are_over_are_not_kept(two_days: tuple[Reader, str]) -> None:
    assert files.in_folder(files.bulk_prefix("g1"))

    retention.forget_old(groups.get("g1"), datetime(2026, 9, 3, tzinfo=UTC))

    assert not files.in_folder(files.bulk_prefix("g1"))
