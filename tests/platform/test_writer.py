"""The Roster table written and read back, in moto."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pytest

from chalicelib.errors import LockLost, SourceUnavailable
from chalicelib.platform import reader, writer
from chalicelib.platform.writer import ATTEMPTS, LONGEST_WAIT_S, Requests, item_of, send_all

SINCE = "2026-11-24T05:00:00Z"
FIELDS: dict[str, Any] = {
    "givenName": "Ann",
    "familyName": "Lee",
    "middleName": None,
    "phone": "",
    "grades": [],
    "enabledUser": False,
}


def change(sourced_id: str = "u1", entity: str = "users", action: str = "create", **fields: Any) -> dict[str, Any]:
    removed = action in ("deactivate", "end")
    record = {
        "platformId": f"p-{sourced_id}",
        "platformStatus": "inactive" if removed else "active",
        "since": SINCE,
        "removedAt": SINCE if removed else None,
        "fields": fields or FIELDS,
    }
    return {"entity": entity, "sourcedId": sourced_id, "action": action, "record": record}


def enrollment(sourced_id: str, class_: str, user: str, action: str = "create") -> dict[str, Any]:
    return change(sourced_id, "enrollments", action, classSourcedId=class_, userSourcedId=user, role="student")


def write(changes: Iterable[dict[str, Any]], with_removals: bool = True, sync_id: str = "g1-1") -> int:
    lines = [json.dumps(each).encode() for each in changes]
    return writer.write_chunk(lines, "g1", sync_id, 30, with_removals, lambda: None)


def stored() -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = boto3.resource("dynamodb").Table("Roster").scan()["Items"]
    return sorted(items, key=lambda item: (item["shard"], item["sourcedId"]))


@pytest.mark.usefixtures("aws")
def test_a_record_is_one_item_with_the_fields_that_say_something() -> None:
    assert write([change(weight=0.5, **FIELDS)]) == 1

    assert stored() == [
        {
            "shard": writer.shard_of("g1", "users", "u1"),
            "sourcedId": "u1",
            "groupId": "g1",
            "entity": "users",
            "platformId": "p-u1",
            "status": "active",
            "since": SINCE,
            "syncId": "g1-1",
            "fields": {"givenName": "Ann", "familyName": "Lee", "enabledUser": False, "weight": Decimal("0.5")},
        }
    ]


@pytest.mark.usefixtures("aws")
def test_a_chunk_written_again_leaves_what_it_left_before() -> None:
    changes = [change(f"u{number}") for number in range(60)] + [change("gone", action="deactivate")]

    assert write(changes) == 61
    first = stored()
    assert write(changes) == 61

    assert stored() == first
    assert len(first) == 61


def test_a_removed_record_is_purged_after_the_grace_period_and_no_other() -> None:
    removed = item_of(change(action="deactivate"), "g1", "g1-1", grace_days=30)
    here = item_of(change(), "g1", "g1-1", grace_days=30)

    assert removed["purgeAt"] - 1_795_496_400 == 30 * 24 * 3600  # SINCE in epoch seconds, and 30 days
    assert removed["status"] == "inactive"
    assert "purgeAt" not in here


def test_a_removed_record_is_purged_on_the_day_that_the_plan_says_or_never() -> None:
    removed = change(action="deactivate")

    assert item_of({**removed, "purgeAt": "2026-12-01T00:00:00Z"}, "g1", "g1-1", grace_days=30)["purgeAt"] == 1_796_083_200
    assert "purgeAt" not in item_of({**removed, "purgeAt": "never"}, "g1", "g1-1", grace_days=30)


@pytest.mark.usefixtures("aws")
def test_whoever_came_back_or_is_never_purged_stays_when_others_are() -> None:
    write([{**change(each, action="deactivate"), "purgeAt": "2026-12-01T00:00:00Z"} for each in ("gone", "back", "later")])
    write([change("back", action="update"), {**change("later", action="deactivate"), "purgeAt": "2027-01-01T00:00:00Z"}])
    write([{**change("never", action="deactivate"), "purgeAt": "never"}])

    everybody = [("users", each) for each in ("gone", "back", "later", "never", "nobody")]
    writer.purge("g1", everybody, datetime(2026, 12, 2, tzinfo=UTC))

    assert sorted(item["sourcedId"] for item in stored()) == ["back", "later", "never"]


@pytest.mark.usefixtures("aws")
def test_a_record_that_came_back_is_not_purged_any_more() -> None:
    write([change(action="deactivate")])
    write([change(action="update")], sync_id="g1-2")

    item = reader.get("g1", "users", "u1")
    assert item is not None
    assert (item["status"], item["syncId"], "purgeAt" in item) == ("active", "g1-2", False)


@pytest.mark.usefixtures("aws")
def test_without_removals_nothing_is_deactivated_or_ended() -> None:
    changes = [change("new"), change("old", action="deactivate"), enrollment("e1", "c1", "old", action="end")]

    assert write(changes, with_removals=False) == 1
    assert [item["sourcedId"] for item in stored()] == ["new"]


@pytest.mark.usefixtures("aws")
def test_a_record_stands_in_no_index_so_that_it_costs_one_write_unit() -> None:
    write([enrollment("e1", "c1", "ann")])
    template = json.loads((Path(__file__).resolve().parents[2] / "infra" / "template.json").read_text())
    indexes = template["Resources"]["RosterTable"]["Properties"]["GlobalSecondaryIndexes"]
    keys = {key["AttributeName"] for index in indexes for key in index["KeySchema"]}

    [item] = stored()

    assert keys - set(item) == {"classKey", "userSourcedId"}


@pytest.mark.usefixtures("aws")
def test_a_deleted_group_leaves_nothing_and_takes_nobody_elses() -> None:
    write([change(f"u{number}") for number in range(40)] + [enrollment("e1", "c1", "u1")])
    writer.write_chunk([json.dumps(change()).encode()], "g2", "g2-1", 30, True, lambda: None)

    assert writer.delete_group("g1", lambda: True) == 41
    assert [item["groupId"] for item in stored()] == ["g2"]


@pytest.mark.usefixtures("aws")
def test_nothing_more_is_written_once_the_sync_has_ended() -> None:
    asked = []

    def go_on() -> None:
        asked.append(len(stored()))
        if len(asked) == 2:
            raise LockLost("ended")

    lines = [json.dumps(change(f"u{number}")).encode() for number in range(writer.WAVE * 2)]
    with pytest.raises(LockLost):
        writer.write_chunk(lines, "g1", "g1-1", 30, True, go_on)

    assert asked == [0, writer.WAVE]
    assert len(stored()) == writer.WAVE


class Throttled:
    """A table that takes so many requests a call."""

    def __init__(self, takes: int) -> None:
        self.takes, self.calls = takes, 0
        self.taken: list[dict[str, Any]] = []

    def send(self, requests: Requests) -> Requests:
        self.calls += 1
        self.taken += requests[: self.takes]
        return requests[self.takes :]


def test_what_a_throttled_table_did_not_take_is_sent_again_after_growing_pauses() -> None:
    table, pauses = Throttled(takes=2), list[float]()
    requests = [{"request": number} for number in range(7)]

    send_all(requests, table.send, pauses.append)

    assert table.taken == requests
    assert len(pauses) == 3
    assert all(0 <= seconds <= 0.05 * 2 ** (place + 1) for place, seconds in enumerate(pauses))


def test_a_table_that_takes_nothing_is_given_up_with_what_was_left() -> None:
    table, pauses = Throttled(takes=0), list[float]()

    with pytest.raises(SourceUnavailable, match=r"3 of 3 items in 10 attempts"):
        send_all([{"request": number} for number in range(3)], table.send, pauses.append)

    assert table.calls == ATTEMPTS
    assert max(pauses) <= LONGEST_WAIT_S


def test_a_batch_that_was_taken_at_once_waits_for_nothing() -> None:
    table, pauses = Throttled(takes=25), list[float]()

    send_all([{"request": 1}], table.send, pauses.append)

    assert (table.calls, pauses) == (1, [])
