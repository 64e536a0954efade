"""The house explains itself: what is cited exists, and what the how-tos name is there."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CODE = (".py", ".ts", ".tsx", ".toml", ".json", ".asl.json", "Makefile", ".mjs", ".sh")
TRACKED = [
    name
    for name in subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    if (ROOT / name).is_file()
]
DOCUMENTS = {name for name in TRACKED if name.endswith(".md")}
CITED = re.compile(r"(?<![\w./-])((?:[A-Za-z0-9_-]+/)*[A-Za-z0-9_-]+\.md)\b")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()


def cited_in(name: str) -> set[str]:
    return set(CITED.findall((ROOT / name).read_text(errors="ignore")))


@pytest.mark.parametrize("name", [name for name in TRACKED if name.endswith(CODE) and "package-lock" not in name])
def test_every_document_that_the_code_cites_exists(name: str) -> None:
    known = DOCUMENTS | {Path(each).name for each in DOCUMENTS}

    assert {cited for cited in cited_in(name) if not cited.startswith("node_modules")} <= known


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_every_link_from_page_to_page_leads_somewhere(name: str) -> None:
    text = (ROOT / name).read_text()
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text):
        assert (ROOT / name).parent.joinpath(target).exists() or (ROOT / target).exists(), f"{name} -> {target}"


def test_every_picture_that_is_kept_is_shown() -> None:
    shown = "".join((ROOT / name).read_text() for name in DOCUMENTS)

    assert [name for name in TRACKED if name.startswith("docs/screenshots/") and Path(name).name not in shown] == []


def test_every_file_that_the_architecture_names_is_there() -> None:
    named = [each for each in re.findall(r"`([A-Za-z_.]+/[A-Za-z0-9_./-]*)`", ARCHITECTURE) if "{" not in each]
    ours = [each for each in named if each.partition("/")[0] in {name.partition("/")[0] for name in TRACKED}]

    assert len(ours) > 25
    assert [each for each in ours if not (ROOT / each).exists()] == []


def test_each_how_to_names_the_files_to_change_in_turn() -> None:
    how_tos = re.split(r"^### ", ARCHITECTURE.partition("## How to add")[2], flags=re.MULTILINE)[1:]

    assert [each.partition("\n")[0] for each in how_tos] == ["A validation rule", "A source", "A route", "A Lambda"]
    for each in how_tos:
        steps = re.findall(r"^\d\. (.*)$", each, re.MULTILINE)
        assert len(steps) >= 3
        assert all("`" in step for step in steps)


def test_the_floors_on_the_page_are_those_that_lint_keeps() -> None:
    contract = (ROOT / "pyproject.toml").read_text().partition('type = "layers"')[2].partition("]\n")[0]
    kept = [set(re.findall(r"(?:chalicelib\.)?(\w+)", line)) - {"chalicelib"} for line in re.findall(r'"([^"]+)"', contract)]
    shown = ARCHITECTURE.partition("## Floors")[2].partition("```\n")[2].partition("```")[0].splitlines()

    page = [set(re.split(r" \| ", re.split(r"\s{2,}", line)[0])) for line in shown]
    assert page == [floor for floor in kept if floor != {"errors"}]


def test_no_blueprint_is_left_out_of_the_contract_that_they_leave_each_other_alone() -> None:
    contract = (ROOT / "pyproject.toml").read_text().partition("Blueprints don't import")[2].partition("]\n")[0]

    blueprints = {path.stem for path in (ROOT / "chalicelib" / "api").glob("*.py") if "Blueprint(" in path.read_text()}
    assert set(re.findall(r"chalicelib\.api\.(\w+)", contract)) == blueprints - {"authorizer"}  # whom every route asks
