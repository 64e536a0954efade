"""Which rows a selection reaches, held against the rules in plain Python, thousands of little districts in a run."""

from pathlib import Path
from random import Random, SystemRandom
from typing import Any, TypeVar

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from chalicelib.oneroster.entities import ENTITIES
from chalicelib.roster.selection import Selection, select
from chalicelib.roster.stage import stage_bundle
from tests.roster import oracle
from tests.roster.dirty import CLASSES, ORGS, apart, cells, lifted, rosters
from tests.roster.districts import write_bundle

DISTRICTS = 400  # side by side in one bundle, each with ids of its own: a case each, at the price of one stage for all
CHOICES = 6
asked = st.tuples(st.one_of(st.none(), st.frozensets(cells)), st.booleans(), st.booleans(), st.integers(0, 2**32))
Drawn = TypeVar("Drawn")


def drawn(strategy: st.SearchStrategy[Drawn], number: int, begin: int) -> list[Drawn]:
    """So many values as hypothesis makes of them, each as odd as a single example is: a list of them would be too large."""
    found: list[Drawn] = []

    @seed(begin)
    @settings(max_examples=number, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(strategy)
    def keep(value: Drawn) -> None:
        found.append(value)

    keep()
    return found


def chosen(number: int, wanted: tuple[frozenset[tuple[str, str]] | None, bool, bool, int]) -> Selection:
    """In each district other schools and classes; in about one choice of four all of either."""
    ticked, others, guardians, begin = wanted
    any_of = Random(begin)

    def some(ids: tuple[str, ...]) -> frozenset[str] | None:
        if any_of.random() < 0.25:
            return None
        return frozenset(f"{n}.{i}" for n in range(number) for i in (*ids, "ghost") if any_of.random() < 0.5)

    return Selection(some(ORGS), some(CLASSES), ticked, others, guardians)


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
    districts, choices = drawn(rosters, DISTRICTS, begin), drawn(asked, CHOICES, begin)
    files: dict[str, list[dict[str, str]]] = {}
    for number, district in enumerate(districts):
        for name, mine in apart(district, f"{number}.").items():
            files.setdefault(name, []).extend(mine)
    bundle = write_bundle(tmp_path / "bundle", version, **(lifted(files) if version == "1.2" else files))
    stage_bundle(bundle, tmp_path / "stage")
    rows = staged(tmp_path / "stage")
    assert len(districts) * len(choices) > 1000
    for wanted in choices:
        selection = chosen(len(districts), wanted)
        expected = by_district(oracle.selected(rows, selection))
        found = by_district(reached(tmp_path / "stage", selection))
        for number, district in enumerate(districts):
            assert found.get(str(number)) == expected.get(str(number)), (begin, wanted, district)
