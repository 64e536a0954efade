"""Every page, for everybody: whatever their role, however they see, and without a mouse."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from chalicelib.model.records import Answered, QuestionKind
from chalicelib.store import files, groups, syncs
from infra import ROOT
from local.client import Client
from tests.api.test_routes import call
from tests.portal import light
from tests.portal.conftest import sign_in
from tests.portal.tour import Stop, staged, tour

AXE = ROOT / "portal" / "node_modules" / "axe-core" / "axe.min.js"
CONTRAST = {"runOnly": ["color-contrast"]}  # all that another colour can make worse
MENU_OUTSIDE = {"rules": {"region": {"enabled": False}}}  # an open menu hangs outside the page's regions, as Cloudscape draws it


@pytest.fixture(scope="module")
def stops() -> Iterator[list[Stop]]:
    with staged():
        yield tour()


@contextmanager
def opened(browser: Browser, role: str, **more: Any) -> Iterator[Page]:
    """A new browser of somebody with this role."""
    with light.serving(role) as address:
        page = light.opened(browser, address, role, **more)
        page.set_default_timeout(30_000)
        yield page
        page.context.close()


def visit(page: Page, stop: Stop) -> None:
    page.goto(stop.path)
    page.get_by_text(stop.shows).first.wait_for()
    page.wait_for_load_state("networkidle")


def violations(page: Page, rules: dict[str, Any]) -> list[str]:
    found = page.evaluate("rules => axe.run(document, rules)", rules)["violations"]
    return [f"{each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]]


def in_both_schemes(page: Page, rules: dict[str, Any]) -> dict[str, list[str]]:
    """What axe finds on the page in light, and what its contrast is in dark, to which the page turns as the system does."""
    page.evaluate(AXE.read_text())
    found = {"light": violations(page, rules)}
    page.emulate_media(color_scheme="dark")
    page.locator("body.awsui-dark-mode").wait_for()
    found["dark"] = violations(page, CONTRAST)
    page.emulate_media(color_scheme="light")
    return found


@pytest.fixture(scope="module")
def found_by_axe(browser: Browser, stops: list[Stop]) -> dict[str, dict[str, list[str]]]:
    """By stop and scheme, each page opened once. Without motion, since a colour that fades in has no contrast yet."""
    with opened(browser, "admin", color_scheme="light", reduced_motion="reduce") as page:
        found = {}
        for stop in stops:
            visit(page, stop)
            found[stop.name] = in_both_schemes(page, {})
        visit(page, stops[0])
        page.get_by_role("button", name="Actions of Riverside Unified").click()
        found["menu"] = in_both_schemes(page, MENU_OUTSIDE)
        return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(found_by_axe: dict[str, dict[str, list[str]]], scheme: str) -> None:
    assert {name: each[scheme] for name, each in found_by_axe.items() if each[scheme]} == {}


def refusals(page: Page) -> list[str]:
    """The requests that this page's browser is refused from now on, for want of a role."""
    found: list[str] = []

    def note(answer: Response) -> None:
        if answer.status == 403:
            found.append(answer.url)

    page.on("response", note)
    return found


@pytest.fixture
def viewer(browser: Browser, stops: list[Stop]) -> Iterator[Page]:
    with opened(browser, "viewer") as page:
        yield page


@pytest.fixture
def operator(browser: Browser, stops: list[Stop]) -> Iterator[Page]:
    with opened(browser, "operator") as page:
        yield page


