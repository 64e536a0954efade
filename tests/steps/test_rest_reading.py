"""The states that read a provider, called as the machine calls them, against a provider on loopback and AWS in moto."""

import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import boto3
import duckdb
import pytest
from pydantic import SecretStr

from chalicelib.errors import SourceRefused
from chalicelib.model.credentials import ClientCredentials
from chalicelib.model.records import (
    Asked,
    AskedFor,
    GroupSettings,
    GuardFigures,
    IdCheck,
    IdDifference,
    Mode,
    PagesRead,
    RestSource,
    SavedUse,
    State,
    Step,
)
from chalicelib.service import fetch_scope, rest_reading
from chalicelib.sources.public_address import LOOPBACK_SETTING
from chalicelib.store import files, groups, secrets, selections
from local.peers.provider import CLIENT_ID, CLIENT_SECRET, Provider, served
from local.peers.records import rendered
from oneroster_engine.sample_district import District, Shape
from oneroster_engine.selecting.saved import Classes, Saved, Schools
from tests.api.test_routes import call
from tests.steps.walk import NOW, Walk, make_group, platform

pytestmark = pytest.mark.usefixtures("kms")


@pytest.fixture(scope="module")
def served_provider() -> Iterator[tuple[Provider, str]]:
    shape = Shape(schools=3, classes=12, users=210, enrollments=330)  # lists of several pages, and little to write
    provider = Provider("1.1", rendered(District(shape, seed=1, version="1.1", day=1, problems=False)))
    with served(provider) as origin:
        yield provider, origin


@pytest.fixture
def provider(kms: None, served_provider: tuple[Provider, str], monkeypatch: pytest.MonkeyPatch) -> Provider:
    monkeypatch.setenv(LOOPBACK_SETTING, "allowed")
    secrets._secretsmanager.cache_clear()
    own, origin = served_provider
    own.behave()
    source = RestSource(base_url=origin, token_url=f"{origin}/token", page_size=100, max_parallel=3)
    make_group(source=source)
    secrets.keep("g1", ClientCredentials(client_id=CLIENT_ID, client_secret=SecretStr(CLIENT_SECRET)), source)
    return own


class RestWalk(Walk):
    def __init__(self, mode: Mode = Mode.FULL, day: int = 0, saved: SavedUse | None = None, group_id: str = "g1") -> None:
        super().__init__(None, mode, day, saved, group_id)

    def open(self) -> str:
        opened = self.invoke("open_source", mode=self.mode)
        assert opened == {"more": False, "fetch": True, "parallel": 3, "sameAs": ""}
        if self.mode is Mode.FULL:
            self.fetch()
        return ""

    def fetch(self) -> None:
        self.invoke("plan_fetch")
        for each in files.read_json(files.sync_key(self.sync_id, "bundle/fetch/manifest.json")) or []:
            fields: Any = {"done": False, "range": each}
            while not fields["done"]:
                fields = self.invoke("fetch_part", range=fields["range"])
        self.invoke("check_fetched")


def received(sync_id: str) -> bytes:
    """What the report's link to the provider's pages leads to."""
    _, answer = call(f"GET /syncs/{sync_id}/report")
    (url,) = [each["url"] for each in answer["files"] if each["title"] == "As received: pages.zip"]
    key = urlsplit(url).path.removeprefix("/")
    body: bytes = boto3.client("s3").get_object(Bucket="data", Key=key)["Body"].read()
    return body


def pages_of(sync_id: str) -> list[str]:
    return [name for name in files.names(sync_id, "bundle") if name.endswith(".json.gz")]


