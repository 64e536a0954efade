"""From a bundle's CSV files to the stage: clean rows, one Parquet file per entity, and every problem found.

Reads the files in the order in which they refer to each other. `accept.py` refuses a bad bundle before anything is written;
`fast_path.py` passes on the rows that are surely fine, `judging.py` judges the rest by `docs/validation.md`: a bad row is a
problem and is left out. `people.py` lifts people into the shape of 1.2, `choices.py` makes the lists to choose from.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from oneroster_engine.duckdb_session import connect, count, cursor, number_of, quoted, run_parallel
from oneroster_engine.errors import BundleRefused
from oneroster_engine.staging import fast_path, judging, look_alikes, people, population, tables
from oneroster_engine.staging.accept import Bundle, accept, accept_orgs, compare_with_manifest
from oneroster_engine.staging.choices import write_choices, write_school_choices
from oneroster_engine.staging.delta import View, merge
from oneroster_engine.staging.files import LINE, write_parquet
from oneroster_engine.staging.judging import mark_suspect
from oneroster_engine.staging.population import Restored
from oneroster_engine.staging.problem_files import write_problems
from oneroster_engine.staging.reading import Loaded, columns_of, known_columns, load
from oneroster_engine.standard.archive import There, there_already
from oneroster_engine.standard.archive_contents import contents
from oneroster_engine.standard.entities import (
    ENTITIES,
    FIELDS,
    ONLY_1_2,
    USER_FIELDS_1_1,
    Field,
    Kind,
    fields_of,
    platform_columns,
)
from oneroster_engine.standard.manifest import Manifest, read_manifest

# Each file after those that its rows name. People's profiles and roles come before the people, who need a role. Chains that
# name nothing of each other are read side by side: a small file alone keeps one processor busy and the other waiting.
ORDER = (
    (("orgs",),),
    (("academicSessions", "courses", "classes"), ("userProfiles", "roles", "users")),
    (("enrollments",),),
)


@dataclass(frozen=True)
class Counted:
    """Rows of one entity; `read == kept + left_out`, always."""

    read: int
    kept: int
    left_out: int


@dataclass(frozen=True)
class Staged:
    """What a stage holds. `complete` says of which entities an absent row may be taken as gone; `incomplete` why not,
    where the reason isn't that there are no rows. `absent` are the columns that an entity's file lacks: they say nothing, while
    an empty cell says that there is no value."""

    version: str
    system: str
    counts: dict[str, Counted]
    modes: dict[str, str]
    complete: dict[str, bool]
    problems: dict[str, int]
    incomplete: dict[str, str] = field(default_factory=dict)
    absent: dict[str, list[str]] = field(default_factory=dict)


def stage_orgs(bundle: Path, stage: Path, view: View | None = None) -> Counted:
    """Clean `orgs.csv` alone, so that an admin can read the list of schools while the rest is still staged.

    Writes orgs.parquet and choices/orgs.parquet, with NULL for the counts of classes and users; `stage_bundle`
    writes both again, whole. Raises BundleRefused.
    """
    accepted = accept_orgs(bundle, view)
    (stage / "choices").mkdir(parents=True, exist_ok=True)
    with connect(joins_as_written=True) as connection:
        connection.execute(tables.CREATE)
        loaded = _load(connection, accepted, "orgs")
        _judge(connection, "orgs", "", frozenset(), is_there=loaded is not None)
        write_parquet(connection, f"SELECT {_columns('orgs')} FROM kept_orgs", stage / "orgs.parquet")
        write_school_choices(connection, stage)
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
    there: There = there_already,
    stand_ins: bool = True,
) -> Staged:
    """Clean the CSVs in `bundle` into `stage`: {entity}.parquet, problems.parquet, left_out.parquet, summary.json.

    There is one row a sourcedId, in no order that means anything, lifted into the shape of OneRoster 1.2. Memory stays bounded
    for any number of rows. `expected` is 1.1, 1.2 or auto: a bundle that says otherwise is refused, one that says
    nothing is read as expected. A person without a username is left out where the group matches people by it.
    `incomplete` names entities that the source did not prove to be whole, each with why, in a sentence. Files of changes
    only (delta) are merged into the `view`; a row of it has no line. A file of the bundle is read while it is `there`. Where
    titles are empty throughout, rows are kept under a stand-in, or left out without `stand_ins`. Raises BundleRefused, before
    anything is written to `stage`.
    """
    with there("manifest.csv"):
        manifest = read_manifest(bundle / "manifest.csv")
    accepted = accept(bundle, manifest, expected, view)
    stage.mkdir(parents=True, exist_ok=True)
    needed = frozenset(({"username"} & {match_with}) | (set() if stand_ins else {"title"}))
    once = partial(_stage, bundle, stage, manifest, accepted, needed, incomplete or {}, there)
    staged = once(())
    return staged if isinstance(staged, Staged) else once(staged, last=True)  # type: ignore[return-value]


def _stage(
    bundle: Path,
    stage: Path,
    manifest: Manifest | None,
    accepted: Bundle,
    needed: frozenset[str],
    incomplete: Mapping[str, str],
    there: There,
    restored: Sequence[Restored],
    last: bool = False,
) -> Staged | Sequence[Restored]:
    """The stage, or, where ids turn out to have lost their zeros, what they were: then all is read again with those."""
    with (
        connect(joins_as_written=True) as connection,
        TemporaryDirectory(dir=stage.parent, prefix="ahead-") as folder,  # the bundle may still be refused
    ):
        ahead = Path(folder)
        connection.execute(tables.CREATE)
        population.restore(connection, restored)
        loaded: dict[str, Loaded] = {}
        kept: dict[str, int] = {}
        for chains in ORDER:
            own = [cursor(connection) if len(chains) > 1 else connection for _ in chains]
            reads = [
                partial(_read, each, ahead, chain, accepted, needed, there, restored)
                for each, chain in zip(own, chains, strict=True)
            ]
            for read, written in run_parallel(reads):
                loaded |= read
                kept |= written
        rules = {rule for (rule,) in connection.execute("SELECT DISTINCT rule FROM problem").fetchall()}
        if astray := bool(rules & population.ASTRAY):
            if not last and (lost := _restored(connection, accepted.version)):
                return lost
            population.spare_referred_to(connection, accepted.version)
            look_alikes.note_others_ids(connection, accepted.version)
        population.note_ending_classes(connection)
        for name, finding in compare_with_manifest(bundle, manifest, accepted):
            judging.record_findings(connection, name, [finding])
        unproved = {**{name: _SWALLOWED for name, each in loaded.items() if not each.whole}, **incomplete}
        unproved = {**{name: f"{other} may hold more of its rows" for name, other in contents(bundle).parts.items()}, **unproved}
        unproved = {**(population.unmatched(connection) if astray else {}), **unproved}
        damaged = connection.execute("SELECT DISTINCT file FROM damaged").fetchall()
        unproved = {**{name: population.REASON for (name,) in damaged}, **unproved}
        for path in ahead.iterdir():
            path.replace(stage / path.name)
        return _write(connection, stage, manifest, accepted, loaded, kept, unproved)


def _restored(connection: duckdb.DuckDBPyConnection, version: str) -> Sequence[Restored]:
    """Ids that are not what they were, each once."""
    found = [*population.lost_zeros(connection, version), *look_alikes.look_alikes(connection, version)]
    return list({(each.file, each.was): each for each in reversed(found)}.values())[::-1]


_SWALLOWED = "its file shows that rows may be missing (a quote left open, a cut end, or a footer that counts more)"


def _read(
    connection: duckdb.DuckDBPyConnection,
    ahead: Path,
    chain: Sequence[str],
    bundle: Bundle,
    needed: frozenset[str],
    there: There,
    restored: Sequence[Restored],
) -> tuple[dict[str, Loaded], dict[str, int]]:
    """What was read of each file, and of each entity how many rows were written."""
    loaded: dict[str, Loaded] = {}
    kept: dict[str, int] = {}
    for name in chain if bundle.version == "1.2" else [each for each in chain if each not in ONLY_1_2]:
        with there(f"{name}.csv"):
            if read := _load(connection, bundle, name, restored):
                loaded[name] = read
            if name == "users" and bundle.version == "1.2" and "roles" not in loaded and read and read.rows:
                raise _without_roles(bundle.files.get(name))
        costly = needed if name == "users" else needed - {"username"}  # profiles have one too
        _judge(connection, name, bundle.version, costly, is_there=read is not None)
        if name in ENTITIES and name != "enrollments":  # those are written together with the choices
            kept[name] = _write_entity(connection, ahead, name)
    return loaded, kept


def _without_roles(users: Path | None) -> BundleRefused:
    """Why a bundle of 1.2 without roles.csv is refused: it lacks the file, or its files are 1.1's."""
    if users and {each.name for each in USER_FIELDS_1_1} <= set(known_columns(users, fields_of("users", "1.1"))):
        return BundleRefused(
            "roles.csv is missing and users.csv has the columns role and orgSourcedIds, as in OneRoster 1.1, while manifest.csv "
            "or the group's version says 1.2. Let oneroster.version be that of the files, or export again as one version."
        )
    return BundleRefused("roles.csv is missing; OneRoster 1.2 keeps people's roles there. Export again with it.")


