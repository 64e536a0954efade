import pytest

from tests.api.test_routes import call
from tests.engine.districts import small, user
from tests.steps.walk import Walk, make_group, zipped

pytestmark = pytest.mark.usefixtures("aws")


def test_two_syncs_are_compared_and_the_people_who_came_are_listed() -> None:
    make_group()
    before = Walk(zipped(small())).through().sync_id
    after = Walk(zipped(small(users=[user(), user("zoe")])), day=1).through().sync_id
    asked = {"from": before, "to": after}

    status, answer = call("GET /groups/g1/compare", query=asked)
    _, rows = call("GET /groups/g1/compare/rows", query={**asked, "entity": "users", "way": "came"})

    assert (status, answer["counts"]["users"]) == (200, {"before": 1, "after": 2, "came": 1, "went": 0})
    assert [(each["sourcedId"], each["usersCame"]) for each in answer["schools"]] == [("north", 1)]
    assert [each["sourcedId"] for each in rows["items"]] == ["zoe"]


def test_a_sync_of_another_group_or_without_rows_is_not_compared() -> None:
    make_group()
    here = Walk(zipped(small())).through().sync_id
    unread = Walk(zipped(small()), day=1)

    assert call("GET /groups/g1/compare", query={"from": here, "to": "g2-s1"})[0] == 404
    assert call("GET /groups/g1/compare", query={"from": here, "to": unread.sync_id})[0] == 422
    assert call("GET /groups/g1/compare")[0] == 422
