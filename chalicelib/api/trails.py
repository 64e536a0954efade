"""Who did what, and who looked at whose data: to read, to search and to take along."""

import time

from chalice.app import Blueprint

from chalicelib.api.lists import TimelineQuery, before, next_before
from chalicelib.api.routing import Call, require_every_group, route
from chalicelib.api.shapes import AuditEntry, Id, Page, SheetLink
from chalicelib.errors import NotFound, Unacceptable
from chalicelib.model.erasure import Erasure
from chalicelib.model.members import GroupId
from chalicelib.model.records import Record
from chalicelib.service import erasure
from chalicelib.service.audit_export import Format, write_audit
from chalicelib.service.person import as_json, held_about
from chalicelib.store import access, audit, erasures, files, groups
from chalicelib.store.access import Access

trails = Blueprint(__name__)
LOOKS_FOR_S = 18  # of the API's 29
MOST_CERTIFICATES = 1000


class AuditEntries(Page[AuditEntry]):
    pass


class AccessEntries(Page[Access]):
    pass


class ExportQuery(Record):
    format: Format = "csv"


class PersonQuery(Record):
    id: Id


class PersonExport(SheetLink):
    """`syncs` have something about the person; `complete` is false where there was no time to look at all that are kept."""

    syncs: int
    complete: bool


class ErasureIn(Record):
    """The sourcedId of a person of the roster, and the same again: what is erased can't be brought back."""

    id: Id
    confirm: Id


class Erasures(Page[Erasure]):
    pass


class StackAuditQuery(TimelineQuery):
    """`group`: one that may be deleted by now; left out, what concerns the whole stack: people, refused sign-ins."""

    group: GroupId | None = None


@route(trails, "GET /groups/{groupId}/audit", role="admin", answer=AuditEntries, query=TimelineQuery)
def list_audit(call: Call, group_id: str) -> AuditEntries:
    """Who did what, newest first; `search` is in who, what and the sync's id."""
    groups.get(group_id)
    return _audit_page(call.query, group_id)


@route(trails, "GET /audit", role="admin", answer=AuditEntries, query=StackAuditQuery)
def list_stack_audit(call: Call) -> AuditEntries:
    """What was done to people and the stack itself, or to a group that was deleted, newest first."""
    require_every_group(call.caller)
    return _audit_page(call.query, call.query.group or audit.NO_GROUP)


@route(trails, "GET /groups/{groupId}/audit/export", role="admin", answer=SheetLink, query=ExportQuery, costly="list")
def export_audit(call: Call, group_id: str) -> SheetLink:
    """A link to the whole audit of a group, the oldest entry first, as CSV or JSON lines."""
    groups.get(group_id)
    name = f"audit-{group_id}-{call.now:%Y%m%dT%H%M%S}.{call.query.format}"
    key = f"groups/{group_id}/exports/{call.nonce}-{name}"
    write_audit(group_id, call.query.format, key)
    call.audit(group_id, "audit exported", detail={"format": call.query.format})
    return SheetLink(url=files.presigned_download(key, name), expires_at=call.now + files.LINK_LIFETIME)


@route(trails, "GET /groups/{groupId}/access", role="admin", answer=AccessEntries, query=TimelineQuery)
def list_access(call: Call, group_id: str) -> AccessEntries:
    """Who was shown whose data, newest first; `search` is a user's id, or a record as `users/<sourcedId>`."""
    groups.get(group_id)
    asked: TimelineQuery = call.query
    timeline = f"access of {group_id}"
    found = access.entries(group_id, asked.limit, before(asked, timeline), asked.search)
    following = next_before(asked, timeline, [entry.at for entry in found])
    return AccessEntries(items=found, next_cursor=following, total=access.total(group_id, asked.search))


@route(trails, "GET /groups/{groupId}/person", role="admin", answer=PersonExport, query=PersonQuery, costly="list")
def export_person(call: Call, group_id: str) -> PersonExport:
    """A link to everything that is held about one person of the roster, as JSON; what there was no time for is named."""
    group = groups.get(group_id)
    until = time.monotonic() + LOOKS_FOR_S
    held = held_about(group, call.query.id, lambda: time.monotonic() < until)
    if held["platform"] is None and not held["syncs"]:
        raise NotFound(f"Nothing is held about a person {call.query.id} in this group.")
    name = f"person-{call.now:%Y%m%dT%H%M%S}.json"
    key = f"groups/{group_id}/exports/{call.nonce}-{name}"
    files.write(key, as_json(held))
    call.audit(group_id, "person exported", detail={"sourcedId": call.query.id})
    call.accessed(group_id, "person exported", [f"users/{call.query.id}"])
    link, ends = files.presigned_download(key, name), call.now + files.LINK_LIFETIME
    return PersonExport(url=link, expires_at=ends, syncs=len(held["syncs"]), complete=not held["notLookedAt"])


@route(trails, "POST /groups/{groupId}/erasures", role="admin", body=ErasureIn, answer=Erasure, status=202, costly="list")
def erase_person(call: Call, group_id: str, body: ErasureIn) -> Erasure:
    """Erase everything that is held about one person, for good: off the platform at once, out of every file by a job."""
    group = groups.get(group_id)
    if body.confirm != body.id:
        raise Unacceptable("Send the person's id twice. Nothing was erased.", {"confirm": "differs from `id`"})
    wanted = Erasure(
        erasure_id=f"{group.group_id}-erased-{call.nonce}",
        group_id=group_id,
        sourced_id=body.id,
        requested_by=call.caller.called,
        requested_by_id=call.caller.user_id,
        requested_at=call.now,
    )
    call.audit(group_id, "erasure of a person asked for", detail={"sourcedId": body.id})
    return erasure.begin(wanted)


@route(trails, "GET /groups/{groupId}/erasures", role="admin", answer=Erasures)
def list_erasures(call: Call, group_id: str) -> Erasures:
    """The people who were erased from this group: those whose erasure runs, then the certificates, newest first."""
    groups.get(group_id)
    running = [each for each in erasures.running() if each.group_id == group_id]
    found = [*reversed(running), *erasures.certificates(group_id, MOST_CERTIFICATES)]
    return Erasures(items=found, total=len(found))


def _audit_page(asked: TimelineQuery, group_id: str) -> AuditEntries:
    timeline = f"audit of {group_id}"
    found = audit.entries(group_id, asked.limit, before(asked, timeline), asked.search)
    items = [AuditEntry.of(entry) for entry in found]
    following = next_before(asked, timeline, [entry.at for entry in found])
    return AuditEntries(items=items, next_cursor=following, total=audit.total(group_id, asked.search))
