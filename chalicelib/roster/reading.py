"""From a CSV file as sent to a table of text, one row a record, with the line that a spreadsheet shows.

Two readers that give the same table. The fast one is DuckDB's, for files that are plainly well formed; the patient
one is Python's, for everything else that districts send: other encodings and separators, line breaks inside quotes,
blank lines, rows of the wrong width. `load` takes the fast one only where a count of line ends proves it exact.
"""

import codecs
import csv
import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from chalicelib.errors import BundleRefused
from chalicelib.oneroster.entities import Field
from chalicelib.roster.duck import count, quoted

COMMON = ("sourcedId", "status", "dateLastModified")
CHUNK = 1 << 20
LONGEST_FIELD = 1 << 20
UTF_8 = "utf-8-sig"  # with or without its mark
LINE_END = re.compile(r"\r\n|\r|\n")

csv.field_size_limit(LONGEST_FIELD)


@dataclass(frozen=True)
class Finding:
    """Something about the file or one of its rows. `line` is None where it is about the whole file."""

    rule: str
    severity: str
    message: str
    line: int | None = None
    sourced_id: str = ""


@dataclass(frozen=True)
class Loaded:
    """`rows` counts every record of the file, those of the wrong width included, blank lines not."""

    rows: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class _Dialect:
    encoding: str
    delimiter: str
    header: list[str]
    findings: tuple[Finding, ...]


def load(connection: duckdb.DuckDBPyConnection, path: Path, fields: Sequence[Field], table: str) -> Loaded:
    """Make `table` (line BIGINT, sourcedId, status, dateLastModified, then `fields`, all VARCHAR) from the file.

    Empty cells are NULL, columns that the file lacks too. Raises BundleRefused when the file can't be read at all
    or lacks a required column.
    """
    dialect = _dialect(path)
    places = _places(path.name, dialect.header, fields)
    notes = [*dialect.findings, *_about_header(dialect.header, places, fields)]
    if dialect.encoding == UTF_8 and dialect.delimiter == "," and _fast(connection, path, dialect, places, fields, table):
        return Loaded(count(connection, table), tuple(notes))
    findings: list[Finding] = []
    rows_read = _patient(connection, path, dialect, places, fields, table, findings)
    return Loaded(rows_read, (*notes, *findings))


def _dialect(path: Path) -> _Dialect:
    encoding = _encoding(path)
    findings: tuple[Finding, ...] = ()
    if encoding == "cp1252":
        findings = (Finding("encoding", "warning", f"{path.name} is not UTF-8; it was read as Windows-1252."),)
    with path.open(encoding=encoding, newline="") as text:
        first = text.readline(LONGEST_FIELD)
    delimiter = max(",;\t|", key=first.count) if "," not in first or first.count(";") > first.count(",") else ","
    header = next(csv.reader([first], delimiter=delimiter), [])
    return _Dialect(encoding, delimiter, header, findings)


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        marked = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    for encoding in ("utf-16",) if marked else (UTF_8, "cp1252"):
        if _decodes(path, encoding):
            return encoding
    raise BundleRefused(
        f"{path.name}: it is neither UTF-8 nor Windows-1252 text. Export it as UTF-8 and send the bundle again. "
        "Nothing was changed."
    )


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _places(file: str, header: Sequence[str], fields: Sequence[Field]) -> dict[str, int]:
    """Where each column that we read stands in the file. Raises BundleRefused."""
    seen: dict[str, int] = {}
    for place, name in enumerate(header):
        folded = name.strip().casefold()
        if folded in seen and folded:
            raise BundleRefused(
                f"{file}, line 1: column `{name.strip()}` stands there twice. Keep one and send the bundle again. "
                "Nothing was changed."
            )
        seen[folded] = place
    wanted = [("sourcedId", True), ("status", False), ("dateLastModified", False)]
    wanted += [(field.name, field.column_required) for field in fields]
    for name, required in wanted:
        if required and name.casefold() not in seen:
            near = difflib.get_close_matches(name.casefold(), list(seen), n=1)
            nearest = f"; the nearest is `{header[seen[near[0]]].strip()}`" if near else ""
            raise BundleRefused(
                f"{file}, line 1: required column `{name}` is missing{nearest}. "
                "Correct the header and send the bundle again. Nothing was changed."
            )
    return {name: seen[name.casefold()] for name, _ in wanted if name.casefold() in seen}


