"""A route, declared once: path, method, who may call it, what comes in and goes out. The rest follows from that.

Bodies and queries are parsed by their models, callers let in by role and group, errors reported as RFC 9457 problem
documents, and the OpenAPI document is made of the same declarations.
"""

import json
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from aws_lambda_powertools import Logger
from chalice.app import Blueprint, Request, Response
from pydantic import ValidationError

from chalicelib.api.authorizer import authorize
from chalicelib.api.masking import masked
from chalicelib.api.request import Malformed, body_of, header_of, impossible_name, query_of
from chalicelib.api.shapes import ROLES, FieldError, Problem, Role
from chalicelib.api.wording import field_error
from chalicelib.errors import (
    Conflict,
    Gone,
    GroupBusy,
    LockLost,
    NotFound,
    QuestionExpired,
    SourceRefused,
    SourceUnavailable,
    Unacceptable,
)
from chalicelib.model.ids import group_of
from chalicelib.model.members import EVERY_GROUP, DecidedBy
from chalicelib.model.records import Method, Record
from chalicelib.model.scopes import ApiScope
from chalicelib.store import access, audit, members, usage
from chalicelib.store.limits import limits
from chalicelib.store.usage import Costly
from oneroster_engine.errors import BundleRefused, RosterError

logger = Logger()
H = TypeVar("H", bound=Callable[..., Any])

STATUSES: dict[type[RosterError], tuple[int, str]] = {
    NotFound: (404, "Not found"),
    GroupBusy: (409, "The group is being synced"),
    Conflict: (409, "Conflict"),
    LockLost: (409, "Conflict"),
    QuestionExpired: (410, "Too late"),
    Gone: (410, "Not kept any more"),
    Unacceptable: (422, "Refused"),
    BundleRefused: (422, "Refused"),
    SourceRefused: (422, "Refused"),
    SourceUnavailable: (503, "Try again"),
}


