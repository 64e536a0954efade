"""Ids looked at as a population: which of a file a spreadsheet has damaged, and what a reference that leads nowhere meant."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import duckdb

from oneroster_engine.duckdb_session import count, insert, number_of, quoted, tables, text
from oneroster_engine.staging.file_problems import add_file_problem
from oneroster_engine.staging.reading import ToTable
from oneroster_engine.staging.rules import IS_MISSING
from oneroster_engine.standard.damaged_ids import (
    BRACKETED_SQL,
    BY_LETTERS,
    CUT_SQL,
    DATE_SQL,
    DOTTED_SQL,
    FORMULA_SQL,
    FULL_DATE_SQL,
    GROUPED_SQL,
    KEPT_DIGITS,
    MEASURE_SQL,
    ROUNDED_SQL,
    TIME_SQL,
    as_seen_sql,
    difference_sql,
    is_bracketed_sql,
    is_shaped_sql,
    number_sql,
    rounds_to_sql,
    shape_sql,
    with_key_sql,
)
from oneroster_engine.standard.entities import ONLY_1_2, ROSTER_FILES, Field, Kind, fields_of

# Of so many references of a field that lead nowhere the nearest id by spelling is looked for, since each is held against every id
# that is there; all are matched by what spreadsheets do.
MOST_SPELLED = 10
OF_ONE_PERSON = ("email", "sms", "phone", "identifier")  # what belongs to one person, or to a family
MANY, SAMPLED = 5, 2000  # people who have one of those between them; people who are looked at first
THROUGHOUT = 0.9  # of a file's rows: so many empty cells are the export's doing and no row's
IN_BRACKETS = "sourcedId[1] IN ('{', '(', '[', '<', '`')"  # as it seems by the first character
REASON = "ids in its file were damaged by a spreadsheet, and an absent row proves nothing"


@dataclass(frozen=True)
class Restored:
    """An id that is not what it was: as it was sent, and as the files that refer to it say it. None: they don't, or not for
    certain; then `instead` is what they may mean by it. `how` it differs, in words; empty of lost zeros and measures."""

    file: str
    was: str
    id: str | None
    how: str = ""
    instead: str = ""


def restore(connection: duckdb.DuckDBPyConnection, restored: Sequence[Restored]) -> None:
    """Read these ids as what they were, and keep nothing under unknown ones; reported once per file."""
    if not restored:
        return
    insert(connection, "restored", [(each.file, each.was, each.id) for each in restored])
    _restore_differing(connection, [each for each in restored if each.how])
    zeros = [each for each in restored if not each.how]
    for file in dict.fromkeys(each.file for each in zeros):
        known = [each for each in zeros if each.file == file and each.id]
        lost = [each for each in zeros if each.file == file and not each.id]
        key = add_file_problem(
            connection, file, "lost-zeros", "sourcedId", number=f"{len(known):,}",
            examples=", ".join(f"`{each.was}` for `{each.id}`" for each in known[:3]),
            lost=f" {len(lost):,} more have none that refer to them, so nothing is kept under those." if lost else "",
        )  # fmt: skip
        insert(connection, "damaged", [(file, each, key) for each in ("", *(one.was for one in lost))])


def _restore_differing(connection: duckdb.DuckDBPyConnection, restored: Sequence[Restored]) -> None:
    """Say it of ids that differ from what the other files say by letters, or by what was added to them. Where that is certain
    each row is kept under its own id, so what is absent is absent; else any of them may be meant."""
    for file, how in dict.fromkeys((each.file, each.how) for each in restored):
        of_file = [each for each in restored if (each.file, each.how) == (file, how)]
        known = [f"`{each.was}` as `{each.id}`" for each in of_file if each.id]
        if known:
            examples = ", ".join(known[:3])
            add_file_problem(
                connection, file, "differing-ids", "sourcedId", f"{file}.csv:0:differing-ids:{how}",
                number=f"{len(known):,}", examples=examples, how=how,
            )  # fmt: skip
        if doubtful := [each for each in of_file if not each.id]:
            shown = sorted(doubtful, key=lambda each: not each.instead)[:3]
            examples = ", ".join(f"`{each.was}` for `{each.instead}`" if each.instead else f"`{each.was}`" for each in shown)
            key = add_file_problem(
                connection, file, "doubtful-ids", "sourcedId", f"{file}.csv:0:doubtful-ids:{how}",
                number=f"{len(doubtful):,}", examples=examples, how=how,
            )  # fmt: skip
            insert(connection, "damaged", [(file, each.was, key) for each in doubtful])
            insert(connection, "explained_value", [(file, each.instead, key) for each in doubtful if each.instead])


def restoring(restored: Sequence[Restored], name: str, to_types: ToTable) -> ToTable:
    """The same query, on rows with restored ids."""
    # Roles and profiles are read before their people, so a reference of theirs that lost its zeros too is restored here.
    of_file, field = ("users", "userSourcedId") if name in ("roles", "userProfiles") else (name, "sourcedId")
    if not any(each.file == of_file for each in restored):
        return to_types
    return lambda rows, absent=(): to_types(
        f"(SELECT own.* REPLACE (coalesce(fix.id, own.{field}) AS {field}) FROM {rows} own LEFT JOIN "
        f"(SELECT was, id FROM restored WHERE file = '{of_file}') fix ON fix.was = trim(own.{field}))",
        absent,
    )


def damaged_lines(name: str) -> str:
    """Clean lines whose id is known to be damaged."""
    return f"SELECT line FROM clean_{name} WHERE sourcedId IN (SELECT sourcedId FROM damaged WHERE file = '{name}')"


# Rules that tell of references which lead nowhere, or not where they seem to: without these there is nothing to look for.
ASTRAY = {"unknown-reference", "without-role", "near-reference", "doubtful-ids"}


def lost_zeros(connection: duckdb.DuckDBPyConnection, version: str) -> list[Restored]:
    """The files whose ids have lost their leading zeros or became measures (71.0), as the references to them show: of more
    numbers some reference says what they were than of which none does. A spreadsheet never adds zeros. So with ids in brackets to
    which the others refer without. Looked for only where references lead nowhere, or fit but for brackets."""
    targets = {target for (target,) in connection.execute(_MAY_BE_LOST).fetchall()}
    if not targets:
        return []
    references: dict[str, list[str]] = {}
    as_sent: dict[str, list[str]] = {}
    for file, each, target in referring(version):
        of_file = values_of(file, each)
        references[target] = [*references.get(target, []), *of_file]
        if each.kind is Kind.TEXT:
            sent = f"SELECT {quoted('sent_' + each.name)} FROM suspect_{file}"
            as_sent[target] = [*as_sent.get(target, []), of_file[0], sent]
    found: list[Restored] = []
    for target, queries in references.items():
        if not targets & {target, ANY}:
            continue
        holes = {
            "number": number_sql("inner_id"),
            "measure": f"'{MEASURE_SQL[1:-1]}|{GROUPED_SQL[1:-1]}'",
            "bracketed": is_bracketed_sql("sourcedId"),
        }
        holes["references"] = " UNION ALL ".join([*queries, _READ_AS_NEAR])
        holes["as_sent"] = " UNION ALL ".join(as_sent.get(target, ["SELECT NULL AS value WHERE false"]))
        connection.execute(_LOST_ZEROS.format(target=target, **holes))
        pairs, used = count(connection, "lost WHERE id IS NOT NULL"), count(connection, "used")
        if pairs > used:
            rows = connection.execute("SELECT was, id FROM lost").fetchall()
            found += [Restored(target, was, sourced_id) for was, sourced_id in rows]
    return found


def referring(version: str) -> Iterator[tuple[str, Field, str]]:
    """Every field by which a file refers to another, and that other."""
    for file in ROSTER_FILES:
        if file in ONLY_1_2 and version != "1.2":
            continue
        for each in fields_of(file, version):
            if each.refers and each.refers.entity != file:
                yield file, each, each.refers.entity


def values_of(file: str, each: Field) -> list[str]:
    """Queries of what a reference says, as `value`."""
    values = f"unnest({quoted(each.name)})" if each.kind is Kind.LIST else quoted(each.name)
    return [f"SELECT {values} AS value FROM {kind}_{file}" for kind in ("clean", "suspect")]


def unmatched(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Files of which the others name more rows that aren't there than half of those that are, each with that in a sentence: their
    ids were changed, or they came in part. An absent row of theirs proves nothing."""
    fates = ", ".join(f"({text(name)}, {text(IS_MISSING.format(target=name))})" for name in ROSTER_FILES)
    missing = connection.execute(_MISSING.format(fates=fates)).fetchall()
    return {
        name: f"the other files name {number:,} of its rows that are not there"
        for name, number in missing
        if number >= MANY and 2 * number > count(connection, f"read_{name}")
    }


