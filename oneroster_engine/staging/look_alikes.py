"""Ids that differ from what the other files say in a way that no spreadsheet makes: a letter stands for a digit (O for 0, l or I
for 1), something was put before or behind all of them, or all that was behind so many characters was cut away.

Where one reading alone is certain the row is read so; else nothing is kept under either. A whole column is one finding."""

from collections.abc import Sequence

import duckdb

from oneroster_engine.duckdb_session import count, number_of, text
from oneroster_engine.staging.file_problems import add_file_problem
from oneroster_engine.staging.population import MANY, THROUGHOUT, Restored, referring, unmatched, values_of
from oneroster_engine.standard.damaged_ids import BY_LETTERS, as_seen_sql, is_shaped_sql, shape_sql
from oneroster_engine.standard.entities import ENTITIES


def look_alikes(connection: duckdb.DuckDBPyConnection, version: str) -> list[Restored]:
    """The ids to which no file refers as they are, and what those may mean by them. Looked for only where references lead
    nowhere."""
    targets = [target for (target,) in connection.execute(_NAMED_IN_VAIN).fetchall()]
    apart = unmatched(connection) if targets else {}
    found: list[Restored] = []
    for target in targets:
        alike = number_of(connection, _MAY_BE_ALIKE.format(target=target))
        if not alike and target not in apart:
            continue
        queries = [
            f"SELECT '{file}' AS file, '{each.name}' AS field, value FROM ({query})"
            for file, each, of in referring(version)
            if of == target
            for query in values_of(file, each)
        ]
        connection.execute(_MEANT.format(target=target, queries=" UNION ALL ".join(queries)))
        if alike:
            found += _by_letters(connection, target)
        if target in apart:
            found += _by_addition(connection, target) or _by_cut(connection, target)
    return found


def _by_letters(connection: duckdb.DuckDBPyConnection, target: str) -> list[Restored]:
    if not number_of(connection, _ALIKE.format(target=target)):
        return []
    connection.execute(_DECIDED.format(target=target))
    rows = connection.execute("SELECT was, id, certain FROM decided ORDER BY was").fetchall()
    pairs = [Restored(target, was, id_ if sure else None, BY_LETTERS, "" if sure else id_) for was, id_, sure in rows]
    # Those, too, that were changed in the same way and to which nobody refers.
    many = sum(each.id is not None for each in pairs) >= MANY
    others = connection.execute(_OF_THE_COLUMN.format(target=target), {"many": many}).fetchall()
    return [*pairs, *(Restored(target, was, id_, BY_LETTERS) for was, id_ in others)]


def _by_addition(connection: duckdb.DuckDBPyConnection, target: str) -> list[Restored]:
    additions = connection.execute(_ADDITIONS.format(target=target)).fetchall()
    if not additions:
        return []
    # What covers most is what was added.
    counted = []
    for to_ids, before, added in additions:
        longer, shorter = ("sourcedId", "value") if to_ids else ("value", "sourcedId")
        whole = f"{text(added)} || {shorter}" if before else f"{shorter} || {text(added)}"
        pairs = _PAIRS.format(target=target, longer=longer, whole=whole)
        counted.append((number_of(connection, f"SELECT count(*) FROM ({pairs})"), added, before, pairs))
    number, added, before, pairs = max(counted)
    if number < max(MANY, THROUGHOUT * number_of(connection, "SELECT count(*) FROM meant WHERE NOT there")):
        return []
    how = f"by `{added}` {'before' if before else 'behind'} them"
    rows = connection.execute(f"{pairs} ORDER BY value").fetchall()
    used, several = (sum(bool(row[place]) for row in rows) for place in (2, 3))
    if 2 * used > number:
        _say_of_references(connection, target, how, rows)
        return []
    sure = not used and several == number
    return [
        Restored(target, was, id_ if sure else None, how, "" if sure else id_) for was, id_, is_used, _ in rows if not is_used
    ]


def _by_cut(connection: duckdb.DuckDBPyConnection, target: str) -> list[Restored]:
    """Ids of which only the first characters came, as a column of a fixed width has them: what others refer to begins so and is
    longer than any that came. Of two that have become one nothing is kept, nor of one that nobody refers to."""
    pairs = connection.execute(_CUT.format(target=target)).fetchall()
    explained = sum(number for _, _, number, _ in pairs)
    if explained < max(MANY, THROUGHOUT * number_of(connection, "SELECT count(*) FROM meant WHERE NOT there")):
        return []
    how = f"by what stood behind their first {len(pairs[0][0])} characters, which was cut"
    others = connection.execute(_OF_THAT_LENGTH.format(target=target), [[was for was, *_ in pairs]]).fetchall()
    return [
        *(Restored(target, was, id_ if number == rows == 1 else None, how, "" if number == rows == 1 else id_)
          for was, id_, number, rows in pairs),
        *(Restored(target, was, None, how) for (was,) in others),
    ]  # fmt: skip


