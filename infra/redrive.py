"""`make redrive STACK=...`: hand the events that could not be handled to their functions once more.

A message of the dead-letter queue is the event as it was; handling one twice is handling it once. A message leaves the
queue when its function has taken it; one that fails again stays, and the next alarm says so.
"""

import json
import sys
from dataclasses import dataclass
from typing import Any

import boto3

FUNCTIONS = {"aws.s3": "Drop", "aws.states": "ExecutionEnded", "aws.events": "Wake"}  # by the event's source
BATCH = 10


@dataclass
class Redriven:
    handled: int = 0
    failed: int = 0
    unknown: int = 0


def redrive(sqs: Any, functions: Any, queue_url: str, names: dict[str, str]) -> Redriven:
    """Every message that is in the queue now, once. `names`: a function's name by its name in the template."""
    done = Redriven()
    seen: set[str] = set()
    while found := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=BATCH, VisibilityTimeout=330).get("Messages"):
        for message in found:
            if message["MessageId"] in seen:
                return done
            seen.add(message["MessageId"])
            function = FUNCTIONS.get(_source(message["Body"]))
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


def _source(body: str) -> str:
    try:
        return str(json.loads(body)["source"])
    except (ValueError, KeyError, TypeError):
        return ""


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("Say which stack: make redrive STACK=<its name>")
    cloudformation = boto3.client("cloudformation")
    resources = cloudformation.get_paginator("list_stack_resources").paginate(StackName=sys.argv[1])
    named = {
        each["LogicalResourceId"]: each["PhysicalResourceId"] for page in resources for each in page["StackResourceSummaries"]
    }
    done = redrive(boto3.client("sqs"), boto3.client("lambda"), named["UndeliveredEvents"], named)
    print(f"{done.handled} events handled, {done.failed} failed again, {done.unknown} of no known kind (both kinds stay).")
    sys.exit(1 if done.failed or done.unknown else 0)


if __name__ == "__main__":
    main()
