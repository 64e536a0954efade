"""A provider of one collection that lies: by function and without a socket, with a switch for each way that was seen or feared.

`Liar` is both its state and the transport of an httpx client. What its data held at every moment of a reading is what nobody
may lose: `Liar.always`.
"""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import urlencode

import httpx

from local.peers.provider import BASES

PATH = BASES["1.2"] + "/users"


@dataclass(frozen=True)
class Lies:
    """How the provider is; the defaults are those of an honest one that announces nothing.

    `broken` says what is answered in place of a page: by the number of the request, from 0, or by "from 200", every request
    that begins at that record or behind it. `moves` says after which request which change is made to the data.
    """

    cap: int = 100
    total: str = "none"
    link: str = "none"
    offsets: str = "records"
    order: str = "asc"
    wrap: str = "users"
    encoding: str = "plain"
    broken: Mapping[int | str, str] = field(default_factory=dict)
    moves: Mapping[int, str] = field(default_factory=dict)
    nulls_at: frozenset[int] = frozenset()
    always_next: bool = False
    varies: int = 0  # pages of up to so many records, another number each time
    cached: bool = False  # a proxy in front that answers every request as the first
    most: int = 1 << 30  # records that it gives in all, without a word
    scope_shrinks: int | None = None  # after so many requests the sign-in sees the last fifty alone
    members: tuple[str, ...] = ("sourcedId", "givenName")
    deleted: frozenset[str] = frozenset()
    beside: Mapping[str, object] = field(default_factory=dict)  # what each page says besides its records
    headers: Mapping[str, str] = field(default_factory=dict)  # and in its headers
    refuses_above: int = 0  # 400 where more records a page are asked for; 0: never
    refuses_with: str = '{"imsx_codeMinor":"invaliddata","imsx_description":"limit must be between 1 and %d"}'  # as it says that
    hidden: tuple[int, int] = (0, 0)  # these it leaves out of its pages after it has cut them, as one does who filters too late


FAILURE = {"imsx_codeMajor": "failure", "imsx_severity": "error", "imsx_description": "The roster service is down"}
BODIES: dict[str, tuple[int, bytes]] = {
    "400": (400, b'{"imsx_codeMajor":"failure","imsx_codeMinor":"invaliddata","imsx_description":"offset too large"}'),
    "404": (404, b'{"imsx_codeMajor":"failure","imsx_codeMinor":"unknownobject"}'),
    "403": (403, b"{}"),
    "500": (500, b'{"error":"index"}'),
    "416": (416, b""),
    "204": (204, b""),
    "window": (400, b'{"error":"result window is too large"}'),
    "null": (200, b'{"users":null}'),
    "null alone": (200, b"null"),
    "object": (200, b"{}"),
    "empty": (200, b'{"users":[]}'),
    "bare empty": (200, b"[]"),
    "nothing": (200, b""),
    "failure": (200, json.dumps({**FAILURE, "users": []}).encode()),
    "old failure": (200, json.dumps({"statusInfoSet": [FAILURE], "users": []}).encode()),
    "error beside": (200, b'{"error":"timeout","users":[]}'),
    "errors": (200, b'[{"error":"server_busy","message":"Try later"}]'),
    "errors named": (200, b'{"users":[{"imsx_codeMajor":"failure","imsx_description":"no rights"}]}'),
    "error list": (200, b'{"errors":[{"code":"E17","detail":"no rights"}]}'),
    "html": (200, b"<html>Please sign in</html>"),
    "another list": (200, b'{"warnings":[]}'),
    "redirect": (302, b""),
    "redirect nowhere": (302, b""),
    "text": (200, b"OK"),
    "processing": (200, b'{"imsx_codeMajor":"processing","imsx_description":"Export is running","users":[]}'),
    "severity": (200, b'{"imsx_StatusInfo":{"imsx_codeMajor":"success","imsx_severity":"error"},"users":[]}'),
    "message": (200, b'{"users":[],"message":"Rate limit exceeded"}'),
    "problem": (200, b'{"type":"about:blank","title":"Too many requests","status":429,"users":[]}'),
    "no more": (200, b'{"users":[],"message":"No more records found."}'),
    "nested": (200, b'{"data":{"users":[]}}'),
    "keyed": (200, b'{"users":{}}'),
    "partial": (206, b'{"users":[]}'),
    "xml": (200, b'<?xml version="1.0"?><users/>'),
    "lines": (200, b'{"sourcedId":"u001"}\n{"sourcedId":"u002"}\n'),
    "python": (200, b"{'users': []}"),
    "NaN": (200, b'{"users":[{"sourcedId":NaN}]}'),
    "two lists": (200, b'{"users":[],"orgs":[]}'),
    "named twice": (200, b'{"users":[{"sourcedId":"u099"}],"users":[]}'),
}

