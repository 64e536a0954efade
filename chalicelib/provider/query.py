"""One page of a list, or one record, out of a snapshot: a folder of {entity}.parquet that a purge alone changes.

A list without filter and sort is read by its rows' numbers, so that its last page costs what its first does.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import duckdb

from chalicelib.provider.collections import COLLECTIONS, Collection
from chalicelib.provider.errors import invalid_filter, invalid_selection, unknown_object
from chalicelib.provider.filter_grammar import Clause, Filter
from chalicelib.provider.resources import Attribute, Kind, Record, Version, attributes
from oneroster_engine.duckdb_session import connect, parquet_rows, text
from oneroster_engine.planning.snapshot import LOOKUPS
from oneroster_engine.standard.entities import ENTITIES

DEFAULT_LIMIT = 100
MOST_RECORDS = 10_000  # of one page
GUARDIANS = frozenset(("guardian", "parent", "relative"))


@dataclass(frozen=True)
class View:
    """What a consumer may see. `schools`: sourcedIds, None for all of the group's; `hidden`: top-level members of users, by the
    names of OneRoster's JSON, that are never shown, filtered or sorted by."""

    schools: frozenset[str] | None = None
    hidden: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Query:
    limit: int = DEFAULT_LIMIT
    offset: int = 0
    sort: str = ""
    descending: bool = False
    filter: Filter = ()


@dataclass(frozen=True)
class Page:
    """`total` counts all that match; `records` are this page's."""

    records: Sequence[Record]
    total: int


@dataclass(frozen=True)
class Enrolled:
    """Who is in which class, as the platform has it; `status` is active, or inactive once it has ended."""

    sourced_id: str
    user_sourced_id: str
    class_sourced_id: str
    role: str
    status: str


@dataclass(frozen=True)
class ListPath:
    """A request's path: the list, and what it lies inside of, e.g. students inside (("schools", "north"),)."""

    collection: str
    inside: tuple[tuple[str, str], ...] = ()


def read_page(snapshot: Path, path: ListPath, query: Query, view: View, version: Version) -> Page:
    """Raises RequestFailed for a list, field or value that the standard doesn't know."""
    collection = collection_of(path)
    known = comparable(collection.entity, view, version)
    conditions, values = _placed(collection, path)
    if query.filter:
        matching, sought = _matching(query.filter, known)
        conditions.append(matching)
        values |= sought
    where = " AND ".join(f"({each})" for each in conditions if each != "true") or "true"
    order = _order(query, known)
    with opened(snapshot, view) as connection:
        rows = f"FROM {collection.entity} own"
        total = _number(connection, f"SELECT count(*) {rows} WHERE {where}", values)
        if where == "true" and not order and view.schools is None:
            places = f"place BETWEEN {query.offset} AND {query.offset + query.limit - 1}"
        else:
            ordered = f"ORDER BY {order}place LIMIT {query.limit} OFFSET {query.offset}"
            found = connection.execute(f"SELECT place {rows} WHERE {where} {ordered}", values).fetchall()
            numbers = ", ".join(str(place) for (place,) in found)
            places = f"place IN ({numbers})" if numbers else "false"
        page = connection.execute(f"SELECT {_COLUMNS} {rows} WHERE {places} ORDER BY {order}place").fetchall()
        return Page(_with_agents(connection, collection.entity, [_record(row) for row in page], view), total)


def read_one(snapshot: Path, path: ListPath, sourced_id: str, view: View) -> Record:
    """The record of that id, of the kind that the list holds. Raises RequestFailed (404)."""
    collection = collection_of(path)
    conditions, values = _placed(collection, path, collection.by_id)
    where = " AND ".join(f"({each})" for each in (*conditions, "sourcedId = $sourcedId"))
    with opened(snapshot, view) as connection:
        query = f"SELECT {_COLUMNS} FROM {collection.entity} own WHERE {where}"
        found = connection.execute(query, values | {"sourcedId": sourced_id}).fetchone()
        if found is None:
            raise unknown_object(f"There is no {collection.one} {sourced_id} here.")
        return _with_agents(connection, collection.entity, [_record(found)], view)[0]


def enrolled(enrollments: Path, column: Literal["userSourcedId", "classSourcedId"], sourced_id: str) -> list[Enrolled]:
    """A person's or a class's enrollments in a snapshot's enrollments.parquet, ended ones still kept among them."""
    with connect() as connection:
        columns, rows = (
            "sourcedId, userSourcedId, classSourcedId, role, platformStatus",
            _rows(connection, enrollments, "enrollments"),
        )
        query = f"SELECT {columns} FROM ({rows}) WHERE {column} = $1 ORDER BY sourcedId"
        found = connection.execute(query, [sourced_id])
        return [Enrolled(*row) for row in found.fetchall()]


