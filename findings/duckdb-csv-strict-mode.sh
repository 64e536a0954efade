#!/usr/bin/env bash
# DuckDB's strict_mode for CSV sounds like RFC 4180 and a fixed width. With the columns given and null padding off, the guess was that
# a row of more cells than columns is an error. Surplus cells that are empty are taken without a word, so a comma that isn't escaped in
# a row whose last cell is empty moves every cell after it: here the teacher's e-mail address lands under the telephone. Blanks before an
# opening quote and after a closing one are dropped too, which RFC 4180 (2.4) calls part of the field; Python's strict csv keeps the one
# and refuses the other.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install duckdb==2.0.0 2>/dev/null
FOLDER=$folder "$folder/venv/bin/python" - <<'PYTHON'
import csv, os, sys
import duckdb

def by_duckdb(row: str) -> object:
    path = os.environ["FOLDER"] + "/users.csv"
    with open(path, "w", newline="") as file:
        file.write("sourcedId,name,email,phone,grades\n71,Ann,ann@ex.test,555,9\n" + row + "\n")
    columns = "{sourcedId: 'VARCHAR', name: 'VARCHAR', email: 'VARCHAR', phone: 'VARCHAR', grades: 'VARCHAR'}"
    options = "header=false, skip=1, auto_detect=false, delim=',', quote='\"', escape='\"', strict_mode=true, null_padding=false"
    try:
        return duckdb.sql(f"FROM read_csv('{path}', columns={columns}, {options})").fetchall()[1]
    except duckdb.Error as trouble:
        return type(trouble).__name__

def by_python(row: str) -> object:
    try:
        return tuple(next(csv.reader([row], strict=True)))
    except csv.Error:
        return "Error"

rows = {
    "surplus empty cells, and a comma in the name": "72,Vale, Jr.,vale@ex.test,,",
    "a surplus cell that isn't empty": "72,Vale,vale@ex.test,555,9,x",
    "a blank before the quote": '72, "Vale, Jr.",vale@ex.test,555,9',
    "a blank after the quote": '72,"Vale, Jr." ,vale@ex.test,555,9',
}
print(f"duckdb {duckdb.__version__}, strict_mode")
seen = {}
for name, row in rows.items():
    seen[name] = (by_duckdb(row), by_python(row))
    print(f"{name}:  {row}\n    DuckDB {seen[name][0]}\n    Python {seen[name][1]}")
whole = ("72", "Vale, Jr.", "vale@ex.test", "555", "9")
expected = [("72", "Vale", " Jr.", "vale@ex.test", None), "InvalidInputException", whole, whole]
if [duck for duck, _ in seen.values()] != expected:
    sys.exit("this has changed")
PYTHON