@dataclass(frozen=True)
class Caller:
    """Who is calling. `groups` is None for access to every group; `scopes` None for a person, who needs none."""

    user_id: str
    name: str
    role: Role
    groups: frozenset[str] | None
    username: str = ""
    scopes: frozenset[str] | None = None

    @property
    def called(self) -> str:
        """How people know this caller."""
        return self.name or self.user_id

    def has_role(self, role: Role) -> bool:
        """This one, or one that may do more."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def may_see(self, group_id: str) -> bool:
        return self.groups is None or group_id in self.groups


@dataclass(frozen=True)
class Call:
    """One request: the caller, the moment, and a nonce for new ids."""

    caller: Caller
    now: datetime
    nonce: str
    headers: dict[str, str]
    query: Any = None
    hides: bool = False  # people's contact details are masked in the answer
    subjects: list[str] = field(default_factory=list)  # whose data this call has shown so far

    def audit(self, group_id: str, what: str, sync_id: str | None = None, detail: dict[str, Any] | None = None) -> None:
        audit.record(group_id, self.caller.user_id, what, self.now, self.nonce, sync_id, detail, self.caller.name)

    def accessed(self, group_id: str, what: str, subjects: Sequence[str], rows: int | None = None) -> None:
        """Note who was shown whose data: `subjects` as `users/u1`. Of a long list the first are named, and all are counted."""
        shown = len(subjects) if rows is None else rows
        self.subjects.extend(subjects)
        access.record(group_id, self.caller.user_id, what, self.now, self.nonce, subjects[:NAMED_IN_ACCESS], shown)

    @property
    def if_match(self) -> str:
        return self.headers[IF_MATCH].strip('"')

    @property
    def idempotency_key(self) -> str:
        return self.headers[IDEMPOTENCY_KEY]


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    role: Role | None
    status: int
    answer: type[Record]
    body: type[Record] | None
    query: type[Record] | None
    headers: tuple[str, ...]
    costly: Costly | None
    people: bool
    scope: ApiScope | None
    summary: str


ROUTES: list[Route] = []
# Lambda hands back 6 MB, and API Gateway answers 502 beyond; a little less, for status and headers.
MOST_ANSWER_BYTES = 6_200_000
NAMED_IN_ACCESS = 100  # some 5 KB of an item
SHOW = "show"
IF_MATCH, IDEMPOTENCY_KEY = "If-Match", "Idempotency-Key"


class TooMany(Exception):
    """One person does more of what is costly than anybody does by hand; `wait_s` seconds from now they may again."""

    def __init__(self, words: str, wait_s: int) -> None:
        super().__init__(words)
        self.wait_s = wait_s


class Forbidden(Exception):
    """The caller's role doesn't reach."""


def route(
    resource: Blueprint,
    method_and_path: str,
    *,
    role: Role | None,
    answer: type[Record],
    status: int = 200,
    body: type[Record] | None = None,
    query: type[Record] | None = None,
    headers: tuple[str, ...] = (),
    costly: Costly | None = None,
    people: bool = False,
    scope: ApiScope | None = None,
) -> Callable[[H], H]:
    """Register a handler, e.g. for "GET /groups/{groupId}"; `role` None lets everybody in. What is `costly` is counted by
    person and hour. What shows `people` takes `show=true` too: without it a viewer sees their contact details masked. `scope` is
    what an application needs; without one the route is for people alone.

    The handler gets the Call, then the path's parameters by name (snake_case), then `body` where there is one. Its
    docstring's first line becomes the route's summary.
    """
    method, path = method_and_path.split(" ")

    def register(handler: H) -> H:
        declared = Route(
            method,
            path,
            role,
            status,
            answer,
            body,
            query,
            headers,
            costly,
            people,
            scope,
            (handler.__doc__ or "").strip().split("\n")[0],
        )
        ROUTES.append(declared)

        def view(**parameters: str) -> Response:
            return _answer(declared, handler, resource.current_request, parameters)

        view.__name__ = handler.__name__
        kwargs: dict[str, Any] = {"authorizer": authorize} if role else {}
        resource.route(path, methods=[method], name=handler.__name__, **kwargs)(view)
        return handler

    return register


def _answer(declared: Route, handler: Callable[..., Any], request: Request, parameters: dict[str, str]) -> Response:
    request_id = str(request.context.get("requestId", ""))
    logger.append_keys(requestId=request_id, route=f"{declared.method} {declared.path}")
    try:
        caller = caller_of(request.context.get("authorizer") or {}) if declared.role else NOBODY
        _let_in(declared, caller, parameters)
        if declared.costly:
            _count(declared.costly, caller)
        headers = {name: header_of(request.headers, name) for name in declared.headers}
        asked = query_of(request)
        show = declared.people and asked.pop(SHOW, "") == "true"
        query = declared.query.model_validate(asked) if declared.query else None
        hides = declared.people and caller.role == "viewer" and not show
        call = Call(caller, datetime.now(UTC), secrets.token_hex(4), headers, query, hides)
        given: dict[str, Any] = {_snake(name): value for name, value in parameters.items()}
        if declared.body:
            given["body"] = declared.body.model_validate(body_of(request))
        answer = handler(call, **given)
        if show and caller.role == "viewer":
            _note_showing(declared, call, parameters)
    except Exception as trouble:  # noqa: BLE001 (the outermost edge: an unexpected error is logged and answered with 500)
        return _problem(trouble, request_id)
    if isinstance(answer, Response):
        return answer
    body = answer.model_dump_json(by_alias=True) if isinstance(answer, Record) else json.dumps(answer)
    if call.hides:
        body = json.dumps(masked(json.loads(body)), ensure_ascii=False)
    if (size := answer_bytes(body)) > MOST_ANSWER_BYTES:
        words = f"The answer would have {size:,} bytes; {MOST_ANSWER_BYTES:,} can be sent. Ask for less, as by a smaller limit."
        return _problem(Unacceptable(words), request_id)
    etag = {"ETag": f'"{answer.etag}"'} if getattr(answer, "etag", "") else {}
    return Response(body, {"Content-Type": "application/json", "Cache-Control": "no-store", **etag}, declared.status)


def answer_bytes(body: str) -> int:
    """What a body takes in a Lambda's answer, where it is a text within JSON: quotes and backslashes twice."""
    return len(body.encode()) + body.count('"') + body.count("\\")


def _note_showing(declared: Route, call: Call, parameters: dict[str, str]) -> None:
    """A viewer asked for contact details: the audit says of whom."""
    group_id = parameters.get("groupId") or group_of(parameters["syncId"])
    subjects = list(dict.fromkeys(call.subjects))
    detail = {"route": f"{declared.method} {declared.path}", "records": subjects[:NAMED_IN_ACCESS], "number": len(subjects)}
    who, nonce = call.caller, f"{call.nonce}-{SHOW}"  # beside what the route itself writes
    audit.record(group_id, who.user_id, "contact details shown", call.now, nonce, parameters.get("syncId"), detail, who.name)


def _count(what: Costly, caller: Caller) -> None:
    """Raises TooMany where this person has done it as often within this hour as the limits say."""
    limit = limits()
    most = {"upload": limit.uploads_an_hour, "start": limit.starts_an_hour, "list": limit.lists_an_hour}[what]
    now = datetime.now(UTC)
    if not usage.allowed(caller.user_id, what, most, now):
        words = f"You have done this {most:,} times within this hour. Wait for the next one."
        raise TooMany(words, usage.next_hour_s(now))


NOBODY = Caller("", "", "viewer", frozenset())


