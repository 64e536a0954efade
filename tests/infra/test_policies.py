"""What the functions may do, read from their policy files. That it is enough, the stack's tests show: they enforce it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra import ROOT, build

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


DEPLOYER = json.loads((ROOT / "infra" / "deployer-policy.json").read_text())
SERVICES = {"serverless": "lambda", "cognito": "cognito-idp", "stepfunctions": "states"}
MANAGED_POLICY_CHARACTERS = 6144  # IAM's limit, white space not counted
DATA = ("dynamodb:*Item", "dynamodb:Scan", "dynamodb:Query", "secretsmanager:", "states:StartExecution", "lambda:Invoke")


def test_the_deployer_may_touch_every_kind_of_resource_of_the_stack_and_reads_no_data() -> None:
    allowed = {action for each in DEPLOYER["Statement"] for action in each["Action"]}
    kinds = {each["Type"].split("::")[1].lower() for each in build.resources()["Resources"].values() if "Type" in each}

    assert {SERVICES.get(kind, kind) for kind in kinds} <= {action.partition(":")[0] for action in allowed}
    assert not any(action.startswith(data.rstrip("*")) or action == "*" for action in allowed for data in DATA)
    assert not any(action.endswith(":*") or "Item" in action for action in allowed)


def test_what_the_deployer_may_do_to_anything_is_done_by_cloudformation_alone() -> None:
    for each in DEPLOYER["Statement"]:
        by_cloudformation = {"ForAnyValue:StringEquals": {"aws:CalledVia": "cloudformation.amazonaws.com"}}
        assert each["Resource"] != ["*"] or each["Condition"] == by_cloudformation


def test_the_deployer_s_policy_fits_into_one() -> None:
    assert len("".join(json.dumps(DEPLOYER).split())) <= MANAGED_POLICY_CHARACTERS