def test_a_viewer_is_offered_nothing_that_a_viewer_may_not_do(viewer: Page, stops: list[Stop]) -> None:
    page = viewer
    refused = refusals(page)
    by_name = {stop.name: stop for stop in stops}
    visit(page, by_name["groups"])
    needs_admin = "This needs the role Administrator; yours is Viewer."
    for name in ("Create group", "Edit Riverside Unified"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()
    page.get_by_role("button", name="Actions of Riverside Unified").click()
    for entry in ("Sync all data \N{EN DASH} ZIP", "Selective sync"):
        expect(page.get_by_role("menuitem", name=entry)).to_be_disabled()
    page.get_by_role("menuitem", name="Check last sync status").click()
    expect(page.get_by_role("button", name="Edit group")).to_be_disabled()
    page.get_by_role("button", name="Edit group").focus()
    expect(page.get_by_role("tooltip").get_by_text(needs_admin)).to_be_visible()
    expect(page.get_by_role("button", name="Download log")).to_be_enabled()
    visit(page, by_name["status-waiting"])
    for name in ("Continue", "Cancel sync"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()
    for stop in stops:
        if stop.role == "viewer":
            visit(page, stop)
        else:
            page.goto(stop.path)
            expect(page.get_by_text("have access to this page")).to_be_visible()
    visit(page, by_name["roster-person"])
    expect(page.get_by_text("•••").first).to_be_visible()
    show = page.get_by_role("button", name="Show contact details")
    show.click()  # in the audit from then on
    expect(page.get_by_text("•••")).to_have_count(0)
    expect(show).to_have_count(0)

    assert refused == []


def test_an_operator_chooses_goes_back_and_syncs_but_neither_configures_nor_approves(operator: Page, stops: list[Stop]) -> None:
    page = operator
    refused = refusals(page)
    by_name = {stop.name: stop for stop in stops}
    visit(page, by_name["groups"])
    expect(page.get_by_role("button", name="Create group")).to_be_disabled()
    for name, offered in (("source", "Upload and choose schools"), ("schools", "Select all"), ("users", "Sync")):
        visit(page, by_name[name])
        expect(page.get_by_role("button", name=offered, exact=True)).to_be_visible()
        assert name == "source" or page.get_by_role("button", name=offered, exact=True).is_enabled()
    page.get_by_label("Guardians").check()
    for heading in ("Classes", "Schools"):
        page.get_by_role("button", name="Back", exact=True).click()
        expect(page.get_by_role("heading", name=re.compile(rf"^{heading} \(([1-9]\d*) of \1 selected\)"))).to_be_visible()
    for heading in ("Classes (", "Users"):
        page.get_by_role("button", name="Continue", exact=True).click()
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
    expect(page.get_by_label("Guardians")).to_be_checked()  # what was answered is kept until Sync
    visit(page, by_name["changes"])
    for name in ("Approve", "Approve without removals", "Discard"):
        expect(page.get_by_role("button", name=name, exact=True).first).to_be_disabled()
    visit(page, by_name["status-waiting"])
    expect(page.get_by_role("button", name="Cancel sync")).to_be_enabled()
    page.goto(by_name["group-new"].path)
    expect(page.get_by_text("This needs the role Administrator; yours is Operator.")).to_be_visible()

    assert refused == []


SYNC = re.compile(r"/api/syncs/[^/]+$")


def running(group_id: str) -> str:
    sync = groups.get(group_id).sync
    assert sync is not None
    return sync.sync_id


def test_of_two_people_at_one_question_the_slower_reads_who_answered_what_and_what_became_of_the_own_answer(
    operator: Page, stops: list[Stop]
) -> None:
    page = operator
    sync_id = running("tokyo")

    def ada_answers(kind: str) -> None:
        assert call(f"POST /syncs/{sync_id}/{kind}/selection", {"all": True})[0] == 202

    visit(page, next(stop for stop in stops if stop.name == "users"))
    ada_answers("classes")
    page.evaluate("window.dispatchEvent(new Event('visibilitychange'))")  # looks again at once, and not in a few seconds
    told = page.get_by_text(re.compile(r"^Ada selected all classes .+ The classes you had selected here were not used\."))
    expect(told).to_be_visible()

    page.get_by_role("button", name="Back", exact=True).click()
    expect(page.get_by_role("button", name="Continue", exact=True)).to_be_enabled()
    page.route(SYNC, lambda route: route.abort())  # before the page has looked again
    ada_answers("classes")
    page.get_by_role("button", name="Continue", exact=True).click()
    expect(page.get_by_text(re.compile(r"^Your answer was not used\. .* Ada selected all classes meanwhile\."))).to_be_visible()
    page.unroute(SYNC)
    expect(told).to_be_visible()


def test_whoever_was_still_choosing_schools_goes_on_with_the_classes_of_those_that_somebody_else_chose(
    operator: Page, stops: list[Stop]
) -> None:
    page = operator
    sync_id = running("harbor")
    question = syncs.get(sync_id).question
    assert question is not None
    visit(page, next(stop for stop in stops if stop.name == "schools"))
    page.get_by_role("checkbox", name=re.compile("^Select ")).nth(1).check()

    answer = Answered(kind=QuestionKind.ORGS, by="Ada", did="selected all schools", at=question.since + timedelta(minutes=1))
    claimed = syncs.claim_answer(sync_id, QuestionKind.ORGS, answer)
    files.write_selection(sync_id, {"orgs": None})
    syncs.ask(sync_id, question.model_copy(update={"kind": QuestionKind.CLASSES, "since": answer.at}), claimed.token)
    page.evaluate("window.dispatchEvent(new Event('visibilitychange'))")

    expect(
        page.get_by_text(re.compile("^Ada selected all schools .+ The schools you had selected here were not used"))
    ).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile(r"^Classes \(0 of [1-9]\d* selected\)"))).to_be_visible()
    page.get_by_role("button", name="Back", exact=True).click()
    expect(page.get_by_role("heading", name=re.compile(r"^Schools \(([1-9]) of \1 selected\)"))).to_be_visible()  # Ada's
    files.write_selection(sync_id, {})
    syncs.ask(sync_id, question, claimed.token)


