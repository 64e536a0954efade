"""A filled sheet as it comes back: an Excel workbook, saved by any program, or CSV. Gives its rows; `choices` interprets them.

Anybody who may answer a question may upload one, so nothing is handed to a reader before all of the file was looked at:
what its parts really inflate to, how many rows and cells they have, and how far out these stand. openpyxl then reads row by
row, within the bounds of the list. It takes some ten microseconds a cell, so that what costs more is read by calamine, which
lays out in memory all that a sheet claims to be: that happens in a process of its own, whose death costs one answer.
"""

import csv
import io
import os
import re
import subprocess
import sys
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from string import ascii_uppercase
from typing import Any
from xml.etree import ElementTree

import msgspec

from chalicelib.errors import Unacceptable

ORIGIN = "Origin"  # the hidden sheet: what the workbook was made for
COLUMNS = len(ascii_uppercase)  # to column Z: half of them are the list's, the others a person's own notes
HEADER_WITHIN = 10  # rows: people write a title above, and Numbers the table's name
ROWS_BESIDE = 2_000  # more than the list has: Google saves a thousand empty ones, and people add some
EXPANDED_BYTES = 400 << 20  # a sheet of 600,000 classes expands to some 250 MB
DIRECTORY_BYTES = 1 << 18  # of the ZIP: some 3,000 parts, where a workbook has twenty
CELL_BYTES = 400  # of a CSV, a cell of the list on average and at most
# What openpyxl may read: 20,000 classes with all their columns. Cells, shared strings, and what else it parses by the size.
OPENPYXL_CELLS = 270_000
BYTES_AS_A_CELL = 50
LARGE_TIMEOUT_S = 15
PIECE_BYTES, LONGEST_TAG = 1 << 20, 1 << 10
# What is raised for a damaged ZIP, or for a whole one with a damaged workbook in it. openpyxl lets all of these through.
BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError, TypeError, LookupError,
    AttributeError, AssertionError, ElementTree.ParseError,
)  # fmt: skip
# A tag ends before the next one begins, and its first address counts: each byte is looked at once, where a tag never ends too.
CELL = rb"""<(?:[^\s<>/!?:]+:)?c\s(?>(?:[^<>]*?\s)?r=["'](%s)["'])"""
# A cell with something in it right of column Z. Cells that have but a style end in `/>`.
FAR_RIGHT = re.compile(CELL % rb"[A-Z]{2,3}[0-9]{1,7}" + rb"[^<>]*(?<!/)>")
FORMULA = re.compile(CELL % rb"[A-Z]{1,3}[0-9]{1,7}" + rb"[^<>]*><(?:[^\s<>/!?:]+:)?f[\s/>]")
# `#N/A` and the like, which calamine gives as an empty cell (0.9.1, `findings/calamine-cells.sh`): an answer that is none.
ERROR = re.compile(CELL.replace(rb"c\s", rb"""c\s(?=(?:[^<>]*?\s)?t=["']e["'])""") % rb"[A-Z]{1,3}[0-9]{1,7}" + rb"[^<>]*(?<!/)>")
MERGED = re.compile(rb"""<(?:[^\s<>/!?:]+:)?mergeCell\s(?:[^<>]*?\s)?ref=["']([A-Z]{1,3}[0-9]{1,7}):([A-Z]{1,3}[0-9]{1,7})["']""")
MOST_MERGED = 10_000
COUNTED = re.compile(rb"<(?:[^\s<>/!?:]+:)?(row|c|si)[\s/>]")
# Nothing that a spreadsheet writes: what an XML file may define, others have to expand.
DEFINITION = re.compile(rb"<!(?:DOCTYPE|ENTITY)")
FORBIDDEN_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # what a text has none of, and a file of another kind soon
NAMES_SEPARATOR = re.compile(r"sep=(.)\s*", re.IGNORECASE)  # Excel's own first line of a CSV, which it doesn't show
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
# The namespaces of Excel's "Strict Open XML Spreadsheet", of which openpyxl gives a workbook without sheets (3.1.5,
# `findings/openpyxl-strict-workbooks.sh`); calamine reads them.
STRICT = "http://purl.oclc.org/ooxml/"
STRICT_RELATIONS = f"{STRICT}officeDocument/relationships"
NO_WORKBOOK = "This isn't an Excel workbook (.xlsx), or it is a damaged one, and no CSV. Save the sheet as .xlsx and upload that."
OTHER_KINDS = (  # by their first bytes
    (b"\xd0\xcf\x11\xe0", "an Excel workbook of the old form (.xls), or one with a password"),
    (b"%PDF", "a PDF"),
    (b"<", "a web page or XML"),
)
OPEN_DOCUMENT = b"application/vnd.oasis.opendocument.spreadsheet"


