"""Problems as people read them: by root cause, worst first, each with what to do about it."""

from pathlib import Path
from typing import Any

from oneroster_engine.duckdb_session import connect
from oneroster_engine.staging.rules import HOW_TO_FIX
from oneroster_engine.table_query import Rows


def problem_groups(problems: Path, *, limit: int, offset: int) -> Rows:
    """Problems by root cause, each with one example and how many rows it explains; errors before warnings before
    notes, and what explains most first. Problems that stand alone are gathered by file, rule and field.

    `problems` is a stage's problems.parquet. Keys are those of the API's ProblemGroup; `cause` is what `problem_rows` takes.
    """
    # Of too many problems a stage holds some, and gives with each how many its cause explains; stages of before 27 November
    # 2026 do not.
    columns = {row["column_name"] for row in _ask(problems, "DESCRIBE FROM read_parquet($problems, hive_partitioning=false)", {})}
    number = "coalesce(max(explains), count(*))" if "explains" in columns else "count(*)"
    groups = _GROUPS.format(number=number, own_number=_OWN_NUMBER if "arguments" in columns else "NULL::BIGINT")
    rows = _ask(problems, groups + " LIMIT $limit OFFSET $offset", {"limit": limit, "offset": offset})
    for row in rows:
        row["howToFix"] = HOW_TO_FIX.get(row["rule"], "")
    total = _ask(problems, f"SELECT count(DISTINCT together) AS total FROM ({_TOGETHER})", {})[0]["total"]
    return Rows(rows, total)


def problem_rows(problems: Path, cause: str, *, limit: int, offset: int) -> Rows:
    """The rows that a root cause explains, its own first. Keys are those of the API's ProblemRow."""
    rows = _ask(problems, _ROWS + " LIMIT $limit OFFSET $offset", {"cause": cause, "limit": limit, "offset": offset})
    counted = f"SELECT count(*) AS total FROM ({_TOGETHER}) WHERE together = $cause"
    return Rows(rows, _ask(problems, counted, {"cause": cause})[0]["total"])


def _ask(problems: Path, query: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    with connect() as connection:
        found = connection.execute(query, {"problems": str(problems), **values})
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


# A cause that explains other rows is a group of its own, and so is a row that was never sent, and what concerns a whole file.
_TOGETHER = """
SELECT *, if(count(*) OVER (PARTITION BY cause) > 1 OR cause <> key OR (line IS NULL AND field = ''), cause,
           file || ':*:' || rule || ':' || field) AS together
FROM read_parquet($problems, hive_partitioning=false)
"""

# What is said of a whole file is no row itself: it counts those that its own sentence counts.
_OWN_NUMBER = "if(line IS NULL, try_cast(replace(arguments['number'], ',', '') AS BIGINT), NULL)"

_GROUPS = f"""
SELECT together AS cause, first(severity ORDER BY own DESC, line) AS severity, first(rule ORDER BY own DESC, line) AS rule,
       first(message ORDER BY own DESC, line) AS message,
       CASE WHEN max(own_number) IS NULL THEN {{number}} ELSE greatest(max(own_number), {{number}} - 1) END AS explains,
       first(file ORDER BY own DESC, line) AS file, first(line ORDER BY own DESC, line) AS line,
       first(sourcedId ORDER BY own DESC, line) AS sourcedId
FROM (SELECT *, cause = key AS own, {{own_number}} AS own_number FROM ({_TOGETHER}))
GROUP BY together
ORDER BY CASE first(severity ORDER BY own DESC, line) WHEN 'error' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END, explains DESC, cause
"""

_ROWS = f"""
SELECT file, line, sourcedId, field, rule, severity, message FROM ({_TOGETHER}) WHERE together = $cause
ORDER BY cause <> key, file, line
"""
