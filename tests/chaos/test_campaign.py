"""The campaign itself: what it is told to break is broken, and a part that is run alone renews its own line of the page."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app import app
from infra import ROOT
from tests.chaos import kills
from tests.chaos.naive import Difference, difference
from tests.chaos.run import BEGIN, END, KINDS, LANES, written
from tests.stepfunctions.definition import definition, every_state

CALLS = """
import boto3
table = boto3.client("dynamodb", endpoint_url="http://127.0.0.1:9", region_name="us-east-1")
table.get_item(TableName="Groups", Key={"groupId": {"S": "lakeside"}})
"""


def called(folder: Path, plan: dict[str, Any]) -> tuple[int, str]:
    """How a Lambda's process ends that calls AWS once, and what was noted of it."""
    (folder / "journal").mkdir()
    (folder / "plan.json").write_text(json.dumps(plan))
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_MAX_ATTEMPTS": "1"}
    lambda_ = {"CHAOS_FOLDER": str(folder), "AWS_LAMBDA_FUNCTION_NAME": "oneroster-Stage-1"}
    hook = {"PYTHONPATH": str(ROOT / "tests" / "chaos" / "hook")}
    ended = subprocess.run([sys.executable, "-c", CALLS], env={**os.environ, **keys, **lambda_, **hook}, capture_output=True)
    return ended.returncode, "".join(path.read_text() for path in (folder / "journal").iterdir())


@pytest.mark.parametrize(("function", "dies"), [("Stage", True), ("Plan", False)])
def test_a_function_dies_at_the_call_that_was_chosen_and_no_other_one_does(tmp_path: Path, function: str, dies: bool) -> None:
    planned = {"function": function, "operation": "", "at": 1, "times": 1, "when": "before"}

    code, noted = called(tmp_path, {"kills": {"lakeside": planned}})

    assert (code == -signal.SIGKILL) is dies
    assert ("kill oneroster-Stage-1" in noted) is dies


def test_a_function_is_killed_at_every_state_that_runs_one_and_at_every_trigger() -> None:
    states = {name for name, state, _ in every_state(definition()["States"]) if "Resource" in state}
    triggers = {"".join(word.title() for word in each.name.split("_")) for each in app.event_sources}

    assert {each.place for each in (*kills.STATES, *kills.TRIGGERS)} == states | triggers | {"APIHandler"}


def test_a_call_that_is_to_go_wrong_does(tmp_path: Path) -> None:
    code, noted = called(tmp_path, {"rate": 1.0})

    assert code == 1
    assert "fault " in noted


def test_a_kind_that_is_run_alone_renews_its_own_line_and_leaves_the_others() -> None:
    page = f"# Page\n{BEGIN}\nhead\n| **kills**: old |\n| **drops**: old |\n{END}\nrest\n"

    renewed = written(page, {"drops": "| **drops**: new |"})

    assert renewed.startswith("# Page\n")
    assert renewed.endswith("rest\n")
    assert [line for line in renewed.splitlines() if line.startswith("| **")] == ["| **kills**: old |", "| **drops**: new |"]


def test_the_whole_runs_each_kind_once() -> None:
    assert sorted(name for lane in LANES for name in lane) == sorted(KINDS)


def test_the_oracle_sees_what_is_lost_what_is_wrong_what_is_left_and_what_is_there_twice() -> None:
    def item(sourced_id: str, status: str = "active", name: str = "North", shard: str = "1") -> dict[str, Any]:
        fields = {"name": name, "type": "school"}
        return {"groupId": "g", "entity": "orgs", "sourcedId": sourced_id, "status": status, "shard": shard, "fields": fields}

    wanted = {("orgs", each): {"sourcedId": each, "name": "North", "type": "school"} for each in "abc"}
    items = [item("a"), item("a", shard="2"), item("b", status="inactive"), item("c", name="South"), item("gone")]

    assert difference(wanted, "g", items) == Difference(lost=1, wrong=1, left=1, twice=1)
