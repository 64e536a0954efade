"""What the tests' DynamoDB refuses as AWS does, though moto takes it."""

from typing import Any

import pytest

from chalicelib.store.tables import client
from tests.dynamodb_rules import broken

KEYS = ("groupId", "syncId")
ONE = {":a": {"S": "x"}}


@pytest.mark.parametrize(
    ("operation", "asked", "said"),
    [
        ("UpdateItem", {"UpdateExpression": "SET a = :a", "ExpressionAttributeValues": ONE}, ""),
        (
            "UpdateItem",
            {"UpdateExpression": "SET a = :a", "ExpressionAttributeValues": {**ONE, ":ab": {"S": "y"}}},
            ":ab is in no",
        ),
        ("PutItem", {"ConditionExpression": "a = a", "ExpressionAttributeNames": {"#n": "n"}}, "#n is in no"),
        ("Scan", {"FilterExpression": f"a IN ({', '.join([':a'] * 101)})", "ExpressionAttributeValues": ONE}, "operands of IN"),
        ("Scan", {"FilterExpression": f"a IN ({', '.join([':a'] * 100)})", "ExpressionAttributeValues": ONE}, ""),
        ("Scan", {"FilterExpression": "attribute_exists(a) OR " * 200 + "attribute_exists(b)"}, "more than 4 KB"),
        (
            "Query",
            {"KeyConditionExpression": "#g = :a", "FilterExpression": "#s > :a", "ExpressionAttributeValues": ONE}
            | {"ExpressionAttributeNames": {"#g": "groupId", "#s": "syncId"}},
            "names syncId, which is of the key",
        ),
        ("GetItem", {"Key": {"groupId": {"S": "x" * 2048}, "syncId": {"S": "x" * 1024}}}, ""),
        ("GetItem", {"Key": {"groupId": {"S": "x" * 2049}, "syncId": {"S": "x"}}}, "a key of 2,049 bytes"),
        ("PutItem", {"Item": {"groupId": {"S": "x"}, "syncId": {"S": "x" * 1025}}}, "a key of 1,025 bytes"),
        (
            "Query",
            {"KeyConditionExpression": "groupId = :a", "ExpressionAttributeValues": {":a": {"S": "x" * 2049}}},
            "a key of 2,049 bytes",
        ),
        ("BatchWriteItem", {"RequestItems": {"one": [{}] * 20, "two": [{}] * 6}}, "26 items"),
        ("TransactWriteItems", {"TransactItems": [{"Put": {"Item": {"a": {"S": "x" * (4 << 20)}}}}]}, "bytes in a transaction"),
        (
            "TransactWriteItems",
            {"TransactItems": [{"Delete": {"ConditionExpression": "a = :a", "ExpressionAttributeValues": {**ONE, ":b": {}}}}]},
            ":b is in no",
        ),
    ],
)
def test_what_dynamodb_would_refuse_is_said(operation: str, asked: dict[str, Any], said: str) -> None:
    found = broken(operation, asked, KEYS)

    assert len(found) == bool(said)
    assert not said or said in found[0]


def test_a_call_that_aws_would_refuse_fails_here(aws: None) -> None:
    with pytest.raises(AssertionError, match=":b is in no expression"):
        client().delete_item(
            TableName="Groups",
            Key={"groupId": "g1"},
            ConditionExpression="attribute_not_exists(groupId)",
            ExpressionAttributeValues={":b": "x"},
        )
