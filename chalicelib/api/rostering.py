"""OneRoster out: the committed roster, read by machines by OneRoster 1.2 and 1.1.

A reader sees one version of the roster from the first page of a list to its last, whatever is synced meanwhile: the first
page's version goes along in the `next` link, and is remembered with the token for readers that count offsets themselves.

Source: OneRoster 1.1 and 1.2, REST bindings; RFC 6749 section 4.4 (client credentials) for the token.
"""

import base64
import binascii
import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode

from aws_lambda_powertools import Logger
from chalice.app import Blueprint, MultiDict, Request, Response
from pydantic import ValidationError

from chalicelib.api.feed import FeedQuery, roster_events
from chalicelib.api.routing import MOST_ANSWER_BYTES, answer_bytes
from chalicelib.errors import Conflict, Gone, NotFound, Unacceptable
from chalicelib.model.scopes import API_SCOPES, ROSTER_SCOPES
from chalicelib.provider.errors import RequestFailed, invalid_data, status_info, unknown_object
from chalicelib.provider.filter_grammar import parse_filter
from chalicelib.provider.query import (
    DEFAULT_LIMIT,
    MOST_RECORDS,
    SHOWN_ALWAYS,
    USER_FIELDS,
    ListPath,
    Query,
    View,
    collection_of,
    read_one,
    read_page,
    selected,
    shown,
)
from chalicelib.provider.resources import BASE_PATHS, TOKEN_PATH, Version, links, render
from chalicelib.service import bulk
from chalicelib.service.change_feed import read_feed
from chalicelib.store import audit, clients, files, groups
from chalicelib.store.clients import Client, Token
from chalicelib.store.mail import link_to
from oneroster_engine.standard.entities import ENTITIES

logger = Logger()
rostering = Blueprint(__name__)

SCOPE = "https://purl.imsglobal.org/spec/or/{version}/scope/{name}"
PATH_VERSIONS = {Version.V1P2: "v1p2", Version.V1P1: "v1p1"}
CLIENT_CREDENTIALS = "client_credentials"
Headers = dict[str, str | list[str]]
JSON: Headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
PARAMETERS = frozenset(("limit", "offset", "sort", "orderBy", "fields", "filter", "version"))


@dataclass(frozen=True)
class Reader:
    """Who reads: the client, and the token as it was sent."""

    client: Client
    token: Token
    bearer: str

    @property
    def view(self) -> View:
        schools = None if self.client.schools is None else frozenset(self.client.schools)
        hidden = frozenset() if self.client.fields is None else USER_FIELDS - SHOWN_ALWAYS - frozenset(self.client.fields)
        return View(schools, hidden)


def _lists(version: Version) -> None:
    """Every path of the standard has one of these shapes; which lists there are, `provider/collections.py` says."""
    base = BASE_PATHS[version].removeprefix("/api")
    for depth in range(1, 6):
        path = "".join(f"/{{part{number}}}" for number in range(1, depth + 1))
        name = f"oneroster_{PATH_VERSIONS[version]}_{depth}"

        def view(version: Version = version, **parts: str) -> Response:
            return _answer(version, [unquote(parts[name]) for name in sorted(parts)], rostering.current_request)

        rostering.route(f"{base}{path}", methods=["GET"], name=name)(view)


