"""Time zones by the rules of the pinned package tzdata.

zoneinfo asks the system first, whose rules are as old as its image: governments change them with weeks of notice, and a
schedule is then an hour off. So the package's own files are read, here and nowhere else.
"""

from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

UTC_NAME = "UTC"
NO_PLACES = ("Etc/", "SystemV/", "posix/", "right/")


@cache
def zone(name: str) -> ZoneInfo:
    """The zone called so. A name that the package has given up is still looked for in the system, since a group may have been
    made with it. Raises ValueError where there is none."""
    if name in _names():
        *folders, own = name.split("/")
        with files(".".join(["tzdata", "zoneinfo", *folders])).joinpath(own).open("rb") as rules:
            return ZoneInfo.from_file(rules, key=name)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError) as unknown:
        raise ValueError(f"no such time zone: {name}") from unknown


def is_place(name: str) -> bool:
    """Whether people live by this clock: `Area/City`, or UTC. `EST` or `Etc/GMT+5` stand still where the clocks of their places
    are changed, and what stands behind `localtime` or `Factory` nobody can say."""
    return name == UTC_NAME or (name in _names() and "/" in name and not name.startswith(NO_PLACES))


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(files("tzdata").joinpath("zones").read_text().split())
