"""How a request to a provider is signed: OAuth 1.0a, OAuth 2 client credentials, a static bearer token.

Functions from settings to headers and forms; nothing is sent from here. What may go wrong at the provider's token
address is answered by the next way to ask (`Ask`), of which there is a short ladder.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import quote, quote_plus

import msgspec
from oauthlib import oauth1

from chalicelib.sources.rest_answers import Answer, said

SCOPES = "https://purl.imsglobal.org/spec/or/{version}/scope/{name}.readonly"
UNSAID_LIFE_S = 3600.0  # where a token doesn't say how long it lives
RENEWED_AT = 0.8  # of a token's life


@dataclass(frozen=True)
class Token:
    """`renew_at`: after it a new one is asked for, though this one may still be good."""

    value: str
    renew_at: datetime


Place = Literal["header", "form", "encoded header"]


@dataclass(frozen=True)
class Ask:
    """A way to ask for a token: with these scopes, and the secret in the form or in the header. There it goes as it is, as most
    expect, or form-encoded, as RFC 6749 (2.3.1) would have it."""

    scopes: tuple[str, ...]
    secret_in: Place = "header"


class TokenRefused(Exception):
    """The provider gave no token. The message is its own code where it sent one."""


def oauth1_signed(
    url: str,
    client_id: str,
    client_secret: str,
    method: Literal["HMAC-SHA256", "HMAC-SHA1"],
    nonce: str,
    now: datetime,
    place: Literal["header", "query"] = "header",
) -> tuple[str, dict[str, str]]:
    """The URL and the headers of a GET. `url` is signed as it goes over the wire, its query percent-encoded."""
    client = oauth1.Client(
        client_id,
        client_secret=client_secret,
        signature_method=method,
        nonce=nonce,
        timestamp=str(int(now.timestamp())),
        signature_type=oauth1.SIGNATURE_TYPE_QUERY if place == "query" else oauth1.SIGNATURE_TYPE_AUTH_HEADER,
    )
    signed, headers, _ = client.sign(url)
    return str(signed), {name: str(value) for name, value in headers.items()}


def asks(scopes: Sequence[str], version: Literal["1.1", "1.2"], client_id: str, client_secret: str) -> list[Ask]:
    """Ways to ask for a token, the likeliest first; the group's own scopes where it names some.

    Some providers grant core and full only together, some know core alone, some refuse any scope.
    """
    prefix = "v1p1" if version == "1.1" else "v1p2"
    core, full = (SCOPES.format(version=prefix, name=name) for name in ("roster-core", "roster"))
    ladder = [tuple(scopes)] if scopes else [(core, full), (core,), ()]
    places: list[Place] = ["header", "form"]
    if (quote_plus(client_id), quote_plus(client_secret)) != (client_id, client_secret):
        places.append("encoded header")
    return [Ask(each, place) for place in places for each in ladder]


def token_form(ask: Ask, client_id: str, client_secret: str) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and form fields of the request for a token (RFC 6749, 4.4.2)."""
    form = {"grant_type": "client_credentials"}
    if ask.scopes:
        form["scope"] = " ".join(ask.scopes)
    if ask.secret_in == "form":
        return {}, {**form, "client_id": client_id, "client_secret": client_secret}
    if ask.secret_in == "encoded header":
        client_id, client_secret = quote_plus(client_id), quote_plus(client_secret)
    basic = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
    return {"Authorization": f"Basic {basic}"}, form


def token_of(answer: Answer, now: datetime) -> Token:
    """Raises TokenRefused."""
    if answer.status not in (200, 201):
        raise TokenRefused(said(answer) or f"status {answer.status}")
    try:
        told = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as trouble:
        raise TokenRefused("the answer is not JSON") from trouble
    value = told.get("access_token") if isinstance(told, dict) else None
    if not isinstance(value, str) or not value:
        raise TokenRefused(said(answer) or "the answer holds no access_token")
    life_s = _seconds(told.get("expires_in")) or UNSAID_LIFE_S
    return Token(value, now + timedelta(seconds=life_s * RENEWED_AT))


def _seconds(said_life: object) -> float:
    """As a number or as text; 0 where it is neither."""
    try:
        return max(0.0, float(str(said_life)))
    except ValueError:
        return 0.0


def query_string(query: dict[str, str]) -> str:
    """RFC 3986, with nothing but its unreserved characters left as they are: what is signed is what is sent."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items())
