"""Triggers that may find their group locked: they take the lock, or wait in the group's queue until it is free.

Every step is one conditional transaction over the group and the syncs that it touches, retried when another writer
was faster. A sync that takes part has an id that follows from its trigger, so that a trigger delivered twice counts once.
"""

import random
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.errors import Conflict, NotFound
from chalicelib.model.ids import group_of
from chalicelib.model.queueing import holds_more, outcome_for
from chalicelib.model.records import Group, State, Sync, Trigger, Waiting
from chalicelib.store import groups, syncs
from chalicelib.store.metrics import emit_metric
from chalicelib.store.tables import client, table, to_item

ATTEMPTS = 30  # a group's item takes tens of writes a second; this rides out a burst of a few hundred triggers
LONGEST_WAIT_S = 1.0
SUPERSEDED_AT_ONCE = 98  # a transaction takes 100 items; the group's and the new sync's are two of them
NEWER_CAME = "A newer one arrived before this one's turn, so it was not synced. Nothing was changed by it."
NEWER_TAKEN = "A newer one had been taken before this one arrived, so it was not synced. Nothing was changed by it."
CHANGES_LOST = (
    "This bundle brings changes, not everything, and it came when it could not be synced in its turn: a newer one had been "
    "taken, or too many wait. Its changes are missing. Send a bundle of everything (bulk) once. Nothing was changed by it."
)


def take_or_wait(sync: Sync, order: str, bundle: syncs.BundleFrom | None = None, delta: bool = False) -> Sync:
    """The sync as it is now: running (it has the lock: launch it), queued, or superseded. Repeating it changes nothing.

    `delta`: of a bundle that holds changes only, all of them or some of its files.

    Raises NotFound for an unknown group; Conflict when the group's item is written by others all the time.
    """
    new = Waiting(sync_id=sync.sync_id, trigger=sync.trigger, order=order, delta=delta or None)
    for attempt in range(ATTEMPTS):
        try:
            return syncs.get(sync.sync_id)
        except NotFound:
            pass
        group = groups.get(sync.group_id)
        decision = outcome_for(group, new)
        begins = (sync, new) if decision.state is State.RUNNING else None
        lost = delta and not holds_more(new, group.queue)
        ended = (
            {"message": CHANGES_LOST if lost else NEWER_TAKEN, "ended_at": sync.started_at}
            if decision.state is State.SUPERSEDED
            else {}
        )
        stored = sync.model_copy(update={"state": decision.state, **ended})
        now, later = decision.superseded[:SUPERSEDED_AT_ONCE], decision.superseded[SUPERSEDED_AT_ONCE:]
        waiting = (*later, *decision.queue) if later else decision.queue
        writes = [
            _group_update(group, waiting, begins),
            syncs.put_new(stored, bundle),
            *(_superseding(each.sync_id, sync.started_at) for each in now if _waits(each)),
        ]
        if _written(writes):
            superseded = len(now) + (decision.state is State.SUPERSEDED)
            if superseded:
                emit_metric("SyncsEnded", superseded, outcome=State.SUPERSEDED)
            _supersede(sync.group_id, later, sync.started_at)
            return stored
        _pause(attempt)
    raise Conflict(f"The queue of group {sync.group_id} could not be written in {ATTEMPTS} attempts.")


def next_of(group_id: str, now: datetime) -> Sync | None:
    """Give the free lock of a group to the first sync that waits, which then is running: launch it. None: nothing to do."""
    for attempt in range(ATTEMPTS):
        group = groups.get(group_id)
        if group.sync or not group.queue:
            return None
        first, *others = group.queue
        rest = tuple(others)
        if not _waits(first):  # cancelled while it waited
            _written([_group_update(group, rest)])
            continue
        sync = syncs.get(first.sync_id).model_copy(update={"state": State.RUNNING, "started_at": now})
        running = {
            "Update": {
                "TableName": table(syncs.TABLE).name,
                "Key": {"groupId": group_id, "syncId": sync.sync_id},
                "UpdateExpression": "SET #state = :running, startedAt = :now",
                "ConditionExpression": "#state = :queued",
                "ExpressionAttributeNames": {"#state": "state"},
                "ExpressionAttributeValues": {
                    ":running": State.RUNNING,
                    ":queued": State.QUEUED,
                    ":now": to_item(sync)["startedAt"],
                },
            }
        }
        if _written([_group_update(group, rest, (sync, first)), running]):
            return sync
        _pause(attempt)
    raise Conflict(f"The queue of group {group_id} could not be written in {ATTEMPTS} attempts.")


