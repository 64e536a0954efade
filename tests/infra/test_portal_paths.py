"""The two functions that run at CloudFront's edge, by Node."""

import json
import subprocess
from typing import Any

import pytest

from infra import ROOT
from tests.stack_fixtures import NODE

RESOURCES = json.loads((ROOT / "infra" / "portal.json").read_text())["Resources"]


def passed_on(function: str, request: dict[str, Any], viewer: str = "198.51.100.7") -> dict[str, Any]:
    code = RESOURCES[function]["Properties"]["FunctionCode"]
    event = {"request": request, "viewer": {"ip": viewer}}
    run = f"{code}; console.log(JSON.stringify(handler({json.dumps(event)})))"
    made: dict[str, Any] = json.loads(subprocess.run([*NODE, "-e", run], capture_output=True, text=True, check=True).stdout)
    return made


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("/", "/index.html"),
        ("/groups/g1/syncs/g1-2026/changes", "/index.html"),
        ("/assets/index-C2LTCCxB.js", "/assets/index-C2LTCCxB.js"),
        ("/config.json", "/config.json"),
    ],
)
def test_a_path_that_is_no_file_is_the_page_s(asked: str, given: str) -> None:
    assert passed_on("PortalPaths", {"uri": asked})["uri"] == given


def test_the_firewall_counts_by_the_address_that_cloudfront_saw_whatever_the_caller_wrote() -> None:
    request = {"uri": "/api/me", "headers": {"x-viewer-address": {"value": "192.0.2.1"}, "accept": {"value": "*/*"}}}

    headers = passed_on("PortalViewer", request)["headers"]

    rules = {each["Name"]: each["Statement"] for each in RESOURCES["ApiShield"]["Properties"]["Rules"]}
    rate = rules["rate"]["RateBasedStatement"]
    assert headers == {"x-viewer-address": {"value": "198.51.100.7"}, "accept": {"value": "*/*"}}
    assert rate["ForwardedIPConfig"]["HeaderName"].lower() in headers
    api = RESOURCES["Portal"]["Properties"]["DistributionConfig"]["CacheBehaviors"][0]
    assert [each["FunctionARN"] for each in api["FunctionAssociations"]] == [{"Fn::GetAtt": ["PortalViewer", "FunctionARN"]}]