def shown(entity: str, view: View, version: Version) -> frozenset[str]:
    """The top-level members that a record of the entity can have for this consumer."""
    names = {path.partition(".")[0] for path in attributes(entity, version)} | {"metadata"}
    return frozenset(names - view.hidden if entity == "users" else names)


# Members of users that are kept under another name; the standard has one for JSON and one for CSV.
_STORED_AS = {
    "agents": "agentSourcedIds",
    "preferredFirstName": "preferredGivenName",
    "preferredLastName": "preferredFamilyName",
    "primaryOrg": "primaryOrgSourcedId",
}


def hidden_columns(entity: str, view: View) -> frozenset[str]:
    """Which of a record's stored fields this consumer never sees."""
    return frozenset(_STORED_AS.get(name, name) for name in view.hidden) if entity == "users" else frozenset()


# What the standard requires of a user is in every record.
SHOWN_ALWAYS = frozenset(
    ("sourcedId", "status", "dateLastModified", "enabledUser", "givenName", "familyName", "roles", "role", "orgs")
)
USER_FIELDS = frozenset().union(*(shown("users", View(), version) for version in Version))


def comparable(entity: str, view: View, version: Version) -> Mapping[str, Attribute]:
    """By dotted path, what this consumer may filter and sort by. Guardians (agents) are shown only where they are visible, so
    nobody asks for those of others."""
    names = shown(entity, view, version) - (frozenset() if view.schools is None else {"agents"})
    return {path: each for path, each in attributes(entity, version).items() if path.partition(".")[0] in names}


def selected(sent: str, names: frozenset[str]) -> frozenset[str]:
    """The top-level members that `fields` asks for. Raises RequestFailed (400) for one that is not among `names`."""
    asked = {each.strip() for each in sent.split(",") if each.strip()}
    if unknown := sorted(asked - names):
        raise invalid_selection(f"There is no field {unknown[0]} to select. There are: {', '.join(sorted(names))}.")
    return frozenset(asked)


def collection_of(path: ListPath) -> Collection:
    """Raises RequestFailed (404) for a list that the standard does not have."""
    found = COLLECTIONS.get(path.collection)
    outer = tuple(name for name, _ in path.inside)
    if found is None or (outer and outer not in found.inside):
        raise unknown_object(f"There is no list /{'/'.join((*(f'{name}/…' for name in outer), path.collection))}.")
    return found


@contextmanager
def opened(snapshot: Path, view: View) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with a view for each entity, of the rows that this consumer may see; `place` is a row's number in its file."""
    with connect() as connection:
        for entity in ENTITIES:
            rows = _rows(connection, snapshot / f"{entity}.parquet", entity)
            connection.execute(f"CREATE VIEW {entity if view.schools is None else f'every_{entity}'} AS {rows}")
        if view.schools is not None:
            connection.execute(f"SET VARIABLE schools = {_list(sorted(view.schools))}")
            connection.execute("SET VARIABLE orgs = (SELECT coalesce(list(id), []) FROM " + _ORGS_ABOVE + ")")
            for entity in VISIBLE_FIRST:
                connection.execute(f"CREATE VIEW {entity} AS {_VISIBLE[entity]}")
        yield connection


def _rows(connection: duckdb.DuckDBPyConnection, parquet: Path, entity: str) -> str:
    """A query of one file's rows. A snapshot from before 28 November 2026 has its lookups in its JSON alone."""
    described = connection.execute(f"DESCRIBE SELECT * FROM {parquet_rows(parquet)}").fetchall()
    have = {str(name) for name, *_ in described}
    derived = [f"fields->>'$.{path}' AS {name}" for name, path in LOOKUPS.get(entity, {}).items() if name not in have]
    derived += [] if "modified" in have else ["since AS modified"]
    columns = ", ".join(["* REPLACE (fields::JSON AS fields)", *derived])
    return f"SELECT {columns}, file_row_number AS place FROM {parquet_rows(parquet, numbered=True)}"


def _list(ids: Sequence[str]) -> str:
    return f"[{', '.join(map(text, ids))}]::VARCHAR[]"


_COLUMNS = "sourcedId, removedAt IS NOT NULL, platformStatus = 'inactive', modified, fields"


def _record(row: tuple[Any, ...]) -> Record:
    return Record(row[0], bool(row[1]), bool(row[2]), row[3], json.loads(row[4]))


