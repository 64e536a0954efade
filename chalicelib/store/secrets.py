"""The secrets that groups sign in to their sources with, in Secrets Manager under the stack's key: one a group.

A secret is written, replaced and deleted, and read by whoever signs in with it; no route, log line or error shows it. What a
group shows instead is its mark: that it is set, since when, and until when where that is known.
"""

import os
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Annotated

import boto3
from botocore.exceptions import ClientError
from pydantic import Field, SecretStr, StringConstraints, TypeAdapter

from chalicelib.errors import SourceRefused
from chalicelib.model.records import CredentialsMark, Record

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

Secret = Annotated[SecretStr, Field(min_length=1, max_length=16_384)]
ClientId = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1024)]
MISSING = "ResourceNotFoundException"
FORGOTTEN = "InvalidRequestException"  # of one that is scheduled for deletion
RECOVERY_DAYS = 7  # the least that AWS takes


class _Credentials(Record):
    """`expires_at` is when the other side stops taking them, where the admin knows."""

    expires_at: datetime | None = None


class PasswordCredentials(_Credentials):
    """SFTP: a password."""

    password: Secret


class KeyCredentials(_Credentials):
    """SFTP: a private key in PEM or OpenSSH's form, with its passphrase where it has one."""

    private_key: Secret
    passphrase: Secret | None = None


class ClientCredentials(_Credentials):
    """REST with OAuth: consumer key and secret (1.0a), client id and secret (2)."""

    client_id: ClientId
    client_secret: Secret


class TokenCredentials(_Credentials):
    """REST with a static bearer token."""

    token: Secret


Credentials = PasswordCredentials | KeyCredentials | ClientCredentials | TokenCredentials
_CREDENTIALS: TypeAdapter[Credentials] = TypeAdapter(Credentials)


@cache
def _secretsmanager() -> "SecretsManagerClient":
    return boto3.client("secretsmanager")


def mark_of(credentials: Credentials, now: datetime) -> CredentialsMark:
    """What a group shows of its secret."""
    return CredentialsMark(changed_at=now, expires_at=credentials.expires_at or _own_expiry(credentials))


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


def _own_expiry(credentials: Credentials) -> datetime | None:
    """When a bearer token says itself that it ends (RFC 7519, `exp`); most tokens are no JWT and say nothing."""
    if not isinstance(credentials, TokenCredentials):
        return None
    import jwt  # see api/authorizer.py

    try:
        claims = jwt.decode(credentials.token.get_secret_value(), options={"verify_signature": False})
        return datetime.fromtimestamp(claims["exp"], UTC)
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError, OverflowError, OSError):
        return None
