"""A snapshot as whole files: Parquet an entity, a OneRoster bundle, or a bundle of what differs between two snapshots.

All three are made of the same rows: what this consumer's pages hold of people and records that are there. Removed ones, which
pages keep as tobedeleted, are in none; a delta has them as tobedeleted.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from chalicelib.provider.query import View, hidden_columns, opened
from oneroster_engine.duckdb_session import connect, parquet_rows, quoted, text
from oneroster_engine.inspecting.export import write_delta, write_roster
from oneroster_engine.standard.entities import ENTITIES, FIELDS, Field, Kind

# Snappy is what every reader of Parquet unpacks by itself. Zstandard, in which our own files are, is refused by readers of
# JavaScript: hyparquet 1.33.0 without its codecs, @dsnp/parquetjs 1.8.8.
FOR_STRANGERS = "FORMAT parquet, COMPRESSION snappy"
TYPES: dict[Kind, Any] = {
    Kind.TEXT: "VARCHAR",
    Kind.DATE: "DATE",
    Kind.YEAR: "VARCHAR",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.LIST: ["VARCHAR"],
    Kind.USER_IDS: [{"type": "VARCHAR", "identifier": "VARCHAR"}],
}
# The people of a role list and a profile list are those that hold it; everything else of the standard's files is kept.
_ROLE = ("roleType", "role", "orgSourcedId", "beginDate", "endDate", "userProfileSourcedId")
_PROFILE = ("profileType", "vendorId", "applicationId", "description", "credentialType", "username")


def write_parquet(snapshot: Path, view: View, out: Path) -> None:
    """Write {entity}.parquet into `out`: sourcedId, status, dateLastModified and the standard's fields in their types, without
    those that this consumer may not see."""
    out.mkdir(parents=True, exist_ok=True)
    with opened(snapshot, view) as connection:
        for entity in ENTITIES:  # an enrollment rests on the people before it
            connection.execute(f"CREATE VIEW there_{entity} AS SELECT * FROM {entity} WHERE {_THERE.get(entity, _NOT_REMOVED)}")
        for entity in ENTITIES:
            query = _rows(entity, view)
            connection.execute(f"COPY ({query}) TO {text(str(out / f'{entity}.parquet'))} ({FOR_STRANGERS})")


def write_bundle(snapshot: Path, view: View, version: str, out: Path) -> None:
    """Write the ZIP `out`: all that is there, by OneRoster `version`."""
    with _readable(out, {"now_": (snapshot, view)}) as connection:
        write_roster(connection, out, version, "now_")


def write_changes(before: Path, after: Path, view: View, version: str, at: datetime, out: Path) -> dict[str, int]:
    """Write the ZIP `out` of what leads from one snapshot to another, as of the commit `at`; how many rows a file has."""
    with _readable(out, {"was_": (before, view), "now_": (after, view)}) as connection:
        return write_delta(connection, out, version, "was_", "now_", f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.000Z}")


@contextmanager
def _readable(out: Path, snapshots: dict[str, tuple[Path, View]]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with a view `{prefix}{entity}` of each snapshot's rows; what a consumer may not see is NULL."""
    with TemporaryDirectory(dir=out.parent) as folder, connect() as connection:
        for prefix, (snapshot, view) in snapshots.items():
            files = Path(folder) / prefix
            write_parquet(snapshot, view, files)
            for entity in ENTITIES:
                hidden = [name for name in columns(entity) if name in hidden_columns(entity, view)]
                nothing = "".join(f", NULL::{_sql_type(entity, name)} AS {name}" for name in hidden)
                rows = parquet_rows(files / f"{entity}.parquet")
                written = "* REPLACE (strftime(dateLastModified AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%gZ') AS dateLastModified)"
                connection.execute(f"CREATE VIEW {prefix}{entity} AS SELECT {written}{nothing} FROM {rows}")
        yield connection


def columns(entity: str) -> dict[str, Any]:
    """By name, the type of each field: DuckDB's, a list as [type], a struct as {name: type}."""
    found = {field.name: TYPES[field.kind] for field in FIELDS[entity]}
    if entity == "users":
        found["roles"] = [_struct("roles", _ROLE)]
        found["userProfiles"] = [{"sourcedId": "VARCHAR", **_struct("userProfiles", _PROFILE)}]
    return found


