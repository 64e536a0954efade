"""What would change on the platform, record by record, each with its reason: the selected rows compared with the snapshot.

`compare.py` says what a record becomes, `removals.py` what goes, `matching.py` who is known under another id now. A
removed record becomes inactive and stays in the snapshot for the grace period, so that it can come back under the same
platform id. Whether a plan is held is decided by `review.py`.
"""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from oneroster_engine.duckdb_session import connect, count, counts, cursor, number_of, parquet_rows, run_parallel, text
from oneroster_engine.planning import guard as guards
from oneroster_engine.planning.changes import counts_of, write_changes, write_chunks
from oneroster_engine.planning.compare import (
    NOTHING_GOES,
    WRITTEN_AGAIN,
    Stays,
    changes_of,
    compare,
    compare_with_nothing,
    decide,
    find_unread,
    load_snapshot,
    owner_of,
)
from oneroster_engine.planning.guard import ROLE_ENDED, Breach
from oneroster_engine.planning.matching import match_people
from oneroster_engine.planning.near_ids import hold_near_ids
from oneroster_engine.planning.policy import Policy
from oneroster_engine.planning.removals import find_unselected, spare, withdraw_ended, write_by_policy
from oneroster_engine.planning.summary import Planned, schools_with_counts, write_summary
from oneroster_engine.selecting.selection import Selection, select
from oneroster_engine.standard.entities import ENTITIES
from oneroster_engine.standard.records import Form, schools_of


def plan_changes(
    stage: Path, selection: Selection, snapshot: Path | None, plan: Path, policy: Policy, unfinished: Sequence[Path] = ()
) -> Planned:
    """Write changes.parquet, summary.json, chunks/*.jsonl.gz and manifest.json into `plan`.

    `snapshot` is a folder of {entity}.parquet, None for an empty platform. `unfinished` are the changes.parquet of
    syncs that were cut off while applying, oldest first: what they touched is written again whatever it seems to be.
    """
    (plan / "chunks").mkdir(parents=True, exist_ok=True)
    staged = json.loads((stage / "summary.json").read_text())
    with connect() as connection:
        select(connection, stage, selection)
        role_ended = withdraw_ended(connection, policy.now.date(), policy.guard.removes_ended)
        load_snapshot(connection, snapshot, unfinished, policy)
        before = _before(connection)
        connection.execute(_LEFT_OUT.format(path=text(str(stage / "left_out.parquet"))))
        first_sync = {entity for entity in ENTITIES if not before[entity].records}
        for entity in first_sync:
            compare_with_nothing(connection, entity)
        known = [entity for entity in reversed(ENTITIES) if entity not in first_sync]
        run_parallel([partial(_compare, cursor(connection), entity, selection, policy) for entity in known])
        left_out: dict[str, int] = dict(connection.execute(_NAMELESS).fetchall())
        absent = {file: names for file, names in staged.get("absent", {}).items() if owner_of(file) not in first_sync}
        unread = find_unread(connection, parquet_rows(stage / "problems.parquet"), absent)
        near = hold_near_ids(connection, policy, first_sync)
        kept_whole = spare(connection, staged, policy, selection, known, left_out)
        people_held = count(connection, "held_people")
        write_by_policy(connection, plan, near=bool(near))
        ambiguous = match_people(connection, policy)
        decide(connection, known)
        compared = {entity: (rows, updates) for entity, rows, updates in connection.execute(_MAY_CHANGE).fetchall()}
        changing = [entity for entity in ENTITIES if compared[entity][0]] or [ENTITIES[0]]
        unproved = ({*kept_whole, *left_out} | ({"users"} & set(near))) - first_sync
        stays = Stays(unproved, people_held > 0, unread, near)
        queries = [changes_of(entity, policy, entity in first_sync, stays, compared[entity][1] > 0) for entity in changing]
        changes = write_changes(connection, plan, queries)
        with ThreadPoolExecutor(1) as executor:
            chunks = executor.submit(write_chunks, cursor(connection), plan, changes, policy.purging)
            cut_off = known if unfinished else []  # of which something may be written again that isn't selected
            counted = _counts(connection, cut_off)
            notes = _notes(connection, staged, before, known, kept_whole, left_out, role_ended)
            notes += [_of_near_ids(connection, entity) for entity in near]
            if selection.unplaced:
                notes.append(
                    f"orgs: {selection.unplaced:,} have a parent that can't be found, so nobody is removed for not being chosen."
                )
            if people_held and (lost := count(connection, "held_people WHERE lost")):
                notes.append(f"users: {lost:,} keep roles or profiles that a row with an error has lost.")
            breaches = ambiguous + _empty(before, staged)
            planned = Planned(counted, changes, bool(breaches), breaches, notes, _schools(connection, known, cut_off))
            write_summary(plan, planned)
            chunks.result()
        return planned


