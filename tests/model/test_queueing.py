"""What becomes of a trigger that finds its group locked."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.model import queueing
from chalicelib.model.records import Group, RunningSync, State, Trigger, Waiting
from tests.store.test_groups_and_syncs import NOW

HELD = RunningSync(sync_id="g1-0", since=NOW)


def group(*waiting: Waiting, sync: RunningSync | None = HELD, newest: str = "") -> Group:
    return Group(
        name="Lakeside", group_id="g1", etag="e", created_at=NOW, updated_at=NOW, sync=sync, queue=waiting, newest_drop=newest
    )


def waiting(order: str, trigger: Trigger = Trigger.DROP, delta: bool = False) -> Waiting:
    return Waiting(sync_id=f"g1-{order}-{trigger}", trigger=trigger, order=order, delta=delta or None)


def test_the_first_trigger_of_a_free_group_runs_at_once() -> None:
    assert queueing.outcome_for(group(sync=None), waiting("1")) == queueing.QueueOutcome(State.RUNNING, ())


def test_a_trigger_of_a_busy_group_waits() -> None:
    assert queueing.outcome_for(group(), waiting("1")) == queueing.QueueOutcome(State.QUEUED, (waiting("1"),))


def test_a_newer_file_drives_the_one_that_waits_out_of_the_queue() -> None:
    decision = queueing.outcome_for(group(waiting("1"), newest="1"), waiting("2"))

    assert decision == queueing.QueueOutcome(State.QUEUED, (waiting("2"),), superseded=(waiting("1"),))


def test_files_of_changes_wait_for_each_other_and_none_drives_out_another() -> None:
    first, second = waiting("1", delta=True), waiting("2", delta=True)

    assert queueing.outcome_for(group(first, newest="1"), second) == queueing.QueueOutcome(State.QUEUED, (first, second))


def test_a_file_of_changes_leaves_the_whole_roster_before_it_in_the_queue() -> None:
    bulk, delta = waiting("1"), waiting("2", delta=True)

    assert queueing.outcome_for(group(bulk, newest="1"), delta) == queueing.QueueOutcome(State.QUEUED, (bulk, delta))


def test_a_newer_whole_roster_drives_out_the_changes_that_it_holds() -> None:
    deltas = waiting("1", delta=True), waiting("2", delta=True)

    decision = queueing.outcome_for(group(*deltas, newest="2"), waiting("3"))

    assert decision == queueing.QueueOutcome(State.QUEUED, (waiting("3"),), superseded=deltas)


def test_of_files_of_changes_that_come_in_one_second_none_is_taken_for_older() -> None:
    first, second = waiting("20260901T120000-0B", delta=True), waiting("20260901T120000-0A", delta=True)

    assert queueing.outcome_for(group(first, newest=first.order), second) == queueing.QueueOutcome(State.QUEUED, (first, second))
    assert queueing.outcome_for(group(sync=None, newest=first.order), second).state is State.RUNNING


def test_no_more_files_of_changes_wait_than_the_groups_item_can_hold() -> None:
    full = tuple(waiting(f"{order:04d}", delta=True) for order in range(queueing.MOST_WAITING))

    assert queueing.outcome_for(group(*full, newest="0"), waiting("9999", delta=True)) == queueing.QueueOutcome(
        State.SUPERSEDED, full
    )


def test_a_whole_roster_is_taken_however_many_files_of_changes_wait() -> None:
    full = tuple(waiting(f"{order:04d}", delta=True) for order in range(queueing.MOST_WAITING))

    decision = queueing.outcome_for(group(*full, newest="0499"), waiting("9999"))

    assert decision == queueing.QueueOutcome(State.QUEUED, (waiting("9999"),), superseded=full)


def test_an_older_file_that_arrives_late_does_not_undo_a_newer_one() -> None:
    late = queueing.outcome_for(group(sync=None, newest="2"), waiting("1"))

    assert late == queueing.QueueOutcome(State.SUPERSEDED, ())


def test_a_slot_of_the_schedule_drives_no_file_out() -> None:
    slot = waiting("9", Trigger.SCHEDULE)

    decision = queueing.outcome_for(group(waiting("1"), newest="1"), slot)

    assert decision == queueing.QueueOutcome(State.QUEUED, (waiting("1"), slot))


def test_while_something_waits_for_a_lock_just_given_back_nobody_overtakes_it() -> None:
    assert queueing.outcome_for(group(waiting("1"), sync=None, newest="1"), waiting("2")).state is State.QUEUED


def test_changes_whose_event_comes_late_wait_in_their_order_not_in_that_of_their_events() -> None:
    first, second, third = (waiting(order, delta=True) for order in "123")

    assert queueing.outcome_for(group(first, third, newest="0"), second).queue == (first, second, third)


def test_changes_older_than_what_has_begun_are_lost_and_those_older_than_a_waiting_roster_are_in_it() -> None:
    late = waiting("1", delta=True)
    begun, held_in_it = group(newest="2"), group(waiting("2"))

    assert queueing.outcome_for(begun, late).state is State.SUPERSEDED
    assert not queueing.holds_more(late, begun.queue)
    assert queueing.outcome_for(held_in_it, late).state is State.SUPERSEDED
    assert queueing.holds_more(late, held_in_it.queue)


@given(
    files=st.lists(st.tuples(st.integers(0, 30), st.booleans()), unique_by=lambda each: each[0], max_size=8),
    data=st.data(),
)
def test_in_whatever_order_the_events_come_what_waits_is_the_newest_roster_and_every_change_after_it(
    files: list[tuple[int, bool]], data: st.DataObject
) -> None:
    busy = group()
    for order, delta in data.draw(st.permutations(files)):
        outcome = queueing.outcome_for(busy, waiting(f"{order:02d}", delta=delta))
        busy = busy.model_copy(update={"queue": outcome.queue})

    rosters = [order for order, delta in files if not delta]
    newest = max(rosters, default=-1)
    expected = [*([newest] if rosters else []), *sorted(order for order, delta in files if delta and order > newest)]
    assert [int(each.order) for each in busy.queue] == expected
