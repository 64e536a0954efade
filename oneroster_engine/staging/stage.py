"""From a bundle's CSV files to the stage: clean rows, one Parquet file per entity, and every problem found.

Reads the files in the order in which they name each other. `lane.py` passes on the rows that are beyond doubt,
`judging.py` judges the rest by `validation.md`. A bad row is a problem and is left out; a bad bundle is refused,
before anything is written.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from oneroster_engine.duckdb_session import connect, count, number_of, quoted, side_by_side
from oneroster_engine.errors import BundleRefused
from oneroster_engine.staging import fast_path, judging
from oneroster_engine.staging.delta import SENT_EARLIER, View, merge
from oneroster_engine.staging.judging import doubt, judge_reference
from oneroster_engine.staging.reading import Loaded, columns_of, load, no_rows
from oneroster_engine.standard.entities import ENTITIES, FIELDS, REQUIRED_FILES, ROSTER_FILES, Field, Kind, fields_of
from oneroster_engine.standard.manifest import Manifest, read_manifest

# Each file after those that its rows name. People's profiles and roles come before the people, who need a role. Chains that
# name nothing of each other are read side by side: a small file alone keeps one processor busy and the other waiting.
ORDER = (
    (("orgs",),),
    (("academicSessions", "courses", "classes"), ("userProfiles", "roles", "users")),
    (("enrollments",),),
)
MOST_PROBLEMS = 1_000_000  # kept whole; above, all are counted and each cause's first are kept


@dataclass(frozen=True)
class Counted:
    """Rows of one entity; `read == kept + left_out`, always."""

    read: int
    kept: int
    left_out: int


@dataclass(frozen=True)
class Staged:
    """What a stage holds. `complete` says of which entities an absent row may be taken as gone; `incomplete` why not,
    where the reason isn't that there are no rows."""

    version: str
    system: str
    counts: dict[str, Counted]
    modes: dict[str, str]
    complete: dict[str, bool]
    problems: dict[str, int]
    incomplete: dict[str, str] = field(default_factory=dict)


def stage_orgs(bundle: Path, stage: Path, view: View | None = None) -> Counted:
    """Clean `orgs.csv` alone, so that an admin can read the list of schools while the rest is still staged.

    Writes orgs.parquet and choices/orgs.parquet, with NULL for the counts of classes and users; `stage_bundle`
    writes both again, whole. Raises BundleRefused.
    """
    manifest = read_manifest(bundle / "manifest.csv")
    orgs = bundle / "orgs.csv"
    deltas = manifest.deltas() if manifest else frozenset[str]()
    sent = _Sent({"orgs": orgs} if orgs.is_file() else {}, "", deltas, _merged(deltas, view))
    if missing := sent.missing(("orgs",)):
        raise BundleRefused(f"The bundle lacks {missing}. Export again with every file.")
    (stage / "choices").mkdir(parents=True, exist_ok=True)
    with connect(stage, joins_as_written=True) as connection:
        connection.execute(judging.TABLES)
        loaded = _load(connection, sent, "orgs")
        _judge(connection, "orgs", "", frozenset())
        _copy(connection, f"SELECT {_columns('orgs')} FROM kept_orgs", stage / "orgs.parquet")
        _copy(connection, _SCHOOLS, stage / "choices" / "orgs.parquet")
        kept = count(connection, "kept_orgs")
        read = loaded.rows if loaded else 0
        return Counted(read, kept, read - kept)


