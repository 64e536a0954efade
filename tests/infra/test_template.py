"""The template that every stage is deployed from, as the tools see it that know CloudFormation's and AWS's rules."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cfnlint.api  # type: ignore[import-untyped]
import pytest

from infra import ROOT
from tests.infra.conftest import of_kind

pytestmark = pytest.mark.xdist_group("template")  # made once
CHECKOV = Path(sys.executable).parent.parent / "checkov" / "bin" / "checkov"
KEPT = {"AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::KMS::Key", "AWS::Cognito::UserPool"}


def test_cloudformation_would_take_the_template(built_path: Path) -> None:
    assert cfnlint.api.lint_file(built_path) == []


def test_the_template_keeps_the_rules_of_safety_that_it_does_not_excuse_itself_from(built_path: Path) -> None:
    assert CHECKOV.exists(), "make test sets checkov up"
    asked = [str(CHECKOV), "--config-file", str(ROOT / "infra" / "checkov.yaml"), "-f", str(built_path), "-o", "json"]
    offline = {**os.environ, "BC_SKIP_MAPPING": "TRUE"}

    done = subprocess.run(asked, env=offline, capture_output=True, text=True, check=False)

    found = json.loads(done.stdout)
    failed = found["results"]["failed_checks"]
    assert [f"{each['check_id']} {each['resource']}: {each['check_name']}" for each in failed] == []
    assert found["summary"]["passed"] > 100


def test_what_holds_data_outlives_the_stack(resources: dict[str, Any]) -> None:
    for name, resource in resources.items():
        if resource["Type"] in KEPT:
            assert (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")) == ("Retain", "Retain"), name


def test_every_function_runs_on_the_runtime_that_its_packages_are_for(resources: dict[str, Any]) -> None:
    functions = of_kind(resources, "AWS::Lambda::Function").values()
    runs = {(each["Runtime"], *each["Architectures"]) for each in functions}

    assert runs == {("python3.13", "x86_64")}


def test_the_portal_runs_no_script_and_no_style_but_its_own(resources: dict[str, Any]) -> None:
    headers = resources["PortalHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    policy = headers["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"][0]

    assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
    assert "unsafe" not in policy


def test_the_portal_s_pages_reach_their_own_bucket_and_no_other_of_the_region(resources: dict[str, Any]) -> None:
    headers = resources["PortalHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    policy, values = headers["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"]
    [allowed] = [each for each in policy.split("; ") if each.startswith("connect-src ")]
    elsewhere = values["Elsewhere"]["Fn::If"][2]["Fn::Sub"]

    assert allowed == "connect-src 'self' ${Elsewhere} ${SignInOrigins}"
    assert "*" not in policy + elsewhere
    assert [each for each in elsewhere.split() if "s3" in each or "Bucket" in each] == [
        "https://${DataBucket.RegionalDomainName}"
    ]
