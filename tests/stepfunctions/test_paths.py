"""The machine run by the embedded AWS, with scripted Lambdas: which path a sync takes, and what each Lambda is given."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import boto3
import pytest

from chalicelib.model.outcomes import AppliedExtent, ending_of
from chalicelib.model.records import State
from infra.functions import STEPS
from tests.stepfunctions.definition import definition, every_state

FUNCTIONS = tuple(STEPS)
PATIENCE_S = 20.0
# Shape L's first sync has 7,040 chunks; here a limit that is smaller by as much as there are fewer.
PARTS = 24
PARTS_RESULT_BYTES = 262_144 * PARTS // 7_040
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
T = TypeVar("T")
RANGES = [{"path": "/users", "offset": offset} for offset in (0, 100, 200)]
CHUNKS = ["00000.jsonl.gz", "00001.jsonl.gz", "00002.jsonl.gz"]


class Machine:
    """The machine deployed over scripted Lambdas; waits before a retry are left out."""

    def __init__(self, endpoint: str) -> None:
        def client(service: Any) -> Any:
            return boto3.client(
                service,
                endpoint_url=endpoint,
                region_name=KEYS["AWS_DEFAULT_REGION"],
                aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
            )

        self.s3, self.states, self.functions = client("s3"), client("stepfunctions"), client("lambda")
        self.s3.create_bucket(Bucket="scripts")
        packed = BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.write(Path(__file__).with_name("scripted.py"), "scripted.py")
        for name in FUNCTIONS:
            self.functions.create_function(
                FunctionName=name,
                Runtime="python3.11",
                Handler="scripted.handler",
                Role="arn:aws:iam::000000000000:role/any",
                Code={"ZipFile": packed.getvalue()},
                Timeout=60,  # three seconds unless said, which eight at once don't keep to on a busy machine
            )
        self.arn = self._create("sync", definition())
        impatient = definition()
        for _, state, _ in every_state(impatient["States"]):
            if state.get("TimeoutSeconds") == 604_800:
                state["TimeoutSeconds"] = 1
        self.impatient_arn = self._create("impatient", impatient)

    def _create(self, name: str, machine: dict[str, Any]) -> str:
        named = re.sub(r"\$\{(\w+)\}", r"\1", json.dumps(machine))
        made = self.states.create_state_machine(name=name, definition=named, roleArn="arn:aws:iam::000000000000:role/any")
        return str(made["stateMachineArn"])


class Run:
    """One sync on its way through the machine."""

    def __init__(
        self,
        machine: Machine,
        mode: str,
        script: dict[str, list[Any]],
        impatient: bool = False,
        chunks: Sequence[str] = CHUNKS,
        ranges: Sequence[dict[str, Any]] = RANGES,
    ) -> None:
        self.machine, self.sync_id = machine, f"g1-{uuid4()}"
        self._put("script.json", script)
        self._put("manifest.json", [{"chunk": name} for name in chunks])
        self._put("ranges.json", list(ranges))
        for line in script.get("OpenSource", []):
            if isinstance(line, dict):
                line |= {"more": False, "fetch": False, "parallel": 1, "sameAs": ""} | line
        for function, manifest in (("Plan", "manifest.json"), ("PlanFetch", "ranges.json")):
            for line in script.get(function, []):
                if isinstance(line, dict):
                    line |= {"bucket": "scripts", "manifestKey": f"{self.sync_id}/{manifest}"}
        self._put("script.json", script)
        self.execution = machine.states.start_execution(
            stateMachineArn=machine.impatient_arn if impatient else machine.arn,
            name=self.sync_id,
            input=json.dumps({"groupId": "g1", "syncId": self.sync_id, "mode": mode}),
        )["executionArn"]

    def events(self, function: str) -> list[dict[str, Any]]:
        """What the function was called with, in the order of the calls; ids of group and sync are left out."""
        prefix = f"{self.sync_id}/calls/{function}/"
        found = self.machine.s3.list_objects_v2(Bucket="scripts", Prefix=prefix).get("Contents", [])
        bodies = (self.machine.s3.get_object(Bucket="scripts", Key=each["Key"])["Body"].read() for each in found)
        events = [json.loads(body) for body in bodies]
        assert {(event.pop("groupId"), event.pop("syncId")) for event in events} <= {("g1", self.sync_id)}
        return events

    def calls(self) -> dict[str, int]:
        return {name: number for name in FUNCTIONS if (number := len(self.events(name)))}

    def answer(self, kind: str, **output: Any) -> None:
        """Answer the question once it is asked."""
        token = self.token(kind)
        self.machine.states.send_task_success(taskToken=token, output=json.dumps(output))

    def token(self, kind: str) -> str:
        asked = until(lambda: [event for event in self.events("Ask") if event["kind"] == kind])
        return str(asked[-1]["token"])

    def ended(self, within_s: float = PATIENCE_S) -> str:
        def status() -> str:
            answer = str(self.machine.states.describe_execution(executionArn=self.execution)["status"])
            return "" if answer == "RUNNING" else answer

        return until(status, within_s)

    def failure(self) -> dict[str, str]:
        """The error that RecordFailure was given; the execution has failed."""
        assert self.ended() == "FAILED"
        [event] = self.events("RecordFailure")
        return dict(event["error"])

    def _put(self, name: str, value: Any) -> None:
        self.machine.s3.put_object(Bucket="scripts", Key=f"{self.sync_id}/{name}", Body=json.dumps(value).encode())


def until(look: Callable[[], T], within_s: float = PATIENCE_S) -> T:
    """The first true answer of `look`."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if seen := look():
            return seen
        time.sleep(0.03)
    raise AssertionError(f"nothing seen in {within_s:.0f} seconds")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    yield from started(tmp_path_factory.mktemp("emulator") / "emulator.log")


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The machine where a state's result may be as much smaller as its test has fewer parts."""
    yield from started(tmp_path_factory.mktemp("narrow") / "emulator.log", STATES_RESULT_BYTES=str(PARTS_RESULT_BYTES))


