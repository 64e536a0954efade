"""How much of a machine the engine takes."""

import os
import re
import shutil
from pathlib import Path

import duckdb
import pytest

from oneroster_engine.duckdb_session import DEFAULT_MB, connect, counts, cursor, limit_memory, tables


def _limit_mib() -> float:
    with connect() as connection:
        ((found,),) = connection.execute("SELECT current_setting('memory_limit')").fetchall()
    number, unit = found.split()
    return float(number) * {"MiB": 1, "GiB": 1024}[unit]


@pytest.mark.parametrize("function_mb", [1_769, 3_008, 10_240])
def test_the_engine_leaves_a_fifth_of_its_functions_memory_to_python_and_spills_beyond(function_mb: int) -> None:
    limit_memory(function_mb)
    try:
        limit = _limit_mib() * 1024 * 1024 / 1e6
    finally:
        limit_memory(DEFAULT_MB)

    assert limit == pytest.approx(function_mb * 0.8, rel=0.05)


def test_what_one_question_makes_is_not_there_for_the_next() -> None:
    with connect() as connection:
        connection.execute("CREATE VIEW users AS SELECT 1; CREATE TABLE near AS SELECT 1; SET VARIABLE schools = ['north']")

    with connect() as connection:
        there = connection.execute("SELECT (SELECT count(*) FROM duckdb_tables()), getvariable('schools')").fetchall()

        assert there == [(0, None)]


def test_questions_side_by_side_see_nothing_of_each_other() -> None:
    with connect() as one, connect() as other:
        one.execute("CREATE TABLE near AS SELECT 'one' AS whose")
        other.execute("CREATE TABLE near AS SELECT 'other' AS whose")

        assert one.execute("FROM near").fetchall() == [("one",)]
        other.execute("CREATE TABLE own AS SELECT 1")
        assert (tables(one), tables(other)) == ({"near"}, {"near", "own"})


def test_a_file_that_took_the_place_of_another_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "users.parquet"
    seen = []
    for number in (1, 2):
        with connect() as connection:
            connection.execute(f"COPY (SELECT {number} AS number) TO '{file}' (FORMAT parquet)")
        os.utime(file, (0, 0))
        with connect() as connection:
            seen += connection.execute(f"SELECT number FROM read_parquet('{file}')").fetchall()

    assert seen == [(1,), (2,)]


def test_whoever_reads_a_file_makes_no_columns_of_its_folders() -> None:
    """`parquet_rows` says why."""
    source = Path(__file__).parents[2]
    begins = re.compile(r"(?<![.\w])(?<!def )(?<!return )read_(?:parquet|csv|json)\(")
    calls = [
        (path.relative_to(source), call[:300])
        for wing in ("oneroster_engine", "chalicelib")
        for path in (source / wing).rglob("*.py")
        for call in begins.split(path.read_text())[1:]
    ]

    assert [path for path, call in calls if "hive_partitioning=false" not in call] == []
    assert len(calls) > 40


def test_a_question_that_fails_leaves_the_next_one_alone() -> None:
    with pytest.raises(duckdb.Error), connect() as connection:
        connection.execute("CREATE TABLE near AS SELECT 1; SELECT nothing")

    with connect() as connection:
        assert connection.execute("SELECT 1").fetchall() == [(1,)]


def test_a_cursor_works_in_the_schema_of_its_connection() -> None:
    with connect() as connection:
        connection.execute("CREATE TABLE near AS SELECT 1 AS number")

        assert cursor(connection).execute("FROM near").fetchall() == [(1,)]


def test_what_spilled_goes_with_the_work_that_made_it(tmp_path: Path) -> None:
    def taken() -> tuple[int, int]:
        with connect(memory_mb=100) as asked:
            ((memory, spilled),) = asked.execute(
                "SELECT sum(memory_usage_bytes), sum(temporary_storage_bytes) FROM duckdb_memory()"
            ).fetchall()
        return int(memory), int(spilled)

    with connect(memory_mb=100) as connection:
        connection.execute("CREATE TABLE many AS SELECT md5(range::VARCHAR) AS id FROM range(6_000_000)")

        assert taken()[1] > 50_000_000
    assert taken() == (0, 0)


def test_where_duckdb_gave_up_for_good_the_next_question_has_another_one() -> None:
    def fail() -> None:
        with connect() as connection:
            connection.execute("CREATE TABLE memory.main.left_behind AS SELECT 1")
            raise duckdb.FatalException("it can't go on")

    with pytest.raises(duckdb.FatalException):
        fail()

    with connect() as connection:
        assert connection.execute("SELECT table_name FROM duckdb_tables()").fetchall() == []


def test_what_does_not_fit_spills_though_a_machine_has_tidied_its_temporary_folders() -> None:
    for _ in range(2):
        with connect(memory_mb=100) as connection:
            connection.execute("CREATE TABLE many AS SELECT md5(range::VARCHAR) AS id FROM range(3_000_000)")
            ((spilled,),) = connection.execute("SELECT sum(temporary_storage_bytes) FROM duckdb_memory()").fetchall()
            assert spilled > 0
            ((folder,),) = connection.execute("SELECT current_setting('temp_directory')").fetchall()
        shutil.rmtree(Path(folder).parent)


def test_tables_are_counted_together_each_in_its_place() -> None:
    with connect() as connection:
        connection.execute("CREATE TABLE three AS FROM range(3); CREATE TABLE none AS FROM range(0)")

        assert counts(connection, ["three", "none", "three WHERE range > 0"]) == [3, 0, 2]
        assert counts(connection, []) == []
