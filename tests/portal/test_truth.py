"""What the pages say is what is so: planned is not done, figures add up, and an address that leads nowhere says so."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from chalicelib.model.records import Mode, Question, QuestionKind, SftpSource, State, Sync
from chalicelib.store import syncs
from tests.engine.districts import class_, course, enrollment, small, user
from tests.portal import light
from tests.steps.walk import NOW, Walk, make_group, zipped

PEOPLE = [user(f"s{n}", givenName="Sam", familyName=f"Student {n}") for n in range(12)]
ENROLLED = [enrollment(f"e{n}", userSourcedId=f"s{n}") for n in range(12)]


@pytest.fixture
def page(browser: Browser, aws: None) -> Iterator[Page]:
    with light.serving() as address:
        opened = light.opened(browser, address)
        yield opened
        opened.context.close()


def district(people: int = 12) -> bytes:
    """So many people of one school, all in one class of one course; and a class that the source has marked as deleted."""
    gone = class_("gone", status="tobedeleted", dateLastModified="2026-08-01T00:00:00Z")
    return zipped(
        small(
            users=PEOPLE[:people],
            enrollments=ENROLLED[:people],
            classes=[class_(courseSourcedId="math"), gone],
            courses=[course()],
        )
    )


def asked(walk: Walk) -> Sync:
    """The sync, planned and waiting for a decision."""
    walk.open()
    walk.stage()
    walk.plan()
    syncs.ask(walk.sync_id, Question(kind=QuestionKind.APPROVAL, since=NOW, until=NOW + timedelta(days=7)), "token")
    return walk.sync


def a_month_of(history: dict[str, Any]) -> dict[str, Any]:
    """The group's one sync, as if it had run on each day of a month."""
    last = history["items"][0]
    days = [
        {
            **last,
            "syncId": f"{last['syncId']}{n}",
            "startedAt": f"2026-11-{n:02}T09:00:00Z",
            "endedAt": f"2026-11-{n:02}T09:02:{n:02}Z",
        }
        for n in range(1, 31)
    ]
    return {**history, "items": days[::-1], "total": 30}


def test_what_was_planned_and_discarded_is_nowhere_said_to_be_done(page: Page) -> None:
    make_group()
    waiting = asked(Walk(district()))

    page.goto("/groups/g1/status")
    expect(page.get_by_text("The changes wait for your decision")).to_be_visible()
    expect(page.get_by_role("link", name="12 to create: show the rows of users")).to_be_visible()
    page.get_by_role("button", name="Review changes").click()
    expect(page.get_by_text("Nothing is written yet").first).to_be_visible()
    expect(page.get_by_role("columnheader", name="To create", exact=True).first).to_be_visible()
    syncs.end(waiting.sync_id, State.DISCARDED, "The changes were discarded. Nothing was changed.", NOW)
    page.goto("/groups/g1/status")

    expect(page.get_by_role("heading", name="The changes were discarded. Nothing was changed.")).to_be_visible()
    expect(page.get_by_role("link", name="12 not created: show the rows of users")).to_be_visible()
    row = page.get_by_role("row", name=re.compile("^Users"))
    expect(row.get_by_role("cell").nth(0)).to_have_text("0")  # on the platform now
    expect(page.get_by_text(re.compile(r"\d created"))).to_have_count(0)
    expect(page.get_by_text("Courses: 1 not created.")).to_be_visible()  # all that was planned


def test_what_was_read_is_selected_marked_deleted_or_left_out_without_a_rest(page: Page) -> None:
    make_group()
    Walk(district()).through()

    page.goto("/groups/g1/status")

    row = page.get_by_role("row", name=re.compile("^Classes"))
    expect(row).to_contain_text("1 selected, 1 marked deleted in the source")
    expect(row.get_by_role("cell").nth(0)).to_have_text("1")
    expect(page.get_by_role("img", name="Classes: 1 selected, 1 marked deleted in the source")).to_be_visible()
    expect(page.get_by_role("button", name="Undo this sync")).to_be_visible()

    page.set_viewport_size({"width": 768, "height": 900})
    page.get_by_role("button", name="Download log").click()
    files = page.get_by_role("link", name="The roster as processed")
    assert (files.bounding_box() or {"height": 0})["height"] < 30  # on one line, not in a quarter of the page

    page.set_viewport_size({"width": 360, "height": 800})
    expect(page.get_by_text("Result:")).to_be_visible()  # a row of the history is a card there, with no column out of sight


