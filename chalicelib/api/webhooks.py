"""Webhooks: addresses that are told what happens to a group, their log, a test and sending again."""

import base64
import secrets
import time
from datetime import datetime
from typing import Annotated

from chalice.app import Blueprint
from pydantic import Field, StringConstraints

from chalicelib.api.routing import Call, route
from chalicelib.api.shapes import Message, Page
from chalicelib.errors import Conflict, SourceRefused, Unacceptable
from chalicelib.model.addresses import clean_address
from chalicelib.model.records import Record
from chalicelib.model.webhooks import EVENTS, PREFIX, SECRET_OVERLAPS, Attempt, Delivery, EventType, Webhook
from chalicelib.service import webhooks as service
from chalicelib.store import groups
from chalicelib.store import webhooks as store

webhooks = Blueprint(__name__)
MOST_WEBHOOKS = 10  # of a group
MOST_SHOWN = 200
SECRET_BYTES = 32
REMOVED_WITHIN_S = 20  # API Gateway waits for 29
_NO_ADDRESS = (
    "Messages can't be sent to this address. Enter one that starts with https://, with the name of a server, and without a user "
    "name or password."
)


class WebhookIn(Record):
    url: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
    events: tuple[EventType, ...] = Field(default=EVENTS, min_length=1)


class WebhookPatch(Record):
    """`enabled` true sends again to one that was turned off."""

    enabled: bool


class WebhookOut(Record):
    """`secret` (`whsec_...`) is there once: in the answer that made it."""

    webhook_id: str
    url: str
    events: tuple[EventType, ...]
    created_at: datetime
    disabled_at: datetime | None
    secret: str | None = None

    @classmethod
    def of(cls, webhook: Webhook, secret: str | None = None) -> "WebhookOut":
        kept = {name: value for name, value in dict(webhook).items() if name in cls.model_fields}
        return cls(**kept, secret=secret)


class DeliveryOut(Record):
    """`next_at`: when it is sent again; None once it was delivered or given up."""

    delivery_id: str
    message_id: str
    type: str
    state: str
    made_at: datetime
    next_at: datetime | None
    attempts: tuple[Attempt, ...]

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryOut":
        return cls(**{name: value for name, value in dict(delivery).items() if name in cls.model_fields})


class Webhooks(Page[WebhookOut]):
    pass


class Deliveries(Page[DeliveryOut]):
    pass


@route(webhooks, "GET /groups/{groupId}/webhooks", role="admin", answer=Webhooks)
def list_webhooks(call: Call, group_id: str) -> Webhooks:
    """The addresses that are told what happens to this group."""
    groups.get(group_id)
    found = [WebhookOut.of(each) for each in store.of_group(group_id)]
    return Webhooks(items=found, total=len(found))


@route(webhooks, "POST /groups/{groupId}/webhooks", role="admin", body=WebhookIn, answer=WebhookOut, status=201)
def create_webhook(call: Call, group_id: str, body: WebhookIn) -> WebhookOut:
    """Tell an address what happens to this group; the secret that signs is in this answer and never again."""
    groups.get(group_id)
    if len(store.of_group(group_id)) >= MOST_WEBHOOKS:
        raise Unacceptable(f"A group has at most {MOST_WEBHOOKS} webhooks. Remove one first.")
    webhook = Webhook(
        group_id=group_id,
        webhook_id=f"wh-{call.nonce}",
        url=_checked(body.url),
        events=tuple(each for each in EVENTS if each in body.events),
        created_at=call.now,
        created_by=call.caller.user_id,
    )
    secret = _new_secret()
    store.create(webhook, secret)
    call.audit(group_id, "webhook created", detail={"webhookId": webhook.webhook_id})
    return WebhookOut.of(webhook, secret)