def stage_bundle(
    bundle: Path,
    stage: Path,
    expected: str = "auto",
    match_with: str = "sourcedId",
    incomplete: Mapping[str, str] | None = None,
    view: View | None = None,
    arrived: Callable[[str], None] = lambda name: None,
) -> Staged:
    """Clean the CSVs in `bundle` into `stage`: {entity}.parquet, problems.parquet, left_out.parquet, summary.json.

    There is one row a sourcedId, in no order that means anything, lifted into the shape of OneRoster 1.2. Memory stays bounded
    for any number of rows. `expected` is 1.1, 1.2 or auto: a bundle that says otherwise is refused, one that says
    nothing is read as expected. A person without a username is left out where the group matches people by it.
    `incomplete` names entities that the source did not prove to be whole, each with why, in a sentence. Files of changes
    only (delta) are merged into the `view`; a row of it has no line. `arrived` waits until a file of the bundle is whole, and
    is asked before one is read. Raises BundleRefused, before anything is written to `stage`.
    """
    arrived("manifest.csv")
    manifest = read_manifest(bundle / "manifest.csv")
    sent = _sent(bundle, manifest, expected, view)
    stage.mkdir(parents=True, exist_ok=True)
    needed = frozenset({"username"} & {match_with})
    with (
        connect(stage, joins_as_written=True) as connection,
        TemporaryDirectory(dir=stage.parent, prefix="ahead-") as folder,  # the bundle may still be refused
    ):
        ahead = Path(folder)
        connection.execute(judging.TABLES)
        loaded: dict[str, Loaded] = {}
        for chains in ORDER:
            reads = [partial(_read, connection.cursor(), ahead, chain, sent, needed, arrived) for chain in chains]
            for read in side_by_side(reads):
                loaded |= read
        _tell_of_manifest(connection, manifest, bundle, sent)
        unproved = {**{name: _SWALLOWED for name, each in loaded.items() if not each.whole}, **(incomplete or {})}
        for path in ahead.iterdir():
            path.replace(stage / path.name)
        return _write(connection, stage, manifest, sent, loaded, unproved)


_SWALLOWED = "a quote is left open in its file, so rows may be missing"


def _version(said: str, expected: str, files: Collection[str]) -> str:
    if said and expected not in ("auto", said):
        raise BundleRefused(
            f"manifest.csv: the bundle is OneRoster {said}, and this group takes {expected}. "
            "Send the other export or change the group's version."
        )
    guessed = "1.2" if "roles" in files else "1.1"
    return said or (guessed if expected == "auto" else expected)


@dataclass(frozen=True)
class _Sent:
    """A bundle: its files by their names, its version, which of them are deltas, and what those are merged into."""

    files: Mapping[str, Path]
    version: str
    deltas: frozenset[str]
    view: View | None

    def missing(self, names: Collection[str]) -> str:
        return ", ".join(f"{name}.csv" for name in names if name not in self.files and not (self.view and self.view.holds(name)))


def _sent(bundle: Path, manifest: Manifest | None, expected: str, view: View | None) -> _Sent:
    """Raises BundleRefused."""
    modes = manifest.modes if manifest else {}
    files = {
        name: bundle / f"{name}.csv"
        for name in ROSTER_FILES
        if modes.get(name.casefold()) != "absent" and (bundle / f"{name}.csv").is_file()
    }
    version = _version(manifest.version if manifest else "", expected, files)
    deltas = manifest.deltas() if manifest else frozenset[str]()
    if view := _merged(deltas, view):
        version = _version_held(view, manifest.version if manifest else "")
        (view.after / "manifest.csv").write_text(f"propertyName,value\noneroster.version,{version}\n")
    sent = _Sent(files, version, deltas, view)
    if missing := sent.missing(REQUIRED_FILES):
        raise BundleRefused(f"The bundle lacks {missing}. Export again with every file.")
    return sent


def _merged(deltas: Collection[str], view: View | None) -> View | None:
    """The view, where the bundle has a file to merge into it. Raises BundleRefused."""
    if not deltas:
        return None
    if not view:
        raise BundleRefused(
            f"manifest.csv: {', '.join(sorted(deltas))} is a delta, and there is nothing to merge it into yet. "
            "Send a bundle of everything (bulk) once, then deltas."
        )
    view.after.mkdir(parents=True, exist_ok=True)
    return view


def _version_held(view: View, said: str) -> str:
    held = read_manifest(view.before / "manifest.csv")
    version = held.version if held and held.version else "1.2" if view.holds("roles") else "1.1"
    if said and said != version:
        raise BundleRefused(
            f"manifest.csv: the delta is OneRoster {said}, and what it must be merged into is {version}. "
            "Send a bundle of everything (bulk) once."
        )
    return version


def _tell_of_manifest(connection: duckdb.DuckDBPyConnection, manifest: Manifest | None, bundle: Path, sent: _Sent) -> None:
    if manifest is None:
        said = f"No manifest; read as OneRoster {sent.version} in bulk."
        return judging.tell(connection, "manifest", "manifest-absent", "note", said)
    for name in ROSTER_FILES:
        mode = manifest.modes.get(name.casefold())
        if mode == "absent" and (bundle / f"{name}.csv").is_file():
            said = f"The manifest calls {name}.csv absent, yet it is in the bundle; it was not read."
            judging.tell(connection, name, "manifest-differs", "warning", said)
        if mode in ("bulk", "delta") and name not in sent.files:
            said = f"The manifest promises {name}.csv, yet it is not in the bundle; nothing of it is removed."
            judging.tell(connection, name, "manifest-differs", "warning", said)
    return None


