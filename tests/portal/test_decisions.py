"""An admin is stopped before a disaster, reads what would happen, decides, and goes back."""

import csv
import io
import os
import re
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from local.client import Client
from local.stack import Stack
from tests.portal.test_portal import choose_in_menu, create_group, upload_zip
from tests.stack.test_decisions import records

pytestmark = pytest.mark.xdist_group("portal")
SYNC_ALL = "Sync all data \N{EN DASH} ZIP"
PHOTOS = os.environ.get("PHOTOS")  # a folder for pictures of the pages, to be looked at


def photo(page: Page, name: str) -> None:
    if PHOTOS:
        page.screenshot(path=f"{PHOTOS}/{name}.png", full_page=True)


Row = dict[str, str]


def filtered(out: Path, district: Path, kept: Callable[[str, Row], bool]) -> Path:
    """The district with those rows alone that are `kept` (file, row)."""
    with zipfile.ZipFile(district) as whole, zipfile.ZipFile(out, "w") as packed:
        for name in whole.namelist():
            rows, written = csv.DictReader(io.StringIO(whole.read(name).decode())), io.StringIO(newline="")
            lines = csv.DictWriter(written, rows.fieldnames or ())
            lines.writeheader()
            lines.writerows(row for row in rows if kept(name, row))
            packed.writestr(name, written.getvalue())
    return out


def people_of_the_largest_school(district: Path) -> list[str]:
    with zipfile.ZipFile(district) as whole:
        users = list(csv.DictReader(io.StringIO(whole.read("users.csv").decode())))
    largest, _ = Counter(row["orgSourcedIds"] for row in users).most_common(1)[0]
    return [row["sourcedId"] for row in users if row["orgSourcedIds"] == largest]


def half_a_school_lost(out: Path, district: Path) -> Path:
    """The district without every other person of its largest school, and without those people's enrollments."""
    gone = set(people_of_the_largest_school(district)[::2])
    named = {"users.csv": "sourcedId", "enrollments.csv": "userSourcedId"}
    return filtered(out, district, lambda name, row: name not in named or row[named[name]] not in gone)


def rewritten(out: Path, district: Path, how: Callable[[str, Row], list[Row]]) -> Path:
    """The district with each row as the rows that `how` (file, row) makes of it."""
    with zipfile.ZipFile(district) as whole, zipfile.ZipFile(out, "w") as packed:
        for name in whole.namelist():
            rows, written = csv.DictReader(io.StringIO(whole.read(name).decode())), io.StringIO(newline="")
            lines = csv.DictWriter(written, rows.fieldnames or ())
            lines.writeheader()
            lines.writerows(each for row in rows for each in how(name, row))
            packed.writestr(name, written.getvalue())
    return out


def of_people(how: Callable[[Row], list[Row]]) -> Callable[[str, Row], list[Row]]:
    return lambda name, row: how(row) if name == "users.csv" else [row]


# What a file did to 220 people and nobody was asked, and the reason that stands on the page now.
DISASTERS: dict[str, tuple[Callable[[Row], list[Row]], str]] = {
    "everybody renamed": (
        lambda row: [{**row, "givenName": f"N{row['sourcedId']}", "familyName": f"F{row['sourcedId']}",
                      "username": f"u{row['sourcedId']}", "email": f"{row['sourcedId']}@new.example"}],
        "would become somebody else: both of their names differ"),
    "students teachers": (
        lambda row: [{**row, "role": "teacher"}] if row["role"] == "student" else [row],
        "would get the rights of staff, which they do not have now"),
    "everybody twice": (
        lambda row: [row, {**row, "sourcedId": f"x{row['sourcedId']}"}],
        "look like people who are already there"),
}  # fmt: skip


def sync_all(page: Page, group: str, zip_file: Path) -> None:
    choose_in_menu(page, group, SYNC_ALL)
    upload_zip(page, zip_file, "Upload and sync all data")


def open_what_waits(page: Page) -> None:
    page.get_by_role("button", name="Review changes").click(timeout=60_000)
    expect(page.get_by_role("heading", name="Changes in numbers")).to_be_visible(timeout=60_000)


def approve(page: Page) -> None:
    """Asked once more, with the number of what goes."""
    page.get_by_role("button", name="Approve", exact=True).first.click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("^Approve")).click()


