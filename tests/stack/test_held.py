"""Whoever starts a sync, the clock or a sender's file: what removes too much waits for a word."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from local.client import Client, invoked
from local.peers.sftp import openssh
from local.stack import Stack
from tests.stack.test_decisions import records
from tests.stack.test_drops import put, settled
from tests.stack.test_flow import shrunk

pytestmark = pytest.mark.xdist_group("stack")


def woken(stack: Stack, group_id: str) -> None:
    """The clock finds the group's slot due."""
    stack.client("dynamodb").update_item(
        TableName=stack.outputs["GroupsTable"],
        Key={"groupId": {"S": group_id}},
        UpdateExpression="SET slotsDone = :days_ago",
        ExpressionAttributeValues={":days_ago": {"S": "2026-01-01T00:00:00Z"}},
    )
    invoked(stack, "Wake", "wake")


def held(admin: Client, group_id: str, trigger: str) -> Any:
    """The group's newest sync that was started so, once it waits for a word and says why."""
    syncs = admin.call("GET", f"/groups/{group_id}/syncs")["items"]
    newest = next(each for each in syncs if each["trigger"] == trigger)
    sync = admin.until(newest["syncId"], asks="approval")
    assert (sync["state"], sync["held"], sync["question"]["kind"]) == ("waiting", True, "approval"), sync
    messages = [breach["message"] for breach in admin.call("GET", f"/syncs/{sync['syncId']}/plan")["breaches"]]
    assert any("would be deactivated" in message for message in messages)
    return sync


def test_a_dropped_file_that_lost_its_people_is_held(admin: Client, stack: Stack, district: Path, tmp_path: Path) -> None:
    group_id = admin.new_group("Held by a drop")
    put(stack, f"drop/{group_id}/1.zip", district.read_bytes())
    settled(admin, group_id, 1)
    before = records(stack, group_id)
    webhook = admin.call("POST", f"/groups/{group_id}/webhooks", {"url": "https://localhost/hook"}, 201)

    put(stack, f"drop/{group_id}/2.zip", shrunk(tmp_path, district).read_bytes())
    settled(admin, group_id, 2)

    sync = held(admin, group_id, "drop")
    assert records(stack, group_id) == before
    admin.call("POST", f"/syncs/{sync['syncId']}/approval", {"decision": "discard"}, 202)
    assert admin.until(sync["syncId"])["state"] == "discarded"
    invoked(stack, "Deliver", "deliver")
    log = admin.call("GET", f"/groups/{group_id}/webhooks/{webhook['webhookId']}/deliveries")["items"]
    told = next(each for each in log if each["type"] == "sync.held")
    assert [each["status"] for each in told["attempts"]] == [None]  # nothing listens there
    erased(admin, stack, group_id)


def erased(admin: Client, stack: Stack, group_id: str) -> None:
    """One person is taken off the platform by the API, and out of every file by the job, with no more than it may."""
    person = admin.call("GET", f"/groups/{group_id}/roster/users?limit=1")["items"][0]["sourcedId"]
    admin.call("POST", f"/groups/{group_id}/erasures", {"id": person, "confirm": person}, 202)
    invoked(stack, "Erase", "erase")
    [erasure] = admin.call("GET", f"/groups/{group_id}/erasures")["items"]
    places = {each["place"] for each in erasure["removed"]}
    assert places >= {"Roster table", "Files of syncs", "Snapshots", "Uploads and drops"}, erasure
    admin.call("GET", f"/groups/{group_id}/roster/users/record?id={person}", None, 404)


def test_a_scheduled_sync_of_a_server_that_lost_its_people_is_held(
    admin: Client, stack: Stack, district: Path, tmp_path: Path
) -> None:
    with openssh() as (sshd, source):
        shutil.copy(district, sshd.files / "roster.zip")
        daily = {"frequency": "daily", "at": "00:00", "timeZone": "UTC"}
        group_id = admin.new_group("Held by the clock", source=source, schedule=daily)
        first = admin.until(admin.call("POST", f"/groups/{group_id}/syncs", {"mode": "full"}, 202)["syncId"])
        assert first["state"] == "succeeded", first
        before = records(stack, group_id)
        shutil.copy(shrunk(tmp_path, district), sshd.files / "roster.zip")

        woken(stack, group_id)

        sync = held(admin, group_id, "schedule")
        assert records(stack, group_id) == before
        admin.call("POST", f"/syncs/{sync['syncId']}/approval", {"decision": "discard"}, 202)
        admin.until(sync["syncId"])


def test_what_is_kept_no_longer_is_deleted_by_the_hourly_function_and_the_platform_is_browsed_meanwhile(
    admin: Client, stack: Stack, district: Path
) -> None:
    group_id = admin.new_group("Forgetful", retentionDays=1, graceDays=1)
    old, new = admin.sync_all(group_id, district)["syncId"], admin.sync_all(group_id, district)["syncId"]
    long_ago = f"{group_id}-20250101T000000000-aaaaaaaa"
    syncs, bucket = stack.client("dynamodb"), stack.outputs["DataBucket"]
    key = {"groupId": {"S": group_id}, "syncId": {"S": old}}
    item = syncs.get_item(TableName=stack.outputs["SyncsTable"], Key=key)["Item"]
    aged = {**item, "syncId": {"S": long_ago}, "startedAt": {"S": "2025-01-01T00:00:00Z"}}
    syncs.put_item(TableName=stack.outputs["SyncsTable"], Item=aged)
    prefix = f"groups/{group_id}/syncs/{long_ago}/"
    stack.client("s3").put_object(Bucket=bucket, Key=f"{prefix}bundle/bundle.zip", Body=b"old")

    invoked(stack, "Forget", "forget")

    kept = [sync["syncId"] for sync in admin.call("GET", f"/groups/{group_id}/syncs")["items"]]
    assert kept == [new, old]
    left = stack.client("s3").list_object_versions(Bucket=bucket, Prefix=prefix)
    assert not left.get("Versions")
    assert not left.get("DeleteMarkers")
    files = {each["name"] for each in admin.call("GET", f"/syncs/{new}/report")["files"]}
    assert {"bundle.zip", "roster.zip"} <= files
    people = admin.call("GET", f"/groups/{group_id}/roster/users?limit=1")
    assert (people["total"], people["syncId"]) == (220, old), "the new one found nothing new, and is no commit"
    enrolled = admin.call("GET", f"/groups/{group_id}/roster/enrollments?limit=1")["items"][0]["fields"]["userSourcedId"]
    record = admin.http.get(f"/groups/{group_id}/roster/users/record", params={"id": enrolled}).json()
    assert record["status"] == "active"
    assert record["enrolled"]
