"""What every test of the stores stands on: the tables and the bucket, in moto."""

import atexit
import gc
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import RLock
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.serialize import ResponseSerializer
from moto.dynamodb.models import dynamodb_backends
from moto.s3 import urls as s3_urls
from moto.s3.models import S3Backend

from chalicelib.store.limits import parameter_store
from tests.dynamodb_rules import broken

pytest_plugins = ["tests.stack_fixtures"]


LONGEST_NAME = 100
LIMITS = {"zipBytes": 10_000_000, "expandedBytes": 100_000_000, "entries": 100, "ratio": 200, "sheetBytes": 1_000_000}
KEYS = {
    "Groups": ("groupId",),
    "Syncs": ("groupId", "syncId"),
    "Roster": ("shard", "sourcedId"),
    "Audit": ("groupId", "at"),
    "Selections": ("groupId", "nameVersion"),
    "Arrivals": ("groupId", "arrivalId"),
    "Clients": ("groupId", "item"),
    "Members": ("memberId",),
    "Access": ("groupId", "at"),
    "Deletions": ("groupId",),
}
# One session, and one client a service, for all tests: a new one reads botocore's models again, which is a third of a second.
# The credentials are the fixture's, so that a session that outlives moto holds none that the embedded AWS refuses.
MOCKED: Any = {"core": {"reset_boto3_session": False, "mock_credentials": False}}


# AWS's models and all modules are looked through for garbage again and again: a sixteenth of what the tests took.
gc.set_threshold(50_000, 20, 50)

STANDS_BACK = 5  # a process's `nice`
WAIT_FOR_ANSWERS = ("stack", "portal")
LONGEST_FIRST = (*WAIT_FOR_ANSWERS, "deploy", "upgrade", "template", "artifact")


@pytest.hookimpl(tryfirst=True)  # before xdist notes the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share a fixture of their module are a group, so that one process makes it. Without one, xdist gives each test to
    whoever is free, and every process makes its own. The longest groups begin first (`--no-loadscope-reorder`)."""
    for item in items:
        if not _group(item) and isinstance(item, pytest.Function) and "module" in _scopes(item):
            item.add_marker(pytest.mark.xdist_group(item.module.__name__))
    items.sort(key=lambda item: LONGEST_FIRST.index(_group(item)) if _group(item) in LONGEST_FIRST else len(LONGEST_FIRST))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A worker whose tests wait for nobody takes the processor that is left by those with the embedded AWS and the browser, whose
    tests wait for an answer. There are two of these, each with an AWS of its own, so there may be one worker more than
    processors."""
    if "PYTEST_XDIST_WORKER" in os.environ and _group(item) not in WAIT_FOR_ANSWERS:
        os.nice(max(0, STANDS_BACK - os.nice(0)))


def _group(item: pytest.Item) -> str:
    mark = item.get_closest_marker("xdist_group")
    return str(mark.args[0]) if mark else ""


def _scopes(item: pytest.Function) -> set[str]:
    """Of the fixtures that a test uses."""
    return {found.scope for each in item._fixtureinfo.name2fixturedefs.values() for found in each}


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """A parameter without a name is never called by its whole content: made bytes carry the second in which they were made, and
    two workers would collect different tests. It has its argument's name and a number then."""
    return argname if isinstance(val, bytes) or (isinstance(val, str) and len(val) > LONGEST_NAME) else None


