"""What a finished plan does to people, measured per school: everything that the guard has a limit for, but removals.

Everything is measured from the plan's changes, so that a sync in which little changes costs little; the platform's
records are counted only for schools of which more than the limit's floor is concerned. A *concern* is one change of
one record that is of a kind; `concern` holds them all, and those that hold a plan are written beside it (held.parquet).
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from oneroster_engine.duckdb_session import PACKED, number_of, text
from oneroster_engine.planning.compare import FOUND_AGAIN
from oneroster_engine.planning.guard import Breach, Concern, Guard
from oneroster_engine.standard.entities import ENTITIES
from oneroster_engine.standard.records import Form, schools_of

# What a role lets its holder see of others. A word that is not here is taken for staff's: it must not pass unseen.
WITHOUT_RIGHTS = ("student", "guardian", "parent", "relative")
IDENTITY = ("givenName", "familyName", "username", "email", "identifier")
MOVED_DAYS = 31  # a term that begins or ends by less another day is a correction
MOST_NAMED = 3  # vanished orgs, one reason each
VANISHING = ("school", "district", "local", "state", "national")  # departments come and go


def measure(
    connection: duckdb.DuckDBPyConnection, guard: Guard, today: date, stage: Path | None, staged: dict[str, Any]
) -> list[Concern]:
    """Concerns of the plan in the views `change` and `held_{entity}`, per kind, school and user type; fewer than a limit's
    floor are left out. `stage` is None for an undo, `staged` the stage's summary."""
    connection.execute(_TABLES)
    connection.execute("CREATE TABLE closing AS SELECT unnest($ids::VARCHAR[]) AS school", {"ids": list(guard.closing)})
    if number_of(connection, "SELECT count(*) FROM change WHERE len(taken) > 0"):
        for entity in ENTITIES:
            connection.execute(_TAKEN.format(entity=entity, schools=schools_of(entity, Form.STORED)))
    if number_of(connection, "SELECT count(*) FROM change WHERE action = 'update' AND reason <> 'back in the source'"):
        for entity in ("users", "enrollments", "classes", "academicSessions"):
            if number_of(connection, f"SELECT count(*) FROM change WHERE action = 'update' AND entity = '{entity}'"):
                connection.execute(_UPDATED[entity])
    created = connection.execute("SELECT entity, count(*) FROM change WHERE action = 'create' GROUP BY 1").fetchall()
    news = {entity: number for entity, number in created if number_of(connection, f"SELECT count(*) FROM held_{entity}")}
    if stage is not None:
        _measure_new(connection, guard, today, stage, news)
    connection.execute("DELETE FROM concern WHERE school IN (FROM closing) AND kind NOT IN ('rights', 'doubles', 'damaged')")
    found = [concern for entity in ENTITIES for concern in _counted(connection, guard, today, entity)]
    return found + (_of_the_source(connection, stage, staged) if stage is not None else [])


def _measure_new(connection: duckdb.DuckDBPyConnection, guard: Guard, today: date, stage: Path, news: dict[str, int]) -> None:
    """What new records mean beside those that are there. Those are looked up in the stage's columns where the source has them
    still: the platform's are JSON, and to read a whole district's costs more than the rest of the guard."""
    staged = {entity: text(str(stage / f"{entity}.parquet")) for entity in ENTITIES}
    if news.get("enrollments", 0) >= guard.limit_on("rights", today).floor:
        connection.execute(_NEW_TEACHERS.format(staged=staged["users"]))
    if news.get("users", 0) >= guard.limit_on("doubles", today).floor:
        connection.execute(_DOUBLES.format(staged=staged["users"]))
    for entity in ENTITIES:
        held = number_of(connection, f"SELECT count(*) FROM held_{entity}")
        # Few enrollments come and go each day, and to compare all their ids for that would cost more than it tells.
        least = held * 0.05 if entity == "enrollments" else 0
        if news.get(entity, 0) >= max(guard.limit_on("damaged", today).floor, least):
            connection.execute(_DAMAGED.format(entity=entity, staged=staged[entity]))


def orgs_not_shown(connection: duckdb.DuckDBPyConnection, guard: Guard, stage: Path) -> list[str]:
    """Of the orgs that the group expects, those that the source does not show; in the group's order."""
    values = {"orgs": str(stage / "orgs.parquet"), "left_out": str(stage / "left_out.parquet")}
    shown = {sourced_id for (sourced_id,) in connection.execute(_SHOWN, values).fetchall()} if guard.expected else set()
    return [each for each in guard.expected if each not in shown]


