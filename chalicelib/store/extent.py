"""How much of a sync's plan the platform has, read off its group: what an ending says."""

from enum import StrEnum

from chalicelib.store.records import Group


class Extent(StrEnum):
    """How much of a sync's plan the platform has when the sync ends."""

    NOTHING = "Nothing was changed."
    SOME = "Some changes had been written already; the next sync makes them right without help."
    ALL = "All its changes had been written."


def extent(group: Group, sync_id: str) -> Extent:
    """Final once the sync no longer holds the lock: a chunk leaves its mark before its first write, and only with it."""
    if group.snapshot == sync_id:
        return Extent.ALL
    return Extent.SOME if sync_id in group.unfinished else Extent.NOTHING
