"""When a schedule wants a sync: against a naive reading of the clock on the wall, minute by minute."""

import zoneinfo
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from itertools import islice, takewhile
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.model.records import Blackout, Calendar, Frequency, Group, GroupSettings, Pause, Schedule, Weekday
from chalicelib.model.schedule import coming, delay, due, next_runs, slots
from chalicelib.model.time_zones import is_place
from chalicelib.model.time_zones import zone as zone_of

MINUTE = timedelta(minutes=1)
ZONES = ["America/New_York", "Europe/London", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata", "Africa/Cairo"]
# the minutes around the changes of the clock, in which mistakes live
CHANGES = [
    datetime(2026, 3, 8, 7, tzinfo=UTC),  # New York, forward
    datetime(2026, 11, 1, 6, tzinfo=UTC),  # New York, back
    datetime(2026, 3, 29, 1, tzinfo=UTC),  # London, forward
    datetime(2026, 10, 25, 1, tzinfo=UTC),  # London, back
    datetime(2026, 4, 4, 15, tzinfo=UTC),  # Lord Howe, half an hour back
    datetime(2026, 10, 3, 15, 30, tzinfo=UTC),  # Lord Howe, half an hour forward
    datetime(2026, 4, 5, 3, tzinfo=UTC),  # Santiago, back
    datetime(2026, 9, 6, 4, tzinfo=UTC),  # Santiago, forward over midnight
]


def wanted(schedule: Schedule, day: date, minute_of_day: int) -> bool:
    """Read off the words of the form: does the schedule name this minute on the clock of this day?"""
    hours, minutes = map(int, schedule.at.split(":"))
    first = hours * 60 + minutes
    match schedule.frequency:
        case Frequency.EVERY_6H:
            return minute_of_day % 360 == first % 360
        case Frequency.EVERY_12H:
            return minute_of_day % 720 == first % 720
        case Frequency.WEEKDAYS:
            return minute_of_day == first and day.isoweekday() <= 5
        case Frequency.WEEKLY:
            return minute_of_day == first and day.strftime("%A").lower() == schedule.weekday
        case Frequency.MONTHLY:
            return minute_of_day == first and day.day == min(schedule.day, monthrange(day.year, day.month)[1])
        case _:
            return minute_of_day == first


def by_the_clock(schedule: Schedule, after: datetime, days: int) -> list[datetime]:
    """Watch the clock on the wall for some days. A minute that it shows again does not count again; one that it jumps
    over counts as much later as it jumped."""
    zone = zone_of(schedule.time_zone)
    found, seen = [], set()
    now = after - timedelta(hours=26)  # so that what was shown before `after` is known
    last = now.astimezone(zone).replace(tzinfo=None)
    while now <= after + timedelta(days=days):
        now += MINUTE
        wall = now.astimezone(zone).replace(tzinfo=None)
        jumped = wall - last - MINUTE
        shown = [(wall, now)]
        for step in range(int(jumped / MINUTE) if jumped > timedelta() else 0):
            over = last + MINUTE * (step + 1)
            shown.append((over, now + MINUTE * step))
        for clock, moment in shown:
            if clock not in seen and wanted(schedule, clock.date(), clock.hour * 60 + clock.minute) and moment > after:
                found.append(moment)
            seen.add(clock)
        last = wall
    return sorted(moment for moment in found if moment <= after + timedelta(days=days))


schedules = st.builds(
    Schedule,
    frequency=st.sampled_from([each for each in Frequency if each is not Frequency.MANUAL]),
    at=st.one_of(
        st.sampled_from(["00:00", "00:30", "01:30", "02:00", "02:15", "02:30", "03:00", "23:59"]),
        st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.integers(0, 59)),
    ),
    time_zone=st.sampled_from(ZONES),
    weekday=st.sampled_from(list(Weekday)),
    day=st.sampled_from([1, 7, 8, 25, 29, 30, 31]),
)
moments = st.builds(
    lambda change, minutes: change + timedelta(minutes=minutes), st.sampled_from(CHANGES), st.integers(-2 * 1440, 1440)
)


@settings(max_examples=40, deadline=None)
@given(schedules, moments)
def test_slots_are_the_minutes_that_the_clock_on_the_wall_shows(schedule: Schedule, after: datetime) -> None:
    days = 33 if schedule.frequency is Frequency.MONTHLY else 8
    expected = by_the_clock(schedule, after, days)

    assert [slot.at for slot in islice(slots(schedule, after), len(expected))] == expected


@settings(max_examples=40, deadline=None)
@given(schedules, moments, st.integers(1, 60 * 24 * 9))
def test_however_often_one_looks_no_slot_runs_twice_and_none_is_lost(
    schedule: Schedule, start: datetime, look_every: int
) -> None:
    end, done, ran, missed = start + timedelta(days=9), start, [], 0
    while done < end:
        until = min(end, done + timedelta(minutes=look_every))
        found = due(schedule, Calendar(), done, until)
        ran += [found.run.at] if found.run else []
        missed += found.missed
        done = until
    every = [slot.at for slot in takewhile(lambda slot: slot.at <= end, slots(schedule, start))]
    assert len(ran) + missed == len(every)
    assert sorted(set(ran)) == ran
    assert set(ran) <= set(every)


NIGHTLY = Schedule(frequency=Frequency.DAILY, at="02:30", time_zone="America/New_York")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def next_run_of(schedule: Schedule, calendar: Calendar, after: datetime) -> datetime | None:
    return next(next_runs(schedule, calendar, after), None)


