"""Reads a provider's collections into a bundle: what to read, in which ranges, and what came of each.

Pages are handed to `keep` as they were received; what was read of a range is described by a `Fetched`, a few hundred bytes,
from which `why_not_whole` later tells whether a collection is whole. Memory holds three pages at most.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from threading import Semaphore
from typing import Any
from urllib.parse import quote

from chalicelib.errors import SourceRefused, SourceUnavailable
from chalicelib.model.causes import Cause
from chalicelib.sources import rest_proof
from chalicelib.sources.rest import Ask, NotOffered, OutOfTime, PageResponse, QueryRefused, ServerError, Source, TooSlow
from chalicelib.sources.rest_answers import Answer, NoPage, Page, member_names, most_a_page
from chalicelib.sources.rest_paging import (
    Collection,
    End,
    Ending,
    Range,
    after,
    asked_otherwise,
    brings_more,
    expected,
    first,
    from_record,
    is_a_limit_of_totals,
    pages_left,
    ranges,
    smaller,
)
from chalicelib.sources.rest_proof import Reading

ORGS = Collection("orgs", "/orgs")
COLLECTIONS = (
    Collection("academicSessions", "/academicSessions"),
    Collection("courses", "/courses"),
    Collection("classes", "/classes"),
    Collection("users", "/users"),
    Collection("enrollments", "/enrollments"),
)
# Read of a full list next to its changes. The status too, since providers list for a while those whom they have deleted.
IDS = ("sourcedId", "status")
OPTIONAL = frozenset({"academicSessions", "courses"})  # a provider without them still gives a roster
# Who is in a school's lists: `model/records.py` SCHOOL_USER_TYPES.
SCHOOL_LISTS = (("classes", "classes"), ("users", "students"), ("users", "teachers"), ("enrollments", "enrollments"))
PAGES_BEHIND = (1, 2, 4, 10)  # where a list without a total is asked for once more, in pages behind its end
MOST_QUESTIONS = 8  # for a first page that is refused, each with less in it
MOST_READ_AGAIN = 500  # pages of one collection that overlap with none: more take longer than a Lambda has
Keep = Callable[[str, bytes], None]  # name within the bundle, and the page as received


@dataclass(frozen=True)
class PageFile:
    """One page as kept: `name` within the bundle, how many records it has, and which place they had in the collection.

    `query` is how it was asked for, and `fingerprint` what it held, where it does not overlap with the page before.
    """

    name: str
    offset: int
    rows: int
    query: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""


@dataclass(frozen=True)
class Fetched:
    """What was read of one range; the rest as in `rest_proof.Reading`. `fields` as in `Collection`, `end_question` and `end_rows`
    as in `rest_paging.End`."""

    entity: str
    path: str
    offset: int
    parts: tuple[PageFile, ...]
    announced: tuple[int, ...] = ()
    on_a_smaller_page: bool = False
    exceeded: bool = False
    ending: Ending | None = None
    broken_off: Cause | None = None
    fields: str = ""
    end_question: Mapping[str, str] = field(default_factory=dict)
    end_rows: int = 0

    @property
    def list_name(self) -> str:
        """Which list of the provider it is a range of."""
        return f"{self.path}?fields={self.fields}" if self.fields else self.path

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Fetched":
        parts = tuple(PageFile(**part) for part in stored["parts"])
        ending = Ending(stored["ending"]) if stored["ending"] else None
        broken_off = Cause.from_json(stored["broken_off"])
        announced = tuple(stored["announced"])
        return cls(**{**stored, "announced": announced, "parts": parts, "ending": ending, "broken_off": broken_off})


@dataclass(frozen=True)
class ListStart:
    """A collection of which the first pages were read: what is left of it, and the `fingerprint` by which to see later that the
    first is still the same; empty where it needn't be looked at. `pages`: in all, None when nobody knows.
    """

    fetched: Fetched
    first: Range
    fingerprint: str
    left: tuple[Range, ...]
    pages: int | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "ListStart":
        left = tuple(Range(**each) for each in stored["left"])
        return cls(Fetched.from_json(stored["fetched"]), Range(**stored["first"]), stored["fingerprint"], left, stored["pages"])


@dataclass(frozen=True)
class Came:
    """What the pages of one collection hold, as `rest_proof.Reading` has it. `loose`: pages that overlap with none, where they
    were asked to."""

    rows: int = 0
    ids: int = 0
    unreadable: int = 0
    torn: int = 0
    loose: int = 0


@dataclass(frozen=True)
class Rechecked:
    """What was seen when a collection was looked at again at the end. `unchecked`: pages that were not the same; `end_moved`: its
    end was not; `first_page_unread`: why its first page did not come again; `goes_on`: records came from further behind it;
    `other_end`: in the other order it begins with another record than its last."""

    fetched: Fetched
    first_page_changed: bool = False
    unchecked: int = 0
    end_moved: bool = False
    goes_on: bool = False
    other_end: bool = False
    first_page_unread: Cause | None = None

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Rechecked":
        unread = Cause.from_json(stored.get("first_page_unread"))
        return cls(**{**stored, "fetched": Fetched.from_json(stored["fetched"]), "first_page_unread": unread})


def lists_of_schools(schools: Iterable[str]) -> tuple[Collection, ...]:
    """What to read for a roster of these schools alone. Sessions and courses name no person and are often the district's."""
    common = tuple(each for each in COLLECTIONS if each.entity in OPTIONAL)
    return common + tuple(
        Collection(entity, f"/schools/{quote(school, safe='')}/{name}")
        for school in sorted(schools)
        for entity, name in SCHOOL_LISTS
    )


