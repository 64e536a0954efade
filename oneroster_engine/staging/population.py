"""Ids looked at as a population: which of a file a spreadsheet has damaged, and what a reference that leads nowhere meant."""

from collections.abc import Sequence

import duckdb

from oneroster_engine.duckdb_session import count, quoted
from oneroster_engine.staging.file_problems import add_file_problem
from oneroster_engine.standard.damaged_ids import DATE_SQL, ROUNDED_SQL
from oneroster_engine.standard.entities import Field, Kind

# Of so many references that lead nowhere the nearest id by spelling is looked for; all are matched by what spreadsheets do.
MOST_SPELLED = 200
REASON = "ids in its file were damaged by a spreadsheet, so that an absent row proves nothing"


def find_damaged(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Write down which ids among the suspects are what a spreadsheet makes of a long number or of a fraction, once a file."""
    kinds = {"rounded-ids": ROUNDED_SQL} | ({"date-ids": DATE_SQL} if name != "academicSessions" else {})
    for rule, shape in kinds.items():
        is_so = f"regexp_full_match(sourcedId, {shape})"
        found = connection.execute(
            f"SELECT count(*), list_sort(list(DISTINCT sourcedId))[:3] FROM suspect_{name} WHERE {is_so}"
        ).fetchone()
        if found and found[0]:
            key = add_file_problem(
                connection, name, rule, "sourcedId", number=f"{found[0]:,}", examples=_listed(found[1]), there=""
            )
            connection.execute(
                f"INSERT INTO damaged SELECT DISTINCT $file, sourcedId, $key FROM suspect_{name} WHERE {is_so}",
                {"file": name, "key": key},
            )


def match_references(connection: duckdb.DuckDBPyConnection, name: str, each: Field, known: str = "") -> None:
    """Make `near_{file}_{field}`: of each value of a reference that is not there, the nearest id that is. It is `matched` where
    upper and lower case, or zeros that the reference has lost, are all that differs, and one id alone is so near.

    `known` is a query for the ids that may be referred to; without one, those that were kept.
    """
    assert each.refers is not None
    target, table = each.refers.entity, f"near_{name}_{each.name}"
    known = known or f"SELECT sourcedId FROM ids_{target}"
    values = f"unnest({quoted(each.name)})" if each.kind is Kind.LIST else quoted(each.name)
    connection.execute(_DANGLING.format(values=values, file=name, known=known))
    if not count(connection, "dangling"):
        connection.execute(f"CREATE OR REPLACE TABLE {table} AS {_NOTHING_NEAR}")
        return
    connection.execute(_NEAR.format(table=table, known=known, most=MOST_SPELLED))
    connection.execute(_BY_DAMAGE, {"target": target})
    explained = connection.execute(_EXPLAINS, {"target": target}).fetchall()
    for key, examples in explained:
        there = f" {name}.csv refers to {_listed(examples)}."
        connection.execute(
            "UPDATE problem SET arguments = map_concat(arguments, MAP {'there': $there}) WHERE key = $key",
            {"there": there, "key": key},
        )
    _rounded_references(connection, name, each, target)


def _rounded_references(connection: duckdb.DuckDBPyConnection, name: str, each: Field, target: str) -> None:
    is_so = f"regexp_full_match(value, {ROUNDED_SQL}) AND value NOT IN (SELECT sourcedId FROM damaged WHERE file = $target)"
    found = connection.execute(
        f"SELECT count(*), list_sort(list(value))[:3] FROM dangling WHERE {is_so}", {"target": target}
    ).fetchone()
    if found and found[0]:
        key = add_file_problem(
            connection, name, "rounded-ids", each.name, number=f"{found[0]:,}", examples=_listed(found[1]), there=""
        )
        connection.execute(
            f"INSERT INTO explained_value SELECT $target, value, $key FROM dangling WHERE {is_so}", {"target": target, "key": key}
        )


def replace_items(connection: duckdb.DuckDBPyConnection, name: str, each: Field) -> None:
    """Put the ids that were meant into a list."""
    connection.execute(_REPLACE_ITEMS.format(file=name, field=quoted(each.name), near=f"near_{name}_{each.name}"))


def _listed(examples: Sequence[str]) -> str:
    return ", ".join(f"`{each[:60]}`" for each in examples[:3])


_DANGLING = """
CREATE OR REPLACE TEMP TABLE dangling AS
SELECT DISTINCT value FROM (SELECT {values} AS value FROM suspect_{file} WHERE status <> 'tobedeleted')
WHERE value IS NOT NULL AND value NOT IN ({known})
"""

_NOTHING_NEAR = """
SELECT NULL::VARCHAR AS value, NULL::VARCHAR AS id, NULL::VARCHAR AS how, false AS matched, NULL::VARCHAR AS nearest WHERE false
"""

# A reference with more zeros than the id that is there says that the id has lost them: that is no reading of the reference.
_NEAR = """
CREATE OR REPLACE TABLE {table} AS
WITH known AS (
    {known}
), relative AS (
    SELECT value, sourcedId AS id, id_difference(value, sourcedId) AS how, count(*) OVER (PARTITION BY value) AS fitting
    FROM (SELECT value, near_key(value) AS key FROM dangling)
    JOIN (SELECT sourcedId, near_key(sourcedId) AS key FROM known) USING (key)
), spelled AS (
    SELECT value, min(sourcedId) AS id, 'by one character' AS how, 2 AS fitting
    FROM (SELECT value FROM dangling WHERE length(value) > 3 AND value NOT IN (SELECT value FROM relative) 
          ORDER BY value LIMIT {most})
    JOIN known ON abs(length(value) - length(sourcedId)) <= 1
        AND (sourcedId[:3] = value[:3] OR sourcedId[-3:] = value[-3:]) AND damerau_levenshtein(value, sourcedId) = 1
    GROUP BY value
)
SELECT value, min(id) AS id, min(how) AS how,
       bool_and(fitting = 1 AND length(value) <= length(id)) AS matched,
       ' The nearest there is `' || min(id) || '`, which differs ' || min(how) || '.' AS nearest
FROM (FROM relative UNION ALL FROM spelled) GROUP BY value
"""

_BY_DAMAGE = """
INSERT INTO explained_value
SELECT $target, value, min(key) FROM dangling JOIN damaged ON file = $target AND rounds_to(value, sourcedId)
GROUP BY value
"""

_EXPLAINS = """
SELECT key, list_sort(list(value))[:3] FROM explained_value JOIN dangling USING (value) WHERE file = $target GROUP BY key
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