def test_half_a_school_lost_is_held_read_left_standing_then_let_go_and_undone(
    page: Page, stack: Stack, district: Path, tmp_path: Path
) -> None:
    create_group(page, "Clicks undone")
    api = Client(stack, "admin")
    group_id = api.call("GET", "/groups?search=Clicks%20undone")["items"][0]["groupId"]
    api.sync_all(group_id, district)
    whole, less = records(stack, group_id), half_a_school_lost(tmp_path / "less.zip", district)

    for name, (how, reason) in DISASTERS.items():
        sync_id = api.start(group_id, rewritten(tmp_path / "disaster.zip", district, of_people(how)))["syncId"]
        api.until(sync_id, asks="approval")
        page.goto(f"/groups/{group_id}/syncs/{sync_id}/changes")
        expect(page.get_by_text(re.compile(reason)).first).to_be_visible(timeout=60_000)
        photo(page, f"changes-{name.replace(' ', '-')}")
        page.get_by_role("button", name="Discard").first.click()
        expect(page.get_by_text("The changes were discarded. Nothing was changed.").first).to_be_visible(timeout=60_000)
    assert records(stack, group_id) == whole

    sync_all(page, "Clicks undone", less)
    expect(page.get_by_text("This sync is held")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Work out the changes")).to_be_visible()
    expect(page.get_by_role("link", name="38 to deactivate: show the rows of users")).to_be_visible()
    expect(page.get_by_text("Write the changes")).to_have_count(0)  # nobody has decided yet
    photo(page, "status-held")
    open_what_waits(page)
    held = page.get_by_text("students would be deactivated").first
    expect(held).to_be_visible()
    photo(page, "changes-held")
    page.get_by_role("button", name="Show the rows: ").first.click()
    expect(page.get_by_text("Left the source").first).to_be_visible()
    assert "school=" in page.url
    page.get_by_label("Find rows").fill("no such person")
    expect(page.get_by_text("No rows match.")).to_be_visible()
    page.get_by_label("Find rows").fill("")
    page.get_by_role("button", name="Download workbook and CSV").click()
    expect(page.get_by_role("link", name="Every change, with before and after")).to_be_visible()
    page.get_by_label(re.compile("^Note")).fill("North is closed this week only")
    page.get_by_role("button", name="Approve without removals").last.click()
    page.get_by_role("dialog").get_by_role("button", name="Approve without removals").click()
    expect(page.get_by_text("Removals were left out, as approved.").first).to_be_visible(timeout=60_000)
    now = records(stack, group_id)
    assert {key for key in whole if now[key]["removed"] != whole[key]["removed"]} == set()

    sync_all(page, "Clicks undone", less)
    open_what_waits(page)
    before = records(stack, group_id)
    approve(page)
    expect(page.get_by_role("button", name="Undo this sync")).to_be_visible(timeout=60_000)
    assert records(stack, group_id) != before
    page.get_by_role("button", name="Undo this sync").click()
    page.get_by_role("button", name="Show what would change").click()
    expect(page.get_by_text("Undo: was ended by that sync").first).to_be_visible(timeout=60_000)
    photo(page, "changes-undo")
    approve(page)
    undone = re.compile(r"Synced: [\d,]+ brought back")
    expect(page.get_by_role("heading", name=undone)).to_be_visible(timeout=60_000)

    assert records(stack, group_id) == before
    audit = {entry["what"] for entry in api.call("GET", f"/groups/{group_id}/audit")["items"]}
    assert {"plan decided", "undo started", "report links given"} <= audit


def test_what_would_no_longer_be_selected_is_said_before_sync_is_pressed(page: Page, stack: Stack, district: Path) -> None:
    create_group(page, "Clicks deselected")
    api = Client(stack, "admin")
    api.sync_all(api.call("GET", "/groups?search=Clicks%20deselected")["items"][0]["groupId"], district)

    choose_in_menu(page, "Clicks deselected", "Selective sync")
    upload_zip(page, district, "Upload and choose schools")
    for heading in ("Schools (", "Classes ("):
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        page.get_by_label("Find classes" if heading == "Classes (" else "Find schools").fill("1")
        page.get_by_role("button", name="Select what matches").click()
        page.get_by_role("button", name="Continue").click()

    expect(page.get_by_text("They stay as they are")).to_be_visible()
    page.get_by_text("Remove what is no longer selected").first.click()
    expect(page.get_by_text("They are deactivated or ended")).to_be_visible()
    photo(page, "users-deselected")
