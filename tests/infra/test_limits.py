"""AWS's own bounds that no emulator holds us to, looked at on what is deployed. Quotas as the services' documents say."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from infra.deploy import Failed, parameters_of
from infra.machine import definition, every_state
from tests.infra.conftest import of_kind
from tests.infra.resolving import Resolver

pytestmark = pytest.mark.xdist_group("template")
Json = dict[str, Any]
STACK = "oneroster-" + "s" * 16  # the longest stage
REGION = "ap-southeast-1"  # none is longer by much
BY_CLOUDFRONT = r"x-(edge|real-ip|cache|accel|forwarded-proto|amz|amzn)|cf-|cloudfront-|host$|via$|connection$|cookie$|range$|if-"


@pytest.fixture(scope="module")
def longest(translated: Json) -> Resolver:
    """The template's values with names as long as AWS makes them."""
    attributes: dict[str, str] = {}
    for name in translated["Resources"]:
        attributes[name] = f"{STACK}-{name}-{'X' * 13}"
    for name, attribute in named(translated):
        if attribute:
            attributes[f"{name}.{attribute}"] = f"arn:aws:secretsmanager:{REGION}:123456789012:{STACK}-{name}-{'X' * 13}"
    made = Resolver(translated, REGION, {"PortalOrigin": "https://" + "portal." * 9 + "example"}, attributes)
    made.known["AWS::StackName"] = STACK
    return made


def named(value: Any) -> Iterator[tuple[str, str]]:
    """Each resource with its attribute that a value asks for."""
    match value:
        case {"Fn::GetAtt": [name, attribute]}:
            yield name, attribute
        case {"Fn::Sub": str() as text} | {"Fn::Sub": [str() as text, *_]}:
            yield from ((name, attribute) for name, attribute in re.findall(r"\$\{(\w+)\.([\w.]+)\}", text))
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from named(inner)


def compact(value: Any) -> int:
    return len(json.dumps(value, separators=(",", ":")))


def test_the_template_is_one_that_cloudformation_takes_with_room_to_grow(built: Json, translated: Json) -> None:
    """1 MB from S3, also after SAM; 500 resources; 200 parameters and outputs."""
    assert len(json.dumps(built)) < 800_000
    assert len(json.dumps(translated)) < 800_000
    assert len(translated["Resources"]) < 400
    assert len(translated["Parameters"]) < 150
    assert len(translated["Outputs"]) < 150


def test_each_function_s_environment_fits_into_the_4_kb_that_lambda_gives_it(translated: Json, longest: Resolver) -> None:
    for name, function in of_kind(translated["Resources"], "AWS::Lambda::Function").items():
        variables = longest(function["Environment"]["Variables"])
        assert sum(len(key) + len(str(value)) for key, value in variables.items()) < 3_800, name
        reserved = {each for each in variables if re.match(r"AWS_(LAMBDA|REGION|ACCESS|SECRET|SESSION|EXECUTION|XRAY)|_", each)}
        assert reserved == set(), name


def test_the_policies_of_a_role_fit_into_the_10240_characters_that_iam_gives_it(translated: Json, longest: Resolver) -> None:
    for name, role in of_kind(translated["Resources"], "AWS::IAM::Role").items():
        assert sum(compact(longest(each["PolicyDocument"])) for each in role["Policies"]) < 10_240, name
        assert compact(longest(role["AssumeRolePolicyDocument"])) < 2_048, name


def test_the_api_has_fewer_resources_than_api_gateway_gives_one(translated: Json) -> None:
    [api] = of_kind(translated["Resources"], "AWS::ApiGateway::RestApi").values()
    parts = [path.strip("/").split("/") for path in api["Body"]["paths"]]
    nodes = {"/".join(each[:length]) for each in parts for length in range(1, len(each) + 1)}

    assert len(nodes) < 300
    assert compact(api["Body"]) < 6_000_000


def test_a_rule_s_pattern_and_targets_are_within_eventbridge_s_bounds(translated: Json, longest: Resolver) -> None:
    for name, rule in of_kind(translated["Resources"], "AWS::Events::Rule").items():
        assert compact(longest(rule.get("EventPattern", {}))) < 2_048, name
        assert len(rule["Targets"]) <= 5, name


def test_eventbridge_may_leave_undelivered_events_in_the_queue(translated: Json) -> None:
    """By the rule's ARN, which is what EventBridge's documents say that it sends along; each rule of the stack is named by it."""
    [policy] = of_kind(translated["Resources"], "AWS::SQS::QueuePolicy").values()
    [statement] = policy["PolicyDocument"]["Statement"]

    rules = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/${AWS::StackName}-*"
    assert statement["Condition"] == {"ArnLike": {"aws:SourceArn": {"Fn::Sub": rules}}}
    assert not [each for each in of_kind(translated["Resources"], "AWS::Events::Rule").values() if "Name" in each]


