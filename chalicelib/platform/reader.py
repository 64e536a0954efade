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


def all_of(group_id: str, entity: str) -> Iterator[dict[str, Any]]:
    """Every record of a collection, removed ones still kept included."""
    for shard in range(SHARDS):
        yield from _query({"KeyConditionExpression": Key("shard").eq(f"{group_id}#{entity}#{shard:02d}"), "ConsistentRead": True})


def enrollments_of_class(group_id: str, class_sourced_id: str) -> list[dict[str, Any]]:
    key = Key("classKey").eq(f"{group_id}#{class_sourced_id}")
    return list(_query({"IndexName": "byClass", "KeyConditionExpression": key}))


def enrollments_of_user(group_id: str, user_sourced_id: str) -> list[dict[str, Any]]:
    key = Key("userKey").eq(f"{group_id}#{user_sourced_id}")
    return list(_query({"IndexName": "byUser", "KeyConditionExpression": key}))


def _query(asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    while True:
        found = table(TABLE).query(**asked)
        yield from found["Items"]
        if "LastEvaluatedKey" not in found:
            return
        asked = {**asked, "ExclusiveStartKey": found["LastEvaluatedKey"]}
