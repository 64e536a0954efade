"""The inverse of a sync, as a plan: every record that the sync changed becomes again what it was before.

It is made from the before-images in the sync's changes.parquet and the snapshot of today, and it is a plan like any
other: shown, guarded and applied by the same steps, and undone like any other. Its rules:
- A record is taken back only where it is still what the sync made of it. What a later sync has changed, or one that
  was cut off may have changed, is named (unchanged.parquet, with the reason) and left alone.
- What the sync created is deactivated or ended; what it removed is there again, under the same platform id; what it
  updated has its old fields; what had come back is removed again.
- Nothing is removed that a record which stays still names, and no enrollment returns to a person or class that is gone.
What differs from the day before: `since`, `removedAt` and `modified` tell of the undo, because that is when the record changed
and from when the grace period counts.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import duckdb

from oneroster_engine.duckdb_session import PACKED, connect, number_of, text
from oneroster_engine.planning.changes import ACTIONS, counts_of, write_changes, write_chunks
from oneroster_engine.planning.policy import Policy, iso
from oneroster_engine.planning.purging import still_there
from oneroster_engine.planning.snapshot import planned_rows, snapshot_rows
from oneroster_engine.planning.summary import Planned, schools_with_counts, write_summary
from oneroster_engine.standard.entities import ENTITIES
from oneroster_engine.standard.records import REFERRERS_FIRST, Form, links_to, name_of, parent_of, referred_to, schools_of

AS_BEFORE = "is as it was before that sync"
CHANGED_SINCE = "changed again by a later sync; left alone"
CUT_OFF = "a later sync that was cut off may have changed it; left alone"
PURGED = "its grace period is over and the platform has purged it; left alone"
STILL_NAMED = "created by that sync, but a record that stays names it now; left alone"
NOWHERE_TO_GO = "its person or class is not there any more; left alone"
LEFT_ALONE = (CHANGED_SINCE, CUT_OFF, PURGED, STILL_NAMED, NOWHERE_TO_GO)


def plan_undo(undone: Path, snapshot: Path | None, plan: Path, policy: Policy, unfinished: Sequence[Path] = ()) -> Planned:
    """Write the files of a plan into `plan`; `undone` is the changes.parquet of the sync to take back.

    `unfinished` are the changes.parquet of syncs that were cut off while applying: what they touched is left alone.
    The guard is not asked here; `review` does that for every plan.
    """
    plan.mkdir(parents=True, exist_ok=True)
    with connect() as connection:
        connection.execute(_UNDONE.format(rows=planned_rows(connection, undone)))
        connection.execute("CREATE TABLE cut_off (entity VARCHAR, sourcedId VARCHAR)")
        for path in unfinished:
            connection.execute(
                "INSERT INTO cut_off SELECT entity, sourcedId FROM read_parquet($path, hive_partitioning=false)",
                {"path": str(path)},
            )
        for entity in ENTITIES:
            there = still_there(connection, snapshot_rows(snapshot, entity), policy.now, policy.grace_days)
            connection.execute(_CURRENT.format(entity=entity, there=there))
            connection.execute(_VERDICT.format(entity=entity))
            connection.execute(_AFTERWARDS.format(entity=entity))
        for entity in REFERRERS_FIRST:
            _spare_referred_to(connection, entity)
        connection.execute(_SPARE_ENROLLMENTS)
        changes = write_changes(connection, plan, [_changes(entity, policy) for entity in ENTITIES])
        write_chunks(connection, plan, changes, policy.purging)
        return _write(connection, plan, changes)


def empty_stage(stage: Path) -> None:
    """The stage of a sync that reads no bundle: nothing read, no problem found."""
    stage.mkdir(parents=True, exist_ok=True)
    nothing = {"read": 0, "kept": 0, "left_out": 0}
    summary = {"version": "", "system": "", "counts": dict.fromkeys(ENTITIES, nothing), "problems": {}}
    (stage / "summary.json").write_text(json.dumps(summary))
    with connect() as connection:
        connection.execute(_NO_PROBLEMS, {"to": str(stage / "problems.parquet")})


def _changes(entity: str, policy: Policy) -> str:
    removal = "end" if entity == "enrollments" else "deactivate"
    values = {
        "removal": removal,
        "called": name_of(entity, Form.STORED, _CLASS_TITLE),
        "schools": schools_of(entity, Form.STORED),
        "now": text(iso(policy.now)),
    }
    return _CHANGES.format(entity=entity, **values)


def _write(connection: duckdb.DuckDBPyConnection, plan: Path, changes: int) -> Planned:
    counts = counts_of(connection)
    for entity in ENTITIES:
        kept = f"SELECT '{entity}', sourcedId, name, verdict, schools FROM verdict_{entity} WHERE verdict <> 'undo'"
        connection.execute(f"INSERT INTO unchanged {kept}")
        counts[entity]["unchanged"] = number_of(connection, f"SELECT count(*) FROM verdict_{entity} WHERE verdict <> 'undo'")
        counts[entity]["selected"] = sum(counts[entity][action] for action in ACTIONS.values())
    left_alone = [
        (reason, number_of(connection, f"SELECT count(*) FROM unchanged WHERE reason = {text(reason)}")) for reason in LEFT_ALONE
    ]
    notes = [f"{number:,} {'record' if number == 1 else 'records'}: {reason}." for reason, number in left_alone if number]
    connection.execute(
        f"COPY (FROM unchanged ORDER BY entity, sourcedId) TO $to ({PACKED})",
        {"to": str(plan / "unchanged.parquet")},
    )
    schools = schools_with_counts(connection.execute(_BY_SCHOOL).fetchall())
    planned = Planned(counts=counts, changes=changes, held=False, notes=notes, schools=schools)
    write_summary(plan, planned)
    return planned


def _spare_referred_to(connection: duckdb.DuckDBPyConnection, entity: str) -> None:
    """A record that the undone sync created stays where one that stays refers to it now."""
    if not links_to(entity):
        return
    also = f"SELECT sourcedId FROM afterwards_{entity}" if parent_of(entity) else ""
    above = (
        f"(FROM afterwards_{entity} UNION ALL SELECT now.sourcedId, now.fields FROM current_{entity} now "
        f"SEMI JOIN (SELECT sourcedId FROM verdict_{entity} WHERE verdict = 'undo' AND goes) USING (sourcedId))"
    )
    named = referred_to(entity, lambda referrer: f"afterwards_{referrer}", above, Form.STORED, also)
    connection.execute(
        f"UPDATE verdict_{entity} SET verdict = '{STILL_NAMED}' WHERE verdict = 'undo' AND goes AND sourcedId IN ({named})"
    )


_NO_PROBLEMS = """
COPY (SELECT NULL::VARCHAR AS file, NULL::BIGINT AS line, NULL::VARCHAR AS entity, NULL::VARCHAR AS sourcedId,
             NULL::VARCHAR AS field, NULL::VARCHAR AS rule, NULL::VARCHAR AS severity, NULL::VARCHAR AS message,
             NULL::VARCHAR AS cause, NULL::VARCHAR AS key, NULL::BIGINT AS explains WHERE false) TO $to (FORMAT parquet)
