"""EventBridge's events: an execution that ended without its own words."""

from datetime import UTC, datetime

from aws_lambda_powertools import Logger
from chalice.app import Blueprint, CloudWatchEvent

from chalicelib.store import machine, syncs
from chalicelib.store.records import State

ENDED = {
    "source": ["aws.states"],
    "detail-type": ["Step Functions Execution Status Change"],
    "detail": {"status": ["FAILED", "TIMED_OUT", "ABORTED"]},
}

triggers = Blueprint(__name__)
logger = Logger()


@triggers.on_cw_event(ENDED, name="execution_ended")
def execution_ended(event: CloudWatchEvent) -> None:
    """Give the lock back when nothing else could: a killed Lambda, an execution aborted from the console."""
    detail = event.detail
    if detail["stateMachineArn"] != machine.machine_arn():
        return
    sync_id = detail["name"]
    logger.append_keys(syncId=sync_id)
    stopped = detail["status"] == "ABORTED"
    why = "The sync was stopped from outside." if stopped else "The sync stopped because of an error of ours. Start it again."
    message = f"{why} What it may have written already, the next sync makes right without help."
    if syncs.end(sync_id, State.CANCELLED if stopped else State.FAILED, message, datetime.now(UTC)):
        logger.warning("sync ended by its execution", extra={"status": detail["status"]})