def test_the_machine_may_follow_and_stop_the_executions_of_its_distributed_maps(translated: Json) -> None:
    """The documents write them `machine:*`; an execution's own ARN is `machine/label:id`."""
    statements = translated["Resources"]["SyncMachineRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    [of_executions] = [each for each in statements if "states:StopExecution" in each["Action"]]
    suffixes = {each["Fn::Sub"].partition(":execution:${AWS::StackName}-sync")[2] for each in of_executions["Resource"]}

    assert suffixes == {":*", "/*"}
    assert set(of_executions["Action"]) >= {"states:DescribeExecution", "states:StopExecution"}


def test_the_machine_s_definition_and_names_are_within_step_functions_bounds() -> None:
    machine = definition()

    assert len(json.dumps(machine)) < 1_000_000
    for path, state in with_names(machine):
        assert len(path) <= 80, path
        assert state["Type"] != "Map" or len(path) <= 40, f"{path}: a Map's label is made of its name"
    assert machine["TimeoutSeconds"] <= 365 * 86_400


def test_no_state_hands_on_more_than_ids_and_numbers() -> None:
    """256 KiB go from state to state; what a Lambda returns is picked apart or dropped, and a Map's items return nothing."""
    for state in every_state(definition()):
        if state["Type"] == "Task":
            token = state["Resource"].endswith("waitForTaskToken")
            assert state.get("ResultPath", "$") is None or "ResultSelector" in state or token
        if state["Type"] == "Map":
            ends = [each for each in state["ItemProcessor"]["States"].values() if each.get("End")]
            assert [each.get("OutputPath", "$") for each in ends] == [None]
            assert state["ResultPath"] is None


def with_names(machine: Json) -> Iterator[tuple[str, Json]]:
    for name, state in machine["States"].items():
        yield name, state
        for inner in (*state.get("Branches", ()), *([state["ItemProcessor"]] if "ItemProcessor" in state else ())):
            yield from with_names(inner)


def test_the_firewall_s_rules_weigh_less_than_a_list_may(translated: Json) -> None:
    """1,500 units: 2 for an exact match on a header, 2 for a rate, 200 for the managed group (AWS's documents)."""
    weights = {"NotStatement": 2, "RateBasedStatement": 2, "ManagedRuleGroupStatement": 200}
    rules = translated["Resources"]["ApiShield"]["Properties"]["Rules"]

    assert sum(weights[next(iter(rule["Statement"]))] for rule in rules) <= 1_500


def test_cloudfront_takes_the_headers_functions_and_policy(translated: Json, longest: Resolver) -> None:
    resources = translated["Resources"]
    for name, function in of_kind(resources, "AWS::CloudFront::Function").items():
        assert len(function["FunctionCode"].encode()) <= 10_240, name
        written = re.findall(r"headers\['([^']+)'\]", function["FunctionCode"])
        assert not [each for each in written if re.match(BY_CLOUDFRONT, each)], name
    origins = resources["Portal"]["Properties"]["DistributionConfig"]["Origins"]
    sent = [each["HeaderName"].lower() for origin in origins for each in origin.get("OriginCustomHeaders", ())]
    assert sent
    assert not [each for each in sent if re.match(BY_CLOUDFRONT, each)]
    headers = resources["PortalHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    assert len(longest(headers["ContentSecurityPolicy"]["ContentSecurityPolicy"])) < 1_783


def test_a_log_goes_with_the_time_that_its_group_gives_it(translated: Json) -> None:
    groups = of_kind(translated["Resources"], "AWS::Logs::LogGroup")

    assert all(each["RetentionInDays"] for each in groups.values())
    for name, function in of_kind(translated["Resources"], "AWS::Lambda::Function").items():
        assert function["LoggingConfig"] == {"LogGroup": {"Ref": "FunctionsLog"}}, name  # else it would keep for ever


@pytest.mark.parametrize(
    "stage",
    ["Prod", "prüf", "1st", "aws1", "myamazon", "cognitotest", "s" * 17, "te-st", ""],
    ids=["a capital", "no ASCII", "a digit first", "aws", "amazon", "cognito", "too long", "a hyphen", "empty"],
)
def test_a_stage_whose_name_aws_would_refuse_half_way_is_refused_at_once(
    stage: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """The name goes into Cognito's domain: small letters, and none of its reserved words."""
    written = tmp_path / "stages.toml"
    written.write_text(f'["{stage}"]\n["test"]\n')
    monkeypatch.setattr("infra.deploy.STAGES", written)

    with pytest.raises(Failed, match="Nothing was changed"):
        parameters_of(stage)
    assert parameters_of("test") == {}
