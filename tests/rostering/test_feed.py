"""The change feed: what a reader replays is what the platform holds."""

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from chalicelib.store import files
from tests.api.test_routes import call
from tests.engine.districts import user
from tests.engine.test_plan import TWO_SCHOOLS, without
from tests.rostering.test_api import Reader, made
from tests.steps.walk import Walk, make_group, zipped

pytestmark = pytest.mark.usefixtures("aws")


def feed(after: str = "", **query: str) -> dict[str, Any]:
    status, answer = call("GET /groups/g1/events", query={"after": after, **query})
    assert status == 200, answer
    return answer


def followed(after: str = "", limit: str = "100") -> tuple[list[dict[str, Any]], str]:
    """Every event from there on, page by page, and the last cursor."""
    found: list[dict[str, Any]] = []
    while True:
        page = feed(after, limit=limit)
        found, after = found + page["items"], page["cursor"]
        if not page["more"]:
            return found, after


def replayed(events: list[dict[str, Any]], held: Mapping[tuple[str, str], Any] | None = None) -> dict[tuple[str, str], Any]:
    roster = dict(held or {})
    for event in events:
        noun, _, what = event["kind"].partition(".")
        if what == "removed":
            roster.pop((noun, event["sourcedId"]), None)
        else:
            roster[noun, event["sourcedId"]] = event["after"]
    return roster


NOUNS = {
    "orgs": "org",
    "classes": "class",
    "users": "user",
    "enrollments": "enrollment",
    "courses": "course",
    "academicSessions": "academicSession",
}


def on_the_platform() -> dict[tuple[str, str], Any]:
    found: dict[tuple[str, str], Any] = {}
    for entity, noun in NOUNS.items():
        status, answer = call(f"GET /groups/g1/roster/{entity}", query={"limit": "1000"})
        assert status == 200
        answer["items"] = [row for row in answer["items"] if row["removedAt"] is None]
        found |= {(noun, row["sourcedId"]): row["fields"] | {"platformStatus": row["status"]} for row in answer["items"]}
    return found


def test_a_feed_replayed_from_nothing_is_what_the_platform_holds_after_many_random_days() -> None:
    make_group()
    chance = Random(7)
    cursor, roster = "", dict[tuple[str, str], Any]()
    for day in range(8):
        people = [
            {**each, "familyName": chance.choice("ABC"), "enabledUser": chance.choice(["true", "false"])}
            for each in TWO_SCHOOLS["users"]
            if chance.random() < 0.9
        ]
        people += [user(f"new-{day}")]
        Walk(zipped({**TWO_SCHOOLS, "users": people}), day=day).through()
        events, cursor = followed(cursor, limit="7")
        roster = replayed(events, roster)

        assert roster == on_the_platform(), day
    assert replayed(followed()[0]) == roster
    assert feed(cursor)["items"] == []


def test_each_event_says_what_happened_why_and_by_which_sync() -> None:
    make_group()
    Walk(zipped(TWO_SCHOOLS)).through()
    _, cursor = followed()
    later = Walk(zipped(without("users", "idle")), day=1)
    later.through()

    events, _ = followed(cursor)

    gone = next(event for event in events if event["kind"] == "user.removed")
    assert (gone["sourcedId"], gone["reason"], gone["syncId"]) == ("idle", "left the source", later.sync_id)
    assert gone["after"] is None
    assert gone["before"]["username"] == "idle"


@pytest.mark.parametrize("cell", [{"enabledUser": "false"}, {"status": "inactive"}], ids=["enabledUser", "legacy status"])
def test_who_becomes_inactive_is_so_in_the_event(cell: dict[str, str]) -> None:
    make_group()
    Walk(zipped(TWO_SCHOOLS)).through()
    _, cursor = followed()
    people = [{**each, **(cell if each["sourcedId"] == "ann" else {})} for each in TWO_SCHOOLS["users"]]
    Walk(zipped({**TWO_SCHOOLS, "users": people}), day=1).through()

    [event] = [each for each in followed(cursor)[0] if each["sourcedId"] == "ann"]

    assert (event["kind"], "platformStatus" in event["changed"]) == ("user.updated", True)
    assert (event["before"]["platformStatus"], event["after"]["platformStatus"]) == ("active", "inactive")


def test_what_is_hidden_by_its_name_in_json_is_not_shown_by_its_name_in_csv() -> None:
    make_group()
    named = {"preferredGivenName": "Annie", "preferredFamilyName": "Secret", "agentSourcedIds": "gil"}
    people = [{**each, **(named if each["sourcedId"] == "ann" else {})} for each in TWO_SCHOOLS["users"]]
    Walk(zipped({**TWO_SCHOOLS, "users": people})).through()

    _, found, _ = Reader(made(fields=["username"]), "/oneroster").follow(limit="100")

    [event] = [each for each in found["items"] if each["sourcedId"] == "ann"]
    assert sorted(event["after"]) == ["familyName", "givenName", "platformStatus", "roles", "username"]


def test_who_comes_back_is_restored_under_the_same_platform_id() -> None:
    make_group()
    for day, files_ in enumerate((TWO_SCHOOLS, without("users", "idle"), TWO_SCHOOLS)):
        Walk(zipped(files_), day=day).through()

    events, _ = followed()

    of_idle = [(event["kind"], event["platformId"]) for event in events if event["sourcedId"] == "idle"]
    assert [kind for kind, _ in of_idle] == ["user.created", "user.removed", "user.restored"]
    assert len({platform_id for _, platform_id in of_idle}) == 1


def test_a_reader_of_the_lists_follows_from_the_version_that_they_name() -> None:
    make_group()
    first = Walk(zipped(TWO_SCHOOLS))
    first.through()
    Walk(zipped(without("users", "idle")), day=1).through()

    events, _ = followed(first.sync_id)

    assert {event["kind"] for event in events} == {"user.removed"}


def test_a_cursor_whose_changes_are_not_kept_any_more_says_the_way_out() -> None:
    make_group()
    walk = Walk(zipped(TWO_SCHOOLS))
    walk.through()
    files.delete_folder(files.sync_key(walk.sync_id, ""))

    status, answer = call("GET /groups/g1/events", query={"after": ""})
    unknown, _ = call("GET /groups/g1/events", query={"after": "99.0"})

    assert (status, unknown) == (410, 422)
    assert "Read the lists once more" in answer["detail"]


def test_a_machine_follows_only_what_it_may_see() -> None:
    make_group()
    Walk(zipped(TWO_SCHOOLS)).through()
    south = Reader(made(schools=["south"], fields=["username"]), "/oneroster")

    status, found, _ = south.follow()

    assert status == 200
    assert {event["sourcedId"] for event in found["items"] if event["kind"].startswith("user")} == {"cat", "bob"}
    assert "ann" not in str(found)
    assert {role["orgSourcedId"] for event in found["items"] for role in (event["after"] or {}).get("roles", [])} == {"south"}
