"""Judges the suspect rows by the rules of `rules.py`: what is wrong, in which line, and what it costs.

Works on `suspect_{name}`, the suspect rows of one file, and knows of other files' rows only the ids of those that were
kept. Leaves the problems in `problem`, and in `left_out` the rows that a rule leaves out, each with its root cause: what
follows from another row's problem points at it, so that one missing school is one cause.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import duckdb

from oneroster_engine.duckdb_session import count, number_of, quoted, text
from oneroster_engine.staging import cells, fast_path, population
from oneroster_engine.staging.date_orders import date_orders
from oneroster_engine.staging.file_problems import add_file_problem
from oneroster_engine.staging.finding import ARCHIVE, Finding
from oneroster_engine.staging.reading import columns_of
from oneroster_engine.staging.rules import (
    IN_QUOTES,
    IN_THE_LIST,
    IS_MISSING,
    NAMED_LATER,
    NAMES,
    PERSONS_NAMES,
    STANDING,
    Bound,
    Phase,
    bound_rules,
    fine_cell,
)
from oneroster_engine.standard.damaged_ids import bare_sql
from oneroster_engine.standard.entities import ENTITIES, Field, Kind, Need

COSTLY_READING = ("width", "cut-row", "open-quote")  # findings of the reader that cost the row


def record_findings(connection: duckdb.DuckDBPyConnection, name: str, findings: Sequence[Finding]) -> None:
    """Write down what the reader found in a file. A finding's sentence may begin with its file and line, which are data here."""
    if not findings:
        return
    connection.execute(
        _FOUND,
        {
            "file": name if name == ARCHIVE else f"{name}.csv",
            "entity": name,
            "lines": [found.line for found in findings],
            "ids": [found.sourced_id for found in findings],
            "rules": [found.rule for found in findings],
            "severities": [found.severity for found in findings],
            "messages": [found.message.removeprefix(f"{name}.csv, line {found.line}: ") for found in findings],
            "keys": [
                f"{name}.csv:{found.line or 0}:{found.rule}" + ("" if found.line else f":{place}")
                for place, found in enumerate(findings)
            ],
        },
    )
    for rule in set(COSTLY_READING) & {found.rule for found in findings}:
        connection.execute(
            "INSERT INTO left_out SELECT entity, nullif(sourcedId, ''), line, key FROM problem WHERE entity = ? AND rule = ?",
            [name, rule],
        )


@dataclass(frozen=True)
class Look:
    """What a first look at the rows read shows: how many are suspect, and whether some may stand in brackets among others that do
    not, have the id of another, or have a parent in the file itself."""

    suspects: int = 0
    bracketed: bool = False
    repeated: bool = False
    parents: bool = False


def look(connection: duckdb.DuckDBPyConnection, name: str, fields: Sequence[Field]) -> Look:
    """One look at `read_{name}` for all of it. To count the distinct ids takes half of what it takes to find those that stand
    there again."""
    parents = [each.name for each in fields if each.refers and each.refers.entity == name and each.kind is Kind.TEXT]
    may_be_bracketed = name in ENTITIES and name != "enrollments"
    begins = population.IN_BRACKETS if may_be_bracketed else "false"
    found = connection.execute(
        f"SELECT count(*), count(sent), count(*) FILTER ({begins}), {f'count({quoted(parents[0])})' if parents else 0}, "
        f"(SELECT count(*) FROM (SELECT DISTINCT hash(sourcedId) FROM read_{name})) FROM read_{name}"
    ).fetchone()
    rows, suspects, bracketed, with_parent, ids = found or (0, 0, 0, 0, 0)
    return Look(suspects, 0 < 2 * bracketed <= rows, ids < rows, with_parent > 0)


@dataclass(frozen=True)
class Cells:
    """Of the suspects' fields: those in which one has something, and those that are not written throughout as the standard has
    it."""

    filled: Collection[str] = ()
    unusual: Collection[str] = ()

    def may_break(self, bound: Bound) -> bool:
        """Whether a rule of a cell's value may find anything: what breaks none on the fast path breaks none here."""
        each, rule = bound.field, bound.rule
        if each is None or not rule.fine or rule.id in ("required", "expected", "nothing"):  # an empty cell may break these
            return True
        return each.name in self.unusual or (each.name in self.filled and not _is_tried(each))


