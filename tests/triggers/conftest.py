"""AWS in moto as the triggers see it: the limits' parameter, a versioned bucket, a machine that keeps its executions."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from chalicelib.store import state_machine

ROLE = "arn:aws:iam::123456789012:role/any"
NOTHING = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})


@pytest.fixture
def account(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    boto3.client("s3").put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})
    made = boto3.client("stepfunctions").create_state_machine(name="oneroster-sync", definition=NOTHING, roleArn=ROLE)
    monkeypatch.setenv("STATE_MACHINE_ARN", made["stateMachineArn"])
    state_machine._stepfunctions.cache_clear()
    yield
    state_machine._stepfunctions.cache_clear()


def executions() -> list[Any]:
    """The executions of the machine, by name."""
    from chalicelib.store.state_machine import machine_arn

    return sorted(
        each["name"] for each in boto3.client("stepfunctions").list_executions(stateMachineArn=machine_arn())["executions"]
    )
