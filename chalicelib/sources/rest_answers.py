"""What a OneRoster provider's answer says: its records, what it announces, whether and when to ask again.

Only reads and decides; `rest.py` sends and sleeps. Tolerant in form, never in meaning: an answer without records that is not
certainly an empty list says so (`Page.unclear`). Source: OneRoster REST Binding 1.1 and 1.2, and what providers really send.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

import msgspec
import weblinking

from chalicelib.model.causes import Cause

# A provider that asks for more is down for this run; a Lambda must end within 900 s and has its own work to do.
LONGEST_WAIT_S = 120.0
FIRST_WAIT_S = 1.0
ATTEMPTS = 5
# The standard's, and those that hosts and proxies made up: 509 for too much traffic, 520 to 530, 598 and 599 where nobody behind
# them answers.
PASSING = frozenset({202, 408, 425, 429, 500, 502, 503, 504, 509, *range(520, 531), 598, 599})
TOO_SLOW = frozenset({504, 524, 598})
SINGULAR = {"classes": "class", "demographics": "demographic"}
NUMBER = re.compile(r"[0-9]{1,12}")
LONGEST_REASON = 200
TOKEN_ENDED = re.compile(
    r"(invalid|expired)[ _-]?token|(token|session)\b.{0,30}\b(expired|timed out|revoked|not valid|no longer valid|invalid)",
    re.IGNORECASE,
)
# What providers put into the words of each error anew: ids of a request, record numbers, times. A status is no such number.
_TRACE = re.compile(r"(?<!status )\b(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,}|\d[\d,.:TZ-]*)\b", re.IGNORECASE)
EMAIL = re.compile(r"[^\s@,;<>\"']+@[^\s@,;<>\"']+")
CODES = frozenset({"imsx_codeminor", "imsx_codeminorfieldvalue", "error", "errorcode", "error_code", "code"})
WORDS = frozenset({"imsx_description", "error_description", "description", "message", "detail"})
ERROR_MEMBERS = frozenset({"imsx_codemajor", "imsx_codeminor", "imsx_description", "statusinfoset", "error", "errors"})
FAILURES = frozenset({"failure", "unsupported", "processing"})
# What an empty list's answer may contain besides. Anything else there, e.g. a limit that was reached, may be why it is empty.
SAYS_NOTHING = re.compile(
    r"(200 )?ok|none|null|n/?a|(there (is|are|was|were) )?(no|0)[ _-]?(errors?|faults?|exceptions?|failures?)"
    r"( (were |was )?(found|occurred|reported))?"
    r"|((the )?(request|query|operation|call) (was |is |has )?(been )?)?(success\w*|completed|processed)( success\w*)?"
    r"|end of (the )?(list|results?|data|collection|records)"
    r"|(success\w* )?((retrieved|returned|found|fetched) )?(no|0) ((more|matching) )?"
    r"(records?|results?|data|items?|rows?|users?|classes|courses|enrollments?|orgs?)( (were|was|are))?( (found|available))?",
    re.IGNORECASE,
)
# What a page says beside its records, in its body or in headers, where it is one of more: names in lower case, without "_", "-"
# and a header's "X-".
MORE_IS_TRUE = frozenset(
    {"hasmore", "hasnext", "hasnextpage", "moreavailable", "truncated", "istruncated", "partial", "incomplete"}
)
NEXT_IS_NAMED = frozenset(
    {"next", "nextpage", "nextlink", "nextpagelink", "nextcursor", "nextpagetoken", "nexttoken", "@odata.nextlink",
     "odata.nextlink", "nexturl", "nexturi", "nexthref", "nextpageurl", "nextpageuri", "nextrecordsurl", "nextmarker",
     "hydra:next", "continuationtoken"}
)  # fmt: skip
LAST_IS_FALSE = frozenset({"last", "islast", "lastpage", "islastpage", "done", "isdone", "iscomplete"})  # of a page
NAMES_NONE = frozenset({"", "0", "-1", "null", "none", "false", "undefined"})
TOTALS = frozenset({
    "total", "totalcount", "totalrecords", "totalitems", "totalresults", "totalelements", "totalrows", "totalhits", "count",
    "recordcount", "@odata.count",
})  # fmt: skip
PAGES_IN_ALL = frozenset({"totalpages", "pagecount", "numpages", "numberofpages", "lastpage"})
PAGES_OR_ROWS = "pagecount"  # some call the number of records on this page so
ERRORS_BESIDE = frozenset({"error", "errors", "fault", "exception"})
STATUSES = frozenset({"code", "errorcode", "status", "statuscode"})
# Where false is what speaks of an error, and true is none.
SUCCEEDS = frozenset({"success", "issuccess", "succeeded", "successful", "ok", "valid", "isvalid", "complete", "completed"})
LEADS_TO = frozenset({"href", "url", "uri", "link", "cursor", "token", "@id"})
# Objects of these names tell of something else: of the other collections (without the standard's "results" and "resources",
# which others call any list), or of how often may be asked.
COLLECTIONS = frozenset({
    "orgs", "schools", "academicsessions", "terms", "gradingperiods", "courses", "classes", "enrollments", "users",
    "students", "teachers", "demographics", "lineitems",
})  # fmt: skip
ANOTHER_LIST, REQUESTS = "another list", "requests"
OF_REQUESTS = frozenset({"rate", "rates", "ratelimit", "ratelimits", "quota", "quotas", "limit", "limits"})
OF_A_RANGE = re.compile(r".*/\s*([0-9]{1,12})\s*")  # Content-Range: items 0-99/250
IS_CUT = re.compile(
    r"truncat|incomplete|partial|only (a )?part|part of the|limited to|only the first|first \d+|exceed|timed? ?out|not all ",
    re.IGNORECASE,
)
# What is said of one page, or of the limit that was asked for, is no cut of the list.
PER_PAGE = re.compile(
    r"(limited to|(only )?(the )?first|at most|up to|no more than|max(imum)?( of)?) [\d,]+( [a-z]+)?"
    r" (per|a|each|every|in (a|one|each)) (single )?(page|request|call|response)\b",
    re.IGNORECASE,
)
LIMIT_TOO_LARGE = re.compile(
    r"\b(limit|page[ _-]?size)( of)?( [\d,]+)? (exceeds|is (above|larger than)) (the |our )?(allowed )?max(imum)?"
    r"( (limit|page[ _-]?size))?( of)?( [\d,]+)?",
    re.IGNORECASE,
)
LONGEST_REFUSAL = 2000
OF_A_LIMIT = re.compile(r"limit|page.?size|per.?page|max.?results|too many (records|results|rows|items)", re.IGNORECASE)
OF_A_BOUND = re.compile(
    r"limit|max|at most|up to|between|less|fewer|exceed|greater|larger|higher|above|below|under|beyond|more than|range|size|<|≤",
    re.IGNORECASE,
)
BOUNDS = frozenset({"le", "lt", "lte", "upper", "allowed"})
A_NUMBER_IN_WORDS = re.compile(r"(?<![\w.,:-])(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,9})(?![\w:-]|[.,][0-9])")
REASON_MEMBERS = WORDS | {"title", "fault", "exception", "warning", "warnings"}

T = TypeVar("T")
BAD_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, its body as UTF-8 text. `status` 0: there was none, `late`: none in time, `cut`: its end is missing.

    `unreadable` says why its body can't be read. Header names are lower case.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    late: bool = False
    cut: bool = False
    unreadable: str = ""

    @property
    def is_passing(self) -> bool:
        """Whether asking again may help: the list is being made (202), or a limit was reached that firewalls tell by 403."""
        return not self.status or self.status in PASSING or (self.status == 403 and "retry-after" in self.headers)

    @property
    def too_much(self) -> bool:
        """Whether less may be answered where this was not."""
        return self.late or self.status in TOO_SLOW


@dataclass(frozen=True)
class Page:
    """A collection's page. `ids` in the order sent, "" where a record has none; `total` is what the provider announces.

    `next` is the query of the next page that a `Link` header names; `links`: there is such a header that can be read.
    `unclear`: why a page without records is no proper empty list, and so says nothing about the collection's end. What the body
    or a header says beside the records: `told`, how many there are in all at least; `pages`, how many pages, by a name
    that others give to a page's records; `more`, that others follow; `cut`, that they are not all. `within`: where the list
    stands, if not under its own name at the top: the object around it (`{"data": {"users": [...]}}`), or its other name.
    """

    ids: tuple[str, ...]
    total: int | None = None
    next: Mapping[str, str] | None = None
    links: bool = False
    unclear: Cause | None = None
    told: int = 0
    pages: int = 0
    more: str = ""
    cut: str = ""
    within: str = ""


class NoPage(Exception):
    """The answer is no page of a collection; `cause` says what it is instead."""

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.cause = Cause(message, kind)


def wait_s(answer: Answer, attempt: int, now: datetime, jitter: float) -> float | None:
    """Seconds to wait before asking again, `attempt` (from 1) having failed; None when it is no use.

    `Retry-After` in both its forms (RFC 9110, 10.2.3) is respected; without it the wait doubles. `jitter` is from 0 to 1.
    """
    if not answer.is_passing:
        return None
    asked = asked_wait_s(answer, now)
    if attempt >= ATTEMPTS or (asked is not None and asked > LONGEST_WAIT_S):
        return None
    return asked if asked is not None else FIRST_WAIT_S * 2 ** (attempt - 1) * (0.5 + jitter / 2)


def asked_wait_s(answer: Answer, now: datetime) -> float | None:
    """Seconds that `Retry-After` asks to wait; None where it says nothing that can be read."""
    header = answer.headers.get("retry-after", "")
    if re.fullmatch(r"[0-9]+(\.[0-9]*)?", header.strip()):
        return float(header)
    try:
        return max(0.0, (parsedate_to_datetime(header) - now).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return None


def most_a_page(answer: Answer, asked: int) -> int | None:
    """How many records a page the provider gives at most, by its words for refusing `asked` of them; None where it says nothing
    of that. A guess, which the next question tries: the largest number below `asked` where it speaks of a bound."""
    try:
        body: object = msgspec.json.decode(answer.body)
    except BAD_JSON:
        body = answer.body[:LONGEST_REFUSAL].decode("utf-8", "replace")
    said = [(_name(name), value) for name, value in islice(_leaves("", body), 200)]
    if not any(OF_A_LIMIT.search(f"{name} {value}") for name, value in said if isinstance(value, str | int)):
        return None
    words = [value[:LONGEST_REFUSAL] for _, value in said if isinstance(value, str) and OF_A_BOUND.search(value)]
    numbers = {int(each.replace(",", "")) for text in words for each in A_NUMBER_IN_WORDS.findall(text)}
    numbers |= {value for name, value in said if type(value) is int and (name in BOUNDS or OF_A_BOUND.search(name))}
    return max((each for each in numbers - {answer.status} if 0 < each < asked), default=None)


def token_has_ended(answer: Answer) -> bool:
    """Whether an error of another status than 401 says that the token has."""
    return 400 <= answer.status < 500 and bool(TOKEN_ENDED.search(provider_reason(answer)))


def page_of(answer: Answer, path: str, within: str = "") -> Page:
    """Raises NoPage. `path` is the collection's, e.g. /users or /schools/1/students; `within` is that of the pages before it."""
    if answer.unreadable:
        raise NoPage(answer.unreadable)
    found, unclear = _usual_heads(answer, path), None
    if found is None:
        raw, unclear, within = _records(answer, path, within)
        heads = [_head(each) for each in raw]
        if raw and not any(head and head.sourcedId not in (None, "") for head in heads) and _are_errors(raw):
            raise _reported("the provider sends errors in place of records", answer)
    else:
        heads, within = found, ""
        if not heads or not any(head and head.sourcedId not in (None, "") for head in heads):
            _raise_for_errors(answer, path)
    links = weblinking.parse(answer.headers.get("link", ""))
    beside = {**_headers(answer), **({} if found is not None or unclear else _beside_records(answer.body, path, within))}
    told, pages, more, cut = _beside(beside, len(heads), path)
    return Page(
        ids=tuple([str(head.sourcedId) if head and head.sourcedId is not None else "" for head in heads]),
        total=_total(answer),
        next=_next_query(links),
        links=bool(links),
        unclear=unclear,
        told=max(told, _before_the_last(links, len(heads))),
        pages=pages,
        more=more,
        cut=cut,
        within=within,
    )


