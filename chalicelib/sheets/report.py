"""The log of a sync for people: one workbook, and the full rows as gzipped CSV."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from chalicelib.oneroster.entities import ENTITIES
from chalicelib.roster.duck import quoted
from chalicelib.roster.problems import problem_groups
from chalicelib.sheets import cells

MOST_ROWS = 20_000  # people read fewer rows in a sheet, writing them takes seconds, and the CSV beside it holds all
UTF_8_MARK = "\ufeff"
FORMULA, HARMLESS = r"'^([=+@\t\r-])'", r"'''\1'"  # SQL: how a formula begins, and the same with an apostrophe
ACTIONS = ("created", "updated", "deactivated", "ended", "unchanged")
CHANGES = ("entity", "sourcedId", "name", "action", "reason", "schools", "fields")
PROBLEMS = ("severity", "file", "line", "sourcedId", "field", "rule", "message", "cause")


@dataclass(frozen=True)
class ReportHeader:
    group_name: str
    sync_id: str
    mode: str
    started_by: str
    started_at: datetime
    ended_at: datetime
    outcome: str


@dataclass(frozen=True)
class ReportFile:
    name: str
    title: str
    size_bytes: int


def write_report(room: Path, out: Path, header: ReportHeader) -> list[ReportFile]:
    """Write report.xlsx, changes.csv.gz and problems.csv.gz into `out`.

    Reads stage/summary.json, stage/problems.parquet, plan/summary.json and plan/changes.parquet in `room`. Rows
    stream; memory doesn't grow with them.
    """
    out.mkdir(parents=True, exist_ok=True)
    staged = json.loads((room / "stage" / "summary.json").read_text())
    plan = json.loads((room / "plan" / "summary.json").read_text())
    with cells.workbook(out / "report.xlsx") as book:
        _summary(book.page("Summary"), header, staged, plan)
        _schools(book.page("Schools"), plan)
        _problems(book.page("Problems"), room / "stage")
        _changes(book.page("Changes"), room / "plan" / "changes.parquet")
    _csv(room / "plan" / "changes.parquet", (*CHANGES, "before", "after"), out / "changes.csv.gz")
    _csv(room / "stage" / "problems.parquet", PROBLEMS, out / "problems.csv.gz")
    titles = {
        "report.xlsx": "Report: summary, schools, problems and changes",
        "changes.csv.gz": "Every change, with before and after",
        "problems.csv.gz": "Every problem, by file and line",
    }
    return [ReportFile(name, title, (out / name).stat().st_size) for name, title in titles.items()]


def _summary(page: cells.Page, header: ReportHeader, staged: dict[str, Any], plan: dict[str, Any]) -> None:
    columns = ("", "Rows read", "Kept", "Left out", "Selected", *(action.capitalize() for action in ACTIONS))
    page.header(columns, [24, *[12] * (len(columns) - 1)])
    for entity in ENTITIES:
        counted, numbers = staged["counts"][entity], plan["counts"][entity]
        read = (counted["read"], counted["kept"], counted["left_out"])
        page.row((entity, *read, numbers["selected"], *(numbers[action] for action in ACTIONS)))
    page.row(())
    page.row(("Every row that was read is either kept or left out: Rows read = Kept + Left out.",))
    page.row(())
    for name, value in (
        ("Group", header.group_name),
        ("Sync", header.sync_id),
        ("Mode", header.mode),
        ("Started by", header.started_by),
        ("Started (UTC)", header.started_at.replace(tzinfo=None)),
        ("Ended (UTC)", header.ended_at.replace(tzinfo=None)),
        ("Result", header.outcome),
        ("OneRoster", staged["version"]),
        ("Source system", staged["system"]),
    ):
        page.row((name, value))
    for note in plan["notes"] + [breach["message"] for breach in plan["breaches"]]:
        page.row(("Note", note))


def _schools(page: cells.Page, plan: dict[str, Any]) -> None:
    page.header(("School", "sourcedId", "Of", *(action.capitalize() for action in ACTIONS)), [36, 20, 18, *[12] * 5])
    for school in plan["schools"]:
        for entity, numbers in school["counts"].items():
            page.row((school["name"], school["sourcedId"], entity, *(numbers[action] for action in ACTIONS)))


def _problems(page: cells.Page, stage: Path) -> None:
    names = ("Severity", "Explains rows", "Example", "File", "Line", "sourcedId", "How to fix")
    page.header(names, [10, 14, 80, 22, 10, 20, 60])
    found = problem_groups(stage / "problems.parquet", limit=MOST_ROWS, offset=0)
    for group in found.items:
        keys = ("severity", "explains", "message", "file", "line", "sourcedId", "howToFix")
        page.row([group[key] for key in keys])
    _say_the_rest(page, found.total, "problems.csv.gz")


def _changes(page: cells.Page, changes: Path) -> None:
    page.header(("Of", "sourcedId", "Name", "Action", "Reason", "Schools", "Fields that differ"), [18, 20, 36, 12, 36, 24, 36])
    total, rows = _first_rows(changes, CHANGES)
    for row in rows:
        page.row(["; ".join(value) if isinstance(value, list) else value for value in row])
    _say_the_rest(page, total, "changes.csv.gz")


def _say_the_rest(page: cells.Page, total: int, where: str) -> None:
    if total > MOST_ROWS:
        page.row((f"{total - MOST_ROWS:,} more rows are in {where}.",))


def _csv(parquet: Path, columns: Sequence[str], to: Path) -> None:
    """Every row, streamed by DuckDB: a state's first sync has seventeen million. The mark in front tells Excel UTF-8."""
    with duckdb.connect(config={"threads": 1}) as connection:
        file = {"file": str(parquet)}
        described = connection.execute("DESCRIBE SELECT * FROM read_parquet($file)", file).fetchall()
        types = {str(name): str(kind) for name, kind, *_ in described}
        shown = [_shown(name, types[name]) for name in columns]
        names = [UTF_8_MARK + columns[0], *columns[1:]]
        query = ", ".join(f"{value} AS {quoted(name)}" for value, name in zip(shown, names, strict=True))
        connection.execute(
            f"COPY (SELECT {query} FROM read_parquet($file)) TO $to (FORMAT csv, HEADER, COMPRESSION gzip, NEW_LINE '\\r\\n')",
            {**file, "to": str(to)},
        )


def _shown(name: str, kind: str) -> str:
    """A column as text; where a spreadsheet would take it for a formula it gets an apostrophe in front."""
    own = f"array_to_string({quoted(name)}, '; ')" if kind.endswith("[]") else quoted(name)
    return own if kind == "BIGINT" else f"regexp_replace({own}, {FORMULA}, {HARMLESS})"


def _first_rows(parquet: Path, columns: Sequence[str]) -> tuple[int, list[tuple[Any, ...]]]:
    """How many rows there are, and those of them that a sheet shows."""
    named = ", ".join(map(quoted, columns))
    with duckdb.connect(config={"threads": 1}) as connection:
        file = {"file": str(parquet)}
        counted = connection.execute("SELECT count(*) FROM read_parquet($file)", file).fetchone()
        rows = connection.execute(f"SELECT {named} FROM read_parquet($file) LIMIT {MOST_ROWS}", file).fetchall()
    return (int(counted[0]) if counted else 0), rows
