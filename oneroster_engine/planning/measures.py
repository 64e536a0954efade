"""What a finished plan does to people, measured per school: everything that the guard has a limit for, but removals.

Everything is measured from the plan's changes, so that a sync in which little changes costs little; the platform's
records are counted only for schools of which more than the limit's floor is concerned. A *concern* is one change of
one record that is of a kind; `concern` holds them all, and those that hold a plan are written next to it (held.parquet).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

import duckdb

from oneroster_engine.duckdb_session import PACKED, counts, insert, number_of, text
from oneroster_engine.planning.compare import FOUND_AGAIN
from oneroster_engine.planning.guard import Breach, Concern, Guard, Limit, LimitedKind, least_asked, least_measured
from oneroster_engine.planning.near_ids import PEOPLES_KEYS, PLAIN, STORED_KEYS, same_people_sql
from oneroster_engine.planning.takings import WITHOUT_RIGHTS, lost_roles
from oneroster_engine.standard.entities import ENTITIES
from oneroster_engine.standard.records import Form, schools_of

# Roles that let their holders see more than their own classes.
ADMINISTRATORS = ("administrator", "districtAdministrator", "siteAdministrator", "systemAdministrator", "principal")
ALREADY_MANY = 10  # of a type at a school; of fewer nobody knows how many there should be
MANY_ALIKE = 5  # classes of a school that get one title in one sync
MANY_STAFF = 5  # who get one class at once
MANY_CHILDREN = 10  # that a guardian is new to, in one sync
MANY_SHARE = 10  # who get one username, e-mail or identifier in one sync; brothers and sisters may share their parents'
MANY_RIGHTS = 10  # who get rights of staff at all schools together
IDENTITY = ("givenName", "familyName", "username", "email", "identifier", "userMasterIdentifier", "userIds")
CONTACTS = ("sms", "phone")
UNIQUE = ("username", "email", "identifier", "userMasterIdentifier")  # of one person each, or nearly
MOVED_DAYS = 31  # a term that begins or ends by less another day is a correction
MOST_NAMED = 3  # vanished orgs, one reason each
OF_A_FIELD = ("emptied", "relations")  # kinds that are a part of the records that have the field
# By which people and enrollments are measured too: a school that loses all its teachers has lost few.
TYPES = {"users": "userType", "enrollments": '"role"'}
VANISHING = ("school", "district", "local", "state", "national")  # departments come and go


def measure(
    connection: duckdb.DuckDBPyConnection, guard: Guard, today: date, stage: Path | None, staged: dict[str, Any]
) -> list[Concern]:
    """Concerns of the plan in the views `change` and `held_{entity}`, per kind, school and user type; fewer than a limit's
    floor are left out. `stage` is None for an undo, `staged` the stage's summary."""
    connection.execute(_TABLES)
    connection.execute("CREATE TABLE closing AS SELECT unnest($ids::VARCHAR[]) AS school", {"ids": list(guard.closing)})
    changed = {str(entity): numbers for entity, *numbers in connection.execute(_CHANGED).fetchall()}
    for entity, (taken, _, _) in changed.items():
        if taken:
            lost = lost_roles("before->'$.fields.roles'", "after->'$.fields.roles'", today.isoformat())
            connection.execute(_TAKEN.format(entity=entity, schools=schools_of(entity, Form.STORED), lost=lost))
    for entity, (_, updated, _) in changed.items():
        if updated and entity == "users":
            _measure_people(connection)
        elif updated and entity in _UPDATED:
            connection.execute(_UPDATED[entity], {"today": today} if "$today" in _UPDATED[entity] else {})
    if number_of(connection, "SELECT count(*) FROM concern WHERE kind = 'memberships' AND field = 'classSourcedId'"):
        connection.execute(_MERGED)
    if number_of(connection, "SELECT count(*) FROM concern WHERE kind = 'grades' AND field = 'up'"):
        connection.execute(_ALL_UP)
    held = dict(zip(ENTITIES, counts(connection, [f"held_{entity}" for entity in ENTITIES]), strict=True))
    news = {entity: created for entity, (_, _, created) in changed.items() if created and held[entity]}
    if stage is not None:
        _measure_new(connection, guard, today, stage, news, held)
    connection.execute(
        "DELETE FROM concern WHERE school IN (FROM closing) AND kind NOT IN ('rights', 'doubles', 'damaged', 'recycled')"
    )
    if guard.keeps("roles"):  # people with a new school keep the old one too, as the group has decided
        connection.execute("DELETE FROM concern WHERE kind = 'moved' AND field = 'joined'")
    if guard.in_window(today):
        connection.execute("DELETE FROM concern WHERE kind = 'grades' AND field = 'up'")
    concerned = [_Count(*row) for row in connection.execute(_CONCERNED).fetchall()]
    found = [concern for entity in ENTITIES for concern in _concerns(connection, guard, today, entity, concerned)]
    return found + (_of_the_source(connection, stage, staged) if stage is not None else [])


def _measure_people(connection: duckdb.DuckDBPyConnection) -> None:
    """What updates do to people. Of a field that none of them changes nothing is asked: to plan a question about the JSON of two
    records takes longer than to ask it of hundreds."""
    changed = {field for (field,) in connection.execute(_CHANGED_FIELDS).fetchall()}
    identity, contacts = ([each for each in fields if each in changed] for fields in (IDENTITY, CONTACTS))
    what = " || ".join(f"if({_differs(each)}, '{_WORDS.get(each, each)}, ', '')" for each in identity)
    asked = " UNION ALL ".join(query for fields, query in _PEOPLE_UPDATED if not fields or changed & set(fields))
    asked = asked.replace("<what differs>", what).replace("<identity differs>", " OR ".join(map(_differs, identity)))
    connection.execute(f"INSERT INTO concern {asked.replace('<contact differs>', ' OR '.join(map(_differs, contacts)))}")