def test_a_provider_is_read_whole_and_its_pages_are_kept_as_they_came(provider: Provider) -> None:
    walk = RestWalk()

    sync = walk.through()

    assert (sync.state, sync.incomplete) == (State.SUCCEEDED, {})
    assert sync.counts.users.created == len(provider.lists["users"])
    assert sync.counts.enrollments.read == len(provider.lists["enrollments"])
    assert len(platform()) == sum(map(len, provider.lists.values()))
    first = boto3.client("s3").get_object(Bucket="data", Key=files.sync_key(sync.sync_id, "bundle/users/part-000000000.json.gz"))
    assert gzip.decompress(first["Body"].read()) == b'{"users":[' + b",".join(provider.lists["users"][:100]) + b"]}"
    with zipfile.ZipFile(io.BytesIO(received(sync.sync_id))) as pages:
        assert gzip.decompress(pages.read("users/part-000000000.json.gz"))[:10] == b'{"users":['
        assert len(pages.namelist()) == len(pages_of(sync.sync_id))
    assert len(provider.tokens_asked) == 2  # one for each version that was tried, shared by all states
    assert provider.most_at_once <= 3


def test_how_far_it_is_is_told_in_pages_of_each_list(provider: Provider) -> None:
    walk = RestWalk()

    walk.open()

    assert {name: (each.done, each.total) for name, each in walk.sync.fetching.items()} == {
        "academicSessions": (1, 1), "courses": (1, 1), "classes": (1, 1), "users": (3, 3), "enrollments": (4, 4),
    }  # fmt: skip
    [reading] = [each for each in walk.sync.progress if each.step is Step.FETCH]
    assert (reading.done, reading.total, reading.ended_at is not None) == (10, 10, True)


def test_a_provider_that_refuses_so_many_records_a_page_is_asked_for_fewer_and_that_is_told(provider: Provider) -> None:
    provider.behave(refuses_above=80)
    walk = RestWalk()

    walk.open()

    asked = walk.sync.asked
    assert asked == Asked(kind=AskedFor.EVERYTHING, page_size=80)
    assert fetch_scope.sentence(asked) == "Asked for 80 records a page, since the provider takes no more."
    assert [query["limit"] for path, query in provider.asked if path == "/orgs"][:2] == ["100", "80"]
    assert all(int(query["limit"]) <= 80 for path, query in provider.asked if path != "/orgs")
    assert {name: each.total for name, each in walk.sync.fetching.items() if each.total != 1} == {"users": 3, "enrollments": 4}


def test_the_schools_are_listed_before_anything_else_is_asked_for(provider: Provider) -> None:
    walk = RestWalk(Mode.SELECTIVE)

    walk.open()

    keys = {each["Key"] for each in boto3.client("s3").list_objects_v2(Bucket="data")["Contents"]}
    assert files.sync_key(walk.sync_id, "stage/choices/orgs.parquet") in keys
    assert {path for path, _ in provider.asked} == {"/orgs"}


def by_school() -> None:
    configure(by_school=True)


def configure(**asked_for: bool) -> None:
    settings = groups.get("g1")
    source = settings.source.model_copy(update=asked_for)
    groups.change("g1", GroupSettings(name="Lakeside", source=source), "e1", "e2", NOW)


def choose_school(*schools: str) -> SavedUse:
    found = Saved(schools=Schools(ids=schools), classes=Classes(all=True))
    selections.save("g1", "Nightly", found, by="Ada", now=NOW, etag="v1")
    return SavedUse(name="Nightly", version=1)


def test_of_the_schools_that_are_chosen_nobody_elses_records_are_asked_for(provider: Provider) -> None:
    by_school()

    sync = RestWalk(saved=choose_school("00001", "00002")).through()

    lists = {"classes", "students", "teachers", "enrollments"}
    assert {path for path, _ in provider.asked} == {"/orgs", "/academicSessions", "/courses"} | {
        f"/schools/{school}/{name}" for school in ("00001", "00002") for name in lists
    }
    assert sync.asked == Asked(kind=AskedFor.SCHOOLS, schools=2)
    assert (sync.state, sync.incomplete) == (State.SUCCEEDED, {})
    assert sync.counts.users.read == 49 + 49 + 7 + 7
    assert sync.fetching["users"] == PagesRead(done=4, total=4)


