"""From a bundle's CSV files to the stage: clean rows, one Parquet file per entity, and every problem found.

Judges each row by `validation.md`. A bad row is a problem and is left out; a bad bundle is refused, before anything
is written. What follows from another row's problem points at it, so that one missing school is one cause.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from chalicelib.errors import BundleRefused
from chalicelib.oneroster.entities import (
    ENTITIES,
    FIELDS,
    REQUIRED_FILES,
    ROSTER_FILES,
    Field,
    Kind,
    Need,
    Words,
    fields_of,
)
from chalicelib.oneroster.manifest import Manifest, read_manifest
from chalicelib.roster.duck import connect, count, quoted
from chalicelib.roster.reading import Loaded, load

LONGEST_ID = 255  # OneRoster: a GUID is a string of 1 to 255 characters
# Parents first: a row's references are judged when the rows they name have been.
ORDER = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments")


@dataclass(frozen=True)
class Counted:
    """Rows of one entity; `read == kept + left_out`, always."""

    read: int
    kept: int
    left_out: int


@dataclass(frozen=True)
class Staged:
    """What a stage holds. `complete` says of which entities an absent row may be taken as gone."""

    version: str
    system: str
    counts: dict[str, Counted]
    modes: dict[str, str]
    complete: dict[str, bool]
    problems: dict[str, int]


def stage_orgs(bundle: Path, stage: Path) -> Counted:
    """Clean `orgs.csv` alone, so that an admin can read the list of schools while the rest is still staged.

    Writes orgs.parquet and choices/orgs.parquet, with NULL for the counts of classes and users; `stage_bundle`
    writes both again, whole. Raises BundleRefused.
    """
    read_manifest(bundle / "manifest.csv")
    orgs = bundle / "orgs.csv"
    if not orgs.is_file():
        raise BundleRefused("The bundle lacks orgs.csv. Export again with every file. Nothing was changed.")
    (stage / "choices").mkdir(parents=True, exist_ok=True)
    with connect(stage) as connection:
        connection.execute(_TABLES)
        loaded = _load(connection, orgs, "orgs", "")
        _judge(connection, "orgs", "")
        _copy(connection, f"SELECT {_columns('orgs')} FROM kept_orgs ORDER BY sourcedId", stage / "orgs.parquet")
        _copy(connection, _SCHOOLS, stage / "choices" / "orgs.parquet")
        kept = count(connection, "kept_orgs")
        return Counted(loaded.rows, kept, loaded.rows - kept)


def stage_bundle(bundle: Path, stage: Path, expected: str = "auto") -> Staged:
    """Clean the CSVs in `bundle` into `stage`: {entity}.parquet, problems.parquet, left_out.parquet, summary.json.

    Rows are sorted by sourcedId, one a sourcedId, lifted into the shape of OneRoster 1.2. Memory stays bounded for
    any number of rows. `expected` is 1.1, 1.2 or auto: a bundle that says otherwise is refused, one that says
    nothing is read as expected. Raises BundleRefused, before anything is written.
    """
    manifest = read_manifest(bundle / "manifest.csv")
    files = _files(bundle, manifest)
    version = _version(manifest.version if manifest else "", expected, files)
    stage.mkdir(parents=True, exist_ok=True)
    with connect(stage) as connection:
        connection.execute(_TABLES)
        loaded = {name: _load(connection, path, name, version) for name, path in files.items()}
        if version == "1.2" and "roles" not in files and loaded["users"].rows:
            raise BundleRefused("roles.csv is missing; OneRoster 1.2 keeps people's roles there. Nothing was changed.")
        for name in (each for each in ROSTER_FILES if each not in files):
            _nothing(connection, name, version)
        if manifest is None:
            _note(connection, "manifest.csv", "manifest-absent", f"No manifest; read as OneRoster {version} in bulk.")
        for entity in ORDER:
            _judge(connection, entity, version)
        return _write(connection, stage, manifest, version, loaded)


def _version(said: str, expected: str, files: Collection[str]) -> str:
    if said and expected not in ("auto", said):
        raise BundleRefused(
            f"manifest.csv: the bundle is OneRoster {said}, and this group takes {expected}. "
            "Send the other export or change the group's version. Nothing was changed."
        )
    guessed = "1.2" if "roles" in files else "1.1"
    return said or (guessed if expected == "auto" else expected)


def _files(bundle: Path, manifest: Manifest | None) -> dict[str, Path]:
    modes = manifest.modes if manifest else {}
    if deltas := sorted(name for name, mode in modes.items() if mode == "delta"):
        raise BundleRefused(
            f"manifest.csv: {', '.join(deltas)} is a delta; only bulk bundles are read so far. "
            "Export everything (bulk) and send it again. Nothing was changed."
        )
    files = {
        name: bundle / f"{name}.csv"
        for name in ROSTER_FILES
        if modes.get(name.casefold()) != "absent" and (bundle / f"{name}.csv").is_file()
    }
    if missing := [f"{name}.csv" for name in REQUIRED_FILES if name not in files]:
        raise BundleRefused(f"The bundle lacks {', '.join(missing)}. Export again with every file. Nothing was changed.")
    return files


def _load(connection: duckdb.DuckDBPyConnection, path: Path, name: str, version: str) -> Loaded:
    loaded = load(connection, path, fields_of(name, version), f"raw_{name}")
    if loaded.findings:
        connection.executemany(
            "INSERT INTO problem VALUES ($file, $line, $entity, $id, '', $rule, $severity, $message, NULL, $key)",
            [
                {
                    "file": path.name,
                    "line": found.line,
                    "entity": name,
                    "id": found.sourced_id,
                    "rule": found.rule,
                    "severity": found.severity,
                    "message": found.message,
                    "key": f"{path.name}:{found.line or 0}:{found.rule}",
                }
                for found in loaded.findings
            ],
        )
    connection.execute(
        "INSERT INTO left_out SELECT entity, nullif(sourcedId, ''), line, key FROM problem WHERE entity = ? AND rule = 'width'",
        [name],
    )
    return loaded


def _nothing(connection: duckdb.DuckDBPyConnection, name: str, version: str) -> None:
    columns = ["line BIGINT", "sourcedId VARCHAR", "status VARCHAR", "dateLastModified VARCHAR"]
    columns += [f"{quoted(field.name)} VARCHAR" for field in fields_of(name, version)]
    connection.execute(f"CREATE TABLE IF NOT EXISTS raw_{name} ({', '.join(columns)})")


def _note(connection: duckdb.DuckDBPyConnection, file: str, rule: str, message: str) -> None:
    row = [file, rule, message, f"{file}:0:{rule}"]
    connection.execute("INSERT INTO problem VALUES ($1, NULL, '', '', '', $2, 'note', $3, NULL, $4)", row)


def _judge(connection: duckdb.DuckDBPyConnection, entity: str, version: str) -> None:
    """Find the entity's problems and make `kept_{entity}` of the rows without an error."""
    fields = fields_of(entity, version)
    parts = ["roles", "userProfiles"] if entity == "users" and version == "1.2" else []
    for part in parts:
        _type(connection, part, fields_of(part, version))
        _judge_values(connection, part, fields_of(part, version))
        for field in fields_of(part, version):
            if field.refers and field.refers.entity == "orgs":
                _judge_reference(connection, part, field)
    _type(connection, entity, fields)
    _judge_ids(connection, entity, fields)
    _judge_values(connection, entity, fields)
    if entity == "users":
        connection.execute(_ROLES_1_2 if version == "1.2" else _ROLES_1_1)
        connection.execute(_USERS_WITHOUT_ROLE)
    for field in fields:
        if field.refers and not (entity == "users" and field.name == "orgSourcedIds"):
            _judge_reference(connection, entity, field)
    if entity == "enrollments":
        connection.execute(_SCHOOL_DIFFERS)
    for begin, end in (("startDate", "endDate"), ("beginDate", "endDate")):
        if {begin, end} <= {field.name for field in fields}:
            _leave(connection, entity, "end-before-begin", "warning", f"{quoted(end)} < {quoted(begin)}", end,
                   f"{end} is before {begin}; both were kept.")  # fmt: skip
    connection.execute(_KEEP.format(entity=entity))


