"""Sends requests to a OneRoster provider: signed, guarded, repeated while that is of use.

What to send, when to retry and what a response means is decided in the neighbouring modules (`rest_signing`,
`rest_answers`, `rest_paging`, `rest_guard`); this one holds the connection, the token and the clock.
"""

import random
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, Protocol
from urllib.parse import urlsplit

import httpx

from chalicelib.errors import SourceRefused, SourceUnavailable
from chalicelib.model.addresses import clean_base_address
from chalicelib.model.causes import Cause
from chalicelib.sources.rest_answers import (
    LONGEST_WAIT_S,
    Answer,
    NoPage,
    Page,
    asked_wait_s,
    most_a_page,
    page_of,
    provider_reason,
    token_has_ended,
    wait_s,
    without_traces,
)
from chalicelib.sources.rest_body import ACCEPTED, BodyTooLarge, UnreadableBody, text_of
from chalicelib.sources.rest_guard import GuardedTransport, LeadsElsewhere, checked_url, redirected
from chalicelib.sources.rest_paging import LEAST_SIZE, Range
from chalicelib.sources.rest_signing import (
    Token,
    TokenRefused,
    TokenRequest,
    is_header_value,
    oauth1_signed,
    pasted_token,
    query_string,
    token_form,
    token_of,
    token_requests,
)

Version = Literal["1.1", "1.2"]
SERVICES: dict[Version, str] = {"1.1": "/ims/oneroster/v1p1", "1.2": "/ims/oneroster/rostering/v1p2"}
CONNECT_S, READ_S = 10.0, 60.0  # to reach the host; between two pieces of an answer
ANSWER_S = 180.0  # for a whole answer, however slowly it drips
ANSWER_BYTES = 64 << 20  # a page of 5,000 enrollments has about 3 MB
REDIRECTS = 3
REDIRECTING = frozenset({301, 302, 303, 307, 308})
NEW_S = 60.0  # a token held no longer than this has not ended
SLOW_ATTEMPTS = 2  # at a page that doesn't come in time, before a smaller one is asked for
AT_A_QUESTION = (500, 501)  # by which a program may fail at one question, and answer others
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


Ask = Callable[[Range, float], Answer]  # for the page at a range, in time until a moment of the source's clock


@dataclass(frozen=True)
class PageResponse:
    """A page and its bytes: as received, but decompressed and in UTF-8 where they came otherwise."""

    page: Page
    body: bytes


LIST_NAMES = frozenset({
    "orgs", "schools", "users", "students", "teachers", "classes", "courses", "enrollments", "academicsessions", "terms",
    "gradingperiods", "demographics",
})  # fmt: skip
SERVICE_ENDS = ("/ims/oneroster/v1p1", "/ims/oneroster/rostering/v1p2", "/ims/oneroster/gradebook/v1p2",
                "/ims/oneroster/resources/v1p2", "/ims/oneroster/rostering", "/ims/oneroster")  # fmt: skip


def base_url(pasted: str, version: Version) -> str:
    """What stands before `/orgs`, from any of the shapes in which people paste a provider's address: with blanks and invisible
    characters, without https://, with a collection or a query at its end, with either version's path."""
    trimmed = _trimmed(pasted)
    path = urlsplit(trimmed).path.casefold()
    for known in SERVICE_ENDS:
        if path.endswith(known):
            return trimmed[: len(trimmed) - len(known)] + SERVICES[version]
    return trimmed if path.endswith(("/v1p1", "/v1p2")) else trimmed + SERVICES[version]


def _trimmed(pasted: str) -> str:
    address = clean_base_address(pasted)
    folder, _, last = address.rpartition("/")
    return folder.rstrip("/") if last.casefold() in LIST_NAMES and not folder.endswith(":/") else address


