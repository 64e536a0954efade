"""The log of a sync for people: one workbook, and the full rows as gzipped CSV."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from chalicelib.sheets import cells
from oneroster_engine.duckdb_session import connect, count, parquet_rows, text
from oneroster_engine.inspecting.export import write_roster
from oneroster_engine.inspecting.problems import problem_groups
from oneroster_engine.inspecting.trace import REASONS, judge_people
from oneroster_engine.planning.snapshot import planned_rows
from oneroster_engine.plural import plural
from oneroster_engine.selecting.selection import Selection, select
from oneroster_engine.spreadsheet_csv import write_csv
from oneroster_engine.standard.entities import ENTITIES

MOST_ROWS = 20_000  # people read fewer rows in a sheet, writing them takes seconds, and the CSV next to it holds all
REMOVALS = ("deactivated", "ended")
ACTIONS = ("created", "updated", "deactivated", "ended", "unchanged")
CHANGES = ("entity", "sourcedId", "name", "action", "reason", "schools", "fields")
KEPT = ("entity", "sourcedId", "name", "schools", "kept", "field", "value", "inTheSource")
PEOPLE = ("file", "line", "sourcedId", "givenName", "familyName", "username", "userType", "status", "selected", "reason")
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
    asked: str = ""  # of a provider's API


@dataclass(frozen=True)
class ReportFile:
    name: str
    title: str
    size_bytes: int


def write_report(
    workdir: Path, out: Path, header: ReportHeader, selection: Selection | None = None, with_removals: bool = True
) -> list[ReportFile]:
    """Write report.xlsx, changes.csv.gz, problems.csv.gz and, with a selection, people.csv.gz and roster.zip into `out`.

    Reads stage/ and plan/ in `workdir`. Of a plan that was approved without removals, none of them is listed as done: what was
    kept, records and single values, has a sheet and kept.csv.gz of its own. Rows stream; memory doesn't grow with them.
    """
    out.mkdir(parents=True, exist_ok=True)
    staged = json.loads((workdir / "stage" / "summary.json").read_text())
    plan = json.loads((workdir / "plan" / "summary.json").read_text())
    if not with_removals:
        plan = _without_removals(plan, _spared(workdir / "plan" / "changes.parquet"))
    titles = {
        "report.xlsx": "Report: summary, schools, problems and changes",
        "changes.csv.gz": "Every change, with before and after",
        "problems.csv.gz": "Every problem, by file and line",
    }
    with connect() as connection:
        _view(connection, "problem", workdir / "stage" / "problems.parquet")
        done = "" if with_removals else "WHERE action NOT IN ('deactivate', 'end')"
        _view(connection, "change", workdir / "plan" / "changes.parquet", done)
        if not with_removals and "spared" in [column for column, *_ in connection.execute("DESCRIBE change").fetchall()]:
            connection.execute(
                "CREATE OR REPLACE VIEW change AS " + _AS_SPARED.format(changes=workdir / "plan" / "changes.parquet")
            )
        with cells.workbook(out / "report.xlsx") as book:
            _summary(book.page("Summary"), header, staged, plan)
            _schools(book.page("Schools"), plan)
            _problems(book.page("Problems"), workdir / "stage")
            _changes(book.page("Changes"), connection)
            if not with_removals:
                connection.execute("CREATE VIEW kept AS " + _kept(connection, workdir / "plan" / "changes.parquet"))
                _kept_page(book.page("Kept"), connection)
        write_csv(connection, "SELECT * FROM change", (*CHANGES, "before", "after"), out / "changes.csv.gz")
        if not with_removals:
            write_csv(connection, "SELECT * FROM kept", KEPT, out / "kept.csv.gz")
            titles["kept.csv.gz"] = "Everything that was kept, since the plan was approved without removals"
        write_csv(connection, "SELECT * FROM problem", PROBLEMS, out / "problems.csv.gz")
        if selection is not None:
            select(connection, workdir / "stage", selection)
            judge_people(connection, selection)
            write_csv(connection, _EVERYBODY, PEOPLE, out / "people.csv.gz")
            titles["people.csv.gz"] = "Everybody in the source: selected or not, and why"
            write_roster(connection, out / "roster.zip")
            titles["roster.zip"] = "The roster as processed: cleaned and selected, as OneRoster 1.2 CSVs"
    return [ReportFile(name, title, (out / name).stat().st_size) for name, title in titles.items()]


_KEPT_WORDS = {
    "roles": "a role that ended", "disabled": "being active", "emptied": "a value that is empty now",
    "relations": "a guardian or primary teacher", "memberships": "the place in a class",
}  # fmt: skip
_KEPT_ROWS = """
SELECT entity, sourcedId, name, schools, 'the record' AS kept, '' AS field, '' AS "value", reason AS inTheSource
FROM ({rows}) WHERE action IN ('deactivate', 'end')
UNION ALL
SELECT entity, sourcedId, name, schools, CASE split_part(token, ':', 1) {words} END, field,
       coalesce(if(field = 'platformStatus', before->>'platformStatus', before->'fields'->>field), ''),
       coalesce(if(field = 'platformStatus', after->>'platformStatus', after->'fields'->>field), '')
