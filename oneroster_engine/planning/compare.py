"""The selected rows compared with what the platform holds: what each record would become, with its reason.

A record is looked at only where its digest differs, and written only where a value does.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from oneroster_engine.duckdb_session import quoted, text
from oneroster_engine.planning.guard import TAKING
from oneroster_engine.planning.held_roles import PEOPLE
from oneroster_engine.planning.near_ids import NearIds, links_of, names_a_near_id, under_own_id
from oneroster_engine.planning.policy import Policy, iso
from oneroster_engine.planning.purging import still_there
from oneroster_engine.planning.snapshot import snapshot_rows
from oneroster_engine.planning.takings import Takings
from oneroster_engine.standard.entities import ENTITIES, FIELDS, Field, Kind, fields_of, platform_columns
from oneroster_engine.standard.records import Form, name_of, schools_of
from oneroster_engine.standard.text_encoding import IN_PLACE_OF_LETTERS

NEW = "not on the platform yet"
CHANGED = "changed in the source"
CUT_OFF = "written again, since a sync was cut off"
FOUND_AGAIN = "known by another sourcedId so far"


def load_snapshot(
    connection: duckdb.DuckDBPyConnection, snapshot: Path | None, unfinished: Sequence[Path], policy: Policy
) -> None:
    """Make `before_{entity}`: each record that the platform holds or may hold; `again` where nobody can be sure."""
    connection.execute(
        "CREATE TABLE half_applied (entity VARCHAR, sourcedId VARCHAR, name VARCHAR, schools VARCHAR[], after JSON)"
    )
    for path in unfinished:
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE cut AS SELECT * FROM read_parquet($path, hive_partitioning=false)", {"path": str(path)}
        )
        connection.execute("DELETE FROM half_applied WHERE (entity, sourcedId) IN (SELECT (entity, sourcedId) FROM cut)")
        connection.execute("INSERT INTO half_applied SELECT entity, sourcedId, name, schools, after FROM cut")
    for entity in ENTITIES:
        rows = snapshot_rows(snapshot, entity)
        there = still_there(connection, rows, policy.now, policy.grace_days) if snapshot else rows
        again = _AGAIN.format(entity=entity, snapshot=rows) if unfinished else ""
        unsure = f"sourcedId IN (SELECT sourcedId FROM half_applied WHERE entity = '{entity}')" if unfinished else "false"
        connection.execute(_BEFORE.format(entity=entity, there=there, unsure=unsure) + again)


def compare(connection: duckdb.DuckDBPyConnection, entity: str, policy: Policy) -> None:
    """Make `compared_{entity}`: what may have to be written."""
    connection.execute(_COMPARED.format(entity=entity, digest=_digest(entity, policy)))


def compare_with_nothing(connection: duckdb.DuckDBPyConnection, entity: str) -> None:
    """The same where the platform has nothing of the entity, and so nothing can go."""
    connection.execute((_NOTHING_BEFORE + NOTHING_GOES).format(entity=entity))


def decide(connection: duckdb.DuckDBPyConnection, known: Sequence[str]) -> None:
    """Make `verdict_{entity}` of `compared_{entity}` and `gone_{entity}`: the action and reason of whatever may be written. Of
    the entities of which the platform has something; of the others all that is selected is created."""
    for entity in known:
        removal = "end" if entity == "enrollments" else "deactivate"
        connection.execute(_VERDICT.format(entity=entity, removal=removal))


def find_unread(
    connection: duckdb.DuckDBPyConnection, problems: str, absent: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """Make `unread` (entity, sourcedId, fields, absent, lostLetters) of the problems' relation: rows of which a value came and
    could not be read, or has lost letters; of roles the person's id. Of columns that are `absent`, by file, it is all rows for
    which the platform has something there. Gives the fields by entity."""
    lacking = "".join(_lacking(file, names) for file, names in absent.items())
    connection.execute(_UNREAD.format(problems=problems, entities=", ".join(map(text, ENTITIES)), lacking=lacking))
    found = connection.execute(
        "SELECT entity, list_distinct(flatten(list(coalesce(fields, [])))), bool_or(lostLetters), "
        "bool_or(sourcedId = '') FROM unread GROUP BY entity"
    ).fetchall()
    for entity, _, _, of_any in found:
        if of_any:
            connection.execute(_OF_ANY_ROW.format(entity=entity))
    return {
        entity: [name for name in platform_columns(entity) if name in fields or (lost_letters and name in _texts(entity))]
        for entity, fields, lost_letters, _ in found
        if entity in ENTITIES
    }


def owner_of(file: str) -> str:
    """The entity whose values a file holds: roles are people's."""
    return "users" if file == "roles" else file


