"""The numbers beside "remove what is no longer selected" are what would be removed."""

from pathlib import Path

import pytest

from oneroster_engine.selecting.selection import EVERYTHING, Selection
from oneroster_engine.selecting.selection_impact import selection_impact
from tests.engine.test_plan import TWO_SCHOOLS, Platform, changed

SOUTH = Selection(orgs=frozenset({"south"}), remove_unselected=True)


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    return Platform(tmp_path)


def test_what_is_not_chosen_any_more_is_counted_before_it_goes(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS)
    before = platform.snapshot
    planned = platform.sync(TWO_SCHOOLS, SOUTH, commit=False)

    impact = selection_impact(platform.room / "stage", SOUTH, before)
    found = impact.counts

    gone = {entity: counts["deactivated"] + counts["ended"] for entity, counts in planned.counts.items()}
    assert (found["users"], found["classes"], found["enrollments"]) == (4, 2, 3)
    assert {entity: found[entity] for entity in ("users", "classes", "enrollments")} == {
        entity: gone[entity] for entity in ("users", "classes", "enrollments")
    }
    assert (found["orgs"], gone["orgs"]) == (0, 0)  # bob, who is selected, has a role at north too
    assert (impact.schools_along, impact.schools_along_total) == (("North",), 1)


def test_nothing_is_left_out_of_an_empty_platform_nor_by_choosing_everything(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS, commit=False)
    assert set(selection_impact(platform.room / "stage", SOUTH, None).counts.values()) == {0}
    platform.sync(TWO_SCHOOLS)

    assert set(selection_impact(platform.room / "stage", EVERYTHING, platform.snapshot).counts.values()) == {0}


def test_a_row_with_an_error_is_not_counted_as_left_out(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS)
    before = platform.snapshot
    platform.sync(changed("users", "idle", role="boss"), commit=False)

    assert selection_impact(platform.room / "stage", EVERYTHING, before).counts["users"] == 0
