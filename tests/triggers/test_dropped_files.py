"""A file in `drop/`: it starts a sync, waits, or is refused in a sentence; it is listed in every case."""

import io
import zipfile
from typing import Any

import boto3
import pytest
from chalice.test import Client

from app import app
from chalicelib.model.records import State, Trigger
from chalicelib.store import arrivals, audit, files, groups, syncs
from chalicelib.store.arrivals import NOWHERE, Arrival, Outcome
from local.events import saved
from tests.steps.walk import NOW, ROOT, make_group
from tests.triggers.conftest import executions

pytestmark = pytest.mark.usefixtures("account")
ZIP = b"PK\x03\x04 a district"


def dropped(key: str, body: bytes = ZIP, sequencer: str = "01") -> dict[str, Any]:
    """Put the file and give the event that the bucket sends of it."""
    put = boto3.client("s3").put_object(Bucket="data", Key=key, Body=body)
    event = saved("drop")
    seen = {"key": key, "size": len(body), "version-id": put["VersionId"], "etag": put["ETag"], "sequencer": sequencer}
    event["detail"]["object"] |= seen
    return event


def tell(event: dict[str, Any]) -> None:
    Client(app, project_dir=str(ROOT)).lambda_.invoke("drop", event)


def arrived(group_id: str = "g1") -> list[Arrival]:
    return arrivals.listed(group_id, 100)


def test_a_zip_in_a_groups_folder_starts_a_full_sync_of_it() -> None:
    make_group()

    tell(dropped("drop/g1/District of Lakeside.ZIP"))

    [arrival] = arrived()
    assert arrival.sync_id is not None
    sync = syncs.get(arrival.sync_id)
    assert (sync.state, sync.trigger, sync.bundle_name) == (State.RUNNING, Trigger.DROP, "District of Lakeside.ZIP")
    assert executions() == [sync.sync_id]
    bundle = boto3.client("s3").get_object(Bucket="data", Key=files.sync_key(sync.sync_id, "bundle/bundle.zip"))
    assert bundle["Body"].read() == ZIP
    assert [entry.what for entry in audit.entries("g1", 10)] == ["file arrived"]


def test_the_same_event_twice_starts_one_sync_and_lists_one_file() -> None:
    make_group()
    event = dropped("drop/g1/a.zip")

    tell(event)
    tell(event)

    assert (len(arrived()), len(executions()), len(audit.entries("g1", 10))) == (1, 1, 1)


def test_the_version_that_was_dropped_is_synced_though_the_name_has_a_newer_one() -> None:
    make_group()
    first = dropped("drop/g1/a.zip", ZIP + b" of yesterday")
    dropped("drop/g1/a.zip", ZIP + b" of today")

    tell(first)

    [arrival] = arrived()
    key = files.sync_key(str(arrival.sync_id), "bundle/bundle.zip")
    assert boto3.client("s3").get_object(Bucket="data", Key=key)["Body"].read() == ZIP + b" of yesterday"


@pytest.mark.parametrize(
    ("key", "body", "outcome"),
    [
        ("drop/g1/", b"", Outcome.FOLDER),
        ("drop/g1/inbox/", b"", Outcome.FOLDER),
        ("drop/g1/empty.zip", b"", Outcome.EMPTY),
        ("drop/g1/users.csv", b"sourcedId,status", Outcome.NOT_A_ZIP),
        ("drop/g1/users.zip", b"sourcedId,status", Outcome.NOT_A_ZIP),
        ("drop/g1/packed.7z", ZIP, Outcome.NOT_A_ZIP),
        ("drop/g1/large.zip", ZIP + bytes(10_000_000), Outcome.TOO_LARGE),
    ],
    ids=["a folder", "a folder within", "empty", "a CSV", "a CSV called ZIP", "another archive", "too large"],
)
def test_what_is_no_bundle_starts_nothing_and_says_why(key: str, body: bytes, outcome: Outcome) -> None:
    make_group()

    tell(dropped(key, body))

    [arrival] = arrived()
    assert (arrival.outcome, arrival.sync_id, bool(arrival.message)) == (outcome, None, True)
    assert executions() == []
    assert audit.entries("g1", 10)[0].detail["outcome"] == outcome


@pytest.mark.parametrize("key", ["drop/nobody/a.zip", "drop/a.zip", "drop//a.zip"])
def test_a_file_for_no_group_is_kept_where_an_admin_of_all_groups_sees_it(key: str) -> None:
    make_group()

    tell(dropped(key))

    [arrival] = arrived(NOWHERE)
    assert (arrival.outcome, arrival.name) == (Outcome.UNKNOWN_GROUP, key)
    assert (arrived(), executions()) == ([], [])


