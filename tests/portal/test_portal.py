"""The sixteen steps by a person's clicks: what an admin reads, chooses, downloads, fills in and uploads."""

import io
import re
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import Browser, Page, expect

from local.client import Client
from local.stack import Stack
from tests.portal.conftest import sign_in

pytestmark = pytest.mark.xdist_group("portal")


def create_group(page: Page, name: str) -> None:
    page.goto("/")
    page.get_by_role("button", name="Create group").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Create group").click()
    expect(page.get_by_text(f"Group “{name}” was saved.")).to_be_visible()


def choose_in_menu(page: Page, group: str, entry: str) -> None:
    page.goto("/")
    page.get_by_label("Find a group by name").fill(group)
    page.get_by_role("button", name=f"Actions of {group}").click()
    page.get_by_role("menuitem", name=entry, exact=True).click()


def upload_zip(page: Page, district: Path, button: str) -> None:
    submit = page.get_by_role("button", name=button)
    expect(submit).to_be_visible()  # a file chosen before the page is there is chosen for nothing
    page.locator("input[type=file]").set_input_files(district)
    submit.click()


def fill_sheet(page: Page, out: Path, sheet: str, rows: int) -> None:
    """Download the workbook, write Yes beside its first rows, upload it, and confirm what it says."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Download sheet").click()
    book = openpyxl.load_workbook(io.BytesIO(Path(download.value.path()).read_bytes()))
    column = [cell.value for cell in book[sheet][1]].index("sync") + 1
    for row in range(2, 2 + rows):
        book[sheet].cell(row, column).value = "yes"
    book.save(out)
    page.locator("input[type=file]").set_input_files(out)
    expect(page.get_by_text(f"{rows} rows say Yes.")).to_be_visible()
    page.get_by_role("button", name="Use this sheet").click()


def choose_everything(page: Page) -> None:
    """All schools and all their classes, up to the question about users."""
    for heading in ("Schools (", "Classes ("):
        expect(page.get_by_role("heading", name=heading)).to_be_visible(timeout=60_000)
        page.get_by_role("button", name="Select all").click()
        page.get_by_role("button", name="Continue").click()


def test_an_admin_brings_in_a_district_by_both_workbooks(page: Page, district: Path, tmp_path: Path) -> None:
    create_group(page, "Clicks by workbook")
    choose_in_menu(page, "Clicks by workbook", "Selective sync")
    upload_zip(page, district, "Upload and choose schools")

    expect(page.get_by_role("heading", name="Schools")).to_be_visible()
    fill_sheet(page, tmp_path / "Org.xlsx", "Org", 2)
    expect(page.get_by_role("heading", name="Classes (")).to_be_visible()
    fill_sheet(page, tmp_path / "Classes.xlsx", "Classes", 5)
    expect(page.get_by_role("heading", name="Users")).to_be_visible()
    expect(page.get_by_label("Blank student")).to_be_checked()
    page.get_by_role("button", name="Sync", exact=True).click()

    expect(page.get_by_text("Sync started.")).to_be_visible()
    expect(page.get_by_text("Succeeded").first).to_be_visible(timeout=60_000)
    expect(page.get_by_role("link", name="5 created: show the rows of classes")).to_be_visible()
    page.get_by_role("button", name="Download log").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Report: summary").click()
    assert openpyxl.load_workbook(io.BytesIO(download.value.path().read_bytes())).sheetnames[0] == "Summary"


def test_a_browser_closed_in_the_middle_comes_back_to_the_same_question(
    page: Page, browser: Browser, portal: str, district: Path
) -> None:
    create_group(page, "Interrupted")
    choose_in_menu(page, "Interrupted", "Selective sync")
    upload_zip(page, district, "Upload and choose schools")
    expect(page.get_by_role("heading", name="Schools")).to_be_visible()
    page.get_by_role("button", name="Select all").click()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Classes (")).to_be_visible()

    elsewhere = browser.new_context(base_url=portal, viewport={"width": 400, "height": 800}).new_page()
    sign_in(elsewhere, "operator")
    choose_in_menu(elsewhere, "Interrupted", "Check last sync status")
    elsewhere.get_by_role("button", name="Continue").click()

    expect(elsewhere.get_by_role("heading", name="Classes (")).to_be_visible()
    elsewhere.get_by_label("Find classes").fill("mathematics 1")
    expect(elsewhere.get_by_text("1 found", exact=True).first).to_be_visible()
    elsewhere.get_by_role("button", name="Select what matches").click()
    elsewhere.get_by_role("button", name="Continue").click()
    expect(elsewhere.get_by_role("heading", name="Users")).to_be_visible()
    expect(page.get_by_role("heading", name="Users")).to_be_visible()
    elsewhere.context.close()


def test_all_data_comes_without_questions_and_the_second_time_nothing_is_written(page: Page, district: Path) -> None:
    create_group(page, "Clicks for all")
    for message in (
        "created",
        re.compile(r"Nothing has changed since the sync of .*: the file is the same\. Nothing was written\."),
    ):
        choose_in_menu(page, "Clicks for all", "Sync all data \N{EN DASH} ZIP")
        upload_zip(page, district, "Upload and sync all data")
        expect(page.get_by_role("heading", name=message)).to_be_visible(timeout=60_000)


def test_a_file_that_is_no_zip_is_refused_on_the_page_in_a_sentence(page: Page, tmp_path: Path) -> None:
    create_group(page, "Clicks refused")
    (tmp_path / "bad.zip").write_text("no zip at all")
    choose_in_menu(page, "Clicks refused", "Selective sync")
    upload_zip(page, tmp_path / "bad.zip", "Upload and choose schools")

    expect(page.get_by_text("The file is not a ZIP that can be read").first).to_be_visible(timeout=60_000)


def test_a_sync_that_ends_within_seconds_does_not_run_on_in_the_history(page: Page, tmp_path: Path) -> None:
    create_group(page, "Clicks refused at once")
    (tmp_path / "bad.zip").write_text("no zip at all")
    choose_in_menu(page, "Clicks refused at once", "Sync all data \N{EN DASH} ZIP")
    upload_zip(page, tmp_path / "bad.zip", "Upload and sync all data")

    expect(page.get_by_role("heading", name="The file is not a ZIP that can be read")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("row", name="Refused")).to_be_visible()
    expect(page.get_by_text("Sync started.")).to_have_count(0)  # it would stand in green beside the refusal


def test_a_preview_shows_the_changes_before_anything_is_written(page: Page, stack: Stack, district: Path) -> None:
    create_group(page, "Clicks previewed")
    choose_in_menu(page, "Clicks previewed", "Selective sync")
    upload_zip(page, district, "Upload and choose schools")
    choose_everything(page)
    page.get_by_role("button", name="Preview changes").click()

    expect(page.get_by_role("heading", name="Changes in numbers")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Not on the platform yet").first).to_be_visible()
    page.get_by_role("button", name="Discard").first.click()
    expect(page.get_by_text("The changes were discarded. Nothing was changed.").first).to_be_visible(timeout=60_000)
    group = Client(stack, "admin").call("GET", "/groups?search=previewed")["items"][0]
    assert group["sync"] is None


def test_groups_beyond_a_first_list_are_shown_when_asked_for(page: Page, stack: Stack) -> None:
    api = Client(stack, "admin")
    names = [f"One of many {n}" for n in range(3)]
    for name in names:
        api.new_group(name)
    page.route("**/groups?*", lambda route: route.continue_(url=route.request.url.replace("limit=200", "limit=2")))
    page.goto("/?search=One+of+many")
    rows = page.get_by_role("rowheader")
    expect(rows).to_have_text(names[:2])
    expect(page.get_by_text("3 found").first).to_be_visible()
    page.get_by_role("button", name="Show more groups").click()
    expect(rows).to_have_text(names)
    expect(page.get_by_role("button", name="Show more groups")).to_have_count(0)
