"""Lists by page: what a caller may ask, and the cursor that leads to the next page."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import Field

from chalicelib.api.shapes import Page
from chalicelib.errors import Unacceptable
from chalicelib.model.records import Record

P = TypeVar("P", bound=Page[Any])


class ListQuery(Record):
    """`search` is contained in a name, ignoring case and accents; `sort` is a column, with - in front descending."""

    limit: int = Field(default=100, ge=1, le=1000)
    cursor: str = ""
    search: str = ""
    sort: str = ""


def offset_of(query: ListQuery) -> int:
    if not query.cursor:
        return 0
    try:
        return max(0, int(base64.urlsafe_b64decode(query.cursor.encode())))
    except (ValueError, binascii.Error) as trouble:
        raise Unacceptable("This cursor was not given by this list.", {"cursor": "unknown"}) from trouble


def page(kind: type[P], items: Sequence[Any], total: int, query: ListQuery, **more: Any) -> P:
    """One page of a list of `total` things, with the cursor of the next."""
    reached = offset_of(query) + len(items)
    following = base64.urlsafe_b64encode(str(reached).encode()).decode() if items and reached < total else None
    return kind(items=list(items), next_cursor=following, total=total, **more)


def sorting(query: ListQuery, allowed: Sequence[str]) -> tuple[str, bool]:
    """The column to sort by (the first allowed one unless asked otherwise), and whether descending."""
    name = query.sort.removeprefix("-")
    if name and name not in allowed:
        raise Unacceptable(f"Sort by one of: {', '.join(allowed)}.", {"sort": "unknown column"})
    return name or allowed[0], query.sort.startswith("-")
