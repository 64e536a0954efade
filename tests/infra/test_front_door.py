"""The way in: CloudFront, the firewall, API Gateway, who signs in how: as SAM has written the template out."""

import json
import re
from typing import Any

import pytest

from tests.infra.conftest import of_kind

pytestmark = pytest.mark.xdist_group("template")
GLOBAL_NAMES = {  # kinds whose names are one space for all regions and stacks of an account, by the path to the name
    "AWS::CloudFront::Function": ("Name",),
    "AWS::CloudFront::OriginAccessControl": ("OriginAccessControlConfig", "Name"),
    "AWS::CloudFront::ResponseHeadersPolicy": ("ResponseHeadersPolicyConfig", "Name"),
    "AWS::CloudFront::CachePolicy": ("CachePolicyConfig", "Name"),
    "AWS::CloudFront::OriginRequestPolicy": ("OriginRequestPolicyConfig", "Name"),
    "AWS::CloudWatch::Dashboard": ("DashboardName",),
    "AWS::IAM::Role": ("RoleName",),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName",),
    "AWS::S3::Bucket": ("BucketName",),
}


def test_the_api_has_one_stage_and_the_firewall_stands_before_it(resources: dict[str, Any]) -> None:
    stages = of_kind(resources, "AWS::ApiGateway::Stage")
    made_by_deployments = [each for each in of_kind(resources, "AWS::ApiGateway::Deployment").values() if "StageName" in each]
    shields = of_kind(resources, "AWS::WAFv2::WebACLAssociation").values()

    assert made_by_deployments == []
    [(name, stage)] = stages.items()
    [shield] = shields
    assert shield["WebACLArn"] == {"Fn::GetAtt": ["ApiShield", "Arn"]}
    arn = shield["ResourceArn"]["Fn::Sub"]
    assert arn.endswith(f"/restapis/${{{stage['RestApiId']['Ref']}}}/stages/${{{name}}}")


def test_the_api_is_reached_in_its_region_and_not_by_a_second_cloudfront(resources: dict[str, Any]) -> None:
    [api] = of_kind(resources, "AWS::ApiGateway::RestApi").values()

    assert api["EndpointConfiguration"]["Types"] == ["REGIONAL"]


def test_whoever_does_not_come_by_cloudfront_is_turned_away_before_anything_is_counted(resources: dict[str, Any]) -> None:
    rules = sorted(resources["ApiShield"]["Properties"]["Rules"], key=lambda each: int(each["Priority"]))
    match = rules[0]["Statement"]["NotStatement"]["Statement"]["ByteMatchStatement"]
    [api] = [each for each in origins(resources) if each["Id"] == "api"]

    assert rules[0]["Action"] == {"Block": {}}
    assert api["OriginCustomHeaders"] == [{"HeaderName": "X-Origin-Key", "HeaderValue": match["SearchString"]}]
    assert match["FieldToMatch"]["SingleHeader"]["Name"] == "x-origin-key"
    assert (match["PositionalConstraint"], match["TextTransformations"][0]["Type"]) == ("EXACTLY", "NONE")


def test_requests_are_counted_by_the_address_that_cloudfront_saw_and_not_by_what_a_caller_writes(
    resources: dict[str, Any],
) -> None:
    [counted] = [
        each["Statement"]["RateBasedStatement"]
        for each in resources["ApiShield"]["Properties"]["Rules"]
        if "RateBasedStatement" in each["Statement"]
    ]
    [to_api] = resources["Portal"]["Properties"]["DistributionConfig"]["CacheBehaviors"]
    [at_the_edge] = [each for each in to_api["FunctionAssociations"] if each["EventType"] == "viewer-request"]
    code = resources[at_the_edge["FunctionARN"]["Fn::GetAtt"][0]]["Properties"]["FunctionCode"]

    assert counted["AggregateKeyType"] == "FORWARDED_IP"
    header = counted["ForwardedIPConfig"]["HeaderName"].lower()
    assert f"request.headers['{header}'] = {{ value: event.viewer.ip }};" in code  # whatever was sent under that name
    assert counted["ForwardedIPConfig"]["FallbackBehavior"] == "MATCH"


def test_the_key_between_cloudfront_and_api_is_shown_nowhere(translated: dict[str, Any]) -> None:
    assert translated["Parameters"]["OriginKey"]["NoEcho"] is True
    assert "OriginKey" not in json.dumps(translated["Outputs"])
    functions = of_kind(translated["Resources"], "AWS::Lambda::Function")
    assert "OriginKey" not in json.dumps(functions)


def test_an_error_that_one_person_met_is_not_kept_for_the_next(resources: dict[str, Any]) -> None:
    kept = resources["Portal"]["Properties"]["DistributionConfig"]["CustomErrorResponses"]
    by_cloudfront = {400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504}  # those that it would keep for ten seconds

    assert {each["ErrorCode"] for each in kept} == by_cloudfront
    assert {each["ErrorCachingMinTTL"] for each in kept} == {0}


