"""Why is this person not here, and does this roster look right: asked and answered by clicks."""

import csv
import io
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from local.client import Client
from local.stack import Stack
from tests.engine.test_sanity import ODD
from tests.steps.walk import zipped

pytestmark = pytest.mark.xdist_group("portal")


def users_of(district: Path) -> list[dict[str, str]]:
    with zipfile.ZipFile(district) as archive:
        return list(csv.DictReader(io.StringIO(archive.read("users.csv").decode("utf-8-sig"))))


@pytest.fixture
def planned(stack: Stack, district: Path) -> tuple[str, str]:
    """A group whose selective sync of one school waits for approval: (groupId, the chosen school)."""
    admin = Client(stack, "admin")
    group_id = admin.new_group("Who is missing")
    sync_id = admin.start(group_id, district, "selective")["syncId"]
    admin.until(sync_id, asks="orgs")
    school = admin.call("GET", f"/syncs/{sync_id}/orgs")["items"][0]["sourcedId"]
    admin.call("POST", f"/syncs/{sync_id}/orgs/selection", {"ids": [school]}, 202)
    admin.until(sync_id, asks="classes")
    admin.call("POST", f"/syncs/{sync_id}/classes/selection", {"all": True}, 202)
    admin.until(sync_id, asks="statuses")
    matrix = admin.call("GET", f"/syncs/{sync_id}/statuses")["cells"]
    cells = [{"status": cell["status"], "userType": cell["userType"]} for cell in matrix]
    admin.call("POST", f"/syncs/{sync_id}/statuses/selection", {"cells": cells, "preview": True}, 202)
    admin.until(sync_id, asks="approval")
    return group_id, school


def test_an_admin_sees_which_step_stands_in_somebodys_way(page: Page, planned: tuple[str, str], district: Path) -> None:
    group_id, school = planned
    elsewhere = next(user for user in users_of(district) if school not in user["orgSourcedIds"] and user["role"] == "student")

    page.goto(f"/groups/{group_id}/status")
    page.get_by_role("button", name="Why is this person not here?").click()
    page.get_by_label("Person, class or school").fill(f"{elsewhere['givenName']} {elsewhere['familyName']}")
    page.keyboard.press("Enter")

    expect(
        page.get_by_text("none of their schools is selected").first.or_(page.get_by_role("heading", name="Which one?"))
    ).to_be_visible()
    page.get_by_label("Person, class or school").fill(elsewhere["username"])
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("Not selected: none of their schools is selected.").first).to_be_visible()
    expect(page).to_have_url(f"/groups/{group_id}/trace?entity=users&id={elsewhere['sourcedId']}")
    page.reload()
    expect(page.get_by_text("Not selected: none of their schools is selected.").first).to_be_visible()
    expect(page.get_by_text("waiting for you", exact=False).first).to_be_visible()

    page.get_by_label("Person, class or school").fill("Nobody Whatsoever")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nobody and nothing of that name")).to_be_visible()


def test_what_is_odd_about_a_roster_opens_its_rows_and_each_row_its_way(page: Page, stack: Stack, tmp_path: Path) -> None:
    admin = Client(stack, "admin")
    group_id = admin.new_group("Odd roster")
    (tmp_path / "odd.zip").write_bytes(zipped(ODD))
    admin.until(admin.start(group_id, tmp_path / "odd.zip", preview=True)["syncId"], asks="approval")

    page.goto(f"/groups/{group_id}/status")
    page.get_by_role("button", name="Does this roster look right?").click()
    page.get_by_role("button", name="Classes without a teacher").click()
    page.get_by_role("link", name="Math-1").click()

    expect(page.get_by_role("heading", name="Why is this person not here?")).to_be_visible()
    expect(page.get_by_text("It is selected, and so is its school. School: North.")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("link", name="Math-1")).to_be_visible()
