"""The state machine: start a sync's execution, answer its wait, stop it."""

import json
import os
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from chalicelib.errors import QuestionExpired
from chalicelib.model.records import Mode, Sync

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.client import SFNClient


@cache
def _stepfunctions() -> "SFNClient":
    return boto3.client("stepfunctions")


def machine_arn() -> str:
    return os.environ["STATE_MACHINE_ARN"]


def start(sync: Sync) -> None:
    """Start the sync's execution, named like the sync, so that starting it twice starts it once."""
    mode = Mode.FULL if sync.saved_selection else sync.mode  # as the machine sees it: full asks no questions
    given = {"groupId": sync.group_id, "syncId": sync.sync_id, "mode": mode}
    try:
        _stepfunctions().start_execution(stateMachineArn=machine_arn(), name=sync.sync_id, input=json.dumps(given))
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] != "ExecutionAlreadyExists":
            raise


def status(sync_id: str) -> str | None:
    """Of the sync's execution, in Step Functions' words; None when there is none."""
    try:
        return str(_stepfunctions().describe_execution(executionArn=_execution_arn(sync_id))["status"])
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] != "ExecutionDoesNotExist":
            raise
        return None


def answer(token: str, output: dict[str, Any]) -> None:
    """Let the machine go on. Raises QuestionExpired when it doesn't wait any more."""
    try:
        _stepfunctions().send_task_success(taskToken=token, output=json.dumps(output))
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] in ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken"):
            message = "This sync no longer waits for this answer, so it was not used. See whether it has ended or asks again."
            raise QuestionExpired(message) from refusal
        raise


def stop(sync_id: str, why: str) -> None:
    """Stop the sync's execution; none left to stop is as good."""
    try:
        _stepfunctions().stop_execution(executionArn=_execution_arn(sync_id), error="Cancelled", cause=why)
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] != "ExecutionDoesNotExist":
            raise


def _execution_arn(sync_id: str) -> str:
    return machine_arn().replace(":stateMachine:", ":execution:") + f":{sync_id}"