def _type(connection: duckdb.DuckDBPyConnection, name: str, fields: Sequence[Field]) -> None:
    """Make `typed_{name}`: every column in its type, beside what it was where that can go wrong (`sent_...`)."""
    columns = ["line", "sourcedId", f"{_STATUS} AS status", "status AS sent_status", "dateLastModified"]
    for field in fields:
        own = quoted(field.name)
        columns.append(f"{_typed(connection, name, field)} AS {own}")
        if field.kind in (Kind.DATE, Kind.BOOLEAN) or field.words:
            columns.append(f"{own} AS {quoted('sent_' + field.name)}")
    connection.execute(f"CREATE TABLE typed_{name} AS SELECT {', '.join(columns)} FROM raw_{name}")


def _typed(connection: duckdb.DuckDBPyConnection, name: str, field: Field) -> str:
    own = quoted(field.name)
    if field.words:
        return _word(own, field.words)
    match field.kind:
        case Kind.DATE:
            return f"coalesce(try_cast(left({own}, 10) AS DATE), {_local_date(connection, name, own)})"
        case Kind.BOOLEAN:
            return (
                f"CASE WHEN lower({own}) IN ('true', '1', 'yes', 'y', 't') THEN true "
                f"WHEN lower({own}) IN ('false', '0', 'no', 'n', 'f') THEN false END"
            )
        case Kind.LIST:
            return (
                f"list_filter(list_transform(string_split(coalesce({own}, ''), ','), lambda each: trim(each)), "
                "lambda each: each <> '')"
            )
        case Kind.USER_IDS:
            return (
                f"list_transform(regexp_extract_all(coalesce({own}, ''), '\\{{[^}}:]*:[^}}]*\\}}'), lambda each: "
                "{'type': regexp_extract(each, '\\{([^:]*):', 1), 'identifier': regexp_extract(each, ':([^}]*)\\}', 1)})"
            )
        case _:
            return own


