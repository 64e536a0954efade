"""Two checkouts of the product against each other: user and system CPU seconds of each of the engine's steps, in turn.

    python -m benchmarks.side_by_side ../before . [--shapes S M] [--runs 5] [--steps stage review]

A step runs in a process of its own, imports included, first of one checkout, then of the other, so that whatever else the
machine does falls on both. Printed: the median of each, the lowest, and the ratio of the medians. A checkout from before the
engine was a package (`chalicelib/roster`) is known too. Both read the same made-up bundles.
"""

import argparse
import importlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NOW = "2026-09-01T00:00:00+00:00"
# Where a function stood while the engine was still `chalicelib/roster`.
FORMER = {
    "standard.archive": "sources.zip",
    "staging.stage": "roster.stage",
    "selecting.selection": "roster.selection",
    "planning.plan": "roster.plan",
    "planning.policy": "roster.plan",
    "planning.summary": "roster.plan",
    "planning.snapshot": "roster.plan",
    "planning.review": "roster.review",
    "planning.guard": "roster.guard",
    "table_query": "roster.pages",
}


def engine(module: str) -> Any:
    """A module of the engine, of the checkout in which this process runs."""
    if Path("oneroster_engine").is_dir():
        return importlib.import_module(f"oneroster_engine.{module}")
    return importlib.import_module(f"chalicelib.{FORMER[module]}")


def schools(folder: Path) -> None:
    engine("staging.stage").stage_orgs(folder / "csv1", folder / "schools")


def stage(csvs: str, out: str) -> Callable[[Path], None]:
    def run(folder: Path) -> None:
        engine("staging.stage").stage_bundle(folder / csvs, folder / out)

    return run


def lists(folder: Path) -> None:
    """What screens ask for: schools, classes by title and searched, changes of users."""
    page_of = engine("table_query").page_of
    choices, changes = folder / "stage2" / "choices", folder / "plan2" / "changes.parquet"
    page_of(choices / "orgs.parquet", sort="name", limit=50, offset=0)
    page_of(choices / "classes.parquet", sort="title", limit=50, offset=50)
    page_of(choices / "classes.parquet", sort="title", limit=50, offset=0, search="math", search_in=["title", "classCode"])
    page_of(changes, sort="name", limit=50, offset=0, where={"entity": ["users"]})


def plan(day: int) -> Callable[[Path], None]:
    def run(folder: Path) -> None:
        everything, snapshot = engine("selecting.selection").EVERYTHING, folder / "snapshot" if day == 2 else None
        engine("planning.plan").plan_changes(folder / f"stage{day}", everything, snapshot, folder / f"plan{day}", _policy(day))

    return run


def review(folder: Path) -> None:
    import json

    answer = json.loads((folder / "plan2" / "summary.json").read_text())
    breaches = [engine("planning.guard").Breach(**each) for each in answer["breaches"]]
    planned = engine("planning.summary").Planned(answer["counts"], 0, answer["held"], breaches, answer["notes"])
    reviewed = engine("planning.review").review
    reviewed(planned, folder / "plan2", folder / "snapshot", _policy(2), folder / "stage2")


def snapshot(day: int) -> Callable[[Path], None]:
    def run(folder: Path) -> None:
        before, after = (folder / "snapshot", folder / "next") if day == 2 else (None, folder / "snapshot")
        policy = _policy(day)
        purged_after = getattr(policy, "purging", 30)  # a number of days, before each cause had days of its own
        engine("planning.snapshot").next_snapshot(before, folder / f"plan{day}", after, policy.now, purged_after)

    return run


def _policy(day: int) -> Any:
    from datetime import datetime

    return engine("planning.policy").Policy(f"s{day}", datetime.fromisoformat(NOW))


@dataclass(frozen=True)
class Step:
    """`leaves` is taken away first: a Lambda starts with nothing, and to write over a file takes longer."""

    run: Callable[[Path], None]
    leaves: str = ""


# In the order in which one leaves what the next one reads.
STEPS = {
    "list of schools": Step(schools, "schools"),
    "stage": Step(stage("csv1", "stage1"), "stage1"),
    "stage with problems": Step(stage("csv-problems", "stage-problems"), "stage-problems"),
    "stage 1.2": Step(stage("csv-1.2", "stage-1.2"), "stage-1.2"),
    "plan, empty platform": Step(plan(1), "plan1"),
    "snapshot, day 1": Step(snapshot(1), "snapshot"),
    "stage, day 2": Step(stage("csv2", "stage2"), "stage2"),
    "plan, day 2": Step(plan(2), "plan2"),
    "review, day 2": Step(review),
    "lists": Step(lists),
    "commit, day 2": Step(snapshot(2), "next"),
}


def districts(folder: Path, shape: str) -> None:
    """The CSVs that every step reads, once for both checkouts."""
    from oneroster_engine.sample_district import SHAPES, District, write
    from oneroster_engine.standard.archive import Limits, inflate

    kinds = {
        "csv1": ("1.1", 1, False),
        "csv2": ("1.1", 2, False),
        "csv-problems": ("1.1", 1, True),
        "csv-1.2": ("1.2", 1, False),
    }
    for name, (version, day, problems) in kinds.items():
        write(District(SHAPES[shape], seed=1, version=version, day=day, problems=problems, guids=True), folder / "zip")
        inflate(folder / "zip", folder / name, Limits())


def cpu_s(checkout: Path, name: str, folder: Path) -> float:
    """User and system seconds of one step of a checkout, in a process of its own."""
    from benchmarks import AS_ON_LAMBDA  # not where this file runs with an older checkout's benchmarks

    if leaves := STEPS[name].leaves:
        shutil.rmtree(folder / leaves, ignore_errors=True)
    command = [sys.executable, str(Path(__file__).resolve()), "--run", name, str(folder)]
    environment = {**os.environ, **AS_ON_LAMBDA, "PYTHONPATH": str(checkout), "PYTHONHASHSEED": "0"}
    ran = subprocess.Popen(command, cwd=checkout, env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(ran.pid, 0)
    if status:
        raise SystemExit(f"{name} of {checkout} failed")
    return used.ru_utime + used.ru_stime


def compare(before: Path, after: Path, shape: str, runs: int, wanted: list[str]) -> None:
    print(f"\n### Engine, shape {shape}: CPU seconds, median of {runs} (lowest), run in turn\n")
    print("| step, whole process | before | after | ratio |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        shared, folders = Path(name) / "csvs", {before: Path(name) / "before", after: Path(name) / "after"}
        shared.mkdir()
        districts(shared, shape)
        for folder in folders.values():
            folder.mkdir()
            for csvs in (each for each in shared.iterdir() if each.is_dir()):
                shutil.copytree(csvs, folder / csvs.name, copy_function=os.link)
        for step in STEPS:
            spent: dict[Path, list[float]] = {before: [], after: []}
            for run in range(runs if step in wanted else 1):
                for checkout in (before, after) if run % 2 == 0 else (after, before):
                    spent[checkout].append(cpu_s(checkout, step, folders[checkout]))
            if step in wanted:
                one, other = (f"{statistics.median(each):.2f} ({min(each):.2f})" for each in spent.values())
                ratio = statistics.median(spent[after]) / statistics.median(spent[before])
                print(f"| {step} | {one} | {other} | {ratio:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--shapes", nargs="+", default=["S", "M"])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    given = parser.parse_args()
    for shape in given.shapes:
        compare(given.before.resolve(), given.after.resolve(), shape, given.runs, given.steps)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        STEPS[sys.argv[2]].run(Path(sys.argv[3]))
    else:
        main()
