"""Which rows a selection reaches, held against the rules in plain Python, thousands of little districts in a run."""

from pathlib import Path
from random import SystemRandom
from typing import Any

import duckdb
import pytest

from oneroster_engine.selecting.selection import Selection, select
from oneroster_engine.staging.stage import stage_bundle
from oneroster_engine.standard.entities import ENTITIES
from tests.engine import oracle
from tests.engine.dirty import chosen, drawn, lifted, rosters, side_by_side, wanted
from tests.engine.districts import write_bundle

DISTRICTS = 400  # side by side in one bundle, each with ids of its own: a case each, at the price of one stage for all
CHOICES = 6


def staged(stage: Path) -> dict[str, dict[str, dict[str, Any]]]:
    rosters: dict[str, dict[str, dict[str, Any]]] = {}
    for entity in ENTITIES:
        found = duckdb.read_parquet(str(stage / f"{entity}.parquet"))
        rows = [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
        rosters[entity] = {row["sourcedId"]: row for row in rows}
    return rosters


def reached(stage: Path, selection: Selection) -> dict[str, set[str]]:
    with duckdb.connect(":memory:") as connection:
        select(connection, stage, selection)
        return {
            entity: {row[0] for row in connection.execute(f"SELECT sourcedId FROM selected_{entity}").fetchall()}
            for entity in ENTITIES
        }


def by_district(selected: dict[str, set[str]]) -> dict[str, set[tuple[str, str]]]:
    apart: dict[str, set[tuple[str, str]]] = {}
    for entity, ids in selected.items():
        for sourced_id in ids:
            apart.setdefault(sourced_id.split(".")[0], set()).add((entity, sourced_id))
    return apart


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_every_selection_reaches_what_the_rules_say_in_every_district(tmp_path: Path, version: str) -> None:
    begin = SystemRandom().randrange(2**32)
    districts, choices = drawn(rosters, DISTRICTS, begin), drawn(wanted, CHOICES, begin)
    files = side_by_side(districts)
    bundle = write_bundle(tmp_path / "bundle", version, **(lifted(files) if version == "1.2" else files))
    stage_bundle(bundle, tmp_path / "stage")
    rows = staged(tmp_path / "stage")
    assert len(districts) * len(choices) > 1000
    for choice in choices:
        selection = chosen(len(districts), choice)
        expected = by_district(oracle.selected(rows, selection))
        found = by_district(reached(tmp_path / "stage", selection))
        for number, district in enumerate(districts):
            assert found.get(str(number)) == expected.get(str(number)), (begin, choice, district)