def test_a_group_that_is_fetched_from_its_source_takes_no_dropped_file() -> None:
    make_group(source={"method": "sftp", "host": "sftp.example.org", "username": "u", "path": "/out"})

    tell(dropped("drop/g1/a.zip"))

    [arrival] = arrived()
    assert (arrival.outcome, executions()) == (Outcome.NOT_EXPECTED, [])


def test_a_file_deleted_before_it_was_read_says_so() -> None:
    make_group()
    event = dropped("drop/g1/a.zip")
    boto3.client("s3").delete_object(Bucket="data", Key="drop/g1/a.zip", VersionId=event["detail"]["object"]["version-id"])

    tell(event)

    assert [each.outcome for each in arrived()] == [Outcome.GONE]


def test_a_file_that_comes_during_a_sync_goes_on_when_the_sync_has_ended() -> None:
    make_group()
    tell(dropped("drop/g1/a.zip", sequencer="01"))
    running = groups.get("g1").sync
    assert running is not None
    tell(dropped("drop/g1/b.zip", sequencer="02"))
    tell(dropped("drop/g1/c.zip", sequencer="03"))
    by_name = {each.name: str(each.sync_id) for each in arrived()}
    assert [syncs.get(by_name[name]).state for name in ("b.zip", "c.zip")] == [State.SUPERSEDED, State.QUEUED]

    syncs.end(running.sync_id, State.SUCCEEDED, "Synced.", NOW)
    ended = saved("execution_ended")
    ended["detail"] |= {"name": running.sync_id, "status": "SUCCEEDED", "stateMachineArn": _machine()}
    Client(app, project_dir=str(ROOT)).lambda_.invoke("execution_ended", ended)

    assert syncs.get(by_name["c.zip"]).state is State.RUNNING
    assert executions() == sorted([by_name["a.zip"], by_name["c.zip"]])


def test_of_files_with_changes_only_that_come_during_a_sync_none_is_lost() -> None:
    make_group()
    tell(dropped("drop/g1/a.zip", sequencer="01"))
    for number in ("02", "03"):
        tell(dropped(f"drop/g1/{number}.zip", _bundle("users", "delta"), sequencer=number))

    states = {each.name: syncs.get(str(each.sync_id)).state for each in arrived()}

    assert states == {"a.zip": State.RUNNING, "02.zip": State.QUEUED, "03.zip": State.QUEUED}
    tell(dropped("drop/g1/04.zip", _bundle("users", "bulk"), sequencer="04"))
    states = {each.name: syncs.get(str(each.sync_id)).state for each in arrived()}
    assert (states["02.zip"], states["03.zip"], states["04.zip"]) == (State.SUPERSEDED, State.SUPERSEDED, State.QUEUED)


def _bundle(file: str, mode: str) -> bytes:
    """A ZIP whose manifest comes after more than is read of it at once."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("export/users.csv", "x" * 200_000)
        archive.writestr("export/Manifest.csv", f"propertyName,value\nfile.{file},{mode}\n")
        archive.writestr("export/orgs.csv", "y" * 200_000)
    return packed.getvalue()


def test_a_waiting_file_that_was_deleted_meanwhile_ends_its_sync_and_not_the_queue() -> None:
    make_group()
    tell(dropped("drop/g1/a.zip"))
    running = groups.get("g1").sync
    assert running is not None
    event = dropped("drop/g1/b.zip", sequencer="02")
    tell(event)
    boto3.client("s3").delete_object(Bucket="data", Key="drop/g1/b.zip", VersionId=event["detail"]["object"]["version-id"])

    syncs.end(running.sync_id, State.SUCCEEDED, "Synced.", NOW)
    ended = saved("execution_ended")
    ended["detail"] |= {"name": running.sync_id, "status": "SUCCEEDED", "stateMachineArn": _machine()}
    Client(app, project_dir=str(ROOT)).lambda_.invoke("execution_ended", ended)

    [waited] = (each for each in arrived() if each.name == "b.zip")
    sync = syncs.get(str(waited.sync_id))
    assert (sync.state, "deleted before it could be read" in sync.message) == (State.FAILED, True)
    assert groups.get("g1").sync is None


def test_another_buckets_file_is_none_of_ours() -> None:
    make_group()
    event = dropped("drop/g1/a.zip")
    event["detail"]["bucket"]["name"] = "somebody-elses"

    tell(event)

    assert arrived() == []


def _machine() -> str:
    from chalicelib.store.state_machine import machine_arn

    return machine_arn()
