"""A second look at a finished plan: whether it is held for a human's word, and why.

Looks at what the plan's files say and nothing else, so that a plan to sync and a plan to undo are judged alike, and so
that a mistake in planning can't hide from the guard. It measures
- removals, per school and entity, and of users per user type too: a school that loses all its teachers has lost few;
- those of several syncs together (`drain.py`);
- ids that look renumbered, as pairs of old and new (renumbered.parquet);
- changes that were undone and would be made again.
What the plan alone knows, such as a collection that came empty, stays as the plan found it.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import duckdb

from oneroster_engine.duckdb_session import PACKED, connect, number_of, parquet_rows, text
from oneroster_engine.planning import guard as guards
from oneroster_engine.planning.compare import FOUND_AGAIN
from oneroster_engine.planning.drain import drained
from oneroster_engine.planning.guard import TAKING, Breach, Guard, Removals
from oneroster_engine.planning.matching import RENAMED
from oneroster_engine.planning.measures import TYPES, held_by_group, measure, orgs_not_shown, write_rows
from oneroster_engine.planning.policy import Policy
from oneroster_engine.planning.snapshot import LOOKUPS, planned_rows, snapshot_rows, with_lookups
from oneroster_engine.planning.summary import Planned, write_summary
from oneroster_engine.standard.entities import ENTITIES


@dataclass(frozen=True)
class Undone:
    """An undo that is in force: who started it and when, and its own changes.parquet."""

    by: str
    at: datetime
    changes: Path


def review(
    planned: Planned,
    plan: Path,
    snapshot: Path | None,
    policy: Policy,
    stage: Path | None,
    undone: Sequence[Undone] = (),
    spared: Sequence[Path] = (),
) -> Planned:
    """The plan with its breaches, and held where there are any; summary.json says so too. `stage` is None for an undo.

    `spared` are the changes.parquet of syncs that were approved without their removals, which nobody has decided on since.
    """
    found = [each for each in planned.breaches if not each.removed]  # what removes nothing is the plan's own to tell
    with connect() as connection:
        connection.execute(
            "CREATE VIEW change AS SELECT * REPLACE (before::JSON AS before, after::JSON AS after) "
            f"FROM {parquet_rows(plan / 'changes.parquet')}"
        )
        for entity in ENTITIES:
            held = snapshot_rows(snapshot, entity)
            have = {str(name) for name, *_ in connection.execute(f"DESCRIBE {held}").fetchall()}
            if not set(LOOKUPS.get(entity, {})) <= have:  # an older snapshot's, where the JSON must be read
                held = with_lookups(held, entity)
            connection.execute(f"CREATE VIEW snapshot_{entity} AS {held}")
            connection.execute(f"CREATE VIEW held_{entity} AS SELECT * FROM snapshot_{entity} WHERE removedAt IS NULL")
        today = policy.now.date()
        connection.execute(_ENDED_SESSIONS, {"today": today})
        ended = number_of(connection, "SELECT count(*) FROM ended_session")
        connection.execute(_OVER_CLASSES if ended else "CREATE TABLE over_class (sourcedId VARCHAR)")
        staged = json.loads((stage / "summary.json").read_text()) if stage is not None else {}
        if stage is not None and snapshot is not None:
            found += _renumbered(connection, planned, plan, stage, policy)
        if stage is not None and not any(counted["kept"] for counted in staged["counts"].values()):
            found.append(guards.nothing_at_all())
        if stage is not None and (missing := orgs_not_shown(connection, policy.guard, stage)):
            found.append(guards.not_shown(missing, len(policy.guard.expected)))
        removing = {entity for (entity,) in connection.execute(_REMOVING).fetchall()}
        removals = guards.breaches(_removals(connection, policy.guard, removing), policy.guard, today)
        concerns = measure(connection, policy.guard, today, stage, staged)
        if stage is not None and snapshot is not None:
            concerns += drained(connection, policy.guard, policy.now, removals, removing)
        concerned = guards.concern_breaches(concerns, policy.guard, today)
        found += removals
        write_rows(connection, plan, concerned)
        found += concerned
        found += _taken_again(connection, spared, policy.guard) if spared else []
        found += [breach for each in undone for breach in _done_again(connection, each)]
        taken = dict(connection.execute(_TAKEN).fetchall()) if snapshot is not None else {}
        returned = dict(connection.execute(_RETURNED).fetchall()) if snapshot is not None else {}
    found.sort(key=lambda each: each.kind != "view")  # what explains the others is read first
    reviewed = replace(planned, breaches=found, held=bool(found), taken=taken, returned=returned)
    write_summary(plan, reviewed)
    return reviewed


def _removals(connection: duckdb.DuckDBPyConnection, guard: Guard, removing: Collection[str]) -> list[Removals]:
    """Every school, entity and user type of which so many records would go as may hold a plan, and all schools together. Of the
    entities `removing` something goes."""
    found = []
    for entity in (each for each in ENTITIES if each in removing):
        type_before = _TYPES_BEFORE.get(entity, "''")
        over = _OF_ENDED_TERMS.get(entity, "false")
        removed = _REMOVED.format(entity=entity, type_before=type_before, over=over)
        connection.execute(removed, {"closing": list(guard.closing)})
        least = guards.least_measured(guards.Limit(guard.share, guard.floor))
        in_all = number_of(connection, "SELECT count(DISTINCT sourcedId) FROM removed")
        if in_all < least:
            continue
        held_by_group(connection, entity)
        connection.execute(_STRAY.format(entity=entity))
        for by_type in ("''", '"type"') if entity in TYPES else ("''",):
            query = _MEASURED.format(entity=entity, by_type=by_type)
            for school, name, kind, removed, records in connection.execute(query, {"floor": least}).fetchall():
                found.append(Removals(school, name, entity, removed, records, kind))
            if in_all >= guard.floor:
                query = _IN_ALL.format(entity=entity, by_type=by_type)
                for kind, removed, records in connection.execute(query, {"floor": guard.floor}).fetchall():
                    found.append(Removals("", "All schools together", entity, removed, records, kind, whole=True))
    return found


def _renumbered(connection: duckdb.DuckDBPyConnection, planned: Planned, plan: Path, stage: Path, policy: Policy) -> list[Breach]:
    found = []
    connection.execute(_PAIRS)
    again: dict[str, int] = dict(connection.execute(_FOUND_AGAIN).fetchall())
    for entity in ENTITIES:
        created, selected = planned.counts[entity]["created"], planned.counts[entity]["selected"]
        created -= again.get(entity, 0)
        if not guards.looks_renumbered(created, created, selected, policy.guard):
            continue  # whatever their names are
        connection.execute(_BOTH_SIDES.format(entity=entity, staged=text(str(stage / f"{entity}.parquet"))))
        for matched_by, key in _KEYS[entity].items():
            connection.execute(_PAIR.format(entity=entity, matched_by=matched_by, key=key))
        numbers = connection.execute(
            f"SELECT matchedBy, count(*) FROM pair WHERE entity = '{entity}' GROUP BY 1 ORDER BY 2 DESC"
        ).fetchall()
        pairs = sum(number for _, number in numbers)
        if guards.looks_renumbered(created, pairs, selected, policy.guard):
            way_out = numbers[0][0] if entity == "users" and numbers[0][0] in ("identifier", "username", "email") else ""
            records = number_of(connection, f"SELECT count(*) FROM held_{entity}")
            found.append(guards.renumbered(entity, created, pairs, records, way_out))
        else:
            connection.execute(f"DELETE FROM pair WHERE entity = '{entity}'")
    if found:
        connection.execute(
            f"COPY (SELECT * FROM pair ORDER BY entity, name, newSourcedId) TO $to ({PACKED})",
            {"to": str(plan / "renumbered.parquet")},
        )
    return found


def _taken_again(connection: duckdb.DuckDBPyConnection, spared: Sequence[Path], guard: Guard) -> list[Breach]:
    """What an approval without removals has spared is asked about again, however little it is, until somebody decides."""
    asked = [f"{kind}" for kind in TAKING if not guard.lets_go(kind)]
    removals = "false" if guard.lets_go("removals") else "true"
    rows = " UNION ALL BY NAME ".join(f"({planned_rows(connection, each)})" for each in spared)
    numbers = connection.execute(_TAKEN_AGAIN.format(spared=rows, removals=removals), {"asked": asked}).fetchall()
    if not numbers:
        return []
    entity = max(numbers, key=lambda each: int(each[2]))[0]
    by_kind = {kind: sum(number for _, of, number in numbers if of == kind) for kind in ("removals", *TAKING)}
    return [guards.taken_again(by_kind, entity)]


def _done_again(connection: duckdb.DuckDBPyConnection, undone: Undone) -> list[Breach]:
    numbers = connection.execute(_AGAIN, {"undone": str(undone.changes)}).fetchall()
    if not numbers:
        return []
    entity, _ = max(numbers, key=lambda each: int(each[1]))
    return [guards.done_again(sum(number for _, number in numbers), entity, undone.at.date(), undone.by)]


_FOUND_AGAIN = f"""
SELECT entity, count(*) FROM change WHERE action = 'create' AND reason = '{FOUND_AGAIN}' GROUP BY entity
"""

_REMOVING = "SELECT DISTINCT entity FROM change WHERE action IN ('deactivate', 'end')"

# A person removed under an old id but matched under a new one is not a removal.
_REMOVED = f"""
CREATE OR REPLACE TABLE removed AS
SELECT * FROM (
    SELECT sourcedId, unnest(if(len(schools) = 0, [''], schools)) AS school, coalesce({{type_before}}, 'unknown') AS "type"
    FROM change WHERE entity = '{{entity}}' AND action IN ('deactivate', 'end') AND reason <> '{RENAMED}' AND NOT {{over}}
) WHERE school NOT IN (SELECT unnest($closing::VARCHAR[]))
"""

# Classes all of whose terms have ended, as the platform had it before this plan. That they and their enrollments go is no loss.
_ENDED_SESSIONS = """
CREATE TABLE ended_session AS SELECT sourcedId FROM held_academicSessions WHERE try_cast(fields->>'endDate' AS DATE) < $today
"""
_OVER_CLASSES = """
CREATE TABLE over_class AS
SELECT sourcedId FROM held_classes SEMI JOIN (
    SELECT CASE WHEN entity = 'classes' THEN sourcedId ELSE before->'fields'->>'classSourcedId' END AS sourcedId FROM change
    WHERE entity IN ('classes', 'enrollments') AND action IN ('deactivate', 'end')
) USING (sourcedId)
WHERE len(fields->>'$.termSourcedIds[*]') > 0
  AND list_has_all((SELECT coalesce(list(sourcedId), []) FROM ended_session), fields->>'$.termSourcedIds[*]')
