"""How a request to a provider is signed: OAuth 1.0a, OAuth 2 client credentials, a static bearer token.

Functions from settings to headers and forms; nothing is sent from here. What may go wrong at the provider's token
address is answered by the next way to ask (`TokenRequest`), of which there is a short ladder.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import quote, quote_plus

import msgspec
from oauthlib import oauth1

from chalicelib.sources.rest_answers import BAD_JSON, Answer, provider_reason

SCOPES = "https://purl.imsglobal.org/spec/or/{version}/scope/{name}.readonly"
UNSAID_LIFE_S = 3600.0  # where a token doesn't say how long it lives
LONGEST_LIFE_S = 86_400.0  # a token that says it lives longer is renewed after a day all the same
RENEWED_AT = 0.8  # of a token's life


@dataclass(frozen=True)
class Token:
    """`renew_at`: after it a new one is asked for, though this one may still be good."""

    value: str
    renew_at: datetime


Place = Literal["header", "form", "encoded header"]


@dataclass(frozen=True)
class TokenRequest:
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


def token_requests(
    scopes: Sequence[str], version: Literal["1.1", "1.2"], client_id: str, client_secret: str
) -> list[TokenRequest]:
    """Ways to ask for a token, the likeliest first; the group's own scopes where it names some.

    Some providers grant core and full only together, some know core alone, some refuse any scope.
    """
    prefix = "v1p1" if version == "1.1" else "v1p2"
    core, full = (SCOPES.format(version=prefix, name=name) for name in ("roster-core", "roster"))
    ladder = [tuple(scopes)] if scopes else [(core, full), (core,), ()]
    places: list[Place] = ["header", "form"]
    if (quote_plus(client_id), quote_plus(client_secret)) != (client_id, client_secret):
        places.append("encoded header")
    return [TokenRequest(each, place) for place in places for each in ladder]


def token_form(request: TokenRequest, client_id: str, client_secret: str) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and form fields of the request for a token (RFC 6749, 4.4.2)."""
    form = {"grant_type": "client_credentials"}
    if request.scopes:
        form["scope"] = " ".join(request.scopes)
    if request.secret_in == "form":
        return {}, {**form, "client_id": client_id, "client_secret": client_secret}
    if request.secret_in == "encoded header":
        client_id, client_secret = quote_plus(client_id), quote_plus(client_secret)
    basic = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
    return {"Authorization": f"Basic {basic}"}, form


def token_of(answer: Answer, now: datetime) -> Token:
    """Raises TokenRefused."""
    if answer.status not in (200, 201):
        raise TokenRefused(provider_reason(answer) or f"status {answer.status}")
    if answer.unreadable:
        raise TokenRefused(answer.unreadable)
    try:
        response = _MEMBERS.decode(answer.body)
    except BAD_JSON as trouble:
        raise TokenRefused("the answer is not JSON") from trouble
    value = _value(response.get("access_token"))
    if not isinstance(value, str) or not value.strip():
        raise TokenRefused(provider_reason(answer) or "the answer holds no access_token")
    value = pasted_token(value)
    if not is_header_value(value):
        raise TokenRefused("the access_token holds characters that no token can have")
    life_s = min(_seconds(_value(response.get("expires_in"))) or UNSAID_LIFE_S, LONGEST_LIFE_S)
    return Token(value, now + timedelta(seconds=life_s * RENEWED_AT))


_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _value(raw: msgspec.Raw | None) -> object:
    """None for what can't be read, a number beyond all bounds for one."""
    try:
        return None if raw is None else msgspec.json.decode(raw)
    except BAD_JSON:
        return bytes(raw).decode(errors="replace") if raw is not None else None


def pasted_token(pasted: str) -> str:
    """A bearer token without what people copy, and some providers send, along: the header's name, the scheme, quotation marks."""
    return re.sub(r"^(authorization\s*:\s*)?(bearer\s+)?", "", pasted.strip().strip("\"'"), flags=re.IGNORECASE).strip()


def is_header_value(token: str) -> bool:
    """Whether it can stand in a header (RFC 9110, 5.5), where a token is one word."""
    return token.isascii() and token.isprintable() and " " not in token


def _seconds(value: object) -> float:
    """Of a life as a number or as text, however large; 0 where it is neither, or no time."""
    try:
        life_s = float(str(value).strip()[:400])
    except ValueError:
        return 0.0
    return life_s if life_s > 0 else 0.0  # and not for NaN


def query_string(query: dict[str, str]) -> str:
    """Percent-encoding by RFC 3986, unreserved characters excepted: what is signed is what is sent."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items())