# What a liar may be drawn from; a value that stands twice is drawn twice as often.
TRAITS: dict[str, list[Any]] = {
    "cap": [1, 2, 7, 10, 15, 45, 100],
    "total": ["none", "none", "right", "page", "low", "high", "text", "jitter", "two", "last page"],
    "link": ["none", "none", "right", "cursor", "only with next", "no brackets", "relative", "no query", "titled",
             "lost at 1", "lost at 2", "circle", "by limit", "skips one", "pages by limit"],
    "offsets": ["records", "records", "records", "pages", "ignored", "from one", "numbers", "wrap", "one late", "one early"],
    "order": ["asc", "desc", "none", "each time"],
    "wrap": ["users", "users", "items", "bare", "data.users"],
    "always_next": [False, True],
    "varies": [0, 0, 0, 9],
    "beside": [{}, {}, {}, {"hasMore": True}, {"meta": {"total": 45}}, {"message": "Truncated"}, {"next": None, "total": 7}],
    "cached": [False, False, False, True],
    "scope_shrinks": [None, None, None, 1, 2, 4],
    "headers": [{}, {}, {}, {"X-Total-Pages": "9"}, {"Content-Range": "items 0-9/45"}],
    "hidden": [(0, 0), (0, 0), (0, 0), (8, 31)],
    "refuses_above": [0, 0, 7, 50],
    "most": [1 << 30, 1 << 30, 10, 37, 45, 100],
}  # fmt: skip
BREAKS = [*BODIES, "cut", "cut json", "short 1", "short 2", "short 7"]
BROKEN_AT: list[int | str] = [*range(13), "from 9", "from 18", "from 20", "from 27", "from 40", "from 44", "from 45"]
MOVES = ["delete", "add", "touch"]


