"""Where the time of a day 2 goes: seconds of processor by part, each part of both processors alone.

    python -m benchmarks.parts <folder>

The folder is one in which `benchmarks.steps` has left all that "day 2: from ZIP to plan" reads. Parts that the product runs
side by side run one after another here, or nobody could tell whose seconds they are.
"""

import shutil
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.steps import LEAVES, inflated, planned, staged
from oneroster_engine import duckdb_session
from oneroster_engine.planning import plan
from oneroster_engine.staging import stage

FILES = ("users", "enrollments")  # the others together are a tenth of a bundle
spent: defaultdict[str, float] = defaultdict(float)
inside: list[str] = []


def measure(module: ModuleType, function: str, part: Callable[..., str]) -> None:
    """Have the function's seconds counted for the part that its arguments tell, and for no part around it."""
    measured = getattr(module, function)

    @wraps(measured)
    def counted(*given: Any, **named: Any) -> Any:
        mine, began = part(*given), time.process_time()
        inside.append(mine)
        try:
            return measured(*given, **named)
        finally:
            took = time.process_time() - began
            inside.pop()
            spent[mine] += took
            if inside:
                spent[inside[-1]] -= took

    setattr(module, function, counted)


def of(name: str) -> str:
    return name if name in FILES else "other files"


def main(folder: Path) -> None:
    duckdb_session.AT_ONCE = 1
    here = sys.modules[__name__]
    measure(here, "inflated", lambda *_: "inflate")
    measure(here, "staged", lambda *_: "stage: the rest")
    measure(here, "planned", lambda *_: "plan: the rest")
    measure(stage, "_load", lambda _connection, _bundle, name: f"read, find the clean rows: {of(name)}")
    measure(stage, "_judge", lambda _connection, name, *_: f"judge, ids that repeat: {of(name)}")
    measure(stage, "_write_entity", lambda _connection, _stage, name: f"write the stage: {of(name)}")
    measure(stage, "write_choices", lambda *_: "lists to choose from")
    measure(plan, "select", lambda *_: "select")
    measure(plan, "_compare", lambda _connection, entity, *_: f"compare: {of(entity)}")
    measure(plan, "write_changes", lambda *_: "changes, with what was before and after")
    measure(plan, "write_chunks", lambda *_: "chunks to apply, summary")
    for name in LEAVES["day 2: from ZIP to plan"]:
        shutil.rmtree(folder / name, ignore_errors=True)
    began = time.process_time()
    inflated(folder, 2)
    staged(folder, 2)
    planned(folder, 2)
    whole = time.process_time()
    spent["Python and imports"] = began
    print("| part | seconds of processor | share |\n|---|---|---|")
    for part, seconds in sorted(spent.items(), key=lambda one: -one[1]):
        print(f"| {part} | {seconds:.2f} | {seconds / whole:.0%} |")
    print(f"| all | {whole:.2f} | |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
