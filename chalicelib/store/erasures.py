"""People whose data is being erased: an item each in the Deletions table, until nothing is left; the audit certifies it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError
from pydantic import ValidationError

from chalicelib.model.erasure import Erasure
from chalicelib.store import audit
from chalicelib.store.deletions import ERASURE, TABLE, TURN
from chalicelib.store.tables import client, from_item, table, to_item

ERASED = "person erased"
LONGEST_TURN = timedelta(minutes=15)  # what a Lambda can run: whoever was cut off has ended by then


def store(erasure: Erasure) -> None:
    table(TABLE).put_item(Item={"groupId": erasure.erasure_id, ERASURE: to_item(erasure)})


def forget(erasure: Erasure) -> None:
    table(TABLE).delete_item(Key={"groupId": erasure.erasure_id})


def running() -> list[Erasure]:
    """The oldest first."""
    pages = client().get_paginator("scan").paginate(TableName=table(TABLE).name, ConsistentRead=True)
    items: list[dict[str, Any]] = [item for page in pages for item in page["Items"]]
    found = [from_item(Erasure, item[ERASURE]) for item in items if ERASURE in item]
    return sorted(found, key=lambda each: each.requested_at)


@contextmanager
def turn(now: datetime) -> Iterator[bool]:
    """Whether it is ours to erase, until the block ends: nobody else rewrites files at the same time.

    Two who rewrite one file, each without a person of theirs, would bring the other's back.
    """
    until = int((now + LONGEST_TURN).timestamp())
    values = {":now": int(now.timestamp())}
    try:
        table(TABLE).put_item(
            Item={"groupId": TURN, "until": until},
            ConditionExpression="attribute_not_exists(groupId) OR #until <= :now",
            ExpressionAttributeNames={"#until": "until"},
            ExpressionAttributeValues=values,
        )
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        yield False
        return
    try:
        yield True
    finally:
        table(TABLE).delete_item(Key={"groupId": TURN})


def certify(erasure: Erasure, now: datetime) -> Erasure:
    """Write the certificate into the audit, once, and forget the job."""
    done = erasure.model_copy(update={"state": "done", "finished_at": now})
    at = f"{done.requested_at:%Y-%m-%dT%H:%M:%S.%f}Z#{done.erasure_id.rpartition('-')[2]}-erased"
    audit.record_once(done.group_id, done.requested_by_id, ERASED, at, None, to_item(done))
    forget(done)
    return done


def certificates(group_id: str, most: int) -> list[Erasure]:
    """What the audit says of people who were erased, the newest first."""
    found = audit.entries(group_id, most, search=ERASED)
    return [each for entry in found if entry.what == ERASED and (each := _said(dict(entry.detail)))]


def _said(detail: dict[str, object]) -> Erasure | None:
    try:
        return from_item(Erasure, detail)
    except ValidationError:
        return None
