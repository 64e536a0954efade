"""What was, what is, who did it: History, Roster and Audit by a person's clicks, and a group taken elsewhere as a file."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from local.client import Client
from local.stack import Stack

pytestmark = pytest.mark.xdist_group("portal")


def test_an_admin_takes_a_syncs_files_away_reads_the_roster_and_sees_it_in_the_audit(
    page: Page, stack: Stack, district: Path
) -> None:
    api = Client(stack, "admin")
    group_id = api.new_group("Clicks in the past")
    api.sync_all(group_id, district)
    person = api.call("GET", f"/groups/{group_id}/roster/users?limit=1&sort=-name")["items"][0]

    page.goto(f"/groups/{group_id}/history")
    page.get_by_role("button", name="Files of the sync of").click()
    for link, wanted in (("As received: bundle.zip", "users.csv"), ("The roster as processed", "enrollments.csv")):
        with page.expect_download() as download:
            page.get_by_role("link", name=link).click()
        packed = zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes()))
        assert wanted in packed.namelist()
    page.get_by_role("dialog").get_by_role("button", name="Close").last.click()

    page.get_by_role("link", name="Roster", exact=True).click()
    expect(page.get_by_role("heading", name="Users on the platform (220)")).to_be_visible()
    page.get_by_label("Find in the roster").fill(person["sourcedId"])
    page.get_by_role("link", name=person["name"], exact=True).click()
    expect(page.get_by_text(person["platformId"])).to_be_visible()
    expect(page.get_by_role("heading", name="Classes (")).to_be_visible()
    assert f"id={person['sourcedId']}" in page.url
    page.get_by_label("Find in the roster").fill("nobody is called so")
    expect(page.get_by_text("No records match.")).to_be_visible()

    page.get_by_role("link", name="Audit", exact=True).click()
    expect(page.get_by_text("Report links given").first).to_be_visible()
    page.get_by_label("Find entries").fill("sync started")
    expect(page.get_by_text("Full sync started")).to_be_visible()
    expect(page.get_by_text("Report links given")).to_be_hidden()


def test_the_history_leads_to_the_changes_of_a_sync_that_has_any(
    page: Page, stack: Stack, district: Path, tmp_path: Path
) -> None:
    api = Client(stack, "admin")
    group_id = api.new_group("Clicks in a refused past")
    (tmp_path / "bad.zip").write_text("no ZIP at all")
    api.sync_all(group_id, district)
    api.sync_all(group_id, tmp_path / "bad.zip")

    page.goto(f"/groups/{group_id}/history")

    expect(page.get_by_role("row").filter(has_text="Refused").get_by_role("button", name="Files of the sync")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="Refused").get_by_role("button", name="Changes of the sync")).to_have_count(0)
    expect(page.get_by_role("row").filter(has_text="Succeeded").get_by_role("button", name="Changes of the sync")).to_be_visible()


def test_a_group_is_exported_as_a_file_and_made_again_of_it(page: Page, stack: Stack, tmp_path: Path) -> None:
    api = Client(stack, "admin")
    group_id = api.new_group("Clicks exported", partnerId="p-7", retentionDays=90)
    everything = {"schools": {"all": True}, "classes": {"all": True}}
    api.call("POST", f"/groups/{group_id}/selections", {"name": "Nightly", "selection": everything}, 201)

    page.goto(f"/groups/{group_id}")
    expect(page.get_by_label("Days for which files, logs and history are kept")).to_have_value("90")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export", exact=True).click()
    document = json.loads(Path(download.value.path()).read_bytes())
    assert (document["group"]["partnerId"], document["selections"][0]["name"]) == ("p-7", "Nightly")

    document["group"]["name"] = "Clicks imported"
    (tmp_path / "group.json").write_text(json.dumps(document))
    (tmp_path / "wrong.json").write_text(json.dumps({**document, "format": "something/9"}))
    page.goto("/")
    page.get_by_role("button", name="Import group").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("input[type=file]").set_input_files(tmp_path / "wrong.json")
    dialog.get_by_role("button", name="Make the group").click()
    expect(dialog.get_by_text("format:").first).to_be_visible()
    dialog.locator("input[type=file]").set_input_files(tmp_path / "group.json")
    dialog.get_by_role("button", name="Make the group").click()
    expect(page.get_by_text("Group “Clicks imported” was made.")).to_be_visible()

    expect(page.get_by_label("Partner id")).to_have_value("p-7")
    made = api.call("GET", "/groups?search=Clicks%20imported")["items"][0]
    assert made["calendar"]["pause"]["until"] is None
    assert [each["name"] for each in api.call("GET", f"/groups/{made['groupId']}/selections")["items"]] == ["Nightly"]
