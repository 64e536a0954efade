"""A choice saved once and obeyed without questions, through the real machine; and a rehearsal."""

from pathlib import Path

import pytest

from local.client import Client

pytestmark = pytest.mark.xdist_group("stack")


def test_a_saved_choice_is_synced_again_without_a_question(admin: Client, district: Path) -> None:
    group_id = admin.new_group("Saved choice")
    sync_id = admin.start(group_id, district, "selective")["syncId"]
    admin.until(sync_id, asks="orgs")
    schools = admin.call("GET", f"/syncs/{sync_id}/orgs")["items"]
    admin.call("POST", f"/syncs/{sync_id}/orgs/selection", {"ids": [schools[0]["sourcedId"]]}, 202)
    admin.until(sync_id, asks="classes")
    admin.call("POST", f"/syncs/{sync_id}/classes/selection", {"all": True}, 202)
    admin.until(sync_id, asks="statuses")
    cells = [{"status": "blank", "userType": "student"}]
    save_as = {"name": "One school", "schoolsLater": "ask", "classesLater": "include"}
    admin.call("POST", f"/syncs/{sync_id}/statuses/selection", {"cells": cells, "saveAs": save_as}, 202)
    first = admin.until(sync_id)

    again = admin.until(admin.start(group_id, district, savedSelection="One school")["syncId"])

    assert (first["state"], again["state"]) == ("succeeded", "succeeded"), again
    assert again["counts"]["users"]["selected"] == first["counts"]["users"]["selected"] > 0
    assert again["counts"]["users"]["created"] == 0
    assert (again["savedSelection"]["name"], again["savedSelection"]["schools"]) == ("One school", 1)


def test_a_rehearsal_is_shown_and_only_discarded(admin: Client, district: Path) -> None:
    group_id = admin.new_group("Rehearsal")
    sync_id = admin.start(group_id, district, rehearsal=True)["syncId"]
    assert admin.until(sync_id, asks="approval")["question"]["kind"] == "approval"

    admin.call("POST", f"/syncs/{sync_id}/approval", {"decision": "approve"}, 422)
    admin.call("POST", f"/syncs/{sync_id}/approval", {"decision": "discard"}, 202)

    assert admin.until(sync_id)["state"] == "discarded"
