"""A ZIP of OneRoster CSVs: inflate the files that we read, and nothing that could hurt.

What a hostile or broken archive may cost is bounded while inflating, by what really comes out, not by what its
directory claims.
"""

import errno
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

from isal import isal_zlib
from isal.igzip_lib import IsalError

from oneroster_engine.errors import BundleRefused
from oneroster_engine.standard.entities import ROSTER_FILES

CHUNK = 1 << 17
LENGTHS_AT = 26  # in a member's local header: of its name and of what else stands there, two bytes each
READ = {f"{name}.csv".casefold(): f"{name}.csv" for name in ("manifest", *ROSTER_FILES)}
JUNK = ("__macosx", ".ds_store", "thumbs.db", "desktop.ini")
UNREADABLE: tuple[type[Exception], ...] = (
    zipfile.BadZipFile, zlib.error, cast(type[Exception], IsalError),
    EOFError, NotImplementedError, RuntimeError, OSError, ValueError,
)  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """What an archive may cost. `ratio` is expanded bytes to packed bytes, over the whole archive."""

    zip_bytes: int = 1 << 30
    expanded_bytes: int = 8 << 30
    entries: int = 1000
    ratio: int = 200


def inflate(archive: Path, out: Path, limits: Limits, only: frozenset[str] | None = None) -> list[Path]:
    """Write the archive's OneRoster CSVs to `out` under the standard's names; `only` narrows them (e.g. {"orgs.csv"}).

    One folder level, any case of the names, and other files beside them are accepted. Raises BundleRefused, with a
    sentence that says what to do, for everything that can't be trusted.
    """
    with archive.open("rb") as file:
        return inflate_file(file, archive.stat().st_size, out, limits, only)


def inflate_file(file: IO[bytes], size: int, out: Path, limits: Limits, only: frozenset[str] | None = None) -> list[Path]:
    """As `inflate`, of a file that may lie elsewhere: only its directory and the wanted members are read."""
    with _refusing():
        return list(_inflation(file, size, out, limits, only)[1])


@contextmanager
def inflating(archive: Path, out: Path, limits: Limits) -> Iterator[Callable[[str], None]]:
    """As `inflate`, beside whatever reads the files that are whole already: the smaller ones are first, and all are there.

    What is given waits until the file of a name is whole. It and the end of the context raise what `inflate` does.
    """
    with archive.open("rb") as file, ThreadPoolExecutor(1) as beside:
        with _refusing():
            names, files = _inflation(file, archive.stat().st_size, out, limits)
        whole = {name: Future[None]() for name in names}
        for name in names:
            (out / name).touch()

        def inflate_all() -> None:
            try:
                with _refusing():
                    for path in files:
                        whole[path.name].set_result(None)
            except BaseException as trouble:  # noqa: BLE001  whoever waits for a file that will not come raises it
                for each in whole.values():
                    if not each.done():
                        each.set_exception(trouble)

        def wait(name: str) -> None:
            if name in whole:
                whole[name].result()

        beside.submit(inflate_all)
        yield wait
        for name in names:
            wait(name)


@contextmanager
def _refusing() -> Iterator[None]:
    """Whatever an archive that can't be read leads to is a refusal."""
    try:
        yield
    except UNREADABLE as trouble:
        if isinstance(trouble, OSError) and trouble.errno != errno.EINVAL:  # EINVAL: a seek to where the archive lies
            raise
        raise _refused("The file is not a ZIP that can be read", "Make the ZIP again and check that it opens") from trouble


def _inflation(
    file: IO[bytes], size: int, out: Path, limits: Limits, only: frozenset[str] | None = None
) -> tuple[list[str], Iterator[Path]]:
    """The names of the wanted files, the smallest first, and each as it is whole."""
    if size > limits.zip_bytes:
        raise _refused(f"The file is larger than {limits.zip_bytes:,} bytes", "Send it in a smaller archive")
    opened = zipfile.ZipFile(file)
    members = _members(opened.infolist(), limits)
    by_size = sorted(members.items(), key=lambda member: member[1].file_size)
    wanted = {name: info for name, info in by_size if only is None or name in only}
    out.mkdir(parents=True, exist_ok=True)

    def files() -> Iterator[Path]:
        room = min(limits.expanded_bytes, max(size, 1) * limits.ratio)
        for name, info in wanted.items():
            room -= _copy(opened, info, out / name, room)
            yield out / name

    return list(wanted), files()


