"""A ZIP of OneRoster CSVs: inflate the files that we read, and nothing that could hurt.

What a hostile or broken archive may cost is bounded by what is really read and what really comes out, not by what its directory
claims: the directory itself, every member by any method, and one ZIP in the ZIP.
"""

import errno
import json
import re
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from threading import Lock
from typing import IO, Any, Protocol, cast

from isal.igzip_lib import IsalError

from oneroster_engine.errors import BundleRefused
from oneroster_engine.standard.archive_contents import FINDINGS, Contents
from oneroster_engine.standard.entities import ROSTER_FILES
from oneroster_engine.standard.file_kinds import other_kind
from oneroster_engine.standard.inflating import CHUNK, Unsupported, inflated

LONGEST_DIRECTORY = 1 << 20  # bytes; a thousand members have a tenth of it
DIRECTORY_END = (1 << 16) + 128  # bytes of a file's end that may hold the end of the directory and its comment
AT_ONCE = 4 << 30  # bytes of CSV: with them, a stage of as many and its ZIP, a Lambda's disk of 10 GB is full
DEEPEST = 2  # parts of a CSV's path: a folder and the file
READ = {f"{name}.csv".casefold(): f"{name}.csv" for name in ("manifest", *ROSTER_FILES)}
JUNK = ("__macosx", ".ds_store", "thumbs.db", "desktop.ini")
MOST_NAMED = 5
TABLES = (".csv", ".txt", ".tsv", ".tab", ".xls", ".xlsx", ".xlsm", ".ods", ".numbers", ".json", ".xml", ".bak", ".gz")
UNREADABLE: tuple[type[Exception], ...] = (
    zipfile.BadZipFile, zlib.error, cast(type[Exception], IsalError),
    EOFError, NotImplementedError, RuntimeError, OSError, ValueError,
)  # fmt: skip
# Not `users 2`, as a Mac calls a copy.
_PART = re.compile(
    r"([a-z]+)(?:[ _.-]*(?:part|teil|partie|parte|deel|chunk)[ _.-]*\d{1,3}|[_.-]?\d{1,3}"
    r"|[ _.-]+(?:students?|teachers?|staff|parents?|guardians?|faculty))",
    re.IGNORECASE,
)
_COPY = re.compile(r" ?\(\d+\)$|[ _-]+(copy|kopie|copie)( ?\d*)$|^(copy of|kopie von) ", re.IGNORECASE)


class There(Protocol):
    """A bundle's file of a name, users.csv, is whole while the block lasts. For one that the bundle lacks nobody waits."""

    def __call__(self, name: str, /) -> AbstractContextManager[None]: ...


@contextmanager
def there_already(name: str) -> Iterator[None]:
    """`There`, for files that all came before."""
    yield


@dataclass(frozen=True)
class Limits:
    """What an archive may cost. `ratio` is expanded bytes to packed bytes, over the whole archive; `entries` counts all that its
    directory names, folders too."""

    zip_bytes: int = 1 << 30
    expanded_bytes: int = 8 << 30
    entries: int = 1000
    ratio: int = 200


@dataclass(frozen=True)
class _Found:
    """The members to read by the standard's names, and what else there is."""

    members: Mapping[str, zipfile.ZipInfo]
    contents: Contents


def inflate(archive: Path, out: Path, limits: Limits, only: frozenset[str] | None = None) -> list[Path]:
    """Write the archive's OneRoster CSVs to `out` under the standard's names; `only` narrows them (e.g. {"orgs.csv"}).

    Any case of the names, one folder, one ZIP around them, and other files are accepted. Raises BundleRefused, with a
    sentence that says what to do, for everything that can't be trusted.
    """
    with archive.open("rb") as file:
        return inflate_file(file, archive.stat().st_size, out, limits, only)


def inflate_file(file: IO[bytes], size: int, out: Path, limits: Limits, only: frozenset[str] | None = None) -> list[Path]:
    """As `inflate`, of a file that may lie elsewhere: only its directory and the wanted members are read."""
    with _refusing(file), _opened(file, size, limits) as (opened, found, room):
        return list(_write(opened, found, out, room, only)[1])


