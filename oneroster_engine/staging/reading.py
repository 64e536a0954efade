"""From a CSV file as sent to a table of text, one row a record, with the line that a spreadsheet shows.

Two readers that give the same rows. The fast one is DuckDB's, for files that are plainly well formed; the patient one
(`patient_reader.py`) is Python's, for everything else that districts send. `load` takes the fast one only where a look at the
file's bytes proves that it reads what the patient one would, and finds what that would find.
"""

import csv
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Protocol

import duckdb

from oneroster_engine.duckdb_session import count, cursor, quoted, text
from oneroster_engine.errors import BundleRefused
from oneroster_engine.staging.csv_header import (
    COMMON,
    MOST_BY_CHANCE,
    Header,
    find_header,
    ignored_columns,
    names_read,
    places_of,
)
from oneroster_engine.staging.finding import Finding
from oneroster_engine.staging.padding import EMPTY_BOXES, FOOTER, HEADER_AGAIN, is_blank
from oneroster_engine.standard.entities import Field
from oneroster_engine.standard.file_kinds import other_kind
from oneroster_engine.standard.text_encoding import (
    CODE_BEGINS,
    CODED,
    ENTITY,
    ESCAPED,
    HEAD,
    ISO_2022_JP,
    LONGEST_LINE,
    NAMES,
    UTF_8,
    Line,
    NotText,
    TextEncoding,
    garbled,
    lines,
    text_encoding,
    wide_unicode,
    without_marks,
)

CHUNK = 1 << 17
FOOTERS = 3  # rows at a file's end that may be one

__all__ = ["Finding", "Loaded", "columns_of", "load", "no_rows"]


@dataclass(frozen=True)
class Loaded:
    """`rows` counts every record of the file, those that are left out included, padding not.

    `whole` is false where rows may have been lost inside a cell or at the file's end, so that an absent one proves nothing.
    `absent` are the columns that the file lacks.
    """

    rows: int
    findings: tuple[Finding, ...]
    whole: bool = True
    absent: frozenset[str] = frozenset()


class ToTable(Protocol):
    """The query that makes a file's table of its rows: a relation in which the columns that are `absent` are NULL throughout,
    since the file lacks them or has nothing in them."""

    def __call__(self, rows: str, absent: Collection[str] = ()) -> str: ...


def load(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    fields: Sequence[Field],
    table: str,
    query: ToTable,
) -> Loaded:
    """Make `table` by what `query` gives for the file's rows: a relation of line (BIGINT), sourcedId, status,
    dateLastModified, then `fields`, all text.

    Cells are as sent; columns that the file lacks are NULL. Where the ids of a file that a column refers to are known, in
    `ids_{file}`, they help to tell where a cell belongs. Raises BundleRefused when the file can't be read at all or lacks a
    required column.
    """
    head = _head(path)
    if not wide_unicode(head):
        header = _header(path, fields, head)
        if header and header.separator == "," and header.line == 1 and not header.in_one_cell:
            places = places_of(path.name, header, fields)
            nothing = _absent(places, fields) | _blank_columns(head, places)
            with ThreadPoolExecutor(1) as executor:
                looked = executor.submit(_lines_if_plain, path, len(header.names))
                made = _made(connection, table, query(_fast_rows(path, header, places, fields), nothing))
                number = looked.result()
            if made and number > 0 and _is_proved(connection, table, number - 1, places, header):
                return Loaded(number - 1, _notes(path, header, places, head), absent=_absent(places, fields))
    return _load_patiently(connection, path, fields, table, query, head)


def known_columns(path: Path, fields: Sequence[Field]) -> list[str]:
    """Of the fields, those that the file has a column for. Raises BundleRefused where the file can't be read."""
    header = find_header(path.name, lines(path, text_encoding(path)), fields)
    known = {each.name.casefold() for each in fields}
    there = set(names_read(header.names, known))
    return [each.name for each in fields if each.name.casefold() in there]


