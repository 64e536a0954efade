"""What the functions may do, read from their policy files. That it is enough, the stack's tests show: they enforce it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra import ROOT

CONFIG = json.loads((ROOT / ".chalice" / "config.json").read_text())
FUNCTIONS = CONFIG["stages"]["main"]["lambda_functions"]
POLICIES = sorted((ROOT / ".chalice").glob("policy-*.json"))
# Actions that AWS offers for every resource or none.
NO_RESOURCE = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}


def statements(policy: Path) -> Iterator[tuple[set[str], list[Any]]]:
    for each in json.loads(policy.read_text())["Statement"]:
        actions, resources = each["Action"], each["Resource"]
        yield {actions} if isinstance(actions, str) else set(actions), resources if isinstance(resources, list) else [resources]


def test_every_function_has_a_policy_of_its_own() -> None:
    named = [each["iam_policy_file"] for each in FUNCTIONS.values()]

    assert sorted(named) == [path.name for path in POLICIES]
    assert not any(each["autogen_policy"] for each in FUNCTIONS.values())


@pytest.mark.parametrize("policy", POLICIES, ids=lambda path: path.stem)
def test_a_policy_names_each_action_and_each_resource(policy: Path) -> None:
    for actions, resources in statements(policy):
        assert not any("*" in action for action in actions)
        assert "*" not in resources or actions <= NO_RESOURCE | {"ses:SendEmail"}


def test_mail_is_sent_in_the_name_of_the_stack_s_own_sender_alone() -> None:
    """The emulator names no identity as the resource of a mail, so the sender is bound by a condition."""
    said = [
        each for policy in POLICIES for each in json.loads(policy.read_text())["Statement"] if "ses:SendEmail" in each["Action"]
    ]

    assert [each["Condition"] for each in said] == [{"StringEqualsIfExists": {"ses:FromAddress": {"Ref": "MailFrom"}}}]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda path: path.stem)
def test_the_bucket_is_reached_by_prefix_alone(policy: Path) -> None:
    for actions, resources in statements(policy):
        objects = {action for action in actions if action.startswith("s3:") and "Object" in action}
        assert not objects or all("${DataBucket.Arn}/" in json.dumps(each) for each in resources)
        assert not objects or not any("${DataBucket.Arn}/*" in json.dumps(each) for each in resources)