@rostering.route(
    TOKEN_PATH.removeprefix("/api"),
    methods=["POST"],
    content_types=["application/x-www-form-urlencoded", "application/json"],
    name="oneroster_token",
)
def issue_token() -> Response:
    """An access token by client credentials: id and secret by Basic, or in the body.

    There is one kind of grant, so an empty body asks for it: TCI's client of 1.1 posts its Basic header and nothing else. A
    scope by `http:` is the one by `https:`; clients of 1.2 ask so (OneRoster.NET, Tools4ever's for HelloID).
    """
    request = rostering.current_request
    now = datetime.now(UTC)
    form = _form(request) if request.raw_body else {"grant_type": CLIENT_CREDENTIALS}
    if form.get("grant_type") != CLIENT_CREDENTIALS:
        return _oauth_error(400, "unsupported_grant_type", "Send grant_type=client_credentials.")
    client_id, secret = _credentials(request, form)
    client = clients.signed_in(client_id, secret, now) if client_id and secret else None
    if client is None:
        return _oauth_error(401, "invalid_client", "This client id and secret are not known, or not valid any more.")
    roster = tuple(each for each in ROSTER_SCOPES if each in client.scopes)
    offered = [url for version in PATH_VERSIONS for url in _scope_urls(roster, version)]
    offered += [each for each in API_SCOPES if each in client.scopes]
    wanted = [re.sub("^http:", "https:", each) for each in form.get("scope", "").split()]
    granted = [each for each in offered if not wanted or each in wanted]
    if not granted:
        return _oauth_error(400, "invalid_scope", f"This client may ask for: {' '.join(offered)}")
    value = clients.issue(client, tuple(granted), secrets.token_urlsafe(32), now)
    body = {
        "access_token": value,
        "token_type": "Bearer",
        "expires_in": int(clients.TOKEN_LIFETIME.total_seconds()),
        "scope": " ".join(granted),
    }
    return Response(json.dumps(body), JSON | {"Pragma": "no-cache"}, 200)


@rostering.route("/oneroster/events", methods=["GET"], name="oneroster_events")
def follow_changes() -> Response:
    """The change feed, for the machine whose token it is: `after` and `limit` as people have them."""
    request = rostering.current_request

    def feed() -> Response:
        reader = _reader(request, datetime.now(UTC))
        _allow(reader, Version.V1P2, nested=True)
        try:
            asked = FeedQuery.model_validate(dict(request.query_params or {}))
        except ValidationError as wrong:
            raise invalid_data("`after` is a cursor of this feed, `limit` a whole number from 1 to 1,000.") from wrong
        found = read_feed(reader.client.group_id, asked.after, asked.limit, reader.view)
        return Response(roster_events(found).model_dump_json(by_alias=True), JSON, 200)

    return _answered(request, "events", Version.V1P2, feed)


@rostering.route("/oneroster/bulk", methods=["GET"], name="oneroster_bulk")
def list_files() -> Response:
    """The roster's version, and the addresses of its whole files."""
    return _bulk(rostering.current_request, "")


@rostering.route("/oneroster/bulk/{part1}", methods=["GET"], name="oneroster_bulk_file")
def get_file(part1: str) -> Response:
    """A whole file, by a link to it. Its ETag is the roster's version, and what `since` takes for the changes after it."""
    return _bulk(rostering.current_request, unquote(part1))


def _bulk(request: Request, name: str) -> Response:
    version = Version.V1P1 if "-1.1." in name else Version.V1P2

    def file() -> Response:
        now = datetime.now(UTC)
        reader = _reader(request, now)
        _allow(reader, version, nested=False)
        return _file(reader, request, name, now)

    return _answered(request, "bulk", version, file)


def _file(reader: Reader, request: Request, name: str, now: datetime) -> Response:
    group_id, view = reader.client.group_id, reader.view
    held = bulk.current(group_id, view)
    headers: Headers = {"ETag": f'"{held.text}"', "Cache-Control": "private, no-cache"}
    if name and name not in (*bulk.WHOLE, *bulk.DELTAS):
        raise unknown_object(f"There is no file {name[:60]}. There are: {', '.join((*bulk.WHOLE, *bulk.DELTAS))}.")
    if held.text in str(request.headers.get("if-none-match", "")):
        return Response("", headers, 304)
    clients.note_reading(reader.client, now)
    if not name:
        names = [*bulk.WHOLE, *(f"{each}?since={held.text}" for each in bulk.DELTAS)]
        files_ = [{"name": each.partition("?")[0], "url": link_to(f"/api/oneroster/bulk/{each}")} for each in names]
        return Response(json.dumps({"version": held.text, "files": files_}), JSON | headers, 200)
    if name in bulk.WHOLE:
        key: str | None = bulk.whole(group_id, held, view, name)
    else:
        sent: Mapping[str, Any] = request.query_params or {}
        key = bulk.changes(group_id, str(sent.get("since", "")), held, view, name)
    if key is None:
        return Response("", headers, 204)
    detail = {"clientId": reader.client.client_id, "file": name, "version": held.text}
    audit.record(
        group_id, reader.client.client_id, "roster downloaded", now, secrets.token_hex(4), None, detail, reader.client.name
    )
    return Response("", headers | {"Location": files.presigned_download(key, f"{group_id}-{name}")}, 302)