def _number(connection: duckdb.DuckDBPyConnection, query: str, values: Mapping[str, Any]) -> int:
    found = connection.execute(query, dict(values)).fetchone()
    return int(found[0]) if found else 0


def _placed(collection: Collection, path: ListPath, kind: str = "") -> tuple[list[str], dict[str, Any]]:
    """Conditions and their values; `kind` in place of what the list itself holds."""
    conditions = [kind or collection.where]
    if not path.inside:
        return conditions, {}
    conditions.append(collection.inside[tuple(name for name, _ in path.inside)])
    return conditions, dict(zip(("outer", "inner"), (sourced_id for _, sourced_id in path.inside), strict=False))


# Which rows of a group a consumer of some schools sees, and what of them. A person is seen through a role at one of these
# schools or a place in one of their classes, and then with their roles there alone.
VISIBLE_FIRST = ("orgs", "academicSessions", "classes", "courses", "enrollments", "users")  # a view rests on those before it
_ORGS_ABOVE = """(WITH RECURSIVE above AS (
    SELECT unnest(getvariable('schools')) AS id
    UNION SELECT fields->>'$.parentSourcedId' FROM every_orgs JOIN above ON sourcedId = id
) SELECT id FROM above WHERE id IS NOT NULL)"""
_INSIDE = "list_has_any(schools, getvariable('schools'))"
_SEEN_SCHOOLS = "list_filter(schools, lambda each: list_contains(getvariable('orgs'), each)) AS schools"
# Who has a place in a class here and a role elsewhere alone is, for this consumer, what they are in that class: the standard
# knows nobody without a role.
_ENROLLED_AS = """
    SELECT userSourcedId AS person, to_json(list_sort(list(DISTINCT {'roleType': 'primary', 'role': role,
        'orgSourcedId': schools[1], 'beginDate': NULL::VARCHAR, 'endDate': NULL::VARCHAR,
        'userProfileSourcedId': NULL::VARCHAR}))) AS roles
    FROM enrollments WHERE removedAt IS NULL AND list_contains(getvariable('orgs'), schools[1]) GROUP BY person"""
_VISIBLE = {
    "orgs": "SELECT * FROM every_orgs WHERE list_contains(getvariable('orgs'), sourcedId)",
    "academicSessions": "SELECT * FROM every_academicSessions",
    "classes": f"SELECT * FROM every_classes WHERE {_INSIDE}",
    "courses": f"""
        SELECT * REPLACE (json_merge_patch(fields, json_object('orgSourcedId', if(
            list_contains(getvariable('orgs'), fields->>'$.orgSourcedId'), fields->>'$.orgSourcedId', NULL))) AS fields,
            {_SEEN_SCHOOLS})
        FROM every_courses
        WHERE {_INSIDE} OR sourcedId IN (SELECT fields->>'$.courseSourcedId' FROM classes)""",
    "enrollments": f"SELECT * FROM every_enrollments WHERE {_INSIDE}",
    "users": f"""
        SELECT own.* EXCLUDE (here) REPLACE (json_merge_patch(fields, json_object(
            'roles', if(json_array_length(own.here) > 0, own.here, coalesce(enrolled.roles, '[]')),
            'primaryOrgSourcedId', if(list_contains(getvariable('orgs'), fields->>'$.primaryOrgSourcedId'),
                                      fields->>'$.primaryOrgSourcedId', NULL))) AS fields)
        FROM (SELECT * REPLACE ({_SEEN_SCHOOLS}), to_json(list_filter(json_extract(fields, '$.roles[*]'), lambda each:
                  list_contains(getvariable('orgs'), json_extract_string(each, '$.orgSourcedId')))) AS here
              FROM every_users WHERE {_INSIDE} OR sourcedId IN (SELECT userSourcedId FROM enrollments)) own
        LEFT JOIN ({_ENROLLED_AS}) enrolled ON enrolled.person = own.sourcedId""",
}


def _with_agents(connection: duckdb.DuckDBPyConnection, entity: str, records: Sequence[Record], view: View) -> Sequence[Record]:
    """People with their agents as this consumer may see them, and guardians with the students who name them."""
    if entity != "users":
        return records
    seen = _without_unseen_agents(connection, records, view)
    return seen if "agents" in view.hidden else _named_by(connection, seen)


