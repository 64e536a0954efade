"""The roster as processed: what a sync selected of the cleaned rows, as a ZIP of OneRoster 1.2 CSVs that can be read again.

Usernames are the source's own; the group's suffix is the platform's business. Roles, which 1.1 keeps on the user, get
ids of their own here.
"""

import shutil
import zipfile
from pathlib import Path

import duckdb

from oneroster_engine.duckdb_session import quoted
from oneroster_engine.standard.entities import ENTITIES, Field, Kind, fields_of

VERSION = "1.2"
COMMON = tuple(map(Field, ("sourcedId", "status", "dateLastModified")))
QUICK = 1  # of zlib's levels: half a second for a district of 30 MB, at a few percent more bytes
ZIP32 = 2**31

_ROLES = """(SELECT sourcedId || '/' || place AS sourcedId, status, dateLastModified, sourcedId AS userSourcedId, unnest(role)
FROM (SELECT sourcedId, status, dateLastModified, unnest(roles) AS role, generate_subscripts(roles, 1) AS place
      FROM reached_users))"""
_PROFILES = """(SELECT status, dateLastModified, sourcedId AS userSourcedId, unnest(userProfiles, recursive := true)
FROM (SELECT status, dateLastModified, sourcedId, userProfiles FROM reached_users))"""


def write_roster(connection: duckdb.DuckDBPyConnection, out: Path) -> None:
    """Write the ZIP `out` from the `reached_{entity}` that `selection.select` made. The same rows give the same bytes."""
    sources = {entity: f"reached_{entity}" for entity in ENTITIES} | {"roles": _ROLES, "userProfiles": _PROFILES}
    csv = out.with_suffix(".csv")
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=QUICK) as archive:
        lines = [("propertyName", "value"), ("manifest.version", "1.0"), ("oneroster.version", VERSION)]
        lines += [(f"file.{name}", "bulk") for name in sources]
        with archive.open("manifest.csv", "w") as manifest:
            manifest.write("".join(f"{name},{value}\r\n" for name, value in lines).encode())
        for name, rows in sources.items():
            columns = ", ".join(f"{_written(field)} AS {quoted(field.name)}" for field in (*COMMON, *fields_of(name, VERSION)))
            connection.execute(f"COPY (SELECT {columns} FROM {rows}) TO $to (FORMAT csv, HEADER)", {"to": str(csv)})
            large = csv.stat().st_size >= ZIP32
            with csv.open("rb") as written, archive.open(f"{name}.csv", "w", force_zip64=large) as packed:
                shutil.copyfileobj(written, packed, 1 << 20)
    csv.unlink()


def _written(field: Field) -> str:
    """SQL: a staged value as the standard's CSV has it."""
    name = quoted(field.name)
    if field.kind is Kind.LIST:
        return f"array_to_string({name}, ',')"
    if field.kind is Kind.USER_IDS:
        return f"array_to_string(list_transform({name}, lambda id: '{{' || id.type || ':' || id.identifier || '}}'), ',')"
    return f"{name}::VARCHAR"
