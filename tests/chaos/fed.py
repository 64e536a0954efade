"""A group of the campaign and the two days of its source: bundles that somebody sends, a server's folder, or a provider's API."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from local.peers.provider import BASES, CLIENT_ID, CLIENT_SECRET, Provider
from local.peers.sftp import Line, Sshd
from tests.chaos.naive import Rows, rows_of, rows_of_lists
from tests.chaos.world import Case, Lists, World

T = TypeVar("T")


@dataclass
class Fed:
    """`lay` has the source hold a day, and gives the bundle to send, where one is sent. `rights`: each day's roster; `day`: the
    one of the last `turn`."""

    group_id: str
    lay: Callable[[int], Path | None]
    rights: tuple[Rows, Rows]
    day: int = 0

    def turn(self) -> None:
        """The other day comes."""
        self.day = 1 - self.day
        self.lay(self.day)

    @property
    def right(self) -> Rows:
        return self.rights[self.day]


def synced(world: World, fed: Fed) -> Fed:
    """With the roster of the first day."""
    sync = world.ended(world.start(fed.group_id, fed.lay(0)))
    assert sync["state"] == "succeeded", f"before anything was wrong: {sync['state']}: {sync.get('message')}"
    return fed


class Free(Generic[T]):
    """What one case after another uses: made when none is free, and used again unless a case was not as promised."""

    def __init__(self, make: Callable[[int], T]) -> None:
        self._make, self._numbers, self._free = make, count(), SimpleQueue[T]()

    @contextmanager
    def one(self, case: Case) -> Iterator[T]:
        try:
            thing = self._free.get_nowait()
        except Empty:
            thing = self._make(next(self._numbers))
        yield thing
        if case.as_promised:
            self._free.put(thing)


def by_zip(world: World, name: str, days: tuple[Path, Path], **settings: Any) -> Fed:
    return Fed(world.group(name, **settings), lambda day: days[day], (rows_of(days[0]), rows_of(days[1])))


def by_sftp(world: World, name: str, server: Sshd, line: Line, key: Path, days: tuple[Path, Path], **settings: Any) -> Fed:
    """From a folder of its own on the server, by way of the line."""
    file = sftp_file(server, name)
    file.parent.mkdir()
    own = server.source(port=line.port, path=str(file.parent)).model_dump(mode="json", by_alias=True)
    source = own | {"credentials": {"privateKey": key.read_text()}}

    def lay(day: int) -> None:
        shutil.copy(days[day], file)

    return Fed(world.group(name, source=source, **settings), lay, (rows_of(days[0]), rows_of(days[1])))


def sftp_file(server: Sshd, name: str) -> Path:
    """What the group of this name reads."""
    return server.files / name.replace(" ", "-").replace(":", "") / "district.zip"


def by_api(world: World, name: str, provider: Provider, origin: str, days: tuple[Lists, Lists], **settings: Any) -> Fed:
    source = {
        "method": "rest",
        "baseUrl": origin + BASES[provider.version],
        "tokenUrl": f"{origin}/token",
        "pageSize": 100,
        "maxParallel": 2,
        "credentials": {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET},
    }

    def lay(day: int) -> None:
        provider.lists = dict(days[day])

    return Fed(world.group(name, source=source, **settings), lay, (rows_of_lists(days[0]), rows_of_lists(days[1])))