def _word(own: str, words: Words) -> str:
    """The standard's spelling of the word, NULL for another; 1.2's `ext:` values stay as they are."""
    pairs = ", ".join(f"'{word.casefold()}': '{word}'" for word in (*words.allowed, *words.also))
    return f"CASE WHEN {own} LIKE 'ext:_%' THEN {own} ELSE (MAP {{{pairs}}})[lower({own})] END"


def _local_date(connection: duckdb.DuckDBPyConnection, name: str, own: str) -> str:
    """How the column writes dates that aren't ISO, if the whole column decides it; else they stay unread.

    03/04/2026 is no date as long as nothing in the column says which part is the month.
    """
    shape = r"^\d{1,2}[/.]\d{1,2}[/.]\d{4}$"
    found = connection.execute(
        f"SELECT max(try_cast(regexp_extract({own}, '^(\\d+)', 1) AS INT)), "
        f"max(try_cast(regexp_extract({own}, '^\\d+[/.](\\d+)', 1) AS INT)) "
        f"FROM raw_{name} WHERE regexp_matches({own}, '{shape}')"
    ).fetchone()
    first, second = found if found else (None, None)
    if first is None or second is None or (first > 12) == (second > 12):
        return "NULL"
    order = "%d/%m/%Y" if first > 12 else "%m/%d/%Y"
    return f"try_strptime(replace({own}, '.', '/'), '{order}')::DATE"


def _judge_ids(connection: duckdb.DuckDBPyConnection, entity: str, fields: Sequence[Field]) -> None:
    malformed = f"sourcedId IS NULL OR length(sourcedId) > {LONGEST_ID} OR regexp_matches(sourcedId, '[\\x00-\\x1f\\x7f]')"
    _leave(connection, entity, "sourced-id", "error", malformed, "sourcedId",
           "sourcedId is empty or malformed (1 to 255 characters, none of them a control character).")  # fmt: skip
    sent = ", ".join(quoted(field.name) for field in fields)
    connection.execute(_REPEATED.format(entity=entity, sent=sent))


