"""About the API itself: is it well, who am I, what can be asked."""

import json
from functools import cache

from chalice.app import Blueprint, Response
from pydantic import ValidationError

from chalicelib.api import API_VERSION, openapi
from chalicelib.api.routing import Call, route
from chalicelib.api.shapes import Health, Me, OpenApi
from chalicelib.model.members import EVERY_GROUP, DecidedBy, Member
from chalicelib.store import members

service = Blueprint(__name__)


@route(service, "GET /health", role=None, answer=Health)
def health(call: Call) -> Health:
    """That the API answers, and its version."""
    return Health(version=API_VERSION)


@route(service, "GET /me", role="viewer", answer=Me)
def me(call: Call) -> Me:
    """Who is calling, with role and groups."""
    caller = call.caller
    _note_sign_in(call)
    groups = None if caller.groups is None else sorted(caller.groups)
    return Me(user_id=caller.user_id, name=caller.name, role=caller.role, groups=groups)


def _note_sign_in(call: Call) -> None:
    """Who is signed in, asked once per sign-in. A new person gets an entry then, by their claims until an admin decides."""
    caller = call.caller
    groups = EVERY_GROUP if caller.groups is None else tuple(sorted(caller.groups))
    kept = {"username": caller.username, "name": caller.name, "role": caller.role, "groups": groups}
    seen = {"etag": call.nonce, "created_at": call.now, "last_sign_in_at": call.now, "decided_by": DecidedBy.CLAIMS}
    try:
        member = Member.model_validate({"member_id": caller.user_id, **kept, **seen})
    except ValidationError:
        return  # claims that name what can be no group of ours: they are let in, and nothing is written of them
    members.note_sign_in(member, call.now)


@route(service, "GET /openapi.json", role=None, answer=OpenApi)
def openapi_document(call: Call) -> Response:
    """This document."""
    return Response(_document(), {"Content-Type": "application/json", "Cache-Control": "max-age=60"}, 200)


@cache
def _document() -> str:
    return json.dumps(openapi.document())