@dataclass(frozen=True)
class Filled:
    """`rows` by the line that a spreadsheet shows; `places` the columns by name, counted from A = 0; `formulas` the addresses
    of cells with one, `errors` of cells with an error such as `#N/A`; `is_text` says that a number in it was text all the
    time, as in a CSV; `origin` the sync it was downloaded for and `made` when, empty where it doesn't say, as in a CSV."""

    rows: Iterator[tuple[int, dict[str, Any]]]
    places: Mapping[str, int]
    formulas: frozenset[str] = frozenset()
    errors: frozenset[str] = frozenset()
    origin: str = ""
    made: str = ""


def read_filled(sheet: str, columns: Sequence[str], path: Path, listed: int) -> Filled:
    """The rows of the sheet called so, of a list with `listed` rows. Names of sheets and columns are known whatever their case
    and the invisible characters in them. Raises Unacceptable, with a sentence, for what is no such sheet or far more than one;
    `rows` may raise it too."""
    if not zipfile.is_zipfile(path):
        return _from_csv(sheet, columns, path, listed)
    with _broken():
        seen = _look(path, listed)
        name, part, strict = _part_of(path, sheet)
        _fits(seen[part], listed)
        if not strict and _costs(seen, part) <= OPENPYXL_CELLS:
            pages, origin = _by_openpyxl(path, name, listed)
        else:
            pages, origin = _by_calamine(path, name, columns)
        rows, places, header = _below_header(f"Sheet `{sheet}` lacks", columns, pages)
    _answers_stand_alone((each for each in seen[part].merged if _line(each[1]) > header), places)
    formulas, errors = frozenset(seen[part].formulas), frozenset(seen[part].errors)
    return Filled(_unbroken(rows), places, formulas, errors, origin.get("sync", ""), origin.get("made", ""))


def _fits(part: "_Part", listed: int) -> None:
    """Raises Unacceptable for a sheet with more rows or cells than the list can have, or something far away from it."""
    most, again = _most_rows(listed), "Download it again and fill that."
    if part.far:
        raise Unacceptable(f"Cell {part.far} is far from the list. Clear it, or download the sheet again and fill that.")
    if part.rows > most:
        raise Unacceptable(f"The sheet has {part.rows:,} rows, and the list {listed:,}. {again}")
    if part.cells > most * COLUMNS:
        raise Unacceptable(f"The sheet has {part.cells:,} cells, far more than a list of {listed:,} rows. {again}")


def _answers_stand_alone(merged: Iterable[tuple[str, str]], places: Mapping[str, int]) -> None:
    """Raises Unacceptable for merged cells with ids or answers in them: one Yes beside three rows means three, and the
    file holds it for the first alone."""
    for first, last in merged:
        left, right = (_column(each.rstrip("0123456789")) for each in (first, last))
        if any(left <= places[name] <= right for name in ("sourcedId", "sync")):
            raise Unacceptable(
                f"The cells {first}:{last} are merged, so their answer counts for one row alone. "
                "Unmerge them, write Yes or No into each row, and upload the sheet again."
            )


def _line(cell: str) -> int:
    return int(cell.lstrip(ascii_uppercase))


def _column(letters: str) -> int:
    """Counted from A = 0."""
    number = 0
    for letter in letters:
        number = number * 26 + ascii_uppercase.index(letter) + 1
    return number - 1


def visible(value: Any) -> str:
    """A cell as a person sees it: without invisible characters, and without blanks around it."""
    text = str(value) if value is not None else ""
    if text.isascii():
        return text.strip()
    return "".join(each for each in text if unicodedata.category(each) != "Cf").strip()


