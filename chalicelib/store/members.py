"""The Members table: one item a person, by the `sub` of their token. The authorizer reads it at each sign-in's requests."""

from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.errors import Conflict, NotFound
from chalicelib.model.members import Member
from chalicelib.store.tables import client, from_item, table, to_item

TABLE = "MEMBERS_TABLE"
SEEN_NOTED_EVERY = timedelta(hours=1)  # so that a day of clicks is a few writes
CHANGED = "This person's entry was changed by somebody else. Load it again and repeat your change."
LAST_ADMIN = (
    "This would leave nobody who can manage users. Make somebody else an admin of every group first. Nothing was changed."
)


def find(member_id: str) -> Member | None:
    """Removed members included."""
    item = table(TABLE).get_item(Key={"memberId": member_id}, ConsistentRead=True).get("Item")
    return from_item(Member, item) if item else None


def get(member_id: str) -> Member:
    """Raises NotFound, also for a removed member."""
    member = find(member_id)
    if member is None or member.removed:
        raise NotFound(f"There is no user {member_id}.")
    return member


def everybody() -> list[Member]:
    """By name. Reads the whole table: people by the hundred, at half a KB each."""
    pages = client().get_paginator("scan").paginate(TableName=table(TABLE).name, ConsistentRead=True)
    found = (from_item(Member, item) for page in pages for item in page["Items"])
    return sorted((each for each in found if not each.removed), key=lambda each: (each.name.casefold(), each.member_id))


def create(member: Member) -> None:
    """Write a new member; a removed one may come back. Raises Conflict for one that exists."""
    try:
        table(TABLE).put_item(
            Item=to_item(member),
            ConditionExpression="attribute_not_exists(memberId) OR removed = :yes",
            ExpressionAttributeValues={":yes": True},
        )
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        raise Conflict(f"{member.name or member.email} is a user already.") from refusal


def change(member: Member, if_match: str, witness: Member | None) -> None:
    """Replace an entry if nobody has since `if_match`, and if `witness` still manages the others by then.

    Raises Conflict.
    """
    writes: list[Any] = [
        {
            "Put": {
                "TableName": table(TABLE).name,
                "Item": to_item(member),
                "ConditionExpression": "etag = :ifMatch",
                "ExpressionAttributeValues": {":ifMatch": if_match},
            }
        }
    ]
    if witness:
        writes.append(
            {
                "ConditionCheck": {
                    "TableName": table(TABLE).name,
                    "Key": {"memberId": witness.member_id},
                    "ConditionExpression": "etag = :etag",
                    "ExpressionAttributeValues": {":etag": witness.etag},
                }
            }
        )
    try:
        client().transact_write_items(TransactItems=writes)
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] not in ("TransactionCanceledException", "TransactionInProgressException"):
            raise
        raise Conflict(CHANGED) from refusal


def note_sign_in(member: Member, now: datetime) -> None:
    """Record a person's visit, to the hour: a new entry where there is none yet. What an admin set stays."""
    known = find(member.member_id)
    if known is None:
        try:
            create(member)
        except Conflict:
            return  # another request of theirs was first
        return
    if known.last_sign_in_at and now - known.last_sign_in_at < SEEN_NOTED_EVERY:
        return
    table(TABLE).update_item(
        Key={"memberId": member.member_id},
        UpdateExpression="SET lastSignInAt = :now",
        ConditionExpression="attribute_exists(memberId)",
        ExpressionAttributeValues={":now": to_item(member)["lastSignInAt"]},
    )