def records_of(body: bytes, path: str) -> Iterator[Mapping[str, object] | None]:
    """The records of a page that `page_of` has read before; None for one that is none (null, a text), or can't be read."""
    try:
        members = _USUAL_RECORDS.decode(body)
    except BAD_JSON:
        members = {}
    if len(members) == 1 and _entity(path) in members:
        yield from members[_entity(path)]
        return
    raw, _, _ = _records(Answer(200, {}, body), path)
    for each in raw:
        try:
            yield _RECORD.decode(each)
        except BAD_JSON:
            yield None


def member_names(body: bytes, path: str) -> set[str]:
    """The members that the page's records have; of one that `page_of` has read before."""
    return {name for record in records_of(body, path) for name, value in (record or {}).items() if value not in (None, [], "")}


class _Head(msgspec.Struct):
    sourcedId: str | int | float | None = None  # noqa: N815  the standard's spelling


_USUAL = msgspec.json.Decoder(dict[str, list[_Head | None]])
_USUAL_RECORDS = msgspec.json.Decoder(dict[str, list[dict[str, object] | None]])
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw] | list[msgspec.Raw] | None)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANY = msgspec.json.Decoder(object)
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_HEAD = msgspec.json.Decoder(_Head)
_RECORD = msgspec.json.Decoder(dict[str, object])


