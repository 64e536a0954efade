"""Deletes for good what a group keeps no longer, old versions of files included; `model/retention.py` decides what that is."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.model.records import Group
from chalicelib.model.retention import expired, expired_snapshots, files_until
from chalicelib.store import files, syncs


@dataclass(frozen=True)
class Forgotten:
    """Syncs whose files were deleted, and those of them that are out of History too."""

    emptied: int = 0
    removed: int = 0


def forget_old(group: Group, now: datetime) -> Forgotten:
    """Delete what the group keeps no longer. Doing it again, or again after it was cut off, leaves the same."""
    running = syncs.get(group.sync.sync_id) if group.sync else None
    emptied = removed = 0
    for each in expired(group, syncs.older_than(group.group_id, files_until(group, now)), running, now):
        kept = tuple(files.sync_key(each.sync_id, name) for name in each.kept)
        emptied += files.delete_folder(files.sync_key(each.sync_id, ""), kept) > 0
        if each.row:
            syncs.remove(each.sync_id)
            removed += 1
    for sync_id in expired_snapshots(group, files.snapshots(group.group_id), now):
        files.delete_folder(files.snapshot_key(group.group_id, sync_id, ""))
    return Forgotten(emptied, removed)
