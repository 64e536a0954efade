"""The fast path: one pass over a file that types every row and says which of them are surely fine.

A clean row is as the standard wants it, cell by cell, and names only rows that were kept. It needs no judge:
its typed values go straight to the stage. Every other row goes on as the text that was sent, in `sent`, to
`judging.py`, which finds out what is wrong with it, if anything. Nearly all rows of nearly all districts are clean, so
the judge may be thorough.

`tables.py` says what is in the tables. Enrollments refer to their class and person by number while they are in
`read_enrollments`: there are as many of them as of all else together, and nine tenths of their bytes are other rows' ids.
"""

from collections.abc import Collection, Sequence
from functools import partial

from oneroster_engine.duckdb_session import quoted, text
from oneroster_engine.staging.padding import surely_a_row
from oneroster_engine.staging.reading import ToTable, are_in_place, columns_of
from oneroster_engine.staging.rules import LONGEST_ID, NAMED_LATER, NO_IDS, fine_cell, fine_together, usual_words
from oneroster_engine.standard.damaged_ids import (
    CUT_SQL,
    DATE_SQL,
    FULL_DATE_SQL,
    KEPT_DIGITS,
    LONGEST_CUT,
    LONGEST_DATE,
    MEASURE_SQL,
    ROUNDED_SQL,
)
from oneroster_engine.standard.entities import FIELDS, Field, Kind, Need, Words

TYPES = {Kind.TEXT: "VARCHAR", Kind.YEAR: "VARCHAR", Kind.DATE: "DATE", Kind.BOOLEAN: "BOOLEAN", Kind.LIST: "VARCHAR[]",
         Kind.USER_IDS: 'STRUCT("type" VARCHAR, identifier VARCHAR)[]'}  # fmt: skip
NUMBERED = {"classSourcedId": "classes", "schoolSourcedId": "", "userSourcedId": "users"}

_NOTHINGS = ", ".join(map(text, NO_IDS))
# One expression for all of them: to make one ready takes as long as to try it on a thousand ids.
_DAMAGED = "|".join(f"({each[1:-1]})" for each in (ROUNDED_SQL, MEASURE_SQL, FULL_DATE_SQL, CUT_SQL))
LONGEST_NOTHING = max(map(len, NO_IDS))

# Printable ASCII without blanks. JSON writes a control character longer than it is, which is seen in a quarter of the time that
# a regular expression takes; quotes and backslashes too, so that ids with those go to the judge, who lets them pass.
ID = (
    f"(strlen(own.sourcedId) BETWEEN 1 AND {LONGEST_ID} AND strlen(own.sourcedId) = length(own.sourcedId) "
    "AND NOT contains(own.sourcedId, '+') AND own.sourcedId >= '(' AND NOT starts_with(own.sourcedId, '=') "  # 1E+11, '1, =1
    f"AND CASE WHEN strlen(own.sourcedId) <= {LONGEST_NOTHING} THEN own.sourcedId NOT IN ({_NOTHINGS}) ELSE true END "
    "AND CASE WHEN own.sourcedId < ':' AND (contains(own.sourcedId, '.') OR contains(own.sourcedId, ',') "
    "OR contains(own.sourcedId, '/') OR contains(own.sourcedId, '%') "
    f"OR strlen(own.sourcedId) BETWEEN {KEPT_DIGITS + 1} AND {LONGEST_CUT} "
    "OR (strlen(own.sourcedId) = 10 AND own.sourcedId[5] = '-')) "
    f"THEN NOT regexp_full_match(own.sourcedId, '{_DAMAGED}') ELSE true END "
    f"AND CASE WHEN strlen(own.sourcedId) BETWEEN 5 AND {LONGEST_DATE} AND contains(own.sourcedId, '-') "
    f"THEN NOT regexp_full_match(own.sourcedId, {DATE_SQL}) ELSE true END "
    f"AND {surely_a_row('own.sourcedId')} "
    "AND NOT contains(own.sourcedId, ' ') AND NOT contains(own.sourcedId, chr(127)) "
    "AND strlen(to_json(own.sourcedId)::VARCHAR) = strlen(own.sourcedId) + 2)"
)
STATUS = "(own.status IS NULL OR lower(own.status) IN ('active', 'inactive'))"