def _load_patiently(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    fields: Sequence[Field],
    table: str,
    query: ToTable,
    head: bytes,
) -> Loaded:
    # Most files are well formed, and these make a fifth of what the engine imports.
    from oneroster_engine.staging.patient_reader import PatientReader
    from oneroster_engine.staging.row_fit import RowFit

    try:
        encoding = text_encoding(path)
        header = find_header(path.name, lines(path, encoding), fields)
    except NotText as trouble:
        raise BundleRefused(f"{path.name}: {trouble}. Export it as UTF-8 and send the bundle again.") from trouble
    places = places_of(path.name, header, fields)
    fit = RowFit(cursor(connection), path.stem, places, fields, len(header.names), header.separator)
    reader = PatientReader(path, encoding, header, places, fit)
    rewritten = path.with_suffix(".rewritten")
    try:
        with rewritten.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
            for line, cells in reader.rows():
                writer.writerow([line, *(cells[place] for place in places.values())])
        columns = {"line": "BIGINT", **dict.fromkeys(places, "VARCHAR")}
        rows = f"(SELECT line, {_all(places, fields, quoted)} FROM {_csv(rewritten, columns)})"
        connection.execute(f"CREATE OR REPLACE TABLE {table} AS {query(rows, _absent(places, fields))}")
    finally:
        rewritten.unlink(missing_ok=True)
    read = reader.read
    findings = (*_notes(path, header, places, head), *_about_encoding(path, encoding), *read.findings)
    return Loaded(read.rows, findings, read.whole, _absent(places, fields))


def _head(path: Path) -> bytes:
    """The file's beginning. Raises BundleRefused where it is none of a text."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if kind := other_kind(head):
        raise BundleRefused(
            f"{path.name} is {kind}, and no CSV whatever its name is. Export it as CSV and send the bundle again."
        )
    return head


def _header(path: Path, fields: Sequence[Field], head: bytes) -> Header | None:
    """The header by the file's beginning alone; None where more of the file is needed to tell."""
    if not _is_utf_8(head):
        return None
    first_lines = re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", without_marks(head.decode("utf-8", errors="ignore")))
    if len(head) == HEAD and len(first_lines) < 2:
        return None
    return find_header(path.name, map(Line, first_lines), fields)


def _is_utf_8(head: bytes) -> bool:
    """A letter that is cut off where the head ends is no fault of the file."""
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as trouble:
        return trouble.start > len(head) - 4 and len(head) == HEAD
    return True


def _notes(path: Path, header: Header, places: dict[str, int], head: bytes) -> tuple[Finding, ...]:
    notes = list(header.notes)
    if head.startswith(b"\xef\xbb\xbf"):
        notes.append(f"{path.name} starts with a byte order mark (BOM).")
    found = [_note(note) for note in notes]
    if ignored := ignored_columns(header, places):
        found.append(Finding("column-ignored", "note", f"Columns that are not read: {', '.join(ignored[:20])}."))
    if list(places.values()) != sorted(places.values()):
        found.append(Finding("column-order", "note", "The columns are in another order than the standard's."))
    return tuple(found)


def _about_encoding(path: Path, encoding: TextEncoding) -> tuple[Finding, ...]:
    if encoding.is_legacy:
        return (Finding("encoding", "warning", f"{path.name} is not UTF-8; it was read as {NAMES[encoding.name]}."),)
    if encoding.name != UTF_8:
        name = "ISO-2022-JP" if encoding.name == ISO_2022_JP else encoding.name[:6].upper()
        return (_note(f"{path.name} is {name}; it was read as that."),)
    return ()


def _fast_rows(path: Path, header: Header, places: dict[str, int], fields: Sequence[Field]) -> str:
    columns = {f"c{place}": "VARCHAR" for place in range(len(header.names))}
    named = _all(places, fields, lambda name: f"c{places[name]}")
    # Counted here: behind a join the rows come in the order in which threads are done with them.
    return f"(SELECT 1 + row_number() OVER () AS line, {named} FROM {_csv(path, columns, 'skip=1, strict_mode=true, ')})"


def _csv(path: Path, columns: dict[str, str], more: str = "") -> str:
    types = "{" + ", ".join(f"{text(name)}: {text(kind)}" for name, kind in columns.items()) + "}"
    return (
        f"read_csv({text(str(path))}, columns={types}, header=false, auto_detect=false, delim=',', quote='\"', escape='\"', "
        f"{more}hive_partitioning=false, max_line_size=4000000, buffer_size=8000000)"
    )


def columns_of(fields: Sequence[Field]) -> tuple[str, ...]:
    """What a row of the file has, in this order."""
    return (*COMMON, *(field.name for field in fields))


