"""Who did what to a group, to read and to search."""

import base64
import json
from datetime import timedelta

import pytest

from chalicelib.model.ids import new_sync_id
from chalicelib.model.records import Mode, State, Sync, Trigger
from chalicelib.store import audit, syncs
from tests.api.test_routes import call
from tests.steps.walk import NOW, make_group

pytestmark = pytest.mark.usefixtures("aws")


def noted(number: int) -> None:
    for each in range(number):
        what = "plan decided" if each % 3 == 0 else "report links given"
        audit.record(
            "g1", f"u{each % 2}", what, NOW + timedelta(minutes=each), "c", f"g1-s{each}", {"n": each}, f"Ann {each % 2}"
        )


def read(**query: str) -> list[tuple[str, str]]:
    """Every entry by following the cursor: (name, sync)."""
    found: list[tuple[str, str]] = []
    cursor = ""
    while cursor is not None:
        status, answer = call("GET /groups/g1/audit", query={**query, "cursor": cursor})
        assert status == 200, answer
        found += [(each["name"], each["syncId"]) for each in answer["items"]]
        cursor = answer["nextCursor"]
    return found


def test_entries_come_newest_first_page_by_page_with_the_name_of_whoever_did_it() -> None:
    make_group()
    noted(7)

    assert read(limit="3") == [(f"Ann {each % 2}", f"g1-s{each}") for each in reversed(range(7))]


def test_a_search_finds_what_was_done_by_whom_and_to_which_sync_across_pages() -> None:
    make_group()
    noted(9)

    assert [sync for _, sync in read(limit="2", search="DECIDED")] == ["g1-s6", "g1-s3", "g1-s0"]
    assert {name for name, _ in read(limit="2", search="ann 1")} == {"Ann 1"}
    assert read(search="g1-s4") == [("Ann 0", "g1-s4")]
    assert read(search="nothing like it") == []


def test_what_a_person_does_over_http_is_noted_under_that_persons_name() -> None:
    make_group()
    call("PATCH /groups/g1", {"name": "B"}, headers={"If-Match": "e1"})

    [entry] = call("GET /groups/g1/audit")[1]["items"]

    assert (entry["who"], entry["name"], entry["what"], entry["detail"]) == ("u1", "Ada", "group changed", {"settings": ["name"]})


def test_the_total_counts_every_entry_that_matches_not_the_page() -> None:
    make_group()
    noted(9)

    assert call("GET /groups/g1/audit", query={"limit": "2"})[1]["total"] == 9
    assert call("GET /groups/g1/audit", query={"limit": "2", "search": "decided"})[1]["total"] == 3


def test_the_history_counts_every_sync_and_no_key_that_one_was_started_with() -> None:
    make_group()
    for number in range(3):
        syncs.start(a_sync(number), idempotency_key=f"k{number}")
        syncs.end(a_sync(number).sync_id, State.SUCCEEDED, "Done.", NOW)

    answer = call("GET /groups/g1/syncs", query={"limit": "2"})[1]

    assert (len(answer["items"]), answer["total"]) == (2, 3)


def test_a_cursor_reaches_nothing_but_its_own_list() -> None:
    make_group()
    noted(3)
    syncs.start(a_sync(1), idempotency_key="k1")
    of_audit = call("GET /groups/g1/audit", query={"limit": "1"})[1]["nextCursor"]
    of_groups = base64.urlsafe_b64encode(b'["rows", 1]').decode()
    forged = base64.urlsafe_b64encode(json.dumps(["syncs of g1", "~zzz"]).encode()).decode()

    for path, cursor in (
        ("GET /groups/g1/syncs", of_audit),
        ("GET /groups/g1/syncs", of_groups),
        ("GET /groups/g1/syncs", forged),
        ("GET /groups", of_audit),
    ):
        status, answer = call(path, query={"cursor": cursor})
        assert (status, answer["errors"][0]["field"]) == (422, "cursor"), path


def a_sync(number: int) -> Sync:
    return Sync(
        group_id="g1",
        sync_id=new_sync_id("g1", NOW + timedelta(minutes=number), "aa"),
        mode=Mode.FULL,
        trigger=Trigger.API,
        started_by="Ada",
        started_at=NOW,
        state=State.RUNNING,
    )
