#!/usr/bin/env bash
# openpyxl 3.1.5 and python-calamine 0.9.1 on a workbook in the strict form of Office Open XML (ISO/IEC 29500-1), which Excel offers
# beside the usual one under the same ending, "Strict Open XML Spreadsheet (*.xlsx)". It has other namespaces. Guess: openpyxl reads it,
# or says that it can't, as it does of .xls and .ods.
# - openpyxl gives a workbook without any sheet, read_only or not, with a warning about "an invalid specification for 0" and no error.
#   Who goes through the sheets has read a filled workbook as an empty one; who asks for a sheet by name is told that there is none.
# - calamine reads what was filled.
# Here XlsxWriter makes the workbook, and its namespaces are then changed to those of the strict form.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openpyxl==3.1.5 python-calamine==0.9.1 xlsxwriter==3.3.1
cd "$folder"
venv/bin/python - <<'PY'
import warnings
import zipfile
from importlib.metadata import version

import openpyxl
import xlsxwriter
from python_calamine import CalamineWorkbook

USUAL, STRICT = "http://schemas.openxmlformats.org/", "http://purl.oclc.org/ooxml/"
NAMESPACES = {
    f"{USUAL}spreadsheetml/2006/main": f"{STRICT}spreadsheetml/main",
    f"{USUAL}officeDocument/2006/relationships": f"{STRICT}officeDocument/relationships",
}
with xlsxwriter.Workbook("usual.xlsx") as book:
    book.add_worksheet("Classes").write_row(0, 0, ["c1", "Yes"])
with zipfile.ZipFile("usual.xlsx") as usual, zipfile.ZipFile("strict.xlsx", "w") as strict:
    for name in usual.namelist():
        part = usual.read(name).decode()
        for own, other in NAMESPACES.items():
            part = part.replace(own, other)
        strict.writestr(name, part.replace("<workbook ", '<workbook conformance="strict" '))


def by_openpyxl(path, read_only):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        book = openpyxl.load_workbook(path, read_only=read_only)
        return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book}, [str(each.message) for each in said]


def by_calamine(path):
    book = CalamineWorkbook.from_path(path)
    return {name: [tuple(row) for row in book.get_sheet_by_name(name).to_python()] for name in book.sheet_names}


filled = {"Classes": [("c1", "Yes")]}
print("openpyxl", version("openpyxl"), "python-calamine", version("python-calamine"))
for path in ("usual.xlsx", "strict.xlsx"):
    for read_only in (False, True):
        print(f"{path}, openpyxl, read_only={read_only}:", *by_openpyxl(path, read_only))
    print(f"{path}, calamine:", by_calamine(path))
assert by_openpyxl("usual.xlsx", True) == (filled, []) and by_calamine("usual.xlsx") == filled
assert by_calamine("strict.xlsx") == filled, "this has changed"
assert all(by_openpyxl("strict.xlsx", each)[0] == {} for each in (False, True)), "this has changed"
PY
