"""How a sync that holds its group's lock comes to run: its bundle goes to its place, its execution starts."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.errors import NotFound
from chalicelib.model.records import State, Sync
from chalicelib.store import files, queue, state_machine, syncs

GONE = "The file was deleted before it could be read. Nothing was changed; send it again."
NOT_STARTED = "The sync could not be started. Nothing was changed; start it again."


@dataclass(frozen=True)
class Started:
    """`new` is False where an earlier request with the same Idempotency-Key had started the sync already."""

    sync: Sync
    new: bool


def start_now(wanted: Sync, now: datetime, idempotency_key: str = "", bundle: syncs.BundleFrom | None = None) -> Started:
    """Take the group's lock and launch the sync; one that can't be launched is ended as failed, and its error raised.

    A request that was cut off between the two is completed by its repetition. Raises NotFound and GroupBusy.
    """
    sync = syncs.start(wanted, idempotency_key, bundle)
    if sync.sync_id != wanted.sync_id and (sync.state is not State.RUNNING or state_machine.status(sync.sync_id)):
        return Started(sync, new=False)
    try:
        launch(sync, now)
    except Exception:
        syncs.end(sync.sync_id, State.FAILED, NOT_STARTED, now)
        raise
    return Started(sync, new=True)


def launch(sync: Sync, now: datetime) -> None:
    """Idempotent, so that any caller that finds an interrupted launch completes it. A sync without its file is ended."""
    try:
        if source := syncs.bundle_from(sync.sync_id):
            files.copy(source.key, files.sync_key(sync.sync_id, "bundle/bundle.zip"), source.version_id)
    except NotFound:
        syncs.end(sync.sync_id, State.FAILED, GONE, now)
        start_next_queued(sync.group_id, now)
        return
    state_machine.start(sync)


def start_or_wait(sync: Sync, order: str, now: datetime, bundle: syncs.BundleFrom | None = None, delta: bool = False) -> Sync:
    """Start the sync, or put it in its group's queue: see `queue.take_or_wait`. Repeated, it starts once."""
    taken = queue.take_or_wait(sync, order, bundle, delta)
    if taken.state is State.RUNNING:
        launch(taken, now)
    elif taken.state is State.QUEUED:
        start_next_queued(sync.group_id, now)  # the lock may have been given back just now
    return taken


def start_next_queued(group_id: str, now: datetime) -> Sync | None:
    """Start what waits for the group's lock, if it is free. None when nothing waits, or the group is no more."""
    try:
        following = queue.next_of(group_id, now)
    except NotFound:
        return None
    if following:
        launch(following, now)
    return following
