"""What a OneRoster provider's answer says: its records, what it announces, whether and when to ask again.

Only reads and decides; `rest.py` sends and sleeps. Tolerant in form, never in meaning: an answer that can't be told from
an empty list for certain is an error. Source: OneRoster REST Binding 1.1 and 1.2, and what providers really send.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

import msgspec

# A provider that asks for more is down for this run; a Lambda must end within 900 s and has its own work to do.
LONGEST_WAIT_S = 120.0
FIRST_WAIT_S = 1.0
ATTEMPTS = 5
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
SINGULAR = {"classes": "class", "demographics": "demographic"}
NEXT_LINK = re.compile(r"<([^>]*)>\s*;[^,<]*\brel\s*=\s*[\"']?next\b", re.IGNORECASE)

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """An HTTP answer as it came. `status` 0: there was none, `late`: none in time. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    late: bool = False

    @property
    def too_much(self) -> bool:
        """Whether less may be answered where this was not."""
        return self.late or self.status == 504


@dataclass(frozen=True)
class Page:
    """A list's page. `ids` in the order sent, "" where a record has none; `total` is what the provider announces.

    `query` is that of the `Link` header's next page; None where there is no `Link` header, {} where it names no next.
    """

    ids: tuple[str, ...]
    total: int | None = None
    query: Mapping[str, str] | None = None


class NoPage(Exception):
    """The answer is no page of a list; the message says what it is instead."""


def wait_s(answer: Answer, attempt: int, now: datetime, chance: float) -> float | None:
    """Seconds to wait before asking again, `attempt` (from 1) having failed; None when it is no use.

    `Retry-After` in both its forms (RFC 9110, 10.2.3) is obeyed; without it the wait doubles. `chance` is from 0 to 1.
    """
    if answer.status and answer.status not in PASSING:
        return None
    asked = _retry_after_s(answer.headers.get("retry-after", ""), now)
    if attempt >= ATTEMPTS or (asked is not None and asked > LONGEST_WAIT_S):
        return None
    return asked if asked is not None else FIRST_WAIT_S * 2 ** (attempt - 1) * (0.5 + chance / 2)


def _retry_after_s(said: str, now: datetime) -> float | None:
    if said.strip().isdigit():
        return float(said)
    try:
        return max(0.0, (parsedate_to_datetime(said) - now).total_seconds())
    except (TypeError, ValueError):
        return None


def page_of(answer: Answer, path: str) -> Page:
    """Raises NoPage. `path` is the list's, e.g. /users or /schools/1/students."""
    heads = _usual_heads(answer, path) or _decoded(_records(answer, path), _HEADS)
    return Page(
        ids=tuple([str(head.sourcedId) if head.sourcedId is not None else "" for head in heads]),
        total=_total(answer),
        query=_next_query(answer.headers.get("link")),
    )


def records_of(body: bytes, path: str) -> list[dict[str, object]]:
    """The records of a page that `page_of` has read before."""
    return _decoded(_records(Answer(200, {}, body), path), _RECORDS)


class _Head(msgspec.Struct):
    sourcedId: str | int | None = None  # noqa: N815  the standard's spelling


_USUAL = msgspec.json.Decoder(dict[str, list[_Head]])
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw] | list[msgspec.Raw] | None)
_HEADS = msgspec.json.Decoder(list[_Head])
_RECORDS = msgspec.json.Decoder(list[dict[str, object]])


def _usual_heads(answer: Answer, path: str) -> list[_Head] | None:
    """Of a page in the standard's own form, which is read in one pass; None of any other."""
    try:
        members = _USUAL.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return members.get(_entity(path)) if len(members) == 1 else None


def _decoded(raw: bytes, decoder: "msgspec.json.Decoder[T]") -> T:
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as trouble:
        raise NoPage("its JSON is not a list of records") from trouble


def _records(answer: Answer, path: str) -> bytes:
    """The JSON array of the page's records."""
    body = answer.body.removeprefix(b"\xef\xbb\xbf")
    if answer.status == 204:
        return b"[]"
    if not body.strip():
        raise NoPage("the answer is empty")
    if body.lstrip()[:1] == b"<":
        raise NoPage("the answer is a web page, as of a sign-in form, and not data")
    members = _decoded(body, _MEMBERS)
    if not isinstance(members, dict):
        return body if members is not None else b"[]"
    if not members:
        return b"[]"  # the standard lets a list without records be sent so
    name = _wrapper(members, path)
    if name is None:
        raise NoPage(f"the answer has no list of records, but {', '.join(sorted(members))[:100]}")
    raw = bytes(members[name])
    if raw == b"null":
        return b"[]"
    return b"[" + raw + b"]" if raw[:1] == b"{" else raw


def _entity(path: str) -> str:
    """What the list at `path` is of, by the standard's name."""
    last = path.rstrip("/").rsplit("/", 1)[-1]
    return {"schools": "orgs", "students": "users", "teachers": "users", "terms": "academicSessions"}.get(last, last)


def _wrapper(members: Mapping[str, msgspec.Raw], path: str) -> str | None:
    """The member that holds the records: by the standard's name, the path's own, the singular, or as the only list."""
    last, known = path.rstrip("/").rsplit("/", 1)[-1], _entity(path)
    singular = [SINGULAR.get(each, each.removesuffix("s")) for each in (known, last)]
    folded = {name.casefold(): name for name in members}
    for name in (known, last, *singular):
        if name.casefold() in folded:
            return folded[name.casefold()]
    lists = [name for name, raw in members.items() if bytes(raw)[:1] == b"["]
    return lists[0] if len(lists) == 1 and not lists[0].startswith("imsx") and lists[0] != "statusInfoSet" else None


def _total(answer: Answer) -> int | None:
    said = answer.headers.get("x-total-count", "").strip()
    return int(said) if said.isdecimal() else None


def _next_query(link: str | None) -> Mapping[str, str] | None:
    """Only the query is kept, so that no link leads away from where the group points."""
    if link is None:
        return None
    found = NEXT_LINK.search(link)
    return dict(parse_qsl(urlsplit(found[1]).query)) if found else {}


def said(answer: Answer) -> str:
    """The provider's own word on an error, from any of the forms they send it in; empty when there is none."""
    try:
        told = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    words = sorted(set(_codes(told)))
    return ", ".join(words)[:200]


def _codes(told: object) -> list[str]:
    """Codes alone: a description may quote what was asked for, and that may be a person."""
    if isinstance(told, list):
        return [word for each in told for word in _codes(each)]
    if not isinstance(told, dict):
        return []
    named = ("imsx_codeminor", "imsx_codeminorfieldvalue", "error", "errorcode")
    own = [value for name, value in told.items() if str(name).casefold() in named and isinstance(value, str)]
    return [word for word in own if re.fullmatch(r"[\w.-]{1,60}", word)] + [
        word for value in told.values() for word in _codes(value)
    ]