FROM (SELECT *, split_part(token, ':', 2) AS field FROM (
    SELECT entity, sourcedId, name, schools, before::JSON AS before, after::JSON AS after, unnest(taken) AS token
    FROM ({rows}) WHERE len(taken) > 0))
ORDER BY entity, sourcedId, field
"""

# A change as it came true: what it would have taken away is not among its fields.
_AS_SPARED = """
SELECT * REPLACE (coalesce(spared, after) AS after, list_filter(fields, lambda field:
    json_extract(coalesce(spared, after), '$.fields.' || field)::VARCHAR
    IS DISTINCT FROM json_extract(before, '$.fields.' || field)::VARCHAR) AS fields)
FROM read_parquet('{changes}', hive_partitioning=false) WHERE action NOT IN ('deactivate', 'end')
"""

_TAKEN_WORDS = {
    "roles": "roles that would have ended",
    "disabled": "people who would have become inactive",
    "emptied": "values that are empty in the source",
    "relations": "guardians and primary teachers",
    "memberships": "enrollments that would have moved to another class or person",
}


def _spared(changes: Path) -> list[str]:
    """What the plan would have taken away from records that stay, by kind: a sentence each."""
    rows = parquet_rows(changes)
    with connect() as connection:
        if "taken" not in [column for column, *_ in connection.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()]:
            return []
        each = f"SELECT split_part(unnest(taken), ':', 1) AS kind FROM {rows}"
        numbers = connection.execute(f"SELECT kind, count(*) FROM ({each}) GROUP BY kind ORDER BY kind").fetchall()
    return [f"Spared, since the plan was approved without removals: {number:,} {_TAKEN_WORDS[kind]}." for kind, number in numbers]


def _without_removals(plan: dict[str, Any], spared: list[str]) -> dict[str, Any]:
    """The plan's summary as it came true."""
    withheld = sum(counts[action] for counts in plan["counts"].values() for action in REMOVALS)
    if withheld:
        spared = [
            f"Approved without removals. Not done: {plural(withheld, 'planned removal')}; see the sheet Kept.",
            *spared,
        ]
    none = dict.fromkeys(REMOVALS, 0)

    def kept(counts: Mapping[str, dict[str, int]]) -> dict[str, dict[str, int]]:
        return {entity: {**numbers, **none} for entity, numbers in counts.items()}

    return {
        **plan,
        "counts": kept(plan["counts"]),
        "schools": [{**school, "counts": kept(school["counts"])} for school in plan["schools"]],
        "notes": [*plan["notes"], *spared],
    }


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
        *((("Source", header.asked),) if header.asked else ()),
    ):
        page.row((name, value))
    for note in plan["notes"] + [breach["message"] for breach in plan["breaches"]]:
        page.row(("Note", note))