def _measure_new(
    connection: duckdb.DuckDBPyConnection, guard: Guard, today: date, stage: Path, news: dict[str, int], held: dict[str, int]
) -> None:
    """What new records mean for those that exist already, of which there are so many `held` by entity. Those are looked up in
    the stage's columns where the source has them still: the platform's are JSON, and to read a whole district's costs more than
    the rest of the guard."""
    staged = {entity: text(str(stage / f"{entity}.parquet")) for entity in ENTITIES}
    if news.get("enrollments", 0) >= guard.limit_on("rights", today).floor:
        connection.execute(_NEW_TEACHERS.format(staged=staged["users"]))
        connection.execute(_DOUBLED_ENROLLMENTS)
        connection.execute(_CROWDED)
    if news.get("classes", 0) >= least_measured(guard.limit_on("doubles", today)):
        connection.execute(_DOUBLED_CLASSES)
    if news.get("users", 0) >= least_measured(guard.limit_on("doubles", today)):
        connection.execute(_DOUBLES.format(staged=staged["users"]))
    if news.get("users", 0) >= guard.limit_on("newcomers", today).floor:
        connection.execute(_NEWCOMERS)
    if news.get("users", 0) >= guard.limit_on("rights", today).floor:
        connection.execute(_NEW_ADMINISTRATORS)
    for entity in ENTITIES:
        if news.get(entity, 0) >= least_asked(guard, today, entity, held[entity]):
            more = _DAMAGED_PEOPLE.format(staged=staged[entity]) if entity == "users" else ""
            left_out = text(str(stage / "left_out.parquet"))
            connection.execute(_DAMAGED.format(entity=entity, staged=staged[entity], left_out=left_out, more=more))


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
    insert(connection, "breach", named)
    connection.execute(f"COPY ({_HELD_ROWS}) TO $to ({PACKED})", {"to": str(plan / "held.parquet")})


@dataclass(frozen=True)
class _Count:
    """One row of `_CONCERNED`: how many records of an entity a kind concerns. `of` says which: all of the kind, those of one
    school, or those of all schools by field, and either by user type (or role) too."""

    entity: str
    kind: LimitedKind
    of: Literal["kind", "all", "all by type", "school", "school by type"]
    school: str
    user_type: str
    field: str
    number: int
    example: str | None
    differing: str | None

    @property
    def whole(self) -> bool:
        return self.of in ("all", "all by type")

    @property
    def by_type(self) -> bool:
        return self.of in ("school by type", "all by type")


def _concerns(
    connection: duckdb.DuckDBPyConnection, guard: Guard, today: date, entity: str, counts: Sequence[_Count]
) -> list[Concern]:
    """The concerns of an entity that may hold a plan, of those that `_CONCERNED` has counted: per kind, school, field and (of
    people and enrollments) type, and over all schools."""
    own = [each for each in counts if each.entity == entity]
    of_kind = {each.kind: each.number for each in own if each.of == "kind"}
    found = [
        _concern(each)
        for each in sorted(own, key=lambda each: (each.kind, each.of, each.school, each.user_type, each.field))
        if each.of != "kind" and _may_hold(each, guard.limit_on(each.kind, today), of_kind[each.kind])
    ]
    return _with_names_and_records(connection, entity, found) if found else []


def _may_hold(count: _Count, limit: Limit, of_kind: int) -> bool:
    if count.by_type and not (count.entity in TYPES and count.user_type):
        return False
    if count.whole:
        return _over_all(count.kind, limit, of_kind) and count.number >= _floor_of_all(count.kind, limit)
    return count.number >= least_measured(limit)


def _concern(count: _Count) -> Concern:
    detail = f"For example {count.example}." if count.example else ""
    if count.kind == "identity" and count.differing:
        detail = f"What differs: {', '.join(sorted(set(count.differing.split(', '))))}."
    user_type = count.user_type if count.by_type else ""
    return Concern(count.kind, count.school, "", count.entity, count.number, 0, user_type, count.field, detail, count.whole)


def _with_names_and_records(connection: duckdb.DuckDBPyConnection, entity: str, found: Sequence[Concern]) -> list[Concern]:
    """The same with the school's name, and how many records there are of which the concerned are a part: all of the school's, or
    those that have the field which others lost."""
    names = dict(connection.execute(_NAMES, {"schools": list({each.school for each in found})}).fetchall())
    of_a_field = [each for each in found if each.kind in OF_A_FIELD]
    fields = sorted({each.field for each in of_a_field})
    schools = None if any(each.whole for each in of_a_field) else list({each.school for each in of_a_field})
    held = _Held(held_by_group(connection, entity))
    having = {field: _Held(groups) for field, groups in _having(connection, entity, fields, schools).items()}

    def records(concern: Concern) -> int:
        if concern.field == "running":
            return concern.number  # of the sessions that run, one that doesn't is too many
        return (having[concern.field] if concern.kind in OF_A_FIELD else held).records(concern)

    return [
        replace(each, name="All schools together" if each.whole else names.get(each.school, each.school), records=records(each))
        for each in found
    ]


def _over_all(kind: LimitedKind, limit: Limit, number: int) -> bool:
    """Whether a kind has to be counted over all schools together too."""
    if not (limit.share or kind == "rights") or kind in ("sessions", "damaged", "errors", "view", "newcomers"):
        return False
    return number >= _floor_of_all(kind, limit)


def _floor_of_all(kind: LimitedKind, limit: Limit) -> int:
    """A district of many schools has a few new principals each night; of its students none becomes one."""
    return max(limit.floor, MANY_RIGHTS) if kind == "rights" else limit.floor


Groups = Sequence[tuple[list[str], str, int]]  # schools, type, records