def _load(connection: duckdb.DuckDBPyConnection, bundle: Bundle, name: str, restored: Sequence[Restored] = ()) -> Loaded | None:
    """Make `read_{name}`, without rows where there is no such file."""
    fields, path = fields_of(name, bundle.version), bundle.files.get(name)
    to_types = population.restoring(restored, name, fast_path.query(name, fields))
    if bundle.view and (path or bundle.view.holds(name)):
        loaded = merge(connection, name, fields, path, bundle.view, name in bundle.deltas, to_types)
    elif path:
        loaded = load(connection, path, fields, f"read_{name}", to_types)
    else:
        connection.execute(fast_path.empty_table(name, fields))
        return None
    judging.record_findings(connection, name, loaded.findings)
    return loaded


def _judge(connection: duckdb.DuckDBPyConnection, name: str, version: str, needed: frozenset[str], is_there: bool) -> None:
    """Find the file's problems, and make `kept_{name}` of its rows without an error and `ids_{name}` of their ids."""
    fields = fields_of(name, version)
    connection.execute(f"CREATE VIEW clean_{name} AS {fast_path.clean_rows(name, fields)}")
    looked = judging.look(connection, name, fields) if is_there else judging.Look()
    cells = judging.make_suspects(connection, name, fields, looked.suspects > 0)
    has_suspects = (is_there or name == "users") and _find_problems(connection, name, fields, version, needed, looked, cells)
    # Those of 1.2's own files are looked at again after the people.
    kept = f"({_valid(name, version, has_suspects or name in ONLY_1_2)})"
    if is_there and any(each.refers and each.kind is Kind.LIST for each in fields):
        connection.execute(f"CREATE VIEW valid_{name} AS {kept}")
        kept = judging.drop_dangling(connection, name, fields, f"valid_{name}")
    connection.execute(f"CREATE VIEW kept_{name} AS SELECT * FROM {kept}")
    if name != "enrollments":
        more = {"orgs": ", type", "classes": ", schoolSourcedId"}.get(name, "")
        connection.execute(
            f"CREATE TABLE ids_{name} AS SELECT (row_number() OVER ())::INTEGER AS no, sourcedId{more} FROM kept_{name}"
        )
    if name == "users" and is_there:
        population.find_namesakes(connection)
        population.note_shared_emails(connection)
        population.note_one_for_all(connection)
    if name == "users" and version == "1.2":
        for part in ("roles", "userProfiles"):
            judging.judge_later(connection, part, FIELDS[part])
        population.note_role_types(connection)


