"""The workbooks Org and Classes: every row to choose from, and a column `sync` to write Yes in.

Blank and No mean no. What a filled workbook says is told before it counts: a finding has the cell's address.
A district of 100,000 classes is written and read within an HTTP request; see docs/decisions/0004.
"""

import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook, WorksheetNotFound

from chalicelib.errors import Unacceptable
from chalicelib.sheets import cells

SHOWN_FINDINGS = 100
ABOUT, MADE_FOR = "About", "Sync: "
EXPANDED_BYTES = 400 << 20  # a sheet of 600,000 classes expands to some 250 MB
# What is raised for a damaged ZIP, or for a whole one with a damaged workbook in it.
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError, CalamineError)
# A cell with something in it right of column Z: the reader lays out every cell between the corners, so one stray cell
# far away would take more memory than there is. Cells that have but a style end in `/>`.
FAR_CELL = re.compile(rb"""\sr=["']([A-Z]{2,3}[0-9]{1,7})["'][^>]*(?<!/)>""")
PIECE_BYTES, LONGEST_TAG = 1 << 20, 256
LONGEST_NUMBER = 10**15  # a spreadsheet keeps fifteen digits of a number and makes zeros of the others
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
            page.row([*values, "Yes" if row["sourcedId"] in chosen else None])
        last, answer = max(page.rows - 1, 1), len(sheet.columns) - 1
        page.sheet.data_validation(1, answer, last, answer, {"validate": "list", "source": ["Yes", "No"]})
        page.sheet.autofilter(0, 0, page.rows - 1, answer)
        about = book.page(ABOUT)
        about.header([f"Sheet {sheet.name}: what to bring onto the platform"], [100])
        for line in (
            "Write Yes in the column sync of every row that you want. Blank and No mean no.",
            "Change nothing else, save the workbook as .xlsx, and upload it on the page where you downloaded it.",
            f"Made {now:%Y-%m-%d %H:%M} UTC.",
            f"{MADE_FOR}{sync_id}",
        ):
            about.row([line])


def check_sheet(sheet: Sheet, path: Path, known: Mapping[str, Mapping[str, Any]], sync_id: str) -> Checked:
    """Read a filled workbook against the rows that were offered (`known`, by sourcedId).

    An id that a spreadsheet took for a number is recognised if leading zeros are all that it lost and one row alone
    fits. Raises Unacceptable for what is no such workbook.
    """
    answers: dict[str, bool] = {}
    numbers = _by_number(known)
    findings: list[Finding] = []
    changed = unknown = repeated = unreadable = 0
    made_for, rows = _read(sheet, path)
    for line, row in rows:
        sourced_id = _recognised(row["sourcedId"], known, numbers)
        cell = f"{ascii_uppercase[row['at']]}{line}"
        said = _digits(row["sync"]).casefold()
        if sourced_id is None:
            unknown += 1
            findings.append(Finding(f"A{line}", cells.clean(str(row["sourcedId"])), _unrecognised(row["sourcedId"], numbers)))
        elif said not in YES | NO:
            unreadable += 1
            findings.append(Finding(cell, sourced_id, f"`{said[:20]}` is neither Yes nor No."))
        elif answers.get(sourced_id, said in YES) != (said in YES):
            unreadable += 1
            findings.append(Finding(cell, sourced_id, "This sourcedId stands in the sheet twice, with Yes and with No."))
        else:
            if sourced_id in answers:
                repeated += 1
                findings.append(
                    Finding(f"A{line}", sourced_id, "This sourcedId stands in the sheet already, with the same answer.")
                )
            answers[sourced_id] = said in YES
            if differs := [name for name in sheet.compared if name in row and _differs(row[name], known[sourced_id][name])]:
                changed += 1
                findings.append(Finding(f"A{line}", sourced_id, f"{', '.join(differs)} differs from the list; only sync counts."))
    chosen = frozenset(sourced_id for sourced_id, yes in answers.items() if yes)
    missing = len(known) - len(answers)
    findings.sort(key=lambda found: int(re.sub(r"\D", "", found.cell) or 0))
    usable = bool(chosen) and not unknown and not unreadable
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
        message=_message(chosen, unknown, unreadable, missing) + ("" if made_for in ("", sync_id) else _OTHER_SYNC),
    )


