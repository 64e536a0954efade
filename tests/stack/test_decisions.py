"""An admin decides: what was shown is what is applied, what was removed can come back, what was done can be undone."""

from pathlib import Path
from typing import Any

import pytest

from local.client import Client
from local.stack import Stack
from tests.stack.test_flow import items, shrunk

pytestmark = pytest.mark.xdist_group("stack")
TOLD = ("syncId", "since", "removedAt", "purgeAt")  # of the sync that wrote the record, and when


def by_id(stack: Stack, group_id: str) -> dict[str, dict[str, Any]]:
    return {f"{item['entity']['S']} {item['sourcedId']['S']}": item for item in items(stack, group_id)}


def records(stack: Stack, group_id: str) -> dict[str, dict[str, Any]]:
    """The same, but for what tells of the sync that wrote a record; that it is removed is told."""
    return {
        key: {name: value for name, value in item.items() if name not in TOLD} | {"removed": "removedAt" in item}
        for key, item in by_id(stack, group_id).items()
    }


def all_changes(admin: Client, sync_id: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = admin.call("GET", f"/syncs/{sync_id}/plan/changes?limit=1000&cursor={cursor}")
        rows, cursor = rows + page["items"], page["nextCursor"]
    assert len(rows) == page["total"]
    return rows


def answered(admin: Client, sync_id: str, decision: str) -> Any:
    admin.until(sync_id, asks="approval")
    admin.call("POST", f"/syncs/{sync_id}/approval", {"decision": decision, "note": "seen"}, 202)
    return admin.until(sync_id)


def test_a_sync_is_undone_record_for_record_and_not_done_again_without_a_word(
    admin: Client, stack: Stack, district: Path, tmp_path: Path
) -> None:
    group_id = admin.new_group("Undone")
    admin.sync_all(group_id, district)
    before = records(stack, group_id)
    less = shrunk(tmp_path, district)
    sync = answered(admin, admin.start(group_id, less)["syncId"], "approve")
    assert records(stack, group_id) != before

    undo = admin.call("POST", f"/syncs/{sync['syncId']}/undo", None, 202)
    assert (undo["mode"], undo["undoes"]) == ("undo", sync["syncId"])
    admin.until(undo["syncId"], asks="approval")
    back = admin.http.get(
        f"/syncs/{undo['syncId']}/plan/changes", params={"entity": "users", "reason": "undo: was deactivated by that sync"}
    ).json()
    assert (back["total"], back["items"][0]["action"]) == (161, "update")
    log = admin.call("GET", f"/syncs/{undo['syncId']}/report")["files"]
    assert {"report.xlsx", "changes.csv.gz"} <= {each["name"] for each in log}
    done = answered(admin, undo["syncId"], "approve")

    assert (done["state"], done["counts"]["users"]["updated"]) == ("succeeded", 220)  # 161 are back, the others name them again
    assert records(stack, group_id) == before
    again = admin.start(group_id, less)["syncId"]
    assert admin.until(again, asks="approval")["held"] is True
    kinds = {breach["kind"] for breach in admin.call("GET", f"/syncs/{again}/plan")["breaches"]}
    # Students who stay lose their guardians, and 30 of 59 enrollments name people who are not in the bundle any more.
    assert kinds == {"removals", "relations", "errors", "undone"}
    assert answered(admin, again, "discard")["state"] == "discarded"
    refused = admin.call("POST", f"/syncs/{again}/undo", None, 409)
    assert "Only a sync that has succeeded can be undone" in refused["detail"]


def test_what_was_shown_is_applied_even_if_the_source_has_changed_since_and_whoever_comes_back_is_the_same(
    admin: Client, stack: Stack, district: Path, tmp_path: Path
) -> None:
    group_id = admin.new_group("As shown")
    admin.sync_all(group_id, district)
    before = records(stack, group_id)
    sync_id = admin.start(group_id, shrunk(tmp_path, district))["syncId"]
    admin.until(sync_id, asks="approval")
    shown = all_changes(admin, sync_id)
    key = f"groups/{group_id}/syncs/{sync_id}/bundle/bundle.zip"
    stays = admin.call("GET", f"/syncs/{sync_id}/plan/changes?action=unchanged&entity=classes&limit=3")
    assert (stays["total"], stays["items"][0]["reason"]) == (30, "the same in the source")
    stack.client("s3").put_object(Bucket=stack.outputs["DataBucket"], Key=key, Body=district.read_bytes())

    answered(admin, sync_id, "approve")

    written = {key for key, item in by_id(stack, group_id).items() if item["syncId"]["S"] == sync_id}
    assert written == {f"{row['entity']} {row['sourcedId']}" for row in shown}
    admin.sync_all(group_id, district)
    assert records(stack, group_id) == before


def test_a_held_sync_tells_the_group_s_contact_in_numbers_and_names_nobody(
    admin: Client, stack: Stack, district: Path, tmp_path: Path
) -> None:
    group_id = admin.new_group("Mailed", contactEmail="roster@district.example")
    admin.sync_all(group_id, district)

    sync_id = admin.start(group_id, shrunk(tmp_path, district))["syncId"]
    admin.until(sync_id, asks="approval")

    (mail,) = [mail for mail in stack.mails() if mail["To"] == ["roster@district.example"]]
    plan = admin.call("GET", f"/syncs/{sync_id}/plan")
    assert mail["Subject"] == "Mailed: a sync waits for your decision"
    assert f"{stack.portal_origin}/groups/{group_id}/syncs/{sync_id}/changes" in mail["BodyText"]
    assert plan["breaches"][0]["message"] in mail["BodyText"]
    gone = admin.call("GET", f"/syncs/{sync_id}/plan/changes?entity=users&action=deactivate&limit=1000")["items"]
    assert not any(person["name"] in mail["BodyText"] for person in gone)
    assert "Ada Admin" not in mail["BodyText"]
