"""One DuckDB connection for one piece of work: bounded memory, spilling to a folder that goes with it."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import duckdb

# Of the process's memory. The rest is for Python, for packages and for what DuckDB takes above its limit, a tenth as was seen.
SHARE = 0.8
DEFAULT_MB = 3_008  # of memory in all, where no limit was handed in
AT_ONCE = 2  # as many processors as the engine's functions have
Done = TypeVar("Done")

# DuckDB takes a CSV file for the smaller side of a join, builds its table of it and runs out of memory. It makes a join of each
# IN of constants too (2.0.0, `findings/duckdb-in-list-joins.sh`), which for a small file takes longer than to read it.
AS_WRITTEN = "join_order,build_side_probe_side,in_clause"

# For what is kept. Most of it is ids, of which zstd's first level makes less than its usual third, in two thirds of the time.
PACKED = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1"


@contextmanager
def connect(near: Path, memory_mb: int | None = None, joins_as_written: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """A scratch database in memory that spills into a temporary folder next to `near`. The order of rows is kept, but for joins.

    It may take `memory_mb`, or what `limit_memory` left. With `joins_as_written` the table of a join is always built of its
    right side.
    """
    with TemporaryDirectory(dir=near.parent, prefix="duck-") as scratch:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{memory_mb or _limit_mb}MB",
            "temp_directory": f"{scratch}/spill",
            "preserve_insertion_order": True,
            **({"disabled_optimizers": AS_WRITTEN} if joins_as_written else {}),
        }
        connection = duckdb.connect(":memory:", config=settings)
        try:
            yield connection
        finally:
            connection.close()


@contextmanager
def reading() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database in memory to ask Parquet files by; what is made in it goes with it.

    All of a process share one DuckDB: to start another takes 13 ms of processor, longer than most questions do.
    """
    name = f"reading_{next(_numbers)}"
    connection = _shared().cursor()
    try:
        connection.execute(f"ATTACH ':memory:' AS {name}; USE {name}")
        yield connection
    finally:
        connection.execute(f"USE memory; DETACH {name}")
        connection.close()


@cache
def _shared() -> duckdb.DuckDBPyConnection:
    """Nothing of a file is kept in memory: another may lie in its place when it is asked next."""
    return duckdb.connect(":memory:", config={"threads": AT_ONCE, "enable_external_file_cache": False})


_numbers = itertools.count()


def limit_memory(process_mb: int) -> None:
    """Say once, before anything connects, how much memory this process has; a connection takes four fifths of it."""
    global _limit_mb
    _limit_mb = limit_mb(process_mb)


def limit_mb(process_mb: int) -> int:
    return int(process_mb * SHARE)


_limit_mb = limit_mb(DEFAULT_MB)


def run_parallel(jobs: Sequence[Callable[[], Done]]) -> list[Done]:
    """Run jobs that need nothing of each other, each with a cursor of its own: a short statement keeps one processor busy and
    the other waiting. The first are begun first."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [done.result() for done in [pool.submit(job) for job in jobs]]


def quoted(name: str) -> str:
    """An identifier for SQL. Only ever given names from `standard/entities.py` and a file's own header."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A string for SQL where no parameter is allowed, as in a view."""
    return "'" + value.replace("'", "''") + "'"


def count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    return number_of(connection, f"SELECT count(*) FROM {table}")


def number_of(connection: duckdb.DuckDBPyConnection, query: str, *values: str) -> int:
    """The one number that a query answers."""
    found = connection.execute(query, list(values)).fetchone()
    return int(found[0]) if found else 0
