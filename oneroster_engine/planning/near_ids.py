"""Records that come under an id that is near to their own: today's ids alone fit each other, and only the platform shows that
something has cut them, or taken zeros, capitals or what stood before them away.

So few of them that the guard doesn't ask are neither made anew nor removed. Who people are says a username, identifier or
e-mail, or both names and the role where none of those says otherwise; what a class, org, course, session or enrollment is say
its title and what it belongs to, where one alone fits. What refers to one of those does so under the platform's id. Of more the
guard asks (`measures.py`).
"""

from collections.abc import Collection, Mapping

import duckdb

from oneroster_engine.duckdb_session import number_of, text
from oneroster_engine.planning.guard import least_asked
from oneroster_engine.planning.policy import Policy
from oneroster_engine.selecting.selection import withdraw
from oneroster_engine.standard.damaged_ids import as_seen_sql
from oneroster_engine.standard.entities import ENTITIES
from oneroster_engine.standard.records import LINKS, Link

# An id without what spreadsheets and exports do to it: blanks, quotes, braces, leading zeros, capitals.
PLAIN = "ltrim(regexp_replace(lower(sourcedId), '[^a-z0-9]', '', 'g'), '0')"
# What a person is known by, of the stage's columns and of the platform's JSON.
PEOPLES_KEYS = """userType, identifier, lower(username) AS username, lower(email) AS email,
           lower(strip_accents(givenName)) AS given, lower(strip_accents(familyName)) AS family"""
STORED_KEYS = """fields->>'$.roles[0].role' AS userType, fields->>'identifier' AS identifier,
           lower(fields->>'username') AS username, lower(fields->>'email') AS email,
           lower(strip_accents(fields->>'givenName')) AS given, lower(strip_accents(fields->>'familyName')) AS family"""
# What the others are known by, beside their ids.
KNOWN_BY = {
    "orgs": ("name", "type", "identifier"),
    "academicSessions": ("title", "type", "startDate", "endDate"),
    "courses": ("title", "courseCode", "orgSourcedId", "schoolYearSourcedId"),
    "classes": ("title", "schoolSourcedId", "courseSourcedId", "termSourcedIds"),
    "enrollments": ("classSourcedId", "userSourcedId", "role"),
}
_SCHOOL_OF_ENROLLMENT = Link("enrollments", "schoolSourcedId", "orgs")
NearIds = Mapping[str, Mapping[str, str]]  # by entity: today's id, and the platform's
# Of a record that is left alone, with the other id behind it.
NEAR_TO = "near to: "
LEAST_IN_COMMON = 2  # characters of an id that stand in a longer one


def same_people_sql(new: str, old: str) -> str:
    """A query of (sourcedId, other): people of `new` and `old`, relations with their ids and keys, who are one by their keys and
    whose ids are near."""
    same = (
        "new.identifier = old.identifier AND new.identifier <> ''",
        "new.username = old.username AND new.username <> ''",
        "new.email = old.email AND new.email <> '' AND new.given = old.given",
        "new.family = old.family AND new.given = old.given AND new.userType = old.userType "
        "AND coalesce(new.username = old.username, true) AND coalesce(new.email = old.email, true)",
    )
    pairs = " UNION ".join(
        f"SELECT new.sourcedId, old.sourcedId AS other FROM {new} new JOIN {old} old ON {keys} WHERE {_NEAR}" for keys in same
    )
    return f"SELECT DISTINCT sourcedId, other FROM ({pairs})"