def make_suspects(connection: duckdb.DuckDBPyConnection, name: str, fields: Sequence[Field], are_there: bool) -> Cells:
    """Make `suspect_{name}` of the suspect rows: each column in its type, beside what it was (`sent_...`).

    In two statements, since to read a cell patiently looks at it many times, and in none where nothing is suspect: what an
    empty table is made of takes as long to plan as that of a large one.
    """
    connection.execute(f"CREATE TABLE suspect_lines_{name} (line BIGINT)")
    if are_there:
        connection.execute(f"CREATE TEMP TABLE raw_{name} AS {fast_path.suspect_rows(name, fields)}")
        return _make_suspects(connection, name, fields)
    sent = ", ".join(f"{quoted('sent_' + each.name)} VARCHAR" for each in fields)
    typed = ", ".join(f"{quoted(each.name)} {fast_path.TYPES[each.kind]}" for each in fields)
    connection.execute(
        f"CREATE TABLE suspect_{name} (line BIGINT, sourcedId VARCHAR, sent_sourcedId VARCHAR, status VARCHAR, "
        f"sent_status VARCHAR, dateLastModified VARCHAR, nothing_in MAP(VARCHAR, VARCHAR), {sent}, {typed})"
    )
    return Cells()


def _make_suspects(connection: duckdb.DuckDBPyConnection, name: str, fields: Sequence[Field]) -> Cells:
    status = f"CASE WHEN NOT coalesce({cells.nothing_in_a_database('status')}, false) THEN status END"
    says_nothing, dressed = _saying_nothing(connection, name, fields)
    meant = [f"{_meant(each) if each in says_nothing else quoted(each.name)} AS {quoted('sent_' + each.name)}" for each in fields]
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE meant_{name} AS SELECT line, sourcedId AS sent_sourcedId, {status} AS sent_status, "
        f"{cells.status(status)} AS status, dateLastModified, {', '.join([_nothing_in(says_nothing), *meant])} FROM raw_{name}"
    )
    numbers = connection.execute(
        f"SELECT {', '.join(f'count({quoted(each.name)})' for each in fields)} FROM raw_{name}"
    ).fetchone()
    filled = [each for each, number in zip(fields, numbers or (), strict=True) if number]
    unusual = _unusual(connection, name, filled) | dressed
    has_odd_dates = any(each.kind is Kind.DATE and each.name in unusual for each in fields)
    order = date_orders(connection, name, fields) if has_odd_dates else {}
    own_id = _bare("sent_sourcedId") if "sourcedId" in unusual else "sent_sourcedId"
    columns = [f"nullif({own_id}, '') AS sourcedId", "if(status = 'unknown', '', status) AS status"]
    for each in fields:
        sent = quoted("sent_" + each.name)
        if each not in filled:
            read = fast_path.nothing(each)
        elif each.name in unusual:
            read = _typed(each, sent, order.get(each.name, ""))
        else:
            read = fast_path.typed(each, sent)
        columns.append(f"{read} AS {quoted(each.name)}")
    connection.execute(
        f"CREATE OR REPLACE TABLE suspect_{name} AS SELECT * EXCLUDE (status), {', '.join(columns)} FROM meant_{name}"
    )
    return Cells({each.name for each in filled}, unusual)


def _unusual(connection: duckdb.DuckDBPyConnection, name: str, fields: Sequence[Field]) -> set[str]:
    """The fields of which a cell has to be read patiently: to plan that takes far longer than to see that none has."""
    fine = {"sourcedId": _PLAIN_ID.format(id="sent_sourcedId")}
    for each in fields:
        sent = quoted("sent_" + each.name)
        if each.refers and each.kind is Kind.TEXT:
            fine[each.name] = _PLAIN_ID.format(id=sent)
        elif _is_tried(each):
            fine[each.name] = fine_cell(name, each, sent)
    others = [f"count(*) FILTER ({quoted('sent_' + field)} IS NOT NULL AND ({own}) IS NOT TRUE)" for field, own in fine.items()]
    found = connection.execute(f"SELECT {', '.join(others)} FROM meant_{name}").fetchone() or ()
    return {field for field, number in zip(fine, found, strict=True) if number}


def _is_tried(each: Field) -> bool:
    """Whether the fast path's questions about a cell are asked of the suspects, too."""
    return each.kind is not Kind.TEXT or each.words is not None


