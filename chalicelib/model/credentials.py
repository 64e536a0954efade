"""What a group signs in to its source with, as a value: from a request or from Secrets Manager, for the code that signs in.

What a group shows in its place is a mark: that it is set, since when, and until when where that is known.
"""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints

from chalicelib.model.records import CredentialsMark, Record

Secret = Annotated[SecretStr, Field(min_length=1, max_length=16_384)]
ClientId = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1024)]


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


def mark_of(credentials: Credentials, now: datetime) -> CredentialsMark:
    """What a group shows of its secret."""
    return CredentialsMark(changed_at=now, expires_at=credentials.expires_at or _own_expiry(credentials))


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
