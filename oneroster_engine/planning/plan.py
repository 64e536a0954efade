"""What would change on the platform, record by record, each with its reason; and the snapshot that follows.

A plan compares the selected rows with the snapshot of what the platform holds. Its rules for removing:
- A full sync, or one with "remove what is no longer selected", removes every record that is not selected. Another
  selective sync removes only inside the chosen schools, and only what has left the source or is tobedeleted there;
  people only where the chosen schools are all that they have and their user type is ticked, or their Deleted cell is.
- Never removed are records whose row has an error, records of a collection that isn't complete, and what a record
  that stays still names. Enrollments end with their person or class.
- A removed record becomes inactive and stays in the snapshot for the grace period, so that it can come back under
  the same platform id.
"""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from oneroster_engine.duckdb_session import PACKED, connect, count, number_of, quoted, side_by_side, text
from oneroster_engine.planning import guard as guards
from oneroster_engine.planning.changes import ACTIONS, counts_of, write_changes, write_chunks
from oneroster_engine.planning.guard import Breach, Guard
from oneroster_engine.selecting.selection import Selection, select
from oneroster_engine.staging.stage import platform_columns
from oneroster_engine.standard.entities import ENTITIES

NOT_CHOSEN = "not chosen any more"
NEW = "not on the platform yet"
CHANGED = "changed in the source"
RENAMED = "known under another sourcedId now"
FOUND_AGAIN = "known by another sourcedId so far"


@dataclass(frozen=True)
class Policy:
    """The group's settings that a plan obeys. `now` is the sync's own time, so that a retry gives the same bytes;
    `match_with` the field by which a person is found again under a new sourcedId. `user_types` are those that the source
    was asked for; none: all of them."""

    sync_id: str
    now: datetime
    username_suffix: str = ""
    match_with: str = "sourcedId"
    user_types: tuple[str, ...] = ()
    guard: Guard = field(default_factory=Guard)
    grace_days: int = 30


@dataclass(frozen=True)
class Planned:
    """`counts` maps an entity to selected, created, updated, deactivated, ended, unchanged. `changes`: rows to write."""

    counts: dict[str, dict[str, int]]
    changes: int
    held: bool
    breaches: list[Breach] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def plan_changes(
    stage: Path, selection: Selection, snapshot: Path | None, plan: Path, policy: Policy, unfinished: Sequence[Path] = ()
) -> Planned:
    """Write changes.parquet, summary.json, chunks/*.jsonl.gz and manifest.json into `plan`.

    `snapshot` is a folder of {entity}.parquet, None for an empty platform. `unfinished` are the changes.parquet of
    syncs that were cut off while applying, oldest first: what they touched is written again whatever it seems to be.
    """
    (plan / "chunks").mkdir(parents=True, exist_ok=True)
    staged = json.loads((stage / "summary.json").read_text())
    with connect(plan) as connection:
        select(connection, stage, selection)
        _know(connection, snapshot, unfinished, policy)
        connection.execute(f"CREATE VIEW left_out AS SELECT * FROM read_parquet({text(str(stage / 'left_out.parquet'))})")
        fresh = {entity for entity in ENTITIES if not count(connection, f"before_{entity}")}
        for entity in fresh:
            connection.execute(_NOTHING_BEFORE.format(entity=entity))
        compared = [entity for entity in reversed(ENTITIES) if entity not in fresh]
        side_by_side([partial(_compare, connection.cursor(), entity, selection, policy) for entity in compared])
        kept_whole = [entity for entity in ENTITIES if _blocked(connection, entity, staged)]
        for entity in kept_whole:
            connection.execute(f"DELETE FROM gone_{entity}")
        if policy.user_types:
            connection.execute(_NOT_ASKED_FOR, {"types": list(policy.user_types)})
        if "enrollments" not in kept_whole and number_of(connection, f"SELECT count(*) FROM {_staying('enrollments')}"):
            connection.execute(_END_WITH)
        if any(number_of(connection, f"SELECT count(*) FROM gone_{entity} WHERE reason = $1", NOT_CHOSEN) for entity in ENTITIES):
            connection.execute(_STILL_NAMED)
        ambiguous = _match(connection, policy)
        for entity in ENTITIES:
            removal = "end" if entity == "enrollments" else "deactivate"
            connection.execute(_VERDICT.format(entity=entity, removal=removal))
        changes = write_changes(connection, plan, [_changes(entity, policy, entity in fresh) for entity in ENTITIES])
        with ThreadPoolExecutor(1) as beside:
            chunks = beside.submit(write_chunks, connection.cursor(), plan, changes)
            planned = _write(connection, plan, changes, staged, kept_whole, ambiguous)
            chunks.result()
        return planned