def hold_near_ids(connection: duckdb.DuckDBPyConnection, policy: Policy, first_sync: Collection[str]) -> NearIds:
    """Make `near_id` (entity, sourcedId, formerId) of records under a new id that is near to their own, and leave both as they
    are: the new one is not written, the old one not removed. Of an entity of which so many are that the guard asks there are
    none, nor of people where the group matches them by another field. `first_sync`: entities that the platform has none of."""
    connection.execute("CREATE TABLE near_id (entity VARCHAR, sourcedId VARCHAR, formerId VARCHAR)")
    near: dict[str, Mapping[str, str]] = {}
    asked = [_MAY_BE_NEAR.format(entity=each, missing=_missing(each)) for each in ENTITIES if each not in first_sync]
    may_be = {entity for (entity,) in connection.execute(" UNION ALL ".join(asked)).fetchall()} if asked else set()
    for entity in (each for each in ENTITIES if each in may_be):
        pairs = _people(connection, policy) if entity == "users" else _things(entity, near)
        found = connection.execute(pairs).fetchall() if pairs else []
        held = number_of(connection, f"SELECT count(*) FROM before_{entity} WHERE removedAt IS NULL") if found else 0
        if 0 < len({new for new, _ in found}) < least_asked(policy.guard, policy.now.date(), entity, held):
            near[entity] = {str(new): str(former) for new, former in sorted(found, reverse=True)}
            rows = ", ".join(f"({text(entity)}, {text(new)}, {text(former)})" for new, former in found)
            connection.execute(f"INSERT INTO near_id VALUES {rows}")
            connection.execute(_LEFT_ALONE.format(entity=entity))
    if "users" in near:
        withdraw(connection, "(SELECT sourcedId FROM near_id WHERE entity = 'users')")
        if "enrollments" not in first_sync:
            connection.execute(_ENROLLMENTS_LEFT_ALONE)
    return near


def links_of(entity: str) -> list[Link]:
    """What an entity's records refer to others by; an enrollment's school, which is its class's, too."""
    return [each for each in (*LINKS, _SCHOOL_OF_ENROLLMENT) if each.entity == entity]


def under_own_id(link: Link, near: NearIds, values: str) -> str:
    """SQL for what a link's field holds, `values`, with the platform's ids in place of those near to them. People are named as
    they were sent: who they are is less certain."""
    if link.to not in near or link.to == "users":
        return values
    own = "CASE {each}" + "".join(f" WHEN {text(new)} THEN {text(former)}" for new, former in near[link.to].items())
    own += " ELSE {each} END"
    if link.inside:  # a person's roles
        org = own.format(each="each.orgSourcedId")
        role = (
            f'struct_pack(roleType := each.roleType, "role" := each."role", orgSourcedId := {org}, '
            "beginDate := each.beginDate, endDate := each.endDate, userProfileSourcedId := each.userProfileSourcedId)"
        )
        return f"list_transform({values}, lambda each: {role})"
    return f"list_transform({values}, lambda each: {own.format(each='each')})" if link.many else own.format(each=values)


def names_a_near_id(link: Link, near: NearIds) -> str:
    """SQL for whether a staged row's link names an id that `under_own_id` replaces; empty where none can."""
    if link.to not in near or link.to == "users":
        return ""
    ids = ", ".join(map(text, near[link.to]))
    if link.inside:
        return f"list_has_any(list_transform({link.inside}, lambda each: each.{link.field}), [{ids}])"
    return f"coalesce(list_has_any({link.field}, [{ids}]), false)" if link.many else f"coalesce({link.field} IN ({ids}), false)"


def _people(connection: duckdb.DuckDBPyConnection, policy: Policy) -> str:
    """The query of (sourcedId, formerId) for people; empty where the group matches them by another field."""
    if policy.match_with != "sourcedId":
        return ""
    suffix = text(policy.username_suffix.lower()) if policy.username_suffix else ""
    replaced = f" REPLACE (username || {suffix} AS username)" if suffix else ""
    connection.execute(_KNOWN_BY.format(suffix=replaced, missing=_missing("users")))
    return same_people_sql("fresh_person", "missing_person")


def _things(entity: str, near: NearIds) -> str:
    """The same for all others, of which only pairs count in which neither has another partner."""
    fresh, stored, same = [], [], []
    for name in KNOWN_BY[entity]:
        link = next((each for each in links_of(entity) if each.field == name), None)
        value = under_own_id(link, near, f'"{name}"') if link else f'"{name}"::VARCHAR'
        fresh.append(f'{value} AS "{name}"')
        stored.append(f"fields->>'$.{name}{'[*]' if link and link.many else ''}' AS \"{name}\"")
        same.append(f'coalesce(new."{name}", {"[]" if link and link.many else text("")}) = '
                    f'coalesce(old."{name}", {"[]" if link and link.many else text("")})')  # fmt: skip
    return _SAME_THINGS.format(
        entity=entity, fresh=", ".join(fresh), stored=", ".join(stored), same=" AND ".join(same), missing=_missing(entity)
    )


def _missing(entity: str) -> str:
    return _MISSING.format(entity=entity)


