"""The Arrivals table: each file that came into `drop/`, and what became of it, so that none comes in silence.

Files that name no group of ours are kept under NOWHERE, which only those see who may see every group.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice

from boto3.dynamodb.conditions import Key

from chalicelib.model.records import Record
from chalicelib.store.tables import count, from_item, query, table, to_item

TABLE = "ARRIVALS_TABLE"
NOWHERE = "-"  # no group's id
KEPT = timedelta(days=90)


class Outcome(StrEnum):
    TAKEN = "taken"
    UNKNOWN_GROUP = "unknownGroup"
    NOT_EXPECTED = "notExpected"
    FOLDER = "folder"
    EMPTY = "empty"
    NOT_A_ZIP = "notAZip"
    TOO_LARGE = "tooLarge"
    GONE = "gone"


class Arrival(Record):
    """`arrival_id` sorts by the moment at which the file came. `sync_id`: the sync that it started or waits with."""

    group_id: str
    arrival_id: str
    name: str
    size_bytes: int
    at: datetime
    outcome: Outcome
    message: str
    sync_id: str | None = None


def record(arrival: Arrival) -> None:
    """Writing the same arrival again changes nothing."""
    table(TABLE).put_item(Item=to_item(arrival) | {"expiresAt": int((arrival.at + KEPT).timestamp())})


def listed(group_id: str, limit: int, before: str = "") -> list[Arrival]:
    """What arrived for a group, newest first, before the arrival `before` when it is given."""
    condition = Key("groupId").eq(group_id) & Key("arrivalId").lt(before or "~")
    found = query(TABLE, KeyConditionExpression=condition, ScanIndexForward=False, Limit=limit, ConsistentRead=True)
    return [from_item(Arrival, item) for item in islice(found, limit)]


def total(group_id: str) -> int:
    return count(TABLE, KeyConditionExpression=Key("groupId").eq(group_id))
