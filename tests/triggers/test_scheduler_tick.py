"""The clock's turn: schedules that are due, and what events left undone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from chalicelib.model.ids import new_sync_id
from chalicelib.model.records import GroupSettings, Mode, State, Sync, Trigger
from chalicelib.service import start
from chalicelib.store import audit, groups, state_machine, syncs
from chalicelib.triggers import scheduler_tick
from tests.triggers.conftest import executions

pytestmark = pytest.mark.usefixtures("account")
SFTP = {"method": "sftp", "host": "sftp.example.org", "username": "u", "path": "/out"}
NIGHTLY = {"frequency": "daily", "at": "02:00", "timeZone": "UTC"}
MADE = datetime(2026, 6, 1, 12, tzinfo=UTC)
NEXT_MORNING = datetime(2026, 6, 2, 3, tzinfo=UTC)


def make(group_id: str = "g1", **settings: Any) -> None:
    fields = {"name": group_id, "source": SFTP, "schedule": NIGHTLY, **settings}
    groups.create(GroupSettings.model_validate(fields), group_id, "e1", MADE)


def wake(now: datetime = NEXT_MORNING) -> scheduler_tick.TickResult:
    result = scheduler_tick.tick(now, lambda: 300)
    assert result.failures == []
    return result


def of_schedule(group_id: str = "g1") -> list[Sync]:
    return [sync for sync in syncs.history(group_id, 100) if sync.trigger is Trigger.SCHEDULE]


def take_lock(group_id: str = "g1", since: datetime = MADE) -> Sync:
    sync = Sync(
        group_id=group_id,
        sync_id=new_sync_id(group_id, since, "aa"),
        mode=Mode.FULL,
        trigger=Trigger.API,
        started_by="Ada",
        started_at=since,
        state=State.RUNNING,
    )
    return syncs.start(sync)


def test_a_group_that_is_due_is_started_once_however_often_the_clock_wakes() -> None:
    make()

    wake(MADE)
    wake()
    wake()
    wake(NEXT_MORNING + timedelta(minutes=2))

    [sync] = of_schedule()
    assert (sync.state, sync.started_by) == (State.RUNNING, "Schedule")
    assert executions() == [sync.sync_id]
    assert [entry.what for entry in audit.entries("g1", 10)] == ["scheduled sync"]


def test_two_wakes_at_once_with_the_same_reading_of_the_table_start_one_sync() -> None:
    make()
    [due] = scheduler_tick._due(groups.find(), NEXT_MORNING)

    for _ in range(2):
        scheduler_tick._turn(due, NEXT_MORNING, scheduler_tick.TickResult())

    assert len(executions()) == 1


def test_after_an_outage_of_a_week_one_sync_makes_up_and_says_for_how_many() -> None:
    make()

    wake(NEXT_MORNING + timedelta(days=7))

    assert len(of_schedule()) == 1
    assert audit.entries("g1", 10)[0].detail["missed"] == 7


def test_a_blackout_is_skipped_and_stands_in_the_audit() -> None:
    make(calendar={"blackouts": [{"from": "2026-06-02", "to": "2026-06-02", "reason": "Exams"}]})

    wake()
    wake()

    [entry] = audit.entries("g1", 10)
    assert (entry.what, entry.detail["why"]) == ("scheduled sync skipped", "Blackout, 02 June 2026: Exams.")
    assert of_schedule() == []


def test_a_schedule_changed_today_does_not_make_up_for_earlier_today() -> None:
    make(schedule={"frequency": "manual"})
    settings = GroupSettings.model_validate({"name": "g1", "source": SFTP, "schedule": NIGHTLY})

    groups.change("g1", settings, "e1", "e2", NEXT_MORNING, rescheduled=True)
    wake(NEXT_MORNING + timedelta(hours=1))

    assert of_schedule() == []


def test_another_change_of_the_group_costs_no_slot() -> None:
    make()
    settings = GroupSettings.model_validate({"name": "renamed", "source": SFTP, "schedule": NIGHTLY})

    groups.change("g1", settings, "e1", "e2", NEXT_MORNING)
    wake(NEXT_MORNING + timedelta(minutes=20))

    assert len(of_schedule()) == 1


def test_a_slot_that_finds_the_group_locked_waits_for_it() -> None:
    make()
    running = take_lock(since=NEXT_MORNING)
    wake(NEXT_MORNING + timedelta(minutes=1))
    [waiting] = of_schedule()
    assert waiting.state is State.QUEUED

    syncs.end(running.sync_id, State.SUCCEEDED, "Synced.", NEXT_MORNING)
    wake(NEXT_MORNING + timedelta(minutes=2))

    assert syncs.get(waiting.sync_id).state is State.RUNNING


def test_of_more_than_a_wake_starts_the_longest_due_come_first_and_none_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler_tick, "STARTS", 2)
    for number in range(5):
        make(f"g{number}", schedule={**NIGHTLY, "at": f"02:0{number}"})

    first = wake(NEXT_MORNING + timedelta(hours=1))
    assert (first.started, first.late) == (2, 3)
    assert [bool(of_schedule(f"g{number}")) for number in range(5)] == [True, True, False, False, False]
    wake(NEXT_MORNING + timedelta(hours=1, minutes=2))
    wake(NEXT_MORNING + timedelta(hours=1, minutes=4))

    assert all(len(of_schedule(f"g{number}")) == 1 for number in range(5))


def test_one_groups_trouble_keeps_no_other_from_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    make("g1")
    make("g2")
    start_or_wait = start.start_or_wait

    def failing(sync: Sync, order: str, now: datetime) -> Sync:
        if sync.group_id == "g1":
            raise OSError("no")
        return start_or_wait(sync, order, now)

    monkeypatch.setattr(start, "start_or_wait", failing)
    result = scheduler_tick.tick(NEXT_MORNING, lambda: 300)

    assert (len(result.failures), len(of_schedule("g2"))) == (1, 1)
    assert groups.get("g1").slots_done == MADE


def ten_wakes(since: datetime) -> None:
    for number in range(scheduler_tick.LOOK_EVERY):
        wake(since + scheduler_tick.OLD_LOCK + timedelta(minutes=scheduler_tick.EVERY_MINUTES * number + 1))


def test_a_start_that_was_cut_off_before_its_execution_is_completed() -> None:
    make(schedule={"frequency": "manual"})
    sync = take_lock()

    ten_wakes(MADE)

    assert executions() == [sync.sync_id]
    assert syncs.get(sync.sync_id).state is State.RUNNING


@pytest.mark.parametrize(("status", "state"), [("ABORTED", State.CANCELLED), ("FAILED", State.FAILED)])
def test_a_lock_whose_execution_has_ended_unheard_is_given_back(
    status: str, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(schedule={"frequency": "manual"})
    sync = take_lock()
    monkeypatch.setattr(state_machine, "status", lambda sync_id: status)

    ten_wakes(MADE)

    assert syncs.get(sync.sync_id).state is state
    assert groups.get("g1").sync is None


def test_a_sync_cut_off_between_its_end_and_the_lock_gives_the_lock_back() -> None:
    make(schedule={"frequency": "manual"})
    sync = take_lock()
    boto3.resource("dynamodb").Table("Syncs").update_item(
        Key={"groupId": "g1", "syncId": sync.sync_id},
        UpdateExpression="SET #s = :ended",
        ExpressionAttributeNames={"#s": "state"},
        ExpressionAttributeValues={":ended": "succeeded"},
    )

    ten_wakes(MADE)

    assert groups.get("g1").sync is None
    assert executions() == []


def test_a_sync_that_runs_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    make(schedule={"frequency": "manual"})
    sync = take_lock()
    monkeypatch.setattr(state_machine, "status", lambda sync_id: "RUNNING")

    ten_wakes(MADE)

    held = groups.get("g1").sync
    assert held is not None
    assert held.sync_id == sync.sync_id