def _saying_nothing(connection: duckdb.DuckDBPyConnection, name: str, fields: Sequence[Field]) -> tuple[list[Field], set[str]]:
    """The fields of which a cell may say "nothing" in a tool's words, and the names of those of which one is a formula, or holds
    what is taken off a text. All cells
    are looked at by one expression: to plan one a column takes far longer."""
    columns = columns_of(fields)
    unclean = f"(starts_with(cell, '=') OR regexp_matches(cell, {text(cells.UNCLEAN)}))"
    found = connection.execute(
        f"SELECT DISTINCT place, {unclean} FROM (SELECT trim(unnest(sent)) AS cell, "
        f"generate_subscripts(sent, 1) AS place FROM read_{name} WHERE sent IS NOT NULL) "
        f"WHERE cell IS NOT NULL AND ({unclean} OR {cells.nothing('cell')})"
    ).fetchall()
    named = {columns[int(place) - 1] for place, _ in found}
    return [each for each in fields if each.name in named], {columns[int(place) - 1] for place, is_dressed in found if is_dressed}


def _nothing_in(fields: Sequence[Field]) -> str:
    """By field, the cells that say "nothing" in a tool's words."""
    said = {each.name: _says_nothing(each, False) for each in fields} | {"status": cells.nothing_in_a_database("status")}
    found = ", ".join(f"{text(name)}: CASE WHEN {is_so} THEN {quoted(name)} END" for name, is_so in said.items())
    return f"MAP {{{found}}}::MAP(VARCHAR, VARCHAR) AS nothing_in"


def mark_suspect(connection: duckdb.DuckDBPyConnection, name: str, fields: Sequence[Field], lines: str) -> bool:
    """Move the rows whose lines the query `lines` gives from the clean ones to the suspects. Gives whether there are any."""
    if not number_of(connection, f"CREATE OR REPLACE TEMP TABLE marked AS {lines}"):
        return False
    lists = (Kind.LIST, Kind.USER_IDS)  # read already, and not as they were sent
    sent = "".join(
        f", {'NULL' if each.kind in lists else quoted(each.name)}::VARCHAR AS {quoted('sent_' + each.name)}" for each in fields
    )
    names = ", ".join(quoted(each.name) for each in fields)
    connection.execute(
        f"INSERT INTO suspect_{name} BY NAME SELECT line, sourcedId, sourcedId AS sent_sourcedId, status, "
        "nullif(status, '') AS sent_status, "
        f"dateLastModified, {names}{sent}, MAP {{}}::MAP(VARCHAR, VARCHAR) AS nothing_in "
        f"FROM clean_{name} WHERE line IN (SELECT line FROM marked) "
        f"AND line NOT IN (SELECT line FROM suspect_lines_{name})"
    )
    connection.execute(f"INSERT INTO suspect_lines_{name} SELECT line FROM marked")
    return True


def repeated_lines(name: str) -> str:
    """Clean lines whose id stands in the file again. By a hash of it, which is quicker and at worst too wary."""
    return (
        f"SELECT line FROM clean_{name} WHERE hash(sourcedId) IN "
        f"(SELECT hash(sourcedId) FROM read_{name} WHERE sourcedId IS NOT NULL GROUP BY 1 HAVING count(*) > 1)"
    )


def turned_lines(name: str, fields: Sequence[Field]) -> str:
    """Clean lines that end before they begin: they did not as they were sent, but their dates were read anew (`date_orders`).
    Empty for a file that has no such dates."""
    begins = [each.name for each in fields if each.name in ("startDate", "beginDate")]
    return f"SELECT line FROM clean_{name} WHERE endDate < {quoted(begins[0])}" if begins else ""


def unwrapped_lines(name: str) -> str:
    """Clean lines whose id a suspect has too, once the quotes or blanks around it are gone."""
    return (
        f"SELECT line FROM clean_{name} WHERE sourcedId IN "
        f"(SELECT sourcedId FROM suspect_{name} WHERE sourcedId <> sent_sourcedId)"
    )


def unsure_parents(name: str, each: Field) -> str:
    """Clean lines whose parent in the file itself is not, or that their parents lead back to."""
    field = quoted(each.name)
    sure = f"(SELECT * FROM clean_{name} ANTI JOIN suspect_lines_{name} USING (line))"
    return (
        f"SELECT line FROM {sure} WHERE {field} NOT IN (SELECT sourcedId FROM {sure}) "
        f"UNION SELECT line FROM ({_CIRCLES.format(rows=sure, field=field)})"
    )


