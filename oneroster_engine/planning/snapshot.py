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
            connection.execute(f"CREATE VIEW snapshot_{entity} AS {_with_lookups(snapshot_rows(snapshot, entity), entity)}")
            lookups = LOOKUPS.get(entity, ())
            query = _NEXT.format(
                entity=entity,
                digest=digest,
                oldest=text(iso(now - timedelta(days=grace_days))),
                now=text(iso(now)),
                lookups="".join(f", {name}" for name in lookups),
                paths="".join(f", '$.fields.{name}'" for name in lookups),
                found="".join(f", said[{place}] AS {name}" for place, name in enumerate(lookups, start=6)),
            )
            connection.execute(f"COPY ({query}) TO $to ({PACKED})", {"to": str(out / f"{entity}.parquet")})


def _with_lookups(rows: str, entity: str) -> str:
    """The rows with the columns that a snapshot from before 28 November 2026 lacks."""
    missing = "".join(f", NULL::VARCHAR AS {name}" for name in ("modified", *LOOKUPS.get(entity, ())))
    filled = "".join(f", coalesce({name}, fields->>'$.{name}') AS {name}" for name in LOOKUPS.get(entity, ()))
    whole = f"SELECT * {missing} FROM ({_EMPTY}) UNION ALL BY NAME {rows}"
    return f"SELECT * REPLACE (coalesce(modified, since) AS modified{filled}) FROM ({whole})"


# What readers of a snapshot look records up by stands beside the JSON too, so that a list of a class's people reads two columns.
LOOKUPS = {"enrollments": ("userSourcedId", "classSourcedId", "role")}

_EMPTY = """
SELECT '' AS sourcedId, '' AS platformId, '' AS platformStatus, '' AS since, NULL::VARCHAR AS removedAt, NULL::UBIGINT AS digest,
       '' AS name, []::VARCHAR[] AS schools, '{}'::JSON AS fields WHERE false
"""

# All that is taken from a record's JSON is taken in one look at it, which is half of the work of five. `modified` is the time of
# the sync that last changed the record.
_NEXT = """
SELECT * FROM (
    SELECT sourcedId, platformId, platformStatus, since, removedAt, digest, name, schools, fields, modified{lookups}
    FROM snapshot_{entity} ANTI JOIN (SELECT sourcedId FROM change WHERE entity = '{entity}') USING (sourcedId)
    UNION ALL
    SELECT sourcedId, said[1], said[2], said[3], said[4], {digest}, name, schools, said[5]::JSON, {now}{found}
    FROM (SELECT *, json_extract_string(after, ['$.platformId', '$.platformStatus', '$.since', '$.removedAt', '$.fields'{paths}])
                    AS said
          FROM change WHERE entity = '{entity}')
) WHERE removedAt IS NULL OR removedAt > {oldest}
"""
