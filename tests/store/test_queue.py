"""The queue of a group's triggers: what waits, what is superseded, and that racing writers lose nothing."""

import pytest

from chalicelib.errors import NotFound
from chalicelib.model.records import Group, GroupSettings, Mode, RunningSync, State, Sync, Trigger, Waiting
from chalicelib.store import groups, queue, syncs
from tests.store.test_groups_and_syncs import NOW

HELD = RunningSync(sync_id="g1-0", since=NOW)


def group(*waiting: Waiting, sync: RunningSync | None = HELD, newest: str = "") -> Group:
    return Group(
        name="Lakeside", group_id="g1", etag="e", created_at=NOW, updated_at=NOW, sync=sync, queue=waiting, newest_drop=newest
    )


def waiting(order: str, trigger: Trigger = Trigger.DROP, delta: bool = False) -> Waiting:
    return Waiting(sync_id=f"g1-{order}-{trigger}", trigger=trigger, order=order, delta=delta or None)


def test_the_first_trigger_of_a_free_group_runs_at_once() -> None:
    assert queue.decided(group(sync=None), waiting("1")) == queue.Decided(State.RUNNING, ())


def test_a_trigger_of_a_busy_group_waits() -> None:
    assert queue.decided(group(), waiting("1")) == queue.Decided(State.QUEUED, (waiting("1"),))


def test_a_newer_file_drives_the_one_that_waits_out_of_the_queue() -> None:
    decision = queue.decided(group(waiting("1"), newest="1"), waiting("2"))

    assert decision == queue.Decided(State.QUEUED, (waiting("2"),), superseded=(waiting("1"),))


def test_files_of_changes_wait_for_each_other_and_none_drives_out_another() -> None:
    first, second = waiting("1", delta=True), waiting("2", delta=True)

    assert queue.decided(group(first, newest="1"), second) == queue.Decided(State.QUEUED, (first, second))


def test_a_file_of_changes_leaves_the_whole_roster_before_it_in_the_queue() -> None:
    bulk, delta = waiting("1"), waiting("2", delta=True)

    assert queue.decided(group(bulk, newest="1"), delta) == queue.Decided(State.QUEUED, (bulk, delta))


def test_a_newer_whole_roster_drives_out_the_changes_that_it_holds() -> None:
    deltas = waiting("1", delta=True), waiting("2", delta=True)

    decision = queue.decided(group(*deltas, newest="2"), waiting("3"))

    assert decision == queue.Decided(State.QUEUED, (waiting("3"),), superseded=deltas)


def test_of_files_of_changes_that_come_in_one_second_none_is_taken_for_older() -> None:
    first, second = waiting("20260901T120000-0B", delta=True), waiting("20260901T120000-0A", delta=True)

    assert queue.decided(group(first, newest=first.order), second) == queue.Decided(State.QUEUED, (first, second))
    assert queue.decided(group(sync=None, newest=first.order), second).state is State.RUNNING


def test_no_more_files_of_changes_wait_than_the_groups_item_can_hold() -> None:
    full = tuple(waiting(f"{order:04d}", delta=True) for order in range(queue.MOST_WAITING))

    assert queue.decided(group(*full, newest="0"), waiting("9999", delta=True)) == queue.Decided(State.SUPERSEDED, full)


def test_a_whole_roster_is_taken_however_many_files_of_changes_wait() -> None:
    full = tuple(waiting(f"{order:04d}", delta=True) for order in range(queue.MOST_WAITING))

    decision = queue.decided(group(*full, newest="0499"), waiting("9999"))

    assert decision == queue.Decided(State.QUEUED, (waiting("9999"),), superseded=full)


def test_an_older_file_that_is_told_of_late_does_not_undo_a_newer_one() -> None:
    late = queue.decided(group(sync=None, newest="2"), waiting("1"))

    assert late == queue.Decided(State.SUPERSEDED, ())


def test_a_slot_of_the_schedule_drives_no_file_out() -> None:
    slot = waiting("9", Trigger.SCHEDULE)

    decision = queue.decided(group(waiting("1"), newest="1"), slot)

    assert decision == queue.Decided(State.QUEUED, (waiting("1"), slot))


def test_while_something_waits_for_a_lock_just_given_back_nobody_overtakes_it() -> None:
    assert queue.decided(group(waiting("1"), sync=None, newest="1"), waiting("2")).state is State.QUEUED


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

    def test_files_of_changes_are_synced_one_after_the_other_and_one_that_comes_too_late_says_what_is_missing(self) -> None:
        running: Sync | None = queue.take_or_wait(drop(0), "0")
        for order in (2, 3, 1):
            queue.take_or_wait(drop(order), str(order), delta=True)

        ran = []
        while running:
            ran.append(running.sync_id)
            syncs.end(running.sync_id, State.SUCCEEDED, "Synced.", NOW)
            running = queue.next_of("g1", NOW)

        assert ran == ["g1-0000", "g1-0002", "g1-0003"]
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
        groups.delete("g1")

        with pytest.raises(NotFound):
            queue.take_or_wait(drop(1), "1")
        with pytest.raises(NotFound):
            queue.next_of("g1", NOW)