def _named_by(connection: duckdb.DuckDBPyConnection, records: Sequence[Record]) -> Sequence[Record]:
    """The standard wants the link both ways; files and most sources have it at the students alone.

    Source: OneRoster 1.1 and 1.2, the class User."""
    alone = [each.sourced_id for each in records if not _agents(each) and _is_guardian(each)]
    if not alone:
        return records
    query = """
        SELECT agent, list(sourcedId ORDER BY sourcedId)
        FROM (SELECT sourcedId, unnest(fields->>'$.agentSourcedIds[*]') AS agent FROM users WHERE removedAt IS NULL)
        WHERE agent IN (SELECT unnest($1::VARCHAR[])) GROUP BY agent"""
    found = {str(agent): tuple(students) for agent, students in connection.execute(query, [alone]).fetchall()}
    return [replace(each, named_by=found.get(each.sourced_id, ())) for each in records]


def _is_guardian(person: Record) -> bool:
    return any(each["role"] in GUARDIANS for each in person.fields.get("roles") or ())


def _without_unseen_agents(connection: duckdb.DuckDBPyConnection, records: Sequence[Record], view: View) -> Sequence[Record]:
    if view.schools is None:
        return records
    agents = sorted({agent for each in records for agent in _agents(each)})
    seen_of = "SELECT sourcedId FROM users WHERE sourcedId IN (SELECT unnest($1::VARCHAR[]))"
    seen = {sourced_id for (sourced_id,) in connection.execute(seen_of, [agents]).fetchall()}
    return [replace(each, fields={**each.fields, "agentSourcedIds": _among(_agents(each), seen)}) for each in records]


def _among(ids: Sequence[str], seen: set[str]) -> list[str]:
    return [each for each in ids if each in seen]


def _agents(person: Record) -> Sequence[str]:
    return person.fields.get("agentSourcedIds") or ()


def _order(query: Query, known: Mapping[str, Attribute]) -> str:
    """By Unicode code point, as the standard says; "" where nobody asked."""
    if not query.sort:
        return ""
    attribute = known.get(query.sort)
    if attribute is None or attribute.kind in (Kind.LIST, Kind.IDS):
        raise invalid_selection(f"A list can't be sorted by {query.sort}.")
    return f"{attribute.sql} {'DESC' if query.descending else 'ASC'} NULLS LAST, "


def _matching(filter_: Filter, known: Mapping[str, Attribute]) -> tuple[str, dict[str, Any]]:
    values: dict[str, Any] = {}
    groups = []
    for group in filter_:
        clauses = []
        for clause in group:
            name = f"value{len(values)}"
            condition, value = _clause(clause, known, name)
            clauses.append(condition)
            values[name] = value
        groups.append("(" + " AND ".join(clauses) + ")")
    return " OR ".join(groups), values


def _clause(clause: Clause, known: Mapping[str, Attribute], name: str) -> tuple[str, Any]:
    attribute = known.get(clause.field)
    if attribute is None:
        raise invalid_filter(f"There is no field {clause.field} to filter by. There are: {', '.join(sorted(known))}.")
    sql, operator = attribute.sql, clause.operator
    match attribute.kind:
        case Kind.LIST | Kind.IDS:
            return _list_clause(attribute, clause, name)
        case Kind.MOMENT if operator != "~":
            return f"coalesce({sql}::TIMESTAMP {operator} ${name}::TIMESTAMP, false)", _moment(clause)
        case Kind.ID if operator != "~":
            return f"coalesce({sql} {operator} ${name}, {'true' if operator == '!=' else 'false'})", clause.value
    if operator == "~":
        return f"contains(lower(coalesce({sql}, '')), lower(${name}))", clause.value
    return f"coalesce(lower({sql}) {operator} lower(${name}), {'true' if operator == '!=' else 'false'})", clause.value


def _list_clause(attribute: Attribute, clause: Clause, name: str) -> tuple[str, Any]:
    """`=` has all of the values (separated by commas), `~` any of them, `!=` not all."""
    exact = attribute.kind is Kind.IDS
    have = (
        f"coalesce({attribute.sql}, [])" if exact else f"list_transform(coalesce({attribute.sql}, []), lambda each: lower(each))"
    )
    values = [each.strip() if exact else each.strip().lower() for each in clause.value.split(",")]
    function = {"=": "list_has_all", "~": "list_has_any", "!=": "NOT list_has_all"}.get(clause.operator)
    if function is None:
        raise invalid_filter(f"{clause.field} holds several values; compare it by =, != or ~.")
    return f"{function}({have}, ${name}::VARCHAR[])", values


def _moment(clause: Clause) -> str:
    with connect() as connection:
        found = connection.execute("SELECT try_cast($1 AS TIMESTAMP)", [clause.value]).fetchone()
    if found is None or found[0] is None:
        raise invalid_filter(f"{clause.field} is compared with a dateTime like 2026-09-01T00:00:00.000Z.")
    return clause.value
