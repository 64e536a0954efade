"""Problems of a whole file, each reported once."""

import duckdb

from oneroster_engine.duckdb_session import text
from oneroster_engine.staging.rules import ALL_RULES

_SEVERITY = {rule.id: rule.severity for rule in ALL_RULES}


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