"""

_UNDONE = """
CREATE TABLE unchanged (entity VARCHAR, sourcedId VARCHAR, name VARCHAR, reason VARCHAR, schools VARCHAR[]);
CREATE TABLE undone AS
SELECT entity, sourcedId, name, action, schools, before::JSON AS before, after::JSON AS after,
       spared::JSON AS spared FROM ({rows})
"""

_CURRENT = """
CREATE VIEW current_{entity} AS
SELECT sourcedId, platformId, platformStatus, since, removedAt, name, schools, fields
FROM ({there})
"""

# `goes`: it was not there before, so it is removed. Where before and after are the same, there is nothing to take back.
_VERDICT = f"""
CREATE TABLE verdict_{{entity}} AS
WITH compared AS (
    SELECT own.sourcedId, own.name, own.action AS was, own.schools AS schools_then, own.before, now.schools AS schools_now,
           now.sourcedId IS NOT NULL AS known,
           own.before IS NULL OR (own.before->>'removedAt') IS NOT NULL AS goes,
           now.removedAt IS NOT NULL AS is_removed,
           now.fields::VARCHAR = (own.before->'fields')::VARCHAR AND now.platformStatus = (own.before->>'platformStatus') AS same,
           now.fields::VARCHAR = (own.after->'fields')::VARCHAR AND now.platformStatus = (own.after->>'platformStatus')
               AND now.since = (own.after->>'since')
               AND now.removedAt IS NOT DISTINCT FROM (own.after->>'removedAt') AS untouched,
           coalesce(now.fields::VARCHAR = (own.spared->'fields')::VARCHAR AND now.since = (own.spared->>'since')
               AND now.platformStatus = (own.spared->>'platformStatus') AND now.removedAt IS NULL, false) AS as_spared
    FROM (SELECT * FROM undone WHERE entity = '{{entity}}') own LEFT JOIN current_{{entity}} now USING (sourcedId)
)
SELECT sourcedId, name, was, goes, before, coalesce(schools_now, schools_then) AS schools,
       CASE WHEN sourcedId IN (SELECT sourcedId FROM cut_off WHERE entity = '{{entity}}') THEN '{CUT_OFF}'
            WHEN NOT known THEN if(goes, '{AS_BEFORE}', '{PURGED}')
            WHEN goes AND is_removed THEN '{AS_BEFORE}'
            WHEN NOT goes AND NOT is_removed AND same THEN '{AS_BEFORE}'
            WHEN untouched OR as_spared THEN 'undo' ELSE '{CHANGED_SINCE}' END AS verdict
