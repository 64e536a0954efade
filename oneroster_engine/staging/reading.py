"""From a CSV file as sent to a table of text, one row a record, with the line that a spreadsheet shows.

Two readers that give the same rows. The fast one is DuckDB's, for files that are plainly well formed; the patient
one is Python's, for everything else that districts send: other encodings and separators, line breaks inside quotes,
blank lines, rows of the wrong width. `load` takes the fast one only where a count of line ends proves it exact.
"""

import codecs
import csv
import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import duckdb

from oneroster_engine.duckdb_session import count, quoted, text
from oneroster_engine.errors import BundleRefused
from oneroster_engine.standard.entities import Field

COMMON = ("sourcedId", "status", "dateLastModified")
CHUNK = 1 << 17
HEAD = 1 << 16
LONGEST_FIELD = 1 << 20
UTF_8 = "utf-8-sig"  # with or without its mark
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
LINE_END = re.compile(r"\r\n|\r|\n")
NAMES_SEPARATOR = re.compile(r"sep=(.)[\r\n]*$", re.IGNORECASE)  # Excel's first line, which is no header
# Given to the reader after the last line: where a quote is still open, it is swallowed into the last cell.
END = "\0end"
# A row that runs on through an open quote holds the separators of the rows that it swallowed.
SWALLOWED_SEPARATORS = 2
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
    """`rows` counts every record of the file, those of the wrong width included, blank lines not.

    `whole` is false where rows may have been lost inside a cell, so that an absent one proves nothing.
    """

    rows: int
    findings: tuple[Finding, ...]
    whole: bool = True


@dataclass(frozen=True)
class _Dialect:
    encoding: str
    delimiter: str
    header: list[str]
    header_line: int = 1
    findings: tuple[Finding, ...] = field(default=())


def load(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    fields: Sequence[Field],
    table: str,
    lane: Callable[[str], str],
) -> Loaded:
    """Make `table` by the query that `lane` gives for the file's rows: a relation of line (BIGINT, NULL where a row's
    place in the file tells it: line = rowid + 2), sourcedId, status, dateLastModified, then `fields`, all text.

    Cells are as sent; columns that the file lacks are NULL. The connection must run joins as they are written
    (`duck.connect`), or `rowid` is no place in the file. Raises BundleRefused when the file can't be read at all
    or lacks a required column.
    """
    dialect = _dialect(path)
    places = _places(path.name, dialect, fields)
    if dialect.encoding == UTF_8 and dialect.delimiter == "," and dialect.header_line == 1:
        rows = _fast_rows(path, dialect, places, fields)
        with ThreadPoolExecutor(1) as beside:
            line_ends = beside.submit(_line_ends, path)
            if _made(connection, table, lane(rows)) and count(connection, table) == line_ends.result() - 1:
                return Loaded(count(connection, table), _notes(dialect, places))
    dialect = _certain(path, dialect)
    places = _places(path.name, dialect, fields)
    findings: list[Finding] = []
    mended = path.with_suffix(".mended")
    try:
        rows_read = _mend(path, mended, dialect, places, findings)
        columns = {"line": "BIGINT", **dict.fromkeys(places, "VARCHAR")}
        rows = f"(SELECT line, {_all(places, fields, quoted)} FROM {_csv(mended, columns)})"
        connection.execute(f"CREATE OR REPLACE TABLE {table} AS {lane(rows)}")
    finally:
        mended.unlink(missing_ok=True)
    whole = not any(found.rule == "open-quote" for found in findings)
    return Loaded(rows_read, (*_notes(dialect, places), *findings), whole)


