"""Judges the suspect rows by the rules of `rules.py`: what is wrong, in which line, and what it costs.

Works on `suspect_{name}`, the suspect rows of one file, and knows of other files' rows only the ids of those that were
kept. Leaves the problems in `problem`, and in `left_out` the rows that a rule leaves out, each with its root cause: what
follows from another row's problem points at it, so that one missing school is one cause.
"""

from collections.abc import Collection, Sequence

import duckdb

from oneroster_engine.duckdb_session import count, number_of, quoted, text
from oneroster_engine.staging import fast_path
from oneroster_engine.staging.reading import Finding
from oneroster_engine.staging.rules import ALL_RULES, STANDING, Bound, Phase, bound_rules
from oneroster_engine.standard.entities import ENTITIES, Field, Kind

_SEVERITY = {rule.id: rule.severity for rule in ALL_RULES}
COSTLY_READING = ("width", "open-quote")  # findings of the reader that cost the row


def record_findings(connection: duckdb.DuckDBPyConnection, name: str, findings: Sequence[Finding]) -> None:
    """Write down what the reader found in a file. A finding's sentence may begin with its file and line, which are data here."""
    if not findings:
        return
    connection.executemany(
        "INSERT INTO problem BY NAME SELECT $file AS file, $line::BIGINT AS line, $entity AS entity, $id AS sourcedId, "
        "'' AS field, $rule AS rule, $severity AS severity, MAP {'message': $message} AS arguments, $key AS key",
        [
            {
                "file": f"{name}.csv",
                "line": found.line,
                "entity": name,
                "id": found.sourced_id,
                "rule": found.rule,
                "severity": found.severity,
                "message": found.message.removeprefix(f"{name}.csv, line {found.line}: "),
                "key": f"{name}.csv:{found.line or 0}:{found.rule}" + ("" if found.line else f":{place}"),
            }
            for place, found in enumerate(findings)
        ],
    )
    for rule in COSTLY_READING:
        connection.execute(
            "INSERT INTO left_out SELECT entity, nullif(sourcedId, ''), line, key FROM problem WHERE entity = ? AND rule = ?",
            [name, rule],
        )


def add_file_problem(
    connection: duckdb.DuckDBPyConnection, name: str, rule: str, field: str = "", key: str = "", **arguments: str
) -> str:
    """Write down a problem of a whole file, with the arguments of its rule's message; gives its key."""
    key = key or f"{name}.csv:0:{rule}:{field}"
    given = ", ".join(f"{text(each)}: {text(value)}" for each, value in arguments.items())
    connection.execute(
        "INSERT INTO problem BY NAME SELECT $file AS file, $entity AS entity, '' AS sourcedId, $field AS field, $rule AS rule, "
        f"$severity AS severity, MAP {{{given}}}::MAP(VARCHAR, VARCHAR) AS arguments, $key AS key",
        {"file": f"{name}.csv", "entity": name, "field": field, "rule": rule, "severity": str(_SEVERITY[rule]), "key": key},
    )
    return key


def make_suspects(connection: duckdb.DuckDBPyConnection, name: str, fields: Sequence[Field]) -> None:
    """Make `suspect_{name}` of the suspect rows: each column in its type, beside what it was where that can go wrong
    (`sent_...`)."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE raw_{name} AS {fast_path.suspect_rows(name, fields)}")
    columns = ["line", "sourcedId", f"{_STATUS} AS status", "status AS sent_status", "dateLastModified"]
    for each in fields:
        own = quoted(each.name)
        columns.append(f"{_typed(connection, name, each)} AS {own}")
        if _can_go_wrong(each):
            columns.append(f"{own} AS {quoted('sent_' + each.name)}")
    connection.execute(f"CREATE OR REPLACE TABLE suspect_{name} AS SELECT {', '.join(columns)} FROM raw_{name}")
    connection.execute(f"CREATE OR REPLACE TABLE suspect_lines_{name} (line BIGINT)")


def mark_suspect(connection: duckdb.DuckDBPyConnection, name: str, fields: Sequence[Field], lines: str) -> None:
    """Move the rows whose lines the query `lines` gives from the clean ones to the suspects."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE marked AS {lines}")
    if not count(connection, "marked"):
        return
    sent = "".join(f", {quoted(each.name)}::VARCHAR AS {quoted('sent_' + each.name)}" for each in fields if _can_go_wrong(each))
    names = ", ".join(quoted(each.name) for each in fields)
    connection.execute(
        f"INSERT INTO suspect_{name} BY NAME SELECT line, sourcedId, status, nullif(status, '') AS sent_status, "
        f"dateLastModified, {names}{sent} FROM clean_{name} WHERE line IN (SELECT line FROM marked) "
        f"AND line NOT IN (SELECT line FROM suspect_lines_{name})"
    )
    connection.execute(f"INSERT INTO suspect_lines_{name} SELECT line FROM marked")