def test_names_that_are_global_to_an_account_hold_stack_and_region(resources: dict[str, Any]) -> None:
    for kind, path in GLOBAL_NAMES.items():
        for name, properties in of_kind(resources, kind).items():
            value: Any = properties
            for key in path:
                value = value.get(key, {})
            if value:  # else AWS makes one up
                assert {"${AWS::StackName}", "${AWS::Region}"} <= set(re.findall(r"\$\{[^}]+\}", value["Fn::Sub"])), name


def test_two_stages_of_an_account_do_not_mix_their_metrics(resources: dict[str, Any]) -> None:
    dashboard = json.loads(resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])
    shown = [metric for widget in dashboard["widgets"] for metric in widget["properties"]["metrics"]]
    found = [
        [each["Namespace"], each["MetricName"], *(part for one in each["Dimensions"] for part in (one["Name"], one["Value"]))]
        for each in of_kind(resources, "AWS::CloudWatch::Alarm").values()
    ]
    by_account = {"AWS/Lambda"}  # the account's concurrency is one, whoever uses it up
    for metric in [*shown, *found]:
        named = json.dumps(metric)
        assert metric[0] in by_account or re.search(r"\$\{|\"Ref\"|Fn::GetAtt", named), metric
    for function in of_kind(resources, "AWS::Lambda::Function").values():
        assert function["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == {"Ref": "AWS::StackName"}
    [api] = of_kind(resources, "AWS::ApiGateway::RestApi").values()
    assert api["Body"]["info"]["title"] == {"Ref": "AWS::StackName"}


def test_a_rule_hears_of_the_stack_s_own_bucket_and_machine_alone(resources: dict[str, Any]) -> None:
    for name, rule in of_kind(resources, "AWS::Events::Rule").items():
        if pattern := rule.get("EventPattern"):
            ours = pattern["detail"].get("bucket", {}).get("name") or pattern["detail"].get("stateMachineArn")
            assert ours in ([{"Ref": "DataBucket"}], [{"Fn::Sub": ours[0].get("Fn::Sub")}]), name
            assert "${AWS::StackName}" in json.dumps(ours) or ours == [{"Ref": "DataBucket"}], name


def test_a_person_s_own_client_may_write_their_name_and_address_and_nothing_that_scope_hangs_on(
    resources: dict[str, Any],
) -> None:
    clients = of_kind(resources, "AWS::Cognito::UserPoolClient")

    assert clients
    for name, client in clients.items():
        assert set(client["WriteAttributes"]) == {"email", "name"}, name  # empty would be all
        assert set(client["ReadAttributes"]) == {"email", "email_verified", "name", "custom:rosterGroups"}, name


def test_people_sign_in_by_the_pool_s_pages_and_a_code_alone(resources: dict[str, Any]) -> None:
    client = resources["PortalClient"]["Properties"]

    assert client["ExplicitAuthFlows"] == ["ALLOW_REFRESH_TOKEN_AUTH"]
    assert client["AllowedOAuthFlows"] == ["code"]
    assert "aws.cognito.signin.user.admin" not in client["AllowedOAuthScopes"]  # what changing oneself takes
    assert client["PreventUserExistenceErrors"] == "ENABLED"


def test_a_token_lives_a_quarter_of_an_hour_and_a_sign_in_a_working_day(resources: dict[str, Any]) -> None:
    client = resources["PortalClient"]["Properties"]

    assert client["TokenValidityUnits"] == {"IdToken": "minutes", "AccessToken": "minutes", "RefreshToken": "hours"}
    assert (client["IdTokenValidity"], client["AccessTokenValidity"]) == (15, 15)
    assert 8 <= client["RefreshTokenValidity"] <= 12
    assert client["EnableTokenRevocation"] is True


def test_the_user_pool_asks_for_a_second_factor_and_outlives_a_slip(translated: dict[str, Any]) -> None:
    pool = translated["Resources"]["UserPool"]["Properties"]

    assert translated["Parameters"]["UserPoolMfa"]["Default"] == "ON"
    assert pool["MfaConfiguration"] == {"Ref": "UserPoolMfa"}
    assert pool["EnabledMfas"]["Fn::If"][1] == ["SOFTWARE_TOKEN_MFA"]
    assert pool["DeletionProtection"] == "ACTIVE"
    # It can't be changed later: a new pool ignores case, one of before stays as it was.
    assert pool["UsernameConfiguration"]["Fn::If"][:2] == ["SignInIgnoresCase", {"CaseSensitive": False}]
    assert translated["Parameters"]["SignInNames"]["Default"] == "ignoreCase"
    assert pool["Policies"]["PasswordPolicy"]["MinimumLength"] >= 12
    assert pool["UserAttributeUpdateSettings"] == {"AttributesRequireVerificationBeforeUpdate": ["email"]}


def origins(resources: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = resources["Portal"]["Properties"]["DistributionConfig"]["Origins"]
    return found