def write_rows(connection: duckdb.DuckDBPyConnection, plan: Path, breaches: Sequence[Breach]) -> None:
    """Write held.parquet: the changes behind each breach, as in changes.parquet, with the breach's kind and school."""
    named = [(each.kind, each.school, each.entity) for each in breaches if each.kind not in ("removals", "undone", "spared")]
    if not named:
        return
    connection.execute("CREATE TABLE breach (kind VARCHAR, school VARCHAR, entity VARCHAR)")
    connection.executemany("INSERT INTO breach VALUES (?, ?, ?)", [list(each) for each in named])
    connection.execute(f"COPY ({_HELD_ROWS}) TO $to ({PACKED})", {"to": str(plan / "held.parquet")})


def _counted(connection: duckdb.DuckDBPyConnection, guard: Guard, today: date, entity: str) -> list[Concern]:
    found = []
    kinds = connection.execute("SELECT DISTINCT kind FROM concern WHERE entity = $1", [entity]).fetchall()
    for (kind,) in sorted(kinds):
        limit = guard.limit_on(kind, today)
        for by_type in ("''", _USER_TYPE) if entity == "users" else ("''",):
            held_type = "userType" if entity == "users" else "''"
            fields = "fields" if kind in ("emptied", "relations") else "NULL::JSON"  # whether they had it
            query = _COUNTED.format(entity=entity, user_type=by_type, held_type=held_type, fields=fields)
            for row in connection.execute(query, {"kind": kind, "floor": limit.floor}).fetchall():
                school, name, user_type, field, number, records, example = row
                said = f"For example {example}." if example else ""
                found.append(Concern(kind, school, name, entity, number, records, user_type, field, said))
    return found


def _of_the_source(connection: duckdb.DuckDBPyConnection, stage: Path, staged: dict[str, Any]) -> list[Concern]:
    """What the stage alone shows: orgs that have vanished, and collections that lost much to errors."""
    values: dict[str, Any] = {"orgs": str(stage / "orgs.parquet"), "left_out": str(stage / "left_out.parquet")}
    whole = bool(staged.get("complete", {}).get("orgs"))
    vanished = connection.execute(_VANISHED, {**values, "types": list(VANISHING), "whole": whole}).fetchall()
    found = [Concern("view", sourced_id, name, "orgs", 1, 1, field=kind) for sourced_id, name, kind in vanished]
    if len(found) > MOST_NAMED:  # one cause, and not one a school
        examples = ", ".join(name or sourced_id for sourced_id, name, _ in vanished[:MOST_NAMED])
        held = number_of(connection, "SELECT count(*) FROM held_orgs")
        found = [Concern("view", "", "", "orgs", len(vanished), held, example=f"For example {examples}.")]
    for entity, counted in staged.get("counts", {}).items():
        if counted["left_out"]:
            found.append(Concern("errors", "", "", entity, counted["left_out"], counted["read"]))
    return found


_TABLES = """
CREATE TABLE concern (kind VARCHAR, entity VARCHAR, sourcedId VARCHAR, school VARCHAR, userType VARCHAR, field VARCHAR,
                      example VARCHAR)
"""

_USER_TYPE = "coalesce(userType, 'unknown')"
_TYPE_BEFORE = "before->'fields'->>'$.roles[0].role'"

# A role that goes is lost to its own school. Somebody who has the same one elsewhere now has moved.
_TAKEN = f"""
INSERT INTO concern
WITH losing AS (
    SELECT entity, sourcedId, before, after, {{schools}} AS schools, unnest(taken) AS token
    FROM (SELECT entity, sourcedId, before, after, taken, before->'fields' AS fields FROM change
          WHERE entity = '{{entity}}' AND len(taken) > 0)
)
SELECT split_part(token, ':', 1), entity, sourcedId, unnest(if(len(schools) = 0, [''], schools)), {_TYPE_BEFORE},
       split_part(token, ':', 2), '' FROM losing WHERE token <> 'roles:roles'
UNION ALL
SELECT DISTINCT
       if(len(list_filter(gained, lambda each: split_part(each, ' ', 1) = split_part(lost, ' ', 1))) > 0, 'moved', 'roles'),
       entity, sourcedId, split_part(lost, ' ', 2), userType, '', ''
FROM (
    SELECT entity, sourcedId, userType, list_filter(kept, lambda each: NOT list_contains(held, each)) AS gained,
           unnest(list_filter(held, lambda each: NOT list_contains(kept, each))) AS lost
    FROM (SELECT entity, sourcedId, {_TYPE_BEFORE} AS userType,
                 list_transform(json_extract(before, '$.fields.roles[*]'),
                                lambda each: concat_ws(' ', each->>'role', each->>'orgSourcedId')) AS held,
                 list_transform(json_extract(after, '$.fields.roles[*]'),
                                lambda each: concat_ws(' ', each->>'role', each->>'orgSourcedId')) AS kept
          FROM losing WHERE token = 'roles:roles')
)
"""


