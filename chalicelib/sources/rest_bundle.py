"""From a provider's pages to the CSV files that `staging/stage.py` reads, in the shape of OneRoster 1.2.

One page is in memory at a time. The version is decided record by record, by the members that are there: providers serve
the one shape under the other's path. Line ends within a value become blanks, and commas within an item of a list
semicolons, since the CSV's lists know no escape. Passwords are never written.

A member that no record of a list has, as where a scope became narrower, says of nobody that they have it no more: its column
is without a name, so that it is absent to `staging/reading.py`.

A line of a CSV that was made here is nothing an admin can look up. `places.csv` says for each line which page and which
record of it it came from, and `locate_in_pages` puts that into a stage's problems.
"""

import csv
import gzip
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from chalicelib.model.record_notes import as_noted
from chalicelib.sources.rest_answers import records_of
from chalicelib.sources.rest_fetch import Came, Fetched, PageFile
from oneroster_engine.duckdb_session import PACKED, connect, parquet_rows, quoted
from oneroster_engine.staging.rules import message_sql
from oneroster_engine.standard.entities import FIELDS, ROSTER_FILES

PLACES = "places.csv"
BREAKS = re.compile(r"[\r\n\x00]+")
Record = Mapping[str, Any]
Row = tuple[str, Sequence[str]]  # file, cells


def convert(
    bundle: Path, fetched: Sequence[Fetched], csvs: Path, system: str, changes: Collection[str] = frozenset()
) -> dict[str, Came]:
    """Write manifest.csv, the entities' CSVs and places.csv to `csvs`; what each path's pages hold.

    `bundle` holds the pages by their names, gzipped. A list that gave nothing has a CSV with its header alone. A record in
    which two pages overlap, or that lists of several schools have, is written once. Of the entities in `changes` only what has
    changed was read (delta).
    """
    csvs.mkdir(parents=True, exist_ok=True)
    sheets = {name: _Sheet(csvs / f"{name}.csv", name) for name in ROSTER_FILES}
    spans: dict[str, tuple[str, int, int]] = {}
    seams: dict[str, Seams] = {}
    others = _Others(fetched)
    members = _Members()
    with (csvs / PLACES).open("w", encoding="utf-8", newline="") as file:
        places = csv.writer(file, lineterminator="\n")
        places.writerow(("file", "first_line", "part", "first_record"))
        for each in sorted(fetched, key=lambda one: (one.entity, one.path, one.offset)):
            before = sheets[each.entity].line
            for part in each.parts:
                packed = bundle / f"{part.name}.gz"
                found = list(records_of(gzip.decompress(packed.read_bytes()), each.path))
                ids = [as_text(values.get("sourcedId")) if values else "" for values in found]
                again = seams.setdefault(each.path, Seams()).join(part, ids)
                for record, values in enumerate(found[again:], start=1 + again):
                    if not values or others.have(each.entity, each.path, ids[record - 1]):
                        continue
                    members.note(each.entity, values)
                    for name, cells in ROWS[each.entity](as_noted(values)):
                        sheet = sheets[name]
                        if name != each.entity and each.entity in changes:  # every row of a delta has a status
                            cells = (cells[0], as_text(values.get("status")) or "active", *cells[2:])
                        if sheet.expects != (part.name, record):
                            places.writerow((f"{name}.csv", sheet.line + 1, part.name, record))
                        sheet.write(cells, (part.name, record + 1))
            _, first, _ = spans.get(each.path, ("", before, 0))
            spans[each.path] = (each.entity, first, sheets[each.entity].line)
    for sheet in sheets.values():
        sheet.close()
        if sheet.line > 1 and OF.get(sheet.name, sheet.name) not in changes:
            sheet.leave_unnamed(members.columns(sheet.name))
    absent = {"userProfiles"} if "users" not in changes and members.lack("users", "userProfiles") else set()
    for name in absent:
        sheets[name].path.unlink()
    _write_manifest(csvs / "manifest.csv", system, changes, absent)
    different = _different(csvs, spans)
    return {
        path: Came(own.rows, different[path] + len(others.shared.get(path, ())), own.unreadable, own.torn, own.loose)
        for path, own in seams.items()
    }