def _judge_values(connection: duckdb.DuckDBPyConnection, name: str, fields: Sequence[Field]) -> None:
    _leave(connection, name, "status", "warning", "sent_status IS NOT NULL AND status = ''", "status",
           "unknown status; read as blank.")  # fmt: skip
    for field in fields:
        own, sent = quoted(field.name), quoted("sent_" + field.name)
        empty = f"len({own}) = 0" if field.kind is Kind.LIST else f"{own} IS NULL"
        if field.words:
            severity = "error" if field.words.strict else "warning"
            unknown = f"{own} IS NULL AND {sent} IS NOT NULL"
            _leave(connection, name, "unknown-word", severity, unknown, field.name,
                   f"{field.name} is none of: {', '.join(field.words.allowed)}.")  # fmt: skip
            empty = f"{sent} IS NULL" if field.words.strict else empty
            if field.words.also:
                unusual = f"{own} IN ({', '.join(repr(word) for word in field.words.also)})"
                _leave(connection, name, "unusual-word", "warning", unusual, field.name,
                       f"the standard does not allow this {field.name} here; it was kept.")  # fmt: skip
        elif field.kind in (Kind.DATE, Kind.BOOLEAN):
            form = "YYYY-MM-DD" if field.kind is Kind.DATE else "true or false"
            severity, fate = ("error", "the row needs it") if field.need is Need.REQUIRED else ("warning", "it was dropped")
            message = f"{field.name} can't be read for certain; {fate}. Write it as {form}."
            unread = f"{own} IS NULL AND {sent} IS NOT NULL"
            _leave(connection, name, f"unreadable-{field.kind}", severity, unread, field.name, message)
        if field.need is Need.REQUIRED:
            _leave(connection, name, "required", "error", empty, field.name, f"{field.name} is empty; the row needs it.")
        elif field.need is Need.EXPECTED:
            _leave(connection, name, "expected", "warning", empty, field.name, f"{field.name} is empty.")


def _leave(
    connection: duckdb.DuckDBPyConnection, name: str, rule: str, severity: str, when: str, field: str, message: str
) -> None:
    """Write a problem for every row of `typed_{name}` that is not tobedeleted and where `when` holds."""
    connection.execute(
        _PROBLEM.format(name=name, when=when),
        {"file": f"{name}.csv", "name": name, "rule": rule, "severity": severity, "field": field, "message": message},
    )
    if severity == "error":
        connection.execute(_LEFT_OUT, {"name": name, "rule": rule, "field": field})


def _judge_reference(connection: duckdb.DuckDBPyConnection, entity: str, field: Field) -> None:
    """A dangling required reference leaves the row out, caused by the row it hangs on; any other is dropped."""
    assert field.refers is not None
    target = field.refers.entity
    known = "SELECT sourcedId FROM typed_{0} WHERE line NOT IN (SELECT line FROM left_out WHERE entity = '{0}')"
    words = {
        "entity": entity,
        "target": target,
        "field": quoted(field.name),
        "known": known.format(target),
        "file": f"{entity}.csv",
        "name": field.name,
    }
    if field.refers.required:
        connection.execute(_DANGLING_REQUIRED.format(**words))
        connection.execute(_LEFT_OUT, {"name": entity, "rule": "unknown-reference", "field": field.name})
    elif field.kind is Kind.LIST:
        connection.execute(_DANGLING_LIST.format(**words))
    else:
        connection.execute(_DANGLING_OPTIONAL.format(**words))


def _write(
    connection: duckdb.DuckDBPyConnection,
    stage: Path,
    manifest: Manifest | None,
    version: str,
    loaded: dict[str, Loaded],
) -> Staged:
    connection.execute(_CHOICES)
    columns = {entity: _columns(entity) for entity in ENTITIES}
    for entity in ENTITIES:
        _copy(connection, f"SELECT {columns[entity]} FROM kept_{entity} ORDER BY sourcedId", stage / f"{entity}.parquet")
    _copy(connection, "SELECT * REPLACE (coalesce(cause, key) AS cause) FROM problem ORDER BY file, line",
          stage / "problems.parquet")  # fmt: skip
    _copy(connection, "SELECT DISTINCT entity, sourcedId FROM left_out ORDER BY ALL", stage / "left_out.parquet")
    (stage / "choices").mkdir(exist_ok=True)
    _copy(connection, "SELECT * FROM org_choices ORDER BY name, sourcedId", stage / "choices" / "orgs.parquet")
    _copy(connection, "SELECT * FROM class_choices ORDER BY title, sourcedId", stage / "choices" / "classes.parquet")
    read = {entity: loaded[entity].rows if entity in loaded else 0 for entity in ENTITIES}
    kept = {entity: count(connection, f"kept_{entity}") for entity in ENTITIES}
    severities = connection.execute("SELECT severity, count(*) FROM problem GROUP BY severity").fetchall()
    staged = Staged(
        version=version,
        system=manifest.system if manifest else "",
        counts={entity: Counted(read[entity], kept[entity], read[entity] - kept[entity]) for entity in ENTITIES},
        modes={entity: "bulk" if entity in loaded else "absent" for entity in ENTITIES},
        complete={entity: kept[entity] > 0 for entity in ENTITIES},
        problems={severity: int(number) for severity, number in severities},
    )
    (stage / "summary.json").write_text(json.dumps(asdict(staged), indent=1, sort_keys=True))
    return staged


