"""Reads the platform's roster back: by id, by class and by person. Queries only, never a scan."""

from typing import Any

from boto3.dynamodb.conditions import Key

from chalicelib.platform.writer import shard_of
from chalicelib.store.tables import query, table

TABLE = "ROSTER_TABLE"


def get(group_id: str, entity: str, sourced_id: str) -> dict[str, Any] | None:
    key = {"shard": shard_of(group_id, entity, sourced_id), "sourcedId": sourced_id}
    return table(TABLE).get_item(Key=key, ConsistentRead=True).get("Item")


def members_of_class(group_id: str, class_sourced_id: str) -> list[dict[str, Any]]:
    """The class's enrollments, ended ones still kept included."""
    key = Key("classKey").eq(f"{group_id}#{class_sourced_id}")
    return list(query(TABLE, IndexName="byClass", KeyConditionExpression=key))


def classes_of_user(group_id: str, user_sourced_id: str) -> list[dict[str, Any]]:
    """The person's enrollments, ended ones still kept included."""
    key = Key("userKey").eq(f"{group_id}#{user_sourced_id}")
    return list(query(TABLE, IndexName="byUser", KeyConditionExpression=key))
