"""Processes of functions on a developer's machine: forked, and otherwise as if each were a Python of its own."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from local.function_processes import WORKER, forking_subprocess

WORK = """
import json, os, random, sys
import duckdb, own
for line in sys.stdin:
    print("to the log", file=sys.stderr, flush=True)
    facts = {"given": line, "own": own.__file__, "there": os.getcwd(), "env": dict(os.environ), "chance": random.random()}
    print(json.dumps(facts), flush=True)
    if line == "fail\\n":
        raise ValueError("as asked")
"""


@pytest.fixture(scope="module")
def processes() -> Iterator[SimpleNamespace]:
    forking = forking_subprocess()
    yield forking
    forking.parent.communicate(timeout=30)  # which closes what it waits at


def start(processes: SimpleNamespace, folder: Path) -> SimpleNamespace:
    folder.mkdir()
    (folder / WORKER).write_text(WORK)
    (folder / "own.py").touch()
    made: SimpleNamespace = processes.Popen([sys.executable, str(folder / WORKER)], cwd=str(folder), env={"NAME": folder.name})
    return made


def test_a_function_has_its_own_code_folder_environment_and_chance(processes: SimpleNamespace, tmp_path: Path) -> None:
    answers = []
    for name in ("stage", "plan"):
        worker = start(processes, tmp_path / name)
        worker.stdin.write("event\n")
        answers.append(json.loads(worker.stdout.readline()))
        assert worker.stderr.readline() == "to the log\n"
        worker.terminate()
        assert worker.wait(timeout=10) == 0

    for name, answer in zip(("stage", "plan"), answers, strict=True):
        folder = str(tmp_path / name)
        assert (answer["given"], answer["there"], answer["env"]) == ("event\n", folder, {"NAME": name})
        assert answer["own"] == f"{folder}/own.py"
    assert answers[0]["chance"] != answers[1]["chance"]


def test_a_function_whose_input_ends_or_that_fails_has_ended_and_says_why(processes: SimpleNamespace, tmp_path: Path) -> None:
    done, failing = start(processes, tmp_path / "done"), start(processes, tmp_path / "failing")

    done.stdin.close()
    failing.stdin.write("fail\n")

    assert done.wait(timeout=10) == failing.wait(timeout=10) == 0
    assert "ValueError: as asked" in failing.stderr.read()
