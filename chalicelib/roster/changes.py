"""The files of a plan that steps and people read: changes.parquet, and the chunks to write."""

import json
from pathlib import Path

import duckdb
from isal import igzip

from chalicelib.roster.duck import count

CHUNK_CHANGES = 2_500  # about a megabyte of DynamoDB writes, some seconds of one Lambda
ACTIONS = {"create": "created", "update": "updated", "deactivate": "deactivated", "end": "ended", "unchanged": "unchanged"}

CHANGE = """
CREATE TABLE change (entity VARCHAR, sourcedId VARCHAR, name VARCHAR, action VARCHAR, reason VARCHAR, schools VARCHAR[],
                     fields VARCHAR[], before VARCHAR, after VARCHAR, digest UBIGINT)
"""


def write_changes(connection: duckdb.DuckDBPyConnection, plan: Path) -> int:
    """Write the table `change` (of `CHANGE`) as changes.parquet, chunks/*.jsonl.gz and manifest.json; how many changes
    there are. Rows stand in no order that means anything: sorting a first sync's would take longer than all else."""
    (plan / "chunks").mkdir(parents=True, exist_ok=True)
    to = {"to": str(plan / "changes.parquet")}
    connection.execute("COPY change TO $to (FORMAT parquet, COMPRESSION zstd)", to)
    names = _write_chunks(connection, plan / "chunks")
    (plan / "manifest.json").write_text(json.dumps([{"chunk": name} for name in names]))
    return count(connection, "change")


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
SELECT '{"entity":"' || entity || '","sourcedId":' || to_json(sourcedId)::VARCHAR || ',"action":"' || action || '","record":'
       || after || '}' AS line
FROM change ORDER BY hash(sourcedId), entity, sourcedId
"""
