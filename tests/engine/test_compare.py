from pathlib import Path

import pytest

from oneroster_engine.inspecting.compare import Difference, differences, moved, schools
from oneroster_engine.staging.stage import stage_bundle
from tests.engine.districts import class_, enrollment, org, small, user, write_bundle


@pytest.fixture
def stages(tmp_path: Path) -> tuple[Path, Path]:
    """Ann stays, Bob goes with his school South, Zoë comes to North; a deleted person never was there."""
    before = small(
        orgs=[org(), org("south")],
        classes=[class_(), class_("art-1", schoolSourcedId="south")],
        users=[user(), user("bob", orgSourcedIds="south"), user("old", status="tobedeleted")],
    )
    after = small(users=[user(), user("zoe", givenName="Zoë")], enrollments=[enrollment(), enrollment("e2", userSourcedId="zoe")])
    for name, rows in (("before", before), ("after", after)):
        stage_bundle(write_bundle(tmp_path / f"{name}-csv", "1.1", **rows), tmp_path / name)
    return tmp_path / "before", tmp_path / "after"


def test_what_came_and_went_is_counted_by_entity(stages: tuple[Path, Path]) -> None:
    found = differences(*stages)

    assert (found["users"], found["orgs"]) == (Difference(2, 2, 1, 1), Difference(2, 1, 0, 1))
    assert (found["classes"], found["enrollments"]) == (Difference(2, 1, 0, 1), Difference(1, 2, 1, 0))


def test_people_are_found_by_name_whatever_the_accents(stages: tuple[Path, Path]) -> None:
    assert moved(*stages, "users", "came", search="ZOE").items == [{"sourcedId": "zoe", "name": "Zoë F"}]
    assert [row["sourcedId"] for row in moved(*stages, "users", "went").items] == ["bob"]
    assert moved(*stages, "users", "went", search="nobody").total == 0


def test_a_school_says_how_many_it_had_and_has(stages: tuple[Path, Path]) -> None:
    north, south = sorted(schools(*stages), key=lambda school: str(school["sourcedId"]))

    assert (north["usersBefore"], north["usersAfter"], north["usersCame"], north["came"]) == (1, 2, 1, False)
    assert (south["went"], south["usersWent"], south["classesWent"], south["classesAfter"]) == (True, 1, 1, 0)