def _usual_heads(answer: Answer, path: str) -> "list[_Head | None] | None":
    """Of a page in the standard's own form, which is read in one pass; None of any other."""
    try:
        members = _USUAL.decode(answer.body)
    except BAD_JSON:
        return None
    return members.get(_entity(path)) if len(members) == 1 else None


def _head(raw: msgspec.Raw) -> "_Head | None":
    try:
        return _HEAD.decode(raw)
    except BAD_JSON:
        return None


def _decoded(raw: bytes, decoder: "msgspec.json.Decoder[T]") -> T:
    try:
        return decoder.decode(raw)
    except BAD_JSON as trouble:
        raise NoPage("its JSON is not a list of records") from trouble


def _records(answer: Answer, path: str, within: str = "") -> tuple[list[msgspec.Raw], Cause | None, str]:
    """The page's records; where there are none, why that is no proper empty list; and in which object the list stands."""
    body = answer.body
    if answer.status == 204:
        return [], Cause("the answer has status 204 and no list"), ""
    if not body.strip():
        raise NoPage("the answer is empty")
    if body.lstrip()[:1] == b"<":
        raise NoPage("the answer is a web page, as of a sign-in form, and not data")
    members = _decoded(body, _MEMBERS)
    if members is None:
        return [], Cause("the answer is null and no list"), ""
    if not isinstance(members, dict):
        return list(members), None if members else Cause("the answer is a list without a name, and empty"), ""
    if not members:
        return [], Cause("the answer is an empty object and no list"), ""
    opened, layer = _unwrapped(members, path)
    if _failed(members) or _failed(opened):
        raise _reported("the provider reports a failure", answer)
    name = _wrapper(opened, path, within)
    if name is None:
        if any(each.casefold() in ERROR_MEMBERS for each in members):
            raise _reported("the provider reports an error", answer)
        raise NoPage("the answer has no list of records, but " + ", ".join(sorted(map(_plain, members)))[:100])
    within = layer or ("" if name.casefold() in _names(path) else _plain(name)[:40])
    raw = bytes(opened[name])
    if raw == b"null":
        return [], Cause(f'the answer says "{_plain(name)}": null and has no list', "null in place of a list"), within
    if raw[:1] == b"{":
        return [opened[name]], None, within
    found = _decoded(raw, _RAWS)
    return found, None if found else _why_empty(answer, {each: value for each, value in opened.items() if each != name}), within


