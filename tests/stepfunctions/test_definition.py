"""`sync.asl.json` read as data: what must hold of every state, whatever path a sync takes."""

import json
import re
from typing import Any

import cfnlint.api  # type: ignore[import-untyped]
import pytest

from app import app
from chalicelib import errors
from infra.functions import STEPS
from tests.stepfunctions.definition import attempts, catches_all, definition, every_state

STATES = list(every_state(definition()["States"]))
TASKS = [(name, state, outside) for name, state, outside in STATES if state["Type"] == "Task"]
WAITS = [(name, state) for name, state, _ in TASKS if state["Resource"].endswith(".waitForTaskToken")]
REFUSALS = ("BundleRefused", "Conflict", "LockLost", "NotFound", "SourceRefused")
PASSING = (
    "SourceUnavailable",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
)

each_task = pytest.mark.parametrize(("state", "caught_outside"), [each[1:] for each in TASKS], ids=[each[0] for each in TASKS])


def test_step_functions_would_take_the_definition() -> None:
    assert lint(definition()) == []


def test_the_validator_would_tell_of_a_broken_definition() -> None:
    broken = definition()
    broken["States"]["Plan"]["TimeoutSeconds"] = "soon"

    assert lint(broken)


def test_every_state_leads_to_one_that_exists_and_every_state_is_reached() -> None:
    machines = [definition()]
    for _, state, _ in STATES:
        machines += [*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]
    for machine in machines:
        named = {machine["StartAt"]}
        for state in machine["States"].values():
            named |= {part["Next"] for part in (state, *state.get("Choices", []), *state.get("Catch", [])) if "Next" in part}
            named |= {state["Default"]} if "Default" in state else set()
        assert named == set(machine["States"])


def test_what_cfn_lint_takes_and_the_language_does_not_stands_nowhere() -> None:
    """`findings/states-language-validators.sh`; that every `Next` leads somewhere is the test above."""
    names = [name for name, _, _ in STATES]
    assert len(names) == len(set(names))
    for name, state, _ in STATES:
        for rules in (state.get("Retry", []), state.get("Catch", [])):
            assert all(rule["ErrorEquals"] == ["States.ALL"] for rule in rules if "States.ALL" in rule["ErrorEquals"]), name
            assert not any("States.ALL" in rule["ErrorEquals"] for rule in rules[:-1]), name
        assert all(rule.get("BackoffRate", 2) >= 1 and rule.get("IntervalSeconds", 1) >= 1 for rule in state.get("Retry", [])), (
            name
        )
        assert state.get("HeartbeatSeconds", 0) < state.get("TimeoutSeconds", 99_999_999), name
        times = [each for each in ("Seconds", "SecondsPath", "Timestamp", "TimestampPath") if each in state]
        assert len(times) == (state["Type"] == "Wait"), name
        assert not {"TimeoutSeconds", "TimeoutSecondsPath"} <= set(state), name
        assert not any(
            "Next" in part for choice in state.get("Choices", []) for part in choice.get("And", choice.get("Or", []))
        ), name


@each_task
def test_every_state_that_works_has_an_end_in_time_and_its_failure_is_recorded(
    state: dict[str, Any], caught_outside: bool
) -> None:
    assert state["TimeoutSeconds"] > 0
    assert catches_all(state) or caught_outside


@each_task
def test_what_can_pass_is_tried_again_and_a_refusal_never(state: dict[str, Any], caught_outside: bool) -> None:
    assert all(attempts(state, error) >= 3 for error in PASSING)
    assert all(attempts(state, error) == 0 for error in REFUSALS)


@each_task
def test_a_step_waits_its_turn_when_every_group_syncs_at_once(state: dict[str, Any], caught_outside: bool) -> None:
    retrier = next(each for each in state["Retry"] if "Lambda.TooManyRequestsException" in each["ErrorEquals"])

    assert retrier["MaxAttempts"] * retrier["MaxDelaySeconds"] / 2 >= 60 * 60  # full jitter: half of the delay on average


