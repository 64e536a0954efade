"""What differs by region, in each region that `make deploy` takes."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import cfnlint.api  # type: ignore[import-untyped]
import pytest
from cfnlint.config import ManualArgs  # type: ignore[import-untyped]
from cfnlint.helpers import REGIONS  # type: ignore[import-untyped]

from chalicelib.store import files
from infra import ROOT
from infra.deploy import Deployment, Failed
from infra.regions import SUPPORTED
from tests.infra.resolving import Resolver

pytestmark = pytest.mark.xdist_group("template")
BUCKET = "oneroster-prod-databucket-1a2b3c"


def test_every_region_that_is_taken_has_each_kind_of_resource_and_property(built_path: Path) -> None:
    assert cfnlint.api.lint_file(built_path, ManualArgs(regions=list(SUPPORTED))) == []


def test_a_region_outside_the_partition_is_refused_by_the_same_check(built_path: Path) -> None:
    found = cfnlint.api.lint_file(built_path, ManualArgs(regions=["cn-north-1", "us-gov-west-1"]))

    assert {match.rule.id for match in found} == {"E3006"}


def test_all_regions_of_the_partition_are_taken_and_the_page_names_each() -> None:
    elsewhere = ("cn-", "us-gov-", "us-iso", "eu-iso", "eusc-")
    page = (ROOT / "docs" / "operate" / "deploy.md").read_text()

    assert set(SUPPORTED) == {each for each in REGIONS if not each.startswith(elsewhere)}
    assert set(re.findall(r"`([a-z]{2}-[a-z]+-\d)`", page)) == set(SUPPORTED)


@pytest.mark.parametrize("region", ["us-gov-west-1", "cn-north-1", "eu-centrall-1"])
def test_a_deploy_elsewhere_is_refused_before_anything_is_made(region: str) -> None:
    def client(service: str) -> Any:
        return boto3.client(service, region_name=region)  # type: ignore[call-overload]

    with pytest.raises(Failed, match=f"{region}.*docs/operate/deploy.md.*Nothing was changed"):
        Deployment("oneroster-test", client).check_region()


@pytest.mark.parametrize("region", SUPPORTED)
def test_the_portal_may_reach_the_host_that_uploads_and_downloads_are_signed_for(
    translated: dict[str, Any], region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_DEFAULT_REGION": region,
        "DATA_BUCKET": BUCKET,
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(files, "s3", files.s3.__wrapped__)
    form = files.presigned_upload("uploads/g1/u1.zip", 1, datetime.now(UTC))
    link = files.presigned_download("groups/g1/report.zip", "report.zip")

    allowed = connections(translated, region)

    assert origin(form.url) in allowed
    assert origin(link) in allowed
    assert not [each for each in allowed if re.fullmatch(r"https://s3[.-].*", each)], "a host of every bucket of the region"


def connections(template: dict[str, Any], region: str) -> list[str]:
    """What the portal's security policy lets its script connect to."""
    attributes = {
        "DataBucket.RegionalDomainName": f"{BUCKET}.s3.{region}.amazonaws.com",
        "UserPoolDomain": "oneroster-prod-123456789012",
    }
    resolved = Resolver(template, region, {"PortalOrigin": "https://portal.example"}, attributes)
    headers = template["Resources"]["PortalHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    policy = str(resolved(headers["ContentSecurityPolicy"]["ContentSecurityPolicy"]))
    directives = {name: sources.split() for name, _, sources in (each.strip().partition(" ") for each in policy.split(";"))}
    return directives["connect-src"]


def origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
