"""When what was removed is purged: deleted for good, after which nobody comes back under the old platform id.

A record is removed first (it becomes inactive, an enrollment ends), and the day of its purge is fixed with that. Snapshots
carry it as `purgeAt`: a moment, or `never`, which is later than any moment as text is compared. What was removed before
there was such a column has the group's grace period.
"""

from datetime import datetime
from pathlib import Path

import duckdb

from oneroster_engine.duckdb_session import PACKED, connect, parquet_rows, text
from oneroster_engine.planning.guard import CAUSES
from oneroster_engine.planning.policy import Purging, iso
from oneroster_engine.standard.entities import ENTITIES

NEVER = "never"
REMOVED = "removed/records.parquet"  # in a snapshot: which of its records are removed, so that nobody reads all for it


def purge_at(purging: Purging, removed_at: str, entity: str, reason: str) -> str:
    """SQL of `purgeAt` for a record that is removed at `removed_at` for `reason` (both SQL). Where none of the causes is the
    reason, as for an enrollment that ends with its class, the longest of the entity's days count."""
    days = next((of for name, of in purging.days.items() if name == entity), {})
    longest = None if None in days.values() else max([purging.grace_days, *(each for each in days.values() if each is not None)])
    of_cause = {words: days.get(cause, purging.grace_days) for cause, words in CAUSES.items()}
    cases = [f"WHEN {reason} = '{words}' THEN {_later(removed_at, of)}" for words, of in of_cause.items() if of != longest]
    return f"CASE WHEN {removed_at} IS NULL THEN NULL {' '.join(cases)} ELSE {_later(removed_at, longest)} END"


def still_there(connection: duckdb.DuckDBPyConnection, rows: str, now: datetime, grace_days: int) -> str:
    """A query of the records of a snapshot's `rows` that are not purged by `now`."""
    known = {str(name) for name, *_ in connection.execute(f"DESCRIBE {rows}").fetchall()}
    purge_at = stored("purgeAt" if "purgeAt" in known else "NULL", grace_days)
    return f"SELECT * FROM ({rows}) WHERE removedAt IS NULL OR {purge_at} > {text(iso(now))}"


def stored(purge_at: str, grace_days: int) -> str:
    """SQL of a snapshot's `purgeAt`, of one from before there was such a column too."""
    return f"coalesce({purge_at}, {_later('removedAt', grace_days)})"


def write_removed(connection: duckdb.DuckDBPyConnection, snapshot: Path) -> str:
    """Write which records of the snapshot are removed (entity, sourcedId, purgeAt). The first `purgeAt`; empty without any."""
    (snapshot / REMOVED).parent.mkdir(exist_ok=True)
    rows = " UNION ALL ".join(
        f"SELECT '{entity}' AS entity, sourcedId, purgeAt FROM {parquet_rows(snapshot / f'{entity}.parquet')} "
        "WHERE removedAt IS NOT NULL"
        for entity in ENTITIES
    )
    connection.execute(f"COPY ({rows}) TO $to ({PACKED})", {"to": str(snapshot / REMOVED)})
    found = connection.execute(
        "SELECT min(purgeAt) FROM read_parquet($removed, hive_partitioning=false)", {"removed": str(snapshot / REMOVED)}
    ).fetchone()
    return str(found[0]) if found and found[0] else ""


def due(removed: Path, now: datetime) -> tuple[list[tuple[str, str]], str]:
    """The records (entity, sourcedId) of such a file whose purge is due, and the moment of the last of them."""
    with connect() as connection:
        query = f"SELECT entity, sourcedId, purgeAt FROM {parquet_rows(removed)} WHERE purgeAt <= $now ORDER BY ALL"
        found = connection.execute(query, {"now": iso(now)}).fetchall()
    return [(entity, sourced_id) for entity, sourced_id, _ in found], max((at for *_, at in found), default="")


def without(snapshot: Path, name: str, now: datetime, out: Path) -> None:
    """Write one file of a snapshot, an entity's or REMOVED, into `out` without what is purged by `now`."""
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    with connect() as connection:
        rows = parquet_rows(snapshot / name)
        kept = f"SELECT * FROM {rows} WHERE purgeAt IS NULL OR purgeAt > {text(iso(now))}"
        connection.execute(f"COPY ({kept}) TO $to ({PACKED})", {"to": str(out / name)})


def _later(removed_at: str, days: int | None) -> str:
    if days is None:
        return f"'{NEVER}'"
    return f"strftime(({removed_at})::TIMESTAMP + to_days({days}), '%Y-%m-%dT%H:%M:%SZ')"