def _answer(version: Version, parts: list[str], request: Request) -> Response:
    def records() -> Response:
        now = datetime.now(UTC)
        reader = _reader(request, now)
        one = len(parts) % 2 == 0
        pairs = tuple(zip(parts[: len(parts) - (2 if one else 1) : 2], parts[1::2], strict=False))
        path = ListPath(parts[-2] if one else parts[-1], pairs)
        _allow(reader, version, nested=bool(pairs))
        asked = _asked(request)
        answer = _one(reader, version, path, parts[-1], asked) if one else _page(reader, version, path, parts, asked)
        clients.note_reading(reader.client, now)
        return answer

    return _answered(request, str(version), version, records)


def _answered(request: Request, route: str, version: Version, answer: Callable[[], Response]) -> Response:
    """What `answer` gives, or its error as the standard's payload."""
    logger.append_keys(requestId=str(request.context.get("requestId", "")), route=f"oneroster {route}")
    try:
        return answer()
    except RequestFailed as failure:
        return _refusal(failure, version)
    except Unacceptable as trouble:
        return _refusal(invalid_data(str(trouble)), version)
    except Conflict as trouble:
        return _refusal(RequestFailed(503, "server_busy", str(trouble)), version)
    except (Gone, NotFound) as trouble:
        return _refusal(RequestFailed(410, "unknownobject", str(trouble)), version)
    except Exception:  # (the outermost edge: an unexpected error is logged and answered with 500)
        logger.exception("unexpected error")
        return _refusal(RequestFailed(500, "internal_server_error", "Something went wrong on this side. Try again."), version)


def _refusal(failure: RequestFailed, version: Version) -> Response:
    """1.1 puts the same members into a list under statusInfoSet besides."""
    status = status_info(failure)
    body = status if version is Version.V1P2 else {"statusInfoSet": [status], **status}
    extra: Headers = {"WWW-Authenticate": "Bearer"} if failure.status == 401 else {}
    return Response(json.dumps(body), JSON | extra, failure.status)


def _reader(request: Request, now: datetime) -> Reader:
    scheme, _, value = str(request.headers.get("authorization", "")).partition(" ")
    found = clients.bearer(value.strip(), now) if scheme.lower() == "bearer" else None
    if found is None:
        raise RequestFailed(401, "unauthorisedrequest", "The access token is missing, unknown or too old. Ask for a new one.")
    return Reader(*found, value.strip())


def _allow(reader: Reader, version: Version, nested: bool) -> None:
    """Whole lists and single records with either scope; a list inside another with the full one. Source: 1.2, section 3."""
    names = ("roster.readonly",) if nested else ("roster.readonly", "roster-core.readonly")
    if not set(_scope_urls(names, version)) & set(reader.token.scopes):
        wanted = " or ".join(_scope_urls(names, version))
        raise RequestFailed(403, "forbidden", f"This needs the scope {wanted}.")


def _scope_urls(names: tuple[str, ...], version: Version) -> list[str]:
    return [SCOPE.format(version=PATH_VERSIONS[version], name=name) for name in names]


@dataclass(frozen=True)
class Asked:
    """The query as sent, and what it asks for: of more records than one answer holds, as many as it does."""

    sent: Mapping[str, str]
    limit: int
    query: Query
    fields: str
    version: str