def _columns(entity: str) -> str:
    names = ["sourcedId", "status", "dateLastModified", "line", *(field.name for field in FIELDS[entity])]
    names += ["roles", "userProfiles", "userType", "statusCell"] if entity == "users" else []
    return ", ".join(map(quoted, names))


def _copy(connection: duckdb.DuckDBPyConnection, query: str, to: Path) -> None:
    connection.execute(f"COPY ({query}) TO $to (FORMAT parquet, COMPRESSION zstd)", {"to": str(to)})


_TABLES = """
CREATE TABLE problem (file VARCHAR, line BIGINT, entity VARCHAR, sourcedId VARCHAR, field VARCHAR, rule VARCHAR,
                      severity VARCHAR, message VARCHAR, cause VARCHAR, key VARCHAR);
CREATE TABLE left_out (entity VARCHAR, sourcedId VARCHAR, line BIGINT, cause VARCHAR);
"""

# Rule 1 of the architecture: the legacy word `inactive` never removes anybody.
_STATUS = """CASE lower(regexp_replace(coalesce(status, ''), '[-_ ]', '', 'g'))
    WHEN 'active' THEN 'active' WHEN 'inactive' THEN 'inactive' WHEN 'tobedeleted' THEN 'tobedeleted' ELSE '' END"""

_PROBLEM = """
INSERT INTO problem
SELECT $file, line, $name, coalesce(sourcedId, ''), $field, $rule, $severity,
       $file || ', line ' || line || ': ' || $message, NULL, $file || ':' || line || ':' || $rule || ':' || $field
FROM typed_{name}
WHERE ({when}) AND (status <> 'tobedeleted' OR $rule = 'sourced-id')
  AND line NOT IN (SELECT line FROM left_out WHERE entity = $name AND line IS NOT NULL)
"""

_LEFT_OUT = """
INSERT INTO left_out
SELECT entity, nullif(sourcedId, ''), line, coalesce(cause, key) FROM problem
WHERE entity = $name AND rule = $rule AND field = $field AND severity = 'error'
"""

_REPEATED = """
INSERT INTO problem
WITH repeated AS (
    SELECT line, sourcedId, row(status, {sent}) AS said FROM typed_{entity}
    WHERE sourcedId IN (SELECT sourcedId FROM typed_{entity} GROUP BY sourcedId HAVING count(*) > 1)
      AND line NOT IN (SELECT line FROM left_out WHERE entity = '{entity}')
), first AS (SELECT sourcedId, min(line) AS line, arg_min(said, line) AS said FROM repeated GROUP BY sourcedId)
SELECT '{entity}.csv', repeated.line, '{entity}', sourcedId, 'sourcedId',
       if(same, 'repeated', 'repeated-differently'), if(same, 'warning', 'error'),
       '{entity}.csv, line ' || repeated.line || ': the sourcedId stands in line ' || first.line || ' already'
       || if(same, ', in an identical row; one was kept.', ', in a different row; the first was kept. Correct one of them.'),
       NULL, '{entity}.csv:' || repeated.line || ':repeated'
FROM repeated JOIN first USING (sourcedId), LATERAL (SELECT repeated.said IS NOT DISTINCT FROM first.said AS same)
WHERE repeated.line > first.line;
INSERT INTO left_out
SELECT entity, sourcedId, line, key FROM problem WHERE entity = '{entity}' AND rule IN ('repeated', 'repeated-differently')
"""

