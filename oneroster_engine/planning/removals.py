"""What goes: which of the platform's records a plan may remove, and what is spared.

- A full sync, or one with "remove what is no longer selected", removes every record that is not selected. Another
  selective sync removes only inside the chosen schools, and only what has left the source or is tobedeleted there;
  people only where the chosen schools are all that they have and their user type is ticked, or their Deleted cell is.
- Where the group says so, people whose every role has ended are removed as well, though they would be selected.
- Never removed are records whose row has an error, records of a collection that isn't complete, and what a record
  that stays still names. Nobody counts as not chosen for another row's error: one that cost them a role, or a child that
  has them for a guardian. Enrollments end with their person or class.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from oneroster_engine.duckdb_session import PACKED, count, counts, number_of
from oneroster_engine.planning.guard import CAUSES, LEFT_SOURCE, NOT_CHOSEN, ROLE_ENDED, STATUS_DELETED
from oneroster_engine.planning.held_roles import find_held_people
from oneroster_engine.planning.near_ids import LEFT_ALONE
from oneroster_engine.planning.policy import Policy
from oneroster_engine.selecting.selection import Selection, withdraw
from oneroster_engine.standard.entities import ENTITIES
from oneroster_engine.standard.records import REFERRERS_FIRST, Form, links_to, parent_of, referred_to

WITH_PERSON = "its person is removed"
WITH_CLASS = "its class is removed"
BY_POLICY = "by_policy.parquet"  # in a plan, where there are any: records that something else decided on than the comparison


def withdraw_ended(connection: duckdb.DuckDBPyConnection, today: date, wanted: bool) -> int:
    """Take people whose every role has ended (they are left in `role_ended`), and their enrollments, out of what is selected;
    nobody unless `wanted`. A role's last day still counts. How many there are."""
    connection.execute("CREATE TABLE role_ended (sourcedId VARCHAR)")
    if not wanted:
        return 0
    connection.execute(_ROLE_ENDED, {"today": today})
    if number := count(connection, "role_ended"):
        withdraw(connection, "role_ended")
    return number


def find_unselected(connection: duckdb.DuckDBPyConnection, entity: str, selection: Selection) -> None:
    """Make `gone_{entity}` (sourcedId, reason) of `compared_{entity}`: what is not selected and may be removed."""
    user_type = "row.userType" if entity == "users" else "NULL"
    ended = {"users": "row.sourcedId", "enrollments": "row.userSourcedId"}.get(entity, "NULL")
    not_selected = _NOT_SELECTED.format(entity=entity, scope=_scope(entity, selection), user_type=user_type, ended=ended)
    connection.execute(not_selected, _scope_values(entity, selection))


def spare(
    connection: duckdb.DuckDBPyConnection,
    staged: dict[str, Any],
    policy: Policy,
    selection: Selection,
    known: Sequence[str],
    left_out: Mapping[str, int],
) -> list[str]:
    """Take out of each `gone_{entity}` what must stay, and add what can't stay alone; the entities of which nothing goes because
    absence proves nothing there. `staged` is the stage's summary, `known` are entities of which the platform has something.
    `left_out`: by entity of which rows have an error, how many of those may be any record's, since their id can't be read."""
    kept_whole = [entity for entity in ENTITIES if not staged["complete"][entity] or left_out.get(entity)]
    for entity in (each for each in known if each in kept_whole):
        connection.execute(f"DELETE FROM gone_{entity}")
    if find_held_people(connection, orgs_unproved="orgs" in left_out or "orgs" in kept_whole):
        connection.execute(
            f"DELETE FROM gone_users WHERE reason IN ('{NOT_CHOSEN}', '{ROLE_ENDED}') "
            "AND sourcedId IN (SELECT sourcedId FROM held_people)"
        )
    if selection.guardians and number_of(connection, _MAY_BE_GUARDIANS):
        connection.execute(_GUARDIANS_OF_LEFT_OUT)
    if policy.user_types:
        connection.execute(_NOT_ASKED_FOR, {"types": list(policy.user_types)})
    connection.execute("CREATE TABLE kept_by_policy (entity VARCHAR, sourcedId VARCHAR, reason VARCHAR)")
    for entity in ENTITIES:
        named_causes = [cause for name, causes in policy.guard.keep.items() if name == entity for cause in causes]
        causes = list(CAUSES) if policy.guard.keeps("removals") else named_causes
        for reason in (words for cause, words in CAUSES.items() if cause in causes):
            named = f"FROM gone_{entity} WHERE reason = '{reason}'"
            connection.execute(f"INSERT INTO kept_by_policy SELECT '{entity}', sourcedId, reason {named}")
            connection.execute(f"DELETE {named}")
    if (
        "enrollments" in known
        and "enrollments" not in kept_whole
        and number_of(connection, f"SELECT count(*) FROM {_staying('enrollments')}")
    ):
        connection.execute(_END_WITH)
    if any(counts(connection, [f"gone_{entity} WHERE reason = '{NOT_CHOSEN}'" for entity in known])):
        for entity in REFERRERS_FIRST:
            _spare_referred_to(connection, entity)
    return kept_whole


