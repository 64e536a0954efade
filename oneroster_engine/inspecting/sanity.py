"""Does this roster look right? What is no error in any row and still often means that something went wrong at its source."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb

from oneroster_engine.duckdb_session import connect, count, parquet_rows
from oneroster_engine.standard.entities import ENTITIES
from oneroster_engine.table_query import Rows

Entity = Literal["users", "classes", "orgs"]
EXAMPLES = 5
MEMORY_MB = 1000  # asked by the API's Lambda, which is smaller than those of the machine


@dataclass(frozen=True)
class Finding:
    """One thing to look at. `rows` is SQL for (sourcedId, name, detail, line), `of` for the rows it is a share of."""

    name: str
    entity: Entity
    title: str
    meaning: str
    rows: str
    of: str


@dataclass(frozen=True)
class Seen:
    """`count` of `of` rows are so; `examples` are the first few, as `sanity_rows` gives them."""

    finding: Finding
    count: int
    of: int
    examples: list[dict[str, Any]]


_PEOPLE = "SELECT * FROM users WHERE statusCell <> 'deleted'"
_STUDENTS = "SELECT * FROM users WHERE statusCell <> 'deleted' AND userType = 'student'"
_CLASSES = "SELECT * FROM classes WHERE status <> 'tobedeleted'"
_SCHOOLS = "SELECT * FROM orgs WHERE status <> 'tobedeleted' AND \"type\" = 'school'"
_ENROLLED = "SELECT {key} FROM enrollments WHERE status <> 'tobedeleted'"
_PERSON = "sourcedId, concat_ws(' ', givenName, familyName) AS name, {detail} AS detail, line"
_CLASS = "sourcedId, title AS name, coalesce((SELECT name FROM orgs WHERE orgs.sourcedId = schoolSourcedId), '') AS detail, line"
_AT_SCHOOLS = """
    SELECT sourcedId, list(DISTINCT school) AS schools
    FROM (SELECT sourcedId, unnest(roles).orgSourcedId AS school FROM users WHERE statusCell <> 'deleted')
    WHERE school IN (SELECT sourcedId FROM orgs WHERE "type" = 'school') GROUP BY sourcedId
"""


def _shared(field: str) -> str:
    """People who have the same value in a field, each with the others' ids."""
    others = f"list(sourcedId ORDER BY sourcedId) OVER (PARTITION BY lower({field}))"
    detail = "'also ' || array_to_string(list_filter(ids, lambda each: each <> sourcedId)[:3], ', ')"
    return (
        f"SELECT sourcedId, name, {detail} AS detail, line FROM ("
        f"SELECT sourcedId, concat_ws(' ', givenName, familyName) AS name, line, {others} AS ids FROM ({_PEOPLE}) "
        f"WHERE {field} IS NOT NULL) WHERE len(ids) > 1"
    )