def _lacking(file: str, names: Sequence[str]) -> str:
    held = [f"array_to_string(fields->>'$.roles[*].{name}', '')" if file == "roles" else f"fields->>'$.{name}'" for name in names]
    return _LACKING.format(file=file, entity=owner_of(file), names=list(names), held=", ".join(held))


@dataclass(frozen=True)
class Stays:
    """What stays on the platform though the source lacks it. `unproved` are entities of which an absent row proves nothing, and
    those with rows that an error left out; `people`: people have roles or profiles that stay; `unread`: by entity, the fields of
    which some row's value can't be read; `near`: by entity, ids under which nothing is made, since they are near to those of
    what is there, with those (`near_ids.py`)."""

    unproved: Collection[str] = ()
    people: bool = False
    unread: Mapping[str, Sequence[str]] = field(default_factory=dict)
    near: NearIds = field(default_factory=dict)


def changes_of(entity: str, policy: Policy, first_sync: bool, stays: Stays, updates: bool) -> str:
    """A query of the changes of one entity, as `write_changes` takes them. `updates`: the platform may hold something else of a
    record that stays; values are compared only then."""
    if first_sync:
        records = _records(entity, policy, first_sync, Stays(near=stays.near))
        return _CREATED.format(entity=entity, records=records, sync_id=text(policy.sync_id), now=text(iso(policy.now)))
    now, takings = text(iso(policy.now)), Takings(entity, policy.now.date().isoformat())
    records = _SIDE_BY_SIDE.format(
        entity=entity,
        records=_records(entity, policy, first_sync, stays),
        sync_id=text(policy.sync_id),
        now=now,
        found_again=FOUND_AGAIN,
    )
    if not updates:
        rows = _NOT_COMPARED.format(records=records)
        return _CHANGES.format(entity=entity, rows=rows, now=now, spared="fields", spared_status="platformStatus")
    if keeps := [kind for kind in TAKING if policy.guard.keeps(kind)]:
        differing = f"list_filter({takings.sides}, lambda each: each[2] IS DISTINCT FROM each[3])"
        records = _KEPT.format(
            records=records,
            spared=takings.spared("losing", keeps),
            keeps_status=str("disabled" in keeps).lower(),
            tokens=takings.tokens(differing),
            schools=schools_of(entity, Form.STORED),
        )
    return _CHANGES.format(
        entity=entity,
        rows=_BY_VALUE.format(records=records, changed=CHANGED, sides=takings.sides, tokens=takings.tokens("sides")),
        now=now,
        spared=takings.spared("taken", TAKING),
        spared_status="if(list_contains(taken, 'disabled:platformStatus'), 'active', platformStatus)",
    )


def _digest(entity: str, policy: Policy) -> str:
    """What stands for all that a staged row becomes on the platform."""
    suffixed = entity == "users" and policy.username_suffix
    return f"hash(digest, {text(policy.username_suffix)})" if suffixed else "digest"


