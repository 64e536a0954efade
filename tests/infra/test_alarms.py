"""Each alarm has a page that says what to do, and reads a metric that is really counted."""

import json
import re
from typing import Any

import pytest

from infra import ROOT

pytestmark = pytest.mark.xdist_group("template")
RESOURCES: dict[str, Any] = json.loads((ROOT / "infra" / "template.json").read_text())["Resources"]
ALARMS = {name: each["Properties"] for name, each in RESOURCES.items() if each.get("Type") == "AWS::CloudWatch::Alarm"}
CODE = "".join(path.read_text() for path in (ROOT / "chalicelib").rglob("*.py"))
COUNTED = set(re.findall(r'emit_metric\(\s*"(\w+)"', CODE))


def test_each_alarm_has_its_entry_in_the_runbook_and_each_entry_its_alarm() -> None:
    entries = re.findall(r"^## (\w+)$", (ROOT / "docs" / "operate" / "alarms.md").read_text(), re.MULTILINE)

    assert sorted(entries) == sorted(ALARMS)


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_tells_somebody_and_of_a_metric_that_is_counted(name: str) -> None:
    alarm = ALARMS[name]

    assert alarm["AlarmActions"] == [{"Ref": "Alarms"}]
    assert alarm["Namespace"] != "OneRoster" or alarm["MetricName"] in COUNTED


def test_the_dashboard_shows_only_metrics_that_are_counted() -> None:
    widgets = json.loads(RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])["widgets"]
    ours = {metric[1] for each in widgets for metric in each["properties"]["metrics"] if metric[0] == "OneRoster"}

    assert ours
    assert ours <= COUNTED


def test_every_metric_of_something_gone_wrong_has_its_alarm() -> None:
    fields = {each["MetricName"] for each in ALARMS.values() if each["Namespace"] == "OneRoster"}

    assert {name for name in COUNTED if re.search("Failed|Late|Over", name)} <= fields


def test_cloudwatch_can_publish_to_the_topic_of_each_alarm(resources: dict[str, Any]) -> None:
    """AWS's own key for SNS lets CloudWatch use it in no account, and its policy can't be changed."""
    topics = {name: each["Properties"] for name, each in resources.items() if each["Type"] == "AWS::SNS::Topic"}
    fields = {ref["Ref"] for alarm in ALARMS.values() for ref in alarm["AlarmActions"]}

    assert fields == set(topics)
    for topic in topics.values():
        key = resources[topic["KmsMasterKeyId"]["Ref"]]["Properties"]["KeyPolicy"]["Statement"]
        granted = [each for each in key if each["Principal"].get("Service") == "cloudwatch.amazonaws.com"]
        assert {action for each in granted for action in each["Action"]} == {"kms:Decrypt", "kms:GenerateDataKey*"}
