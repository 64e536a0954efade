"""What of a group's past is kept, and for how long; the rest is deleted for good, old versions of files included.

A sync's files (the bundle as received, what was read, plan, chunks, logs, its snapshot) stay for the group's
`retention_days`; its row in History and what an undo needs stay as long as an undo can bring everybody back, which is
the grace period where that is longer. Of an undo they stay while it is in force, or the next sync would quietly do the
same again. Whatever its age there stay: the sync that the platform stands on, whole, since the pages about the group
read it; the one that last read the source, since a delta may be merged into its bundle; the two newest snapshots; a
sync that has not ended or was cut off while it wrote, and one that is being undone. Saved selections keep what was
looked at by themselves.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.model.ids import oldest_sync_id
from chalicelib.model.records import LIVE_STATES, Group
from chalicelib.store import files, syncs

# What is left of a sync while it can still be undone.
FOR_UNDO = ("plan/changes.parquet", "plan/summary.json")
SNAPSHOTS = 2


@dataclass(frozen=True)
class Forgotten:
    """Syncs whose files were deleted, and those of them that are out of History too."""

    emptied: int = 0
    removed: int = 0


def forget_old(group: Group, now: datetime) -> Forgotten:
    """Delete what the group keeps no longer. Doing it again, or again after it was cut off, leaves the same."""
    files_until = now - timedelta(days=group.retention_days)
    rows_until = min(files_until, now - timedelta(days=group.grace_days))
    running = syncs.get(group.sync.sync_id) if group.sync else None
    stays = {group.snapshot, group.source_view, *group.unfinished, running.undoes if running else None}
    emptied = removed = 0
    for sync in syncs.older_than(group.group_id, files_until):
        if sync.state in LIVE_STATES or sync.sync_id in stays:
            continue
        gone = sync.started_at < rows_until and sync.sync_id not in group.undone
        kept = () if gone else tuple(files.sync_key(sync.sync_id, name) for name in FOR_UNDO)
        emptied += files.delete_folder(files.sync_key(sync.sync_id, ""), kept) > 0
        if gone:
            syncs.remove(sync.sync_id)
            removed += 1
    for sync_id in files.snapshots(group.group_id)[:-SNAPSHOTS]:
        if sync_id < oldest_sync_id(group.group_id, files_until) and sync_id != group.snapshot:
            files.delete_folder(files.snapshot_key(group.group_id, sync_id, ""))
    return Forgotten(emptied, removed)
