"""How much of a machine the engine takes."""

from pathlib import Path

import pytest

from oneroster_engine.duckdb_session import DEFAULT_MB, connect, limit_memory


def _limit_mib(room: Path) -> float:
    with connect(room / "plan") as connection:
        ((said,),) = connection.execute("SELECT current_setting('memory_limit')").fetchall()
    number, unit = said.split()
    return float(number) * {"MiB": 1, "GiB": 1024}[unit]


@pytest.mark.parametrize("function_mb", [1_769, 3_008, 10_240])
def test_the_engine_leaves_a_fifth_of_its_functions_memory_to_python_and_spills_beyond(tmp_path: Path, function_mb: int) -> None:
    limit_memory(function_mb)
    try:
        limit = _limit_mib(tmp_path) * 1024 * 1024 / 1e6
    finally:
        limit_memory(DEFAULT_MB)

    assert limit == pytest.approx(function_mb * 0.8, rel=0.05)
