"""A group of the campaign and the two days of its source: bundles that somebody sends, a server's folder, or a provider's API."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.naive import Rows, rows_of, rows_of_lists
from tests.chaos.world import Lists, World
from tests.provider.serving import BASES, CLIENT_ID, CLIENT_SECRET, Provider
from tests.sources.peers import Line, Sshd


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
