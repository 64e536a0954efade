"""Whether two bundles hold the same, told without inflating them.

Two digests of what was received. The outline is cheap, and different where the bundles are: of a ZIP its directory (names, sizes,
CRCs), of loose CSVs their names and sizes. A CRC proves nothing, so only the content says that two are the same: SHA-256 of every
compressed byte of every member. When a member was packed counts in neither, since a nightly export packs the same files anew.
"""

import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import IO

from oneroster_engine.errors import BundleRefused
from oneroster_engine.standard.archive import UNREADABLE, Limits, directory

PIECE = 1 << 20  # bytes hashed at once
# Headers of a member's extra field that say when, or by whom on that machine, it was packed.
_WHEN = frozenset({0x000A, 0x5455, 0x5855, 0x7855, 0x7875})
_LOCAL_BYTES = 30
_NO_ZIP: tuple[type[Exception], ...] = (BundleRefused, *UNREADABLE)


@dataclass(frozen=True)
class Received:
    outline: str
    content: str


@dataclass(frozen=True)
class Part:
    """A file of a bundle, wherever it lies. `opened` gives it anew each time, to read from its beginning."""

    name: str
    size: int
    opened: Callable[[], IO[bytes]]


def outline(parts: Sequence[Part], limits: Limits, noticed: str = "") -> str:
    """Of a ZIP, or of loose CSVs; `noticed`: what else was noticed when they came. Empty for what is no ZIP that can be read."""
    if not _is_zip(parts):
        return _digest([repr((noticed, *sorted((each.name, each.size) for each in parts))).encode()])
    with parts[0].opened() as archive:
        infos = _members(archive, parts[0].size, limits)
    return _digest(repr(each).encode() for each in (noticed, *map(_described, infos))) if infos else ""


def content(parts: Sequence[Part], limits: Limits) -> str:
    """Reads every byte that means something once. Empty as above."""
    if not _is_zip(parts):
        found = []
        for each in sorted(parts, key=lambda part: part.name):
            with each.opened() as file:
                found.append((each.name, _digest(_read(file, each.size))))
        return _digest([repr(found).encode()])
    with parts[0].opened() as archive:
        infos = _members(archive, parts[0].size, limits)
        try:
            return _digest(piece for each in infos for piece in _pieces(archive, each)) if infos else ""
        except UNREADABLE:
            return ""


def _is_zip(parts: Sequence[Part]) -> bool:
    return len(parts) == 1 and parts[0].name.endswith(".zip")


def _members(archive: IO[bytes], size: int, limits: Limits) -> list[zipfile.ZipInfo]:
    """None of them where they are together larger than the archive, as in one that was made to cost."""
    try:
        found = directory(archive, limits).infolist()
    except _NO_ZIP:
        return []
    return found if sum(each.compress_size for each in found) <= size else []


def _described(info: zipfile.ZipInfo) -> tuple[object, ...]:
    """All that the directory says of a member but when it was packed, and where it lies."""
    return (
        info.orig_filename,
        info.compress_type,
        info.flag_bits,
        info.CRC,
        info.compress_size,
        info.file_size,
        info.create_system,
        info.external_attr,
        _lasting(info.extra),
    )


def _lasting(extra: bytes) -> list[bytes]:
    """The parts of an extra field that say what the member is."""
    found: list[bytes] = []
    at = 0
    while at + 4 <= len(extra):
        end = at + 4 + int.from_bytes(extra[at + 2 : at + 4], "little")
        if int.from_bytes(extra[at : at + 2], "little") not in _WHEN:
            found.append(extra[at:end])
        at = end
    return [*found, extra[at:]]


def _pieces(archive: IO[bytes], info: zipfile.ZipInfo) -> Iterable[bytes]:
    """What makes a member what it is: its entry of the directory, its own header without the time, its compressed bytes."""
    yield repr(_described(info)).encode()
    archive.seek(info.header_offset)
    header = archive.read(_LOCAL_BYTES)
    name_bytes, extra_bytes = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
    yield header[:10] + header[14:28]
    yield archive.read(name_bytes)
    archive.seek(extra_bytes, 1)
    yield from _read(archive, info.compress_size)


def _read(file: IO[bytes], left: int) -> Iterable[bytes]:
    while left:
        piece = file.read(min(left, PIECE))
        if not piece:
            raise EOFError("the file ends too early")
        left -= len(piece)
        yield piece


def _digest(pieces: Iterable[bytes]) -> str:
    hashed = sha256()
    for piece in pieces:
        hashed.update(piece)
    return hashed.hexdigest()
