#!/usr/bin/env bash
# fastparquet 2026.9.0, an engine of pandas, on lists (grades, subjects, roles) in a Parquet file of DuckDB 2.0.1. Guess: they come as
# pyarrow and polars read them, or the file is refused; the Parquet format has one way to write a list, and DuckDB keeps to it.
# - Lists of two texts come as None, and so does a list of records: everybody's roles are gone, without an error.
# - Where no list has more than one text, that text comes in place of the list, and an empty list comes as NaN.
# The same lists of texts in a file of pyarrow come whole, and DuckDB's own do where values repeat: both have a dictionary there, which
# DuckDB leaves away where it saves nothing. So whether a column is read depends on who is in it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1 fastparquet==2026.9.0 pyarrow==26.0.1 polars==2.1.0
cd "$folder"
venv/bin/python - <<'PY'
import duckdb
import fastparquet
import polars
import pyarrow
import pyarrow.parquet

TEXTS = pyarrow.list_(pyarrow.string())
ROLES = pyarrow.list_(pyarrow.struct({"role": pyarrow.string(), "org": pyarrow.string()}))
columns = {
    "two grades": (TEXTS, [["09", "10"], ["11"]]),
    "one grade": (TEXTS, [["09"], []]),
    "roles": (ROLES, [[{"role": "student", "org": "north"}], [{"role": "aide", "org": "south"}]]),
    "two grades that repeat": (TEXTS, [["09", "10"]] * 2000),
}
NOTHING = "NaN or None"


def by_fastparquet(path):
    found = fastparquet.ParquetFile(path).to_pandas()["held"]
    return [NOTHING if each is None or each != each else each for each in found]


print(f"duckdb {duckdb.__version__}, fastparquet {fastparquet.__version__}, pyarrow {pyarrow.__version__}, polars {polars.__version__}")
seen = {}
for name, (kind, held) in columns.items():
    grades = pyarrow.table({"held": pyarrow.array(held, kind)})
    duckdb.sql("FROM grades").write_parquet("by_duckdb.parquet")
    pyarrow.parquet.write_table(grades, "by_pyarrow.parquet")
    assert pyarrow.parquet.read_table("by_duckdb.parquet").to_pydict()["held"] == held
    assert polars.read_parquet("by_duckdb.parquet")["held"].to_list() == held
    seen[name] = by_fastparquet("by_duckdb.parquet")
    print(f"{name}: {held[:2]}; fastparquet of DuckDB's file: {seen[name][:2]}, of pyarrow's: ", end="")
    print(by_fastparquet("by_pyarrow.parquet")[:2])
    assert kind != TEXTS or by_fastparquet("by_pyarrow.parquet") == held
expected = {
    "two grades": [NOTHING, NOTHING],
    "one grade": ["09", NOTHING],
    "roles": [NOTHING, NOTHING],
    "two grades that repeat": [["09", "10"]] * 2000,
}
assert seen == expected, "this has changed"
PY