def lists_changed_after(moment: datetime) -> tuple[Collection, ...]:
    """What to read for what has changed after `moment`: OneRoster REST Binding, filters on `dateLastModified`."""
    after_it = f"dateLastModified>'{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z'"
    return tuple(replace(each, filter=after_it) for each in COLLECTIONS)


def lists_of_ids() -> tuple[Collection, ...]:
    """What to read to compare the changes with: OneRoster REST Binding, `fields`."""
    return tuple(replace(each, fields=",".join(IDS)) for each in COLLECTIONS)


def begin(source: Source, wanted: Collection, size: int, keep: Keep, parallel: int) -> ListStart:
    """Read a collection's first page and see what follows it; plan the rest for `parallel` readers. A small one is read to its
    end.

    Raises NotOffered where the provider lacks a list that a roster needs, and QueryRefused where it doesn't take its filter or
    leaves its fields aside.
    """
    return _begun(source, _opened(source, wanted, size, keep), keep, parallel)


def begin_all(source: Source, wanted: Sequence[Collection], size: int, keep: Keep, parallel: int) -> list[ListStart]:
    """Begin each of these collections, `parallel` requests at once. Every first page is asked for before any second, so that no
    reader waits for one list's two pages in a row; and the last first, since the longest lists stand last. Raises as `begin`."""
    with ThreadPoolExecutor(parallel) as pool:
        opened = [pool.submit(_opened, source, each, size, keep) for each in reversed(wanted)]
        begun = [pool.submit(_begun, source, each.result(), keep, parallel) for each in opened]
        return [each.result() for each in reversed(begun)]


@dataclass(frozen=True)
class _Opened:
    """A collection's first page, None where the provider doesn't offer the list (`start.broken_off`)."""

    where: Range
    response: PageResponse | None
    missing: Cause | None = None


def _opened(source: Source, wanted: Collection, size: int, keep: Keep) -> _Opened:
    where = first(wanted, size)
    try:
        response, where = _first_page(source, where)
    except NotOffered as refusal:
        if wanted.entity not in OPTIONAL:
            raise
        return _Opened(where, None, refusal.cause)
    if wanted.fields and not member_names(response.body, wanted.path) <= {*wanted.fields.split(",")}:
        why = f"The provider sends whole records of {wanted.path} where {wanted.fields} alone were asked for."
        raise QueryRefused(why, "whole records")
    _kept(where, response, keep)
    return _Opened(where, replace(response, body=b""))


