"""`make bench`: how long, how much memory, against what people use. Prints tables in Markdown.

Every figure is of a process of its own, imports included, so that its peak memory is its own; the median of `RUNS` runs,
with the lowest and highest. The product runs in the embedded AWS, as `make run` has it. Peers: `benchmarks/peers/`.

    python -m benchmarks.run [--shapes S M L] [--only engine peers product sheets]
"""

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import AS_ON_LAMBDA
from benchmarks.steps import LEAVES, STEPS
from infra import ROOT
from oneroster_engine.sample_district import SHAPES, District, write

RUNS = 3
PEERS_PYTHON = str(ROOT / ".venv" / "peers" / "bin" / "python")  # pandas and polars are no packages of ours
RUNS_OF = {"L": 1}  # minutes each


@dataclass(frozen=True)
class Figure:
    """Seconds of wall clock of a whole process (median, lowest, highest) and its peak memory in MB."""

    seconds: float
    low: float
    high: float
    peak_mb: float

    def __str__(self) -> str:
        return f"{self.seconds:.2f} ({self.low:.2f} to {self.high:.2f}) | {self.peak_mb:,.0f}"


def district(folder: Path, shape: str, day: int = 1) -> Path:
    out = folder / f"{shape}-{day}.zip"
    write(District(SHAPES[shape], seed=1, version="1.1", day=day, problems=False, guids=True), out)
    return out


def measured(command: list[str], runs: int, leaves: Sequence[Path] = ()) -> Figure:
    """Run a command some times; its children's peak memory comes from the kernel's account of the process itself.

    What it `leaves` is taken away first, and what others have written goes to disk on their time.
    """
    seconds, peaks = [], []
    for _ in range(runs):
        for path in leaves:
            shutil.rmtree(path, ignore_errors=True)
        os.sync()
        environment = {**os.environ, **AS_ON_LAMBDA, "PYTHONHASHSEED": "0"}
        began = time.perf_counter()
        ran = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, env=environment)
        _, status, used = os.wait4(ran.pid, 0)
        seconds.append(time.perf_counter() - began)
        peaks.append(used.ru_maxrss / 1024)
        if status:
            raise SystemExit(f"{' '.join(command)} failed")
    return Figure(statistics.median(seconds), min(seconds), max(seconds), max(peaks))


def engine(shape: str, folder: Path) -> dict[str, Figure]:
    runs = RUNS_OF.get(shape, RUNS)
    for day in (1, 2):
        district(folder, shape, day).rename(folder / f"zip{day}")
    with zipfile.ZipFile(folder / "zip1") as packed:
        size = sum(info.file_size for info in packed.infolist())
    print(f"\n### Engine, shape {shape} ({size / 1e6:,.0f} MB of CSV; day 2: 2 % changed, 1 % left)\n")
    print("| step, whole process | seconds (lowest to highest) | peak MB |\n|---|---|---|")
    figures = {}
    for name in STEPS:
        leaves = [folder / each for each in LEAVES.get(name, ())]
        figures[name] = measured([sys.executable, "-m", "benchmarks.steps", name, str(folder)], runs, leaves)
        print(f"| {name} | {figures[name]} |", flush=True)
    ratio = figures["day 2: from ZIP to plan"].seconds / figures["inflate alone, the floor"].seconds
    print(f"\nFrom ZIP to plan on day 2: {ratio:.1f} times the floor. Where its time goes:\n", flush=True)
    subprocess.run([sys.executable, "-m", "benchmarks.parts", str(folder)], cwd=ROOT, check=True)
    return figures