def _why_empty(answer: Answer, beside: Mapping[str, msgspec.Raw]) -> Cause | None:
    """What is said beside an empty list that may be why it is empty."""
    values = {each: _decoded(bytes(value), _ANY) for each, value in beside.items()}
    if any(each.casefold() in ERROR_MEMBERS and _error_words(each, value) for each, value in values.items()):
        raise _reported("the provider reports an error", answer)
    for reason in map(_plain, _texts(values, REASON_MEMBERS)):
        if (left := PER_PAGE.sub("", reason).strip(" .")) and not SAYS_NOTHING.fullmatch(left):
            message = f"the list is empty, and the provider says: {reason[:LONGEST_REASON]}"
            return Cause(message, without_traces(message))
    return None


def _unwrapped(members: Mapping[str, msgspec.Raw], path: str) -> tuple[Mapping[str, msgspec.Raw], str]:
    """The members with those of the one object in them that has the list by the standard's name or the path's, as in
    `{"data": {"users": [...]}}`, and that object's name; as they are where none has it, or more than one could be meant."""
    if _wrapper(members, path) is not None:
        return members, ""
    names = {_entity(path).casefold(), path.rstrip("/").rsplit("/", 1)[-1].casefold()}
    inner = {name: _decoded(bytes(raw), _OBJECT) for name, raw in members.items() if bytes(raw)[:1] == b"{"}
    lists = [(name, each) for name, own in inner.items() for each, raw in own.items() if each.casefold() in names and raw]
    if len(lists) != 1 or lists[0][1] in members or bytes(inner[lists[0][0]][lists[0][1]])[:1] != b"[":
        return members, ""
    within = lists[0][0]
    outer = {name: raw for name, raw in members.items() if name != within}
    twice = {name: raw for name, raw in inner[within].items() if name in outer}
    kept = {within: msgspec.Raw(msgspec.json.encode(twice))} if twice else {}
    return {**inner[within], **outer, **kept}, _plain(within)[:40]


