"""`python -m tests.portal.screenshots [PAGE...]`: every page in three widths, light and dark, into build/screenshots, to be
looked at. `--docs` takes those that the docs show, into docs/screenshots.

On a machine with a font for each script shown, Japanese too (Debian: fonts-wqy-zenhei or fonts-noto-cjk), or names are blank.
"""

import re
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from infra import ROOT
from tests.portal import light
from tests.portal.tour import staged, tour
from tests.stack_fixtures import CHROMIUM, FLAGS

IN_DOCS = ROOT / "docs" / "screenshots"
WIDTHS = {1280: 900, 768: 900, 360: 800}
QUIET = """() => {
    window.quiet = /^Loading/m.test(document.body.innerText) ? 0 : (window.quiet ?? 0) + 1;
    return window.quiet > 5;
}"""  # asked ten times a second: what comes late has been asked for by then


def in_docs() -> set[str]:
    """The names of the pictures that the docs show."""
    texts = [path.read_text() for path in (ROOT / "README.md", *ROOT.glob("docs/**/*.md"))]
    return {name for each in texts for name in re.findall(r"screenshots/([\w-]+)\.png", each)}


def main() -> None:
    docs, pages = "--docs" in sys.argv, {each for each in sys.argv[1:] if each != "--docs"}
    out, shown = (IN_DOCS, in_docs()) if docs else (ROOT / "build" / "screenshots", set[str]())
    out.mkdir(parents=True, exist_ok=True)
    with staged(), light.serving() as address, sync_playwright() as playwright:
        stops = [stop for stop in tour() if not pages or stop.name in pages]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for width, height in WIDTHS.items():
            for scheme in ("light", "dark"):
                names = {stop.name: f"{stop.name}-{width}-{scheme}" for stop in stops}
                wanted = [stop for stop in stops if not docs or names[stop.name] in shown]
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
                    _take(page, out / f"{names[stop.name]}.png")
                page.context.close()


def _take(page: Page, to: Path) -> None:
    page.wait_for_load_state("networkidle")
    page.wait_for_function(QUIET, polling=100)
    page.screenshot(path=to, full_page=True)


if __name__ == "__main__":
    main()
