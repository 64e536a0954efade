"""What of a group's past is kept, and for how long. Only decides; `service/retention.py` deletes.

A sync's files (the bundle as received, what was read, plan, chunks, logs, its snapshot) stay for the group's
`retention_days`; its row in History and what an undo needs stay as long as an undo can bring everybody back, which is
the grace period where that is longer. Of an undo they stay while it is in force, or the next sync would quietly do the
same again. Whatever its age there stay: the sync that the platform stands on, whole, since the pages about the group
read it; the one that last read the source, since a delta may be merged into its bundle; the two newest snapshots; a
sync that has not ended or was cut off while it wrote, and one that is being undone. Saved selections keep what was
looked at by themselves.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.model.ids import oldest_sync_id
from chalicelib.model.records import LIVE_STATES, Group, Sync

# What is left of a sync while it can still be undone.
FOR_UNDO = ("plan/changes.parquet", "plan/summary.json")
SNAPSHOTS = 2


@dataclass(frozen=True)
class Expired:
    """A sync whose files go, but for those named in `kept`; `row`: it leaves History too."""

    sync_id: str
    kept: tuple[str, ...]
    row: bool


def files_until(group: Group, now: datetime) -> datetime:
    """The moment before which a sync's files are kept no longer."""
    return now - timedelta(days=group.retention_days)


def expired(group: Group, older: Iterable[Sync], running: Sync | None, now: datetime) -> Iterator[Expired]:
    """Of the group's syncs from before `files_until`, those that go. `running`: the sync that holds the group's lock."""
    rows_until = min(files_until(group, now), now - timedelta(days=group.grace_days))
    stays = {group.snapshot, group.source_view, *group.unfinished, running.undoes if running else None}
    for sync in older:
        if sync.state in LIVE_STATES or sync.sync_id in stays:
            continue
        row = sync.started_at < rows_until and sync.sync_id not in group.undone
        yield Expired(sync.sync_id, () if row else FOR_UNDO, row)


def expired_snapshots(group: Group, snapshots: Sequence[str], now: datetime) -> list[str]:
    """Of the syncs whose snapshots are kept (the oldest first), those whose snapshot goes."""
    oldest = oldest_sync_id(group.group_id, files_until(group, now))
    return [sync_id for sync_id in snapshots[:-SNAPSHOTS] if sync_id < oldest and sync_id != group.snapshot]