def _beside_records(body: bytes, path: str, within: str) -> dict[str, object]:
    """What a body holds besides its list."""
    members = _decoded(body, _MEMBERS)
    if not isinstance(members, dict):
        return {}
    opened, _ = _unwrapped(members, path)
    list_name = _wrapper(opened, path, within)
    return {name: _decoded(bytes(raw), _ANY) for name, raw in opened.items() if name != list_name}


def _headers(answer: Answer) -> dict[str, object]:
    """Those by which a page may say that it is one of more; `X-Total-Count` and `Link` are read by themselves."""
    found: dict[str, object] = {}
    for name, value in answer.headers.items():
        plain = name.removeprefix("x-")
        if name == "content-range":
            size = OF_A_RANGE.fullmatch(value)
            found["total"] = size[1] if size else None
        elif name == "warning":
            found["warning"] = value
        elif _name(plain) in TOTALS | PAGES_IN_ALL | MORE_IS_TRUE | NEXT_IS_NAMED and name != "x-total-count":
            found[plain] = value
        elif plain in ("pagination", "paging", "page-info") and value.lstrip()[:1] == "{":
            found[plain] = _read_or_none(value)
    return found


def _read_or_none(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except BAD_JSON:
        return None


def _name(given: str) -> str:
    return given.casefold().replace("_", "").replace("-", "")


def _pairs(beside: Mapping[str, object], path: str, depth: int = 3, about: str = "") -> Iterator[tuple[str, object, str]]:
    """What stands there and in the objects in it, each with its name and what it is about: "" where that is the collection at
    `path`, as far as anybody knows."""
    for name, value in beside.items():
        yield name, value, about
        if isinstance(value, dict) and depth:
            yield from _pairs(value, path, depth - 1, about or _what_else(name, path))
        elif isinstance(value, list):  # links in a list, each with its `rel`
            yield from (("next", each, about) for each in value[:20] if isinstance(each, dict) and "next" in _relations(each))


def _relations(link: Mapping[str, object]) -> list[str]:
    """RFC 8288: what a link leads to, in any case, several in one text."""
    said = next((value for name, value in link.items() if name.casefold() in ("rel", "relation", "relationship")), "")
    return [word for each in (said if isinstance(said, list) else [said]) for word in str(each).casefold().split()]


def _what_else(name: str, path: str) -> str:
    """ANOTHER_LIST or REQUESTS where an object of this name is about one of these, and not the collection at `path`; else "".
    A part of a collection, as the students are of the users, is nothing else."""
    folded, last, known = _name(name), path.rstrip("/").rsplit("/", 1)[-1], _entity(path)
    if folded in COLLECTIONS:
        is_own = folded in (known.casefold(), last.casefold()) or (last == known and _entity(folded) == known)
        return "" if is_own else ANOTHER_LIST
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)
    return REQUESTS if any(word.casefold() in OF_REQUESTS for word in words) else ""