_OTHER_SYNC = " It was downloaded for another sync; its rows were found in this one by their sourcedId."


def _message(chosen: frozenset[str], unknown: int, unreadable: int, missing: int) -> str:
    if unreadable or unknown:
        return f"{unreadable + unknown:,} rows can't be used. Correct the cells that are named and upload the sheet again."
    if not chosen:
        return "No row says Yes in the column sync. Write Yes in those that you want and upload the sheet again."
    absent = f" {missing:,} rows of the list are not in the sheet; they count as No." if missing else ""
    return f"{len(chosen):,} rows say Yes.{absent}"


def _read(sheet: Sheet, path: Path) -> tuple[str, Iterator[tuple[int, dict[str, Any]]]]:
    try:
        _bounded(path)
        book = CalamineWorkbook.from_path(path)
        name = next((each for each in book.sheet_names if each.strip().casefold() == sheet.name.casefold()), None)
        if name is None:
            raise Unacceptable(f"The workbook has no sheet `{sheet.name}`. Download it again and fill that one.")
        page = book.get_sheet_by_name(name)
        made_for = _made_for(book)
    except BROKEN as trouble:
        raise Unacceptable(_NO_WORKBOOK) from trouble
    row, column = page.start or (0, 0)  # rows and columns that are empty in front are not given
    rows = page.iter_rows()
    first = [str(value).strip().casefold() for value in next(rows, ())] if row == 0 else []
    places = {name: first.index(name.casefold()) for name in sheet.columns if name.casefold() in first}
    if lacking := [name for name in ("sourcedId", "sync") if name not in places]:
        raise Unacceptable(f"Sheet `{sheet.name}` lacks the column {' and '.join(lacking)} in its first row. Download it again.")

    def found() -> Iterator[tuple[int, dict[str, Any]]]:
        for line, values in enumerate(rows, start=2):
            if str(values[places["sourcedId"]]).strip():
                yield line, {**{name: values[place] for name, place in places.items()}, "at": column + places["sync"]}

    return made_for, found()


_NO_WORKBOOK = "The file is no Excel workbook (.xlsx), or a damaged one. Save the sheet as .xlsx and upload that."


def _bounded(path: Path) -> None:
    """See that the workbook is whole, and that what reads it next finds neither more bytes nor more cells than it can hold."""
    with zipfile.ZipFile(path) as packed:
        if sum(info.file_size for info in packed.infolist()) > EXPANDED_BYTES:
            raise Unacceptable("The workbook expands to far more than a list of rows. Download the sheet again and fill that.")
        for info in packed.infolist():  # read to their ends, where zipfile compares the size and the checksum
            with packed.open(info) as part:
                before = b""
                while piece := part.read(PIECE_BYTES):
                    if info.filename.startswith("xl/worksheets/") and (far := FAR_CELL.search(before + piece)):
                        raise Unacceptable(
                            f"Cell {far[1].decode()} is far right of the list. Clear it, or fill a sheet just downloaded."
                        )
                    before = piece[-LONGEST_TAG:]


def _made_for(book: CalamineWorkbook) -> str:
    """The sync that the workbook was downloaded for; empty when it doesn't say."""
    try:
        lines = [str(row[0]) for row in book.get_sheet_by_name(ABOUT).iter_rows() if row]
    except WorksheetNotFound:
        return ""
    return next((line.removeprefix(MADE_FOR) for line in lines if line.startswith(MADE_FOR)), "")


def _recognised(value: Any, known: Mapping[str, Any], numbers: Mapping[str, list[str]]) -> str | None:
    if _rounded(value):
        return None
    said = _digits(value)
    if said in known:
        return said
    fitting = numbers.get(said.lstrip("0"), []) if said.isdigit() else []
    return fitting[0] if len(fitting) == 1 else None


def _unrecognised(value: Any, numbers: Mapping[str, list[str]]) -> str:
    if _rounded(value):
        return "The spreadsheet made a number of this sourcedId and rounded it. Make the cell text and write the id again."
    if len(numbers.get(_digits(value).lstrip("0"), ())) > 1:
        return "The spreadsheet made a number of this sourcedId, and several rows of the list fit. Write the id again as text."
    return "No row of the list has this sourcedId."


def _digits(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _rounded(value: Any) -> bool:
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
