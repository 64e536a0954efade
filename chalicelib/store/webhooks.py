"""Webhooks and their deliveries, in the Clients table beside the group's clients; when each delivery is due, in a partition of
its own, so that whoever sends asks one question however many groups there are.

The signing secret is needed as it is, so it is encrypted under the stack's key and for its group. Deliveries go by themselves
after LOG_KEPT.
"""

import os
from collections.abc import Callable
from datetime import datetime
from functools import cache
from itertools import takewhile
from typing import Any

import boto3
from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

from chalicelib.errors import Conflict, NotFound
from chalicelib.model.webhooks import LOG_KEPT, Delivery, Webhook
from chalicelib.store.clients import TABLE
from chalicelib.store.tables import client, from_item, query, table, to_item

DUE = "~due"  # no group's id


@cache
def _kms() -> Any:
    return boto3.client("kms")


def create(webhook: Webhook, secret: str) -> None:
    item = to_item(webhook) | _key(webhook.group_id, webhook.webhook_id) | {"sealed": _sealed(webhook, secret)}
    table(TABLE).put_item(Item=item, ConditionExpression=Attr("item").not_exists())


def get(group_id: str, webhook_id: str) -> Webhook:
    """Raises NotFound."""
    return from_item(Webhook, _item(group_id, webhook_id))


def secrets_of(webhook: Webhook, now: datetime) -> list[str]:
    """Its secret, and behind it the one before while that still signs. Raises NotFound."""
    item: Any = _item(webhook.group_id, webhook.webhook_id)
    until = item.get("beforeUntil")
    kept = [item["sealed"], *([item["sealedBefore"]] if until and now < datetime.fromisoformat(until) else [])]
    context = {"groupId": webhook.group_id}
    return [_kms().decrypt(CiphertextBlob=bytes(each), EncryptionContext=context)["Plaintext"].decode() for each in kept]


def renew_secret(webhook: Webhook, secret: str, before_until: datetime) -> None:
    """Sign with `secret` from now on, and with the one that it had too until then. Raises NotFound, and Conflict where somebody
    else has renewed it this moment."""
    before: Any = _item(webhook.group_id, webhook.webhook_id)["sealed"]
    values = {":sealed": _sealed(webhook, secret), ":before": before, ":until": before_until.isoformat()}
    try:
        table(TABLE).update_item(
            Key=_key(webhook.group_id, webhook.webhook_id),
            UpdateExpression="SET sealed = :sealed, sealedBefore = :before, beforeUntil = :until",
            ConditionExpression="sealed = :before",
            ExpressionAttributeValues=values,
        )
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        raise Conflict("Somebody else has made a new secret this moment. Make another one if theirs is not known.") from refusal


def _sealed(webhook: Webhook, secret: str) -> bytes:
    context = {"groupId": webhook.group_id}
    sealed = _kms().encrypt(KeyId=os.environ["SECRETS_KEY"], Plaintext=secret.encode(), EncryptionContext=context)
    return bytes(sealed["CiphertextBlob"])


def of_group(group_id: str) -> list[Webhook]:
    """The oldest first."""
    condition = Key("groupId").eq(group_id) & Key("item").begins_with("webhook#")
    found = [from_item(Webhook, item) for item in query(TABLE, KeyConditionExpression=condition, ConsistentRead=True)]
    return sorted(found, key=lambda each: (each.created_at, each.webhook_id))


def disable(webhook: Webhook, now: datetime | None) -> Webhook:
    """Send it nothing from `now` on; None: send again."""
    said = {":at": now.isoformat()} if now else {}
    table(TABLE).update_item(
        Key=_key(webhook.group_id, webhook.webhook_id),
        UpdateExpression="SET disabledAt = :at" if now else "REMOVE disabledAt",
        ConditionExpression="attribute_exists(#item)",
        ExpressionAttributeNames={"#item": "item"},
        **({"ExpressionAttributeValues": said} if said else {}),  # type: ignore[arg-type]
    )
    return webhook.model_copy(update={"disabled_at": now})


def remove(webhook: Webhook, has_time: Callable[[], bool]) -> None:
    """With its log, as far as there is time: what is left of it nobody can reach, and it goes by itself after LOG_KEPT. What
    still waits is found without its webhook, and dropped."""
    table(TABLE).delete_item(Key=_key(webhook.group_id, webhook.webhook_id))
    found = query(
        TABLE,
        KeyConditionExpression=Key("groupId").eq(webhook.group_id) & Key("item").begins_with(f"delivery#{webhook.webhook_id}#"),
        ProjectionExpression="groupId, #item",
        ExpressionAttributeNames={"#item": "item"},
    )
    with table(TABLE).batch_writer() as batch:
        for key in takewhile(lambda _: has_time(), found):
            batch.delete_item(Key=key)


def add(delivery: Delivery) -> bool:
    """Write a delivery and when it is due; False where there is one already."""
    return _written(delivery, "attribute_not_exists(#item)")


