"""Machines that read a group's roster by OneRoster, or run its syncs by this API: made, changed, given a new secret, revoked."""

from datetime import datetime
from secrets import token_urlsafe
from typing import Annotated

from chalice.app import Blueprint
from pydantic import Field, StringConstraints

from chalicelib.api.routing import Call, route
from chalicelib.api.shapes import Id, Page
from chalicelib.errors import Unacceptable
from chalicelib.model.records import Record
from chalicelib.model.scopes import ROSTER_SCOPES, ApiScope, RosterScope
from chalicelib.provider.query import USER_FIELDS
from chalicelib.provider.resources import BASE_PATHS, TOKEN_PATH, Version
from chalicelib.store import clients as store
from chalicelib.store import groups
from chalicelib.store.clients import Client
from chalicelib.store.mail import link_to

clients = Blueprint(__name__)

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
API_PATH = "/api"


class ClientIn(Record):
    """`schools`: ids, None for all. `fields`: the user fields that it sees in addition to those that the standard requires,
    None for all. Both narrow what it reads by OneRoster."""

    name: Name
    scopes: tuple[RosterScope | ApiScope, ...] = Field(default=ROSTER_SCOPES, min_length=1, max_length=10)
    schools: tuple[Id, ...] | None = Field(default=None, max_length=2_000, min_length=1)
    fields: tuple[Id, ...] | None = Field(default=None, max_length=50)
    expires_at: datetime | None = None


class ClientPatch(Record):
    """What is sent is changed."""

    name: Name | None = None
    schools: tuple[Id, ...] | None = Field(default=None, max_length=2_000, min_length=1)
    fields: tuple[Id, ...] | None = Field(default=None, max_length=50)
    expires_at: datetime | None = None


class ClientOut(Record):
    """`client_secret` is there once: in the answer that made it."""

    client_id: str
    name: str
    scopes: tuple[str, ...]
    schools: tuple[str, ...] | None
    fields: tuple[str, ...] | None
    created_at: datetime
    secret_changed_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_read_at: datetime | None
    token_url: str
    base_url12: str
    base_url11: str
    api_url: str
    client_secret: str | None = None


class Clients(Page[ClientOut]):
    pass


@route(clients, "GET /groups/{groupId}/clients", role="admin", answer=Clients)
def list_clients(call: Call, group_id: str) -> Clients:
    """The machines that have access to this group, revoked ones among them."""
    groups.get(group_id)
    found = [_out(client) for client in store.of_group(group_id)]
    return Clients(items=found, total=len(found))


@route(clients, "POST /groups/{groupId}/clients", role="admin", body=ClientIn, answer=ClientOut, status=201)
def create_client(call: Call, group_id: str, body: ClientIn) -> ClientOut:
    """Let a machine read this group's roster or run its syncs; its secret is in this answer and never again."""
    groups.get(group_id)
    _known_fields(body.fields)
    _ends_later(body.expires_at, call.now)
    client = Client(
        group_id=group_id,
        client_id=store.new_id(group_id, call.nonce),
        created_at=call.now,
        created_by=call.caller.user_id,
        secret_changed_at=call.now,
        **dict(body),
    )
    secret = token_urlsafe(32)
    store.create(client, secret)
    call.audit(group_id, "client created", detail={"clientId": client.client_id})
    return _out(client, secret)


@route(clients, "PATCH /groups/{groupId}/clients/{clientId}", role="admin", body=ClientPatch, answer=ClientOut)
def change_client(call: Call, group_id: str, client_id: str, body: ClientPatch) -> ClientOut:
    """Change what a machine is called and may see, and how long."""
    stored = _in_force(group_id, client_id)
    _known_fields(body.fields)
    _ends_later(body.expires_at, call.now)
    changed = {name: value for name, value in dict(body).items() if name in body.model_fields_set}
    if changed.get("name", "") is None:
        raise Unacceptable("A client has a name.", {"name": "missing"})
    client = stored.model_copy(update=changed)
    store.change(client)
    call.audit(group_id, "client changed", detail={"clientId": client_id})
    return _out(client)


@route(clients, "POST /groups/{groupId}/clients/{clientId}/secret", role="admin", answer=ClientOut, status=201)
def make_secret(call: Call, group_id: str, client_id: str) -> ClientOut:
    """Give a machine another secret; the one before counts no more. It is in this answer and never again."""
    client = _in_force(group_id, client_id).model_copy(update={"secret_changed_at": call.now})
    secret = token_urlsafe(32)
    store.change(client, secret)
    call.audit(group_id, "client given a new secret", detail={"clientId": client_id})
    return _out(client, secret)


@route(clients, "DELETE /groups/{groupId}/clients/{clientId}", role="admin", answer=ClientOut)
def revoke_client(call: Call, group_id: str, client_id: str) -> ClientOut:
    """End a machine's access: to the roster from its next request on, to this API within a minute."""
    stored = store.get(group_id, client_id)
    client = stored.model_copy(update={"revoked_at": stored.revoked_at or call.now})
    store.change(client)
    call.audit(group_id, "client revoked", detail={"clientId": client_id})
    return _out(client)


def _in_force(group_id: str, client_id: str) -> Client:
    client = store.get(group_id, client_id)
    if client.revoked_at:
        raise Unacceptable("This client is revoked for good. Make another one.")
    return client


def _out(client: Client, secret: str | None = None) -> ClientOut:
    kept = {name: value for name, value in dict(client).items() if name in ClientOut.model_fields}
    return ClientOut(
        **kept,
        token_url=link_to(TOKEN_PATH),
        base_url12=link_to(BASE_PATHS[Version.V1P2]),
        base_url11=link_to(BASE_PATHS[Version.V1P1]),
        api_url=link_to(API_PATH),
        client_secret=secret,
    )


def _known_fields(fields: tuple[str, ...] | None) -> None:
    if unknown := sorted(set(fields or ()) - USER_FIELDS):
        message = f"Users have no field {unknown[0]}. They have: {', '.join(sorted(USER_FIELDS))}."
        raise Unacceptable(message, {"fields": "unknown field"})


def _ends_later(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is None:
        return
    if expires_at.tzinfo is None:
        raise Unacceptable("Say the time zone of the end, e.g. 2027-06-30T00:00:00Z.", {"expiresAt": "no time zone"})
    if expires_at <= now:
        raise Unacceptable("The end is in the past. Revoke the client instead.", {"expiresAt": "in the past"})