# --- what is in a workbook --------------------------------------------------------------------------------------------


@dataclass
class _Part:
    """What one part of a workbook really holds: bytes, rows, cells and shared strings, the first cell far from the list."""

    size_bytes: int = 0
    rows: int = 0
    cells: int = 0
    strings: int = 0
    far: str = ""
    formulas: set[str] = field(default_factory=set)
    errors: set[str] = field(default_factory=set)
    merged: list[tuple[str, str]] = field(default_factory=list)  # the first and the last cell of each


def _look(path: Path, listed: int) -> dict[str, _Part]:
    """Every part, read to its end, where zipfile compares the size and the checksum. Raises Unacceptable."""
    below = re.compile(CELL % (rb"[A-Z]{1,3}(?:%s)" % _over(_most_rows(listed))) + rb"[^<>]*(?<!/)>")
    _directory_is_small(path)
    parts: dict[str, _Part] = {}
    with zipfile.ZipFile(path) as packed:
        if sum(info.file_size for info in packed.infolist()) > EXPANDED_BYTES:
            raise Unacceptable("The workbook expands to far more than a list of rows. Download the sheet again and fill that.")
        if kind := _other_zip(packed):
            raise Unacceptable(_is_other(kind))
        for info in packed.infolist():
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.filename in parts:
                raise Unacceptable(NO_WORKBOOK)
            with packed.open(info) as part:
                parts[info.filename] = _look_at(iter(lambda: part.read(PIECE_BYTES), b""), below)
    return parts


def _other_zip(packed: zipfile.ZipFile) -> str:
    """What a ZIP is that other spreadsheets write; empty for what may be a workbook."""
    names = set(packed.namelist())
    if "xl/workbook.bin" in names:
        return "a binary Excel workbook (.xlsb)"
    if any(each.endswith(".iwa") for each in names):
        return "a Numbers document"
    if "mimetype" in names:
        with packed.open("mimetype") as first:
            return "an OpenDocument spreadsheet (.ods)" if first.read(100).startswith(OPEN_DOCUMENT) else ""
    return ""


def _is_other(kind: str) -> str:
    return f"This is {kind}. Open it in the program that it is of, save the sheet as .xlsx and upload that."


def _look_at(pieces: Iterable[bytes], below: re.Pattern[bytes]) -> _Part:
    found, before = _Part(), b""
    is_xml = False
    counted: Counter[bytes] = Counter()
    for piece in pieces:
        if not found.size_bytes:
            is_xml = piece.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and b"\0" not in piece[:LONGEST_TAG]
        found.size_bytes += len(piece)
        if not is_xml:
            continue
        seen = before + piece
        cut = max(seen.rfind(b"<", 0, len(seen) - 1), len(seen) - LONGEST_TAG)  # a tag that is not whole yet is seen next time
        whole, before = seen[:cut], seen[cut:]
        _take(whole, found, counted, below)
    _take(before, found, counted, below)
    found.rows, found.cells, found.strings = counted[b"row"], counted[b"c"], counted[b"si"]
    return found


def _take(whole: bytes, found: _Part, counted: Counter[bytes], below: re.Pattern[bytes]) -> None:
    if DEFINITION.search(whole):
        raise Unacceptable(NO_WORKBOOK)
    counted.update(COUNTED.findall(whole))
    if not found.far and (far := FAR_RIGHT.search(whole) or below.search(whole)):
        found.far = far[1].decode()
    if b"mergeCell" in whole:
        found.merged += [(each[1].decode(), each[2].decode()) for each in MERGED.finditer(whole)]
        if len(found.merged) > MOST_MERGED:
            raise Unacceptable(f"The workbook has more than {MOST_MERGED:,} merged cells. Download it again and fill that.")
    if b"f" in whole:
        found.formulas |= {each[1].decode() for each in FORMULA.finditer(whole)}
    if b't="e"' in whole or b"t='e'" in whole:
        found.errors |= {each[1].decode() for each in ERROR.finditer(whole)}