def next_snapshot(snapshot: Path | None, plan: Path, out: Path, now: datetime, grace_days: int, removals: bool = True) -> None:
    """Write into `out` what the platform holds once the plan is applied, without its removals when `removals` is false.

    Records removed longer than `grace_days` ago are dropped; the platform has purged them by then.
    """
    out.mkdir(parents=True, exist_ok=True)
    with connect(out) as connection:
        connection.execute("SET preserve_insertion_order = false")  # nobody needs it, and it costs disk
        changes = f"SELECT * FROM read_parquet({text(str(plan / 'changes.parquet'))})"
        wanted = "" if removals else " WHERE action NOT IN ('deactivate', 'end')"
        connection.execute(f"CREATE VIEW change AS {changes}{wanted}")
        known = [column for column, *_ in connection.execute("DESCRIBE change").fetchall()]
        digest = "digest" if "digest" in known else "NULL::UBIGINT"  # an undone record's is found out by the next plan
        for entity in ENTITIES:
            connection.execute(f"CREATE VIEW snapshot_{entity} AS {_snapshot(snapshot, entity)}")
            query = _NEXT.format(entity=entity, digest=digest, oldest=text(iso(now - timedelta(days=grace_days))))
            connection.execute(f"COPY ({query}) TO $to ({PACKED})", {"to": str(out / f"{entity}.parquet")})


def _know(connection: duckdb.DuckDBPyConnection, snapshot: Path | None, unfinished: Sequence[Path], policy: Policy) -> None:
    """Make `before_{entity}`: each record that the platform holds or may hold; `again` where nobody can be sure."""
    connection.execute(
        "CREATE TABLE half_applied (entity VARCHAR, sourcedId VARCHAR, name VARCHAR, schools VARCHAR[], after JSON)"
    )
    for path in unfinished:
        connection.execute("CREATE OR REPLACE TEMP TABLE cut AS SELECT * FROM read_parquet($path)", {"path": str(path)})
        connection.execute("DELETE FROM half_applied WHERE (entity, sourcedId) IN (SELECT (entity, sourcedId) FROM cut)")
        connection.execute("INSERT INTO half_applied SELECT entity, sourcedId, name, schools, after FROM cut")
    oldest = text(iso(policy.now - timedelta(days=policy.grace_days)))
    for entity in ENTITIES:
        connection.execute(f"CREATE VIEW snapshot_{entity} AS {_snapshot(snapshot, entity)}")
        again = _AGAIN.format(entity=entity) if unfinished else ""
        unsure = f"sourcedId IN (SELECT sourcedId FROM half_applied WHERE entity = '{entity}')" if unfinished else "false"
        connection.execute(_BEFORE.format(entity=entity, oldest=oldest, unsure=unsure) + again)


def _compare(connection: duckdb.DuckDBPyConnection, entity: str, selection: Selection, policy: Policy) -> None:
    """Make `compared_{entity}` and `gone_{entity}`."""
    connection.execute(_COMPARED.format(entity=entity, digest=_digest(entity, policy)))
    user_type = "row.userType" if entity == "users" else "NULL"
    not_selected = _NOT_SELECTED.format(entity=entity, scope=_scope(entity, selection), user_type=user_type)
    connection.execute(not_selected, _scope_values(entity, selection))


