"""The erasure of one person of a roster: whom, what was removed where, what stays and why. A finished one is its certificate."""

from datetime import datetime, timedelta
from typing import Literal

from chalicelib.model.deletion import Remains, Removed, added
from chalicelib.model.records import Record

# Whoever was writing a file anew when the erasure began (the hourly purge) has ended by then; a look after that is the last.
SETTLED_AFTER = timedelta(minutes=16)

REMAINS = (
    Remains(place="Audit table", why="Who did what, this certificate with it; ids and counts, 400 days after each entry."),
    Remains(place="Access table", why="Who has looked at this person, to answer who has seen a child's data; ids, 365 days."),
    Remains(place="Change feed", why="The ids of what was erased, so that applications take it out too; until the group goes."),
    Remains(
        place="Other people's records", why="The id, where they name this person as guardian or child and the source says so."
    ),
    Remains(place="Rows that could not be read", why="A problem's line whose id is damaged names nobody; the group's retention."),
    Remains(place="Saved counts", why="Numbers of a sync's report; no id and no name."),
    Remains(place="Functions' copies of files", why="Never read again; a quarter of an hour, or until the function ends."),
    Remains(place="Logs", why="Ids of groups and syncs and no names; 90 days."),
    Remains(place="Backups of the tables", why="Point-in-time recovery; 35 days. Whoever restores one erases anew."),
)


class Erasure(Record):
    """`state` is done once a look at every place has found nothing, with no sync running. `was_active`: they were on the
    platform, so that a source that still names them brings them back with its next sync."""

    erasure_id: str
    group_id: str
    sourced_id: str
    requested_by: str
    requested_by_id: str = ""
    requested_at: datetime
    was_active: bool = False
    state: Literal["running", "done"] = "running"
    removed: tuple[Removed, ...] = ()
    finished_at: datetime | None = None
    remains: tuple[Remains, ...] = REMAINS


def with_erased(erasure: Erasure, place: str, items: int) -> Erasure:
    return erasure.model_copy(update={"removed": added(erasure.removed, place, items)})


def is_settled(erasure: Erasure, now: datetime) -> bool:
    return now - erasure.requested_at >= SETTLED_AFTER