def _struct(file: str, names: tuple[str, ...]) -> dict[str, Any]:
    fields: dict[str, Field] = {field.name: field for field in FIELDS[file]}
    return {name: TYPES[fields[name].kind] for name in names}


# Of a consumer of some schools, who has no role left in them and no place in their classes is not there.
# A record that is removed may still be referred to, where the source could not prove that it had sent everything. Nobody is let
# in by that: an enrollment is there with its person and its class. A school stays, by name, for those who are still at it.
_NOT_REMOVED = "removedAt IS NULL"
_THERE = {
    "orgs": """removedAt IS NULL OR sourcedId IN (
        SELECT fields->>'$.schoolSourcedId' FROM classes WHERE removedAt IS NULL
        UNION SELECT unnest(fields->>'$.roles[*].orgSourcedId') FROM users WHERE removedAt IS NULL)""",
    "users": "removedAt IS NULL AND json_array_length(fields, '$.roles') > 0",
    "enrollments": """removedAt IS NULL AND userSourcedId IN (SELECT sourcedId FROM there_users)
        AND classSourcedId IN (SELECT sourcedId FROM classes WHERE removedAt IS NULL)""",
}


def _rows(entity: str, view: View) -> str:
    """A query of what is there, of the views that `opened` made, without references to what is not.

    Whom the platform lets in no more has enabledUser false; another record that the source gave the legacy status keeps it, as
    in `inspecting/export.py`.
    """
    hidden = hidden_columns(entity, view)
    values = {name: f"own.{quoted(name)}" for name in columns(entity) if name not in hidden}
    joins = []
    for field in FIELDS[entity]:
        if not field.refers or field.refers.required or field.name in hidden:
            continue
        there = f"SELECT sourcedId FROM there_{field.refers.entity}"
        if field.kind is Kind.LIST:
            joins.append(_LISTED.format(field=field.name, there=there))
            values[field.name] = f"coalesce(found_{field.name}.ids, [])"
        else:
            values[field.name] = f"if({values[field.name]} IN ({there}), {values[field.name]}, NULL)"
    status = "if(platformStatus = 'inactive', 'inactive', 'active')"
    if entity == "users":
        status = "'active'"
        values["enabledUser"] = "if(platformStatus = 'inactive', false, own.enabledUser)"
        if "userProfiles" in hidden:
            values["roles"] = _WITHOUT_PROFILE
    typed = f"json_transform(fields, {text(json.dumps(columns(entity)))}) AS own"
    shown = ", ".join(f"{value} AS {quoted(name)}" for name, value in values.items())
    instant = "modified::TIMESTAMP AT TIME ZONE 'UTC'"
    return (
        f"WITH there AS (SELECT sourcedId, platformStatus, modified, {typed} FROM there_{entity}) "
        f"SELECT sourcedId, {status} AS status, {instant} AS dateLastModified, {shown} FROM there {' '.join(joins)}"
    )


_LISTED = """
LEFT JOIN (
    SELECT holder, list(id ORDER BY place) AS ids
    FROM (SELECT sourcedId AS holder, unnest(own."{field}") AS id, generate_subscripts(own."{field}", 1) AS place FROM there)
    WHERE id IN ({there}) GROUP BY holder
) found_{field} ON found_{field}.holder = sourcedId"""
_WITHOUT_PROFILE = (
    "list_transform(own.roles, lambda each: {"
    + ", ".join(f"'{name}': " + ("NULL::VARCHAR" if name == "userProfileSourcedId" else f"each.{name}") for name in _ROLE)
    + "})"
)


def _sql_type(entity: str, name: str) -> str:
    def of(type_: Any) -> str:
        if isinstance(type_, list):
            return f"{of(type_[0])}[]"
        if isinstance(type_, dict):
            return "STRUCT(" + ", ".join(f'"{each}" {of(kind)}' for each, kind in type_.items()) + ")"
        return str(type_)

    return of(columns(entity)[name])
