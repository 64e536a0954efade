"""What is done every few minutes: start the groups whose schedule is due, and set right what an event did not.

Reads the whole Groups table, at most a few thousand items of about 2 KB. Starts are spread and bounded: of 2,000 groups
that are due at one moment each comes at its own moment of a quarter of an hour (`schedule.delay`), and a tick starts at most
STARTS of them, those due longest first. So 2,000 have started within 40 minutes, at 50 a minute: far below what Step
Functions takes (StartExecution: 150 a second and more, by region), and at two minutes a sync with eight chunks at once
below Lambda's first limit of 1,000 at once. `docs/operate/limits.md` has the figures.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zlib import crc32

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit

from chalicelib.model import schedule
from chalicelib.model.ids import new_sync_id
from chalicelib.model.records import LIVE_STATES, Group, Mode, State, Sync, Trigger, Waiting
from chalicelib.service import start
from chalicelib.store import audit, groups, selections, state_machine, syncs
from chalicelib.store.metrics import emit_metric
from chalicelib.triggers.isolate_failure import isolate_failure

EVERY_MINUTES = 2  # the rule's rate
STARTS = 100
# A lock this old is looked at: is its execution still there? Each at every fifth tick, so that a thousand long syncs cost
# 100 calls a tick.
OLD_LOCK = timedelta(minutes=5)
LOOK_EVERY = 5
LONG_RUN, LONG_WAIT = timedelta(hours=2), timedelta(days=1)  # the alarms' limits
SCHEDULE = "Schedule"
STOPPED = "The sync was stopped from outside."
FAILED = "The sync stopped because of an error of ours. Start it again."

logger = Logger(child=True)


@dataclass
class TickResult:
    """What one tick did. `late`: groups that are due and were left for the next tick."""

    started: int = 0
    late: int = 0
    skipped: int = 0
    recovered: int = 0
    failures: list[Exception] = field(default_factory=list)


def tick(now: datetime, left_s: Callable[[], float]) -> TickResult:
    """Start what is due and recover what is stuck, until `left_s` (seconds that this Lambda has left) runs out.

    One group's trouble keeps no other from its turn; the troubles are handed back to be raised at the end.
    """
    result = TickResult()
    everyone = groups.find()
    measure_ages(everyone, now)
    due = sorted(_due(everyone, now), key=lambda each: each.since)
    for place, each in enumerate(due):
        if result.started >= STARTS or left_s() < 30:
            result.late = len(due) - place
            break
        with isolate_failure(each.group.group_id, result.failures):
            _turn(each, now, result)
    emit_metric("GroupsStarted", result.started)
    emit_metric("GroupsLate", result.late)
    for group in everyone:
        if left_s() < 15:
            break
        if (group.queue and not group.sync) or _worth_a_look(group, now):
            with isolate_failure(group.group_id, result.failures):
                _recover_stuck(group, now, result)
    return result


def measure_ages(everyone: Sequence[Group], now: datetime) -> None:
    """How long the oldest locks and the oldest triggers in queues have been there: what the alarms look at."""
    held = [(now - group.sync.since, group.sync.sync_id) for group in everyone if group.sync]
    states = syncs.states(sync_id for age, sync_id in held if age > LONG_RUN)
    running = [age for age, sync_id in held if states.get(sync_id) is not State.WAITING]
    queued = [now - _queued_at(each) for group in everyone for each in group.queue]
    waiting = [age for age, sync_id in held if states.get(sync_id) is State.WAITING and age > LONG_WAIT]
    emit_metric("OldestRunningSeconds", _seconds(max(running, default=timedelta())), MetricUnit.Seconds)
    emit_metric("OldestQueuedSeconds", _seconds(max(queued, default=timedelta())), MetricUnit.Seconds)
    emit_metric("RunningOverTwoHours", sum(age > LONG_RUN for age in running))
    emit_metric("WaitingOverADay", len(waiting))


def ended(sync_id: str, status: str, now: datetime) -> bool:
    """An execution has ended (Step Functions' status): end the sync where nothing else could. True when it was so."""
    if status == "SUCCEEDED":
        return False
    stopped = status == "ABORTED"
    why = STOPPED if stopped else FAILED
    return syncs.stop(sync_id, State.CANCELLED if stopped else State.FAILED, why, now)


@dataclass(frozen=True)
class _Due:
    group: Group
    due: schedule.Due
    since: datetime
    until: datetime


def _due(everyone: Iterable[Group], now: datetime) -> Iterable[_Due]:
    for group in everyone:
        until = now - schedule.delay(group)
        done = group.slots_done or group.created_at
        found = schedule.due(group.schedule, group.calendar, done, until)
        if found.run or found.skipped:
            yield _Due(group, found, found.run.at if found.run else until, until)


def _turn(each: _Due, now: datetime, result: TickResult) -> None:
    """Start the group's slot, or let it wait for the group's lock; then the slot has had its turn. Twice is once."""
    group = each.group
    for skipped in each.due.skipped:
        why = {"slot": skipped.slot.at.isoformat(), "why": skipped.why}
        audit.record(group.group_id, SCHEDULE, "scheduled sync skipped", skipped.slot.at, "slot", detail=why)
        result.skipped += 1
    if slot := each.due.run:
        default = selections.default_selection(group)
        wanted = Sync(
            group_id=group.group_id,
            sync_id=new_sync_id(group.group_id, slot.at, "slot"),
            mode=Mode.SELECTIVE if default else Mode.FULL,
            saved_selection=default,
            trigger=Trigger.SCHEDULE,
            started_by=SCHEDULE,
            started_at=now,
            state=State.QUEUED,
        )
        sync = start.start_or_wait(wanted, f"{slot.at:%Y%m%dT%H%M%S}", now)
        detail = {"slot": slot.at.isoformat(), "missed": each.due.missed, "state": sync.state}
        audit.record(group.group_id, SCHEDULE, "scheduled sync", slot.at, "slot", sync.sync_id, detail)
        result.started += 1
    groups.slots_done(group, each.until)


def _worth_a_look(group: Group, now: datetime) -> bool:
    if group.sync is None or now - group.sync.since < OLD_LOCK:
        return False
    turn = int(now.timestamp()) // (60 * EVERY_MINUTES)
    return (turn + crc32(group.group_id.encode())) % LOOK_EVERY == 0


def _recover_stuck(group: Group, now: datetime, result: TickResult) -> None:
    """Release locks whose execution has ended, complete interrupted starts, and continue queues."""
    if group.sync is None:
        result.recovered += start.start_next_queued(group.group_id, now) is not None
        return
    sync = syncs.get(group.sync.sync_id)
    if sync.state not in LIVE_STATES:  # it ended, and was cut off before it gave the lock back
        syncs.end(sync.sync_id, sync.state, sync.message, now)
    else:
        status = state_machine.status(sync.sync_id)
        if status is None:
            start.launch(sync, now)
        elif status == "RUNNING" or not ended(sync.sync_id, status, now):
            return
    result.recovered += 1
    logger.warning("recovered what was stuck", extra={"groupId": group.group_id, "syncId": sync.sync_id})
    start.start_next_queued(group.group_id, now)


def _queued_at(waiting: Waiting) -> datetime:
    return datetime.strptime(waiting.order[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)


def _seconds(age: timedelta) -> float:
    return max(0.0, age.total_seconds())