def _snapshot(snapshot: Path | None, entity: str) -> str:
    if snapshot is None:
        return _NO_SNAPSHOT
    # An older snapshot's digests are of another kind; none of them equals one of today's.
    today = "fields::JSON AS fields, try_cast(digest AS UBIGINT) AS digest"
    return f"SELECT * REPLACE ({today}) FROM read_parquet({text(str(snapshot / f'{entity}.parquet'))})"


def _digest(entity: str, policy: Policy) -> str:
    """What stands for all that a staged row becomes on the platform."""
    suffixed = entity == "users" and policy.username_suffix
    return f"hash(digest, {text(policy.username_suffix)})" if suffixed else "digest"


def _changes(entity: str, policy: Policy, fresh: bool) -> str:
    values = {"sync_id": text(policy.sync_id), "now": text(iso(policy.now)), "changed": CHANGED, "found_again": FOUND_AGAIN}
    columns = platform_columns(entity)
    values["names"] = f"[{', '.join(map(text, columns))}]"
    values["paths"] = f"[{', '.join(text(f'$.{quoted(name)}') for name in columns)}]"  # all of them in one look at the JSON
    return _CHANGES.format(entity=entity, records=_records(entity, policy, fresh), **values)


def _records(entity: str, policy: Policy, fresh: bool) -> str:
    """The selected rows that `verdict_{entity}` is about, as platform records: all of them where the platform has none yet.
    When a row was touched in the source says nothing about what it holds."""
    rows = f"staged_{entity} own JOIN (SELECT sourcedId, action, reason FROM verdict_{entity} WHERE selected) USING (sourcedId)"
    if fresh:
        rows = f"(SELECT *, 'create' AS action, '{NEW}' AS reason FROM reached_{entity}) own"
    values = {name: quoted(name) for name in platform_columns(entity)}
    if entity == "users" and policy.username_suffix:
        values["username"] = f"username || {text(policy.username_suffix)}"
    pairs = ", ".join(f"{text(name)}, {value}" for name, value in values.items())
    inactive = "statusCell = 'inactive'" if entity == "users" else "status = 'inactive'"
    return (
        f"SELECT own.sourcedId, action, reason, {_CALLED[entity]} AS name, {_SCHOOLS[entity]} AS schools, "
        f"if({inactive}, 'inactive', 'active') AS platformStatus, "
        f"{_digest(entity, policy)} AS digest, json_object({pairs}) AS fields FROM {rows}"
        + (" LEFT JOIN (SELECT sourcedId AS id, title FROM staged_classes) class ON class.id = own.classSourcedId"
           if entity == "enrollments" else "")
    )  # fmt: skip


def _match(connection: duckdb.DuckDBPyConnection, policy: Policy) -> list[Breach]:
    """Make `matched` (sourcedId, formerId): people whom the source has under a new id and the platform under one that
    the source has given up. Where one side has several, nobody is matched: that is for a human, who is told."""
    connection.execute("CREATE TABLE matched (sourcedId VARCHAR, formerId VARCHAR)")
    if policy.match_with == "sourcedId":
        return []
    field = quoted(policy.match_with)
    suffix = f" || {text(policy.username_suffix)}" if policy.match_with == "username" and policy.username_suffix else ""
    connection.execute(_SAME_PEOPLE.format(key=f"{field}{suffix}", field=text(policy.match_with)))
    connection.execute(_MATCHED)
    several = connection.execute(_AMBIGUOUS).fetchall()
    return [guards.ambiguous(policy.match_with, new, former) for new, former in several]


