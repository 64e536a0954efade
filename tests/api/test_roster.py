"""The platform browsed over HTTP, after syncs walked through the real Lambdas."""

from typing import Any

import pytest

from chalicelib.store import access
from tests.api.test_routes import call
from tests.engine.test_plan import TWO_SCHOOLS, changed, without
from tests.steps.walk import Walk, make_group, zipped

pytestmark = pytest.mark.usefixtures("aws")


def browsed(entity: str, **query: str) -> dict[str, Any]:
    status, answer = call(f"GET /groups/g1/roster/{entity}", query=query)
    assert status == 200, answer
    return answer


def test_who_is_there_is_listed_by_page_searched_and_narrowed_to_a_school() -> None:
    make_group()
    Walk(zipped(TWO_SCHOOLS)).through()

    first = browsed("users", limit="4", sort="sourcedId")
    rest = browsed("users", limit="4", sort="sourcedId", cursor=first["nextCursor"])
    found = [row["sourcedId"] for row in first["items"] + rest["items"]]

    assert (found, first["total"], rest["nextCursor"]) == (["ann", "bob", "cat", "gil", "idle", "tom"], 6, None)
    assert [row["sourcedId"] for row in browsed("users", search="TOM")["items"]] == ["tom"]
    south = browsed("users", school="south", sort="-sourcedId")["items"]
    assert [(row["sourcedId"], row["schools"]) for row in south] == [("cat", ["South"]), ("bob", ["North", "South"])]
    assert south[0]["fields"]["username"] == "cat"


def test_somebody_removed_is_still_found_with_the_day_until_he_is_purged() -> None:
    make_group()
    Walk(zipped(TWO_SCHOOLS)).through()
    Walk(zipped(without("users", "idle")), day=1).through()

    [gone] = browsed("users", status="inactive")["items"]

    assert (gone["sourcedId"], gone["removedAt"]) == ("idle", "2026-09-02T06:00:00Z")
    assert browsed("users", status="active")["total"] == 5


def test_everybody_on_the_platform_is_counted_once_as_active_inactive_or_removed() -> None:
    make_group()
    Walk(zipped(changed("users", "gil", enabledUser="false"))).through()
    users = [row for row in changed("users", "gil", enabledUser="false")["users"] if row["sourcedId"] != "idle"]
    Walk(zipped({**TWO_SCHOOLS, "users": users}), day=1).through()

    _, platform = call("GET /groups/g1/platform")

    assert platform["users"] == {"active": 4, "inactive": 1, "removed": 1}
    assert call("GET /groups/g2/platform")[0] == 404


def test_a_person_shows_the_classes_and_a_class_the_people() -> None:
    make_group()
    walk = Walk(zipped(TWO_SCHOOLS))
    walk.through()

    _, bob = call("GET /groups/g1/roster/users/record", query={"id": "bob"})
    _, n1 = call("GET /groups/g1/roster/classes/record", query={"id": "n1"})

    assert (bob["status"], bob["syncId"], bob["fields"]["username"]) == ("active", walk.sync_id, "bob")
    assert [(each["sourcedId"], each["name"], each["role"]) for each in bob["enrolled"]] == [
        ("n2", "N2", "student"), ("s1", "S1", "student"),
    ]  # fmt: skip
    assert bob["names"]["roles"] == {"north": "North", "south": "South"}
    assert n1["names"]["schoolSourcedId"] == {"north": "North"}
    call("GET /groups/g1/roster/users/record", query={"id": "ann"})
    assert ("users/ann", "users/gil") in [each.subjects for each in access.entries("g1", 10)]  # her guardian is named, too
    assert [(each["sourcedId"], each["role"]) for each in n1["enrolled"]] == [("ann", "student"), ("tom", "teacher")]
    assert call("GET /groups/g1/roster/users/record", query={"id": "nobody"})[0] == 404


def test_a_group_that_has_brought_nothing_lists_nothing_and_an_unknown_entity_is_refused() -> None:
    make_group()

    assert browsed("classes") == {"items": [], "nextCursor": None, "total": 0, "syncId": None}
    assert call("GET /groups/g1/roster/demographics")[0] == 422
    assert call("GET /groups/g1/roster/users", query={"sort": "fields"})[0] == 422