def _asked(request: Request) -> Asked:
    """A parameter that comes twice counts as it comes last, but `fields`: 1.2's OpenAPI document has it as a list and
    says nothing of `explode`, so that clients made from it send a parameter for each field."""
    given = request.query_params or MultiDict({})
    sent = {name.strip(): str(value).strip() for name, value in given.items()}
    if "fields" in given:
        sent["fields"] = ",".join(given.getlist("fields"))
    if unknown := sorted(set(sent) - PARAMETERS):
        raise invalid_data(f"There is no parameter {unknown[0][:40]}. There are: {', '.join(sorted(PARAMETERS))}.")
    order = sent.get("orderBy", "asc").lower()
    if order not in ("asc", "acs", "desc"):  # acs: as StrongMind's Ruby client of 1.1 has it, which refuses `asc`
        raise invalid_data("orderBy is asc or desc.")
    limit = _number(sent, "limit", DEFAULT_LIMIT, least=1)
    query = Query(
        limit=min(limit, MOST_RECORDS),
        offset=_number(sent, "offset", 0, least=0),
        sort=sent.get("sort", ""),
        descending=order == "desc",
        filter=parse_filter(sent["filter"]) if "filter" in sent else (),
    )
    return Asked(sent, limit, query, sent.get("fields", ""), sent.get("version", ""))


def _number(sent: Mapping[str, str], name: str, default: int, least: int) -> int:
    value = sent.get(name, str(default))
    if not re.fullmatch(r"\d{1,12}", value) or int(value) < least:
        raise invalid_data(f"{name} is a whole number from {least}.")
    return int(value)


def _one(reader: Reader, version: Version, path: ListPath, sourced_id: str, asked: Asked) -> Response:
    with _snapshot(reader.client.group_id, asked.version) as (snapshot, current, _):
        record = read_one(snapshot, path, sourced_id, reader.view)
    collection = collection_of(path)
    body = {collection.one: _rendered(reader, version, collection.entity, [record], asked.fields)[0]}
    # Microsoft's test collection asks for a total here too.
    return Response(json.dumps(body), JSON | {"ETag": f'"{current}"', "X-Total-Count": "1"}, 200)