def caller_of(context: dict[str, str]) -> Caller:
    """The authorizer's context, in API Gateway's strings."""
    groups = _groups_of(context)
    role = context.get("role", "viewer")
    return Caller(
        context.get("principalId", ""),
        context.get("name", ""),
        next(each for each in ROLES if each == role),
        None if EVERY_GROUP in groups else frozenset(groups),
        context.get("username", ""),
        frozenset(json.loads(context["scopes"])) if "scopes" in context else None,
    )


def _groups_of(context: dict[str, str]) -> list[str]:
    """Empty in the context where they were too many to carry (`authorizer.py`): then the Members table says them."""
    if carried := context.get("groups", "[]"):
        found: list[str] = json.loads(carried)
        return found
    member = members.find(context.get("principalId", ""))
    if member is None or member.shut_out or member.decided_by is not DecidedBy.ADMIN:
        return []
    return member.named_groups


def require_every_group(caller: Caller) -> None:
    """For what concerns the whole stack. Raises Forbidden for callers with access to some groups only."""
    if caller.groups is not None:
        raise Forbidden("This concerns the whole stack, so it needs access to every group.")


def _let_in(declared: Route, caller: Caller, parameters: dict[str, str]) -> None:
    nothing = impossible_name(parameters)
    if declared.role is None:
        if nothing:
            raise NotFound(f"There is no such {nothing}.")
        return
    if caller.scopes is not None and declared.scope not in caller.scopes:
        needs = f"the scope {declared.scope}" if declared.scope else "somebody who is signed in, and no application"
        raise Forbidden(f"This needs {needs}.")
    if not caller.has_role(declared.role):
        raise Forbidden(f"This needs the role {declared.role}; you have {caller.role}.")
    if nothing:
        raise NotFound(f"There is no such {nothing.removesuffix('Id')}.")
    if "groupId" in parameters and not caller.may_see(parameters["groupId"]):
        raise NotFound(f"There is no group {parameters['groupId']}.")
    if "syncId" in parameters and not caller.may_see(group_of(parameters["syncId"])):
        raise NotFound(f"There is no sync {parameters['syncId']}.")


def _problem(trouble: Exception, request_id: str) -> Response:
    errors: list[FieldError] = []
    sync_id = trouble.sync_id if isinstance(trouble, GroupBusy) else None
    if isinstance(trouble, RosterError):
        status, title = STATUSES[type(trouble)]
        detail = str(trouble)
        fields = trouble.fields if isinstance(trouble, Unacceptable) else {}
        errors = [FieldError(field=field, message=message) for field, message in fields.items()]
    elif isinstance(trouble, ValidationError):
        status, title, detail = 422, "Refused", "Some fields need another value."
        errors = [
            field_error(each, _sent(each["loc"]))
            for each in trouble.errors(include_url=False, include_input=False)  # the input may hold a secret
        ]
    elif isinstance(trouble, Malformed):
        status, title, detail = 400, "Malformed", str(trouble)
    elif isinstance(trouble, TooMany):
        status, title, detail = 429, "Too many requests", str(trouble)
    elif isinstance(trouble, Forbidden):
        status, title, detail = 403, "Not allowed", str(trouble)
    else:
        logger.exception("unexpected error")
        status, title = 500, "Internal server error"
        detail = f"Something went wrong on our side. Try again; if it stays so, name {request_id or 'the time'} to support."
    problem = Problem(title=title, status=status, detail=detail, errors=errors, request_id=request_id, sync_id=sync_id)
    body = problem.model_dump_json(by_alias=True, exclude_none=True)
    wait = {"Retry-After": str(trouble.wait_s)} if isinstance(trouble, TooMany) else {}
    return Response(body, {"Content-Type": "application/problem+json", "Cache-Control": "no-store", **wait}, status)


def _sent(loc: tuple[int | str, ...]) -> str:
    """The path of a field as it was sent, without the names of the union's branches that pydantic puts between."""
    return ".".join(str(part) for part in loc if part not in _METHODS and not str(part)[:1].isupper())


_METHODS = frozenset(Method)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", lambda found: "_" + found.group(1).lower(), name)


def problems(event: Any, get_response: Callable[[Any], Response]) -> Response:
    """Chalice's middleware: what Chalice itself refuses (no such method, another content type) is a problem document too."""
    answer = get_response(event)
    if answer.status_code < 400 or not isinstance(answer.body, dict):  # what we refuse ourselves is text by now
        return answer
    title = {405: "Method not allowed", 415: "Unsupported media type"}.get(answer.status_code, "Refused")
    detail = "Send the body as application/json." if answer.status_code == 415 else "This can't be answered."
    request_id = str(getattr(event, "context", {}).get("requestId", ""))
    problem = Problem(title=title, status=answer.status_code, detail=detail, request_id=request_id)
    body = problem.model_dump_json(by_alias=True, exclude_none=True)
    return Response(body, {"Content-Type": "application/problem+json", "Cache-Control": "no-store"}, answer.status_code)