def judge(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    fields: Sequence[Field],
    needed: Collection[str],
    known: Cells,
    may_repeat: bool,
) -> None:
    """Try every rule on the suspect rows of a file, except those that need what is read later. `needed` are fields that the
    group can't do without, whatever the standard says: no stand-in is made for those. `known`: what `make_suspects` gave.
    `may_repeat`: two rows may have one id."""
    if name in ENTITIES:
        connection.execute(_NO_REPEATS.format(entity=name))
        of_repeats = ("repeated", "merged", "repeated-differently")
        ids = list(bound_rules(name, fields, Phase.IDS))
        for bound in _broken(connection, name, [each for each in ids if each.rule.id not in of_repeats]):
            add_problems(connection, bound)
        if may_repeat and number_of(connection, f"SELECT count(sourcedId) - count(DISTINCT sourcedId) FROM suspect_{name}"):
            sent = ", ".join(quoted(each.name) for each in fields)
            connection.execute(_REPEATED.format(entity=name, sent=sent, about=_about(name, fields), who=_WHO[name]))
            for bound in _broken(connection, name, [each for each in ids if each.rule.id in of_repeats]):
                add_problems(connection, bound)
    population.put_stand_ins(connection, name, leave_out="title" in needed)
    values = [each for each in bound_rules(name, fields, Phase.VALUES, needed) if known.may_break(each)]
    references = list(bound_rules(name, fields, Phase.REFERENCES))
    wrapped = [each for each in references if each.rule.id == "wrapped-reference"]
    broken = _broken(connection, name, [*values, *wrapped])
    for bound in (each for each in broken if each not in wrapped):
        add_problems(connection, bound)
    _note_forms(connection, name, [each for each in fields if each.name in known.unusual])
    found = {
        each.name: population.match_references(connection, name, each, _known_parents(name) if each.refers.entity == name else "")
        for each in fields
        if each.refers and f"{name}.{each.name}" not in NAMED_LATER
    }
    for bound in references:
        assert bound.field is not None
        matched, dangles = found.get(bound.field.name, (False, False))
        may_be_broken = {"wrapped-reference": bound in broken, "near-reference": matched, "unknown-reference": dangles}
        if may_be_broken.get(bound.rule.id, True):  # circles are looked for among the parents that are left
            add_problems(connection, bound, _parents(connection, bound))
    for bound in bound_rules(name, fields, Phase.ROWS):
        add_problems(connection, bound)
    if name == "enrollments":
        connection.execute(_SCHOOL_OF_CLASS)


def _broken(connection: duckdb.DuckDBPyConnection, name: str, rules: Sequence[Bound]) -> list[Bound]:
    """Of rules that look at a row alone, those that some suspect breaks: one pass instead of one a rule. A repair of one of
    them must not make a row break another."""
    broken = ", ".join(f"count(*) FILTER ({bound.sql(bound.rule.broken)})" for bound in rules)
    found = connection.execute(f"SELECT {broken} FROM suspect_{name} own").fetchone() if rules else None
    return [bound for bound, number in zip(rules, found or (), strict=True) if number]


def _about(name: str, fields: Sequence[Field]) -> str:
    """What must be the same in rows that are merged into one: of 1.1's people all but their role and orgs."""
    if name != "users" or not any(each.name == "orgSourcedIds" for each in fields):
        return "NULL"
    others = [quoted(each.name) for each in fields if each.name not in ("orgSourcedIds", "role", "primaryOrgSourcedId")]
    return f"row(status, {', '.join(others)})"


def judge_later(connection: duckdb.DuckDBPyConnection, name: str, fields: Sequence[Field]) -> None:
    """References to people, now that those have been read."""
    for bound in bound_rules(name, fields, Phase.LATER):
        assert bound.field is not None
        # Those whose person was not even read are suspect already.
        if count(connection, "ids_users") < count(connection, "read_users"):
            strangers = f"SELECT line FROM clean_{name} WHERE {quoted(bound.field.name)} NOT IN (SELECT sourcedId FROM ids_users)"
            mark_suspect(connection, name, fields, strangers)
        if count(connection, f"suspect_{name}") and any(population.match_references(connection, name, bound.field)):
            add_problems(connection, bound)


def match_people(connection: duckdb.DuckDBPyConnection, name: str, fields: Sequence[Field]) -> None:
    """Have roles and profiles of nobody, but for how an id is spelt, be those of the people who are meant: before people are
    lifted, since who has no role is left out."""
    for bound in bound_rules(name, fields, Phase.PEOPLE_IDS):
        assert bound.field is not None
        own = quoted(bound.field.name)
        strangers = (
            f"SELECT line FROM clean_{name} WHERE {own} NOT IN (SELECT sourcedId FROM read_users WHERE sourcedId IS NOT NULL)"
        )
        mark_suspect(connection, name, fields, strangers)
        if count(connection, f"suspect_{name}"):
            known = "SELECT sourcedId FROM clean_users UNION SELECT sourcedId FROM suspect_users WHERE sourcedId IS NOT NULL"
            if any(population.match_references(connection, name, bound.field, known)):
                add_problems(connection, bound)


