"""AWS in moto as the steps see it: with the limits' parameter."""

import json
from collections.abc import Iterator

import boto3
import pytest
from aws_lambda_powertools.utilities import parameters

LIMITS = {"zipBytes": 10_000_000, "expandedBytes": 100_000_000, "entries": 100, "ratio": 200, "sheetBytes": 1_000_000}


@pytest.fixture
def stack(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LIMITS_PARAMETER", "/limits")
    boto3.client("ssm").put_parameter(Name="/limits", Value=json.dumps(LIMITS), Type="String")
    parameters.clear_caches()  # type: ignore[no-untyped-call]
    yield
    parameters.clear_caches()  # type: ignore[no-untyped-call]
