"""How often one person did what costs much: counted by the hour, in the Access table, and gone with the hour after."""

from datetime import datetime, timedelta
from typing import Literal

from botocore.exceptions import ClientError

from chalicelib.store.access import TABLE
from chalicelib.store.tables import table

Costly = Literal["upload", "start", "list"]
KEPT = timedelta(hours=2)


def next_hour_s(now: datetime) -> int:
    """Seconds until the counts start again from zero."""
    return 3600 - now.minute * 60 - now.second


def allowed(user_id: str, what: Costly, most: int, now: datetime) -> bool:
    """Count one; False where it would be more than `most` in this hour."""
    try:
        table(TABLE).update_item(
            Key={"groupId": f"~usage~{user_id}", "at": f"{what}#{now:%Y%m%dT%H}"},
            UpdateExpression="ADD #count :one SET expiresAt = :expiresAt",
            ConditionExpression="attribute_not_exists(#count) OR #count < :most",
            ExpressionAttributeNames={"#count": "count"},
            ExpressionAttributeValues={":one": 1, ":most": most, ":expiresAt": int((now + KEPT).timestamp())},
        )
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return False
    return True
