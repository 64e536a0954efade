"""A slow drain: removals that stay below the limit each night, and take a school away all the same within weeks.

What earlier syncs have removed stands in the snapshot as long as the group keeps it. What they removed of a school in the last
DRAIN_DAYS, or since somebody approved removals there that had held a sync, is added to what this plan removes; whoever has come
since is taken off: a school where one leaves and another comes does not shrink. Nothing is looked at where a plan removes nothing
of an entity.

A class takes the place of one that ran for the same time, and so does an enrollment of such a class: one of the next term
replaces none of this one. Enrollments that come with a new class or person replace none at all.

Left out is what goes in any year: classes whose terms have ended, and enrollments that go with their class or person.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, time, timedelta

import duckdb

from oneroster_engine.duckdb_session import insert, number_of
from oneroster_engine.planning.guard import DRAIN_DAYS, Breach, Concern, CountedFrom, Guard
from oneroster_engine.planning.matching import RENAMED
from oneroster_engine.planning.measures import TYPES, Groups, held_by_group
from oneroster_engine.planning.policy import iso

DRAINED = ("users", "classes", "enrollments")  # courses and sessions go with the year
MOST_SCHOOLS = 200  # that a group remembers with a moment of their own
_LEAST = 5  # of one school; fewer never hold a plan


def drained(
    connection: duckdb.DuckDBPyConnection, guard: Guard, now: datetime, removals: list[Breach], removing: Collection[str]
) -> list[Concern]:
    """Concerns of the kind `drain`, per school and type and of all schools together; none of what `removals` say already. Of the
    entities `removing` something goes. Reads the views `change`, `held_{entity}` and `snapshot_{entity}`, writes the rows behind
    into `concern`."""
    since, today = counted_since(guard, now), now.date()
    connection.execute("CREATE TABLE counted_from (school VARCHAR, since VARCHAR)")
    schools = guard.counted_from.schools if guard.counted_from is not None else {}
    insert(connection, "counted_from", [(school, iso(moment)) for school, moment in schools.items() if moment > since])
    said = {(each.entity, each.school) for each in removals}
    found = []
    for entity in (each for each in DRAINED if each in removing):
        connection.execute(_GOING.format(entity=entity, which=_WHICH_GO[entity], **_OF[entity]))
        if not number_of(connection, "SELECT count(*) FROM going"):
            continue
        values = {"since": iso(since), "today": today}
        rows = _ROWS_GONE[entity]
        connection.execute(rows, {name: value for name, value in values.items() if f"${name}" in rows})
        if not number_of(connection, "SELECT count(*) FROM gone"):
            continue
        connection.execute(_COME.format(entity=entity, there=_THERE[entity], **_OF[entity]), {"since": iso(since)})
        connection.execute(_RUNNING)
        held = _held(held_by_group(connection, entity))
        for school, name, of_type, going, gone, came, replaced, first in connection.execute(_COUNTED).fetchall():
            told = any(of == entity for of, _ in said) if school is None else (entity, school) in said
            lost = going + gone - replaced
            if told or lost < _LEAST or (of_type and entity not in TYPES):
                continue
            news = f"; {replaced:,} have come" if replaced else ""
            example = f"{gone:,} since {_day(first)}, and {going:,} more in this sync{news}."
            records = held[school, of_type] + gone - came
            found.append(Concern("drain", school or "", name, entity, lost, records, of_type, "", example, whole=school is None))
        connection.execute(f"INSERT INTO concern SELECT 'drain', '{entity}', sourcedId, school, \"type\", '', '' FROM going")
    return found


def counted_since(guard: Guard, now: datetime) -> datetime:
    """What was removed after this moment counts. In a rollover window that is over a school may have lost half of its people."""
    earliest = [now - timedelta(days=DRAIN_DAYS)]
    if guard.counted_from is not None:
        earliest.append(guard.counted_from.all_schools)
    if guard.rollover_to is not None and guard.rollover_to < now.date():
        earliest.append(datetime.combine(guard.rollover_to + timedelta(days=1), time(), UTC))
    return max(earliest)


def approved(counted: CountedFrom, breaches: Iterable[Breach], now: datetime) -> CountedFrom:
    """From when on removals count once a plan that was held by these is approved with its removals: at the schools that they name
    from `now` on, and where they name all schools together, everywhere. What other schools have lost is as it was."""
    drains = [each for each in breaches if each.kind in ("removals", "drain")]
    named = {each.school for each in drains if not each.whole}
    if any(each.whole for each in drains) or len(named) > MOST_SCHOOLS:
        return CountedFrom(now, {})
    oldest = max(counted.all_schools, now - timedelta(days=DRAIN_DAYS))  # nothing counts from earlier
    known = sorted((when, school) for school, when in counted.schools.items() if when > oldest and school not in named)
    kept = known[max(0, len(known) + len(named) - MOST_SCHOOLS) :]
    return CountedFrom(counted.all_schools, {school: when for when, school in kept} | dict.fromkeys(sorted(named), now))


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


# Where a record says of which type and class it is: in the JSON of a change, and as a column of the snapshot. _THERE adds to who
# is new since when their class and person are both there.
_NEITHER = dict.fromkeys(("class_path", "class_held", "person_path", "person_held"), "NULL")
_OF = {
    "users": {"path": "'$.roles[0].role'", "held": "userType", **_NEITHER},
    "classes": {"path": "'$.none'", "held": "NULL", **_NEITHER, "class_path": "sourcedId", "class_held": "sourcedId"},
    "enrollments": {
        "path": "'$.role'",
        "held": '"role"',
        "class_path": "coalesce(before, after)->'fields'->>'classSourcedId'",
        "class_held": "classSourcedId",
        "person_path": "after->'fields'->>'userSourcedId'",
        "person_held": "userSourcedId",
    },
}
_THERE = {
    "users": "SELECT *, '' AS there FROM new",
    "classes": "SELECT *, '' AS there FROM new",
    "enrollments": """
        SELECT new.*, greatest(person.since, own.since) AS there FROM new
        JOIN (SELECT sourcedId AS person, since FROM held_users) person USING (person)
        JOIN (SELECT sourcedId AS class, since FROM held_classes) own USING (class)""",
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
           coalesce(before->'fields'->>{path}, 'unknown') AS "type", {class_path} AS class
    FROM change WHERE entity = '{entity}' AND {which}
) WHERE school NOT IN (FROM closing)
"""

