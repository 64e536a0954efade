"""An admin lets an application read the roster, sees its secret once, and takes the access back; an address gets messages."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from chalicelib.store import audit
from tests.engine.test_plan import TWO_SCHOOLS
from tests.listener import Listener, delivered, listening
from tests.portal import light
from tests.rostering.test_api import Reader, token_of
from tests.steps.walk import Walk, make_group, zipped


@pytest.fixture
def page(browser: Browser, aws: None, kms: None) -> Iterator[Page]:
    with light.serving() as address:
        opened = light.opened(browser, address)
        light.by_small_pages(opened)
        yield opened
        opened.context.close()


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    with listening(monkeypatch) as server:
        yield server


def shown(page: Page, label: str, application: str = "Gradebook") -> str:
    dialog = page.get_by_role("dialog", name=f"Sign-in for {application}")
    return str(dialog.locator("dt", has_text=label).locator("xpath=following-sibling::dd[1]").inner_text()).strip()


def test_an_application_is_added_reads_its_school_gets_another_secret_and_is_revoked(page: Page) -> None:
    make_group()
    Walk(zipped(TWO_SCHOOLS)).through()
    page.goto("/groups/g1/applications")
    expect(page.get_by_text("No application has access to this group yet.")).to_be_visible()

    page.get_by_role("button", name="Add application").first.click()
    page.get_by_label("Name").fill("Gradebook")
    page.get_by_text("All schools", exact=True).click()
    page.get_by_role("option", name="South").click()
    page.keyboard.press("Escape")
    page.get_by_role("dialog", name="Add application").get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("Copy the secret now.")).to_be_visible()
    client = {"clientId": shown(page, "Client ID"), "clientSecret": shown(page, "Client secret")}
    page.get_by_role("button", name="Done").click()

    reader = Reader(client)
    assert reader.ids("classes") == ["s1"]
    expect(page.get_by_role("row", name="Gradebook")).to_contain_text("1 school, without contact details")

    page.get_by_role("button", name="New secret for Gradebook").click()
    page.get_by_role("button", name="Make a new secret").click()
    renewed = {**client, "clientSecret": shown(page, "Client secret")}
    page.get_by_role("button", name="Done").click()
    assert (token_of(client)["status"], token_of(renewed)["status"]) == (401, 200)

    page.get_by_role("button", name="Revoke Gradebook").click()
    page.get_by_role("button", name="Revoke", exact=True).click()
    expect(page.get_by_text("Gradebook no longer has access to this group.")).to_be_visible()
    expect(page.get_by_role("row", name="Gradebook")).to_contain_text("Revoked")
    assert reader.get("users")[0] == 401

    page.get_by_role("button", name="Add application").first.click()
    dialog = page.get_by_role("dialog", name="Add application")
    dialog.get_by_label("Name").fill("Nightly upload")
    dialog.get_by_label("Read the roster").uncheck()
    expect(dialog.get_by_role("button", name="Add", exact=True)).to_be_disabled()
    dialog.get_by_label("Run syncs from a script").check()
    dialog.get_by_role("button", name="Add", exact=True).click()
    script = {
        name: shown(page, label, "Nightly upload")
        for name, label in (("clientId", "Client ID"), ("clientSecret", "Client secret"))
    }
    assert shown(page, "API URL", "Nightly upload") == "https://roster.example/api"
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("row", name="Nightly upload")).to_contain_text("Runs syncs")
    assert token_of(script)["scope"] == "status.read upload.create sync.start"


def test_a_webhook_is_added_tested_turned_off_given_a_new_secret_and_removed(page: Page, listener: Listener) -> None:
    make_group()
    page.goto("/groups/g1/applications")
    page.get_by_role("button", name="Add webhook").click()
    dialog = page.get_by_role("dialog", name="Add webhook")
    dialog.get_by_label("Address").fill("http://partner.example/hook")
    dialog.get_by_role("button", name="Add webhook").click()
    expect(dialog.get_by_text("Enter one that starts with https://")).to_have_count(1)
    dialog.get_by_label("Address").fill(listener.url)
    dialog.get_by_label("A sync is held").uncheck()
    dialog.get_by_role("button", name="Add webhook").click()
    first = secret_in(dialog)
    dialog.get_by_role("button", name="I have stored the secret").click()
    row = page.get_by_role("row", name=f"{listener.url} On")
    expect(row).to_contain_text("a sync has ended; a sync has failed; the roster has changed")

    page.get_by_role("button", name=f"Test {listener.url}").click()
    log = page.get_by_role("table", name=f"Sent to {listener.url}")
    expect(log.get_by_role("row", name="Test")).to_contain_text("Waiting to be sent")
    assert delivered() == 1
    page.get_by_role("button", name="Load the log again").click()
    expect(log.get_by_role("row", name="Delivered")).to_contain_text("204 (try 1)")

    listener.status = 503
    page.get_by_role("button", name=f"Test {listener.url}").click()  # the log is open, and nothing in it waits
    expect(log.get_by_role("row", name="Not tried yet")).to_be_visible()
    assert delivered() == 1
    page.get_by_role("button", name="Load the log again").click()
    expect(log.get_by_role("row", name="Next try")).to_contain_text("503 (try 1)")

    page.get_by_role("button", name=f"New secret for {listener.url}").click()
    dialog = page.get_by_role("dialog", name=f"New secret for {listener.url}")
    expect(dialog.get_by_text("signed with both the old and the new secret")).to_be_visible()
    dialog.get_by_role("button", name="Make a new secret").click()
    second = secret_in(dialog)
    assert second != first
    dialog.get_by_role("button", name="I have stored the secret").click()
    expect(page.get_by_text(second)).to_have_count(0)
    assert "webhook given a new secret" in [entry.what for entry in audit.entries("g1", 100)]

    page.get_by_role("button", name=f"Turn {listener.url} off").click()
    expect(page.get_by_role("row", name=f"{listener.url} Off since")).to_be_visible()
    expect(page.get_by_role("button", name=f"Test {listener.url}")).to_be_disabled()
    page.get_by_role("button", name=f"Turn {listener.url} on").click()
    expect(row).to_be_visible()

    page.get_by_role("button", name=f"Remove {listener.url}").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove webhook").click()
    expect(page.get_by_text("No webhooks yet.")).to_be_visible()
    expect(log).to_have_count(0)


def secret_in(dialog: Locator) -> str:
    expect(dialog.get_by_text("It is never shown again")).to_be_visible()
    [secret] = set(re.findall(r"whsec_[A-Za-z0-9+/=]+", dialog.inner_text()))
    return str(secret)
