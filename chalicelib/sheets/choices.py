"""The workbooks Org and Classes: every row to choose from, and a column `sync` to write Yes in.

Blank and No mean no. The other columns are locked, without a password; a hidden sheet says what the workbook was made
for. A filled one comes back as .xlsx, saved by any program, or as CSV. What it says is shown before it counts: a finding has
the cell's address. A district of 100,000 classes is written and read within an HTTP request; see docs/decisions/0015.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from chalicelib.model.ids import group_of
from chalicelib.sheets import cells
from chalicelib.sheets.filled import ORIGIN, Filled, read_filled, visible
from oneroster_engine.plural import plural
from oneroster_engine.standard.damaged_ids import is_rounded, without_zeros

SHOWN_FINDINGS = 100
# A sheet in which more rows than these have another row's title was sorted by one column alone.
MOVED_ROWS, MOVED_SHARE = 2, 0.1
ABOUT = "About"
LONGEST_NUMBER = 10**15  # a spreadsheet keeps fifteen digits of a number and makes zeros of the others
YES, NO = frozenset({"yes", "y", "true", "1", "x"}), frozenset({"", "no", "n", "false", "0"})


@dataclass(frozen=True)
class Sheet:
    """`compared` are the columns by which people recognise a row; another value there is reported as a change."""

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
    read = read_filled(sheet.name, list(sheet.columns), path, len(known))
    foreign = bool(read.origin) and group_of(read.origin) != group_of(sync_id)
    rows = list(read.rows)
    answers = _Answers(sheet, known, read, _Ids(known, (row["sourcedId"] for _, row in rows)))
    for line, row in rows:
        answers.take(line, row)
    number, chosen = answers.number, frozenset(sourced_id for sourced_id, yes in answers.given.items() if yes)
    missing = len(known) - len(answers.named)
    moved = answers.moved() if number["changed"] > max(MOVED_ROWS, MOVED_SHARE * len(answers.given)) else 0
    is_sorted = moved > max(MOVED_ROWS, MOVED_SHARE * len(answers.given))
    message = _message(chosen, number["unknown"], number["unreadable"], missing) + _age(read, sync_id)
    if is_sorted:
        message = (
            f"{plural(moved, 'row')} have another row's {sheet.compared[0]} beside their sourcedId, as where one column was "
            "sorted by itself: nobody knows which rows are meant. Download the sheet again and fill that."
        )
    return Checked(
        chosen=chosen,
        not_chosen=len(answers.given) - len(chosen),
        changed=number["changed"],
        unknown=number["unknown"],
        missing=missing,
        repeated=number["repeated"],
        unreadable=number["unreadable"],
        findings=tuple(found for _, found in sorted(answers.findings, key=itemgetter(0))[:SHOWN_FINDINGS]),
        usable=bool(chosen) and not number["unknown"] and not number["unreadable"] and not foreign and not is_sorted,
        message=_OTHER_GROUP if foreign else message,
    )


@dataclass
class _Answers:
    """What the rows of a filled sheet say: Yes or No by sourcedId, how many rows are what, and the findings by line."""

    sheet: Sheet
    known: Mapping[str, Mapping[str, Any]]
    read: Filled
    ids: "_Ids"
    given: dict[str, bool] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)  # of the list, whatever stands beside them
    number: Counter[str] = field(default_factory=Counter)
    findings: list[tuple[int, Finding]] = field(default_factory=list)
    renamed: list[str] = field(default_factory=list)

    def take(self, line: int, row: Mapping[str, Any]) -> None:
        sent, answer = row["sourcedId"], _digits(row["sync"]).casefold()
        sourced_id = self.ids.recognised(sent)
        if sourced_id is not None:
            self.named.add(sourced_id)
        id_cell, cell = (f"{ascii_uppercase[self.read.places[name]]}{line}" for name in ("sourcedId", "sync"))
        if computed := [each for each in (id_cell, cell) if each in self.read.formulas]:
            self._note("unreadable", line, *(Finding(each, cells.clean(str(sent)), _FORMULA) for each in computed))
        elif failed := [each for each in (id_cell, cell) if each in self.read.errors]:
            self._note("unreadable", line, *(Finding(each, cells.clean(str(row["sourcedId"])), _ERROR) for each in failed))
        elif not visible(sent) and answer in NO:
            return
        elif sourced_id is None:
            self._note("unknown", line, Finding(id_cell, cells.clean(str(sent)), self.ids.unrecognised(sent)))
        elif answer not in YES | NO:
            self._note("unreadable", line, Finding(cell, sourced_id, f"`{answer[:20]}` is neither Yes nor No."))
        elif self.given.get(sourced_id, answer in YES) != (answer in YES):
            self._note("unreadable", line, Finding(cell, sourced_id, _BOTH))
        else:
            if sourced_id in self.given:
                self._note("repeated", line, Finding(id_cell, sourced_id, _TWICE))
            self.given[sourced_id] = answer in YES
            listed = self.known[sourced_id]
            if differs := [name for name in self.sheet.compared if name in row and _differs(row[name], listed[name])]:
                message = f"{', '.join(differs)} differs from the list; only sync counts."
                self._note("changed", line, Finding(id_cell, sourced_id, message))
                self.renamed.append(_digits(row.get(self.sheet.compared[0], "")))

    def moved(self) -> int:
        """Rows whose first compared column differs and holds what another row of the list has there."""
        name = self.sheet.compared[0]
        listed = {_digits(cells.clean(str(each[name] or ""))) for each in self.known.values()}
        return sum(bool(each) and each in listed for each in self.renamed)

    def _note(self, what: str, line: int, *findings: Finding) -> None:
        self.number[what] += 1
        self.findings += [(line, each) for each in findings]


_BOTH = "This sourcedId stands in the sheet twice, with Yes and with No."
_TWICE = "This sourcedId stands in the sheet already, with the same answer."
_OTHER_GROUP = "This sheet was downloaded for another group. Download the sheet on this page and fill that one."
_ERROR = "The cell has an error, as #N/A where nothing was found. Write its value: the id itself, or Yes or No."
_FORMULA = "The cell has a formula. Write its value: the id itself, or Yes or No."


def _age(read: Filled, sync_id: str) -> str:
    if read.origin in ("", sync_id):
        return ""
    return f" It was downloaded for another sync, {read.made}; its rows were found in this one by their sourcedId."


def _message(chosen: frozenset[str], unknown: int, unreadable: int, missing: int) -> str:
    if unreadable or unknown:
        return f"{plural(unreadable + unknown, 'row')} can't be used. Correct the cells named below and upload the sheet again."
    if not chosen:
        return "No row says Yes in the column sync. Write Yes in those that you want and upload the sheet again."
    absent = f" Not in the sheet, and so No: {plural(missing, 'row')} of the list." if missing else ""
    return f"{plural(len(chosen), 'row')} {'says' if len(chosen) == 1 else 'say'} Yes.{absent}"


class _Ids:
    """Which row of the list an id in a sheet names, after all that spreadsheets do to ids.

    One whose leading zeros are gone is recognised where one row alone fits. Where `0012` and `12` are both on the list, a `12`
    is certain only as text, where other ids have kept their zeros.
    """

    def __init__(self, known: Iterable[str], written: Iterable[Any]) -> None:
        self._known = frozenset(known)
        self._by_number: dict[str, list[str]] = {}
        for sourced_id in self._known:
            if sourced_id.isdigit():
                self._by_number.setdefault(without_zeros(sourced_id), []).append(sourced_id)
        self._zeros_kept = any(isinstance(each, str) and len(each) > 1 and each[0] == "0" and each.isdigit() for each in written)

    def recognised(self, value: Any) -> str | None:
        written = _digits(value)
        if isinstance(value, str) and value in self._known:
            written = value
        if _rounded(value):
            return written if isinstance(value, str) and written in self._known else None
        fitting = self._fitting(written)
        if len(fitting) > 1 and not (isinstance(value, str) and self._zeros_kept and written in self._known):
            return None
        return written if written in self._known else fitting[0] if fitting else None

    def unrecognised(self, value: Any) -> str:
        if not visible(value):
            return "This row has an answer and no sourcedId. Write the id again as text, or clear the row."
        if _rounded(value):
            return "The spreadsheet made a number of this sourcedId and rounded it. Make the cell text and write the id again."
        if len(fitting := self._fitting(_digits(value))) > 1:
            named = " and ".join(sorted(fitting, key=lambda each: (-len(each), each))[:3])
            return (
                f"The spreadsheet may have dropped leading zeros, and several rows of the list fit: {named}. "
                "Make the cell text and write the id again."
            )
        return "No row of the list has this sourcedId."

    def _fitting(self, written: str) -> list[str]:
        return self._by_number.get(without_zeros(written), []) if written.isdigit() else []


def _digits(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else visible(value)


def _rounded(value: Any) -> bool:
    if isinstance(value, str):
        return is_rounded(value)
    return isinstance(value, int | float) and abs(value) >= LONGEST_NUMBER


def _differs(written: Any, listed: Any) -> bool:
    """Numbers are compared as numbers, since a spreadsheet may have made one of an id."""
    here, there = _digits(written), cells.clean(str(_plain(listed) or "")).strip()
    return without_zeros(here) != without_zeros(there)


def _plain(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value