def _beside(beside: Mapping[str, object], rows: int, path: str) -> tuple[int, int, str, str]:
    """`Page.told`, `pages`, `more` and `cut`, of a page with `rows` records."""
    if not beside:
        return 0, 0, "", ""
    told, pages, more, failed = 0, 0, "", ""
    for given, value, about in _pairs(beside, path):
        name = _name(given)
        number = int(str(value)) if isinstance(value, int | str) and NUMBER.fullmatch(str(value)) else 0
        if name in ERRORS_BESIDE:
            failed = failed or _error_words(given, value)
        elif name in MORE_IS_TRUE and about != ANOTHER_LIST:
            more = more or (_plain(given)[:40] if str(value).casefold() in ("true", "1", "yes") else "")
        elif about:
            continue
        elif name in LAST_IS_FALSE and (value is False or str(value).casefold() == "false"):
            more = more or f"{_plain(given)[:40]}: false"
        elif name in TOTALS:
            told = max(told, number)
        elif name in PAGES_IN_ALL:
            if name == PAGES_OR_ROWS:
                number = 0 if number == rows else number
                pages = max(pages, number)
            told = max(told, (number - 1) * rows + 1 if number > 1 and rows else 0)
        elif name in NEXT_IS_NAMED and _leads_on(value):
            more = more or _plain(given)[:40]
    reasons = [_plain(each)[:LONGEST_REASON] for each in _texts(beside, REASON_MEMBERS | CODES) + _listed_words(beside)]
    return told, pages, more, failed or next((each for each in reasons if _is_cut(each)), "")


def _is_cut(words: str) -> bool:
    return bool(IS_CUT.search(LIMIT_TOO_LARGE.sub("", PER_PAGE.sub("", words))))


def _leaves(name: str, value: object, depth: int = 6) -> Iterator[tuple[str, object]]:
    """The values that are no lists and objects, each with the name that it stands under; what lies too deep, as a whole."""
    if not isinstance(value, dict | list) or (value and not depth):
        yield name, value
    elif isinstance(value, dict):
        for inner, each in value.items():
            yield from _leaves(inner, each, depth - 1)
    else:
        for each in value:
            yield from _leaves(name, each, depth - 1)


def _leads_on(value: object) -> bool:
    """Whether what is named `next` names anything: by its link, where it is an object with one."""
    links = {name: each for name, each in value.items() if _name(name) in LEADS_TO} if isinstance(value, dict) else {}
    return any(str(each).strip().casefold() not in NAMES_NONE for _, each in _leaves("", links or value))


