"""Reads the platform's roster back: by id, by collection, by class and by person. Queries only, never a scan."""

from collections.abc import Iterator
from typing import Any

from boto3.dynamodb.conditions import Key

from chalicelib.platform.writer import SHARDS, shard_of
from chalicelib.store.tables import table

TABLE = "ROSTER_TABLE"


def get(group_id: str, entity: str, sourced_id: str) -> dict[str, Any] | None:
    key = {"shard": shard_of(group_id, entity, sourced_id), "sourcedId": sourced_id}
    return table(TABLE).get_item(Key=key, ConsistentRead=True).get("Item")


def page(group_id: str, entity: str, limit: int, cursor: str = "") -> tuple[list[dict[str, Any]], str]:
    """Up to `limit` records, removed ones still kept included, and the cursor of those that follow: "" after the last.

    The order is the same on every call and means nothing.
    """
    found: list[dict[str, Any]] = []
    start, _, after = cursor.partition("#")
    for number in range(int(start or 0), SHARDS):
        shard = f"{group_id}#{entity}#{number:02d}"
        key = Key("shard").eq(shard)
        asked = {"KeyConditionExpression": key & Key("sourcedId").gt(after) if after else key, "ConsistentRead": True}
        for item in _query(asked):
            if len(found) == limit:
                return found, f"{found[-1]['shard'].rsplit('#', 1)[1]}#{found[-1]['sourcedId']}"
            found.append(item)
        after = ""
    return found, ""


def members_of_class(group_id: str, class_sourced_id: str) -> list[dict[str, Any]]:
    """The class's enrollments, ended ones still kept included."""
    key = Key("classKey").eq(f"{group_id}#{class_sourced_id}")
    return list(_query({"IndexName": "byClass", "KeyConditionExpression": key}))


def classes_of_user(group_id: str, user_sourced_id: str) -> list[dict[str, Any]]:
    """The person's enrollments, ended ones still kept included."""
    key = Key("userKey").eq(f"{group_id}#{user_sourced_id}")
    return list(_query({"IndexName": "byUser", "KeyConditionExpression": key}))


def all_of(group_id: str, entity: str) -> Iterator[dict[str, Any]]:
    """Every record of a collection, removed ones still kept included."""
    for number in range(SHARDS):
        yield from _query(
            {"KeyConditionExpression": Key("shard").eq(f"{group_id}#{entity}#{number:02d}"), "ConsistentRead": True}
        )


def _query(asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    while True:
        found = table(TABLE).query(**asked)
        yield from found["Items"]
        if "LastEvaluatedKey" not in found:
            return
        asked = {**asked, "ExclusiveStartKey": found["LastEvaluatedKey"]}
