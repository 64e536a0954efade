"""Judges the suspect rows, by `docs/validation.md`: what is wrong, in which line, and what it costs.

Works on `suspect_{name}`, the suspect rows of one file, and knows of other files' rows only the ids of those that were
kept. Leaves the problems in `problem`, and in `left_out` the rows that an error costs, each with its root cause: what
follows from another row's problem points at it, so that one missing school is one cause.
"""

from collections.abc import Sequence

import duckdb

from oneroster_engine.duckdb_session import count, number_of, quoted
from oneroster_engine.staging import fast_path
from oneroster_engine.staging.fast_path import LONGEST_ID
from oneroster_engine.staging.reading import Finding
from oneroster_engine.standard.entities import Field, Kind, Need

TABLES = """
CREATE TABLE problem (file VARCHAR, line BIGINT, entity VARCHAR, sourcedId VARCHAR, field VARCHAR, rule VARCHAR,
                      severity VARCHAR, message VARCHAR, cause VARCHAR, key VARCHAR);
CREATE TABLE left_out (entity VARCHAR, sourcedId VARCHAR, line BIGINT, cause VARCHAR);
"""
COSTLY_READING = ("width", "open-quote")  # findings of the reader that cost the row


def record_findings(connection: duckdb.DuckDBPyConnection, name: str, findings: Sequence[Finding]) -> None:
    """Write down what the reader found in a file."""
    if not findings:
        return
    connection.executemany(
        "INSERT INTO problem VALUES ($file, $line, $entity, $id, '', $rule, $severity, $message, NULL, $key)",
        [
            {
                "file": f"{name}.csv",
                "line": found.line,
                "entity": name,
                "id": found.sourced_id,
                "rule": found.rule,
                "severity": found.severity,
                "message": found.message,
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


def add_file_problem(connection: duckdb.DuckDBPyConnection, name: str, rule: str, severity: str, message: str) -> None:
    """Write down something about a whole file."""
    record_findings(connection, name, [Finding(rule, severity, message)])


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


def judge_ids(connection: duckdb.DuckDBPyConnection, name: str, fields: Sequence[Field]) -> None:
    malformed = f"sourcedId IS NULL OR length(sourcedId) > {LONGEST_ID} OR regexp_matches(sourcedId, '[\\x00-\\x1f\\x7f]')"
    _add_problems(connection, name, "sourced-id", "error", malformed, "sourcedId",
           f"sourcedId is empty or malformed (1 to {LONGEST_ID} characters, none of them a control character).")  # fmt: skip
    sent = ", ".join(quoted(field.name) for field in fields)
    connection.execute(_REPEATED.format(entity=name, sent=sent))


def judge_values(connection: duckdb.DuckDBPyConnection, name: str, fields: Sequence[Field], needed: frozenset[str]) -> None:
    """Each cell by itself. `needed` are fields that the group can't do without, whatever the standard says."""
    _add_problems(connection, name, "status", "warning", "sent_status IS NOT NULL AND status = ''", "status",
           "unknown status; read as blank.")  # fmt: skip
    for each in fields:
        own, sent = quoted(each.name), quoted("sent_" + each.name)
        empty = f"len({own}) = 0" if each.kind is Kind.LIST else f"{own} IS NULL"
        need = Need.REQUIRED if each.name in needed else each.need
        if each.words:
            severity = "error" if each.words.strict else "warning"
            unknown = f"{own} IS NULL AND {sent} IS NOT NULL"
            _add_problems(connection, name, "unknown-word", severity, unknown, each.name,
                   f"{each.name} is none of: {', '.join(each.words.allowed)}.")  # fmt: skip
            empty = f"{sent} IS NULL"
            if each.words.also:
                unusual = f"{own} IN ({', '.join(repr(word) for word in each.words.also)})"
                _add_problems(connection, name, "unusual-word", "warning", unusual, each.name,
                       f"the standard does not allow this {each.name} here; it was kept.")  # fmt: skip
        elif _can_go_wrong(each):
            severity, fate = ("error", "the row needs it") if each.need is Need.REQUIRED else ("warning", "it was dropped")
            message = f"{each.name} can't be read for certain; {fate}. Write it as {_FORMS[each.kind]}."
            unread = f"{own} IS NULL AND {sent} IS NOT NULL"
            _add_problems(connection, name, f"unreadable-{each.kind}", severity, unread, each.name, message)
        if each.kind is Kind.YEAR:
            message = f"{each.name} names two years; the later one counts, as the standard has it."
            _add_problems(connection, name, "two-years", "warning", f"{own} <> {sent}", each.name, message)
        if each.kind is Kind.BOOLEAN:
            _note_other_booleans(connection, name, each)
        if need is Need.REQUIRED:
            _add_problems(connection, name, "required", "error", empty, each.name, f"{each.name} is empty; the row needs it.")
        elif need is Need.EXPECTED:
            _add_problems(connection, name, "expected", "warning", empty, each.name, f"{each.name} is empty.")
    names = {each.name for each in fields}
    for begin in ("startDate", "beginDate"):
        if {begin, "endDate"} <= names:
            _add_problems(connection, name, "end-before-begin", "warning", f"endDate < {begin}", "endDate",
                   f"endDate is before {begin}; both were kept.")  # fmt: skip


def judge_reference(connection: duckdb.DuckDBPyConnection, name: str, each: Field, known: str = "") -> None:
    """A dangling required reference leaves the row out, caused by the row it hangs on; any other is dropped.

    `known` is a query for the ids that may be named; without one, those that were kept.
    """
    assert each.refers is not None
    target = each.refers.entity
    words = {
        "entity": name,
        "target": target,
        "field": quoted(each.name),
        "known": known or f"SELECT sourcedId FROM ids_{target}",
        "file": f"{name}.csv",
        "name": each.name,
    }
    if each.refers.required:
        connection.execute(_DANGLING_REQUIRED.format(**words))
        connection.execute(_LEFT_OUT, {"name": name, "rule": "unknown-reference", "field": each.name})
    else:
        connection.execute(_DANGLING_OPTIONAL.format(**words))


def judge_parents(connection: duckdb.DuckDBPyConnection, name: str, each: Field) -> None:
    """Parents in the file itself; where they lead in a circle, its latest row loses its parent."""
    valid = (
        f"SELECT sourcedId FROM clean_{name} UNION ALL "
        f"SELECT sourcedId FROM suspect_{name} WHERE line NOT IN (SELECT line FROM left_out WHERE entity = '{name}')"
    )
    judge_reference(connection, name, each, valid)
    words = {"name": name, "field": quoted(each.name)}
    connection.execute("CREATE OR REPLACE TEMP TABLE circling AS " + _CIRCLING.format(**words))
    if not count(connection, "circling"):
        return
    _add_problems(connection, name, "circle", "warning", "line IN (SELECT line FROM circling)", each.name,
           f"{each.name} leads back to the row itself in a circle; it was dropped.")  # fmt: skip
    connection.execute(f"UPDATE suspect_{name} SET {words['field']} = NULL WHERE line IN (SELECT line FROM circling)")


def drop_dangling(connection: duckdb.DuckDBPyConnection, name: str, each: Field, kept: str, known: str) -> str:
    """Items of a list that name no row are dropped, with a warning a row. Gives the relation of kept rows, mended."""
    assert each.refers is not None
    words = {"file": f"{name}.csv", "entity": name, "name": each.name, "field": quoted(each.name), "target": each.refers.entity}
    table = f"dangling_{name}_{each.name}"
    connection.execute(f"CREATE OR REPLACE TABLE {table} AS " + _DANGLING_ITEMS.format(kept=kept, known=known, **words))
    if not count(connection, table):
        return kept
    connection.execute(_DANGLING_LIST.format(kept=kept, table=table, **words))
    return (
        f"(SELECT kept.* REPLACE (CASE WHEN gone.ids IS NULL THEN kept.{words['field']} ELSE "
        f"list_filter(kept.{words['field']}, lambda each: NOT list_contains(gone.ids, each)) END AS {words['field']}) "
        f"FROM {kept} kept LEFT JOIN (SELECT line AS at, list(each) AS ids FROM {table} GROUP BY line) gone "
        "ON gone.at = kept.line)"
    )


def _add_problems(
    connection: duckdb.DuckDBPyConnection, name: str, rule: str, severity: str, when: str, field: str, message: str
) -> None:
    """Write a problem for every row of `suspect_{name}` that is not tobedeleted and where `when` holds."""
    connection.execute(
        _PROBLEM.format(name=name, when=when),
        {"file": f"{name}.csv", "name": name, "rule": rule, "severity": severity, "field": field, "message": message},
    )
    if severity == "error":
        connection.execute(_LEFT_OUT, {"name": name, "rule": rule, "field": field})


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
    message = f"{field} has dates such as 25/9/2026 or 9/25/2026; others in the column show that the {leading} comes first."
    add_file_problem(connection, name, "local-date", "note", message)
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

_PROBLEM = """
INSERT INTO problem
SELECT $file, line, $name, coalesce(sourcedId, ''), $field, $rule, $severity,
       $file || ', line ' || line || ': ' || $message, NULL, $file || ':' || line || ':' || $rule || ':' || $field
FROM suspect_{name}
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
    SELECT line, sourcedId, row(status, {sent}) AS said FROM suspect_{entity}
    WHERE sourcedId IN (SELECT sourcedId FROM suspect_{entity} GROUP BY sourcedId HAVING count(*) > 1)
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
FROM suspect_{entity} own
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
FROM suspect_{entity}
WHERE status <> 'tobedeleted' AND {field} IS NOT NULL AND {field} NOT IN ({known})
  AND line NOT IN (SELECT line FROM left_out WHERE entity = '{entity}');
UPDATE suspect_{entity} SET {field} = NULL WHERE {field} IS NOT NULL AND {field} NOT IN ({known})
"""

_DANGLING_ITEMS = """
SELECT DISTINCT line, each FROM (SELECT line, status, unnest({field}) AS each FROM {kept})
WHERE status <> 'tobedeleted' AND each NOT IN ({known})
"""

_DANGLING_LIST = """
INSERT INTO problem
SELECT '{file}', line, '{entity}', any_value(sourcedId), '{name}', 'unknown-reference', 'warning',
       '{file}, line ' || line || ': ' || count(*) || ' of {name} name no row of {target}.csv that could be kept; dropped.',
       NULL, '{file}:' || line || ':unknown-reference:{name}'
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