class _Held:
    """How many records there are, at a school and in all, of a type and of any."""

    def __init__(self, groups: Groups) -> None:
        self._number: Counter[tuple[str | None, str | None]] = Counter()
        for schools, of_type, records in groups:
            for school in (*(schools or [""]), None):
                for each in (of_type, None):
                    self._number[school, each] += records

    def records(self, concern: Concern) -> int:
        everywhere = concern.whole or (concern.kind == "damaged" and not concern.school)
        return self._number[None if everywhere else concern.school, concern.user_type or None]


def held_by_group(connection: duckdb.DuckDBPyConnection, entity: str) -> Groups:
    """How many records the platform has of an entity, by their schools and type: few groups, of which any number can be made.
    Left in `held_groups_{entity}`."""
    made = _HELD_GROUPS.format(entity=entity, held_type=TYPES.get(entity, "''"))
    connection.execute(made)
    return connection.execute(f'SELECT schools, "type", records FROM held_groups_{entity}').fetchall()


def _having(
    connection: duckdb.DuckDBPyConnection, entity: str, fields: Sequence[str], schools: Sequence[str] | None
) -> dict[str, Groups]:
    """The same by field, of the records that have it: their JSON is read once, at these schools alone or at all."""
    if not fields:
        return {}
    having = ", ".join(
        f"count(*) FILTER (coalesce(said[{place}]::VARCHAR, 'null') NOT IN ('null', '\"\"', '[]', 'false'))"
        for place, _ in enumerate(fields, start=1)
    )
    paths = ", ".join(text(f"$.{field}") for field in fields)
    query = _HAVING.format(entity=entity, held_type=TYPES.get(entity, "''"), having=having, paths=paths)
    rows = connection.execute(query, {"schools": schools}).fetchall()
    return {field: [(row[0], row[1], row[place]) for row in rows] for place, field in enumerate(fields, start=2)}


def _of_the_source(connection: duckdb.DuckDBPyConnection, stage: Path, staged: dict[str, Any]) -> list[Concern]:
    """What the stage alone shows: orgs that have vanished, and collections that lost much to errors."""
    values: dict[str, Any] = {"orgs": str(stage / "orgs.parquet"), "left_out": str(stage / "left_out.parquet")}
    whole = bool(staged.get("complete", {}).get("orgs"))
    vanished = connection.execute(_VANISHED, {**values, "types": list(VANISHING), "whole": whole}).fetchall()
    found = [Concern("view", sourced_id, name, "orgs", 1, 1, field=kind) for sourced_id, name, kind in vanished]
    for sourced_id, _, kind in vanished:
        connection.execute("INSERT INTO concern VALUES ('view', 'orgs', $1, $1, '', $2, '')", [sourced_id, kind])
    if len(found) > MOST_NAMED:  # one cause, and not one a school
        examples = ", ".join(name or sourced_id for sourced_id, name, _ in vanished[:MOST_NAMED])
        held = number_of(connection, "SELECT count(*) FROM held_orgs")
        found = [Concern("view", "", "", "orgs", len(vanished), held, example=f"For example {examples}.")]
    for entity, counted in staged.get("counts", {}).items():
        if counted["left_out"]:
            found.append(Concern("errors", "", "", entity, counted["left_out"], counted["read"]))
    return found


_CHANGED = """
SELECT entity, count(*) FILTER (len(taken) > 0), count(*) FILTER (action = 'update'), count(*) FILTER (action = 'create')
FROM change GROUP BY entity
"""

_CHANGED_FIELDS = "SELECT DISTINCT unnest(fields) FROM change WHERE entity = 'users' AND action = 'update'"

_TABLES = """
CREATE TABLE concern (kind VARCHAR, entity VARCHAR, sourcedId VARCHAR, school VARCHAR, userType VARCHAR, field VARCHAR,
                      example VARCHAR)
"""

_TYPE_BEFORE = "before->'fields'->>'$.roles[0].role'"

# A role that goes is lost to its own school. A person who has the same one elsewhere now has moved.
_TAKEN = f"""
INSERT INTO concern
WITH losing AS (
    SELECT entity, sourcedId, before, after, {{schools}} AS schools, unnest(taken) AS token
    FROM (SELECT entity, sourcedId, before, after, taken, before->'fields' AS fields FROM change
          WHERE entity = '{{entity}}' AND len(taken) > 0)
)
SELECT split_part(token, ':', 1), entity, sourcedId, unnest(if(len(schools) = 0, [''], schools)),
       if(entity = 'enrollments', before->'fields'->>'role', {_TYPE_BEFORE}), split_part(token, ':', 2), ''
FROM losing WHERE token <> 'roles:roles'
  AND NOT (token = 'memberships:endDate' AND (before->'fields'->>'classSourcedId') IN (SELECT sourcedId FROM over_class))
UNION ALL
SELECT DISTINCT
       if(len(list_filter(gained, lambda each: split_part(each, ' ', 1) = split_part(lost, ' ', 1))) > 0, 'moved', 'roles'),
       entity, sourcedId, split_part(lost, ' ', 2), userType, '', ''
FROM (
    SELECT entity, sourcedId, userType, unnest(lost) AS lost,
           list_filter(kept, lambda each: NOT list_contains(held, each)) AS gained
    FROM (SELECT entity, sourcedId, {_TYPE_BEFORE} AS userType,
                 list_transform({{lost}}, lambda each: concat_ws(' ', each->>'role', each->>'orgSourcedId')) AS lost,
                 list_transform(json_extract(before, '$.fields.roles[*]'),
                                lambda each: concat_ws(' ', each->>'role', each->>'orgSourcedId')) AS held,
                 list_transform(json_extract(after, '$.fields.roles[*]'),
                                lambda each: concat_ws(' ', each->>'role', each->>'orgSourcedId')) AS kept
          FROM losing WHERE token = 'roles:roles')
)
"""