def _scope(entity: str, selection: Selection) -> str:
    """Whether a record that isn't selected may be removed at all."""
    if selection.remove_unselected:
        return "true"
    inside = "true" if selection.orgs is None else "list_has_any($chosen::VARCHAR[], schools)"
    only_inside = "true" if selection.orgs is None else "len(schools) > 0 AND list_has_all($chosen::VARCHAR[], schools)"
    left, deleted = "reason = 'left the source'", "reason = 'status deleted'"
    if entity in ("classes", "enrollments"):
        return f"({left} OR {deleted}) AND {inside}"
    if entity == "users":
        every = selection.cells is None
        type_ticked = "true" if every else "(fields->>'$.roles[0].role') IN (SELECT userType FROM ticked)"
        cell = "true" if every else "coalesce(userType, 'unknown') IN (SELECT userType FROM ticked WHERE status = 'deleted')"
        return f"({left} AND {only_inside} AND {type_ticked}) OR ({deleted} AND {inside} AND {cell})"
    return "false"


def _scope_values(entity: str, selection: Selection) -> dict[str, Any]:
    scoped = entity in ("classes", "enrollments", "users") and not selection.remove_unselected
    return {"chosen": sorted(selection.orgs)} if scoped and selection.orgs is not None else {}


def _blocked(connection: duckdb.DuckDBPyConnection, entity: str, staged: dict[str, Any]) -> bool:
    """Whether absence from the bundle proves nothing, for any record of the entity."""
    return not staged["complete"][entity] or _nameless(connection, entity) > 0


def _nameless(connection: duckdb.DuckDBPyConnection, entity: str) -> int:
    return number_of(connection, "SELECT count(*) FROM left_out WHERE entity = $1 AND sourcedId IS NULL", entity)


def _write(
    connection: duckdb.DuckDBPyConnection,
    plan: Path,
    changes: int,
    staged: dict[str, Any],
    kept_whole: Sequence[str],
    ambiguous: list[Breach],
) -> Planned:
    counts = counts_of(connection)
    for entity in ENTITIES:
        counts[entity]["selected"] = number_of(connection, f"SELECT count(*) FROM selected_{entity}")
        not_selected = number_of(connection, f"SELECT count(*) FROM {_WRITTEN_AGAIN.format(entity=entity)}")
        written = counts[entity]["created"] + counts[entity]["updated"] - not_selected
        counts[entity]["unchanged"] = counts[entity]["selected"] - written
    by_school = " UNION ALL ".join(_BY_SCHOOL.format(entity=entity, schools=_SCHOOLS[entity]) for entity in ENTITIES)
    schools: dict[str, dict[str, Any]] = {}
    for school, name, entity, action, number in connection.execute(_WITH_SCHOOLS_NAME.format(rows=by_school)).fetchall():
        said = schools.setdefault(school, {"sourcedId": school, "name": name, "counts": {}})
        said["counts"].setdefault(entity, dict.fromkeys(ACTIONS.values(), 0))[ACTIONS[action]] = number
    breaches = ambiguous + _empty(connection, staged)
    notes = [note for entity in ENTITIES for note in _notes(connection, entity, staged, entity in kept_whole)]
    planned = Planned(
        counts=counts,
        changes=changes,
        held=bool(breaches),
        breaches=breaches,
        notes=notes,
    )
    summary = {
        "counts": counts,
        "schools": sorted(schools.values(), key=lambda school: (school["name"], school["sourcedId"])),
        "breaches": [asdict(breach) for breach in breaches],
        "notes": notes,
        "held": planned.held,
    }
    (plan / "summary.json").write_text(json.dumps(summary, indent=1, sort_keys=True))
    return planned


def _empty(connection: duckdb.DuckDBPyConnection, staged: dict[str, Any]) -> list[Breach]:
    """Collections that can't be taken for whole, while the platform has records of them. The rest of the guard's rules
    look at the finished plan: see `review.py`."""
    held = {entity: number_of(connection, f"SELECT count(*) FROM before_{entity} WHERE removedAt IS NULL") for entity in ENTITIES}
    return [
        guards.empty_collection(entity, held[entity]) for entity in ENTITIES if held[entity] and not staged["complete"][entity]
    ]