def _directory_is_small(path: Path) -> None:
    """A directory of hundreds of thousands of parts takes seconds and hundreds of megabytes to read."""
    with path.open("rb") as file:
        file.seek(-min(path.stat().st_size, (1 << 16) + 22), os.SEEK_END)
        end = file.read()
    at = end.rfind(b"PK\5\6")
    if at < 0 or int.from_bytes(end[at + 12 : at + 16], "little") > DIRECTORY_BYTES:
        raise Unacceptable(NO_WORKBOOK)


def _most_rows(listed: int) -> int:
    return 1 + listed + listed // 10 + ROWS_BESIDE


def _over(number: int) -> bytes:
    """A pattern of the numbers above `number`, without zeros in front, of at most seven digits."""
    digits = str(number)
    longer = rf"[1-9][0-9]{{{len(digits)},6}}"
    larger = [
        f"{digits[:place]}[{int(digit) + 1}-9][0-9]{{{len(digits) - place - 1}}}"
        for place, digit in enumerate(digits)
        if digit < "9"
    ]
    return "|".join([longer, *larger]).encode()


def _costs(seen: Mapping[str, _Part], part: str) -> int:
    """What openpyxl would have to do, in cells. It parses the sheet, all shared strings, styles and whatever else is small."""
    others = sum(each.size_bytes for name, each in seen.items() if not each.cells and not each.strings and name.endswith("xml"))
    return seen[part].cells + sum(each.strings for each in seen.values()) + others // BYTES_AS_A_CELL


def _part_of(path: Path, sheet: str) -> tuple[str, str, bool]:
    """The name of the sheet called so, as the workbook writes it, the part in which it is, and whether the workbook has the
    strict form. Raises Unacceptable."""
    with zipfile.ZipFile(path) as packed:
        book = "xl/workbook.xml"
        root = ElementTree.fromstring(packed.read(book))
        listed = root.findall("{*}sheets/{*}sheet")
        own = [each for each in listed if visible(each.get("name")).casefold() == sheet.casefold()]
        # Numbers adds the table's name where it writes a sheet for each table.
        own = own or [each for each in listed if visible(each.get("name")).casefold().startswith(f"{sheet.casefold()} - ")]
        if not own:
            raise Unacceptable(f"The workbook has no sheet `{sheet}`. Download it again and fill that one.")
        if len(own) > 1:
            raise Unacceptable(
                f"{len(own)} sheets of the workbook are called `{sheet}`, and only one can count. Delete the others."
            )
        found = own[0]
        targets = ElementTree.fromstring(packed.read("xl/_rels/workbook.xml.rels"))
        relation = found.get(f"{{{RELATIONS}}}id") or found.get(f"{{{STRICT_RELATIONS}}}id")
        target = next((each.get("Target", "") for each in targets if each.get("Id") == relation), "")
    part = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    return found.get("name", ""), part, root.tag.startswith(f"{{{STRICT}")


# --- the readers ------------------------------------------------------------------------------------------------------

Pages = tuple[int, Iterator[tuple[int, Sequence[Any]]]]  # the column of the first value, and the rows by their line


def _by_openpyxl(path: Path, name: str, listed: int) -> tuple[Pages, dict[str, str]]:
    from openpyxl import load_workbook  # a quarter of a cold start, and most requests read no workbook

    book = load_workbook(path, read_only=True, keep_links=False)
    most = _most_rows(listed)

    def rows(sheet: str, last: int) -> Iterator[tuple[int, Sequence[Any]]]:
        cells = book[sheet].iter_rows(max_row=last, max_col=COLUMNS, values_only=True)
        for line, values in enumerate(cells, start=1):
            yield line, ["" if value is None else _with_line_ends(value) if isinstance(value, str) else value for value in values]

    origin = {str(key): str(value) for _, (key, value, *_) in rows(ORIGIN, 10)} if ORIGIN in book.sheetnames else {}
    return (0, rows(name, most)), origin


def _with_line_ends(text: str) -> str:
    """openpyxl leaves a line end of Windows as it stands in the file (3.1.5, `findings/calamine-cells.sh`); calamine reads it."""
    return text.replace("_x000D_", "\r")


