"""One person of a roster is erased: wherever one looks nothing is left but what the certificate says, and all others stay."""

import json
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from chalicelib.model.erasure import REMAINS, Erasure
from chalicelib.model.records import Sync
from chalicelib.service import erasure
from chalicelib.store import access, audit, commits, files, groups, tables
from chalicelib.store.commits import Commit, Erased
from tests.api.test_people_shown import EMAIL, PERSON, text_of
from tests.api.test_routes import call
from tests.engine.districts import enrollment, small, user
from tests.platform.test_writer import change, write
from tests.rostering.test_feed import followed, on_the_platform, replayed
from tests.steps.walk import Walk, make_group, zipped

pytestmark = pytest.mark.usefixtures("aws")
ENDLESS = lambda: True  # noqa: E731
ID = "annabel-77"


@pytest.fixture(autouse=True)
def _own_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def bundle(grades: str = "8") -> bytes:
    annabel = user(ID, username="annabel", givenName="Annabel", familyName=PERSON, email=EMAIL, grades=grades)
    district = small(users=[annabel, user("ann"), user("bo", grades=grades)])
    theirs = [enrollment(f"e-{each}", userSourcedId=each) for each in (ID, "bo")]
    return zipped({**district, "enrollments": [*district["enrollments"], *theirs]})


def synced(day: int, grades: str = "8") -> Sync:
    return Walk(bundle(grades), day=day).through()


def held() -> dict[str, str]:
    """All that is kept, as text by its place: tables, objects with their old versions, this function's copies."""
    found: dict[str, str] = {}
    for table in boto3.client("dynamodb").list_tables()["TableNames"]:
        found[table] = json.dumps(boto3.client("dynamodb").scan(TableName=table)["Items"])
    for each in boto3.client("s3").list_object_versions(Bucket="data").get("Versions", ()):
        old = "" if each["IsLatest"] else "old version of "
        found[old + each["Key"]] = text_of(each["Key"]) if each["IsLatest"] else PERSON
    copies = [path for path in Path(tempfile.gettempdir()).rglob("*") if "objects" in path.parts and path.is_file()]
    return found | {f"copy {path.name}": PERSON for path in copies}


def saying(places: dict[str, str], *texts: str) -> set[str]:
    return {place for place, message in places.items() if any(each in message for each in texts)}


def asked_for(sourced_id: str = ID) -> dict[str, Any]:
    status, answer = call("POST /groups/g1/erasures", {"id": sourced_id, "confirm": sourced_id})
    assert status == 202, answer
    return dict(answer)


def later(minutes: float = 20) -> datetime:
    return datetime.now(UTC) + timedelta(minutes=minutes)