def _differs(field: str) -> str:
    """A value became another; one that came or went is no other, nor one in other capitals or without its accents. Of user ids,
    one that was there is not there any more."""
    if field == "userIds":
        had, has = (f"({side}->>'$.fields.userIds[*]')" for side in ("before", "after"))
        return f"coalesce(list_contains(change.fields, 'userIds') AND len({has}) > 0 AND NOT list_has_all({has}, {had}), false)"
    plain = _DIGITS if field in CONTACTS else "lower(strip_accents({value}))"  # written otherwise, it is the same
    was, now = (plain.format(value=f"({side}->'fields'->>'{field}')") for side in ("before", "after"))
    return f"coalesce(list_contains(change.fields, '{field}') AND {was} <> '' AND {now} <> '' AND {was} <> {now}, false)"


_DIGITS = "right(regexp_replace({value}, '[^0-9]', '', 'g'), 7)"  # of a telephone number, without its country and area
_SCHOOLS = "unnest(if(len(schools) = 0, [''], schools))"
_ADMINISTERS = f"len(list_filter({{side}}->>'$.fields.roles[*].role', lambda each: each IN {ADMINISTRATORS})) > 0"
_HAS_RIGHTS = f"len(list_filter({{side}}->>'$.fields.roles[*].role', lambda each: each NOT IN {WITHOUT_RIGHTS})) > 0"

_WORDS = {
    "givenName": "given name", "familyName": "family name", "email": "e-mail", "userMasterIdentifier": "master identifier",
    "userIds": "user ids",
}  # fmt: skip
_IS_BACK = "(before->>'removedAt') IS NOT NULL"
_GRADE = (
    "(CASE upper({side}->'fields'->>'$.grades[0]') WHEN 'K' THEN 0 WHEN 'KG' THEN 0 WHEN 'PK' THEN -1 "
    "ELSE try_cast(nullif(regexp_extract({side}->'fields'->>'$.grades[0]', '-?[0-9]+'), '') AS INTEGER) END)"
)
_ONE_GRADE = "coalesce(json_array_length({side}->'fields'->'grades') = 1, false)"
_NO_GRADE = "coalesce(json_array_length({side}->'fields'->'grades'), 0) = 0"  # which is emptied

# Where people are on the platform now: a person renamed and moved in one sync is missed there, and unknown at the new school.
_WERE = "list_distinct(coalesce(before->>'$.fields.roles[*].orgSourcedId', []))"
_WERE_AT = f"unnest(if(len({_WERE}) = 0, [''], {_WERE}))"
# Whose username, e-mail or identifier is now that of somebody else, who has lost it in the same plan.
_UNIQUE_VALUES = ", ".join(
    f"{{'key': '{each}', 'was': lower(before->'fields'->>'{each}'), 'now': lower(after->'fields'->>'{each}')}}" for each in UNIQUE
)
_OF_ONE_PERSON = f"""
SELECT * FROM (
    SELECT sourcedId, {_WERE} AS were_at, {_TYPE_BEFORE} AS userType, unnest([{_UNIQUE_VALUES}], recursive := true) FROM change
    WHERE entity = 'users' AND action = 'update' AND NOT {_IS_BACK} AND list_has_any(change.fields, {list(UNIQUE)})
) WHERE was <> now AND was <> '' AND now <> ''"""
_SWAPPED = f"""
SELECT DISTINCT mine.sourcedId, mine.were_at, mine.userType FROM ({_OF_ONE_PERSON}) mine
JOIN ({_OF_ONE_PERSON}) theirs ON theirs.key = mine.key AND theirs.was = mine.now AND theirs.sourcedId <> mine.sourcedId"""
# Who gets a username, e-mail or identifier that many others get too, whatever they had.
_SHARED = f"""
SELECT DISTINCT sourcedId, were_at, userType FROM (
    SELECT *, count(*) OVER (PARTITION BY key, now) AS alike FROM (
        SELECT sourcedId, {_WERE} AS were_at, {_TYPE_BEFORE} AS userType, unnest([{_UNIQUE_VALUES}], recursive := true)
        FROM change WHERE entity = 'users' AND action = 'update' AND NOT {_IS_BACK}
        AND list_has_any(change.fields, {list(UNIQUE)})
        UNION ALL
        SELECT sourcedId, {_WERE}, {_TYPE_BEFORE}, 'userIds', '', unnest(list_filter(after->>'$.fields.userIds[*]',
               lambda each: NOT list_contains(coalesce(before->>'$.fields.userIds[*]', []), each)))
        FROM change WHERE entity = 'users' AND action = 'update' AND NOT {_IS_BACK} AND list_contains(change.fields, 'userIds')
        AND (coalesce(len(before->>'$.fields.userIds[*]'), 0) = 0 OR {_differs("userIds")})  -- not one beside those that stay
    ) WHERE now <> '' AND now IS DISTINCT FROM was
) WHERE alike >= {MANY_SHARE}"""
_GAINED_AGENTS = f"""
SELECT *, list_filter(has, lambda each: NOT list_contains(had, each)) AS gained FROM (
    SELECT sourcedId, {_WERE} AS schools, {_TYPE_BEFORE} AS userType, coalesce(before->>'$.fields.agentSourcedIds[*]', []) AS had,
           coalesce(after->>'$.fields.agentSourcedIds[*]', []) AS has
    FROM change
    WHERE entity = 'users' AND action = 'update' AND list_contains(change.fields, 'agentSourcedIds') AND NOT {_IS_BACK}
) WHERE NOT list_has_all(had, has)
"""

# People who had left and come back are measured only for being another person: everything else was removed with them.
_ALL_ENDED = """(len({side}->>'$.fields.termSourcedIds[*]') > 0 AND list_has_all(
      (SELECT coalesce(list(sourcedId), []) FROM (
           FROM ended_session UNION ALL
           SELECT sourcedId FROM change WHERE entity = 'academicSessions' AND action = 'create'
           AND try_cast(after->'fields'->>'endDate' AS DATE) < $today)), ({side}->>'$.fields.termSourcedIds[*]')))"""