def query(name: str, fields: Sequence[Field]) -> ToTable:
    """For `reading.load`: from the relation of a file's text to the query that makes `read_{name}`.

    Of an absent or empty column nothing is asked: to plan a question about a cell takes as long as to ask it of 1,000 rows.
    """
    return partial(_query, name, fields)


def _query(name: str, fields: Sequence[Field], rows: str, absent: Collection[str] = ()) -> str:
    joins: list[str] = []
    fine = [ID, STATUS]
    trimmed = ["sourcedId", *({"dateLastModified"} - set(absent))]
    columns = ["own.line", "own.sourcedId", "coalesce(lower(own.status), '') AS status", "own.dateLastModified"]
    for each in fields:
        cell = f"own.{quoted(each.name)}"
        if each.name in absent and not _needed(each):
            if name != "enrollments" or each.name not in NUMBERED:
                columns.append(f"{nothing(each)} AS {quoted(each.name)}")
            continue
        trimmed += [each.name] if _is_trimmed(each) else []
        if each.refers and each.kind is Kind.TEXT and not _read_later(name, each):
            joins.append(_joined(each.name, each.refers.entity, cell))
        if name == "enrollments" and each.name in NUMBERED:
            target = NUMBERED[each.name]
            columns += [f"{_found(each.name)}.no AS {target}No"] if target else []
        else:
            columns.append(f"{typed(each, cell)} AS {quoted(each.name)}")
        fine += [own] if (own := _surely_fine(name, each, cell)) else []
    if name == "users" and fields != FIELDS["users"]:  # 1.1: a person's one role and orgs stand on the person
        joins.append(_joined("orgSourcedIds", "orgs", "own.orgSourcedIds"))
        columns.append(f"{_found('orgSourcedIds')}.type AS orgType")
        fine.append(f"({_found('orgSourcedIds')}.no IS NOT NULL OR contains(own.orgSourcedIds, ','))")
    if name == "enrollments" and "schoolSourcedId" not in absent:
        school = f"{_found('classSourcedId')}.schoolSourcedId"
        fine.append(f"(own.schoolSourcedId IS NULL OR own.schoolSourcedId = {school})")
    there = [each for each in fields if each.name not in absent]
    fine += fine_together(name, there, lambda each: f"own.{quoted(each.name)}")
    names = {each.name for each in there}
    for begin in ({"startDate", "beginDate"} & names) if "endDate" in names else ():
        dates = f"try_cast(own.endDate AS DATE) < try_cast(own.{begin} AS DATE)"
        fine.append(f"coalesce(NOT {dates}, true)")
    if {"sms", "phone"} & names:
        fine.append(are_in_place("own."))
    cells = ", ".join(f"own.{quoted(column)}" for column in columns_of(fields))
    columns.append(f"CASE WHEN {' AND '.join(fine)} THEN NULL ELSE [{cells}] END AS sent")
    replaced = ", ".join(f"{_trimmed(quoted(each))} AS {quoted(each)}" for each in trimmed)
    return f"SELECT {', '.join(columns)} FROM (SELECT * REPLACE ({replaced}) FROM {rows} sent) own {' '.join(joins)}"


def empty_table(name: str, fields: Sequence[Field]) -> str:
    """The columns of `read_{name}`, for a file that isn't there: to find them out by `query` takes as long as to read a file."""
    columns = ["line BIGINT", "sourcedId VARCHAR", "status VARCHAR", "dateLastModified VARCHAR"]
    for each in fields:
        if name == "enrollments" and each.name in NUMBERED:
            columns += [f"{NUMBERED[each.name]}No INTEGER"] if NUMBERED[each.name] else []
        else:
            columns.append(f"{quoted(each.name)} {TYPES[each.kind]}")
    columns += ["orgType VARCHAR"] if name == "users" and fields != FIELDS["users"] else []
    return f"CREATE TABLE read_{name} ({', '.join([*columns, 'sent VARCHAR[]'])})"


def clean_rows(name: str, fields: Sequence[Field]) -> str:
    """The query behind `clean_{name}`."""
    if name != "enrollments":
        return f"SELECT * EXCLUDE (sent) FROM read_{name} WHERE sent IS NULL"
    return (
        "SELECT own.line, own.sourcedId, own.status, dateLastModified, class.sourcedId AS classSourcedId, "
        'class.schoolSourcedId, person.sourcedId AS userSourcedId, "role", "primary", beginDate, endDate '
        "FROM read_enrollments own JOIN ids_classes class ON class.no = classesNo JOIN ids_users person ON person.no = usersNo "
        "WHERE sent IS NULL"
    )