def _compare(connection: duckdb.DuckDBPyConnection, entity: str, selection: Selection, policy: Policy) -> None:
    compare(connection, entity, policy)
    if count(connection, f"compared_{entity} WHERE NOT selected AND NOT removed"):
        find_unselected(connection, entity, selection)
    else:
        connection.execute(NOTHING_GOES.format(entity=entity))


@dataclass(frozen=True)
class _Before:
    """What the platform holds of an entity: `records`, and how many of those are not removed."""

    records: int
    there: int


def _before(connection: duckdb.DuckDBPyConnection) -> dict[str, _Before]:
    rows = " UNION ALL ".join(f"SELECT '{entity}', count(*), count(removedAt) FROM before_{entity}" for entity in ENTITIES)
    return {entity: _Before(records, records - gone) for entity, records, gone in connection.execute(rows).fetchall()}


def _counts(connection: duckdb.DuckDBPyConnection, cut_off: Sequence[str]) -> dict[str, dict[str, int]]:
    counted = counts_of(connection)
    for entity, selected in zip(ENTITIES, counts(connection, [f"selected_{entity}" for entity in ENTITIES]), strict=True):
        of_entity = counted[entity]
        again = count(connection, WRITTEN_AGAIN.format(entity=entity)) if entity in cut_off else 0
        written = of_entity["created"] + of_entity["updated"] - again
        of_entity |= {"selected": selected, "unchanged": selected - written}
    return counted


def _schools(connection: duckdb.DuckDBPyConnection, known: Sequence[str], cut_off: Sequence[str]) -> list[dict[str, Any]]:
    """Each school with its changes and with what stays unchanged there."""
    rows = [_CHANGED]
    if known:
        selected = [_SELECTED.format(entity=entity, schools=schools_of(entity, Form.STAGED)) for entity in known]
        not_again = [_NOT_AGAIN.format(entity=entity) for entity in cut_off]
        rows.append(_UNCHANGED.format(selected=" UNION ALL ".join(selected), not_again=" ".join(not_again)))
    return schools_with_counts(connection.execute(_WITH_SCHOOLS_NAME.format(rows=" UNION ALL ".join(rows))).fetchall())


def _empty(before: Mapping[str, _Before], staged: dict[str, Any]) -> list[Breach]:
    """Collections without a row, while the platform has records of them. The rest of the guard's rules look at the finished
    plan: see `review.py`."""
    return [
        guards.empty_collection(entity, before[entity].there)
        for entity in ENTITIES
        if before[entity].there and not staged["counts"][entity]["kept"]
    ]


def _notes(
    connection: duckdb.DuckDBPyConnection,
    staged: dict[str, Any],
    before: Mapping[str, _Before],
    known: Sequence[str],
    kept_whole: Sequence[str],
    left_out: Mapping[str, int],
    role_ended: int,
) -> list[str]:
    by_policy = connection.execute(_KEPT_BY_POLICY).fetchall()
    unread = {"users" if entity == "roles" else entity for (entity,) in connection.execute(_ENTITIES_UNREAD).fetchall()}
    notes = []
    for entity in ENTITIES:
        if entity in kept_whole and before[entity].there:
            why = staged.get("incomplete", {}).get(entity) or "the bundle has no row that could be kept"
            if without_id := left_out.get(entity):
                why = f"{without_id:,} rows have an id that can't be read, or that of another row"
            notes.append(f"{entity}: {why}, so nothing of it is removed.")
        for reason, number in (row[1:] for row in by_policy if row[0] == entity):
            notes.append(f"{entity}: {number:,} are kept as this group's removal policy says, though the cause is: {reason}.")
        if entity == "users" and role_ended and (number := number_of(connection, _NOT_MADE)):
            notes.append(f"users: {number:,} are not created as this group's removal policy says, since {ROLE_ENDED}.")
        if entity not in known:
            continue
        may_lack = entity in unread and entity in staged.get("absent", {})
        if may_lack and (lacking := connection.execute(_WITHOUT_COLUMN.format(entity=entity), [entity]).fetchall()):
            columns = ", ".join(f"`{name}`" for (name,) in lacking)
            notes.append(f"{entity}: the source has no column {columns} now; what the platform has there stays as it is.")
        if entity in unread and (number := number_of(connection, _STILL_UNREAD.format(entity=entity), entity)):
            notes.append(f"{entity}: {number:,} keep a value that can't be read in the source now.")
        may_be_spared = entity in left_out and entity not in kept_whole
        if may_be_spared and (spared := number_of(connection, _SPARED.format(entity=entity), entity)):
            notes.append(f"{entity}: {spared:,} on the platform have an error in their row now; they were kept as they are.")
    return notes


