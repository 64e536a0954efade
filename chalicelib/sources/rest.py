"""Sends requests to a OneRoster provider: signed, guarded, repeated while that is of use.

What to send, when to repeat and what an answer means is decided in the modules beside this one (`rest_signing`,
`rest_answers`, `rest_paging`, `rest_guard`); this one holds the connection, the token and the clock.
"""

import random
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, Protocol
from urllib.parse import urlsplit

import httpx

from chalicelib.errors import SourceRefused, SourceUnavailable
from chalicelib.sources.rest_answers import Answer, NoPage, Page, page_of, said, wait_s
from chalicelib.sources.rest_guard import GuardedTransport, checked_url, redirected
from chalicelib.sources.rest_paging import LEAST_SIZE, Range
from chalicelib.sources.rest_signing import Ask, Token, TokenRefused, asks, oauth1_signed, query_string, token_form, token_of

Version = Literal["1.1", "1.2"]
SERVICES: dict[Version, str] = {"1.1": "/ims/oneroster/v1p1", "1.2": "/ims/oneroster/rostering/v1p2"}
CONNECT_S, READ_S = 10.0, 60.0  # to reach the host; between two pieces of an answer
ANSWER_S = 180.0  # for a whole answer, however slowly it drips
ANSWER_BYTES = 64 << 20  # a page of 5,000 enrollments has about 3 MB
REDIRECTS = 3
NEW_S = 60.0  # a token held no longer than this has not ended
SLOW_ATTEMPTS = 2  # at a page that doesn't come in time, before a smaller one is asked for
MISREAD_ATTEMPTS = 3  # a page that is none may be the provider's bad moment


@dataclass(frozen=True)
class Provider:
    """Where and as whom to ask. `client_secret` is the static token where `authorization` is bearer."""

    base_url: str
    version: Version
    authorization: Literal["oauth2", "oauth1", "bearer"]
    client_id: str
    client_secret: str
    token_url: str = ""
    scopes: tuple[str, ...] = ()
    signature_method: Literal["HMAC-SHA256", "HMAC-SHA1"] = "HMAC-SHA256"

    def __repr__(self) -> str:
        return f"Provider({self.base_url}, {self.version}, {self.authorization})"


class Tokens(Protocol):
    """The token that all who read one source at the same time share."""

    def read(self) -> Token | None: ...
    def write(self, token: Token) -> None: ...


class OwnToken:
    """Shared by nobody else."""

    def __init__(self) -> None:
        self.token: Token | None = None

    def read(self) -> Token | None:
        return self.token

    def write(self, token: Token) -> None:
        self.token = token


class OutOfTime(Exception):
    """The wait that comes next would go beyond the caller's time; where it stands is to be handed on."""


@dataclass(frozen=True)
class Got:
    """A page and its bytes as received, which are decompressed where the provider compressed them on the way."""

    page: Page
    body: bytes


def base_url(pasted: str, version: Version) -> str:
    """What stands before `/orgs`, from any of the shapes in which people paste a provider's address."""
    trimmed = pasted.strip().rstrip("/")
    if not trimmed.startswith(("https://", "http://")):
        trimmed = f"https://{trimmed}"
    last = trimmed.rsplit("/", 1)[-1].casefold()
    if last in ("orgs", "schools", "users", "classes", "courses", "enrollments", "academicsessions"):
        trimmed = trimmed.rsplit("/", 1)[0]
    folded = urlsplit(trimmed).path.casefold()
    if folded.endswith(("/v1p1", "/v1p2")):
        return trimmed
    for known in ("/ims/oneroster/rostering", "/ims/oneroster"):
        if folded.endswith(known):
            return trimmed[: -len(known)] + SERVICES[version]
    return trimmed + SERVICES[version]


def versions(pasted: str, wanted: Literal["auto", "1.1", "1.2"]) -> tuple[Version, ...]:
    """The versions to try, in turn, where the group leaves it open: what the address says, or the newer first."""
    folded = pasted.strip().rstrip("/").casefold()
    if wanted != "auto":
        return (wanted,)
    if folded.endswith(("/v1p1", "/v1p1/orgs")):
        return ("1.1",)
    return ("1.2",) if "/v1p2" in folded or "/rostering" in folded else ("1.2", "1.1")