def _read(
    connection: duckdb.DuckDBPyConnection,
    ahead: Path,
    chain: Sequence[str],
    sent: _Sent,
    needed: frozenset[str],
    arrived: Callable[[str], None],
) -> dict[str, Loaded]:
    loaded: dict[str, Loaded] = {}
    for name in chain:
        arrived(f"{name}.csv")
        if read := _load(connection, sent, name):
            loaded[name] = read
        if name == "users" and sent.version == "1.2" and "roles" not in loaded and read and read.rows:
            raise BundleRefused("roles.csv is missing; OneRoster 1.2 keeps people's roles there. Export again with it.")
        _judge(connection, name, sent.version, needed if name == "users" else frozenset())
        if name in ENTITIES and name != "enrollments":  # those are written beside the choices
            _write_entity(connection, ahead, name)
    return loaded


def _load(connection: duckdb.DuckDBPyConnection, sent: _Sent, name: str) -> Loaded | None:
    """Make `read_{name}`, without rows where there is no such file."""
    fields, path = fields_of(name, sent.version), sent.files.get(name)
    to_types = fast_path.lane(name, fields)
    if sent.view and (path or sent.view.holds(name)):
        loaded = merge(connection, name, fields, path, sent.view, name in sent.deltas, to_types)
    elif path:
        loaded = load(connection, path, fields, f"read_{name}", to_types)
    else:
        connection.execute(f"CREATE TABLE read_{name} AS {to_types(no_rows(fields))}")
        return None
    judging.report(connection, name, loaded.findings)
    return loaded


def _judge(connection: duckdb.DuckDBPyConnection, name: str, version: str, needed: frozenset[str]) -> None:
    """Find the file's problems, and make `kept_{name}` of its rows without an error and `ids_{name}` of their ids."""
    fields = fields_of(name, version)
    connection.execute(f"CREATE VIEW beyond_{name} AS {fast_path.beyond(name, fields)}")
    judging.type_doubtful(connection, name, fields)
    if judging.repeats(connection, name):
        doubt(connection, name, fields, judging.repeated_lines(name))
    for each in fields:
        if each.refers and each.refers.entity == name and each.kind is Kind.TEXT:
            doubt(connection, name, fields, judging.unsure_parents(name, each))
    if name == "users":
        connection.execute(_ROLES_OF)
        doubt(connection, name, fields, _UNSURE_ROLES_1_2 if version == "1.2" else _UNSURE_ROLES_1_1)
    if count(connection, f"typed_{name}"):
        _judge_doubtful(connection, name, fields, needed)
    if name == "users":
        connection.execute(_TYPED_ROLES_1_2 if version == "1.2" else _TYPED_ROLES_1_1)
        connection.execute(_USERS_WITHOUT_ROLE)
    connection.execute(_standing(name, version))
    kept = f"standing_{name}"
    for each in fields:
        if each.refers and each.kind is Kind.LIST and each.name != "orgSourcedIds":
            known = f"SELECT sourcedId FROM {'standing' if each.refers.entity == name else 'kept'}_{each.refers.entity}"
            kept = judging.drop_dangling(connection, name, each, kept, known)
    connection.execute(f"CREATE VIEW kept_{name} AS SELECT * FROM {kept}")
    if name != "enrollments":
        more = {"orgs": ", type", "classes": ", schoolSourcedId"}.get(name, "")
        connection.execute(
            f"CREATE TABLE ids_{name} AS SELECT (row_number() OVER ())::INTEGER AS no, sourcedId{more} FROM kept_{name}"
        )
    if name == "users" and version == "1.2":
        for part in ("roles", "userProfiles"):
            _judge_people_of(connection, part)