"""
_OF_ENDED_TERMS = {
    "classes": "sourcedId IN (SELECT sourcedId FROM over_class)",
    "enrollments": "(before->'fields'->>'classSourcedId') IN (SELECT sourcedId FROM over_class)",
}

_TYPES_BEFORE = {"users": "before->'fields'->>'$.roles[0].role'", "enrollments": "before->'fields'->>'role'"}

# What goes and only a sync that was cut off has written.
_STRAY = """
CREATE OR REPLACE TABLE stray AS SELECT school, "type" FROM removed ANTI JOIN held_{entity} USING (sourcedId)
"""

# Records are those of the snapshot and the stray ones. Only schools that
# lose `floor` records are counted, and no JSON is read for it.
_MEASURED = """
WITH losing AS (SELECT school FROM removed GROUP BY school HAVING count(*) >= $floor),
going AS (SELECT school, {by_type} AS "type", count(*) AS removed FROM removed SEMI JOIN losing USING (school) GROUP BY ALL),
there AS (
    SELECT school, {by_type} AS "type", sum(records)::BIGINT AS records FROM (
        SELECT unnest(if(len(schools) = 0, [''], schools)) AS school, "type", records FROM held_groups_{entity}
        UNION ALL
        SELECT school, "type", 1 FROM stray
    ) SEMI JOIN losing USING (school) GROUP BY ALL
)
SELECT school, if(school = '', '', coalesce(orgs.name, school)), going."type", removed, records
FROM going JOIN there USING (school, "type") LEFT JOIN held_orgs orgs ON orgs.sourcedId = school
WHERE removed >= $floor
"""

_IN_ALL = """
SELECT going."type", removed, greatest(records, removed)
FROM (SELECT {by_type} AS "type", count(DISTINCT sourcedId) AS removed FROM removed GROUP BY ALL HAVING removed >= $floor) going
JOIN (SELECT {by_type} AS "type", sum(records)::BIGINT AS records FROM held_groups_{entity} GROUP BY ALL) USING ("type")
"""

_PAIRS = """
CREATE TABLE pair (entity VARCHAR, oldSourcedId VARCHAR, newSourcedId VARCHAR, name VARCHAR, schools VARCHAR[], matchedBy VARCHAR)
"""

# What is new, and what the platform has of which the source knows nothing any more.
_BOTH_SIDES = f"""
CREATE OR REPLACE TABLE new AS
SELECT sourcedId, name, schools, after->'fields' AS fields FROM change
WHERE entity = '{{entity}}' AND action = 'create' AND reason <> '{FOUND_AGAIN}';
CREATE OR REPLACE TABLE old AS
SELECT sourcedId, name, schools, fields::JSON AS fields FROM held_{{entity}}
WHERE sourcedId NOT IN (SELECT sourcedId FROM read_parquet({{staged}}, hive_partitioning=false))
  AND NOT ('{{entity}}' = 'classes' AND sourcedId IN (SELECT sourcedId FROM over_class))  -- next term's have their names again
