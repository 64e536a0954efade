"""`make redrive STACK=...`: hand the events that could not be handled to their functions once more.

A message of the dead-letter queue is the event as it was; handling one twice is handling it once. A message leaves the
queue when its function has taken it; one that fails again stays, and the next alarm says so.
"""

import json
import sys
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

FUNCTIONS = {"aws.s3": "Drop", "aws.states": "ExecutionEnded"}  # by the event's source
CLOCK = "aws.events"
BY_THE_CLOCK = ("Wake", "Forget", "Erase", "Deliver")  # by the rule that the event names; the rule of Wake is WakeWakeEvent
BATCH = 10
LONGEST_S = 900  # a Lambda's own limit


@dataclass
class Redriven:
    handled: int = 0
    failed: int = 0
    unknown: int = 0


def redrive(sqs: Any, functions: Any, queue_url: str, names: dict[str, str]) -> Redriven:
    """Every message that is in the queue now, once. `names`: of functions and rules, by their names in the template."""
    done = Redriven()
    seen: set[str] = set()
    while found := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=BATCH, VisibilityTimeout=LONGEST_S + 30).get(
        "Messages"
    ):
        for message in found:
            if message["MessageId"] in seen:
                return done
            seen.add(message["MessageId"])
            function = function_of(message["Body"], names)
            if function is None:
                done.unknown += 1
                continue
            answer = functions.invoke(FunctionName=names[function], Payload=message["Body"].encode())
            if answer.get("FunctionError"):
                done.failed += 1
                continue
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            done.handled += 1
    return done


def function_of(body: str, names: dict[str, str]) -> str | None:
    """Which function an event is for, by its name in the template; None for what is no event of ours."""
    try:
        event = json.loads(body)
        if event["source"] != CLOCK:
            return FUNCTIONS.get(event["source"])
        rule = event["resources"][0].rsplit("/", 1)[-1]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return None
    return next((each for each in BY_THE_CLOCK if names.get(f"{each}{each}Event") == rule), None)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("Say which stack: make redrive STACK=<its name>")
    cloudformation = boto3.client("cloudformation")
    resources = cloudformation.get_paginator("list_stack_resources").paginate(StackName=sys.argv[1])
    named = {
        each["LogicalResourceId"]: each["PhysicalResourceId"] for page in resources for each in page["StackResourceSummaries"]
    }
    functions = boto3.client("lambda", config=Config(read_timeout=LONGEST_S))  # else it is called again after a minute
    done = redrive(boto3.client("sqs"), functions, named["UndeliveredEvents"], named)
    print(f"{done.handled} events handled, {done.failed} failed again, {done.unknown} of no known kind (both kinds stay).")
    sys.exit(1 if done.failed or done.unknown else 0)


if __name__ == "__main__":
    main()
