"""The fixed address: nothing of it exists unless it is asked for, and then every function that calls out has it."""

import json
from typing import Any

import pytest

from infra import ROOT
from infra.functions import FUNCTIONS, INTERFACES
from tests.infra.conftest import of_kind
from tests.infra.resolving import Resolver
from tests.infra.test_limits import named

pytestmark = pytest.mark.xdist_group("template")
NETWORK: dict[str, Any] = json.loads((ROOT / "infra" / "network.json").read_text())
CALLING_OUT = {each.logical_id for each in FUNCTIONS if each.calls_out}


def resolved(translated: dict[str, Any], zone: str) -> Any:
    attributes = dict.fromkeys(translated["Resources"], "x") | {
        f"{name}.{attribute}": "y" for name, attribute in named(translated)
    }
    attributes["FixedAddressIp"] = "203.0.113.4"
    return Resolver(translated, "eu-west-1", {"PortalOrigin": "https://p.example", "FixedAddressZone": zone}, attributes)


def test_nothing_of_a_network_exists_unless_it_is_asked_for(translated: dict[str, Any]) -> None:
    of_ec2 = {name: each for name, each in translated["Resources"].items() if each["Type"].startswith("AWS::EC2::")}
    off = resolved(translated, "")

    assert set(of_ec2) == set(NETWORK["Resources"])
    assert {each["Condition"] for each in (*of_ec2.values(), translated["Outputs"]["FixedAddress"])} == {"FixedAddress"}
    assert off(off.conditions["FixedAddress"]) is False
    for name, function in of_kind(translated["Resources"], "AWS::Lambda::Function").items():
        made = off(function)
        assert "VpcConfig" not in made, name
        assert made["Environment"]["Variables"]["FIXED_ADDRESS"] == ""
    for name, role in of_kind(translated["Resources"], "AWS::IAM::Role").items():
        assert "ec2:" not in json.dumps(off(role["Policies"])), name


def test_every_function_that_calls_others_servers_does_so_from_the_one_address(translated: dict[str, Any]) -> None:
    on = resolved(translated, "b")
    functions = of_kind(translated["Resources"], "AWS::Lambda::Function")

    assert on(NETWORK["Resources"]["FunctionsSubnet"]["Properties"]["AvailabilityZone"]) == "eu-west-1b"
    assert {name for name, each in functions.items() if "VpcConfig" in on(each)} == CALLING_OUT
    assert on(functions["APIHandler"])["Environment"]["Variables"]["FIXED_ADDRESS"] == "203.0.113.4"
    signing_in = {
        each.logical_id for each in FUNCTIONS if any("secretsmanager:GetSecretValue" in one.actions for one in each.may)
    }
    assert signing_in | {"Deliver"} == CALLING_OUT


def test_the_way_out_is_the_address_and_what_is_aws_s_own_and_large_goes_by_free_endpoints() -> None:
    resources = NETWORK["Resources"]
    routes = {name: each["Properties"] for name, each in resources.items() if each["Type"] == "AWS::EC2::Route"}
    endpoints = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::EC2::VPCEndpoint"]

    assert routes["FunctionsRoute"]["NatGatewayId"] == {"Ref": "AddressTranslation"}
    assert resources["AddressTranslation"]["Properties"]["AllocationId"] == {"Fn::GetAtt": ["FixedAddressIp", "AllocationId"]}
    assert {each["ServiceName"]["Fn::Sub"].rpartition(".")[2] for each in endpoints} == {"s3", "dynamodb"}
    assert {(each["VpcEndpointType"], each["RouteTableIds"][0]["Ref"]) for each in endpoints} == {("Gateway", "FunctionsRoutes")}
    assert "SecurityGroupIngress" not in resources["FetchersOut"]["Properties"]


def test_only_lambda_itself_may_handle_interfaces_and_not_the_code_that_it_runs(translated: dict[str, Any]) -> None:
    on = resolved(translated, "b")
    roles = of_kind(translated["Resources"], "AWS::IAM::Role")

    for name in CALLING_OUT:
        role = roles[translated["Resources"][name]["Properties"]["Role"]["Fn::GetAtt"][0]]
        allow, deny = on(role["Policies"])[0]["PolicyDocument"]["Statement"][-2:]
        assert (allow["Effect"], set(allow["Action"])) == ("Allow", set(INTERFACES))
        assert (deny["Effect"], set(deny["Action"])) == ("Deny", set(INTERFACES))
        assert list(deny["Condition"]["ArnLike"]) == ["lambda:SourceFunctionArn"]
