"""How fast the portal is for who opens it first, and with a long list: figures of `docs/admins/first-sync.md`.

    make run                                # once, so that the portal is built
    python -m tests.portal.speed [classes]   # 100,000 classes unless said otherwise

In Chromium in front of the real API, its tables in moto. The first load: an empty cache, the line that Chromium's own
tools call slow 4G (1.44 Mbit/s down, 0.68 up, 562.5 ms before each answer), and a processor slowed down four times.
A stall is a task of more than 50 ms that keeps the page from answering (the Long Tasks API).
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import CDPSession, Page, sync_playwright

from chalicelib.model.records import Mode, QuestionKind
from chalicelib.store import files
from tests.engine.districts import class_, small
from tests.portal import light
from tests.portal.tour import ask, staged
from tests.stack_fixtures import CHROMIUM, FLAGS
from tests.steps.walk import Walk, make_group, zipped

SLOW_4G = {"offline": False, "latency": 562.5, "downloadThroughput": 180_000, "uploadThroughput": 84_375}
SLOWER = 4
STALLS = """
window.stalls = [];
const note = list => list.getEntries().forEach(each => window.stalls.push(each.duration));
new PerformanceObserver(note).observe({entryTypes: ['longtask']});
"""


def slow(page: Page) -> CDPSession:
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    line.send("Network.setCacheDisabled", {"cacheDisabled": True})
    line.send("Network.emulateNetworkConditions", SLOW_4G)
    line.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    return line


@contextmanager
def timed(page: Page, what: str) -> Iterator[None]:
    page.evaluate("window.stalls = []")
    began = time.perf_counter()
    yield
    took, stalls = time.perf_counter() - began, page.evaluate("window.stalls")
    longest = f", longest stall {max(stalls):.0f} ms of {len(stalls)}" if stalls else ", no stall"
    print(f"{what}: {took:.2f} s{longest}", flush=True)


def first_load(page: Page) -> None:
    slow(page)
    began = time.perf_counter()
    page.goto("/", wait_until="commit")
    page.get_by_role("link", name="Lakeside").wait_for(timeout=60_000)
    print(f"slow 4G, processor {SLOWER} times slower, empty cache to the list of groups: {time.perf_counter() - began:.2f} s")


def long_list(page: Page, classes: int) -> None:
    page.add_init_script(STALLS)
    page.goto("/groups/long/selective")
    page.get_by_text(f"(0 of {classes:,} selected)").wait_for(timeout=60_000)
    with timed(page, f"first page of {classes:,} classes again"):
        page.reload()
        page.get_by_text(f"(0 of {classes:,} selected)").wait_for(timeout=60_000)
    with timed(page, "next page"):
        page.get_by_role("button", name="Next page").click()
        page.get_by_text("Class 000050").first.wait_for()
    with timed(page, "scrolled to the end of the page, 20 steps"):
        for _ in range(20):
            page.mouse.wheel(0, 200)
            page.wait_for_timeout(16)
    with timed(page, "searched: 12 letters typed, the class found"):
        page.get_by_label("Find classes").press_sequentially("Class 001000", delay=30)
        page.get_by_text("1 found", exact=True).first.wait_for(timeout=60_000)
    page.get_by_label("Find classes").fill("")
    page.get_by_text(f"(0 of {classes:,} selected)").wait_for(timeout=60_000)
    with timed(page, "all selected"):
        page.get_by_role("button", name="Select all").click()
        page.get_by_text(f"({classes:,} of {classes:,} selected)").wait_for(timeout=180_000)
    with timed(page, "one of them cleared"):
        page.get_by_role("checkbox", name="Select Class 000000").click()
        page.get_by_text(f"({classes - 1:,} of {classes:,} selected)").wait_for(timeout=60_000)


def main(classes: int) -> None:
    with staged(), light.serving() as address, sync_playwright() as playwright:
        make_group("Lakeside", "lakeside")
        make_group("Long", "long")
        rows = [class_(f"c{number:06}", title=f"Class {number:06}") for number in range(classes)]
        asking = Walk(zipped(small(classes=rows)), Mode.SELECTIVE, group_id="long")
        asking.open()
        asking.stage()
        files.write_selection(asking.sync_id, {"orgs": None})
        ask(asking, QuestionKind.CLASSES)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        first_load(light.opened(browser, address))
        long_list(light.opened(browser, address), classes)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 100_000)
