"""The queue of a group's triggers in the table: racing writers lose nothing."""

from typing import Any

import pytest

from chalicelib.errors import NotFound
from chalicelib.model.deletion import Deletion
from chalicelib.model.records import GroupSettings, Mode, State, Sync, Trigger
from chalicelib.store import deletions, groups, queue, syncs
from chalicelib.store.tables import table, to_item
from tests.store.test_groups_and_syncs import NOW


def drop(order: int) -> Sync:
    return Sync(
        group_id="g1",
        sync_id=f"g1-{order:04d}",
        mode=Mode.FULL,
        trigger=Trigger.DROP,
        started_by="Dropped file",
        started_at=NOW,
        state=State.QUEUED,
    )


@pytest.fixture
def lakeside(aws: None) -> None:
    groups.create(GroupSettings(name="Lakeside"), "g1", "e1", NOW)


def wait_behind_one(many: int) -> None:
    """One sync runs and so many files of changes wait. The second and later ones are written as the first was: moto copies
    every table for a transaction."""
    queue.take_or_wait(drop(0), "0000")
    queue.take_or_wait(drop(1), "0001", delta=True)
    waiting, group = groups.get("g1").queue[0], {"groupId": "g1"}
    stored = table(syncs.TABLE).get_item(Key={**group, "syncId": "g1-0001"})["Item"]
    orders = [f"{order:04}" for order in range(1, many + 1)]
    with table(syncs.TABLE).batch_writer() as batch:
        for order in orders[1:]:
            batch.put_item({**stored, "syncId": f"g1-{order}"})
    queued = [to_item(waiting.model_copy(update={"sync_id": f"g1-{order}", "order": order})) for order in orders]
    values: dict[str, Any] = {":queue": queued, ":newest": orders[-1]}
    changes = "SET queue = :queue, newestDrop = :newest"
    table(groups.TABLE).update_item(Key=group, UpdateExpression=changes, ExpressionAttributeValues=values)


@pytest.mark.usefixtures("lakeside")
class TestStored:
    def test_the_same_trigger_told_again_changes_nothing(self) -> None:
        first = queue.take_or_wait(drop(1), "1")

        assert queue.take_or_wait(drop(1), "1") == first
        assert first.state is State.RUNNING

    def test_of_three_files_that_come_during_a_sync_the_newest_runs_and_the_others_say_why_not(self) -> None:
        running = queue.take_or_wait(drop(0), "0")
        for order in (1, 3, 2):
            queue.take_or_wait(drop(order), str(order))
        syncs.end(running.sync_id, State.SUCCEEDED, "Synced.", NOW)

        following = queue.next_of("g1", NOW)

        assert following is not None
        assert (following.sync_id, following.state, syncs.get("g1-0003").state) == ("g1-0003", State.RUNNING, State.RUNNING)
        assert (syncs.get("g1-0001").state, syncs.get("g1-0001").message) == (State.SUPERSEDED, queue.NEWER_CAME)
        assert (syncs.get("g1-0002").state, syncs.get("g1-0002").message) == (State.SUPERSEDED, queue.NEWER_TAKEN)
        assert queue.next_of("g1", NOW) is None

    def test_files_of_changes_are_synced_in_their_order_and_one_older_than_what_has_begun_says_what_is_missing(self) -> None:
        running: Sync | None = queue.take_or_wait(drop(0), "0")
        for order in (4, 3, 2):
            queue.take_or_wait(drop(order), str(order), delta=True)

        ran = []
        while running:
            ran.append(running.sync_id)
            if running.sync_id == "g1-0003":
                queue.take_or_wait(drop(1), "1", delta=True)
            syncs.end(running.sync_id, State.SUCCEEDED, "Synced.", NOW)
            running = queue.next_of("g1", NOW)

        assert ran == ["g1-0000", "g1-0002", "g1-0003", "g1-0004"]
        assert (syncs.get("g1-0001").state, syncs.get("g1-0001").message) == (State.SUPERSEDED, queue.CHANGES_LOST)

    def test_a_sync_cancelled_while_it_waited_is_passed_over(self) -> None:
        queue.take_or_wait(drop(0), "0")
        queue.take_or_wait(drop(1), "1")
        syncs.end("g1-0001", State.CANCELLED, "Cancelled; nothing was changed.", NOW)
        syncs.end("g1-0000", State.SUCCEEDED, "Synced.", NOW)

        assert queue.next_of("g1", NOW) is None
        assert (groups.get("g1").queue, syncs.get("g1-0001").state) == ((), State.CANCELLED)

    def test_a_running_group_starts_nothing_more(self) -> None:
        queue.take_or_wait(drop(0), "0")
        queue.take_or_wait(drop(1), "1")

        assert queue.next_of("g1", NOW) is None

    def test_a_group_that_is_no_more_has_no_queue(self) -> None:
        deletions.begin(Deletion(group_id="g1", name="Lakeside", requested_by="Ada", requested_at=NOW))

        with pytest.raises(NotFound):
            queue.take_or_wait(drop(1), "1")
        with pytest.raises(NotFound):
            queue.next_of("g1", NOW)

    def test_a_file_of_everything_is_taken_however_many_files_of_changes_wait_before_it(self) -> None:
        wait_behind_one(200)

        taken = queue.take_or_wait(drop(900), "0900")

        assert taken.state is State.QUEUED
        assert [each.sync_id for each in groups.get("g1").queue] == ["g1-0900"]
        states = {str(each["syncId"]): each["state"] for each in table(syncs.TABLE).scan()["Items"]}
        assert {states[f"g1-{order:04}"] for order in range(1, 201)} == {State.SUPERSEDED}

    def test_what_is_not_yet_taken_out_of_the_queue_is_synced_in_its_turn_before_the_file_of_everything(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wait_behind_one(120)
        monkeypatch.setattr(queue, "_supersede", lambda *of: None)  # the function was ended there

        queue.take_or_wait(drop(900), "0900")

        waiting = [each.sync_id for each in groups.get("g1").queue]
        assert waiting == [f"g1-{order:04}" for order in range(99, 121)] + ["g1-0900"]
        assert {syncs.get(each).state for each in waiting} == {State.QUEUED}