@contextmanager
def inflating(archive: Path, out: Path, limits: Limits, at_once: int = AT_ONCE) -> Iterator[There]:
    """As `inflate`, while files that are whole already are read. All are in `out` from the beginning, empty.

    Files that expand to no more than `at_once` bytes together are inflated in parallel with the reading, the smallest first, and
    stay. Of larger ones each is inflated when it is asked for and emptied after it, so that the disk need not hold them all; it
    may be asked for again. What is given, and the end of the context, raise what `inflate` does.
    """
    with archive.open("rb") as file, ExitStack() as stack:
        with _refusing(file):
            opened, found, room = stack.enter_context(_opened(file, archive.stat().st_size, limits))
            names, files = _write(opened, found, out, room)
        for name in names:
            (out / name).touch()
        if sum(found.members[name].file_size for name in names) > at_once:
            yield from _one_by_one(file, opened, found, out, room)
        else:
            yield from _all(file, names, files, stack.enter_context(ThreadPoolExecutor(1)))


def _all(file: IO[bytes], names: Sequence[str], files: Iterator[Path], executor: ThreadPoolExecutor) -> Iterator[There]:
    whole = {name: Future[None]() for name in names}

    def inflate_all() -> None:
        try:
            with _refusing(file):
                for path in files:
                    whole[path.name].set_result(None)
        except BaseException as trouble:  # noqa: BLE001  raised by the reader that waits for a file that will not come
            for each in whole.values():
                if not each.done():
                    each.set_exception(trouble)

    @contextmanager
    def there(name: str) -> Iterator[None]:
        if name in whole:
            whole[name].result()
        yield

    executor.submit(inflate_all)
    yield there
    for each in whole.values():
        each.result()


def _one_by_one(file: IO[bytes], opened: zipfile.ZipFile, found: _Found, out: Path, room: int) -> Iterator[There]:
    sizes: dict[str, int] = {}
    turn = Lock()  # the archive has one place that it is read at

    def inflate_it(name: str) -> None:
        left = room - sum(size for other, size in sizes.items() if other != name)
        with turn, _refusing(file), (out / name).open("wb") as to:
            sizes[name] = _copy(opened, found.members[name], to, left)

    @contextmanager
    def there(name: str) -> Iterator[None]:
        if name not in found.members:
            yield
            return
        inflate_it(name)
        yield
        (out / name).open("wb").close()

    yield there
    for name in found.members.keys() - sizes.keys():  # damaged or not, though nobody reads it
        with there(name):
            pass


@contextmanager
def _refusing(file: IO[bytes]) -> Iterator[None]:
    """Whatever an archive that can't be read leads to is a refusal."""
    try:
        yield
    except Unsupported as trouble:
        raise _refused(str(trouble), "Make the ZIP again with the usual method (Deflate)") from trouble
    except UNREADABLE as trouble:
        if isinstance(trouble, OSError) and trouble.errno != errno.EINVAL:  # EINVAL: a seek to where the archive lies
            raise
        raise _refused(_what_it_is(file), "Make the ZIP again and check that it opens") from trouble


def _what_it_is(file: IO[bytes]) -> str:
    message = "The file is not a ZIP that can be read"
    try:
        file.seek(0)
        head = file.read(CHUNK)
    except (OSError, ValueError):
        return message
    if head.startswith(b"PK"):
        return f"{message}; it begins as one, and may be cut or damaged"
    if kind := other_kind(head):
        return f"{message}; it is {kind}"
    if head and b"\0" not in head:
        return f"{message}; it is plain text, as one CSV of a bundle is"
    return message


@contextmanager
def _opened(file: IO[bytes], size: int, limits: Limits) -> Iterator[tuple[zipfile.ZipFile, _Found, int]]:
    """The archive that holds the CSVs, which may be the only one in another; what is in it, and how much may come out."""
    if size > limits.zip_bytes:
        raise _refused(f"The file is larger than {limits.zip_bytes:,} bytes", "Send it in a smaller archive")
    room = min(limits.expanded_bytes, max(size, 1) * limits.ratio)
    opened = directory(file, limits)
    found = _members(opened.infolist())
    if isinstance(found, _Found):
        yield opened, found, room
        return
    with TemporaryFile() as inner:
        room -= _copy(opened, found, inner, min(room, limits.zip_bytes))
        within = directory(inner, limits)
        name = found.filename
        found = _members(within.infolist())
        if not isinstance(found, _Found):
            raise _refused("There is a ZIP inside the ZIP inside the ZIP", "Pack the CSV files themselves")
        note = f"The CSVs lie in {_short(name)} inside of the ZIP, and were read from there."
        yield within, _Found(found.members, replace(found.contents, notes=(note, *found.contents.notes))), room


