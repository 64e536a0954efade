"""Rosters as bundles of OneRoster CSVs that others can read: everything, or what differs between two rosters.

A roster is a relation an entity in the staged form. Of what a sync selected of its cleaned rows, usernames are the source's own;
the group's suffix is the platform's business. Source of the layout: OneRoster CSV Binding 1.1 and 1.2.1: every column of the
standard in its order, every property of the manifest, and in a bulk file neither status nor dateLastModified. There is one
exception to the last: a row that is inactive by the legacy word keeps it, because without it a reader of the bundle would take
the row for an active one. In a delta file every row has both.
"""

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from oneroster_engine.duckdb_session import number_of, quoted, text
from oneroster_engine.standard.entities import ENTITIES, REQUIRED_FILES, ROLES_1_1, Field, Kind, fields_of
from oneroster_engine.standard.manifest import manifest_csv

VERSIONS = ("1.1", "1.2")
SYSTEM = ("OneRoster Selective Sync", "oneroster-engine")  # source.systemName and source.systemCode
PASSWORD = Field("password")  # a column of the standard that is always empty here
NOT_IN_1_1 = ("userMasterIdentifier", "preferredGivenName", "preferredMiddleName", "preferredFamilyName", "primaryOrgSourcedId",
              "pronouns")  # fmt: skip
QUICK = 1  # of zlib's levels: half a second for a district of 30 MB, at a few percent more bytes
ZIP32 = 2**31


def write_roster(
    connection: duckdb.DuckDBPyConnection, out: Path, version: str = "1.2", rows: str = "selected_rows_"
) -> list[str]:
    """Write the ZIP `out` from the relations `{rows}{entity}`; by default from those that `selection.select` made. The same rows
    give the same bytes.

    A file without rows is absent, but for those that no bundle may lack. Returns what `version` has no place for, in sentences:
    1.1 knows one role a person and fewer words for it.
    """
    sources = _sources(version, rows)
    found = {name: number_of(connection, f"SELECT count(*) FROM {relation}") for name, relation in sources.items()}
    sent = [name for name in sources if found[name] or name in REQUIRED_FILES]
    with _bundle(out, version, "bulk", sent) as archive:
        for name in sent:
            _pack(connection, archive, name, out, f"SELECT {_IN_BULK}, {_columns(name, version)} FROM {sources[name]}")
    return _lost(connection, rows) if version == "1.1" else []


def write_delta(
    connection: duckdb.DuckDBPyConnection, out: Path, version: str, before: str, after: str, deleted_at: str
) -> dict[str, int]:
    """Write the ZIP `out` of what makes the roster `{before}{entity}` into `{after}{entity}`; how many rows a file has.

    A row that is new or differs is there whole, as active; one that is gone as it was, as tobedeleted since `deleted_at`
    (ISO 8601). A file that does not differ is absent. Read in any order of its rows, since each id is there once.
    """
    was, now = _sources(version, before), _sources(version, after)
    rows: dict[str, int] = {}
    for name in now:
        columns = [quoted(field.name) for field in columns_of(name, version)]
        own = f"sourcedId, status, dateLastModified::VARCHAR AS dateLastModified, {_columns(name, version)}"
        connection.execute(
            f"CREATE TEMP TABLE delta_{name} AS "
            + _DELTA.format(
                was=f"SELECT {own} FROM {was[name]}",
                now=f"SELECT {own} FROM {now[name]}",
                all_was=", ".join(f"was.{each}" for each in columns),
                all_now=", ".join(f"now.{each}" for each in columns),
                columns=", ".join(f"if(now.sourcedId IS NULL, was.{each}, now.{each}) AS {each}" for each in columns),
                deleted_at=text(deleted_at),
            )
        )
        rows[name] = number_of(connection, f"SELECT count(*) FROM delta_{name}")
    sent = [name for name in now if rows[name]]
    with _bundle(out, version, "delta", sent) as archive:
        for name in sent:
            _pack(connection, archive, name, out, f"SELECT * FROM delta_{name} ORDER BY sourcedId")
    return {name: rows[name] for name in sent}


_DELTA = """
SELECT coalesce(now.sourcedId, was.sourcedId) AS sourcedId,
       CASE WHEN now.sourcedId IS NULL THEN 'tobedeleted'
            WHEN now.status = 'inactive' THEN 'inactive' ELSE 'active' END AS status,
       if(now.sourcedId IS NULL, {deleted_at}, now.dateLastModified) AS dateLastModified, {columns}
FROM ({was}) was FULL JOIN ({now}) now ON was.sourcedId = now.sourcedId
WHERE was.sourcedId IS NULL OR now.sourcedId IS NULL
   OR (was.status = 'inactive') IS DISTINCT FROM (now.status = 'inactive')
   OR row({all_was}) IS DISTINCT FROM row({all_now})
"""


