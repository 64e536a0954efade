"""What an operator's `make deploy` and `make destroy` do, on an embedded AWS of their own.

The deployer has the rights of `infra/deployer-policy.json` alone. What CloudFormation does in his name, the emulator does
not check against them; `tests/infra/test_deployer.py` holds the policy against what AWS publishes.
"""

import base64
import io
import json
import re
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from chalicelib.store import tables
from infra import ROOT
from infra.build import Built, build
from infra.deploy import Change, Deployment, Failed, main
from infra.package import package
from infra.restore import Restore
from local.client import Client
from local.ports import free_port
from local.stack import KEYS, REGION, STACK, Stack
from oneroster_engine.sample_district import SHAPES, District, write

pytestmark = pytest.mark.xdist_group("deploy")
DATA_TABLE = "AWS::DynamoDB::Table"
SAME_FILE = r"Nothing has changed since sync \S+: the file is the same\. Nothing was written\."
FIRST = "oneroster-first"  # a stack that never comes to be
# Calls that another action allows.
NAMED = {
    **dict.fromkeys(("DescribeBudget", "DescribeNotificationsForBudget", "DescribeSubscribersForNotification"), "ViewBudget"),
    **dict.fromkeys(("CreateBudget", "DeleteBudget"), "ModifyBudget"),
    "HeadBucket": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}