def suspect_rows(name: str, fields: Sequence[Field]) -> str:
    """The suspect rows as they were sent, without blanks around a cell: line, the common columns and the file's fields."""
    cells = [f"nullif(trim(sent[{place}]), '') AS {quoted(column)}" for place, column in enumerate(columns_of(fields), start=1)]
    return f"SELECT line, {', '.join(cells)} FROM read_{name} WHERE sent IS NOT NULL"


def typed(each: Field, sent: str) -> str:
    """A cell without blanks around it in its type; NULL, or an empty list, where it can't be read so simply."""
    if each.words:
        usual = " ".join(f"WHEN {sent} = '{one}' THEN '{one}'" for one in usual_words(each))
        return f"CASE {usual} ELSE {word(sent, each.words)} END" if usual else word(sent, each.words)
    match each.kind:
        case Kind.DATE:
            return f"try_cast({sent} AS DATE)"
        case Kind.BOOLEAN:
            return f"CASE lower({sent}) WHEN 'true' THEN true WHEN 'false' THEN false END"
        case Kind.LIST:
            return (
                f"CASE WHEN {sent} IS NULL THEN []::VARCHAR[] WHEN contains({sent}, ',') THEN "
                f"list_filter(list_transform(string_split({sent}, ','), lambda each: trim(each)), lambda each: each <> '') "
                f"ELSE [{sent}] END"
            )
        case Kind.USER_IDS:
            braces = f"regexp_extract_all({sent}, '\\{{[^}}:]*:[^}}]*\\}}')"
            kind, identifier = r"regexp_extract(each, '\{([^:]*):', 1)", r"regexp_extract(each, ':([^}]*)\}', 1)"
            pair = f"{{'type': trim({kind}), 'identifier': trim({identifier})}}"
            return f"CASE WHEN {sent} IS NULL THEN [] ELSE list_transform({braces}, lambda each: {pair}) END"
        case _:
            return sent


def word(sent: str, words: Words) -> str:
    """The standard's spelling of the word, NULL for another; 1.2's `ext:` values stay as they are."""
    spelt = " ".join(f"WHEN '{each.casefold()}' THEN '{each}'" for each in (*words.allowed, *words.also))
    return f"CASE lower({sent}) {spelt} ELSE CASE WHEN {sent} LIKE 'ext:_%' THEN {sent} END END"


def _trimmed(sent: str) -> str:
    """NULL where nothing is left. To look at both ends is a seventh of the work of DuckDB's trim."""
    return f"CASE WHEN {sent} < '!' OR {sent} LIKE '% ' THEN nullif(trim({sent}), '') ELSE {sent} END"


def nothing(each: Field) -> str:
    """What `typed` gives for a cell that isn't there."""
    return f"{'[]' if each.kind in (Kind.LIST, Kind.USER_IDS) else 'NULL'}::{TYPES[each.kind]}"


def _needed(each: Field) -> bool:
    """Whether a row without the cell goes to the judge."""
    return each.need in (Need.REQUIRED, Need.EXPECTED) or (each.refers is not None and each.refers.required)


def _is_trimmed(each: Field) -> bool:
    """References, dates and words with blanks around them are the judge's: to look at the ends of each takes time too."""
    return each.kind in (Kind.LIST, Kind.YEAR) or each.is_free_text


def _surely_fine(name: str, each: Field, sent: str) -> str:
    if each.refers and each.kind is Kind.TEXT:
        if _read_later(name, each):
            plain = f"{sent} <> '' AND strlen({sent}) = length({sent}) AND NOT contains({sent}, '\"')"
            return f"({plain})" if each.refers.required else f"({sent} IS NULL OR ({plain}))"
        found = f"{_found(each.name)}.no IS NOT NULL"
        return found if each.refers.required else f"({sent} IS NULL OR {found})"
    return fine_cell(name, each, sent)


def _read_later(name: str, each: Field) -> bool:
    """Whether what the field names is read with this file or after it, so that it is looked for later."""
    return f"{name}.{each.name}" in NAMED_LATER or (each.refers is not None and each.refers.entity == name)


def _joined(field: str, target: str, sent: str) -> str:
    return f"LEFT JOIN ids_{target} {_found(field)} ON {_found(field)}.sourcedId = {sent}"


def _found(field: str) -> str:
    return quoted(f"found {field}")
