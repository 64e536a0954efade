"""Saved selections over HTTP, with a sync walked through the real Lambdas that obeys one."""

from typing import Any

import pytest

from chalicelib.api import shapes
from chalicelib.errors import NotFound
from chalicelib.model.records import Mode, SavedUse, Schedule
from chalicelib.store import groups, syncs
from chalicelib.store import selections as store
from tests.api.test_routes import call
from tests.engine.districts import class_, enrollment, org, small, user
from tests.steps.walk import Walk, make_group, platform, zipped

pytestmark = pytest.mark.usefixtures("aws")

NORTH = small()
BOTH = small(
    orgs=[org(), org("south")],
    classes=[class_(), class_("art-1", schoolSourcedId="south")],
    users=[user(), user("bob", orgSourcedIds="south")],
    enrollments=[enrollment(), enrollment("e2", classSourcedId="art-1", schoolSourcedId="south", userSourcedId="bob")],
)
ALL_NOW: dict[str, Any] = {"schools": {"all": True}, "classes": {"all": True}}


def obey(bundle: dict[str, Any], name: str, day: int) -> Walk:
    walk = Walk(zipped(bundle), Mode.SELECTIVE, day, saved=store.use("g1", name))
    walk.open()
    walk.stage()
    walk.plan()
    walk.apply()
    walk.commit()
    walk.report()
    return walk


def saved(name: str = "Nightly", selection: dict[str, Any] | None = None) -> dict[str, Any]:
    status, answer = call("POST /groups/g1/selections", {"name": name, "selection": selection or ALL_NOW})
    assert status == 201, answer
    return answer


LISTED = {"schools": {"ids": ["a", "b"], "excluded": ["c"]}, "classes": {"ids": ["d"]}}


@pytest.mark.parametrize("part", ["schools", "classes"])
@pytest.mark.parametrize("said", ["ids", "excluded"])
def test_more_ids_than_a_selection_takes_are_refused_wherever_they_stand(
    monkeypatch: pytest.MonkeyPatch, part: str, said: str
) -> None:
    monkeypatch.setattr(shapes, "MOST_IDS", 4)
    make_group()
    selection: dict[str, Any] = {name: {**LISTED[name]} for name in LISTED}
    assert call("POST /groups/g1/selections", {"name": "Fits", "selection": selection})[0] == 201
    selection[part][said] = [*selection[part].get(said, ()), "one more"]
    exported = {"exportedAt": "2026-09-01T00:00:00Z", "group": {"name": "Mine"}}

    for way, body in {
        "POST /groups/g1/selections": {"name": "Long", "selection": selection},
        "PUT /groups/g1/selections/Fits": {"selection": selection},
        "POST /imports": {**exported, "selections": [{"name": "Long", "selection": selection}]},
    }.items():
        status, answer = call(way, body, headers={"If-Match": "e1"})
        assert (status, "at most 4 are taken" in str(answer)) == (422, True), (way, answer)


def test_a_new_school_waits_in_the_inbox_and_comes_with_the_next_sync_once_included() -> None:
    make_group()
    Walk(zipped(NORTH)).through()
    saved()

    use = obey(BOTH, "Nightly", 1).sync.saved_selection
    assert use is not None
    assert (use.schools, use.new_schools, "south" in platform()) == (1, 1, False)
    _, inbox = call("GET /groups/g1/inbox")
    assert [(each["kind"], each["total"], each["rows"]) for each in inbox["items"]] == [
        ("schools", 1, [{"sourcedId": "south", "name": "South"}])
    ]

    status, _ = call("POST /groups/g1/inbox", {"selection": "Nightly", "kind": "schools", "decision": "include"})
    assert status == 200
    assert call("GET /groups/g1/inbox")[1] == {"items": []}
    obey(BOTH, "Nightly", 2)
    assert {"south", "art-1", "bob", "e2"} <= set(platform())