def spare_referred_to(connection: duckdb.DuckDBPyConnection, version: str) -> None:
    """Keep what stands on the platform under an id that other files refer to, where its own file lacks it and has a near one
    instead: by letters or digits alike, zeros, what stands around it, or as another name. It is the id that was damaged. Of orgs
    any absent one is held."""
    if not number_of(connection, _MAY_BE_SPARED):
        return
    connection.execute(_SPARED_BY_DOUBT)
    made = tables(connection)
    for file in ROSTER_FILES:
        for each in fields_of(file, version):
            table = f"near_{file}_{each.name}"
            if each.refers and each.refers.entity not in (file, "orgs") and table in made:
                connection.execute(_SPARED.format(table=table), {"target": each.refers.entity})


def put_stand_ins(connection: duckdb.DuckDBPyConnection, name: str, leave_out: bool) -> None:
    """Where a title is empty throughout a file, make one of each row's code or course that says so; or say only that it is,
    where the group leaves such rows out."""
    if name not in _STAND_INS:
        return
    alive, empty = "status <> 'tobedeleted'", "title IS NULL"
    untitled = number_of(connection, f"SELECT count(*) FROM suspect_{name} WHERE {alive} AND {empty}")
    if untitled < 2 or untitled < THROUGHOUT * count(connection, f"read_{name}"):
        return
    if leave_out:
        then = "they were left out, as the group has it"
    else:
        then = f"they were kept under a stand-in that says so, made of {_MADE_OF[name]}"
        stand_in = f"{_STAND_INS[name]} || ' (no title sent)'"
        connection.execute(f"UPDATE suspect_{name} own SET title = {stand_in} WHERE {alive} AND {empty}")
    add_file_problem(connection, name, "blank-column", "title", number=f"{untitled:,}", then=then)