def _members(infos: Iterable[zipfile.ZipInfo], limits: Limits) -> dict[str, zipfile.ZipInfo]:
    infos = [info for info in infos if not info.filename.endswith("/") and not _junk(info.filename)]
    if len(infos) > limits.entries:
        raise _refused(f"The ZIP has more than {limits.entries} files", "Send only the OneRoster CSVs")
    found: dict[str, zipfile.ZipInfo] = {}
    folders: set[str] = set()
    for info in infos:
        path = _safe(info.filename)
        name = READ.get(path.name.casefold())
        if path.suffix.casefold() == ".zip":
            raise _refused("There is a ZIP inside the ZIP", "Pack the CSV files themselves")
        if name is None or len(path.parts) > 2:
            continue
        if info.flag_bits & 1:
            raise _refused("The ZIP is encrypted", "Send it without a password")
        if name in found:
            raise _refused(f"{name} is in the ZIP twice", "Keep the one that counts")
        found[name] = info
        folders.add(str(path.parent))
    if not found:
        raise _refused("The ZIP holds no OneRoster CSV files", "Pack orgs.csv, users.csv and the others into it")
    if len(folders) > 1:
        raise _refused("The CSVs lie in more than one folder of the ZIP", "Put them all in one place")
    return found


def _safe(name: str) -> PurePosixPath:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or any(":" in part for part in path.parts[:1]):
        raise _refused("The ZIP has a file name that points outside of it", "Make the ZIP again from the CSV files alone")
    return path


def _junk(name: str) -> bool:
    parts = name.replace("\\", "/").casefold().split("/")
    return any(part in JUNK or part.startswith("._") for part in parts)


def _copy(opened: zipfile.ZipFile, info: zipfile.ZipInfo, to: Path, room: int) -> int:
    """Inflate one member; bytes written. Stops at `room`, whatever the directory says."""
    written = 0
    with to.open("wb") as out:
        for chunk in _inflated(opened, info):
            written += len(chunk)
            if written > room:
                raise _refused("The ZIP expands to far more than a roster", "Check what is in it and send it again")
            out.write(chunk)
    return written


def _inflated(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """The member's bytes, at most CHUNK at once. ISA-L inflates three times as fast as the zlib that zipfile uses, and
    inflating is a tenth of all the work."""
    with opened.open(info) as plain:  # looks at the local header, and for a password
        if info.compress_type != zipfile.ZIP_DEFLATED:
            yield from iter(lambda: plain.read(CHUNK), b"")
            return
    file = opened.fp
    assert file is not None
    file.seek(info.header_offset + LENGTHS_AT)
    lengths = file.read(4)
    file.seek(int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little"), 1)
    inflater, left, crc = isal_zlib.decompressobj(-15), info.compress_size, 0
    while left and not inflater.eof:
        packed = file.read(min(CHUNK, left))
        if not packed:
            raise zipfile.BadZipFile(f"{info.filename} ends too early")
        left -= len(packed)
        while packed and not inflater.eof:
            chunk = inflater.decompress(packed, CHUNK)
            packed = inflater.unconsumed_tail
            crc = isal_zlib.crc32(chunk, crc)
            yield chunk
    while rest := inflater.flush(CHUNK):
        crc = isal_zlib.crc32(rest, crc)
        yield rest
    if not inflater.eof or crc != info.CRC:
        raise zipfile.BadZipFile(f"{info.filename} is not what was packed")


def _refused(what: str, do: str) -> BundleRefused:
    return BundleRefused(f"{what}. {do}.")
