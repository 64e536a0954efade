"""What a group's source holds, as text, row by row: what a file of changes only (a delta) is merged into.

A bundle of which a file is a delta says nothing of the rows that it lacks. Selecting and planning know whole rosters only, so
the stage first makes one of it: the rows that came, and the earlier ones that no row which came replaces.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from oneroster_engine.duckdb_session import PACKED, number_of, parquet_rows, quoted
from oneroster_engine.staging import cells
from oneroster_engine.staging.reading import Finding, Loaded, ToTable, columns_of, load, no_rows
from oneroster_engine.standard.entities import Field

STATUS_WORD = cells.status("status")
SENT_EARLIER = 1_000_000_000  # lines from here on are rows of an earlier bundle, which have no line in this one


@dataclass(frozen=True)
class View:
    """`before`: a folder of what the source held, either an earlier `after` or the CSVs of a bulk bundle. `after`: the folder
    in which to leave what it holds now, as {file}.parquet and manifest.csv."""

    before: Path
    after: Path

    def holds(self, name: str) -> bool:
        return any((self.before / f"{name}.{kind}").is_file() for kind in ("parquet", "csv"))


def merge(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    fields: Sequence[Field],
    came: Path | None,
    view: View,
    is_delta: bool,
    to_types: ToTable,
) -> Loaded:
    """Make `read_{name}` as `reading.load` does, of the file that came and of the view, and write the view's next state.

    A row replaces the earlier ones of its sourcedId whole. A row to be deleted is read now and is not in the view any more.
    A file that is no delta replaces all; one that didn't come leaves all as it was. Raises BundleRefused.
    """
    columns = ", ".join(map(quoted, columns_of(fields)))
    sent = load(connection, came, fields, f"came_{name}", _as_sent) if came else _none(connection, f"came_{name}", fields)
    whole = _hold(connection, name, fields, view if is_delta or not came else None, columns)
    findings = [*sent.findings, *(_say_active(connection, name) if is_delta else ())]
    connection.execute(
        f"CREATE VIEW merged_{name} AS SELECT line, {columns} FROM came_{name} UNION ALL "
        f"SELECT {SENT_EARLIER} + row_number() OVER () AS line, {columns} FROM held_{name} "
        f"WHERE trim(sourcedId) NOT IN (SELECT trim(sourcedId) FROM came_{name} WHERE sourcedId IS NOT NULL)"
        " OR sourcedId IS NULL"
    )
    connection.execute(f"CREATE TABLE read_{name} AS {to_types(f'merged_{name}')}")
    kept = f"SELECT {columns} FROM merged_{name} WHERE ({STATUS_WORD}) <> 'tobedeleted'"
    to = {"to": str(view.after / f"{name}.parquet")}
    connection.execute(f"COPY ({kept}) TO $to ({PACKED})", to)
    held = number_of(connection, f"SELECT count(*) FROM read_{name} WHERE line >= {SENT_EARLIER}")
    if is_delta:
        message = f"{name}.csv holds changes only: {sent.rows:,} rows; {held:,} rows that were sent earlier stand as they were."
        findings.append(Finding("delta", "note", message))
    return replace(sent, rows=sent.rows + held, findings=tuple(findings), whole=sent.whole and whole, absent=frozenset())


def _as_sent(rows: str, absent: Collection[str] = ()) -> str:
    return f"SELECT * FROM {rows}"


def _none(connection: duckdb.DuckDBPyConnection, table: str, fields: Sequence[Field]) -> Loaded:
    connection.execute(f"CREATE TABLE {table} AS {_as_sent(no_rows(fields))}")
    return Loaded(0, ())


def _hold(connection: duckdb.DuckDBPyConnection, name: str, fields: Sequence[Field], view: View | None, columns: str) -> bool:
    """Make `held_{name}` of the view's rows; whether no row of it may be missing. Their problems have been reported before."""
    if view and (parquet := view.before / f"{name}.parquet").is_file():
        connection.execute(f"CREATE VIEW held_{name} AS SELECT {columns} FROM {parquet_rows(parquet)}")
        return True
    if view and (csv := view.before / f"{name}.csv").is_file():
        return load(connection, csv, fields, f"held_{name}", _as_sent).whole
    return _none(connection, f"held_{name}", fields).whole


def _say_active(connection: duckdb.DuckDBPyConnection, name: str) -> list[Finding]:
    """Let the changes call who is there as the view does. A bulk file leaves that status blank and a delta writes "active":
    the changed rows would else be lost to a selection of the blank ones."""
    held = f"FROM held_{name} WHERE ({STATUS_WORD})"
    blank = number_of(connection, f"SELECT count(*) {held} = ''") >= number_of(connection, f"SELECT count(*) {held} = 'active'")
    word = "NULL" if blank else "'active'"
    missing = number_of(connection, f"SELECT count(*) FROM came_{name} WHERE ({STATUS_WORD}) = ''")
    connection.execute(f"UPDATE came_{name} SET status = {word} WHERE ({STATUS_WORD}) IN ('', 'active')")
    message = f"{missing:,} rows of {name}.csv have no status, which a delta must have; they were read as active."
    return [Finding("delta-status", "warning", message)] if missing else []