def find_namesakes(connection: duckdb.DuckDBPyConnection) -> None:
    """People with the same username: the later row of two names the earlier one."""
    distinct = "SELECT count(*) FROM (SELECT DISTINCT hash(lower(username)) FROM read_users WHERE username IS NOT NULL)"
    if number_of(connection, f"SELECT count(username) - ({distinct}) FROM read_users"):
        connection.execute(_NAMESAKES)


def note_shared_emails(connection: duckdb.DuckDBPyConnection) -> None:
    """Say how many people have an e-mail that somebody else has too, as brothers and sisters may."""
    read = "FROM read_users WHERE email IS NOT NULL"
    if number_of(connection, f"SELECT count(*) - count(DISTINCT hash(lower(email))) {read}"):
        number, lines = connection.execute(_SHARED_EMAILS).fetchone() or (0, [])
        if number:
            shown = " and ".join(map(str, lines))
            add_file_problem(connection, "users", "same-email", "email", number=f"{number:,}", examples=shown)


def note_one_for_all(connection: duckdb.DuckDBPyConnection) -> None:
    """Say where half of the people or more have one telephone, e-mail or identifier, as where a column was filled down."""
    every = 1 + count(connection, "read_users") // SAMPLED
    # What half of them have is seen in a part of them.
    sampled = ", ".join(f"count({each}) > 1 AND count({each}) > 1.4 * count(DISTINCT lower({each}))" for each in OF_ONE_PERSON)
    may_be = connection.execute(f"SELECT {sampled} FROM read_users WHERE line % {every} = 0").fetchone() or ()
    for each in (field for field, is_so in zip(OF_ONE_PERSON, may_be, strict=True) if is_so):
        number, lines, of = connection.execute(_ONE_FOR_ALL.format(field=each)).fetchone() or (0, [], 0)
        if number and number >= MANY and 2 * number >= of:  # none where every row with a value was left out
            shown = " and ".join(map(str, lines))
            add_file_problem(connection, "users", "one-for-all", each, number=f"{number:,}", of=f"{of:,}", examples=shown)


def note_role_types(connection: duckdb.DuckDBPyConnection) -> None:
    """Say how many roles have no type, which OneRoster 1.2 needs."""
    if number := number_of(connection, "SELECT count(*) FROM kept_roles WHERE roleType IS NULL AND status <> 'tobedeleted'"):
        add_file_problem(connection, "roles", "no-role-type", "roleType", number=f"{number:,}")


def note_doubles(connection: duckdb.DuckDBPyConnection) -> None:
    """Say who is enrolled twice in a class, and which classes have two primary teachers. Looks at `class_choices`."""
    twice, several = connection.execute(_MAY_HAVE_DOUBLES).fetchone() or (0, 0)
    for rule, field, number, query in (
        ("enrolled-twice", "userSourcedId", twice, _ENROLLED_TWICE),
        ("two-primary-teachers", "primary", several, _PRIMARY_TEACHERS),
    ):
        if number:
            found, lines = connection.execute(query).fetchone() or (0, [])
            if found:
                shown = " and ".join(map(str, lines))
                add_file_problem(connection, "enrollments", rule, field, number=f"{found:,}", examples=shown)


def note_ending_classes(connection: duckdb.DuckDBPyConnection) -> None:
    """Say how many enrollments fall with classes that are to be deleted."""
    if not number_of(connection, "SELECT count(*) FROM suspect_classes WHERE status = 'tobedeleted'"):
        return
    number, examples = connection.execute(_ENDING).fetchone() or (0, [])
    if number:
        add_file_problem(
            connection, "enrollments", "class-ends", "classSourcedId", number=f"{number:,}", examples=_listed(examples)
        )


