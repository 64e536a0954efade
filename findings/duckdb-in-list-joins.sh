#!/usr/bin/env bash
# DuckDB 2.0.0: an IN with a dozen constants, in a SELECT's expression and not in its WHERE, becomes a mark join with a table of
# those constants. Guess: it is compared in place, as with three constants. A query over one row that asks a dozen such questions
# of its columns takes several times as long as with the optimizer `in_clause` turned off.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.0
"$folder/venv/bin/python" - <<'PY'
import time

import duckdb

words = ", ".join(f"'word {number}'" for number in range(12))
columns = [f"c{number}" for number in range(12)]
rows = "(SELECT " + ", ".join(f"range::VARCHAR AS {each}" for each in columns) + " FROM range(1))"
query = "SELECT " + ", ".join(f"CASE WHEN {each} IN ({words}) THEN 1 ELSE 0 END" for each in columns) + f" FROM {rows}"


def joins_and_ms(setting: str) -> tuple[int, float]:
    with duckdb.connect(config={"disabled_optimizers": setting}) as connection:
        plan = connection.execute(f"EXPLAIN {query}").fetchall()[0][1]
        best = 1e9
        for _ in range(15):
            begun = time.perf_counter()
            connection.execute(query).fetchall()
            best = min(best, (time.perf_counter() - begun) * 1000)
    return plan.count("MARK"), best


with_it, without = joins_and_ms(""), joins_and_ms("in_clause")
print(f"DuckDB {duckdb.__version__}: {with_it[0]} mark joins, {with_it[1]:.1f} ms; without in_clause {without[0]}, {without[1]:.1f} ms")
assert with_it[0] >= 12 and without[0] == 0 and with_it[1] > 1.5 * without[1]
PY