MOST_TABS = 60


def tab_to(page: Page, role: str, name: str) -> None:
    """Press Tab until what is named so has the focus, as somebody without a mouse does."""
    wanted = page.get_by_role(role, name=name, exact=True).first  # type: ignore[arg-type]
    wanted.wait_for()
    for _ in range(MOST_TABS):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to the {role} {name}")


@pytest.mark.xdist_group("portal")
def test_the_menu_and_the_wizard_work_without_a_mouse(browser: Browser, portal: str, admin: Client, district: Path) -> None:
    admin.new_group("Without a mouse")
    page = browser.new_context(base_url=portal, viewport={"width": 1280, "height": 900}, locale="en-US").new_page()
    page.set_default_timeout(30_000)
    sign_in(page, "operator")
    tab_to(page, "searchbox", "Find a group by name")
    page.keyboard.type("without a m")
    expect(page.get_by_text("1 found", exact=True).first).to_be_visible()
    tab_to(page, "columnheader", "Name")  # a table is one stop; arrows lead on in it
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_text("has never been synced")).to_be_visible()
    tab_to(page, "button", "Actions of Without a mouse")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem", name="Selective sync")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, "button", "Choose ZIP")
    with page.expect_file_chooser() as asked:
        # Focused again: once no chooser came, most likely since the menu that was closing took the focus back.
        page.get_by_role("button", name="Choose ZIP", exact=True).press("Enter")
    asked.value.set_files(district)
    tab_to(page, "button", "Upload and choose schools")
    page.keyboard.press("Enter")
    for heading in ("Schools (", "Classes ("):
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        for name in ("Select all", "Continue"):
            expect(page.get_by_role("button", name=name, exact=True)).to_be_enabled()  # what is disabled can have the focus too
            tab_to(page, "button", name)
            page.keyboard.press("Enter")
    tab_to(page, "checkbox", "Guardians")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Sync", exact=True)).to_be_enabled()
    tab_to(page, "button", "Sync")
    page.keyboard.press("Enter")

    expect(page.get_by_text("Sync started.")).to_be_visible()
    expect(page.get_by_text("Succeeded").first).to_be_visible(timeout=60_000)
    page.context.close()