def _begun(source: Source, opened: _Opened, keep: Keep, parallel: int) -> ListStart:
    start, response = opened.where, opened.response
    if response is None:
        none = Fetched(start.entity, start.path, 0, (), broken_off=opened.missing, fields=start.fields)
        return ListStart(none, start, "", (), 0)
    start = replace(start, within=response.page.within)
    pages = [_Read(start, response.page)]
    following = after(start, response.page)
    while isinstance(following, Range) and len(pages) < 2:
        where, found, following = _read(source, following)
        if found and brings_more(where, found.page):
            _kept(where, found, keep)
            pages.append(_Read(where, found.page))
        elif found:
            pages[0] = replace(pages[0], without_records=(*pages[0].without_records, found.page))
    last = pages[-1]
    left = ranges(last.where, last.page, following, parallel) if isinstance(following, Range) else []
    unread = pages_left(left, last.page.total)
    # One page is of one moment, several are of several; and of nothing one wants to hear twice.
    ends_by_nothing = isinstance(following, End) and following.question and not following.rows
    again = bool(left) or len(pages) > 1 or not response.page.ids or ends_by_nothing
    fingerprint = _fingerprint(response.page) if again else ""
    total = None if unread is None else unread + len(pages)
    return ListStart(_fetched(start, pages, following), start, fingerprint, tuple(left), total)


def as_it_takes(source: Source, where: Range) -> tuple[PageResponse, Range]:
    """A collection's first page, and the question that the provider took: without `sort`, or with a smaller `limit`, where it
    refuses the one that was to be asked, or fails at it. How the pages fit tells whether an unknown order did harm.

    Raises QueryRefused where it takes none, and as `Source.read`.
    """
    failure: Exception
    for _ in range(MOST_QUESTIONS):
        try:
            return _sized(source, where)
        except QueryRefused as refusal:
            other, failure = asked_otherwise(where, refusal.most), refusal
        except SourceUnavailable as trouble:
            if not isinstance(error := trouble.__cause__, ServerError):
                raise
            other = _answered_otherwise(source, where, error.answer)
            failure = trouble if other else _at_what_narrows(source, where, trouble, error.cause)
        if other is None:
            break
        where = other
    raise failure


def _answered_otherwise(source: Source, where: Range, answer: Answer) -> Range | None:
    """The first of the other questions that the provider answers where it fails at this one."""
    for _ in range(MOST_QUESTIONS):
        other = asked_otherwise(where, most_a_page(answer, where.size))
        if other is None or (answer := source.once(other)).status == 200:
            return other
        where = other
    return None


def _at_what_narrows(source: Source, where: Range, trouble: SourceUnavailable, cause: Cause) -> Exception:
    """A provider that fails at a filter or at chosen fields, and answers without, doesn't take those."""
    if not (where.filter or where.fields) or source.once(replace(where, filter="", fields="")).status != 200:
        return trouble
    return QueryRefused(f"The provider does not take our query for {where.path}: {cause.message}.", cause.key)


def _first_page(source: Source, where: Range) -> tuple[PageResponse, Range]:
    try:
        return as_it_takes(source, where)
    except QueryRefused as refusal:
        if where.filter or where.fields:
            raise
        raise SourceRefused(str(refusal), refusal.kind) from refusal
    except NoPage as trouble:
        raise SourceRefused(
            f"The provider's answer for {where.path} can't be read: {trouble}. Check the base URL in the group's configuration.",
            f"answer can't be read: {trouble.cause.key}",
        ) from trouble


def _sized(source: Source, where: Range, leave_at: float = float("inf"), ask: Ask | None = None) -> tuple[PageResponse, Range]:
    """A page, and what was asked for in the end: less where that much did not come in time."""
    while True:
        try:
            return source.read(where, leave_at, ask), where
        except TooSlow:
            where = smaller(where)


def _read(
    source: Source, where: Range, leave_at: float = float("inf"), ask: Ask | None = None
) -> tuple[Range, PageResponse | None, Range | End]:
    """The page at `where`, None where what came is none; and where to read on."""
    try:
        response, where = _sized(source, where, leave_at, ask)
    except NoPage as trouble:
        return where, None, End(why=from_record(where, trouble.cause))
    return where, response, after(where, response.page)


