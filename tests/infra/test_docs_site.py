"""The docs: what a page links to is there, each page is in a place where it is found, and the README's commands are targets."""

import re
from pathlib import Path

import pytest

from infra import ROOT

DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md"])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)(#[^)\s]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_is_there(page: Path) -> None:
    without_code = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
    links = [to for to, _ in LINK.findall(without_code) if not re.match(r"[a-z]+:", to)]

    assert [to for to in links if not (page.parent / to).exists()] == []


def test_each_page_is_found_in_the_menu_of_the_site() -> None:
    menu = set((ROOT / "mkdocs.yml").read_text().split())

    assert [name for page in DOCS.rglob("*.md") if (name := str(page.relative_to(DOCS))) not in menu] == []


def test_each_make_target_that_the_docs_name_is_one() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    named = {name for page in PAGES for name in re.findall(r"`make ([a-z-]+)", page.read_text())}

    assert named - targets == set()


def test_the_portals_help_leads_to_pages_that_are_there() -> None:
    help_of_portal = (ROOT / "portal" / "src" / "app" / "Help.tsx").read_text()
    named = {each.partition("#") for each in re.findall(r"more: '([^']+)'", help_of_portal)}

    assert len(named) > 5
    for path, _, anchor in named:
        page = DOCS / f"{path.rstrip('/')}.md"
        assert page.is_file(), path
        headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.M)
        assert not anchor or anchor in {re.sub(r"[^a-z0-9]+", "-", each.lower()).strip("-") for each in headings}, (path, anchor)
