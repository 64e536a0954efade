"""One person's rows in the Parquet files that a group keeps: which they are, and the same files without them.

Every file has one of a few forms, told by its columns. Files of the standard (`users.parquet`, `enrollments.parquet` ...) name a
person in `sourcedId` or `userSourcedId`; the others (changes, problems, what is left out or removed) say of each row which
`entity` it is of.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from oneroster_engine.duckdb_session import PACKED, parquet_rows, text
from oneroster_engine.standard.entities import ENTITIES

Connection = duckdb.DuckDBPyConnection
OWN_FILES = ("users", "demographics")  # a row of theirs is the person with that id
GAPS = "erasedRows"  # the entry of a Parquet file's own metadata
NAMING_FIELDS = ("userSourcedId", "agentSourcedIds", "agents")  # a problem about one of these names somebody
_NAMES = ("givenName", "middleName", "familyName", "preferredGivenName", "preferredMiddleName", "preferredFamilyName")


@dataclass(frozen=True)
class Person:
    """`enrollments` are the ids of theirs that are known so far."""

    sourced_id: str
    enrollments: frozenset[str] = frozenset()


def enrollments_of(connection: Connection, parquet: Path, sourced_id: str) -> set[str]:
    """The ids of a person's enrollments that a file names."""
    columns, rows = _columns(connection, parquet), parquet_rows(parquet)
    if "userSourcedId" in columns and parquet.stem == "enrollments":
        query = f"SELECT sourcedId FROM {rows} WHERE userSourcedId = $id"
    elif {"entity", "before", "after"} <= columns:
        query = f"SELECT sourcedId FROM {rows} WHERE entity = 'enrollments' AND {_user_of_either} = $id"
    else:
        return set()
    return {str(each) for (each,) in connection.execute(query, {"id": sourced_id}).fetchall()}


def texts_about(connection: Connection, parquet: Path, sourced_id: str) -> set[str]:
    """What a file of users calls the person: names, username, addresses, numbers. For finding them in running text."""
    columns = _columns(connection, parquet)
    if parquet.stem != "users" or not {"username", "familyName"} <= columns:
        return set()
    wanted = [name for name in (*_NAMES, "username", "email", "sms", "phone", "identifier") if name in columns]
    query = f"SELECT {', '.join(wanted)} FROM {parquet_rows(parquet)} WHERE sourcedId = $id"
    found = [dict(zip(wanted, row, strict=True)) for row in connection.execute(query, {"id": sourced_id}).fetchall()]
    said = {str(value) for row in found for name, value in row.items() if value and name not in _NAMES}
    return said | {f"{row['givenName']} {row['familyName']}" for row in found if row.get("givenName") and row.get("familyName")}


def without_person(connection: Connection, parquet: Path, person: Person, out: Path, texts: Collection[str] = ()) -> list[int]:
    """Write the file into `out` without the person's rows; which rows (from 0) these were. With none nothing is written.

    Problems of others go too where their sentence would say one of the `texts`. The file that is written says in its metadata
    which rows are gone (`gaps_of`): whoever is cut off leaves the file with its gaps, or as it was.
    """
    rows = parquet_rows(parquet, numbered=True)
    about = _about(_columns(connection, parquet), parquet.stem)
    values = {"id": person.sourced_id, "enrollments": sorted(person.enrollments), "texts": sorted(texts)}
    values = {name: value for name, value in values.items() if f"${name}" in about}
    found = connection.execute(f"SELECT file_row_number FROM {rows} WHERE {about} ORDER BY ALL", values).fetchall()
    places = [int(place) for (place,) in found]
    if places:
        kept = f"SELECT * EXCLUDE file_row_number FROM {rows} WHERE file_row_number NOT IN ({', '.join(map(str, places))})"
        before = gaps_of(connection, parquet)
        gaps = sorted({*before, *(as_written(place, before) for place in places)})
        metadata = f"KV_METADATA {{{GAPS}: {text(json.dumps(gaps))}}}"
        connection.execute(f"COPY ({kept}) TO {text(str(out))} ({PACKED}, {metadata})")
    return places


def gaps_of(connection: Connection, parquet: Path) -> list[int]:
    """The rows that were taken out of a file with people who were erased, counted from 0 as the file was written first."""
    query = f"SELECT decode(value) FROM parquet_kv_metadata({text(str(parquet))}) WHERE decode(key) = '{GAPS}'"
    found = connection.execute(query).fetchone()
    return [int(each) for each in json.loads(found[0])] if found else []


def as_written(place: int, gaps: Sequence[int]) -> int:
    """The row that stood at this place of the file before its `gaps` were made."""
    for gap in sorted(gaps):
        if gap > place:
            break
        place += 1
    return place


def _columns(connection: Connection, parquet: Path) -> frozenset[str]:
    described = connection.execute(f"DESCRIBE SELECT * FROM {parquet_rows(parquet)}").fetchall()
    return frozenset(str(name) for name, *_ in described)


_user_of_either = (
    "coalesce(json_extract_string(after, '$.fields.userSourcedId'), json_extract_string(before, '$.fields.userSourcedId'))"
)


def _about(columns: Collection[str], stem: str) -> str:
    """SQL: whether a row is about the person. Never NULL."""
    said: list[str] = []
    if "entity" in columns:
        ids = [name for name in ("sourcedId", "oldSourcedId", "newSourcedId") if name in columns]
        others = ", ".join(f"'{entity}'" for entity in ENTITIES if entity != "users")
        for name in ids:
            said.append(f"({name} = $id AND coalesce(entity, '') NOT IN ({others}))")
            said.append(f"(entity = 'enrollments' AND {name} IN (SELECT unnest($enrollments::VARCHAR[])))")
    elif stem in OWN_FILES:
        said.append("sourcedId = $id")
    if {"entity", "before", "after"} <= set(columns):
        said.append(f"(entity = 'enrollments' AND {_user_of_either} = $id)")
    for name in ("userSourcedId", "person"):  # whose a role is that was left out
        if name in columns:
            said.append(f"{name} = $id")
    if {"field", "arguments"} <= set(columns):
        fields = ", ".join(f"'{name}'" for name in NAMING_FIELDS)
        said.append(f"(field IN ({fields}) AND list_contains(map_values(arguments), $id))")
        said.append("list_has_any(map_values(arguments), $texts::VARCHAR[])")
    return f"coalesce({' OR '.join(said)}, false)" if said else "false"
