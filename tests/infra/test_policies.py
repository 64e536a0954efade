"""What the functions may do, as it is deployed. That it is enough, the stack's tests show: they enforce it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from app import app
from infra.functions import FUNCTIONS, INTERFACES
from tests.infra.conftest import of_kind

pytestmark = pytest.mark.xdist_group("template")
# Actions that AWS offers for every resource or none, and those that Lambda asks for on all of EC2's interfaces.
NO_RESOURCE = {"xray:PutTraceSegments", "xray:PutTelemetryRecords", *INTERFACES}

each_function = pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: str(each.name))


def statements(policy: dict[str, Any]) -> Iterator[tuple[set[str], list[Any]]]:
    for each in map(always, policy["Statement"]):
        yield set(each["Action"]), each["Resource"]


def always(statement: dict[str, Any]) -> dict[str, Any]:
    """A statement, also one that is there with a fixed address alone."""
    inner: dict[str, Any] = statement["Fn::If"][1] if "Fn::If" in statement else statement
    return inner


def test_every_handler_is_declared_once_and_every_declaration_has_its_handler() -> None:
    handlers = {each.name for each in app.pure_lambda_functions} | {each.name for each in app.event_sources}
    handlers |= {each.name for each in app.builtin_auth_handlers} | {"api_handler"}

    assert sorted(each.name for each in FUNCTIONS) == sorted(handlers)


def test_each_function_is_deployed_with_the_policy_that_it_declares_and_no_other(resources: dict[str, Any]) -> None:
    roles = of_kind(resources, "AWS::IAM::Role")
    deployed = of_kind(resources, "AWS::Lambda::Function")
    for function in FUNCTIONS:
        role = roles[deployed[function.logical_id]["Role"]["Fn::GetAtt"][0]]

        assert [each["PolicyDocument"] for each in role["Policies"]] == [function.policy()], function.name
        assert not role.get("ManagedPolicyArns"), function.name


@each_function
def test_a_policy_names_each_action_and_each_resource(function: Any) -> None:
    for actions, resources in statements(function.policy()):
        assert not any("*" in action for action in actions)
        assert "*" not in resources or actions <= NO_RESOURCE | {"ses:SendEmail"}


def test_mail_is_sent_in_the_name_of_the_stack_s_own_sender_alone() -> None:
    """The emulator names no identity as the resource of a mail, so the sender is bound by a condition."""
    found = [
        each
        for function in FUNCTIONS
        for each in map(always, function.policy()["Statement"])
        if "ses:SendEmail" in each["Action"]
    ]

    assert [each["Condition"] for each in found] == [{"StringEqualsIfExists": {"ses:FromAddress": {"Ref": "MailFrom"}}}]


@each_function
def test_the_bucket_is_reached_by_prefix_alone(function: Any) -> None:
    for actions, resources in statements(function.policy()):
        objects = {action for action in actions if action.startswith("s3:") and "Object" in action}
        assert not objects or all("${DataBucket.Arn}/" in json.dumps(each) for each in resources)
        assert not objects or not any("${DataBucket.Arn}/*" in json.dumps(each) for each in resources)
