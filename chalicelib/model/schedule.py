"""The moments at which a group's schedule wants a sync. Only decides; `triggers/scheduler_tick.py` starts.

A slot is a time of day on a day of the group's own time zone. Where the clock jumps over it, it comes as much later as
the clock was put forward (02:30 becomes 03:30); where the clock shows it twice, the first time counts.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zlib import crc32

from chalicelib.errors import Unacceptable
from chalicelib.model import time_zones
from chalicelib.model.calendar import scheduled
from chalicelib.model.records import Calendar, Frequency, Group, GroupSettings, Schedule, Weekday

DAY = timedelta(days=1)
HOURS_BETWEEN = {Frequency.EVERY_6H: 6, Frequency.EVERY_12H: 12}
# Groups that are due at the same moment start within so many seconds, each at its own: a state's districts all say 02:00.
SPREAD_S = 900
COMING = 3  # runs that people are shown
HORIZON = timedelta(days=800)  # how far ahead a next run is looked for: past a monthly slot behind two years of blackouts


@dataclass(frozen=True)
class Slot:
    """`at` in UTC; `day` is the date in the group's zone that the slot belongs to."""

    at: datetime
    day: date


@dataclass(frozen=True)
class Skipped:
    slot: Slot
    why: str


@dataclass(frozen=True)
class Due:
    """What the time from the last turn until now makes: one slot to run, however many were missed, and those skipped."""

    run: Slot | None
    missed: int
    skipped: tuple[Skipped, ...]


def slots(schedule: Schedule, after: datetime) -> Iterator[Slot]:
    """Every slot later than `after` (aware), in the order of time, without end; none of a manual schedule."""
    if schedule.frequency is Frequency.MANUAL:
        return
    zone = time_zones.zone(schedule.time_zone)
    day = after.astimezone(zone).date() - DAY
    while True:
        for wall in _times_of_day(schedule) if _falls_on(schedule, day) else ():
            at = datetime.combine(day, wall, zone).astimezone(UTC)
            if at > after:
                yield Slot(at, day)
                after = at
        day += DAY


def next_runs(schedule: Schedule, calendar: Calendar, after: datetime) -> Iterator[datetime]:
    """The slots that the calendar lets run, in UTC, as far as the horizon."""
    for slot in slots(schedule, after):
        if slot.at > after + HORIZON:
            return
        if scheduled(calendar, slot.day).run:
            yield slot.at


def next_due(group: Group, now: datetime) -> datetime | None:
    """When the group's next scheduled sync begins; a moment before `now` where one is due and has not begun."""
    return next(next_runs(group.schedule, group.calendar, _not_done(group, now)), None)


def coming(group: Group, now: datetime) -> list[datetime]:
    """The group's next three runs, as the clock of its own zone shows them, with that zone's offset; the first as `next_due`."""
    own = time_zones.zone(group.schedule.time_zone)
    return [at.astimezone(own) for at in islice(next_runs(group.schedule, group.calendar, _not_done(group, now)), COMING)]


def _not_done(group: Group, now: datetime) -> datetime:
    return min(max(group.slots_done or now, now - DAY), now)


def due(schedule: Schedule, calendar: Calendar, done: datetime, until: datetime) -> Due:
    """Of the slots later than `done` and not later than `until`, the last that may run; the ones before it are made up
    for by it."""
    may_run: list[Slot] = []
    skipped: list[Skipped] = []
    for slot in slots(schedule, done):
        if slot.at > until:
            break
        verdict = scheduled(calendar, slot.day)
        if verdict.run:
            may_run.append(slot)
        else:
            skipped.append(Skipped(slot, verdict.why))
    return Due(may_run[-1] if may_run else None, max(0, len(may_run) - 1), tuple(skipped))


def must_have_something_to_fetch(settings: GroupSettings) -> None:
    """Raises Unacceptable for a ZIP group with a schedule."""
    if not settings.source.fetched and settings.schedule.frequency is not Frequency.MANUAL:
        message = "A group whose method is ZIP has nothing to fetch on a schedule: its files are uploaded, or dropped and synced."
        raise Unacceptable(message, {"schedule.frequency": "choose manual, or another method"})


def must_be_a_place(schedule: Schedule) -> None:
    """Raises Unacceptable for a time zone that is no place's. Groups that were made with one before keep it."""
    if not time_zones.is_place(schedule.time_zone):
        message = f"{schedule.time_zone} is the clock of no place. Choose the district's own, such as America/Chicago, or UTC."
        raise Unacceptable(message, {"schedule.timeZone": "name a place as IANA does, such as America/Chicago"})


def delay(group: Group) -> timedelta:
    """How much later than its slots this group starts: always the same, and spread evenly over the groups."""
    return timedelta(seconds=crc32(group.group_id.encode()) % SPREAD_S)


def _times_of_day(schedule: Schedule) -> list[time]:
    first = time.fromisoformat(schedule.at)
    between = HOURS_BETWEEN.get(schedule.frequency, 24)
    return sorted(first.replace(hour=(first.hour + hours) % 24) for hours in range(0, 24, between))


def _falls_on(schedule: Schedule, day: date) -> bool:
    match schedule.frequency:
        case Frequency.WEEKDAYS:
            return day.weekday() < 5
        case Frequency.WEEKLY:
            return day.weekday() == list(Weekday).index(schedule.weekday)
        case Frequency.MONTHLY:
            return day.day == min(schedule.day, monthrange(day.year, day.month)[1])
        case _:
            return True
