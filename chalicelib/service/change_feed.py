"""What the platform's roster has gone through, commit by commit, from a place that a reader remembers.

A cursor is `{commit}.{row}`: what comes next. A version (a sync's id, as lists give it in their ETag) is a cursor too: what was
committed after it. So an application reads the lists once, and follows the feed from their version on.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from chalicelib.errors import Gone, NotFound, Unacceptable
from chalicelib.provider.events import Event, erased, events_of
from chalicelib.provider.query import View
from chalicelib.store import commits, files, groups
from chalicelib.store.commits import Commit

MOST_EVENTS = 1000  # of one page
CHANGES = "plan/changes.parquet"
GONE = (
    "The changes after this cursor are not kept any more. Read the lists once more, and follow the feed from the version that "
    "their ETag names."
)
_CURSOR = re.compile(r"(\d{1,9})\.(\d{1,9})")


@dataclass(frozen=True)
class Occurred:
    """An event, and the commit that it is of. `id` is greater with every event: two numbers, compared one after the other."""

    id: str
    sync_id: str
    at: datetime
    event: Event


@dataclass(frozen=True)
class Feed:
    """`cursor` is what to ask with next time, also where nothing has happened; `more`: events wait already."""

    occurred: list[Occurred]
    cursor: str
    more: bool


def read_feed(group_id: str, after: str, limit: int, view: View) -> Feed:
    """Up to `limit` events after the cursor, of one commit after the other; from the first commit on where `after` is empty.

    Raises Gone where what was asked for is not kept any more, Unacceptable for what is no cursor of this group.
    """
    newest = groups.get(group_id).commits
    number, row = _place(group_id, after, newest)
    found: list[Occurred] = []
    while number <= newest and len(found) < limit:
        commit = commits.get(group_id, number)
        try:
            if commit is None:
                raise Gone(GONE)
            events, following = _events(commit, row, limit - len(found), view)
        except NotFound as trouble:
            raise Gone(GONE) from trouble
        found += [Occurred(f"{number}.{each.row}", commit.sync_id, commit.at, each) for each in events]
        number, row = (number + 1, 0) if following is None else (number, following)
    return Feed(found, f"{number}.{row}", number <= newest)


def _events(commit: Commit, row: int, limit: int, view: View) -> tuple[list[Event], int | None]:
    if commit.erased:
        said = [(each.entity, each.sourced_id, each.platform_id, each.schools) for each in commit.erased]
        left = [each for each in erased(said, view) if each.row >= row]
        return left[:limit], left[limit].row if len(left) > limit else None
    changes = files.cached(files.sync_key(commit.sync_id, CHANGES))
    return events_of(changes, row, limit, view, commit.with_removals)


def _place(group_id: str, after: str, newest: int) -> tuple[int, int]:
    if not after:
        return 1, 0
    if cursor := _CURSOR.fullmatch(after):
        number, row = int(cursor[1]), int(cursor[2])
        if 1 <= number <= newest + 1:
            return number, row
        raise Unacceptable("This cursor was not given by this group's feed.", {"after": "unknown"})
    for number in range(newest, 0, -1):
        commit = commits.get(group_id, number)
        if commit is None:
            break
        if commit.sync_id == after:
            return number + 1, 0
    if groups.get(group_id).snapshot == after:  # committed before there was a feed
        return newest + 1, 0
    raise Gone(GONE)
