"""How a collection is read page by page: which range comes next, and where it ends. A state machine without a socket.

Pages overlap by one record: each is asked for from the last record of the page before, so that a collection that changes
while it is read shows it, and its last record alone comes back where nothing follows. Offsets advance by the records
received, never by those asked for, since providers cap `limit` without a word. Whether a collection came whole is decided in
`rest_proof`; here only what was seen at its end is recorded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from chalicelib.model.causes import Cause
from chalicelib.sources.rest_answers import NUMBER, Page, without_traces

RANGE_PAGES = 8  # read by one Lambda in a row: long enough to be worth a start, short enough to be read again
LEAST_RANGE_PAGES = 1  # of the last ones, so that no Lambda is left with pages while the others have ended
LEAST_SIZE = 100  # records a page; less is not asked for, however slow the provider, unless it says that it gives no more
TRIES = 3  # a page that says nothing where there must be something is asked for so often in all


@dataclass(frozen=True)
class Collection:
    """A list of the provider: its records of `entity` under `path` (e.g. /users, /schools/7/students), those alone that
    `filter` lets through, with these `fields` of them alone (all, where it is empty)."""

    entity: str
    path: str
    filter: str = ""
    fields: str = ""


class Ending(StrEnum):
    """What was seen at a collection's end; `rest_proof` says what it proves."""

    NOTHING_AFTER = "nothing after"  # from the last record on that record alone came, or none behind a page with room for more
    AFTER_A_FULL_PAGE = "after a full page"  # the same where pages can't overlap, and the last one had no room for more
    NO_NEXT_LINK = "no next link"  # the Link header, which has named a next page before, names none
    SAID_OTHERWISE = "said otherwise"  # whatever else was seen there: bodies or headers say that these are not all


@dataclass(frozen=True)
class Range:
    """Where a collection is read next, and up to which record (`until`, excluded; None: until it ends).

    `size` is how many records a page is asked for; `full` the most that a page of this collection has had. `first`,
    `before` and `last` are ids: of the collection's first record, of the first of the page before, and of the one that a page
    from `offset` begins with where it overlaps ("": not known). `link` is the query of the next page where only its `Link`
    says how to ask for it; `linked`: a next page has been named before, `promised`: by the page before this one. `overlaps` is
    False once a provider has shown that its pages begin only where it likes. `landmark` is the first id of the last page whose
    number was a power of two, of `pages` read: a circle of next pages, however long, meets it again (Brent's algorithm).
    `tries` counts answers without content; `ended`: one answer has shown already that nothing follows, and a second confirms it.
    `had_room`: the last page with records had fewer than a page before it, or than were asked for where it was the first.
    `told` and `cut` are what bodies have said beside their records, and `within` where their records stood, as in
    `rest_answers.Page`. `refused`: so many records a page were asked for first, and the provider takes no such `limit`.
    """

    entity: str
    path: str
    offset: int
    until: int | None
    size: int
    first: str = ""
    before: str = ""
    last: str = ""
    full: int = 0
    link: Mapping[str, str] | None = None
    linked: bool = False
    promised: bool = False
    overlaps: bool = True
    sorted: bool = True
    filter: str = ""
    fields: str = ""
    landmark: str = ""
    pages: int = 0
    tries: int = 0
    ended: bool = False
    had_room: bool = True
    told: int = 0
    cut: str = ""
    within: str = ""
    refused: int = 0

    def query_params(self) -> dict[str, str]:
        """The query of the next page."""
        if self.link:
            return dict(self.link)
        limit = self.size if self.until is None else min(self.size, max(2, self.until - self.offset))
        order = {"sort": "sourcedId", "orderBy": "asc"} if self.sorted else {}
        narrowed = {name: value for name, value in (("filter", self.filter), ("fields", self.fields)) if value}
        return {"limit": str(limit), "offset": str(self.offset), **order, **narrowed}

    @property
    def record(self) -> int:
        """The first record that is new in the next page, as people count."""
        return self.offset + (2 if self.last else 1)


@dataclass(frozen=True)
class End:
    """A range has ended: with what was seen there, or `why` it was broken off, without a full stop. Where only an empty answer
    shows that nothing follows, `question` asks for the end once more, and `rows` is how many records that brings."""

    ending: Ending | None = None
    why: Cause | None = None
    question: Mapping[str, str] = field(default_factory=dict, compare=False)
    rows: int = field(default=0, compare=False)


def first(wanted: Collection, size: int, *, in_order: bool = True) -> Range:
    return Range(wanted.entity, wanted.path, 0, None, size, sorted=in_order, filter=wanted.filter, fields=wanted.fields)