class _Ahead:
    """Asks for the next page while the one that has come is looked at. The thread that took the answer asks on by itself, so
    that the next question is out before whoever looks at the page takes Python's lock.

    There are never two questions at once, and never more than one answer that nobody has taken. An answer to a question that
    nobody has in the end is awaited and left aside.
    """

    def __init__(self, source: Source, pool: ThreadPoolExecutor) -> None:
        self._source, self._pool = source, pool
        self._asked: tuple[Mapping[str, str], Future[Answer]] | None = None
        self._asking: Future[None] | None = None
        self._room = Semaphore(0)
        self._stopped = False

    def ask(self, where: Range, leave_at: float) -> Answer:
        if self._asking is None or self._asked is None or self._asked[0] != where.query_params():
            self.close()
            self._stopped, self._room, self._asked = False, Semaphore(0), (where.query_params(), Future())
            self._asking = self._pool.submit(self._go_on, where, leave_at, self._asked[1])
        answer, asking = self._asked[1], self._asking
        self._room.release()
        either: tuple[Future[Any], ...] = (answer, asking)
        wait(either, return_when=FIRST_COMPLETED)
        if not answer.done():
            self._asking = None
            asking.result()  # which raises why there is none
        return answer.result()

    def close(self) -> None:
        """Ask for nothing more, and wait for the answer that is under way."""
        self._stopped = True
        self._room.release()
        if self._asking:
            wait((self._asking,))
        self._asked = self._asking = None

    def _go_on(self, where: Range, leave_at: float, answer: "Future[Answer]") -> None:
        following: Range | None = where
        while following and not self._stopped:
            where = following
            came = self._source.ask(where, leave_at)
            self._room.acquire()  # until whoever looks at the pages has come for this one
            following = expected(where) if came.status == 200 and self._source.clock() <= leave_at else None
            own, answer = answer, Future()
            self._asked = (following.query_params(), answer) if following else None
            own.set_result(came)


@dataclass(frozen=True)
class _Read:
    """A page that was kept, and those after it that brought nothing new but may have announced a total (`without_records`)."""

    where: Range
    page: Page
    without_records: tuple[Page, ...] = ()


def fetch_range(
    source: Source,
    start: Range,
    keep: Keep,
    on_page: Callable[[int], None] = lambda pages: None,
    leave_at: float = float("inf"),
) -> tuple[Fetched, Range | None]:
    """Read a range, or as much as there is time for until `leave_at` (of the source's clock), one page at least: then the
    rest is returned.

    The next page is requested while one is parsed and kept, never two at once. `on_page` is called for each. Raises
    SourceUnavailable, SourceRefused; a range that is read again overwrites what it kept the first time.
    """
    where: Range | End = start
    pages: list[_Read] = []
    without_records: list[Page] = []
    keeping: Future[None] | None = None
    with ThreadPoolExecutor(2) as pool, closing(_Ahead(source, pool)) as ahead:
        while isinstance(where, Range) and (not pages or source.clock() <= leave_at):
            try:
                at, response, following = _read(source, where, leave_at, ahead.ask)
            except OutOfTime:
                break
            except (NotOffered, QueryRefused) as refusal:  # of the first page, which was there a moment ago
                raise SourceRefused(str(refusal)) from refusal
            if keeping:
                keeping.result()
            if response and brings_more(at, response.page):
                keeping = pool.submit(_kept, at, response, keep)
                pages.append(_Read(at, response.page))
            elif response:
                without_records.append(response.page)
            where = following
            on_page(1)
        if keeping:
            keeping.result()
    rest = where if isinstance(where, Range) else None
    return _fetched(start, pages, where, without_records), rest


