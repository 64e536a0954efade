"""The sixteen steps by clicks, in Chromium in front of a product that runs: clicks and seconds of waiting, step by step.

    python samples/district.py --shape S --version 1.2 --problems --out s.zip
    make run                                    # in another window
    python -m benchmarks.sixteen s.zip [http://127.0.0.1:8000]

What is timed is the product's part: nobody reads, thinks or searches for a file here. A file dialog counts as two clicks.
"""

import io
import re
import shutil
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import openpyxl
from playwright.sync_api import Locator, Page, sync_playwright

from local.stack import PASSWORD


class Walk:
    def __init__(self) -> None:
        self.clicks, self.all_clicks, self.all_s = 0, 0, 0.0
        self.since = time.perf_counter()

    def click(self, *buttons: Locator) -> None:
        for button in buttons:
            button.click()
            self.clicks += 1

    def choose_file(self, page: Page, file: Path) -> None:
        page.locator("input[type=file]").set_input_files(file)
        self.clicks += 2

    def step(self, name: str) -> None:
        took = time.perf_counter() - self.since
        print(f"| {name} | {self.clicks} | {took:.1f} |", flush=True)
        self.all_clicks, self.all_s = self.all_clicks + self.clicks, self.all_s + took
        self.clicks, self.since = 0, time.perf_counter()


def filled(sheet: bytes, out: Path) -> Path:
    """The sheet Org with Yes beside its first two schools."""
    book = openpyxl.load_workbook(io.BytesIO(sheet))
    column = [cell.value for cell in book["Org"][1]].index("sync") + 1
    for row in (2, 3):
        book["Org"].cell(row, column).value = "Yes"
    book.save(out)
    return out


def walk(page: Page, district: Path, folder: Path) -> None:
    done, name = Walk(), f"Timed {time.time_ns()}"

    def button(label: str, exact: bool = False) -> Locator:
        return page.get_by_role("button", name=label, exact=exact)

    page.goto("/")
    page.locator("input[name=username]:visible").first.fill("admin@example.org")
    page.locator("input[name=password]:visible").first.fill(PASSWORD)
    done.click(page.locator("button[type=submit]:visible, input[type=submit]:visible").first)
    page.get_by_role("heading", name="Groups").wait_for()
    done.step("1. Sign in")
    done.click(button("Create group").first)
    page.get_by_label("Name", exact=True).fill(name)
    done.click(button("Create group"))
    page.get_by_text("was saved.").wait_for()
    done.step("2, 3. Create the group: its name, ZIP")
    page.get_by_label("Find a group by name").fill(name)
    done.click(button(f"Actions of {name}"), page.get_by_role("menuitem", name="Selective sync", exact=True))
    page.get_by_text("Choose ZIP").first.wait_for()
    done.step("4. Actions, Selective sync")
    done.choose_file(page, district)
    done.click(button("Upload and choose schools"))
    page.get_by_role("heading", name="Schools (").wait_for()
    done.step("5, 6. Give the ZIP, until the schools are shown")
    with page.expect_download() as download:
        done.click(button("Download sheet"))
    done.step("7. Download the sheet Org")
    sheet = filled(Path(download.value.path()).read_bytes(), folder / "Org.xlsx")
    done.since = time.perf_counter()
    done.choose_file(page, sheet)
    page.get_by_text("rows say Yes").wait_for()
    done.step("8, 9. Upload it, until it says what it comes to")
    done.click(button("Use this sheet"))
    page.get_by_role("heading", name="Classes (").wait_for()
    page.get_by_text("Section").first.wait_for()
    done.step("10. Until the classes are shown")
    done.click(button("Select all"))
    page.get_by_role("heading", name=re.compile(r"\(([1-9][\d,]*) of \1 selected")).wait_for()
    done.click(button("Continue"))
    page.get_by_label("Blank student").wait_for()
    done.step("11, 12. Select all classes, until the people are counted")
    done.click(button("Sync", True))
    page.get_by_text("Succeeded").first.wait_for()
    done.step("13 to 15. Sync, until it has succeeded")
    done.click(button("Download log"))
    with page.expect_download():
        done.click(page.get_by_role("link", name="Report: summary"))
    done.step("16. Download log: the workbook")
    print(f"| together | {done.all_clicks} | {done.all_s:.1f} |")


def main() -> None:
    district, address = Path(sys.argv[1]), sys.argv[2] if sys.argv[2:] else "http://127.0.0.1:8000"
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_context(base_url=address, locale="en-US").new_page()
        page.set_default_timeout(300_000)
        walk(page, district, Path(folder))
        browser.close()


if __name__ == "__main__":
    main()
