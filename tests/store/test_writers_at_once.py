"""The tests' DynamoDB among threads, as the platform's writer has them."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from moto.dynamodb.models import DynamoDBBackend

from tests.conftest import client


def test_of_items_that_threads_write_at_once_none_meets_another(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    inside: list[int] = []
    most = []
    put_item = DynamoDBBackend.put_item

    def slowly(*given: Any, **named: Any) -> Any:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.01)
        inside.pop()
        return put_item(*given, **named)

    monkeypatch.setattr(DynamoDBBackend, "put_item", slowly)
    items = [{"groupId": {"S": f"g{number}"}} for number in range(8)]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda item: client("dynamodb").put_item(TableName="Groups", Item=item), items))

    assert (max(most), client("dynamodb").scan(TableName="Groups", Select="COUNT")["Count"]) == (1, len(items))