_ORG = "(before->'fields'->>'{field}') || ' would be ' || coalesce(after->'fields'->>'{field}', 'empty')"
_RUNS = "(try_cast({begins} AS DATE) <= $today AND try_cast({ends} AS DATE) >= $today)"
# By the fields of which one at least must have changed; all people's platform status may have.
_PEOPLE_UPDATED: tuple[tuple[Sequence[str], str], ...] = (
    (IDENTITY, f"""
SELECT 'identity', 'users', sourcedId, {_WERE_AT}, {_TYPE_BEFORE}, '', rtrim(<what differs>, ', ') FROM change
WHERE entity = 'users' AND action = 'update' AND NOT {_IS_BACK} AND (<identity differs>)"""),
    (("givenName",), f"""
SELECT if({_IS_BACK}, 'recycled', 'replaced'), 'users', sourcedId, {_WERE_AT}, {_TYPE_BEFORE}, '', '' FROM change
WHERE entity = 'users' AND action = 'update' AND {_differs("givenName")} AND {_differs("familyName")}"""),
    (CONTACTS, f"""
SELECT 'identity', 'users', sourcedId, {_WERE_AT}, {_TYPE_BEFORE}, 'contact', '' FROM change
WHERE entity = 'users' AND action = 'update' AND NOT {_IS_BACK} AND (<contact differs>)"""),
    (UNIQUE, f"""
SELECT 'replaced', 'users', sourcedId, unnest(if(len(were_at) = 0, [''], were_at)), userType, 'swapped', '' FROM ({_SWAPPED})"""),
    ((*UNIQUE, "userIds"), f"""
SELECT 'replaced', 'users', sourcedId, unnest(if(len(were_at) = 0, [''], were_at)), userType, 'shared', '' FROM ({_SHARED})"""),
    (("roles",), f"""
SELECT 'rights', 'users', sourcedId, {_SCHOOLS}, {_TYPE_BEFORE}, '', '' FROM change
WHERE entity = 'users' AND action = 'update' AND list_contains(change.fields, 'roles')
  AND NOT {_HAS_RIGHTS.format(side="before")} AND {_HAS_RIGHTS.format(side="after")}"""),
    (("roles",), f"""
SELECT 'rights', 'users', sourcedId, {_SCHOOLS}, {_TYPE_BEFORE}, 'administrators', '' FROM change
WHERE entity = 'users' AND action = 'update' AND list_contains(change.fields, 'roles') AND {_HAS_RIGHTS.format(side="before")}
  AND NOT {_ADMINISTERS.format(side="before")} AND {_ADMINISTERS.format(side="after")}"""),
    ((), f"""
SELECT 'enabled', 'users', sourcedId, {_WERE_AT}, {_TYPE_BEFORE}, '', '' FROM change
WHERE entity = 'users' AND action = 'update' AND NOT {_IS_BACK}
  AND (before->>'platformStatus') = 'inactive' AND (after->>'platformStatus') = 'active'"""),
    (("roles",), f"""
SELECT 'moved', 'users', sourcedId, unnest(list_filter(theirs, lambda each: NOT list_contains(were, each))), userType,
       'joined', ''
FROM (SELECT sourcedId, {_TYPE_BEFORE} AS userType, coalesce(before->>'$.fields.roles[*].orgSourcedId', []) AS were,
             coalesce(after->>'$.fields.roles[*].orgSourcedId', []) AS theirs
      FROM change WHERE entity = 'users' AND action = 'update' AND list_contains(change.fields, 'roles') AND NOT {_IS_BACK})
WHERE list_has_all(theirs, were) AND len(were) > 0"""),
    (("grades",), f"""
SELECT 'grades', 'users', sourcedId, {_WERE_AT}, {_TYPE_BEFORE},
       if(is_now - was = 1 AND {_ONE_GRADE.format(side="after")}, 'up', ''), '' FROM (
    SELECT *, {_GRADE.format(side="after")} AS is_now, {_GRADE.format(side="before")} AS was FROM change
    WHERE entity = 'users' AND action = 'update' AND list_contains(change.fields, 'grades') AND NOT {_IS_BACK}
      AND {_ONE_GRADE.format(side="before")} AND NOT {_NO_GRADE.format(side="after")})
WHERE was IS NOT NULL AND (is_now IS DISTINCT FROM was OR NOT {_ONE_GRADE.format(side="after")})"""),
    (("agentSourcedIds",), f"""
SELECT 'guardians', 'users', sourcedId, {_SCHOOLS}, userType, '', '' FROM ({_GAINED_AGENTS})
WHERE len(had) > 0 OR list_has_any(gained, (SELECT coalesce(list(agent), []) FROM (
    SELECT agent FROM (SELECT unnest(gained) AS agent FROM ({_GAINED_AGENTS}))
    GROUP BY agent HAVING count(*) >= {MANY_CHILDREN})))"""),
)  # fmt: skip
_UPDATED = {
    "orgs": f"""
INSERT INTO concern
WITH named AS (SELECT sourcedId, after->'fields'->>'name' AS name, after->'fields'->>'identifier' AS identifier FROM change
               WHERE entity = 'orgs' AND action <> 'deactivate')
SELECT 'view', 'orgs', sourcedId, sourcedId, '', 'name', {_ORG.format(field="name")} FROM change
WHERE entity = 'orgs' AND action = 'update' AND (({_differs("name")} AND (
          (after->'fields'->>'name') = sourcedId
          OR EXISTS (SELECT 1 FROM held_orgs other WHERE other.sourcedId <> change.sourcedId
                  AND other.name = (after->'fields'->>'name'))
          OR EXISTS (SELECT 1 FROM named other WHERE other.sourcedId <> change.sourcedId
                     AND other.name = (after->'fields'->>'name'))))
      OR ({_differs("identifier")} AND (
          EXISTS (SELECT 1 FROM held_orgs other WHERE other.sourcedId <> change.sourcedId
                  AND (other.fields->>'identifier') = (after->'fields'->>'identifier'))
          OR EXISTS (SELECT 1 FROM named other WHERE other.sourcedId <> change.sourcedId
                     AND other.identifier = (after->'fields'->>'identifier')))))
UNION ALL
SELECT 'view', 'orgs', sourcedId, sourcedId, '', 'parent', {_ORG.format(field="parentSourcedId")} FROM change
WHERE entity = 'orgs' AND action = 'update' AND ({_differs("parentSourcedId")} OR list_contains(taken, 'emptied:parentSourcedId'))
AND NOT EXISTS (SELECT 1 FROM change gone WHERE gone.entity = 'orgs' AND gone.action = 'deactivate'  -- which is said by itself
                AND gone.sourcedId = (change.before->'fields'->>'parentSourcedId'))
UNION ALL
SELECT 'view', 'orgs', sourcedId, sourcedId, '', 'type', {_ORG.format(field="type")} FROM change
WHERE entity = 'orgs' AND action = 'update' AND {_differs("type")} AND (before->'fields'->>'type') = 'school'
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
UNION ALL
SELECT 'classes', 'classes', sourcedId, before->'fields'->>'schoolSourcedId', '', 'over', '' FROM change
WHERE entity = 'classes' AND action = 'update' AND list_contains(change.fields, 'termSourcedIds')
  AND {_ALL_ENDED.format(side="after")} AND NOT {_ALL_ENDED.format(side="before")}
UNION ALL
SELECT 'classes', 'classes', sourcedId, school, '', 'title', was || ' would be ' || title
FROM (SELECT sourcedId, before->'fields'->>'schoolSourcedId' AS school, before->'fields'->>'title' AS was,
             after->'fields'->>'title' AS title, count(*) OVER (PARTITION BY school, title) AS alike
      FROM change WHERE entity = 'classes' AND action = 'update' AND {_differs("title")})
WHERE alike >= {MANY_ALIKE} OR title = sourcedId OR (school, title) IN (SELECT (unnest(schools), name) FROM held_classes)
UNION ALL
SELECT 'classes', 'classes', sourcedId, before->'fields'->>'schoolSourcedId', '', 'type', '' FROM change
WHERE entity = 'classes' AND action = 'update' AND {_differs("classType")}
""",
    "courses": f"""
INSERT INTO concern
SELECT 'classes', 'courses', sourcedId, {_SCHOOLS}, '', 'course title', was || ' would be ' || title
FROM (SELECT sourcedId, schools, before->'fields'->>'title' AS was, after->'fields'->>'title' AS title,
             count(*) OVER (PARTITION BY schools, title) AS alike
      FROM change WHERE entity = 'courses' AND action = 'update' AND {_differs("title")})
WHERE alike >= {MANY_ALIKE} OR title = sourcedId OR (schools, title) IN (SELECT (schools, name) FROM held_courses)
""",
    "academicSessions": f"""
INSERT INTO concern
SELECT 'sessions', 'academicSessions', sourcedId, '', '', unnest(['', if({_RUNS.format(begins="begun", ends="ended")}
           AND NOT {_RUNS.format(begins="begins", ends="ends")}, 'running', '')]),
       name || ': ' || begun || ' to ' || ended || ' would be ' || begins || ' to ' || ends
FROM (SELECT sourcedId, name, before->'fields'->>'startDate' AS begun, before->'fields'->>'endDate' AS ended,
             after->'fields'->>'startDate' AS begins, after->'fields'->>'endDate' AS ends
      FROM change WHERE entity = 'academicSessions' AND action = 'update')
WHERE abs(date_diff('day', try_cast(begun AS DATE), try_cast(begins AS DATE))) > {MOVED_DAYS}
   OR abs(date_diff('day', try_cast(ended AS DATE), try_cast(ends AS DATE))) > {MOVED_DAYS}
UNION ALL
SELECT 'sessions', 'academicSessions', sourcedId, '', '', 'type', '' FROM change
WHERE entity = 'academicSessions' AND action = 'update' AND {_differs("type")}
AND [before->'fields'->>'type', after->'fields'->>'type'] NOT IN (['term', 'semester'], ['semester', 'term'])  -- alike
""",
}

