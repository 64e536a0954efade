"""Load: `python -m benchmarks.load`. How fast changes are applied and how much of that is ours; how fast lists come.

Ours and the emulator's: the chunks of a first sync of S are written by the product's own writer, once into the emulator's
table, and once with a hook of botocore's own that answers each batch at once in its place. What is left then is ours:
reading the chunk, making the items, boto3's work on them.

Lists: a previewed sync of M waits for its approval; 20 readers go through its lists by the API, each request a Lambda of the
emulator, on the same cores as the readers. So the figures say how requests wait for each other on this machine, too.
"""

import argparse
import gzip
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks.run import district
from chalicelib.platform import writer
from chalicelib.store import tables
from local.client import Client
from local.ports import free_port
from local.stack import Stack
from oneroster_engine.planning.plan import plan_changes
from oneroster_engine.planning.policy import Policy
from oneroster_engine.selecting.selection import EVERYTHING
from oneroster_engine.staging.stage import stage_bundle
from oneroster_engine.standard.archive import Limits, inflate

READERS, REQUESTS, PATIENCE_S = 20, 300, 900
APPLY_RUNS = 3


def applied(stack: Stack, folder: Path) -> None:
    chunks = _chunks_of(folder, "S")
    os.environ.update(stack.environment())
    tables.wire_client.cache_clear()
    _write(chunks[0], "warm")
    into, without = [], []
    for number in range(APPLY_RUNS):
        into.append(_timed(partial(_write_all, chunks, f"into{number}")))
        events = tables.wire_client().meta.events
        events.register("before-send.dynamodb.BatchWriteItem", _at_once, unique_id="at once")
        without.append(_timed(partial(_write_all, chunks, "without")))
        events.unregister("before-send.dynamodb.BatchWriteItem", unique_id="at once")
    changes = into[0][1]
    took, ours = statistics.median(s for s, _ in into), statistics.median(s for s, _ in without)
    print("\n### Changes applied, first sync of S, one process of the product's writer\n")
    print("| what | seconds | changes a second |\n|---|---|---|")
    print(f"| into the emulator's table, {changes:,} changes | {took:.1f} | {changes / took:,.0f} |")
    print(f"| the same, each batch answered at once | {ours:.1f} | {changes / ours:,.0f} |")
    print(f"\nOurs, boto3 included: {ours / took:.0%} of the time; the emulator's: {1 - ours / took:.0%}.")


def _chunks_of(folder: Path, shape: str) -> list[Path]:
    inflate(district(folder, shape), folder / "csv", Limits())
    stage_bundle(folder / "csv", folder / "stage")
    now = datetime(2026, 9, 1, tzinfo=UTC)
    plan_changes(folder / "stage", EVERYTHING, None, folder / "plan", Policy("s1", now))
    return sorted((folder / "plan" / "chunks").iterdir())


def _write_all(chunks: list[Path], group_id: str) -> int:
    return sum(_write(each, group_id) for each in chunks)


def _write(chunk: Path, group_id: str) -> int:
    with gzip.open(chunk) as lines:
        return writer.write_chunk(lines, group_id, "s1", 30, True, lambda: None)


def _timed(work: Callable[[], int]) -> tuple[float, int]:
    began = time.perf_counter()
    done = work()
    return time.perf_counter() - began, done


def _at_once(request: Any, **_: Any) -> Any:
    from botocore import awsrequest, compat

    class Raw:
        def stream(self, *_: Any) -> Any:
            yield b'{"UnprocessedItems":{}}'

    return awsrequest.AWSResponse(request.url, 200, compat.HTTPHeaders(), Raw())


