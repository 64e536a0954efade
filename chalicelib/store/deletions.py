"""The Deletions table: one item for each group that was deleted, from the admin's word to the certificate."""

from typing import Any

from botocore.exceptions import ClientError

from chalicelib.errors import GroupBusy, NotFound
from chalicelib.model.deletion import Deletion
from chalicelib.store import groups
from chalicelib.store.tables import client, from_item, table, to_item

TABLE = "DELETIONS_TABLE"
ERASURE = "erasure"  # what an item holds that is one person's (store/erasures.py)
TURN = "~turn"  # no group's id: the item of whoever erases people at the moment


def begin(deletion: Deletion) -> None:
    """Take the group away and write down that its data is to go: both or neither. From here on nobody sees the group.

    Raises NotFound, and GroupBusy while a sync runs.
    """
    writes: list[Any] = [
        {
            "Delete": {
                "TableName": table(groups.TABLE).name,
                "Key": {"groupId": deletion.group_id},
                "ConditionExpression": "attribute_exists(groupId) AND attribute_not_exists(#sync)",
                "ExpressionAttributeNames": {"#sync": "sync"},
            }
        },
        {"Put": {"TableName": table(TABLE).name, "Item": to_item(deletion)}},
    ]
    try:
        client().transact_write_items(TransactItems=writes)
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] != "TransactionCanceledException":
            raise
        group = groups.get(deletion.group_id)
        raise GroupBusy(group.sync.sync_id if group.sync else "another sync") from refusal


def get(group_id: str) -> Deletion:
    """Raises NotFound."""
    item = table(TABLE).get_item(Key={"groupId": group_id}, ConsistentRead=True).get("Item")
    if item is None:
        raise NotFound(f"No group {group_id} was deleted.")
    return from_item(Deletion, item)


def store(deletion: Deletion) -> None:
    table(TABLE).put_item(Item=to_item(deletion))


def everyone() -> list[Deletion]:
    """Newest first. Reads the whole table: an item for each group that ever was deleted."""
    pages = client().get_paginator("scan").paginate(TableName=table(TABLE).name, ConsistentRead=True)
    items: list[dict[str, Any]] = [item for page in pages for item in page["Items"]]
    found = (from_item(Deletion, item) for item in items if ERASURE not in item and item["groupId"] != TURN)
    return sorted(found, key=lambda each: each.requested_at, reverse=True)