def note_others_ids(connection: duckdb.DuckDBPyConnection, version: str) -> None:
    """Where a column of references holds the ids of another file, as where two columns have changed places, it is one cause."""
    for file, field, number in connection.execute(_FALLEN_COLUMNS, [MANY]).fetchall():
        if number < THROUGHOUT * count(connection, f"read_{file}"):
            continue
        target = next(of for of_file, each, of in referring(version) if (of_file, each.name) == (file, field))
        for other in ENTITIES:
            found = connection.execute(_OF_ANOTHER.format(other=other), [file, field]).fetchone() or (0, [])
            if other not in (file, target) and found[0] >= THROUGHOUT * number:
                examples = ", ".join(f"`{each}`" for each in found[1])
                key = add_file_problem(
                    connection, file, "others-ids", field, target=target, whose=other, examples=examples, number=f"{found[0]:,}"
                )
                connection.execute(_ALL_SINCE, [key, f"{file}.csv", field])
                break


def _say_of_references(connection: duckdb.DuckDBPyConnection, target: str, how: str, rows: Sequence[Sequence[str]]) -> None:
    """Where one file refers to ids as they are and another doesn't: the rows of that one have one cause."""
    examples = ", ".join(f"`{value}` for `{was}`" for was, value, *_ in rows[:3])
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE so_called AS SELECT unnest($values) AS value", {"values": [r[1] for r in rows]}
    )
    for file, field in connection.execute(_WHO_SAYS_SO).fetchall():
        fallen = (f"{file}.csv", field)
        if number := number_of(connection, f"SELECT count(*) FROM problem {_FALLEN}", *fallen):
            key = add_file_problem(
                connection, file, "differing-references", field, target=target, how=how, examples=examples, number=f"{number:,}"
            )
            connection.execute(_LEFT_OUT_SINCE, [key, file, *fallen])
            connection.execute(f"UPDATE problem SET cause = ? {_FALLEN}", [key, *fallen])


_MISSING = "regexp_extract(coalesce(arguments['fate'], arguments['named']), 'missing from (\\w+)', 1)"
_NAMED_IN_VAIN = f"""
SELECT DISTINCT {_MISSING} AS target FROM problem
WHERE rule IN ('without-role', 'unknown-reference') AND target <> '' ORDER BY target
"""
_MAY_BE_ALIKE = f"""
SELECT count(*) FROM (
    SELECT DISTINCT unnest(regexp_extract_all(coalesce(arguments['value'], arguments['named']), '`([^`]+)`', 1)) AS value
    FROM problem
    WHERE rule IN ('without-role', 'unknown-reference') AND {_MISSING} = '{{target}}'
) JOIN read_{{target}} ON {as_seen_sql("sourcedId")} = {as_seen_sql("value")} WHERE sourcedId <> value
"""

# What the other files refer to, by how many of them, and whether it is there.
_MEANT = """
CREATE OR REPLACE TEMP TABLE called_so AS SELECT DISTINCT file, field, value FROM ({queries}) WHERE value IS NOT NULL;
CREATE OR REPLACE TEMP TABLE meant AS
SELECT value, count(DISTINCT file) AS files,
       value IN (SELECT sourcedId FROM read_{target} WHERE sourcedId IS NOT NULL) AS there
FROM called_so GROUP BY value
"""

_ALIKE = f"""
CREATE OR REPLACE TEMP TABLE look_alike AS
SELECT sourcedId AS was, value AS id, files, sourcedId IN (SELECT value FROM meant WHERE there) AS used,
       count(*) OVER (PARTITION BY sourcedId) = 1 AND count(*) OVER (PARTITION BY value) = 1 AS is_only
FROM (SELECT DISTINCT sourcedId FROM read_{{target}} WHERE regexp_matches(sourcedId, '[01OoIl]')) own
JOIN (SELECT value, files FROM meant WHERE NOT there) gone ON {as_seen_sql("value")} = {as_seen_sql("sourcedId")}
"""

# An id without letters for digits stays as it is; so does one that others refer to, unless its shape shows what it was.
_DECIDED = f"""
CREATE OR REPLACE TEMP TABLE decided AS
WITH shapes AS (
    SELECT {shape_sql("id")} AS shape, count(*) AS ids FROM (
        SELECT sourcedId AS id FROM read_{{target}} WHERE sourcedId NOT IN (SELECT was FROM look_alike)
        UNION SELECT value FROM meant WHERE value NOT IN (SELECT was FROM look_alike)) GROUP BY shape
)
SELECT was, id, certain FROM (
    SELECT *, is_only AND ({is_shaped_sql("was", "id")} OR files > 1 AND NOT used) AS certain,
           hamming(was, id) = length(regexp_replace(was, '\\D', '', 'g')) - length(regexp_replace(id, '\\D', '', 'g'))
           AS is_number
    FROM look_alike)
WHERE certain OR NOT used AND NOT is_number
"""