_DANGLING_REQUIRED = """
INSERT INTO problem
SELECT '{file}', own.line, '{entity}', coalesce(own.sourcedId, ''), '{name}', 'unknown-reference', 'error',
       '{file}, line ' || own.line || ': {name} names no row of {target}.csv that could be kept.',
       coalesce(root.cause, '{target}.csv:missing:' || own.{field}), '{file}:' || own.line || ':unknown-reference:{name}'
FROM typed_{entity} own
LEFT JOIN (SELECT sourcedId, min(cause) AS cause FROM left_out WHERE entity = '{target}' GROUP BY sourcedId) root
       ON root.sourcedId = own.{field}
WHERE own.status <> 'tobedeleted' AND own.{field} IS NOT NULL AND own.{field} NOT IN ({known})
  AND own.line NOT IN (SELECT line FROM left_out WHERE entity = '{entity}')
"""

_DANGLING_OPTIONAL = """
INSERT INTO problem
SELECT '{file}', line, '{entity}', sourcedId, '{name}', 'unknown-reference', 'warning',
       '{file}, line ' || line || ': {name} names no row of {target}.csv that could be kept; it was dropped.',
       NULL, '{file}:' || line || ':unknown-reference:{name}'
FROM typed_{entity}
WHERE status <> 'tobedeleted' AND {field} IS NOT NULL AND {field} NOT IN ({known})
  AND line NOT IN (SELECT line FROM left_out WHERE entity = '{entity}');
UPDATE typed_{entity} SET {field} = NULL WHERE {field} IS NOT NULL AND {field} NOT IN ({known})
"""

_DANGLING_LIST = """
CREATE OR REPLACE TABLE dangling AS
SELECT DISTINCT line, each FROM (SELECT line, status, unnest({field}) AS each FROM typed_{entity})
WHERE status <> 'tobedeleted' AND each NOT IN ({known});
INSERT INTO problem
SELECT '{file}', line, '{entity}', any_value(sourcedId), '{name}', 'unknown-reference', 'warning',
       '{file}, line ' || line || ': ' || count(*) || ' of {name} name no row of {target}.csv that could be kept; dropped.',
       NULL, '{file}:' || line || ':unknown-reference:{name}'
FROM dangling JOIN typed_{entity} USING (line)
WHERE line NOT IN (SELECT line FROM left_out WHERE entity = '{entity}') GROUP BY line;
UPDATE typed_{entity} SET {field} = list_filter({field}, lambda each: NOT list_contains(gone.ids, each))
FROM (SELECT line AS at, list(each) AS ids FROM dangling GROUP BY line) gone WHERE line = gone.at
"""

_ORGS_KEPT = "SELECT sourcedId FROM kept_orgs"

# 1.1 keeps one role and a list of schools on the person: the first school is the primary one.
_ROLES_1_1 = f"""
CREATE TABLE roles_of AS
SELECT line, list({{'roleType': if(place = 1, 'primary', 'secondary'), 'role': "role", 'orgSourcedId': org,
                   'beginDate': NULL::DATE, 'endDate': NULL::DATE, 'userProfileSourcedId': NULL::VARCHAR}} ORDER BY place)
       AS roles
FROM (SELECT line, "role", unnest(orgSourcedIds) AS org, unnest(range(1, len(orgSourcedIds) + 1)) AS place
      FROM typed_users WHERE "role" IS NOT NULL)
WHERE org IN ({_ORGS_KEPT}) GROUP BY line;
INSERT INTO problem
SELECT 'users.csv', line, 'users', any_value(sourcedId), 'orgSourcedIds', 'unknown-reference', 'warning',
       'users.csv, line ' || line || ': ' || count(*) || ' of orgSourcedIds name no row of orgs.csv that could be kept.',
       NULL, 'users.csv:' || line || ':unknown-reference:orgSourcedIds'
FROM (SELECT line, sourcedId, status, unnest(orgSourcedIds) AS org FROM typed_users)
WHERE status <> 'tobedeleted' AND org NOT IN ({_ORGS_KEPT}) AND line IN (SELECT line FROM roles_of) GROUP BY line;
CREATE TABLE profiles_of (line BIGINT, profiles STRUCT(sourcedId VARCHAR, profileType VARCHAR, vendorId VARCHAR,
    applicationId VARCHAR, description VARCHAR, credentialType VARCHAR, username VARCHAR)[]);
CREATE TABLE missing_org AS
SELECT line, min(org) AS org FROM (SELECT line, unnest(orgSourcedIds) AS org FROM typed_users)
WHERE org NOT IN ({_ORGS_KEPT}) GROUP BY line
"""

