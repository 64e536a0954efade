"""A group's provider, signed in to with the group's secret; its access token is shared by all who read it."""

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256

from chalicelib.model.records import RestSource
from chalicelib.sources.rest import Provider, Source, Version
from chalicelib.sources.rest_group import provider_of
from chalicelib.sources.rest_signing import Token
from chalicelib.store import access_tokens, secrets


def session_of(group_id: str, settings: RestSource, version: Version, on_wait: Callable[[str, float], None]) -> Source:
    """`on_wait` is called with the reason and length of each wait. Raises SourceRefused when no credentials are
    set."""
    provider = provider_of(settings, secrets.of_group(group_id, settings), version)
    return Source(provider, SharedToken(group_id, provider), connections=settings.max_parallel, on_wait=on_wait)


class SharedToken:
    """Stored with the group's syncs. A token that was issued for another secret or address is ignored."""

    def __init__(self, group_id: str, provider: Provider) -> None:
        parts = (provider.token_url, provider.client_id, provider.client_secret, *provider.scopes, provider.version)
        self.group_id, self.given_for = group_id, sha256("\n".join(parts).encode()).hexdigest()

    def read(self) -> Token | None:
        shared = access_tokens.shared(self.group_id)
        if shared.get("givenFor") != self.given_for:
            return None
        return Token(shared["value"], datetime.fromisoformat(shared["renewAt"]))

    def write(self, token: Token) -> None:
        shared = {"value": token.value, "renewAt": token.renew_at.isoformat(), "givenFor": self.given_for}
        access_tokens.share(self.group_id, shared, datetime.now(UTC))
