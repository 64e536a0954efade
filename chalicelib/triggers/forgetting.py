"""Once an hour: every group gives up what it keeps no longer (`store/retention.py` says what)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.store import groups, retention
from chalicelib.store.measures import measured
from chalicelib.triggers.apart import apart

ENOUGH_S = 60  # what one group may take; a group cut off goes on in the next hour


@dataclass
class Done:
    """`left`: groups that had no turn in this hour; what had its turn costs the next one a single query."""

    emptied: int = 0
    removed: int = 0
    left: int = 0
    failures: list[Exception] = field(default_factory=list)


def forget(now: datetime, left_s: Callable[[], float]) -> Done:
    """Go through the groups until `left_s` (seconds that this Lambda has left) runs out. One's trouble stops no other."""
    done = Done()
    everyone = groups.find()
    for place, group in enumerate(everyone):
        if left_s() < ENOUGH_S:
            done.left = len(everyone) - place
            break
        with apart(group.group_id, done.failures):
            forgotten = retention.forget_old(group, now)
            done.emptied += forgotten.emptied
            done.removed += forgotten.removed
    measured("SyncsForgotten", done.emptied)
    return done