def judge_people(connection: duckdb.DuckDBPyConnection, fields: Sequence[Field]) -> None:
    """People, now that `roles_at` and `missing_org` say where each has a role."""
    for bound in bound_rules("users", fields, Phase.PEOPLE):
        add_problems(connection, bound)


def drop_dangling(connection: duckdb.DuckDBPyConnection, name: str, fields: Sequence[Field], kept: str) -> str:
    """Items of lists that refer to no row are read as the one that is near, or dropped, with a warning a row. Gives the relation
    of kept rows with what is left."""
    bound_of = {(each.rule.id, each.field.name): each for each in bound_rules(name, fields, Phase.LISTS) if each.field}
    for (rule, field_name), bound in bound_of.items():
        if rule != "unknown-reference":
            continue
        assert bound.field is not None
        assert bound.field.refers is not None
        target, each = bound.field.refers.entity, quoted(field_name)
        if not count(connection, f"(SELECT 1 FROM {kept} WHERE len({each}) > 0 LIMIT 1)"):
            continue
        known = f"SELECT sourcedId FROM {'valid' if target == name else 'kept'}_{target}"
        holes = {"table": f"dangling_{name}_{field_name}", "kept": kept, "target": target, "field": each, "known": known}
        holes |= {"near": f"near_{name}_{field_name}", "is_missing": IS_MISSING.format(target=target)}
        if not number_of(connection, _DANGLING_ITEMS.format(**holes)):
            continue
        if population.find_several(connection, name, bound.field, f"SELECT each AS value FROM {holes['table']}", known):
            kept = f"({_SEVERAL_ITEMS.format(kept=kept, field=each, table=f'several_{name}_{field_name}')})"
            holes["kept"] = kept
            if not number_of(connection, _DANGLING_ITEMS.format(**holes)):
                continue
        matched, _ = population.match_references(
            connection, name, bound.field, known, f"SELECT each AS value FROM {holes['table']}"
        )
        if matched:
            add_problems(connection, bound_of["near-reference", field_name], rows=f"({_NEAR_ROWS.format(**holes)})")
        add_problems(connection, bound, rows=f"({_DANGLING_ROWS.format(**holes)})")
        kept = f"({_MEANT_ITEMS.format(**holes)})"
    return kept


def part_items(connection: duckdb.DuckDBPyConnection, name: str, each: Field) -> None:
    """Make several items of a suspect's item that is several ids."""
    assert each.refers is not None
    own = quoted(each.name)
    values, known = f"SELECT unnest({own}) AS value FROM suspect_{name}", f"SELECT sourcedId FROM ids_{each.refers.entity}"
    if population.find_several(connection, name, each, values, known):
        connection.execute(_PART_ITEMS.format(file=name, field=own, table=f"several_{name}_{each.name}"))


def _parents(connection: duckdb.DuckDBPyConnection, bound: Bound) -> str:
    """For references within the file itself: the ids that may be referred to, circles found. Else nothing."""
    name, each = bound.file, bound.field
    if not each or not each.refers or each.refers.entity != name:
        return ""
    if bound.rule.id == "circle":
        circling = _CIRCLING.format(name=name, field=quoted(each.name))
        connection.execute(f"CREATE OR REPLACE TABLE circling_{name} AS {circling}")
    return _known_parents(name)


def _known_parents(name: str) -> str:
    return (
        f"SELECT sourcedId FROM clean_{name} UNION ALL "
        f"SELECT sourcedId FROM suspect_{name} WHERE line NOT IN {STANDING.format(file=name)}"
    )


