"""Deletes for good what a group keeps no longer, old versions of files included; `model/retention.py` decides what that is.

What was removed from the roster is purged when its day has come: out of the Roster table, and out of the snapshot that the
platform stands on. The audit says how many of each entity were purged.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from chalicelib.errors import NotFound
from chalicelib.model.records import Group
from chalicelib.model.retention import expired, expired_snapshots, files_until
from chalicelib.platform import writer
from chalicelib.store import audit, files, syncs
from oneroster_engine.planning.purging import REMOVED, due, without

RETENTION = "retention"


@dataclass(frozen=True)
class Forgotten:
    """Syncs whose files were deleted, and those of them that are out of History too."""

    emptied: int = 0
    removed: int = 0


def purge_due(group: Group, now: datetime) -> int:
    """Purge what was removed from the group's roster and whose day has come; how many records. Doing it again, or again after
    it was cut off, leaves the same and one entry in the audit."""
    if group.snapshot is None:
        return 0
    with TemporaryDirectory() as folder:
        before, after = Path(folder) / "before", Path(folder) / "after"
        try:
            _fetch(group, REMOVED, before)
        except NotFound:  # a snapshot from before there was such a file: the next sync writes one
            return 0
        records, latest = due(before / REMOVED, now)
        if not records:
            return 0
        writer.purge(group.group_id, records, now)
        numbers = Counter(entity for entity, _ in records)
        for entity in numbers:
            _fetch(group, f"{entity}.parquet", before)
            _replace(group, f"{entity}.parquet", before, after, now)
        detail = {"records": len(records), **numbers}
        audit.record_once(group.group_id, RETENTION, "purged", f"{latest}#{group.snapshot}", group.snapshot, detail)
        _replace(group, REMOVED, before, after, now)  # last: an interrupted run starts again until this is written
    return len(records)


def _replace(group: Group, name: str, before: Path, after: Path, now: datetime) -> None:
    without(before, name, now, after)
    files.replace(after / name, files.snapshot_key(group.group_id, str(group.snapshot), name))


def _fetch(group: Group, name: str, to: Path) -> None:
    files.download(files.snapshot_key(group.group_id, str(group.snapshot), name), to / name)


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
    bulk = files.bulk_prefix(group.group_id)
    for sync_id in files.folders(bulk):
        if sync_id != group.snapshot:  # whoever wants an earlier version's files has them made again
            files.delete_folder(f"{bulk}{sync_id}/")
    return Forgotten(emptied, removed)
