"""Events that could not be handled are handed over again; what fails again stays."""

import json
from typing import Any

import boto3
import pytest

from app import app
from infra.redrive import function_of, redrive
from local.events import saved
from tests.infra.conftest import of_kind

pytestmark = pytest.mark.xdist_group("template")
FUNCTIONS = ["".join(word.title() for word in each.name.split("_")) for each in app.event_sources]
NAMES = {
    **{"Drop": "stack-drop", "ExecutionEnded": "stack-ended", "Wake": "stack-wake", "Forget": "stack-forget"},
    **{"Erase": "stack-erase", "EraseEraseEvent": "oneroster-erase"},  # the rules in the saved events
    **{"Deliver": "stack-deliver", "DeliverDeliverEvent": "oneroster-deliver"},
    **{"WakeWakeEvent": "oneroster-wake", "ForgetForgetEvent": "oneroster-forget"},
}


class Functions:
    """Takes every event but those of the functions that are broken."""

    def __init__(self, broken: str = "") -> None:
        self.broken = broken
        self.calls: list[tuple[str, str]] = []

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 (boto3's names)
        self.calls.append((FunctionName, json.loads(Payload)["source"]))
        return {"FunctionError": "Unhandled"} if FunctionName == self.broken else {}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_that_is_told_events_leaves_what_it_cannot_handle_in_the_queue(
    resources: dict[str, Any], name: str
) -> None:
    function = resources[name]["Properties"]
    rules = [each for each in of_kind(resources, "AWS::Events::Rule").values() if name in json.dumps(each["Targets"])]
    queue = {"Fn::GetAtt": ["UndeliveredEvents", "Arn"]}

    assert function["DeadLetterConfig"] == {"TargetArn": queue}
    assert [target["DeadLetterConfig"]["Arn"] for rule in rules for target in rule["Targets"]] == [queue]


def test_the_redrive_command_knows_every_function_that_is_told_events() -> None:
    assert {function_of(json.dumps(saved(each.name)), NAMES) for each in app.event_sources} == set(FUNCTIONS)


@pytest.mark.usefixtures("aws")
def test_each_event_goes_to_its_function_and_leaves_the_queue_when_it_was_taken() -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="undelivered")["QueueUrl"]
    for body in (*(json.dumps(saved(each)) for each in ("drop", "execution_ended", "wake", "forget")), "no event"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    functions = Functions(broken="stack-ended")

    done = redrive(sqs, functions, url, NAMES)

    assert sorted(name for name, _ in functions.calls) == ["stack-drop", "stack-ended", "stack-forget", "stack-wake"]
    assert (done.handled, done.failed, done.unknown) == (3, 1, 1)
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesNotVisible"])["Attributes"]
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "2"