def _by_calamine(path: Path, name: str, columns: Sequence[str]) -> tuple[Pages, dict[str, str]]:
    script = Path(__file__).with_name("large_sheet.py")
    try:
        done = subprocess.run(
            [sys.executable, str(script), str(path), name, ORIGIN, *columns],
            env={"PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            timeout=LARGE_TIMEOUT_S,
            check=True,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as trouble:
        raise Unacceptable(NO_WORKBOOK) from trouble
    sheet = msgspec.msgpack.decode(done.stdout)
    first_row, first_column, rows, origin = sheet["row"], sheet["column"], sheet["rows"], sheet["origin"]
    return (first_column, iter(list(enumerate(rows, start=first_row + 1)))), origin


def _from_csv(sheet: str, columns: Sequence[str], path: Path, listed: int) -> Filled:
    text = _text(path, (1 << 20) + _most_rows(listed) * len(columns) * CELL_BYTES)
    if text is None:
        raise Unacceptable(NO_WORKBOOK)
    first, _, rest = text.partition("\n")
    if named := NAMES_SEPARATOR.fullmatch(visible(first).strip('"')):
        delimiter, text = named[1], rest
    elif visible(first).casefold().rstrip() in ("sep=", '"sep="'):  # a tab, which `visible` takes away
        delimiter, text = "\t", rest
    else:
        above = text[: CELL_BYTES * COLUMNS].splitlines()[:HEADER_WITHIN]
        header = next((each for each in above if "sourcedid" in visible(each).casefold()), first)
        delimiter = max(",;\t|", key=header.count)
    most = _most_rows(listed)

    def rows() -> Iterator[tuple[int, Sequence[Any]]]:
        for line, row in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), start=1):
            if line > most:
                raise Unacceptable(f"The file has more than {most:,} rows, and the list {listed:,}. Download the sheet again.")
            yield line, row

    with _broken():
        found, places, _ = _below_header("The file, read as CSV, lacks", columns, (0, rows()))
    return Filled(_unbroken(found), places)


def _text(path: Path, most_bytes: int) -> str | None:
    """A file of text, in the encodings in which spreadsheets save CSV; None for anything else. Raises Unacceptable."""
    if path.stat().st_size > most_bytes:
        raise Unacceptable("The file is far larger than the list. Download the sheet again and fill that.")
    content = path.read_bytes()
    if kind := next((kind for start, kind in OTHER_KINDS if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(start)), ""):
        raise Unacceptable(_is_other(kind))
    encodings = ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return None if FORBIDDEN_IN_TEXT.search(text) else text
    return None


def _below_header(
    lacks: str, columns: Sequence[str], pages: Pages
) -> tuple[Iterator[tuple[int, dict[str, Any]]], dict[str, int], int]:
    """The rows below the header, by the header's names, where each name stands, and the header's line. Raises Unacceptable."""
    column, rows = pages
    first: list[str] | None = None
    header = 1
    for header, values in islice(rows, HEADER_WITHIN):
        named = [visible(value).casefold() for value in values] if header <= HEADER_WITHIN else []
        first = named if first is None else first
        if "sourcedid" in named and "sync" in named:
            first = named
            break
    first = first or []
    places = {name: first.index(name.casefold()) for name in columns if name.casefold() in first}
    if lacking := [name for name in ("sourcedId", "sync") if name not in places]:
        raise Unacceptable(f"{lacks} the column {' and '.join(lacking)} in its first row. Download it again.")
    if twice := next((name for name in ("sourcedId", "sync") if first.count(name.casefold()) > 1), None):
        raise Unacceptable(
            f"Two columns are called {twice}, and only one can count. Delete or rename the other and upload it again."
        )

    def found() -> Iterator[tuple[int, dict[str, Any]]]:
        for line, values in rows:
            yield line, {name: values[place] if place < len(values) else "" for name, place in places.items()}

    return found(), {name: column + place for name, place in places.items()}, header


def _unbroken(rows: Iterator[tuple[int, dict[str, Any]]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Whatever a reader meets in the middle of a file is as much of a refusal as at its beginning."""
    with _broken():
        yield from rows


@contextmanager
def _broken() -> Iterator[None]:
    try:
        yield
    except csv.Error as trouble:
        raise Unacceptable(f"The file can't be read as CSV ({trouble}). Save the sheet as .xlsx and upload that.") from trouble
    except BROKEN as trouble:
        raise Unacceptable(NO_WORKBOOK) from trouble
