"""`make bench`: how long, how much memory, against a plain loop. Prints a table in Markdown.

The engine runs in processes of its own, so that each step's peak memory is its own. The product runs in the embedded
AWS, as `make run` has it.
"""

import csv
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from infra import ROOT
from samples.district import SHAPES, District, write


def district(folder: Path, shape: str) -> Path:
    out = folder / f"{shape}.zip"
    write(District(SHAPES[shape], seed=1, version="1.1", day=1, problems=False), out)
    return out


def plain_loop(bundle: Path) -> None:
    """What most would write first: read every file by csv.DictReader, look for required values and known references."""
    required = {
        "orgs": ("sourcedId", "name", "type"),
        "classes": ("sourcedId", "title", "schoolSourcedId"),
        "users": ("sourcedId", "role", "orgSourcedIds"),
        "enrollments": ("sourcedId", "classSourcedId", "userSourcedId", "role"),
    }
    refers = {"classes": {"schoolSourcedId": "orgs"}, "enrollments": {"classSourcedId": "classes", "userSourcedId": "users"}}
    ids: dict[str, set[str]] = {}
    problems = 0
    for name in ("orgs", "academicSessions", "courses", "classes", "users", "enrollments"):
        known = ids.setdefault(name, set())
        with (bundle / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                if any(not row[column] for column in required.get(name, ("sourcedId",))) or row["sourcedId"] in known:
                    problems += 1
                    continue
                if any(row[column] not in ids[target] for column, target in refers.get(name, {}).items()):
                    problems += 1
                    continue
                known.add(row["sourcedId"])


def step(name: str, folder: Path) -> None:
    """Run one step of the engine in this process and print seconds and peak megabytes."""
    from chalicelib.roster.plan import Policy, next_snapshot, plan_changes
    from chalicelib.roster.selection import EVERYTHING
    from chalicelib.roster.stage import stage_bundle
    from chalicelib.sources.zip import Limits, inflate

    csvs, stage, first, again = folder / "csv", folder / "stage", folder / "plan", folder / "again"
    now = datetime(2026, 9, 1, tzinfo=UTC)
    steps: dict[str, Callable[[], object]] = {
        "inflate": lambda: inflate(folder / "bundle.zip", csvs, Limits()),
        "stage": lambda: stage_bundle(csvs, stage),
        "plan, empty platform": lambda: plan_changes(stage, EVERYTHING, None, first, Policy("s1", now)),
        "snapshot": lambda: next_snapshot(None, first, folder / "snapshot", now, 30),
        "plan, unchanged": lambda: plan_changes(stage, EVERYTHING, folder / "snapshot", again, Policy("s2", now)),
        "csv.DictReader loop": lambda: plain_loop(csvs),
    }
    began = time.perf_counter()
    steps[name]()
    took = time.perf_counter() - began
    print(json.dumps({"s": took, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


STEPS = ("inflate", "stage", "plan, empty platform", "snapshot", "plan, unchanged", "csv.DictReader loop")


def engine(shape: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        district(Path(folder), shape).rename(Path(folder) / "bundle.zip")
        with zipfile.ZipFile(Path(folder) / "bundle.zip") as packed:
            size = sum(info.file_size for info in packed.infolist())
        print(f"\n### Engine, shape {shape} ({size / 1e6:,.0f} MB of CSV)\n\n| step | seconds | peak MB |\n|---|---|---|")
        for name in STEPS:
            run = [sys.executable, "-m", "benchmarks.run", "--step", name, folder]
            said = json.loads(subprocess.run(run, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
            print(f"| {name} | {said['s']:.2f} | {said['mb']:,.0f} |", flush=True)


def product(shape: str) -> None:
    from local.stack import Stack
    from tests.stack.client import Client

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
            began = time.perf_counter()
            sync_id = api.start(group, bundle, "selective")["syncId"]
            api.until(sync_id, asks="orgs")
            api.call("GET", f"/syncs/{sync_id}/orgs")
            print(f"| upload to the list of schools | {time.perf_counter() - began:.2f} | 0 |", flush=True)
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
    if sys.argv[1:2] == ["--step"]:
        return step(sys.argv[2], Path(sys.argv[3]))
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.platform()}, Python {platform.python_version()}")
    for shape in ("S", "M"):
        engine(shape)
    product("S")
    return None


if __name__ == "__main__":
    main()
