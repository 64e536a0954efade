"""DuckDB for one piece of work: a schema of its own, bounded memory, spilling to a folder."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

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
def connect(
    *, memory_mb: int | None = None, joins_as_written: bool = False, in_order: bool = True
) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty schema in memory for one piece of work, which goes with the block; what doesn't fit spills to a folder.

    It may take `memory_mb`, or what `limit_memory` left. With `joins_as_written` the table of a join is always built of its
    right side. `in_order` keeps the order of rows, but for joins. Those of a process that say the same share one DuckDB: to
    start another takes 14 ms of processor, longer than most questions do. A schema each and not a database each, since every
    statement in an attached database takes a quarter of a millisecond more.
    """
    if not Path(_scratch().name).exists():  # the machine has tidied up, and a DuckDB makes its folder once
        _scratch.cache_clear()
        _instance.cache_clear()
    instance = _instance(memory_mb or _limit_mb, joins_as_written, in_order)
    connection = instance.cursor()
    name = f"work_{next(_numbers)}"
    try:
        connection.execute(f"CREATE SCHEMA {name}; USE {name}")
        yield connection
    except (duckdb.FatalException, duckdb.InternalException):
        _instance.cache_clear()  # it answers nothing more, to nobody
        raise
    finally:
        with suppress(duckdb.FatalException):
            connection.execute(f"USE memory; DROP SCHEMA {name} CASCADE")
        connection.close()


def cursor(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Another connection to the same schema, for a thread of its own."""
    made = connection.cursor()
    ((name,),) = connection.execute("SELECT current_schema()").fetchall()
    made.execute(f"USE {name}")
    return made


def tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """The names of those that this piece of work has made; others of the same process may have made theirs."""
    made = "SELECT table_name FROM duckdb_tables() WHERE schema_name = current_schema()"
    return {name for (name,) in connection.execute(made).fetchall()}


@cache
def _instance(memory_mb: int, joins_as_written: bool, in_order: bool) -> duckdb.DuckDBPyConnection:
    """Nothing of a file is kept in memory: another may lie in its place when it is asked next."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_mb}MB",
        "temp_directory": f"{_scratch().name}/spill",
        "preserve_insertion_order": in_order,
        "enable_external_file_cache": False,
        **({"disabled_optimizers": AS_WRITTEN} if joins_as_written else {}),
    }
    return duckdb.connect(":memory:", config=settings)


@cache
def _scratch() -> TemporaryDirectory[str]:
    """What spills goes with the work that made it, and the folder with the process."""
    return TemporaryDirectory(prefix="duck-")


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


def parquet_rows(path: Path, numbered: bool = False) -> str:
    """SQL: the rows of a Parquet file, in its own columns, and in `file_row_number` where they are `numbered`.

    DuckDB makes a column of each folder `name=value` in a path, of one plain file too, and in the place of a column of the file
    that is called so (2.0.1, `findings/duckdb-folder-columns.sh`): beneath `status=gone` everybody would be gone. So every
    reader of files says `hive_partitioning=false`; `tests/engine/test_duckdb_session.py` looks.
    """
    return f"read_parquet({text(str(path))}, hive_partitioning=false{', file_row_number=true' if numbered else ''})"


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Sequence[Any]]) -> None:
    """Append rows, each with a value for every column in the table's order: in one statement, since DuckDB's `executemany` takes
    half a millisecond a row (2.0.1), which for a state's ids is longer than a function may run."""
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        values = ", ".join(f"unnest(${place})" for place in range(1, len(columns) + 1))
        connection.execute(f"INSERT INTO {table} SELECT {values}", columns)


def count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    return number_of(connection, f"SELECT count(*) FROM {table}")


def counts(connection: duckdb.DuckDBPyConnection, tables: Sequence[str]) -> list[int]:
    """The same of several, in one statement: of a small table it is the statement that takes time."""
    each = " UNION ALL ".join(f"SELECT {place} AS place, count(*) FROM {table}" for place, table in enumerate(tables))
    return [int(number) for _, number in sorted(connection.execute(each).fetchall())] if tables else []


def number_of(connection: duckdb.DuckDBPyConnection, query: str, *values: str) -> int:
    """The one number that a query answers."""
    found = connection.execute(query, list(values)).fetchone()
    return int(found[0]) if found else 0
