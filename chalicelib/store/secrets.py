"""The secrets that groups sign in to their sources with, in Secrets Manager under the stack's key.

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
TOKEN = "/token"


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
    try:
        _secretsmanager().put_secret_value(SecretId=_name(group_id), SecretString=value)
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] != MISSING:
            raise
        _secretsmanager().create_secret(Name=_name(group_id), SecretString=value, KmsKeyId=os.environ["SECRETS_KEY"])


def of_group(group_id: str) -> Credentials:
    """What the group signs in with. Raises SourceRefused when nothing is set."""
    try:
        value = _secretsmanager().get_secret_value(SecretId=_name(group_id))["SecretString"]
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] != MISSING:
            raise
        said = "No password, key or secret is set for this group's source. Set it in the group's configuration."
        raise SourceRefused(said) from refusal
    return _CREDENTIALS.validate_json(value)


def forget(group_id: str) -> int:
    """Delete the group's secret at once, and its token; how many there were. None to delete is as good."""
    deleted = 0
    for name in (_name(group_id), _name(group_id) + TOKEN):
        try:
            _secretsmanager().describe_secret(SecretId=name)
            _secretsmanager().delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
            deleted += 1
        except ClientError as refusal:
            if refusal.response["Error"]["Code"] != MISSING:
                raise
    return deleted


def share_token(group_id: str, token: dict[str, str]) -> None:
    """Keep the access token that all who read the group's source at the same time use, in place of the one before."""
    value, name = _JSON.dump_json(token).decode(), _name(group_id) + TOKEN
    try:
        _secretsmanager().put_secret_value(SecretId=name, SecretString=value)
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] != MISSING:
            raise
        try:
            _secretsmanager().create_secret(Name=name, SecretString=value, KmsKeyId=os.environ["SECRETS_KEY"])
        except _secretsmanager().exceptions.ResourceExistsException:
            share_token(group_id, token)  # somebody else was first


def shared_token(group_id: str) -> dict[str, str]:
    """Empty when there is none."""
    try:
        value = _secretsmanager().get_secret_value(SecretId=_name(group_id) + TOKEN)["SecretString"]
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] != MISSING:
            raise
        return {}
    return _JSON.validate_json(value)


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
