"""A group's provider, from its configuration and its secret."""

from chalicelib.errors import SourceRefused
from chalicelib.model.credentials import ClientCredentials, Credentials, TokenCredentials
from chalicelib.model.records import RestSource
from chalicelib.sources.rest import Provider, Version, base_url


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