def test_somebody_created_who_is_inactive_is_seen_beside_those_who_are_active(page: Page) -> None:
    make_group()
    people = [{**each, "enabledUser": "false"} if each["sourcedId"] == "s3" else each for each in PEOPLE]
    Walk(zipped(small(users=people, enrollments=ENROLLED))).through()

    page.goto("/groups/g1/status")

    row = page.get_by_role("row", name=re.compile("^Users"))
    expect(row.get_by_role("link", name="12 created: show the rows of users")).to_be_visible()
    expect(row.get_by_role("cell").nth(0)).to_have_text("11active; 1 inactive")


def test_what_was_kept_is_nowhere_said_to_be_gone_and_who_comes_back_is_no_mere_update(page: Page) -> None:
    make_group()
    Walk(district()).through()
    spared = Walk(district(people=6), day=1)
    spared.with_removals = False
    spared.through()

    page.goto(f"/groups/g1/syncs/{spared.sync_id}/changes?entity=users")
    expect(page.get_by_text("Approved without removals: what would have been deactivated or ended was kept.")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Not deactivated").first).to_be_visible()
    expect(page.get_by_role("cell", name="Not deactivated", exact=True)).to_have_count(6)
    expect(page.get_by_role("cell", name="Deactivated", exact=True)).to_have_count(0)
    Walk(district(people=6), day=2).through()
    Walk(district(), day=3).through()

    page.goto("/groups/g1/status")
    expect(page.get_by_role("heading", name="Synced: 12 brought back")).to_be_visible()
    page.get_by_role("link", name="6 brought back: show the rows of users").click()
    expect(page.get_by_role("cell", name="Brought back", exact=True)).to_have_count(6)


def test_nothing_written_is_nothing_to_undo(page: Page) -> None:
    make_group()
    Walk(district()).through()
    Walk(district(), day=1).through()

    page.goto("/groups/g1/status")

    expect(page.get_by_role("heading", name="Nothing has changed since the sync of Sep 1, 2026")).to_be_visible()
    expect(page.get_by_role("button", name="Undo this sync")).to_have_count(0)


def test_an_address_that_leads_nowhere_and_a_group_that_is_not_there_say_so_once(page: Page) -> None:
    page.goto("/no/such/page")
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    expect(page).to_have_title(re.compile("^Page not found"))
    page.goto("/groups/nobody/status")
    expect(page.get_by_role("heading", name="Group not found")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_the_end_of_a_sync_is_told_on_any_page_and_the_tab_and_charts_open_the_syncs_of_a_month(page: Page) -> None:
    make_group(source=SftpSource(host="sftp.lakeside.example", username="roster", old_server=True))
    running = Walk(district(), Mode.FULL)
    now = datetime.now(UTC)
    syncs.waits_for(running.sync_id, "roster.zip has no .done marker yet.", now, now + timedelta(minutes=4))

    page.goto("/groups/g1/status")
    expect(page.get_by_role("button", name="Cancel sync")).to_be_visible()
    expect(page.get_by_text("roster.zip has no .done marker yet. It is tried again on its own until")).to_be_visible()
    expect(page.get_by_text("sftp.lakeside.example is set as an old server")).to_be_visible()
    page.get_by_role("link", name="Groups", exact=True).first.click()
    expect(page.get_by_role("heading", name="Groups")).to_be_focused()
    expect(page.get_by_test_id("arrived")).to_have_text("Page: Groups")
    running.through()

    expect(page.get_by_text("Lakeside: Synced: ")).to_be_visible(timeout=20_000)
    expect(page).to_have_title(re.compile("^✓ Lakeside: succeeded"))

    page.route("**/api/groups/g1/syncs?*", lambda route: route.fulfill(json=a_month_of(route.fetch().json())))
    page.goto("/groups/g1/history")
    expect(page.get_by_role("heading", name="Trends")).to_be_visible()
    chart = page.get_by_role("application", name="Changes written, last 30 syncs")
    chart.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("link", name="Open the sync of Nov 1, 2026")).to_be_visible()


def test_a_group_that_was_busy_takes_a_file_as_soon_as_its_sync_has_ended(page: Page) -> None:
    make_group()
    running = asked(Walk(district()))
    page.goto("/groups/g1/sync")
    expect(page.get_by_text("This group is being synced")).to_be_visible()

    syncs.end(running.sync_id, State.DISCARDED, "The changes were discarded. Nothing was changed.", NOW)

    expect(page.get_by_role("button", name="Upload and sync all data")).to_be_visible()


def test_a_keyboard_leads_past_the_top_bar_at_once(page: Page) -> None:
    make_group()
    page.goto("/groups/g1/status")
    expect(page.get_by_text("has never been synced")).to_be_visible()

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.locator("main")).to_be_focused()
