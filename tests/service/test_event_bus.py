"""The stack's event bus hears what webhooks hear: a rule of another system picks its events, and none shows a person."""

import json
import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from chalice.test import Client

from app import app
from chalicelib.errors import SourceUnavailable
from chalicelib.store import event_bus
from infra import ROOT
from local.events import saved
from tests.engine.districts import small, user
from tests.steps.walk import NOW, Walk, make_group, zipped

DOCS = (ROOT / "docs" / "provider.md").read_text()
ARN = "arn:aws:sqs:us-east-1:123456789012:{}"


class Heard:
    """A queue behind each rule."""

    def __init__(self) -> None:
        self.events, self.sqs = boto3.client("events"), boto3.client("sqs")
        self.events.create_event_bus(Name="oneroster-test")

    def by(self, name: str, pattern: str) -> None:
        self.sqs.create_queue(QueueName=name)
        self.events.put_rule(Name=name, EventBusName="oneroster-test", EventPattern=pattern)
        self.events.put_targets(Rule=name, EventBusName="oneroster-test", Targets=[{"Id": "1", "Arn": ARN.format(name)}])

    def __getitem__(self, name: str) -> list[dict[str, Any]]:
        url = self.sqs.get_queue_url(QueueName=name)["QueueUrl"]
        found = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(each["Body"]) for each in found]


@pytest.fixture
def heard(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    monkeypatch.setenv(event_bus.SETTING, "oneroster-test")
    monkeypatch.setenv("STATE_MACHINE_ARN", saved("execution_ended")["detail"]["stateMachineArn"])
    event_bus._events.cache_clear()
    yield Heard()
    event_bus._events.cache_clear()


def synced(district: dict[str, Any], day: int = 0) -> str:
    walk = Walk(zipped(district), day=day)
    walk.through()
    event = saved("execution_ended")
    event["detail"] |= {"name": walk.sync_id, "status": "SUCCEEDED"}
    Client(app, project_dir=str(ROOT)).lambda_.invoke("execution_ended", event)
    return walk.sync_id


def test_the_rule_that_the_docs_show_hears_of_each_change_of_its_group_and_of_nothing_else(heard: Heard) -> None:
    [rule] = re.findall(r"```json\n(.*?)```", DOCS, re.DOTALL)
    heard.by("changes", rule)
    heard.by("all", json.dumps({"source": [event_bus.SOURCE]}))
    make_group()
    district = small(users=[user(givenName="Zephyrine", email="zephyrine@example.org")])

    first = synced(district)
    synced(district, day=1)

    [changed] = heard["changes"]
    everything = heard["all"]
    assert [each["detail-type"] for each in everything] == ["sync.finished", "roster.changed", "sync.finished"]
    assert changed["source"] == "oneroster.selective-sync"
    assert changed["detail"]["data"] | {"counts": {}} == {
        "groupId": "g1", "syncId": first, "changes": 4, "cursor": "1.0", "counts": {},
    }  # fmt: skip
    assert changed["detail"]["id"] == f"msg_{first}.roster.changed"
    assert changed["detail"]["type"] == "roster.changed"
    assert "zephyrine" not in json.dumps(everything).casefold()


def test_an_event_that_comes_again_has_the_id_that_it_had(heard: Heard) -> None:
    heard.by("all", json.dumps({"source": [event_bus.SOURCE]}))
    make_group()
    synced(small())
    once = {each["detail"]["id"] for each in heard["all"]}
    event = saved("execution_ended")
    event["detail"] |= {"name": f"g1-{NOW:%Y%m%dT%H%M%S}000-aa", "status": "SUCCEEDED"}

    Client(app, project_dir=str(ROOT)).lambda_.invoke("execution_ended", event)

    assert {each["detail"]["id"] for each in heard["all"]} == once
    assert len(once) == 2


def test_an_event_that_the_bus_leaves_is_an_error_so_that_it_is_sent_again(heard: Heard) -> None:
    with Stubber(event_bus._events()) as stub:
        stub.add_response("put_events", {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]})

        with pytest.raises(SourceUnavailable, match=r"did not take sync\.held: ThrottlingException"):
            event_bus.put("sync.held", {}, NOW)
