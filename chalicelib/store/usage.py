"""How often one person may do what costs much: counted by the hour, in the Access table, and gone with the hour after."""

from datetime import datetime, timedelta
from typing import Literal

from botocore.exceptions import ClientError

from chalicelib.store.access import TABLE
from chalicelib.store.tables import table

Costly = Literal["upload", "start", "list"]
# Far above what a person does by hand. A form to upload is for up to 1 GiB; a start is a state machine and a plan; a list reads
# whole Parquet files, or the table of groups.
AN_HOUR: dict[Costly, int] = {"upload": 60, "start": 60, "list": 1200}
KEPT = timedelta(hours=2)


def allowed(user_id: str, what: Costly, now: datetime) -> bool:
    """Count one; False where it would be one too many in this hour."""
    try:
        table(TABLE).update_item(
            Key={"groupId": f"~usage~{user_id}", "at": f"{what}#{now:%Y%m%dT%H}"},
            UpdateExpression="ADD #count :one SET expiresAt = :expiresAt",
            ConditionExpression="attribute_not_exists(#count) OR #count < :most",
            ExpressionAttributeNames={"#count": "count"},
            ExpressionAttributeValues={":one": 1, ":most": AN_HOUR[what], ":expiresAt": int((now + KEPT).timestamp())},
        )
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return False
    return True