FROM compared
"""

# What the platform will hold, so far as is decided yet: active records, with the fields that they will have.
_AFTERWARDS = """
CREATE VIEW afterwards_{entity} AS
SELECT now.sourcedId, coalesce(if(verdict = 'undo', before->'fields', NULL), now.fields) AS fields
FROM current_{entity} now LEFT JOIN verdict_{entity} USING (sourcedId)
WHERE CASE WHEN verdict = 'undo' THEN NOT goes ELSE now.removedAt IS NULL END
"""


_SPARE_ENROLLMENTS = f"""
UPDATE verdict_enrollments SET verdict = '{NOWHERE_TO_GO}'
WHERE verdict = 'undo' AND NOT goes AND was = 'end'
  AND ((before->'fields'->>'userSourcedId') NOT IN (SELECT sourcedId FROM afterwards_users)
       OR (before->'fields'->>'classSourcedId') NOT IN (SELECT sourcedId FROM afterwards_classes))
"""

_CLASS_TITLE = """(
    SELECT class.fields->>'title' FROM current_classes class WHERE class.sourcedId = (record.fields->>'classSourcedId'))"""
_WAS = "CASE was WHEN 'create' THEN 'created' WHEN 'update' THEN 'updated' WHEN 'end' THEN 'ended' ELSE 'deactivated' END"

_CHANGES = f"""
(WITH record AS (
    SELECT verdict.sourcedId, if(goes, '{{removal}}', 'update') AS action, goes,
           if(goes AND was = 'update', 'undo: had come back with that sync', 'undo: was ' || {_WAS} || ' by that sync') AS reason,
           now.platformId, if(goes, 'inactive', before->>'platformStatus') AS platformStatus,
           coalesce(before->'fields', now.fields) AS fields, now.fields AS fields_now, now.platformStatus AS status_now,
           now.since, now.removedAt
    FROM (SELECT * FROM verdict_{{entity}} WHERE verdict = 'undo') verdict JOIN current_{{entity}} now USING (sourcedId)
)
SELECT '{{entity}}' AS entity, sourcedId, {{called}} AS name, action, reason, {{schools}} AS schools,
       CASE WHEN goes THEN [] ELSE list_concat(
           list_filter(json_keys(fields), lambda each:
               json_extract(fields, '$."' || each || '"') IS DISTINCT FROM json_extract(fields_now, '$."' || each || '"')),
           if(platformStatus <> status_now, ['platformStatus'], [])) END AS fields,
       json_object('platformId', platformId, 'platformStatus', status_now, 'since', since, 'removedAt', removedAt,
                   'fields', fields_now)::VARCHAR AS before,
       json_object('platformId', platformId, 'platformStatus', platformStatus,
                   'since', if(platformStatus <> status_now, {{now}}, since), 'removedAt', if(goes, {{now}}, NULL),
                   'fields', fields)::VARCHAR AS after, NULL::UBIGINT AS digest, []::VARCHAR[] AS taken, NULL::VARCHAR AS spared
FROM record)
"""

_BY_SCHOOL = """
SELECT school, coalesce(orgs.name, school), entity, action, number FROM (
    SELECT school, entity, action, count(*) AS number FROM (
        SELECT unnest(schools) AS school, entity, action FROM change
        UNION ALL SELECT unnest(schools), entity, 'unchanged' FROM unchanged) GROUP BY ALL)
LEFT JOIN current_orgs orgs ON orgs.sourcedId = school
"""