def find_damaged(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Write down which ids among the suspects are what a spreadsheet makes of a long number or of a fraction, once a file."""
    shapes = ", ".join(f"count(*) FILTER (regexp_full_match(sourcedId, {shape}))" for _, shape, _ in _SHAPES)
    numbers = connection.execute(f"SELECT {shapes} FROM suspect_{name}").fetchone() or ()
    for (rule, shape, is_one), number in zip(_SHAPES, numbers, strict=True):
        if not number:
            continue
        is_so = f"regexp_full_match(sourcedId, {shape}) AND sourcedId NOT IN (SELECT sourcedId FROM damaged WHERE file = $file)"
        found = connection.execute(
            f"SELECT count(*), list_sort(list(DISTINCT sourcedId))[:3] FROM suspect_{name} WHERE {is_so}", {"file": name}
        ).fetchone()
        if not found or not found[0] or (rule == "date-ids" and name == "academicSessions") or not is_one(connection, name):
            continue
        key = add_file_problem(connection, name, rule, "sourcedId", number=f"{found[0]:,}", examples=_listed(found[1]), there="")
        connection.execute(
            f"INSERT INTO damaged SELECT DISTINCT $file, sourcedId, $key FROM suspect_{name} WHERE {is_so}",
            {"file": name, "key": key},
        )


def bracketed_lines(name: str) -> str:
    """Clean lines whose id stands in brackets."""
    return f"SELECT line FROM clean_{name} WHERE {IN_BRACKETS} AND {is_bracketed_sql('sourcedId')}"


def _few_are_so(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether most ids of a file stand in no brackets: where all do, that is how the export writes them."""
    return number_of(connection, f"SELECT count(*) FILTER ({is_bracketed_sql('sourcedId')}) * 2 - count(*) FROM read_{name}") <= 0


def _is_no_id(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    return True


def _all_are_cut(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether every long number among a file's ids ends in zeros beyond the fifteenth digit, and by no chance: one in a thousand
    or less. A single one may be an id."""
    long = f"SELECT DISTINCT sourcedId AS id FROM read_{name} WHERE regexp_full_match(sourcedId, '\\d{{{KEPT_DIGITS + 1},}}')"
    found = connection.execute(
        f"SELECT count(*), coalesce(bool_and(regexp_full_match(id, {CUT_SQL})), false), "
        f"coalesce(sum(length(id) - {KEPT_DIGITS}), 0) FROM ({long})"
    ).fetchone()
    number, all_so, zeros = found or (0, False, 0)
    return bool(number > 1 and all_so and zeros > 2)


def _all_are_measures(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether no id of a file has a fraction: among 10.1 and 10.2, 10.0 is just an id."""
    return not number_of(
        connection,
        f"SELECT count(*) FROM read_{name} WHERE regexp_full_match(sourcedId, '\\d+[.,]\\d+') "
        f"AND NOT regexp_full_match(sourcedId, {MEASURE_SQL})",
    )


def _all_are_dates(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether every id of a file that has the form of 12.03.2026 is a date: among others, as 99.12.2026, it is just an id."""
    return not number_of(
        connection,
        f"SELECT count(*) FROM read_{name} WHERE regexp_full_match(sourcedId, {DOTTED_SQL}) "
        f"AND NOT regexp_full_match(sourcedId, {FULL_DATE_SQL})",
    )


# What damaged ids look like, and whether they are that, looked at as a population.
_SHAPES: tuple[tuple[str, str, Callable[[duckdb.DuckDBPyConnection, str], bool]], ...] = (
    ("rounded-ids", ROUNDED_SQL, _is_no_id),
    ("rounded-ids", CUT_SQL, _all_are_cut),
    ("measure-ids", MEASURE_SQL, _all_are_measures),
    ("formula-ids", FORMULA_SQL, _is_no_id),
    ("bracketed-ids", BRACKETED_SQL, _few_are_so),
    ("date-ids", DATE_SQL, _is_no_id),
    ("date-ids", FULL_DATE_SQL, _all_are_dates),
    ("date-ids", TIME_SQL, _is_no_id),
)


def match_references(
    connection: duckdb.DuckDBPyConnection, name: str, each: Field, known: str = "", values: str = ""
) -> tuple[bool, bool]:
    """Make `near_{file}_{field}`: of each value of a reference that is not there, the nearest id that is. It is `matched` where
    upper and lower case, or zeros that the reference has lost, are all that differs, and one id alone is so near. Gives whether
    some are matched, and whether some lead nowhere; where all are there no table is made.

    `known` is a query for the ids that may be referred to, without one those that were kept; `values` one for what the
    references say (`value`), without one those of the suspects.
    """
    assert each.refers is not None
    target, table = each.refers.entity, f"near_{name}_{each.name}"
    known = known or f"SELECT sourcedId FROM ids_{target}"
    value = f"unnest({quoted(each.name)})" if each.kind is Kind.LIST else quoted(each.name)
    values = values or f"SELECT {value} AS value FROM suspect_{name} WHERE status <> 'tobedeleted'"
    number = number_of(connection, _DANGLING.format(values=values, known=known))
    if not number:
        return False, False
    # A row that is there and was left out is the one that is meant: no other is near.
    if number == number_of(connection, _OF_LEFT_OUT, target):
        connection.execute(f"CREATE OR REPLACE TABLE {table} AS {_NOTHING_NEAR}")
        return False, True
    dangles, there = (
        with_key_sql(rows) for rows in ("SELECT value AS id FROM dangling", f"SELECT sourcedId AS id FROM ({known})")
    )
    if number_of(connection, _RELATIVES.format(dangling=dangles, known=there)):
        connection.execute(
            _DIFFERENCES.format(
                dangling=with_key_sql("SELECT value AS id FROM relative"),
                how=difference_sql("one", "other"),
                known=with_key_sql("SELECT id FROM relative"),
            )
        )
    names = " UNION ALL ".join(_ONE_NAME.format(target=target, name=name) for name in _OTHER_NAMES.get(target, ()))
    connection.execute(_CALLED.format(names=names) if names else f"{_CREATE_CALLED} {_NOTHING_NEAR}")
    seen = {"by_letters": BY_LETTERS, "seen_value": as_seen_sql("value"), "seen_id": as_seen_sql("sourcedId")}
    connection.execute(_NEAR.format(table=table, known=known, most=MOST_SPELLED, grouped=GROUPED_SQL, **seen))
    if count(connection, f"{table} WHERE how = '{BY_LETTERS}'"):
        connection.execute(_BY_SHAPE.format(table=table, known=known, is_shaped=is_shaped_sql("near.value", "near.id")))
    if number_of(connection, "SELECT count(*) FROM damaged WHERE file = $1", target):
        connection.execute(_BY_DAMAGE.format(rounds_to=rounds_to_sql("value", "sourcedId")), {"target": target})
    explained = connection.execute(_EXPLAINS, {"target": target}).fetchall()
    for key, examples in explained:
        refers = f" {name}.csv refers to {_listed(examples)}."
        connection.execute(
            "UPDATE problem SET arguments = map_concat(arguments, MAP {'there': $there}) WHERE key = $key",
            {"there": refers, "key": key},
        )
    _damaged_references(connection, name, each, target, known)
    matched = count(connection, f"{table} WHERE matched")
    return matched > 0, matched < number


def _damaged_references(connection: duckdb.DuckDBPyConnection, name: str, each: Field, target: str, known: str) -> None:
    if not number_of(connection, _MAY_BE_DAMAGED):
        return
    long = f"SELECT sourcedId[:{KEPT_DIGITS}] FROM ({known}) WHERE length(sourcedId) > {KEPT_DIGITS}"
    is_cut = f"regexp_full_match(value, {CUT_SQL}) AND value[:{KEPT_DIGITS}] IN ({long})"
    dates = " OR ".join(f"regexp_full_match(value, {shape})" for shape in (DATE_SQL, FULL_DATE_SQL, TIME_SQL))
    shapes = {"rounded-ids": f"regexp_full_match(value, {ROUNDED_SQL}) OR ({is_cut})", "date-ids": dates}
    counted = ", ".join(f"count(*) FILTER ({is_one}), list_sort(list(value) FILTER ({is_one}))[:3]" for is_one in shapes.values())
    not_known = "value NOT IN (SELECT sourcedId FROM damaged WHERE file = $target)"
    found = connection.execute(f"SELECT {counted} FROM dangling WHERE {not_known}", {"target": target}).fetchone() or ()
    for (rule, is_one), number, examples in zip(shapes.items(), found[::2], found[1::2], strict=True):
        if not number:
            continue
        is_so = f"({is_one}) AND {not_known}"
        key = add_file_problem(connection, name, rule, each.name, number=f"{number:,}", examples=_listed(examples), there="")
        connection.execute(
            f"INSERT INTO explained_value SELECT $target, value, $key FROM dangling WHERE {is_so}", {"target": target, "key": key}
        )


def find_several(connection: duckdb.DuckDBPyConnection, name: str, each: Field, values: str, known: str) -> bool:
    """Make `several_{file}_{field}`: items of a list that are two ids or more with something else than a comma between them, as
    T1/T2, where each of those is there. Said once a column. Gives whether there are any."""
    table = f"several_{name}_{each.name}"
    connection.execute(_SEVERAL.format(table=table, values=values, known=known, between=_BETWEEN))
    number = number_of(connection, f"SELECT count(*) FROM ({values}) WHERE value IN (SELECT value FROM {table})")
    if number:
        examples = connection.execute(f"SELECT list_sort(list(value))[:2] FROM {table}").fetchone() or ([],)
        shown = " and ".join(f"`{each[:40]}`" for each in examples[0])
        add_file_problem(connection, name, "other-list", each.name, number=f"{number:,}", examples=shown)
    return number > 0


def replace_items(connection: duckdb.DuckDBPyConnection, name: str, each: Field) -> None:
    """Put the ids that were meant into a list."""
    connection.execute(_REPLACE_ITEMS.format(file=name, field=quoted(each.name), near=f"near_{name}_{each.name}"))


def _listed(examples: Sequence[str]) -> str:
    return ", ".join(f"`{each[:60]}`" for each in examples[:3])


# What a row is called where no title was sent. OneRoster's classes have no section; their periods are the nearest to one.
_STAND_INS = {
    "classes": "coalesce(classCode, (SELECT title FROM kept_courses course WHERE course.sourcedId = own.courseSourcedId) "
    "|| if(len(periods) > 0, ', period ' || array_to_string(periods, ', '), ', class ' || own.sourcedId))",
    "courses": "courseCode",
}
_MADE_OF = {"classes": "their class code, else of their course and period", "courses": "their course code"}

ANY = "any"
# Files of which a number is missing to which others refer, or `any` where an id stands in brackets.
_MAY_BE_LOST = f"""
SELECT DISTINCT regexp_extract(coalesce(arguments['fate'], arguments['named']), 'missing from (\\w+)', 1) FROM problem
WHERE rule IN ('unknown-reference', 'without-role') AND severity = 'error'
  AND regexp_matches(coalesce(arguments['value'], arguments['named']), '`\\d+`')
  AND contains(coalesce(arguments['fate'], arguments['named']), 'missing from')
UNION SELECT '{ANY}' FROM problem WHERE rule = 'near-reference' AND regexp_matches(arguments['id'], '^[\\[({{<`]')
"""

_MAY_BE_SPARED = """
SELECT count(*) FROM problem WHERE rule IN ('near-reference', 'doubtful-ids')
   OR rule = 'unknown-reference' AND arguments['nearest'] IS NOT NULL
"""
# What others call rows of which nothing was kept, since either may be the id.
_SPARED_BY_DOUBT = """
INSERT INTO left_out
SELECT file, value, NULL, NULL FROM explained_value WHERE key IN (SELECT key FROM problem WHERE rule = 'doubtful-ids')
"""
# One character more or less is often somebody else, since ids are counted up; and so is a letter before one (a guardian's).
_SPARED = """
INSERT INTO left_out
SELECT $target, value, NULL, NULL FROM {table} near
WHERE value IS NOT NULL AND how IS DISTINCT FROM 'by one character'
  AND (how IS DISTINCT FROM 'by what stands before or behind it'
       OR regexp_replace(value, '[^0-9A-Za-z]', '', 'g') = regexp_replace(id, '[^0-9A-Za-z]', '', 'g'))
  AND value NOT IN (SELECT sourcedId FROM left_out WHERE entity = $target AND sourcedId IS NOT NULL)
"""

# What was read as near stands no more in its row as it was sent.
_READ_AS_NEAR = "SELECT arguments['value'] AS value FROM problem WHERE rule = 'near-reference'"

# `inner_id` is an id without the brackets around it.
_LOST_ZEROS = """
CREATE OR REPLACE TEMP TABLE bare AS
SELECT sourcedId, inner_id, ltrim({number}, '0') AS number, sourcedId <> inner_id AS bracketed FROM (
    SELECT DISTINCT sourcedId, if({bracketed}, sourcedId[2:-2], sourcedId) AS inner_id
    FROM read_{target}
) WHERE sourcedId <> inner_id OR regexp_full_match(sourcedId, '[1-9]\\d*') OR regexp_full_match(sourcedId, {measure});
CREATE OR REPLACE TEMP TABLE referred AS
SELECT DISTINCT value FROM ({references}) WHERE regexp_full_match(value, '\\d+') OR regexp_full_match(value, {measure})
   OR value IN (SELECT unnest([sourcedId, inner_id]) FROM bare WHERE bracketed);
CREATE OR REPLACE TEMP TABLE padded AS
SELECT ltrim(value, '0') AS was, coalesce(min(value) FILTER (value LIKE '0%'), min(value)) AS id FROM referred
WHERE (regexp_full_match(value, '\\d+') OR value IN (SELECT inner_id FROM bare WHERE bracketed))
  AND value NOT IN (SELECT sourcedId FROM read_{target} WHERE sourcedId IS NOT NULL)
GROUP BY was HAVING count(*) FILTER (value LIKE '0%') < 2;
CREATE OR REPLACE TEMP TABLE used AS
SELECT sourcedId FROM bare JOIN referred ON value = sourcedId ANTI JOIN padded ON was = number WHERE NOT bracketed
UNION SELECT sourcedId FROM bare WHERE bracketed AND sourcedId IN (SELECT value FROM ({as_sent}));
CREATE OR REPLACE TEMP TABLE lost AS
SELECT sourcedId AS was, coalesce(id, if(bracketed AND length(inner_id) >= longest, inner_id, NULL)) AS id
FROM bare LEFT JOIN padded ON was = number
CROSS JOIN (SELECT coalesce(max(length(id)), 0) AS longest FROM padded WHERE id LIKE '0%')
WHERE id IS NOT NULL AND (NOT bracketed OR sourcedId NOT IN (SELECT sourcedId FROM used))
   OR (sourcedId <> number OR length(sourcedId) < longest) AND sourcedId NOT IN (SELECT sourcedId FROM used)
ORDER BY was
"""

_NAMESAKES = """
INSERT INTO problem BY NAME
WITH shared AS (
    SELECT line, sourcedId, first_value(line) OVER same AS first, first_value(sourcedId) OVER same AS other,
           count(*) OVER (PARTITION BY lower(username)) AS people
    FROM kept_users
    WHERE lower(username) IN (SELECT lower(username) FROM read_users GROUP BY 1 HAVING count(*) > 1)
      AND username IS NOT NULL AND status <> 'tobedeleted'
    WINDOW same AS (PARTITION BY lower(username) ORDER BY line)
)
SELECT 'users.csv' AS file, line, 'users' AS entity, sourcedId, 'username' AS field, 'same-username' AS rule,
       'warning' AS severity, first AS other_line, MAP {'id': other} AS arguments, 'users.csv:' || line || ':same-username' AS key
FROM shared WHERE people > 1 AND line > first
"""

_SHARED_EMAILS = """
WITH shared AS (
    SELECT list_sort(list(line)) AS lines FROM kept_users WHERE email IS NOT NULL AND status <> 'tobedeleted'
    GROUP BY lower(email) HAVING count(*) > 1
)
SELECT sum(len(lines))::BIGINT, min(lines[:2]) FROM shared
"""

_MISSING = """
SELECT target, count(DISTINCT arguments['value'])
FROM problem JOIN (VALUES {fates}) named (target, fate) ON arguments['fate'] = fate
WHERE rule = 'unknown-reference' AND severity = 'error' GROUP BY target
"""

_ONE_FOR_ALL = """
WITH one AS (
    SELECT count(*) AS people, list_sort(list(line))[:2] AS lines FROM kept_users
    WHERE {field} IS NOT NULL AND status <> 'tobedeleted' GROUP BY lower({field})
)
SELECT max(people), arg_max(lines, people), sum(people)::BIGINT FROM one
"""

_MAY_HAVE_DOUBLES = "SELECT count(*) FILTER (enrollments > users), count(*) FILTER (firsts > 1) FROM class_choices"

_ENROLLED_TWICE = """
WITH twice AS (
    SELECT list_sort(list(line))[:2] AS lines
    FROM kept_enrollments SEMI JOIN (SELECT sourcedId FROM class_choices WHERE enrollments > users) several
         ON several.sourcedId = classSourcedId
    WHERE status <> 'tobedeleted' GROUP BY classSourcedId, userSourcedId HAVING count(*) > 1
)
SELECT count(*), min(lines) FROM twice
"""

_PRIMARY_TEACHERS = """
WITH several AS (
    SELECT list_sort(list(line))[:2] AS lines
    FROM kept_enrollments SEMI JOIN (SELECT sourcedId FROM class_choices WHERE firsts > 1) class
         ON class.sourcedId = classSourcedId
    WHERE status <> 'tobedeleted' AND "role" = 'teacher' AND "primary"
    GROUP BY classSourcedId HAVING count(DISTINCT userSourcedId) > 1
)
SELECT count(*), min(lines) FROM several
"""

_ENDING = """
SELECT count(*), list_sort(list(DISTINCT classSourcedId))[:3] FROM kept_enrollments
WHERE status <> 'tobedeleted' AND classSourcedId IN (SELECT sourcedId FROM kept_classes WHERE status = 'tobedeleted')
"""

_DANGLING = """
CREATE OR REPLACE TEMP TABLE dangling AS
SELECT DISTINCT value FROM ({values}) WHERE value IS NOT NULL AND value NOT IN ({known})
"""

_OF_LEFT_OUT = "DELETE FROM dangling WHERE value IN (SELECT sourcedId FROM left_out WHERE entity = $1)"

_NOTHING_NEAR = """
SELECT NULL::VARCHAR AS value, NULL::VARCHAR AS id, NULL::VARCHAR AS how, false AS matched, NULL::VARCHAR AS nearest WHERE false
"""

_RELATIVES = """
CREATE OR REPLACE TEMP TABLE relative AS
SELECT dangling.id AS value, known.id, ''::VARCHAR AS how FROM {dangling} dangling JOIN {known} known USING (key)
"""

_DIFFERENCES = """
CREATE OR REPLACE TEMP TABLE relative AS
SELECT value, relative.id, {how} AS how
FROM relative JOIN (SELECT DISTINCT * FROM {dangling}) one ON one.id = value
JOIN (SELECT DISTINCT * FROM {known}) other ON other.id = relative.id
"""

# What differs by one character, or by two that changed places, has one half in common. To look for that first (`head`, `tail`)
# takes a thirtieth of measuring how far apart each two ids are.
# A reference with more zeros than the id that is there, or without its separators, says that the id has lost or gained them:
# that is no reading of the reference.
_NEAR = """
CREATE OR REPLACE TEMP MACRO least_same(id) AS greatest(3, (length(id) - 2) // 2);
CREATE OR REPLACE TEMP MACRO is_added(long, short) AS length(short) > 3
    AND (ends_with(long, short) AND regexp_matches(long[:length(long) - length(short)], '[^0-9A-Za-z]$|^[A-Za-z]+$')
         OR starts_with(long, short) AND regexp_matches(long[length(short) + 1:], '^[^0-9A-Za-z]|^[A-Za-z]+$'));
CREATE OR REPLACE TABLE {table} AS
WITH known AS (
    {known}
), far AS (
    SELECT value FROM dangling
    WHERE length(value) > 3 AND value NOT IN (SELECT value FROM relative) AND value NOT IN (SELECT value FROM called)
    ORDER BY value LIMIT {most}
), alike AS (
    SELECT value, min(sourcedId) AS id, '{by_letters}' AS how, 2 AS fitting
    FROM (SELECT value, {seen_value} AS as_seen FROM dangling
          WHERE regexp_matches(value, '[01OoIl]') AND value NOT IN (SELECT value FROM relative)
            AND value NOT IN (SELECT value FROM called))
    JOIN known ON {seen_id} = as_seen GROUP BY value HAVING count(*) = 1
), added AS (
    SELECT value, arg_max(sourcedId, length(sourcedId)) AS id, 'by what stands before or behind it' AS how, 2 AS fitting
    FROM far JOIN known ON is_added(value, sourcedId) OR is_added(sourcedId, value)
    WHERE value NOT IN (SELECT value FROM alike) GROUP BY value
), spelled AS (
    SELECT value, min(sourcedId) AS id, 'by one character' AS how, 2 AS fitting
    FROM (SELECT value, value[:least_same(value)] AS head, value[-least_same(value):] AS tail FROM far
          WHERE value NOT IN (SELECT value FROM added UNION ALL SELECT value FROM alike))
    JOIN known ON CASE WHEN starts_with(sourcedId, head) OR ends_with(sourcedId, tail)
                       THEN damerau_levenshtein(value, sourcedId) = 1 ELSE false END
    GROUP BY value
)
SELECT value, min(id) AS id, min(how) AS how,
       bool_and(fitting = 1 AND (NOT starts_with(how, 'by leading zeros') OR length(value) <= length(id))
                AND (NOT regexp_full_match(id, {grouped}) OR regexp_full_match(value, {grouped}))) AS matched,
       ' The nearest there is `' || min(id) || '`, which differs ' || min(how) || '.' AS nearest
FROM (SELECT value, id, how, count(*) OVER (PARTITION BY value) AS fitting FROM relative UNION ALL FROM spelled
      UNION ALL FROM added UNION ALL FROM alike) GROUP BY value
UNION ALL FROM called
"""

# Where a letter stands for a digit and the ids that are there have the one's shape and hardly any the other's.
_BY_SHAPE = f"""
WITH shapes AS (SELECT {shape_sql("sourcedId")} AS shape, count(*) AS ids FROM ({{known}}) GROUP BY shape)
UPDATE {{table}} near SET matched = true WHERE near.how = '{BY_LETTERS}' AND {{is_shaped}}
"""

# Neither a UUID, a short number nor a word is what a spreadsheet makes of a number or of a fraction.
_MAY_BE_DAMAGED = """
SELECT count(*) FROM dangling WHERE length(value) < 36 AND NOT regexp_full_match(value, '[0-9]{1,15}|[^0-9]+|[A-Za-z_]+[0-9]*')
"""

# By what else a record may be called where another system made the references.
_OTHER_NAMES = {
    "users": ("identifier", "username", "email", "userMasterIdentifier"),
    "orgs": ("identifier", "name"),
    "courses": ("courseCode",),
    "classes": ("classCode",),
}

_ONE_NAME = "SELECT value, sourcedId, '{name}' AS name FROM dangling JOIN read_{target} ON \"{name}\" = value"
_CREATE_CALLED = "CREATE OR REPLACE TEMP TABLE called AS"
_CALLED = f"""
{_CREATE_CALLED}
SELECT value, NULL::VARCHAR AS id, NULL::VARCHAR AS how, false AS matched,
       ' It is the ' || min(name) || ' of `' || min(sourcedId) || '` there.' AS nearest
FROM ({{names}}) WHERE value NOT IN (SELECT value FROM relative) GROUP BY value HAVING count(DISTINCT sourcedId) = 1
"""

_BY_DAMAGE = """
INSERT INTO explained_value
SELECT $target, value, min(key) FROM dangling JOIN damaged ON file = $target AND ({rounds_to}) GROUP BY value
"""

_EXPLAINS = """
SELECT key, list_sort(list(DISTINCT value))[:3] FROM explained_value JOIN dangling USING (value) WHERE file = $target GROUP BY key
"""

# What may stand between ids where the standard wants a comma. Read so only where each of them is there.
_BETWEEN = r"\s*(?:[/&^~+:;|\\]|\b(?:and|und|et|y|e|en|og|och|ja)\b)[\s/&^~+:;|\\]*"

_SEVERAL = """
CREATE OR REPLACE TABLE {table} AS
SELECT value, list(id ORDER BY place) AS ids FROM (
    SELECT value, unnest(ids) AS id, generate_subscripts(ids, 1) AS place
    FROM (SELECT value, list_filter(string_split_regex(value, '{between}'), lambda each: each <> '') AS ids
          FROM (SELECT DISTINCT value FROM ({values})) WHERE regexp_matches(value, '{between}'))
) GROUP BY value HAVING count(*) > 1 AND count(*) = count(*) FILTER (id IN ({known}))
"""

_REPLACE_ITEMS = """
UPDATE suspect_{file} own SET {field} = meant.items
FROM (
    SELECT line, list(coalesce(id, item) ORDER BY place) AS items
    FROM (SELECT line, unnest({field}) AS item, unnest(range(len({field}))) AS place FROM suspect_{file})
    LEFT JOIN (SELECT value, id FROM {near} WHERE matched) ON value = item
    GROUP BY line HAVING count(id) > 0
) meant WHERE meant.line = own.line
"""