FINDINGS = (
    Finding(
        "students-without-classes",
        "users",
        "Students without a class",
        "At the start of a year classes often come later than people. In mid-term it may mean that enrollments were not "
        "exported, or that these students have left and were not marked.",
        f"SELECT {_PERSON.format(detail='coalesce(username, sourcedId)')} FROM ({_STUDENTS}) "
        f"WHERE sourcedId NOT IN ({_ENROLLED.format(key='userSourcedId')})",
        _STUDENTS,
    ),
    Finding(
        "classes-without-teachers",
        "classes",
        "Classes without a teacher",
        "Nobody can open such a class. Teachers may be enrolled under another role, or not be assigned yet.",
        f"SELECT {_CLASS} FROM ({_CLASSES}) "
        f"WHERE sourcedId NOT IN ({_ENROLLED.format(key='classSourcedId')} AND \"role\" = 'teacher')",
        _CLASSES,
    ),
    Finding(
        "classes-without-students",
        "classes",
        "Classes without students",
        "Planned and never filled, or its students' enrollments were left out or not exported.",
        f"SELECT {_CLASS} FROM ({_CLASSES}) "
        f"WHERE sourcedId NOT IN ({_ENROLLED.format(key='classSourcedId')} AND \"role\" = 'student')",
        _CLASSES,
    ),
    Finding(
        "people-at-several-schools",
        "users",
        "People at two or more schools",
        "Right for travelling teachers and shared programs. Of many students it may mean that those who moved are still "
        "listed at their old school.",
        f"SELECT {_PERSON.format(detail='schools')} FROM ({_PEOPLE}) "
        "JOIN (SELECT sourcedId, (SELECT string_agg(coalesce(orgs.name, orgs.sourcedId), ', ' ORDER BY orgs.sourcedId) "
        f"FROM orgs WHERE list_contains(schools, orgs.sourcedId)) AS schools FROM ({_AT_SCHOOLS}) WHERE len(schools) > 1) "
        "USING (sourcedId)",
        _PEOPLE,
    ),
    Finding(
        "likely-renumbered",
        "users",
        "Possible duplicates: same name, new ID",
        "Each of these is new here and bears the name of somebody who leaves in the same sync. Many of them mean that the "
        "student information system has given everybody new ids: people would lose their work.",
        "SELECT sourcedId, name, 'until now ' || old AS detail, line FROM renumbered",
        "SELECT * FROM created",
    ),
    Finding(
        "somebody-else",
        "users",
        "IDs reused for another person",
        "Name, e-mail and identifier of each of these differ from what they were under the same id. An id that is given to a new "
        "person hands them the work of the old one.",
        "SELECT sourcedId, name, was AS detail, line FROM somebody_else",
        "SELECT * FROM change WHERE entity = 'users' AND action = 'update'",
    ),
    Finding(
        "same-username",
        "users",
        "People with the same username",
        "Only one of them can sign in with it. Often one person was exported twice, under two ids.",
        _shared("username"),
        _PEOPLE,
    ),
    Finding(
        "same-email",
        "users",
        "People with the same e-mail address",
        "Usual for the parents of siblings. Of students or teachers it often means that one person was exported twice.",
        _shared("email"),
        _PEOPLE,
    ),
    Finding(
        "enrolled-twice",
        "users",
        "People enrolled twice in a class",
        "Harmless where the rows are alike. With two roles in one class, the platform may show either.",
        f"SELECT {_PERSON.format(detail='twice')} FROM ({_PEOPLE}) JOIN ("
        "SELECT userSourcedId, string_agg(title, ', ' ORDER BY title) AS twice FROM "
        "(SELECT userSourcedId, classSourcedId FROM enrollments WHERE status <> 'tobedeleted' "
        "GROUP BY ALL HAVING count(*) > 1) twice JOIN classes ON classes.sourcedId = classSourcedId GROUP BY userSourcedId) "
        "ON userSourcedId = sourcedId",
        _PEOPLE,
    ),
    Finding(
        "two-primary-teachers",
        "classes",
        "Classes with two or more primary teachers",
        "A class has one. The platform may take any of them for the teacher of record.",
        f"SELECT {_CLASS} FROM ({_CLASSES}) WHERE sourcedId IN (SELECT classSourcedId FROM enrollments "
        "WHERE status <> 'tobedeleted' AND \"role\" = 'teacher' AND \"primary\" "
        "GROUP BY 1 HAVING count(DISTINCT userSourcedId) > 1)",
        _CLASSES,
    ),
    Finding(
        "roles-ended",
        "users",
        "People whose every role has ended",
        "They are brought in as long as the source lists them. People who have left should be marked or left out there.",
        f"SELECT {_PERSON.format(detail='coalesce(userType, $$unknown$$)')} FROM ({_PEOPLE}) "
        "WHERE len(roles) > 0 AND len(list_filter(roles, lambda each: each.endDate IS NULL OR each.endDate >= current_date)) = 0",
        _PEOPLE,
    ),
    Finding(
        "roles-twice",
        "users",
        "People with one role twice at a school",
        "Harmless, and often a sign of rows that were put together from two systems.",
        f"SELECT {_PERSON.format(detail='coalesce(userType, $$unknown$$)')} FROM ({_PEOPLE}) "
        "WHERE len(list_distinct(list_transform(roles, lambda each: "
        "{'role': each.\"role\", 'org': each.orgSourcedId}))) < len(roles)",
        _PEOPLE,
    ),
    Finding(
        "people-without-username",
        "users",
        "People without a username",
        "They may be unable to sign in.",
        f"SELECT {_PERSON.format(detail='coalesce(userType, $$unknown$$)')} FROM ({_PEOPLE}) WHERE username IS NULL",
        _PEOPLE,
    ),
    Finding(
        "people-without-email",
        "users",
        "People without an e-mail address",
        "Usual for young students. For teachers it means that they get no mail, and that they can't be matched by it.",
        f"SELECT {_PERSON.format(detail='coalesce(userType, $$unknown$$)')} FROM ({_PEOPLE}) WHERE email IS NULL",
        _PEOPLE,
    ),
    Finding(
        "empty-schools",
        "orgs",
        "Schools without people and classes",
        "Closed, planned, or not exported whole. A school that had people yesterday is worth a look before the sync continues.",
        f"SELECT sourcedId, name, coalesce(identifier, '') AS detail, line FROM ({_SCHOOLS}) "
        f"WHERE sourcedId NOT IN (SELECT schoolSourcedId FROM ({_CLASSES}) WHERE schoolSourcedId IS NOT NULL) "
        f"AND sourcedId NOT IN (SELECT unnest(schools) FROM ({_AT_SCHOOLS}))",
        _SCHOOLS,
    ),
)
_BY_NAME: Mapping[str, Finding] = {finding.name: finding for finding in FINDINGS}


