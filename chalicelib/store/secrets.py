"""The secrets that groups sign in to their sources with, in Secrets Manager under the stack's key: one a group.

A secret is written, replaced and deleted, and read by whoever signs in with it; no route, log line or error shows it.
"""

import os
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError
from pydantic import SecretStr, TypeAdapter

from chalicelib.errors import SourceRefused
from chalicelib.model.credentials import Credentials

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

MISSING = "ResourceNotFoundException"
FORGOTTEN = "InvalidRequestException"  # of one that is scheduled for deletion
RECOVERY_DAYS = 7  # the least that AWS takes
_CREDENTIALS: TypeAdapter[Credentials] = TypeAdapter(Credentials)


@cache
def _secretsmanager() -> "SecretsManagerClient":
    return boto3.client("secretsmanager")


def keep(group_id: str, credentials: Credentials) -> None:
    """Store the group's secret in place of the one before."""
    told = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in credentials.model_dump(by_alias=True, exclude={"expires_at"}, exclude_none=True).items()
    }
    value = _JSON.dump_json(told).decode()
    name = _name(group_id)
    try:
        _secretsmanager().restore_secret(SecretId=name)  # it may have been forgotten within the last days
        _secretsmanager().put_secret_value(SecretId=name, SecretString=value)
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] != MISSING:
            raise
        _secretsmanager().create_secret(Name=name, SecretString=value, KmsKeyId=os.environ["SECRETS_KEY"])


def of_group(group_id: str) -> Credentials:
    """What the group signs in with. Raises SourceRefused when nothing is set."""
    try:
        value = _secretsmanager().get_secret_value(SecretId=_name(group_id))["SecretString"]
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] not in (MISSING, FORGOTTEN):
            raise
        said = "No password, key or secret is set for this group's source. Set it in the group's configuration."
        raise SourceRefused(said) from refusal
    return _CREDENTIALS.validate_json(value)


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


_JSON: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])


def _name(group_id: str) -> str:
    return os.environ["SECRETS_PREFIX"] + group_id