def smaller(where: Range) -> Range:
    """The same place, with half the page for a provider that was too slow for it."""
    size = max(LEAST_SIZE, where.size // 2)
    link = {**where.link, "limit": str(size)} if where.link and "limit" in where.link else where.link
    return replace(where, size=size, link=link)


def asked_otherwise(where: Range, most: int | None) -> Range | None:
    """What else to ask for a collection's first page, where the provider does not take the question; None where nothing is left
    to try. `most`: records a page that it gives at most, by its own words.

    Without words, the order is what many don't know; and only then the limit, down to the standard's own default.
    """
    refused = where.refused or where.size
    if most is not None and 0 < most < where.size:
        return replace(where, size=most, refused=refused)
    if where.sorted:
        return replace(where, sorted=False)
    return replace(where, size=LEAST_SIZE, refused=refused, sorted=True) if where.size > LEAST_SIZE else None


def expected(where: Range) -> Range | None:
    """Where a range continues after the page at `where` if that comes full; None where it is the last, or it can't be known."""
    end = where.offset + where.size
    if where.until is None or where.link or end >= where.until:
        return None
    return replace(where, offset=end - 1 if where.overlaps else end, pages=where.pages + 1)


def after(where: Range, page: Page) -> Range | End:
    """Where to read on, now that `page` has come from `where`."""
    rows = len(page.ids)
    if page.unclear:
        return _once_more(where, page.unclear)
    if not rows and where.offset and page.within != where.within:  # another layer's answer, and not this list's
        return _once_more(where, Cause(f"the answer has no list of records, but {page.within or 'an empty one by another name'}"))
    if not rows:
        return _after_an_empty_page(where, page)
    if not any(page.ids):
        return End(why=from_record(where, Cause("the records have no sourcedId, so that one page can't be told from the next")))
    if _is_page_again(where, page):
        return _after_a_page_again(where, rows)
    return _after_records(where, page)


def brings_more(where: Range, page: Page) -> bool:
    """Whether the page holds a record that the pages before it don't."""
    is_last_again = len(page.ids) == 1 and page.ids[0] == where.last
    return bool(page.ids) and not is_last_again and not _is_page_again(where, page)


def _is_page_again(where: Range, page: Page) -> bool:
    if not where.offset or not page.ids[0]:
        return False
    # A page begins with the last record of the one before; with the landmark, which began a page long ago, none begins again.
    return page.ids[0] == where.landmark or page.ids[0] in {where.first, where.before} - {where.last}


def _after_records(where: Range, page: Page) -> Range | End:
    rows, end = len(page.ids), where.offset + len(page.ids)
    full, promised = max(where.full, rows), page.next is not None
    behind = replace(where, offset=end, last="")
    if where.until is not None and end >= where.until:
        cut = _said_cut(where, page)
        return _otherwise(behind, cut) if cut else End()
    if where.until is None and page.total == end and rows < full:
        said = _said_otherwise(where, page, end)  # as many as were announced, by a page that had room for more
        # A search that counts no further than 10,000 announces as many; what is behind it is asked for at once.
        beyond = replace(behind, link=None, promised=False, ended=True, pages=where.pages + 1)
        on = beyond if is_a_limit_of_totals(end) else End()
        return _otherwise(behind, said) if said else on
    if where.until is None and where.linked and page.links and not promised and rows < full:
        said = _said_otherwise(where, page, end)
        return _otherwise(behind, said) if said else End(Ending.NO_NEXT_LINK)
    pages = where.pages + 1
    following = replace(
        where, offset=end, first=where.first or page.ids[0], before=page.ids[0], last="", full=full, link=None,
        linked=where.linked or promised, promised=promised, tries=0, pages=pages, ended=False,
        had_room=rows < (where.full or where.size), told=max(where.told, page.told), cut=where.cut or page.cut,
        within=page.within,
        landmark=page.ids[0] if pages & (pages - 1) == 0 else where.landmark,
    )  # fmt: skip
    if where.last == page.ids[0] and rows == 1:  # nothing follows; that is believed once the next offset gives nothing
        return (
            _once_more(where, Cause("the Link header names a next page, and nothing new is in it"))
            if promised
            else replace(following, ended=True, before=where.before, landmark=where.landmark, pages=where.pages)
        )
    if page.next is not None:
        named = page.next.get("offset", "")
        ahead = int(named) - end if NUMBER.fullmatch(named) else -1
        if ahead == 1 and where.overlaps and rows > 1:  # it counts from one, or leaves one out: where they join will tell
            return replace(following, offset=end - 1, last=page.ids[-1], link={**page.next, "offset": str(end)})
        if ahead < 0:  # a cursor, or the number of a page; a link that leads past what is next is not followed
            return replace(following, link=page.next)
    if not where.full and page.total is not None and page.total > rows:
        following = replace(following, size=rows)
    return replace(following, offset=end - 1, last=page.ids[-1]) if where.overlaps and rows > 1 else following


def _after_a_page_again(where: Range, rows: int) -> Range | End:
    """Some servers make whole pages of an offset, which begin at multiples of `limit`; others ignore it."""
    size = where.full or rows
    if where.overlaps and (where.last or (where.pages == 1 and not where.ended and not where.link)):
        return replace(where, offset=where.offset + bool(where.last), last="", overlaps=False, size=size, link=None)
    if not where.overlaps and where.offset % where.size and not where.link:
        return replace(where, offset=-(-where.offset // where.size) * where.size)
    return End(
        why=Cause(
            "the provider sends the same page again when the next is asked for, so what follows record "
            f"{where.offset:,} could not be read",
            "the same page again",
        )
    )


def _after_an_empty_page(where: Range, page: Page) -> Range | End:
    if where.last:
        return _once_more(where, Cause("an empty page came where a record had been"))
    announced = page.total if where.until is None else where.until
    if announced is not None and where.offset < announced:
        total = page.total if page.total is not None else announced
        return _once_more(where, Cause(f"an empty page came, and {total:,} records were announced", "empty before the total"))
    if where.promised:
        return _once_more(where, Cause("the Link header named a next page, and it is empty"))
    if said := _said_otherwise(where, page, where.offset):
        again = _once_more(where, said)
        return replace(again, ending=Ending.SAID_OTHERWISE) if isinstance(again, End) else again
    if where.offset and not where.ended:  # one empty answer may be a slip, where no last record came alone before it
        return replace(where, ended=True)
    if page.total == where.offset and page.total:
        return End(Ending.NOTHING_AFTER)  # the total is reached besides, so that the end needn't be asked for again
    if where.overlaps and where.offset:  # the record before is real data, which an empty answer by mistake doesn't bring
        return End(Ending.NOTHING_AFTER, question=replace(where, offset=where.offset - 1).query_params(), rows=1)
    ending = Ending.NOTHING_AFTER if where.had_room else Ending.AFTER_A_FULL_PAGE
    return End(ending, question=where.query_params())


def _said_otherwise(where: Range, page: Page, end: int) -> Cause | None:
    """What bodies say beside their records that speaks against an end of so many; None where nothing does."""
    if cut := _said_cut(where, page):
        return cut
    longest = min(where.full or where.size, where.size)
    by_pages = (page.pages - 1) * longest + 1 if page.pages > 1 else 0
    if (told := max(where.told, page.told, by_pages)) > end:
        return Cause(f"nothing more came, and the provider tells of {told:,} records", "tells of more records")
    return Cause(f'nothing more came, and the provider says "{page.more}"') if page.more else None


def _said_cut(where: Range, page: Page) -> Cause | None:
    cut = where.cut or page.cut
    return Cause(f"nothing more came, and the provider says: {cut}", without_traces(cut)) if cut else None


def _otherwise(behind: Range, said: Cause) -> End:
    return End(Ending.SAID_OTHERWISE, why=from_record(behind, said))


def is_a_limit(rows: int) -> bool:
    """Whether it is a number that people limit a whole list to. One honest list in a thousand has such a length, and isn't
    believed until something else says that it ends there."""
    return rows > 0 and (rows % 1000 == 0 or rows in (100, 200, 500))


def is_a_limit_of_totals(rows: int) -> bool:
    """Whether it is a number at which people let a total end: 100, 200, 500, and so on by tens."""
    return rows >= 100 and str(rows).rstrip("0") in ("1", "2", "5")


def _once_more(where: Range, why: Cause) -> Range | End:
    return replace(where, tries=where.tries + 1) if where.tries + 1 < TRIES else End(why=from_record(where, why))


def from_record(where: Range, why: Cause) -> Cause:
    """Why a list could not be read from there on."""
    return Cause(f"from record {where.record:,} on {why.message}", why.key)


def ranges(where: Range, page: Page, following: Range | End, readers: int) -> list[Range]:
    """What is left to read of a collection after the first of its pages that were read in a row, in parts that
    `readers` can read side by side. `page` came from `where`, and `following` after it.

    The last one reads until the collection ends, whatever was announced: a total may be wrong, or grow.
    """
    if isinstance(following, End):
        return []
    end = where.offset + len(page.ids)
    if page.total is None or page.total <= end or following.link or following.full < 2:
        return [following]
    advance = following.full - 1 if following.overlaps else following.full
    starts = _starts(end, page.total, advance, readers)
    ends: list[int | None] = [*starts[1:], None]
    back = 1 if following.overlaps else 0
    own = replace(following, size=following.full)
    return [
        replace(own, offset=start - back, until=until, last=following.last if start == end else "")
        for start, until in zip(starts, ends, strict=True)
    ]


def _starts(end: int, total: int, advance: int, readers: int) -> list[int]:
    """Where the ranges of what is left begin: of eight pages each, and fewer towards the end."""
    starts = []
    while end < total:
        starts.append(end)
        left = -(-(total - end) // advance)
        end += max(LEAST_RANGE_PAGES, min(RANGE_PAGES, left // readers)) * advance
    return starts


def pages_left(parts: Iterable[Range], total: int | None) -> int | None:
    """Pages that these ranges of one collection will take; None when nobody knows."""
    parts = list(parts)
    if not parts:
        return 0
    if total is None or any(part.link for part in parts):
        return None
    return sum(
        max(
            1,
            -(
                -((total if part.until is None else part.until) - part.offset - part.overlaps)
                // max(1, part.size - part.overlaps)
            ),
        )
        for part in parts
    )
