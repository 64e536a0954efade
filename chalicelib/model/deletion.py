"""The deletion of a group: what was removed where, when and by whom. What a finished one says is its certificate."""

from datetime import datetime, timedelta
from typing import Literal

from chalicelib.model.records import Record

# A form to upload with lives for five minutes, and what it brings has to go too: no deletion is finished before.
SETTLED_AFTER = timedelta(minutes=10)


class Removed(Record):
    """`items`: table items, versions of files, or secrets."""

    place: str
    items: int


class Remains(Record):
    """What a deletion leaves, and until when. None of it holds a record of the roster."""

    place: str
    why: str


REMAINS = (
    Remains(place="Audit table", why="Who did what, with ids and counts; 400 days after each entry."),
    Remains(place="Logs", why="Ids of groups and syncs and no names; 90 days."),
    Remains(place="Step Functions", why="Ids of groups and syncs; 90 days after each execution."),
    Remains(place="Backups of the tables", why="Point-in-time recovery; 35 days."),
    Remains(place="This certificate", why="Shows that the group was deleted; stays."),
)


class Deletion(Record):
    """`state` is done once a look at every place, later than any upload could arrive, has found nothing."""

    group_id: str
    name: str
    requested_by: str
    requested_at: datetime
    state: Literal["running", "done"] = "running"
    removed: tuple[Removed, ...] = ()
    finished_at: datetime | None = None
    remains: tuple[Remains, ...] = REMAINS


def added(removed: tuple[Removed, ...], place: str, items: int) -> tuple[Removed, ...]:
    """What was removed so far, with so many more items of a place."""
    counts = {each.place: each.items for each in removed}
    counts[place] = counts.get(place, 0) + items
    return tuple(Removed(place=name, items=count) for name, count in counts.items() if count)


def is_settled(deletion: Deletion, now: datetime) -> bool:
    """Whether nothing can arrive any more that was let in while the group was there."""
    return now - deletion.requested_at >= SETTLED_AFTER