def versions(pasted: str, wanted: Literal["auto", "1.1", "1.2"]) -> tuple[Version, ...]:
    """The versions to try, in turn, where the group leaves it open: what the address says, or the newer first."""
    if wanted != "auto":
        return (wanted,)
    folded = _trimmed(pasted).casefold()
    if folded.endswith("/v1p1"):
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
        on_wait: Callable[[str, float], None] = lambda what, at_most_s: None,
    ) -> None:
        self.provider, self.tokens = provider, tokens or OwnToken()
        self._sleep, self.clock, self._now, self._on_wait = sleep, clock, now, on_wait
        self._token: Token | None = None
        self._held_since = 0.0
        self._token_request: TokenRequest | None = None
        self._signs_query = False
        self._renewing = threading.Lock()
        self._http = httpx.Client(
            transport=transport or GuardedTransport(connections),
            timeout=httpx.Timeout(READ_S, connect=CONNECT_S),
            headers={"Accept": "application/json", "Accept-Encoding": ACCEPTED, "User-Agent": "OneRoster-Selective-Sync"},
            trust_env=False,
        )

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    @property
    def token_request(self) -> TokenRequest | None:
        """The way in which the provider gave the last token; None where none was asked for here."""
        return self._token_request

    def reach(self) -> None:
        """See that the host answers at all, whatever it says. Raises SourceUnavailable, SourceRefused."""
        if not self._send("GET", self.provider.base_url, {}).status:
            raise self._unavailable(self.provider.base_url, Answer(0), 1)

    def read(self, where: Range, leave_at: float = float("inf"), ask: Ask | None = None) -> PageResponse:
        """The page at `where`. A later page that is refused (an error's status, say) says nothing about the end: `unclear`.
        `ask` is how the answer is come by, in place of asking now.

        Raises SourceUnavailable (from ServerError where the provider may fail at this question alone), SourceRefused,
        NotOffered, QueryRefused; OutOfTime when a wait would pass `leave_at` (of `clock`); NoPage when what the provider
        answers is no page, three times over; and TooSlow when a smaller page may come.
        """
        is_later = bool(where.offset or where.link)
        for attempt in range(1, MISREAD_ATTEMPTS + 1):
            try:
                answer = (ask or self.ask)(where, leave_at)
            except LeadsElsewhere as redirect:
                if is_later:
                    raise NoPage(str(redirect)) from redirect
                raise SourceRefused(str(redirect)) from redirect
            except ServerError as error:
                # Where it answers that, it is not down, and waiting for it is of no use.
                if is_later and self.once(replace(where, offset=0, link=None)).status == 200:
                    return PageResponse(Page((), unclear=error.cause), b"")
                raise error.as_a_whole from error
            if answer.status not in (200, 204):
                if is_later:
                    status = self._status(answer)
                    why = Cause(f"the provider answers with {status.message}", f"the provider answers with {status.key}")
                    return PageResponse(Page((), unclear=why), b"")
                raise self._refusal(where, answer)
            try:
                return PageResponse(page_of(answer, where.path, where.within), answer.body)
            except NoPage as trouble:
                if attempt == MISREAD_ATTEMPTS:
                    cause = trouble.cause
                    raise NoPage(self._without_secrets(cause.message), self._without_secrets(cause.kind)) from trouble
                self._pause(float(attempt), leave_at, f"{self._without_secrets(str(trouble))}.")
        raise AssertionError("unreachable")

    def once(self, where: Range) -> Answer:
        """The answer to the question for the page at `where` as it is asked once, whatever it is."""
        try:
            return self._sent(f"{self.provider.base_url}{where.path}?{query_string(where.query_params())}")
        except LeadsElsewhere:
            return Answer(0)

    def ask(self, where: Range, leave_at: float) -> Answer:
        """The answer to the question for the page at `where`, unread. Raises as `read`, LeadsElsewhere and ServerError."""
        return self._answer(where.path, where.query_params(), leave_at, may_be_less=where.size > LEAST_SIZE)

    def get(self, path: str, query: Mapping[str, str], leave_at: float = float("inf")) -> Answer:
        """The answer to one GET below the base URL, after as many tries as are of use; its status may be an error's.

        Raises SourceUnavailable, SourceRefused, OutOfTime; NoPage where each answer breaks off in the middle.
        """
        try:
            return self._answer(path, query, leave_at)
        except LeadsElsewhere as redirect:
            raise SourceRefused(str(redirect)) from redirect
        except ServerError as error:
            raise error.as_a_whole from error

    def _answer(self, path: str, query: Mapping[str, str], leave_at: float, *, may_be_less: bool = False) -> Answer:
        """A sign-in that has become invalid is renewed once and the request repeated. Raises as `get`, LeadsElsewhere and
        ServerError; TooSlow where one may ask for less."""
        url = self.provider.base_url + path + ("?" + query_string(dict(query)) if query else "")
        replays = {"oauth2": 2, "oauth1": 1, "bearer": 0}[self.provider.authorization]
        attempt = 1
        while True:
            answer = self._sent(url)
            has_ended = bool(replays) and self.provider.authorization == "oauth2" and token_has_ended(answer)
            if answer.status == 401 or (answer.status == 403 and self._stale()) or has_ended:
                if not replays:
                    raise self._unauthorized(path, answer)
                replays -= 1
                if self.provider.authorization == "oauth1":
                    self._signs_query = not self._signs_query  # some servers look for the signature in the one place alone
                else:
                    self._renew(self._token)
                continue
            wait = wait_s(answer, attempt, self._now(), random.random()) if _failed(answer) else None
            if wait is None:
                if answer.cut:
                    raise NoPage(f"the provider's answer breaks off in the middle, {_times(attempt)}", "breaks off in the middle")
                if _failed(answer):
                    trouble = self._unavailable(self.provider.base_url, answer, attempt)
                    if answer.status in AT_A_QUESTION:
                        status = self._status(answer)
                        said = "the provider answers with {}"
                        why = Cause(f"{said.format(status.message)}, {_times(attempt)}", said.format(status.key))
                        raise ServerError(why, trouble, answer)
                    raise trouble
                return answer
            if may_be_less and answer.too_much and attempt >= SLOW_ATTEMPTS:
                raise TooSlow
            self._pause(wait, leave_at, self._waits_for(self.provider.base_url, answer))
            attempt += 1

    def _pause(self, wait: float, leave_at: float, what: str) -> None:
        if self.clock() + wait > leave_at:
            raise OutOfTime
        self._on_wait(what, wait)
        self._sleep(wait)

    def _sent(self, url: str) -> Answer:
        for _ in range(REDIRECTS + 1):
            answer = self._send("GET", *self._signed(url))
            if answer.status not in REDIRECTING:
                return answer
            url = redirected(url, answer.headers.get("location", ""))
        raise LeadsElsewhere("The provider redirects in a circle. Check the base URL in the group's configuration.")

    def _send(self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None = None) -> Answer:
        checked_url(url)
        started, has_begun = self.clock(), False
        try:
            with self._http.stream(method, url, headers=dict(headers), data=dict(form) if form else None) as response:
                pieces, size_bytes, has_begun = list[bytes](), 0, True
                for piece in response.iter_raw():
                    pieces.append(piece)
                    size_bytes += len(piece)
                    if size_bytes > ANSWER_BYTES:
                        raise BodyTooLarge
                    if self.clock() - started > ANSWER_S:
                        return Answer(0, late=True)
                received = dict(response.headers)
                try:
                    return Answer(response.status_code, received, text_of(b"".join(pieces), received, ANSWER_BYTES))
                except UnreadableBody as trouble:
                    return Answer(response.status_code, received, unreadable=str(trouble))
        except BodyTooLarge as trouble:
            raise SourceRefused(
                f"An answer of the provider is larger than {ANSWER_BYTES >> 20} MB. Set a smaller page size."
            ) from trouble
        except httpx.ReadTimeout:
            return Answer(0, late=True)
        except httpx.RemoteProtocolError:
            return Answer(0, cut=has_begun)
        except httpx.TransportError:
            return Answer(0)

    def _signed(self, url: str) -> tuple[str, dict[str, str]]:
        """The URL to ask and the headers to ask it with."""
        own = self.provider
        if own.authorization == "oauth1":
            place: Literal["query", "header"] = "query" if self._signs_query else "header"
            nonce = secrets.token_hex(16)
            return oauth1_signed(url, own.client_id, own.client_secret, own.signature_method, nonce, self._now(), place)
        value = pasted_token(own.client_secret) if own.authorization == "bearer" else self._current().value
        if not is_header_value(value):
            raise SourceRefused("The bearer token holds characters that no token can have. Copy it again and set it again.")
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
        """Another token than `failed`: the shared one if it has been renewed meanwhile, else a new one, which is shared."""
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
        ladder: Sequence[TokenRequest] = (
            [self._token_request]
            if self._token_request
            else token_requests(own.scopes, own.version, own.client_id, own.client_secret)
        )
        for request in ladder:
            headers, form = token_form(request, own.client_id, own.client_secret)
            answer = self._posted(own.token_url, headers, form)
            try:
                token = token_of(answer, self._now())
            except TokenRefused as refusal:
                refusals.append(self._without_secrets(str(refusal)))
                continue
            self._token_request = request
            return token
        raise SourceRefused(
            f"The provider gave no access token ({', '.join(dict.fromkeys(refusals))}). "
            "Check the client id, the secret, the token URL and the scopes in the group's configuration."
        )

    def _posted(self, url: str, headers: Mapping[str, str], form: Mapping[str, str]) -> Answer:
        """The answer to a POST, sent again where the same host redirects it (RFC 9110, 15.4: 307 and 308 keep the method)."""
        for _ in range(REDIRECTS + 1):
            answer = self._patiently(url, headers, form)
            if answer.status not in REDIRECTING:
                return answer
            try:
                url = redirected(url, answer.headers.get("location", ""))
            except LeadsElsewhere as redirect:
                raise SourceRefused(str(redirect)) from redirect
        raise SourceRefused("The token URL redirects in a circle. Check it in the group's configuration.")

    def _patiently(self, url: str, headers: Mapping[str, str], form: Mapping[str, str]) -> Answer:
        attempt = 1
        while True:
            answer = self._send("POST", url, headers, form)
            if not _failed(answer):
                return answer
            wait = wait_s(answer, attempt, self._now(), random.random())
            if wait is None:
                raise self._unavailable(url, answer, attempt)
            self._on_wait(self._waits_for(url, answer), wait)
            self._sleep(wait)
            attempt += 1

    def _status(self, answer: Answer) -> Cause:
        """The status of an error and the provider's own reason."""
        reason = self._without_secrets(provider_reason(answer))
        status = f"status {answer.status}"
        return Cause(f"{status}, {reason}", f"{status}, {without_traces(reason)}") if reason else Cause(status)

    def _without_secrets(self, words: str) -> str:
        """Some providers quote in an error what they were sent."""
        for secret in (self.provider.client_secret, self._token.value if self._token else ""):
            words = words.replace(secret, "…") if secret else words
        return words

    def _unavailable(self, url: str, answer: Answer, attempts: int) -> SourceUnavailable:
        kind = f"{urlsplit(url).hostname}: {self._status(answer).key}"
        asked_s = asked_wait_s(answer, self._now()) or 0.0
        if asked_s <= LONGEST_WAIT_S:
            return SourceUnavailable(f"{self._came(url, answer)}, {_times(attempts)}. Try again later.", kind)
        long = "more than a day" if asked_s > 86400 else f"{asked_s / 60:,.0f} minutes"
        return SourceUnavailable(
            f"{self._came(url, answer)}, {_times(attempts)}, and asks to wait {long}. Try again after that.", kind
        )

    def _waits_for(self, url: str, answer: Answer) -> str:
        """What came in place of an answer, as a sentence."""
        return f"{self._came(url, answer)}."

    def _came(self, url: str, answer: Answer) -> str:
        came = f"answered with {self._status(answer).message}" if answer.status else "did not answer"
        return f"{urlsplit(url).hostname} {came}"

    def _unauthorized(self, path: str, answer: Answer) -> SourceRefused:
        status = self._status(answer)
        return SourceRefused(
            f"The provider does not accept the sign-in for {path} ({status.message}).{_skew(answer, self._now())} "
            "Check the key, the secret and the kind of authorization in the group's configuration.",
            f"sign-in not accepted ({status.key})",
        )

    def _refusal(self, where: Range, answer: Answer) -> Exception:
        path, status = where.path, self._status(answer)
        if answer.status == 403:
            why = f"The provider does not let this sign-in read {path} ({status.message})"
            return NotOffered(Cause(why, f"not allowed ({status.key})"), "Ask it for that permission or scope.")
        if answer.status == 404:
            why = f"The provider does not offer {path} ({status.message})"
            return NotOffered(Cause(why, f"not offered ({status.key})"), "Check the base URL in the group's configuration.")
        if answer.status in (400, 413, 422):
            why = f"The provider does not take our query for {path} ({status.message})."
            return QueryRefused(why, f"query refused ({status.key})", most_a_page(answer, where.size))
        why = f"The provider does not answer {path} ({status.message}). Ask it what that means for this address."
        return SourceRefused(why, f"not answered ({status.key})")


