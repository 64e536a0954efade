"""The roster as processed: what a sync selected of the cleaned rows, as a bundle of OneRoster CSVs that others can read.

Usernames are the source's own; the group's suffix is the platform's business. Source of the layout: OneRoster CSV Binding
1.1 and 1.2.1: every column of the standard in its order, every property of the manifest, and in a bulk file neither status
nor dateLastModified. There is one exception to the last: a row that is inactive by the legacy word keeps it, because
without it a reader of the bundle would take the row for an active one.
"""

import shutil
import zipfile
from pathlib import Path

import duckdb

from oneroster_engine.duckdb_session import number_of, quoted
from oneroster_engine.standard.entities import ENTITIES, REQUIRED_FILES, ROLES_1_1, Field, Kind, fields_of

VERSIONS = ("1.1", "1.2")
SYSTEM = ("OneRoster Selective Sync", "oneroster-engine")  # source.systemName and source.systemCode
MANIFEST_1_1 = (
    "academicSessions", "categories", "classes", "classResources", "courses", "courseResources", "demographics",
    "enrollments", "lineItems", "orgs", "resources", "results", "users",
)  # fmt: skip
MANIFEST_1_2 = (
    *MANIFEST_1_1, "lineItemLearningObjectiveIds", "lineItemScoreScales", "resultLearningObjectiveIds", "resultScoreScales",
    "roles", "scoreScales", "userProfiles", "userResources",
)  # fmt: skip
PASSWORD = Field("password")  # a column of the standard that is always empty here
NOT_IN_1_1 = ("userMasterIdentifier", "preferredGivenName", "preferredMiddleName", "preferredFamilyName", "primaryOrgSourcedId",
              "pronouns")  # fmt: skip
QUICK = 1  # of zlib's levels: half a second for a district of 30 MB, at a few percent more bytes
ZIP32 = 2**31


def write_roster(connection: duckdb.DuckDBPyConnection, out: Path, version: str = "1.2") -> list[str]:
    """Write the ZIP `out` from the `selected_rows_{entity}` that `selection.select` made. The same rows give the same bytes.

    A file without rows is absent, but for those that no bundle may lack. Returns what `version` has no place for, in sentences:
    1.1 knows one role a person and fewer words for it.
    """
    sources = {entity: f"selected_rows_{entity}" for entity in ENTITIES}
    if version == "1.2":
        sources |= {"roles": _ROLES, "userProfiles": _PROFILES}
    else:
        sources["users"] = f"({_USERS_1_1})"
    csv = out.with_suffix(".csv")
    rows = {name: number_of(connection, f"SELECT count(*) FROM {relation}") for name, relation in sources.items()}
    sent = [name for name in sources if rows[name] or name in REQUIRED_FILES]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=QUICK) as archive:
        with archive.open("manifest.csv", "w") as manifest:
            manifest.write(_manifest(version, sent).encode())
        for name in sent:
            columns = ", ".join(f"{_written(field)} AS {quoted(field.name)}" for field in columns_of(name, version))
            query = f"SELECT {_IN_BULK}, {columns} FROM {sources[name]}"
            connection.execute(f"COPY ({query}) TO $to (FORMAT csv, HEADER, NEW_LINE '\\r\\n')", {"to": str(csv)})
            large = csv.stat().st_size >= ZIP32
            with csv.open("rb") as written, archive.open(f"{name}.csv", "w", force_zip64=large) as packed:
                shutil.copyfileobj(written, packed, 1 << 20)
    csv.unlink()
    return _lost(connection) if version == "1.1" else []


def columns_of(name: str, version: str) -> list[Field]:
    """The standard's columns of the file, after sourcedId, status and dateLastModified, in its order."""
    columns = list(fields_of(name, version))
    if name == "users":
        columns = [field for field in columns if version == "1.2" or field.name not in NOT_IN_1_1]
        columns.insert([field.name for field in columns].index("grades") + 1, PASSWORD)
    return [*columns, PASSWORD] if name == "userProfiles" else columns


def _manifest(version: str, sent: list[str]) -> str:
    names = MANIFEST_1_1 if version == "1.1" else MANIFEST_1_2
    lines = [("propertyName", "value"), ("manifest.version", "1.0"), ("oneroster.version", version)]
    lines += [(f"file.{name}", "bulk" if name in sent else "absent") for name in names]
    lines += zip(("source.systemName", "source.systemCode"), SYSTEM, strict=True)
    return "".join(f"{name},{value}\r\n" for name, value in lines)


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


def _lost(connection: duckdb.DuckDBPyConnection) -> list[str]:
    several, unnamed = (
        number_of(connection, f"SELECT count(*) FROM selected_rows_users WHERE {each}") for each in (_SEVERAL, _UNNAMED)
    )
    losses = []
    if several:
        losses.append(f"{several:,} people have several roles. OneRoster 1.1 holds one: the first was written, with its orgs.")
    if unnamed:
        losses.append(f"{unnamed:,} people have a role that OneRoster 1.1 has no word for; it was written as aide.")
    return losses


_IN_BULK = "sourcedId, if(status = 'inactive', status, NULL) AS status, NULL AS dateLastModified"

_ROLES = """(SELECT sourcedId || '/' || place AS sourcedId, status, sourcedId AS userSourcedId, unnest(role)
FROM (SELECT sourcedId, status, unnest(roles) AS role, generate_subscripts(roles, 1) AS place FROM selected_rows_users))"""
_PROFILES = """(SELECT status, sourcedId AS userSourcedId, unnest(userProfiles, recursive := true)
FROM (SELECT status, sourcedId, userProfiles FROM selected_rows_users))"""

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
    FROM (SELECT *, {_WORDS} AS words FROM selected_rows_users)
)
"""
_SEVERAL = f"len(list_distinct({_WORDS})) > 1"
_UNNAMED = f"list_contains({_WORDS}, 'aide') AND NOT list_contains(list_transform(roles, lambda each: each.role), 'aide')"
