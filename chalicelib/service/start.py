"""How a sync that holds its group's lock comes to run: its bundle goes to its place, its execution starts."""

from datetime import datetime

from chalicelib.errors import NotFound
from chalicelib.model.records import State, Sync
from chalicelib.store import files, queue, state_machine, syncs

GONE = "The file was deleted before it could be read. Nothing was changed; send it again."


def launch(sync: Sync, now: datetime) -> None:
    """Doing it twice is doing it once, so whoever finds a launch cut off completes it. A sync without its file is ended."""
    try:
        if source := syncs.bundle_from(sync.sync_id):
            files.copy(source.key, files.sync_key(sync.sync_id, "bundle/bundle.zip"), source.version_id)
    except NotFound:
        syncs.end(sync.sync_id, State.FAILED, GONE, now)
        start_next_queued(sync.group_id, now)
        return
    state_machine.start(sync)


def start_or_wait(sync: Sync, order: str, now: datetime, bundle: syncs.BundleFrom | None = None, delta: bool = False) -> Sync:
    """Start the sync, or put it in its group's queue: see `queue.take_or_wait`. Told twice, it starts once."""
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