# Somebody without the rights of staff becomes the teacher of a class by an enrollment of its own. Whose roles change is looked
# at among the people.
_NEW_TEACHERS = f"""
INSERT INTO concern
SELECT 'rights', 'enrollments', enrolled.sourcedId, {_SCHOOLS}, '', '', ''
FROM (SELECT sourcedId, schools, after->'fields'->>'userSourcedId' AS person FROM change
      WHERE entity = 'enrollments' AND action = 'create' AND (after->'fields'->>'role') NOT IN {WITHOUT_RIGHTS}) enrolled
SEMI JOIN (SELECT sourcedId AS person FROM read_parquet({{staged}}, hive_partitioning=false)
           WHERE len(list_filter(roles, lambda each: each."role" NOT IN {WITHOUT_RIGHTS})) = 0) USING (person)
ANTI JOIN (SELECT sourcedId AS person FROM change WHERE entity = 'users' AND action = 'create') USING (person)
"""

# New people with the rights of administrators, at orgs that are there already.
_NEW_ADMINISTRATORS = f"""
INSERT INTO concern
SELECT 'rights', 'users', sourcedId, school, 'administrator', 'new', ''
FROM (SELECT sourcedId, {_SCHOOLS} AS school FROM change WHERE entity = 'users' AND action = 'create'
      AND reason <> '{FOUND_AGAIN}' AND {_ADMINISTERS.format(side="after")})
SEMI JOIN (SELECT DISTINCT unnest(schools) AS school FROM held_users
           UNION ALL SELECT sourcedId FROM held_orgs  -- a district has been there, though nobody belongs to it
           WHERE (fields->>'type') <> 'school' AND EXISTS (SELECT 1 FROM held_users)) USING (school)
"""

