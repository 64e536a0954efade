#!/usr/bin/env bash
# ministack 1.5.33, an embedded AWS: a state machine that passes there can fail on AWS, or wait where AWS fails at once. Guess: what a
# definition says is done, or refused. Four places where neither is so, each of Amazon's States Language or of AWS's quotas:
# - A Parallel fails as soon as one branch does, and its other branches are stopped (States Language, Parallel State). Here it
#   waits for all of them first: a branch that waits for a person keeps a failed one unheard.
# - MaxConcurrencyPath bounds how many items of a Map run at once. Here it is left aside, without a word.
# - A state's result has at most 256 KiB, beyond which the execution ends with States.DataLimitExceeded (Step Functions, quotas).
#   Here a Map hands on 600 KB.
# - TimeoutSecondsPath bounds a wait for a task token. Here the wait goes on.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ministack==1.5.33 boto3==1.43.106
cd "$folder"
venv/bin/python - <<'PY'
import json
import os
import socket
import subprocess
import sys
import time

import boto3

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
place = {"endpoint_url": f"http://127.0.0.1:{port}", "region_name": "us-east-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}
server = subprocess.Popen(
    [sys.executable, "-m", "ministack.app"],
    env={**os.environ, "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1"},
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
)
states = boto3.client("stepfunctions", **place)
for _ in range(100):
    try:
        states.list_state_machines()
        break
    except Exception:
        time.sleep(0.2)


def run(name, definition, given, wait_s=12):
    """How an execution ended, after how many seconds, and its output."""
    role = "arn:aws:iam::000000000000:role/any"
    machine = states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)["stateMachineArn"]
    begun = time.monotonic()
    execution = states.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]
    while time.monotonic() - begun < wait_s:
        seen = states.describe_execution(executionArn=execution)
        if seen["status"] != "RUNNING":
            break
        time.sleep(0.05)
    return seen["status"], time.monotonic() - begun, seen.get("output", "")


def one(name, **state):
    return {"StartAt": name, "States": {name: {**state, "End": True}}}


try:
    branches = [one("No", Type="Task", Resource="arn:aws:states:::lambda:invoke", Parameters={"FunctionName": "none"}), one("Wait", Type="Wait", Seconds=4)]
    parallel = run("parallel", one("Both", Type="Parallel", Branches=branches), {})
    print(f"Parallel, one branch fails at once and one waits 4 s: {parallel[0]} after {parallel[1]:.1f} s")

    second = one("Wait", Type="Wait", Seconds=1)
    items = {"items": list(range(6)), "most": 1}
    inline = run("map", one("Each", Type="Map", ItemsPath="$.items", MaxConcurrencyPath="$.most", ItemProcessor=second), items)
    print(f"Map of 6 items that wait 1 s each, MaxConcurrencyPath 1: {inline[0]} after {inline[1]:.1f} s")

    large = one("Say", Type="Pass", Result="x" * 60_000)
    result = run("large", one("Each", Type="Map", ItemsPath="$.items", ItemProcessor=large), {"items": list(range(10))})
    print(f"Map whose result is above 256 KiB: {result[0]}, {len(result[2]):,} characters")

    queue = boto3.client("sqs", **place).create_queue(QueueName="questions")["QueueUrl"]
    ask = {"QueueUrl": queue, "MessageBody.$": "$$.Task.Token"}
    waiting = one("Ask", Type="Task", Resource="arn:aws:states:::sqs:sendMessage.waitForTaskToken", TimeoutSecondsPath="$.most", Parameters=ask)
    asked = run("asked", waiting, {"most": 2}, wait_s=8)
    print(f"A wait for a task token, TimeoutSecondsPath 2: {asked[0]} after {asked[1]:.1f} s")
    static = {"StartAt": "Ask", "States": {"Ask": {name: value for name, value in waiting["States"]["Ask"].items() if name != "TimeoutSecondsPath"} | {"TimeoutSeconds": 2}}}
    bounded = run("bounded", static, {"most": 2}, wait_s=8)
    print(f"The same with TimeoutSeconds 2: {bounded[0]} after {bounded[1]:.1f} s")
finally:
    server.terminate()
    server.wait()
assert parallel[0] == "FAILED" and parallel[1] > 3.5, parallel[:2]
assert inline[0] == "SUCCEEDED" and inline[1] < 4, inline[:2]
assert result[0] == "SUCCEEDED" and len(result[2]) > 600_000, result[:2]
assert (asked[0], bounded[0]) == ("RUNNING", "FAILED") and bounded[1] < 4, (asked[:2], bounded[:2])
PY
