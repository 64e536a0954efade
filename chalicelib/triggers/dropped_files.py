"""A file dropped into `drop/{groupId}/`: a ZIP starts a sync, anything else is refused in a sentence; all of it is listed.

EventBridge may tell of one file twice, and late. What a file is known by (key, version, sequencer) makes the ids of its
arrival, its audit entry and its sync, so the second telling writes what the first one wrote.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any

from chalicelib.errors import NotFound
from chalicelib.model.ids import new_sync_id
from chalicelib.model.records import Group, Mode, State, Sync, Trigger
from chalicelib.service import start
from chalicelib.sources.bundle import holds_changes
from chalicelib.sources.range_file import ranged
from chalicelib.store import arrivals, audit, files, groups, selections, syncs
from chalicelib.store.arrivals import Arrival, Outcome
from chalicelib.store.limits import limits

PREFIX = "drop/"
SENDER = "Dropped file"
ZIP_BEGINS = (b"PK\x03\x04", b"PK\x05\x06")  # a file in it; an empty archive
REFUSALS = {
    Outcome.UNKNOWN_GROUP: "No group has this id, so nothing was done with the file. Files go to drop/<group id>/<name>.zip.",
    Outcome.FOLDER: "This is a folder, not a file. Nothing was done; put the ZIP itself into the group's folder.",
    Outcome.NOT_EXPECTED: "This group's roster is fetched from its source, so a file dropped here is not used. To sync dropped "
    "files, choose ZIP in the group's configuration.",
    Outcome.EMPTY: "The file is empty. Nothing was done; send it again.",
    Outcome.NOT_A_ZIP: "This is not a ZIP. Nothing was done; send the OneRoster files as one ZIP.",
    Outcome.GONE: "The file was deleted, or replaced, before it could be read. Nothing was done; send it again.",
}


@dataclass(frozen=True)
class Dropped:
    """One event of the bucket. `told_at` is the event's moment, used where the file itself is gone."""

    key: str
    version_id: str
    etag: str
    sequencer: str
    size_bytes: int
    told_at: datetime

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> "Dropped":
        seen = event["detail"]["object"]
        return cls(
            key=seen["key"],
            version_id=seen.get("version-id", ""),
            etag=seen.get("etag", ""),
            sequencer=seen.get("sequencer", ""),
            size_bytes=int(seen.get("size", 0)),
            told_at=datetime.fromisoformat(event["time"]),
        )

    @property
    def group_id(self) -> str:
        """Empty when the file lies in no group's folder."""
        folder, slash, _ = self.key.removeprefix(PREFIX).partition("/")
        return folder if slash else ""

    @property
    def name(self) -> str:
        return self.key.removeprefix(PREFIX).removeprefix(f"{self.group_id}/")

    @property
    def identity(self) -> str:
        known_by = (self.key, self.version_id or self.etag, self.sequencer)
        return sha256("\0".join(known_by).encode()).hexdigest()[:12]


def refused(dropped: Dropped, seen: files.Seen | None, group: Group | None, max_bytes: int) -> Outcome | None:
    """Why a file starts nothing; None for one that does."""
    if group is None:
        return Outcome.UNKNOWN_GROUP
    if dropped.key.endswith("/"):
        return Outcome.FOLDER
    if group.source.fetched:
        return Outcome.NOT_EXPECTED
    if seen is None:
        return Outcome.GONE
    if seen.size_bytes == 0:
        return Outcome.EMPTY
    if not dropped.name.lower().endswith(".zip") or not seen.begins.startswith(ZIP_BEGINS):
        return Outcome.NOT_A_ZIP
    return Outcome.TOO_LARGE if seen.size_bytes > max_bytes else None


def take(dropped: Dropped, now: datetime) -> Arrival:
    """Start a sync of the file, let it wait, or refuse it; record what became of it where an admin sees it."""
    seen, group = files.look(dropped.key, dropped.version_id), _group(dropped.group_id)
    at, max_bytes = seen.at if seen else dropped.told_at, limits().zip_bytes
    outcome = refused(dropped, seen, group, max_bytes)
    sync = None
    if outcome is None:
        assert group is not None  # else it was refused
        assert seen is not None
        sync = _start(dropped, group, at, now, _delta(dropped, seen))
        outcome, message = Outcome.TAKEN, ""
    elif outcome is Outcome.TOO_LARGE:
        size = seen.size_bytes if seen else dropped.size_bytes
        message = f"The file has {size:,} bytes; at most {max_bytes:,} are taken. Nothing was done with it."
    else:
        message = REFUSALS[outcome]
    arrival = Arrival(
        group_id=group.group_id if group else arrivals.NOWHERE,
        arrival_id=f"{at:%Y-%m-%dT%H:%M:%S.%f}Z#{dropped.identity}",
        name=dropped.name if group else dropped.key,
        size_bytes=seen.size_bytes if seen else dropped.size_bytes,
        at=at,
        outcome=outcome,
        message=message,
        sync_id=sync.sync_id if sync else None,
    )
    arrivals.record(arrival)
    detail = {"name": arrival.name, "outcome": outcome, "sizeBytes": arrival.size_bytes}
    audit.record(arrival.group_id, SENDER, "file arrived", at, dropped.identity, arrival.sync_id, detail)
    return arrival


def _start(dropped: Dropped, group: Group, at: datetime, now: datetime, delta: bool) -> Sync:
    default = selections.default_selection(group)
    wanted = Sync(
        group_id=dropped.group_id,
        sync_id=new_sync_id(dropped.group_id, at, dropped.identity),
        mode=Mode.SELECTIVE if default else Mode.FULL,
        saved_selection=default,
        trigger=Trigger.DROP,
        started_by=SENDER,
        started_at=now,
        state=State.QUEUED,
        bundle_name=dropped.name,
    )
    # S3 dates a version by the second; of two in one second, the sequencer tells of one key which is newer
    order = f"{at:%Y%m%dT%H%M%S}-{dropped.sequencer}"
    return start.start_or_wait(wanted, order, now, syncs.BundleFrom(dropped.key, dropped.version_id), delta)


def _delta(dropped: Dropped, seen: files.Seen) -> bool:
    """Only the ZIP's directory and its manifest are read."""
    archive = ranged(seen.size_bytes, partial(files.read_range, dropped.key, dropped.version_id))
    return holds_changes(archive, seen.size_bytes)


def _group(group_id: str) -> Group | None:
    try:
        return groups.get(group_id) if group_id else None
    except NotFound:
        return None
