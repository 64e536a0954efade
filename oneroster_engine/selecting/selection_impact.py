"""What a choice leaves out of what is there: the consequence, in numbers, before anybody presses Sync."""

from pathlib import Path

from oneroster_engine.duckdb_session import connect, number_of, text
from oneroster_engine.selecting.selection import Selection, select
from oneroster_engine.standard.entities import ENTITIES


def deselected(stage: Path, selection: Selection, snapshot: Path | None) -> dict[str, int]:
    """By entity, how many active records the platform holds that the selection doesn't reach.

    With "remove what is no longer selected" these are removed, but for those that a record which stays still names;
    without it they stay, but for what has left a chosen school. A row with an error is not counted: it is kept as it is.
    """
    if snapshot is None:
        return dict.fromkeys(ENTITIES, 0)
    counts = {}
    with connect(stage) as connection:
        select(connection, stage, selection)
        for entity in ENTITIES:
            query = _LEFT.format(
                entity=entity,
                snapshot=text(str(snapshot / f"{entity}.parquet")),
                left_out=text(str(stage / "left_out.parquet")),
            )
            counts[entity] = number_of(connection, query)
    return counts


_LEFT = """
SELECT count(*) FROM read_parquet({snapshot}) held
WHERE removedAt IS NULL AND sourcedId NOT IN (SELECT sourcedId FROM selected_{entity})
  AND sourcedId NOT IN (SELECT sourcedId FROM read_parquet({left_out}) WHERE entity = '{entity}' AND sourcedId IS NOT NULL)
"""
