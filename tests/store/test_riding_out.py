"""AWS's own trouble is ridden out by every client, with an end: the retry settings that the template gives all functions."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError, ConnectTimeoutError

from infra import ROOT

SETTINGS = json.loads((ROOT / "infra" / "template.json").read_text())["Globals"]["Function"]["Environment"]["Variables"]
THROTTLED = (400, {"__type": "ProvisionedThroughputExceededException", "message": "slow down"})
BROKEN = (500, {"__type": "InternalServerError", "message": "broken"})


@pytest.fixture
def waits(aws: None, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that a client would have made; none is waited for."""
    waited: list[float] = []
    for name in ("AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS"):
        monkeypatch.setenv(name, SETTINGS[name])
    monkeypatch.setattr("botocore.endpoint.time.sleep", waited.append)
    return waited


def failing(times: int, how: Any) -> tuple[Any, list[int]]:
    """A DynamoDB client whose first calls go wrong."""
    client: Any = boto3.client("dynamodb")
    calls: list[int] = []

    def instead(request: Any, **_: Any) -> AWSResponse | None:
        calls.append(1)
        if len(calls) > times:
            return None
        if isinstance(how, Exception):
            raise how
        status, found = how

        class Raw:
            def stream(self, *_: Any) -> Iterator[bytes]:
                yield json.dumps(found).encode()

        return AWSResponse(request.url, status, HTTPHeaders(), Raw())

    client.meta.events.register_first("before-send.dynamodb", instead)
    return client, calls


@pytest.mark.parametrize("how", [THROTTLED, BROKEN, ConnectTimeoutError(endpoint_url="x")], ids=["throttled", "500", "timeout"])
def test_what_passes_is_ridden_out_with_pauses_that_are_not_all_alike(waits: list[float], how: Any) -> None:
    client, calls = failing(4, how)

    assert client.get_item(TableName="Groups", Key={"groupId": {"S": "g1"}})["ResponseMetadata"]["HTTPStatusCode"] == 200

    assert len(calls) == 5
    assert len(set(waits)) == 4


def test_what_does_not_pass_ends_after_eight_attempts(waits: list[float]) -> None:
    client, calls = failing(99, THROTTLED)

    with pytest.raises(ClientError, match="slow down"):
        client.get_item(TableName="Groups", Key={"groupId": {"S": "g1"}})

    assert len(calls) == int(SETTINGS["AWS_MAX_ATTEMPTS"]) == 8
    assert max(waits) <= 20
