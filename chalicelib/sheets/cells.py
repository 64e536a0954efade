"""What every workbook that we write has in common: text that stays text, and memory that doesn't grow with rows."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

LONGEST_TEXT = 32_767  # of a cell, in Excel
FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")  # what XML, and so a workbook, can't hold


class Page:
    """One sheet, written from its first row to its last."""

    def __init__(self, sheet: "Worksheet", heading: "Format", text: "Format", moment: "Format", free: "Format") -> None:
        self.sheet = sheet
        self.rows = 0
        self._columns = 0  # of the header
        self._heading, self._text, self._moment, self._free = heading, text, moment, free

    def header(self, names: Sequence[str], widths: Sequence[int]) -> None:
        """A frozen, shaded first row."""
        self.sheet.freeze_panes(1, 0)
        for place, width in enumerate(widths):
            self.sheet.set_column(place, place, width)
        self._columns = len(names)
        self.row(names, self._heading)

    def filtered(self) -> None:
        """A filter on each column of the header, over the rows so far."""
        self.sheet.autofilter(0, 0, max(self.rows - 1, 0), self._columns - 1)

    def lock(self, free: int) -> None:
        """Let people write in the column `free` alone; filter, widen and hide they may everywhere. There is no password:
        it keeps from mishaps."""
        self.sheet.set_column(free, free, 8, self._free)
        self.sheet.protect("", {"autofilter": True, "format_columns": True, "format_rows": True, "sort": True})

    def answer(self, place: int, value: str) -> None:
        """Write into the row just written, in the column that isn't locked."""
        self.sheet.write_string(self.rows - 1, place, value, self._free)

    def row(self, values: Iterable[Any], text: "Format | None" = None) -> None:
        """Text, whatever it starts with, is text: an id keeps its leading zeros, and none is ever a formula or a link."""
        sheet, row, as_text = self.sheet, self.rows, text or self._text
        for place, value in enumerate(values):
            if isinstance(value, str):
                sheet.write_string(row, place, clean(value), as_text)
            elif isinstance(value, datetime):
                sheet.write_datetime(row, place, value, self._moment)
            elif value is not None:
                sheet.write_number(row, place, value)
        self.rows += 1


class Book:
    def __init__(self, out: Path) -> None:
        from xlsxwriter import Workbook  # a tenth of a cold start, and most Lambdas write no workbook

        self._book = Workbook(str(out), {"constant_memory": True})
        self._formats = (
            self._book.add_format({"bold": True, "bg_color": "#E8EEF7"}),
            self._book.add_format({"num_format": "@"}),  # the number format of text
            self._book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
            self._book.add_format({"num_format": "@", "locked": False}),
        )

    def page(self, name: str) -> Page:
        return Page(self._book.add_worksheet(name), *self._formats)

    def close(self) -> None:
        self._book.close()


@contextmanager
def workbook(out: Path) -> Iterator[Book]:
    """A workbook at `out` once the block has ended."""
    book = Book(out)
    yield book
    book.close()


def clean(value: str) -> str:
    """Without what no workbook may hold, and no longer than a cell: Excel counts UTF-16, in which an emoji is two."""
    allowed = FORBIDDEN.sub("", value)
    if 2 * len(allowed) <= LONGEST_TEXT:
        return allowed
    return allowed.encode("utf-16-le")[: 2 * LONGEST_TEXT].decode("utf-16-le", "ignore")