def no_rows(fields: Sequence[Field]) -> str:
    """The relation of a file without rows, as `load` gives it to a query."""
    columns = ", ".join(f"NULL::VARCHAR AS {quoted(name)}" for name in columns_of(fields))
    return f"(SELECT NULL::BIGINT AS line, {columns} WHERE false)"


def _all(places: dict[str, int], fields: Sequence[Field], column: Callable[[str], str]) -> str:
    return ", ".join(f"{column(name) if name in places else 'NULL::VARCHAR'} AS {quoted(name)}" for name in columns_of(fields))


def _absent(places: Mapping[str, int], fields: Sequence[Field]) -> frozenset[str]:
    return frozenset(columns_of(fields)) - frozenset(places)


def _blank_columns(head: bytes, places: Mapping[str, int]) -> frozenset[str]:
    """The columns in which no row has anything, of a file that its head holds whole: most columns of most small files, and to
    plan a question about one takes as long as to read such a file. Of a longer file nothing is said."""
    if len(head) == HEAD:
        return frozenset()
    try:
        _, *rows = csv.reader(StringIO(head.decode(errors="replace"), newline=""))
    except csv.Error:
        return frozenset()
    filled = {place for row in rows for place, cell in enumerate(row) if cell}
    return frozenset(name for name, place in places.items() if place not in filled)


def _made(connection: duckdb.DuckDBPyConnection, table: str, query: str) -> bool:
    try:
        connection.execute(f"CREATE OR REPLACE TABLE {table} AS {query}")
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error:
        return False  # whatever troubles the fast reader, the patient one names with its line
    return True


# Where UTF-8 was read as Windows-1252 and written again, two letters stand for one: a first one of these, and a second that is
# none of ASCII. Or a letter was lost already. Or one of the Mac or of DOS was read as Windows-1252 (`text_encoding.MISREAD`).
# A pattern for each first byte, looking back behind that: one that begins with a choice, or with a look back, takes fifty times
# as long.
_MAY_BE_GARBLED = (
    re.compile(rb"\xc3[\x82-\x85\x8e-\x91\x97-\x99\xa2-\xa9][\xc2\xc5\xc6\xcb\xe2]"),
    re.compile(rb"\xe2(?:\x88\x9a|\x94|(?<=[A-Za-z]\xe2)\x80[\x9a\xa0\xa1\xb0\xb9])"),
    re.compile(rb"\xef(?:\xbf\xbd)"),
    re.compile(rb"\xc5(?<=[a-z][a-z]\xc5)[\xbd\xa0\x92\xb8](?![A-Z])"),
    re.compile(rb"\xcb(?<=[A-Za-z]\xcb)[\x86\x9c]"),
    re.compile(rb"\xc6(?<=[A-Za-z]\xc6)\x92"),
    re.compile(rb"\xc2(?<=[A-Za-z]\xc2)[\xa1-\xa5]"),
)
_ENTITY = re.compile(ENTITY.encode())
_ESCAPED = ESCAPED.encode()
_CODE_BEGINS = tuple(each.encode() for each in CODE_BEGINS)
_CODE_CHARACTERS = tuple({each[:1] for each in _CODE_BEGINS})
_BLANKS = (b" ", b"\t")


def _lines_if_plain(path: Path, width: int) -> int:
    """The lines of a file of which the fast reader reads what the patient one does; -1 where its bytes don't prove that.

    It takes surplus empty cells, blanks around quotes, NUL, lone carriage returns and garbled text, where that one looks twice.
    Rows that are too short, and quotes in a wrong place, it refuses itself; and where a line ends in both characters, a lone
    carriage return that isn't in quotes.
    """
    number, rest, may_hold_returns = 0, b"", True
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            chunk = rest + chunk
            cut = chunk.rfind(b"\n") + 1
            part, rest = chunk[:cut], chunk[cut:]
            if not number:
                header = part[: part.find(b"\n") + 1]
                if header.count(b"\r") != header.count(b"\r\n"):  # the fast reader skips it, and refuses nothing there
                    return -1
                may_hold_returns = not header.endswith(b"\r\n")
            may_hold_returns = may_hold_returns or b'"' in part
            counted = _lines_of_plain(part, width, not number, may_hold_returns)
            if counted < 0 or len(rest) > LONGEST_LINE:
                return -1
            number += counted
    counted = _lines_of_plain(rest, width, not number, may_hold_returns=True)
    return -1 if counted < 0 else number + counted


