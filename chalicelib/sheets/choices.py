"""The workbooks Org and Classes: every row to choose from, and a column `sync` to write Yes in.

Blank and No mean no. The other columns are locked, without a password; a hidden sheet says what the workbook was made
for. A filled one comes back as .xlsx, whoever saved it, or as CSV. What it says is told before it counts: a finding has
the cell's address. A district of 100,000 classes is written and read within an HTTP request; see docs/decisions/0004.
"""

import csv
import io
import re
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from string import ascii_uppercase
from typing import Any
from xml.etree import ElementTree

from python_calamine import CalamineError, CalamineWorkbook, WorksheetNotFound

from chalicelib.errors import Unacceptable
from chalicelib.model.ids import group_of
from chalicelib.sheets import cells

SHOWN_FINDINGS = 100
ABOUT, ORIGIN = "About", "Origin"  # Origin is hidden
EXPANDED_BYTES = 400 << 20  # a sheet of 600,000 classes expands to some 250 MB
# What is raised for a damaged ZIP, or for a whole one with a damaged workbook in it.
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    KeyError,
    ElementTree.ParseError,
    CalamineError,
)
# A cell with something in it right of column Z: the reader lays out every cell between the corners, so one stray cell
# far away would take more memory than there is. Cells that have but a style end in `/>`.
FAR_CELL = re.compile(rb"""\sr=["']([A-Z]{2,3}[0-9]{1,7})["'][^>]*(?<!/)>""")
FORMULA = re.compile(rb"""<c\s[^>]*?\br=["']([A-Z]{1,3}[0-9]{1,7})["'][^>]*><f\b""")
PIECE_BYTES, LONGEST_TAG = 1 << 20, 256
LONGEST_NUMBER = 10**15  # a spreadsheet keeps fifteen digits of a number and makes zeros of the others
CSV_BYTES = 60 << 20
FORBIDDEN_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # what a text has none of, and a file of another kind soon
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
SCIENTIFIC = re.compile(r"\d([.,]\d+)?E\+?\d+", re.IGNORECASE)  # a long number, as a spreadsheet saves it in a CSV
YES, NO = frozenset({"yes", "y", "true", "1", "x"}), frozenset({"", "no", "n", "false", "0"})


@dataclass(frozen=True)
class Sheet:
    """`compared` are the columns by which a reader recognises a row; another value there is told as a change."""

    name: str
    columns: Mapping[str, int]
    compared: tuple[str, ...]