def _judge_doubtful(connection: duckdb.DuckDBPyConnection, name: str, fields: Sequence[Field], needed: frozenset[str]) -> None:
    if name in ENTITIES:
        judging.judge_ids(connection, name, fields)
    judging.judge_values(connection, name, fields, needed)
    for each in fields:
        if each.refers and each.refers.entity == name and each.kind is Kind.TEXT:
            judging.judge_parents(connection, name, each)
        elif each.refers and each.kind is Kind.TEXT and f"{name}.{each.name}" not in fast_path.NAMED_LATER:
            judge_reference(connection, name, each)
    if name == "enrollments":
        connection.execute(_SCHOOL_DIFFERS)


def _judge_people_of(connection: duckdb.DuckDBPyConnection, part: str) -> None:
    """Roles and profiles of people who aren't there: an error of their own row, now that the people have been read."""
    person = next(each for each in FIELDS[part] if each.name == "userSourcedId")
    strangers = f"SELECT line FROM beyond_{part} WHERE userSourcedId NOT IN (SELECT sourcedId FROM ids_users)"
    doubt(connection, part, FIELDS[part], strangers)
    judge_reference(connection, part, person)


def _standing(name: str, version: str) -> str:
    """The rows that cost nothing: those beyond doubt, and the doubtful ones that no error left out."""
    columns = _columns(name) if name in ENTITIES else ", ".join(map(quoted, ("line", *columns_of(FIELDS[name]))))
    beyond = f"beyond_{name}" if name != "users" else _LIFTED_1_2 if version == "1.2" else _LIFTED_1_1
    return (
        f"CREATE VIEW standing_{name} AS SELECT {columns} FROM {beyond} ANTI JOIN doubted_{name} USING (line) "
        f"UNION ALL SELECT {columns} FROM typed_{name} WHERE line NOT IN "
        f"(SELECT line FROM left_out WHERE entity = '{name}' AND line IS NOT NULL)"
    )


def _write(
    connection: duckdb.DuckDBPyConnection,
    stage: Path,
    manifest: Manifest | None,
    sent: _Sent,
    loaded: Mapping[str, Loaded],
    incomplete: Mapping[str, str],
) -> Staged:
    (stage / "choices").mkdir(exist_ok=True)
    severities = connection.execute("SELECT severity, count(*) FROM problem GROUP BY severity").fetchall()
    enrollments = partial(_write_entity, connection.cursor(), stage, "enrollments")
    others = [partial(write, connection.cursor(), stage) for write in (_write_choices, _write_problems)]
    side_by_side([enrollments, *others])
    read = {entity: loaded[entity].rows if entity in loaded else 0 for entity in ENTITIES}
    kept = {
        entity: number_of(connection, "SELECT count(*) FROM read_parquet($1)", str(stage / f"{entity}.parquet"))
        for entity in ENTITIES
    }
    staged = Staged(
        version=sent.version,
        system=manifest.system if manifest else "",
        counts={entity: Counted(read[entity], kept[entity], read[entity] - kept[entity]) for entity in ENTITIES},
        modes={entity: "delta" if entity in sent.deltas else "bulk" if entity in loaded else "absent" for entity in ENTITIES},
        complete={entity: kept[entity] > 0 and entity not in incomplete for entity in ENTITIES},
        problems={severity: int(number) for severity, number in severities},
        incomplete={entity: why for entity, why in incomplete.items() if entity in ENTITIES},
    )
    (stage / "summary.json").write_text(json.dumps(asdict(staged), indent=1, sort_keys=True))
    return staged


def _write_entity(connection: duckdb.DuckDBPyConnection, stage: Path, entity: str) -> None:
    rows = f"SELECT {_columns(entity)}, {_digest(entity)} FROM kept_{entity}"
    _copy(connection, f"SELECT * REPLACE ({_LINE}) FROM ({rows})", stage / f"{entity}.parquet")


def _write_choices(connection: duckdb.DuckDBPyConnection, stage: Path) -> None:
    connection.execute(_CHOICES)
    _copy(connection, "SELECT * FROM org_choices ORDER BY name, sourcedId", stage / "choices" / "orgs.parquet")
    _copy(connection, "SELECT * FROM class_choices ORDER BY title, sourcedId", stage / "choices" / "classes.parquet")