def recheck(source: Source, start: ListStart, fetched: Iterable[Fetched]) -> Rechecked:
    """Look at a collection again, now that all of it was read: at each page that overlaps with none, its first page and what is
    announced now, and its end. The end comes last: a service that gives nothing for a while shows that at the pages before."""
    everything = [start.fetched, *(each for each in fetched if each != start.fetched)]
    unchecked = 0
    alone = [part for each in everything for part in each.parts if part.query]
    unchecked += len(alone[MOST_READ_AGAIN:])
    for part in alone[:MOST_READ_AGAIN]:
        response = _again(source, replace(start.first, offset=max(1, part.offset), link=part.query))
        unchecked += response is None or _fingerprint(response.page) != part.fingerprint
    unchecked += _leaves_out(source, start)
    seen = Rechecked(replace(start.fetched, parts=()), unchecked=unchecked)
    if start.fingerprint:
        first_page = _asked_again(source, start.first)
        if isinstance(first_page, Cause):
            return replace(seen, first_page_unread=first_page)
        again = replace(_fetched(start.first, [_Read(start.first, first_page.page)], End()), parts=())
        seen = replace(seen, fetched=again, first_page_changed=_fingerprint(first_page.page) != start.fingerprint)
    ends = [each for each in everything if each.end_question]
    came = [_again(source, replace(start.first, offset=1, link=each.end_question)) for each in ends]
    if any(_has_moved(response, each) for response, each in zip(came, ends, strict=True)):
        return replace(seen, end_moved=True)
    last = next((response.page.ids[0] for response in came if response and len(response.page.ids) == 1), "")
    if any(_goes_on(source, start, everything) for _ in ends):
        return replace(seen, goes_on=True)
    return replace(seen, other_end=_has_another_end(source, start, everything, last))


def _leaves_out(source: Source, start: ListStart) -> bool:
    """Whether the second page, by a Link that names no offset, is another one than the offset behind the first page gives: some
    providers count on by the limit that was asked for and give less. Where they ignore offsets, nothing is to be seen."""
    first_page, second = (*start.fetched.parts, None, None)[:2]
    if not first_page or not second or not second.query or "offset" in second.query:
        return False
    response = _again(source, replace(start.first, offset=second.offset))
    if response is None or not response.page.ids:
        return False
    return _fingerprint(response.page) not in (second.fingerprint, start.fingerprint)


def _has_moved(response: PageResponse | None, read: Fetched) -> bool:
    return response is None or response.page.unclear is not None or len(response.page.ids) != read.end_rows


def _goes_on(source: Source, start: ListStart, everything: Sequence[Fetched]) -> bool:
    """Whether records come from a few pages, or ten, behind the end: where a provider leaves records out of its pages after it
    has cut them, a page may be empty in the middle of a list. Asked by offset, which a list of cursors may ignore; in pages as
    long as were asked for, and as the longest that came, since a provider may give less."""
    parts = [part for each in everything for part in each.parts]
    if not parts or any("offset" not in part.query for part in parts if part.query):
        return False
    end, longest = max(part.offset + part.rows for part in parts), max(part.rows for part in parts)
    size = max(start.first.size, longest)
    ahead = sorted({pages * rows for pages in PAGES_BEHIND for rows in (longest, size)})
    probes = (_again(source, replace(start.first, offset=end + each, size=size)) for each in ahead)
    found = next((_only(probe) for probe in probes if probe and any(probe.page.ids)), None)
    return found is not None and (not found or found != _first_id(source, start))  # whole pages begin with the first again


def _has_another_end(source: Source, start: ListStart, everything: Sequence[Fetched], last: str) -> bool:
    """Whether the list, asked for in the other order, begins with another record than the `last` that came: a provider that gives
    no more than so many records puts them in order first. Asked where nothing but silence says that it ends there, or where a
    total is one at which totals are cut. One that knows no order answers as for the first record, which says nothing."""
    rows = max((part.offset + part.rows for each in everything for part in each.parts), default=0)
    if (
        not rows
        or not start.first.sorted
        or not (last or is_a_limit_of_totals(rows) or any(one.end_question for one in everything))
    ):
        return False
    one = replace(start.first, size=1)
    backwards = _only(_again(source, replace(one, link={**one.query_params(), "orderBy": "desc"})))
    if not backwards or backwards == (last or _only(_again(source, replace(one, offset=rows - 1)))):
        return False
    return backwards != _first_id(source, start)


def _first_id(source: Source, start: ListStart) -> str:
    one = replace(start.first, size=1)
    return _only(_again(source, replace(one, link=one.query_params())))


def _only(response: PageResponse | None) -> str:
    """The first record's id; some give more than were asked for."""
    return response.page.ids[0] if response and response.page.ids else ""


