"""Tells a group's webhooks and the stack's event bus what has happened: for each webhook a delivery is written down, which
`webhook_delivery.py` sends; the bus is told at once."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.errors import NotFound
from chalicelib.model import webhooks as model
from chalicelib.model.outcomes import changes
from chalicelib.model.records import LIVE_STATES, Group, State
from chalicelib.model.webhooks import Delivery, Webhook
from chalicelib.store import commits, event_bus, groups, syncs
from chalicelib.store import webhooks as store


def announce(group_id: str, kind: str, event_id: str, data: Mapping[str, Any], now: datetime) -> int:
    """Let each webhook of the group that asks for it be told, of one `event_id` once, however often this is called; and the bus,
    which takes an event again. Deliveries that were written down."""
    wanted = [each for each in store.of_group(group_id) if kind in each.events and each.disabled_at is None]
    message_id = f"{event_id}.{kind}"
    written = sum(_queue(each, kind, message_id, data, now) for each in wanted)
    event_bus.put(kind, {"id": f"msg_{message_id}", **model.message(kind, group_id, now, data)}, now)
    return written


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


def announce_erasure(group_id: str, erasure_id: str, since: datetime, now: datetime) -> None:
    """Of the commit that took a person out, made at `since` or later; nothing where nobody was there. It names no one."""
    for number in range(groups.get(group_id).commits, 0, -1):
        commit = commits.get(group_id, number)
        if commit is None or commit.at < since:
            return
        if commit.sync_id == erasure_id:
            data = {"erasureId": erasure_id, "changes": len(commit.erased), "cursor": f"{number}.0"}
            announce(group_id, "roster.changed", erasure_id, data, now)
            return


def test(webhook: Webhook, nonce: str, now: datetime) -> None:
    """Send a message that says nothing but that it is a test."""
    _queue(webhook, model.TEST, f"test-{nonce}", {}, now)


def again(delivery: Delivery, now: datetime) -> Delivery:
    following = model.once_more(delivery, now)
    store.store(following)
    return following


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


def _cursor(group: Group, sync_id: str) -> str:
    """Where the feed's reader begins to read what this sync changed."""
    for number in range(group.commits, 0, -1):
        commit = commits.get(group.group_id, number)
        if commit is None:
            break
        if commit.sync_id == sync_id:
            return f"{number}.0"
    return ""