def _write_problems(connection: duckdb.DuckDBPyConnection, stage: Path) -> None:
    found = count(connection, "problem")
    if found > MOST_PROBLEMS:
        said = f"{found:,} problems were found and counted; the list holds {MOST_PROBLEMS:,} of them, of each cause the first."
        judging.tell(connection, "problems", "sampled", "note", said)
        connection.execute(_EXPLAINED)
        chosen = _NUMBERED.format(sample=f"{_SAMPLED} LIMIT {MOST_PROBLEMS}")
    else:
        chosen = "SELECT *, NULL::BIGINT AS explains FROM problem"  # whoever reads them can count them
    shown = f"SELECT * REPLACE ({_LINE}, {_MESSAGE}, coalesce(cause, key) AS cause) FROM ({chosen}) ORDER BY file, line"
    _copy(connection, shown, stage / "problems.parquet")
    _copy(connection, _LEFT_OUT_NAMED, stage / "left_out.parquet")


# A cause with two rows must be seen beside one with a million.
_SAMPLED = """
SELECT * EXCLUDE place FROM (
    SELECT *, row_number() OVER (PARTITION BY coalesce(cause, concat_ws(':', file, rule, field)) ORDER BY line) AS place
    FROM problem
) ORDER BY rule <> 'sampled', place, CASE severity WHEN 'error' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END
"""

# How many problems a root cause explains, itself among them, and how many of a kind stand alone.
_EXPLAINED = """
CREATE TABLE explained AS
SELECT root, any_value(number) + count(own.key) AS explains
FROM (SELECT cause AS root, count(*) AS number FROM problem WHERE cause <> key GROUP BY cause)
LEFT JOIN (SELECT key FROM problem WHERE coalesce(cause, key) = key) own ON own.key = root GROUP BY root;
CREATE TABLE alone AS
SELECT file, rule, field, count(*) AS explains FROM problem
WHERE coalesce(cause, key) = key AND key NOT IN (SELECT root FROM explained) GROUP BY ALL
"""
_NUMBERED = """
SELECT sample.*, coalesce(explained.explains, alone.explains) AS explains FROM ({sample}) sample
LEFT JOIN explained ON root = coalesce(cause, key)
LEFT JOIN alone ON (alone.file, alone.rule, alone.field) = (sample.file, sample.rule, sample.field)
"""


def platform_columns(entity: str) -> list[str]:
    """The columns of which a platform record is made: what the source says, not when or where it said it."""
    return [each.name for each in FIELDS[entity]] + (["roles", "userProfiles"] if entity == "users" else [])


def _columns(entity: str) -> str:
    names = ["sourcedId", "status", "dateLastModified", "line", *platform_columns(entity)]
    names += ["userType", "statusCell"] if entity == "users" else []
    return ", ".join(map(quoted, names))


def _digest(entity: str) -> str:
    """Equal for equal records; what differs is compared value by value before anything is written."""
    inactive = "statusCell = 'inactive'" if entity == "users" else "status = 'inactive'"
    return f"hash({inactive}, {', '.join(map(quoted, platform_columns(entity)))}) AS digest"


def _copy(connection: duckdb.DuckDBPyConnection, query: str, to: Path) -> None:
    """Version 2's encodings make a stage smaller than version 1's packed by LZ4, and are written in two thirds of the time."""
    form = "FORMAT parquet, PARQUET_VERSION V2, COMPRESSION uncompressed, ROW_GROUP_SIZE 40960"
    connection.execute(f"COPY ({query}) TO $to ({form})", {"to": str(to)})


# A row that was sent in an earlier bundle has a number that tells it from all others, and no line.
_LINE = f"CASE WHEN line < {SENT_EARLIER} THEN line END AS line"
_MESSAGE = r"regexp_replace(message, 'line 1\d{9}\b', 'a row that was sent earlier', 'g') AS message"

# --- people's roles ---------------------------------------------------------------------------------------------------

_ROLE = (
    'STRUCT(roleType VARCHAR, "role" VARCHAR, orgSourcedId VARCHAR, beginDate DATE, endDate DATE, userProfileSourcedId VARCHAR)'
)
_PROFILE = (
    "STRUCT(sourcedId VARCHAR, profileType VARCHAR, vendorId VARCHAR, applicationId VARCHAR, description VARCHAR, "
    "credentialType VARCHAR, username VARCHAR)"
)