def _error_words(name: str, value: object) -> str:
    """What an error that is sent beside the records says, in the provider's words where it has some, else by the names of what
    it holds; "" where everything in it is empty, 0, false or null, or says that there is none."""
    said = list(islice((_leaf_words(*leaf) for leaf in _leaves(name, value) if not _says_no_error(*leaf)), 20))
    return (_plain(" ".join(dict.fromkeys(said)))[:LONGEST_REASON] or _plain(name)) if said else ""


def _says_no_error(name: str, value: object) -> bool:
    if _name(name) in SUCCEEDS and value not in (None, ""):
        return str(value).strip().casefold() in ("true", "1", "yes")
    if _name(name) == "status" and value is False:
        return False
    if isinstance(value, str):
        words = value.strip().rstrip(".!")
        is_none = words.casefold() in NAMES_NONE - {"-1"} or SAYS_NOTHING.fullmatch(words) is not None
    else:
        is_none = value is None or value == 0
    return is_none or (_name(name) in STATUSES and str(value) == "200")


def _leaf_words(name: str, value: object) -> str:
    """Only where an error has its words are they shown: elsewhere may stand whom it is about."""
    if isinstance(value, str) and (name.casefold() in REASON_MEMBERS | CODES or _name(name) in ERRORS_BESIDE):
        return value
    return f"{name} {value}" if isinstance(value, int | float) and not isinstance(value, bool) else name


def _listed_words(beside: Mapping[str, object]) -> list[str]:
    """Warnings that are a list of texts."""
    lists = [value for name, value in beside.items() if name.casefold() in REASON_MEMBERS and isinstance(value, list)]
    return [each for value in lists for each in value[:20] if isinstance(each, str)]


def _raise_for_errors(answer: Answer, path: str) -> None:
    raw, _, _ = _records(answer, path)
    if raw and _are_errors(raw):
        raise _reported("the provider sends errors in place of records", answer)


def _are_errors(raw: list[msgspec.Raw]) -> bool:
    """Whether these are errors: nothing has an id, and something has what only an error has."""
    for each in raw:
        try:
            members = _RECORD.decode(each)
        except BAD_JSON:
            continue
        if any(name.casefold() in ERROR_MEMBERS | CODES | WORDS - {"description"} for name in members):
            return True
    return False


def _failed(members: Mapping[str, object]) -> bool:
    """Whether a status block says so: at the top (1.2), in `statusInfoSet` or `imsx_StatusInfo` (1.1)."""
    for name, value in members.items():
        folded = name.casefold()
        inner_value = value
        if folded in ("imsx_codemajor", "imsx_severity", "statusinfoset", "imsx_statusinfo", "statusinfo"):
            if isinstance(value, msgspec.Raw):
                try:
                    inner_value = msgspec.json.decode(value)
                except BAD_JSON:
                    continue
            inner = inner_value if isinstance(inner_value, list) else [inner_value]
            if folded == "imsx_codemajor":
                if any(isinstance(each, str) and each.strip().casefold() in FAILURES for each in inner):
                    return True
            elif folded == "imsx_severity":
                if any(isinstance(each, str) and each.strip().casefold() == "error" for each in inner):
                    return True
            elif any(isinstance(each, dict) and _failed(each) for each in inner):
                return True
    return False


def _entity(path: str) -> str:
    """What the collection at `path` is of, by the standard's name."""
    last = path.rstrip("/").rsplit("/", 1)[-1]
    return {"schools": "orgs", "students": "users", "teachers": "users", "terms": "academicSessions"}.get(last, last)


def _names(path: str) -> tuple[str, ...]:
    """By which a list of the collection at `path` is known, in lower case: the standard's name, the path's own, the singular."""
    last, known = path.rstrip("/").rsplit("/", 1)[-1], _entity(path)
    singular = [SINGULAR.get(each, each.removesuffix("s")) for each in (known, last)]
    return tuple(name.casefold() for name in (known, last, *singular))


