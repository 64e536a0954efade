"""A sync of the same bundle as last time: the short way and the long one, in turn, in the embedded AWS.

    python -m benchmarks.unchanged [S | M] [--runs 3]

Seconds from a sync's start to its end, as its record has them. Before each sync on the long way the group's settings are saved,
after which nothing is known to be the same. Both ways were walked once before, so that functions are warm.
"""

import argparse
import statistics
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.run import district
from benchmarks.warm_stack import warm_stack
from local.client import Client
from oneroster_engine.sample_district import SHAPES

PORT = 4598


def synced(api: Client, group_id: str, bundle: Path) -> tuple[float, bool]:
    """Seconds, and whether it was the short way."""
    sync = api.sync_all(group_id, bundle)
    assert sync["state"] == "succeeded", sync["message"]
    started, ended = (datetime.fromisoformat(sync[name]) for name in ("startedAt", "endedAt"))
    return (ended - started).total_seconds(), bool(sync["sameAs"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("shape", nargs="?", choices=SHAPES, default="S")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    found: dict[bool, list[float]] = {False: [], True: []}
    with warm_stack(PORT, 8096) as (_, api, group_id, folder):
        bundle = district(folder, given.shape, 1)
        synced(api, group_id, bundle)
        for run in range(given.runs + 1):
            etag = api.http.get(f"/groups/{group_id}").headers["etag"]
            held: dict[str, Any] = {"If-Match": etag}
            api.call("PATCH", f"/groups/{group_id}", {"description": f"Run {run}"}, **held)
            for short in (False, True):
                seconds, was_short = synced(api, group_id, bundle)
                assert was_short is short
                found[short] += [seconds] if run else []
    print(f"\n| the same bundle, shape {given.shape} | seconds, median of {given.runs} | lowest |\n|---|---|---|")
    for short, called in ((False, "the long way"), (True, "nothing twice")):
        print(f"| {called} | {statistics.median(found[short]):.2f} | {min(found[short]):.2f} |")
    print(f"| ratio | {statistics.median(found[True]) / statistics.median(found[False]):.2f} | |")


if __name__ == "__main__":
    main()
