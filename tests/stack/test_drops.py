"""A sender's side: files put into the bucket, and nothing else done."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from infra import ROOT
from local.client import SETTLES_WITHIN_S, Client
from local.events import saved
from local.stack import Stack
from tests.stack.test_delta import delta_of, people_of

pytestmark = pytest.mark.xdist_group("stack")


def put(stack: Stack, key: str, body: bytes) -> None:
    stack.client("s3").put_object(Bucket=stack.outputs["DataBucket"], Key=key, Body=body)


def _outputs(stack: Stack, *names: str) -> dict[str, str]:
    return {name: stack.outputs[name] for name in names}


def settled(admin: Client, group_id: str, number: int) -> list[dict[str, Any]]:
    """What arrived, once there are so many and none of their syncs is on its way."""
    until = time.monotonic() + SETTLES_WITHIN_S
    while True:
        arrived = admin.call("GET", f"/groups/{group_id}/arrivals")["items"]
        live = [each for each in arrived if each["syncState"] in ("queued", "running")]
        if len(arrived) == number and not live:
            return list(arrived)
        assert time.monotonic() < until, arrived
        time.sleep(0.2)


def test_a_zip_put_into_the_groups_folder_is_synced_and_listed(admin: Client, stack: Stack, district: Path) -> None:
    group_id = admin.new_group("Dropped")

    put(stack, f"drop/{group_id}/district.zip", district.read_bytes())
    put(stack, f"drop/{group_id}/users.csv", b"sourcedId\n")

    arrived = {each["name"]: each for each in settled(admin, group_id, 2)}
    assert (arrived["district.zip"]["outcome"], arrived["district.zip"]["syncState"]) == ("taken", "succeeded")
    assert (arrived["users.csv"]["outcome"], arrived["users.csv"]["syncId"]) == ("notAZip", None)
    last = admin.call("GET", f"/groups/{group_id}/syncs/last")
    assert (last["syncId"], last["users"]["created"]) == (arrived["district.zip"]["syncId"], 220)


def test_a_file_for_no_group_is_seen_by_an_admin_of_all_groups(admin: Client, stack: Stack) -> None:
    put(stack, "drop/nobody/lost.zip", b"PK\x03\x04")

    until = time.monotonic() + SETTLES_WITHIN_S
    while not (lost := admin.call("GET", "/arrivals")["items"]):
        assert time.monotonic() < until
        time.sleep(0.2)
    assert (lost[0]["name"], lost[0]["outcome"]) == ("drop/nobody/lost.zip", "unknownGroup")


def test_of_many_files_at_once_every_one_is_accounted_for_and_the_group_is_free_at_the_end(
    admin: Client, stack: Stack, district: Path
) -> None:
    group_id = admin.new_group("Many")
    body = district.read_bytes()
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: put(stack, f"drop/{group_id}/{number}.zip", body), range(12)))

    states = [each["syncState"] for each in settled(admin, group_id, 12)]

    assert set(states) == {"succeeded", "superseded"}
    assert admin.call("GET", f"/groups/{group_id}")["sync"] is None
    assert len(admin.call("GET", f"/groups/{group_id}/syncs")["items"]) == 12


def test_changes_that_are_dropped_while_a_sync_runs_are_all_on_the_platform_at_the_end(
    admin: Client, stack: Stack, district: Path
) -> None:
    group_id = admin.new_group("Changes during a sync")
    admin.sync_all(group_id, district)
    people = people_of(district)[:3]
    running = admin.until(admin.start(group_id, district, "selective")["syncId"], asks="orgs")

    for number, person in enumerate(people):
        changed = {**person, "status": "active", "dateLastModified": "2026-09-02T00:00:00Z", "familyName": f"Changed {number}"}
        put(stack, f"drop/{group_id}/{number}.zip", delta_of([changed]))
    until = time.monotonic() + SETTLES_WITHIN_S
    while len(admin.call("GET", f"/groups/{group_id}/arrivals")["items"]) < len(people):
        assert time.monotonic() < until
        time.sleep(0.2)
    admin.call("POST", f"/syncs/{running['syncId']}/cancel", None, 202)

    assert [each["syncState"] for each in settled(admin, group_id, len(people))] == ["succeeded"] * len(people)
    records = [admin.call("GET", f"/groups/{group_id}/roster/users/record?id={person['sourcedId']}") for person in people]
    assert [record["fields"]["familyName"] for record in records] == ["Changed 0", "Changed 1", "Changed 2"]


def test_a_senders_key_writes_into_its_own_folder_and_does_nothing_else(admin: Client, stack: Stack) -> None:
    group_id, other = admin.new_group("Sender"), admin.new_group("Somebody else")
    template = json.loads((ROOT / "infra" / "drop-sender.json").read_text())
    for unknown_here in ("Key", "KeyInSecretsManager"):  # the emulator's CloudFormation makes no access keys
        del template["Resources"][unknown_here]
    del template["Outputs"]["Secret"]
    made, given = stack.client("cloudformation"), {"GroupId": group_id, **_outputs(stack, "DataBucket", "DataKey")}
    made.create_stack(
        StackName=f"drop-{group_id}",
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    made.get_waiter("stack_create_complete").wait(StackName=f"drop-{group_id}", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    key = stack.client("iam").create_access_key(UserName=f"oneroster-drop-{group_id}")["AccessKey"]
    sender = boto3.client(
        "s3",
        endpoint_url=stack.endpoint,
        region_name="us-east-1",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        config=Config(s3={"addressing_style": "path"}),
    )
    bucket = stack.outputs["DataBucket"]
    own: Any = {"Bucket": bucket, "Key": f"drop/{group_id}/a.csv"}

    sender.put_object(**own, Body=b"sourcedId\n")

    refused: dict[str, Any] = {
        "another group's folder": lambda: sender.put_object(Bucket=bucket, Key=f"drop/{other}/a.zip", Body=b"PK\x03\x04"),
        "past the drop": lambda: sender.put_object(Bucket=bucket, Key=f"groups/{group_id}/a.zip", Body=b"PK\x03\x04"),
        "read": lambda: sender.get_object(**own),
        "list": lambda: sender.list_objects_v2(Bucket=bucket, Prefix=f"drop/{group_id}/"),
        "delete": lambda: sender.delete_object(**own),
    }
    for what, attempt in refused.items():
        with pytest.raises(ClientError) as refusal:
            attempt()
        assert refusal.value.response["Error"]["Code"] == "AccessDenied", what
    assert [each["outcome"] for each in settled(admin, group_id, 1)] == ["notAZip"]


def test_an_event_that_could_not_be_handled_waits_until_the_redrive_command_hands_it_over_again(
    admin: Client, stack: Stack, district: Path
) -> None:
    group_id = admin.new_group("Undelivered")
    functions, sqs = stack.client("lambda"), stack.client("sqs")
    name = next(each["FunctionName"] for each in functions.list_functions()["Functions"] if "-Drop-" in each["FunctionName"])
    settings = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    [url] = [each for each in sqs.list_queues()["QueueUrls"] if "UndeliveredEvents" in each]

    # The emulator's CloudFormation forgets the dead-letter queues that the template gives the functions.
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    broken = {"Variables": {**settings, "GROUPS_TABLE": "none"}}
    functions.update_function_configuration(FunctionName=name, Environment=broken, DeadLetterConfig={"TargetArn": queue})
    try:
        put(stack, f"drop/{group_id}/district.zip", district.read_bytes())
        until = time.monotonic() + SETTLES_WITHIN_S
        counted: Any = {"QueueUrl": url, "AttributeNames": ["ApproximateNumberOfMessages"]}
        while sqs.get_queue_attributes(**counted)["Attributes"]["ApproximateNumberOfMessages"] == "0":
            assert time.monotonic() < until
            time.sleep(0.2)
    finally:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": settings})
    assert admin.call("GET", f"/groups/{group_id}/arrivals")["items"] == []
    command = [sys.executable, "-m", "infra.redrive", "oneroster-local"]
    found = subprocess.run(command, cwd=ROOT, env={**os.environ, **stack.environment()}, capture_output=True, text=True)

    assert (found.returncode, found.stdout) == (0, "1 events handled, 0 failed again, 0 of no known kind (both kinds stay).\n"), (
        found
    )
    assert [each["syncState"] for each in settled(admin, group_id, 1)] == ["succeeded"]


def test_a_scheduled_group_is_started_by_the_clock(admin: Client, stack: Stack) -> None:
    sftp = {"method": "sftp", "host": "127.0.0.1", "port": 1, "username": "u", "path": "/out"}
    daily = {"frequency": "daily", "at": "00:00", "timeZone": "UTC"}
    group_id = admin.new_group("By the clock", source=sftp, schedule=daily)
    stack.client("dynamodb").update_item(
        TableName=stack.outputs["GroupsTable"],
        Key={"groupId": {"S": group_id}},
        UpdateExpression="SET slotsDone = :days_ago",
        ExpressionAttributeValues={":days_ago": {"S": "2026-01-01T00:00:00Z"}},
    )
    functions = stack.client("lambda")
    name = next(each["FunctionName"] for each in functions.list_functions()["Functions"] if "Wake" in each["FunctionName"])

    for _ in range(2):
        answer = functions.invoke(FunctionName=name, Payload=json.dumps(saved("wake")).encode())
        assert "FunctionError" not in answer, answer["Payload"].read()

    [sync] = admin.call("GET", f"/groups/{group_id}/syncs")["items"]
    assert (sync["trigger"], sync["startedBy"]) == ("schedule", "Schedule")
    [entry] = [each for each in admin.call("GET", f"/groups/{group_id}/audit")["items"] if each["what"] == "scheduled sync"]
    assert int(entry["detail"]["missed"]) > 0
    admin.until(sync["syncId"])
