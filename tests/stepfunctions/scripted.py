"""Stands in for every Lambda of the machine: does what a test's script says, and keeps the event it got.

The script of a sync is `{syncId}/script.json`: by function, a list of what its calls do in turn: the name of an error to
raise, or what to answer; a call past the end answers that there is no more to do. Deployed as it is, so it imports
nothing of ours.
"""

import json
import os
import time
from typing import Any

import boto3


def handler(event: dict[str, Any], context: Any) -> Any:
    s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    sync_id, function = event["syncId"], context.function_name
    script = json.loads(s3.get_object(Bucket="scripts", Key=f"{sync_id}/script.json")["Body"].read())
    prefix = f"{sync_id}/calls/{function}/"
    place = s3.list_objects_v2(Bucket="scripts", Prefix=prefix).get("KeyCount", 0)
    s3.put_object(Bucket="scripts", Key=f"{prefix}{time.time_ns()}", Body=json.dumps(event).encode())
    lines = script.get(function, [])
    found = lines[place] if place < len(lines) else {"more": False, "fetch": False, "parallel": 1}
    if isinstance(found, str):
        raise type(found, (Exception,), {})(f"{function} says {found}.")
    return found
