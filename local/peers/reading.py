"""Reads a provider's collections as the states of the state machine do, one after another, into a folder."""

import gzip
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from chalicelib.sources.rest import Provider, Source
from chalicelib.sources.rest_bundle import convert
from chalicelib.sources.rest_fetch import Came, Keep, begin, fetch_range, recheck, why_not_whole
from chalicelib.sources.rest_paging import Collection
from local.peers.lying_provider import Liar
from local.peers.provider import BASES

USERS = Collection("users", "/users")
PEOPLE = [f"u{number:03d}" for number in range(250)]


def keeping(folder: Path) -> Keep:
    def keep(name: str, body: bytes) -> None:
        path = folder / f"{name}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(body, 1))

    return keep


def read_whole(source: Source, wanted: Sequence[Collection], folder: Path, size: int) -> tuple[dict[str, Came], str]:
    """What came of each path, and why not all of it is whole. The CSVs are in `folder`/csv."""
    starts = [begin(source, each, size, keeping(folder), 4) for each in wanted]
    fetched = [start.fetched for start in starts]
    for start in starts:
        for left in start.left:
            part, rest = fetch_range(source, left, keeping(folder))
            fetched.append(part)
            assert rest is None
    again = [recheck(source, start, [each for each in fetched if each.path == start.fetched.path]) for start in starts]
    came = convert(folder, fetched, folder / "csv", "A provider")
    causes = {one.entity: why_not_whole([each for each in fetched if each.entity == one.entity], came, again) for one in wanted}
    return came, "; ".join(f"{entity}: {why.message}" for entity, why in causes.items() if why)


def read_users(liar: Liar, size: int = 100) -> tuple[set[str], str]:
    """The ids that came, and why the collection isn't whole."""
    provider = Provider("https://sis.example" + BASES["1.2"], "1.2", "bearer", "", "token")
    with TemporaryDirectory() as name, Source(provider, transport=liar, sleep=lambda seconds: None) as source:
        folder = Path(name)
        _, why = read_whole(source, [USERS], folder, size)
        lines = (folder / "csv/users.csv").read_text().splitlines()[1:]
    return {line.split(",")[0] for line in lines}, why