def _again(source: Source, where: Range) -> PageResponse | None:
    came = _asked_again(source, where)
    return None if isinstance(came, Cause) else came


def _asked_again(source: Source, where: Range) -> PageResponse | Cause:
    """The page, or why it did not come."""
    try:
        return source.read(where)
    except (NoPage, NotOffered) as trouble:
        return trouble.cause
    except QueryRefused as trouble:
        return Cause(str(trouble).removesuffix("."), trouble.kind)
    except TooSlow:
        return Cause("no answer came in time")


def why_not_whole(fetched: Iterable[Fetched], came: Mapping[str, Came], rechecked: Iterable[Rechecked]) -> Cause | None:
    """Why one entity was not proved to have come whole; None when it was.

    `came` by the list's name.
    """
    again = {each.fetched.list_name: each for each in rechecked}
    by_list: dict[str, list[Fetched]] = {}
    for each in fetched:
        by_list.setdefault(each.list_name, []).append(each)
    return rest_proof.why_not_whole(_reading(parts, came.get(name, Came()), again.get(name)) for name, parts in by_list.items())


def _reading(parts: Sequence[Fetched], came: Came, again: Rechecked | None) -> Reading:
    everything = [*parts, *([again.fetched] if again else [])]
    return Reading(
        entity=parts[0].entity,
        rows=came.rows,
        ids=came.ids,
        unreadable=came.unreadable,
        torn=came.torn,
        announced=frozenset(total for each in everything for total in each.announced),
        on_a_smaller_page=any(each.on_a_smaller_page for each in everything),
        exceeded=any(each.exceeded for each in everything),
        unchecked=came.loose + (again.unchecked if again else sum(bool(part.query) for each in parts for part in each.parts)),
        first_page_changed=bool(again and again.first_page_changed),
        first_page_unread=again.first_page_unread if again else None,
        end_moved=bool(again and again.end_moved),
        goes_on=bool(again and again.goes_on),
        other_end=bool(again and again.other_end),
        endings=frozenset(each.ending for each in parts if each.ending),
        broken_off=tuple(each.broken_off for each in parts if each.broken_off),
    )


def _fetched(start: Range, pages: Sequence[_Read], ended: Range | End, without_records: Sequence[Page] = ()) -> Fetched:
    everything = [*(each.page for each in pages), *(page for each in pages for page in each.without_records), *without_records]
    return Fetched(
        start.entity,
        start.path,
        start.offset,
        parts=tuple(_page_file(each) for each in pages if each.page.ids),
        announced=tuple(sorted({page.total for page in everything if page.total is not None})),
        on_a_smaller_page=any(page.total is not None and page.total > len(page.ids) for page in everything),
        exceeded=any(
            each.page.total is not None and each.page.ids and each.page.total < each.where.offset + len(each.page.ids)
            for each in pages
        ),
        ending=ended.ending if isinstance(ended, End) else None,
        broken_off=ended.why if isinstance(ended, End) else None,
        fields=start.fields,
        end_question=ended.question if isinstance(ended, End) else {},
        end_rows=ended.rows if isinstance(ended, End) else 0,
    )


def _page_file(read: _Read) -> PageFile:
    where, page = read.where, read.page
    stands_alone = where.offset > 0 and (bool(where.link) or not where.overlaps)
    recheck: tuple[Mapping[str, str], str] = (where.query_params(), _fingerprint(page)) if stands_alone else ({}, "")
    return PageFile(_name(where), where.offset, len(page.ids), *recheck)


def _fingerprint(page: Page) -> str:
    return sha256("\n".join(page.ids).encode()).hexdigest()


def _kept(where: Range, response: PageResponse, keep: Keep) -> None:
    if response.page.ids:
        keep(_name(where), response.body)


def _name(where: Range) -> str:
    """Of a page within the bundle. A school's id may hold what no file name does, so its lists have a digest there."""
    whole = where.path.strip("/")
    folder = where.entity if "/" not in whole else f"{whole.rsplit('/', 1)[-1]}-{sha256(whole.encode()).hexdigest()[:16]}"
    folder = f"ids-of-{folder}" if where.fields else folder
    return f"{folder}/part-{where.offset:09d}.json"