@contextmanager
def aws_in_moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """For as long as the block lasts, which may be that of several tests."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "GROUPS_TABLE": "Groups",
        "SYNCS_TABLE": "Syncs",
        "ROSTER_TABLE": "Roster",
        "AUDIT_TABLE": "Audit",
        "SELECTIONS_TABLE": "Selections",
        "ARRIVALS_TABLE": "Arrivals",
        "CLIENTS_TABLE": "Clients",
        "MEMBERS_TABLE": "Members",
        "ACCESS_TABLE": "Access",
        "DELETIONS_TABLE": "Deletions",
        "USER_POOL": "",
        "DATA_BUCKET": "data",
        "LIMITS_PARAMETER": "/limits",
        "PORTAL_ORIGIN": "https://roster.example",
        "SECRETS_PREFIX": "oneroster/tests/",
        "SECRETS_KEY": "alias/tests",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(ResponseSerializer, "_serialize_structure_member", _serialize_what_is_there)
    monkeypatch.setattr(S3Backend, "_url_module", s3_urls)  # moto loads the module again with each request
    monkeypatch.setattr(BaseClient, "_convert_to_request_dict", _refuse_what_aws_would)
    monkeypatch.setattr(BotocoreStubber, "process_request", _answer_one_at_a_time)
    monkeypatch.setattr(tempfile, "tempdir", str(own_folder()))
    shutil.rmtree(own_folder() / "objects", ignore_errors=True)  # copies of another test's files
    with mock_aws(config=MOCKED):
        _make_tables()
        client("s3").create_bucket(Bucket="data")
        client("ssm").put_parameter(Name="/limits", Value=json.dumps(LIMITS), Type="String")
        yield
    parameter_store().clear_cache()  # type: ignore[no-untyped-call]


def _make_tables() -> None:
    """Where moto makes them itself: by ten requests they took as long as most tests."""
    for name, parts in KEYS.items():
        dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].create_table(
            name,
            schema=[{"AttributeName": part, "KeyType": "RANGE" if place else "HASH"} for place, part in enumerate(parts)],
            attr=[{"AttributeName": part, "AttributeType": "S"} for part in parts],
            billing_mode="PAY_PER_REQUEST",
            throughput=None, global_indexes=[], indexes=[], streams=None, sse_specification=None, tags=[],
            deletion_protection_enabled=False, warm_throughput=None,
        )  # fmt: skip


@cache
def own_folder() -> Path:
    """Where this process keeps its copies of objects: groups have the same ids in all tests, and to delete one deletes them."""
    made = Path(tempfile.mkdtemp(prefix="tests-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


_serialize_member: Any = ResponseSerializer._serialize_structure_member


def _serialize_what_is_there(self: ResponseSerializer, serialized: Any, value: Any, shape: Any, key: str) -> None:
    """A value of DynamoDB has one of ten types, and moto looks for each under three names: a quarter of what a sync's tests
    took."""
    if shape.parent.name != "AttributeValue" or type(value) is not dict or key in value:
        _serialize_member(self, serialized, value, shape, key)


_convert: Any = BaseClient._convert_to_request_dict  # type: ignore[attr-defined]


def _refuse_what_aws_would(self: BaseClient, api_params: Any, operation_model: Any, *others: Any, **named: Any) -> Any:
    if operation_model.service_model.service_name == "dynamodb":
        found = broken(operation_model.name, api_params, KEYS.get(api_params.get("TableName"), ()))
        assert not found, f"DynamoDB would refuse this {operation_model.name}: {'; '.join(found)}"
    return _convert(self, api_params, operation_model, *others, **named)


_answer: Any = BotocoreStubber.process_request
_answering = RLock()  # an answer may ask for another


def _answer_one_at_a_time(self: BotocoreStubber, request: Any) -> Any:
    """Of the first items of a partition that two threads write at once, moto keeps those of one (5.2.5): its table is a
    dictionary that makes an entry when one is missing, under keys whose comparison gives way to other threads."""
    with _answering:
        return _answer(self, request)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with aws_in_moto(monkeypatch):
        yield


@pytest.fixture
def kms(aws: None) -> None:
    """The stack's key, of its own: moto takes a tenth of a second for one."""
    client("kms").create_alias(AliasName="alias/tests", TargetKeyId=client("kms").create_key()["KeyMetadata"]["KeyId"])


@cache
def client(service: str) -> Any:
    return boto3.client(service)  # type: ignore[call-overload]
