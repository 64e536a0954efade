"""Lifts people into the shape of OneRoster 1.2: each with their roles, the primary one first, and their profiles.

1.1 keeps one role and a list of orgs on the person; 1.2 has a row a role in roles.csv. Each constant is SQL over tables of
`tables.py` and can be run alone.
"""

from oneroster_engine.standard.records import PROFILE, ROLE

# 1.1 has neither file.
ROLES_OF_1_1 = f"""
CREATE TABLE roles_of (person VARCHAR, roles {ROLE}[]);
CREATE TABLE profiles_of (person VARCHAR, profiles {PROFILE}[])
"""
# 1.2: one row a person who has a role, the primary one first.
ROLES_OF = f"""
CREATE TABLE roles_of AS
WITH role AS (
    SELECT userSourcedId AS person, sourcedId, line, {{'roleType': coalesce(roleType, 'secondary'), 'role': "role",
           'orgSourcedId': orgSourcedId, 'beginDate': beginDate, 'endDate': endDate,
           'userProfileSourcedId': userProfileSourcedId}}::{ROLE} AS role
    FROM kept_roles WHERE status <> 'tobedeleted'
), number AS (SELECT person, count(*) AS roles FROM role GROUP BY person)
SELECT person, [role] AS roles FROM role SEMI JOIN (SELECT person FROM number WHERE roles = 1) USING (person)
UNION ALL
SELECT person, list(role ORDER BY role.roleType = 'primary' DESC, line) FROM role
SEMI JOIN (SELECT person FROM number WHERE roles > 1) USING (person) GROUP BY person;
CREATE TABLE profiles_of AS
SELECT userSourcedId AS person, list({{'sourcedId': sourcedId, 'profileType': profileType, 'vendorId': vendorId,
    'applicationId': applicationId, 'description': description, 'credentialType': credentialType,
    'username': username}}::{PROFILE} ORDER BY sourcedId, line) AS profiles
FROM kept_userProfiles WHERE status <> 'tobedeleted' GROUP BY person
"""

SUSPECT_1_2 = "SELECT line FROM clean_users WHERE sourcedId NOT IN (SELECT person FROM roles_of)"
SUSPECT_1_1 = """
SELECT line FROM (SELECT line, "role", unnest(orgSourcedIds) AS org FROM clean_users WHERE len(orgSourcedIds) > 1)
WHERE "role" = 'administrator' OR org NOT IN (SELECT sourcedId FROM ids_orgs)
"""

_STATUS_CELL = """CASE WHEN status = 'tobedeleted' THEN 'deleted' WHEN status = 'inactive' OR enabledUser = false THEN 'inactive'
                       WHEN status = 'active' THEN 'active' ELSE 'blank' END"""

# 1.1's administrator is a district's or a school's in 1.2's words.
_WORD_1_1 = """CASE WHEN "role" <> 'administrator' THEN "role"
                    WHEN orgType = 'district' THEN 'districtAdministrator' ELSE 'siteAdministrator' END"""

OF_FIRST_ROLE = "primaryOrgSourcedId"  # made of it where the file says nothing
_LIFTED = f"""
(SELECT * EXCLUDE (roles) REPLACE (coalesce(primaryOrgSourcedId, roles[1].orgSourcedId) AS primaryOrgSourcedId),
        roles, roles[1]."role" AS userType, {_STATUS_CELL} AS statusCell FROM ({{people}}))
"""
# 1.1 keeps one role and a list of orgs on the person: the first org is the primary one.
CLEAN_1_1 = _LIFTED.format(
    people=f"""
    SELECT *, []::{PROFILE}[] AS userProfiles,
           CASE WHEN len(orgSourcedIds) = 1
                THEN [{{'roleType': 'primary', 'role': {_WORD_1_1}, 'orgSourcedId': orgSourcedIds[1], 'beginDate': NULL,
                        'endDate': NULL, 'userProfileSourcedId': NULL}}::{ROLE}]
                ELSE list_transform(orgSourcedIds, lambda org, place: {{
                        'roleType': if(place = 1, 'primary', 'secondary'), 'role': "role", 'orgSourcedId': org,
                        'beginDate': NULL, 'endDate': NULL, 'userProfileSourcedId': NULL}}::{ROLE}) END AS roles
    FROM clean_users"""
)
CLEAN_1_2 = _LIFTED.format(
    people="""
    SELECT own.*, roles_of.roles, coalesce(profiles, []) AS userProfiles FROM clean_users own
    JOIN roles_of ON roles_of.person = own.sourcedId LEFT JOIN profiles_of ON profiles_of.person = own.sourcedId"""
)

# The suspect people's roles, by line: of two rows with one id each has its own.
SUSPECT_ROLES_1_1 = f"""
CREATE TABLE roles_at AS
WITH place AS (
    SELECT own.line, "role", unnest(orgSourcedIds) AS org, unnest(range(1, len(orgSourcedIds) + 1)) AS place,
           coalesce(first, own.line) AS home
    FROM suspect_users own LEFT JOIN (SELECT * FROM repeated_users WHERE merges) repeat ON repeat.line = own.line
), kept AS (
    SELECT home AS line, "role", org, ids_orgs.type AS orgType,
           row_number() OVER (PARTITION BY home ORDER BY place.line, place) AS place
    FROM place JOIN ids_orgs ON ids_orgs.sourcedId = org WHERE "role" IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY home, "role", org ORDER BY place.line, place) = 1
)
SELECT line, list({{'roleType': if(place = 1, 'primary', 'secondary'), 'role': {_WORD_1_1}, 'orgSourcedId': org,
                   'beginDate': NULL, 'endDate': NULL, 'userProfileSourcedId': NULL}}::{ROLE} ORDER BY place) AS roles
FROM kept GROUP BY line;
CREATE TABLE missing_org AS
SELECT line, min(org) AS org,
       array_to_string(list_transform(list(org ORDER BY org)[:3], lambda id: '`' || id || '`'), ', ')
       || if(count(*) > 3, ' and ' || (count(*) - 3) || ' more', '') AS named, NULL AS fallen
FROM (SELECT line, unnest(orgSourcedIds) AS org FROM suspect_users)
WHERE org NOT IN (SELECT sourcedId FROM ids_orgs) GROUP BY line;
"""
SUSPECT_ROLES_1_2 = """
CREATE TABLE roles_at AS SELECT line, roles FROM suspect_users JOIN roles_of ON roles_of.person = suspect_users.sourcedId;
CREATE TABLE missing_org AS
SELECT users.line, min(roles.orgSourcedId) FILTER (roles.orgSourcedId NOT IN (SELECT sourcedId FROM ids_orgs)) AS org,
       '' AS named, min(out.cause) AS fallen  -- the root of what became of their rows in roles.csv
FROM suspect_users users JOIN suspect_roles roles ON roles.userSourcedId = users.sourcedId
JOIN left_out out ON out.entity = 'roles' AND out.line = roles.line GROUP BY users.line
"""

WITH_ROLES = f"""
CREATE OR REPLACE TABLE suspect_users AS
SELECT * REPLACE (coalesce(primaryOrgSourcedId, roles[1].orgSourcedId) AS primaryOrgSourcedId),
       roles[1]."role" AS userType, {_STATUS_CELL} AS statusCell
FROM (SELECT own.*, coalesce(roles_at.roles, []::{ROLE}[]) AS roles, coalesce(profiles, []::{PROFILE}[]) AS userProfiles
      FROM suspect_users own LEFT JOIN roles_at USING (line) LEFT JOIN profiles_of ON profiles_of.person = own.sourcedId)
"""
