"""A selection made, changed and obeyed by a person's clicks, and a new school that waits for a word."""

import csv
import io
import time
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from local.client import SETTLES_WITHIN_S, Client
from local.stack import Stack
from tests.portal.test_decisions import filtered, photo
from tests.portal.test_portal import upload_zip
from tests.stack.test_drops import put

pytestmark = pytest.mark.xdist_group("portal")
NAME = "Mathematics, every night"


def without_a_school(out: Path, district: Path) -> tuple[Path, str]:
    """The district before its last school was there, and that school's name."""
    with zipfile.ZipFile(district) as whole:
        orgs = list(csv.DictReader(io.StringIO(whole.read("orgs.csv").decode())))
        classes = list(csv.DictReader(io.StringIO(whole.read("classes.csv").decode())))
    school = [row for row in orgs if row["type"] == "school"][-1]
    taught = {row["sourcedId"] for row in classes if row["schoolSourcedId"] == school["sourcedId"]}
    gone = {"orgs.csv": ("sourcedId", {school["sourcedId"]}), "classes.csv": ("sourcedId", taught),
            "users.csv": ("orgSourcedIds", {school["sourcedId"]}), "enrollments.csv": ("classSourcedId", taught)}  # fmt: skip

    def kept(name: str, row: dict[str, str]) -> bool:
        field, ids = gone.get(name, ("", set()))
        return not field or row[field] not in ids

    return filtered(out, district, kept), school["name"]


def obey(page: Page, what: str, said: str) -> None:
    # Not by the mouse: a message that appears above moves the button away from under it.
    page.get_by_role("button", name="What the schedule and dropped files bring in").press("Enter")
    page.get_by_role("option", name=what).click()
    expect(page.get_by_text(f"Schedule and drops bring in {said} from now on.").last).to_be_visible()
    expect(page.get_by_role("button", name=f"What the schedule and dropped files bring in {what}")).to_be_visible()


def test_a_choice_by_rule_is_made_changed_and_obeyed_and_a_new_school_waits_in_the_inbox(
    page: Page, stack: Stack, district: Path, tmp_path: Path
) -> None:
    before, new_school = without_a_school(tmp_path / "before.zip", district)
    api = Client(stack, "admin")
    group_id = api.new_group("Clicks selections")
    assert api.sync_all(group_id, before)["state"] == "succeeded"

    page.goto(f"/groups/{group_id}/selections")
    page.get_by_role("button", name="Create selection").click()
    page.get_by_label("Name", exact=True).fill(NAME)
    page.get_by_role("radio", name="Classes that match a rule").check()
    page.get_by_role("button", name="Add a rule").click()
    page.get_by_label("Title of rule 1").fill("mathem")
    page.get_by_role("button", name="Create selection").click()
    expect(page.get_by_text(f"“{NAME}” was saved as version 1.")).to_be_visible()
    expect(page.get_by_text("2 schools,")).to_be_visible()

    page.get_by_role("link", name=NAME).click()
    page.get_by_label("Title of rule 1").fill("mathematics")
    page.get_by_role("button", name="Save as the next version").click()
    expect(page.get_by_text(f"“{NAME}” was saved as version 2.")).to_be_visible()

    page.goto(f"/groups/{group_id}/sync")
    page.get_by_role("button", name="What to sync").click()
    page.get_by_role("option", name=NAME).click()
    upload_zip(page, district, f"Upload and sync “{NAME}”")
    expect(page.get_by_text("Succeeded").first).to_be_visible(timeout=60_000)
    expect(page.get_by_text("1 new school since")).to_be_visible()
    expect(page.get_by_text(new_school).first).to_be_visible()
    photo(page, "inbox")
    page.get_by_role("button", name="Include all schools").click()
    expect(page.get_by_text(f"1 school is selected by “{NAME}” from its next sync on.")).to_be_visible()
    expect(page.get_by_text("1 new school since")).to_be_hidden()

    page.goto(f"/groups/{group_id}/selections")
    obey(page, NAME, f"“{NAME}”")
    page.route(f"**/groups/{group_id}", lambda route: route.abort() if route.request.method == "GET" else route.fallback())
    obey(page, "Everything", "everything")
    obey(page, NAME, f"“{NAME}”")  # though the group has not been read again since
    page.unroute(f"**/groups/{group_id}")
    put(stack, f"drop/{group_id}/district.zip", district.read_bytes())

    until = time.monotonic() + SETTLES_WITHIN_S
    while (newest := api.call("GET", f"/groups/{group_id}/syncs?limit=1")["items"][0])["trigger"] != "drop":
        assert time.monotonic() < until
        time.sleep(0.2)
    obeyed = api.until(newest["syncId"])["savedSelection"]
    assert (obeyed["name"], obeyed["version"], obeyed["schools"], obeyed["newSchools"]) == (NAME, 3, 3, 0)
    classes = api.call("GET", f"/groups/{group_id}/roster/classes?search=mathematics&limit=1000")["items"]
    assert new_school in {school for each in classes for school in each["schools"]}
