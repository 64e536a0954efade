"""A slow drain: removals that stay below the limit each night, and take a school away all the same within weeks.

What earlier syncs have removed stands in the snapshot as long as the group keeps it. What they removed in the last DRAIN_DAYS, or
since somebody approved removals that had held a sync, is added to what this plan removes; whoever has come since is taken off:
a school where one leaves and another comes does not shrink. Nothing is looked at where a plan removes nothing of an entity.

Left out is what goes in any year: classes whose terms have ended, and enrollments that go with their class or person. So are
enrollments that come with a new class or person: a new term would hide what is lost beside it.
"""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta

import duckdb

from oneroster_engine.duckdb_session import number_of
from oneroster_engine.planning.guard import DRAIN_DAYS, Breach, Concern, Guard
from oneroster_engine.planning.matching import RENAMED
from oneroster_engine.planning.measures import TYPES, Groups, held_by_group
from oneroster_engine.planning.policy import iso

DRAINED = ("users", "classes", "enrollments")  # courses and sessions go with the year
_LEAST = 5  # of one school; fewer never hold a plan


def drained(connection: duckdb.DuckDBPyConnection, guard: Guard, now: datetime, removals: list[Breach]) -> list[Concern]:
    """Concerns of the kind `drain`, per school and type and of all schools together; none of what `removals` say already. Reads
    the views `change`, `held_{entity}` and `snapshot_{entity}`, writes the rows behind into `concern`."""
    since, today = counted_since(guard, now), now.date()
    said = {(each.entity, each.school) for each in removals}
    found = []
    for entity in DRAINED:
        connection.execute(_GOING.format(entity=entity, which=_WHICH_GO[entity], **_TYPE[entity]))
        if not number_of(connection, "SELECT count(*) FROM going"):
            continue
        values = {"since": iso(since), "today": today}
        rows = _ROWS_GONE[entity]
        connection.execute(rows, {name: value for name, value in values.items() if f"${name}" in rows})
        if not number_of(connection, "SELECT count(*) FROM gone"):
            continue
        connection.execute(_come(entity), {"since": iso(since)})
        held = _held(held_by_group(connection, entity))
        for school, name, of_type, going, gone, came, coming, first in connection.execute(_COUNTED).fetchall():
            told = any(of == entity for of, _ in said) if school is None else (entity, school) in said
            lost = going + gone - came - coming
            if told or lost < _LEAST or (of_type and entity not in TYPES):
                continue
            news = f"; {came + coming:,} have come" if came + coming else ""
            example = f"{gone:,} since {_day(first)}, and {going:,} more in this sync{news}."
            records = held[school, of_type] + gone - came
            found.append(Concern("drain", school or "", name, entity, lost, records, of_type, "", example, whole=school is None))
        connection.execute(f"INSERT INTO concern SELECT 'drain', '{entity}', sourcedId, school, \"type\", '', '' FROM going")
    return found


def counted_since(guard: Guard, now: datetime) -> datetime:
    """What was removed after this moment counts. In a rollover window that is over a school may have lost half of its people."""
    earliest = [now - timedelta(days=DRAIN_DAYS)]
    if guard.counted_from is not None:
        earliest.append(guard.counted_from)
    if guard.rollover_to is not None and guard.rollover_to < now.date():
        earliest.append(datetime.combine(guard.rollover_to + timedelta(days=1), time(), UTC))
    return max(earliest)


def _held(groups: Groups) -> Counter[tuple[str | None, str]]:
    """How many records there are by school (None: everywhere) and type (empty: any)."""
    held = Counter[tuple[str | None, str]]()
    for schools, of_type, records in groups:
        for school in (*(schools or [""]), None):
            for each in {of_type, ""}:
                held[school, each] += records
    return held


def _day(moment: str) -> str:
    day = date.fromisoformat(moment[:10])
    return f"{day.day} {day:%B %Y}"


# Where a record says of which type it is: in the JSON of its fields, and as a column of the snapshot.
_TYPE = {
    "users": {"path": "'$.roles[0].role'", "held": "userType"},
    "classes": {"path": "'$.none'", "held": "NULL"},
    "enrollments": {"path": "'$.role'", "held": '"role"'},
}

_WHICH_GO = {
    "users": f"action = 'deactivate' AND reason <> '{RENAMED}'",
    "classes": "action = 'deactivate' AND sourcedId NOT IN (FROM over_class)",
    "enrollments": """action = 'end'
      AND (before->'fields'->>'classSourcedId') NOT IN (FROM over_class)
      AND (before->'fields'->>'classSourcedId') NOT IN (
          SELECT sourcedId FROM change WHERE entity = 'classes' AND action = 'deactivate')
      AND (before->'fields'->>'userSourcedId') NOT IN (
          SELECT sourcedId FROM change WHERE entity = 'users' AND action = 'deactivate')""",
}
_GOING = """
CREATE OR REPLACE TABLE going AS
SELECT * FROM (
    SELECT sourcedId, unnest(if(len(schools) = 0, [''], schools)) AS school,
           coalesce(before->'fields'->>{path}, 'unknown') AS "type"
    FROM change WHERE entity = '{entity}' AND {which}
) WHERE school NOT IN (FROM closing)
"""