def test_who_teaches_at_two_schools_that_are_chosen_is_read_twice_and_kept_once(provider: Provider) -> None:
    by_school()
    whole = provider.lists["users"]
    [at] = [at for at, each in enumerate(whole) if b'"role":"teacher"' in each and b"/orgs/00001" in each][:1]
    both = json.loads(whole[at])
    both["orgs"].append({"href": "/orgs/00002", "sourcedId": "00002", "type": "org"})
    provider.lists["users"] = [*whole[:at], json.dumps(both, separators=(",", ":")).encode(), *whole[at + 1 :]]

    try:
        sync = RestWalk(saved=choose_school("00001", "00002")).through()
    finally:
        provider.lists["users"] = whole

    assert (sync.state, sync.incomplete) == (State.SUCCEEDED, {})
    assert (sync.counts.users.read, sync.counts.users.left_out) == (112, 0)
    assert not sync.held


def test_a_first_sync_of_a_view_without_an_expected_org_is_held_in_words(provider: Provider) -> None:
    settings = groups.get("g1")
    guard = GuardFigures(expected=("00001", "0815"))
    groups.change("g1", GroupSettings(name="Lakeside", source=settings.source, guard=guard), "e1", "e2", NOW)
    walk = RestWalk()
    walk.open()
    walk.stage()
    walk.plan()

    [why] = (files.read_json(files.sync_key(walk.sync_id, "plan/summary.json")) or {})["breaches"]

    assert walk.sync.held
    assert why["message"].startswith(
        "The provider's view became smaller: 1 of 2 orgs that this group expects are not in the source"
    )


def test_a_sign_in_that_sees_one_school_alone_is_a_view_that_became_smaller(provider: Provider) -> None:
    """Every list comes whole, and nothing in it is wrong: only what is in it became less."""
    RestWalk().through()
    whole = {name: list(records) for name, records in provider.lists.items()}
    provider.lists["orgs"] = [each for each in whole["orgs"] if b'"sourcedId":"00001"' in each]
    for name in ("classes", "users", "enrollments"):
        provider.lists[name] = [each for each in whole[name] if b"/orgs/00001" in each or b'"00001"' in each]
    walk = RestWalk(day=1)
    try:
        walk.open()
        walk.stage()
        walk.plan()
    finally:
        provider.lists.update(whole)

    breaches = (files.read_json(files.sync_key(walk.sync_id, "plan/summary.json")) or {})["breaches"]
    assert (walk.sync.incomplete, walk.sync.held) == ({}, True)
    found = "the provider's view became smaller"
    assert [found in each["message"] for each in breaches[:4]] == [True, True, True, False]  # the district and two schools, first


def test_who_is_in_no_list_of_his_school_is_not_taken_for_gone(provider: Provider) -> None:
    saved = choose_school("00001")
    RestWalk().through()
    before = {name for name, each in platform().items() if each["status"] == "active"}
    by_school()
    left, whole = provider.lists["users"][0], provider.lists["users"]
    provider.lists["users"] = whole[1:]

    try:
        sync = RestWalk(day=1, saved=saved).through()
    finally:
        provider.lists["users"] = whole

    gone = before - {name for name, each in platform().items() if each["status"] == "active"}
    assert sync.counts.users.deactivated == 1  # the student, and no guardian and no aide
    assert json.loads(left)["sourcedId"] in gone


def test_whom_a_student_refers_to_and_nobody_asked_for_stays_as_it_stands(changing: Provider) -> None:
    saved = choose_school("00001")
    RestWalk().through()
    before = {name: each["fields"]["agentSourcedIds"] for name, each in platform().items() if "agentSourcedIds" in each["fields"]}
    by_school()
    student = next(name for name, agents in before.items() if agents and name in lists_of(changing, "00001"))
    change(changing, student, givenName="Ada")

    scoped = RestWalk(day=1, saved=saved).through()
    whole = RestWalk(day=2).through()

    after = {name: each["fields"]["agentSourcedIds"] for name, each in platform().items() if "agentSourcedIds" in each["fields"]}
    assert sum(map(len, before.values())) > 10
    assert after == before
    assert (scoped.counts.users.updated, whole.counts.users.updated) == (1, 0)
    assert platform()[student]["fields"]["givenName"] == "Ada"


def lists_of(provider: Provider, school: str) -> set[str]:
    """Whom the lists of a school name."""
    return {json.loads(each)["sourcedId"] for each in provider.lists["users"] if f'"{school}"'.encode() in each}


