"""Whether a group's scheduled sync runs on a day. Only decides; the schedule itself asks it before it starts one.

A pause and a blackout hold back what starts by the clock. What a person starts, and what a district drops, is not
held back: those are deliberate.
"""

from dataclasses import dataclass
from datetime import date

from chalicelib.model.records import Calendar


@dataclass(frozen=True)
class Verdict:
    """`why` is a sentence for the admin; empty when the sync runs."""

    run: bool
    why: str = ""


def scheduled(calendar: Calendar, day: date) -> Verdict:
    """Run or skip on `day`, a date in the time zone of the group's schedule. Where both apply, the pause is the reason given."""
    pause = calendar.pause
    if pause and (pause.until is None or day <= pause.until):
        until = f"until {pause.until:%d %B %Y} (included)" if pause.until else "until they are resumed"
        return Verdict(False, f"Scheduled syncs are paused {until}{_because(pause.reason)}.")
    for blackout in calendar.blackouts:
        if blackout.from_ <= day <= blackout.to:
            days = " to ".join(f"{day:%d %B %Y}" for day in sorted({blackout.from_, blackout.to}))
            return Verdict(False, f"Blackout, {days}{_because(blackout.reason)}.")
    return Verdict(True)


def _because(reason: str) -> str:
    return f": {reason.rstrip('.')}" if reason else ""