def _of_near_ids(connection: duckdb.DuckDBPyConnection, entity: str) -> str:
    asked = "SELECT sourcedId, formerId FROM near_id WHERE entity = $1 ORDER BY ALL"
    pairs = connection.execute(asked, [entity]).fetchall()
    examples = " and ".join(f"`{new}` for `{former}`" for new, former in pairs[:2])
    what = (
        "they were neither created nor removed, and stay as they are. If their ids were meant to change, let the group match "
        "people with another field; else correct the ids in the source."
        if entity == "users"
        else "they were neither created nor removed, and stay as they are under their id there; what refers to them does so "
        "under that. Correct the ids in the source."
    )
    return (
        f"{entity}: {len({new for new, _ in pairs}):,} came under another sourcedId that is near to their own on the platform "
        f"({examples}); {what}"
    )


# Of the rows that an error left out, by entity, those whose id can't be read: any record may be one of them.
_NAMELESS = "SELECT entity, count(*) FILTER (sourcedId IS NULL) FROM left_out GROUP BY entity"

# How many may have to be written, and of how many of those the platform may hold something else.
_MAY_CHANGE = " UNION ALL ".join(
    f"SELECT '{entity}', count(*), count(*) FILTER (known AND selected OR again) FROM compared_{entity}" for entity in ENTITIES
)

_KEPT_BY_POLICY = "SELECT entity, reason, count(*) FROM kept_by_policy GROUP BY ALL ORDER BY reason"

_NOT_MADE = "SELECT count(*) FROM role_ended WHERE sourcedId NOT IN (SELECT sourcedId FROM before_users)"

_ENTITIES_UNREAD = "SELECT DISTINCT entity FROM unread"

_SPARED = """
SELECT count(*) FROM compared_{entity}
WHERE NOT selected AND NOT removed AND sourcedId IN (SELECT sourcedId FROM left_out WHERE entity = $1)
"""

_WITHOUT_COLUMN = """
SELECT DISTINCT field FROM (SELECT sourcedId, unnest(absent) AS field FROM unread WHERE entity = $1)
SEMI JOIN (SELECT sourcedId FROM verdict_{entity} WHERE selected AND action = 'update') USING (sourcedId) ORDER BY field
"""

_STILL_UNREAD = """
SELECT count(DISTINCT sourcedId) FROM (SELECT entity, sourcedId FROM unread WHERE lostLetters OR NOT list_has_all(absent, fields))
SEMI JOIN (SELECT sourcedId FROM verdict_{entity} WHERE selected AND action = 'update') USING (sourcedId)
WHERE entity = $1 OR entity = 'roles' AND $1 = 'users'
"""

# A stage of before an upgrade doesn't say whose a role is.
_LEFT_OUT = """
CREATE VIEW left_out AS SELECT * FROM read_parquet({path}, hive_partitioning=false)
UNION ALL BY NAME SELECT NULL::VARCHAR AS person, NULL::BOOLEAN AS is_referred WHERE false
"""

_WITH_SCHOOLS_NAME = """
SELECT school, coalesce(name, school), entity, action, number FROM ({rows})
LEFT JOIN (SELECT sourcedId, any_value(name) AS name FROM (
    SELECT sourcedId, name FROM staged_orgs UNION ALL SELECT sourcedId, name FROM before_orgs) GROUP BY sourcedId)
ON sourcedId = school
"""

_CHANGED = """
SELECT school, entity, action, count(*) AS number FROM (SELECT unnest(schools) AS school, entity, action FROM change) GROUP BY ALL
"""

# Of the selected records those that are not written. Where the platform had nothing of an entity all are.
_UNCHANGED = """
SELECT school, entity, 'unchanged', sum(number) FROM (
    {selected}
    UNION ALL
    SELECT unnest(schools), entity, -1 FROM change WHERE action IN ('create', 'update') {not_again}
) GROUP BY school, entity HAVING sum(number) > 0
"""
_SELECTED = """
SELECT unnest(schools) AS school, '{entity}' AS entity, number
FROM (SELECT {schools} AS schools, count(*) AS number FROM selected_rows_{entity} own GROUP BY schools)
"""
_NOT_AGAIN = f"AND NOT (entity = '{{entity}}' AND sourcedId IN {WRITTEN_AGAIN})"
