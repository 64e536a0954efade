"""Sends to webhooks what is due: signed, to the open internet alone, again and again for three days."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import httpx
from aws_lambda_powertools import Logger

from chalicelib.errors import NotFound, SourceRefused, SourceUnavailable
from chalicelib.model import webhooks as model
from chalicelib.model.webhooks import Attempt, Delivery, Webhook
from chalicelib.sources.rest_guard import GuardedTransport, checked_url
from chalicelib.store import webhooks as store

logger = Logger(child=True)
ANSWERS_WITHIN_S = 15
AT_ONCE = 8
CLAIMED_FOR = timedelta(minutes=5)
MOST_SAID = 200  # characters of why there was no answer


def deliver_due(now: Callable[[], datetime], has_time: Callable[[], bool]) -> int:
    """Send what is due until the time is up; how many messages were tried. One after the other to each webhook, so that a slow
    server keeps nobody else waiting."""
    by_webhook: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for mark in store.due(now()):
        by_webhook.setdefault((mark["group"], mark["webhook"]), []).append(mark)

    def turn(mark: dict[str, Any]) -> bool:
        until = now() + CLAIMED_FOR
        if not has_time() or not store.claim(mark, until):
            return False
        tried = _deliver(mark, now())
        store.release(mark, until)
        return tried

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(lambda marks: sum(map(turn, marks)), by_webhook.values()))


def _deliver(mark: Mapping[str, Any], now: datetime) -> bool:
    try:
        webhook = store.get(mark["group"], mark["webhook"])
        delivery = store.delivery(mark["group"], mark["webhook"], mark["delivery"])
        secrets = store.secrets_of(webhook, now)
    except NotFound:  # removed meanwhile
        return False
    if delivery.state != "waiting":
        return False
    if delivery.next_at and delivery.next_at > now:  # a mark that whoever was cut off has left; its turn comes
        store.keep_due(delivery)
        return False
    if webhook.disabled_at:
        store.store(model.given_up(delivery))
        return False
    tried = model.after_attempt(delivery, _sent(webhook, delivery, secrets, now))
    store.store(tried)
    if tried.attempts[-1].status == 410:  # the convention's word for: nobody wants this any more
        store.disable(webhook, now)
    said = {"groupId": webhook.group_id, "webhookId": webhook.webhook_id, "state": tried.state, "tries": len(tried.attempts)}
    logger.info("webhook tried", extra=said)
    return True


def _sent(webhook: Webhook, delivery: Delivery, secrets: Sequence[str], now: datetime) -> Attempt:
    headers = model.headers(secrets, delivery.message_id, delivery.body, now)
    try:
        url, body = checked_url(webhook.url), delivery.body.encode()
        with (
            httpx.Client(
                transport=GuardedTransport(1, ANSWERS_WITHIN_S), timeout=ANSWERS_WITHIN_S, follow_redirects=False
            ) as client,
            client.stream("POST", url, content=body, headers=headers) as answer,  # nobody reads what it says
        ):
            return Attempt(at=now, status=answer.status_code)
    except (SourceRefused, SourceUnavailable) as refusal:
        return Attempt(at=now, said=str(refusal)[:MOST_SAID])
    except httpx.TimeoutException:
        return Attempt(at=now, said=f"There was no answer within {ANSWERS_WITHIN_S} seconds.")
    except (httpx.HTTPError, httpx.InvalidURL) as trouble:
        return Attempt(at=now, said=f"The server could not be reached ({type(trouble).__name__}).")
