"""The stack of these tests enforces every role's policies, so that a sync that comes through needs no more than they say."""

import boto3
import pytest
from botocore.exceptions import ClientError

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