@each_task
def test_tries_keep_their_distance_from_each_other(state: dict[str, Any], caught_outside: bool) -> None:
    for retrier in state["Retry"]:
        if retrier["MaxAttempts"]:
            assert (retrier["BackoffRate"], retrier["JitterStrategy"]) == (2, "FULL")
            assert retrier["MaxDelaySeconds"] <= 60


@pytest.mark.parametrize(("name", "state"), WAITS)
def test_a_question_waits_seven_days_and_is_not_asked_again_after_them(name: str, state: dict[str, Any]) -> None:
    assert state["TimeoutSeconds"] == 7 * 24 * 60 * 60
    assert attempts(state, "States.Timeout") == 0


def test_the_four_questions_fit_into_the_time_of_the_whole() -> None:
    assert len(WAITS) == 4
    assert definition()["TimeoutSeconds"] > sum(state["TimeoutSeconds"] for _, state in WAITS)


def test_every_error_in_the_machine_is_one_of_ours_or_of_aws() -> None:
    ours = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.RosterError)}
    for _, state, _ in STATES:
        named = {error for rule in state.get("Retry", []) + state.get("Catch", []) for error in rule["ErrorEquals"]}
        named |= {state["Error"]} if state["Type"] == "Fail" and "Error" in state else set()
        assert {error for error in named if not error.startswith(("States.", "Lambda."))} <= ours


def test_every_lambda_in_the_machine_is_a_registered_handler_and_every_step_is_used() -> None:
    placeholders = set(re.findall(r"\$\{(\w+)\}", json.dumps(definition())))
    steps = {
        "".join(part.capitalize() for part in handler.name.split("_"))
        for handler in app.pure_lambda_functions
        if handler.handler_string.startswith("chalicelib.steps.")
    }

    assert placeholders == steps


def test_a_state_outlives_its_lambda_so_that_the_lambda_s_own_end_is_recorded() -> None:
    for name, state, _ in TASKS:
        function = STEPS[state["Parameters"]["FunctionName"].strip("${}")]
        assert state["TimeoutSeconds"] > function.time_s, name


def test_only_ids_and_keys_of_files_are_carried_from_state_to_state() -> None:
    kept = {name: state.get("ResultPath", "$") for name, state, _ in STATES if state["Type"] in ("Task", "Parallel", "Map")}

    assert {name: path for name, path in kept.items() if path is not None} == {
        "OpenSource": "$.source",
        "PlanFetch": "$.fetch",
        "FetchPart": "$.at",
        "Plan": "$.plan",
        "AskApproval": "$.approval",
    }


def test_a_part_of_a_map_hands_nothing_back() -> None:
    """What all parts hand back together may have 256 KiB; the Map's own `ResultPath` comes too late for that."""
    maps = [state["ItemProcessor"]["States"] for _, state, _ in STATES if state["Type"] == "Map"]
    last = [each for states in maps for each in states.values() if each.get("End") or each["Type"] == "Succeed"]

    assert len(last) >= len(maps) == 2
    assert all("OutputPath" in each and each["OutputPath"] is None for each in last)


def test_task_tokens_go_to_the_ask_lambda_alone() -> None:
    holders = [state for _, state, _ in TASKS if "Task.Token" in json.dumps(state)]

    assert {state["Parameters"]["FunctionName"] for state in holders} == {"${Ask}"}


def lint(machine: dict[str, Any]) -> list[Any]:
    """The errors that cfn-lint's schema of the language (E3601) finds in the machine as CloudFormation gets it."""
    deployed = re.sub(r"\$\{(\w+)\}", r"arn:aws:lambda:us-east-1:123456789012:function:\1", json.dumps(machine))
    properties = {"DefinitionString": deployed, "RoleArn": "arn:aws:iam::123456789012:role/machine"}
    template = {"Resources": {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}}
    return [match for match in cfnlint.api.lint_all(json.dumps(template)) if match.rule.severity == "error"]