@dataclass
class Seams:
    """How the pages of one collection join. `end`: the place behind the last record; `last`: the page's ids, from its `start`."""

    start: int = 0
    end: int = 0
    last: Sequence[str] = ()
    rows: int = 0
    unreadable: int = 0
    torn: int = 0
    loose: int = 0

    def join(self, part: PageFile, ids: Sequence[str]) -> int:
        """How many of the page's first records the page before has already brought."""
        common = self.end - part.offset
        again = 0
        if common > 0:
            before = self.last[max(0, part.offset - self.start) :]
            again = min(common, len(ids)) if list(before[: len(ids)]) == list(ids[:common]) and part.offset >= self.start else 0
            self.torn += not again
        elif part.offset:
            self.torn += common < 0
            self.loose += common == 0 and not part.query
        self.start, self.end, self.last = part.offset, max(self.end, part.offset + len(ids)), ids
        self.rows += len(ids) - again
        self.unreadable += sum(not each for each in ids[again:])
        return again


class _Others:
    """Which list of an entity gave an id first, where the entity has several. `shared`: by path, ids that another gave."""

    def __init__(self, fetched: Iterable[Fetched]) -> None:
        paths: dict[str, set[str]] = {}
        for each in fetched:
            paths.setdefault(each.entity, set()).add(each.path)
        self._first: dict[str, dict[str, str]] = {entity: {} for entity, own in paths.items() if len(own) > 1}
        self.shared: dict[str, set[str]] = {}

    def have(self, entity: str, path: str, sourced_id: str) -> bool:
        if entity not in self._first or not sourced_id or self._first[entity].setdefault(sourced_id, path) == path:
            return False
        self.shared.setdefault(path, set()).add(sourced_id)
        return True


def forget_parts(csvs: Path, before: Path) -> None:
    """Take the roles and profiles of the people in `csvs` out of what a source held `before`, as CSV or Parquet: a record comes
    with all of his, so those that he had and has no more must not stay."""
    with (csvs / "users.csv").open(encoding="utf-8", newline="") as file:
        came = {row[0] for row in csv.reader(file)}
    for name in ("roles", "userProfiles"):
        if (parquet := before / f"{name}.parquet").is_file():
            with connect() as connection:
                kept = f"SELECT * FROM {parquet_rows(parquet)} WHERE userSourcedId NOT IN (SELECT unnest($came))"
                connection.execute(f"CREATE TABLE kept AS {kept}", {"came": sorted(came)})
                connection.execute(f"COPY kept TO $to ({PACKED})", {"to": str(parquet)})
        elif (sheet := before / f"{name}.csv").is_file():
            with (
                sheet.open(encoding="utf-8", newline="") as file,
                sheet.with_suffix(".kept").open("w", encoding="utf-8", newline="") as kept_file,
            ):
                person = HEADERS[name].index("userSourcedId")
                rows = (row for row in csv.reader(file) if row[person] not in came)
                csv.writer(kept_file, lineterminator="\n").writerows(rows)
            sheet.with_suffix(".kept").replace(sheet)


def locate_in_pages(places: Path, problems: Path) -> None:
    """Let a stage's problems name the page and the record in it, one-based, instead of a line of a CSV made here."""
    found = problems.with_suffix(".led")
    with connect() as connection:
        connection.execute(_PLACES, {"places": str(places)})
        rules = connection.execute(
            "SELECT DISTINCT rule FROM read_parquet($problems, hive_partitioning=false)", {"problems": str(problems)}
        ).fetchall()
        sentence = message_sql(
            _RECORD.format(part="part", number="coalesce(record, line)"),
            _RECORD.format(part="other_part", number="coalesce(other_record, other_line)"),
            [rule for (rule,) in rules],
        )
        connection.execute(_LED.replace("{sentence}", sentence), {"problems": str(problems)})
        connection.execute(f"COPY led TO $to ({PACKED})", {"to": str(found)})
    found.replace(problems)


_PLACES = """
CREATE TABLE places AS SELECT * FROM read_csv($places, header=true, hive_partitioning=false,
    columns={'file': 'VARCHAR', 'first_line': 'BIGINT', 'part': 'VARCHAR', 'first_record': 'BIGINT'})
"""

