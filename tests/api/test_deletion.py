"""A deleted group leaves nothing of its people, wherever one looks, and a certificate says so."""

import json
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from pydantic import SecretStr

from chalicelib.model.credentials import PasswordCredentials
from chalicelib.model.deletion import Deletion
from chalicelib.model.ids import new_sync_id
from chalicelib.model.records import GroupSettings, Mode, State, Sync, Trigger, ZipSource
from chalicelib.model.scopes import ROSTER_SCOPES
from chalicelib.model.webhooks import Webhook
from chalicelib.platform import writer
from chalicelib.service import deletion
from chalicelib.service.webhooks import announce
from chalicelib.store import access, arrivals, audit, clients, deletions, files, groups, secrets, selections, syncs, webhooks
from chalicelib.store.arrivals import Arrival, Outcome
from chalicelib.store.clients import Client
from infra import ROOT
from oneroster_engine.selecting.saved import Classes, Saved, Schools
from tests.api.test_routes import call
from tests.platform.test_writer import change
from tests.steps.walk import NOW

pytestmark = pytest.mark.usefixtures("aws", "kms")
CHILD = "Annabel Lee"
STAYS = {"Audit", "Deletions", "Groups"}
ENDLESS = lambda: True  # noqa: E731


@pytest.fixture(autouse=True)
def _own_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function's copies lie in its temporary folder, which the tests of another process have too, and delete there."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    webhooks._kms.cache_clear()


def filled_group(group_id: str, tmp_path: Path) -> None:
    """A group with something in every table, in every folder, in old versions of files, in the cache, and a secret."""
    groups.create(GroupSettings(name="Lakeside"), group_id, "e1", NOW)
    sync_id = new_sync_id(group_id, NOW, "aa")
    started = {"trigger": Trigger.API, "started_by": "Ada", "started_at": NOW, "state": State.RUNNING}
    syncs.start(Sync.model_validate({"group_id": group_id, "sync_id": sync_id, "mode": Mode.FULL, **started}), "key")
    syncs.end(sync_id, State.SUCCEEDED, "Done.", NOW)
    writer.write_chunk([json.dumps(change("u1", name=CHILD)).encode()], group_id, sync_id, 30, True, lambda: None)
    (tmp_path / "child.parquet").write_text(CHILD)
    for key in (
        files.sync_key(sync_id, "stage/users.parquet"),
        files.sync_key(sync_id, "bundle/bundle.zip"),
        files.snapshot_key(group_id, sync_id, "users.parquet"),
        files.source_key(group_id, sync_id, "users.csv"),
        files.upload_key(group_id, "u1", ".zip"),
        f"drop/{group_id}/roster.zip",
    ):
        files.upload(tmp_path / "child.parquet", key)
        files.upload(tmp_path / "child.parquet", key)
    files.cached(files.snapshot_key(group_id, sync_id, "users.parquet"))
    selection = Saved(schools=Schools(all=True), classes=Classes(all=True))
    selections.save(group_id, "North", selection, by="Ada", now=NOW, etag="e1")
    fields = {"name": f"{CHILD}.zip", "size_bytes": 1, "at": NOW, "outcome": Outcome.TAKEN, "message": ""}
    arrivals.record(Arrival.model_validate({"group_id": group_id, "arrival_id": "a1", **fields}))
    moments = {"created_at": NOW, "created_by": "u1", "secret_changed_at": NOW}
    client = Client.model_validate(
        {"group_id": group_id, "client_id": f"{group_id}-c", "name": "LMS", "scopes": ROSTER_SCOPES, **moments}
    )
    clients.create(client, "secret")
    clients.issue(client, ROSTER_SCOPES, "nonce", NOW)
    webhook = {"webhook_id": "wh-1", "url": "https://partner.example", "events": ["sync.held"], "created_by": "u1"}
    webhooks.create(Webhook.model_validate({"group_id": group_id, "created_at": NOW, **webhook}), "whsec_")
    announce(group_id, "sync.held", sync_id, {}, NOW)
    access.record(group_id, "u1", "record shown", NOW, "n", ["users/u1"], 1)
    secrets.keep(group_id, PasswordCredentials(password=SecretStr("hunter2")), ZipSource())


def everything_that_names(group_id: str) -> dict[str, int]:
    """Where anything of the group is left: tables, versions of files, secrets, this function's copies."""
    found: dict[str, int] = {}
    dynamodb: Any = boto3.client("dynamodb")
    for table in dynamodb.list_tables()["TableNames"]:
        items = [item for item in dynamodb.scan(TableName=table)["Items"] if group_id in str(item)]
        found[table] = len(items)
    versions = boto3.client("s3").list_object_versions(Bucket="data")
    kept = (*versions.get("Versions", ()), *versions.get("DeleteMarkers", ()))
    found["files"] = sum(f"/{group_id}/" in each["Key"] for each in kept)
    found["secrets"] = sum(group_id in each["Name"] for each in boto3.client("secretsmanager").list_secrets()["SecretList"])
    found["copies"] = sum(1 for each in files._copies(group_id).rglob("*"))
    return found