def _records(entity: str, policy: Policy, first_sync: bool, stays: Stays) -> str:
    """The selected rows that `verdict_{entity}` is about, as platform records: all of them where the platform has none yet.
    When a row was touched in the source says nothing about what it holds."""
    staged = PEOPLE if stays.people and entity == "users" else f"staged_{entity}"
    unread = stays.unread.get(entity, ())
    rows = f"{staged} own JOIN (SELECT sourcedId, action, reason FROM verdict_{entity} WHERE selected) USING (sourcedId)"
    if first_sync:
        rows = f"(SELECT *, 'create' AS action, '{NEW}' AS reason FROM selected_rows_{entity}) own"
    values = {name: quoted(name) for name in platform_columns(entity)}
    agents = entity == "users" and bool(policy.user_types) and not first_sync
    if agents:
        values["agentSourcedIds"] = _LIST_WITH_HELD.format(value="agentSourcedIds", held="beyond")
    links = links_of(entity)
    for link in links:
        place = link.inside or link.field
        if place in values:
            values[place] = under_own_id(link, stays.near, values[place])
    if entity == "users" and "users" in stays.near:
        near = f"[{', '.join(map(text, stays.near['users']))}]"
        values["agentSourcedIds"] = f"list_filter({values['agentSourcedIds']}, lambda each: NOT list_contains({near}, each))"
    if entity == "users" and policy.username_suffix:
        values["username"] = f"username || {text(policy.username_suffix)}"
    held = [(each, target) for each, target in _optional_references(entity) if target in stays.unproved]
    for each, _ in held:
        with_held = _LIST_WITH_HELD if each.kind is Kind.LIST else _VALUE_OR_HELD
        values[each.name] = with_held.format(value=values[each.name], held=_held(each))
    values |= {name: _value_or_unread(entity, name, values[name]) for name in unread}
    pairs = ", ".join(f"{text(name)}, {value}" for name, value in values.items())
    inactive = "statusCell = 'inactive'" if entity == "users" else "status = 'inactive'"
    if entity == "users" and "enabledUser" in unread:  # nobody becomes active by what can't be read
        inactive += " OR list_contains(unread.names, 'enabledUser') AND unread.held->>'enabledUser' = 'false'"
    name = name_of(entity, Form.STAGED, "class.title")
    whose = [f"{_held(each)}.items" for each, _ in held] + (["unread.id"] if unread else [])
    named = [test for link in links if (test := names_a_near_id(link, stays.near))]
    is_held = " OR ".join([*(f"{each} IS NOT NULL" for each in whose), *named])
    # What was put back is no part of the digest, so the record is looked at again when the source is whole.
    digest = f"if({is_held}, NULL, {_digest(entity, policy)})" if is_held else _digest(entity, policy)
    schools = schools_of(entity, Form.STORED if is_held else Form.STAGED)  # those of what is written, with what was put back
    return (
        f"SELECT own.sourcedId, action, reason, {name} AS name, if({inactive}, 'inactive', 'active') AS platformStatus, "
        f"{digest} AS digest, json_object({pairs}) AS fields, {schools} AS schools FROM {rows}"
        + (f" LEFT JOIN ({_AGENTS_NOT_ASKED_FOR.format(types=sorted(policy.user_types))}) beyond ON beyond.id = own.sourcedId"
           if agents else "")
        + "".join(
            f" LEFT JOIN ({_held_items(entity, each, target)}) {_held(each)} ON {_held(each)}.id = own.sourcedId"
            for each, target in held
        )
        + (f" LEFT JOIN ({_UNREAD_ROWS.format(entity=entity)}) unread ON unread.id = own.sourcedId" if unread else "")
        + (" LEFT JOIN (SELECT sourcedId AS id, title FROM staged_classes) class ON class.id = own.classSourcedId"
           if entity == "enrollments" else "")
    )  # fmt: skip


# Where the source was asked for some user types alone, a person's references to others (a guardian) lead nowhere in what came.
# They are neither kept nor cut: they stay as they stand on the platform, in its order.
_AGENTS_NOT_ASKED_FOR = """
SELECT id, list(item ORDER BY place) AS items FROM (
    SELECT sourcedId AS id, unnest(items) AS item, generate_subscripts(items, 1) AS place
    FROM (SELECT sourcedId, fields->>'$.agentSourcedIds[*]' AS items FROM before_users)
)
WHERE item NOT IN (SELECT sourcedId FROM staged_users)
  AND item IN (SELECT sourcedId FROM before_users WHERE NOT list_has_any(fields->>'$.roles[*].role', {types}::VARCHAR[]))
GROUP BY id
"""