def started(log: Path, **more: str) -> Iterator[Machine]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    settings = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "SFN_WAIT_SCALE": "0", "AWS_ENDPOINT_URL": endpoint, **more}
    with log.open("wb") as found:
        process = subprocess.Popen(
            [sys.executable, "-m", "local.emulator"],
            env={**os.environ, **KEYS, **settings},
            stdout=found,
            stderr=found,
        )
        try:
            until(lambda: answers(f"{endpoint}/_ministack/health"))
            yield Machine(endpoint)
        finally:
            process.terminate()
            process.wait(10)


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def plan(changes: int = 0, ask: bool = False) -> dict[str, Any]:
    return {"ask": ask, "changes": changes}


def test_a_full_sync_without_changes_applies_nothing_and_asks_nobody(machine: Machine) -> None:
    run = Run(machine, "full", {"Plan": [plan()]})

    assert run.ended() == "SUCCEEDED"
    assert run.calls() == {"OpenSource": 1, "Stage": 1, "Plan": 1, "Commit": 1, "Report": 1}
    assert run.events("OpenSource") == [{"mode": "full"}]


def test_a_sync_of_the_same_source_as_before_is_ended_without_reading_it(machine: Machine) -> None:
    run = Run(machine, "selective", {"OpenSource": [{"sameAs": "g1-earlier"}]})

    assert run.ended() == "SUCCEEDED"
    assert run.calls() == {"OpenSource": 1, "Report": 1}
    assert run.events("Report") == [{"withRemovals": True, "sameAs": "g1-earlier"}]


def test_an_undo_reads_no_source_and_stops_for_a_word(machine: Machine) -> None:
    run = Run(machine, "undo", {"Plan": [plan(changes=3, ask=True)]})

    run.answer("approval", decision="approve")

    assert run.ended() == "SUCCEEDED"
    assert run.calls() == {"Plan": 1, "Ask": 1, "ApplyChunk": 3, "Commit": 1, "Report": 1}


def test_a_bundle_that_takes_longer_than_one_lambda_is_fetched_by_the_next(machine: Machine) -> None:
    run = Run(machine, "full", {"OpenSource": [{"more": True}, {"more": True}], "Plan": [plan()]})

    assert run.ended() == "SUCCEEDED"
    assert run.events("OpenSource") == [{"mode": "full"}] * 3