_ROLES_1_2 = f"""
CREATE TABLE roles_of AS
SELECT users.line, list({{'roleType': coalesce(roles.roleType, 'secondary'), 'role': roles."role",
    'orgSourcedId': roles.orgSourcedId, 'beginDate': roles.beginDate, 'endDate': roles.endDate,
    'userProfileSourcedId': roles.userProfileSourcedId}}
    ORDER BY roles.roleType IS DISTINCT FROM 'primary', roles.sourcedId, roles.line) AS roles
FROM typed_users users JOIN typed_roles roles ON roles.userSourcedId = users.sourcedId
WHERE roles."role" IS NOT NULL AND roles.status <> 'tobedeleted' AND roles.orgSourcedId IN ({_ORGS_KEPT})
GROUP BY users.line;
CREATE TABLE profiles_of AS
SELECT users.line, list({{'sourcedId': p.sourcedId, 'profileType': p.profileType, 'vendorId': p.vendorId,
    'applicationId': p.applicationId, 'description': p.description, 'credentialType': p.credentialType,
    'username': p.username}} ORDER BY p.sourcedId, p.line) AS profiles
FROM typed_users users JOIN typed_userProfiles p ON p.userSourcedId = users.sourcedId
WHERE p.status <> 'tobedeleted' GROUP BY users.line;
CREATE TABLE missing_org AS
SELECT users.line, min(roles.orgSourcedId) AS org
FROM typed_users users JOIN typed_roles roles ON roles.userSourcedId = users.sourcedId
WHERE roles.orgSourcedId NOT IN ({_ORGS_KEPT}) GROUP BY users.line
"""

_USERS_WITHOUT_ROLE = """
INSERT INTO problem
SELECT 'users.csv', line, 'users', sourcedId, 'roles', 'without-role', 'error',
       'users.csv, line ' || line || ': no role at an org that could be kept.',
       coalesce((SELECT min(cause) FROM left_out WHERE entity = 'orgs' AND left_out.sourcedId = missing_org.org),
                'orgs.csv:missing:' || missing_org.org), 'users.csv:' || line || ':without-role'
FROM typed_users LEFT JOIN missing_org USING (line)
WHERE status <> 'tobedeleted' AND line NOT IN (SELECT line FROM roles_of)
  AND line NOT IN (SELECT line FROM left_out WHERE entity = 'users');
INSERT INTO left_out SELECT entity, sourcedId, line, coalesce(cause, key) FROM problem WHERE rule = 'without-role';
ALTER TABLE typed_users ADD COLUMN roles STRUCT(roleType VARCHAR, "role" VARCHAR, orgSourcedId VARCHAR,
    beginDate DATE, endDate DATE, userProfileSourcedId VARCHAR)[];
ALTER TABLE typed_users ADD COLUMN userProfiles STRUCT(sourcedId VARCHAR, profileType VARCHAR, vendorId VARCHAR,
    applicationId VARCHAR, description VARCHAR, credentialType VARCHAR, username VARCHAR)[];
ALTER TABLE typed_users ADD COLUMN userType VARCHAR;
ALTER TABLE typed_users ADD COLUMN statusCell VARCHAR;
UPDATE typed_users SET roles = roles_of.roles FROM roles_of WHERE typed_users.line = roles_of.line;
UPDATE typed_users SET userProfiles = profiles_of.profiles FROM profiles_of WHERE typed_users.line = profiles_of.line;
UPDATE typed_users SET roles = coalesce(roles, []), userProfiles = coalesce(userProfiles, []);
UPDATE typed_users SET
    userType = roles[1]."role",
    primaryOrgSourcedId = coalesce(primaryOrgSourcedId, roles[1].orgSourcedId),
    statusCell = CASE WHEN status = 'tobedeleted' THEN 'deleted'
                      WHEN status = 'inactive' OR enabledUser = false THEN 'inactive'
                      WHEN status = 'active' THEN 'active' ELSE 'blank' END
"""

