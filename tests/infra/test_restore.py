"""Putting a table and a bucket back, page by page: right whatever their size, and with no more than pages in memory."""

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from infra.deploy import Deployment
from infra.restore import SUFFIX, Restore

pytestmark = pytest.mark.usefixtures("aws")
MANY = 260  # some of BatchGetItem's pages
NOW = datetime.now(UTC)


class Counting:
    """DynamoDB, and how many items were held of one answer at most."""

    def __init__(self, client: Any) -> None:
        self.client, self.most = client, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def get_paginator(self, name: str) -> Any:
        paginator = self.client.get_paginator(name)
        return type("Small", (), {"paginate": lambda _, **asked: self._counted(paginator, asked)})()

    def _counted(self, paginator: Any, asked: dict[str, Any]) -> Any:
        for page in paginator.paginate(**asked, PaginationConfig={"PageSize": 50}):
            self.most = max(self.most, len(page["Items"]))
            yield page


def item(number: int, name: str) -> dict[str, Any]:
    return {"groupId": {"S": f"g{number % 3}"}, "at": {"S": f"{number:05}"}, "name": {"S": name}}


def test_a_table_is_put_back_page_by_page_and_what_is_the_same_is_not_written() -> None:
    dynamodb = Counting(boto3.client("dynamodb"))
    schema = dynamodb.describe_table(TableName="Audit")["Table"]
    described = {name: schema[name] for name in ("KeySchema", "AttributeDefinitions")}
    dynamodb.create_table(TableName="Audit" + SUFFIX, BillingMode="PAY_PER_REQUEST", **described)
    for number in range(MANY):
        dynamodb.put_item(TableName="Audit" + SUFFIX, Item=item(number, "then"))
        if number >= 10:  # ten are gone since, ten were changed, ten came
            dynamodb.put_item(TableName="Audit", Item=item(number, "now" if number < 20 else "then"))
    for number in range(MANY, MANY + 10):
        dynamodb.put_item(TableName="Audit", Item=item(number, "later"))

    written = Restore(Deployment("any", lambda service: dynamodb, pause_s=0), NOW)._put_back("Audit")

    there = dynamodb.client.scan(TableName="Audit")["Items"]
    assert written == 30
    assert sorted(each["at"]["S"] for each in there) == [f"{number:05}" for number in range(MANY)]
    assert {each["name"]["S"] for each in there} == {"then"}
    assert dynamodb.most <= 50
    assert "Audit" + SUFFIX not in dynamodb.list_tables()["TableNames"]


def test_an_object_is_the_version_of_then_also_where_its_versions_go_over_a_page_s_end() -> None:
    s3 = boto3.client("s3")
    s3.put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})
    for key in ("groups/a", "groups/b", "groups/c"):
        for text in ("one", "two", "three"):
            s3.put_object(Bucket="data", Key=key, Body=text.encode())
    s3.delete_object(Bucket="data", Key="groups/b")
    versions = s3.list_object_versions(Bucket="data", Prefix="groups/")
    listed = [{**each, "LastModified": moment(each, versions["Versions"])} for each in versions["Versions"]]
    markers = [{**each, "LastModified": NOW + timedelta(hours=9)} for each in versions["DeleteMarkers"]]
    pages = [{"Versions": listed[:4], "DeleteMarkers": markers}, {"Versions": listed[4:]}]

    restore = Restore(Deployment("any", lambda service: Listing(s3, pages)), NOW + timedelta(hours=1, minutes=30))
    restore.deployment.outputs_now = lambda: {"DataBucket": "data"}  # type: ignore[method-assign]

    assert restore.put_back_objects() == 3
    held = {key: s3.get_object(Bucket="data", Key=key)["Body"].read() for key in ("groups/a", "groups/b", "groups/c")}
    assert set(held.values()) == {b"two"}


def moment(version: Any, versions: Any) -> datetime:
    """An hour between the versions of a key, the newest first as S3 lists them."""
    of_key = [each["VersionId"] for each in versions if each["Key"] == version["Key"]]
    return NOW + timedelta(hours=len(of_key) - 1 - of_key.index(version["VersionId"]))


class Listing:
    """S3 that lists these pages."""

    def __init__(self, client: Any, pages: list[dict[str, Any]]) -> None:
        self.client, self.pages = client, pages

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def get_paginator(self, name: str) -> Any:
        return type("Pages", (), {"paginate": lambda _, **asked: iter(self.pages)})()