def write_by_policy(connection: duckdb.DuckDBPyConnection, plan: Path, near: bool) -> None:
    """Write which records stay by the group's removal policy, which are not made since their roles have ended, and, where there
    are `near` ids, which are left alone for those (entity, sourcedId, reason); no file where there are none."""
    if near or count(connection, "kept_by_policy") or count(connection, "role_ended"):
        rows = f"{_BY_POLICY} {LEFT_ALONE if near else ''}"
        connection.execute(f"COPY ({rows}) TO $to ({PACKED})", {"to": str(plan / BY_POLICY)})


def _spare_referred_to(connection: duckdb.DuckDBPyConnection, entity: str) -> None:
    if not links_to(entity):
        return
    also = f"SELECT sourcedId FROM {_staying(entity)}" if parent_of(entity) else ""
    named = referred_to(entity, _staying, _may_stay(entity), Form.STORED, also)
    connection.execute(f"DELETE FROM gone_{entity} WHERE reason = '{NOT_CHOSEN}' AND sourcedId IN ({named})")


def _staying(entity: str) -> str:
    """Records that stay although nobody chose them."""
    return _not_selected_but(entity, f"SELECT sourcedId FROM gone_{entity}")


def _may_stay(entity: str) -> str:
    """Records that stay, or would if a record that stays named them. What goes for another reason keeps nobody here."""
    return _not_selected_but(entity, f"SELECT sourcedId FROM gone_{entity} WHERE reason <> '{NOT_CHOSEN}'")


def _not_selected_but(entity: str, gone: str) -> str:
    return (
        f"(SELECT * FROM before_{entity} SEMI JOIN (SELECT sourcedId FROM compared_{entity} WHERE NOT selected AND NOT removed "
        f"AND sourcedId NOT IN ({gone})) USING (sourcedId))"
    )


def _scope(entity: str, selection: Selection) -> str:
    """Whether a record that isn't selected may be removed at all."""
    if selection.remove_unselected:
        return "true"
    inside = "true" if selection.orgs is None else "list_has_any($chosen::VARCHAR[], schools)"
    only_inside = "true" if selection.orgs is None else "len(schools) > 0 AND list_has_all($chosen::VARCHAR[], schools)"
    left, deleted = f"reason = '{LEFT_SOURCE}'", f"reason = '{STATUS_DELETED}'"
    if entity in ("classes", "enrollments"):
        return f"({left} OR {deleted}) AND {inside}"
    if entity == "users":
        every = selection.cells is None
        type_ticked = "true" if every else "(fields->>'$.roles[0].role') IN (SELECT userType FROM ticked)"
        cell = "true" if every else "coalesce(userType, 'unknown') IN (SELECT userType FROM ticked WHERE status = 'deleted')"
        ended = f"reason = '{ROLE_ENDED}'"  # of people whom the selection reaches
        return f"({left} AND {only_inside} AND {type_ticked}) OR ({deleted} AND {inside} AND {cell}) OR {ended}"
    return "false"


def _scope_values(entity: str, selection: Selection) -> dict[str, Any]:
    scoped = entity in ("classes", "enrollments", "users") and not selection.remove_unselected
    return {"chosen": sorted(selection.orgs)} if scoped and selection.orgs is not None else {}