def _supersede(group_id: str, others: Sequence[Waiting], now: datetime) -> None:
    """Take out of the queue what the first transaction had no room for. What stays, when this ends early, is synced in its
    turn before the one that made it needless: slower, never wrong."""
    for first in range(0, len(others), SUPERSEDED_AT_ONCE):
        batch = others[first : first + SUPERSEDED_AT_ONCE]
        for attempt in range(ATTEMPTS):
            group = groups.get(group_id)
            gone = [each for each in batch if each in group.queue]
            rest = tuple(each for each in group.queue if each not in gone)
            superseding = [_superseding(each.sync_id, now) for each in gone if _waits(each)]
            if not gone or _written([_group_update(group, rest), *superseding]):
                emit_metric("SyncsEnded", len(superseding), outcome=State.SUPERSEDED)
                break
            _pause(attempt)


def _waits(waiting: Waiting) -> bool:
    try:
        return syncs.get(waiting.sync_id).state is State.QUEUED
    except NotFound:
        return False


def _group_update(group: Group, queue: tuple[Waiting, ...], begins: tuple[Sync, Waiting] | None = None) -> dict[str, Any]:
    """Write the queue, and the lock where a sync begins, if the group is still as it was read."""
    newest = max(begins[1].order, group.newest_drop) if begins and begins[1].trigger is Trigger.DROP else group.newest_drop
    values: dict[str, Any] = {":queue": [to_item(each) for each in queue], ":was": [to_item(each) for each in group.queue]}
    asked = "SET queue = :queue, newestDrop = :newest"
    values |= {":newest": newest, ":newestWas": group.newest_drop}
    conditions = [
        "attribute_exists(groupId)",
        "queue = :was" if group.queue else "(attribute_not_exists(queue) OR queue = :was)",
        "newestDrop = :newestWas" if group.newest_drop else "(attribute_not_exists(newestDrop) OR newestDrop = :newestWas)",
    ]
    if group.sync:
        conditions.append("#sync.syncId = :holder")
        values[":holder"] = group.sync.sync_id
    else:
        conditions.append("attribute_not_exists(#sync)")
    if begins:
        asked += ", #sync = :lock"
        values[":lock"] = syncs.lock_of(begins[0])
    return {
        "Update": {
            "TableName": table(groups.TABLE).name,
            "Key": {"groupId": group.group_id},
            "UpdateExpression": asked,
            "ConditionExpression": " AND ".join(conditions),
            "ExpressionAttributeNames": {"#sync": "sync"},
            "ExpressionAttributeValues": values,
        }
    }


def _superseding(sync_id: str, now: datetime) -> dict[str, Any]:
    return {
        "Update": {
            "TableName": table(syncs.TABLE).name,
            "Key": {"groupId": group_of(sync_id), "syncId": sync_id},
            "UpdateExpression": "SET #state = :superseded, message = :message, endedAt = :now",
            "ConditionExpression": "#state = :queued",
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": {
                ":superseded": State.SUPERSEDED,
                ":queued": State.QUEUED,
                ":message": NEWER_CAME,
                ":now": now.isoformat(),
            },
        }
    }


def _written(writes: list[dict[str, Any]]) -> bool:
    """False when a condition did not hold or another transaction was at the same items."""
    asked: Any = writes
    try:
        client().transact_write_items(TransactItems=asked)
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] not in ("TransactionCanceledException", "TransactionInProgressException"):
            raise
        return False
    return True


def _pause(attempt: int) -> None:
    time.sleep(random.uniform(0, min(LONGEST_WAIT_S, 0.02 * 2**attempt)))
