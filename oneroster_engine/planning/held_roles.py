"""People's roles and profiles that a row with an error has lost: they stay on the platform until the row is right.

A role is lost by the row of its school, by its own row in roles.csv, or by one of the person's rows where there is one a school.
What the source says today of the same role at the same school counts; only what it doesn't say at all stays, or says in a way
that can't be read.
"""

import duckdb

from oneroster_engine.duckdb_session import count, number_of
from oneroster_engine.planning.guard import NOT_CHOSEN
from oneroster_engine.standard.records import PROFILE, ROLE


def find_held_people(connection: duckdb.DuckDBPyConnection, orgs_unproved: bool) -> int:
    """Make `held_people` of those on the platform who have something that stays, and give how many they are. `orgs_unproved`: an
    org that is missing may be there all the same."""
    connection.execute(_LOSSES)
    orgs = _UNSURE_ORGS if orgs_unproved else "SELECT NULL::VARCHAR AS sourcedId WHERE false"
    connection.execute(f"CREATE TABLE unsure_orgs AS {orgs}")
    if not any(count(connection, each) for each in ("losses", "unsure_orgs", "unread WHERE entity = 'roles'")):
        connection.execute(_NOBODY)
        return 0
    for file in ("roles", "userProfiles"):
        anybody = number_of(connection, f"SELECT count(*) FROM losses WHERE file = '{file}' AND person IS NULL") > 0
        named = f"sourcedId IN (SELECT person FROM losses WHERE file = '{file}')"
        connection.execute(_MAY_HAVE_LOST.format(file=file, who="true" if anybody else named))
    connection.execute(_HELD_PEOPLE)
    return count(connection, "held_people")


_NOBODY = f"""
CREATE TABLE held_people (sourcedId VARCHAR, roles {ROLE}[], userProfiles {PROFILE}[], org VARCHAR, lost BOOLEAN)
"""

# A row that is left out takes nothing from anybody: whose it is, NULL where that can't be read.
_LOSSES = """
CREATE TABLE losses AS
SELECT DISTINCT if(entity = 'users', 'roles', entity) AS file, person FROM left_out
WHERE entity IN ('roles', 'userProfiles') OR (entity = 'users' AND person IS NOT NULL)
"""

_UNSURE_ORGS = """
SELECT sourcedId FROM before_orgs
WHERE removedAt IS NULL AND sourcedId NOT IN (SELECT sourcedId FROM staged_orgs)
  AND sourcedId NOT IN (SELECT sourcedId FROM gone_orgs)
"""

_MAY_HAVE_LOST = "CREATE VIEW may_have_lost_{file} AS SELECT sourcedId FROM before_users WHERE removedAt IS NULL AND {who}"