_RECORD = "coalesce({part}, file) || if({part} IS NULL, ', line ', ', record ') || {number}"
_LED = """
CREATE TABLE led AS
WITH own AS (
    SELECT * EXCLUDE (message) FROM read_parquet($problems, hive_partitioning=false)
), placed AS (
    SELECT own.*, places.part, places.first_record + own.line - places.first_line AS record
    FROM own ASOF LEFT JOIN places ON own.file = places.file AND own.line >= places.first_line
), both_placed AS (
    SELECT placed.*, there.part AS other_part, there.first_record + other_line - there.first_line AS other_record
    FROM placed ASOF LEFT JOIN places there ON placed.file = there.file AND placed.other_line >= there.first_line
), readable AS (
    SELECT *, {sentence} AS message FROM both_placed
)
SELECT * EXCLUDE (part, record, other_part, other_record)
       REPLACE (coalesce(part, file) AS file, coalesce(record, line) AS line, coalesce(other_record, other_line) AS other_line)
FROM readable ORDER BY file, line
"""


class _Members:
    """Which members the records of each list have, empty ones too; of people their roles' and profiles' as well."""

    def __init__(self) -> None:
        self._seen: dict[str, set[str]] = {}

    def note(self, entity: str, record: Record) -> None:
        self._seen.setdefault(entity, set()).update(record)
        for part in PARTS_OF.get(entity, ()):
            for each in _many(record.get(part)):
                if isinstance(each, dict):
                    self._seen.setdefault(part, set()).update(each)

    def lack(self, entity: str, member: str) -> bool:
        """Whether records came, and none has it."""
        return entity in self._seen and member not in self._seen[entity]

    def columns(self, file: str) -> set[str]:
        """Those of a CSV that the members fill: found out by asking each of them alone."""
        entity = OF.get(file, file)
        asked: list[Record] = [{member: "x"} for member in self._seen.get(entity, ())]
        if file != entity:
            asked += [{file: [{member: _WITHIN.get(member, "x")}]} for member in self._seen.get(file, ())]
        rows = (row for record in asked for row in ROWS[entity](record))
        return {column for name, cells in rows if name == file for column, cell in zip(HEADERS[file], cells, strict=True) if cell}


@dataclass
class _Sheet:
    """A CSV in the making. `line` is the last one written; `expects` the record that would follow without a gap."""

    path: Path
    name: str
    line: int = 1
    expects: tuple[str, int] = ("", 0)
    _open: Any = field(init=False)
    _writer: Any = field(init=False)

    def __post_init__(self) -> None:
        self._open = self.path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._open, lineterminator="\n")
        self._writer.writerow(HEADERS[self.name])

    def write(self, cells: Sequence[str], expects: tuple[str, int]) -> None:
        self._writer.writerow(cells)
        self.line += 1
        self.expects = expects

    def close(self) -> None:
        self._open.close()

    def leave_unnamed(self, filled: Collection[str]) -> None:
        """Take the names of all other columns away, but of those without which the file would be refused."""
        named = {"sourcedId", *filled, *(each.name for each in FIELDS[self.name] if each.column_required)}
        header = ",".join(name if name in named else " " * len(name) for name in HEADERS[self.name])
        with self.path.open("r+b") as file:  # as long as the one that is there
            file.write(header.encode())


# A member that fills columns only by what it holds.
_WITHIN = {"credentials": {"type": "x", "username": "x"}}
# Files whose rows are parts of another list's records.
OF = {"roles": "users", "userProfiles": "users"}
PARTS_OF = {"users": tuple(OF)}
HEADERS = {name: ("sourcedId", "status", "dateLastModified", *(each.name for each in FIELDS[name])) for name in ROSTER_FILES}


def _common(record: Record) -> tuple[str, str, str]:
    return as_text(record.get("sourcedId")), as_text(record.get("status")), as_text(record.get("dateLastModified"))


def _org(record: Record) -> Iterator[Row]:
    yield (
        "orgs",
        (
            *_common(record),
            as_text(record.get("name")),
            as_text(record.get("type")),
            as_text(record.get("identifier")),
            _ref(_any(record, "parent", "parentSourcedId")),
        ),
    )


def _session(record: Record) -> Iterator[Row]:
    yield (
        "academicSessions",
        (
            *_common(record),
            as_text(record.get("title")),
            as_text(record.get("type")),
            as_text(record.get("startDate")),
            as_text(record.get("endDate")),
            _ref(_any(record, "parent", "parentSourcedId")),
            _ref(record.get("schoolYear")),
        ),
    )


