"""The connection test of a group."""

from chalice.app import Blueprint

from chalicelib.api.routing import Call, route
from chalicelib.api.shapes import ConnectionCheck, ConnectionTest
from chalicelib.sources.connection import check
from chalicelib.store import groups, secrets
from chalicelib.store.limits import limits
from oneroster_engine.standard.archive import Limits

connection = Blueprint(__name__)


@route(connection, "POST /groups/{groupId}/connection-test", role="admin", answer=ConnectionTest)
def test_connection(call: Call, group_id: str) -> ConnectionTest:
    """Reach the group's source as a sync would, step by step; writes nothing."""
    group = groups.get(group_id)
    allowed = limits()
    bounds = Limits(allowed.zip_bytes, allowed.expanded_bytes, allowed.entries, allowed.ratio)
    checks = check(group.source, lambda: secrets.of_group(group_id), bounds)
    call.audit(group_id, "connection tested", detail={"ok": checks[-1].ok, "step": checks[-1].name})
    steps = [ConnectionCheck(step=each.name, ok=each.ok, message=each.message) for each in checks]
    shown = next((each.fingerprint for each in checks if each.fingerprint), None)
    return ConnectionTest(ok=checks[-1].ok, steps=steps, host_key_fingerprint=shown)