def _optional_references(entity: str) -> Iterator[tuple[Field, str]]:
    """With what each refers to. Their values are dropped where they lead nowhere; a row that needs its reference is left out."""
    columns = platform_columns(entity)
    for each in fields_of(entity, "1.2"):
        if each.name in columns and each.refers and not each.refers.required:
            yield each, each.refers.entity


def _held(each: Field) -> str:
    return quoted(f"held {each.name}")


def _held_items(entity: str, each: Field, target: str) -> str:
    items = f"fields->>'$.{each.name}[*]'" if each.kind is Kind.LIST else f"[fields->>'$.{each.name}']"
    return _HELD_ITEMS.format(entity=entity, items=items, target=target)


# A record whose row an error left out, or that is not proved to be gone, stays on the platform. So do the references to it,
# though the row that refers to it has lost them: they led nowhere in what came.
_HELD_ITEMS = """
SELECT id, list(item ORDER BY place) AS items FROM (
    SELECT sourcedId AS id, unnest(items) AS item, generate_subscripts(items, 1) AS place
    FROM (SELECT sourcedId, {items} AS items FROM before_{entity}
          SEMI JOIN (SELECT sourcedId FROM verdict_{entity} WHERE selected AND action = 'update') USING (sourcedId)
          WHERE removedAt IS NULL)
)
WHERE item NOT IN (SELECT sourcedId FROM staged_{target})
  AND item IN (SELECT sourcedId FROM before_{target} WHERE removedAt IS NULL)
  AND item NOT IN (SELECT sourcedId FROM gone_{target})
GROUP BY id
"""
_LIST_WITH_HELD = (
    "list_concat({held}.items, list_filter({value}, lambda each: NOT list_contains(coalesce({held}.items, []), each)))"
)
_VALUE_OR_HELD = "coalesce({value}, {held}.items[1])"

# A value that came and can't be read takes none from the platform: what stands there stays until it can.
_UNREAD = """
CREATE TABLE unread AS
WITH found AS (
    SELECT entity, coalesce(person, sourcedId) AS sourcedId, field, rule IN ('lost-letter', 'garbled') AS lost_letters
    FROM (SELECT * FROM {problems} UNION ALL BY NAME SELECT NULL::VARCHAR AS person WHERE false)  -- none in a stage of before
    WHERE severity = 'warning' AND (sourcedId <> '' OR rule = 'garbled' AND line IS NULL)  -- more lines than are named
      AND (rule IN ('unreadable-date', 'unreadable-boolean', 'unreadable-userids', 'unreadable-year', 'rounded', 'made-a-date',
                    'unknown-word') OR lost_letters AND entity IN ({entities}))
)
SELECT entity, sourcedId, list(DISTINCT field) FILTER (NOT lost_letters) AS fields,
       coalesce(list(DISTINCT field) FILTER (absent), []) AS absent, bool_or(lost_letters) AS lostLetters
FROM (SELECT *, false AS absent FROM found {lacking}) GROUP BY ALL
"""
# A column that is absent says nothing of anybody: what the platform has there stays, as where a cell can't be read.
_LACKING = """
UNION ALL SELECT '{file}', sourcedId, field, false, true FROM (
    SELECT sourcedId, unnest({names}) AS field, unnest([{held}]) AS held FROM before_{entity}
    SEMI JOIN (SELECT sourcedId FROM compared_{entity} WHERE selected AND known) USING (sourcedId) WHERE removedAt IS NULL
) WHERE held NOT IN ('', '[]')
"""
_OF_ANY_ROW = """
INSERT INTO unread
SELECT '{entity}', sourcedId, NULL, NULL, true FROM compared_{entity}
WHERE selected AND known AND sourcedId NOT IN (SELECT sourcedId FROM unread WHERE entity = '{entity}')
"""
_UNREAD_ROWS = """
SELECT sourcedId AS id, unread.fields AS names, lostLetters, old.fields AS held
FROM unread JOIN before_{entity} old USING (sourcedId) WHERE entity = '{entity}' AND removedAt IS NULL
"""
# Of a row of which letters were lost, or were written for another medium: a text that is the platform's but for those, and for
# what stands in their place.
_IN_ASCII = f"regexp_replace({{cell}}, {text(IN_PLACE_OF_LETTERS).replace('{', '{{').replace('}', '}}')}, '', 'g')"