def test_an_erased_person_is_nowhere_any_more_and_everybody_else_is_where_they_were(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    boto3.client("s3").put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})
    make_group()
    synced(0)
    (tmp_path / "roster.zip").write_bytes(bundle())
    for key in (files.upload_key("g1", "up1", ".zip"), "drop/g1/roster.zip"):
        files.upload(tmp_path / "roster.zip", key)
    last = Walk(bundle(grades="9"), day=1)

    assert asked_for()["wasActive"] is True  # while a sync runs: it comes first
    erasure.go_on(later(), ENDLESS)
    assert ID in on_the_table()
    last.through()
    assert call("GET /groups/g1/person", query={"id": ID})[0] == 200
    assert call("GET /groups/g1/roster/users", query={})[0] == 200  # a copy is in the cache
    events, cursor = followed()
    enrolled = next(each for each in events if each["kind"] == "enrollment.created")
    assert call("GET /groups/g1/events", query={"after": enrolled["id"], "limit": "1"})[1]["items"] == [enrolled]
    [seen] = access.entries("g1", 1)  # whose enrollment is shown stands in the trail
    assert (seen.what, seen.subjects) == ("changes shown", (f"users/{enrolled['after']['userSourcedId']}",))
    number, _, row = followed(limit="2")[0][2]["id"].partition(".")
    half = f"{number}.{int(row) + 1}"  # where a reader stands in the middle of the first commit
    before = held()
    assert {"Roster", files.sync_key(last.sync_id, "report/report.xlsx"), "drop/g1/roster.zip"} <= saying(before, PERSON)

    for looks in (0, 1, 4, 7):  # cut off at one place after the other
        left = iter(range(looks))
        erasure.go_on(later(1), lambda left=left: next(left, None) is not None)  # type: ignore[misc]
    assert ID not in on_the_table()
    erasure.go_on(later(1), ENDLESS)
    assert states() == ["running"]  # whoever was writing a file when it began may not have ended
    erasure.go_on(later(), ENDLESS)
    erasure.go_on(later(), ENDLESS)

    [certificate] = call("GET /groups/g1/erasures")[1]["items"]
    assert (certificate["state"], certificate["sourcedId"], certificate["requestedBy"]) == ("done", ID, "Ada")
    assert {each["place"] for each in certificate["removed"]} >= {"Roster table", "Snapshots", "Files of syncs", "Exports"}
    assert [each["place"] for each in certificate["remains"]] == [each.place for each in REMAINS]
    files._evict(time.time() + files.COPIES_KEPT_S + 1, tmp_path)  # as whoever reads a file a quarter of an hour later does
    after = held()
    assert saying(after, PERSON, EMAIL) == set()
    assert saying(after, ID) == {"Audit", "Access", "groups/g1/commits/00000003.json"}
    whole = ("bundle/", "chunks/", "uploads/", "drop/", "old version", "copy ")
    others = {place for place in saying(before, "'bo'", '"bo"', "bo,") if not any(part in place for part in whole)}
    assert others <= saying(after, "'bo'", '"bo"', "bo,")
    logged = caplog.text + "".join(capfd.readouterr())
    assert not [each for each in (PERSON, EMAIL) if each in logged]
    since, _ = followed(cursor)
    assert sorted((each["kind"], each["sourcedId"]) for each in since) == [
        ("enrollment.removed", f"e-{ID}"),
        ("user.removed", ID),
    ]
    assert replayed(since, replayed(events)) == on_the_platform() == replayed(followed()[0])
    place = [each["id"] for each in events].index(f"{number}.{row}")
    left_to_read = [each["id"] for each in events[place + 1 :] if ID not in each["sourcedId"]]
    assert [each["id"] for each in followed(half)[0]][: len(left_to_read)] == left_to_read


def states() -> list[str]:
    return [each["state"] for each in call("GET /groups/g1/erasures")[1]["items"]]


def on_the_table() -> set[str]:
    return {item["sourcedId"]["S"] for item in boto3.client("dynamodb").scan(TableName="Roster")["Items"]}


def test_an_erasure_needs_an_admin_and_the_id_twice() -> None:
    make_group()
    write([change(ID)])

    assert call("POST /groups/g1/erasures", {"id": ID, "confirm": ID}, role="operator")[0] == 403
    status, answer = call("POST /groups/g1/erasures", {"id": ID, "confirm": "ann"})
    assert (status, answer["errors"][0]["field"]) == (422, "confirm")
    assert on_the_table() == {ID}
    assert audit.entries("g1", 10) == []


def test_with_the_group_its_erasures_end() -> None:
    make_group()
    write([change(ID)])
    asked_for()

    status, _ = call("DELETE /groups/g1", {"name": groups.get("g1").name})

    assert status == 200
    erasure.go_on(later(), ENDLESS)
    assert erasure.go_on(later(), ENDLESS) == []


def bundles() -> list[str]:
    return [each for each in files.in_folder("groups/g1/syncs/") if each.endswith("bundle.zip")]


def test_a_sync_that_begins_while_a_person_is_erased_keeps_what_it_has_received() -> None:
    make_group()
    synced(0)
    asked_for()
    begun: list[Walk] = []
    asked = iter(range(1000))

    def has_time() -> bool:
        if next(asked) == 1:  # the pass has begun
            begun.append(Walk(bundle(), day=1))
        return True

    erasure.go_on(later(), has_time)

    assert [key for key in bundles() if begun[0].sync_id in key]
    begun[0].through()
    assert begun[0].sync.state == "succeeded"


