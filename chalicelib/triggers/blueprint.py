"""EventBridge's events: a file that was dropped, an execution that has ended, the clock."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger
from chalice.app import Blueprint, CloudWatchEvent, Rate

from chalicelib.model.ids import group_of
from chalicelib.service import deletion, start, webhooks
from chalicelib.store import files, state_machine
from chalicelib.store.webhooks import is_any_due
from chalicelib.triggers import dropped_files, retention_job, scheduler_tick

DROPPED = {
    "source": ["aws.s3"],
    "detail-type": ["Object Created"],
    "detail": {"object": {"key": [{"prefix": dropped_files.PREFIX}]}},
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
    arrival = dropped_files.take(dropped_files.Dropped.from_event(event.to_dict()), _now())
    fields = {"groupId": arrival.group_id, "syncId": arrival.sync_id, "outcome": arrival.outcome}
    logger.info("file arrived", extra=fields)


@triggers.on_cw_event(ENDED, name="execution_ended")
def execution_ended(event: CloudWatchEvent) -> None:
    """Give the lock back when nothing else could: a killed Lambda, an execution aborted from the console. Then what
    waits in the group's queue starts."""
    detail = event.detail
    if detail["stateMachineArn"] != state_machine.machine_arn():
        return
    sync_id = detail["name"]
    logger.append_keys(syncId=sync_id)
    if scheduler_tick.ended(sync_id, detail["status"], _now()):
        logger.warning("sync ended by its execution", extra={"status": detail["status"]})
    try:
        if following := start.start_next_queued(group_of(sync_id), _now()):
            logger.info("the next sync of the queue started", extra={"nextSyncId": following.sync_id})
    finally:  # neither keeps the other from its turn; the event comes again where one has failed
        webhooks.announce_end(sync_id, _now())


@triggers.schedule(Rate(scheduler_tick.EVERY_MINUTES, unit=Rate.MINUTES), name="wake")
def wake(event: CloudWatchEvent) -> None:
    """Start the groups whose schedule is due; recover what is stuck. Raises what failed once every group has had its turn."""
    context: Any = event.context
    result = scheduler_tick.tick(_now(), lambda: context.get_remaining_time_in_millis() / 1000)
    fields = {"started": result.started, "late": result.late, "skipped": result.skipped, "recovered": result.recovered}
    logger.info("woken", extra=fields)
    if result.failures:
        raise ExceptionGroup(f"{len(result.failures)} groups had no turn", result.failures)


@triggers.schedule(Rate(1, unit=Rate.HOURS), name="forget")
def forget(event: CloudWatchEvent) -> None:
    """Delete what the groups keep no longer. Raises what failed once every group has had its turn."""
    context: Any = event.context
    done = retention_job.forget(_now(), lambda: context.get_remaining_time_in_millis() / 1000)
    logger.info("forgotten", extra={"emptied": done.emptied, "removed": done.removed, "purged": done.purged, "left": done.left})
    if done.failures:
        raise ExceptionGroup(f"{len(done.failures)} groups keep too much", done.failures)


@triggers.schedule(Rate(5, unit=Rate.MINUTES), name="erase")
def erase(event: CloudWatchEvent) -> None:
    """Go on with the deletions of groups, and of what is held about single people, that are not finished yet."""
    from chalicelib.service import erasure  # with what writes reports, of which the other functions have no use

    context: Any = event.context

    def has_time() -> bool:
        return bool(context.get_remaining_time_in_millis() > 30_000)

    for each in deletion.go_on(_now(), has_time):
        removed = sum(place.items for place in each.removed)
        logger.info("group erased", extra={"groupId": each.group_id, "state": each.state, "removed": removed})
    for person in erasure.go_on(_now(), has_time):
        removed = sum(place.items for place in person.removed)
        logger.info("person erased", extra={"groupId": person.group_id, "state": person.state, "removed": removed})


@triggers.schedule(Rate(1, unit=Rate.MINUTES), name="deliver")
def deliver(event: CloudWatchEvent) -> None:
    """Send to webhooks what is due. Most minutes nothing is: that costs one question and loads nothing."""
    if not is_any_due(_now()):
        return
    from chalicelib.service.webhook_delivery import deliver_due  # with httpx, of which the other functions have no use

    context: Any = event.context
    tried = deliver_due(_now, lambda: context.get_remaining_time_in_millis() > 60_000)
    if tried:
        logger.info("webhooks told", extra={"tried": tried})


def _now() -> datetime:
    return datetime.now(UTC)
