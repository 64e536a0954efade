"""Reads a provider's lists into a bundle: what to read, in which ranges, and what came of each.

Pages are handed to `keep` as they were received; what was read of a range is said in a `Fetched`, a few hundred bytes,
from which `verdict` later tells whether a list is whole. Memory holds two pages at most.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from chalicelib.errors import SourceRefused
from chalicelib.sources.rest import Got, NotOffered, OutOfTime, QueryRefused, Source, TooSlow
from chalicelib.sources.rest_answers import NoPage, Page
from chalicelib.sources.rest_paging import End, List, Range, Read, after, first, pages_left, ranges, smaller, why_incomplete

ORGS = List("orgs", "/orgs")
LISTS = (
    List("academicSessions", "/academicSessions"),
    List("courses", "/courses"),
    List("classes", "/classes"),
    List("users", "/users"),
    List("enrollments", "/enrollments"),
)
OPTIONAL = frozenset({"academicSessions", "courses"})  # a provider without them still gives a roster
# The standard has no other lists of a school's people: a guardian or a principal is in none of them.
SCHOOL_LISTS = (("classes", "classes"), ("users", "students"), ("users", "teachers"), ("enrollments", "enrollments"))
SCHOOL_USER_TYPES = ("student", "teacher")
Keep = Callable[[str, bytes], None]  # name within the bundle, and the page as received


@dataclass(frozen=True)
class Part:
    """One page as kept: `name` within the bundle, how many records it has, and which place they had in the list."""

    name: str
    offset: int
    rows: int


@dataclass(frozen=True)
class Fetched:
    """What was read of one range. `announced`: the totals told meanwhile, each once; `beyond`: more came than one told;
    `trouble`: why the range broke off.
    """

    entity: str
    path: str
    offset: int
    parts: tuple[Part, ...]
    announced: tuple[int, ...] = ()
    beyond: bool = False
    trouble: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Fetched":
        return cls(**{**told, "announced": tuple(told["announced"]), "parts": tuple(Part(**part) for part in told["parts"])})


@dataclass(frozen=True)
class Begun:
    """A list whose first page was read: what is left of it, and how to see later that it is still the same page.

    `pages` is how many pages the list has in all, None when nobody knows.
    """

    fetched: Fetched
    first: Range
    looks: str
    left: tuple[Range, ...]
    pages: int | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Begun":
        left = tuple(range_of(each) for each in told["left"])
        return cls(Fetched.from_json(told["fetched"]), range_of(told["first"]), told["looks"], left, told["pages"])


def range_of(told: Mapping[str, Any]) -> Range:
    """A range from its JSON."""
    return Range(**{**told, "seen": tuple(told["seen"])})


def lists_of_schools(schools: Iterable[str]) -> tuple[List, ...]:
    """What to read for a roster of these schools alone. Sessions and courses name no person and are often the district's."""
    common = tuple(each for each in LISTS if each.entity in OPTIONAL)
    return common + tuple(
        List(entity, f"/schools/{quote(school, safe='')}/{name}") for school in sorted(schools) for entity, name in SCHOOL_LISTS
    )


def lists_changed_after(moment: datetime) -> tuple[List, ...]:
    """What to read for what has changed after `moment`: OneRoster REST Binding, filters on `dateLastModified`."""
    after_it = f"dateLastModified>'{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z'"
    return tuple(replace(each, filter=after_it) for each in LISTS)


def begin(source: Source, wanted: List, size: int, keep: Keep) -> Begun:
    """Read a list's first page and plan the rest.

    Raises NotOffered where the provider lacks a list that a roster needs, and QueryRefused where it doesn't take its filter.
    """
    where = first(wanted, size)
    try:
        got, where = _first_page(source, where)
    except NotOffered as refusal:
        if wanted.entity not in OPTIONAL:
            raise
        trouble = f"{wanted.entity}: {str(refusal).split('. ')[0]}"
        return Begun(Fetched(wanted.entity, wanted.path, 0, (), trouble=trouble), where, "", (), 0)
    _kept(where, got, keep)
    following = after(where, got.page)
    trouble = following.trouble if isinstance(following, End) else ""
    left = ranges(where, got.page)
    pages = pages_left(left, got.page.total)
    return Begun(
        _fetched(where, [(where, got.page)], trouble),
        where,
        _looks(got),
        tuple(left),
        None if pages is None else pages + 1,
    )


def _first_page(source: Source, where: Range) -> tuple[Got, Range]:
    try:
        try:
            return _read(source, where)
        except QueryRefused:  # a provider that knows no `sort`; the ids tell whether that did harm
            return _read(source, replace(where, sorted=False))
    except QueryRefused as refusal:
        if where.filter:
            raise
        raise SourceRefused(str(refusal)) from refusal
    except NoPage as trouble:
        raise SourceRefused(
            f"The provider's answer for {where.path} can't be read: {trouble}. Check the base URL in the group's configuration."
        ) from trouble