def _course(record: Record) -> Iterator[Row]:
    yield (
        "courses",
        (
            *_common(record),
            _ref(_any(record, "schoolYear", "schoolYearSourcedId")),
            as_text(record.get("title")),
            as_text(record.get("courseCode")),
            _list(_any(record, "grades", "grade")),
            _ref(_any(record, "org", "orgSourcedId")),
            _list(_any(record, "subjects", "subject")),
            _list(record.get("subjectCodes")),
        ),
    )


def _class(record: Record) -> Iterator[Row]:
    yield (
        "classes",
        (
            *_common(record),
            as_text(record.get("title")),
            _list(_any(record, "grades", "grade")),
            _ref(_any(record, "course", "courseSourcedId")),
            as_text(record.get("classCode")),
            as_text(record.get("classType")),
            as_text(record.get("location")),
            _ref(_any(record, "school", "schoolSourcedId", "org")),
            _list(_any(record, "terms", "term", "termSourcedIds")),
            _list(_any(record, "subjects", "subject")),
            _list(record.get("subjectCodes")),
            _list(_any(record, "periods", "period")),
        ),
    )


def _user(record: Record) -> Iterator[Row]:
    sourced_id, status, modified = _common(record)
    yield (
        "users",
        (
            sourced_id,
            status,
            modified,
            as_text(record.get("enabledUser")),
            as_text(record.get("username")),
            _user_ids(record.get("userIds")),
            as_text(record.get("givenName")),
            as_text(record.get("familyName")),
            as_text(record.get("middleName")),
            as_text(record.get("identifier")),
            as_text(record.get("email")),
            as_text(record.get("sms")),
            as_text(record.get("phone")),
            _list(_any(record, "agents", "agentSourcedIds", "agentSourceIds")),
            _list(_any(record, "grades", "grade")),
            as_text(record.get("userMasterIdentifier")),
            as_text(_any(record, "preferredFirstName", "preferredGivenName")),
            as_text(record.get("preferredMiddleName")),
            as_text(_any(record, "preferredLastName", "preferredFamilyName")),
            _ref(_any(record, "primaryOrg", "primaryOrgSourcedId")),
            as_text(record.get("pronouns")),
        ),
    )
    for place, cells in enumerate(_roles(record)):
        yield "roles", (f"{sourced_id}/{place:04d}", "", "", sourced_id, *cells)
    for profile in _many(record.get("userProfiles")):
        if isinstance(profile, dict):
            credential = next((each for each in _many(profile.get("credentials")) if isinstance(each, dict)), {})
            yield (
                "userProfiles",
                (
                    as_text(_any(profile, "profileId", "sourcedId")),
                    "",
                    "",
                    sourced_id,
                    as_text(profile.get("profileType")),
                    as_text(profile.get("vendorId")),
                    as_text(profile.get("applicationId")),
                    as_text(profile.get("description")),
                    as_text(_any(credential, "type", "credentialType")),
                    as_text(credential.get("username")),
                ),
            )


def _roles(record: Record) -> Iterator[tuple[str, ...]]:
    """roleType, role, beginDate, endDate, org, profile. A 1.1 user has one role in each of his orgs, the first his primary."""
    orgs = [each for each in _many(_any(record, "orgs", "org", "orgSourcedIds")) if each is not None]
    if len(orgs) == 1 and isinstance(orgs[0], str):  # as the CSV has it
        orgs = [each.strip() for each in orgs[0].split(",") if each.strip()]
    given = [each for each in _many(record.get("roles")) if isinstance(each, dict)]
    for each in given:
        org = _ref(_any(each, "org", "orgSourcedId")) or (_ref(orgs[0]) if len(orgs) == 1 else "")
        yield (
            as_text(each.get("roleType")),
            as_text(each.get("role")),
            as_text(each.get("beginDate")),
            as_text(each.get("endDate")),
            org,
            _ref(_any(each, "userProfile", "userProfileSourcedId")),
        )
    if given:
        return
    role = as_text(next(iter(_many(_any(record, "role", "roles"))), None))
    for place, org in enumerate(orgs):
        yield ("secondary" if place else "primary", role, "", "", _ref(org), "")


