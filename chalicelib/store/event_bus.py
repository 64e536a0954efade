"""The stack's event bus, where other systems of the same AWS account hear what happens to a group's roster.

EventBridge hands an event on at least once, and so do we: who needs each once keeps its `id`.
"""

import json
import os
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import boto3

from chalicelib.errors import SourceUnavailable

SETTING = "EVENT_BUS"
SOURCE = "oneroster.selective-sync"


@cache
def _events() -> Any:
    return boto3.client("events")


def put(kind: str, detail: Mapping[str, Any], at: datetime) -> None:
    """Raises SourceUnavailable where the bus did not take it, although it has answered."""
    bus = os.environ.get(SETTING)
    if not bus:
        return
    entry = {"EventBusName": bus, "Source": SOURCE, "DetailType": kind, "Detail": json.dumps(detail), "Time": at}
    answer = _events().put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        raise SourceUnavailable(f"The event bus did not take {kind}: {answer['Entries'][0].get('ErrorCode')}.")
