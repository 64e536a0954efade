"""EventBridge's events: a file that was dropped, an execution that has ended."""

from datetime import UTC, datetime

from aws_lambda_powertools import Logger
from chalice.app import Blueprint, CloudWatchEvent

from chalicelib.store import files, machine, starts, syncs
from chalicelib.store.records import State
from chalicelib.triggers import drops

DROPPED = {
    "source": ["aws.s3"],
    "detail-type": ["Object Created"],
    "detail": {"object": {"key": [{"prefix": drops.PREFIX}]}},
}
ENDED = {
    "source": ["aws.states"],
    "detail-type": ["Step Functions Execution Status Change"],
    "detail": {"status": ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]},
}

triggers = Blueprint(__name__)
logger = Logger()


@triggers.on_cw_event(DROPPED, name="drop")
def drop(event: CloudWatchEvent) -> None:
    """A file lies in `drop/`. The rule hears of every bucket of the account; ours alone counts."""
    if event.detail["bucket"]["name"] != files.bucket():
        return
    arrival = drops.take(drops.Dropped.from_event(event.to_dict()), _now())
    said = {"groupId": arrival.group_id, "syncId": arrival.sync_id, "outcome": arrival.outcome}
    logger.info("file arrived", extra=said)


@triggers.on_cw_event(ENDED, name="execution_ended")
def execution_ended(event: CloudWatchEvent) -> None:
    """Give the lock back when nothing else could: a killed Lambda, an execution aborted from the console. Then what
    waits in the group's queue goes on."""
    detail = event.detail
    if detail["stateMachineArn"] != machine.machine_arn():
        return
    sync_id = detail["name"]
    logger.append_keys(syncId=sync_id)
    if detail["status"] != "SUCCEEDED":
        stopped = detail["status"] == "ABORTED"
        why = "The sync was stopped from outside." if stopped else "The sync stopped because of an error of ours. Start it again."
        message = f"{why} What it may have written already, the next sync makes right without help."
        if syncs.end(sync_id, State.CANCELLED if stopped else State.FAILED, message, _now()):
            logger.warning("sync ended by its execution", extra={"status": detail["status"]})
    if following := starts.go_on(syncs.group_of(sync_id), _now()):
        logger.info("the next sync of the queue started", extra={"nextSyncId": following.sync_id})


def _now() -> datetime:
    return datetime.now(UTC)