NOT_HERE = {"cloudformation:UpdateTerminationProtection"}  # which the emulator lacks: tests/infra/test_deploying.py
# What AWS asks of the deployer without a call of his: tags of the stack, roles handed on, code and template read in his name.
ASKED_BY_AWS = {"cloudformation:TagResource", "iam:PassRole", "s3:GetObject"}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An AWS without a stack."""
    running = Stack(free_port(), "http://127.0.0.1:1", tmp_path_factory.mktemp("deploy"), enforcing=True)
    running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def calls() -> set[str]:
    """What the deployer called himself, as the actions that allow it."""
    return set()


@pytest.fixture(scope="module")
def deployer(empty: Stack, calls: set[str]) -> Deployment:
    iam = empty.client("iam")
    iam.create_user(UserName="deployer")
    policy = (ROOT / "infra" / "deployer-policy.json").read_text()
    iam.put_user_policy(UserName="deployer", PolicyName="deployer", PolicyDocument=policy)
    key = iam.create_access_key(UserName="deployer")["AccessKey"]

    def client(service: str) -> Any:
        made = boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=empty.endpoint,
            region_name=REGION,
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
            config=Config(s3={"addressing_style": "path"}),
        )
        policies = made.meta.service_model.signing_name  # what policies call the service: states, not stepfunctions
        made.meta.events.register("before-call", lambda model, **_: calls.add(f"{policies}:{NAMED.get(model.name, model.name)}"))
        return made

    return Deployment(STACK, client, pause_s=0.1)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def deployed(empty: Stack, deployer: Deployment, built: Built) -> Stack:
    """The stack after its first deploy."""
    seen: list[Change] = []
    assert deployer.deploy(built.template, built.code, given(empty), shown(seen))
    assert {(change.action, change.kind) for change in seen if "Table" in change.resource} == {("Add", DATA_TABLE)}
    empty.outputs = deployer.outputs
    empty.let_people_in()
    return empty


def given(stack: Stack) -> dict[str, str]:
    return {"PortalOrigin": stack.portal_origin, "TokenKeysBase": stack.endpoint, "UserPoolMfa": "OFF"}


def shown(seen: list[Change], answer: bool = True) -> Callable[[list[Change]], bool]:
    def agree(changes: list[Change]) -> bool:
        seen.extend(changes)
        return answer

    return agree


def changed(template: Path, out: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    made = json.loads(template.read_text())
    change(made["Resources"])
    out.write_text(json.dumps(made))
    return out


def with_a_comment(code: Path, out: Path) -> Path:
    """The same code, one line longer."""
    with zipfile.ZipFile(code) as packed, zipfile.ZipFile(out, "w") as written:
        for member in packed.infolist():
            more = b"# of the next version\n" if member.filename == "app.py" else b""
            written.writestr(member, packed.read(member) + more)
    return out


def test_a_second_deploy_of_the_same_changes_nothing_and_asks_nobody(deployed: Stack, deployer: Deployment, built: Built) -> None:
    seen: list[Change] = []

    assert not deployer.deploy(built.template, built.code, given(deployed), shown(seen))
    assert seen == []
    assert deployer.outputs == deployed.outputs


def test_what_nobody_agreed_to_is_not_done(deployed: Stack, deployer: Deployment, built: Built, tmp_path: Path) -> None:
    before = deployed.client("lambda").get_function(FunctionName=deployed.outputs["APIHandlerName"])["Configuration"]
    code, seen = with_a_comment(built.code, tmp_path / "next.zip"), list[Change]()

    assert not deployer.deploy(built.template, code, given(deployed), shown(seen, answer=False))

    after = deployed.client("lambda").get_function(FunctionName=deployed.outputs["APIHandlerName"])["Configuration"]
    assert ("Modify", "AWS::Lambda::Function") in {(change.action, change.kind) for change in seen}
    assert after["CodeSha256"] == before["CodeSha256"]


def test_an_upgrade_finds_its_data_and_a_sync_that_waits_goes_on(
    deployed: Stack, deployer: Deployment, built: Built, tmp_path: Path, district: Path
) -> None:
    admin = Client(deployed, "admin")
    synced, waiting = admin.new_group("Synced before"), admin.new_group("Waits meanwhile")
    admin.sync_all(synced, district)
    sync_id = admin.start(waiting, district, "selective")["syncId"]
    admin.until(sync_id, asks="orgs")

    def next_machine(resources: dict[str, Any]) -> None:
        definition = resources["SyncMachine"]["Properties"]["DefinitionString"]["Fn::Sub"]
        machine = json.loads(definition[0])
        machine["States"]["AskClasses"]["Comment"] = "Asks otherwise in the next version."
        definition[0] = json.dumps(machine)

    seen: list[Change] = []
    template = changed(built.template, tmp_path / "next.json", next_machine)
    assert deployer.deploy(template, with_a_comment(built.code, tmp_path / "next.zip"), given(deployed), shown(seen))

    assert {change.kind for change in seen} >= {"AWS::Lambda::Function", "AWS::StepFunctions::StateMachine"}
    assert not any(change.replaced for change in seen if change.kind == DATA_TABLE)
    for question in ("orgs", "classes", "statuses"):
        admin.answer(sync_id, question)
    assert admin.until(sync_id)["state"] == "succeeded"
    assert re.fullmatch(SAME_FILE, admin.sync_all(synced, district)["message"])


def test_a_deploy_that_breaks_is_rolled_back_and_says_which_resource_and_why(
    deployed: Stack, deployer: Deployment, built: Built, tmp_path: Path
) -> None:
    taken = deployed.outputs["PortalBucket"]

    def broken(resources: dict[str, Any]) -> None:
        resources["Plan"]["Properties"]["Timeout"] = 600
        resources["Extra"] = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": taken}, "DependsOn": ["Plan"]}

    with pytest.raises(Failed, match=r"UPDATE_ROLLBACK_COMPLETE. Everything is as it was before.\n- Extra \(AWS::S3::Bucket\)"):
        deployer.deploy(changed(built.template, tmp_path / "b.json", broken), built.code, given(deployed), shown([]))

    functions = deployed.client("lambda").list_functions()["Functions"]
    assert [each["Timeout"] for each in functions if each["Handler"].endswith(".plan")] == [900]
    assert Client(deployed, "admin").call("GET", "/groups")["total"] >= 0


def test_the_portal_is_sent_once_with_a_long_life_for_hashed_files_alone(
    deployed: Stack, deployer: Deployment, tmp_path: Path
) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "assets" / "index-C2LTCCxB.js").write_text("1")
    config = deployed.portal_config()

    sent = [deployer.publish(tmp_path, config), deployer.publish(tmp_path, config)]

    bucket, s3 = deployed.outputs["PortalBucket"], deployed.client("s3")
    heads = {key: s3.head_object(Bucket=bucket, Key=key) for key in ("index.html", "assets/index-C2LTCCxB.js", "config.json")}
    assert sent == [3, 0]
    assert {key: head["CacheControl"] for key, head in heads.items()} == {
        "index.html": "no-cache",
        "config.json": "no-cache",
        "assets/index-C2LTCCxB.js": "public, max-age=31536000, immutable",
    }


def test_a_restore_brings_tables_objects_and_pointers_back_to_one_moment(
    deployed: Stack, tmp_path: Path, district: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = Client(deployed, "admin")
    group_id, other = admin.new_group("Restored", guard={"floor": 1000}), admin.new_group("Ran at the moment")
    admin.sync_all(group_id, district)
    running = admin.start(other, district, "selective")["syncId"]
    admin.until(running, asks="orgs")
    s3, bucket = deployed.client("s3"), deployed.outputs["DataBucket"]
    pointed = s3.list_objects_v2(Bucket=bucket, Prefix=f"groups/{group_id}/snapshot/")["Contents"][0]["Key"]
    held = {name: contents(deployed, name) for name in ("GroupsTable", "RosterTable", "AuditTable")}
    time.sleep(1.1)  # S3 and the emulator tell moments apart by the second
    restore = Restore(deployed.deployment(), datetime.now(UTC))
    restore.branch()  # the emulator restores to now alone, so now it is
    time.sleep(1.1)

    next_day = tmp_path / "day2.zip"
    write(District(SHAPES["tiny"], seed=1, version="1.1", day=2, problems=False), next_day)
    assert admin.sync_all(group_id, next_day)["counts"]["users"]["updated"] > 0
    s3.delete_object(Bucket=bucket, Key=pointed)
    assert restore.stop_syncs() == 1
    admin.until(running)
    changed_items = restore.put_back()
    assert changed_items[deployed.outputs["RosterTable"]] > 0
    assert {name: contents(deployed, name) for name in held} == held
    assert restore.put_back_objects() >= 1
    keys = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")  # what an operator's shell has
    for name, value in deployed.environment().items():
        monkeypatch.setenv(name, value if name in keys else "")
    tables._dynamodb.cache_clear()
    assert restore.end_syncs() == 1
    tables._dynamodb.cache_clear()

    assert admin.until(running)["message"].endswith("Start it again.")
    assert re.fullmatch(SAME_FILE, admin.sync_all(group_id, district)["message"])


def contents(stack: Stack, output: str) -> list[str]:
    pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.outputs[output])
    return sorted(json.dumps(item, sort_keys=True) for page in pages for item in page["Items"])


def test_a_first_deploy_that_breaks_leaves_nothing_and_can_be_repeated(
    empty: Stack, deployer: Deployment, built: Built, tmp_path: Path
) -> None:
    empty.client("s3").create_bucket(Bucket="somebody-elses")

    def broken(resources: dict[str, Any]) -> None:
        taken = {"BucketName": "somebody-elses"}
        resources["Extra"] = {"Type": "AWS::S3::Bucket", "Properties": taken, "DependsOn": ["GroupsTable"]}

    template, first = changed(built.template, tmp_path / "broken.json", broken), Deployment(FIRST, deployer.client, pause_s=0.1)
    for _ in range(2):
        with pytest.raises(Failed, match=r"ROLLBACK_COMPLETE. Everything is as it was before.\n- Extra \(AWS::S3::Bucket\): \w+"):
            first.deploy(template, built.code, given(empty), shown([]))

    assert [each for each in empty.client("dynamodb").list_tables()["TableNames"] if each.startswith(FIRST)] == []


def test_a_person_can_not_widen_their_own_groups_nor_sign_in_by_another_way_than_the_pages(deployed: Stack) -> None:
    cognito, pool, client = deployed.client("cognito-idp"), deployed.outputs["UserPool"], deployed.outputs["PortalClient"]
    name, password = "narrow@example.org", "Narrow-scope-2026"
    fields = {"email": name, "email_verified": "true", "name": "Nia Narrow", "custom:rosterGroups": "onegroup"}
    cognito.admin_create_user(
        UserPoolId=pool,
        Username=name,
        MessageAction="SUPPRESS",
        UserAttributes=[{"Name": k, "Value": v} for k, v in fields.items()],
    )
    cognito.admin_set_user_password(UserPoolId=pool, Username=name, Password=password, Permanent=True)
    cognito.admin_add_user_to_group(UserPoolId=pool, Username=name, GroupName="viewer")
    signed_in = deployed.sign_in(name, password)
    refresh = {"AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": {"REFRESH_TOKEN": signed_in["refresh_token"]}}
    refreshed = cognito.initiate_auth(ClientId=client, **refresh)["AuthenticationResult"]["AccessToken"]

    for access in (signed_in["access_token"], refreshed):
        with pytest.raises(cognito.exceptions.NotAuthorizedException):
            cognito.update_user_attributes(AccessToken=access, UserAttributes=[{"Name": "custom:rosterGroups", "Value": "*"}])
    for flow in ("ADMIN_USER_PASSWORD_AUTH", "USER_PASSWORD_AUTH"):
        asked = {"ClientId": client, "AuthFlow": flow, "AuthParameters": {"USERNAME": name, "PASSWORD": password}}
        with pytest.raises(cognito.exceptions.InvalidParameterException):
            cognito.admin_initiate_auth(UserPoolId=pool, **asked) if flow.startswith("ADMIN") else cognito.initiate_auth(**asked)

    claims = json.loads(base64.urlsafe_b64decode(deployed.sign_in(name, password)["id_token"].split(".")[1] + "=="))
    assert claims["custom:rosterGroups"] == "onegroup"


def test_destroying_ends_a_sync_that_waits_for_a_person_and_keeps_the_data_unless_told(
    deployed: Stack, deployer: Deployment, district: Path
) -> None:
    dynamodb, table = deployed.client("dynamodb"), deployed.outputs["GroupsTable"]
    admin, states = Client(deployed, "admin"), deployed.client("stepfunctions")
    waiting = admin.start(admin.new_group("Waits at the end"), district, "selective")["syncId"]
    admin.until(waiting, asks="orgs")
    held = dynamodb.scan(TableName=table, Select="COUNT")["Count"]
    machine = deployed.outputs["StateMachineArn"]
    execution = machine.replace(":stateMachine:", ":execution:") + f":{waiting}"

    deployer.watch_costs("operations@example.org", 100.0)
    left = deployer.destroy()

    assert states.describe_execution(executionArn=execution)["status"] == "ABORTED"
    assert deployer.outputs_now() == {}
    assert f"{DATA_TABLE} {table}" in left
    assert dynamodb.scan(TableName=table, Select="COUNT")["Count"] == held

    owner = deployed.deployment()  # the deployer may not delete data
    owner.delete_data(left)

    assert [each for each in dynamodb.list_tables()["TableNames"] if each.startswith(STACK)] == []


def test_make_deploy_asks_shows_and_prints_and_make_destroy_wants_the_stage_s_name(
    empty: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "index.html").write_text("<!doctype html>")
    monkeypatch.setattr("infra.deploy.PORTAL", tmp_path)  # the portal need not be built for this
    monkeypatch.setattr("infra.deploy.package", cache(package))  # nor the code three times over
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": empty.endpoint, "AWS_REGION": REGION}.items():
        monkeypatch.setenv(name, value)

    def typed(verb: str, answer: str) -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(answer + "\n"))
        try:
            main(verb, "test")
        except SystemExit as ended:
            print(ended)
        return capsys.readouterr().out

    def exists() -> bool:
        return bool(Deployment("oneroster-test", empty.client).outputs_now())

    found = typed("deploy", "n")
    assert re.search(r"^Add +GroupsTable +AWS::DynamoDB::Table$", found, re.MULTILINE)
    assert "Nothing was changed." in found
    assert not exists()
    found = typed("deploy", "y")
    assert re.search(
        r"The stack is as the template says.\nPortal    https://\S+  \(2 files sent\)\nAPI       https://", found, re.MULTILINE
    )
    assert "The stack is as it was." in typed("deploy", "")
    assert "That is not its name. Nothing was changed." in typed("destroy", "prod")
    assert exists()
    found = typed("destroy", "test")
    assert re.search(r"The stack is deleted. Kept:\n(  .*\n)*  AWS::DynamoDB::Table oneroster-test-GroupsTable", found)
    assert not exists()


def test_the_deployer_calls_all_that_he_may_and_no_more(request: pytest.FixtureRequest, calls: set[str]) -> None:
    here = {item.name for item in request.session.items if item.path == request.path}
    if not here >= {name for name in globals() if name.startswith("test_")}:
        pytest.skip("what he calls is known when all of these tests have run")
    policy = json.loads((ROOT / "infra" / "deployer-policy.json").read_text())["Statement"]
    own = {action for each in policy if "aws:CalledVia" not in json.dumps(each) for action in each["Action"]}

    needs_none = {"sts:GetCallerIdentity"}
    assert calls - needs_none == own - ASKED_BY_AWS - NOT_HERE