"""

_NAME_AND_SCHOOL = "lower(strip_accents(name)) || ' ' || array_to_string(list_sort(schools), ' ')"
# By what a record is known again under another id; the first that is unique on both sides counts.
_KEYS: dict[str, dict[str, str]] = {
    "orgs": {"identifier": "fields->>'identifier'", "name": "lower(strip_accents(name))"},
    "academicSessions": {"name": "lower(strip_accents(name))"},
    "courses": {"course code": "fields->>'courseCode'", "name": _NAME_AND_SCHOOL},
    "classes": {"class code": "(fields->>'classCode') || ' ' || (fields->>'schoolSourcedId')", "name": _NAME_AND_SCHOOL},
    "users": {
        "identifier": "fields->>'identifier'",
        "username": "lower(fields->>'username')",
        "email": "lower(fields->>'email')",
        "name": _NAME_AND_SCHOOL,
    },
    "enrollments": {"person and class": "concat_ws(' ', fields->>'userSourcedId', fields->>'classSourcedId', fields->>'role')"},
}

_PAIR = """
INSERT INTO pair
WITH fresh AS (SELECT any_value(sourcedId) AS id, any_value(name) AS name, any_value(schools) AS schools, {key} AS key FROM new
               WHERE sourcedId NOT IN (SELECT newSourcedId FROM pair WHERE entity = '{entity}')
               GROUP BY {key} HAVING count(*) = 1 AND key IS NOT NULL),