def delivery(group_id: str, webhook_id: str, delivery_id: str) -> Delivery:
    """Raises NotFound."""
    item = table(TABLE).get_item(Key=_delivery_key(group_id, webhook_id, delivery_id), ConsistentRead=True).get("Item")
    if item is None:
        raise NotFound(f"There is no delivery {delivery_id} of this webhook.")
    return from_item(Delivery, item)


def deliveries(group_id: str, webhook_id: str, most: int) -> list[Delivery]:
    """The newest first."""
    condition = Key("groupId").eq(group_id) & Key("item").begins_with(f"delivery#{webhook_id}#")
    found = query(TABLE, KeyConditionExpression=condition, ScanIndexForward=False, ConsistentRead=True)
    return [from_item(Delivery, item) for item, _ in zip(found, range(most), strict=False)]


def store(delivery: Delivery) -> None:
    """As it is now, and when it is due next where it waits. One that was removed meanwhile stays away."""
    _written(delivery, "attribute_exists(#item)")


def due(now: datetime) -> list[dict[str, Any]]:
    """The marks of what is due, the oldest first; each is claimed before it is sent."""
    return list(query(TABLE, KeyConditionExpression=_until(now), ConsistentRead=True))


def is_any_due(now: datetime) -> bool:
    return any(True for _ in query(TABLE, KeyConditionExpression=_until(now), ConsistentRead=True, Limit=1))


def _until(now: datetime) -> Any:
    return Key("groupId").eq(DUE) & Key("item").lte(f"{_moment(now)}~")


def claim(mark: dict[str, Any], until: datetime) -> bool:
    """Take a mark, so that nobody else sends the same; whoever is cut off leaves one that is due at `until`."""
    following = {**mark, "item": _claim(mark, until)}
    table(TABLE).put_item(Item=following)
    try:
        table(TABLE).delete_item(Key={"groupId": DUE, "item": mark["item"]}, ConditionExpression=Attr("item").exists())
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return False
    return True


def release(mark: dict[str, Any], until: datetime) -> None:
    table(TABLE).delete_item(Key={"groupId": DUE, "item": _claim(mark, until)})


def forget_due(group_id: str, has_time: Callable[[], bool]) -> int:
    """Take away what is due of a group that is deleted; how many marks."""
    found = [each for each in query(TABLE, KeyConditionExpression=Key("groupId").eq(DUE)) if each["group"] == group_id]
    gone = [each for each in found if has_time()]
    for each in gone:
        table(TABLE).delete_item(Key={"groupId": DUE, "item": each["item"]})
    return len(gone)


def keep_due(delivery: Delivery) -> None:
    """Make sure that a delivery that waits has the mark that it is found by."""
    if delivery.next_at:
        table(TABLE).put_item(Item=_due(delivery))


def _written(delivery: Delivery, condition: str) -> bool:
    """Write a delivery and its mark, both or neither; False where the condition (of `#item`, its key) is not met."""
    item = _stored(delivery) | _delivery_key(delivery.group_id, delivery.webhook_id, delivery.delivery_id)
    name = table(TABLE).name
    conditional = {"ConditionExpression": condition, "ExpressionAttributeNames": {"#item": "item"}}
    writes: list[Any] = [{"Put": {"TableName": name, "Item": item, **conditional}}]
    if delivery.next_at:
        writes.append({"Put": {"TableName": name, "Item": _due(delivery)}})
    try:
        client().transact_write_items(TransactItems=writes)
    except ClientError as refusal:
        reasons = refusal.response.get("CancellationReasons", [])
        if [each.get("Code") for each in reasons[:1]] != ["ConditionalCheckFailed"]:
            raise
        return False
    return True


def _due(delivery: Delivery) -> dict[str, Any]:
    of = f"{delivery.group_id}/{delivery.webhook_id}/{delivery.delivery_id}"
    mark = {"group": delivery.group_id, "webhook": delivery.webhook_id, "delivery": delivery.delivery_id, "of": of}
    at = delivery.next_at or delivery.made_at
    return {"groupId": DUE, "item": f"{_moment(at)}#{of}", **mark}


def _claim(mark: dict[str, Any], until: datetime) -> str:
    """Never the key of a next try, which may be due at the same moment."""
    return f"{_moment(until)}#{mark['of']}#claim"


def _stored(delivery: Delivery) -> dict[str, Any]:
    return to_item(delivery) | {"ttl": int((delivery.made_at + LOG_KEPT).timestamp())}


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}"


def _item(group_id: str, webhook_id: str) -> dict[str, Any]:
    item = table(TABLE).get_item(Key=_key(group_id, webhook_id), ConsistentRead=True).get("Item")
    if item is None:
        raise NotFound(f"There is no webhook {webhook_id} of this group.")
    return item


def _key(group_id: str, webhook_id: str) -> dict[str, str]:
    return {"groupId": group_id, "item": f"webhook#{webhook_id}"}


def _delivery_key(group_id: str, webhook_id: str, delivery_id: str) -> dict[str, str]:
    return {"groupId": group_id, "item": f"delivery#{webhook_id}#{delivery_id}"}