def peers(shape: str, folder: Path, ours: dict[str, Figure]) -> None:
    print(f"\n### Peers, shape {shape}: read, check a little, compare with the day before\n")
    print("| way, whole process | seconds (lowest to highest) | peak MB | times ours | times our memory |\n|---|---|---|---|---|")
    own = ours["day 2: from ZIP to plan"]
    for way in ("dictreader", "onepass", "pandas", "polars"):
        state = folder / f"{way}.state"
        plain = [PEERS_PYTHON, "-m", "benchmarks.peers.plain", way]
        measured([*plain, str(folder / "zip1"), str(state)], 1)
        kept = state.read_bytes()
        figures = []
        for _ in range(RUNS):
            state.write_bytes(kept)
            figures.append(measured([*plain, str(folder / "zip2"), str(state)], 1))
        seconds = sorted(each.seconds for each in figures)
        figure = Figure(statistics.median(seconds), seconds[0], seconds[-1], max(each.peak_mb for each in figures))
        print(f"| {way} | {figure} | {figure.seconds / own.seconds:.1f} | {figure.peak_mb / own.peak_mb:.1f} |", flush=True)
    print(f"| ours, with all checks | {own} | 1.0 | 1.0 |")
    loop = measured([sys.executable, "-m", "benchmarks.peers.staging", str(folder / "csv1"), str(folder / "plain")], RUNS)
    share = ours["stage"].seconds / loop.seconds
    print(f"\nStaged and checked alike by a plain csv.DictReader loop: {loop.seconds:.2f} s, {loop.peak_mb:,.0f} MB; by ours")
    print(f"{ours['stage'].seconds:.2f} s, {ours['stage'].peak_mb:,.0f} MB: {share:.2f} of its time.")


def sheets() -> None:
    print("\n### Sheets of 100,000 classes, whole process\n\n| step | seconds (lowest to highest) | peak MB |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        for what in ("write", "read"):
            command = [sys.executable, "-m", "benchmarks.steps", f"sheet: {what}", name]
            print(f"| {what} | {measured(command, RUNS)} |", flush=True)


# --- the product ------------------------------------------------------------------------------------------------------


def product(shape: str) -> None:
    from local.client import Client
    from local.stack import Stack

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundle = district(folder, shape)
        stack = Stack(4599, "http://127.0.0.1:8099", folder / "stack")
        stack.start()
        try:
            stack.deploy()
            stack.let_people_in()
            api = Client(stack, "admin")
            group = api.new_group("Bench")
            print(f"\n### Product in the embedded AWS, shape {shape}\n\n| what | seconds | rows written |\n|---|---|---|")
            for what in ("first call after a deploy", "again"):
                began = time.perf_counter()
                sync_id = api.start(group, bundle, "selective")["syncId"]
                api.until(sync_id, asks="orgs")
                api.call("GET", f"/syncs/{sync_id}/orgs")
                print(f"| upload to the list of schools, {what} | {time.perf_counter() - began:.2f} | 0 |", flush=True)
                api.call("POST", f"/syncs/{sync_id}/cancel", None, 202)
            for what in ("empty platform", "unchanged"):
                sync = api.sync_all(group, bundle)
                written = sum(c["created"] + c["updated"] + c["deactivated"] + c["ended"] for c in sync["counts"].values())
                spent = {p["step"]: f"{_seconds(p['startedAt'], p['endedAt']):.2f}" for p in sync["progress"] if p["endedAt"]}
                took = _seconds(sync["startedAt"], sync["endedAt"])
                print(f"| full sync, {what}, start to {sync['state']} ({spent}) | {took:.2f} | {written:,} |", flush=True)
        finally:
            stack.stop()


def _seconds(begin: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=["S", "M"])
    parts = ("engine", "peers", "sheets", "product")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    asked = parser.parse_args()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    machine = f"{platform.platform()}, {os.cpu_count()} cores, {memory:.0f} GB"
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine}, Python {platform.python_version()}")
    for shape in asked.shapes if {"engine", "peers"} & set(asked.only) else ():
        with tempfile.TemporaryDirectory() as folder:
            ours = engine(shape, Path(folder))
            if "peers" in asked.only and shape != "L":
                peers(shape, Path(folder), ours)
    if "sheets" in asked.only:
        sheets()
    if "product" in asked.only:
        product("S")


if __name__ == "__main__":
    main()
