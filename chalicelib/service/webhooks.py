"""Tells a group's webhooks what has happened, and sends what is due: signed, to the open internet alone, for three days."""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import httpx
from aws_lambda_powertools import Logger

from chalicelib.errors import NotFound, SourceRefused, SourceUnavailable
from chalicelib.model import webhooks as model
from chalicelib.model.outcomes import changes
from chalicelib.model.records import LIVE_STATES, Group, State
from chalicelib.model.webhooks import Attempt, Delivery, Webhook
from chalicelib.sources.rest_guard import GuardedTransport, checked_url
from chalicelib.store import commits, groups, syncs
from chalicelib.store import webhooks as store

logger = Logger(child=True)
ANSWERS_WITHIN_S = 15
AT_ONCE = 8
CLAIMED_FOR = timedelta(minutes=5)
MOST_SAID = 200  # characters of why there was no answer


def announce(group_id: str, kind: str, event_id: str, data: Mapping[str, Any], now: datetime) -> int:
    """Let each webhook of the group that asks for it be told; of one `event_id` once, however often this is called."""
    wanted = [each for each in store.of_group(group_id) if kind in each.events and each.disabled_at is None]
    return sum(_queue(each, kind, f"{event_id}.{kind}", data, now) for each in wanted)


def announce_end(sync_id: str, now: datetime) -> None:
    """Of a sync that has ended, and what it changed on the platform, with the cursor that its changes begin at. Nothing of one
    that there isn't."""
    try:
        sync = syncs.get(sync_id)
        group = groups.get(sync.group_id)
    except NotFound:
        return
    if sync.state in LIVE_STATES:
        return
    kind, said = model.after_sync(sync)
    announce(sync.group_id, kind, sync.sync_id, said, now)
    number = changes(sync.counts)
    if sync.state is State.SUCCEEDED and number:
        cursor = _cursor(group, sync.sync_id)
        data = {"syncId": sync.sync_id, "changes": number, "counts": model.counts_of(sync), "cursor": cursor}
        announce(sync.group_id, "roster.changed", sync.sync_id, data, now)


def test(webhook: Webhook, nonce: str, now: datetime) -> None:
    """Send a message that says nothing but that it is a test."""
    _queue(webhook, model.TEST, f"test-{nonce}", {}, now)


def again(delivery: Delivery, now: datetime) -> Delivery:
    following = model.once_more(delivery, now)
    store.store(following)
    return following


def deliver_due(now: Callable[[], datetime], has_time: Callable[[], bool]) -> int:
    """Send what is due until the time is up; how many messages were tried."""

    def turn(mark: dict[str, Any]) -> bool:
        until = now() + CLAIMED_FOR
        if not has_time() or not store.claim(mark, until):
            return False
        tried = _deliver(mark, now())
        store.release(mark, until)
        return tried

    with ThreadPoolExecutor(AT_ONCE) as pool:  # a slow server keeps the others waiting for no more than its own answer
        return sum(pool.map(turn, store.due(now())))


def _queue(webhook: Webhook, kind: str, message_id: str, data: Mapping[str, Any], now: datetime) -> bool:
    body = json.dumps(model.message(kind, webhook.group_id, now, data))
    made = Delivery(
        group_id=webhook.group_id,
        webhook_id=webhook.webhook_id,
        delivery_id=message_id,
        message_id=f"msg_{message_id}",
        type=kind,
        body=body,
        made_at=now,
        next_at=now,
    )
    return store.add(made)


def _deliver(mark: Mapping[str, Any], now: datetime) -> bool:
    try:
        webhook = store.get(mark["group"], mark["webhook"])
        delivery = store.delivery(mark["group"], mark["webhook"], mark["delivery"])
        secret = store.secret_of(webhook)
    except NotFound:  # removed meanwhile
        return False
    if delivery.state != "waiting":
        return False
    tried = model.after_attempt(delivery, _sent(webhook, delivery, secret, now))
    store.store(tried)
    if tried.attempts[-1].status == 410:  # the convention's word for: nobody wants this any more
        store.disable(webhook, now)
    said = {"groupId": webhook.group_id, "webhookId": webhook.webhook_id, "state": tried.state, "tries": len(tried.attempts)}
    logger.info("webhook tried", extra=said)
    return True


def _sent(webhook: Webhook, delivery: Delivery, secret: str, now: datetime) -> Attempt:
    headers = model.headers(secret, delivery.message_id, delivery.body, now)
    try:
        url, body = checked_url(webhook.url), delivery.body.encode()
        with (
            httpx.Client(transport=GuardedTransport(1), timeout=ANSWERS_WITHIN_S, follow_redirects=False) as client,
            client.stream("POST", url, content=body, headers=headers) as answer,  # nobody reads what it says
        ):
            return Attempt(at=now, status=answer.status_code)
    except (SourceRefused, SourceUnavailable) as refusal:
        return Attempt(at=now, said=str(refusal)[:MOST_SAID])
    except httpx.TimeoutException:
        return Attempt(at=now, said=f"There was no answer within {ANSWERS_WITHIN_S} seconds.")
    except (httpx.HTTPError, httpx.InvalidURL) as trouble:
        return Attempt(at=now, said=f"The server could not be reached ({type(trouble).__name__}).")


def _cursor(group: Group, sync_id: str) -> str:
    """Where the feed's reader begins to read what this sync changed."""
    for number in range(group.commits, 0, -1):
        commit = commits.get(group.group_id, number)
        if commit is None:
            break
        if commit.sync_id == sync_id:
            return f"{number}.0"
    return ""