def lists(stack: Stack, folder: Path) -> None:
    bundle = district(folder, "M")
    admin = Client(stack, "admin")
    admin.http.timeout = PATIENCE_S
    group_id = admin.new_group("Lists")
    sync_id = admin.start(group_id, bundle, "selective")["syncId"]
    _choose_all(admin, sync_id)
    school = admin.call("GET", f"/syncs/{sync_id}/orgs?limit=1")["items"][0]["sourcedId"]
    following = admin.call("GET", f"/syncs/{sync_id}/classes?limit=100&sort=title")["nextCursor"] or ""
    asked = {
        "schools": "orgs?limit=100",
        "classes, second page by title": f"classes?limit=100&sort=title&cursor={quote(following)}",
        "classes, searched": "classes?limit=100&search=physics",
        "changes": "plan/changes?limit=100",
        "changes of users, of one school": f"plan/changes?limit=100&entity=users&school={school}",
        "problems by cause": "problems?limit=100",
    }
    paths = {name: f"/syncs/{sync_id}/{path}" for name, path in asked.items()}
    print(f"\n### Lists of M by the API, {READERS} readers at once, {REQUESTS} requests; milliseconds\n")
    print("| list | p50 | p99 | alone, p50 |\n|---|---|---|---|")
    with ThreadPoolExecutor(READERS) as pool:  # each Lambda fetches the files that it reads once
        list(pool.map(lambda number: _asked(admin, [*paths.values()][number % len(paths)]), range(READERS * len(paths) * 2)))
        alone = {name: [_asked(admin, path) for _ in range(10)] for name, path in paths.items()}
        names = [[*paths][number % len(paths)] for number in range(REQUESTS)]
        began = time.perf_counter()
        took = list(pool.map(lambda name: (name, _asked(admin, paths[name])), names))
        seconds = time.perf_counter() - began
    for name in paths:
        own = [each for called, each in took if called == name]
        print(f"| {name} | {_percentile(own, 50):,.0f} | {_percentile(own, 99):,.0f} | {_percentile(alone[name], 50):,.0f} |")
    everything = [each for _, each in took]
    once = _percentile([each for own in alone.values() for each in own], 50)
    print(f"| all | {_percentile(everything, 50):,.0f} | {_percentile(everything, 99):,.0f} | {once:,.0f} |")
    print(f"\n{REQUESTS / seconds:.0f} lists a second in all.")


def _choose_all(admin: Client, sync_id: str) -> None:
    """Answer what the sync asks until its plan is shown."""
    until = time.monotonic() + PATIENCE_S
    while True:
        sync = admin.call("GET", f"/syncs/{sync_id}")
        assert sync["state"] in ("running", "waiting"), sync
        assert time.monotonic() < until, sync
        match sync["question"] and sync["question"]["kind"]:
            case "approval":
                return
            case "statuses":
                matrix = admin.call("GET", f"/syncs/{sync_id}/statuses")
                cells = [{"status": each["status"], "userType": each["userType"]} for each in matrix["cells"] if each["preset"]]
                admin.call("POST", f"/syncs/{sync_id}/statuses/selection", {"cells": cells, "preview": True}, 202)
            case "orgs" | "classes" as kind:
                admin.call("POST", f"/syncs/{sync_id}/{kind}/selection", {"all": True}, 202)
        time.sleep(1)


def _asked(admin: Client, path: str) -> float:
    """Milliseconds until the whole answer is there."""
    began = time.perf_counter()
    answer = admin.http.get(path)
    answer.raise_for_status()
    return (time.perf_counter() - began) * 1000


def _percentile(values: list[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def main() -> None:
    parts = {"apply": applied, "lists": lists}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=parts, default=[*parts])
    asked = parser.parse_args().only
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, load before {os.getloadavg()[0]:.1f}")
    for name in asked:
        with tempfile.TemporaryDirectory(prefix="load-") as folder:
            stack = Stack(free_port(), f"http://127.0.0.1:{free_port()}", Path(folder) / "stack")
            stack.start()
            try:
                stack.deploy()
                stack.let_people_in()
                parts[name](stack, Path(folder))
            finally:
                stack.stop()


if __name__ == "__main__":
    main()
