#!/usr/bin/env bash
# DuckDB 2.0.1: a cast of a text is said to take ISO dates and plain numbers. Guess: a date as Americans write it is refused, with
# two digits of the year as with four, and so is a number with anything but digits.
# - '9/1/2026' is refused, and '9/1/26' is the 26th of January of the year 9: year, month and day in any number of digits, with a
#   slash too. A column of such begin dates passes TRY_CAST without one NULL.
# - '7.5' is the whole number 8, '1e3' is 1000, '0x10' is 16 and '1_000' is 1000: what a spreadsheet has made of an id or a code
#   becomes another number, and none of them an error.
# - 'infinity' is a date, which Python gets as the 31st of December 9999.
# So a cast does not tell whether a cell is a date or a whole number; its form has to be looked at first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1
"$folder/venv/bin/python" - <<'PY'
from datetime import date

import duckdb

expected = {
    ("DATE", "2026-09-01"): date(2026, 9, 1),
    ("DATE", "9/1/2026"): None,
    ("DATE", "9/1/26"): date(9, 1, 26),
    ("DATE", "12-31-26"): None,
    ("DATE", "26-12-31"): date(26, 12, 31),
    ("DATE", "infinity"): date(9999, 12, 31),
    ("INTEGER", "7.5"): 8,
    ("INTEGER", "1e3"): 1000,
    ("INTEGER", "0x10"): 16,
    ("INTEGER", "1_000"): 1000,
    ("INTEGER", "1,000"): None,
}
print("duckdb", duckdb.__version__)
for (kind, cell), wanted in expected.items():
    [(found,)] = duckdb.execute(f"SELECT TRY_CAST(? AS {kind})", [cell]).fetchall()
    print(f"TRY_CAST('{cell}' AS {kind}) = {found}")
    assert found == wanted, "this has changed"
PY