# 1.2: one row a person who has a role, the primary one first. 1.1 has no rows in either file.
_ROLES_OF = f"""
CREATE TABLE roles_of AS
WITH role AS (
    SELECT userSourcedId AS person, sourcedId, line, {{'roleType': coalesce(roleType, 'secondary'), 'role': "role",
           'orgSourcedId': orgSourcedId, 'beginDate': beginDate, 'endDate': endDate,
           'userProfileSourcedId': userProfileSourcedId}}::{_ROLE} AS role
    FROM kept_roles WHERE status <> 'tobedeleted'
), number AS (SELECT person, count(*) AS roles FROM role GROUP BY person)
SELECT person, [role] AS roles FROM role SEMI JOIN (SELECT person FROM number WHERE roles = 1) USING (person)
UNION ALL
SELECT person, list(role ORDER BY role.roleType = 'primary' DESC, line) FROM role
SEMI JOIN (SELECT person FROM number WHERE roles > 1) USING (person) GROUP BY person;
CREATE TABLE profiles_of AS
SELECT userSourcedId AS person, list({{'sourcedId': sourcedId, 'profileType': profileType, 'vendorId': vendorId,
    'applicationId': applicationId, 'description': description, 'credentialType': credentialType,
    'username': username}}::{_PROFILE} ORDER BY sourcedId, line) AS profiles
FROM kept_userProfiles WHERE status <> 'tobedeleted' GROUP BY person
"""

_UNSURE_ROLES_1_2 = "SELECT line FROM beyond_users WHERE sourcedId NOT IN (SELECT person FROM roles_of)"
_UNSURE_ROLES_1_1 = """
SELECT line FROM (SELECT line, "role", unnest(orgSourcedIds) AS org FROM beyond_users WHERE len(orgSourcedIds) > 1)
WHERE "role" = 'administrator' OR org NOT IN (SELECT sourcedId FROM ids_orgs)
"""

_STATUS_CELL = """CASE WHEN status = 'tobedeleted' THEN 'deleted' WHEN status = 'inactive' OR enabledUser = false THEN 'inactive'
                       WHEN status = 'active' THEN 'active' ELSE 'blank' END"""

# 1.1's administrator is a district's or a school's in 1.2's words.
_WORD_1_1 = """CASE WHEN "role" <> 'administrator' THEN "role"
                    WHEN orgType = 'district' THEN 'districtAdministrator' ELSE 'siteAdministrator' END"""

_LIFTED = f"""
(SELECT * EXCLUDE (roles) REPLACE (coalesce(primaryOrgSourcedId, roles[1].orgSourcedId) AS primaryOrgSourcedId),
        roles, roles[1]."role" AS userType, {_STATUS_CELL} AS statusCell FROM ({{people}}))
"""
# 1.1 keeps one role and a list of orgs on the person: the first org is the primary one.
_LIFTED_1_1 = _LIFTED.format(
    people=f"""
    SELECT *, []::{_PROFILE}[] AS userProfiles,
           CASE WHEN len(orgSourcedIds) = 1
                THEN [{{'roleType': 'primary', 'role': {_WORD_1_1}, 'orgSourcedId': orgSourcedIds[1], 'beginDate': NULL,
                        'endDate': NULL, 'userProfileSourcedId': NULL}}::{_ROLE}]
                ELSE list_transform(orgSourcedIds, lambda org, place: {{
                        'roleType': if(place = 1, 'primary', 'secondary'), 'role': "role", 'orgSourcedId': org,
                        'beginDate': NULL, 'endDate': NULL, 'userProfileSourcedId': NULL}}::{_ROLE}) END AS roles
    FROM beyond_users"""
)
_LIFTED_1_2 = _LIFTED.format(
    people="""
    SELECT own.*, roles_of.roles, coalesce(profiles, []) AS userProfiles FROM beyond_users own
    JOIN roles_of ON roles_of.person = own.sourcedId LEFT JOIN profiles_of ON profiles_of.person = own.sourcedId"""
)

