"""The provider itself: a Starlette app over rendered records, and a server for it on a free port of loopback.

Signatures of OAuth 1.0a are verified by Authlib, which has no part in making them.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs, quote_plus, urlencode

import uvicorn
from authlib.oauth1.rfc5849.signature import generate_signature_base_string, hmac_sha1_signature
from authlib.oauth1.rfc5849.util import escape
from authlib.oauth1.rfc5849.wrapper import OAuth1Request
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT_ID, CLIENT_SECRET, BEARER = "district-client", "s3cr3t!'()*&=+/~ ", "static-token"
BASES = {"1.1": "/ims/oneroster/v1p1", "1.2": "/ims/oneroster/rostering/v1p2"}
SCHOOL_LISTS = {"schools": "orgs", "students": "users", "teachers": "users", "terms": "academicSessions"}


@dataclass(frozen=True)
class Behaviour:
    """How the provider is. The defaults are those of a good one; each field is a way to misbehave that was seen."""

    accepts: frozenset[str] = frozenset({"oauth2", "oauth1", "bearer"})
    signatures: frozenset[str] = frozenset({"HMAC-SHA256", "HMAC-SHA1"})
    scopes: frozenset[str] | None = None  # those it knows; None: any; empty: it refuses every scope
    secret_in: frozenset[str] = frozenset({"header", "form"})  # or "encoded header", as RFC 6749 has it
    signature_in: frozenset[str] = frozenset({"HEADER", "QUERY"})
    late_above: int | None = None  # 504 where more records a page are asked for
    token_life: object = 3600  # what it says; None: nothing
    token_dies_after: int | None = None  # lists that a token really opens
    one_token: bool = False  # a new token ends the one before
    dead_token_status: int = 401
    total: str = "right"  # right, none, page (the page's own size), high, text
    link: bool = False
    cap: int | None = None  # of `limit`, without a word
    refuses_above: int | None = None  # `refusal` on a larger `limit`, in words
    ignores_offset: bool = False
    sorts: bool = True  # else `refusal` on `sort`
    filters: bool = True  # else `refusal` on `filter`
    fields: str = "right"  # right, ignored, refused: `refusal`
    refusal: int = 400  # the status of what it doesn't take
    wrapper: str = "spec"  # spec, role, singular, bare, other
    empty_at: Mapping[str, int] = field(default_factory=dict)  # list -> offset from which one page is empty, `empty_times` over
    empty_times: int = 1
    empty_body: str = "list"  # list, object, nothing: how it says that there are no records
    beyond: int = 200  # status past the last record
    html: int = 0  # so many answers are a sign-in page
    busy: int = 0  # so many 429
    retry_after: str = "0"  # of those; "date" for the other form
    busy_every: int = 0  # a 429 with a web page after so many requests, again and again
    token_redirect: int = 0  # the status with which /token leads on to /oauth/token
    failing: int = 0  # so many 503
    slow_s: float = 0.0
    missing: frozenset[str] = frozenset()  # lists with 404
    missing_because: str = ""  # its own words on that
    forbidden: frozenset[str] = frozenset()  # and with 403
    redirects_to: str = ""
    grows_after: int | None = None  # after so many pages of users there is one more, in front
    repeats: bool = False  # pages begin with the last record of the one before, in place of their own


class Provider:
    """`behaviour` may be changed while it serves. `asked` are the lists that were asked for, with their queries."""

    def __init__(self, version: str, lists: Mapping[str, list[bytes]], behaviour: Behaviour | None = None) -> None:
        self.version, self.lists, self.behaviour = version, dict(lists), behaviour or Behaviour()
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.tokens_asked: list[dict[str, str]] = []
        self.at_once, self.most_at_once = 0, 0
        self._tokens: dict[str, int] = {}
        self._nonces: set[str] = set()
        self._told: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.app = Starlette(
            routes=[
                Route("/token", self.token, methods=["POST"]),
                Route("/oauth/token", self.token, methods=["POST"]),
                Route("/{path:path}", self.listed),
            ]
        )

    def behave(self, **changes: object) -> None:
        """Be as this from now on, and good in all else."""
        self.behaviour = replace(Behaviour(), **changes)  # type: ignore[arg-type]
        self._told.clear()
        self.asked.clear()
        self.tokens_asked.clear()
        self.most_at_once = 0

    def forget_tokens(self) -> None:
        """As a provider that was started anew: whoever comes has to sign in again."""
        with self._lock:
            self._tokens.clear()

    async def token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        own = self.behaviour
        if own.token_redirect and request.url.path == "/token":
            return RedirectResponse("/oauth/token", own.token_redirect)
        spelled = {"header": (CLIENT_ID, CLIENT_SECRET), "encoded header": (quote_plus(CLIENT_ID), quote_plus(CLIENT_SECRET))}
        right = {"Basic " + base64.b64encode(":".join(spelled[each]).encode()).decode() for each in own.secret_in & {*spelled}}
        by_header = request.headers.get("authorization") in right
        by_form = (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET) and "form" in own.secret_in
        self.tokens_asked.append({**form, "secret_in": "form" if "client_id" in form else "header"})
        if form.get("grant_type") != "client_credentials" or not (by_header or by_form):
            return JSONResponse({"error": "invalid_client"}, 401)
        wanted = set(form.get("scope", "").split())
        if own.scopes is not None and wanted - own.scopes:
            return JSONResponse({"error": "invalid_scope"}, 400)
        value = secrets.token_urlsafe()
        with self._lock:
            if own.one_token:
                self._tokens.clear()
            self._tokens[value] = 0
        said: dict[str, object] = {"access_token": value, "token_type": "bearer"}
        if own.token_life is not None:
            said["expires_in"] = own.token_life
        return JSONResponse(said)

    async def listed(self, request: Request) -> Response:
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.behaviour.slow_s:
                await asyncio.sleep(self.behaviour.slow_s)
            return self._answer(request)
        finally:
            with self._lock:
                self.at_once -= 1

    def _answer(self, request: Request) -> Response:
        own = self.behaviour
        path = request.url.path.removeprefix(BASES[self.version])
        query = dict(request.query_params)
        if path == request.url.path:
            return JSONResponse({"imsx_codeMajor": "failure"}, 404)
        self.asked.append((path, query))
        if own.redirects_to:
            return RedirectResponse(own.redirects_to + path)
        if not self._signed_in(request):
            return JSONResponse({"imsx_codeMajor": "failure", "imsx_codeMinor": "unauthorisedrequest"}, own.dead_token_status)
        name = path.rsplit("/", 1)[-1]
        entity = SCHOOL_LISTS.get(name, name)
        if name in own.missing or entity not in self.lists:
            words = {"imsx_description": own.missing_because} if own.missing_because else {}
            return JSONResponse({"imsx_codeMajor": "failure", "imsx_codeMinor": "unknownobject", **words}, 404)
        if name in own.forbidden:
            return JSONResponse({"imsx_codeMajor": "failure", "imsx_codeMinor": "forbidden"}, 403)
        if (
            ("sort" in query and not own.sorts)
            or ("filter" in query and not own.filters)
            or ("fields" in query and own.fields == "refused")
        ):
            codes = {"imsx_codeMinor": {"imsx_codeMinorField": [{"imsx_codeMinorFieldValue": "invaliddata"}]}}
            return JSONResponse(codes, own.refusal)
        if own.refuses_above is not None and int(query.get("limit", 100)) > own.refuses_above:
            says = f"limit must be between 1 and {own.refuses_above}"
            return JSONResponse({"imsx_codeMinor": "invaliddata", "imsx_description": says}, own.refusal)
        if own.busy_every and self._counted("every") % (own.busy_every + 1) == own.busy_every:
            return HTMLResponse("<html>Too many requests, please try again later.</html>", 429, {"Retry-After": "0"})
        if self._still("busy", own.busy):
            soon = datetime.now(UTC) + timedelta(seconds=1)
            after = format_datetime(soon, usegmt=True) if own.retry_after == "date" else own.retry_after
            return Response("slow down", 429, {"Retry-After": after})
        if self._still("failing", own.failing):
            return Response("out of order", 503)
        if own.late_above is not None and int(query.get("limit", 100)) > own.late_above:
            return Response("too slow", 504)
        if self._still("html", own.html):
            return HTMLResponse("<html><body>Please sign in</body></html>")
        return self._page(request, path, name, entity, query)

    def _counted(self, what: str) -> int:
        with self._lock:
            self._told[what] += 1
            return self._told[what] - 1

    def _still(self, what: str, times: int) -> bool:
        with self._lock:
            self._told[what] += 1
            return self._told[what] <= times

    def _page(self, request: Request, path: str, name: str, entity: str, query: dict[str, str]) -> Response:
        own = self.behaviour
        records = self._records(path, name, entity, query)
        limit = min(int(query.get("limit", 100)), own.cap or 1 << 30)
        offset = 0 if own.ignores_offset else int(query.get("offset", 0))
        shown = records[offset : offset + limit]
        if own.repeats and offset and shown:
            shown = [records[offset - 1], *shown[1:]]
        if entity in own.empty_at and offset == own.empty_at[entity] and self._still(f"empty {path}", own.empty_times):
            shown = []
        if not shown and offset >= len(records) and own.beyond != 200:
            return JSONResponse({"imsx_codeMinor": "unknownobject"}, own.beyond)
        totals = {"right": str(len(records)), "page": str(len(shown)), "high": str(len(records) + 7), "text": "many"}
        if (fields := query.get("fields")) and own.fields == "right":
            shown = [json.dumps({name: json.loads(each).get(name) for name in fields.split(",")}).encode() for each in shown]
        headers = {"Content-Type": "application/json"}
        if own.total in totals:
            headers["X-Total-Count"] = totals[own.total]
        if own.link:
            follow = {**query, "offset": str(offset + len(shown))}
            more = offset + len(shown) < len(records)
            headers["Link"] = f"<http://elsewhere.example{request.url.path}?{urlencode(follow)}>; rel=next" if more else ""
            headers["Link"] += f'{", " if more else ""}<{request.url.path}?offset=0>; rel="first"'
        return Response(self._body(shown, name, entity), 200, headers)

    def _records(self, path: str, name: str, entity: str, query: dict[str, str]) -> list[bytes]:
        records = self.lists[entity]
        own = self.behaviour
        if path == "/schools":
            records = [each for each in records if b'"type":"school"' in each]
        if path.startswith("/schools/"):
            school = path.split("/")[2]
            records = [each for each in records if f'"{school}"'.encode() in each]
            role = {"students": b'"role":"student"', "teachers": b'"role":"teacher"'}.get(name)
            records = [each for each in records if role is None or role in each]
        if (modified := query.get("filter", "")).startswith("dateLastModified>"):
            since = modified.split("'")[1]
            records = [each for each in records if json.loads(each)["dateLastModified"] > since]
        if own.grows_after is not None and entity == "users":
            with self._lock:
                self._told["pages of users"] += 1
                if self._told["pages of users"] > own.grows_after:
                    return [b'{"sourcedId":"0-new","status":"active","dateLastModified":"2026-08-02T00:00:00Z"}', *records]
        return records

    def _body(self, shown: list[bytes], name: str, entity: str) -> bytes:
        own = self.behaviour
        if not shown and own.empty_body != "list":
            return b"{}" if own.empty_body == "object" else b""
        array = b"[" + b",".join(shown) + b"]"
        if own.wrapper == "bare":
            return array
        names = {"spec": entity, "role": name, "singular": entity.removesuffix("es") if entity == "classes" else entity[:-1]}
        wrapper = names.get(own.wrapper, "items")
        if own.wrapper == "singular" and len(shown) == 1:
            array = shown[0]
        more = b',"totalCount":%d,"pageCount":1' % len(shown) if own.wrapper == "other" else b""
        return b'{"' + wrapper.encode() + b'":' + array + more + b"}"

    def _signed_in(self, request: Request) -> bool:
        header = request.headers.get("authorization", "")
        own = self.behaviour
        if (header.startswith("OAuth ") or "oauth_signature" in request.query_params) and "oauth1" in own.accepts:
            return self._signature_is_right(request)
        value = header.removeprefix("Bearer ")
        if value == BEARER:
            return "bearer" in own.accepts
        with self._lock:
            if value not in self._tokens or "oauth2" not in own.accepts:
                return False
            self._tokens[value] += 1
            return own.token_dies_after is None or self._tokens[value] <= own.token_dies_after

    def _signature_is_right(self, request: Request) -> bool:
        header = request.headers.get("authorization")
        read = OAuth1Request("GET", str(request.url), None, {"Authorization": header} if header else {})
        if read.signature_type not in self.behaviour.signature_in:
            return False
        key, nonce = read.client_id, read.oauth_params["oauth_nonce"]
        near = abs(int(read.timestamp) - time.time()) < 300
        with self._lock:
            fresh = nonce not in self._nonces
            self._nonces.add(nonce)
        if not (near and fresh and key == CLIENT_ID and read.signature_method in self.behaviour.signatures):
            return False
        base = generate_signature_base_string(read)
        if read.signature_method == "HMAC-SHA1":
            right = hmac_sha1_signature(base, CLIENT_SECRET, "")
        else:
            digest = hmac.new(f"{escape(CLIENT_SECRET)}&".encode(), base.encode(), hashlib.sha256).digest()
            right = base64.b64encode(digest).decode()
        return hmac.compare_digest(right, read.signature)


@contextmanager
def served(provider: Provider, port: int = 0) -> Iterator[str]:
    """Serve it from a thread; the origin, as in http://127.0.0.1:1234."""
    config = uvicorn.Config(provider.app, host="127.0.0.1", port=port, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    _until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


def _until(look: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not look():
        assert time.monotonic() < end, "the provider does not start"
        time.sleep(0.01)