# Who is removed still, and does not come back with this plan. Somebody who is known by another id has the same platform id there.
_GONE = """
CREATE OR REPLACE TABLE gone AS
SELECT one.* FROM (
    SELECT sourcedId, unnest(if(len(schools) = 0, [''], schools)) AS school, {type} AS "type", {class_} AS class, removedAt FROM (
        SELECT * FROM snapshot_{entity} WHERE removedAt > $since
        AND sourcedId NOT IN (SELECT sourcedId FROM change WHERE entity = '{entity}')
    ) one {which}
) one LEFT JOIN counted_from USING (school)
WHERE school NOT IN (FROM closing) AND removedAt > coalesce(counted_from.since, $since)
"""
# Of a class that is gone its sessions may be gone too, and purged before it.
_RUNS = """(len({fields}->>'$.termSourcedIds[*]') = 0 OR list_has_any({fields}->>'$.termSourcedIds[*]',
      (SELECT coalesce(list(sourcedId), []) FROM snapshot_academicSessions
       WHERE coalesce(try_cast(fields->>'endDate' AS DATE) >= $today, true))))"""
_ROWS_GONE = {
    "users": _GONE.format(
        entity="users",
        type="coalesce(userType, 'unknown')",
        class_="NULL",
        which="WHERE platformId NOT IN (SELECT platformId FROM held_users WHERE platformId IS NOT NULL)",
    ),
    "classes": _GONE.format(
        entity="classes", type="'unknown'", class_="sourcedId", which=f"WHERE {_RUNS.format(fields='one.fields')}"
    ),
    "enrollments": _GONE.format(
        entity="enrollments",
        type="coalesce(\"role\", 'unknown')",
        class_="classSourcedId",
        which=f"""WHERE userSourcedId IN (SELECT sourcedId FROM held_users)
          AND classSourcedId IN (SELECT sourcedId FROM held_classes own WHERE {_RUNS.format(fields="own.fields")})""",
    ),
}