def _sources(version: str, rows: str) -> dict[str, str]:
    """By file, the relation of its rows."""
    sources = {entity: f"{rows}{entity}" for entity in ENTITIES}
    users = sources["users"]
    if version == "1.2":
        return sources | {"roles": _ROLES.format(users=users), "userProfiles": _PROFILES.format(users=users)}
    return sources | {"users": f"({_USERS_1_1.format(users=users)})"}


def _columns(name: str, version: str) -> str:
    return ", ".join(f"{_written(field)} AS {quoted(field.name)}" for field in columns_of(name, version))


@contextmanager
def _bundle(out: Path, version: str, mode: str, sent: list[str]) -> Iterator[zipfile.ZipFile]:
    """The ZIP `out` with its manifest, in which the files `sent` are of this mode and all others absent."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=QUICK) as archive:
        with archive.open("manifest.csv", "w") as manifest:
            manifest.write(manifest_csv(version, sent, mode, SYSTEM).encode())
        yield archive


def _pack(connection: duckdb.DuckDBPyConnection, archive: zipfile.ZipFile, name: str, out: Path, query: str) -> None:
    csv = out.with_suffix(".csv")
    connection.execute(f"COPY ({query}) TO $to (FORMAT csv, HEADER, NEW_LINE '\\r\\n')", {"to": str(csv)})
    large = csv.stat().st_size >= ZIP32
    with csv.open("rb") as written, archive.open(f"{name}.csv", "w", force_zip64=large) as packed:
        shutil.copyfileobj(written, packed, 1 << 20)
    csv.unlink()


def columns_of(name: str, version: str) -> list[Field]:
    """The standard's columns of the file, after sourcedId, status and dateLastModified, in its order."""
    columns = list(fields_of(name, version))
    if name == "users":
        columns = [field for field in columns if version == "1.2" or field.name not in NOT_IN_1_1]
        columns.insert([field.name for field in columns].index("grades") + 1, PASSWORD)
    return [*columns, PASSWORD] if name == "userProfiles" else columns


def _written(field: Field) -> str:
    """SQL: a staged value as the standard's CSV has it."""
    name = quoted(field.name)
    if field is PASSWORD:
        return "NULL"
    if field.kind is Kind.LIST:
        return f"array_to_string({name}, ',')"
    if field.kind is Kind.USER_IDS:
        return f"array_to_string(list_transform({name}, lambda id: '{{' || id.type || ':' || id.identifier || '}}'), ',')"
    return f"{name}::VARCHAR"


def _lost(connection: duckdb.DuckDBPyConnection, rows: str) -> list[str]:
    people = f"{rows}users"
    several, unnamed = (number_of(connection, f"SELECT count(*) FROM {people} WHERE {each}") for each in (_SEVERAL, _UNNAMED))
    losses = []
    if several:
        losses.append(f"{several:,} people have several roles. OneRoster 1.1 holds one: the first was written, with its orgs.")
    if unnamed:
        losses.append(f"{unnamed:,} people have a role that OneRoster 1.1 has no word for; it was written as aide.")
    return losses


_IN_BULK = "sourcedId, if(status = 'inactive', status, NULL) AS status, NULL AS dateLastModified"

_ROLES = """(SELECT sourcedId || '/' || place AS sourcedId, status, dateLastModified, sourcedId AS userSourcedId, unnest(role)
FROM (SELECT sourcedId, status, dateLastModified, unnest(roles) AS role, generate_subscripts(roles, 1) AS place FROM {users}))"""
_PROFILES = """(SELECT status, dateLastModified, sourcedId AS userSourcedId, unnest(userProfiles, recursive := true)
FROM (SELECT status, dateLastModified, sourcedId, userProfiles FROM {users}))"""

# 1.1 calls everybody who runs something an administrator, and an aide is "someone who provides appropriate aide to the user
# but NOT also one of the other roles". Nobody is left out for a word, and nobody becomes more than they are.
_WORD_1_1 = f"""CASE WHEN {{role}} IN ({", ".join(f"'{word}'" for word in ROLES_1_1)}) THEN {{role}}
     WHEN {{role}} IN ('districtAdministrator', 'siteAdministrator', 'systemAdministrator', 'principal') THEN 'administrator'
     ELSE 'aide' END"""
_WORDS = f"list_transform(roles, lambda each: {_WORD_1_1.format(role='each.role')})"
# The orgs of the first role alone: at another's org this person is something else. Each once, the first of them first.
_USERS_1_1 = f"""
SELECT * REPLACE (list_filter(orgSourcedIds, lambda org, place: list_position(orgSourcedIds, org) = place) AS orgSourcedIds)
FROM (
    SELECT *, words[1] AS "role", list_transform(
        list_filter(roles, lambda each, place: words[place] = words[1]), lambda each: each.orgSourcedId) AS orgSourcedIds
    FROM (SELECT *, {_WORDS} AS words FROM {{users}})
)
"""
_SEVERAL = f"len(list_distinct({_WORDS})) > 1"
_UNNAMED = f"list_contains({_WORDS}, 'aide') AND NOT list_contains(list_transform(roles, lambda each: each.role), 'aide')"
