"""The Audit table: who did what to a group, in the order of time."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from boto3.dynamodb.conditions import Key

from chalicelib.model.records import Record
from chalicelib.store.tables import from_item, table, to_item

TABLE = "AUDIT_TABLE"


class Entry(Record):
    """`at` is the moment with a chance part behind it, so that two entries of one moment stand side by side. `name` is how
    whoever did it was called then."""

    group_id: str
    at: str
    who: str
    name: str = ""
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
    name: str = "",
) -> None:
    """Write one entry. `who` is a user's id, `name` that user's; `detail` holds ids and counts, never data of the roster."""
    at = f"{now:%Y-%m-%dT%H:%M:%S.%f}Z#{chance}"
    entry = Entry(group_id=group_id, at=at, who=who, name=name, what=what, sync_id=sync_id, detail=detail or {})
    table(TABLE).put_item(Item=to_item(entry))


def entries(group_id: str, limit: int, before: str = "", search: str = "") -> list[Entry]:
    """A group's entries, newest first, those older than `before` and with `search` in who, what or the sync's id."""
    wanted = search.strip().casefold()
    asked: Any = {"KeyConditionExpression": Key("groupId").eq(group_id) & Key("at").lt(before or "~")}
    asked |= {"ScanIndexForward": False} if wanted else {"ScanIndexForward": False, "Limit": limit}
    found: list[Entry] = []
    while len(found) < limit:
        page = table(TABLE).query(**asked)
        read = (from_item(Entry, item) for item in page["Items"])
        found += [entry for entry in read if wanted in f"{entry.name}\n{entry.who}\n{entry.what}\n{entry.sync_id}".casefold()]
        if "LastEvaluatedKey" not in page:
            break
        asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]
    return found[:limit]