def _about_header(header: Sequence[str], places: dict[str, int], fields: Sequence[Field]) -> Iterator[Finding]:
    ignored = [name.strip() for place, name in enumerate(header) if place not in places.values() and name.strip()]
    unknown = [name for name in ignored if name.casefold() not in ("password", "resourcesourcedids")]
    if unknown:
        yield Finding("column-ignored", "note", f"Columns that are not read: {', '.join(unknown[:20])}.")
    if list(places.values()) != sorted(places.values()):
        yield Finding("column-order", "note", "The columns are in another order than the standard's.")


def _fast(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    dialect: _Dialect,
    places: dict[str, int],
    fields: Sequence[Field],
    table: str,
) -> bool:
    columns = {f"c{place}": "VARCHAR" for place in range(len(dialect.header))}
    chosen = ", ".join(f"c{place} AS {quoted(name)}" for name, place in places.items())
    try:
        connection.execute(
            f"CREATE OR REPLACE TABLE {table}_sent AS SELECT {chosen} FROM read_csv($path, columns=$columns, "
            "header=false, skip=1, auto_detect=false, delim=',', quote='\"', escape='\"', strict_mode=true, "
            "max_line_size=4000000)",
            {"path": str(path), "columns": columns},
        )
    except duckdb.Error:
        return False  # whatever troubles the fast reader, the patient one names with its line
    if count(connection, f"{table}_sent") != _line_ends(path) - 1:
        return False
    connection.execute(f"CREATE OR REPLACE VIEW {table} AS SELECT rowid + 2 AS line, {_all(places, fields)} FROM {table}_sent")
    return True


def _line_ends(path: Path) -> int:
    """Line ends in the file, a last line without one included; -1 where a lone carriage return makes them unclear."""
    ends, returns, pairs, last = 0, 0, 0, b"\n"
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            ends += chunk.count(b"\n")
            returns += chunk.count(b"\r")
            pairs += chunk.count(b"\r\n") + (last == b"\r" and chunk[:1] == b"\n")
            last = chunk[-1:]
    return -1 if returns != pairs else ends + (last != b"\n")


def _patient(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    dialect: _Dialect,
    places: dict[str, int],
    fields: Sequence[Field],
    table: str,
    findings: list[Finding],
) -> int:
    """Rewrite the file in the one form the fast reader is sure of, row by row; count what was there."""
    mended = path.with_suffix(".mended")
    rows = 0
    with (
        path.open(encoding=dialect.encoding, newline="") as sent,
        mended.open("w", encoding="utf-8", newline="") as out,
    ):
        writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
        reader = csv.reader(sent, delimiter=dialect.delimiter)
        try:
            for line, row in enumerate(reader, start=1):
                if line == 1 or not row:
                    continue
                rows += 1
                if wrong := _misfit(path.name, line, row, dialect.header, places):
                    findings.append(wrong)
                    continue
                cells = [row[place] if place < len(row) else "" for place in places.values()]
                if any("\n" in cell or "\r" in cell for cell in cells):
                    said = f"{path.name}, line {line}: a line break inside a cell was read as a blank."
                    findings.append(Finding("line-break", "warning", said, line, row[places["sourcedId"]]))
                writer.writerow([line, *(LINE_END.sub(" ", cell.replace("\0", "")) for cell in cells)])
        except csv.Error as trouble:
            raise BundleRefused(
                f"{path.name}, after line {reader.line_num}: it can't be read as CSV ({trouble}). "
                "A quote may be left open. Mend the file and send the bundle again. Nothing was changed."
            ) from trouble
    columns = {"line": "BIGINT", **dict.fromkeys(places, "VARCHAR")}
    connection.execute(
        f"CREATE OR REPLACE TABLE {table} AS SELECT line, {_all(places, fields)} FROM read_csv($path, columns=$columns, "
        "header=false, auto_detect=false, delim=',', quote='\"', escape='\"', max_line_size=4000000)",
        {"path": str(mended), "columns": columns},
    )
    mended.unlink()
    return rows


def _misfit(file: str, line: int, row: list[str], header: Sequence[str], places: dict[str, int]) -> Finding | None:
    surplus = [cell for cell in row[len(header) :] if cell.strip()]
    if len(row) >= len(header) and not surplus:
        return None
    own = places["sourcedId"]
    return Finding(
        "width",
        "error",
        f"{file}, line {line}: {len(row)} cells where the header has {len(header)}; the row was left out. "
        "Look for a missing quote or comma.",
        line,
        row[own].strip() if own < len(row) else "",
    )


def _all(places: dict[str, int], fields: Sequence[Field]) -> str:
    names = (*COMMON, *(field.name for field in fields))
    return ", ".join(
        f"nullif(trim({quoted(name)}), '') AS {quoted(name)}" if name in places else f"NULL::VARCHAR AS {quoted(name)}"
        for name in names
    )
