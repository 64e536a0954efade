"""What each function loads before it can answer: processor and memory of its imports, each in a Python of its own.

`python -m benchmarks.imports` prints a line for each, with the memory that the function has. Processor seconds of this machine; a
function below 1,769 MB has a share of one processor (Lambda gives more while it starts). The least of RUNS counts: a busy machine
makes none faster.
"""

import os
import subprocess
import sys
from typing import Any

from app import app
from benchmarks import AS_ON_LAMBDA
from infra.functions import FUNCTIONS

RUNS = 5
MEASURE = """
import re, time
began = time.process_time()
import {module}
print(time.process_time() - began, int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024)
"""


def modules() -> dict[str, str]:
    """The module that Lambda imports for each function, by the function's name."""
    handlers: list[Any] = [*app.pure_lambda_functions, *app.event_sources, *app.builtin_auth_handlers]
    return {"api_handler": "app"} | {each.name: each.handler_string.rpartition(".")[0] for each in handlers}


def measured(module: str) -> tuple[float, int]:
    """Processor seconds and megabytes."""
    environment = {**os.environ, **AS_ON_LAMBDA, "AWS_DEFAULT_REGION": "us-east-1"}
    found = []
    for _ in range(RUNS):
        said = subprocess.run(
            [sys.executable, "-c", MEASURE.format(module=module)], env=environment, capture_output=True, text=True, check=True
        ).stdout.split()
        found.append((float(said[0]), int(said[1])))
    return min(found)


def main() -> None:
    named = modules()
    costs = {module: measured(module) for module in sorted(set(named.values()))}
    print("| function | imports | processor s | MB | of MB |\n|---|---|---|---|---|")
    for each in FUNCTIONS:
        seconds, megabytes = costs[named[each.name]]
        print(f"| {each.logical_id} | {named[each.name]} | {seconds:.2f} | {megabytes} | {each.memory_mb:,} |")


if __name__ == "__main__":
    main()