def _find_problems(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    fields: Sequence[Field],
    version: str,
    needed: frozenset[str],
    looked: judging.Look,
    cells: judging.Cells,
) -> bool:
    """Whether the file has a suspect row, whose problems are found then."""
    suspects = looked.suspects > 0
    if number_of(connection, "SELECT count(*) FROM damaged"):
        suspects |= mark_suspect(connection, name, fields, population.damaged_lines(name))
    if looked.bracketed:
        suspects |= mark_suspect(connection, name, fields, population.bracketed_lines(name))
    if suspects:
        population.find_damaged(connection, name)
        if "sourcedId" in cells.unusual:
            mark_suspect(connection, name, fields, judging.unwrapped_lines(name))
        if turned := judging.turned_lines(name, fields):
            mark_suspect(connection, name, fields, turned)
    if looked.repeated:
        suspects |= mark_suspect(connection, name, fields, judging.repeated_lines(name))
    for each in fields:
        if looked.parents and each.refers and each.refers.entity == name and each.kind is Kind.TEXT:
            suspects |= mark_suspect(connection, name, fields, judging.unsure_parents(name, each))
    if name == "users":
        for part in ("roles", "userProfiles") if version == "1.2" else ():
            judging.match_people(connection, part, FIELDS[part])
        connection.execute(people.ROLES_OF if version == "1.2" else people.ROLES_OF_1_1)
        suspects |= mark_suspect(connection, name, fields, people.SUSPECT_1_2 if version == "1.2" else people.SUSPECT_1_1)
    if not suspects:
        return False
    if name == "users" and version == "1.1":
        judging.part_items(connection, name, next(each for each in fields if each.name == "orgSourcedIds"))
    may_repeat = looked.repeated or "sourcedId" in cells.unusual
    judging.judge(connection, name, fields, needed, cells, may_repeat)
    if name == "users":
        connection.execute(people.SUSPECT_ROLES_1_2 if version == "1.2" else people.SUSPECT_ROLES_1_1)
        judging.judge_people(connection, fields)
        connection.execute(people.WITH_ROLES)
    return True


