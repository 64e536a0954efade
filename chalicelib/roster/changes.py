"""The files of a plan that steps and people read: changes.parquet, unchanged.parquet, and the chunks to write."""

import json
from pathlib import Path

import duckdb
from isal import igzip

CHUNK_CHANGES = 2_500  # about a megabyte of DynamoDB writes, some seconds of one Lambda
ACTIONS = {"create": "created", "update": "updated", "deactivate": "deactivated", "end": "ended", "unchanged": "unchanged"}

CHANGE = """
CREATE TABLE change (entity VARCHAR, sourcedId VARCHAR, name VARCHAR, action VARCHAR, reason VARCHAR, schools VARCHAR[],
                     fields VARCHAR[], before VARCHAR, after VARCHAR)
"""


def write_changes(connection: duckdb.DuckDBPyConnection, plan: Path) -> int:
    """Write the tables `change` (of `CHANGE`) and `unchanged` (entity, sourcedId, name, reason, schools) as a plan's
    files; how many changes there are."""
    (plan / "chunks").mkdir(parents=True, exist_ok=True)
    for table in ("change", "unchanged"):
        name = {"change": "changes.parquet", "unchanged": "unchanged.parquet"}[table]
        connection.execute(
            f"COPY (SELECT * FROM {table} ORDER BY entity, sourcedId) TO $to (FORMAT parquet, COMPRESSION zstd)",
            {"to": str(plan / name)},
        )
    names = _write_chunks(connection, plan / "chunks")
    (plan / "manifest.json").write_text(json.dumps([{"chunk": name} for name in names]))
    found = connection.execute("SELECT count(*) FROM change").fetchone()
    return int(found[0]) if found else 0


def _write_chunks(connection: duckdb.DuckDBPyConnection, folder: Path) -> list[str]:
    """Lines in an order that has nothing to do with the file's, so that no partition of the platform gets them all."""
    names: list[str] = []
    lines = connection.execute(_LINES)
    while rows := lines.fetchmany(CHUNK_CHANGES):
        names.append(f"{len(names):05d}.jsonl.gz")
        packed = igzip.compress("".join(line + "\n" for (line,) in rows).encode(), mtime=0)
        (folder / names[-1]).write_bytes(packed)
    return names


_LINES = """
SELECT json_object('entity', entity, 'sourcedId', sourcedId, 'action', action, 'record', after::JSON)::VARCHAR
FROM change ORDER BY hash(sourcedId), entity, sourcedId
"""
