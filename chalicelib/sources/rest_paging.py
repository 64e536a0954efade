"""How a list is read page by page: which range comes next, when it ends, and whether it came whole.

Functions from one page to the next request, without a socket. Offsets advance by the records received, never by those
asked for, since providers cap `limit` without a word; what a provider announces is checked, never trusted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from chalicelib.sources.rest_answers import Page

RANGE_PAGES = 8  # read by one Lambda in a row: long enough to be worth a start, short enough to be read again
LEAST_SIZE = 100  # records a page; less is not asked for, however slow the provider
EMPTY_TRIES = 3  # an empty page in the middle is asked for so often in all


@dataclass(frozen=True)
class List:
    """A list of the provider: its records of `entity` under `path` (e.g. /users, /schools/7/students), those alone that
    `filter` lets through."""

    entity: str
    path: str
    filter: str = ""


@dataclass(frozen=True)
class Range:
    """Where a list is read next, and up to which record (`until`, excluded; None: until it ends).

    `size` is how many records a page is asked for. `seen` are the first ids of the pages before it that a provider which
    ignores `offset` would send again; `query` is the next page's as its `Link` names it; `empty` counts empty pages met.
    """

    entity: str
    path: str
    offset: int
    until: int | None
    size: int
    seen: tuple[str, ...] = ()
    query: Mapping[str, str] | None = None
    sorted: bool = True
    empty: int = 0
    filter: str = ""

    def asks(self) -> dict[str, str]:
        """The query of the next page."""
        if self.query:
            return dict(self.query)
        limit = self.size if self.until is None else min(self.size, self.until - self.offset)
        order = {"sort": "sourcedId", "orderBy": "asc"} if self.sorted else {}
        return {"limit": str(limit), "offset": str(self.offset), **order, **({"filter": self.filter} if self.filter else {})}


@dataclass(frozen=True)
class End:
    """A range has ended. `trouble` says what of it may be missing, without a full stop; empty when nothing is.

    `useless`: the page that ended it had been read before.
    """

    trouble: str = ""
    useless: bool = False


@dataclass(frozen=True)
class Read:
    """What was read of one list. `announced`: the totals that were told, each once; `beyond`: more came than a total told,
    so that totals are nothing to go by. `unlike`: the first page was another one when it was looked at again at the end.
    """

    entity: str
    rows: int
    ids: int
    announced: frozenset[int] = frozenset()
    beyond: bool = False
    unlike: bool = False
    troubles: tuple[str, ...] = ()


def first(collection: List, size: int, in_order: bool = True) -> Range:
    return Range(collection.entity, collection.path, 0, None, size, sorted=in_order, filter=collection.filter)


def smaller(where: Range) -> Range:
    """The same place, with half the page for a provider that was too slow for it."""
    size = max(LEAST_SIZE, where.size // 2)
    query = {**where.query, "limit": str(size)} if where.query and "limit" in where.query else where.query
    return replace(where, size=size, query=query)


def after(where: Range, page: Page) -> Range | End:
    """Where to read on, now that `page` has come from `where`."""
    rows = len(page.ids)
    if not rows:
        return _after_nothing(where, page)
    if page.ids[0] and page.ids[0] in where.seen:
        return End(
            f"{where.entity}: the provider sends the same page again when the next is asked for, so what follows record "
            f"{where.offset:,} could not be read",
            useless=True,
        )
    if not any(page.ids):
        return End(f"{where.entity}: the records have no sourcedId, so that one page can't be told from the next")
    offset = where.offset + rows
    if where.until is not None:
        seen = (*where.seen[:1], page.ids[0])
        return End() if offset >= where.until else replace(where, offset=offset, seen=seen, empty=0)
    asked = int(where.asks().get("limit", "0"))
    if page.query == {} and page.total is None and rows < asked:
        return End()  # it speaks of other pages, and of no next one
    if page.total is not None and offset >= page.total and rows < _full(where, rows):
        return End()
    seen = (*where.seen[:1], page.ids[0])
    linked = page.query or None if page.total is None else None
    size = where.size if where.seen or page.total is None else rows
    return replace(where, offset=offset, seen=seen, size=size, query=linked, empty=0)


def _full(where: Range, rows: int) -> int:
    """How many records a page of this provider has when it is full. Before the second page nobody knows."""
    return where.size if where.seen else rows


def _after_nothing(where: Range, page: Page) -> Range | End:
    announced = page.total if where.until is None else where.until
    if announced is None or where.offset >= announced:
        return End()
    if where.empty + 1 < EMPTY_TRIES:
        return replace(where, empty=where.empty + 1)
    return End(f"{where.entity}: an empty page came at record {where.offset:,} of {announced:,}")


def ranges(where: Range, page: Page) -> list[Range]:
    """What is left to read of a list after its first page, in parts that can be read side by side.

    The last one reads until the list ends, whatever was announced: a total may be wrong, or grow.
    """
    following = after(where, page)
    if isinstance(following, End):
        return []
    rows = len(page.ids)
    if page.total is None or not rows:
        return [following]
    step = RANGE_PAGES * rows
    starts = list(range(rows, page.total, step)) or [rows]
    ends: list[int | None] = [*starts[1:], None]
    common = replace(following, size=rows, query=None, seen=page.ids[:1])
    return [replace(common, offset=start, until=end) for start, end in zip(starts, ends, strict=True)]


def pages_left(parts: Iterable[Range], total: int | None) -> int | None:
    """Pages that these ranges of one list will take; None when nobody knows."""
    parts = list(parts)
    if not parts:
        return 0
    if total is None:
        return None
    return sum(max(1, -(-((total if part.until is None else part.until) - part.offset) // part.size)) for part in parts)


def why_incomplete(read: Sequence[Read]) -> str:
    """Why one entity's lists can't be taken as whole, in a sentence without its full stop; empty when they can."""
    reasons = [trouble for each in read for trouble in each.troubles]
    for each in read:
        totals = frozenset() if each.beyond else each.announced
        if each.unlike or len(totals) > 1:
            reasons.append(f"{each.entity}: the list changed at the provider while it was read")
        elif totals and totals != {each.ids}:
            reasons.append(f"{each.entity}: the provider announces {min(totals):,} records and sent {each.ids:,}")
        elif each.ids != each.rows:
            again = each.rows - each.ids
            reasons.append(f"{each.entity}: {again:,} of {each.rows:,} records came twice, so others may not have come")
    return "; ".join(dict.fromkeys(reasons))
