"""What people really send: each broken or ugly bundle, through the door and into the stage, as it must come out."""

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from oneroster_engine.errors import BundleRefused
from oneroster_engine.inspecting.problems import problem_groups
from oneroster_engine.staging.rules import ALL_RULES, HOW_TO_FIX
from oneroster_engine.staging.stage import Staged, stage_bundle
from oneroster_engine.standard.archive import Limits, inflate
from oneroster_engine.standard.entities import ENTITIES
from tests.corpus.build import Case, Found, files, header_of, manifest_of, packed
from tests.corpus.cases import CASES
from tests.corpus.rows import V1_1, V1_2, RowCase, found_of, line_of, rows_of
from tests.engine.refusals import WHAT_AND_WHAT_TO_DO

SECRET = b"hunter2"
# Rules of whole files, and the bundle that shows each.
SHOWN_BY_CASE = {
    "form": "UTF-8 with its mark",
    "encoding": "Windows-1252",
    "line-break": "a line break in a cell",
    "cut-row": "a file that was cut",
    "open-quote": "a quote left open that a later one closes",
    "garbled": "text that was garbled before it came",
    "moved-cell": "a row that lacks an empty cell",
    "delivery": "users_2.csv next to users.csv, which may hold more people",
    "fewer-rows": "a footer that counts more rows, (2 rows)",
    "unescaped": "a comma in a title that isn't quoted",
    "column-order": "columns in another order and case, with blanks",
    "column-ignored": "columns of one's own",
    "manifest-absent": "no manifest",
    "manifest-differs": "a file that the manifest calls absent",
    "local-date": "American dates, which one of them shows",
    "year-day-month": "the day before the month, as two rows show",
    "lost-zeros": "people whose ids have lost their zeros",
    "damaged-id": "people whose ids have lost their zeros, one of whom nobody refers to",
    "differing-ids": "a letter for a digit in one person's id, 1.1",
    "doubtful-ids": "a letter before all ids, to which one file refers without",
    "differing-references": "something before one file's references",
    "others-ids": "classes and people that changed places",
    "measure-ids": "ids that became measures in every file",
    "formula-ids": "ids that are formulas with two arguments",
    "rounded-ids": "ids that a spreadsheet rounded",
    "date-ids": "ids that a spreadsheet made dates of",
    "blank-column": "classes without any title, with codes",
    "no-role-type": "a role that is neither primary nor secondary",
    "same-username": "two people of one username",
    "same-email": "brothers and sisters under one e-mail",
    "bracketed-ids": "one user's id in brackets among others",
    "one-for-all": "one phone for all but one",
    "enrolled-twice": "a person enrolled twice in a class, alike, 1.1",
    "two-primary-teachers": "two primary teachers of a class, in numbers, 1.2",
    "class-ends": "enrollments of a class that is to be deleted",
    "merged": "a person with a row a school",
    "other-status": "status in other words",
}
# Rules that no single bundle shows, and the test that does.
SHOWN_ELSEWHERE = {
    "sampled": "tests/engine/test_problems.py",
    "delta": "tests/engine/test_delta.py",
    "delta-status": "tests/engine/test_delta.py",
}


class Read:
    """A bundle that was read: its stage, to be asked."""

    def __init__(self, folder: Path, archive: bytes) -> None:
        packed_at = folder / "bundle.zip"
        packed_at.write_bytes(archive)
        inflate(packed_at, folder / "bundle", Limits())
        self.stage = folder / "stage"
        self.staged: Staged = stage_bundle(folder / "bundle", self.stage)
        self.problems = self.rows("problems")

    def rows(self, name: str) -> list[dict[str, Any]]:
        found = duckdb.read_parquet(str(self.stage / f"{name}.parquet"))
        return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]

    def row(self, entity: str, sourced_id: str) -> dict[str, Any] | None:
        return next((row for row in self.rows(entity) if row["sourcedId"] == sourced_id), None)

    def matching(self, found: Found) -> list[dict[str, Any]]:
        return [
            each
            for each in self.problems
            if (each["line"], each["severity"]) == (found.line, found.severity)
            and each["file"] in (found.file, found.file or each["file"])
            and re.search(found.says, each["message"])
        ]

    def without_help(self) -> set[str]:
        """Rules of problems that nobody is told how to mend."""
        return {each["rule"] for each in self.problems if each["severity"] != "note"} - set(HOW_TO_FIX)

    def unexpected(self, expected: list[Found]) -> list[dict[str, Any]]:
        """Errors and warnings beyond those expected."""
        known = [each["key"] for found in expected for each in self.matching(found)]
        return [each for each in self.problems if each["severity"] != "note" and each["key"] not in known]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name.replace(" ", "-")) for case in CASES])
def test_each_bundle_of_the_corpus_is_read_or_refused_as_it_must_be(tmp_path: Path, case: Case) -> None:
    if case.refused:
        with pytest.raises(BundleRefused, match=case.refused) as refusal:
            Read(tmp_path, case.archive)
        assert WHAT_AND_WHAT_TO_DO.fullmatch(str(refusal.value))
        assert not [*tmp_path.rglob("*.parquet"), *tmp_path.rglob("summary.json")]
        return

    read = Read(tmp_path, case.archive)

    for found in case.problems:
        assert read.matching(found), (found, read.problems)
    assert {rule for rule, name in SHOWN_BY_CASE.items() if name == case.name} <= {each["rule"] for each in read.problems}
    assert read.unexpected(list(case.problems)) == []
    assert read.without_help() == set()
    for entity in ENTITIES:
        counted = read.staged.counts[entity]
        assert counted.read == counted.kept + counted.left_out
        if entity in case.counts:
            assert (counted.read, counted.kept, counted.left_out) == case.counts[entity]
        elif entity not in case.incomplete:
            assert counted.left_out == 0, entity
        assert read.staged.complete[entity] == (entity not in case.incomplete), entity
    for (entity, sourced_id, column), expected in case.values.items():
        row = read.row(entity, sourced_id)
        assert row is not None
        assert (str(row[column]) if column.endswith("Date") and row[column] else row[column]) == expected
    assert all(SECRET not in file.read_bytes() for file in read.stage.rglob("*.*"))