_SCHOOL_DIFFERS = """
INSERT INTO problem
SELECT 'enrollments.csv', own.line, 'enrollments', own.sourcedId, 'schoolSourcedId', 'school-differs', 'warning',
       'enrollments.csv, line ' || own.line || ': its school differs from its class''s; the class''s school counts.',
       NULL, 'enrollments.csv:' || own.line || ':school-differs'
FROM typed_enrollments own JOIN kept_classes ON kept_classes.sourcedId = own.classSourcedId
WHERE own.status <> 'tobedeleted' AND own.schoolSourcedId <> kept_classes.schoolSourcedId
  AND own.line NOT IN (SELECT line FROM left_out WHERE entity = 'enrollments');
UPDATE typed_enrollments SET schoolSourcedId = kept_classes.schoolSourcedId
FROM kept_classes WHERE kept_classes.sourcedId = classSourcedId
"""

_KEEP = """
CREATE TABLE kept_{entity} AS
SELECT * FROM typed_{entity} WHERE line NOT IN (SELECT line FROM left_out WHERE entity = '{entity}')
"""

_SCHOOLS = """
SELECT own.sourcedId, own.name, own.type, coalesce(own.identifier, '') AS identifier, coalesce(up.name, '') AS parent,
       own.parentSourcedId, NULL::BIGINT AS classes, NULL::BIGINT AS users
FROM kept_orgs own LEFT JOIN kept_orgs up ON up.sourcedId = own.parentSourcedId
WHERE own.status <> 'tobedeleted' AND own.type = 'school' ORDER BY own.name, own.sourcedId
"""

_CHOICES = """
CREATE TABLE class_choices AS
WITH members AS (
    SELECT classSourcedId, count(DISTINCT userSourcedId) AS users,
           count(DISTINCT userSourcedId) FILTER ("role" = 'student') AS students,
           count(DISTINCT userSourcedId) FILTER ("role" = 'teacher') AS teachers
    FROM kept_enrollments WHERE status <> 'tobedeleted' GROUP BY classSourcedId
)
SELECT own.sourcedId, own.title, coalesce(own.classCode, '') AS classCode, coalesce(courses.title, '') AS course,
       coalesce((SELECT string_agg(title, '; ' ORDER BY startDate, title) FROM kept_academicSessions
                 WHERE list_contains(own.termSourcedIds, sourcedId)), '') AS terms,
       own.grades, own.subjects, own.schoolSourcedId, coalesce(orgs.name, '') AS school,
       coalesce(students, 0) AS students, coalesce(teachers, 0) AS teachers, coalesce(users, 0) AS users
FROM kept_classes own LEFT JOIN kept_courses courses ON courses.sourcedId = own.courseSourcedId
LEFT JOIN kept_orgs orgs ON orgs.sourcedId = own.schoolSourcedId
LEFT JOIN members ON members.classSourcedId = own.sourcedId WHERE own.status <> 'tobedeleted';
CREATE TABLE org_choices AS
WITH classes AS (SELECT schoolSourcedId AS sourcedId, count(*) AS classes FROM class_choices GROUP BY 1),
people AS (SELECT org AS sourcedId, count(DISTINCT id) AS users
           FROM (SELECT sourcedId AS id, status, unnest(list_transform(roles, lambda r: r.orgSourcedId)) AS org
                 FROM kept_users) WHERE status <> 'tobedeleted' GROUP BY 1)
SELECT own.sourcedId, own.name, own.type, coalesce(own.identifier, '') AS identifier, coalesce(up.name, '') AS parent,
       own.parentSourcedId, coalesce(classes, 0) AS classes, coalesce(users, 0) AS users
FROM kept_orgs own LEFT JOIN kept_orgs up ON up.sourcedId = own.parentSourcedId
LEFT JOIN classes ON classes.sourcedId = own.sourcedId LEFT JOIN people ON people.sourcedId = own.sourcedId
WHERE own.status <> 'tobedeleted' AND (own.type = 'school' OR classes > 0)
"""