def _differs(field: str) -> str:
    """A value became another; one that came or went is no other."""
    return (
        f"coalesce(list_contains(change.fields, '{field}') AND (before->'fields'->>'{field}') <> '' "
        f"AND (after->'fields'->>'{field}') <> '', false)"
    )


_SCHOOLS = "unnest(if(len(schools) = 0, [''], schools))"
_HAS_RIGHTS = f"len(list_filter({{side}}->>'$.fields.roles[*].role', lambda each: each NOT IN {WITHOUT_RIGHTS})) > 0"

_UPDATED = {
    "users": f"""
INSERT INTO concern
SELECT 'identity', 'users', sourcedId, {_SCHOOLS}, {_TYPE_BEFORE}, '', '' FROM change
WHERE entity = 'users' AND action = 'update' AND ({" OR ".join(map(_differs, IDENTITY))})
UNION ALL
SELECT 'replaced', 'users', sourcedId, {_SCHOOLS}, {_TYPE_BEFORE}, '', '' FROM change
WHERE entity = 'users' AND action = 'update' AND {_differs("givenName")} AND {_differs("familyName")}
UNION ALL
SELECT 'rights', 'users', sourcedId, {_SCHOOLS}, {_TYPE_BEFORE}, '', '' FROM change
WHERE entity = 'users' AND action = 'update' AND list_contains(change.fields, 'roles')
  AND NOT {_HAS_RIGHTS.format(side="before")} AND {_HAS_RIGHTS.format(side="after")}
""",
    "enrollments": f"""
INSERT INTO concern
SELECT 'rights', 'enrollments', sourcedId, {_SCHOOLS}, '', '', '' FROM change
WHERE entity = 'enrollments' AND action = 'update' AND list_contains(change.fields, 'role')
  AND (before->'fields'->>'role') IN {WITHOUT_RIGHTS} AND (after->'fields'->>'role') NOT IN {WITHOUT_RIGHTS}
""",
    "classes": f"""
INSERT INTO concern
SELECT 'classes', 'classes', sourcedId, before->'fields'->>'schoolSourcedId', '', '', '' FROM change
WHERE entity = 'classes' AND action = 'update' AND ({_differs("courseSourcedId")} OR {_differs("schoolSourcedId")})
""",
    "academicSessions": f"""
INSERT INTO concern
SELECT 'sessions', 'academicSessions', sourcedId, '', '', '', name || ': ' || begun || ' to ' || ended || ' would be '
       || begins || ' to ' || ends
FROM (SELECT sourcedId, name, before->'fields'->>'startDate' AS begun, before->'fields'->>'endDate' AS ended,
             after->'fields'->>'startDate' AS begins, after->'fields'->>'endDate' AS ends
      FROM change WHERE entity = 'academicSessions' AND action = 'update')
WHERE abs(date_diff('day', try_cast(begun AS DATE), try_cast(begins AS DATE))) > {MOVED_DAYS}
   OR abs(date_diff('day', try_cast(ended AS DATE), try_cast(ends AS DATE))) > {MOVED_DAYS}
""",
}