def test_what_was_excluded_is_not_asked_about_again() -> None:
    make_group()
    Walk(zipped(NORTH)).through()
    saved()
    obey(BOTH, "Nightly", 1)

    decision = {"selection": "Nightly", "kind": "schools", "decision": "exclude", "ids": ["south"]}
    assert call("POST /groups/g1/inbox", decision)[0] == 200

    assert call("GET /groups/g1/inbox")[1] == {"items": []}
    assert call("POST /groups/g1/inbox", decision)[0] == 422
    obey(BOTH, "Nightly", 2)
    assert "south" not in platform()


def test_a_saved_selection_is_read_changed_and_deleted_by_its_name() -> None:
    make_group()
    Walk(zipped(NORTH)).through()
    made = saved("Middle schools, 6-8")
    path = "/groups/g1/selections/Middle%20schools,%206-8"

    assert call(f"PUT {path}", {"selection": ALL_NOW})[0] == 422
    assert call(f"PUT {path}", {"selection": ALL_NOW}, headers={"If-Match": '"old"'})[0] == 409
    listed = {"schools": {"ids": ["north"]}, "classes": {"rules": [{"grade": "6"}]}}
    status, changed = call(f"PUT {path}", {"selection": listed}, headers={"If-Match": made["etag"]})
    assert (status, changed["version"], changed["named"]) == (200, 2, [{"sourcedId": "north", "name": "North"}])
    assert call(f"GET {path}", query={"version": "1"})[1]["selection"]["schools"]["all"] is True
    assert [each["name"] for each in call("GET /groups/g1/selections")[1]["items"]] == ["Middle schools, 6-8"]

    assert call(f"DELETE {path}")[0] == 200
    assert call(f"GET {path}")[0] == 404


def test_a_list_says_what_each_selection_comes_to_now() -> None:
    make_group()
    saved("Before any sync")
    Walk(zipped(BOTH)).through()
    saved("Later", {"schools": {"ids": ["north", "gone"]}, "classes": {"all": True}})

    items = call("GET /groups/g1/selections")[1]["items"]

    numbers = [(each["name"], each["standing"]["schools"], each["standing"]["newSchools"], each["standing"]["missingSchools"])
               for each in items]  # fmt: skip
    assert numbers == [("Before any sync", 0, 2, 0), ("Later", 1, 0, 1)]


def test_a_sync_with_an_unknown_saved_selection_is_refused() -> None:
    make_group()

    status, answer = call("POST /groups/g1/syncs", {"mode": "full", "uploadId": "u", "savedSelection": "Nightly"})

    assert status in (404, 422)
    assert syncs.history("g1", 1) == []
    assert answer["detail"]


@pytest.mark.parametrize("name", ["", "a/b", "a#1", "50%", "x" * 81])
def test_a_name_that_would_not_survive_an_address_is_refused(name: str) -> None:
    make_group()

    status, answer = call("POST /groups/g1/selections", {"name": name, "selection": ALL_NOW})

    assert (status, answer["errors"][0]["field"]) == (422, "name")


def test_a_selection_that_the_schedule_obeys_is_not_deleted_and_one_that_there_is_not_is_not_scheduled() -> None:
    make_group()
    unknown = {"schedule": {"what": "Nightly"}}
    assert call("PATCH /groups/g1", unknown, headers={"If-Match": "e1"})[1]["errors"][0]["field"] == "schedule.what"
    saved()

    assert call("PATCH /groups/g1", unknown, headers={"If-Match": "e1"})[0] == 200

    assert call("DELETE /groups/g1/selections/Nightly")[0] == 409
    assert store.default_selection(groups.get("g1")) == SavedUse(name="Nightly", version=1)


def test_a_schedule_whose_selection_is_gone_makes_a_sync_that_fails_and_says_so() -> None:
    make_group(schedule=Schedule(what="Gone"))
    walk = Walk(zipped(NORTH), Mode.SELECTIVE, saved=store.default_selection(groups.get("g1")))
    walk.open()
    walk.stage()

    with pytest.raises(NotFound, match="There is no saved selection “Gone” any more"):
        walk.plan()
