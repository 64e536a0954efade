"""The Audit table: who did what to a group, in the order of time."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

from chalicelib.model.records import Record
from chalicelib.store.tables import count, from_item, query, table, to_item

TABLE = "AUDIT_TABLE"
KEPT = timedelta(days=400)  # a school year, and the time to ask about it
NO_GROUP = "-"  # what concerns the whole stack; no group's id


class Entry(Record):
    """`at` is the moment with a nonce behind it, so that two entries of one moment stand side by side. `name` is how
    the person's name at that time."""

    group_id: str
    at: str
    who: str
    name: str = ""
    what: str
    sync_id: str | None = None
    detail: Mapping[str, Any] = {}

    @property
    def moment(self) -> str:
        return self.at.split("#")[0]


def record(
    group_id: str,
    who: str,
    what: str,
    now: datetime,
    nonce: str,
    sync_id: str | None = None,
    detail: Mapping[str, Any] | None = None,
    name: str = "",
) -> None:
    """Write one entry. `who` is a user's id, `name` that user's; `detail` holds ids and counts, never data of the roster."""
    at = f"{now:%Y-%m-%dT%H:%M:%S.%f}Z#{nonce}"
    _append(Entry(group_id=group_id, at=at, who=who, name=name, what=what, sync_id=sync_id, detail=detail or {}))


def record_once(
    group_id: str, who: str, what: str, at: str, sync_id: str | None = None, detail: Mapping[str, Any] | None = None
) -> None:
    """Write an entry whose `at` says by itself how often such a thing is worth one."""
    _append(Entry(group_id=group_id, at=at, who=who, what=what, sync_id=sync_id, detail=detail or {}))


def _append(entry: Entry) -> None:
    """An entry is never written over: of two with one key, from an event delivered twice, the first stays."""
    try:
        expires_at = datetime.fromisoformat(entry.moment) + KEPT
        item = to_item(entry) | {"expiresAt": int(expires_at.timestamp())}
        table(TABLE).put_item(Item=item, ConditionExpression=Attr("at").not_exists())
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise


def entries(group_id: str, limit: int, before: str = "", search: str = "") -> list[Entry]:
    """A group's entries, newest first, those older than `before` and with `search` in who, what or the sync's id."""
    wanted = search.strip().casefold()
    condition = Key("groupId").eq(group_id) & Key("at").lt(before or "~")
    size = {} if wanted else {"Limit": limit}
    found = _matching(query(TABLE, KeyConditionExpression=condition, ScanIndexForward=False, **size), wanted)
    return list(islice(found, limit))


def everything(group_id: str) -> Iterator[Entry]:
    """The oldest first."""
    return (from_item(Entry, item) for item in query(TABLE, KeyConditionExpression=Key("groupId").eq(group_id)))


def total(group_id: str, search: str = "") -> int:
    """How many entries of a group match `search`; with one, all of them are read."""
    condition = Key("groupId").eq(group_id)
    if wanted := search.strip().casefold():
        return sum(1 for _ in _matching(query(TABLE, KeyConditionExpression=condition), wanted))
    return count(TABLE, KeyConditionExpression=condition)


def _matching(items: Iterable[dict[str, Any]], wanted: str) -> Iterator[Entry]:
    for entry in (from_item(Entry, item) for item in items):
        if wanted in f"{entry.name}\n{entry.who}\n{entry.what}\n{entry.sync_id}".casefold():
            yield entry