# Who is removed still, and does not come back with this plan. Somebody who is known by another id has the same platform id there.
_GONE = """
CREATE OR REPLACE TABLE gone AS
SELECT * FROM (
    SELECT sourcedId, unnest(if(len(schools) = 0, [''], schools)) AS school, {type} AS "type", removedAt FROM (
        SELECT * FROM snapshot_{entity} WHERE removedAt > $since
        AND sourcedId NOT IN (SELECT sourcedId FROM change WHERE entity = '{entity}')
    ) one {which}
) WHERE school NOT IN (FROM closing)
"""
# Of a class that is gone its sessions may be gone too, and purged before it.
_RUNS = """(len({fields}->>'$.termSourcedIds[*]') = 0 OR list_has_any({fields}->>'$.termSourcedIds[*]',
      (SELECT coalesce(list(sourcedId), []) FROM snapshot_academicSessions
       WHERE coalesce(try_cast(fields->>'endDate' AS DATE) >= $today, true))))"""
_ROWS_GONE = {
    "users": _GONE.format(
        entity="users",
        type="coalesce(userType, 'unknown')",
        which="WHERE platformId NOT IN (SELECT platformId FROM held_users WHERE platformId IS NOT NULL)",
    ),
    "classes": _GONE.format(entity="classes", type="'unknown'", which=f"WHERE {_RUNS.format(fields='one.fields')}"),
    "enrollments": _GONE.format(
        entity="enrollments",
        type="coalesce(\"role\", 'unknown')",
        which=f"""WHERE userSourcedId IN (SELECT sourcedId FROM held_users)
          AND classSourcedId IN (SELECT sourcedId FROM held_classes own WHERE {_RUNS.format(fields="own.fields")})""",
    ),
}

# Whoever is active since a moment after that, but for the group's first sync, and whom this plan creates.
_BEGIN = "greatest($since, (SELECT min(since) FROM snapshot_{entity}))"
_COME = f"""
CREATE OR REPLACE TABLE come AS
SELECT sourcedId, unnest(if(len(schools) = 0, [''], schools)) AS school, coalesce("type", 'unknown') AS "type", how FROM (
    SELECT sourcedId, schools, {{held}} AS "type", 'came' AS how FROM held_{{entity}}
    WHERE platformStatus = 'active' AND since > {_BEGIN} {{which}}
    UNION ALL
    SELECT sourcedId, schools, after->'fields'->>{{path}}, 'coming' FROM change
    WHERE entity = '{{entity}}' AND action = 'create' {{which_new}}
)
"""
_WERE_THERE = (
    "{person} IN (SELECT sourcedId FROM held_users WHERE since <= {begin}) "
    "AND {class_} IN (SELECT sourcedId FROM held_classes WHERE since <= {begin})"
)


def _come(entity: str) -> str:
    """The query that makes `come`; of enrollments those of a class and a person who were there before."""
    which = which_new = ""
    if entity == "enrollments":
        begin = _BEGIN.format(entity=entity)
        which = "AND " + _WERE_THERE.format(person="userSourcedId", class_="classSourcedId", begin=begin)
        new = {"person": "(after->'fields'->>'userSourcedId')", "class_": "(after->'fields'->>'classSourcedId')"}
        which_new = "AND " + _WERE_THERE.format(**new, begin=begin)
    return _COME.format(entity=entity, which=which, which_new=which_new, **_TYPE[entity])


_COUNTED = """
WITH counted AS (
    SELECT school, "type", grouping(school) = 1 AS whole, count(DISTINCT sourcedId) FILTER (how = 'going') AS going,
           count(DISTINCT sourcedId) FILTER (how = 'gone') AS gone, count(DISTINCT sourcedId) FILTER (how = 'came') AS came,
           count(DISTINCT sourcedId) FILTER (how = 'coming') AS coming, min(removedAt) AS first
    FROM (SELECT *, NULL AS removedAt, 'going' AS how FROM going UNION ALL BY NAME SELECT *, 'gone' AS how FROM gone
          UNION ALL BY NAME FROM come)
    GROUP BY GROUPING SETS ((school), (school, "type"), (), ("type"))
)
SELECT if(whole, NULL, school),
       CASE WHEN whole THEN 'All schools together' WHEN school = '' THEN '' ELSE coalesce(orgs.name, school) END,
       coalesce("type", ''), going, gone, came, coming, first
FROM counted LEFT JOIN held_orgs orgs ON orgs.sourcedId = school WHERE going > 0 AND gone > 0
ORDER BY ALL
"""