def _dialect(path: Path) -> _Dialect:
    """How the file seems to be written, by its beginning."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    findings = []
    if head.startswith(codecs.BOM_UTF8):
        findings.append(_note(f"{path.name} starts with a byte order mark (BOM)."))
    encoding = _utf_16(head) or (UTF_8 if _is_utf_8(head) else "cp1252")
    if encoding.startswith("utf-16"):
        findings.append(_note(f"{path.name} is UTF-16; it was read as that."))
    with path.open(encoding=encoding, errors="replace", newline="") as opened:
        first, header_line = opened.readline(LONGEST_FIELD), 1
        delimiter = max(SEPARATORS, key=first.count) if any(each in first for each in SEPARATORS) else ","
        if named := NAMES_SEPARATOR.match(first):
            delimiter, header_line = named[1], 2
            first = opened.readline(LONGEST_FIELD)
    if delimiter != ",":
        findings.append(_note(f"{path.name} has {SEPARATORS.get(delimiter, repr(delimiter))} between its cells."))
    header = next(csv.reader([first], delimiter=delimiter), [])
    return _Dialect(encoding, delimiter, header, header_line, tuple(findings))


def _certain(path: Path, dialect: _Dialect) -> _Dialect:
    """The dialect once the whole file has been looked at. Raises BundleRefused."""
    for encoding in (dialect.encoding,) if dialect.encoding.startswith("utf-16") else (UTF_8, "cp1252"):
        if not _decodes(path, encoding):
            continue
        findings = dialect.findings
        if encoding == "cp1252":
            said = f"{path.name} is not UTF-8; it was read as Windows-1252."
            findings = (*findings, Finding("encoding", "warning", said))
        with path.open(encoding=encoding, newline="") as opened:
            for _ in range(dialect.header_line):
                first = opened.readline(LONGEST_FIELD)
        header = next(csv.reader([first], delimiter=dialect.delimiter), [])
        return _Dialect(encoding, dialect.delimiter, header, dialect.header_line, findings)
    raise BundleRefused(f"{path.name}: it is neither UTF-8 nor Windows-1252 text. Export it as UTF-8 and send the bundle again.")


def _utf_16(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    half = max(1, len(head) // 2)
    if head[1::2].count(0) > half * 0.6:
        return "utf-16-le"
    return "utf-16-be" if head[0::2].count(0) > half * 0.6 else ""


def _is_utf_8(head: bytes) -> bool:
    """A letter that is cut off where the head ends is no fault of the file."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


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


def _places(file: str, dialect: _Dialect, fields: Sequence[Field]) -> dict[str, int]:
    """Where each column that we read stands in the file. Raises BundleRefused."""
    seen: dict[str, int] = {}
    header, line = dialect.header, dialect.header_line
    for place, name in enumerate(header):
        folded = name.strip().casefold()
        if folded in seen and folded:
            raise BundleRefused(
                f"{file}, line {line}: column `{name.strip()}` stands there twice. Keep one and send the bundle again."
            )
        seen[folded] = place
    wanted = [("sourcedId", True), ("status", False), ("dateLastModified", False)]
    wanted += [(field.name, field.column_required) for field in fields]
    for name, required in wanted:
        if required and name.casefold() not in seen:
            near = difflib.get_close_matches(name.casefold(), list(seen), n=1)
            nearest = f"; the nearest is `{header[seen[near[0]]].strip()}`" if near else ""
            raise BundleRefused(
                f"{file}, line {line}: required column `{name}` is missing{nearest}. "
                "Correct the header and send the bundle again."
            )
    return {name: seen[name.casefold()] for name, _ in wanted if name.casefold() in seen}


def _notes(dialect: _Dialect, places: dict[str, int]) -> tuple[Finding, ...]:
    return (*dialect.findings, *_about_header(dialect.header, places))


def _about_header(header: Sequence[str], places: dict[str, int]) -> Iterator[Finding]:
    ignored = [name.strip() for place, name in enumerate(header) if place not in places.values() and name.strip()]
    unknown = [name for name in ignored if name.casefold() not in ("password", "resourcesourcedids")]
    if unknown:
        yield Finding("column-ignored", "note", f"Columns that are not read: {', '.join(unknown[:20])}.")
    if list(places.values()) != sorted(places.values()):
        yield Finding("column-order", "note", "The columns are in another order than the standard's.")


def _fast_rows(path: Path, dialect: _Dialect, places: dict[str, int], fields: Sequence[Field]) -> str:
    columns = {f"c{place}": "VARCHAR" for place in range(len(dialect.header))}
    named = _all(places, fields, lambda name: f"c{places[name]}")
    return f"(SELECT NULL::BIGINT AS line, {named} FROM {_csv(path, columns, 'skip=1, strict_mode=true, ')})"


def _csv(path: Path, columns: dict[str, str], more: str = "") -> str:
    types = "{" + ", ".join(f"{text(name)}: {text(kind)}" for name, kind in columns.items()) + "}"
    return (
        f"read_csv({text(str(path))}, columns={types}, header=false, auto_detect=false, delim=',', quote='\"', escape='\"', "
        f"{more}max_line_size=4000000, buffer_size=8000000)"
    )


def columns_of(fields: Sequence[Field]) -> tuple[str, ...]:
    """What a row of the file has, in this order."""
    return (*COMMON, *(field.name for field in fields))