def sanity(stage: Path, changes: Path | None) -> list[Seen]:
    """Every finding, in the order of `FINDINGS`, with its count, what it is a share of, and examples.

    `stage` is a sync's stage folder, `changes` its plan's changes.parquet, None before there is a plan.
    """
    with connect(memory_mb=MEMORY_MB) as connection:
        _look(connection, stage, changes)
        return [
            Seen(
                finding,
                count(connection, f"({finding.rows})"),
                count(connection, f"({finding.of})"),
                _page(connection, finding, EXAMPLES, 0),
            )
            for finding in FINDINGS
        ]


def sanity_rows(stage: Path, changes: Path | None, name: str, *, limit: int, offset: int) -> Rows:
    """The rows of one finding, by sourcedId: sourcedId, name, detail, line. Raises KeyError for a name not in `FINDINGS`."""
    finding = _BY_NAME[name]
    with connect(memory_mb=MEMORY_MB) as connection:
        _look(connection, stage, changes)
        return Rows(_page(connection, finding, limit, offset), count(connection, f"({finding.rows})"))


def _look(connection: duckdb.DuckDBPyConnection, stage: Path, changes: Path | None) -> None:
    for entity in ENTITIES:
        connection.execute(f"CREATE VIEW {entity} AS SELECT * FROM {parquet_rows(stage / f'{entity}.parquet')}")
    planned = parquet_rows(changes) if changes else _NO_CHANGES
    connection.execute(f"CREATE VIEW change AS SELECT * FROM {planned}")
    connection.execute(_RENUMBERED)


def _page(connection: duckdb.DuckDBPyConnection, finding: Finding, limit: int, offset: int) -> list[dict[str, Any]]:
    query = f"SELECT sourcedId, name, detail, line FROM ({finding.rows}) ORDER BY sourcedId LIMIT {limit} OFFSET {offset}"
    names = ("sourcedId", "name", "detail", "line")
    return [dict(zip(names, row, strict=True)) for row in connection.execute(query).fetchall()]


_NO_CHANGES = (
    "(SELECT '' AS entity, '' AS sourcedId, '' AS name, '' AS action, '' AS reason, '' AS before, '' AS after WHERE false)"
)

_RENUMBERED = """
CREATE VIEW created AS SELECT sourcedId, name FROM change WHERE entity = 'users' AND action = 'create';
CREATE VIEW renumbered AS
SELECT created.sourcedId, created.name, gone.sourcedId AS old, users.line
FROM created
JOIN (SELECT name, min(sourcedId) AS sourcedId FROM change
      WHERE entity = 'users' AND action = 'deactivate' AND reason = 'left the source' GROUP BY name) gone USING (name)
LEFT JOIN users ON users.sourcedId = created.sourcedId;
CREATE VIEW somebody_else AS
WITH renamed AS (
    SELECT change.sourcedId, change.name, line, before -> 'fields' AS was_fields, after -> 'fields' AS is_fields
    FROM change LEFT JOIN users USING (sourcedId) WHERE entity = 'users' AND action = 'update'
)
SELECT *, (was_fields ->> 'givenName') || ' ' || (was_fields ->> 'familyName') AS was FROM renamed
WHERE lower(was_fields ->> 'givenName') <> lower(is_fields ->> 'givenName')
  AND lower(was_fields ->> 'familyName') <> lower(is_fields ->> 'familyName')
  AND (was_fields ->> 'email') IS DISTINCT FROM (is_fields ->> 'email')
  AND ((was_fields ->> 'identifier') IS DISTINCT FROM (is_fields ->> 'identifier') OR (is_fields ->> 'identifier') IS NULL)
"""
