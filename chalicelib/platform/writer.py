"""Writes a plan's changes to the platform: the Roster table, one item per record.

The same line written twice gives the same item, so a chunk that was cut off is written again from its start.
"""

import json
import os
import random
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any
from zlib import crc32

from botocore.exceptions import ClientError

from chalicelib.errors import SourceUnavailable
from chalicelib.store.tables import wire_client, wire_item
from oneroster_engine.planning.policy import iso
from oneroster_engine.planning.purging import NEVER
from oneroster_engine.standard.entities import ENTITIES

SHARDS = 16
BATCH = 25  # DynamoDB's BatchWriteItem takes 25 items
WRITERS = 4
WAVE = 20 * BATCH  # between two waves the sync's lock is checked
ATTEMPTS = 10
LONGEST_WAIT_S = 8.0
REMOVALS = ("deactivate", "end")
# A batch of which the table took nothing at all is an error of one of these names instead of unprocessed items.
PASSING = ("ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded", "InternalServerError")

Requests = Sequence[dict[str, Any]]


def write_chunk(
    lines: Iterable[bytes], group_id: str, sync_id: str, grace_days: int, with_removals: bool, check_lock: Callable[[], None]
) -> int:
    """Write a chunk's lines (JSON, as the plan made them); how many were written.

    `check_lock` is called before each wave of writes and after each pause; when it raises, nothing more is written. Raises
    SourceUnavailable when the table takes no more even after waiting; what was written stays and is the same when it
    is written again.
    """
    changes = (json.loads(line, parse_float=Decimal) for line in lines)
    wanted = changes if with_removals else (_sparing(change) for change in changes if change["action"] not in REMOVALS)
    requests = ({"PutRequest": {"Item": wire_item(item_of(change, group_id, sync_id, grace_days))}} for change in wanted)

    def pause(seconds: float) -> None:
        time.sleep(seconds)
        check_lock()

    written = 0
    with ThreadPoolExecutor(WRITERS) as pool:
        while wave := list(islice(requests, WAVE)):
            check_lock()
            batches = [wave[start : start + BATCH] for start in range(0, len(wave), BATCH)]
            list(pool.map(lambda batch: send_all(batch, _send, pause), batches))
            written += len(wave)
    return written


def _sparing(change: dict[str, Any]) -> dict[str, Any]:
    """The change without what it would take away from its record."""
    return {**change, "record": change.get("spared", change["record"])}


def purge(group_id: str, records: Iterable[tuple[str, str]], now: datetime) -> None:
    """Take records (entity, sourcedId) out of the table whose purge is due; those that came back meanwhile stay."""
    asked: Any = {"TableName": os.environ["ROSTER_TABLE"], "ConditionExpression": "purgeAt <= :now"}
    asked["ExpressionAttributeValues"] = {":now": {"N": str(int(now.timestamp()))}}

    def take_out(record: tuple[str, str]) -> None:
        entity, sourced_id = record
        key = {"shard": {"S": shard_of(group_id, entity, sourced_id)}, "sourcedId": {"S": sourced_id}}
        try:
            wire_client().delete_item(Key=key, **asked)
        except ClientError as refusal:  # came back, or the table's own time to live was first
            if refusal.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(take_out, records))


def erase(group_id: str, records: Iterable[tuple[str, str]]) -> int:
    """Take records (entity, sourcedId) out of the table for good; how many were there."""

    def take_out(record: tuple[str, str]) -> bool:
        entity, sourced_id = record
        key = {"shard": {"S": shard_of(group_id, entity, sourced_id)}, "sourcedId": {"S": sourced_id}}
        said = wire_client().delete_item(TableName=os.environ["ROSTER_TABLE"], Key=key, ReturnValues="ALL_OLD")
        return bool(said.get("Attributes"))

    with ThreadPoolExecutor(WRITERS) as pool:
        return sum(pool.map(take_out, records))


def delete_group(group_id: str, has_time: Callable[[], bool]) -> int:
    """Take the group's records out of the table, for good, until none is left or the time is up; how many were taken."""
    asked: Any = {
        "TableName": os.environ["ROSTER_TABLE"],
        "ProjectionExpression": "#shard, sourcedId",
        "KeyConditionExpression": "#shard = :shard",
        "ExpressionAttributeNames": {"#shard": "shard"},
    }
    deleted = 0
    for shard in (f"{group_id}#{entity}#{number:02d}" for entity in ENTITIES for number in range(SHARDS)):
        for page in wire_client().get_paginator("query").paginate(**asked, ExpressionAttributeValues={":shard": {"S": shard}}):
            requests = [{"DeleteRequest": {"Key": item}} for item in page["Items"]]
            for start in range(0, len(requests), BATCH):
                if not has_time():
                    return deleted
                send_all(requests[start : start + BATCH], _send, time.sleep)
                deleted += len(requests[start : start + BATCH])
    return deleted


def shard_of(group_id: str, entity: str, sourced_id: str) -> str:
    return f"{group_id}#{entity}#{crc32(sourced_id.encode()) % SHARDS:02d}"


def item_of(change: dict[str, Any], group_id: str, sync_id: str, grace_days: int) -> dict[str, Any]:
    """The Roster item of one change. `purgeAt` (epoch seconds, the table's TTL) only where the record was removed,
    and will be purged."""
    record, entity, sourced_id = change["record"], change["entity"], change["sourcedId"]
    fields = {name: value for name, value in record["fields"].items() if value not in (None, [], "")}
    item = {
        "shard": shard_of(group_id, entity, sourced_id),
        "sourcedId": sourced_id,
        "groupId": group_id,
        "entity": entity,
        "platformId": record["platformId"],
        "status": record["platformStatus"],
        "since": record["since"],
        "syncId": sync_id,
        "fields": _without_nothing(fields),
    }
    if removed_at := record["removedAt"]:
        purge = datetime.fromisoformat(removed_at) + timedelta(days=grace_days)  # as plans of before had it
        purge_at = change.get("purgeAt", iso(purge))
        item |= {"removedAt": removed_at}
        item |= {} if purge_at == NEVER else {"purgeAt": int(datetime.fromisoformat(purge_at).timestamp())}
    return item


def send_all(requests: Requests, send: Callable[[Requests], Requests], pause: Callable[[float], None]) -> None:
    """Send until nothing is left. `send` gives back what the table didn't take.

    boto3's own batch writer sends what was left over again at once and for ever; a throttled table needs pauses (full
    jitter, doubling), and a Lambda an end. Raises SourceUnavailable.
    """
    left = send(requests)
    for attempt in range(1, ATTEMPTS):
        if not left:
            return
        pause(random.uniform(0, min(LONGEST_WAIT_S, 0.05 * 2**attempt)))
        left = send(left)
    if left:
        raise SourceUnavailable(f"The Roster table did not take {len(left)} of {len(requests)} items in {ATTEMPTS} attempts.")


def _send(requests: Requests) -> Requests:
    name = os.environ["ROSTER_TABLE"]
    asked: Any = {name: requests}
    try:
        left: Any = wire_client().batch_write_item(RequestItems=asked)["UnprocessedItems"].get(name, [])
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] not in PASSING:
            raise
        return requests
    return list(left)


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nothing(inner) for name, inner in value.items() if inner is not None}
    return [_without_nothing(inner) for inner in value] if isinstance(value, list) else value
