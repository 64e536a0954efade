"""The fast part of `make chaos`: a function dies at any of its calls to AWS, or AWS turns calls away; then the next sync."""

import io
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import boto3
import pytest
from boto3.exceptions import Boto3Error
from botocore import client as botocore_client
from botocore.exceptions import ClientError

from chalicelib.model.records import LIVE_STATES, State
from chalicelib.store import groups, syncs
from tests.chaos.naive import Difference, difference, rows_of
from tests.engine.districts import Rows, enrollment, small, user
from tests.steps.walk import NOW, Walk, make_group, zipped

pytestmark = pytest.mark.usefixtures("aws")
STEPS = ("open", "stage", "plan", "apply", "commit", "report")


class Killed(BaseException):
    """A SIGKILL: nothing in the code catches it, nothing is cleaned up."""


class Turned(ClientError):
    def __init__(self) -> None:
        super().__init__({"Error": {"Code": "ThrottlingException", "Message": "no"}}, "Any")


@contextmanager
def every_call(meet: Any) -> Iterator[list[int]]:
    """`meet` is called with the number of each call to AWS, before and after it is made; it may raise."""
    client: Any = botocore_client.BaseClient
    made, numbers = client._make_api_call, [0]

    def met(self: Any, operation: str, given: Any) -> Any:
        numbers[0] += 1
        number = numbers[0]
        meet(number, "before")
        answer = made(self, operation, given)
        meet(number, "after")
        return answer

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(client, "_make_api_call", met)
        yield numbers


def people(*names: str) -> dict[str, Rows]:
    return small(
        users=[user(name) for name in names], enrollments=[enrollment(f"e-{name}", userSourcedId=name) for name in names]
    )


YESTERDAY = zipped(people("ann", "bob", "old"))
TODAY = zipped(people("ann", "bob", "new", "newer"))


def left_right(bundle: bytes) -> Difference:
    items: Any = boto3.resource("dynamodb").Table("Roster").scan()["Items"]
    return difference(rows_of(io.BytesIO(bundle)), "g1", items)


@pytest.mark.parametrize("step", STEPS)
def test_a_function_killed_at_any_call_leaves_what_the_next_sync_makes_right(step: str) -> None:
    make_group(guard={"floor": 1000})
    Walk(YESTERDAY).through()
    walk = Walk(TODAY, day=1)
    for earlier in STEPS[: STEPS.index(step)]:
        getattr(walk, earlier)()
    chance = random.Random(step)
    fatal = (chance.randrange(1, 6), chance.choice(["before", "after"]))

    def kill(number: int, moment: str) -> None:
        if (number, moment) == fatal:
            raise Killed

    with every_call(kill), pytest.raises(Killed):
        getattr(walk, step)()
    syncs.stop(walk.sync_id, State.FAILED, "Killed.", NOW)
    assert walk.sync.state not in LIVE_STATES
    assert groups.get("g1").sync is None

    Walk(YESTERDAY, day=2).through()

    assert left_right(YESTERDAY) == Difference()
    assert groups.get("g1").unfinished == ()


def test_steps_tried_again_after_calls_that_went_wrong_end_with_the_right_roster() -> None:
    make_group(guard={"floor": 1000})
    chance = random.Random(7)

    def turn_away(number: int, moment: str) -> None:
        if chance.random() < 0.03:  # before or after: of those that go wrong half were carried out, and their answer is lost
            raise Turned

    walk = Walk(TODAY)
    for step in STEPS:
        for _ in range(60):
            with every_call(turn_away), suppress(ClientError, Boto3Error):
                getattr(walk, step)()
                break
        else:
            pytest.fail(f"{step} never came through")
    assert walk.sync.state is State.SUCCEEDED
    assert left_right(TODAY) == Difference()


@pytest.mark.parametrize(
    ("reached", "said"),
    [
        ("open", "Cancelled. Nothing was changed."),
        ("stage", "Cancelled. Nothing was changed."),
        ("plan", "Cancelled. Nothing was changed."),
        ("apply", "Cancelled. Some changes had been written already; the next sync makes them right without help."),
        ("commit", "Cancelled. All its changes had been written."),
    ],
)
def test_a_cancel_says_what_had_been_written_and_what_had_not(reached: str, said: str) -> None:
    make_group()
    walk = Walk(TODAY)
    for step in STEPS[: STEPS.index(reached) + 1]:
        getattr(walk, step)()

    assert syncs.stop(walk.sync_id, State.CANCELLED, "Cancelled.", NOW)

    assert (walk.sync.state, walk.sync.message) == (State.CANCELLED, said)
    assert groups.get("g1").sync is None
    assert not syncs.stop(walk.sync_id, State.CANCELLED, "Cancelled again.", NOW)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_cancel_that_was_cut_off_says_what_had_been_written_when_the_executions_end_is_told(number: int, moment: str) -> None:
    make_group()
    walk = Walk(TODAY)
    for step in STEPS[: STEPS.index("apply") + 1]:
        getattr(walk, step)()

    def kill(*call: object) -> None:
        if call == (number, moment):
            raise Killed

    with every_call(kill), pytest.raises(Killed):
        syncs.stop(walk.sync_id, State.CANCELLED, "Cancelled.", NOW)
    syncs.stop(walk.sync_id, State.CANCELLED, "Cancelled.", NOW)

    found = "Cancelled. Some changes had been written already; the next sync makes them right without help."
    assert (walk.sync.state, walk.sync.message) == (State.CANCELLED, found)
    assert groups.get("g1").sync is None