# What is on the platform and not selected, with the reason why it would be removed.
_NOT_SELECTED = f"""
CREATE TABLE gone_{{entity}} AS
SELECT sourcedId, reason FROM (
    SELECT old.*, CASE WHEN row.sourcedId IS NULL THEN '{LEFT_SOURCE}'
                       WHEN row.status = 'tobedeleted' THEN '{STATUS_DELETED}'
                       WHEN {{ended}} IN (SELECT sourcedId FROM role_ended) THEN '{ROLE_ENDED}' ELSE '{NOT_CHOSEN}' END AS reason,
           {{user_type}} AS userType
    FROM (SELECT sourcedId, schools, fields FROM before_{{entity}} SEMI JOIN
              (SELECT sourcedId FROM compared_{{entity}} WHERE NOT selected AND NOT removed) USING (sourcedId)) old
    LEFT JOIN staged_{{entity}} row ON row.sourcedId = old.sourcedId
    WHERE old.sourcedId NOT IN (SELECT sourcedId FROM left_out WHERE entity = '{{entity}}' AND sourcedId IS NOT NULL)
) WHERE ({{scope}}) AND NOT (reason = '{ROLE_ENDED}' AND '{{entity}}' = 'enrollments')  -- those end with their person
"""

_ROLE_ENDED = """
INSERT INTO role_ended
SELECT sourcedId FROM staged_users SEMI JOIN selected_users USING (sourcedId)
WHERE len(roles) > 0 AND len(list_filter(roles, lambda each: coalesce(each.endDate >= $today, true))) = 0
"""

_BY_POLICY = f"""
FROM kept_by_policy
UNION ALL SELECT 'users', sourcedId, '{ROLE_ENDED}' FROM role_ended WHERE sourcedId NOT IN (SELECT sourcedId FROM before_users)
"""

# Who is none of the user types that the source was asked for is in none of its lists, and not gone for that.
_NOT_ASKED_FOR = f"""
DELETE FROM gone_users WHERE reason = '{LEFT_SOURCE}' AND sourcedId IN
    (SELECT sourcedId FROM before_users WHERE NOT list_has_any(fields->>'$.roles[*].role', $types::VARCHAR[]))
"""

_MAY_BE_GUARDIANS = f"""
SELECT count(*) FROM gone_users
WHERE reason = '{NOT_CHOSEN}' AND EXISTS (SELECT 1 FROM left_out WHERE entity = 'users' AND sourcedId IS NOT NULL)
"""

# A child whose row has an error stays on the platform, and so do those who came along for them.
_GUARDIANS_OF_LEFT_OUT = f"""
DELETE FROM gone_users WHERE reason = '{NOT_CHOSEN}' AND sourcedId IN (
    WITH child AS (
        SELECT sourcedId, fields FROM before_users
        WHERE removedAt IS NULL AND sourcedId IN (SELECT sourcedId FROM left_out WHERE entity = 'users')
    )
    SELECT unnest(fields->>'$.agentSourcedIds[*]') FROM child
    UNION ALL
    SELECT sourcedId FROM (SELECT sourcedId, unnest(fields->>'$.agentSourcedIds[*]') AS agent FROM before_users
                            SEMI JOIN gone_users USING (sourcedId))
    WHERE agent IN (SELECT sourcedId FROM child)
)
"""

# An enrollment ends with its person or class when that one has gone for good, even where its own row is in error.
_END_WITH = f"""
INSERT INTO gone_enrollments
SELECT own.sourcedId, if(person.sourcedId IS NOT NULL, '{WITH_PERSON}', '{WITH_CLASS}')
FROM (SELECT sourcedId, fields->>'userSourcedId' AS userSourcedId, fields->>'classSourcedId' AS classSourcedId
      FROM before_enrollments SEMI JOIN (SELECT sourcedId FROM compared_enrollments WHERE NOT selected AND NOT removed)
           USING (sourcedId)
      WHERE sourcedId NOT IN (SELECT sourcedId FROM gone_enrollments)) own
LEFT JOIN (SELECT sourcedId FROM gone_users WHERE reason <> '{NOT_CHOSEN}') person ON person.sourcedId = own.userSourcedId
LEFT JOIN (SELECT sourcedId FROM gone_classes WHERE reason <> '{NOT_CHOSEN}') class ON class.sourcedId = own.classSourcedId
WHERE person.sourcedId IS NOT NULL OR class.sourcedId IS NOT NULL;
"""
