"""Reads files of an SFTP server in parts, several at a time, and resumes at the byte where a connection broke.

Each reader has a channel of its own on one connection, so that the line is never idle while a part is handed on. Inside a
part all its requests are on their way at once (paramiko's prefetch), which bounds memory by readers x part.
"""

import queue
import random
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import paramiko

from chalicelib.errors import SourceUnavailable
from chalicelib.model.records import SftpSource
from chalicelib.sources.sftp import OnWait, Server, translate_errors

PART_BYTES = 8 << 20
READERS = 3
REQUEST_BYTES = (1 << 17) - 1024  # with SFTP's and SSH's headers still one packet
SAFE_REQUEST_BYTES = 1 << 15
TRIES = 5  # connections in a row that bring nothing
LONGEST_PAUSE_S = 15.0


@dataclass(frozen=True)
class Part:
    """`number` counts the parts of one file from 1."""

    path: str
    name: str
    number: int
    offset: int
    size_bytes: int


def parts_of(path: str, name: str, size_bytes: int) -> list[Part]:
    """The parts that a file is read in; an empty file is one empty part."""
    offsets = range(0, max(size_bytes, 1), PART_BYTES)
    return [Part(path, name, 1 + n, at, min(PART_BYTES, size_bytes - at)) for n, at in enumerate(offsets)]


def read_parts(
    source: SftpSource,
    connect: Callable[[], Server],
    parts: Iterable[Part],
    put: Callable[[Part, bytes], None],
    has_time_left: Callable[[], bool] = lambda: True,
    sleep: Callable[[float], None] = time.sleep,
    on_wait: OnWait = lambda what, at_most_s: None,
) -> bool:
    """Read every part and hand it to `put`, from several threads. False where `has_time_left` ended it before the last.
    `on_wait` is called with the time until a server that is gone is tried again.

    Raises SourceUnavailable when the server can't be reached any more, or a file is shorter than it was.
    """
    todo: queue.SimpleQueue[Part] = queue.SimpleQueue()
    for part in parts:
        todo.put(part)
    line = _Line(connect)
    stopped = threading.Event()

    def work() -> None:
        reader = _Reader(source, line, sleep, on_wait)
        try:
            while not stopped.is_set():
                try:
                    part = todo.get_nowait()
                except queue.Empty:
                    return
                if not has_time_left():
                    todo.put(part)
                    stopped.set()
                    return
                put(part, reader.read(part))
        except BaseException:
            stopped.set()
            raise

    try:
        with ThreadPoolExecutor(READERS) as pool:
            for done in [pool.submit(work) for _ in range(READERS)]:
                done.result()
    finally:
        line.close()
    return todo.empty()


@dataclass
class _Line:
    """The one connection that all readers share; the reader that finds it broken opens the next."""

    connect: Callable[[], Server]
    _server: Server | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def server(self) -> Server:
        with self._lock:
            if self._server is None or not self._server.is_alive:
                self.close()
                self._server = self.connect()
            return self._server

    def close(self) -> None:
        if self._server:
            self._server.close()


class _Reader:
    """One channel, and the file that is open on it."""

    def __init__(self, source: SftpSource, line: _Line, sleep: Callable[[float], None], on_wait: OnWait) -> None:
        self._source = source
        self._line = line
        self._sleep = sleep
        self._on_wait = on_wait
        self._server: Server | None = None
        self._file: paramiko.SFTPFile | None = None
        self._path = ""

    def read(self, part: Part) -> bytes:
        got = bytearray()
        fruitless = 0
        while len(got) < part.size_bytes:
            before = len(got)
            try:
                with translate_errors(self._source):
                    self._fill(part, got)
            except SourceUnavailable as trouble:
                self._forget()
                fruitless = 0 if len(got) > before else fruitless + 1
                if fruitless > TRIES:
                    raise
                if fruitless:
                    self._on_wait(str(trouble), LONGEST_PAUSE_S)
                    self._sleep(random.uniform(0, min(LONGEST_PAUSE_S, 2.0**fruitless)))
            else:
                if len(got) < part.size_bytes:
                    raise SourceUnavailable(f"{self._source.path} on {self._source.host} became shorter while it was read.")
        return bytes(got)

    def _fill(self, part: Part, got: bytearray) -> None:
        """Read on from what there is; less than the whole part only where the file ends before it."""
        file = self._opened(part.path)
        file.seek(part.offset + len(got))
        file.prefetch(part.offset + part.size_bytes)
        while len(got) < part.size_bytes:
            piece = file.read(min(file.MAX_REQUEST_SIZE, part.size_bytes - len(got)))
            if not piece:
                return
            got += piece

    def _opened(self, path: str) -> paramiko.SFTPFile:
        if self._file is None or self._path != path:
            self._server = self._line.server()
            self._file = self._server.files().open(path, "rb", bufsize=0)
            self._file.MAX_REQUEST_SIZE = REQUEST_BYTES if self._server.takes_large_requests else SAFE_REQUEST_BYTES
            self._path = path
        return self._file

    def _forget(self) -> None:
        """The connection is given up, by all its readers: one that doesn't answer looks alive for a long time."""
        self._file = None
        if self._server:
            self._server.close()