def _notes(connection: duckdb.DuckDBPyConnection, entity: str, staged: dict[str, Any], kept_whole: bool) -> list[str]:
    notes = []
    records = number_of(connection, f"SELECT count(*) FROM before_{entity} WHERE removedAt IS NULL")
    if kept_whole and records:
        nameless = _nameless(connection, entity)
        why = staged.get("incomplete", {}).get(entity) or "the bundle has no row that could be kept"
        why = f"{nameless:,} rows have an id that can't be read" if nameless else why
        notes.append(f"{entity}: {why}, so nothing of it is removed.")
    spared = number_of(
        connection,
        f"SELECT count(*) FROM compared_{entity} WHERE NOT selected AND NOT removed "
        "AND sourcedId IN (SELECT sourcedId FROM left_out WHERE entity = $1)",
        entity,
    )
    if spared and not kept_whole:
        notes.append(f"{entity}: {spared:,} on the platform have an error in their row now; they were kept as they are.")
    return notes


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_CALLED = {
    "orgs": "own.name",
    "academicSessions": "title",
    "courses": "title",
    "classes": "title",
    "users": "concat_ws(' ', givenName, familyName)",
    "enrollments": "concat_ws(' ', \"role\", userSourcedId, 'in', class.title)",
}
_SCHOOLS = {
    "orgs": "[own.sourcedId]",
    "academicSessions": "[]::VARCHAR[]",
    "courses": "list_filter([orgSourcedId], lambda each: each IS NOT NULL)",
    "classes": "[schoolSourcedId]",
    # Nearly all people have one role, and a lambda is slow.
    "users": "CASE WHEN len(roles) = 1 THEN [roles[1].orgSourcedId] "
    "ELSE list_sort(list_distinct(list_transform(roles, lambda each: each.orgSourcedId))) END",
    "enrollments": "[schoolSourcedId]",
}

_NO_SNAPSHOT = """
SELECT '' AS sourcedId, '' AS platformId, '' AS platformStatus, '' AS since, NULL::VARCHAR AS removedAt, NULL::UBIGINT AS digest,
       '' AS name, []::VARCHAR[] AS schools, '{}'::JSON AS fields WHERE false
"""

_BEFORE = """
CREATE VIEW before_{entity} AS
SELECT sourcedId, platformId, platformStatus, since, removedAt, digest, name, schools, fields, {unsure} AS again
FROM snapshot_{entity} WHERE (removedAt IS NULL OR removedAt > {oldest})
"""
_AGAIN = """
UNION ALL
SELECT sourcedId, after->>'platformId', after->>'platformStatus', after->>'since', after->>'removedAt', NULL,
       name, schools, after->'fields', true
FROM half_applied WHERE entity = '{entity}' AND sourcedId NOT IN (SELECT sourcedId FROM snapshot_{entity})
"""

# One row per record that is selected, on the platform, or both; those that plainly stay as they are not among them.
_COMPARED = """
CREATE TABLE compared_{entity} AS
SELECT coalesce(new.sourcedId, old.sourcedId) AS sourcedId, new.sourcedId IS NOT NULL AS selected,
       old.sourcedId IS NOT NULL AS known, coalesce(old.removed, false) AS removed, coalesce(old.again, false) AS again
FROM (SELECT sourcedId, {digest} AS digest FROM reached_{entity}) new
FULL JOIN (SELECT sourcedId, removedAt IS NOT NULL AS removed, again, digest FROM before_{entity}) old
       ON old.sourcedId = new.sourcedId
WHERE NOT coalesce(new.digest = old.digest AND NOT removed AND NOT again, false)
"""

# The same, where the platform has nothing of the entity: a whole state's ids twice would not fit into memory.
_NOTHING_BEFORE = """
CREATE VIEW compared_{entity} AS
SELECT sourcedId, true AS selected, false AS known, false AS removed, false AS again FROM reached_{entity};
CREATE TABLE gone_{entity} (sourcedId VARCHAR, reason VARCHAR)
"""