def test_whoever_is_cut_off_between_two_files_leaves_every_cursor_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    make_group()
    synced(0)
    before = [each["id"] for each in followed()[0] if ID not in each["sourcedId"]]
    report = [name for name in files.in_folder("groups/g1/syncs/") if "/report/" in name]
    asked_for()
    replace = files.replace

    def cut_off(path: Path, key: str) -> None:
        raise TimeoutError

    monkeypatch.setattr(files, "replace", cut_off)
    with pytest.raises(ExceptionGroup):
        erasure.go_on(later(), ENDLESS)
    monkeypatch.setattr(files, "replace", replace)
    erasure.go_on(later(), ENDLESS)
    erasure.go_on(later(), ENDLESS)

    assert [each["id"] for each in followed()[0] if ID not in each["sourcedId"]] == before
    assert [name for name in files.in_folder("groups/g1/syncs/") if "/report/" in name] == report


def test_an_erasure_that_one_call_has_no_time_for_ends_all_the_same() -> None:
    make_group()
    for day in range(4):
        synced(day)
    asked_for()
    places = 0

    def counts() -> bool:
        nonlocal places
        places += 1
        return True

    erasure.go_on(later(), counts)
    for _ in range(10):
        left = iter(range(places - 3))
        erasure.go_on(later(), lambda left=left: next(left, None) is not None)  # type: ignore[misc]

    assert states() == ["done"]


def test_two_calls_at_once_do_not_rewrite_one_file_and_bring_back_each_other_s_person(monkeypatch: pytest.MonkeyPatch) -> None:
    make_group()
    synced(0)
    asked_for()
    asked_for("bo")
    replace = files.replace
    others: list[list[Erasure]] = []

    def meanwhile(path: Path, key: str) -> None:
        if not others:
            others.append(erasure.go_on(later(), ENDLESS))  # the clock calls while an earlier call is at it
        replace(path, key)

    monkeypatch.setattr(files, "replace", meanwhile)

    assert len(erasure.go_on(later(), ENDLESS)) == 2

    assert others == [[]]
    assert saying(held(), PERSON) == set()
    assert len(erasure.go_on(later(), ENDLESS)) == 2, "the turn is given back"


def test_a_call_that_was_killed_keeps_the_others_waiting_no_longer_than_a_function_can_run() -> None:
    make_group()
    synced(0)
    asked_for()
    tables.table("DELETIONS_TABLE").put_item(Item={"groupId": "~turn", "until": int(later(15).timestamp())})

    assert erasure.go_on(later(1), ENDLESS) == []
    assert len(erasure.go_on(later(16), ENDLESS)) == 1
    assert call("GET /deletions")[1]["items"] == []


def test_a_commit_of_a_sync_is_not_written_over() -> None:
    make_group()
    synced(0)
    group = groups.get("g1")
    theirs = Commit(number=group.commits + 1, sync_id="g1-other", at=later(), with_removals=True)
    commits.write("g1", theirs)  # as a sync that began and committed since the group was read
    groups.count_commit("g1", theirs.number)

    wanted = Erasure(erasure_id="g1-erased-1", group_id="g1", sourced_id=ID, requested_by="Ada", requested_at=later())
    gone = (Erased(entity="users", sourced_id=ID, platform_id="p"),)

    assert erasure._announced(group, wanted, gone) is False
    assert commits.get("g1", theirs.number) == theirs


def test_ids_and_dates_that_read_like_the_person_stay_as_they_are(aws: None) -> None:
    key = files.sync_key("g1-s1", "selection.json")
    said = {"orgs": ["1001"], "at": "2024-08-01T00:00:00Z", "notes": ["1001 of school-1001 is new since 2024-08-01.", "2024 x"]}
    files.write_json(key, said)

    erasure._erase_texts(key, {"1001", "2024"})

    notes = ["(erased) of school-1001 is new since 2024-08-01.", "(erased) x"]
    assert files.read_json(key) == {**said, "notes": notes}


def test_a_bundle_of_several_files_goes_at_once_so_that_nothing_is_merged_into_half_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_group()
    sync = synced(0)
    for name in ("enrollments.csv", "manifest.csv", "users.csv"):
        files.write(files.sync_key(sync.sync_id, f"bundle/{name}"), b"x")
    asked_for()
    delete = files.delete_folder

    def cut_off(prefix: str, *more: Any, **others: Any) -> int:
        delete(prefix, *more, **others)
        raise TimeoutError

    monkeypatch.setattr(files, "delete_folder", cut_off)
    with pytest.raises(ExceptionGroup):
        erasure.go_on(later(), ENDLESS)

    assert files.names(sync.sync_id, "bundle") == []