def add_problems(connection: duckdb.DuckDBPyConnection, bound: Bound, known: str = "", rows: str = "") -> None:
    """Write a problem for every row of `suspect_{file}` (or `rows`) that the rule finds broken, and do what it says with it."""
    rule = bound.rule
    added = connection.execute(
        _PROBLEMS.format(
            rows=rows or f"suspect_{bound.file}",
            broken=bound.sql(rule.broken, known),
            other_line=bound.sql(rule.other_line),
            arguments=", ".join(f"{text(name)}: ({bound.sql(sql, known)})::VARCHAR" for name, sql in rule.arguments.items()),
            cause=bound.sql(rule.cause),
            standing=STANDING.format(file=bound.file),
        ),
        {
            "file": bound.file,
            "field": bound.field_name,
            "rule": rule.id,
            "severity": str(rule.severity),
            "deleted": rule.also_deleted,
        },
    ).fetchone()
    if rule.leaves_out and added and added[0]:
        connection.execute(
            _LEFT_OUT.format(nameless=_nameless(bound)),
            {"file": bound.file, "rule": rule.id, "field": bound.field_name, "severity": str(rule.severity)},
        )
    if rule.repair == IN_THE_LIST and bound.field:
        population.replace_items(connection, bound.file, bound.field)
    elif rule.repair:
        assignment = bound.sql(rule.repair, known)
        connection.execute(f"UPDATE suspect_{bound.file} own SET {assignment} WHERE {bound.sql(rule.broken, known)}")


def _nameless(bound: Bound) -> str:
    """Whether a row that a rule leaves out may be anybody's: its id can't be read, or is another's."""
    if bound.rule.id == "repeated-differently":
        return f"line IN (SELECT line FROM repeated_{bound.file} WHERE another)"
    return "true" if bound.rule.id == "sourced-id" else "false"


def _meant(each: Field) -> str:
    """A cell as sent, NULL where it says "nothing" in a tool's words. Texts that a row needs are kept as they are."""
    own = quoted(each.name)
    if each.kind is Kind.TEXT and not each.refers and not each.words and each.need is Need.REQUIRED:
        return own
    return f"CASE WHEN NOT {_says_nothing(each, each.name in NAMES)} THEN {own} END"


def _says_nothing(each: Field, may_be_a_name: bool) -> str:
    own = quoted(each.name)
    return (
        cells.nothing_in_a_database(own)
        if each.name == "enabledUser"
        else cells.nothing(own, may_be_a_name, each.name.endswith(("SourcedId", "SourcedIds")))
    )


def _typed(each: Field, sent: str, order: str) -> str:
    match each.kind:
        case Kind.DATE:
            return cells.date(sent, order)
        case Kind.BOOLEAN:
            return cells.boolean(sent)
        case Kind.YEAR:
            return cells.year(sent)
        case Kind.LIST:
            items = cells.items(sent, any_separator=each.refers is not None or each.name == "grades")
            return f"list_transform({items}, lambda each: {_bare('each')})" if each.refers else items
        case Kind.USER_IDS:
            plain = fast_path.typed(each, sent)
            simple = f"len({plain}) > 0 AND NOT contains({sent}, chr(34)) AND NOT contains({sent}, chr(39))"
            two = rf"regexp_matches({sent}, ',[^{{{{}}}},:=]+:')"  # {{LDAP:a,SIS:b}}
            read = f"if({simple} AND NOT contains({sent}, 'identifier:') AND NOT {two}, {plain}, {cells.user_ids(sent)})"
            return (
                f"list_filter({read}, lambda each: each.type <> '' AND each.identifier <> '' AND each.identifier NOT LIKE '//%')"
            )
        case _:
            if each.words:  # School Year and grading_period are the standard's words
                joined = fast_path.word(f"translate({sent}, {text(_BETWEEN)}, '')", each.words)
                return f"coalesce({fast_path.typed(each, sent)}, {joined})"
            if each.is_free_text:
                person, thing = each.name in PERSONS_NAMES, each.name in NAMES
                in_quotes = person or each.name in IN_QUOTES
                plain = cells.visible("own", in_quotes, with_tags=person or thing, one_line=person)
                return f"list_transform([{cells.shown(sent)}], lambda own: {plain})[1]"
            return f"nullif({_bare(sent)}, '')" if each.refers else fast_path.typed(each, sent)


_BETWEEN = " _-"  # the words of one word
# Ids around which nothing stands and in which nothing hides; to take that off is a hundred times the work of seeing that.
_PLAIN_ID = "regexp_full_match({id}, '[0-9A-Za-z_.:{{}}-]+')"


def _bare(sent: str) -> str:
    return f"CASE WHEN {_PLAIN_ID.format(id=sent)} THEN {sent} ELSE {bare_sql(sent)} END"