# What is on the platform and not selected, with the reason why it would be removed.
_NOT_SELECTED = f"""
CREATE TABLE gone_{{entity}} AS
SELECT sourcedId, reason FROM (
    SELECT old.*, CASE WHEN row.sourcedId IS NULL THEN 'left the source'
                       WHEN row.status = 'tobedeleted' THEN 'status deleted' ELSE '{NOT_CHOSEN}' END AS reason,
           {{user_type}} AS userType
    FROM (SELECT sourcedId, schools, fields FROM before_{{entity}} SEMI JOIN
              (SELECT sourcedId FROM compared_{{entity}} WHERE NOT selected AND NOT removed) USING (sourcedId)) old
    LEFT JOIN staged_{{entity}} row ON row.sourcedId = old.sourcedId
    WHERE old.sourcedId NOT IN (SELECT sourcedId FROM left_out WHERE entity = '{{entity}}' AND sourcedId IS NOT NULL)
) WHERE {{scope}}
"""

# Who is none of the user types that the source was asked for is in none of its lists, and not gone for that.
_NOT_ASKED_FOR = """
DELETE FROM gone_users WHERE reason = 'left the source' AND sourcedId IN
    (SELECT sourcedId FROM before_users WHERE NOT list_has_any(fields->>'$.roles[*].role', $types::VARCHAR[]))
"""

# An enrollment ends with its person or class when that one has gone for good, even where its own row is in error.
_END_WITH = f"""
INSERT INTO gone_enrollments
SELECT own.sourcedId, if(person.sourcedId IS NOT NULL, 'its person is removed', 'its class is removed')
FROM (SELECT sourcedId, fields->>'userSourcedId' AS userSourcedId, fields->>'classSourcedId' AS classSourcedId
      FROM before_enrollments SEMI JOIN (SELECT sourcedId FROM compared_enrollments WHERE NOT selected AND NOT removed)
           USING (sourcedId)
      WHERE sourcedId NOT IN (SELECT sourcedId FROM gone_enrollments)) own
LEFT JOIN (SELECT sourcedId FROM gone_users WHERE reason <> '{NOT_CHOSEN}') person ON person.sourcedId = own.userSourcedId
LEFT JOIN (SELECT sourcedId FROM gone_classes WHERE reason <> '{NOT_CHOSEN}') class ON class.sourcedId = own.classSourcedId
WHERE person.sourcedId IS NOT NULL OR class.sourcedId IS NOT NULL;
"""


def _staying(entity: str) -> str:
    """Records that stay although nobody chose them."""
    return (
        f"(SELECT * FROM before_{entity} SEMI JOIN (SELECT sourcedId FROM compared_{entity} WHERE NOT selected AND NOT removed "
        f"AND sourcedId NOT IN (SELECT sourcedId FROM gone_{entity})) USING (sourcedId))"
    )


def _may_stay(entity: str) -> str:
    """Records that stay, or would if a record that stays named them. What goes for another reason keeps nobody here."""
    return (
        f"(SELECT * FROM before_{entity} SEMI JOIN (SELECT sourcedId FROM compared_{entity} WHERE NOT selected AND NOT removed "
        f"AND sourcedId NOT IN (SELECT sourcedId FROM gone_{entity} WHERE reason <> '{NOT_CHOSEN}')) USING (sourcedId))"
    )