# The doubtful people's roles, by line: of two rows with one id each has its own.
_TYPED_ROLES_1_1 = f"""
CREATE TABLE roles_at AS
WITH place AS (
    SELECT line, sourcedId, status, "role", unnest(orgSourcedIds) AS org, unnest(range(1, len(orgSourcedIds) + 1)) AS place
    FROM typed_users
), kept AS (
    SELECT place.*, ids_orgs.type AS orgType FROM place JOIN ids_orgs ON ids_orgs.sourcedId = org WHERE "role" IS NOT NULL
)
SELECT line, list({{'roleType': if(place = 1, 'primary', 'secondary'), 'role': {_WORD_1_1}, 'orgSourcedId': org,
                   'beginDate': NULL, 'endDate': NULL, 'userProfileSourcedId': NULL}}::{_ROLE} ORDER BY place) AS roles
FROM kept GROUP BY line;
CREATE TABLE missing_org AS
SELECT line, min(org) AS org, count(*) AS orgs FROM (SELECT line, unnest(orgSourcedIds) AS org FROM typed_users)
WHERE org NOT IN (SELECT sourcedId FROM ids_orgs) GROUP BY line;
INSERT INTO problem
SELECT 'users.csv', line, 'users', sourcedId, 'orgSourcedIds', 'unknown-reference', 'warning',
       'users.csv, line ' || line || ': ' || orgs || ' of orgSourcedIds name no row of orgs.csv that could be kept.',
       NULL, 'users.csv:' || line || ':unknown-reference:orgSourcedIds'
FROM typed_users JOIN missing_org USING (line)
WHERE status <> 'tobedeleted' AND line IN (SELECT line FROM roles_at)
  AND line NOT IN (SELECT line FROM left_out WHERE entity = 'users')
"""
_TYPED_ROLES_1_2 = """
CREATE TABLE roles_at AS SELECT line, roles FROM typed_users JOIN roles_of ON roles_of.person = typed_users.sourcedId;
CREATE TABLE missing_org AS
SELECT users.line, min(roles.orgSourcedId) AS org
FROM typed_users users JOIN typed_roles roles ON roles.userSourcedId = users.sourcedId
WHERE roles.orgSourcedId NOT IN (SELECT sourcedId FROM ids_orgs) GROUP BY users.line
"""

_USERS_WITHOUT_ROLE = f"""
INSERT INTO problem
SELECT 'users.csv', line, 'users', sourcedId, 'roles', 'without-role', 'error',
       'users.csv, line ' || line || ': no role at an org that could be kept.',
       coalesce((SELECT min(cause) FROM left_out WHERE entity = 'orgs' AND left_out.sourcedId = missing_org.org),
                'orgs.csv:missing:' || missing_org.org), 'users.csv:' || line || ':without-role'
FROM typed_users LEFT JOIN missing_org USING (line)
WHERE status <> 'tobedeleted' AND line NOT IN (SELECT line FROM roles_at)
  AND line NOT IN (SELECT line FROM left_out WHERE entity = 'users');
INSERT INTO left_out SELECT entity, sourcedId, line, coalesce(cause, key) FROM problem WHERE rule = 'without-role';
CREATE OR REPLACE TABLE typed_users AS
SELECT * REPLACE (coalesce(primaryOrgSourcedId, roles[1].orgSourcedId) AS primaryOrgSourcedId),
       roles[1]."role" AS userType, {_STATUS_CELL} AS statusCell
FROM (SELECT own.*, coalesce(roles_at.roles, []::{_ROLE}[]) AS roles, coalesce(profiles, []::{_PROFILE}[]) AS userProfiles
      FROM typed_users own LEFT JOIN roles_at USING (line) LEFT JOIN profiles_of ON profiles_of.person = own.sourcedId)
"""

# --- enrollments and what admins choose from --------------------------------------------------------------------------

_SCHOOL_DIFFERS = """
INSERT INTO problem
SELECT 'enrollments.csv', own.line, 'enrollments', own.sourcedId, 'schoolSourcedId', 'school-differs', 'warning',
       'enrollments.csv, line ' || own.line || ': its school differs from its class''s; the class''s school counts.',
       NULL, 'enrollments.csv:' || own.line || ':school-differs'
FROM typed_enrollments own JOIN ids_classes class ON class.sourcedId = own.classSourcedId
WHERE own.status <> 'tobedeleted' AND own.schoolSourcedId <> class.schoolSourcedId
  AND own.line NOT IN (SELECT line FROM left_out WHERE entity = 'enrollments');
UPDATE typed_enrollments SET schoolSourcedId = class.schoolSourcedId
FROM ids_classes class WHERE class.sourcedId = classSourcedId
"""

