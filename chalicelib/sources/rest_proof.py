"""Whether a collection came whole: the proofs of its end, and what no proof stands against. Two tables, and nothing else counts.

A record that is missing from a complete collection counts as removed. So there must be evidence of its end, and not only no
evidence of more; whatever is neither is *not whole*: what came is used, and nobody is removed because they did not come.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from chalicelib.model.causes import Cause, joined
from chalicelib.sources.rest_paging import Ending, is_a_limit, is_a_limit_of_totals


@dataclass(frozen=True)
class Reading:
    """What was read of one collection.

    `rows` counts its records without those in which pages overlap, `ids` the different ones, `unreadable` those that are no
    records. `announced`: the totals that were told, each once; `on_a_smaller_page`: one was told by a page with fewer
    records, so that it isn't the page's own size; `exceeded`: more came than one told, so that totals are nothing to go by.
    `torn`: places where a page does not begin with the record that the page before ended with. `unchecked`: pages that
    overlap with none, and were not found the same when they were read again. `first_page_changed`: when it was read again at
    the end, `first_page_unread`: why it did not come then, and `end_moved`: what was asked for its end brought more, or none,
    when it was asked again then; `goes_on`: records came from further behind it; `other_end`: in the other order it begins
    with a record that is not its last. `endings`: what was seen at the end. `broken_off`: why it was not read further.
    """

    entity: str
    rows: int
    ids: int
    unreadable: int = 0
    announced: frozenset[int] = frozenset()
    on_a_smaller_page: bool = False
    exceeded: bool = False
    torn: int = 0
    unchecked: int = 0
    first_page_changed: bool = False
    first_page_unread: Cause | None = None
    end_moved: bool = False
    goes_on: bool = False
    other_end: bool = False
    endings: frozenset[Ending] = frozenset()
    broken_off: tuple[Cause, ...] = field(default=())

    @property
    def totals(self) -> frozenset[int]:
        """Those that can be the collection's."""
        return frozenset() if self.exceeded else self.announced

    @property
    def lowest(self) -> int:
        return min(self.totals, default=0)

    @property
    def highest(self) -> int:
        return max(self.totals, default=0)

    @property
    def again(self) -> int:
        """Records that came more than once."""
        return self.rows - self.unreadable - self.ids


SEEN_BEHIND = frozenset({Ending.NOTHING_AFTER, Ending.AFTER_A_FULL_PAGE, Ending.NO_NEXT_LINK})

# What proves that a collection has ended. One is enough.
PROOFS: tuple[tuple[str, Callable[[Reading], bool]], ...] = (
    (
        "as many different records as were announced, by a total that is more than its page's own size; and what is behind it "
        "was asked for, where that is 100, 200, 500, 1,000 and so on",
        lambda read: (
            read.totals == {read.ids}
            and read.on_a_smaller_page
            and (not is_a_limit_of_totals(read.ids) or bool(read.endings & SEEN_BEHIND))
        ),
    ),
    (
        "nothing after the last record: it came alone, or on a page with room for more, and behind it a proper empty list",
        lambda read: Ending.NOTHING_AFTER in read.endings,
    ),
    (
        "a Link header without a next page, from a provider that has named one before",
        lambda read: Ending.NO_NEXT_LINK in read.endings,
    ),
)


@dataclass(frozen=True)
class Objection:
    """What outweighs any proof where it `holds`. `{}` in `words` is filled from the reading, and `{because}` from what came in
    place of an answer: two collections have the same trouble only where that is the same too."""

    words: str
    holds: Callable[[Reading], bool]
    because: Callable[[Reading], Cause | None] = lambda read: None

    def cause(self, read: Reading) -> Cause:
        because = self.because(read) or Cause("")
        message = self.words.format(read=read, because=because.message)
        return Cause(message, self.words.replace("{because}", because.key))


def _broken_off(read: Reading) -> Cause | None:
    return next(iter(read.broken_off), None)


OBJECTIONS = (
    Objection("the list changed at the provider while it was read", lambda read: read.first_page_changed),
    Objection(
        "the list changed at the provider while it was read, or its totals count something else: from {read.lowest:,} to "
        "{read.highest:,} records were announced",
        lambda read: len(read.totals) > 1,
    ),
    Objection(
        "the list changed at the provider while it was read: {read.torn:,} of its pages do not begin where the one before ended",
        lambda read: read.torn > 0,
    ),
    Objection(
        "all {read.ids:,} records that the provider announces came, but {read.ids:,} is a number at which totals are cut, and "
        "behind them came no empty list: {because}",
        lambda read: (
            bool(read.broken_off)
            and read.announced == {read.ids}  # also where one of them came again behind the end
            and is_a_limit_of_totals(read.ids)
            and not read.endings & {*SEEN_BEHIND, Ending.SAID_OTHERWISE}
        ),
        _broken_off,
    ),
    Objection(
        "{because}",
        lambda read: bool(read.broken_off) and (Ending.SAID_OTHERWISE in read.endings or not _all_announced_came(read)),
        _broken_off,
    ),
    Objection(
        "its first page, which shows whether it changed meanwhile, could not be read again at the end: {because}",
        lambda read: read.first_page_unread is not None,
        lambda read: read.first_page_unread,
    ),
    Objection(
        "the provider announces {read.lowest:,} records and sent {read.ids:,}",
        lambda read: bool(read.totals) and read.totals != {read.ids},
    ),
    Objection(
        "{read.unreadable:,} of {read.rows:,} records can't be read, and nobody knows whom they stand for",
        lambda read: read.unreadable > 0 and not _all_announced_came(read),
    ),
    Objection(
        "{read.again:,} of {read.rows:,} records came twice, so others may not have come",
        lambda read: read.again != 0 and not _all_announced_came(read),
    ),
    Objection(
        "{read.unchecked:,} of its pages do not overlap with another, and were not the same when they were read again",
        lambda read: read.unchecked > 0,
    ),
    Objection(
        "other records came, or none, when its end was asked for again after everything was read",
        lambda read: read.end_moved,
    ),
    Objection("records came from further behind its end", lambda read: read.goes_on),
    Objection(
        "it ends with record {read.rows:,} exactly, where a full page ends, and no total says that these are all",
        lambda read: Ending.AFTER_A_FULL_PAGE in read.endings and not _all_announced_came(read),
    ),
    Objection(
        "it ends with record {read.rows:,} exactly, as if the provider gave no more, and no total says that these are all",
        lambda read: is_a_limit(read.rows) and not _all_announced_came(read) and Ending.NO_NEXT_LINK not in read.endings,
    ),
    Objection(
        "asked for in the other order, it begins with another record than the last of the {read.rows:,} that came",
        lambda read: read.other_end,
    ),
    Objection(
        "nothing proves that it ends with record {read.rows:,}: no total, no Link header, and no empty page after it",
        lambda read: not any(holds(read) for _, holds in PROOFS),
    ),
)


def _all_announced_came(read: Reading) -> bool:
    return PROOFS[0][1](read)


def why_not_whole(readings: Iterable[Reading]) -> Cause | None:
    """Why one entity's collections can't be taken as whole; None when they can.

    The same cause in several collections is reported once, with their number.
    """
    met = ((read, next((each for each in OBJECTIONS if each.holds(read)), None)) for read in readings)
    return joined([objection.cause(read) for read, objection in met if objection], "(in {number} lists)")
