"""Writes a plan's changes to the platform: the Roster table, one item per record.

The same line written twice gives the same item, so a chunk that was cut off is written again from its start.
"""

import json
import os
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any
from zlib import crc32

from chalicelib.errors import SourceUnavailable
from chalicelib.store.tables import client

SHARDS = 16
BATCH = 25  # DynamoDB's BatchWriteItem takes 25 items
ATTEMPTS = 10
LONGEST_WAIT_S = 8.0
REMOVALS = ("deactivate", "end")


def write_chunk(lines: Iterable[bytes], group_id: str, sync_id: str, grace_days: int, with_removals: bool) -> int:
    """Write a chunk's lines (JSON, as the plan made them); how many were written.

    Raises SourceUnavailable when the table takes no more even after waiting; what was written stays and is the same
    when it is written again.
    """
    changes = (json.loads(line, parse_float=Decimal) for line in lines)
    wanted = (change for change in changes if with_removals or change["action"] not in REMOVALS)
    items = (item_of(change, group_id, sync_id, grace_days) for change in wanted)
    written = 0
    while batch := list(islice(items, BATCH)):
        _write_batch(batch)
        written += len(batch)
    return written


def shard_of(group_id: str, entity: str, sourced_id: str) -> str:
    return f"{group_id}#{entity}#{crc32(sourced_id.encode()) % SHARDS:02d}"


def item_of(change: dict[str, Any], group_id: str, sync_id: str, grace_days: int) -> dict[str, Any]:
    """The Roster item of one change. `purgeAt` (epoch seconds, the table's TTL) only where the record was removed."""
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
        purge = datetime.fromisoformat(removed_at) + timedelta(days=grace_days)
        item |= {"removedAt": removed_at, "purgeAt": int(purge.timestamp())}
    if entity == "enrollments":
        item |= {
            "classKey": f"{group_id}#{fields['classSourcedId']}",
            "userSourcedId": fields["userSourcedId"],
            "userKey": f"{group_id}#{fields['userSourcedId']}",
            "classSourcedId": fields["classSourcedId"],
        }
    return item


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nothing(inner) for name, inner in value.items() if inner is not None}
    return [_without_nothing(inner) for inner in value] if isinstance(value, list) else value


def _write_batch(items: Sequence[dict[str, Any]]) -> None:
    # boto3's own batch writer sends what was left over again at once and for ever; a throttled table needs pauses,
    # and a Lambda an end.
    name = os.environ["ROSTER_TABLE"]
    left: Any = [{"PutRequest": {"Item": item}} for item in items]
    for wait_s in _waits():
        left = client().batch_write_item(RequestItems={name: left})["UnprocessedItems"].get(name, [])
        if not left:
            return
        time.sleep(wait_s)
    raise SourceUnavailable(f"The Roster table did not take {len(left)} of {len(items)} items after {ATTEMPTS} attempts.")


def _waits() -> Iterator[float]:
    """Full jitter, doubling."""
    for attempt in range(ATTEMPTS):
        yield random.uniform(0, min(LONGEST_WAIT_S, 0.05 * 2**attempt))
