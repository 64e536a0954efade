"""What the platform holds: read as a relation, and written anew once a plan is applied."""

from datetime import datetime, timedelta
from pathlib import Path

from oneroster_engine.duckdb_session import PACKED, connect, text
from oneroster_engine.planning.policy import iso
from oneroster_engine.standard.entities import ENTITIES


def snapshot_rows(snapshot: Path | None, entity: str) -> str:
    """A query of the records of one entity, `fields` as JSON; of none, with the same columns, for an empty platform."""
    if snapshot is None:
        return _EMPTY
    # An older snapshot's digests are of another kind; none of them equals one of today's.
    today = "fields::JSON AS fields, try_cast(digest AS UBIGINT) AS digest"
    return f"SELECT * REPLACE ({today}) FROM read_parquet({text(str(snapshot / f'{entity}.parquet'))})"


def next_snapshot(snapshot: Path | None, plan: Path, out: Path, now: datetime, grace_days: int, removals: bool = True) -> None:
    """Write into `out` what the platform holds once the plan is applied, without its removals when `removals` is false.

    Records removed longer than `grace_days` ago are dropped; the platform has purged them by then.
    """
    out.mkdir(parents=True, exist_ok=True)
    with connect(out) as connection:
        connection.execute("SET preserve_insertion_order = false")  # nobody needs it, and it costs disk
        changes = f"SELECT * FROM read_parquet({text(str(plan / 'changes.parquet'))})"
        wanted = "" if removals else " WHERE action NOT IN ('deactivate', 'end')"
        connection.execute(f"CREATE VIEW change AS {changes}{wanted}")
        known = [column for column, *_ in connection.execute("DESCRIBE change").fetchall()]
        digest = "digest" if "digest" in known else "NULL::UBIGINT"  # an undone record's is found out by the next plan
        for entity in ENTITIES:
            connection.execute(f"CREATE VIEW snapshot_{entity} AS {snapshot_rows(snapshot, entity)}")
            query = _NEXT.format(entity=entity, digest=digest, oldest=text(iso(now - timedelta(days=grace_days))))
            connection.execute(f"COPY ({query}) TO $to ({PACKED})", {"to": str(out / f"{entity}.parquet")})


_EMPTY = """
SELECT '' AS sourcedId, '' AS platformId, '' AS platformStatus, '' AS since, NULL::VARCHAR AS removedAt, NULL::UBIGINT AS digest,
       '' AS name, []::VARCHAR[] AS schools, '{}'::JSON AS fields WHERE false
"""

# All that is taken from a record's JSON is taken in one look at it, which is half of the work of five.
_NEXT = """
SELECT * FROM (
    SELECT sourcedId, platformId, platformStatus, since, removedAt, digest, name, schools, fields FROM snapshot_{entity}
    ANTI JOIN (SELECT sourcedId FROM change WHERE entity = '{entity}') USING (sourcedId)
    UNION ALL
    SELECT sourcedId, said[1], said[2], said[3], said[4], {digest}, name, schools, said[5]::JSON
    FROM (SELECT *, json_extract_string(after, ['$.platformId', '$.platformStatus', '$.since', '$.removedAt', '$.fields']) AS said
          FROM change WHERE entity = '{entity}')
) WHERE removedAt IS NULL OR removedAt > {oldest}
"""
