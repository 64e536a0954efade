"""A group's provider, from its configuration and its secret; its access token is shared by all who read it."""

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256

from chalicelib.errors import SourceRefused
from chalicelib.model.records import RestSource
from chalicelib.sources.rest import Provider, Source, Version, base_url
from chalicelib.sources.rest_signing import Token
from chalicelib.store import access_tokens, secrets
from chalicelib.store.secrets import ClientCredentials, Credentials, TokenCredentials


def provider_of(settings: RestSource, credentials: Credentials, version: Version) -> Provider:
    """Raises SourceRefused where the secret that is set is of another kind."""
    match settings.authorization, credentials:
        case "bearer", TokenCredentials(token=token):
            client_id, secret = "", token.get_secret_value()
        case (("oauth1" | "oauth2"), ClientCredentials(client_id=client_id, client_secret=given)):
            secret = given.get_secret_value()
        case _:
            raise SourceRefused("The secret that is set is not of the kind that the authorization needs. Set it again.")
    return Provider(
        base_url=base_url(settings.base_url, version),
        version=version,
        authorization=settings.authorization,
        client_id=client_id,
        client_secret=secret,
        token_url=settings.token_url or "",
        scopes=settings.scopes,
        signature_method=settings.signature_method,
    )


def source_of(group_id: str, settings: RestSource, version: Version, on_wait: Callable[[str, float], None]) -> Source:
    """`on_wait` is told what is waited for and for how long, each time. Raises SourceRefused when nothing is set to sign in
    with."""
    provider = provider_of(settings, secrets.of_group(group_id), version)
    return Source(provider, SharedToken(group_id, provider), connections=settings.max_parallel, on_wait=on_wait)


class SharedToken:
    """Kept beside the group's syncs. A token that was given for another secret or place is none."""

    def __init__(self, group_id: str, provider: Provider) -> None:
        parts = (provider.token_url, provider.client_id, provider.client_secret, *provider.scopes, provider.version)
        self.group_id, self.given_for = group_id, sha256("\n".join(parts).encode()).hexdigest()

    def read(self) -> Token | None:
        told = access_tokens.shared(self.group_id)
        if told.get("givenFor") != self.given_for:
            return None
        return Token(told["value"], datetime.fromisoformat(told["renewAt"]))

    def write(self, token: Token) -> None:
        told = {"value": token.value, "renewAt": token.renew_at.isoformat(), "givenFor": self.given_for}
        access_tokens.share(self.group_id, told, datetime.now(UTC))