_OF_THE_COLUMN = f"""
SELECT sourcedId, {as_seen_sql("sourcedId")} AS seen FROM (SELECT DISTINCT sourcedId FROM read_{{target}})
WHERE regexp_matches(sourcedId, '[OoIl]') AND sourcedId NOT IN (SELECT value FROM meant)
  AND sourcedId NOT IN (SELECT was FROM look_alike)
  AND {shape_sql("seen")} IN (SELECT {shape_sql("id")} FROM decided WHERE certain)
  AND {shape_sql("sourcedId")} NOT IN (SELECT {shape_sql("id")} FROM decided WHERE certain)
  AND ($many OR {shape_sql("sourcedId")} IN (SELECT {shape_sql("was")} FROM decided WHERE certain))
  AND seen NOT IN (SELECT value FROM meant) AND seen NOT IN (SELECT sourcedId FROM read_{{target}} WHERE sourcedId IS NOT NULL)
QUALIFY count(*) OVER (PARTITION BY seen) = 1 ORDER BY sourcedId
"""

# What a few of the references have more or less than ids that are there.
_ADDITIONS = """
SELECT DISTINCT to_ids, before, added FROM (
    SELECT length(sourcedId) > length(value) AS to_ids,
           if(to_ids, sourcedId, value) AS long, if(to_ids, value, sourcedId) AS short,
           ends_with(long, short) AS before,
           if(before, long[:length(long) - length(short)], long[length(short) + 1:]) AS added
    FROM (SELECT value FROM meant WHERE NOT there ORDER BY value LIMIT 5)
    JOIN read_{target} ON length(sourcedId) <> length(value) AND (ends_with(sourcedId, value) OR ends_with(value, sourcedId)
         OR starts_with(sourcedId, value) OR starts_with(value, sourcedId))
) WHERE regexp_matches(added, '\\D') ORDER BY length(added) LIMIT 20
"""

_PAIRS = """
SELECT sourcedId, value, sourcedId IN (SELECT value FROM meant WHERE there) AS used, files > 1 AS several
FROM (SELECT DISTINCT sourcedId FROM read_{target}) JOIN (SELECT value, files FROM meant WHERE NOT there) ON {longer} = {whole}
"""

# `number`: how many begin so. `rows`: how many have come under that id.
_CUT = """
SELECT sourcedId, min(value) AS id, count(DISTINCT value) AS number, any_value(rows) AS rows
FROM (SELECT sourcedId, count(*) AS rows, max(max(length(sourcedId))) OVER () AS longest FROM read_{target}
      GROUP BY sourcedId) own
JOIN (SELECT value, files FROM meant WHERE NOT there) ON length(value) > longest AND left(value, longest) = sourcedId
WHERE sourcedId NOT IN (SELECT value FROM meant WHERE there)
GROUP BY sourcedId ORDER BY sourcedId
"""
_OF_THAT_LENGTH = """
SELECT DISTINCT sourcedId FROM read_{target}
WHERE length(sourcedId) = (SELECT max(length(sourcedId)) FROM read_{target}) AND sourcedId NOT IN (SELECT value FROM meant)
  AND sourcedId NOT IN (SELECT unnest(?)) ORDER BY sourcedId
"""

_FALLEN_COLUMNS = """
SELECT entity, field, count(*) FROM problem WHERE rule = 'unknown-reference' AND severity = 'error'
GROUP BY ALL HAVING count(*) >= ? ORDER BY ALL
"""
_OF_ANOTHER = """
SELECT count(*), list_sort(list(DISTINCT id))[:3]
FROM (SELECT trim(arguments['value'], '`') AS id FROM problem WHERE entity = ? AND field = ? AND rule = 'unknown-reference')
SEMI JOIN read_{other} ON sourcedId = id
"""
_ALL_SINCE = "UPDATE problem SET cause = ? WHERE file = ? AND field = ? AND rule = 'unknown-reference'"

_WHO_SAYS_SO = "SELECT DISTINCT file, field FROM called_so SEMI JOIN so_called USING (value) ORDER BY ALL"
_FALLEN = (
    "WHERE file = ? AND field = ? AND rule = 'unknown-reference' "
    "AND trim(arguments['value'], '`') IN (SELECT value FROM so_called)"
)
_LEFT_OUT_SINCE = f"UPDATE left_out SET cause = ? WHERE entity = ? AND line IN (SELECT line FROM problem {_FALLEN})"
