#!/usr/bin/env bash
# DuckDB 2.0.1, read_json of a OneRoster provider's answer. Guess: what is a text in JSON stays that text. "00071" and "true" do, and so
# does everything that read_csv reads of the same district.
# - Where all ids that it looks at are GUIDs, as in many systems, the column becomes a UUID, and comes out in small letters: who compares
#   letter by letter, a provider that is asked for a record by its id or a key beside the CSV's of the same roster, finds nobody.
# - One id of another form among them, and all of them stay as they are: which of the two a district gets depends on who is in it.
# - In CSV the GUIDs stay as they are.
# So the type of an id has to be said: read_json(..., columns = {...}).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1
cd "$folder"
venv/bin/python - <<'PY'
import json
from pathlib import Path

import duckdb

GUIDS = ["5DEC7A4E-0F1C-4B6A-9D0E-7B1F3C2A9E01", "5DEC7A4E-0F1C-4B6A-9D0E-7B1F3C2A9E02"]
connection = duckdb.connect()


def by_json(ids):
    users = [{"sourcedId": each, "enabledUser": "true", "identifier": "00071"} for each in ids]
    Path("users.json").write_text(json.dumps({"users": users}))
    query = "SELECT user.sourcedId::VARCHAR, user.enabledUser, user.identifier FROM (SELECT unnest(users) AS user FROM 'users.json')"
    return connection.execute(query).fetchall()


def by_csv(ids):
    Path("users.csv").write_text("sourcedId,givenName\n" + "".join(f"{each},Ann\n" for each in ids))
    return [each for (each,) in connection.execute("SELECT sourcedId::VARCHAR FROM 'users.csv'").fetchall()]


all_guids, one_is_none, csv = by_json(GUIDS), by_json([*GUIDS, "teacher-7"]), by_csv(GUIDS)
print("DuckDB", duckdb.__version__)
print("sent:                   ", GUIDS)
print("read_json:              ", [each for each, *_ in all_guids], "and", all_guids[0][1:])
print("read_json, one no GUID: ", [each for each, *_ in one_is_none])
print("read_csv:               ", csv)
assert all_guids == [(each.lower(), "true", "00071") for each in GUIDS], "this has changed"
assert [each for each, *_ in one_is_none] == [*GUIDS, "teacher-7"] and csv == GUIDS, "this has changed"
PY
