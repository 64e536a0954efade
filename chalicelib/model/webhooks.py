"""Webhooks of a group: who is told what, how a message is signed, and when it is sent again. Only decides.

Source: Standard Webhooks, the specification (headers webhook-id, webhook-timestamp, webhook-signature; secrets `whsec_`).
"""

import base64
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Literal

from chalicelib.model.records import Record, State, Sync

EventType = Literal["sync.held", "sync.finished", "sync.failed", "roster.changed"]
EVENTS: tuple[EventType, ...] = ("sync.held", "sync.finished", "sync.failed", "roster.changed")
TEST = "webhook.test"
PREFIX = "whsec_"
FAILED = frozenset({State.FAILED, State.REFUSED, State.EXPIRED})
# After the first try, each counted from the one before: the last is three days after the message came about.
AGAIN_AFTER = tuple(timedelta(minutes=each) for each in (1, 5, 30, 120, 300, 600, 840, 1_200, 1_224))
MOST_LOGGED = 100  # tries of a message that was sent again and again
LOG_KEPT = timedelta(days=30)
SECRET_OVERLAPS = timedelta(days=1)  # so long a new secret's predecessor signs beside it


class Webhook(Record):
    """`disabled_at`: its server said 410, or an admin turned it off; nothing is sent to it."""

    group_id: str
    webhook_id: str
    url: str
    events: tuple[EventType, ...]
    created_at: datetime
    created_by: str
    disabled_at: datetime | None = None


class Attempt(Record):
    """`status` is the server's; None where it gave no answer, and `said` then says why."""

    at: datetime
    status: int | None = None
    said: str = ""


class Delivery(Record):
    """One message to one webhook. `message_id` is the same however often it is sent. `tried_before`: the tries of `attempts` that
    count no more, since an admin had it sent again."""

    group_id: str
    webhook_id: str
    delivery_id: str
    message_id: str
    type: str
    body: str
    state: Literal["waiting", "delivered", "failed"] = "waiting"
    made_at: datetime
    next_at: datetime | None = None
    attempts: tuple[Attempt, ...] = ()
    tried_before: int = 0


def message(kind: str, group_id: str, at: datetime, data: Mapping[str, Any]) -> dict[str, Any]:
    """A message's body: ids, counts and a cursor; never a person's data."""
    return {"type": kind, "timestamp": at.isoformat(), "data": {"groupId": group_id, **data}}


def after_sync(sync: Sync) -> tuple[EventType, dict[str, Any]]:
    """What there is to say of a sync that has ended."""
    said = {"syncId": sync.sync_id, "mode": sync.mode, "state": sync.state, "counts": counts_of(sync)}
    return "sync.failed" if sync.state in FAILED else "sync.finished", said


def counts_of(sync: Sync) -> dict[str, Any]:
    return sync.counts.model_dump(mode="json", by_alias=True)


def headers(secrets: Sequence[str], message_id: str, body: str, now: datetime) -> dict[str, str]:
    """The headers that let whoever knows one of the secrets see that the message is ours, whole and of today."""
    at = str(int(now.timestamp()))

    def signature(secret: str) -> str:
        key = base64.b64decode(secret.removeprefix(PREFIX))
        signed = hmac.new(key, f"{message_id}.{at}.{body}".encode(), sha256).digest()
        return f"v1,{base64.b64encode(signed).decode()}"

    return {
        "webhook-id": message_id,
        "webhook-timestamp": at,
        "webhook-signature": " ".join(map(signature, secrets)),
        "Content-Type": "application/json",
    }


def after_attempt(delivery: Delivery, attempt: Attempt) -> Delivery:
    """The delivery after one more try: delivered, waiting for the next, or given up."""
    attempts = (*delivery.attempts, attempt)
    tries = len(attempts) - delivery.tried_before
    changed: dict[str, Any] = {"attempts": attempts, "next_at": None}
    if attempt.status is not None and 200 <= attempt.status < 300:
        changed["state"] = "delivered"
    elif attempt.status == 410 or tries > len(AGAIN_AFTER):
        changed["state"] = "failed"
    else:
        changed |= {"state": "waiting", "next_at": attempt.at + AGAIN_AFTER[tries - 1]}
    return delivery.model_copy(update=changed)


def once_more(delivery: Delivery, now: datetime) -> Delivery:
    """Send it again from the beginning of its times; what was tried last stays in the log."""
    kept = delivery.attempts[-MOST_LOGGED:]
    return delivery.model_copy(update={"state": "waiting", "next_at": now, "attempts": kept, "tried_before": len(kept)})


def given_up(delivery: Delivery) -> Delivery:
    """Of a webhook that was turned off: it is not sent, unless an admin has it sent again."""
    return delivery.model_copy(update={"state": "failed", "next_at": None})
