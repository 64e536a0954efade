"""The connection test of a group."""

import os

from chalice.app import Blueprint

from chalicelib.api.routing import Call, route
from chalicelib.api.shapes import ConnectionCheck, ConnectionTest, ConnectionTestIn
from chalicelib.errors import Unacceptable
from chalicelib.model.credentials import Credentials
from chalicelib.model.records import CredentialsMark
from chalicelib.sources.connection import Check
from chalicelib.store import groups, secrets
from chalicelib.store.limits import limits
from oneroster_engine.standard.archive import Limits

connection = Blueprint(__name__)


@route(connection, "POST /groups/{groupId}/connection-test", role="admin", answer=ConnectionTest, costly="start")
def test_connection(call: Call, group_id: str) -> ConnectionTest:
    """Reach the group's source as a sync would, step by step; writes nothing."""
    from chalicelib.service.group_source import check  # SSH and HTTP, of which no other route has any use

    group = groups.get(group_id)
    checks = check(group.source, lambda: secrets.of_group(group_id, group.source), _bounds(), group.guard.expected)
    call.audit(group_id, "connection tested", detail={"ok": checks[-1].ok, "step": checks[-1].name})
    return _shown(checks)


def _bounds() -> Limits:
    allowed = limits()
    return Limits(allowed.zip_bytes, allowed.expanded_bytes, allowed.entries, allowed.ratio)


def _shown(checks: list[Check]) -> ConnectionTest:
    steps = [ConnectionCheck(step=each.name, ok=each.ok, message=each.message) for each in checks]
    shown = next((each.fingerprint for each in checks if each.fingerprint), None)
    address = os.environ.get("FIXED_ADDRESS") or None
    return ConnectionTest(ok=checks[-1].ok, steps=steps, host_key_fingerprint=shown, from_address=address)


@route(connection, "POST /connection-test", role="admin", body=ConnectionTestIn, answer=ConnectionTest, costly="start")
def test_unsaved_connection(call: Call, body: ConnectionTestIn) -> ConnectionTest:
    """Reach a source that is not saved yet, with the secret that comes along; neither of them is kept."""
    from chalicelib.service.group_source import check

    given = body.source.credentials
    if given is None or isinstance(given, CredentialsMark):
        raise Unacceptable(
            "Enter the password, key or secret to test a connection that is not saved.", {"source.credentials": "missing"}
        )
    secret: Credentials = given
    return _shown(check(body.source, lambda: secret, _bounds()))