def _wrapper(members: Mapping[str, msgspec.Raw], path: str, within: str = "") -> str | None:
    """The member that holds the records: by a name of the collection, or as the only list.

    A list by another name is one of records where something in it has an id, or where the pages before it had theirs under
    that name (`within`).
    """
    folded = {name.casefold(): name for name in members}
    for name in _names(path):
        if name in folded and bytes(members[folded[name]])[:1] in (b"[", b"{", b"n"):
            return folded[name]
    lists = [name for name, raw in members.items() if bytes(raw)[:1] == b"["]
    if len(lists) != 1 or lists[0].casefold() in ERROR_MEMBERS:
        return None
    try:
        heads = [_head(each) for each in _RAWS.decode(members[lists[0]])]
    except BAD_JSON:
        return None
    is_known = not heads and _plain(lists[0])[:40] == within
    return lists[0] if is_known or any(head and head.sourcedId not in (None, "") for head in heads) else None


def _total(answer: Answer) -> int | None:
    """Of one `X-Total-Count`, or of several that say the same."""
    totals = {each.strip() for each in re.split(r",\s+", answer.headers.get("x-total-count", ""))}  # 111,111 is one number
    found = totals.pop() if len(totals) == 1 else ""
    return int(found) if NUMBER.fullmatch(found) else None


def _next_query(links: list[weblinking.Link]) -> Mapping[str, str] | None:
    """Only the query is kept, so that no link leads away from where the group points. RFC 8288: relation types in any case,
    several in one `rel`; single quotes are no part of it, and seen."""
    for link in links:
        if any(rel.strip("'").casefold() == "next" for rel in link.rels):
            query = dict(parse_qsl(urlsplit(link.uri.replace("&amp;", "&")).query, keep_blank_values=True))
            if query:
                return query
    return None


def _before_the_last(links: list[weblinking.Link], rows: int) -> int:
    """How many records stand before the last page that a `Link` header names, at least: by its offset, or by its number, where
    pages are as long as this one. 0 where it names none."""
    for link in links:
        if any(rel.strip("'").casefold() == "last" for rel in link.rels):
            query = dict(parse_qsl(urlsplit(link.uri.replace("&amp;", "&")).query))
            if NUMBER.fullmatch(offset := query.get("offset", "")):
                return int(offset)
            number = query.get("page", "")
            return (int(number) - 1) * rows if NUMBER.fullmatch(number) and int(number) else 0
    return 0


def provider_reason(answer: Answer) -> str:
    """The provider's own reason for an error, codes and then words, from any of the forms they send it in; empty when there
    is none. E-mail addresses are left out of it: it is shown and kept."""
    if answer.unreadable:
        return ""
    try:
        body = msgspec.json.decode(answer.body)
    except BAD_JSON:
        return ""
    codes = [each for each in _texts(body, CODES) if re.fullmatch(r"[\w.-]{1,60}", each)]
    words = [each for each in _texts(body, WORDS | {"error"}) if each not in codes]
    return ": ".join(each for each in (", ".join(sorted(set(codes))), _plain(" ".join(dict.fromkeys(words)))) if each)[
        :LONGEST_REASON
    ]


def without_traces(words: str) -> str:
    """A provider's own words for an error, without the ids and numbers that it gives each of them."""
    return _TRACE.sub("#", words)


def _reported(what: str, answer: Answer) -> NoPage:
    reason = provider_reason(answer)
    return NoPage(f"{what} ({reason})", f"{what} ({without_traces(reason)})") if reason else NoPage(what)


def _texts(node: object, names: frozenset[str], depth: int = 0) -> list[str]:
    """The texts that stand under these names, wherever."""
    if depth > 6:
        return []
    if isinstance(node, list):
        return [word for each in node[:20] for word in _texts(each, names, depth + 1)]
    if not isinstance(node, dict):
        return []
    own = [value for name, value in node.items() if str(name).casefold() in names and isinstance(value, str)]
    return own + [word for value in node.values() for word in _texts(value, names, depth + 1)]


def _plain(words: str) -> str:
    """On one line, without control characters and e-mail addresses."""
    return EMAIL.sub("…", " ".join("".join(each if each.isprintable() else " " for each in words).split()))
