"""A group of the campaign and the two days of its source: bundles that somebody sends, or a provider's API."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.naive import Rows, rows_of, rows_of_lists
from tests.chaos.world import Lists, World
from tests.provider.serving import BASES, CLIENT_ID, CLIENT_SECRET, Provider


@dataclass(frozen=True)
class Fed:
    """`lay` has the source hold a day, and gives the bundle to send, where one is sent. `rights`: each day's roster."""

    group_id: str
    lay: Callable[[int], Path | None]
    rights: tuple[Rows, Rows]


def by_zip(world: World, name: str, days: tuple[Path, Path], **settings: Any) -> Fed:
    return Fed(world.group(name, **settings), lambda day: days[day], (rows_of(days[0]), rows_of(days[1])))


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