def _value_or_unread(entity: str, name: str, value: str) -> str:
    """A field as JSON: of the platform where the source's can't be read."""
    held = f"unread.held->'$.{name}'"
    kept = f"list_contains(unread.names, '{name}')"
    if name in _texts(entity):
        sent, there = (_IN_ASCII.format(cell=cell) for cell in (value, f"(unread.held->>'$.{name}')"))
        kept = f"({kept} OR unread.lostLetters AND {sent} = {there})"
    return f"CASE WHEN {kept} THEN coalesce({held}, to_json({value})) ELSE to_json({value}) END"


def _texts(entity: str) -> set[str]:
    return {each.name for each in FIELDS[entity] if each.is_free_text}


_BEFORE = """
CREATE VIEW before_{entity} AS
SELECT sourcedId, platformId, platformStatus, since, removedAt, digest, name, schools, fields, {unsure} AS again
FROM ({there})
"""
_AGAIN = """
UNION ALL
SELECT sourcedId, after->>'platformId', after->>'platformStatus', after->>'since', after->>'removedAt', NULL,
       name, schools, after->'fields', true
FROM half_applied WHERE entity = '{entity}' AND sourcedId NOT IN (SELECT sourcedId FROM ({snapshot}))
"""

# One row per record that is selected, on the platform, or both; those that plainly stay as they are not among them.
_COMPARED = """
CREATE TABLE compared_{entity} AS
SELECT coalesce(new.sourcedId, old.sourcedId) AS sourcedId, new.sourcedId IS NOT NULL AS selected,
       old.sourcedId IS NOT NULL AS known, coalesce(old.removed, false) AS removed, coalesce(old.again, false) AS again
FROM (SELECT sourcedId, {digest} AS digest FROM selected_rows_{entity}) new
FULL JOIN (SELECT sourcedId, removedAt IS NOT NULL AS removed, again, digest FROM before_{entity}) old
       ON old.sourcedId = new.sourcedId
WHERE NOT coalesce(new.digest = old.digest AND NOT removed AND NOT again, false)
"""

# The same, where the platform has nothing of the entity: a whole state's ids twice would not fit into memory.
_NOTHING_BEFORE = """
CREATE VIEW compared_{entity} AS
SELECT sourcedId, true AS selected, false AS known, false AS removed, false AS again FROM selected_rows_{entity};
"""
NOTHING_GOES = "CREATE TABLE gone_{entity} (sourcedId VARCHAR, reason VARCHAR)"

# Whatever may have to be written. What turns out the same when looked at value by value is not.
_VERDICT = f"""
CREATE VIEW verdict_{{entity}} AS
SELECT sourcedId, selected,
       CASE WHEN selected AND NOT known THEN 'create' WHEN selected THEN 'update'
            WHEN gone.reason IS NOT NULL THEN '{{removal}}' ELSE 'update' END AS action,
       CASE WHEN selected AND NOT known THEN '{NEW}' WHEN selected AND removed THEN 'back in the source'
            WHEN gone.reason IS NOT NULL THEN gone.reason WHEN again THEN '{CUT_OFF}'
            ELSE '{CHANGED}' END AS reason
FROM compared_{{entity}} LEFT JOIN gone_{{entity}} gone USING (sourcedId)
WHERE selected OR again OR gone.reason IS NOT NULL
"""