@pytest.mark.parametrize("what", ["chunks", "ranges"])
def test_a_first_sync_of_a_state_s_size_is_not_ended_by_what_its_many_parts_hand_back(narrow: Machine, what: str) -> None:
    """A Map's children hand their outputs back, in sum 256 KiB at most: some 1,700 chunks, did they hand back what they got."""
    machine = narrow
    many = [f"{number:05}.jsonl.gz" for number in range(PARTS)]
    script = {"Plan": [plan(changes=2_500 * PARTS)]} if what == "chunks" else {**FETCHING, "PlanFetch": [{"ranges": PARTS}]}
    ranges = [{"path": "/users", "offset": 5_000 * number} for number in range(PARTS)]

    given: dict[str, Any] = {"chunks": many} if what == "chunks" else {"ranges": ranges}
    run = Run(
        machine, "full", {**script, "FetchPart": [{"done": True, "range": {}}] * (PARTS if what == "ranges" else 0)}, **given
    )

    assert run.ended(within_s=120) == "SUCCEEDED", machine.states.describe_execution(executionArn=run.execution).get("cause")


def test_each_chunk_of_the_manifest_is_applied_once(machine: Machine) -> None:
    run = Run(machine, "full", {"Plan": [plan(changes=7000)]})

    assert run.ended() == "SUCCEEDED"
    applied = sorted(run.events("ApplyChunk"), key=lambda event: str(event["chunk"]))
    assert applied == [{"chunk": name, "withRemovals": True} for name in CHUNKS]
    assert run.events("Commit") == [{"withRemovals": True}]
    assert run.events("Report") == [{"withRemovals": True, "sameAs": ""}]


def test_a_selective_sync_asks_three_times_and_stages_while_the_first_answer_is_awaited(machine: Machine) -> None:
    run = Run(machine, "selective", {"Plan": [plan()]})

    until(lambda: run.events("Stage"))
    run.answer("orgs")
    run.answer("classes")
    assert "Plan" not in run.calls()
    run.answer("statuses")

    assert run.ended() == "SUCCEEDED"
    assert run.calls() == {"OpenSource": 1, "Ask": 3, "Stage": 1, "Plan": 1, "Commit": 1, "Report": 1}


def test_a_bundle_refused_while_schools_are_chosen_ends_the_sync_with_its_own_sentence(machine: Machine) -> None:
    run = Run(machine, "selective", {"Stage": ["BundleRefused"]})
    run.token("orgs")

    ending = ending_of(run.failure(), run.sync_id, AppliedExtent.NOTHING)

    assert (ending.state, ending.message) == (State.REFUSED, "Stage says BundleRefused. Nothing was changed.")
    assert run.calls() == {"OpenSource": 1, "Ask": 1, "Stage": 1, "RecordFailure": 1}


def test_a_question_is_asked_again_when_its_lambda_failed_and_not_after_the_sync_has_ended(machine: Machine) -> None:
    run = Run(machine, "full", {"Plan": [plan(changes=3, ask=True)], "Ask": ["ClientError", {}]})
    until(lambda: len(run.events("Ask")) == 2)
    run.answer("approval", decision="approve")
    ended = Run(machine, "selective", {"Ask": ["Conflict"]})

    assert run.ended() == "SUCCEEDED"
    assert ended.failure()["Error"] == "Conflict"
    assert len(ended.events("Ask")) == 1


@pytest.mark.parametrize(("decision", "removals"), [("approve", True), ("approveWithoutRemovals", False)])
def test_an_approved_plan_is_applied_as_it_was_approved(machine: Machine, decision: str, removals: bool) -> None:
    run = Run(machine, "full", {"Plan": [plan(changes=3, ask=True)]})

    run.answer("approval", decision=decision)

    assert run.ended() == "SUCCEEDED"
    assert {event["withRemovals"] for event in run.events("ApplyChunk")} == {removals}
    assert run.events("Commit") == [{"withRemovals": removals}]
    assert run.events("Report") == [{"withRemovals": removals, "sameAs": ""}]


def test_a_discarded_plan_writes_nothing(machine: Machine) -> None:
    run = Run(machine, "full", {"Plan": [plan(changes=3, ask=True)]})

    run.answer("approval", decision="discard")

    assert ending_of(run.failure(), run.sync_id, AppliedExtent.NOTHING).state is State.DISCARDED
    assert run.calls() == {"OpenSource": 1, "Stage": 1, "Plan": 1, "Ask": 1, "RecordFailure": 1}


FETCHING = {"OpenSource": [{"fetch": True, "parallel": 1}], "PlanFetch": [{"ranges": 3}], "Plan": [{"ask": False, "changes": 0}]}


