"""The Clients table: machines that read a group's roster or run its syncs, and the access tokens that they hold.

Secrets and tokens are random and long, so that a plain hash of them is enough to know them again; none is stored itself.
A client's id begins with its group's, and a token with its client's: the owner is found by key, never by a scan.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

from chalicelib.errors import NotFound
from chalicelib.model.records import Record
from chalicelib.store.tables import check_size, from_item, query, table, to_item

TABLE = "CLIENTS_TABLE"
FEWER = "Name fewer schools, or none for all."
TOKEN_LIFETIME = timedelta(hours=1)
MOST_PINNED = 1_000  # lists of one token: of thousands its item would grow too large to be written, and slow to be read
READ_NOTED_EVERY = timedelta(hours=1)  # so that a thousand pages are one write
CONDITION_FAILED = "ConditionalCheckFailedException"
# Ids and tokens as they are given out. What a stranger sends in their place may be no key of DynamoDB's at all: nothing has it.
_CLIENT_ID = re.compile(r"[A-Za-z0-9_]{1,64}-[A-Za-z0-9_-]{1,64}")
_TOKEN = re.compile(rf"{_CLIENT_ID.pattern}\.[A-Za-z0-9_-]{{1,64}}")


class Client(Record):
    """`schools` and `fields` (of users): None for all. Times are UTC; `revoked_at` ends it for good."""

    group_id: str
    client_id: str
    name: str
    scopes: tuple[str, ...]
    schools: tuple[str, ...] | None = None
    fields: tuple[str, ...] | None = None
    created_at: datetime
    created_by: str
    secret_changed_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_read_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Token(Record):
    """`versions`: by list, the version of the roster that its reader began with. `secret_changed_at`: of the secret that it was
    given for; it counts as long as that does. None: it is from before tokens knew it."""

    client_id: str
    scopes: tuple[str, ...]
    expires_at: datetime
    secret_changed_at: datetime | None = None
    versions: dict[str, str] = {}


def new_id(group_id: str, nonce: str) -> str:
    return f"{group_id}-{nonce}"


def create(client: Client, secret: str) -> None:
    """Raises Unacceptable."""
    check_size(client, FEWER)
    item = to_item(client) | _key(client.client_id) | {"secretHash": _hash(secret)}
    table(TABLE).put_item(Item=item, ConditionExpression=Attr("item").not_exists())


def get(group_id: str, client_id: str) -> Client:
    """Raises NotFound."""
    item = _item(client_id)
    if item is None or item["groupId"] != group_id:
        raise NotFound(f"There is no client {client_id} of this group.")
    return from_item(Client, item)


def of_group(group_id: str) -> list[Client]:
    """The oldest first, revoked ones among them."""
    found = [from_item(Client, item) for item in _items(group_id) if item["item"].startswith("client#")]
    return sorted(found, key=lambda client: (client.created_at, client.client_id))


def change(client: Client, secret: str = "") -> None:
    """Store a client that exists as it is now; with `secret` that one counts from now on."""
    check_size(client, FEWER)
    names = [name for name in to_item(client) if name not in ("groupId", "clientId")]
    gone = [name for name in ("schools", "fields", "expiresAt", "revokedAt") if name not in names]
    values: dict[str, Any] = {f":{name}": value for name, value in to_item(client).items() if name in names}
    sets = [f"#{name} = :{name}" for name in names]
    if secret:
        values[":secretHash"] = _hash(secret)
        sets.append("secretHash = :secretHash")
    expression = f"SET {', '.join(sets)}" + (f" REMOVE {', '.join(f'#{name}' for name in gone)}" if gone else "")
    table(TABLE).update_item(
        Key=_key(client.client_id),
        UpdateExpression=expression,
        ExpressionAttributeNames={f"#{name}": name for name in (*names, *gone)},
        ExpressionAttributeValues=values,
        ConditionExpression=Attr("item").exists(),
    )


def signed_in(client_id: str, secret: str, now: datetime) -> Client | None:
    """The client whose secret this is; None for every other."""
    item = _item(client_id) if _CLIENT_ID.fullmatch(client_id) and secret.isascii() else None
    if item is None or not compare_digest(str(item.get("secretHash", "")), _hash(secret)):
        return None
    client = from_item(Client, item)
    return client if client.is_valid(now) else None


def issue(client: Client, scopes: tuple[str, ...], nonce: str, now: datetime) -> str:
    """An access token for an hour, or as long as its client is valid."""
    value = f"{client.client_id}.{nonce}"
    until = now + TOKEN_LIFETIME
    token = Token(
        client_id=client.client_id,
        scopes=scopes,
        expires_at=min(until, client.expires_at or until),
        secret_changed_at=client.secret_changed_at,
    )
    item = to_item(token) | _token_key(value) | {"ttl": int(token.expires_at.timestamp())}
    table(TABLE).put_item(Item=item)
    return value


def bearer(value: str, now: datetime) -> tuple[Client, Token] | None:
    """Whose access token this is; None where it is none, is too old, was given for a secret that counts no more, or its client
    may read no more."""
    if not _TOKEN.fullmatch(value):
        return None
    item = table(TABLE).get_item(Key=_token_key(value), ConsistentRead=True).get("Item")
    if item is None:
        return None
    token = from_item(Token, item)
    stored = _item(token.client_id)
    if stored is None or token.expires_at <= now:
        return None
    client = from_item(Client, stored)
    same_secret = token.secret_changed_at in (None, client.secret_changed_at)
    return (client, token) if same_secret and client.is_valid(now) else None


def pin(value: str, key: str, version: str) -> None:
    """Remember which version this token's reader of a list began with. A token that has gone meanwhile pins nothing, nor does one
    of MOST_PINNED lists: its readers have the version in their `next` link all the same."""
    try:
        table(TABLE).update_item(
            Key=_token_key(value),
            UpdateExpression="SET versions.#key = :version",
            ExpressionAttributeNames={"#key": key},
            ExpressionAttributeValues={":version": version, ":most": MOST_PINNED},
            ConditionExpression="attribute_exists(versions.#key) OR size(versions) < :most",
        )
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] != CONDITION_FAILED:
            raise


def note_reading(client: Client, now: datetime) -> None:
    """Store when it last read, to the hour."""
    if client.last_read_at and now - client.last_read_at < READ_NOTED_EVERY:
        return
    table(TABLE).update_item(
        Key=_key(client.client_id),
        UpdateExpression="SET lastReadAt = :now",
        ExpressionAttributeValues={":now": now.isoformat()},
        ConditionExpression=Attr("item").exists(),
    )


def _items(group_id: str) -> Iterator[dict[str, Any]]:
    return query(TABLE, KeyConditionExpression=Key("groupId").eq(group_id), ConsistentRead=True)


def _item(client_id: str) -> dict[str, Any] | None:
    return table(TABLE).get_item(Key=_key(client_id), ConsistentRead=True).get("Item")


def _key(client_id: str) -> dict[str, str]:
    return {"groupId": client_id.partition("-")[0], "item": f"client#{client_id}"}


def _token_key(value: str) -> dict[str, str]:
    return {"groupId": value.partition("-")[0], "item": f"token#{_hash(value)}"}


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