def test_a_provider_without_lists_by_school_is_read_whole_and_the_sync_says_so(provider: Provider) -> None:
    by_school()
    provider.behave(missing=frozenset({"students"}))
    saved = choose_school("00001")

    sync = RestWalk(saved=saved).through()

    assert sync.asked == Asked(kind=AskedFor.EVERYTHING, why="the provider doesn't offer lists by school")
    assert sync.counts.users.read == len(provider.lists["users"])
    assert (sync.state, sync.incomplete) == (State.SUCCEEDED, {})


@pytest.fixture
def changing(provider: Provider) -> Iterator[Provider]:
    """What is done to its lists is taken back."""
    lists = dict(provider.lists)
    yield provider
    provider.lists = lists


def change(provider: Provider, sourced_id: str, **values: Any) -> None:
    def changed(each: bytes) -> bytes:
        record = json.loads(each)
        if record["sourcedId"] != sourced_id:
            return each
        return json.dumps({**record, "dateLastModified": "2026-09-01T12:00:00.000Z", **values}, separators=(",", ":")).encode()

    provider.lists["users"] = [changed(each) for each in provider.lists["users"]]


def test_after_everything_was_read_only_changes_are_asked_for_and_merged(changing: Provider) -> None:
    configure(changes_only=True)
    first = RestWalk().through()
    change(changing, "s0", givenName="Ada")
    change(changing, "s1", status="tobedeleted")
    changing.asked.clear()

    second, third = RestWalk(day=1).through(), RestWalk(day=2).through()

    assert first.asked == Asked(kind=AskedFor.EVERYTHING, why="nothing was read whole before")
    assert second.asked is not None
    assert (second.asked.kind, second.asked.since) == (AskedFor.CHANGES, NOW - timedelta(hours=1))
    assert {query.get("filter") for path, query in changing.asked if path == "/users"} >= {
        "dateLastModified>'2026-09-01T05:00:00.000Z'"
    }
    assert all("filter" in query or query["fields"] == "sourcedId,status" for path, query in changing.asked if path != "/orgs")
    assert second.id_check == third.id_check == IdCheck()
    assert (second.state, second.incomplete) == (State.SUCCEEDED, {})
    assert (second.counts.users.updated, second.counts.users.deactivated, second.counts.users.created) == (1, 1, 0)
    assert (second.counts.enrollments.deactivated, second.counts.classes.deactivated) == (0, 0)
    assert platform()["s0"]["fields"]["givenName"] == "Ada"
    assert third.message.startswith("Nothing has changed since the last sync")
    assert "Asked for what has changed since 2026-09-02 05:00 UTC, and for the ids of the whole lists." in third.message


def test_changes_that_did_not_tell_everything_are_found_by_the_ids_of_the_whole_lists(changing: Provider) -> None:
    configure(changes_only=True)
    RestWalk().through()
    whole = changing.lists["users"]
    unseen = json.dumps({**json.loads(whole[1]), "sourcedId": "s-unseen"}).encode()
    changing.lists["users"] = [*whole[2:], unseen]  # two are gone without a word, and one is dated before the last sync

    sync = RestWalk(day=1).through()

    assert sync.id_check is not None
    assert sync.id_check.differ["users"] == IdDifference(added=1, removed=2)
    assert sync.counts.users.deactivated == 0
    assert "it lists 1 of its users that no change mentioned and no more 2 users that no change took away" in sync.message
    assert "The next sync reads everything." in sync.message


def test_a_role_that_a_changed_person_has_no_more_does_not_stay(changing: Provider) -> None:
    configure(changes_only=True)
    both = [{"sourcedId": school, "type": "org", "href": f"/orgs/{school}"} for school in ("00001", "00002")]
    change(changing, "s0", orgs=both, dateLastModified="2026-08-02T00:00:00.000Z")
    RestWalk().through()
    before = platform()["s0"]["fields"]["roles"]
    for day, orgs in ((1, both[:1]), (2, both), (3, both[1:])):
        change(changing, "s0", orgs=orgs, dateLastModified=f"2026-09-0{day + 1}T01:00:00.000Z")
        sync = RestWalk(day=day).through()
        assert sync.asked is not None
        assert sync.asked.kind is AskedFor.CHANGES
        assert [each["orgSourcedId"] for each in platform()["s0"]["fields"]["roles"]] == [each["sourcedId"] for each in orgs]

    assert len(before) == 2


