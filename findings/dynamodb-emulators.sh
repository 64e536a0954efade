#!/usr/bin/env bash
# moto 5.2.5 and ministack 1.5.33 as DynamoDB. Guess: what DynamoDB's documents refuse is refused, and a request that is sent twice is
# done once, since both refuse much of it: reserved words, items above 400 KB, empty keys. Not so (DynamoDB Developer Guide, Quotas,
# Filter expressions and Update expressions; API Reference, TransactWriteItems):
# - A filter of a query that names a key, and an IN of more than 100 operands: both answer.
# - A value that no expression uses, an expression above 4 KB, a transaction above 4 MB and a number of 39 digits: moto takes them.
# - A transaction sent again with its ClientRequestToken, as boto3 does by itself where the answer was lost, changes nothing more. moto
#   does it once more: what was to be counted once is counted twice, so a test of retries fails or teaches the wrong thing.
# - ADD below the top level, and SET and REMOVE of one attribute at once: ministack takes them.
# So green tests there don't say that AWS takes a call.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'moto[dynamodb]==5.2.5' ministack==1.5.33 boto3==1.43.106
cd "$folder"
venv/bin/python - <<'PY'
import os
import socket
import subprocess
import sys
import time

import boto3
from botocore.exceptions import ClientError
from moto import mock_aws

os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
ONE = {":a": {"S": "x"}}
KEY = {"pk": {"S": "g"}, "sk": {"S": "s"}}


def seen(**place):
    """By rule, whether what DynamoDB refuses is taken."""
    tables = boto3.client("dynamodb", **place)
    tables.create_table(
        TableName="groups",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
    )
    tables.put_item(TableName="groups", Item={**KEY, "a": {"S": "x"}})

    def taken(call, **asked):
        try:
            call(**asked)
        except ClientError as refusal:
            assert refusal.response["Error"]["Code"] == "ValidationException", refusal
            return False
        return True

    def update(expression, **more):
        return taken(tables.update_item, TableName="groups", Key=KEY, UpdateExpression=expression, **more)

    many = {f":{number}": {"S": "x"} for number in range(101)}
    large = [{"Put": {"TableName": "groups", "Item": {**KEY, "sk": {"S": str(n)}, "a": {"S": "x" * 300_000}}}} for n in range(20)]
    once = {"Key": KEY, "UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}, "TableName": "groups"}
    for _ in range(2):
        tables.transact_write_items(ClientRequestToken="the same request", TransactItems=[{"Update": once}])
    counted = tables.get_item(TableName="groups", Key=KEY)["Item"]["n"]["N"]
    query = {"TableName": "groups", "KeyConditionExpression": "pk = :a", "ExpressionAttributeValues": ONE}
    return {
        "a reserved word": taken(tables.get_item, TableName="groups", Key=KEY, ProjectionExpression="status"),
        "a filter on a key": taken(tables.query, **query, FilterExpression="sk = :a"),
        "IN of 101": taken(
            tables.scan, TableName="groups", FilterExpression=f"a IN ({', '.join(many)})", ExpressionAttributeValues=many
        ),
        "an unused value": taken(tables.query, **query | {"ExpressionAttributeValues": {**ONE, ":b": {"S": "y"}}}),
        "an expression above 4 KB": taken(
            tables.scan, TableName="groups", FilterExpression="attribute_exists(a) OR " * 200 + "attribute_exists(b)"
        ),
        "a transaction above 4 MB": taken(tables.transact_write_items, TransactItems=large),
        "a number of 39 digits": taken(tables.put_item, TableName="groups", Item={**KEY, "n": {"N": "1" * 39}}),
        "ADD below the top level": update("ADD m.n :one", ExpressionAttributeValues={":one": {"N": "1"}}),
        "SET and REMOVE of one": update("SET a = :a REMOVE a", ExpressionAttributeValues=ONE),
        "once and again": counted == "2",
    }


with mock_aws():
    by_moto = seen()
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
server = subprocess.Popen(
    [sys.executable, "-m", "ministack.app"],
    env={**os.environ, "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1"},
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
)
place = {"endpoint_url": f"http://127.0.0.1:{port}"}
try:
    for _ in range(100):
        try:
            boto3.client("dynamodb", **place).list_tables()
            break
        except Exception:
            time.sleep(0.2)
    by_ministack = seen(**place)
finally:
    server.terminate()
    server.wait()
for name in by_moto:
    print(f"{name}: moto {'takes' if by_moto[name] else 'refuses'}, ministack {'takes' if by_ministack[name] else 'refuses'}")
both = {"a filter on a key", "IN of 101"}
moto = both | {"an unused value", "an expression above 4 KB", "a transaction above 4 MB", "a number of 39 digits", "once and again"}
ministack = both | {"ADD below the top level", "SET and REMOVE of one"}
assert {name for name, taken in by_moto.items() if taken} == moto, "this has changed"
assert {name for name, taken in by_ministack.items() if taken} == ministack, "this has changed"
PY
