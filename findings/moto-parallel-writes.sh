#!/usr/bin/env bash
# moto 5.2.5's DynamoDB, written to by several threads. Guess: as slow as you like, but what was written without an error is there
# afterwards, as DynamoDB promises; moto answers from one process, and its own server starts a thread for each call.
# - Where several threads write the first items of the same new partitions at once, some of these items are gone, and no error is
#   raised. A table keeps its partitions in a defaultdict under a key whose hash and equality are Python's own code, so that two
#   threads can each find no partition there, make one, and the later takes the place of the earlier with what is in it.
# So a test in which many at once write to one table and then count fails now and then, or teaches that DynamoDB loses writes. Here it
# is repeated until it happens; threads change places as often as they may, which a busy machine does by itself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'moto[dynamodb]==5.2.5' boto3==1.43.106
"$folder/venv/bin/python" - <<'PY'
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import boto3
from moto import mock_aws

os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
THREADS, PARTITIONS = 8, 25
sys.setswitchinterval(1e-5)


def write(client, round_, writer):
    """25 items, each the first or nearly the first of its partition; the other writers write to the same partitions."""
    items = [{"pk": {"S": f"{round_}#{each}"}, "sk": {"S": str(writer)}} for each in range(PARTITIONS)]
    answer = client.batch_write_item(RequestItems={"roster": [{"PutRequest": {"Item": item}} for item in items]})
    assert not answer["UnprocessedItems"]


with mock_aws():
    client = boto3.client("dynamodb")
    client.create_table(
        TableName="roster",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
    )
    written = found = round_ = 0
    until = time.monotonic() + 120
    with ThreadPoolExecutor(THREADS) as pool:
        while found == written and time.monotonic() < until:
            for _ in range(20):
                list(pool.map(lambda writer: write(client, round_, writer), range(THREADS)))
                round_ += 1
                written += THREADS * PARTITIONS
            found = sum(page["Count"] for page in client.get_paginator("scan").paginate(TableName="roster", Select="COUNT"))
print(f"moto {version('moto')}: of {written} items written without an error, {found} are there")
assert found < written, "none was lost: this has changed"
PY
