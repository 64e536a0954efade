"""A page of rows out of a Parquet file, searched, filtered and sorted: what a table on screen asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oneroster_engine.duckdb_session import connect, quoted


@dataclass(frozen=True)
class Rows:
    """`total` counts every row that matches, `items` holds this page of them."""

    items: list[dict[str, Any]]
    total: int


def page_of(
    parquet: Path,
    *,
    sort: str,
    limit: int,
    offset: int,
    descending: bool = False,
    search: str = "",
    search_in: Sequence[str] = (),
    where: Mapping[str, Sequence[str]] | None = None,
) -> Rows:
    """Rows where a column of `search_in` contains `search` (ignoring case and accents) and each column of `where`
    holds one of its values; of a list column, any one. Equal rows keep the file's order.

    Raises ValueError for a column that the file doesn't have.
    """
    with connect() as connection:
        file = {"file": str(parquet)}
        described = connection.execute("DESCRIBE SELECT * FROM read_parquet($file, hive_partitioning=false)", file).fetchall()
        types = {str(name): str(kind) for name, kind, *_ in described}
        if unknown := {sort, *search_in, *(where or {})} - set(types):
            raise ValueError(f"No such column: {', '.join(sorted(unknown))}.")
        conditions, values = _conditions(types, search, search_in, where or {})
        rows = "FROM read_parquet($file, file_row_number=true, hive_partitioning=false)"
        matching = f"{rows} WHERE {conditions}"
        found = connection.execute(f"SELECT count(*) {matching}", {**file, **values}).fetchone()
        key = _folded(quoted(sort)) if types[sort] == "VARCHAR" else quoted(sort)
        order = f"ORDER BY {key} {'DESC' if descending else 'ASC'}, file_row_number"
        # A record of a million is wide: first the page's places, by what it is sorted by, then no more than its rows.
        places = f"SELECT file_row_number {matching} {order} LIMIT $limit OFFSET $offset"
        page = connection.execute(
            f"SELECT {', '.join(map(quoted, types))} {rows} WHERE file_row_number IN ({places}) {order}",
            {**file, **values, "limit": limit, "offset": offset},
        )
        items = [dict(zip(types, row, strict=True)) for row in page.fetchall()]
    return Rows(items, int(found[0]) if found else 0)


def tally(parquet: Path, conditions: Mapping[str, str]) -> dict[str, int]:
    """How many rows of the file fulfil each condition, by its name. A condition is SQL of our own, never of a request."""
    counts = ", ".join(f"count(*) FILTER (WHERE {condition})" for condition in conditions.values())
    with connect() as connection:
        row = connection.execute(
            f"SELECT {counts} FROM read_parquet($file, hive_partitioning=false)", {"file": str(parquet)}
        ).fetchone()
    return dict(zip(conditions, row or (), strict=True))


def _conditions(
    types: Mapping[str, str], search: str, search_in: Sequence[str], where: Mapping[str, Sequence[str]]
) -> tuple[str, dict[str, Any]]:
    conditions = ["true"]
    values: dict[str, Any] = {}
    if search.strip() and search_in:
        values["search"] = search.strip()
        conditions.append(" OR ".join(f"contains({_folded(quoted(name))}, {_folded('$search')})" for name in search_in))
    for place, (name, allowed) in enumerate(where.items()):
        values[f"allowed{place}"] = list(allowed)
        list_of = f"$allowed{place}::VARCHAR[]"
        is_list = types[name].endswith("[]")
        conditions.append(
            f"list_has_any({quoted(name)}, {list_of})" if is_list else f"{quoted(name)} IN (SELECT unnest({list_of}))"
        )
    return " AND ".join(f"({condition})" for condition in conditions), values


def _folded(text: str) -> str:
    return f"strip_accents(lower({text}))"