# Somebody without the rights of staff becomes the teacher of a class by an enrollment of its own. Whose roles change is looked
# at among the people.
_NEW_TEACHERS = f"""
INSERT INTO concern
SELECT 'rights', 'enrollments', enrolled.sourcedId, {_SCHOOLS}, '', '', ''
FROM (SELECT sourcedId, schools, after->'fields'->>'userSourcedId' AS person FROM change
      WHERE entity = 'enrollments' AND action = 'create' AND (after->'fields'->>'role') NOT IN {WITHOUT_RIGHTS}) enrolled
SEMI JOIN (SELECT sourcedId AS person FROM read_parquet({{staged}})
           WHERE len(list_filter(roles, lambda each: each."role" NOT IN {WITHOUT_RIGHTS})) = 0) USING (person)
ANTI JOIN (SELECT sourcedId AS person FROM change WHERE entity = 'users' AND action = 'create') USING (person)
"""

# New people who have what somebody has who is there already and stays: an identifier or username, an e-mail with the given
# name (brothers and sisters share one), or both names, a role's word, a grade and a school. Of the platform's people those whom
# the source has still are looked up there, in columns; only of the others is the JSON read.
_KEYS = """userType, identifier, lower(username) AS username, lower(email) AS email,
           lower(strip_accents(givenName)) AS given, lower(strip_accents(familyName)) AS family"""
_STORED_KEYS = """fields->>'$.roles[0].role' AS userType, fields->>'identifier' AS identifier,
           lower(fields->>'username') AS username, lower(fields->>'email') AS email,
           lower(strip_accents(fields->>'givenName')) AS given, lower(strip_accents(fields->>'familyName')) AS family"""
_DOUBLES = f"""
CREATE TABLE newcomer AS
SELECT sourcedId, schools, {_KEYS}, list_sort(grades) AS grades FROM read_parquet({{staged}})
JOIN (SELECT sourcedId, schools FROM change WHERE entity = 'users' AND action = 'create' AND reason <> '{FOUND_AGAIN}')
USING (sourcedId);
CREATE TABLE already_there AS
SELECT * FROM (
    SELECT sourcedId, {_KEYS}, list_sort(grades) AS grades, list_transform(roles, lambda each: each.orgSourcedId) AS schools
    FROM read_parquet({{staged}})
    SEMI JOIN (SELECT sourcedId FROM held_users) USING (sourcedId)
    UNION ALL
    SELECT sourcedId, {_STORED_KEYS}, list_sort(fields->>'$.grades[*]') AS grades, schools
    FROM held_users ANTI JOIN (SELECT sourcedId FROM read_parquet({{staged}})) USING (sourcedId)
) WHERE (identifier IN (SELECT identifier FROM newcomer) OR username IN (SELECT username FROM newcomer)
         OR email IN (SELECT email FROM newcomer) OR (family, given) IN (SELECT (family, given) FROM newcomer))
    AND sourcedId NOT IN (SELECT sourcedId FROM change WHERE entity = 'users' AND action = 'deactivate');
INSERT INTO concern
SELECT 'doubles', 'users', sourcedId, {_SCHOOLS}, userType, '',
       'sourcedId ' || sourcedId || ' looks like ' || other
FROM (
    SELECT sourcedId, any_value(schools) AS schools, any_value(userType) AS userType, min(other) AS other FROM (
        SELECT new.sourcedId, new.schools, new.userType, there.sourcedId AS other FROM newcomer new
        JOIN already_there there ON there.identifier = new.identifier WHERE new.identifier <> ''
        UNION ALL
        SELECT new.sourcedId, new.schools, new.userType, there.sourcedId FROM newcomer new
        JOIN already_there there ON there.username = new.username WHERE new.username <> ''
        UNION ALL
        SELECT new.sourcedId, new.schools, new.userType, there.sourcedId FROM newcomer new
        JOIN already_there there ON there.email = new.email AND there.given = new.given WHERE new.email <> ''
        UNION ALL
        SELECT new.sourcedId, new.schools, new.userType, there.sourcedId FROM newcomer new
        JOIN already_there there ON there.family = new.family AND there.given = new.given AND there.userType = new.userType
                  AND there.grades = new.grades AND list_has_any(there.schools, new.schools)
        WHERE new.given <> '' AND new.family <> ''
    ) GROUP BY sourcedId
)
"""

