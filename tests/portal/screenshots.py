"""`python -m tests.portal.screenshots [PAGE...]`: every page at 1280, 768 and 360 px, light and dark.

On a machine with a font for each script shown, Japanese too (Debian: fonts-wqy-zenhei or fonts-noto-cjk), or names are blank.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, sync_playwright

from infra import ROOT
from local.stack import Stack
from tests.portal.conftest import serving, sign_in
from tests.portal.tour import tour
from tests.stack.client import Client
from tests.stack_fixtures import CHROMIUM, FLAGS, free_port

OUT = ROOT / "docs" / "screenshots"
WIDTHS = {1280: 900, 768: 900, 360: 800}
SETTLES_MS = 400  # what fades in has faded in


def main() -> None:
    with TemporaryDirectory() as name:
        stack = Stack(free_port(), f"http://127.0.0.1:{free_port()}", Path(name) / "stack")
        stack.start()
        try:
            stack.deploy()
            stack.let_people_in()
            stops = tour(Client(stack, "admin"), Path(name))
            wanted = [stop for stop in stops if not sys.argv[1:] or stop.name in sys.argv[1:]]
            with serving(stack) as address, sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                for width, height in WIDTHS.items():
                    for scheme in ("light", "dark"):
                        context = browser.new_context(
                            base_url=address,
                            viewport={"width": width, "height": height},
                            color_scheme=scheme,
                            locale="en-US",
                            timezone_id="America/Denver",
                        )
                        page = context.new_page()
                        sign_in(page, "admin")
                        for stop in wanted:
                            page.goto(stop.path)
                            page.get_by_text(stop.shows).first.wait_for()
                            _take(page, f"{stop.name}-{width}-{scheme}")
                        context.close()
        finally:
            stack.stop()


def _take(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(SETTLES_MS)
    page.screenshot(path=OUT / f"{name}.png", full_page=True)


if __name__ == "__main__":
    main()
