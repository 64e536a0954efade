"""A provider's API: `python -m benchmarks.rest`. Time against the floor of its latency, and what one page after another takes.

The provider is a process of its own with its records made beforehand, and answers each page after 50 ms. Pages are read as the
machine's Lambdas read them: first each list's first pages, then `max_parallel` processes, each with ranges of the plan, and at
the end the first pages again; each page is checked, gzipped and written away. Floor: pages x latency / parallel. Memory is the
highest of any reading process, a small shape beside a large one to show that it is flat.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import socket
import time
from array import array
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import uvicorn
from isal import igzip
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chalicelib.sources.public_address import LOOPBACK_SETTING
from chalicelib.sources.rest import Provider, Source
from chalicelib.sources.rest_fetch import COLLECTIONS, ORGS, Keep, begin_all, fetch_range, recheck
from chalicelib.sources.rest_paging import Range
from local.peers.provider import BASES, BEARER
from local.peers.records import as_json, records_of
from oneroster_engine.sample_district import SHAPES, District

LATENCY_S, PAGE, PARALLEL = 0.05, 5000, 4


class Records:
    """A list as one piece, of which a page is cut out, so that the provider's own work is no part of what is measured."""

    def __init__(self, records: Iterable[bytes]) -> None:
        self._whole, self._starts = bytearray(), array("Q", [0])
        for each in records:
            self._whole += each + b","
            self._starts.append(len(self._whole))

    def __len__(self) -> int:
        return len(self._starts) - 1

    def joined(self, offset: int, limit: int) -> bytes:
        start, end = (self._starts[min(each, len(self))] for each in (offset, offset + limit))
        return bytes(memoryview(self._whole)[start : max(start, end - 1)])


def serve(shape: str, port: int) -> None:
    district = District(SHAPES[shape], seed=1, version="1.2", day=1, problems=False)
    lists = {name: Records(as_json(each) for each in records) for name, records in records_of(district).items()}

    async def listed(request: Request) -> Response:
        began = time.monotonic()
        name = request.path_params["name"]
        offset, limit = int(request.query_params["offset"]), int(request.query_params["limit"])
        body = b'{"%s":[%s]}' % (name.encode(), lists[name].joined(offset, limit))
        await asyncio.sleep(began + LATENCY_S - time.monotonic())
        return Response(body, headers={"X-Total-Count": str(len(lists[name]))}, media_type="application/json")

    app = Starlette(routes=[Route(BASES["1.2"] + "/{name}", listed)])
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", lifespan="off")


def source(origin: str) -> Source:
    return Source(Provider(origin + BASES["1.2"], "1.2", "bearer", "", BEARER))


def keeping(out: Path) -> Keep:
    def keep(name: str, body: bytes) -> None:
        (out / name.replace("/", "-")).write_bytes(igzip.compress(body, 1))

    return keep


def read_ranges(origin: str, out: Path, ranges: "multiprocessing.Queue[Any]", told: "multiprocessing.Queue[Any]") -> None:
    """What the Lambdas do that the machine's Map runs side by side, one range after another."""
    pages = 0
    with source(origin) as own:
        while (each := ranges.get()) is not None:
            fetched, _ = fetch_range(own, Range(**each), keeping(out))
            pages += len(fetched.parts)
    told.put((pages, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


@contextmanager
def provider(shape: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(shape, port), daemon=True)
    process.start()
    origin = f"http://127.0.0.1:{port}"
    while True:
        try:
            httpx.get(origin, timeout=1)
            break
        except httpx.TransportError:
            time.sleep(0.2)
    try:
        yield origin
    finally:
        process.kill()
        process.join()


def read(origin: str, parallel: int) -> dict[str, float]:
    """Seconds, pages and the highest memory of reading everything, `parallel` pages at once."""
    spawn = multiprocessing.get_context("spawn")
    ranges, results = spawn.Queue(), spawn.Queue()
    with TemporaryDirectory() as folder:
        readers = [spawn.Process(target=read_ranges, args=(origin, Path(folder), ranges, results)) for _ in range(parallel)]
        for each in readers:
            each.start()
        time.sleep(3)  # until they have imported what they need: a Lambda is warm after its first range
        with source(origin):
            pass  # the certificates are read once a process, here as by the readers
        started = time.monotonic()
        with source(origin) as own:
            begun = begin_all(own, (ORGS, *COLLECTIONS), PAGE, keeping(Path(folder)), parallel)
        for one in begun:
            for left in one.left:
                ranges.put({name: getattr(left, name) for name in left.__dataclass_fields__})
        for _ in readers:
            ranges.put(None)
        ended = [results.get(timeout=600) for _ in readers]
        with source(origin) as own, ThreadPoolExecutor(parallel) as pool:
            again = pool.map(lambda each: recheck(own, each, ()), begun)
            assert not any(each.first_page_changed for each in again)
        seconds = time.monotonic() - started
        pages = sum(one for one, _ in ended) + sum(len(each.fetched.parts) for each in begun)
    return {"seconds": seconds, "pages": pages, "memory_mb": max(memory for _, memory in ended)}


def measure(shape: str) -> dict[str, Any]:
    with provider(shape) as origin:
        together, serial = read(origin, PARALLEL), read(origin, 1)
    floor = together["pages"] * LATENCY_S / PARALLEL
    return {
        "shape": shape,
        "pages": int(together["pages"]),
        "floor_s": round(floor, 2),
        "seconds": round(together["seconds"], 2),
        "ratio": round(together["seconds"] / floor, 2),
        "one_after_another_s": round(serial["seconds"], 2),
        "memory_mb": round(together["memory_mb"]),
        "load_before": os.getloadavg()[0],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", nargs="+", default=["S", "M"])
    os.environ[LOOPBACK_SETTING] = "allowed"
    for shape in parser.parse_args().shapes:
        print(json.dumps(measure(shape)), flush=True)


if __name__ == "__main__":
    main()
