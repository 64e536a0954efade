"""The rows that a plan leaves as they are can be looked at like any others."""

from pathlib import Path

import pytest

from oneroster_engine.planning.unchanged_rows import SAME, write_unchanged
from oneroster_engine.selecting.selection import EVERYTHING, Selection
from oneroster_engine.standard.entities import ENTITIES
from tests.engine.districts import user
from tests.engine.test_plan import TWO_SCHOOLS, Platform, read, without


@pytest.mark.parametrize("selection", [EVERYTHING, Selection(orgs=frozenset({"north"}), other_members=True)])
def test_as_many_rows_stay_as_the_plan_counts_and_they_are_none_of_those_that_change(
    tmp_path: Path, selection: Selection
) -> None:
    platform = Platform(tmp_path)
    platform.sync(TWO_SCHOOLS)
    more = [*without("users", "idle")["users"], user("new")]
    planned = platform.sync({**TWO_SCHOOLS, "users": more}, selection, commit=False)
    assert platform.snapshot

    rows = read(write_unchanged(platform.room / "stage", selection, platform.snapshot, platform.room / "plan"))

    for entity in ENTITIES:
        assert sum(row["entity"] == entity for row in rows) == planned.counts[entity]["unchanged"]
    changed = {(row["entity"], row["sourcedId"]) for row in platform.changes()}
    assert changed.isdisjoint((row["entity"], row["sourcedId"]) for row in rows)
    assert {row["reason"] for row in rows} == {SAME}
