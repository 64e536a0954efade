"""The rows of a plan that stay as they are: selected, on the platform, and the same. Written on request,
since most syncs leave nearly everything as it is and nobody looks."""

from pathlib import Path

from oneroster_engine.duckdb_session import PACKED, connect, text
from oneroster_engine.selecting.selection import Selection, select
from oneroster_engine.standard.entities import ENTITIES

SAME = "the same in the source"


def write_unchanged(stage: Path, selection: Selection, snapshot: Path, plan: Path) -> Path:
    """Write unchanged.parquet (entity, sourcedId, name, reason, schools) into `plan`, next to its changes.parquet. Without
    one everything that is selected stays.

    `snapshot` is the one that the plan was made from, or the one that it led to: what stayed is the same in both.
    """
    plan.mkdir(exist_ok=True)
    out = plan / "unchanged.parquet"
    with connect() as connection:
        select(connection, stage, selection)
        changes = plan / "changes.parquet"
        connection.execute(_CHANGED, {"changes": str(changes)}) if changes.exists() else connection.execute(_NONE_CHANGED)
        rows = " UNION ALL ".join(
            _ROWS.format(entity=entity, snapshot=text(str(snapshot / f"{entity}.parquet"))) for entity in ENTITIES
        )
        connection.execute(
            f"COPY (SELECT * FROM ({rows}) ORDER BY entity, sourcedId) TO $to ({PACKED})",
            {"to": str(out)},
        )
    return out


_CHANGED = "CREATE TABLE changed AS SELECT entity, sourcedId FROM read_parquet($changes, hive_partitioning=false)"

_NONE_CHANGED = "CREATE TABLE changed (entity VARCHAR, sourcedId VARCHAR)"

_ROWS = f"""
SELECT '{{entity}}' AS entity, sourcedId, name, '{SAME}' AS reason, schools
FROM read_parquet({{snapshot}}, hive_partitioning=false)
SEMI JOIN selected_{{entity}} USING (sourcedId)
ANTI JOIN (SELECT sourcedId FROM changed WHERE entity = '{{entity}}') USING (sourcedId)
"""