def removed(group_id: str) -> dict[str, int]:
    return {each.place: each.items for each in deletions.get(group_id).removed}


def test_a_deleted_group_leaves_nothing_in_any_table_version_secret_or_cache(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    boto3.client("s3").put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})
    filled_group("gone", tmp_path)
    filled_group("stays", tmp_path)
    before = everything_that_names("gone")
    assert all(before[place] for place in set(before) - STAYS - {"Members"})

    status, answer = call("DELETE /groups/gone", {"name": groups.get("gone").name})

    assert status == 200, answer
    left = {place: count for place, count in everything_that_names("gone").items() if count}
    assert left.keys() == {"Audit", "Deletions"}
    assert call("GET /groups/gone")[0] == 404
    assert CHILD not in json.dumps([each.model_dump(mode="json") for each in audit.entries("gone", 100)])
    assert CHILD not in caplog.text + "".join(capsys.readouterr())
    after = everything_that_names("stays")
    assert all(after[place] for place in set(after) - STAYS - {"Members"})
    assert removed("gone")["Files"] == before["files"]


def test_a_deletion_that_is_cut_off_anywhere_is_completed_and_only_then_certified(tmp_path: Path) -> None:
    boto3.client("s3").put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})
    filled_group("gone", tmp_path)
    whole = everything_that_names("gone")
    asked = deletions_begun("gone")

    for calls in range(40):  # each pass may look at the clock once more than the one before
        left = iter(range(calls))
        deletion.go_on(asked.requested_at + timedelta(minutes=1), lambda left=left: next(left, None) is not None)  # type: ignore[misc]
    assert deletions.get("gone").state == "running"  # an upload that was allowed before may still arrive
    files.upload(tmp_path / "child.parquet", files.upload_key("gone", "late", ".zip"))
    later = asked.requested_at + timedelta(minutes=11)
    deletion.go_on(later, ENDLESS)
    assert deletions.get("gone").state == "running"  # it found the late upload, so somebody looks once more
    deletion.go_on(later, ENDLESS)

    certificate = deletions.get("gone")
    assert (certificate.state, certificate.finished_at) == ("done", later)
    counts = removed("gone")
    assert counts["Files"] == whole["files"] + 1
    assert counts["Syncs table"] == whole["Syncs"]
    assert counts["Roster table"] == whole["Roster"]
    [shown] = call("GET /deletions")[1]["items"]
    assert (shown["groupId"], shown["requestedBy"], shown["state"]) == ("gone", "Ada", "done")


def deletions_begun(group_id: str) -> Deletion:
    begun = Deletion(group_id=group_id, name="Lakeside", requested_by="Ada", requested_at=NOW)
    deletions.begin(begun)
    return begun


def test_every_table_with_a_groups_items_is_one_that_a_deletion_empties() -> None:
    resources = json.loads((ROOT / "infra" / "template.json").read_text())["Resources"]
    tables = {name for name, each in resources.items() if each.get("Type") == "AWS::DynamoDB::Table"}
    by_group = {name for name in tables if resources[name]["Properties"]["KeySchema"][0]["AttributeName"] == "groupId"}
    emptied = {f"{setting.removesuffix('_TABLE').capitalize()}Table" for setting in deletion.TABLES}

    assert by_group == emptied | {"GroupsTable", "AuditTable", "DeletionsTable"}
    assert tables - by_group == {"RosterTable", "MembersTable"}  # by their own keys; the first is emptied, the second no group's


def test_copies_that_nobody_asks_for_any_more_are_evicted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("a" * 10)
    keys = [files.sync_key("g1-s1", f"stage/{name}.parquet") for name in ("a", "b", "c")]
    for key in keys:
        files.upload(tmp_path / "a", key)
    paths = [files.cached(key) for key in keys]

    now = paths[2].stat().st_mtime
    files._evict(now + files.COPIES_KEPT_S + 1, paths[2])
    assert [path.is_file() for path in paths] == [False, False, True]
    again = files.cached(keys[0])
    monkeypatch.setattr(files, "MOST_COPIES_BYTES", 15)
    files._evict(now + files.LONGEST_REQUEST_S + 60, again)
    assert (again.is_file(), paths[2].is_file()) == (True, False)