@route(webhooks, "PATCH /groups/{groupId}/webhooks/{webhookId}", role="admin", body=WebhookPatch, answer=WebhookOut)
def change_webhook(call: Call, group_id: str, webhook_id: str, body: WebhookPatch) -> WebhookOut:
    """Turn a webhook off, or on again."""
    changed = store.disable(store.get(group_id, webhook_id), None if body.enabled else call.now)
    what = "webhook turned on" if body.enabled else "webhook turned off"
    call.audit(group_id, what, detail={"webhookId": webhook_id})
    return WebhookOut.of(changed)


@route(webhooks, "POST /groups/{groupId}/webhooks/{webhookId}/secret", role="admin", answer=WebhookOut, status=201)
def renew_webhook_secret(call: Call, group_id: str, webhook_id: str) -> WebhookOut:
    """Give a webhook another secret, in this answer and never again. For a day the one before signs each message too."""
    webhook, secret = store.get(group_id, webhook_id), _new_secret()
    store.renew_secret(webhook, secret, call.now + SECRET_OVERLAPS)
    call.audit(group_id, "webhook given a new secret", detail={"webhookId": webhook_id})
    return WebhookOut.of(webhook, secret)


@route(webhooks, "DELETE /groups/{groupId}/webhooks/{webhookId}", role="admin", answer=Message)
def remove_webhook(call: Call, group_id: str, webhook_id: str) -> Message:
    """Remove a webhook with its log; what still waits is not sent."""
    until = time.monotonic() + REMOVED_WITHIN_S
    store.remove(store.get(group_id, webhook_id), lambda: time.monotonic() < until)
    call.audit(group_id, "webhook removed", detail={"webhookId": webhook_id})
    return Message(message="The webhook was removed. Nothing is sent to it any more.")


@route(webhooks, "POST /groups/{groupId}/webhooks/{webhookId}/test", role="admin", answer=Message, status=202, costly="start")
def test_webhook(call: Call, group_id: str, webhook_id: str) -> Message:
    """Send a message that says that it is a test."""
    service.test(_turned_on(group_id, webhook_id), call.nonce, call.now)
    return Message(message="A test message is on its way. The log shows within a minute or two what the server said.")


@route(webhooks, "GET /groups/{groupId}/webhooks/{webhookId}/deliveries", role="admin", answer=Deliveries)
def list_deliveries(call: Call, group_id: str, webhook_id: str) -> Deliveries:
    """The newest messages to a webhook, each with every try and what the server said; kept for 30 days."""
    store.get(group_id, webhook_id)
    found = [DeliveryOut.of(each) for each in store.deliveries(group_id, webhook_id, MOST_SHOWN)]
    return Deliveries(items=sorted(found, key=lambda each: each.made_at, reverse=True), total=len(found))


@route(
    webhooks,
    "POST /groups/{groupId}/webhooks/{webhookId}/deliveries/{deliveryId}/again",
    role="admin",
    answer=DeliveryOut,
    status=202,
    costly="start",
)
def send_again(call: Call, group_id: str, webhook_id: str, delivery_id: str) -> DeliveryOut:
    """Send one message again, under the id that it had."""
    _turned_on(group_id, webhook_id)
    following = service.again(store.delivery(group_id, webhook_id, delivery_id), call.now)
    call.audit(group_id, "webhook message sent again", detail={"webhookId": webhook_id, "deliveryId": delivery_id})
    return DeliveryOut.of(following)


def _new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _turned_on(group_id: str, webhook_id: str) -> Webhook:
    """Raises Conflict: nothing is sent to one that is turned off."""
    webhook = store.get(group_id, webhook_id)
    if webhook.disabled_at:
        raise Conflict("This webhook is turned off, so nothing is sent to it. Turn it on first.")
    return webhook


def _checked(url: str) -> str:
    from chalicelib.sources.rest_guard import checked_url  # with httpx

    try:
        return checked_url(clean_address(url))
    except SourceRefused as refusal:
        raise Unacceptable(_NO_ADDRESS, {"url": _NO_ADDRESS}) from refusal
