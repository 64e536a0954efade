"""A file that lies elsewhere as one of Python's own: only what is asked for is read, a little more at once."""

import errno
import io
from collections.abc import Callable
from typing import Any

NEAR_BYTES = 1 << 16


def ranged(size_bytes: int, read: Callable[[int, int], bytes], near_bytes: int = NEAR_BYTES) -> io.BufferedReader:
    """`read` takes a place and a number of bytes, and gives that many or fewer; none only at the end. `near_bytes`: how many are
    asked for at once."""
    return io.BufferedReader(_Ranged(size_bytes, read), near_bytes)


class _Ranged(io.RawIOBase):
    """A seek to before the beginning is an error, as it is in a file here."""

    def __init__(self, size_bytes: int, read: Callable[[int, int], bytes]) -> None:
        self._size_bytes, self._read, self._at = size_bytes, read, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size_bytes}[whence]
        if at < 0:
            raise OSError(errno.EINVAL, "a seek to before the file")
        self._at = at
        return at

    def readinto(self, into: Any) -> int:
        wanted = min(len(into), self._size_bytes - self._at)
        read = self._read(self._at, wanted) if wanted > 0 else b""
        into[: len(read)] = read
        self._at += len(read)
        return len(read)