def no_rows(fields: Sequence[Field]) -> str:
    """The relation of a file without rows, as `load` gives it to a lane."""
    columns = ", ".join(f"NULL::VARCHAR AS {quoted(name)}" for name in columns_of(fields))
    return f"(SELECT NULL::BIGINT AS line, {columns} WHERE false)"


def _all(places: dict[str, int], fields: Sequence[Field], column: Callable[[str], str]) -> str:
    return ", ".join(f"{column(name) if name in places else 'NULL::VARCHAR'} AS {quoted(name)}" for name in columns_of(fields))


def _made(connection: duckdb.DuckDBPyConnection, table: str, query: str) -> bool:
    try:
        connection.execute(f"CREATE OR REPLACE TABLE {table} AS {query}")
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error:
        return False  # whatever troubles the fast reader, the patient one names with its line
    return True


def _line_ends(path: Path) -> int:
    """Line ends in a file that the fast reader took, a last line without one included; -1 where a lone carriage return makes
    them unclear.

    In a file whose lines end in both characters, that reader takes a lone carriage return only inside quotes: before the
    first quote there is none to look for.
    """
    ends, sure, last = 0, None, b"\n"
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            if chunk.endswith(b"\r"):
                chunk += file.read(1)
            if sure is None:
                sure = chunk[: chunk.find(b"\n")].endswith(b"\r")
            sure = sure and b'"' not in chunk
            ends += chunk.count(b"\n")
            if not sure and b"\r" in chunk and chunk.count(b"\r") != chunk.count(b"\r\n"):
                return -1
            last = chunk[-1:]
    return -1 if last == b"\r" else ends + (last != b"\n")


def _mend(path: Path, mended: Path, dialect: _Dialect, places: dict[str, int], findings: list[Finding]) -> int:
    """Rewrite the file in the one form the fast reader is sure of, row by row; count what was there."""
    rows, row, own = 0, [""], places["sourcedId"]
    with (
        path.open(encoding=dialect.encoding, newline="") as sent,
        mended.open("w", encoding="utf-8", newline="") as out,
    ):
        writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
        reader = csv.reader(chain(sent, (END,)), delimiter=dialect.delimiter)
        try:
            for line, row in enumerate(reader, start=1):
                if line <= dialect.header_line or not row or row == [END]:
                    continue
                if row[-1].endswith(END):
                    raise _left_open(path.name, line)
                rows += 1
                if wrong := _misfit(path.name, line, row, dialect, places):
                    findings.append(wrong)
                    continue
                cells = [row[place] if place < len(row) else "" for place in places.values()]
                if any("\n" in cell or "\r" in cell for cell in cells):
                    said = f"{path.name}, line {line}: a line break inside a cell was read as a blank."
                    findings.append(Finding("line-break", "warning", said, line, row[own]))
                writer.writerow([line, *(LINE_END.sub(" ", cell.replace("\0", "")) for cell in cells)])
        except csv.Error as trouble:
            raise BundleRefused(
                f"{path.name}, after line {reader.line_num}: it can't be read as CSV ({trouble}). "
                "A quote may be left open. Mend the file and send the bundle again."
            ) from trouble
    if row != [END]:  # the header itself never ended
        raise _left_open(path.name, 1)
    return rows


def _left_open(file: str, line: int) -> BundleRefused:
    return BundleRefused(
        f"{file}, line {line}: a quote that is opened there is never closed, so that no row after it can be read. "
        "Close it and send the bundle again."
    )


def _misfit(file: str, line: int, row: list[str], dialect: _Dialect, places: dict[str, int]) -> Finding | None:
    own = places["sourcedId"]
    sourced_id = row[own].strip() if own < len(row) else ""
    for cell in row:
        broken = LINE_END.split(cell)
        if any(part.count(dialect.delimiter) >= SWALLOWED_SEPARATORS for part in broken[1:]):
            said = "a quote is left open, and a later one closed it; the rows between were lost. Close the quote."
            return Finding("open-quote", "error", f"{file}, line {line}: {said}", line, sourced_id)
    surplus = [cell for cell in row[len(dialect.header) :] if cell.strip()]
    if len(row) >= len(dialect.header) and not surplus:
        return None
    said = (
        f"{len(row)} cells where the header has {len(dialect.header)}; the row was left out. Look for a missing quote or comma."
    )
    return Finding("width", "error", f"{file}, line {line}: {said}", line, sourced_id)


def _note(message: str) -> Finding:
    return Finding("form", "note", message)
