"""The portal in a real Chromium, in front of the whole product in the embedded AWS."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect

from infra import ROOT
from local.front import front
from local.stack import PASSWORD, Stack

expect.set_options(timeout=30_000)  # two cores may be busy with other tests


@contextmanager
def serving(stack: Stack) -> Iterator[str]:
    """The address of the portal, served as `make run` does while the block lasts."""
    port = urlsplit(stack.portal_origin).port or 0
    server = uvicorn.Server(uvicorn.Config(front(stack, ROOT / "portal" / "dist"), "127.0.0.1", port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield stack.portal_origin
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="session")
def portal(stack: Stack) -> Iterator[str]:
    with serving(stack) as address:
        yield address


@pytest.fixture
def page(browser: Browser, portal: str, tmp_path: Path) -> Iterator[Page]:
    """A new person's browser, signed in as the admin. Nothing on the pages may break the portal's own security policy."""
    context = browser.new_context(base_url=portal, viewport={"width": 1280, "height": 900}, locale="en-US")
    opened = context.new_page()
    opened.set_default_timeout(30_000)
    refused: list[str] = []
    opened.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
    sign_in(opened, "admin")
    yield opened
    context.close()
    assert refused == []


def sign_in(page: Page, role: str) -> None:
    page.goto("/")
    page.locator("input[name=username]:visible").first.fill(f"{role}@example.org")
    page.locator("input[name=password]:visible").first.fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Groups").wait_for()
