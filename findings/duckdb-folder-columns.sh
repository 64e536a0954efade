#!/usr/bin/env bash
# DuckDB 2.0.1, read_parquet and read_csv of one plain file by its path. Guess: what comes is what the file holds; folders `name=value`
# become columns where several files or a pattern are read, or where hive_partitioning is asked for.
# - They do for one file too, wherever in its path they stand, and also where read_csv was told all columns and to detect nothing.
# - Where the file has a column that is called so, the folder's value takes its place in every row, without a word.
# So a roster in `status=tobedeleted/users.parquet`, or in a CI's or a data lake's folder of that form, has nobody who is active. From
# within the folder the same file is read as it is; hive_partitioning=false has to be said with every read, no setting turns it off.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1
mkdir -p "$folder/work/status=tobedeleted/school=north/run-7"
cd "$folder/work"
"$folder/venv/bin/python" - <<'PY'
import os
from pathlib import Path

import duckdb

place = Path("status=tobedeleted/school=north/run-7")
connection = duckdb.connect()
connection.execute(f"COPY (SELECT 'u1' AS sourcedId, 'active' AS status) TO '{place}/users.parquet' (FORMAT parquet)")
(place / "users.csv").write_text("sourcedId,status\nu1,active\n")
told = "header=true, auto_detect=false, columns={'sourcedId': 'VARCHAR', 'status': 'VARCHAR'}"


def rows(call):
    return connection.execute(f"FROM {call}").fetchall()


seen = {
    "Parquet": rows(f"read_parquet('{place}/users.parquet')"),
    "CSV, its columns told": rows(f"read_csv('{place}/users.csv', {told})"),
    "Parquet, asked for who is active": rows(f"read_parquet('{place}/users.parquet') WHERE status = 'active'"),
    "Parquet, hive_partitioning=false": rows(f"read_parquet('{place}/users.parquet', hive_partitioning=false)"),
}
settings = connection.execute("SELECT count(*) FROM duckdb_settings() WHERE name ILIKE '%hive%'").fetchall()
os.chdir(place)
seen["Parquet, from within the folder"] = rows("read_parquet('users.parquet')")
print("DuckDB", duckdb.__version__, "of", place)
for name, found in seen.items():
    print(f"{name}: {found}")
of_the_folder, of_the_file = [("u1", "tobedeleted", "north")], [("u1", "active")]
assert settings == [(0,)], "this has changed"
assert list(seen.values()) == [of_the_folder, of_the_folder, [], of_the_file, of_the_file], "this has changed"
PY