class Source:
    """One provider, asked by one process; threads may share it. Close it, or use it in a `with`."""

    def __init__(
        self,
        provider: Provider,
        tokens: Tokens | None = None,
        *,
        connections: int = 4,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.provider, self.tokens = provider, tokens or OwnToken()
        self._sleep, self.clock, self._now = sleep, clock, now
        self._token: Token | None = None
        self._held_since = 0.0
        self._asked: Ask | None = None
        self._signs_query = False
        self._renewing = threading.Lock()
        self._http = httpx.Client(
            transport=transport or GuardedTransport(connections),
            timeout=httpx.Timeout(READ_S, connect=CONNECT_S),
            headers={"Accept": "application/json", "User-Agent": "OneRoster-Selective-Sync"},
            trust_env=False,
        )

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    @property
    def asked(self) -> Ask | None:
        """The way in which the provider gave the last token; None where none was asked for here."""
        return self._asked

    def reach(self) -> None:
        """See that the host answers at all, whatever it says. Raises SourceUnavailable, SourceRefused."""
        if not self._send("GET", self.provider.base_url, {}).status:
            raise SourceUnavailable(_unavailable(self.provider.base_url, Answer(0), 1))

    def read(self, where: Range, leave_at: float = float("inf")) -> Got:
        """The page at `where`. An end that the provider tells by an error beyond the last record is an empty page.

        Raises SourceUnavailable, SourceRefused, NotOffered, QueryRefused; OutOfTime when a wait would pass `leave_at` (of
        `clock`); NoPage when what the provider answers is no page, three times over; and TooSlow when a smaller page may come.
        """
        for attempt in range(1, MISREAD_ATTEMPTS + 1):
            answer = self.get(where.path, where.asks(), leave_at, may_be_less=where.size > LEAST_SIZE)
            if answer.status in (400, 404, 416) and where.offset:
                return Got(Page(()), b"")
            if answer.status not in (200, 204):
                raise _refusal(where.path, answer)
            try:
                return Got(page_of(answer, where.path), answer.body)
            except NoPage:
                if attempt == MISREAD_ATTEMPTS:
                    raise
                self._pause(float(attempt), leave_at)
        raise AssertionError("unreachable")

    def get(self, path: str, query: Mapping[str, str], leave_at: float = float("inf"), *, may_be_less: bool = False) -> Answer:
        """The answer to one GET below the base URL, after as many tries as are of use; its status may be an error's.

        A sign-in that has become invalid is renewed once and the request repeated. Raises SourceUnavailable, SourceRefused,
        OutOfTime; TooSlow where one may ask for less.
        """
        url = self.provider.base_url + path + ("?" + query_string(dict(query)) if query else "")
        replays = {"oauth2": 2, "oauth1": 1, "bearer": 0}[self.provider.authorization]
        attempt = 1
        while True:
            answer = self._sent(url)
            if answer.status == 401 or (answer.status == 403 and self._stale()):
                if not replays:
                    raise _unauthorized(path, answer, self._now())
                replays -= 1
                if self.provider.authorization == "oauth1":
                    self._signs_query = not self._signs_query  # some servers look for the signature in the one place alone
                else:
                    self._renew(self._token)
                continue
            if answer.status == 401:
                raise _unauthorized(path, answer, self._now())
            wait = wait_s(answer, attempt, self._now(), random.random()) if _failed(answer) else None
            if wait is None:
                if _failed(answer):
                    raise SourceUnavailable(_unavailable(self.provider.base_url, answer, attempt))
                return answer
            if may_be_less and answer.too_much and attempt >= SLOW_ATTEMPTS:
                raise TooSlow
            self._pause(wait, leave_at)
            attempt += 1

    def _pause(self, wait: float, leave_at: float) -> None:
        if self.clock() + wait > leave_at:
            raise OutOfTime
        self._sleep(wait)

    def _sent(self, url: str) -> Answer:
        for _ in range(REDIRECTS + 1):
            answer = self._send("GET", *self._signed(url))
            if answer.status not in (301, 302, 303, 307, 308):
                return answer
            url = redirected(url, answer.headers.get("location", ""))
        raise SourceRefused("The provider redirects in a circle. Check the base URL in the group's configuration.")

    def _send(self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None = None) -> Answer:
        checked_url(url)
        started = self.clock()
        try:
            with self._http.stream(method, url, headers=dict(headers), data=dict(form) if form else None) as response:
                body = bytearray()
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > ANSWER_BYTES:
                        raise SourceRefused(
                            f"An answer of the provider is larger than {ANSWER_BYTES >> 20} MB. Set a smaller page size."
                        )
                    if self.clock() - started > ANSWER_S:
                        return Answer(0, late=True)
                return Answer(response.status_code, dict(response.headers), bytes(body))
        except httpx.ReadTimeout:
            return Answer(0, late=True)
        except (httpx.TransportError, httpx.DecodingError):
            return Answer(0)

    def _signed(self, url: str) -> tuple[str, dict[str, str]]:
        """The URL to ask and the headers to ask it with."""
        own = self.provider
        if own.authorization == "oauth1":
            place: Literal["query", "header"] = "query" if self._signs_query else "header"
            nonce = secrets.token_hex(16)
            return oauth1_signed(url, own.client_id, own.client_secret, own.signature_method, nonce, self._now(), place)
        value = own.client_secret if own.authorization == "bearer" else self._current().value
        return url, {"Authorization": f"Bearer {value}"}

    def _current(self) -> Token:
        token = self._token
        if token is None or token.renew_at <= self._now():
            self._renew(token)
        assert self._token is not None
        return self._token

    def _stale(self) -> bool:
        """Some providers answer 403 to a token that has ended, which a new one would have no reason for."""
        return self.provider.authorization == "oauth2" and self.clock() - self._held_since > NEW_S

    def _renew(self, failed: Token | None) -> None:
        """Another token than `failed`: the shared one if somebody has renewed it, else a new one, which is shared."""
        with self._renewing:
            if self._token is not None and self._token is not failed:
                return
            self._held_since = self.clock()
            shared = self.tokens.read()
            if shared and shared.renew_at > self._now() and (failed is None or shared.value != failed.value):
                self._token = shared
                return
            self._token = self._new_token()
            self.tokens.write(self._token)

    def _new_token(self) -> Token:
        own, refusals = self.provider, []
        ladder: Sequence[Ask] = [self._asked] if self._asked else asks(own.scopes, own.version, own.client_id, own.client_secret)
        for ask in ladder:
            headers, form = token_form(ask, own.client_id, own.client_secret)
            answer = self._patiently(own.token_url, headers, form)
            try:
                token = token_of(answer, self._now())
            except TokenRefused as refusal:
                refusals.append(str(refusal))
                continue
            self._asked = ask
            return token
        raise SourceRefused(
            f"The provider gave no access token ({', '.join(dict.fromkeys(refusals))}). "
            "Check the client id, the secret, the token URL and the scopes in the group's configuration."
        )

    def _patiently(self, url: str, headers: Mapping[str, str], form: Mapping[str, str]) -> Answer:
        attempt = 1
        while True:
            answer = self._send("POST", url, headers, form)
            if not _failed(answer):
                return answer
            wait = wait_s(answer, attempt, self._now(), random.random())
            if wait is None:
                raise SourceUnavailable(_unavailable(url, answer, attempt))
            self._sleep(wait)
            attempt += 1


def _failed(answer: Answer) -> bool:
    return not answer.status or answer.status == 429 or answer.status >= 500 or answer.status in (408, 425)


def _unavailable(url: str, answer: Answer, attempts: int) -> str:
    what = f"answered with status {answer.status}" if answer.status else "did not answer"
    return f"{urlsplit(url).hostname} {what}, {_times(attempts)}. Try again later."


def _times(attempts: int) -> str:
    return "once" if attempts == 1 else f"{attempts} times over"


def _unauthorized(path: str, answer: Answer, now: datetime) -> SourceRefused:
    words = said(answer)
    return SourceRefused(
        f"The provider does not accept the sign-in for {path} (status 401{', ' + words if words else ''}).{_skew(answer, now)} "
        "Check the key, the secret and the kind of authorization in the group's configuration."
    )


def _skew(answer: Answer, now: datetime) -> str:
    """OAuth 1.0a fails where the two clocks differ by some minutes."""
    try:
        apart = abs((parsedate_to_datetime(answer.headers.get("date", "")) - now).total_seconds())
    except (TypeError, ValueError):
        return ""
    return f" Its clock differs from ours by {apart / 60:.0f} minutes, which alone can be the reason." if apart > 240 else ""


def _refusal(path: str, answer: Answer) -> Exception:
    words = said(answer)
    told = f"status {answer.status}{', ' + words if words else ''}"
    if answer.status == 403:
        return NotOffered(f"The provider does not let this sign-in read {path} ({told}). Ask it for that permission or scope.")
    if answer.status == 404:
        return NotOffered(f"The provider does not offer {path} ({told}). Check the base URL in the group's configuration.")
    if answer.status == 400:
        return QueryRefused(f"The provider does not take our question for {path} ({told}).")
    return SourceRefused(f"The provider does not answer {path} ({told}). Ask it what that means for this address.")


class TooSlow(Exception):
    """The page didn't come in time; a smaller one may."""


class NotOffered(Exception):
    """A list that the provider doesn't have, or doesn't show to this sign-in."""


class QueryRefused(Exception):
    """The provider takes no `sort`, or not this filter."""
