"""The workbooks Org and Classes: every row to choose from, and a column `sync` to write Yes in.

Blank and No mean no. What a filled workbook says is told before it counts: a finding has the cell's address.
Read with openpyxl's streaming reader, bounded like a ZIP, since a workbook is one.
"""

import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from openpyxl import Workbook, load_workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.datavalidation import DataValidation

from chalicelib.errors import Unacceptable
from chalicelib.sheets import cells

SHOWN_FINDINGS = 100
EXPANDED_BYTES = 400 << 20  # a sheet of 600,000 classes expands to some 250 MB
# What openpyxl raises for a damaged workbook, when opening it or rows later.
BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, ParseError, InvalidFileException, NotImplementedError, RuntimeError,
    ValueError, TypeError, KeyError, IndexError, AttributeError,
)  # fmt: skip
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
    book = Workbook(write_only=True)
    book.properties.title, book.properties.identifier = sheet.name, sync_id
    page = book.create_sheet(sheet.name)
    cells.header(page, list(sheet.columns), list(sheet.columns.values()))
    last = 1
    for row in rows:
        last += 1
        values = [_plain(row[name]) for name in sheet.columns if name != "sync"]
        cells.row(page, [*values, "Yes" if row["sourcedId"] in chosen else None])
    letter = get_column_letter(len(sheet.columns))
    answers = DataValidation(type="list", formula1='"Yes,No"', allow_blank=True)
    answers.add(f"{letter}2:{letter}{max(last, 2)}")
    page.data_validations.append(answers)
    page.auto_filter.ref = f"A1:{letter}{last}"
    about = book.create_sheet("About")
    about.column_dimensions["A"].width = 100
    title = cells.text(about, f"Sheet {sheet.name}: what to bring onto the platform")
    title.font = Font(bold=True)
    about.append([title])
    for line in (
        "Write Yes in the column sync of every row that you want. Blank and No mean no.",
        "Change nothing else, save the workbook as .xlsx, and upload it on the page where you downloaded it.",
        f"Made {now:%Y-%m-%d %H:%M} UTC for sync {sync_id}.",
    ):
        cells.row(about, [line])
    book.save(out)


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
        cell = f"{get_column_letter(row['at'])}{line}"
        said = str(row["sync"]).strip().casefold() if row["sync"] is not None else ""
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
        with zipfile.ZipFile(path) as packed:
            if sum(info.file_size for info in packed.infolist()) > EXPANDED_BYTES:
                raise Unacceptable(
                    "The workbook expands to far more than a list of rows. Download the sheet again and fill that."
                )
        book = load_workbook(path, read_only=True, data_only=True, keep_links=False)
    except BROKEN as trouble:
        raise Unacceptable(_NO_WORKBOOK) from trouble
    name = next((each for each in book.sheetnames if each.strip().casefold() == sheet.name.casefold()), None)
    if name is None:
        raise Unacceptable(f"The workbook has no sheet `{sheet.name}`. Download it again and fill that one.")
    rows = _sent(book[name])
    first = [str(value or "").strip().casefold() for value in next(rows, ())]
    places = {column: first.index(column.casefold()) for column in sheet.columns if column.casefold() in first}
    if lacking := [column for column in ("sourcedId", "sync") if column not in places]:
        raise Unacceptable(f"Sheet `{sheet.name}` lacks the column {' and '.join(lacking)} in its first row. Download it again.")

    def found() -> Iterator[tuple[int, dict[str, Any]]]:
        for line, row in enumerate(rows, start=2):
            values = {column: row[place] if place < len(row) else None for column, place in places.items()}
            if values["sourcedId"] is not None and str(values["sourcedId"]).strip():
                yield line, {**values, "at": places["sync"] + 1}

    return str(book.properties.identifier or ""), found()


_NO_WORKBOOK = "The file is no Excel workbook (.xlsx), or a damaged one. Save the sheet as .xlsx and upload that."


def _sent(page: Any) -> Iterator[tuple[Any, ...]]:
    """The sheet's rows as they come. A damaged one breaks anywhere on the way; whoever takes the rows is not at fault."""
    try:
        page.reset_dimensions()
        yield from page.iter_rows(values_only=True)
    except BROKEN as trouble:
        raise Unacceptable(_NO_WORKBOOK) from trouble


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
    here, there = str(said if said is not None else "").strip(), cells.clean(str(_plain(listed) or "")).strip()
    return here != there and here.lstrip("0") != there.lstrip("0")


def _plain(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value