# The roles of today and those that stay, the primary one first, then in the platform's order. Of two primary ones that stays
# which stays: that the other became so may be nothing but the first one's absence. So with the primary org.
# A role at an org that goes since it isn't selected keeps whoever isn't selected either, and the org with them; of people who
# are selected it goes with the org.
_HELD_PEOPLE = f"""
CREATE TABLE held_people AS
WITH person AS (
    SELECT sourcedId AS id, from_json(own.fields->'$.roles', '["JSON"]')::{ROLE}[] AS roles,
           coalesce(from_json(own.fields->'$.userProfiles', '["JSON"]'), [])::{PROFILE}[] AS profiles,
           own.fields->>'$.primaryOrgSourcedId' AS org, coalesce(staged.roles, []) AS roles_today,
           coalesce(staged.userProfiles, []) AS profiles_today, staged.primaryOrgSourcedId AS org_today, selected
    FROM before_users own JOIN (SELECT sourcedId, selected FROM compared_users) USING (sourcedId)
    LEFT JOIN staged_users staged USING (sourcedId)
    WHERE removedAt IS NULL AND (
        sourcedId IN (SELECT sourcedId FROM may_have_lost_roles UNION SELECT sourcedId FROM may_have_lost_userProfiles
                      UNION SELECT sourcedId FROM unread WHERE entity = 'roles')
        OR list_has_any(own.schools, coalesce((SELECT list(sourcedId) FROM unsure_orgs), [])))
), profile AS (
    SELECT id, list(profile ORDER BY profile.sourcedId) AS profiles, list(profile.sourcedId) AS ids
    FROM (SELECT id, unnest(profiles) AS profile, profiles_today FROM person)
    WHERE id IN (SELECT sourcedId FROM may_have_lost_userProfiles)
      AND NOT list_contains(list_transform(profiles_today, lambda each: each.sourcedId), profile.sourcedId)
    GROUP BY id
), before AS (
    SELECT id, selected, unnest(roles) AS role, generate_subscripts(roles, 1) AS place FROM person
), today AS (
    SELECT id, unnest(roles_today) AS role, generate_subscripts(roles_today, 1) AS place FROM person
), held AS (
    SELECT id, role, place, role.orgSourcedId AS org FROM before
    WHERE (id, role."role", role.orgSourcedId) NOT IN (SELECT (id, role."role", role.orgSourcedId) FROM today)
      AND role.orgSourcedId IN (SELECT sourcedId FROM before_orgs WHERE removedAt IS NULL)
      AND role.orgSourcedId NOT IN (SELECT sourcedId FROM gone_orgs WHERE selected OR reason <> '{NOT_CHOSEN}')
      AND (role.orgSourcedId IN (SELECT sourcedId FROM unsure_orgs) OR id IN (SELECT sourcedId FROM may_have_lost_roles))
), doubtful AS (
    SELECT sourcedId AS id, fields FROM unread WHERE entity = 'roles'
), said AS (
    SELECT today.id, coalesce(before.place, 1000000) AS place, today.place AS place_today,
           {{'roleType': CASE WHEN list_contains(fields, 'roleType') AND before.id IS NOT NULL THEN before.role.roleType
                              WHEN today.id IN (SELECT id FROM held WHERE role.roleType = 'primary') THEN 'secondary'
                              ELSE today.role.roleType END,
             'role': today.role."role", 'orgSourcedId': today.role.orgSourcedId,
             'beginDate': coalesce(today.role.beginDate, if(list_contains(fields, 'beginDate'), before.role.beginDate, NULL)),
             'endDate': coalesce(today.role.endDate, if(list_contains(fields, 'endDate'), before.role.endDate, NULL)),
             'userProfileSourcedId': coalesce(today.role.userProfileSourcedId,
                if(list_contains(profile.ids, before.role.userProfileSourcedId), before.role.userProfileSourcedId, NULL))
           }}::{ROLE} AS role
    FROM today LEFT JOIN profile ON profile.id = today.id LEFT JOIN doubtful ON doubtful.id = today.id
    LEFT JOIN before ON (today.id, today.role."role", today.role.orgSourcedId)
                      = (before.id, before.role."role", before.role.orgSourcedId)
), merged AS (
    SELECT id, list(role ORDER BY role.roleType = 'primary' DESC, place, place_today) AS roles
    FROM (SELECT id, role, place, 0 AS place_today FROM held UNION ALL BY NAME SELECT * FROM said) GROUP BY id
)
SELECT id AS sourcedId, coalesce(merged.roles, []) AS roles,
       list_sort(list_concat(coalesce(profile.profiles, []), profiles_today)) AS userProfiles,
       if(((id, org) IN (SELECT (id, org) FROM held) OR list_contains(fields, 'roleType'))
          AND (org_today IS NULL OR org_today = roles_today[1].orgSourcedId), org, org_today) AS org,
       profile.id IS NOT NULL OR id IN (SELECT id FROM held) AS lost
FROM person LEFT JOIN profile USING (id) LEFT JOIN merged USING (id) LEFT JOIN doubtful USING (id)
WHERE profile.id IS NOT NULL OR id IN (SELECT id FROM held) OR doubtful.id IS NOT NULL
"""

# The rows of people, with what stays. It is no part of their digest, so that they are looked at again when the source is whole.
PEOPLE = """
(SELECT own.* REPLACE (coalesce(held.roles, own.roles) AS roles, coalesce(held.userProfiles, own.userProfiles) AS userProfiles,
                       if(held.sourcedId IS NULL, own.primaryOrgSourcedId, held.org) AS primaryOrgSourcedId,
                       if(held.sourcedId IS NULL, own.digest, NULL) AS digest)
 FROM staged_users own LEFT JOIN held_people held ON held.sourcedId = own.sourcedId)
"""