def _lines_of_plain(part: bytes, width: int, has_header: bool, may_hold_returns: bool) -> int:
    """How many whole lines there are; -1 where they hold what the two readers take differently, or more cells than as many
    headers."""
    if not part:
        return 0
    if b"\0" in part or b"\x1b" in part or (may_hold_returns and b"\r" in part and part.count(b"\r") != part.count(b"\r\n")):
        return -1
    number = part.count(b"\n") + (not part.endswith(b"\n"))
    if b'"' in part or part.count(b",") != (width - 1) * number:
        if has_header:
            header = part.find(b"\n") + 1
            if not _are_as_wide(part[header:], width, number - 1):
                return -1
        elif not _are_as_wide(part, width, number):
            return -1
    if _may_be_coded(part) and CODED.search(part.decode("utf-8", errors="replace")):
        return -1
    if b"\\" in part and _ESCAPED in part:
        return -1
    if b"&" in part and _ENTITY.search(part):
        return -1
    if not part.isascii() and _may_be_garbled(part) and garbled(part.decode("utf-8", errors="replace")):
        return -1
    return number


def _are_as_wide(part: bytes, width: int, number: int) -> bool:
    """Whether `number` lines have as many cells as as many headers, looking at the separators outside of quotes; and no blanks
    around those."""
    pieces = part.split(b'"')
    outside = pieces[::2]
    if len(pieces) % 2 == 0 or b"".join(outside).count(b",") != (width - 1) * number:
        return False
    return not any(piece.startswith(_BLANKS) or piece.endswith(_BLANKS) for piece in set(outside))


def _may_be_coded(part: bytes) -> bool:
    """One character is looked for twenty times as fast as two."""
    return any(each in part for each in _CODE_CHARACTERS) and any(each in part for each in _CODE_BEGINS)


def _may_be_garbled(part: bytes) -> bool:
    return any(pattern.search(part) for pattern in _MAY_BE_GARBLED)


def _is_proved(connection: duckdb.DuckDBPyConnection, table: str, rows: int, places: Mapping[str, int], header: Header) -> bool:
    """Whether the table has a row for each line, and none that the patient reader may take for padding, for another header or for
    shifted. The fast path has looked for those already (`surely_a_row`): only its suspects are looked at again."""
    has_sent = any(name == "sent" for name, *_ in connection.execute(f"DESCRIBE {table}").fetchall())
    found = connection.execute(
        f"SELECT count(*), {'count(sent)' if has_sent else 'count(*)'}, "
        f"list(sourcedId) FILTER (line > {1 + rows - FOOTERS}) FROM {table}"
    ).fetchone()
    number, looked_at, last = found or (0, 0, [])
    if number != rows or any(FOOTER.fullmatch(str(each).strip()) for each in last or ()):
        return False
    # A row without an id is read alike by both readers, unless it is empty otherwise too, or stands where a footer may.
    cells = "sent" if has_sent else f"[{', '.join(f'{quoted(name)}::VARCHAR' for name in places)}]"
    boxes = ", ".join(map(text, EMPTY_BOXES))
    empty = f"each IS NULL OR {is_blank('each')} OR lower(trim(each)) IN ({boxes})"
    padding = f"len(list_filter(coalesce({cells}, []), lambda each: NOT ({empty}))) = 0"
    skipped = f"(sourcedId IS NULL OR {is_blank('sourcedId')}) AND (line > {1 + rows - FOOTERS} OR {padding})"
    names = ", ".join(map(text, HEADER_AGAIN))
    may_be = f"sourcedId IN ({names}) OR ({skipped})"
    may_be += f" OR NOT ({are_in_place('')})" if {"email", "sms", "phone"} <= set(places) else ""
    if has_sent:  # a header in another order
        may_be += f" OR len(list_intersect(sent, [{', '.join(text(name.strip()) for name in header.names)}])) > {MOST_BY_CHANCE}"
    others = f"{table} WHERE {'sent IS NOT NULL AND ' if has_sent else ''}({may_be})"
    return not (looked_at and count(connection, others))


def are_in_place(row: str) -> str:
    """SQL for whether a person's e-mail stands under its header, as far as the next cells tell."""
    elsewhere = f"coalesce(contains({row}sms, '@') OR contains({row}phone, '@'), false)"
    return f"(NOT {elsewhere} OR coalesce(contains({row}email, '@'), false))"


def _note(message: str) -> Finding:
    return Finding("form", "note", message)
