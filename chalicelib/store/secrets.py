"""The secrets that groups sign in to their sources with, in Secrets Manager under the stack's key: one a group.

A secret is written, replaced and deleted, and read to sign in; no route, log line or error shows it. It
carries the place that it was given for, since a group and its secret are two writes: between them, or when the second fails,
nothing is sent to a place that it was not given for.
"""

import json
import os
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError
from pydantic import SecretStr, TypeAdapter

from chalicelib.errors import SourceRefused, SourceUnavailable
from chalicelib.model.credentials import Credentials
from chalicelib.model.records import UNQUOTED, Source

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

MISSING = "ResourceNotFoundException"
FORGOTTEN = "InvalidRequestException"  # of one that is scheduled for deletion
RECOVERY_DAYS = 7  # the least that AWS takes
GIVEN_FOR = "givenFor"  # stored with the secret: `Source.shown_to`
SAME_REQUEST = timedelta(minutes=1)  # a group's mark and its secret are written by one request, by two clocks
_CREDENTIALS: TypeAdapter[Credentials] = TypeAdapter(Credentials, config=UNQUOTED)


@cache
def _secretsmanager() -> "SecretsManagerClient":
    return boto3.client("secretsmanager")


def keep(group_id: str, credentials: Credentials, source: Source) -> None:
    """Store the group's secret, given for this source, in place of the one before."""
    fields = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in credentials.model_dump(by_alias=True, exclude={"expires_at"}, exclude_none=True).items()
    }
    value = json.dumps({**fields, GIVEN_FOR: source.shown_to})
    name = _name(group_id)
    try:
        with suppress(_secretsmanager().exceptions.InvalidRequestException):  # of one that isn't forgotten, where AWS minds
            _secretsmanager().restore_secret(SecretId=name)  # it may have been forgotten within the last days
        _secretsmanager().put_secret_value(SecretId=name, SecretString=value)
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] != MISSING:
            raise
        _secretsmanager().create_secret(Name=name, SecretString=value, KmsKeyId=os.environ["SECRETS_KEY"])


def of_group(group_id: str, source: Source) -> Credentials:
    """What the group signs in to this source with.

    Raises SourceRefused when nothing is set, and SourceUnavailable when what is set was given for another place: the group is
    being changed, or its change was cut off.
    """
    try:
        found = _secretsmanager().get_secret_value(SecretId=_name(group_id))
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] not in (MISSING, FORGOTTEN):
            raise
        message = "No password, key or secret is set for this group's source. Set it in the group's configuration."
        raise SourceRefused(message) from refusal
    fields = json.loads(found["SecretString"])
    if not _given_for(fields.pop(GIVEN_FOR, None), found["CreatedDate"], source):
        message = (
            "The password, key or secret that is set was given for another place, and was not sent. If this lasts, set it again."
        )
        raise SourceUnavailable(message)
    return _CREDENTIALS.validate_python(fields)


def _given_for(place: list[str] | None, written_at: datetime, source: Source) -> bool:
    """Secrets of before carry no place: such a one is of this source where it was written with the group's mark or later."""
    if place is None:
        return source.credentials is None or written_at >= source.credentials.changed_at - SAME_REQUEST
    return tuple(place) == source.shown_to


def forget(group_id: str) -> int:
    """Delete the group's secret; how many there were. Nobody can read it from now on; for RECOVERY_DAYS an operator can bring it
    back, with a group that was deleted or changed by mistake."""
    try:
        if "DeletedDate" in _secretsmanager().describe_secret(SecretId=_name(group_id)):
            return 0
        _secretsmanager().delete_secret(SecretId=_name(group_id), RecoveryWindowInDays=RECOVERY_DAYS)
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] not in (MISSING, FORGOTTEN):
            raise
        return 0
    return 1


def _name(group_id: str) -> str:
    return os.environ["SECRETS_PREFIX"] + group_id