_BEGINS_OR_ENDS = (
    f"length({{short}}) >= {LEAST_IN_COMMON} AND (starts_with({{long}}, {{short}}) OR ends_with({{long}}, {{short}}))"
)
_WRITTEN_OTHERWISE = (
    f"{PLAIN.replace('sourcedId', 'new.sourcedId')} = {PLAIN.replace('sourcedId', 'old.sourcedId')} "
    f"OR {as_seen_sql('new.sourcedId')} = {as_seen_sql('old.sourcedId')}"
)
_NEAR = (
    f"({_WRITTEN_OTHERWISE} "
    f"OR {_BEGINS_OR_ENDS.format(short='new.sourcedId', long='old.sourcedId')} "
    f"OR {_BEGINS_OR_ENDS.format(short='old.sourcedId', long='new.sourcedId')})"
)

# Both are rare on one day: one that is new, and one of which the source knows nothing any more.
_MISSING = """
SELECT sourcedId FROM compared_{entity} own
WHERE NOT selected AND NOT removed AND sourcedId NOT IN (
        SELECT sourcedId FROM staged_{entity}
        SEMI JOIN (SELECT sourcedId FROM compared_{entity} WHERE NOT selected AND NOT removed) USING (sourcedId))
  AND sourcedId NOT IN (SELECT sourcedId FROM left_out WHERE entity = '{entity}' AND sourcedId IS NOT NULL AND line IS NOT NULL)
"""
_MAY_BE_NEAR = """
SELECT '{entity}' WHERE EXISTS (FROM compared_{entity} WHERE selected AND NOT known) AND EXISTS ({missing})
"""

_KNOWN_BY = f"""
CREATE TABLE fresh_person AS
SELECT *{{suffix}} FROM (
    SELECT sourcedId, {PEOPLES_KEYS} FROM staged_users
    SEMI JOIN (SELECT sourcedId FROM compared_users WHERE selected AND NOT known) USING (sourcedId));
CREATE TABLE missing_person AS
SELECT sourcedId, {STORED_KEYS} FROM before_users SEMI JOIN ({{missing}}) USING (sourcedId)
"""

# Of an id that was cut, none of today's file is longer.
_SAME_THINGS = f"""
WITH new AS (SELECT sourcedId, {{fresh}} FROM staged_{{entity}}
             SEMI JOIN (SELECT sourcedId FROM compared_{{entity}} WHERE selected AND NOT known) USING (sourcedId)),
old AS (SELECT sourcedId, {{stored}} FROM before_{{entity}} SEMI JOIN ({{missing}}) USING (sourcedId)),
pairs AS (SELECT new.sourcedId, old.sourcedId AS formerId FROM new JOIN old ON {{same}}
          WHERE {_WRITTEN_OTHERWISE} OR starts_with(old.sourcedId, new.sourcedId)
            AND length(new.sourcedId) >= (SELECT max(length(sourcedId)) FROM staged_{{entity}}))
SELECT sourcedId, formerId FROM pairs
QUALIFY count(*) OVER (PARTITION BY sourcedId) = 1 AND count(*) OVER (PARTITION BY formerId) = 1
"""

_LEFT_ALONE = """
DELETE FROM compared_{entity} WHERE sourcedId IN (SELECT sourcedId FROM near_id WHERE entity = '{entity}');
DELETE FROM gone_{entity} WHERE sourcedId IN (SELECT formerId FROM near_id WHERE entity = '{entity}')
"""

# (entity, sourcedId, reason) of both, for the trace.
LEFT_ALONE = f"""
UNION ALL SELECT entity, sourcedId, '{NEAR_TO}' || min(formerId) FROM near_id GROUP BY entity, sourcedId
UNION ALL SELECT entity, formerId, '{NEAR_TO}' || min(sourcedId) FROM near_id GROUP BY entity, formerId
"""

# An enrollment of theirs is what it was, whichever of the two ids it names today, if any.
_ENROLLMENTS_LEFT_ALONE = """
DELETE FROM compared_enrollments WHERE sourcedId IN (SELECT sourcedId FROM staged_enrollments
    WHERE userSourcedId IN (SELECT sourcedId FROM near_id WHERE entity = 'users'));
DELETE FROM gone_enrollments WHERE sourcedId IN (SELECT sourcedId FROM before_enrollments
    WHERE (fields->>'userSourcedId') IN (SELECT formerId FROM near_id WHERE entity = 'users'))
"""