def _valid(name: str, version: str, may_be_suspect: bool) -> str:
    """A query of the rows that cost nothing: the clean ones, and the suspects that no error left out."""
    columns = _columns(name) if name in ENTITIES else ", ".join(map(quoted, ("line", *columns_of(FIELDS[name]))))
    clean = f"clean_{name}" if name != "users" else people.CLEAN_1_2 if version == "1.2" else people.CLEAN_1_1
    if not may_be_suspect:
        return f"SELECT {columns} FROM {clean}"
    return (
        f"SELECT {columns} FROM {clean} ANTI JOIN suspect_lines_{name} USING (line) "
        f"UNION ALL SELECT {columns} FROM suspect_{name} WHERE line NOT IN "
        f"(SELECT line FROM left_out WHERE entity = '{name}' AND line IS NOT NULL)"
    )


def _write(
    connection: duckdb.DuckDBPyConnection,
    stage: Path,
    manifest: Manifest | None,
    bundle: Bundle,
    loaded: Mapping[str, Loaded],
    kept: Mapping[str, int],
    incomplete: Mapping[str, str],
) -> Staged:
    (stage / "choices").mkdir(exist_ok=True)
    for name in ONLY_1_2:  # any of their rows may be missing
        if name in incomplete:
            connection.execute("INSERT INTO left_out VALUES ($name, NULL, NULL, NULL)", {"name": name})
    enrollments = partial(_write_entity, cursor(connection), stage, "enrollments")
    enrolled, _ = run_parallel([enrollments, partial(_write_lists, connection, stage, bundle.version)])
    kept = {**kept, "enrollments": enrolled}
    severities = connection.execute("SELECT severity, count(*) FROM problem GROUP BY severity").fetchall()
    read = {entity: loaded[entity].rows if entity in loaded else 0 for entity in ENTITIES}
    staged = Staged(
        version=bundle.version,
        system=manifest.system if manifest else "",
        counts={entity: Counted(read[entity], kept[entity], read[entity] - kept[entity]) for entity in ENTITIES},
        modes={entity: "delta" if entity in bundle.deltas else "bulk" if entity in loaded else "absent" for entity in ENTITIES},
        complete={entity: kept[entity] > 0 and entity not in incomplete for entity in ENTITIES},
        problems={severity: int(number) for severity, number in severities},
        incomplete={entity: why for entity, why in incomplete.items() if entity in ENTITIES},
        absent=_absent(loaded, bundle.version),
    )
    (stage / "summary.json").write_text(json.dumps(asdict(staged), indent=1, sort_keys=True))
    return staged


def _absent(loaded: Mapping[str, Loaded], version: str) -> dict[str, list[str]]:
    says_nothing = {entity: set(platform_columns(entity)) - {people.OF_FIRST_ROLE} for entity in ENTITIES}
    absent = {entity: loaded[entity].absent & says_nothing[entity] for entity in ENTITIES if entity in loaded}
    if version == "1.2" and "users" in loaded:  # of people, too, whose profiles and roles stand in files of their own
        absent["users"] |= {"userProfiles"} if "userProfiles" not in loaded else set()
        absent["roles"] = loaded["roles"].absent & {"roleType", "beginDate", "endDate"} if "roles" in loaded else frozenset()
    return {entity: sorted(names) for entity, names in absent.items() if names}


def _write_lists(connection: duckdb.DuckDBPyConnection, stage: Path, version: str) -> int:
    """How many problems are kept."""
    write_choices(connection, stage)
    population.note_doubles(connection)
    return write_problems(connection, stage, version)


def _write_entity(connection: duckdb.DuckDBPyConnection, stage: Path, entity: str) -> int:
    rows = f"SELECT {_columns(entity)}, {_digest(entity)} FROM kept_{entity}"
    return write_parquet(connection, f"SELECT * REPLACE ({LINE}) FROM ({rows})", stage / f"{entity}.parquet")


def _columns(entity: str) -> str:
    names = ["sourcedId", "status", "dateLastModified", "line", *platform_columns(entity)]
    names += ["userType", "statusCell"] if entity == "users" else []
    return ", ".join(map(quoted, names))


def _digest(entity: str) -> str:
    """Equal for equal records; what differs is compared value by value before anything is written."""
    inactive = "statusCell = 'inactive'" if entity == "users" else "status = 'inactive'"
    return f"hash({inactive}, {', '.join(map(quoted, platform_columns(entity)))}) AS digest"