def _schools(page: cells.Page, plan: dict[str, Any]) -> None:
    page.header(("School", "sourcedId", "Of", *(action.capitalize() for action in ACTIONS)), [36, 20, 18, *[12] * 5])
    rows = [(school, entity) for school in plan["schools"] for entity in school["counts"]]
    for school, entity in rows[:MOST_ROWS]:
        page.row((school["name"], school["sourcedId"], entity, *(school["counts"][entity][action] for action in ACTIONS)))
    page.filtered()
    _say_the_rest(page, len(rows), "changes.csv.gz")


def _problems(page: cells.Page, stage: Path) -> None:
    names = ("Severity", "Explains rows", "Example", "File", "Line", "sourcedId", "How to fix")
    page.header(names, [10, 14, 80, 22, 10, 20, 60])
    found = problem_groups(stage / "problems.parquet", limit=MOST_ROWS, offset=0)
    for group in found.items:
        keys = ("severity", "explains", "message", "file", "line", "sourcedId", "howToFix")
        page.row([group[key] for key in keys])
    page.filtered()
    _say_the_rest(page, found.total, "problems.csv.gz")


def _changes(page: cells.Page, connection: duckdb.DuckDBPyConnection) -> None:
    page.header(("Of", "sourcedId", "Name", "Action", "Reason", "Schools", "Fields that differ"), [18, 20, 36, 12, 36, 24, 36])
    for row in connection.execute(f"SELECT {', '.join(CHANGES)} FROM change LIMIT {MOST_ROWS}").fetchall():
        page.row(["; ".join(value) if isinstance(value, list) else value for value in row])
    page.filtered()
    _say_the_rest(page, count(connection, "change"), "changes.csv.gz")


def _kept(connection: duckdb.DuckDBPyConnection, changes: Path) -> str:
    """A query of what an approval without removals has kept: whole records, and values of records that stay."""
    rows = planned_rows(connection, changes)
    words = " ".join(f"WHEN {text(kind)} THEN {text(words)}" for kind, words in _KEPT_WORDS.items())
    return _KEPT_ROWS.format(rows=rows, words=words)


def _kept_page(page: cells.Page, connection: duckdb.DuckDBPyConnection) -> None:
    names = ("Of", "sourcedId", "Name", "Schools", "What was kept", "Field", "Value that was kept", "In the source")
    page.header(names, [18, 20, 36, 24, 36, 18, 36, 36])
    for row in connection.execute(f"SELECT * FROM kept LIMIT {MOST_ROWS}").fetchall():
        page.row(["; ".join(value) if isinstance(value, list) else value for value in row])
    page.filtered()
    _say_the_rest(page, count(connection, "kept"), "kept.csv.gz")


def _say_the_rest(page: cells.Page, total: int, where: str) -> None:
    if total > MOST_ROWS:
        page.row((f"{total - MOST_ROWS:,} more rows are in {where}.",))


def _view(connection: duckdb.DuckDBPyConnection, name: str, parquet: Path, where: str = "") -> None:
    connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {parquet_rows(parquet)} {where}")


# One row for each that was read, in the source's order. Of a row that was left out the problem is all that is known.
_EVERYBODY = f"""
SELECT * FROM (
    SELECT 'users.csv' AS file, people.line, people.sourcedId, givenName, familyName, username, userType,
           statusCell AS status, if(selected, 'yes', 'no') AS selected,
           CASE why.reason {" ".join(f"WHEN {text(key)} THEN {text(words)}" for key, words in REASONS.items())} END AS reason
    FROM staged_users people JOIN why_users why ON why.sourcedId = people.sourcedId
    UNION ALL
    SELECT 'users.csv', line, min(sourcedId), NULL, NULL, NULL, NULL, NULL, 'left out', arg_min(message, severity)
    FROM problem WHERE entity = 'users' AND CASE WHEN line IS NULL  -- about the whole file, or sent in an earlier bundle
        THEN sourcedId NOT IN (SELECT sourcedId FROM staged_users) AND sourcedId <> ''
        ELSE line NOT IN (SELECT line FROM staged_users WHERE line IS NOT NULL) END
    GROUP BY line, if(line IS NULL, sourcedId, NULL)
) ORDER BY line
"""