_STILL_NAMED = f"""
DELETE FROM gone_users WHERE reason = '{NOT_CHOSEN}'
    AND sourcedId IN (SELECT fields->>'userSourcedId' FROM {_staying("enrollments")});
DELETE FROM gone_classes WHERE reason = '{NOT_CHOSEN}'
    AND sourcedId IN (SELECT fields->>'classSourcedId' FROM {_staying("enrollments")});
DELETE FROM gone_courses WHERE reason = '{NOT_CHOSEN}'
    AND sourcedId IN (SELECT fields->>'courseSourcedId' FROM {_staying("classes")});
DELETE FROM gone_academicSessions WHERE reason = '{NOT_CHOSEN}' AND sourcedId IN (
    WITH RECURSIVE named AS (
        SELECT unnest(fields->>'$.termSourcedIds[*]') AS id FROM {_staying("classes")}
        UNION SELECT fields->>'schoolYearSourcedId' FROM {_staying("courses")}
        UNION SELECT sourcedId FROM {_staying("academicSessions")}
        UNION SELECT fields->>'parentSourcedId' FROM {_may_stay("academicSessions")} JOIN named ON sourcedId = id
    ) SELECT id FROM named WHERE id IS NOT NULL);
DELETE FROM gone_orgs WHERE reason = '{NOT_CHOSEN}' AND sourcedId IN (
    WITH RECURSIVE named AS (
        SELECT unnest(schools) AS id FROM {_staying("classes")}
        UNION SELECT unnest(schools) FROM {_staying("users")}
        UNION SELECT fields->>'primaryOrgSourcedId' FROM {_staying("users")}
        UNION SELECT unnest(schools) FROM {_staying("courses")}
        UNION SELECT sourcedId FROM {_staying("orgs")}
        UNION SELECT fields->>'parentSourcedId' FROM {_may_stay("orgs")} JOIN named ON sourcedId = id
    ) SELECT id FROM named WHERE id IS NOT NULL)
"""

# Whatever may have to be written. What turns out the same when looked at value by value is not.
_VERDICT = f"""
CREATE VIEW verdict_{{entity}} AS
SELECT sourcedId, selected,
       CASE WHEN selected AND NOT known THEN 'create' WHEN selected THEN 'update'
            WHEN gone.reason IS NOT NULL THEN '{{removal}}' ELSE 'update' END AS action,
       CASE WHEN selected AND NOT known THEN '{NEW}' WHEN selected AND removed THEN 'back in the source'
            WHEN gone.reason IS NOT NULL THEN gone.reason WHEN again THEN 'written again, since a sync was cut off'
            ELSE '{CHANGED}' END AS reason
FROM compared_{{entity}} LEFT JOIN gone_{{entity}} gone USING (sourcedId)
WHERE selected OR again OR gone.reason IS NOT NULL
"""

_WRITTEN_AGAIN = "(SELECT sourcedId FROM verdict_{entity} WHERE NOT selected AND action = 'update')"

# Nothing in a record depends on when a retry ran: the same plan gives the same records.
_CHANGES = """
SELECT '{entity}' AS entity, sourcedId, name, action, reason, schools, differing AS fields,
       if(known, json_object('platformId', platformId, 'platformStatus', status_before, 'since', since_before,
                             'removedAt', removed_before, 'fields', fields_before)::VARCHAR, NULL) AS before,
       json_object('platformId', platformId, 'platformStatus', platformStatus,
                   'since', if(platformStatus IS DISTINCT FROM status_before, {now}, since_before),
                   'removedAt', removedAt, 'fields', fields)::VARCHAR AS after, digest
FROM (
    SELECT *, CASE WHEN action <> 'update' THEN [] ELSE list_concat(
        list_transform(list_filter(list_zip({names}, json_extract(fields, {paths}), json_extract(fields_before, {paths})),
                                   lambda each: each[2] IS DISTINCT FROM each[3]), lambda each: each[1]),
        if(platformStatus <> status_before, ['platformStatus'], [])) END AS differing
    FROM (
        SELECT coalesce(new.sourcedId, old.sourcedId) AS sourcedId, coalesce(new.action, old.action) AS action,
               if(former.sourcedId IS NULL, coalesce(new.reason, old.reason), '{found_again}') AS reason,
               coalesce(new.name, old.name) AS name, coalesce(new.schools, old.schools) AS schools,
               coalesce(old.platformId, former.platformId,
                        md5({sync_id} || '/{entity}/' || coalesce(new.sourcedId, old.sourcedId))) AS platformId,
               CASE WHEN new.sourcedId IS NOT NULL THEN new.platformStatus
                    WHEN old.action = 'update' THEN old.platformStatus ELSE 'inactive' END AS platformStatus,
               CASE WHEN new.sourcedId IS NOT NULL THEN NULL
                    WHEN old.action = 'update' THEN old.removedAt ELSE {now} END AS removedAt,
               coalesce(new.fields, old.fields) AS fields, old.fields AS fields_before, old.platformStatus AS status_before,
               old.since AS since_before, old.removedAt AS removed_before, old.sourcedId IS NOT NULL AS known,
               coalesce(new.digest, old.digest) AS digest
        FROM ({records}) new
        FULL JOIN (SELECT * FROM before_{entity} JOIN verdict_{entity} USING (sourcedId)) old ON old.sourcedId = new.sourcedId
        LEFT JOIN (SELECT matched.sourcedId, platformId FROM matched JOIN before_users person ON person.sourcedId = formerId
                   WHERE '{entity}' = 'users') former ON former.sourcedId = new.sourcedId
    )
)
WHERE NOT (action = 'update' AND reason = '{changed}' AND len(differing) = 0)
"""