# New people of a type at a school, of whom more come than are there.
_NEWCOMERS = f"""
INSERT INTO concern
SELECT 'newcomers', 'users', sourcedId, school, userType, '', ''
FROM (SELECT sourcedId, {_SCHOOLS} AS school, after->'fields'->>'$.roles[0].role' AS userType FROM change
      WHERE entity = 'users' AND action = 'create' AND reason <> '{FOUND_AGAIN}')
SEMI JOIN (SELECT school, userType FROM (SELECT {_SCHOOLS} AS school, userType FROM held_users)
           GROUP BY ALL HAVING count(*) >= {ALREADY_MANY}) USING (school, userType)
"""

# Half of a school's students a grade higher is a mistake, nearly all of them a new school year.
_ALL_UP = """
DELETE FROM concern WHERE kind = 'grades' AND field = 'up' AND school IN (
    SELECT school FROM (SELECT school, count(DISTINCT sourcedId) AS up FROM concern
                        WHERE kind = 'grades' AND field = 'up' GROUP BY ALL)
    JOIN (SELECT school, count(*) AS stay FROM (
            SELECT unnest(if(len(schools) = 0, [''], schools)) AS school, sourcedId FROM held_users WHERE userType = 'student')
          WHERE sourcedId NOT IN (SELECT sourcedId FROM change WHERE entity = 'users' AND action = 'deactivate')
          GROUP BY ALL) USING (school)
    WHERE up >= 0.75 * stay)
"""

# One class of a school that goes up in others is a section that closes, however small the school.
_MERGED = """
DELETE FROM concern WHERE kind = 'memberships' AND field = 'classSourcedId' AND school IN (
    SELECT school FROM concern
    JOIN (SELECT sourcedId, before->'fields'->>'classSourcedId' AS was FROM change
          WHERE entity = 'enrollments' AND action = 'update') USING (sourcedId)
    WHERE kind = 'memberships' AND field = 'classSourcedId' GROUP BY school HAVING count(DISTINCT was) = 1)
"""

# A class or an enrollment twice, under another id: held where it is most of a school's, since sections are much alike.
_DOUBLED_CLASSES = """
INSERT INTO concern
SELECT 'doubles', 'classes', sourcedId, school, '', '', 'sourcedId ' || sourcedId || ' looks like ' || other FROM (
    SELECT new.sourcedId, new.school, min(old.sourcedId) AS other, count(*) OVER (PARTITION BY new.school) AS twice
    FROM (SELECT sourcedId, after->'fields'->>'schoolSourcedId' AS school, after->'fields' AS fields FROM change
          WHERE entity = 'classes' AND action = 'create') new
    JOIN (SELECT sourcedId, fields FROM held_classes
          WHERE sourcedId NOT IN (SELECT sourcedId FROM change WHERE entity = 'classes' AND action = 'deactivate')) old
    ON new.school = (old.fields->>'schoolSourcedId') AND (new.fields->>'title') = (old.fields->>'title')
       AND coalesce(new.fields->>'courseSourcedId', '') = coalesce(old.fields->>'courseSourcedId', '')
       AND coalesce(new.fields->>'classCode', '') = coalesce(old.fields->>'classCode', '')
       AND coalesce((new.fields->'termSourcedIds')::VARCHAR, '') = coalesce((old.fields->'termSourcedIds')::VARCHAR, '')
       AND coalesce((new.fields->'periods')::VARCHAR, '') = coalesce((old.fields->'periods')::VARCHAR, '')
    GROUP BY new.sourcedId, new.school
) WHERE twice > 0.5 * (SELECT count(*) FROM held_classes WHERE list_contains(schools, school))
"""
_DOUBLED_ENROLLMENTS = """
INSERT INTO concern
SELECT 'doubles', 'enrollments', new.sourcedId, unnest(if(len(new.schools) = 0, [''], new.schools)), new."role", '',
       'sourcedId ' || new.sourcedId || ' looks like ' || old.sourcedId
FROM (SELECT sourcedId, schools, after->'fields'->>'userSourcedId' AS userSourcedId,
             after->'fields'->>'classSourcedId' AS classSourcedId, after->'fields'->>'role' AS "role"
      FROM change WHERE entity = 'enrollments' AND action = 'create') new
JOIN held_enrollments old USING (userSourcedId, classSourcedId, "role")
WHERE old.sourcedId NOT IN (SELECT sourcedId FROM change WHERE entity = 'enrollments' AND action = 'end')
"""

# New enrollments that more than double who is in a class: students where there are many already, staff where there is anybody.
_CROWDED = f"""
INSERT INTO concern
WITH new AS (SELECT sourcedId, schools, after->'fields'->>'classSourcedId' AS classSourcedId, after->'fields'->>'role' AS "role"
             FROM change WHERE entity = 'enrollments' AND action = 'create'),
crowded AS (
    SELECT classSourcedId, "role" FROM (SELECT classSourcedId, "role", count(*) AS more FROM new GROUP BY ALL)
    JOIN (SELECT classSourcedId, "role", count(*) AS there FROM held_enrollments
          WHERE classSourcedId IN (SELECT classSourcedId FROM new) GROUP BY ALL) USING (classSourcedId, "role")
    WHERE more > there AND if("role" IN {WITHOUT_RIGHTS}, there >= {ALREADY_MANY}, more >= {MANY_STAFF})
)
SELECT 'doubles', 'enrollments', sourcedId, {_SCHOOLS}, "role", 'crowd', ''
FROM new SEMI JOIN crowded USING (classSourcedId, "role")
"""

