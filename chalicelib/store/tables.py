"""The doors to DynamoDB: one table each, and a record to an item and back.

Settings come from the environment, read where they are used first, so that a missing one fails by its own name.
"""

import os
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cache
from itertools import takewhile
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from boto3.dynamodb.conditions import Key
from boto3.dynamodb.types import TypeSerializer
from botocore.config import Config

from chalicelib.errors import Unacceptable
from chalicelib.model.records import Record

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource, Table

R = TypeVar("R", bound=Record)
MOST_SETTINGS_BYTES = 300_000  # DynamoDB holds 400 KB of an item; a group's lock, queue and marks stand in it too


@cache
def _dynamodb() -> "DynamoDBServiceResource":
    return boto3.resource("dynamodb")


def client() -> "DynamoDBClient":
    return _dynamodb().meta.client


@cache
def wire_client() -> "DynamoDBClient":
    """For many writes: takes items as they go over the wire (`wire_item`) and leaves it to DynamoDB to check them. boto3's own
    copying and checking is a third of what such a write costs a function."""
    return boto3.client("dynamodb", config=Config(parameter_validation=False))


def wire_item(item: dict[str, Any]) -> dict[str, Any]:
    """An item in DynamoDB's JSON: each value under the name of its type."""
    return {name: _serializer.serialize(value) for name, value in item.items()}


_serializer = TypeSerializer()


def table(setting: str) -> "Table":
    """The table that the environment names under `setting`, e.g. GROUPS_TABLE."""
    return _table(os.environ[setting])


@cache
def _table(name: str) -> "Table":
    """boto3 builds a class for each that is asked for, which takes longer than to write an item."""
    return _dynamodb().Table(name)


def query(setting: str, **asked: Any) -> Iterator[dict[str, Any]]:
    """Every item of a query, page after page; a page is read when its first item is asked for. `Limit` sizes the pages."""
    for page in client().get_paginator("query").paginate(TableName=table(setting).name, **asked):
        yield from page["Items"]


def count(setting: str, **asked: Any) -> int:
    """How many items a query finds; none of them is sent."""
    pages = client().get_paginator("query").paginate(TableName=table(setting).name, Select="COUNT", **asked)
    return sum(page["Count"] for page in pages)


def delete_all(setting: str, partition: tuple[str, str], sort: str, has_time: Callable[[], bool]) -> int:
    """Delete the items of a partition (its key's name and value) until none is left or the time is up; how many were deleted."""
    name, value = partition
    found = query(
        setting,
        KeyConditionExpression=Key(name).eq(value),
        ProjectionExpression="#partition, #sort",
        ExpressionAttributeNames={"#partition": name, "#sort": sort},
        ConsistentRead=True,
    )
    deleted = 0
    with table(setting).batch_writer() as batch:
        for key in takewhile(lambda _: has_time(), found):
            batch.delete_item(Key=key)
            deleted += 1
    return deleted


def to_item(record: Record) -> dict[str, Any]:
    """A record as DynamoDB keeps it: JSON's types with Decimal for numbers, None left out."""
    sent = record.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {name: _plain(value) for name, value in sent.items()}


def check_size(record: Record, advice: str) -> None:
    """Raises Unacceptable, with what to do, for settings that an item can't hold."""
    size = len(record.model_dump_json(by_alias=True).encode())
    if size > MOST_SETTINGS_BYTES:
        raise Unacceptable(f"This takes {size:,} bytes; {MOST_SETTINGS_BYTES:,} can be kept. {advice}")


def from_item(kind: type[R], item: dict[str, Any]) -> R:
    """Read an item as `kind`, leaving behind what only the store uses (task tokens, locks' internals, ttl) and, at any depth,
    what another version has written there.
    """
    return kind.model_validate(item, extra="ignore")


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
