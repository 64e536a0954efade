"""Writes problems.parquet and left_out.parquet: every problem with its root cause, and of too many a fair sample."""

from pathlib import Path

import duckdb

from oneroster_engine.duckdb_session import count, number_of, text
from oneroster_engine.staging.delta import SENT_EARLIER
from oneroster_engine.staging.file_problems import add_file_problem
from oneroster_engine.staging.files import LINE, write_parquet
from oneroster_engine.staging.population import MANY, THROUGHOUT
from oneroster_engine.staging.rules import message_sql
from oneroster_engine.standard.entities import ONLY_1_2

MOST_PROBLEMS = 1_000_000  # kept whole; above, all are counted and each cause's first are kept


def write_problems(connection: duckdb.DuckDBPyConnection, stage: Path, version: str) -> int:
    """Both files of a bundle of `version`. Of a problem stand there what it is (rule, file, line, field, arguments)
    and the sentence made of that. How many are kept."""
    _gather_columns(connection)
    rules = dict(connection.execute("SELECT rule, count(*) FROM problem GROUP BY rule").fetchall())
    found = sum(rules.values())
    if found > MOST_PROBLEMS:
        add_file_problem(connection, "problems", "sampled", found=f"{found:,}", kept=f"{MOST_PROBLEMS:,}")
        rules["sampled"] = 1
        connection.execute(_EXPLAINED)
        chosen = _NUMBERED.format(sample=f"{_SAMPLED} LIMIT {MOST_PROBLEMS}")
    else:
        chosen = "SELECT *, NULL::BIGINT AS explains FROM problem"  # readers can count them
    with_message = f"SELECT *, {message_sql(_PLACE, _OTHER, list(rules))} AS message FROM ({chosen})"
    person = _PERSON_1_2 if version == "1.2" else _PERSON_1_1
    of_parts = version == "1.2" and number_of(connection, _OF_PARTS)
    whose = f"LEFT JOIN ({person}) USING (entity, line)" if of_parts else "CROSS JOIN (SELECT NULL::VARCHAR AS person)"
    shown = f"SELECT * REPLACE ({LINE}, coalesce(cause, key) AS cause) FROM ({with_message}) {whose} ORDER BY file, line"
    kept = write_parquet(connection, shown, stage / "problems.parquet")
    left_out = _LEFT_OUT_NAMED.format(line=LINE, person=person) if count(connection, "left_out") else _NONE_LEFT_OUT
    write_parquet(connection, left_out, stage / "left_out.parquet")
    return kept


def _gather_columns(connection: duckdb.DuckDBPyConnection) -> None:
    """Where a cell of nearly every row of a file costs that row, as a role in another language does, the first of them stands for
    all, and for what fell with them: it is one cause."""
    for entity, rule, field, number, first in connection.execute(_OF_COLUMNS, [MANY]).fetchall():
        if number >= THROUGHOUT * count(connection, f"read_{entity}"):
            connection.execute(_ONE_CAUSE, [first, entity, rule, field])


_EARLIER = "a row that was sent earlier"
_PLACE = f"CASE WHEN line >= {SENT_EARLIER} THEN file || ', {_EARLIER}' WHEN line IS NOT NULL THEN file || ', line ' || line END"
_OTHER = f"if(other_line >= {SENT_EARLIER}, '{_EARLIER}', 'line ' || other_line)"

_OF_COLUMNS = """
SELECT entity, rule, field, count(*) AS number, arg_min(key, line) FROM problem
WHERE rule IN ('status', 'unknown-word', 'unreadable-boolean', 'unreadable-date', 'required')
  AND line IS NOT NULL AND cause IS NULL AND key IN (SELECT cause FROM left_out)
GROUP BY ALL HAVING number >= ? ORDER BY ALL
"""
_ONE_CAUSE = """
UPDATE problem SET cause = $1 WHERE coalesce(cause, key) IN (
    SELECT key FROM problem WHERE entity = $2 AND rule = $3 AND field = $4 AND line IS NOT NULL AND cause IS NULL)
"""

# A cause with two rows must be visible next to one with a million.
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


# Whose a role or a profile is: nobody may lose it, or a part of it, for an error in its row. In 1.1 that is one of several rows
# of a person, where another of them was kept.
_PERSON_1_2 = " UNION ALL ".join(
    f"SELECT '{each}' AS entity, line, userSourcedId AS person FROM suspect_{each}" for each in ONLY_1_2
)
_OF_PARTS = f"SELECT count(*) FROM problem WHERE entity IN ({', '.join(map(text, sorted(ONLY_1_2)))})"
_PERSON_1_1 = """
SELECT 'users' AS entity, line, sourcedId AS person FROM suspect_users own
JOIN (SELECT sourcedId, list_transform(roles, lambda each: each.orgSourcedId) AS orgs FROM kept_users
      WHERE sourcedId IN (SELECT sourcedId FROM left_out WHERE entity = 'users')) kept USING (sourcedId)
WHERE NOT list_has_all(orgs, orgSourcedIds)
"""

# With what people look for, since "why is this person not here?" is asked most of rows with an error.
_LEFT_OUT_NAMED = """
SELECT DISTINCT entity, out.sourcedId, {line}, name, keys, person, line IS NULL AND out.sourcedId IS NOT NULL AS is_referred
FROM left_out out LEFT JOIN (
    SELECT 'users' AS entity, line, concat_ws(' ', givenName, familyName) AS name, [username, email, identifier] AS keys
    FROM suspect_users
    UNION ALL SELECT 'classes', line, title, [classCode] FROM suspect_classes
    UNION ALL SELECT 'orgs', line, name, [identifier] FROM suspect_orgs
) USING (entity, line) LEFT JOIN ({person}) USING (entity, line)
ORDER BY ALL
"""
_NONE_LEFT_OUT = """
SELECT entity, sourcedId, line, NULL::VARCHAR AS name, NULL::VARCHAR[] AS keys, NULL::VARCHAR AS person,
       NULL::BOOLEAN AS is_referred
FROM left_out
"""
