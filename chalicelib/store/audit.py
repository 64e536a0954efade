"""The Audit table: who did what to a group, in the order of time."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from boto3.dynamodb.conditions import Key

from chalicelib.store.records import Record
from chalicelib.store.tables import from_item, table, to_item

TABLE = "AUDIT_TABLE"


class Entry(Record):
    """`at` is the moment with a chance part behind it, so that two entries of one moment stand side by side."""

    group_id: str
    at: str
    who: str
    what: str
    sync_id: str | None = None
    detail: Mapping[str, Any] = {}


def record(
    group_id: str,
    who: str,
    what: str,
    now: datetime,
    chance: str,
    sync_id: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write one entry. `who` is a user's id; `detail` holds ids and counts, never a person's data."""
    at = f"{now:%Y-%m-%dT%H:%M:%S.%f}Z#{chance}"
    entry = Entry(group_id=group_id, at=at, who=who, what=what, sync_id=sync_id, detail=detail or {})
    table(TABLE).put_item(Item=to_item(entry))


def entries(group_id: str, limit: int, before: str = "") -> list[Entry]:
    """A group's entries, newest first, those older than `before` when it is given."""
    found = table(TABLE).query(
        KeyConditionExpression=Key("groupId").eq(group_id) & Key("at").lt(before or "~"),
        ScanIndexForward=False,
        Limit=limit,
    )
    return [from_item(Entry, item) for item in found["Items"]]