class _Body(httpx.SyncByteStream):
    def __init__(self, body: bytes, cut: bool = False) -> None:
        self._body, self._cut = body, cut

    def __iter__(self) -> Iterator[bytes]:
        if self._cut:
            yield self._body[: len(self._body) // 2]
            raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")
        yield self._body


class Liar(httpx.BaseTransport):
    """`ids` is its data now, `always` what it has held since it was made."""

    def __init__(self, ids: list[str], lies: Lies, seed: int = 0) -> None:
        self.lies, self._random = lies, Random(seed)
        self.ids = self._ordered(ids)
        self._hidden = frozenset(sorted(ids)[slice(*lies.hidden)])
        self.always = set(self.ids) - self._hidden
        self.requests = 0
        self._cached: list[str] = []
        self._ended = 0

    def _ordered(self, ids: list[str]) -> list[str]:
        if self.lies.order == "none":
            ids = list(ids)
            Random(7).shuffle(ids)
            return ids
        return sorted(ids, reverse=self.lies.order == "desc")

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        number, self.requests = self.requests, self.requests + 1
        if number == self.lies.scope_shrinks:
            self.ids = self.ids[-50:]
        query = dict(request.url.params)
        try:
            return self._response(number, query)
        finally:
            self._move(self.lies.moves.get(number, ""))

    def _response(self, number: int, query: dict[str, str]) -> httpx.Response:
        own = self.lies
        offset, limit = int(query.get("offset", query.get("cursor", "0"))), int(query.get("limit", "100"))
        size = min(limit, own.cap)
        at = {
            "records": offset, "pages": offset // size * size, "ignored": 0, "from one": max(0, offset - 1),
            "numbers": offset * size, "wrap": offset % max(1, len(self.ids)), "at most 150": min(offset, 150),
            "one late": offset + bool(offset), "one early": max(0, offset - 1),
        }[own.offsets]  # fmt: skip
        if own.refuses_above and limit > own.refuses_above:
            says = own.refuses_with.replace("%d", str(own.refuses_above)).encode()
            return httpx.Response(400, headers={"Content-Type": "application/json"}, stream=_Body(says))
        how = own.broken.get(number, "")
        for name, value in own.broken.items():
            if isinstance(name, str) and offset >= int(name.split()[1]):
                how = value
        if how.startswith("short"):
            size = min(size, int(how.split()[1]))
        elif how == "cut":
            return httpx.Response(200, stream=_Body(self._body(self.ids[at : at + size], at), cut=True))
        elif how == "cut json":
            whole = self._body(self.ids[at : at + size], at)
            return httpx.Response(200, stream=_Body(whole[: len(whole) // 2]))
        elif how:
            status, body = BODIES[how]
            where = {"redirect": "https://elsewhere.example/users", "redirect nowhere": "https://sis.example:99999/"}
            return httpx.Response(status, headers={"Location": where.get(how, "")}, stream=_Body(body))
        if own.order == "each time":
            self._random.shuffle(self.ids)
        if own.varies:
            size = min(size, 1 + self._random.randrange(own.varies))
        backwards = own.order == "asc" and query.get("orderBy") == "desc"  # who orders does so before anything is cut
        shown = (self.ids[::-1] if backwards else self.ids)[: own.most][at : at + size]
        if own.cached:
            shown = self._cached = self._cached or shown
        headers = [("Content-Type", "application/json"), *self._announced(at, shown), *self._links(at, shown, query, number)]
        headers += own.headers.items()
        shown = [each for each in shown if each not in self._hidden]
        body = self._body(shown, at)
        if own.encoding == "gzip":
            body = gzip.compress(body)
        elif own.encoding == "two members":
            body = gzip.compress(body[:50]) + gzip.compress(body[50:])
        elif own.encoding == "cut gzip":
            body = gzip.compress(body)[:-20]
        elif own.encoding == "bare deflate":
            packer = zlib.compressobj(wbits=-15)
            body = packer.compress(body) + packer.flush()
        elif own.encoding == "utf-16":
            body = body.decode().encode("utf-16")
        if own.encoding not in ("plain", "utf-16"):
            headers.append(("Content-Encoding", "deflate" if own.encoding == "bare deflate" else "gzip"))
        return httpx.Response(200, headers=headers, stream=_Body(body))

    def _body(self, shown: list[str], at: int) -> bytes:
        own = self.lies
        records: list[object] = [None if at + place in own.nulls_at else self._record(each) for place, each in enumerate(shown)]
        document: object = records if own.wrap == "bare" else {own.wrap: records, **own.beside}
        if own.wrap == "data.users":
            document = {"data": {"users": records}, **own.beside}
        return json.dumps(document, ensure_ascii=False).encode()

    def _record(self, sourced_id: str) -> dict[str, str]:
        status = "tobedeleted" if sourced_id in self.lies.deleted else "active"
        values = {"sourcedId": sourced_id, "givenName": "Zoë", "status": status}
        return {name: values[name] for name in self.lies.members}

    def _announced(self, at: int, shown: list[str]) -> list[tuple[str, str]]:
        number = len(self.ids)
        totals = {
            "right": str(number), "page": str(len(shown)), "low": str(number - 37), "high": str(number + 7),
            "text": "many", "jitter": str(number + self._random.choice((-1, 0, 1))), "twice": f"{number}, {number}",
            "two": f"{number}, {number + 1}",
            "zero": "0", "thousands": "1,250", "everybody": "9000", "words": f"{number} records",
            "huge": "9" * 5000, "negative": "-1", "decimal": f"{number}.0",
            "last page": str(at + len(shown)), "capped": str(min(number, self.lies.most)),
        }  # fmt: skip
        return [("X-Total-Count", totals[self.lies.total])] if self.lies.total in totals else []

    def _links(self, at: int, shown: list[str], query: dict[str, str], number: int) -> list[tuple[str, str]]:
        own, end = self.lies.link, at + len(shown)
        if own == "none":
            return []
        more = end < len(self.ids) or self.lies.always_next
        if own.startswith("lost at ") and number == int(own.rsplit(" ", 1)[1]):
            more = False
        following = urlencode({**query, "offset": str(end)})
        if own == "circle":  # from record 200 on back to record 60
            circling = urlencode({"cursor": str(end if end < 200 else 60), "limit": "20"})
            return [("Link", f'<{PATH}?{circling}>; rel="next"')]
        # By the limit that was asked for, whatever the cap; past a record; and as one who counts from one.
        ahead = {"by limit": at + int(query.get("limit", "100")), "skips one": end + 1, "counts from one": end + 1}
        following = urlencode({**query, "offset": str(ahead[own])}) if own in ahead else following
        if own == "pages by limit":  # the cursor counts on by the limit that was asked for, the page is capped
            counted = urlencode({"cursor": str(at + int(query.get("limit", "100"))), "limit": query.get("limit", "100")})
            return [
                ("Link", f'<{PATH}?{counted}>; rel="next"' if at + 100 < len(self.ids) else f'<{PATH}?offset=0>; rel="first"')
            ]
        target = f"https://elsewhere.example{PATH}?{following}"
        first = f'<{PATH}?offset=0>; rel="first"'
        if own == "only with next" and not more:
            return []
        if not more:
            return [("Link", first)]
        forms = {
            "no brackets": f'{target}; rel="next"',
            "titled": f'<{target}>; title="page 2, of 3"; rel="next"',
            "several rels": f'<{target}>; rel="last next"',
            "relative": f"<?{following}>; rel=next",
            "path": f'<{PATH}?{following}>;rel="NEXT"',
            "no query": f'<https://elsewhere.example{PATH}/page/2>; rel="next"',
            "quoted equals": f'<{target}>; title="a=b"; crossorigin; rel="next"',
            "single quotes": f"<{target}>; rel='next'",
            "cursor": f'<{PATH}?{urlencode({"cursor": str(end), "limit": query.get("limit", "100")})}>; rel="next"',
        }
        link = forms.get(own, f'<{target}>; rel="next"')
        return [("Link", link), ("Link", first)] if own == "two headers" else [("Link", f"{link}, {first}")]

    def _move(self, how: str) -> None:
        """Change the data as others do meanwhile: "delete 45", "add 3" (at that place of the order), "touch 45" (moved to the
        end, as in an order by time)."""
        if not how or not self.ids:
            return
        what, place = how.split()
        at = int(place) % len(self.ids)
        if what == "delete":
            self.always.discard(self.ids.pop(at))
        elif what == "add":
            self._ended += 1
            self.ids.insert(at, f"{self.ids[at]}+{self._ended}")
        elif what == "touch" and self.lies.order == "none":
            self.ids.append(self.ids.pop(at))