def lines_of(file: str, version: str, cases: tuple[RowCase, ...]) -> bytes:
    header = header_of(file, version)
    rows = [row if isinstance(row, str) else row_of(header, row) for row in rows_of(cases).get(file, [])]
    return "\r\n".join([",".join(header), *rows, ""]).encode()


def district_of(version: str, cases: tuple[RowCase, ...]) -> dict[str, bytes]:
    names = [name.removesuffix(".csv") for name in files(version) if name != "manifest.csv"]
    return {"manifest.csv": manifest_of(version), **{f"{name}.csv": lines_of(name, version, cases) for name in names}}


def row_of(header: list[str], row: Any) -> str:
    return ",".join('"' + row.get(name, "").replace('"', '""') + '"' if row.get(name) else "" for name in header)


DISTRICTS = {"1.1": V1_1, "1.2": V1_2}


@pytest.fixture(scope="module")
def districts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Read]:
    """The two districts in which every row is a case."""
    return {
        version: Read(tmp_path_factory.mktemp("district"), packed(district_of(version, cases)))
        for version, cases in DISTRICTS.items()
    }


ROW_CASES = [
    pytest.param(version, case, id=f"{version}-{case.file}-{case.name}".replace(" ", "-"))
    for version, cases in DISTRICTS.items()
    for case in cases
]


@pytest.mark.parametrize(("version", "case"), ROW_CASES)
def test_each_row_is_judged_with_its_file_line_and_message(districts: dict[str, Read], version: str, case: RowCase) -> None:
    read, cases = districts[version], DISTRICTS[version]
    line, found = line_of(case, cases), found_of(case, cases)
    about = [each for each in read.problems if (each["file"], each["line"]) == (f"{case.file}.csv", line)]

    if found is None:
        assert [each["message"] for each in about if each["severity"] != "note"] == []
    else:
        matching = read.matching(found)
        assert len(matching) == 1, about
        assert matching[0]["message"].startswith(f"{case.file}.csv, line {line}: ")
        assert matching[0]["sourcedId"] == case.kept_id
        assert root_of(read, matching[0]) == root_line(case, cases)
    if case.file in ENTITIES:
        kept = next((row for row in read.rows(case.file) if row["line"] == line), None)
        assert (kept is None) == (case.severity == "error" or case.held_back or "identical" in case.says)
        holder = kept or read.row(case.file, case.kept_id)
        for column, value in case.values.items():
            assert holder is not None
            assert holder[column] == value


def root_of(read: Read, problem: dict[str, Any]) -> str:
    """Where the root cause stands, as file and line, or its key where no such row was sent."""
    root = next((each for each in read.problems if each["key"] == problem["cause"]), None)
    return f"{root['file']}, line {root['line']}" if root else str(problem["cause"])


def root_line(case: RowCase, cases: tuple[RowCase, ...]) -> str:
    if not case.root or "missing" in case.root:
        return case.root or f"{case.file}.csv, line {line_of(case, cases)}"
    file, name = case.root.split(": ")
    root = next(each for each in cases if (each.file, each.name) == (file, name))
    return f"{file}.csv, line {line_of(root, cases)}"


def test_every_rule_has_a_row_in_the_corpus_whatever_it_costs(districts: dict[str, Read]) -> None:
    in_districts = {(each["rule"], each["severity"]) for read in districts.values() for each in read.problems}
    elsewhere = SHOWN_BY_CASE.keys() | SHOWN_ELSEWHERE.keys()

    assert {(rule.id, str(rule.severity)) for rule in ALL_RULES if rule.id not in elsewhere} - in_districts == set()
    assert set(SHOWN_BY_CASE.values()) <= {case.name for case in CASES}


def test_every_problem_comes_with_how_to_mend_it(districts: dict[str, Read]) -> None:
    assert {version: read.without_help() for version, read in districts.items()} == {"1.1": set(), "1.2": set()}


@pytest.mark.parametrize("version", list(DISTRICTS))
def test_nothing_else_is_found_in_these_districts_and_all_rows_add_up(districts: dict[str, Read], version: str) -> None:
    read, cases = districts[version], DISTRICTS[version]

    assert read.unexpected([found for case in cases if (found := found_of(case, cases))]) == []
    for entity in ENTITIES:
        counted = read.staged.counts[entity]
        assert counted.read == len(rows_of(cases)[entity]) == counted.kept + counted.left_out


def test_a_missing_school_is_shown_once_as_what_explains_every_row_under_it(tmp_path: Path) -> None:
    case = next(case for case in CASES if case.name == "one missing school under forty classes")

    groups = problem_groups(Read(tmp_path, case.archive).stage / "problems.parquet", limit=10, offset=0)

    assert [(group["explains"], group["severity"]) for group in groups.items if group["severity"] != "note"] == [(40, "error")]