def _note_forms(connection: duckdb.DuckDBPyConnection, name: str, fields: Sequence[Field]) -> None:
    """What was read in another form than the standard's, once a column, with how many and an example."""
    for each in fields:
        own, sent = quoted(each.name), quoted("sent_" + each.name)
        if each.kind is Kind.BOOLEAN:
            rule, other = "other-boolean", f"{own} IS NOT NULL AND lower({sent}) NOT IN ('true', 'false')"
        elif each.kind is Kind.LIST:
            rule, other = "other-list", f"len({own}) > 0 AND regexp_matches({sent}, {text(cells.LIST_DIRT)})"
            other += f" AND {sent} <> {own}::VARCHAR"
        elif each.kind is Kind.USER_IDS:
            rule, other = "other-list", f"len({own}) > 0 AND {own} <> {fast_path.typed(each, sent)}"
        else:
            continue
        _note_form(connection, name, rule, each.name, sent, other)
    _note_form(
        connection, name, "other-status", "status", "sent_status",
        "status <> '' AND lower(regexp_replace(sent_status, '[-_ ]', '', 'g')) <> status",
    )  # fmt: skip


def _note_form(connection: duckdb.DuckDBPyConnection, name: str, rule: str, field: str, sent: str, other: str) -> None:
    found = connection.execute(f"SELECT count(*), min({sent}), max({sent}) FROM suspect_{name} WHERE {other}").fetchone()
    if found and found[0]:
        examples = " and ".join(dict.fromkeys(f"`{each[:40]}`" for each in found[1:]))
        add_file_problem(connection, name, rule, field, number=f"{found[0]:,}", examples=examples)


_PROBLEMS = """
INSERT INTO problem BY NAME
SELECT $file || '.csv' AS file, own.line, $file AS entity, coalesce(own.sourcedId, '') AS sourcedId, $field AS field,
       $rule AS rule, $severity AS severity,
       ({other_line})::BIGINT AS other_line, MAP {{{arguments}}}::MAP(VARCHAR, VARCHAR) AS arguments,
       ({cause})::VARCHAR AS cause, $file || '.csv:' || own.line || ':' || $rule || ':' || $field AS key
FROM {rows} own
WHERE ({broken}) AND ($deleted OR own.status <> 'tobedeleted') AND own.line NOT IN {standing}
"""

# Nothing of a file is removed of which a row may be anybody's.
_LEFT_OUT = """
INSERT INTO left_out
SELECT entity, if({nameless}, NULL, nullif(sourcedId, '')), line, coalesce(cause, key) FROM problem
WHERE (entity, rule, field, severity) = ($file, $rule, $field, $severity) AND line IS NOT NULL
"""

_NO_REPEATS = "CREATE TABLE repeated_{entity} (line BIGINT, first BIGINT, same BOOLEAN, merges BOOLEAN, another BOOLEAN)"

# What a record is recognised by. Where a row has the id of another and none of this alike, its own id was lost, as where somebody
# filled a column down.
_WHO = {
    "users": "[lower(givenName), lower(familyName)]",
    "enrollments": "[classSourcedId || ' ' || userSourcedId]",
    **dict.fromkeys(("classes", "courses", "academicSessions"), "[lower(title)]"),
    "orgs": "[lower(name)]",
}

# `first`: the row that is kept, before all others one that is not to be deleted. `merges`: rows that differ only in a person's
# role and orgs, as where a district has a row a school (OneRoster 1.1).
_REPEATED = """
INSERT INTO repeated_{entity}
WITH repeated AS (
    SELECT line, sourcedId, row(status, {sent}) AS said, {about} AS about, {who} AS who,
           line + if(status = 'tobedeleted', 1::BIGINT << 40, 0) AS place FROM suspect_{entity}
    WHERE sourcedId IN (SELECT sourcedId FROM suspect_{entity} GROUP BY sourcedId HAVING count(*) > 1)
      AND line NOT IN (SELECT line FROM left_out WHERE entity = '{entity}' AND line IS NOT NULL)
), first AS (SELECT sourcedId, arg_min(line, place) AS line, arg_min(said, place) AS said, arg_min(about, place) AS about,
                  arg_min(who, place) AS who
           FROM repeated GROUP BY sourcedId)
SELECT repeated.line, first.line AS first, repeated.said IS NOT DISTINCT FROM first.said AS same,
       repeated.about IS NOT NULL AND repeated.about IS NOT DISTINCT FROM first.about AS merges,
       len(list_filter(list_zip(repeated.who, first.who), lambda each: each[1] IS DISTINCT FROM each[2])) = len(first.who)
       AS another
FROM repeated JOIN first USING (sourcedId) WHERE repeated.line <> first.line
"""

