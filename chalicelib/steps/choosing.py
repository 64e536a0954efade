"""What a sync selects: everything, what its admin chose, or what a saved selection says of today's stage."""

from pathlib import Path

from chalicelib.store import files, selections, syncs
from chalicelib.store.records import Mode, Sync
from oneroster_engine.selecting.saved import resolve
from oneroster_engine.selecting.selection import EVERYTHING, Selection


def selection_of(sync: Sync, stage: Path) -> Selection:
    """A saved selection is resolved against the stage, and kept with the sync as if somebody had chosen it.

    Raises NotFound when the saved selection was deleted meanwhile.
    """
    if (saved := sync.saved_selection) is not None:
        version = selections.get(sync.group_id, saved.name, saved.version)
        found = resolve(selections.said(version), stage, selections.seen(version))
        files.write_selection(sync.sync_id, found.selection.to_json())
        syncs.resolved(sync.sync_id, saved.model_copy(update=selections.counts(found)))
        return found.selection
    return EVERYTHING if sync.mode is Mode.FULL else Selection.from_json(files.selection_of(sync.sync_id))