# Whoever is active since a moment after that, but for the group's first sync, and whom this plan creates. Of enrollments those of
# a class and a person who were there before: a new term would hide what is lost beside it.
_COME = """
CREATE OR REPLACE TABLE come AS
WITH new AS (
    SELECT sourcedId, schools, {held} AS "type", {class_held} AS class, {person_held} AS person, since FROM held_{entity}
    WHERE platformStatus = 'active' AND since > $since
    UNION ALL
    SELECT sourcedId, schools, after->'fields'->>{path}, {class_path}, {person_path}, NULL FROM change
    WHERE entity = '{entity}' AND action = 'create'
),
at_school AS (SELECT * REPLACE (unnest(if(len(schools) = 0, [''], schools)) AS schools) FROM ({there})),
begin AS (SELECT coalesce(min(since), '') AS first FROM snapshot_{entity})
SELECT sourcedId, schools AS school, coalesce("type", 'unknown') AS "type", class,
       if(at_school.since IS NULL, 'coming', 'came') AS how
FROM at_school LEFT JOIN counted_from ON counted_from.school = at_school.schools, begin
WHERE coalesce(at_school.since > greatest(first, coalesce(counted_from.since, $since)), true)
  AND there <= greatest(first, coalesce(counted_from.since, $since))
"""

# From when to when a class runs, once the plan is applied; nothing where its sessions don't say.
_RUNNING = """
CREATE OR REPLACE TABLE running AS
WITH span AS (
    SELECT coalesce(planned.sourcedId, old.sourcedId) AS term, coalesce(planned.fields, old.fields)->>'startDate' AS begins,
           coalesce(planned.fields, old.fields)->>'endDate' AS ends
    FROM (SELECT sourcedId, fields::JSON AS fields FROM snapshot_academicSessions) old
    FULL JOIN (SELECT sourcedId, after->'fields' AS fields FROM change
               WHERE entity = 'academicSessions' AND action IN ('create', 'update')) planned USING (sourcedId)
),
class AS (SELECT DISTINCT class FROM (SELECT class FROM going UNION ALL SELECT class FROM gone UNION ALL SELECT class FROM come)),
terms AS (
    SELECT class, unnest(coalesce(planned.fields, old.fields)->>'$.termSourcedIds[*]') AS term FROM class
    LEFT JOIN (SELECT sourcedId AS class, fields::JSON AS fields FROM snapshot_classes) old USING (class)
    LEFT JOIN (SELECT sourcedId AS class, after->'fields' AS fields FROM change
               WHERE entity = 'classes' AND action IN ('create', 'update')) planned USING (class)
)
SELECT class, min(begins) || ' ' || max(ends) AS runs FROM terms JOIN span USING (term) GROUP BY class
"""

_COUNTED = """
WITH counted AS (
    SELECT school, "type", grouping(school) = 1 AS whole, grouping("type") = 1 AS of_any, runs,
           count(DISTINCT sourcedId) FILTER (how = 'going') AS going, count(DISTINCT sourcedId) FILTER (how = 'gone') AS gone,
           count(DISTINCT sourcedId) FILTER (how IN ('came', 'coming')) AS new,
           count(DISTINCT sourcedId) FILTER (how = 'came') AS came, min(removedAt) AS first
    FROM (SELECT *, NULL AS removedAt, 'going' AS how FROM going UNION ALL BY NAME SELECT *, 'gone' AS how FROM gone
          UNION ALL BY NAME FROM come) LEFT JOIN running USING (class)
    GROUP BY GROUPING SETS ((school, runs), (school, "type", runs), (runs), ("type", runs))
),
added AS (
    SELECT whole, of_any, school, "type", sum(going)::BIGINT AS going, sum(gone)::BIGINT AS gone, sum(came)::BIGINT AS came,
           sum(least(going + gone, new))::BIGINT AS replaced, min(first) AS first
    FROM counted GROUP BY ALL
)
SELECT if(whole, NULL, school),
       CASE WHEN whole THEN 'All schools together' WHEN school = '' THEN '' ELSE coalesce(orgs.name, school) END,
       coalesce("type", ''), going, gone, came, replaced, first
FROM added LEFT JOIN held_orgs orgs ON orgs.sourcedId = school WHERE going > 0 AND gone > 0
ORDER BY ALL
"""
