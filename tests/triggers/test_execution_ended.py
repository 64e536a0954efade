"""EventBridge tells of an execution's end; the sync has often ended already."""

from typing import Any

import pytest
from chalice.test import Client

from app import app
from chalicelib.model.records import Mode, State
from chalicelib.service import start, webhooks
from chalicelib.store import groups, syncs
from local.events import saved
from tests.steps.walk import NOW, ROOT, Walk, make_group

pytestmark = pytest.mark.usefixtures("aws")
OURS = saved("execution_ended")["detail"]["stateMachineArn"]


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_MACHINE_ARN", OURS)


def tell(sync_id: str, **detail: Any) -> None:
    event = saved("execution_ended")
    event["detail"] |= {"name": sync_id, **detail}
    Client(app, project_dir=str(ROOT)).lambda_.invoke("execution_ended", event)


@pytest.mark.parametrize(
    ("status", "state"), [("FAILED", State.FAILED), ("TIMED_OUT", State.FAILED), ("ABORTED", State.CANCELLED)]
)
def test_a_sync_that_nothing_else_ended_is_ended_and_its_group_is_free_again(status: str, state: State) -> None:
    make_group()
    walk = Walk(b"", Mode.FULL)

    tell(walk.sync_id, status=status)
    tell(walk.sync_id, status=status)

    assert walk.sync.state is state
    assert groups.get("g1").sync is None


def test_a_sync_that_ended_with_its_own_words_keeps_them() -> None:
    make_group()
    walk = Walk(b"", Mode.FULL)
    syncs.end(walk.sync_id, State.REFUSED, "users.csv is missing.", NOW)

    tell(walk.sync_id, status="FAILED")

    assert (walk.sync.state, walk.sync.message) == (State.REFUSED, "users.csv is missing.")


def test_the_group_of_the_next_sync_is_not_freed_by_a_late_word_about_the_last() -> None:
    make_group()
    last = Walk(b"", Mode.FULL)
    syncs.end(last.sync_id, State.CANCELLED, "Cancelled.", NOW)
    following = Walk(b"", Mode.FULL, day=1)

    tell(last.sync_id, status="ABORTED")

    held = groups.get("g1").sync
    assert held is not None
    assert held.sync_id == following.sync_id


def test_another_machines_execution_is_none_of_ours() -> None:
    make_group()
    walk = Walk(b"", Mode.FULL)

    tell(walk.sync_id, stateMachineArn=OURS + "-of-somebody-else")

    assert walk.sync.state is State.RUNNING


def test_a_message_that_can_not_be_written_down_keeps_no_sync_of_the_queue_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    make_group()
    walk = Walk(b"", Mode.FULL)
    turns: list[str] = []

    def fails(*_: Any) -> None:
        turns.append("webhooks")
        raise TimeoutError

    monkeypatch.setattr(webhooks, "announce_end", fails)
    monkeypatch.setattr(start, "start_next_queued", lambda *_: turns.append("queue"))

    with pytest.raises(TimeoutError):  # EventBridge sends the event again
        tell(walk.sync_id, status="FAILED")

    assert turns == ["queue", "webhooks"]


def test_a_sync_of_the_queue_that_can_not_start_keeps_no_message_back(monkeypatch: pytest.MonkeyPatch) -> None:
    make_group()
    walk = Walk(b"", Mode.FULL)
    sent: list[str] = []

    def fails(*_: Any) -> None:
        raise TimeoutError

    monkeypatch.setattr(start, "start_next_queued", fails)
    monkeypatch.setattr(webhooks, "announce_end", lambda sync_id, _: sent.append(sync_id))

    with pytest.raises(TimeoutError):
        tell(walk.sync_id, status="FAILED")

    assert sent == [walk.sync_id]


def test_an_execution_started_by_hand_under_another_name_is_no_trouble() -> None:
    tell("by-hand", status="FAILED")


def test_a_sync_that_succeeded_is_left_as_it_ended() -> None:
    make_group()
    walk = Walk(b"", Mode.FULL)

    tell(walk.sync_id, status="SUCCEEDED")

    assert walk.sync.state is State.RUNNING