gone AS (SELECT any_value(sourcedId) AS id, {key} AS key FROM old
         WHERE sourcedId NOT IN (SELECT oldSourcedId FROM pair WHERE entity = '{entity}')
         GROUP BY {key} HAVING count(*) = 1 AND key IS NOT NULL)
SELECT '{entity}', gone.id, fresh.id, fresh.name, fresh.schools, '{matched_by}' FROM fresh JOIN gone USING (key)
"""

_RETURNED = """
SELECT entity, count(*) FROM change
WHERE action = 'update' AND (before->>'removedAt') IS NOT NULL AND (after->>'removedAt') IS NULL GROUP BY entity
"""

_TAKEN = """
SELECT kind, count(*) FROM (
    SELECT unnest(list_distinct(list_transform(taken, lambda token: split_part(token, ':', 1)))) AS kind FROM change
    WHERE len(taken) > 0
) GROUP BY kind ORDER BY kind
"""

_TAKEN_AGAIN = """
SELECT entity, kind, count(*) FROM (
    SELECT change.entity, unnest(CASE WHEN change.action NOT IN ('deactivate', 'end') THEN list_distinct(list_transform(
               list_filter(change.taken, lambda token: list_contains(spared.taken, token)),
               lambda token: split_part(token, ':', 1)))
           WHEN spared.removed THEN ['removals'] ELSE [] END) AS kind
    FROM change JOIN (SELECT entity, sourcedId, bool_or(action IN ('deactivate', 'end')) AS removed, flatten(list(taken)) AS taken
                      FROM ({spared}) GROUP BY ALL) spared USING (entity, sourcedId)
) WHERE list_contains($asked::VARCHAR[], kind) OR ({removals} AND kind = 'removals')
GROUP BY ALL
"""

# A change that would make a record what it was before an undo.
_AGAIN = """
SELECT entity, count(*) FROM change
JOIN (SELECT entity, sourcedId, before::JSON AS was FROM read_parquet($undone, hive_partitioning=false)) undone
USING (entity, sourcedId)
WHERE (after->>'platformStatus') = (was->>'platformStatus')
  AND ((after->>'removedAt') IS NULL) = ((was->>'removedAt') IS NULL)
  AND (after->'fields')::VARCHAR = (was->'fields')::VARCHAR
GROUP BY entity
"""