def _enrollment(record: Record) -> Iterator[Row]:
    yield (
        "enrollments",
        (
            *_common(record),
            _ref(_any(record, "class", "classSourcedId")),
            _ref(_any(record, "school", "schoolSourcedId")),
            _ref(_any(record, "user", "userSourcedId")),
            as_text(record.get("role")),
            as_text(record.get("primary")),
            as_text(record.get("beginDate")),
            as_text(record.get("endDate")),
        ),
    )


ROWS: dict[str, Callable[[Record], Iterator[Row]]] = {
    "orgs": _org,
    "academicSessions": _session,
    "courses": _course,
    "classes": _class,
    "users": _user,
    "enrollments": _enrollment,
}


def _any(record: Record, *names: str) -> Any:
    """The first of these members that holds something."""
    for name in names:
        value = record.get(name)
        if value not in (None, "", []):
            return value
    return None


def _many(value: Any) -> list[Any]:
    """A list, also where one thing alone was sent instead of a list of one."""
    if value is None or value == "":
        return []
    return value if isinstance(value, list) else [value]


def as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return BREAKS.sub(" ", value) if "\n" in value or "\r" in value or "\0" in value else value
    if isinstance(value, bool):
        return "true" if value else "false"
    return BREAKS.sub(" ", json.dumps(value, ensure_ascii=False)) if isinstance(value, dict | list) else str(value)


def _ref(value: Any) -> str:
    """The id that a reference names: of an object with `sourcedId` or with `href` alone, a bare id or address, a list of one."""
    if isinstance(value, list):
        value = value[0] if value else None
    if not isinstance(value, dict):
        text = as_text(value)
        return _id_of(text) if text.startswith(("https://", "http://")) else text  # an id holds no colon
    return as_text(value.get("sourcedId")) or _id_of(as_text(value.get("href")))


def _id_of(href: str) -> str:
    """The last segment of an address."""
    return unquote(re.split(r"[?#]", href, maxsplit=1)[0].rstrip("/").rsplit("/", 1)[-1])


def _list(value: Any) -> str:
    if not value:
        return ""
    items = (_ref(each) for each in value) if isinstance(value, list) else iter((_ref(value),))
    if isinstance(value, str):  # a list as CSV has it
        return as_text(value)
    return ",".join(each.replace(",", ";") for each in items if each)


def _user_ids(value: Any) -> str:
    pairs = (each for each in _many(value) if isinstance(each, dict))
    identifiers = [(as_text(each.get("type")), as_text(each.get("identifier"))) for each in pairs]
    return ",".join(f"{{{kind}:{identifier}}}" for kind, identifier in identifiers if identifier) or (
        as_text(value) if isinstance(value, str) else ""
    )


def _write_manifest(path: Path, system: str, changes: Collection[str], absent: Collection[str]) -> None:
    lines = [("propertyName", "value"), ("manifest.version", "1.0"), ("oneroster.version", "1.2")]
    lines += [
        (f"file.{name}", "absent" if name in absent else "delta" if OF.get(name, name) in changes else "bulk")
        for name in ROSTER_FILES
    ]
    lines += [("source.systemName", system)]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(lines)


def _different(csvs: Path, spans: Mapping[str, tuple[str, int, int]]) -> dict[str, int]:
    """By path, how many different sourcedIds its lines hold."""
    found: dict[str, int] = {}
    with connect() as connection:
        for entity in dict.fromkeys(entity for entity, _, _ in spans.values()):
            columns = dict.fromkeys(HEADERS[entity], "VARCHAR")
            connection.execute(
                f"CREATE OR REPLACE TABLE {quoted(entity)} AS SELECT nullif(sourcedId, '') AS sourcedId FROM "
                "read_csv($path, columns=$columns, header=true, auto_detect=false, delim=',', quote='\"', escape='\"', "
                "hive_partitioning=false, max_line_size=4000000)",
                {"path": str(csvs / f"{entity}.csv"), "columns": columns},
            )
            for path, (own, first, last) in spans.items():
                if own == entity:
                    counted = connection.execute(
                        f"SELECT count(DISTINCT sourcedId) FROM {quoted(entity)} WHERE rowid >= $first AND rowid < $last",
                        {"first": first - 1, "last": last - 1},
                    ).fetchone()
                    found[path] = int(counted[0]) if counted else 0
            connection.execute(f"DROP TABLE {quoted(entity)}")
    return found
