from datetime import date

import pytest
from pydantic import ValidationError

from chalicelib.model.calendar import scheduled
from chalicelib.model.records import Blackout, Calendar, Pause

WINTER = Blackout.model_validate({"from": "2026-12-21", "to": "2027-01-03", "reason": "Winter break."})
A_DAY = Blackout.model_validate({"from": "2026-11-26", "to": "2026-11-26"})


@pytest.mark.parametrize(
    ("day", "runs"), [("2026-12-20", True), ("2026-12-21", False), ("2027-01-03", False), ("2027-01-04", True)]
)
def test_a_blackout_holds_from_its_first_day_to_its_last(day: str, runs: bool) -> None:
    assert scheduled(Calendar(blackouts=(WINTER,)), date.fromisoformat(day)).run is runs


def test_a_blackout_says_which_days_and_why() -> None:
    found = scheduled(Calendar(blackouts=(A_DAY, WINTER)), date(2026, 12, 25))
    one_day = scheduled(Calendar(blackouts=(A_DAY, WINTER)), date(2026, 11, 26))

    assert found.why == "Blackout, 21 December 2026 to 03 January 2027: Winter break."
    assert one_day.why == "Blackout, 26 November 2026."


def test_a_pause_without_an_end_holds_until_it_is_taken_away() -> None:
    assert not scheduled(Calendar(pause=Pause()), date(2099, 1, 1)).run
    assert scheduled(Calendar(), date(2099, 1, 1)).run


def test_a_pause_with_an_end_is_over_the_day_after() -> None:
    paused = Calendar(pause=Pause(until=date(2026, 8, 31), reason="new student information system"))

    assert scheduled(paused, date(2026, 8, 31)).why == (
        "Scheduled syncs are paused until 31 August 2026 (included): new student information system."
    )
    assert scheduled(paused, date(2026, 9, 1)).run


def test_days_that_end_before_they_begin_are_refused() -> None:
    with pytest.raises(ValidationError):
        Blackout.model_validate({"from": "2027-01-03", "to": "2026-12-21"})
