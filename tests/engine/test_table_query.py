"""A table on screen gets the page it asks for."""

from pathlib import Path

import duckdb
import pytest

from oneroster_engine.table_query import page_of


@pytest.fixture
def schools(tmp_path: Path) -> Path:
    path = tmp_path / "orgs.parquet"
    rows = "('01', 'École Élan', ['a'], 3), ('02', 'north high', ['a', 'b'], NULL), ('03', 'North 100%', ['c'], 7)"
    duckdb.execute(f"COPY (SELECT * FROM (VALUES {rows}) AS t(sourcedId, name, parents, classes)) TO '{path}'")
    return path


def ids(path: Path, **more: object) -> list[str]:
    asked: dict[str, object] = {"sort": "sourcedId", "limit": 10, "offset": 0, **more}
    return [row["sourcedId"] for row in page_of(path, **asked).items]  # type: ignore[arg-type]


def test_a_search_ignores_case_and_accents_and_knows_no_wildcards(schools: Path) -> None:
    assert ids(schools, search=" ecole ", search_in=["name"]) == ["01"]
    assert ids(schools, search="NORTH", search_in=["name", "sourcedId"]) == ["02", "03"]
    assert ids(schools, search="100%", search_in=["name"]) == ["03"]
    assert ids(schools, search="n_rth", search_in=["name"]) == []
    assert ids(schools, search="' OR 1=1 --", search_in=["name"]) == []


def test_a_filter_takes_any_of_its_values_also_from_lists(schools: Path) -> None:
    assert ids(schools, where={"parents": ["b", "c"]}) == ["02", "03"]
    assert ids(schools, where={"sourcedId": ["03", "09"]}) == ["03"]
    assert ids(schools, where={"sourcedId": []}) == []


def test_a_page_says_how_many_there_are_in_all(schools: Path) -> None:
    page = page_of(schools, sort="name", descending=True, limit=1, offset=1)

    assert ([row["sourcedId"] for row in page.items], page.total) == (["03"], 3)


def test_a_column_that_is_not_there_is_named(schools: Path) -> None:
    with pytest.raises(ValueError, match="No such column: nmae"):
        page_of(schools, sort="nmae", limit=1, offset=0)
