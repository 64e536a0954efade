"""What a sync selects, and saved selections with the lists they were made from."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from chalicelib.errors import NotFound, Unacceptable
from chalicelib.model.ids import group_of
from chalicelib.model.records import Mode, State, Sync
from chalicelib.service.sync_files import that_read
from chalicelib.store import files, selections, syncs
from chalicelib.store.selections import Version
from oneroster_engine.selecting.saved import Resolved, Saved, look, resolve
from oneroster_engine.selecting.selection import EVERYTHING, Selection

LISTS = ("stage/orgs.parquet", "stage/choices/orgs.parquet", "stage/choices/classes.parquet")
LOOKED_BACK = 20  # syncs in which the newest list is looked for


def selection_of(sync: Sync, stage: Path) -> Selection:
    """What a sync selects: everything, what its admin chose, or what a saved selection says of today's stage.

    A saved selection is resolved against the stage, and kept with the sync like a choice made in the portal.
    Raises NotFound when the saved selection was deleted meanwhile.
    """
    if (saved := sync.saved_selection) is not None:
        version = selections.get(sync.group_id, saved.name, saved.version)
        found = resolve(selections.load(version), stage, selections.seen(version))
        files.write_selection(sync.sync_id, found.selection.to_json())
        syncs.resolved(sync.sync_id, saved.model_copy(update=selections.counts(found)))
        return found.selection
    return EVERYTHING if sync.mode is Mode.FULL else Selection.from_json(files.selection_of(sync.sync_id))


def selection_kept(sync_id: str) -> Selection:
    """What a sync's plan was made with: what was chosen, or what its saved selection came to; else everything."""
    chosen = files.selection_of(sync_id)
    return Selection.from_json(chosen) if chosen else EVERYTHING


@dataclass(frozen=True)
class Lists:
    """The schools and classes of one sync, in a local folder."""

    sync: Sync
    stage: Path

    def resolve(self, version: Version) -> Resolved:
        return resolve(selections.load(version), self.stage, selections.seen(version))


@contextmanager
def lists_of(sync: Sync | None) -> Iterator[Lists | None]:
    if sync is None:
        yield None
        return
    with files.workspace(sync.sync_id, reads=LISTS) as workdir:
        yield Lists(sync, workdir / "stage")


def newest_lists(group_id: str) -> AbstractContextManager[Lists | None]:
    return lists_of(newest_with_lists(group_id))


def newest_with_lists(group_id: str) -> Sync | None:
    """The newest sync that succeeded and whose lists are still kept; of those that found nothing new, the one that they name."""
    done = that_read([each for each in syncs.history(group_id, LOOKED_BACK) if each.state is State.SUCCEEDED])
    return next((each for each in done if files.size_bytes(files.sync_key(each.sync_id, LISTS[-1]))), None)


def sync_with_lists(group_id: str, sync_id: str) -> Sync:
    """Raises NotFound for a sync of another group, Unacceptable where its lists are not there."""
    if group_of(sync_id) != group_id:
        raise NotFound(f"This group has no sync {sync_id}.")
    sync = syncs.get(sync_id)
    if sync.same_as:
        return sync_with_lists(group_id, sync.same_as)
    if not files.size_bytes(files.sync_key(sync_id, LISTS[-1])):
        raise Unacceptable(
            f"The lists of sync {sync_id} are not there: not read yet, or not kept any more.", {"seenOf": "no lists"}
        )
    return sync


def save_selection(
    group_id: str,
    name: str,
    selection: Saved,
    seen: Sync | None,
    *,
    by: str,
    now: datetime,
    etag: str,
    if_match: str | None = None,
) -> Version:
    """Save the next version, with what the lists of the sync `seen` had on offer. `if_match` as in `selections.save`."""
    with lists_of(seen) as lists, TemporaryDirectory() as folder:
        looked = None
        if lists:
            look(selection, lists.stage, Path(folder) / "seen")
            looked = selections.Looked(lists.sync.sync_id, lists.sync.started_at, Path(folder) / "seen")
        return selections.save(group_id, name, selection, by=by, now=now, etag=etag, if_match=if_match, looked=looked)