class _Bounded:
    """A file of which no more than a directory's worth is read at once. `zipfile` reads a directory whole, whatever its size."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._left = file, LONGEST_DIRECTORY + 2 * DIRECTORY_END

    def read(self, size: int = -1) -> bytes:
        self._left -= max(size, 0)
        if self._left < 0 or (size < 0 and not self._is_near_the_end()):
            raise _refused("The ZIP's directory is far larger than a roster's", "Send only the OneRoster CSVs")
        return self._file.read(size)

    def _is_near_the_end(self) -> bool:
        at = self._file.tell()
        end = self._file.seek(0, 2)
        self._file.seek(at)
        return end - at <= DIRECTORY_END

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def directory(file: IO[bytes], limits: Limits) -> zipfile.ZipFile:
    """What the archive says of itself. Raises BundleRefused, and what UNREADABLE names."""
    opened = zipfile.ZipFile(cast(IO[bytes], _Bounded(file)))
    opened.fp = file
    if len(opened.infolist()) > limits.entries:
        raise _refused(f"The ZIP has more than {limits.entries} files", "Send only the OneRoster CSVs")
    return opened


def _write(
    opened: zipfile.ZipFile, found: _Found, out: Path, room: int, only: frozenset[str] | None = None
) -> tuple[list[str], Iterator[Path]]:
    """The names of the wanted files, the smallest first, and each as it is whole."""
    by_size = sorted(found.members.items(), key=lambda member: member[1].file_size)
    wanted = {name: info for name, info in by_size if only is None or name in only}
    out.mkdir(parents=True, exist_ok=True)
    if found.contents != Contents():
        (out / FINDINGS).write_text(json.dumps(asdict(found.contents)))

    def files() -> Iterator[Path]:
        left = room
        for name, info in wanted.items():
            with (out / name).open("wb") as to:
                left -= _copy(opened, info, to, left)
            yield out / name

    return list(wanted), files()


def _members(infos: Iterable[zipfile.ZipInfo]) -> "_Found | zipfile.ZipInfo":
    """The CSVs to read; or the one ZIP that may hold them."""
    paths = [(_safe(info.filename), info) for info in infos if not info.filename.endswith("/") and not _junk(info.filename)]
    named = [(path, info) for path, info in paths if path.name.casefold() in READ]
    notes: list[str] = []
    if near := [each for each in named if len(each[0].parts) <= DEEPEST]:
        chosen = near
    else:
        chosen = named  # all of them deeper, in one folder or refused below
        if chosen:
            notes.append(f"The CSVs lie in the folder {_short(str(chosen[0][0].parent))} of the ZIP, and were read from there.")
    found: dict[str, zipfile.ZipInfo] = {}
    for path, info in chosen:
        name = READ[path.name.casefold()]
        if info.flag_bits & 1:
            raise _refused("The ZIP is encrypted", "Send it without a password")
        if name in found:
            both = f"as {_short(found[name].filename)} and as {_short(info.filename)}"
            raise _refused(f"{name} is in the ZIP twice, {both}", "Keep the one that counts")
        found[name] = info
    zips = [(path, info) for path, info in paths if path.suffix.casefold() == ".zip"]
    if not found:
        return _only_zip(paths, zips)
    if len({path.parent for path, _ in chosen}) > 1:
        raise _refused("The CSVs lie in more than one folder of the ZIP", "Put them all in one place")
    if zips:
        notes.append(f"The ZIP holds another ZIP next to the CSVs, which was not read: {_listed(path for path, _ in zips)}.")
    beside = contents_beside([path for path, info in paths if info not in found.values()], found, "The ZIP")
    return _Found(found, replace(beside, notes=(*notes, *beside.notes)))


def contents_beside(others: Sequence[PurePosixPath], found: Collection[str], where: str) -> Contents:
    """What the files that were not read may be, next to the CSVs called `found`. Raises BundleRefused, about `where`, for one
    that may be the manifest."""
    instead = _instead(others, found)
    if "manifest" in instead:
        raise _refused(
            f"{where} holds {_short(instead['manifest'])} instead of manifest.csv, which says how its files are meant",
            "Rename it to manifest.csv, as CSV, or take it out",
        )
    notes = [f"{_short(other)} was not read; if it is {name}.csv, rename it." for name, other in instead.items()]
    notes += [
        f"{_short(str(path))} was not read, since {name} is there too. If it is the newer one, send it as {name}."
        for path in others
        if (name := _copied(path)) in found
    ]
    parts = {name.removesuffix(".csv"): str(path) for path in others if (name := _whole_of(path)) in found}
    warnings = [
        f"{_short(path)} was not read, and may hold more rows of {name}.csv; nothing of that is removed. Put all of its "
        f"rows into {name}.csv, or take the other file out."
        for name, path in parts.items()
    ]
    tables = [_short(str(path)) for path in others if path.suffix.casefold() in TABLES]
    return Contents(instead, parts, tuple(tables[:MOST_NAMED]), tuple(notes), tuple(warnings))


def _only_zip(
    paths: Collection[tuple[PurePosixPath, zipfile.ZipInfo]], zips: list[tuple[PurePosixPath, zipfile.ZipInfo]]
) -> zipfile.ZipInfo:
    """The one ZIP of an archive without CSVs. Raises BundleRefused where there isn't just one."""
    if len(zips) == 1:
        if zips[0][1].flag_bits & 1:
            raise _refused("The ZIP is encrypted", "Send it without a password")
        return zips[0][1]
    if zips:
        raise _refused(
            f"The ZIP holds {len(zips)} ZIPs and no CSV of OneRoster: {_listed(path for path, _ in zips)}",
            "Send the one that holds the CSVs",
        )
    names = {path.name.casefold() for path, _ in paths}
    if "[content_types].xml" in names:
        raise _refused("The file is an Office file such as an Excel workbook, and no ZIP of CSVs", "Export as CSV and pack that")
    holds = f"; it holds {_listed(path for path, _ in paths)}" if paths else "; it is empty"
    raise _refused(f"The ZIP holds no OneRoster CSV files{holds}", "Pack orgs.csv, users.csv and the others into it")


