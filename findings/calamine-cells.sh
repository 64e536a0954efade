#!/usr/bin/env bash
# python-calamine 0.9.1 beside openpyxl 3.1.5 on one sheet. Guess: a cell of a filled sheet has one value, whichever of the two reads it.
# - An error, as VLOOKUP leaves it where it finds nothing and a person pastes its values (`#N/A`), is that text for openpyxl. calamine
#   gives an empty text, as for a cell that nobody filled: where blank means No, a person's mistake is their answer.
# - A line end of Windows within a text stands in the file as `_x000D_` (ECMA-376 part 1, 22.9.2.19, ST_Xstring; so Excel and XlsxWriter
#   write it). calamine reads what was written. openpyxl gives the escape, although it has a function for them: the Yes is no Yes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check python-calamine==0.9.1 openpyxl==3.1.5 xlsxwriter==3.3.1
cd "$folder"
venv/bin/python - <<'PY'
from importlib.metadata import version

import openpyxl
import xlsxwriter
from openpyxl.utils.escape import unescape
from python_calamine import CalamineWorkbook

with xlsxwriter.Workbook("filled.xlsx") as book:
    book.add_worksheet().write_row(0, 0, ["id", "Yes\r\n"])
with xlsxwriter.Workbook("blank.xlsx") as book:
    book.add_worksheet().write_row(0, 0, ["id", "", "Yes"])
error = openpyxl.Workbook()
error.active.append(["id", "#N/A", "Yes"])
assert error.active["B1"].data_type == "e"  # a value, with no formula behind it
error.save("error.xlsx")


def by_both(path):
    first = next(openpyxl.load_workbook(path, read_only=True, data_only=True).active.iter_rows(values_only=True))
    return list(first), CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()[0]


print(f"openpyxl {openpyxl.__version__}, python-calamine {version('python-calamine')}, xlsxwriter {xlsxwriter.__version__}")
texts, errors, blanks = by_both("filled.xlsx"), by_both("error.xlsx"), by_both("blank.xlsx")
for name, found in (("a line end", texts), ("an error", errors), ("nothing", blanks)):
    print(f"{name}: openpyxl {found[0]}, calamine {found[1]}")
assert errors == (["id", "#N/A", "Yes"], ["id", "", "Yes"]) and blanks[1] == errors[1], "this has changed"
assert texts == (["id", "Yes_x000D_\n"], ["id", "Yes\r\n"]), "this has changed"
assert unescape(texts[0][1]) == texts[1][1], "this has changed"
PY
