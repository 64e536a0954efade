"""What people write without an engine: `python -m benchmarks.peers.plain <way> <bundle.zip> <state>`.

Ways, each in the manner of its library:
    dictreader  csv.DictReader, rows as dicts in lists
    onepass     csv.reader, one pass a file, columns by place, nothing kept but ids and hashes
    pandas      pandas.read_csv, all text
    polars      polars.read_csv, all text

Each reads a 1.1 bundle, leaves out rows without a required value, with an unknown reference or with an id that came
before, and compares what is left with `state`, the ids and hashes of the run before (none: everything is new), which it
then replaces. Printed are the rows kept, created, changed and gone.

Left out by all of them, done by the engine: dates, booleans, words and statuses; which line is wrong, why, and the root
cause; other encodings, separators and ragged rows; 1.1's roles lifted to 1.2's; a selection; reasons, before-images and
what removals need; what admins choose from; a bound on memory; Parquet.
"""

import csv
import io
import pickle
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

REQUIRED = {
    "orgs": ("sourcedId", "name", "type"),
    "academicSessions": ("sourcedId", "title", "type"),
    "courses": ("sourcedId", "title"),
    "classes": ("sourcedId", "title", "schoolSourcedId"),
    "users": ("sourcedId", "role", "orgSourcedIds"),
    "enrollments": ("sourcedId", "classSourcedId", "userSourcedId", "role"),
}
REFERS = {"classes": {"schoolSourcedId": "orgs"}, "enrollments": {"classSourcedId": "classes", "userSourcedId": "users"}}
Hashes = dict[str, dict[str, int]]


def dictreader(packed: zipfile.ZipFile) -> Hashes:
    kept: dict[str, list[dict[str, str]]] = {}
    known: dict[str, set[str]] = {}
    for name, required in REQUIRED.items():
        with packed.open(f"{name}.csv") as raw:
            rows = list(csv.DictReader(io.TextIOWrapper(raw, "utf-8-sig", newline="")))
        known[name], kept[name] = set(), []
        for row in rows:
            if any(not row[column] for column in required) or row["sourcedId"] in known[name]:
                continue
            if any(row[column] not in known[target] for column, target in REFERS.get(name, {}).items()):
                continue
            known[name].add(row["sourcedId"])
            kept[name].append(row)
    return {name: {row["sourcedId"]: hash(tuple(row.values())) for row in rows} for name, rows in kept.items()}


def onepass(packed: zipfile.ZipFile) -> Hashes:
    kept: Hashes = {}
    for name, required in REQUIRED.items():
        mine: dict[str, int] = {}
        with packed.open(f"{name}.csv") as raw:
            reader = csv.reader(io.TextIOWrapper(raw, "utf-8-sig", newline=""))
            place = {column: at for at, column in enumerate(next(reader))}
            needed = [place[column] for column in required]
            refers = [(place[column], kept[target]) for column, target in REFERS.get(name, {}).items()]
            own = place["sourcedId"]
            for row in reader:
                # Lists are quicker here than generators: tuned, as it says above.
                if all([row[at] for at in needed]) and row[own] not in mine and all([row[at] in ids for at, ids in refers]):  # noqa: C419
                    mine[row[own]] = hash(tuple(row))
        kept[name] = mine
    return kept


def pandas(packed: zipfile.ZipFile) -> dict[str, Any]:
    import pandas as pd

    kept: dict[str, Any] = {}
    for name, required in REQUIRED.items():
        with packed.open(f"{name}.csv") as raw:
            rows = pd.read_csv(raw, dtype=str, keep_default_na=False)
        for column in required:
            rows = rows[rows[column] != ""]
        rows = rows.drop_duplicates("sourcedId")
        for column, target in REFERS.get(name, {}).items():
            rows = rows[rows[column].isin(kept[target]["sourcedId"])]
        kept[name] = rows
    return {
        name: pd.DataFrame({"id": rows["sourcedId"], "digest": pd.util.hash_pandas_object(rows, index=False)})
        for name, rows in kept.items()
    }


def polars(packed: zipfile.ZipFile) -> dict[str, Any]:
    import polars as pl

    kept: dict[str, Any] = {}
    for name, required in REQUIRED.items():
        rows = pl.read_csv(packed.read(f"{name}.csv"), infer_schema=False)
        rows = rows.filter(pl.all_horizontal(pl.col(column).is_not_null() for column in required))
        rows = rows.unique("sourcedId", keep="first", maintain_order=True)
        for column, target in REFERS.get(name, {}).items():
            rows = rows.join(kept[target].select("sourcedId"), left_on=column, right_on="sourcedId", how="semi")
        kept[name] = rows
    return {name: rows.select(id="sourcedId", digest=rows.hash_rows()) for name, rows in kept.items()}


def compared(now: Hashes, before: Hashes) -> Iterator[tuple[str, int, int, int, int]]:
    for name, mine in now.items():
        old = before.get(name, {})
        created = sum(1 for each in mine if each not in old)
        changed = sum(1 for each, digest in mine.items() if each in old and old[each] != digest)
        yield name, len(mine), created, changed, sum(1 for each in old if each not in mine)


def compared_frames(now: dict[str, Any], before: dict[str, Any]) -> Iterator[tuple[str, int, int, int, int]]:
    for name, mine in now.items():
        old = before.get(name, mine.head(0))
        if hasattr(mine, "merge"):
            both = mine.merge(old, on="id", how="outer", suffixes=("", "_old"))
            created, gone = int(both["digest_old"].isna().sum()), int(both["digest"].isna().sum())
            changed = int((both["digest"] != both["digest_old"]).sum()) - created - gone
        else:
            both = mine.join(old, on="id", how="full", suffix="_old")
            created, gone = both["id_old"].null_count(), both["id"].null_count()
            changed = int((both["digest"] != both["digest_old"]).sum())
        yield name, len(mine), created, changed, gone


WAYS: dict[str, Callable[[zipfile.ZipFile], Any]] = {
    "dictreader": dictreader, "onepass": onepass, "pandas": pandas, "polars": polars,
}  # fmt: skip


def main(way: str, bundle: str, state: str) -> None:
    """`PYTHONHASHSEED` must be set: hashes are compared between runs."""
    held = Path(state)
    before = pickle.loads(held.read_bytes()) if held.exists() else {}
    with zipfile.ZipFile(bundle) as packed:
        now = WAYS[way](packed)
    for line in (compared if way in ("dictreader", "onepass") else compared_frames)(now, before):
        print(*line)
    held.write_bytes(pickle.dumps(now, protocol=5))


if __name__ == "__main__":
    main(*sys.argv[1:])
