"""The roster as processed is a OneRoster bundle itself: whoever reads it again has what was selected, and no more."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from oneroster_engine.duckdb_session import connect
from oneroster_engine.inspecting.export import write_roster
from oneroster_engine.sample_district import SHAPES, District, write
from oneroster_engine.selecting.selection import EVERYTHING, Selection, select
from oneroster_engine.staging.stage import stage_bundle
from oneroster_engine.standard.archive import Limits, inflate
from oneroster_engine.standard.entities import ENTITIES

LIMITS = Limits(10**8, 10**9, 100, 1000)
DISTRICT = District(SHAPES["tiny"], seed=3, version="1.2", day=1, problems=True)
NOT_COMPARED = ("line",)


def staged(folder: Path, archive: Path) -> Path:
    inflate(archive, folder / "bundle", LIMITS)
    stage_bundle(folder / "bundle", folder / "stage")
    return folder / "stage"


def rows(stage: Path, entity: str, where: str = "true") -> list[dict[str, Any]]:
    query = f"SELECT * FROM read_parquet('{stage}/{entity}.parquet') WHERE {where} ORDER BY sourcedId"
    with duckdb.connect() as connection:
        found = connection.execute(query)
        names = [name for name, *_ in found.description]
        read = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return [{name: value for name, value in row.items() if name not in NOT_COMPARED} for row in read]


def processed(stage: Path, selection: Selection, out: Path) -> Path:
    out.parent.mkdir(parents=True, exist_ok=True)
    with connect(out) as connection:
        select(connection, stage, selection)
        write_roster(connection, out)
    return out


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_read_again_it_is_the_same_roster_row_for_row_without_what_was_left_out(tmp_path: Path, version: str) -> None:
    write(District(SHAPES["tiny"], seed=3, version=version, day=1, problems=True), tmp_path / "in.zip")
    first = staged(tmp_path / "first", tmp_path / "in.zip")

    again = staged(tmp_path / "again", processed(first, EVERYTHING, tmp_path / "out" / "roster.zip"))

    for entity in ENTITIES:
        wanted = rows(first, entity, "status <> 'tobedeleted'")
        assert wanted
        assert rows(again, entity) == wanted, entity


def test_a_selection_brings_its_school_and_nobody_else(tmp_path: Path) -> None:
    write(DISTRICT, tmp_path / "in.zip")
    first = staged(tmp_path / "first", tmp_path / "in.zip")
    school = rows(first, "orgs", "type = 'school'")[0]["sourcedId"]
    chosen = Selection(orgs=frozenset({school}), other_members=True)

    again = staged(tmp_path / "again", processed(first, chosen, tmp_path / "out" / "roster.zip"))

    here = rows(first, "classes", f"schoolSourcedId = '{school}' AND status <> 'tobedeleted'")
    assert [row["sourcedId"] for row in rows(again, "classes")] == [row["sourcedId"] for row in here] != []
    assert 0 < len(rows(again, "users")) < len(rows(first, "users"))


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    write(DISTRICT, tmp_path / "in.zip")
    stage = staged(tmp_path / "first", tmp_path / "in.zip")

    one, two = (processed(stage, EVERYTHING, tmp_path / name / "roster.zip").read_bytes() for name in ("one", "two"))

    assert one == two
