"""What DynamoDB refuses and moto takes (`findings/dynamodb-emulators.sh`), so that a call which AWS would refuse fails here.

Source: Amazon DynamoDB Developer Guide, "Quotas" (keys, expressions, API-specific limits) and "Constraints"; API Reference,
TransactWriteItems and BatchWriteItem. moto holds the others itself: reserved words, sizes of items, empty keys.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

EXPRESSIONS = ("KeyConditionExpression", "FilterExpression", "ConditionExpression", "UpdateExpression", "ProjectionExpression")
EXPRESSION_BYTES = 4 << 10
OPERANDS_OF_IN = 100
KEY_BYTES = (2048, 1024)  # of the partition's key, and of the other
BATCH = 25
TRANSACTION_BYTES = 4 << 20
IN = re.compile(r"\bIN\s*\(([^)]*)\)")
PLACEHOLDER = re.compile(r"[:#]\w+")
NAME = re.compile(r"#?\w+")


def broken(operation: str, asked: Mapping[str, Any], keys: Sequence[str]) -> list[str]:
    """What DynamoDB would refuse of a call; `keys` are the attributes of the table's key, the partition's first."""
    if operation == "BatchWriteItem":
        number = sum(map(len, asked["RequestItems"].values()))
        return [f"{number} items in a batch"] if number > BATCH else []
    if operation == "TransactWriteItems":
        size = len(json.dumps(asked, default=str))  # a little more than the items have
        found = [f"{size:,} bytes in a transaction"] if size > TRANSACTION_BYTES else []
        return found + [each for item in asked["TransactItems"] for part in item.values() for each in _of_expressions(part, keys)]
    return [*_of_expressions(asked, keys), *_of_keys(asked, keys)]


def _of_keys(asked: Mapping[str, Any], keys: Sequence[str]) -> Iterator[str]:
    values = asked.get("ExpressionAttributeValues") or {}
    named = {each: KEY_BYTES[0] for each in PLACEHOLDER.findall(str(asked.get("KeyConditionExpression", ""))) if each in values}
    for given, bounds in (
        (asked.get("Key") or asked.get("Item") or {}, dict(zip(keys, KEY_BYTES, strict=False))),
        (values, named),
    ):
        for name, most in bounds.items():
            if (size := len(_text(given.get(name)).encode())) > most:
                yield f"a key of {size:,} bytes"


def _text(value: Any) -> str:
    """A value as boto3 takes or sends it; empty for what is no text."""
    said = value.get("S") if isinstance(value, Mapping) else value
    return said if isinstance(said, str) else ""


def _of_expressions(asked: Mapping[str, Any], keys: Sequence[str]) -> Iterator[str]:
    given = {name: asked[name] for name in EXPRESSIONS if isinstance(asked.get(name), str)}
    names = asked.get("ExpressionAttributeNames") or {}
    used = {each for expression in given.values() for each in PLACEHOLDER.findall(expression)}
    for name in (*names, *(asked.get("ExpressionAttributeValues") or {})):
        if name not in used:
            yield f"{name} is in no expression"
    for kind, expression in given.items():
        if len(expression.encode()) > EXPRESSION_BYTES:
            yield f"{kind} has more than 4 KB"
        if any(each[1].count(",") >= OPERANDS_OF_IN for each in IN.finditer(expression)):
            yield f"{kind} has more than {OPERANDS_OF_IN} operands of IN"
    for name in NAME.findall(given.get("FilterExpression", "")) if "KeyConditionExpression" in given else ():
        if names.get(name, name) in keys:
            yield f"the filter of a query names {names.get(name, name)}, which is of the key"