# New people who share something with a person who exists already and stays: an identifier or username, an e-mail with the given
# name (brothers and sisters share one), or both names, a role's word, a grade and a school. Of the platform's people those whom
# the source has still are looked up there, in columns; only of the others is the JSON read.
_DOUBLES = f"""
CREATE TABLE newcomer AS
SELECT sourcedId, schools, {PEOPLES_KEYS}, list_sort(grades) AS grades FROM read_parquet({{staged}}, hive_partitioning=false)
JOIN (SELECT sourcedId, schools FROM change WHERE entity = 'users' AND action = 'create' AND reason <> '{FOUND_AGAIN}')
USING (sourcedId);
CREATE TABLE already_there AS
SELECT * FROM (
    SELECT sourcedId, {PEOPLES_KEYS}, list_sort(grades) AS grades,
           list_transform(roles, lambda each: each.orgSourcedId) AS schools
    FROM read_parquet({{staged}}, hive_partitioning=false)
    SEMI JOIN (SELECT sourcedId FROM held_users) USING (sourcedId)
    UNION ALL
    SELECT sourcedId, {STORED_KEYS}, list_sort(fields->>'$.grades[*]') AS grades, schools
    FROM held_users ANTI JOIN (SELECT sourcedId FROM read_parquet({{staged}}, hive_partitioning=false)) USING (sourcedId)
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

# One that was rounded to 1.23E+11 is near to those that round to it; one that was cut, where today none of the file is longer,
# to those that begin so.
_DAMAGED = f"""
INSERT INTO concern
WITH fresh AS (SELECT sourcedId, {PLAIN} AS plain FROM change WHERE entity = '{{entity}}' AND action = 'create'
               AND reason <> '{FOUND_AGAIN}'),
vanished AS (SELECT sourcedId, {PLAIN} AS plain FROM held_{{entity}}
             WHERE sourcedId NOT IN (SELECT sourcedId FROM read_parquet({{staged}}, hive_partitioning=false))
               AND sourcedId NOT IN (SELECT sourcedId FROM read_parquet({{left_out}}, hive_partitioning=false)
                                     WHERE entity = '{{entity}}' AND sourcedId IS NOT NULL AND line IS NOT NULL))
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
    UNION ALL
    SELECT fresh.sourcedId, own.sourcedId FROM fresh JOIN (
        SELECT sourcedId, left(sourcedId, longest) AS cut
        FROM vanished CROSS JOIN (SELECT max(length(sourcedId)) AS longest FROM read_parquet({{staged}}, hive_partitioning=false))
        WHERE length(sourcedId) > longest
    ) own ON fresh.sourcedId = cut
    {{more}}
) GROUP BY sourcedId
"""
_DAMAGED_PEOPLE = f"""UNION ALL FROM ({
    same_people_sql(
        f"(SELECT sourcedId, {PEOPLES_KEYS} "
        "FROM read_parquet({staged}, hive_partitioning=false) SEMI JOIN fresh USING (sourcedId))",
        f"(SELECT sourcedId, {STORED_KEYS} FROM held_users SEMI JOIN vanished USING (sourcedId))",
    )
})"""

# Only schools with `floor` concerns are looked at any further.
_CONCERNED = """
SELECT entity, kind, CASE grouping(school, "type", field) WHEN 7 THEN 'kind' WHEN 6 THEN 'all' WHEN 4 THEN 'all by type'
                 WHEN 2 THEN 'school' ELSE 'school by type' END AS counted_of,
       coalesce(school, ''), coalesce("type", ''), coalesce(field, ''), count(DISTINCT sourcedId), min(example),
       string_agg(DISTINCT example, ', ' ORDER BY example) FILTER (kind = 'identity')
FROM (SELECT kind, school, coalesce(userType, 'unknown') AS "type", field, entity, sourcedId, example FROM concern)
GROUP BY GROUPING SETS ((entity, kind), (entity, kind, field), (entity, kind, "type", field), (entity, kind, school, field),
                        (entity, kind, school, "type", field))
"""

_NAMES = """
SELECT sourcedId, coalesce(name, sourcedId) FROM held_orgs WHERE list_contains($schools::VARCHAR[], sourcedId)
"""

_HELD_GROUPS = """
CREATE TABLE IF NOT EXISTS held_groups_{entity} AS
SELECT schools, coalesce({held_type}, 'unknown') AS "type", count(*) AS records FROM held_{entity} GROUP BY ALL
"""

_HAVING = """
SELECT schools, "type", {having} FROM (
    SELECT schools, coalesce({held_type}, 'unknown') AS "type", json_extract(fields, [{paths}]) AS said FROM held_{entity}
    WHERE $schools IS NULL OR list_has_any(if(len(schools) = 0, [''], schools), $schools::VARCHAR[])
) GROUP BY schools, "type"
"""

_VANISHED = """
SELECT sourcedId, name, fields->>'type' FROM held_orgs
WHERE (fields->>'type') IN (SELECT unnest($types::VARCHAR[])) AND sourcedId NOT IN (FROM closing)
  AND ($whole OR sourcedId IN (SELECT unnest(schools) FROM change WHERE action IN ('deactivate', 'end')))
  AND sourcedId NOT IN (SELECT sourcedId FROM read_parquet($orgs, hive_partitioning=false))
  AND sourcedId NOT IN (SELECT sourcedId FROM read_parquet($left_out, hive_partitioning=false)
                        WHERE entity = 'orgs' AND sourcedId IS NOT NULL)
ORDER BY name, sourcedId
"""

_SHOWN = """
SELECT sourcedId FROM read_parquet($orgs, hive_partitioning=false) WHERE status IS DISTINCT FROM 'tobedeleted'
UNION ALL SELECT sourcedId FROM read_parquet($left_out, hive_partitioning=false) WHERE entity = 'orgs' AND sourcedId IS NOT NULL
"""

_HELD_ROWS = """
SELECT DISTINCT ON (concern.kind, concern.school, entity, sourcedId)
       concern.kind AS kind, concern.school AS school, concern.example AS example, change.*
FROM change JOIN concern USING (entity, sourcedId) SEMI JOIN breach ON breach.kind = concern.kind
 AND breach.school IN (concern.school, '') AND breach.entity = concern.entity
ORDER BY ALL
"""
