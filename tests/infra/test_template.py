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
from infra.build import build, functions_of

pytestmark = pytest.mark.xdist_group("template")  # made once
CHECKOV = Path(sys.executable).parent.parent / "checkov" / "bin" / "checkov"
KEPT = {"AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::KMS::Key", "AWS::Cognito::UserPool"}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("template")).template


@pytest.fixture(scope="module")
def template(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def test_cloudformation_would_take_the_template(path: Path) -> None:
    assert cfnlint.api.lint_file(path) == []


def test_the_template_keeps_the_rules_of_safety_that_it_does_not_excuse_itself_from(path: Path) -> None:
    assert CHECKOV.exists(), "make test sets checkov up"
    asked = [str(CHECKOV), "--config-file", str(ROOT / "infra" / "checkov.yaml"), "-f", str(path), "-o", "json"]
    offline = {**os.environ, "BC_SKIP_MAPPING": "TRUE"}

    done = subprocess.run(asked, env=offline, capture_output=True, text=True, check=False)

    found = json.loads(done.stdout)
    failed = found["results"]["failed_checks"]
    assert [f"{each['check_id']} {each['resource']}: {each['check_name']}" for each in failed] == []
    assert found["summary"]["passed"] > 100


def test_what_holds_data_outlives_the_stack(template: dict[str, Any]) -> None:
    for name, resource in template["Resources"].items():
        if resource["Type"] in KEPT:
            assert (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")) == ("Retain", "Retain"), name


def test_every_function_runs_on_the_runtime_that_its_packages_are_for(template: dict[str, Any]) -> None:
    runs = {(each["Properties"]["Runtime"], *each["Properties"]["Architectures"]) for each in functions_of(template).values()}

    assert runs == {("python3.13", "x86_64")}


def test_the_portal_runs_no_script_and_no_style_but_its_own(template: dict[str, Any]) -> None:
    headers = template["Resources"]["PortalHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    policy = headers["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"][0]

    assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
    assert "unsafe" not in policy
