"""The files of a plan that steps and people read: changes.parquet, and the chunks to write."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
from isal import igzip

from oneroster_engine.duckdb_session import PACKED, count, parquet_rows
from oneroster_engine.errors import BundleRefused
from oneroster_engine.planning.compare import CUT_OFF
from oneroster_engine.planning.policy import Purging
from oneroster_engine.planning.purging import purge_at
from oneroster_engine.standard.entities import ENTITIES

CHUNK_CHANGES = 2_500  # about a megabyte of DynamoDB writes, some seconds of one Lambda
ACTIONS = {"create": "created", "update": "updated", "deactivate": "deactivated", "end": "ended", "unchanged": "unchanged"}

LARGEST_RECORD_BYTES = 390_000  # DynamoDB holds 400 KB (409,600 bytes) of an item; a little less, for its keys and marks
SORTED_AT_ONCE = 2_000_000  # changes, in less than 2 GB


def write_changes(connection: duckdb.DuckDBPyConnection, plan: Path, changes: Sequence[str]) -> int:
    """Write changes.parquet and make the view `change`; how many changes there are.

    `changes` are queries, run once and never held in memory, with the columns entity, sourcedId, name, action, reason,
    schools (VARCHAR[]), fields (those that differ, VARCHAR[]), before and after (JSON as VARCHAR), digest (UBIGINT), taken
    (what an update takes away, see `takings.py`, VARCHAR[]) and spared (`after` without that, JSON as VARCHAR).
    Rows of changes.parquet stand in no order that means anything.
    """
    path = plan / "changes.parquet"
    made = "\nUNION ALL\n".join(changes)
    connection.execute(f"COPY ({made}) TO $to ({PACKED})", {"to": str(path)})
    connection.execute(f"CREATE VIEW change AS SELECT * FROM {parquet_rows(path)}")
    return count(connection, "change")


def write_chunks(connection: duckdb.DuckDBPyConnection, plan: Path, changes: int, purging: Purging) -> None:
    """Write the rows of `change`, of which there are `changes`, as chunks/*.jsonl.gz and manifest.json, the same whenever the
    changes are."""
    (plan / "chunks").mkdir(parents=True, exist_ok=True)
    names: list[str] = []
    removed_at = "(after->>'removedAt')"
    purges = " ".join(f"WHEN entity = '{entity}' THEN {purge_at(purging, removed_at, entity, 'reason')}" for entity in ENTITIES)
    parts = -(-changes // SORTED_AT_ONCE)
    for part in range(parts):  # reading the file again is quick; to sort a whole state's lines would fill a Lambda's disk
        names += _write_chunks(
            connection,
            _LINES.format(which=f"hash(sourcedId) % {parts} = {part}", purge_at=f"CASE {purges} END", cut_off=CUT_OFF),
            plan / "chunks",
            len(names),
        )
    (plan / "manifest.json").write_text(json.dumps([{"chunk": name} for name in names]))


def counts_of(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, int]]:
    """How many changes of each kind `change` has, by entity; `selected` and `unchanged` are 0, for the planner to say."""
    counts = {entity: dict.fromkeys(("selected", *ACTIONS.values()), 0) for entity in ENTITIES}
    for entity, action, number in connection.execute("SELECT entity, action, count(*) FROM change GROUP BY ALL").fetchall():
        counts[entity][ACTIONS[action]] = number
    return counts


def _write_chunks(connection: duckdb.DuckDBPyConnection, query: str, folder: Path, first: int) -> list[str]:
    """Lines in an order that has nothing to do with the file's, so that no partition of the platform gets them all."""
    names: list[str] = []
    lines = connection.execute(query)
    with ThreadPoolExecutor(1) as executor:
        packed = executor.submit(lambda: None)
        while rows := lines.fetchmany(CHUNK_CHANGES):
            packed.result()  # one at a time, or memory would grow with what waits
            names.append(f"{first + len(names):05d}.jsonl.gz")
            packed = executor.submit(_pack, rows, folder / names[-1])
        packed.result()
    return names


def _pack(rows: Sequence[tuple[bytes]], to: Path) -> None:
    """ISA-L's first level packs records as small as its third, its default, in half of the time.

    Raises BundleRefused for a record that the platform can't hold, while nothing has been written yet.
    """
    lines = [line for (line,) in rows]
    longest = max(lines, key=len)
    if len(longest) > LARGEST_RECORD_BYTES:
        _check_size(longest)
    to.write_bytes(igzip.compress(b"".join(lines), 1, mtime=0))


def _check_size(line: bytes) -> None:
    change = json.loads(line)
    fields = {name: len(json.dumps(value, ensure_ascii=False).encode()) for name, value in change["record"]["fields"].items()}
    size = sum(fields.values())
    if size > LARGEST_RECORD_BYTES:
        raise BundleRefused(
            f"{change['entity']}, {change['sourcedId']}: the record has {size:,} bytes, most of them in "
            f"{max(fields, key=lambda name: fields[name])}; the platform holds {LARGEST_RECORD_BYTES:,} of one. "
            "Shorten it and send the bundle again."
        )


_LINES = """
SELECT encode('{{"entity":"' || entity || '","sourcedId":' || to_json(sourcedId)::VARCHAR || ',"action":"' || action
              || '","record":' || after
              || if(spared IS NULL, '', ',"spared":' || spared)
              || CASE WHEN action IN ('deactivate', 'end') OR reason = '{cut_off}'
                      THEN coalesce(',"purgeAt":"' || {purge_at} || '"', '') ELSE '' END
              || '}}' || chr(10)) AS line
FROM change WHERE {which} ORDER BY hash(sourcedId), entity, sourcedId
"""
