"""People who come under an id that is near to their own: today's ids alone fit each other, and only the platform shows that
something has cut them, or taken zeros, capitals or what stood before them away.

So few of them that the guard doesn't ask are neither made anew nor removed; who they are says a username, identifier or e-mail,
or both names and the role where none of those says otherwise. Of more the guard asks (`measures.py`).
"""

import duckdb

from oneroster_engine.duckdb_session import number_of, text
from oneroster_engine.planning.policy import Policy
from oneroster_engine.selecting.selection import withdraw
from oneroster_engine.standard.damaged_ids import as_seen_sql

# An id without what spreadsheets and exports do to it: blanks, quotes, braces, leading zeros, capitals.
PLAIN = "ltrim(regexp_replace(lower(sourcedId), '[^a-z0-9]', '', 'g'), '0')"
# What a person is known by, of the stage's columns and of the platform's JSON.
PEOPLES_KEYS = """userType, identifier, lower(username) AS username, lower(email) AS email,
           lower(strip_accents(givenName)) AS given, lower(strip_accents(familyName)) AS family"""
STORED_KEYS = """fields->>'$.roles[0].role' AS userType, fields->>'identifier' AS identifier,
           lower(fields->>'username') AS username, lower(fields->>'email') AS email,
           lower(strip_accents(fields->>'givenName')) AS given, lower(strip_accents(fields->>'familyName')) AS family"""
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


def hold_near_ids(connection: duckdb.DuckDBPyConnection, policy: Policy, enrolled_before: bool) -> list[str]:
    """Make `near_id` (sourcedId, formerId) of people under a new id that is near to their own, and leave both as they are:
    the new one is not selected, the old one not removed. Gives the new ids. None where the group matches people by another field,
    nor where they are so many that the guard asks. `enrolled_before`: the platform has enrollments."""
    connection.execute("CREATE TABLE near_id (sourcedId VARCHAR, formerId VARCHAR)")
    if policy.match_with != "sourcedId" or not number_of(connection, _MAY_BE_NEAR):
        return []
    suffix = text(policy.username_suffix.lower()) if policy.username_suffix else ""
    connection.execute(_KNOWN_BY.format(suffix=f" REPLACE (username || {suffix} AS username)" if suffix else ""))
    connection.execute(f"INSERT INTO near_id {same_people_sql('fresh_person', 'missing_person')}")
    near = [near_id for (near_id,) in connection.execute("SELECT DISTINCT sourcedId FROM near_id ORDER BY ALL").fetchall()]
    if not 0 < len(near) < policy.guard.limit_on("damaged", policy.now.date()).floor:
        return []
    withdraw(connection, "near_id")
    connection.execute(_LEFT_ALONE)
    if enrolled_before:
        connection.execute(_ENROLLMENTS_LEFT_ALONE)
    return near


_BEGINS_OR_ENDS = (
    f"length({{short}}) >= {LEAST_IN_COMMON} AND (starts_with({{long}}, {{short}}) OR ends_with({{long}}, {{short}}))"
)
_NEAR = (
    f"({PLAIN.replace('sourcedId', 'new.sourcedId')} = {PLAIN.replace('sourcedId', 'old.sourcedId')} "
    f"OR {as_seen_sql('new.sourcedId')} = {as_seen_sql('old.sourcedId')} "
    f"OR {_BEGINS_OR_ENDS.format(short='new.sourcedId', long='old.sourcedId')} "
    f"OR {_BEGINS_OR_ENDS.format(short='old.sourcedId', long='new.sourcedId')})"
)

# Both are rare on one day: somebody who is new, and somebody of whom the source knows nothing any more.
_MISSING = """
SELECT sourcedId FROM compared_users
WHERE NOT selected AND NOT removed AND sourcedId NOT IN (SELECT sourcedId FROM staged_users)
  AND sourcedId NOT IN (SELECT sourcedId FROM left_out WHERE entity = 'users' AND sourcedId IS NOT NULL AND line IS NOT NULL)
"""
_MAY_BE_NEAR = f"""
SELECT count(*) FROM (SELECT 1 FROM compared_users WHERE selected AND NOT known LIMIT 1) WHERE EXISTS ({_MISSING})
"""

_KNOWN_BY = f"""
CREATE TABLE fresh_person AS
SELECT *{{suffix}} FROM (
    SELECT sourcedId, {PEOPLES_KEYS} FROM staged_users
    SEMI JOIN (SELECT sourcedId FROM compared_users WHERE selected AND NOT known) USING (sourcedId));
CREATE TABLE missing_person AS
SELECT sourcedId, {STORED_KEYS} FROM before_users SEMI JOIN ({_MISSING}) USING (sourcedId)
"""

_LEFT_ALONE = """
DELETE FROM compared_users WHERE sourcedId IN (SELECT sourcedId FROM near_id);
DELETE FROM gone_users WHERE sourcedId IN (SELECT formerId FROM near_id)
"""

# (entity, sourcedId, reason) of both, for the trace.
LEFT_ALONE = f"""
UNION ALL SELECT 'users', sourcedId, '{NEAR_TO}' || min(formerId) FROM near_id GROUP BY sourcedId
UNION ALL SELECT 'users', formerId, '{NEAR_TO}' || min(sourcedId) FROM near_id GROUP BY formerId
"""

# An enrollment of theirs is what it was, whichever of the two ids it names today, if any.
_ENROLLMENTS_LEFT_ALONE = """
DELETE FROM compared_enrollments WHERE sourcedId IN (
    SELECT sourcedId FROM staged_enrollments WHERE userSourcedId IN (SELECT sourcedId FROM near_id));
DELETE FROM gone_enrollments WHERE sourcedId IN (
    SELECT sourcedId FROM before_enrollments WHERE (fields->>'userSourcedId') IN (SELECT formerId FROM near_id))
"""
