"""About the API itself: is it well, who am I, what can be asked."""

import json
from functools import cache

from chalice.app import Blueprint, Response

from chalicelib.api import API_VERSION, openapi
from chalicelib.api.routing import Call, route
from chalicelib.api.shapes import Health, Me, OpenApi

service = Blueprint(__name__)


@route(service, "GET /health", role=None, answer=Health)
def health(call: Call) -> Health:
    """That the API answers, and its version."""
    return Health(version=API_VERSION)


@route(service, "GET /me", role="viewer", answer=Me)
def me(call: Call) -> Me:
    """Who is calling, with role and groups."""
    caller = call.caller
    groups = None if caller.groups is None else sorted(caller.groups)
    return Me(user_id=caller.user_id, name=caller.name, role=caller.role, groups=groups)


@route(service, "GET /openapi.json", role=None, answer=OpenApi)
def openapi_document(call: Call) -> Response:
    """This document."""
    return Response(_document(), {"Content-Type": "application/json", "Cache-Control": "max-age=60"}, 200)


@cache
def _document() -> str:
    return json.dumps(openapi.document())