@pytest.mark.parametrize("mode", ["full", "selective"])
def test_a_providers_lists_are_read_in_ranges_and_a_range_that_ran_out_of_time_goes_on_where_it_was(
    machine: Machine, mode: str
) -> None:
    rest = {"path": "/users", "offset": 50}
    done = {"done": True, "range": {}}

    run = Run(machine, mode, {**FETCHING, "FetchPart": [{"done": False, "range": rest}, "SourceUnavailable", done, done, done]})

    if mode == "selective":
        until(lambda: run.events("Stage"))
        for kind in ("orgs", "classes", "statuses"):
            run.answer(kind)
    assert run.ended() == "SUCCEEDED"
    read = [event["range"]["offset"] for event in run.events("FetchPart")]
    assert read == [0, 50, 50, 100, 200]
    assert {name: run.calls()[name] for name in ("PlanFetch", "CheckFetched", "Stage")} == {
        "PlanFetch": 1, "CheckFetched": 1, "Stage": 1,
    }  # fmt: skip


def test_a_provider_whose_first_pages_were_all_is_read_without_ranges(machine: Machine) -> None:
    run = Run(machine, "full", {**FETCHING, "PlanFetch": [{"ranges": 0}]})

    assert run.ended() == "SUCCEEDED"
    assert "FetchPart" not in run.calls()
    assert run.calls()["CheckFetched"] == 1


def test_a_range_that_cannot_be_read_ends_the_sync_before_anything_is_staged(machine: Machine) -> None:
    run = Run(machine, "full", {**FETCHING, "FetchPart": ["SourceRefused"] * 9})

    assert run.failure()["Error"] == "States.ExceedToleratedFailureThreshold"
    assert "Stage" not in run.calls()


def test_errors_that_pass_are_ridden_out_in_every_state(machine: Machine) -> None:
    passing = ["SourceUnavailable", "SourceUnavailable"]
    script = {name: list(passing) for name in ("OpenSource", "Stage", "Commit", "Report")}

    run = Run(machine, "full", {**script, "Plan": ["SourceUnavailable", "ClientError", plan(changes=1)]})

    assert run.ended() == "SUCCEEDED"
    assert run.calls() == {"OpenSource": 3, "Stage": 3, "Plan": 3, "ApplyChunk": 3, "Commit": 3, "Report": 3}


@pytest.mark.parametrize(("error", "calls"), [("LockLost", 1), ("KeyError", 3)])
def test_a_refusal_is_not_tried_again_and_an_unexpected_error_twice(machine: Machine, error: str, calls: int) -> None:
    functions = ("OpenSource", "Stage", "Plan", "Commit", "Report")

    runs = {name: Run(machine, "full", {"Plan": [plan()], name: [error] * 9}) for name in functions}

    for name, run in runs.items():
        assert run.failure()["Error"] == error
        assert run.calls()[name] == calls


def test_a_chunk_that_cannot_be_written_ends_the_sync_before_the_commit(machine: Machine) -> None:
    run = Run(machine, "full", {"Plan": [plan(changes=3)], "ApplyChunk": ["LockLost"] * 9})

    ending = ending_of(run.failure(), run.sync_id, AppliedExtent.PARTIAL)

    assert ending.state is State.FAILED
    assert ending.message.startswith("The platform did not take every change")
    assert "Commit" not in run.calls()


@pytest.mark.parametrize("answered", [[], ["orgs"], ["orgs", "classes"]])
def test_a_question_that_nobody_answers_ends_the_sync_as_expired(machine: Machine, answered: list[str]) -> None:
    run = Run(machine, "selective", {}, impatient=True)
    for kind in answered:
        run.answer(kind)

    assert ending_of(run.failure(), run.sync_id, AppliedExtent.NOTHING).state is State.EXPIRED
    assert len(run.events("Ask")) == len(answered) + 1


def test_a_held_plan_that_nobody_decides_about_expires_and_writes_nothing(machine: Machine) -> None:
    run = Run(machine, "full", {"Plan": [plan(changes=3, ask=True)]}, impatient=True)

    assert ending_of(run.failure(), run.sync_id, AppliedExtent.NOTHING).state is State.EXPIRED
    assert run.calls() == {"OpenSource": 1, "Stage": 1, "Plan": 1, "Ask": 1, "RecordFailure": 1}


def test_the_sync_fails_also_when_even_the_failure_cannot_be_recorded(machine: Machine) -> None:
    run = Run(machine, "full", {"Stage": ["BundleRefused"], "RecordFailure": ["KeyError"] * 9})

    assert run.ended() == "FAILED"
    assert run.calls()["RecordFailure"] == 3
    assert machine.states.describe_execution(executionArn=run.execution)["error"] == "BundleRefused"