def _instead(others: Iterable[PurePosixPath], found: Collection[str]) -> dict[str, str]:
    """Of the standard's files that are missing, what may be meant by them: users.csv.txt, users (1).csv, users.xlsx."""
    instead: dict[str, str] = {}
    for path in others:
        name = _copied(path) or _near(_stem(path))
        if name and name not in found:
            instead.setdefault(name.removesuffix(".csv"), str(path))
    return instead


def _copied(path: PurePosixPath) -> str:
    """The standard's file whose name this is but for what copying adds, users (1).csv and users.csv.txt; else empty."""
    return READ.get(f"{_COPY.sub('', _stem(path).strip()).strip()}.csv".casefold(), "")


def _whole_of(path: PurePosixPath) -> str:
    """The standard's file of which this may be a part, by its name: users_2.csv, users-part3.csv, users_teachers.csv; else
    empty."""
    found = _PART.fullmatch(_stem(path).strip()) if path.suffix.casefold() in TABLES else None
    return READ.get(f"{found[1]}.csv".casefold(), "") if found else ""


def _stem(path: PurePosixPath) -> str:
    stem = path.name
    while (suffix := PurePosixPath(stem).suffix) and suffix.casefold() in TABLES:
        stem = stem.removesuffix(suffix)
    return stem


def _near(stem: str) -> str:
    """The standard's file whose name is a word of another (`oneroster_users_2026-09-01`), or nearly that (`enrolments`)."""
    words = re.split(r"[^a-z]+", stem.casefold())
    for word in (*words, "".join(words)):
        if f"{word}.csv" in READ:
            return READ[f"{word}.csv"]
    near = get_close_matches("".join(words), [name.removesuffix(".csv") for name in READ], n=1, cutoff=0.85)
    return READ[f"{near[0]}.csv"] if near else ""


def _safe(name: str) -> PurePosixPath:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or any(":" in part for part in path.parts[:1]):
        raise _refused("The ZIP has a file name that points outside of it", "Make the ZIP again from the CSV files alone")
    return path


def _junk(name: str) -> bool:
    parts = name.replace("\\", "/").casefold().split("/")
    return any(part in JUNK or part.startswith("._") for part in parts)


def _copy(opened: zipfile.ZipFile, info: zipfile.ZipInfo, out: IO[bytes], room: int) -> int:
    """Inflate one member; bytes written. Stops at `room`, whatever the directory says."""
    written = 0
    for chunk in inflated(opened, info):
        written += len(chunk)
        if written > room:
            raise _refused("The ZIP expands to far more than a roster", "Check what is in it and send it again")
        out.write(chunk)
    return written


def _listed(paths: Iterable[PurePosixPath]) -> str:
    names = [_short(str(path)) for path in paths]
    return ", ".join(names[:MOST_NAMED]) + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")


def _short(name: str) -> str:
    name = "".join(each if each.isprintable() else "?" for each in name)
    return name if len(name) <= 60 else name[:57] + "..."


def _refused(what: str, do: str) -> BundleRefused:
    return BundleRefused(f"{what}. {do}.")