def repeats(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether an id may stand in the file again. To count the distinct ones takes half of what it takes to find those."""
    distinct = number_of(connection, f"SELECT count(*) FROM (SELECT DISTINCT hash(sourcedId) FROM read_{name})")
    return distinct < count(connection, f"read_{name}")


def repeated_lines(name: str) -> str:
    """Clean lines whose id stands in the file again. By a hash of it, which is quicker and at worst too wary."""
    return (
        f"SELECT line FROM clean_{name} WHERE hash(sourcedId) IN "
        f"(SELECT hash(sourcedId) FROM read_{name} WHERE sourcedId IS NOT NULL GROUP BY 1 HAVING count(*) > 1)"
    )


def unsure_parents(name: str, each: Field) -> str:
    """Clean lines whose parent in the file itself is not, or that their parents lead back to."""
    field = quoted(each.name)
    sure = f"(SELECT * FROM clean_{name} ANTI JOIN suspect_lines_{name} USING (line))"
    return (
        f"SELECT line FROM {sure} WHERE {field} NOT IN (SELECT sourcedId FROM {sure}) "
        f"UNION SELECT line FROM ({_CIRCLES.format(rows=sure, field=field)})"
    )


def judge(connection: duckdb.DuckDBPyConnection, name: str, fields: Sequence[Field], needed: Collection[str]) -> None:
    """Try every rule on the suspect rows of a file, those apart that need what is read later. `needed` are fields that the
    group can't do without, whatever the standard says."""
    if name in ENTITIES:
        sent = ", ".join(quoted(each.name) for each in fields)
        for bound in bound_rules(name, fields, Phase.IDS):
            if bound.rule.id == "repeated":
                connection.execute(_REPEATED.format(entity=name, sent=sent))
            add_problems(connection, bound)
    for bound in bound_rules(name, fields, Phase.VALUES, needed):
        add_problems(connection, bound)
    for each in fields:
        if each.kind is Kind.BOOLEAN:
            _note_other_booleans(connection, name, each)
    for bound in bound_rules(name, fields, Phase.REFERENCES):
        add_problems(connection, bound, _parents(connection, bound))
    for bound in bound_rules(name, fields, Phase.ROWS):
        add_problems(connection, bound)
    if name == "enrollments":
        connection.execute(_SCHOOL_OF_CLASS)


def judge_later(connection: duckdb.DuckDBPyConnection, name: str, fields: Sequence[Field]) -> None:
    """References to people, now that those have been read."""
    for bound in bound_rules(name, fields, Phase.LATER):
        assert bound.field is not None
        strangers = f"SELECT line FROM clean_{name} WHERE {quoted(bound.field.name)} NOT IN (SELECT sourcedId FROM ids_users)"
        mark_suspect(connection, name, fields, strangers)
        add_problems(connection, bound)


def judge_people(connection: duckdb.DuckDBPyConnection, fields: Sequence[Field]) -> None:
    """People, now that `roles_at` and `missing_org` say where each has a role."""
    for bound in bound_rules("users", fields, Phase.PEOPLE):
        add_problems(connection, bound)


def drop_dangling(connection: duckdb.DuckDBPyConnection, name: str, fields: Sequence[Field], kept: str) -> str:
    """Items of lists that refer to no row are dropped, with a warning a row. Gives the relation of kept rows without them."""
    for bound in bound_rules(name, fields, Phase.LISTS):
        assert bound.field is not None
        assert bound.field.refers is not None
        target, each = bound.field.refers.entity, quoted(bound.field.name)
        known = f"SELECT sourcedId FROM {'valid' if target == name else 'kept'}_{target}"
        table = f"dangling_{name}_{bound.field.name}"
        connection.execute(f"CREATE OR REPLACE TABLE {table} AS " + _DANGLING_ITEMS.format(field=each, kept=kept, known=known))
        if not count(connection, table):
            continue
        add_problems(connection, bound, rows=f"({_DANGLING_ROWS.format(table=table, kept=kept, target=target)})")
        kept = (
            f"(SELECT kept.* REPLACE (CASE WHEN gone.ids IS NULL THEN kept.{each} ELSE "
            f"list_filter(kept.{each}, lambda each: NOT list_contains(gone.ids, each)) END AS {each}) "
            f"FROM {kept} kept LEFT JOIN (SELECT line AS at, list(each) AS ids FROM {table} GROUP BY line) gone "
            "ON gone.at = kept.line)"
        )
    return kept


def _parents(connection: duckdb.DuckDBPyConnection, bound: Bound) -> str:
    """For references within the file itself: the ids that may be referred to, circles found. Else nothing."""
    name, each = bound.file, bound.field
    if not each or not each.refers or each.refers.entity != name:
        return ""
    if bound.rule.id == "circle":
        circling = _CIRCLING.format(name=name, field=quoted(each.name))
        connection.execute(f"CREATE OR REPLACE TABLE circling_{name} AS {circling}")
    return (
        f"SELECT sourcedId FROM clean_{name} UNION ALL "
        f"SELECT sourcedId FROM suspect_{name} WHERE line NOT IN {STANDING.format(file=name)}"
    )


def add_problems(connection: duckdb.DuckDBPyConnection, bound: Bound, known: str = "", rows: str = "") -> None:
    """Write a problem for every row of `suspect_{file}` (or `rows`) that the rule finds broken, and do what it says with it."""
    rule = bound.rule
    connection.execute(
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
    )
    if rule.leaves_out:
        connection.execute(
            _LEFT_OUT, {"file": bound.file, "rule": rule.id, "field": bound.field_name, "severity": str(rule.severity)}
        )
    if rule.repair:
        assignment = bound.sql(rule.repair, known)
        connection.execute(f"UPDATE suspect_{bound.file} own SET {assignment} WHERE {bound.sql(rule.broken, known)}")


def _can_go_wrong(each: Field) -> bool:
    return each.words is not None or each.kind in _FORMS


_FORMS = {Kind.DATE: "YYYY-MM-DD", Kind.BOOLEAN: "true or false", Kind.YEAR: "YYYY"}


def _typed(connection: duckdb.DuckDBPyConnection, name: str, each: Field) -> str:
    own = quoted(each.name)
    match each.kind:
        case Kind.DATE:
            return f"coalesce(try_cast(left({own}, 10) AS DATE), {_local_date(connection, name, each.name)})"
        case Kind.BOOLEAN:
            return (
                f"CASE WHEN lower({own}) IN ('true', '1', 'yes', 'y', 't') THEN true "
                f"WHEN lower({own}) IN ('false', '0', 'no', 'n', 'f') THEN false END"
            )
        case Kind.YEAR:
            two = rf"regexp_extract({own}, '^(\d\d)\d\d\s*[-/]\s*(\d\d)?(\d\d)$', "
            return rf"CASE WHEN {own} SIMILAR TO '\d{{4}}' THEN {own} ELSE nullif({two}1) || {two}3), '') END"
        case _:
            return fast_path.typed(each, own)


def _local_date(connection: duckdb.DuckDBPyConnection, name: str, field: str) -> str:
    """How the column writes dates that aren't ISO, if the whole column decides it; else they stay unread.

    03/04/2026 is no date as long as nothing in the column says which part is the month.
    """
    if not count(connection, f"raw_{name}"):
        return "NULL"
    own, shape = quoted(field), r"^\d{1,2}[/.]\d{1,2}[/.]\d{4}$"
    found = connection.execute(
        f"SELECT max(try_cast(regexp_extract({own}, '^(\\d+)', 1) AS INT)), "
        f"max(try_cast(regexp_extract({own}, '^\\d+[/.](\\d+)', 1) AS INT)) "
        f"FROM raw_{name} WHERE regexp_matches({own}, '{shape}')"
    ).fetchone()
    first, second = found if found else (None, None)
    if first is None or second is None or (first > 12) == (second > 12):
        return "NULL"
    order, leading = ("%d/%m/%Y", "day") if first > 12 else ("%m/%d/%Y", "month")
    add_file_problem(connection, name, "local-date", field, leading=leading)
    return f"try_strptime(replace({own}, '.', '/'), '{order}')::DATE"


def _note_other_booleans(connection: duckdb.DuckDBPyConnection, name: str, each: Field) -> None:
    own, sent = quoted(each.name), quoted("sent_" + each.name)
    other = f"SELECT 1 FROM suspect_{name} WHERE {own} IS NOT NULL AND lower({sent}) NOT IN ('true', 'false') LIMIT 1"
    if connection.execute(other).fetchone():
        add_file_problem(
            connection, name, "other-boolean", "note", f"{each.name} is written as 1/0 or yes/no; it was read as true or false."
        )


# Rule 1 of the architecture: the legacy word `inactive` never removes anybody.
_STATUS = f"""CASE {fast_path.STATUS_WORD}
    WHEN 'active' THEN 'active' WHEN 'inactive' THEN 'inactive' WHEN 'tobedeleted' THEN 'tobedeleted' ELSE '' END"""


_PROBLEMS = """
INSERT INTO problem BY NAME
SELECT $file || '.csv' AS file, own.line, $file AS entity, coalesce(own.sourcedId, '') AS sourcedId, $field AS field,
       $rule AS rule, $severity AS severity,
       ({other_line})::BIGINT AS other_line, MAP {{{arguments}}}::MAP(VARCHAR, VARCHAR) AS arguments,
       ({cause})::VARCHAR AS cause, $file || '.csv:' || own.line || ':' || $rule || ':' || $field AS key
FROM {rows} own
WHERE ({broken}) AND ($deleted OR own.status <> 'tobedeleted') AND own.line NOT IN {standing}
"""

_LEFT_OUT = """
INSERT INTO left_out
SELECT entity, nullif(sourcedId, ''), line, coalesce(cause, key) FROM problem
WHERE (entity, rule, field, severity) = ($file, $rule, $field, $severity) AND line IS NOT NULL
"""

_REPEATED = """
CREATE OR REPLACE TABLE repeated_{entity} AS
WITH repeated AS (
    SELECT line, sourcedId, row(status, {sent}) AS said FROM suspect_{entity}
    WHERE sourcedId IN (SELECT sourcedId FROM suspect_{entity} GROUP BY sourcedId HAVING count(*) > 1)
      AND line NOT IN (SELECT line FROM left_out WHERE entity = '{entity}' AND line IS NOT NULL)
), first AS (SELECT sourcedId, min(line) AS line, arg_min(said, line) AS said FROM repeated GROUP BY sourcedId)
SELECT repeated.line, first.line AS first, repeated.said IS NOT DISTINCT FROM first.said AS same
FROM repeated JOIN first USING (sourcedId) WHERE repeated.line > first.line
"""

_SCHOOL_OF_CLASS = """
UPDATE suspect_enrollments SET schoolSourcedId = class.schoolSourcedId
FROM ids_classes class WHERE class.sourcedId = classSourcedId
"""

_DANGLING_ITEMS = """
SELECT DISTINCT line, each FROM (SELECT line, status, unnest({field}) AS each FROM {kept})
WHERE status <> 'tobedeleted' AND each NOT IN ({known})
"""

# A row whose list refers to rows that aren't there, with the first few of them.
_DANGLING_ROWS = """
SELECT line, any_value(sourcedId) AS sourcedId, any_value(status) AS status,
       array_to_string(list_transform(list(each ORDER BY each)[:3], lambda id: '`' || id || '`'), ', ')
       || if(count(*) > 3, ' and ' || (count(*) - 3) || ' more', '') AS value,
       if(bool_and(each IN (SELECT sourcedId FROM left_out WHERE entity = '{target}')),
          'was left out of {target}.csv', 'is missing from {target}.csv') AS fate
FROM {table} JOIN {kept} USING (line) GROUP BY line
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
