"""A provider's API by the whole machine in the embedded stack: everything, and what an admin chose."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.client import Client
from local.peers.provider import CLIENT_ID, CLIENT_SECRET, Provider, served
from local.peers.records import as_ed_fi, as_flat, rendered
from oneroster_engine.sample_district import SHAPES, District

pytestmark = pytest.mark.xdist_group("stack")


@pytest.fixture(scope="module")
def provider() -> Iterator[tuple[Provider, str]]:
    own = Provider("1.2", rendered(District(SHAPES["tiny"], seed=1, version="1.2", day=1, problems=False)))
    with served(own) as origin:
        yield own, origin


def group(admin: Client, origin: str, name: str, **more: Any) -> str:
    credentials = {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}
    source = {"method": "rest", "baseUrl": origin, "tokenUrl": f"{origin}/token", "pageSize": 50, "maxParallel": 2}
    return admin.new_group(name, source={**source, "credentials": credentials, **more})


# What providers that are met do, all of it at once (`tests/sources/test_rest.py` has them one by one): no total, no Link, another
# limit than was asked for, 429 with a web page after so many requests, a token behind a redirect; no sort; the newest first.
ED_FI: dict[str, Any] = {"total": "none", "cap": 200, "busy_every": 6, "token_redirect": 307}
LIKE_ROSTERHUB: dict[str, Any] = {"total": "none", "cap": 500, "sorts": False}


def test_everything_of_a_provider_is_synced_by_ranges_side_by_side_and_a_second_time_nothing_is_written(
    admin: Client, provider: tuple[Provider, str]
) -> None:
    own, origin = provider
    own.behave(slow_s=0.02, **ED_FI)
    before, own.lists = own.lists, as_ed_fi(own.lists)
    group_id = group(admin, origin, "By API", pageSize=5000)

    first = admin.until(admin.call("POST", f"/groups/{group_id}/syncs", {"mode": "full"}, 202)["syncId"])
    at_once = own.most_at_once
    second = admin.until(admin.call("POST", f"/groups/{group_id}/syncs", {"mode": "full"}, 202)["syncId"])
    sent, own.lists = own.lists, before

    assert (first["state"], first["incomplete"]) == ("succeeded", {}), first["message"]
    assert {name: counts["created"] for name, counts in first["counts"].items()} == {
        name: len(records) for name, records in sent.items()
    }
    assert first["fetching"]["enrollments"]["done"] > 6
    assert first["fetching"]["enrollments"]["total"] is None
    assert at_once == 2
    assert second["message"] == "Nothing has changed since the last sync; nothing was written."


def test_the_schools_of_a_provider_are_asked_for_while_its_other_lists_are_still_read(
    admin: Client, provider: tuple[Provider, str]
) -> None:
    own, origin = provider
    own.behave(slow_s=0.2)
    group_id = group(admin, origin, "Chosen by API", pageSize=100)
    sync_id = admin.call("POST", f"/groups/{group_id}/syncs", {"mode": "selective"}, 202)["syncId"]

    admin.until(sync_id, asks="orgs")
    schools = admin.call("GET", f"/syncs/{sync_id}/orgs")["items"]
    staged = [each["step"] for each in admin.call("GET", f"/syncs/{sync_id}")["progress"]]
    admin.call("POST", f"/syncs/{sync_id}/orgs/selection", {"ids": [schools[0]["sourcedId"]]}, 202)
    admin.until(sync_id, asks="classes")
    classes = admin.call("GET", f"/syncs/{sync_id}/classes")
    admin.call("POST", f"/syncs/{sync_id}/classes/selection", {"all": True}, 202)
    admin.until(sync_id, asks="statuses")
    matrix = admin.call("GET", f"/syncs/{sync_id}/statuses")
    cells = [{"status": cell["status"], "userType": cell["userType"]} for cell in matrix["cells"] if cell["preset"]]
    admin.call("POST", f"/syncs/{sync_id}/statuses/selection", {"cells": cells}, 202)
    ended = admin.until(sync_id)

    assert "stage" not in staged
    assert len(schools) == 3
    assert ended["state"] == "succeeded", ended["message"]
    assert ended["counts"]["classes"]["created"] == classes["total"] == 10


def test_a_saved_selections_schools_are_all_that_is_asked_of_a_provider(admin: Client, provider: tuple[Provider, str]) -> None:
    own, origin = provider
    own.behave()
    group_id = group(admin, origin, "By school", bySchool=True)
    fields = {"schools": {"ids": ["00001"]}, "classes": {"all": True}}
    admin.call("POST", f"/groups/{group_id}/selections", {"name": "One school", "selection": fields}, 201)

    started = admin.call("POST", f"/groups/{group_id}/syncs", {"mode": "selective", "savedSelection": "One school"}, 202)
    ended = admin.until(started["syncId"])

    assert (ended["state"], ended["incomplete"]) == ("succeeded", {}), ended["message"]
    assert (ended["asked"]["kind"], ended["asked"]["schools"]) == ("schools", 1)
    assert {path for path, _ in own.asked if path.startswith("/schools")} == {
        f"/schools/00001/{name}" for name in ("classes", "students", "teachers", "enrollments")
    }
    assert not {"/users", "/classes", "/enrollments"} & {path for path, _ in own.asked}


def test_after_everything_was_read_a_provider_is_asked_for_changes_alone(admin: Client) -> None:
    own = Provider("1.1", as_flat(rendered(District(SHAPES["tiny"], seed=1, version="1.1", day=1, problems=False))))
    own.behave(**LIKE_ROSTERHUB)
    with served(own) as origin:
        group_id = group(admin, origin, "Changes by API", changesOnly=True, pageSize=5000)
        ended = [admin.until(admin.call("POST", f"/groups/{group_id}/syncs", {"mode": "full"}, 202)["syncId"]) for _ in range(3)]

    assert [(each["state"], each["asked"]["kind"]) for each in ended] == [
        ("succeeded", "everything"), ("succeeded", "changes"), ("succeeded", "changes"),
    ]  # fmt: skip
    assert ended[0]["counts"]["users"]["created"] == ended[2]["counts"]["users"]["unchanged"] == len(own.lists["users"])


def test_a_secret_that_the_provider_does_not_take_is_said_and_changes_nothing(
    admin: Client, provider: tuple[Provider, str]
) -> None:
    own, origin = provider
    own.behave(secret_in=frozenset())
    group_id = group(admin, origin, "Wrong secret")

    ended = admin.until(admin.call("POST", f"/groups/{group_id}/syncs", {"mode": "full"}, 202)["syncId"])

    assert ended["state"] == "failed"
    assert ended["message"].startswith("The provider gave no access token (invalid_client).")
    assert ended["message"].endswith("Nothing was changed.")


def test_a_connection_is_tested_step_by_step(admin: Client, provider: tuple[Provider, str]) -> None:
    own, origin = provider
    own.behave(scopes=frozenset())

    answer = admin.call("POST", f"/groups/{group(admin, origin, 'Tested')}/connection-test")

    assert [(each["step"], each["ok"]) for each in answer["steps"]] == [
        ("host", True), ("signIn", True), ("version", True), ("lists", True), ("schools", True),
    ]  # fmt: skip
    assert answer["steps"][4]["message"] == "3 schools among 4 orgs."