# With what people look for, since "why is this person not here?" is asked most of rows with an error.
_LEFT_OUT_NAMED = f"""
SELECT DISTINCT entity, out.sourcedId, {_LINE}, name, keys
FROM left_out out LEFT JOIN (
    SELECT 'users' AS entity, line, concat_ws(' ', givenName, familyName) AS name, [username, email, identifier] AS keys
    FROM typed_users
    UNION ALL SELECT 'classes', line, title, [classCode] FROM typed_classes
    UNION ALL SELECT 'orgs', line, name, [identifier] FROM typed_orgs
) USING (entity, line)
ORDER BY ALL
"""

_SCHOOLS = """
SELECT own.sourcedId, own.name, own.type, coalesce(own.identifier, '') AS identifier, coalesce(up.name, '') AS parent,
       own.parentSourcedId, NULL::BIGINT AS classes, NULL::BIGINT AS users
FROM kept_orgs own LEFT JOIN kept_orgs up ON up.sourcedId = own.parentSourcedId
WHERE own.status <> 'tobedeleted' AND own.type = 'school' ORDER BY own.name, own.sourcedId
"""

_CHOICES = """
CREATE TABLE class_choices AS
WITH enrolled AS (
    SELECT classesNo, usersNo, "role"
    FROM (SELECT coalesce(line, own.rowid + 2) AS line, classesNo, usersNo, "role" FROM read_enrollments own WHERE sent IS NULL)
    ANTI JOIN doubted_enrollments USING (line)
    UNION ALL
    SELECT class.no, person.no, "role" FROM typed_enrollments own
    JOIN ids_classes class ON class.sourcedId = classSourcedId JOIN ids_users person ON person.sourcedId = userSourcedId
    WHERE status <> 'tobedeleted' AND line NOT IN (SELECT line FROM left_out WHERE entity = 'enrollments' AND line IS NOT NULL)
), member AS (
    SELECT classesNo, usersNo, bool_or("role" = 'student') AS student, bool_or("role" = 'teacher') AS teacher
    FROM enrolled GROUP BY ALL
), members AS (
    SELECT classesNo, count(*) AS users, count(*) FILTER (student) AS students, count(*) FILTER (teacher) AS teachers
    FROM member GROUP BY classesNo
), terms AS (
    SELECT ids, string_agg(title, '; ' ORDER BY startDate, title) AS terms
    FROM (SELECT ids, unnest(list_distinct(ids)) AS id FROM (SELECT DISTINCT termSourcedIds AS ids FROM kept_classes))
    JOIN kept_academicSessions ON sourcedId = id GROUP BY ids
)
SELECT own.sourcedId, own.title, coalesce(own.classCode, '') AS classCode, coalesce(courses.title, '') AS course,
       coalesce(terms, '') AS terms,
       own.grades, own.subjects, own.schoolSourcedId, coalesce(orgs.name, '') AS school,
       coalesce(students, 0) AS students, coalesce(teachers, 0) AS teachers, coalesce(users, 0) AS users
FROM kept_classes own JOIN ids_classes class ON class.sourcedId = own.sourcedId
LEFT JOIN kept_courses courses ON courses.sourcedId = own.courseSourcedId
LEFT JOIN kept_orgs orgs ON orgs.sourcedId = own.schoolSourcedId
LEFT JOIN members ON members.classesNo = class.no LEFT JOIN terms ON terms.ids = own.termSourcedIds
WHERE own.status <> 'tobedeleted';
CREATE TABLE org_choices AS
WITH classes AS (SELECT schoolSourcedId AS sourcedId, count(*) AS classes FROM class_choices GROUP BY 1),
people AS (SELECT org AS sourcedId, count(*) AS users
           FROM (SELECT DISTINCT sourcedId AS id, unnest(roles).orgSourcedId AS org FROM kept_users WHERE status <> 'tobedeleted')
           GROUP BY 1)
SELECT own.sourcedId, own.name, own.type, coalesce(own.identifier, '') AS identifier, coalesce(up.name, '') AS parent,
       own.parentSourcedId, coalesce(classes, 0) AS classes, coalesce(users, 0) AS users
FROM kept_orgs own LEFT JOIN kept_orgs up ON up.sourcedId = own.parentSourcedId
LEFT JOIN classes ON classes.sourcedId = own.sourcedId LEFT JOIN people ON people.sourcedId = own.sourcedId
WHERE own.status <> 'tobedeleted' AND (own.type = 'school' OR classes > 0)
"""
