"""The Access table: who looked at whose data, and when. Ids only: no name, no search, nothing of a record.

It answers who has seen a child's data. Entries expire after KEPT.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from boto3.dynamodb.conditions import Key

from chalicelib.model.records import Record
from chalicelib.store.tables import count, from_item, query, table, to_item

TABLE = "ACCESS_TABLE"
KEPT = timedelta(days=365)
MOST_SUBJECTS = 1000  # a page of a list


class Access(Record):
    """`subjects` are the records shown, by entity and sourcedId (`users/u1`); `rows` says how many rows were shown in all."""

    group_id: str
    at: str
    who: str
    what: str
    subjects: tuple[str, ...] = ()
    rows: int = 0


def record(group_id: str, who: str, what: str, now: datetime, nonce: str, subjects: Sequence[str], rows: int) -> None:
    at = f"{now:%Y-%m-%dT%H:%M:%S.%f}Z#{nonce}"
    entry = Access(group_id=group_id, at=at, who=who, what=what, subjects=tuple(subjects[:MOST_SUBJECTS]), rows=rows)
    table(TABLE).put_item(Item=to_item(entry) | {"expiresAt": int((now + KEPT).timestamp())})


def entries(group_id: str, limit: int, before: str = "", search: str = "") -> list[Access]:
    """Newest first; with `search` those of one user (an id) or about one record (`users/u1`)."""
    condition = Key("groupId").eq(group_id) & Key("at").lt(before or "~")
    size = {} if search else {"Limit": limit}
    found = query(TABLE, KeyConditionExpression=condition, ScanIndexForward=False, **size)
    return list(islice(_about(search, found), limit))


def total(group_id: str, search: str = "") -> int:
    condition = Key("groupId").eq(group_id)
    if search:
        return sum(1 for _ in _about(search, query(TABLE, KeyConditionExpression=condition)))
    return count(TABLE, KeyConditionExpression=condition)


def _about(search: str, items: Iterable[dict[str, Any]]) -> Iterator[Access]:
    for entry in (from_item(Access, item) for item in items):
        if not search or search in (entry.who, *entry.subjects):
            yield entry
