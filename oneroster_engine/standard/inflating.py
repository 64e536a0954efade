"""The bytes of one member of a ZIP, by any method that is met, never more than a bounded piece of them at once."""

import bz2
import lzma
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO, Protocol

import inflate64
from isal import isal_zlib

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CHUNK = 1 << 17
LENGTHS_AT = 26  # in a member's local header: of its name and of what else stands there, two bytes each
LOCAL_HEADER = b"PK\x03\x04"
DEFLATE64 = 9
# A piece of Deflate64 may make 130,000 times as much: its longest copy is 64 KiB, and takes some two bits.
DEFLATE64_PIECE = 64
LZMA_HEADER = 4  # version, and how long the properties are
LARGEST_DICTIONARY = 64 << 20  # bytes that LZMA takes before it gives any
ZSTANDARD = (93, 20)  # its number, and the one that it had first (APPNOTE 6.3.7)
LARGEST_WINDOW = 26  # of Zstandard, as a power of two: bytes that it keeps while it inflates
METHODS = {
    1: "Shrink", 6: "Implode", 94: "MP3", 95: "XZ", 96: "JPEG", 97: "WavPack", 98: "PPMd", 99: "AES encryption",
}  # fmt: skip


class Unsupported(Exception):
    """A method that is not read. The message names it."""


class _Bounded(Protocol):
    """What the decompressors of the standard library have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def inflated(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """The member's bytes, at most CHUNK at once (16 MiB by Deflate64). Raises BadZipFile where they aren't what was packed."""
    packed = _packed(opened, info)
    ways: dict[int, Callable[[Iterator[bytes]], Iterator[bytes]]] = {
        zipfile.ZIP_STORED: iter,
        zipfile.ZIP_DEFLATED: partial(_deflate, info.filename),
        zipfile.ZIP_BZIP2: lambda pieces: _by(bz2.BZ2Decompressor(), pieces),
        zipfile.ZIP_LZMA: _lzma,
        DEFLATE64: _deflate64,
        **dict.fromkeys(ZSTANDARD, _zstandard),
    }
    way = ways.get(info.compress_type)
    if way is None:
        name = METHODS.get(info.compress_type, f"method {info.compress_type}")
        raise Unsupported(f"{info.filename[:60]} is packed by {name}, which is not read")
    crc = 0
    for chunk in way(packed):
        crc = isal_zlib.crc32(chunk, crc)
        yield chunk
    if crc != info.CRC:
        raise zipfile.BadZipFile(f"{info.filename} is not what was packed")


def _packed(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """The member as it is packed."""
    file = opened.fp
    assert file is not None
    file.seek(info.header_offset)
    header = file.read(LENGTHS_AT + 4)
    if len(header) < LENGTHS_AT + 4 or not header.startswith(LOCAL_HEADER):
        raise zipfile.BadZipFile(f"{info.filename} is not where the directory says")
    lengths = header[LENGTHS_AT:]
    file.seek(int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little"), 1)
    return _pieces(file, info)


def _pieces(file: IO[bytes], info: zipfile.ZipInfo) -> Iterator[bytes]:
    left = info.compress_size
    while left:
        piece = file.read(min(CHUNK, left))
        if not piece:
            raise zipfile.BadZipFile(f"{info.filename} ends too early")
        left -= len(piece)
        yield piece


def _deflate(name: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """ISA-L inflates three times as fast as the zlib that zipfile uses, and inflating is a tenth of all the work."""
    inflater = isal_zlib.decompressobj(-zlib.MAX_WBITS)
    for piece in pieces:
        while piece and not inflater.eof:
            yield inflater.decompress(piece, CHUNK)
            piece = inflater.unconsumed_tail
    while rest := inflater.flush(CHUNK):
        yield rest
    if not inflater.eof:
        raise zipfile.BadZipFile(f"{name} ends too early")


def _deflate64(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Windows packs files of more than 2 GB so. The library gives all that a piece makes, so the pieces are small."""
    inflater = inflate64.Inflater()
    for piece in pieces:
        for at in range(0, len(piece), DEFLATE64_PIECE):
            if inflater.eof:
                return
            yield inflater.inflate(piece[at : at + DEFLATE64_PIECE])


def _lzma(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """A ZIP has the properties of LZMA before its bytes (APPNOTE 5.8.8), of which a decompressor without a container is made."""
    head = next(pieces, b"")
    length = int.from_bytes(head[2:LZMA_HEADER], "little")
    properties, rest = head[LZMA_HEADER : LZMA_HEADER + length], head[LZMA_HEADER + length :]
    if len(properties) != 5:
        raise zipfile.BadZipFile("LZMA without its properties")
    dictionary = int.from_bytes(properties[1:], "little")
    if dictionary > LARGEST_DICTIONARY:
        raise Unsupported(f"A file of the ZIP is packed by LZMA with a dictionary of {dictionary >> 20:,} MB, which is not read")
    packed, lc = divmod(properties[0], 9)
    pb, lp = divmod(packed, 5)
    chain = [{"id": lzma.FILTER_LZMA1, "dict_size": max(dictionary, 4096), "lc": lc, "lp": lp, "pb": pb}]
    try:
        yield from _by(lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=chain), _chained(rest, pieces))
    except lzma.LZMAError as trouble:
        raise zipfile.BadZipFile("LZMA that can't be read") from trouble


def _zstandard(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Frame by frame: packers that work in parallel write many."""
    options = {int(zstd.DecompressionParameter.window_log_max): LARGEST_WINDOW}
    frame = zstd.ZstdDecompressor(options=options)
    try:
        for piece in pieces:
            while piece:
                frame = zstd.ZstdDecompressor(options=options) if frame.eof else frame
                yield frame.decompress(piece, CHUNK)
                while not frame.eof and not frame.needs_input:
                    yield frame.decompress(b"", CHUNK)
                piece = frame.unused_data
    except zstd.ZstdError as trouble:
        raise zipfile.BadZipFile("Zstandard that can't be read") from trouble


def _chained(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from pieces


def _by(decompressor: _Bounded, pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        if decompressor.eof:
            return
        yield decompressor.decompress(piece, CHUNK)
        while not decompressor.eof and not decompressor.needs_input:
            yield decompressor.decompress(b"", CHUNK)
