"""Lists by page: what a caller may ask, and the cursor that leads to the next page.

A cursor is opaque, and bound to the kind of list that gave it: sent to another it is refused. What it holds is checked all the
same, since anybody can write one.
"""

import base64
import binascii
import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from pydantic import Field, StringConstraints

from chalicelib.api.shapes import Page
from chalicelib.errors import Unacceptable
from chalicelib.model.records import Record

P = TypeVar("P", bound=Page[Any])
MOST_ROWS = 1_000_000_000  # further than any list is long
LONGEST_CURSOR = 512
KEY = re.compile(r"[0-9A-Za-z:.#_-]{1,200}")

Cursor = Annotated[str, StringConstraints(max_length=LONGEST_CURSOR, pattern=r"^[A-Za-z0-9_=-]*$")]
Search = Annotated[str, StringConstraints(max_length=255)]
Sort = Annotated[str, StringConstraints(max_length=64)]


class TimelineQuery(Record):
    """A list in the order of time, newest first, that is read onwards by its cursor alone."""

    limit: int = Field(default=100, ge=1, le=1000)
    cursor: Cursor = ""
    search: Search = ""


class ListQuery(TimelineQuery):
    """`search` is contained in a name, ignoring case and accents; `sort` is a column, with - in front descending.

    `page` (from 1) jumps to a page of `limit` rows, instead of a cursor.
    """

    sort: Sort = ""
    page: int | None = Field(default=None, ge=1, le=1_000_000)


def offset_of(query: ListQuery) -> int:
    """Raises Unacceptable for a cursor of another list, and for a cursor and a page at once."""
    if query.page is not None:
        if query.cursor:
            raise Unacceptable("Send either `page` or `cursor`.", {"page": "with a cursor"})
        return (query.page - 1) * query.limit
    if not query.cursor:
        return 0
    place = _decoded(query.cursor, "rows")
    if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place <= MOST_ROWS:
        raise _unknown()
    return place


def page(kind: type[P], items: Sequence[Any], total: int, query: ListQuery, **more: Any) -> P:
    """One page of a list of `total` things, with the cursor of the next."""
    reached = offset_of(query) + len(items)
    following = _encoded("rows", reached) if items and reached < total else None
    return kind(items=list(items), next_cursor=following, total=total, **more)


def before(query: TimelineQuery, timeline: str) -> str:
    """The key that the page's items come before; empty for the first page. `timeline` names the list, and whose it is.

    Raises Unacceptable for a cursor of another list.
    """
    if not query.cursor:
        return ""
    key = _decoded(query.cursor, timeline)
    if not isinstance(key, str) or not KEY.fullmatch(key):
        raise _unknown()
    return key


def next_before(query: TimelineQuery, timeline: str, keys: Sequence[str]) -> str | None:
    """The cursor behind a page with these keys; None after the last page."""
    return _encoded(timeline, keys[-1]) if len(keys) == query.limit else None


def sorting(query: ListQuery, allowed: Sequence[str]) -> tuple[str, bool]:
    """The column to sort by (the first allowed one unless asked otherwise), and whether descending."""
    name = query.sort.removeprefix("-")
    if name and name not in allowed:
        raise Unacceptable(f"Sort by one of: {', '.join(allowed)}.", {"sort": "unknown column"})
    return name or allowed[0], query.sort.startswith("-")


def _encoded(name: str, value: int | str) -> str:
    return base64.urlsafe_b64encode(json.dumps([name, value]).encode()).decode().rstrip("=")


def _decoded(cursor: str, name: str) -> object:
    try:
        decoded = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        given_by, value = decoded
    except (ValueError, TypeError, binascii.Error, RecursionError) as trouble:
        raise _unknown() from trouble
    if given_by != name:
        raise _unknown()
    value_of: object = value
    return value_of


def _unknown() -> Unacceptable:
    return Unacceptable("This cursor was not given by this list. Load the list again from its start.", {"cursor": "unknown"})