ORG = Sheet(
    "Org",
    {"sourcedId": 22, "name": 40, "type": 14, "identifier": 16, "parent": 32, "classes": 10, "users": 10, "sync": 8},
    ("name",),
)
CLASSES = Sheet(
    "Classes",
    {
        "sourcedId": 22, "title": 40, "classCode": 16, "course": 32, "terms": 24, "grades": 12, "subjects": 20,
        "schoolSourcedId": 18, "school": 32, "students": 10, "teachers": 10, "users": 10, "sync": 8,
    },
    ("title", "schoolSourcedId"),
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """`cell` is its address, like H12, or empty."""

    cell: str
    sourced_id: str
    message: str


@dataclass(frozen=True)
class Checked:
    """What a filled workbook says. `missing` rows of the list mean no; unreadable and unknown ones make it unusable."""

    chosen: frozenset[str]
    not_chosen: int
    changed: int
    unknown: int
    missing: int
    repeated: int
    unreadable: int
    findings: tuple[Finding, ...]
    usable: bool
    message: str


def write_sheet(
    sheet: Sheet, rows: Iterable[Mapping[str, Any]], out: Path, sync_id: str, now: datetime, chosen: frozenset[str] = frozenset()
) -> None:
    """Write the workbook; ids are text, so that leading zeros survive, and no cell is ever a formula."""
    with cells.workbook(out) as book:
        page = book.page(sheet.name)
        page.header(list(sheet.columns), list(sheet.columns.values()))
        for row in rows:
            values = [_plain(row[name]) for name in sheet.columns if name != "sync"]
            page.row(values)
            if row["sourcedId"] in chosen:
                page.answer(len(values), "Yes")
        last, answer = max(page.rows - 1, 1), len(sheet.columns) - 1
        page.sheet.data_validation(1, answer, last, answer, {"validate": "list", "source": ["Yes", "No"]})
        page.sheet.autofilter(0, 0, page.rows - 1, answer)
        page.lock(answer)
        about = book.page(ABOUT)
        about.header([f"Sheet {sheet.name}: what to bring onto the platform"], [100])
        for line in (
            "Write Yes in the column sync of every row that you want. Blank and No mean no.",
            "Change nothing else, save the workbook as .xlsx, and upload it on the page where you downloaded it.",
            f"Made {now:%Y-%m-%d %H:%M} UTC.",
        ):
            about.row([line])
        origin = book.page(ORIGIN)
        origin.sheet.hide()
        for pair in (("sync", sync_id), ("group", group_of(sync_id)), ("made", f"{now:%Y-%m-%d %H:%M} UTC")):
            origin.row(pair)


def check_sheet(sheet: Sheet, path: Path, known: Mapping[str, Mapping[str, Any]], sync_id: str) -> Checked:
    """Read a filled workbook against the rows that were offered (`known`, by sourcedId).

    An id that a spreadsheet took for a number is recognised if leading zeros are all that it lost and one row alone
    fits. Raises Unacceptable for what is no such workbook.
    """
    answers: dict[str, bool] = {}
    numbers = _by_number(known)
    findings: list[Finding] = []
    changed = unknown = repeated = unreadable = 0
    read = _read(sheet, path)
    foreign = bool(read.origin) and group_of(read.origin) != group_of(sync_id)
    for line, row in read.rows:
        sourced_id = _recognised(row["sourcedId"], known, numbers)
        id_cell, cell = (f"{ascii_uppercase[read.places[name]]}{line}" for name in ("sourcedId", "sync"))
        said = _digits(row["sync"]).casefold()
        if computed := [each for each in (id_cell, cell) if each in read.formulas]:
            unreadable += 1
            findings += [Finding(each, cells.clean(str(row["sourcedId"])), _FORMULA) for each in computed]
        elif not str(row["sourcedId"]).strip() and said in NO:
            continue
        elif sourced_id is None:
            unknown += 1
            findings.append(Finding(id_cell, cells.clean(str(row["sourcedId"])), _unrecognised(row["sourcedId"], numbers)))
        elif said not in YES | NO:
            unreadable += 1
            findings.append(Finding(cell, sourced_id, f"`{said[:20]}` is neither Yes nor No."))
        elif answers.get(sourced_id, said in YES) != (said in YES):
            unreadable += 1
            findings.append(Finding(cell, sourced_id, "This sourcedId stands in the sheet twice, with Yes and with No."))
        else:
            if sourced_id in answers:
                repeated += 1
                findings.append(Finding(id_cell, sourced_id, "This sourcedId stands in the sheet already, with the same answer."))
            answers[sourced_id] = said in YES
            if differs := [name for name in sheet.compared if name in row and _differs(row[name], known[sourced_id][name])]:
                changed += 1
                findings.append(Finding(id_cell, sourced_id, f"{', '.join(differs)} differs from the list; only sync counts."))
    chosen = frozenset(sourced_id for sourced_id, yes in answers.items() if yes)
    missing = len(known) - len(answers)
    findings.sort(key=lambda found: int(re.sub(r"\D", "", found.cell) or 0))
    usable = bool(chosen) and not unknown and not unreadable and not foreign
    return Checked(
        chosen=chosen,
        not_chosen=len(answers) - len(chosen),
        changed=changed,
        unknown=unknown,
        missing=missing,
        repeated=repeated,
        unreadable=unreadable,
        findings=tuple(findings[:SHOWN_FINDINGS]),
        usable=usable,
        message=_OTHER_GROUP if foreign else _message(chosen, unknown, unreadable, missing) + _age(read, sync_id),
    )


_OTHER_GROUP = "This sheet was downloaded for another group. Download the sheet on this page and fill that one."
_FORMULA = "The cell has a formula. Write its value: the id itself, or Yes or No."


def _age(read: "Read", sync_id: str) -> str:
    if read.origin in ("", sync_id):
        return ""
    return f" It was downloaded for another sync, {read.made}; its rows were found in this one by their sourcedId."


def _message(chosen: frozenset[str], unknown: int, unreadable: int, missing: int) -> str:
    if unreadable or unknown:
        return f"{unreadable + unknown:,} rows can't be used. Correct the cells that are named and upload the sheet again."
    if not chosen:
        return "No row says Yes in the column sync. Write Yes in those that you want and upload the sheet again."
    absent = f" {missing:,} rows of the list are not in the sheet; they count as No." if missing else ""
    return f"{len(chosen):,} rows say Yes.{absent}"


@dataclass(frozen=True)
class Read:
    """A filled sheet: `rows` by line, `places` the columns by name, counted from A = 0; `formulas` the addresses of cells
    with one; `origin` the sync it was downloaded for and `made` when, empty where it doesn't say, as in a CSV."""

    rows: Iterator[tuple[int, dict[str, Any]]]
    places: Mapping[str, int]
    formulas: frozenset[str] = frozenset()
    origin: str = ""
    made: str = ""


def _read(sheet: Sheet, path: Path) -> Read:
    if not zipfile.is_zipfile(path) and (text := _text(path)) is not None:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
        try:
            return _found("The file, read as CSV, lacks", sheet, lines)
        except csv.Error as trouble:
            raise Unacceptable(_NO_WORKBOOK) from trouble
    try:
        formulas = _bounded(path)
        book = CalamineWorkbook.from_path(path)
        name = next((each for each in book.sheet_names if each.strip().casefold() == sheet.name.casefold()), None)
        if name is None:
            raise Unacceptable(f"The workbook has no sheet `{sheet.name}`. Download it again and fill that one.")
        page = book.get_sheet_by_name(name)
        origin = _origin(book)
        computed = formulas[_part_of(path, name)] if formulas else frozenset()
    except BROKEN as trouble:
        raise Unacceptable(_NO_WORKBOOK) from trouble
    row, column = page.start or (0, 0)  # rows and columns that are empty in front are not given
    rows = page.iter_rows() if row == 0 else iter(())
    read = _found(f"Sheet `{sheet.name}` lacks", sheet, rows, column)
    return replace(read, formulas=computed, origin=origin.get("sync", ""), made=origin.get("made", ""))


def _found(lacks: str, sheet: Sheet, rows: Iterator[Sequence[Any]], column: int = 0) -> Read:
    """The rows below the header, by the header's names; `column` is where the first value stands."""
    first = [str(value).strip().casefold() for value in next(rows, ())]
    places = {name: first.index(name.casefold()) for name in sheet.columns if name.casefold() in first}
    if lacking := [name for name in ("sourcedId", "sync") if name not in places]:
        raise Unacceptable(f"{lacks} the column {' and '.join(lacking)} in its first row. Download it again.")

    def found() -> Iterator[tuple[int, dict[str, Any]]]:
        for line, values in enumerate(rows, start=2):
            row = {name: values[place] if place < len(values) else "" for name, place in places.items()}
            yield line, row

    return Read(found(), {name: column + place for name, place in places.items()})


def _text(path: Path) -> str | None:
    """A file of text, in the encodings in which spreadsheets save CSV; None for anything else, or more than it can be."""
    if path.stat().st_size > CSV_BYTES:
        return None
    content = path.read_bytes()
    encodings = ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return None if FORBIDDEN_IN_TEXT.search(text) else text
    return None


def _delimiter(text: str) -> str:
    """The one of comma, semicolon and tab that the header has most of."""
    header = text.partition("\n")[0]
    return max(",;\t", key=header.count)


def _part_of(path: Path, name: str) -> str:
    """The part of the workbook in which the sheet called `name` is."""
    with zipfile.ZipFile(path) as packed:
        sheets = ElementTree.fromstring(packed.read("xl/workbook.xml")).iter(f"{{{MAIN}}}sheet")
        relation = next((each.get(f"{{{RELATIONS}}}id") for each in sheets if each.get("name") == name), None)
        targets = ElementTree.fromstring(packed.read("xl/_rels/workbook.xml.rels"))
        target = next((each.get("Target", "") for each in targets if each.get("Id") == relation), "")
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


_NO_WORKBOOK = "The file is no Excel workbook (.xlsx), or a damaged one, and no CSV. Save the sheet as .xlsx and upload that."


def _bounded(path: Path) -> dict[str, frozenset[str]]:
    """See that the workbook is whole, and that what reads it next finds neither more bytes nor more cells than it can hold.

    Gives the addresses of the cells with a formula, by the worksheet's part; nothing when there is none.
    """
    formulas: dict[str, set[str]] = defaultdict(set)
    with zipfile.ZipFile(path) as packed:
        if sum(info.file_size for info in packed.infolist()) > EXPANDED_BYTES:
            raise Unacceptable("The workbook expands to far more than a list of rows. Download the sheet again and fill that.")
        for info in packed.infolist():  # read to their ends, where zipfile compares the size and the checksum
            with packed.open(info) as part:
                before = b""
                while piece := part.read(PIECE_BYTES):
                    if info.filename.startswith("xl/worksheets/"):
                        seen = before + piece
                        if far := FAR_CELL.search(seen):
                            raise Unacceptable(
                                f"Cell {far[1].decode()} is far right of the list. Clear it, or fill a sheet just downloaded."
                            )
                        if b"<f" in seen:
                            formulas[info.filename] |= {each[1].decode() for each in FORMULA.finditer(seen)}
                    before = piece[-LONGEST_TAG:]
    return defaultdict(frozenset, {name: frozenset(cells) for name, cells in formulas.items() if cells})


def _origin(book: CalamineWorkbook) -> dict[str, str]:
    """What the hidden sheet says; nothing where it is gone."""
    try:
        rows = book.get_sheet_by_name(ORIGIN).iter_rows()
        return {str(row[0]): str(row[1]) for row in rows if len(row) > 1}
    except WorksheetNotFound:
        return {}


def _recognised(value: Any, known: Mapping[str, Any], numbers: Mapping[str, list[str]]) -> str | None:
    said = _digits(value)
    if said in known and (isinstance(value, str) or not _rounded(value)):
        return said
    if _rounded(value):
        return None
    fitting = numbers.get(said.lstrip("0"), []) if said.isdigit() else []
    return fitting[0] if len(fitting) == 1 else None


def _unrecognised(value: Any, numbers: Mapping[str, list[str]]) -> str:
    if not str(value).strip():
        return "This row has an answer and no sourcedId. Write the id again as text, or clear the row."
    if _rounded(value):
        return "The spreadsheet made a number of this sourcedId and rounded it. Make the cell text and write the id again."
    if len(numbers.get(_digits(value).lstrip("0"), ())) > 1:
        return "The spreadsheet made a number of this sourcedId, and several rows of the list fit. Write the id again as text."
    return "No row of the list has this sourcedId."


def _digits(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _rounded(value: Any) -> bool:
    if isinstance(value, str):
        return SCIENTIFIC.fullmatch(value.strip()) is not None
    return isinstance(value, int | float) and abs(value) >= LONGEST_NUMBER


def _by_number(known: Iterable[str]) -> dict[str, list[str]]:
    numbers: dict[str, list[str]] = {}
    for sourced_id in known:
        if sourced_id.isdigit():
            numbers.setdefault(sourced_id.lstrip("0"), []).append(sourced_id)
    return numbers


def _differs(said: Any, listed: Any) -> bool:
    """Numbers are compared as numbers, since a spreadsheet may have made one of an id."""
    here, there = _digits(said), cells.clean(str(_plain(listed) or "")).strip()
    return here != there and here.lstrip("0") != there.lstrip("0")


def _plain(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value
