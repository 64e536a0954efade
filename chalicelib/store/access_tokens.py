"""The access token that all who read a group's source at the same time use, in the Syncs table.

It lives minutes to hours and can be asked for again, so it is no secret to keep in Secrets Manager, where it would cost as much
as the group's own. It is encrypted under the stack's key and for its group before it reaches the table: no copy, export or log
of the table shows it, and no group's token can be put in another's place.
"""

import os
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import boto3
from pydantic import TypeAdapter

from chalicelib.model.records import UNQUOTED
from chalicelib.store import syncs
from chalicelib.store.tables import table

KEY = "~token~"  # sorts behind every sync id, so that history never meets it
PART_BYTES = 4096  # what KMS encrypts at once; providers' tokens may be longer
KEPT = timedelta(days=1)


@cache
def _kms() -> Any:
    return boto3.client("kms")


def share(group_id: str, token: dict[str, str], now: datetime) -> None:
    """Keep it in place of the one before."""
    content = _JSON.dump_json(token)
    parts = [content[at : at + PART_BYTES] for at in range(0, len(content), PART_BYTES)]
    key, context = os.environ["SECRETS_KEY"], _context(group_id)
    sealed = [_kms().encrypt(KeyId=key, Plaintext=part, EncryptionContext=context)["CiphertextBlob"] for part in parts]
    table(syncs.TABLE).update_item(
        Key={"groupId": group_id, "syncId": KEY},
        UpdateExpression="SET sealed = :sealed, expiresAt = :expires",
        ExpressionAttributeValues={":sealed": sealed, ":expires": int((now + KEPT).timestamp())},
    )


def shared(group_id: str) -> dict[str, str]:
    """Empty when there is none."""
    item = table(syncs.TABLE).get_item(Key={"groupId": group_id, "syncId": KEY}, ConsistentRead=True).get("Item")
    if not item:
        return {}
    context: Any = _context(group_id)
    sealed: Any = item["sealed"]
    parts = [_kms().decrypt(CiphertextBlob=bytes(part), EncryptionContext=context)["Plaintext"] for part in sealed]
    return _JSON.validate_json(b"".join(parts))


_JSON: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str], config=UNQUOTED)


def _context(group_id: str) -> dict[str, str]:
    return {"groupId": group_id}
