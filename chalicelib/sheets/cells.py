"""What every workbook that we write has in common: text that stays text."""

from collections.abc import Iterable, Sequence
from typing import Any

from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

TEXT = "@"  # the number format of text: ids keep their leading zeros in Excel and LibreOffice
BOLD = Font(bold=True)
SHADED = PatternFill("solid", fgColor="FFE8EEF7")
TOP = Alignment(vertical="top", wrap_text=True)


def header(sheet: WriteOnlyWorksheet, names: Sequence[str], widths: Sequence[int]) -> None:
    """A frozen, shaded first row. Must be written before any other row."""
    sheet.freeze_panes = "A2"
    for place, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(place)].width = width
    cells = []
    for name in names:
        cell = WriteOnlyCell(sheet, value=name)
        cell.font, cell.fill = BOLD, SHADED
        cells.append(cell)
    sheet.append(cells)


def row(sheet: WriteOnlyWorksheet, values: Iterable[Any]) -> None:
    sheet.append([text(sheet, value) if isinstance(value, str) else value for value in values])


def text(sheet: WriteOnlyWorksheet, value: str) -> WriteOnlyCell:
    """A cell of text, whatever it starts with; control characters, which no workbook may hold, are left out."""
    cell = WriteOnlyCell(sheet, value=clean(value))
    cell.data_type, cell.number_format = "s", TEXT
    return cell


def clean(value: str) -> str:
    return "".join(letter for letter in value if letter >= " " or letter in "\t\n")[:32_767]