def _failed(answer: Answer) -> bool:
    return answer.is_passing or answer.status >= 500


def _times(attempts: int) -> str:
    return "once" if attempts == 1 else f"{attempts} times over"


def _skew(answer: Answer, now: datetime) -> str:
    """OAuth 1.0a fails where the two clocks differ by some minutes."""
    try:
        off_s = abs((parsedate_to_datetime(answer.headers.get("date", "")) - now).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return ""
    return f" Its clock differs from ours by {off_s / 60:.0f} minutes, which alone can be the reason." if off_s > 240 else ""


class ServerError(Exception):
    """Status 500 or 501 as often as it was asked for: the provider's program fails at this question (`cause`), or as a whole.
    The last `answer` may say more."""

    def __init__(self, cause: Cause, as_a_whole: SourceUnavailable, answer: Answer) -> None:
        super().__init__(cause.message)
        self.cause, self.as_a_whole, self.answer = cause, as_a_whole, answer


class TooSlow(Exception):
    """The page didn't come in time; a smaller one may."""


class NotOffered(Exception):
    """A list that the provider doesn't have, or doesn't show to this sign-in. What to do about it is in the error's message
    alone."""

    def __init__(self, cause: Cause, advice: str) -> None:
        super().__init__(f"{cause.message}. {advice}")
        self.cause, self.kind = cause, cause.key


class QueryRefused(Exception):
    """The provider takes no `sort`, not this `limit`, or not this filter. `kind` as of SourceError; `most`: records a page that
    it gives at most, where it says so."""

    def __init__(self, message: str, kind: str = "", most: int | None = None) -> None:
        super().__init__(message)
        self.kind, self.most = kind, most