_SCHOOL_OF_CLASS = """
UPDATE suspect_enrollments SET schoolSourcedId = class.schoolSourcedId
FROM ids_classes class WHERE class.sourcedId = classSourcedId
"""

_DANGLING_ITEMS = """
CREATE OR REPLACE TABLE {table} AS
SELECT DISTINCT line, each FROM (SELECT line, status, unnest({field}) AS each FROM {kept})
WHERE status <> 'tobedeleted' AND each NOT IN ({known})
"""

# A row whose list refers to rows that aren't there, with the first few of them.
_DANGLING_ROWS = """
SELECT line, any_value(sourcedId) AS sourcedId, any_value(status) AS status,
       array_to_string(list_transform(list(each ORDER BY each)[:3], lambda id: '`' || id || '`'), ', ')
       || if(count(*) > 3, ' and ' || (count(*) - 3) || ' more', '') AS value,
       if(bool_and(each IN (SELECT sourcedId FROM left_out WHERE entity = '{target}')),
          'was left out of {target}.csv', '{is_missing}') AS fate,
       if(count(*) = 1, min(nearest), NULL) AS nearest
FROM {table} LEFT JOIN {near} ON value = each JOIN {kept} USING (line) WHERE matched IS NOT true GROUP BY line
"""

# A row whose list refers to rows by nearly their ids, with the first of them.
_NEAR_ROWS = """
SELECT line, any_value(sourcedId) AS sourcedId, any_value(status) AS status, min(each) AS value, arg_min(id, each) AS id,
       arg_min(how, each) AS how
FROM {table} JOIN {near} ON value = each AND matched JOIN {kept} USING (line) GROUP BY line
"""

_SEVERAL_ITEMS = """
SELECT kept.* REPLACE (flatten(list_transform(kept.{field}, lambda item: coalesce(ids[item], [item]))) AS {field})
FROM {kept} kept CROSS JOIN (SELECT map_from_entries(list((value, ids))) AS ids FROM {table}) meant
"""
_PART_ITEMS = """
UPDATE suspect_{file} SET {field} = flatten(list_transform({field}, lambda item: coalesce(ids[item], [item])))
FROM (SELECT map_from_entries(list((value, ids))) AS ids FROM {table}) meant
"""

_MEANT_ITEMS = """
SELECT kept.* REPLACE (CASE WHEN own.items IS NULL THEN kept.{field} ELSE list_distinct(list_filter(
           list_transform(kept.{field}, lambda item: if(list_contains(own.items, item), own.meant[item], item)),
           lambda item: item IS NOT NULL)) END AS {field})
FROM {kept} kept LEFT JOIN (
    SELECT line AS at, list(each) AS items, map_from_entries(list((each, id))) AS meant
    FROM {table} LEFT JOIN (SELECT value, id FROM {near} WHERE matched) ON value = each GROUP BY line
) own ON own.at = kept.line
"""

# In one statement, however many there are: see `duckdb_session.insert`.
_FOUND = """
INSERT INTO problem BY NAME
SELECT $file AS file, line, $entity AS entity, sourcedId, '' AS field, rule, severity, MAP {'message': message} AS arguments, key
FROM (SELECT unnest($lines::BIGINT[]) AS line, unnest($ids) AS sourcedId, unnest($rules) AS rule, unnest($severities) AS severity,
             unnest($messages) AS message, unnest($keys) AS key)
"""

# Rows that their own parents lead back to, and the latest row of that circle. UNION, so that a circle ends the walk.
_CIRCLES = """
WITH RECURSIVE up AS (
    SELECT line, sourcedId AS origin, {field} AS forebear, line AS latest FROM {rows} WHERE {field} IS NOT NULL
    UNION
    SELECT up.line, up.origin, parent.{field}, greatest(latest, parent.line)
    FROM up JOIN {rows} parent ON parent.sourcedId = up.forebear
    WHERE parent.{field} IS NOT NULL AND up.forebear <> up.origin
)
SELECT DISTINCT line, latest FROM up WHERE forebear = origin
"""

# Of each circle the latest row is the one whose reference is dropped.
_CIRCLING = (
    "SELECT line FROM ("
    + _CIRCLES.format(
        field="{field}",
        rows="(SELECT * FROM suspect_{name} WHERE status <> 'tobedeleted' "
        "AND line NOT IN (SELECT line FROM left_out WHERE entity = '{name}'))",
    )
    + ") WHERE line = latest"
)
