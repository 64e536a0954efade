"""The stack of these tests enforces every role's policies, so that a sync that comes through needs no more than they say."""

import os
import re
import subprocess
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from chalicelib.store.files import sync_key
from infra import ROOT
from local.client import Client, invoked
from local.stack import REGION, Stack

pytestmark = pytest.mark.xdist_group("stack")


def test_a_key_without_policies_reads_nobody_s_roster(stack: Stack) -> None:
    iam = stack.client("iam")
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    nobody = boto3.client(
        "dynamodb",
        endpoint_url=stack.endpoint,
        region_name=REGION,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )

    with pytest.raises(ClientError, match="is not authorized to perform: dynamodb:Scan"):
        nobody.scan(TableName=stack.outputs["RosterTable"])


def synced_by_script(stack: Stack, admin: Client, group_id: str, district: Path) -> str:
    """The id of a sync by the script that the docs show, signed in as an application of its own."""
    scopes = ["status.read", "upload.create", "sync.start"]
    made = admin.call("POST", f"/groups/{group_id}/clients", {"name": "Nightly upload", "scopes": scopes}, 201)
    [script] = re.findall(r"```bash\n(.*?)```", (ROOT / "docs" / "operate" / "scripts.md").read_text(), re.DOTALL)
    settings = {
        "CLIENT_ID": made["clientId"],
        "CLIENT_SECRET": made["clientSecret"],
        "TOKEN_URL": f"{stack.api_url}/oneroster/token",
        "API_URL": stack.api_url,
        "GROUP": group_id,
        "ZIP": str(district),
    }
    ran = subprocess.run(
        ["bash", "-c", script.replace("sleep 5", "sleep 0.3")],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    sync_id, state = ran.stdout.split()[-2:]
    assert (state, admin.call("GET", f"/syncs/{sync_id}")["startedBy"]) == ("succeeded", "Nightly upload (application)")
    return sync_id


def test_forgetting_and_deleting_need_no_more_than_their_functions_may(stack: Stack, admin: Client, district: Path) -> None:
    group_id = admin.new_group("Forgetful")
    recent = synced_by_script(stack, admin, group_id, district)
    old = f"{group_id}-20200101T000000000-00000000"
    dynamodb, s3, bucket = stack.client("dynamodb"), stack.client("s3"), stack.outputs["DataBucket"]
    key = {"groupId": {"S": group_id}, "syncId": {"S": recent}}
    item = dynamodb.get_item(TableName=stack.outputs["SyncsTable"], Key=key)["Item"]
    then = {"syncId": {"S": old}, "startedAt": {"S": "2020-01-01T00:00:00+00:00"}, "endedAt": {"S": "2020-01-01T00:01:00+00:00"}}
    dynamodb.put_item(TableName=stack.outputs["SyncsTable"], Item={**item, **then})
    s3.put_object(Bucket=bucket, Key=sync_key(old, "bundle/bundle.zip"), Body=b"of then")

    def syncs() -> list[str]:
        return [each["syncId"] for each in admin.call("GET", f"/groups/{group_id}/syncs")["items"]]

    def objects() -> list[str]:
        return [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix=f"groups/{group_id}/").get("Contents", [])]

    assert syncs() == [recent, old]

    invoked(stack, "Forget", "wake")

    assert syncs() == [recent]
    assert sync_key(old, "bundle/bundle.zip") not in objects()
    assert sync_key(recent, "bundle/bundle.zip") in objects()

    admin.call("DELETE", f"/groups/{group_id}", {"name": "Forgetful"})

    asked = {":group": {"S": group_id}}
    left = dynamodb.query(
        TableName=stack.outputs["SyncsTable"], KeyConditionExpression="groupId = :group", ExpressionAttributeValues=asked
    )
    assert (left["Count"], objects()) == (0, [])
