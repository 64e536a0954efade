"""What would change on the platform, record by record, each with its reason: the selected rows compared with the snapshot.

`compare.py` says what a record becomes, `removals.py` what goes, `matching.py` who is known under another id now. A
removed record becomes inactive and stays in the snapshot for the grace period, so that it can come back under the same
platform id. Whether a plan is held is decided by `review.py`.
"""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from oneroster_engine.duckdb_session import connect, count, cursor, number_of, run_parallel, text
from oneroster_engine.planning import guard as guards
from oneroster_engine.planning.changes import counts_of, write_changes, write_chunks
from oneroster_engine.planning.compare import (
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
from oneroster_engine.planning.removals import find_unselected, nameless, spare, withdraw_ended, write_by_policy
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
        withdraw_ended(connection, policy.now.date(), policy.guard.removes_ended)
        load_snapshot(connection, snapshot, unfinished, policy)
        connection.execute(_LEFT_OUT.format(path=text(str(stage / "left_out.parquet"))))
        first_sync = {entity for entity in ENTITIES if not count(connection, f"before_{entity}")}
        for entity in first_sync:
            compare_with_nothing(connection, entity)
        known = [entity for entity in reversed(ENTITIES) if entity not in first_sync]
        run_parallel([partial(_compare, cursor(connection), entity, selection, policy) for entity in known])
        left_out = {entity for (entity,) in connection.execute("SELECT DISTINCT entity FROM left_out").fetchall()}
        absent = {file: names for file, names in staged.get("absent", {}).items() if owner_of(file) not in first_sync}
        unread = find_unread(connection, f"read_parquet({text(str(stage / 'problems.parquet'))})", absent)
        near = [] if "users" in first_sync else hold_near_ids(connection, policy, "enrollments" not in first_sync)
        kept_whole = spare(connection, staged, policy, selection, orgs_left_out="orgs" in left_out)
        people_held = count(connection, "held_people")
        write_by_policy(connection, plan, near=bool(near))
        ambiguous = match_people(connection, policy)
        decide(connection)
        changing = [entity for entity in ENTITIES if count(connection, f"compared_{entity}")] or [ENTITIES[0]]
        unproved = ({*kept_whole, *left_out} | ({"users"} if near else set())) - first_sync
        stays = Stays(unproved, people_held > 0, unread, near)
        queries = [changes_of(entity, policy, entity in first_sync, stays) for entity in changing]
        changes = write_changes(connection, plan, queries)
        with ThreadPoolExecutor(1) as executor:
            chunks = executor.submit(write_chunks, cursor(connection), plan, changes, policy.purging)
            planned = _summary(connection, changes, staged, kept_whole, ambiguous, people_held, selection.unplaced, bool(near))
            write_summary(plan, planned)
            chunks.result()
        return planned


def _compare(connection: duckdb.DuckDBPyConnection, entity: str, selection: Selection, policy: Policy) -> None:
    compare(connection, entity, policy)
    find_unselected(connection, entity, selection)


def _summary(
    connection: duckdb.DuckDBPyConnection,
    changes: int,
    staged: dict[str, Any],
    kept_whole: Sequence[str],
    ambiguous: list[Breach],
    people_held: int,
    unplaced: int,
    near: bool,
) -> Planned:
    counts = counts_of(connection)
    for entity in ENTITIES:
        counts[entity]["selected"] = count(connection, f"selected_{entity}")
        not_selected = count(connection, WRITTEN_AGAIN.format(entity=entity)) if counts[entity]["updated"] else 0
        written = counts[entity]["created"] + counts[entity]["updated"] - not_selected
        counts[entity]["unchanged"] = counts[entity]["selected"] - written
    by_school = " UNION ALL ".join(
        _BY_SCHOOL.format(entity=entity, schools=schools_of(entity, Form.STAGED)) for entity in ENTITIES
    )
    breaches = ambiguous + _empty(connection, staged)
    notes = [note for entity in ENTITIES for note in _notes(connection, entity, staged, entity in kept_whole)]
    if near:
        notes.append(_of_near_ids(connection))
    if unplaced:
        notes.append(f"orgs: {unplaced:,} have a parent that can't be found, so nobody is removed for not being chosen.")
    if people_held and (lost := count(connection, "held_people WHERE lost")):
        notes.append(f"users: {lost:,} keep roles or profiles that a row with an error has lost.")
    return Planned(
        counts=counts,
        changes=changes,
        held=bool(breaches),
        breaches=breaches,
        notes=notes,
        schools=schools_with_counts(connection.execute(_WITH_SCHOOLS_NAME.format(rows=by_school)).fetchall()),
    )


def _empty(connection: duckdb.DuckDBPyConnection, staged: dict[str, Any]) -> list[Breach]:
    """Collections without a row, while the platform has records of them. The rest of the guard's rules look at the finished
    plan: see `review.py`."""
    held = {entity: number_of(connection, f"SELECT count(*) FROM before_{entity} WHERE removedAt IS NULL") for entity in ENTITIES}
    return [
        guards.empty_collection(entity, held[entity])
        for entity in ENTITIES
        if held[entity] and not staged["counts"][entity]["kept"]
    ]


def _notes(connection: duckdb.DuckDBPyConnection, entity: str, staged: dict[str, Any], kept_whole: bool) -> list[str]:
    notes = []
    records = number_of(connection, f"SELECT count(*) FROM before_{entity} WHERE removedAt IS NULL")
    if kept_whole and records:
        without_id = nameless(connection, entity)
        why = staged.get("incomplete", {}).get(entity) or "the bundle has no row that could be kept"
        why = f"{without_id:,} rows have an id that can't be read, or that of another row" if without_id else why
        notes.append(f"{entity}: {why}, so nothing of it is removed.")
    kept = "SELECT reason, count(*) FROM kept_by_policy WHERE entity = $1 GROUP BY reason ORDER BY reason"
    for reason, number in connection.execute(kept, [entity]).fetchall():
        notes.append(f"{entity}: {number:,} are kept as this group's removal policy says, though the cause is: {reason}.")
    not_made = "SELECT count(*) FROM role_ended WHERE sourcedId NOT IN (SELECT sourcedId FROM before_users)"
    if entity == "users" and (number := number_of(connection, not_made)):
        notes.append(f"users: {number:,} are not created as this group's removal policy says, since {ROLE_ENDED}.")
    may_lack = entity in staged.get("absent", {})
    if may_lack and (lacking := connection.execute(_WITHOUT_COLUMN.format(entity=entity), [entity]).fetchall()):
        columns = ", ".join(f"`{name}`" for (name,) in lacking)
        notes.append(f"{entity}: the source has no column {columns} now; what the platform has there stays as it is.")
    if unread := number_of(connection, _STILL_UNREAD.format(entity=entity), entity):
        notes.append(f"{entity}: {unread:,} keep a value that can't be read in the source now.")
    spared = number_of(
        connection,
        f"SELECT count(*) FROM compared_{entity} WHERE NOT selected AND NOT removed "
        "AND sourcedId IN (SELECT sourcedId FROM left_out WHERE entity = $1)",
        entity,
    )
    if spared and not kept_whole:
        notes.append(f"{entity}: {spared:,} on the platform have an error in their row now; they were kept as they are.")
    return notes


def _of_near_ids(connection: duckdb.DuckDBPyConnection) -> str:
    pairs = connection.execute("SELECT sourcedId, formerId FROM near_id ORDER BY ALL").fetchall()
    examples = " and ".join(f"`{new}` for `{former}`" for new, former in pairs[:2])
    return (
        f"users: {len({new for new, _ in pairs}):,} came under another sourcedId that is near to their own on the platform "
        f"({examples}); they were neither created nor removed, and stay as they are. If their ids were meant to change, let "
        "the group match people with another field; else correct the ids in the source."
    )


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
CREATE VIEW left_out AS SELECT * FROM read_parquet({path})
UNION ALL BY NAME SELECT NULL::VARCHAR AS person, NULL::BOOLEAN AS is_referred WHERE false
"""

_WITH_SCHOOLS_NAME = """
SELECT school, coalesce(name, school), entity, action, number FROM ({rows})
LEFT JOIN (SELECT sourcedId, any_value(name) AS name FROM (
    SELECT sourcedId, name FROM staged_orgs UNION ALL SELECT sourcedId, name FROM before_orgs) GROUP BY sourcedId)
ON sourcedId = school
"""

# Of the selected records those that are not written stay unchanged.
_BY_SCHOOL = f"""
SELECT school, '{{entity}}' AS entity, action, count(*) AS number
FROM (SELECT unnest(schools) AS school, action FROM change WHERE entity = '{{entity}}') GROUP BY ALL
UNION ALL
SELECT school, '{{entity}}', 'unchanged', sum(number) FROM (
    SELECT unnest(schools) AS school, number
    FROM (SELECT {{schools}} AS schools, count(*) AS number FROM selected_rows_{{entity}} own GROUP BY schools)
    UNION ALL
    SELECT school, -count(*) FROM (
        SELECT unnest(schools) AS school FROM change WHERE entity = '{{entity}}' AND action IN ('create', 'update')
        AND sourcedId NOT IN {WRITTEN_AGAIN})
    GROUP BY school
) GROUP BY school HAVING sum(number) > 0
"""
