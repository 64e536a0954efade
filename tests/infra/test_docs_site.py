"""The docs: what a page links to is there, each page is in a place where it is found, and the README's commands are targets."""

import json
import re
import subprocess
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


# Pages about our own house: `oneroster.md` quotes the sources of providers and tools, decisions tell of then.
OURS = [page for page in PAGES if page.name != "oneroster.md" and page.parent.name != "decisions"]


def test_each_file_of_ours_that_a_page_names_is_there() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    folders = {name.partition("/")[0] for name in tracked if "/" in name}
    named = {
        (str(page.relative_to(ROOT)), path)
        for page in OURS
        for path in re.findall(r"`((?:[\w.-]+/)+[\w.-]+)(?:`|::| )", page.read_text())
        if path.partition("/")[0] in folders - {"build"} or path.endswith(".py")
    }

    assert len(named) > 50
    assert [(page, path) for page, path in sorted(named) if not (ROOT / path).exists()] == []


def test_each_module_that_a_page_says_to_run_is_there() -> None:
    named = {name for page in OURS for name in re.findall(r"python -m ([\w.]+)", page.read_text())}
    files = {name: ROOT / name.replace(".", "/") for name in named}

    assert len(named) > 5
    assert [name for name, path in files.items() if not (path.with_suffix(".py").exists() or path.is_dir())] == []


def test_each_route_that_a_page_names_is_one() -> None:
    paths = json.loads((ROOT / "portal" / "openapi.json").read_text())["paths"]
    routes = {(method.upper(), re.sub(r"{\w+}", "{}", path)) for path, methods in paths.items() for method in methods}
    source = (ROOT / "chalicelib" / "api" / "rostering.py").read_text()
    routes |= {("GET", path) for path in re.findall(r'route\("(/oneroster/\w+)", methods=\["GET"\]', source)}
    named = {
        (method, re.sub(r"{\w+}", "{}", path))
        for page in OURS
        for method, path in re.findall(r"`(GET|POST|PATCH|DELETE) (?:/api)?(/[a-z][\w/{}.-]*)", page.read_text())
    }

    assert len(named) > 5
    assert named - routes == set()
