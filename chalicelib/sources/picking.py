"""Which of the files on a server is the roster: the rule that ZIPs and loose CSVs share. Names, sizes and times in, no socket.

- Hidden files, what systems and clients leave behind, and uploads under way by their names never count.
- A ZIP counts by itself. The OneRoster CSVs of one folder count together, by the standard's names in any case; two that differ
  by case alone are refused, as they are in a ZIP.
- The newest counts, by the files' own times; by name where times are alike or the server sends none. A set of CSVs without a
  manifest that lacks a file which every roster needs counts only where there is nothing else.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath

from oneroster_engine.standard.archive import JUNK, READ

ZIP = "bundle.zip"
UNDER_WAY = (".part", ".partial", ".filepart", ".tmp", ".crdownload")
SAME_DELIVERY_S = 3600  # files that are no further apart may be parts of one delivery
NEEDED = ("orgs.csv", "users.csv", "classes.csv", "enrollments.csv")  # unless a manifest says that one is absent

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = re.compile(rf"(?<![a-z])({'|'.join(MONTHS)})[a-z]{{0,6}}(?=[-_. ]?\d)", re.IGNORECASE)
_YEAR_LAST = re.compile(r"(?<!\d)(\d{1,2})([-_. ])(\d{1,2})\2(\d{4})(?!\d)")


@dataclass(frozen=True)
class Entry:
    """A file or folder as a server lists it. `modified`: seconds by the server's clock, 0 where it sends none."""

    name: str
    path: str
    size_bytes: int
    modified: int
    is_folder: bool = False


@dataclass(frozen=True)
class RemoteFile:
    """`name` is the file's in the bundle; `modified` is in seconds by the server's clock."""

    path: str
    name: str
    size_bytes: int
    modified: int


@dataclass(frozen=True)
class Found:
    """The newest roster: one ZIP, or the CSVs of one folder. `marked` says that its done marker is there, `lacks` which files
    of a set aren't, and `by_name` that its time could not tell it from another. `beside` are ZIPs not much older than this
    one, by name, and `others` their files: where a district sends one a school, all but this would be passed over. `unread`
    are other files next to CSVs, by name: they may hold more of their rows."""

    called: str
    files: tuple[RemoteFile, ...]
    markers: tuple[str, ...] = ()
    marked: bool = False
    lacks: tuple[str, ...] = ()
    by_name: bool = False
    beside: tuple[str, ...] = ()
    others: tuple[RemoteFile, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        return sum(each.size_bytes for each in self.files)

    @property
    def modified_s(self) -> int:
        return max(each.modified for each in self.files)

    @property
    def modified(self) -> datetime | None:
        """None where the server sends no times."""
        return datetime.fromtimestamp(self.modified_s, UTC) if self.modified_s else None


class SameName(Exception):
    """Two files of one folder are the same to us; the message names both."""


def candidates(named: Iterable[Entry], beside: Sequence[Entry], done_marker: str) -> list[Found]:
    """Each ZIP among the entries, and their CSVs together; `beside` is where markers may lie. Raises SameName."""
    markers = [each for each in beside if done_marker and each.name.casefold().endswith(done_marker.casefold())]
    files = [each for each in named if not each.is_folder and each not in markers and not _is_junk(each.name)]
    csvs: dict[str, Entry] = {}
    for each in files:
        if name := READ.get(each.name.casefold()):
            if name in csvs:
                raise SameName(f"{csvs[name].name} and {each.name} differ by case alone. Keep the one that counts")
            csvs[name] = each
    zips = [each for each in files if each.name.casefold().endswith(".zip")]
    found = [_found(each.name, {ZIP: each}, [m for m in markers if _marks(m.name, each.name, done_marker)]) for each in zips]
    if csvs:
        folder = str(PurePosixPath(next(iter(csvs.values())).path).parent)
        has_said_all = "manifest.csv" in csvs and len(csvs) > 1  # a manifest alone is an upload's first file
        lacks = () if has_said_all else tuple(each for each in NEEDED if each not in csvs)
        loose = _found(f"{len(csvs)} CSV files in {folder}", csvs, markers, lacks)
        unread = sorted(each.name for each in files if each not in csvs.values() and each not in zips)
        found.append(replace(loose, unread=tuple(unread)))
    return found


def newest(found: Iterable[Found]) -> Found | None:
    """Whole sets before others, then by time, then by name."""
    found = list(found)
    paths = [each.files[0].path for each in found]
    by_path = dict(zip(paths, _in_order_of_dates(paths), strict=True))
    ranked = sorted(found, key=lambda each: (not each.lacks, each.modified_s, by_path[each.files[0].path]), reverse=True)
    if not ranked:
        return None
    first, others = ranked[0], ranked[1:]
    alike = any((each.modified_s, not each.lacks) == (first.modified_s, not first.lacks) for each in others)
    beside = [
        each
        for each in others
        if each.modified_s and first.modified_s - each.modified_s < SAME_DELIVERY_S and _is_zip(each) and _is_zip(first)
    ]
    return replace(
        first, by_name=alike, beside=tuple(sorted(each.called for each in beside)), others=tuple(each.files[0] for each in beside)
    )


def _is_zip(found: Found) -> bool:
    return found.files[0].name == ZIP


def _in_order_of_dates(names: Sequence[str]) -> list[list[tuple[int, str]]]:
    """As `in_order`, and dates that put the year last are read as dates. Whether day or month comes first is seen by the dates
    themselves, where one has a number above twelve; else the month, as where OneRoster is at home."""
    numbers = [_MONTH.sub(lambda month: f"{MONTHS.index(month[1].casefold()) + 1:02d}", name) for name in names]
    day_first = any(int(date[1]) > 12 for name in numbers for date in _YEAR_LAST.finditer(name))

    def year_first(date: re.Match[str]) -> str:
        day, month = (date[1], date[3]) if day_first else (date[3], date[1])
        return f"{date[4]}-{month}-{day}"

    return [in_order(_YEAR_LAST.sub(year_first, name)) for name in numbers]


def in_order(name: str) -> list[tuple[int, str]]:
    """By which names are compared: numbers in them by their size."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d{1,18})", name.casefold())]


def _is_junk(name: str) -> bool:
    folded = name.casefold()
    return folded.startswith((".", "~")) or folded in JUNK or folded.endswith(UNDER_WAY)


def _found(called: str, files: dict[str, Entry], markers: Sequence[Entry], lacks: tuple[str, ...] = ()) -> Found:
    remote = tuple(RemoteFile(each.path, name, each.size_bytes, each.modified) for name, each in sorted(files.items()))
    last = max(each.modified for each in remote)
    return Found(called, remote, tuple(each.path for each in markers), any(each.modified >= last for each in markers), lacks)


def _marks(marker: str, name: str, done_marker: str) -> bool:
    """roster.zip.done and roster.done both speak of roster.zip."""
    return marker.casefold() in ((name + done_marker).casefold(), (PurePosixPath(name).stem + done_marker).casefold())
