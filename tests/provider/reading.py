"""Reads a provider's collections as the machine's states do, one after another, into a folder."""

import gzip
from collections.abc import Sequence
from pathlib import Path

from chalicelib.sources.rest import Source
from chalicelib.sources.rest_bundle import convert
from chalicelib.sources.rest_fetch import Came, Keep, begin, fetch_range, recheck, why_not_whole
from chalicelib.sources.rest_paging import Collection


def keeping(folder: Path) -> Keep:
    def keep(name: str, body: bytes) -> None:
        path = folder / f"{name}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(body, 1))

    return keep


def read_whole(source: Source, wanted: Sequence[Collection], folder: Path, size: int) -> tuple[dict[str, Came], str]:
    """What came of each path, and why not all of it is whole. The CSVs are in `folder`/csv."""
    starts = [begin(source, each, size, keeping(folder)) for each in wanted]
    fetched = [start.fetched for start in starts]
    for start in starts:
        for left in start.left:
            part, rest = fetch_range(source, left, keeping(folder))
            fetched.append(part)
            assert rest is None
    again = [recheck(source, start, [each for each in fetched if each.path == start.fetched.path]) for start in starts]
    came = convert(folder, fetched, folder / "csv", "A provider")
    reasons = [why_not_whole([each for each in fetched if each.entity == one.entity], came, again) for one in wanted]
    return came, "; ".join(each for each in reasons if each)
