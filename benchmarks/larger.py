"""A state's roster of a district's: schools, classes, people and enrollments of a bundle, so many times, in one ZIP.

    python -m benchmarks.larger M.zip XL.zip --times 30

Shape XL (6 million people, 44 million enrollments, 9 GB of CSV; California) is M thirty times, made by DuckDB in minutes where
the sample's own script would take an hour. Ids must be GUIDs, as `oneroster sample --guids` makes them; the copies share the
district, courses and sessions. Of OneRoster 1.1.
"""

import argparse
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

# A GUID's first eight digits, moved on by the number of the copy; the other 24 are the same, so no two rows meet.
MACROS = """
CREATE MACRO moved(id, n) AS CASE WHEN id IS NULL OR id = '' THEN id ELSE
    printf('%08x', (('0x' || id[1:8])::UBIGINT + n * 2654435761::UBIGINT) % 4294967296::UBIGINT) || id[9:] END;
CREATE MACRO moved_all(ids, n) AS list_transform(string_split(ids, ','), lambda id: moved(id, n)).array_to_string(',');
"""
# What a copy says otherwise, by file. The others are there once.
COPIED = {
    "orgs": {"sourcedId": "moved(sourcedId, n)", "name": "name || ' ' || n", "identifier": "identifier || n"},
    "classes": {"sourcedId": "moved(sourcedId, n)", "schoolSourcedId": "moved(schoolSourcedId, n)"},
    "users": {
        "sourcedId": "moved(sourcedId, n)",
        "orgSourcedIds": "moved_all(orgSourcedIds, n)",
        "username": "username || '-' || n",
        "identifier": "identifier || '-' || n",
        "email": "n || '.' || email",
        "agentSourcedIds": "moved_all(agentSourcedIds, n)",
    },
    "enrollments": {name: f"moved({name}, n)" for name in ("sourcedId", "classSourcedId", "schoolSourcedId", "userSourcedId")},
}
ROWS = "SELECT * FROM read_csv('{path}', all_varchar = true, nullstr = '')"


def write(bundle: Path, out: Path, times: int) -> None:
    """The bundle's rows, `times` times, as a ZIP at `out`. Memory stays bounded."""
    with TemporaryDirectory(dir=out.parent) as name, zipfile.ZipFile(bundle) as given:
        folder, made = Path(name), Path(name) / "made.csv"
        given.extractall(folder)
        with duckdb.connect() as connection, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
            connection.execute(f"SET temp_directory = '{folder}/spill'; {MACROS}")
            for member in given.namelist():
                file = Path(member).stem
                if file not in COPIED:
                    packed.write(folder / member, member)
                    continue
                rows = ROWS.format(path=folder / member)
                replaced = ", ".join(f"{made_of} AS {column}" for column, made_of in COPIED[file].items())
                copies = f"SELECT * REPLACE ({replaced}) FROM ({rows}), (SELECT unnest(range({times})) AS n)"
                copies = f"SELECT * EXCLUDE (n) FROM ({copies})"
                if file == "orgs":
                    copies = f"{rows} WHERE type <> 'school' UNION ALL FROM ({copies}) WHERE type = 'school'"
                connection.execute(f"COPY ({copies}) TO '{made}' (HEADER, DELIMITER ',')")
                packed.write(made, member)
                made.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--times", type=int, default=30)
    given = parser.parse_args()
    write(given.bundle, given.out, given.times)


if __name__ == "__main__":
    main()
