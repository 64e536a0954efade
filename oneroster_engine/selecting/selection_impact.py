"""What a selection means for what is there, in numbers, before anybody presses Sync."""

from dataclasses import dataclass
from pathlib import Path

from oneroster_engine.duckdb_session import connect, number_of, text
from oneroster_engine.selecting.selection import Selection, select
from oneroster_engine.standard.entities import ENTITIES

SHOWN_SCHOOLS = 20


@dataclass(frozen=True)
class Impact:
    """`counts`: by entity, how many active records the platform holds that the selection doesn't reach.
    `schools_along`: the names of the first few of `schools_along_total` schools that nobody selected and that come as a name
    alone, since a selected person is a member there too (docs/decisions/0019)."""

    counts: dict[str, int]
    schools_along: tuple[str, ...]
    schools_along_total: int


def selection_impact(stage: Path, selection: Selection, snapshot: Path | None) -> Impact:
    """What the selection leaves out of what is on the platform, and which schools come along with it.

    With "remove what is no longer selected" these are removed, but for those that a record which stays still names;
    without it they stay, but for what has left a chosen school. A row with an error is not counted: it is kept as it is.
    """
    counts = dict.fromkeys(ENTITIES, 0)
    with connect() as connection:
        select(connection, stage, selection)
        along = connection.execute(_ALONG).fetchall()
        for entity in ENTITIES:
            if snapshot is None:
                continue
            query = _LEFT.format(
                entity=entity,
                snapshot=text(str(snapshot / f"{entity}.parquet")),
                left_out=text(str(stage / "left_out.parquet")),
            )
            counts[entity] = number_of(connection, query)
    return Impact(counts, tuple(name for (name,) in along[:SHOWN_SCHOOLS]), len(along))


_ALONG = """
SELECT coalesce(name, sourcedId) FROM selected_rows_orgs
WHERE "type" = 'school' AND sourcedId NOT IN (SELECT sourcedId FROM chosen_orgs) ORDER BY ALL
"""


_LEFT = """
SELECT count(*) FROM read_parquet({snapshot}, hive_partitioning=false) held
WHERE removedAt IS NULL AND sourcedId NOT IN (SELECT sourcedId FROM selected_{entity})
  AND sourcedId NOT IN (SELECT sourcedId FROM read_parquet({left_out}, hive_partitioning=false)
                        WHERE entity = '{entity}' AND sourcedId IS NOT NULL)
"""