# An id without what spreadsheets and exports do to it: blanks, quotes, braces, leading zeros, capitals. One that was rounded
# to 1.23E+11 is near to those that round to it.
_PLAIN = "ltrim(regexp_replace(lower(sourcedId), '[^a-z0-9]', '', 'g'), '0')"
_DAMAGED = f"""
INSERT INTO concern
WITH fresh AS (SELECT sourcedId, {_PLAIN} AS plain FROM change WHERE entity = '{{entity}}' AND action = 'create'
               AND reason <> '{FOUND_AGAIN}'),
vanished AS (SELECT sourcedId, {_PLAIN} AS plain FROM held_{{entity}}
             WHERE sourcedId NOT IN (SELECT sourcedId FROM read_parquet({{staged}})))
SELECT 'damaged', '{{entity}}', sourcedId, '', '', '', min(other) || ' became ' || sourcedId FROM (
    SELECT fresh.sourcedId, vanished.sourcedId AS other FROM fresh JOIN vanished USING (plain)
    UNION ALL
    SELECT sourcedId, other FROM (
        SELECT fresh.sourcedId, try_cast(replace(fresh.sourcedId, ',', '.') AS DOUBLE) AS rounded,
               len(regexp_extract(fresh.sourcedId, '[.,]([0-9]*)', 1)) AS digits
        FROM fresh WHERE regexp_full_match(fresh.sourcedId, '[0-9]([.,][0-9]+)?[eE][+]?[0-9]+')
    ) own JOIN (SELECT sourcedId AS other, try_cast(sourcedId AS DOUBLE) AS exact FROM vanished
                WHERE regexp_full_match(sourcedId, '[0-9]+')) old
    ON abs(exact - rounded) <= rounded / power(10, digits)
) GROUP BY sourcedId
"""

# Records are those of the snapshot; of a field that is lost, those that have it. Only schools with `floor` concerns are counted.
_COUNTED = """
WITH concerned AS (
    SELECT school, {user_type} AS userType, field, count(DISTINCT sourcedId) AS number, min(example) AS example
    FROM concern WHERE kind = $kind AND entity = '{entity}' GROUP BY ALL HAVING count(DISTINCT sourcedId) >= $floor
), there AS (
    SELECT school, userType, {fields} AS fields FROM (
        SELECT unnest(if(len(schools) = 0, [''], schools)) AS school, {held_type} AS userType, {fields} AS fields
        FROM held_{entity}
        UNION ALL SELECT '', {held_type}, {fields} FROM held_{entity} WHERE len(schools) > 0 AND $kind = 'damaged'
    ) SEMI JOIN concerned USING (school)
)
SELECT concerned.school, if(concerned.school = '', '', coalesce(any_value(orgs.name), concerned.school)), concerned.userType,
       if($kind IN ('emptied', 'relations'), field, ''), any_value(number), count(there.school), any_value(example)
FROM concerned LEFT JOIN there ON there.school = concerned.school
 AND (concerned.userType = '' OR coalesce(there.userType, 'unknown') = concerned.userType)
 AND ($kind NOT IN ('emptied', 'relations') OR coalesce(json_extract(there.fields, '$.' || field)::VARCHAR, 'null')
                                               NOT IN ('null', '""', '[]', 'false'))
LEFT JOIN held_orgs orgs ON orgs.sourcedId = concerned.school
GROUP BY concerned.school, concerned.userType, field
"""

_VANISHED = """
SELECT sourcedId, name, fields->>'type' FROM held_orgs
WHERE (fields->>'type') IN (SELECT unnest($types::VARCHAR[])) AND sourcedId NOT IN (FROM closing)
  AND ($whole OR sourcedId IN (SELECT unnest(schools) FROM change WHERE action IN ('deactivate', 'end')))
  AND sourcedId NOT IN (SELECT sourcedId FROM read_parquet($orgs))
  AND sourcedId NOT IN (SELECT sourcedId FROM read_parquet($left_out) WHERE entity = 'orgs' AND sourcedId IS NOT NULL)
ORDER BY name, sourcedId
"""

_SHOWN = """
SELECT sourcedId FROM read_parquet($orgs) WHERE status IS DISTINCT FROM 'tobedeleted'
UNION ALL SELECT sourcedId FROM read_parquet($left_out) WHERE entity = 'orgs' AND sourcedId IS NOT NULL
"""

_HELD_ROWS = """
SELECT DISTINCT ON (concern.kind, concern.school, entity, sourcedId)
       concern.kind AS kind, concern.school AS school, concern.example AS example, change.*
FROM change JOIN concern USING (entity, sourcedId) SEMI JOIN breach ON breach.kind = concern.kind
 AND breach.school = concern.school AND breach.entity = concern.entity
ORDER BY ALL
"""