def _page(reader: Reader, version: Version, path: ListPath, parts: list[str], asked: Asked) -> Response:
    """A page as long as asked, or a refusal with the limit that fits. Never a shorter one, as some providers send: published
    clients add their own limit to the offset, or end at a short page, and would have a part of the list without an error."""
    collection = collection_of(path)
    key = _list_key(version, parts, asked.sent)
    begun = asked.version or (reader.token.versions.get(key, "") if asked.query.offset else "")
    with _snapshot(reader.client.group_id, begun) as (snapshot, current, pinned):
        page = read_page(snapshot, path, asked.query, reader.view, version)
    if asked.limit > MOST_RECORDS and page.total - asked.query.offset > MOST_RECORDS:
        raise invalid_data(f"One answer has at most {MOST_RECORDS:,} records. Ask for limit={MOST_RECORDS} or less.")
    items = _rendered(reader, version, collection.entity, page.records, asked.fields)
    body = json.dumps({collection.many: items}, ensure_ascii=False)
    if (size := answer_bytes(body)) > MOST_ANSWER_BYTES:
        fits = max(1, len(items) * MOST_ANSWER_BYTES // size * 9 // 10)
        raise invalid_data(
            f"{len(items):,} records are more than one answer can hold. Ask for limit={fits} or less, or for some fields."
        )
    if asked.query.offset == 0 and not asked.version and page.total > len(items):
        clients.pin(reader.bearer, key, pinned)
    headers = JSON | {"ETag": f'"{current}"', "X-Total-Count": str(page.total)}
    if link := _link_header(version, parts, asked, page.total, pinned):
        headers["Link"] = link
    return Response(body, headers, 200)


def _rendered(reader: Reader, version: Version, entity: str, records: Any, fields: str) -> list[dict[str, Any]]:
    names = shown(entity, reader.view, version)
    wanted = selected(fields, names) or names
    link = links(link_to(BASE_PATHS[version]))
    return [{name: value for name, value in render(entity, each, link, version).items() if name in wanted} for each in records]


def _list_key(version: Version, parts: list[str], sent: Mapping[str, str]) -> str:
    """Of a list and how it is filtered and sorted, for every page the same."""
    same = {name: value for name, value in sorted(sent.items()) if name in ("filter", "sort", "orderBy")}
    return sha256(json.dumps([version, parts, same]).encode()).hexdigest()[:16]


def _link_header(version: Version, parts: list[str], asked: Asked, total: int, pinned: str) -> str:
    """RFC 8288, with the version in every address. Nothing where one page holds all."""
    limit, offset = asked.query.limit, asked.query.offset
    if total <= limit and not offset:
        return ""
    base = link_to(BASE_PATHS[version]) + "".join(f"/{quote(part, safe='')}" for part in parts)
    last = max(0, (total - 1) // limit * limit)
    places = {"first": 0, "last": last}
    if offset + limit < total:
        places["next"] = offset + limit
    if offset:
        places["prev"] = max(0, offset - limit)

    def address(place: int) -> str:
        query = {**asked.sent, "limit": str(limit), "offset": str(place), "version": pinned}
        return f"{base}?{urlencode(query, quote_via=quote)}"

    return ", ".join(f'<{address(place)}>; rel="{rel}"' for rel, place in places.items())


@contextmanager
def _snapshot(group_id: str, version: str) -> Iterator[tuple[Path, str, str]]:
    """The folder of a version's Parquet, the version, and what a list's pages are pinned to: the group's own version where none
    is asked for.

    A purge takes rows out of a version, and the places of those behind them move: pages are pinned to the files as they were.
    Raises RequestFailed: 410 for a version, or files, that are not kept any more, 503 where the group has no roster yet, since
    an empty list would say that everybody has left.
    """
    current, _, files_then = version.partition(".")
    current = current or groups.get(group_id).snapshot or ""
    if not current:
        raise RequestFailed(503, "server_busy", "No roster has been synced yet. Try again after the first sync.")
    gone = "This version of the roster is not kept any more. Begin again with the first page, without `version`."
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", current):
        raise RequestFailed(410, "unknownobject", gone)
    with TemporaryDirectory(prefix="roster-") as name:
        folder, files_now = Path(name), sha256()
        for entity in ENTITIES:
            try:
                cached = files.cached(files.snapshot_key(group_id, current, f"{entity}.parquet"))
            except NotFound as trouble:
                raise RequestFailed(410, "unknownobject", gone) from trouble
            (folder / f"{entity}.parquet").symlink_to(cached)
            files_now.update(cached.name.encode())  # which names the object's ETag
        as_now = files_now.hexdigest()[:16]
        if files_then not in ("", as_now):
            raise RequestFailed(410, "unknownobject", gone)
        yield folder, current, f"{current}.{as_now}"


def _form(request: Request) -> dict[str, str]:
    """What the body says, as a form or as JSON; of what is there twice the first."""
    try:
        raw = request.raw_body or b""
        text = raw if isinstance(raw, str) else raw.decode()
        if str(request.headers.get("content-type", "")).startswith("application/json"):
            parsed = json.loads(text or "{}")
            return {name: value for name, value in parsed.items() if isinstance(value, str)} if isinstance(parsed, dict) else {}
        return {name: values[0] for name, values in parse_qs(text, max_num_fields=50).items()}
    except (ValueError, RecursionError):  # the last: nested without an end
        return {}


def _credentials(request: Request, form: Mapping[str, str]) -> tuple[str, str]:
    """RFC 6749, 2.3.1: by Basic, of which both parts are form-encoded, or in the body."""
    scheme, _, value = str(request.headers.get("authorization", "")).partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (ValueError, binascii.Error):
        return "", ""
    return unquote(client_id), unquote(secret)


def _oauth_error(status: int, code: str, description: str) -> Response:
    extra: Headers = {"WWW-Authenticate": 'Basic realm="OneRoster"'} if status == 401 else {}
    return Response(json.dumps({"error": code, "error_description": description}), JSON | extra, status)


for each in PATH_VERSIONS:
    _lists(each)
