"""`python -m tests.portal.screenshots [PAGE...]`: every page in three widths, light and dark, into docs/screenshots or $OUT.

On a machine with a font for each script shown, Japanese too (Debian: fonts-wqy-zenhei or fonts-noto-cjk), or names are blank.
"""

import os
import re
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from infra import ROOT
from tests.portal import light
from tests.portal.tour import staged, tour
from tests.stack_fixtures import CHROMIUM, FLAGS

OUT = Path(os.environ.get("OUT", ROOT / "docs" / "screenshots"))
WIDTHS = {1280: 900, 768: 900, 360: 800}


def main() -> None:
    with staged(), light.serving() as address, sync_playwright() as playwright:
        wanted = [stop for stop in tour() if not sys.argv[1:] or stop.name in sys.argv[1:]]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for width, height in WIDTHS.items():
            for scheme in ("light", "dark"):
                page = light.opened(
                    browser,
                    address,
                    viewport={"width": width, "height": height},
                    color_scheme=scheme,
                    reduced_motion="reduce",  # what fades in is there at once
                    timezone_id="America/Denver",
                )
                for stop in wanted:
                    page.goto(stop.path)
                    page.get_by_text(stop.shows).first.wait_for()
                    _take(page, f"{stop.name}-{width}-{scheme}")
                page.context.close()


def _take(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.get_by_text(re.compile("^Loading")).first.wait_for(state="detached")  # on a busy machine an answer comes after that
    page.screenshot(path=OUT / f"{name}.png", full_page=True)


if __name__ == "__main__":
    main()