# Records that nobody selected and that are written all the same, since a sync was cut off.
WRITTEN_AGAIN = "(SELECT sourcedId FROM verdict_{entity} WHERE NOT selected AND action = 'update')"

# Where the platform has nothing of the entity, no value is compared and nothing can be taken away.
_CREATED = """
SELECT '{entity}' AS entity, sourcedId, name, action, reason, schools, []::VARCHAR[] AS fields, NULL::VARCHAR AS before,
       json_object('platformId', md5({sync_id} || '/{entity}/' || sourcedId), 'platformStatus', platformStatus, 'since', {now},
                   'removedAt', NULL, 'fields', fields)::VARCHAR AS after,
       digest, []::VARCHAR[] AS taken, NULL::VARCHAR AS spared
FROM ({records})
"""

# Nothing in a record depends on when a retry ran: the same plan gives the same records.
_CHANGES = """
SELECT '{entity}' AS entity, sourcedId, name, action, reason, schools, differing AS fields,
       if(known, json_object('platformId', platformId, 'platformStatus', status_before, 'since', since_before,
                             'removedAt', removed_before, 'fields', fields_before)::VARCHAR, NULL) AS before,
       json_object('platformId', platformId, 'platformStatus', platformStatus,
                   'since', if(platformStatus IS DISTINCT FROM status_before, {now}, since_before),
                   'removedAt', removedAt, 'fields', fields)::VARCHAR AS after, digest, taken,
       CASE WHEN len(taken) > 0 THEN json_object('platformId', platformId, 'platformStatus', {spared_status},
                   'since', if({spared_status} IS DISTINCT FROM status_before, {now}, since_before),
                   'removedAt', removedAt, 'fields', {spared})::VARCHAR END AS spared
FROM ({rows})
"""
_BY_VALUE = """
SELECT *, CASE WHEN len(differing) = 0 OR removed_before IS NOT NULL THEN [] ELSE {tokens} END AS taken
FROM (
    SELECT *, list_concat(list_transform(sides, lambda each: each[1]),
                          if(action = 'update' AND platformStatus <> status_before, ['platformStatus'], [])) AS differing
    FROM (
        SELECT *, CASE WHEN action = 'update'
                       THEN list_filter({sides}, lambda each: each[2] IS DISTINCT FROM each[3]) ELSE [] END AS sides
        FROM ({records})
    )
)
WHERE NOT (action = 'update' AND reason = '{changed}' AND len(differing) = 0)
"""
_NOT_COMPARED = "SELECT *, []::VARCHAR[] AS differing, []::VARCHAR[] AS taken FROM ({records})"

_SIDE_BY_SIDE = """
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
       if(new.sourcedId IS NULL, old.digest, new.digest) AS digest  -- of a row that keeps some of what was there it is NULL
FROM ({records}) new
FULL JOIN (SELECT * FROM before_{entity} JOIN verdict_{entity} USING (sourcedId)) old ON old.sourcedId = new.sourcedId
LEFT JOIN (SELECT matched.sourcedId, platformId FROM matched JOIN before_users person ON person.sourcedId = formerId
           WHERE '{entity}' = 'users') former ON former.sourcedId = new.sourcedId
"""

# The same with what the group has decided to keep: an update doesn't take it away, whatever the source says.
_KEPT = """
SELECT * REPLACE (if(len(losing) > 0, {schools}, schools) AS schools) FROM (
    SELECT * REPLACE (CASE WHEN len(losing) > 0 THEN {spared} ELSE fields END AS fields,
                      if(list_contains(losing, 'disabled:platformStatus') AND {keeps_status}, 'active', platformStatus)
                      AS platformStatus)
    FROM (SELECT *, CASE WHEN action = 'update' AND removed_before IS NULL THEN {tokens} ELSE []::VARCHAR[] END AS losing
          FROM ({records}))
)
"""
