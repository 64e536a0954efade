#!/usr/bin/env bash
# DuckDB 2: to parse a statement takes 0.5 to 1 ms of processor for each 1,000 characters, about ten times what 1.5 took. Guess: what
# a generated statement of some ten thousand characters costs is its rows, and a release of the same engine parses as the last
# did. For small files parsing is then a large part of all the work: fewer, shorter statements, or one that is prepared once.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/parse.py" <<'PY'
import time

import duckdb

columns = (f"CASE WHEN c{number} <> '' THEN upper(trim(c{number})) END AS d{number}" for number in range(400))
statement = f"SELECT {', '.join(columns)} FROM district"
best = 1e9
for _ in range(10):
    begun = time.process_time()
    duckdb.extract_statements(statement)
    best = min(best, (time.process_time() - begun) * 1000)
print(duckdb.__version__, len(statement), round(best, 2))
PY
for package in duckdb==1.5.6 duckdb==2.0.0 duckdb==2.0.1; do
  python3 -m venv "$folder/$package"
  "$folder/$package/bin/pip" install --quiet --disable-pip-version-check "$package"
  "$folder/$package/bin/python" "$folder/parse.py"
done | tee "$folder/seen"
python3 - "$folder/seen" <<'PY'
import sys

ms = {version: float(took) for version, _, took in (line.split() for line in open(sys.argv[1]))}
assert ms["2.0.0"] > 5 * ms["1.5.6"] and ms["2.0.1"] > 3 * ms["1.5.6"], ms
PY