def _read(source: Source, where: Range, leave_at: float = float("inf")) -> tuple[Got, Range]:
    """A page, and what was asked for in the end: less where that much did not come in time."""
    while True:
        try:
            return source.read(where, leave_at), where
        except TooSlow:
            where = smaller(where)


def fetch_range(
    source: Source, start: Range, keep: Keep, read: Callable[[int], None] = lambda pages: None, leave_at: float = float("inf")
) -> tuple[Fetched, Range | None]:
    """Read a range, or as much as there is time for until `leave_at` (of the source's clock), one page at least: then the
    rest is returned.

    While a page is kept the next one is asked for, never two at once. `read` is told of each page. Raises
    SourceUnavailable, SourceRefused; a range that is read again overwrites what it kept the first time.
    """
    where: Range | End = start
    pages: list[tuple[Range, Page]] = []
    keeping: Future[None] | None = None
    with ThreadPoolExecutor(1) as pool:
        while isinstance(where, Range) and (not pages or source.clock() <= leave_at):
            try:
                got, where = _read(source, where, leave_at)
            except OutOfTime:
                break
            except (NotOffered, QueryRefused) as refusal:  # it was, a page before
                raise SourceRefused(str(refusal)) from refusal
            except NoPage as misread:
                where = End(f"{where.entity}: at record {where.offset:,} {misread}")
                break
            if keeping:
                keeping.result()
            following = after(where, got.page)
            if not (isinstance(following, End) and following.useless):
                keeping = pool.submit(_kept, where, got, keep)
                pages.append((where, got.page))
            where = following
            read(1)
        if keeping:
            keeping.result()
    rest = where if isinstance(where, Range) else None
    return _fetched(start, pages, where.trouble if isinstance(where, End) else ""), rest


def fetch_whole(source: Source, wanted: List, size: int, keep: Keep) -> list[Fetched]:
    """Read a list from its first page to its last, one after another."""
    begun = begin(source, wanted, size, keep)
    return [begun.fetched, *(fetch_range(source, each, keep)[0] for each in begun.left)]


def see_again(source: Source, begun: Begun) -> tuple[Fetched, bool]:
    """Look at a list's first page once more: what is announced now, and whether the page has changed."""
    if not begun.looks:
        return replace(begun.fetched, parts=()), False
    got = source.read(begun.first)
    return replace(_fetched(begun.first, [(begun.first, got.page)]), parts=()), _looks(got) != begun.looks


def verdict(fetched: Iterable[Fetched], ids: Mapping[str, int], unlike: Collection[str]) -> str:
    """Why one entity was not proved complete, in a sentence without its full stop; empty when it was.

    By path: `ids` how many different ids its pages hold, `unlike` where the first page has changed.
    """
    by_path: dict[str, list[Fetched]] = {}
    for each in fetched:
        by_path.setdefault(each.path, []).append(each)
    reads = [
        Read(
            entity=parts[0].entity,
            rows=sum(part.rows for each in parts for part in each.parts),
            ids=ids.get(path, 0),
            announced=frozenset(total for each in parts for total in each.announced),
            beyond=any(each.beyond for each in parts),
            unlike=path in unlike,
            troubles=tuple(each.trouble for each in parts if each.trouble),
        )
        for path, parts in by_path.items()
    ]
    return why_incomplete(reads)


def _fetched(start: Range, pages: Sequence[tuple[Range, Page]], trouble: str = "") -> Fetched:
    return Fetched(
        start.entity,
        start.path,
        start.offset,
        parts=tuple(Part(_name(where), where.offset, len(page.ids)) for where, page in pages if page.ids),
        announced=tuple(sorted({page.total for _, page in pages if page.total is not None})),
        beyond=any(page.total is not None and page.ids and page.total < where.offset + len(page.ids) for where, page in pages),
        trouble=trouble,
    )


def _looks(got: Got) -> str:
    return sha256("\n".join(got.page.ids).encode()).hexdigest()


def _kept(where: Range, got: Got, keep: Keep) -> None:
    if got.page.ids:
        keep(_name(where), got.body)


def _name(where: Range) -> str:
    """Of a page within the bundle. A school's id may hold what no file name does, so its lists have a digest there."""
    whole = where.path.strip("/")
    folder = where.entity if "/" not in whole else f"{whole.rsplit('/', 1)[-1]}-{sha256(whole.encode()).hexdigest()[:16]}"
    return f"{folder}/part-{where.offset:09d}.json"
