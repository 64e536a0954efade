"""Once an hour: every group gives up what it keeps no longer (`service/retention.py` says what)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.service import retention
from chalicelib.store import erasures, groups
from chalicelib.store.metrics import emit_metric
from chalicelib.triggers.isolate_failure import isolate_failure

ENOUGH_S = 60  # for one group; an interrupted group continues in the next hour


@dataclass
class RetentionResult:
    """`left`: groups that had no turn in this hour; what had its turn costs the next one a single query."""

    emptied: int = 0
    removed: int = 0
    purged: int = 0
    left: int = 0
    failures: list[Exception] = field(default_factory=list)


def forget(now: datetime, left_s: Callable[[], float]) -> RetentionResult:
    """Go through the groups until `left_s` (seconds that this Lambda has left) runs out. One's trouble stops no other."""
    done = RetentionResult()
    everyone = groups.find()
    with erasures.turn(now) as ours:  # an erasure rewrites the same files; what it keeps from being purged is in an hour
        for place, group in enumerate(everyone):
            if left_s() < ENOUGH_S:
                done.left = len(everyone) - place
                break
            with isolate_failure(group.group_id, done.failures):
                done.purged += retention.purge_due(group, now) if ours else 0
                forgotten = retention.forget_old(group, now)
                done.emptied += forgotten.emptied
                done.removed += forgotten.removed
    emit_metric("SyncsForgotten", done.emptied)
    emit_metric("RecordsPurged", done.purged)
    return done
