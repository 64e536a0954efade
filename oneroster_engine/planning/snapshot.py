"""What the platform holds: read as a relation, and rewritten once a plan is applied."""

from datetime import datetime
from pathlib import Path

import duckdb

from oneroster_engine.duckdb_session import PACKED, connect, parquet_rows, text
from oneroster_engine.planning.policy import Purging, iso
from oneroster_engine.planning.purging import purge_at, stored, write_removed
from oneroster_engine.standard.entities import ENTITIES
from oneroster_engine.standard.records import Form, name_of, schools_of


def snapshot_rows(snapshot: Path | None, entity: str) -> str:
    """A query of the records of one entity, `fields` as JSON; of none, with the same columns, for an empty platform."""
    if snapshot is None:
        return _EMPTY
    # An older snapshot's digests are of another kind; none of them equals one of today's.
    today = "fields::JSON AS fields, try_cast(digest AS UBIGINT) AS digest"
    return f"SELECT * REPLACE ({today}) FROM {parquet_rows(snapshot / f'{entity}.parquet')}"


def next_snapshot(snapshot: Path | None, plan: Path, out: Path, now: datetime, purging: Purging, removals: bool = True) -> str:
    """Write into `out` what the platform holds once the plan is applied, without its removals when `removals` is false.

    Records that are purged by `now` are dropped. The moment of the next purge, as text; empty where nothing is to be purged.
    """
    out.mkdir(parents=True, exist_ok=True)
    with connect(in_order=False) as connection:  # nobody needs it, and it costs disk
        connection.execute("CREATE VIEW planned AS " + planned_rows(connection, plan / "changes.parquet"))
        connection.execute("CREATE VIEW change AS " + (_AS_PLANNED if removals else _WITHOUT_REMOVALS))
        for entity in ENTITIES:
            connection.execute(
                f"CREATE VIEW snapshot_{entity} AS {with_lookups(snapshot_rows(snapshot, entity), entity, 'purgeAt')}"
            )
            lookups = LOOKUPS.get(entity, {})
            name = "name" if entity == "enrollments" else f"if(spared IS NULL, name, {name_of(entity, Form.STORED)})"
            query = _NEXT.format(
                entity=entity,
                name=name,
                schools=f"if(spared IS NULL, schools, {schools_of(entity, Form.STORED)})",
                purge_at_stored=stored("purgeAt", purging.grace_days),
                purge_at=purge_at(purging, "said[4]", entity, "reason"),
                now=text(iso(now)),
                lookups="".join(f", {each}" for each in lookups),
                paths="".join(f", '$.fields.{path}'" for path in lookups.values()),
                found="".join(f", said[{place}] AS {each}" for place, each in enumerate(lookups, start=6)),
            )
            connection.execute(f"COPY ({query}) TO $to ({PACKED})", {"to": str(out / f"{entity}.parquet")})
        return write_removed(connection, out)


def planned_rows(connection: duckdb.DuckDBPyConnection, changes: Path) -> str:
    """The changes of a plan; those of an earlier version of the engine lack columns."""
    rows = parquet_rows(changes, numbered=True)
    known = {column for column, *_ in connection.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()}
    lacking = [f"NULL::{kind} AS {name}" for name, kind in _ADDED.items() if name not in known]
    return f"SELECT {', '.join(['*', *lacking])} FROM {rows}"


_ADDED = {"digest": "UBIGINT", "taken": "VARCHAR[]", "spared": "VARCHAR"}
_AS_PLANNED = "SELECT * REPLACE (NULL AS spared) FROM planned"
# What was spared is unknown to the next plan's quick look, so that it is compared, and asked about, again.
_WITHOUT_REMOVALS = """
SELECT * REPLACE (coalesce(spared, after) AS after, if(spared IS NULL, digest, NULL) AS digest)
FROM planned WHERE action NOT IN ('deactivate', 'end')
"""


def with_lookups(rows: str, entity: str, *more: str) -> str:
    """The rows with the columns that a snapshot from before 28 November 2026 lacks, and those in `more`."""
    missing = "".join(f", NULL::VARCHAR AS {name}" for name in ("modified", *more, *LOOKUPS.get(entity, {})))
    filled = "".join(f", coalesce({name}, fields->>'$.{path}') AS {name}" for name, path in LOOKUPS.get(entity, {}).items())
    whole = f"SELECT * {missing} FROM ({_EMPTY}) UNION ALL BY NAME {rows}"
    return f"SELECT * REPLACE (coalesce(modified, since) AS modified{filled}) FROM ({whole})"


# The columns by which readers look up records are kept next to the JSON, so that a list of a class's people reads two columns.
# The guard counts people and enrollments by their type, of all schools that lose some.
LOOKUPS = {
    "users": {"userType": "roles[0].role"},
    "enrollments": {"userSourcedId": "userSourcedId", "classSourcedId": "classSourcedId", "role": "role"},
}

_EMPTY = """
SELECT '' AS sourcedId, '' AS platformId, '' AS platformStatus, '' AS since, NULL::VARCHAR AS removedAt, NULL::UBIGINT AS digest,
       '' AS name, []::VARCHAR[] AS schools, '{}'::JSON AS fields WHERE false
"""

# All that is taken from a record's JSON is taken in one look at it, which is half of the work of five. `modified` is the time of
# the sync that last changed the record.
_NEXT = """
SELECT * FROM (
    SELECT sourcedId, platformId, platformStatus, since, removedAt, digest, name, schools, fields, modified,
           if(removedAt IS NULL, NULL, {purge_at_stored}) AS purgeAt{lookups}
    FROM snapshot_{entity} ANTI JOIN (SELECT sourcedId FROM change WHERE entity = '{entity}') USING (sourcedId)
    UNION ALL
    SELECT sourcedId, said[1], said[2], said[3], said[4], digest, {name}, {schools}, fields, {now}, {purge_at}{found}
    FROM (SELECT *, said[5]::JSON AS fields
          FROM (SELECT sourcedId, name, schools, digest, spared, reason, json_extract_string(
                    after, ['$.platformId', '$.platformStatus', '$.since', '$.removedAt', '$.fields'{paths}]) AS said
                FROM change WHERE entity = '{entity}'))
) WHERE removedAt IS NULL OR purgeAt > {now}
"""