def test_a_time_that_the_clock_jumps_over_comes_an_hour_later_on_the_clock() -> None:
    nights = [slot.at for slot in islice(slots(NIGHTLY, utc("2026-03-07T00:00")), 3)]

    assert nights == [utc("2026-03-07T07:30"), utc("2026-03-08T07:30"), utc("2026-03-09T06:30")]


def test_a_time_that_the_clock_shows_twice_counts_once() -> None:
    early = NIGHTLY.model_copy(update={"at": "01:30"})
    nights = [slot.at for slot in islice(slots(early, utc("2026-10-31T12:00")), 2)]

    assert nights == [utc("2026-11-01T05:30"), utc("2026-11-02T06:30")]


def test_after_an_outage_of_a_week_one_sync_makes_up_for_all() -> None:
    found = due(NIGHTLY, Calendar(), utc("2026-06-01T12:00"), utc("2026-06-08T12:00"))

    assert found.run is not None
    assert (found.run.at, found.missed, found.skipped) == (utc("2026-06-08T06:30"), 6, ())


def test_a_blackout_is_skipped_and_said_and_the_next_run_is_after_it() -> None:
    calendar = Calendar(blackouts=(Blackout.model_validate({"from": "2026-12-21", "to": "2027-01-03", "reason": "Break"}),))

    found = due(NIGHTLY, calendar, utc("2026-12-21T00:00"), utc("2026-12-22T12:00"))

    assert found.run is None
    assert [each.why for each in found.skipped] == ["Blackout, 21 December 2026 to 03 January 2027: Break."] * 2
    assert next_run_of(NIGHTLY, calendar, utc("2026-12-21T00:00")) == utc("2027-01-04T07:30")


def test_a_paused_schedule_has_no_next_run_until_it_is_resumed() -> None:
    assert next_run_of(NIGHTLY, Calendar(pause=Pause()), utc("2026-06-01T12:00")) is None
    until = Calendar(pause=Pause(until=date(2026, 6, 3)))
    assert next_run_of(NIGHTLY, until, utc("2026-06-01T12:00")) == utc("2026-06-04T06:30")


def test_a_manual_schedule_never_runs() -> None:
    assert next_run_of(Schedule(), Calendar(), utc("2026-06-01T12:00")) is None


@pytest.mark.parametrize(("year", "last"), [(2026, "2026-02-28"), (2028, "2028-02-29")])
def test_the_31st_is_the_last_day_of_a_shorter_month(year: int, last: str) -> None:
    monthly = Schedule(frequency=Frequency.MONTHLY, day=31)

    assert next_run_of(monthly, Calendar(), utc(f"{year}-02-01T00:00")) == utc(f"{last}T02:00")


def test_a_zone_that_there_is_not_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="America/Chicago"):
        Schedule(time_zone="Mars/Olympus")


def test_two_thousand_groups_of_one_moment_are_spread_over_a_quarter_of_an_hour() -> None:
    now = utc("2026-06-01T12:00")
    groups = [Group(name="g", group_id=f"{number:012x}", etag="e", created_at=now, updated_at=now) for number in range(2000)]

    by_minute: dict[int, int] = {}
    for group in groups:
        minute = int(delay(group) / MINUTE)
        by_minute[minute] = by_minute.get(minute, 0) + 1

    assert set(by_minute) == set(range(15))
    assert max(by_minute.values()) < 2 * 2000 / 15


def test_the_rules_are_those_of_the_pinned_package_whatever_the_system_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "America" / "Chicago"
    old.parent.mkdir()
    old.write_bytes(files("tzdata.zoneinfo.Asia").joinpath("Tokyo").read_bytes())
    zoneinfo.reset_tzpath([str(tmp_path)])
    ZoneInfo.clear_cache()
    zone_of.cache_clear()
    try:
        noon = datetime(2026, 11, 28, 12, tzinfo=UTC)
        assert noon.astimezone(ZoneInfo("America/Chicago")).hour == 21  # zoneinfo believes the system
        assert noon.astimezone(zone_of("America/Chicago")).hour == 6
    finally:
        zoneinfo.reset_tzpath()
        ZoneInfo.clear_cache()


def test_every_zone_of_the_package_can_be_read() -> None:
    for name in files("tzdata").joinpath("zones").read_text().split():
        assert zone_of(name).key == name


@pytest.mark.parametrize("name", ["EST", "EST5EDT", "Etc/GMT+5", "Factory", "localtime", "CET", "GMT", "America", "", "../UTC"])
def test_a_clock_that_is_no_places_is_told_from_a_places(name: str) -> None:
    assert not is_place(name)
    assert is_place("America/Chicago")
    assert is_place("America/Indiana/Knox")
    assert is_place("UTC")


def test_the_next_three_runs_are_told_by_the_clock_of_the_place_across_its_change() -> None:
    settings = GroupSettings.model_validate(
        {"name": "G", "source": {"method": "sftp", "host": "h.example", "username": "u", "path": "/"}, "schedule": NIGHTLY}
    )
    made = utc("2026-10-31T00:00")
    group = Group(**dict(settings), group_id="g1", etag="e", created_at=made, updated_at=made)

    assert [at.isoformat() for at in coming(group, utc("2026-10-31T12:00"))] == [
        "2026-11-01T02:30:00-05:00",
        "2026-11-02T02:30:00-05:00",
        "2026-11-03T02:30:00-05:00",
    ]
