"""Reads a record of the platform's roster back by its id. Lists, and who is in which class, come from the snapshot."""

from typing import Any

from chalicelib.platform.writer import shard_of
from chalicelib.store.tables import table

TABLE = "ROSTER_TABLE"


def get(group_id: str, entity: str, sourced_id: str) -> dict[str, Any] | None:
    key = {"shard": shard_of(group_id, entity, sourced_id), "sourcedId": sourced_id}
    return table(TABLE).get_item(Key=key, ConsistentRead=True).get("Item")