def test_everything_is_read_again_after_a_week_and_where_no_filter_is_taken(changing: Provider) -> None:
    configure(changes_only=True)
    RestWalk().through()

    changing.behave(filters=False)
    unfiltered = RestWalk(day=1).through()
    changing.behave()
    later, without_ids = RestWalk(day=8).through(), RestWalk(day=9)
    changing.behave(fields="ignored")
    without_ids.invoke("open_source", mode=without_ids.mode)
    without_ids.invoke("plan_fetch")

    assert unfiltered.asked == Asked(kind=AskedFor.EVERYTHING, why="the provider doesn't let changes alone be asked for")
    assert later.asked == Asked(kind=AskedFor.EVERYTHING, why="what was read whole last is older than seven days")
    assert without_ids.sync.asked == fetch_scope.everything("no ids")
    assert (unfiltered.counts.users.unchanged, later.counts.users.unchanged) == (210, 210)


def test_a_list_that_changed_meanwhile_loses_nobody_and_says_so(provider: Provider) -> None:
    RestWalk().through()
    provider.behave(grows_after=3)
    missing, provider.lists["users"] = provider.lists["users"], provider.lists["users"][1:]

    try:
        sync = RestWalk(day=1).through()
    finally:
        provider.lists["users"] = missing

    assert sync.incomplete["users"] == "the list changed at the provider while it was read"
    assert sync.counts.users.deactivated == 0
    assert "users: the list changed at the provider while it was read" in sync.message


def test_a_problem_names_the_page_and_the_record_that_it_is_about(provider: Provider, tmp_path: Any) -> None:
    whole = provider.lists["enrollments"]
    spoilt = whole[150].replace(b'"role":"student"', b'"role":"wizard"')
    provider.lists["enrollments"] = [*whole[:150], spoilt, *whole[151:]]
    walk = RestWalk()

    try:
        walk.open()
        walk.stage()
    finally:
        provider.lists["enrollments"] = whole

    files.download(files.sync_key(walk.sync_id, "stage/problems.parquet"), tmp_path / "problems.parquet")
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT file, line, message FROM read_parquet($path)", {"path": str(tmp_path / "problems.parquet")}
        )
        result = found.fetchall()
    assert [(file, line) for file, line, _ in result] == [("enrollments/part-000000099.json", 52)]
    assert result[0][2].startswith("enrollments/part-000000099.json, record 52: role is none of")


def test_each_state_may_run_twice_and_leaves_the_same_rows(provider: Provider) -> None:
    walk = RestWalk()
    walk.open()
    walk.open()

    walk.stage()

    assert (walk.sync.counts.users.read, walk.sync.counts.enrollments.read) == (210, len(provider.lists["enrollments"]))
    assert walk.sync.incomplete == {}


def test_why_a_range_could_not_be_read_is_what_the_sync_says(provider: Provider) -> None:
    walk = RestWalk()
    walk.invoke("open_source", mode=walk.mode)
    walk.invoke("plan_fetch")
    provider.behave(accepts=frozenset())
    [first, *_] = files.read_json(files.sync_key(walk.sync_id, "bundle/fetch/manifest.json")) or []

    with pytest.raises(SourceRefused):
        walk.invoke("fetch_part", range=first)
    walk.invoke("record_failure", error={"Error": "States.ExceedToleratedFailureThreshold", "Cause": "one failed"})

    assert walk.sync.state is State.FAILED
    assert walk.sync.message.startswith("The provider gave no access token") or "does not accept the sign-in" in walk.sync.message


def test_a_range_without_time_goes_on_page_by_page(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    provider.behave(total="none")
    monkeypatch.setattr(rest_reading, "LEAVES_S", 1e6)
    walk = RestWalk()

    walk.open()
    walk.stage()

    assert walk.sync.counts.users.read == 210
    assert walk.sync.incomplete == {}
    assert walk.sync.fetching["users"].total is None