# People who are new in the source, and people whom the source has given up, by the field that the group matches with.
_SAME_PEOPLE = """
CREATE TABLE newcomer AS
SELECT sourcedId, lower(trim({key})) AS key FROM staged_users
SEMI JOIN (SELECT sourcedId FROM compared_users WHERE selected AND NOT known) USING (sourcedId) WHERE {key} IS NOT NULL;
CREATE TABLE former AS
SELECT sourcedId, lower(trim(fields->>{field})) AS key FROM before_users
WHERE sourcedId NOT IN (SELECT sourcedId FROM staged_users)
  AND sourcedId NOT IN (SELECT sourcedId FROM left_out WHERE entity = 'users' AND sourcedId IS NOT NULL);
CREATE TABLE same_people AS SELECT new.sourcedId, old.sourcedId AS formerId, key FROM newcomer new JOIN former old USING (key)
"""

# Who is matched takes the platform's id along; the record under the old id goes.
_MATCHED = f"""
INSERT INTO matched SELECT any_value(sourcedId), any_value(formerId) FROM same_people GROUP BY key HAVING count(*) = 1;
DELETE FROM gone_users WHERE sourcedId IN (SELECT formerId FROM matched);
INSERT INTO gone_users
SELECT formerId, '{RENAMED}' FROM matched JOIN before_users old ON old.sourcedId = formerId WHERE old.removedAt IS NULL
"""

_AMBIGUOUS = """
SELECT list(DISTINCT sourcedId ORDER BY sourcedId), list(DISTINCT formerId ORDER BY formerId) FROM same_people
GROUP BY key HAVING count(*) > 1 ORDER BY 1
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
    FROM (SELECT {{schools}} AS schools, count(*) AS number FROM reached_{{entity}} own GROUP BY schools)
    UNION ALL
    SELECT school, -count(*) FROM (
        SELECT unnest(schools) AS school FROM change WHERE entity = '{{entity}}' AND action IN ('create', 'update')
        AND sourcedId NOT IN {_WRITTEN_AGAIN})
    GROUP BY school
) GROUP BY school HAVING sum(number) > 0
"""

# All that is taken from a record's JSON is taken in one look at it, which is half of the work of five.
_NEXT = """
SELECT * FROM (
    SELECT sourcedId, platformId, platformStatus, since, removedAt, digest, name, schools, fields FROM snapshot_{entity}
    ANTI JOIN (SELECT sourcedId FROM change WHERE entity = '{entity}') USING (sourcedId)
    UNION ALL
    SELECT sourcedId, said[1], said[2], said[3], said[4], {digest}, name, schools, said[5]::JSON
    FROM (SELECT *, json_extract_string(after, ['$.platformId', '$.platformStatus', '$.since', '$.removedAt', '$.fields']) AS said
          FROM change WHERE entity = '{entity}')
) WHERE removedAt IS NULL OR removedAt > {oldest}
"""
