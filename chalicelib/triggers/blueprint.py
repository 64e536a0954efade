"""EventBridge's events: a file that was dropped, an execution that has ended, the clock."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger
from chalice.app import Blueprint, CloudWatchEvent, Rate

from chalicelib.store import files, machine, starts, syncs
from chalicelib.triggers import drops, forgetting
from chalicelib.triggers import wake as waking

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
    if waking.ended(sync_id, detail["status"], _now()):
        logger.warning("sync ended by its execution", extra={"status": detail["status"]})
    if following := starts.go_on(syncs.group_of(sync_id), _now()):
        logger.info("the next sync of the queue started", extra={"nextSyncId": following.sync_id})


@triggers.schedule(Rate(waking.EVERY_MINUTES, unit=Rate.MINUTES), name="wake")
def wake(event: CloudWatchEvent) -> None:
    """Start the groups whose schedule is due; mend what is stuck. Raises what failed once every group has had its turn."""
    context: Any = event.context
    woken = waking.wake(_now(), lambda: context.get_remaining_time_in_millis() / 1000)
    said = {"started": woken.started, "late": woken.late, "skipped": woken.skipped, "mended": woken.mended}
    logger.info("woken", extra=said)
    if woken.failures:
        raise ExceptionGroup(f"{len(woken.failures)} groups had no turn", woken.failures)


@triggers.schedule(Rate(1, unit=Rate.HOURS), name="forget")
def forget(event: CloudWatchEvent) -> None:
    """Delete what the groups keep no longer. Raises what failed once every group has had its turn."""
    context: Any = event.context
    done = forgetting.forget(_now(), lambda: context.get_remaining_time_in_millis() / 1000)
    logger.info("forgotten", extra={"emptied": done.emptied, "removed": done.removed, "left": done.left})
    if done.failures:
        raise ExceptionGroup(f"{len(done.failures)} groups keep too much", done.failures)


def _now() -> datetime:
    return datetime.now(UTC)
