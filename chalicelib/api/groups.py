"""Groups: their configuration, uploads for them, and what was done to them."""

from datetime import datetime
from secrets import token_hex

from chalice.app import Blueprint
from pydantic.alias_generators import to_camel

from chalicelib.api import credentials
from chalicelib.api.lists import ListQuery, offset_of, page
from chalicelib.api.routing import Call, route
from chalicelib.api.shapes import (
    AuditEntry,
    GroupDeletion,
    GroupIn,
    GroupLastSync,
    GroupOut,
    GroupPatch,
    Message,
    Page,
    Upload,
    UploadRequest,
)
from chalicelib.errors import Conflict, Unacceptable
from chalicelib.model.records import Frequency, Group, GroupSettings, Method, Record, ZipSource
from chalicelib.model.schedule import next_run
from chalicelib.store import audit, files, secrets, selections, syncs
from chalicelib.store import groups as store
from chalicelib.store.limits import limits

groups = Blueprint(__name__)


class Groups(Page[GroupOut]):
    pass


class AuditEntries(Page[AuditEntry]):
    pass


@route(groups, "GET /groups", role="viewer", answer=Groups, query=ListQuery)
def list_groups(call: Call) -> Groups:
    """The groups that the caller may see, by name."""
    found = [group for group in store.find(call.query.search) if call.caller.may_see(group.group_id)]
    start = offset_of(call.query)
    shown = found[start : start + call.query.limit]
    return page(Groups, [_out(group, call.now) for group in shown], len(found), call.query)


@route(groups, "POST /groups", role="admin", body=GroupIn, answer=GroupOut, status=201)
def create_group(call: Call, body: GroupIn) -> GroupOut:
    """Make a group."""
    group_id = token_hex(6)
    source = credentials.put_away(group_id, body.source, ZipSource(), call.now)
    settings = GroupSettings.model_validate({**dict(body), "source": source})
    _see_that_it_is_there(group_id, settings.schedule.what)
    must_have_something_to_fetch(settings)
    group = store.create(settings, group_id, call.chance, call.now)
    call.audit(group.group_id, "group created")
    return _out(group, call.now)


@route(groups, "GET /groups/{groupId}", role="viewer", answer=GroupOut)
def get_group(call: Call, group_id: str) -> GroupOut:
    """One group; its ETag is what a change is sent with."""
    return _out(store.get(group_id), call.now)


@route(groups, "PATCH /groups/{groupId}", role="admin", body=GroupPatch, answer=GroupOut)
def change_group(call: Call, group_id: str, body: Record) -> GroupOut:
    """Change some of the settings, if nobody else has since the ETag in If-Match."""
    if_match = call.header("if-match").strip('"')
    if not if_match:
        raise Unacceptable("Send the group's etag in If-Match, so that nobody's change is lost.")
    stored = store.get(group_id)
    if stored.etag != if_match:
        raise Conflict(store.CHANGED)
    changed = {name: value for name, value in dict(body).items() if name in body.model_fields_set}
    now_set = {name: value for name, value in dict(stored).items() if name in GroupSettings.model_fields}
    if sent := changed.get("source"):
        changed["source"] = credentials.put_away(group_id, sent, stored.source, call.now)
    settings = GroupSettings.model_validate({**now_set, **changed})
    if "schedule" in changed:
        _see_that_it_is_there(group_id, settings.schedule.what)
    must_have_something_to_fetch(settings)
    rescheduled = settings.schedule != stored.schedule
    group = store.change(group_id, settings, if_match, call.chance, call.now, rescheduled)
    if credentials.forgotten(stored.source, group.source):
        secrets.forget(group_id)
    call.audit(group_id, "group changed", detail={"settings": sorted(to_camel(name) for name in changed)})
    return _out(group, call.now)


@route(groups, "DELETE /groups/{groupId}", role="admin", body=GroupDeletion, answer=Message)
def delete_group(call: Call, group_id: str, body: GroupDeletion) -> Message:
    """Delete a group with its files and its syncs; its name must be sent along. What is on the platform stays there."""
    group = store.get(group_id)
    if body.name != group.name:
        raise Unacceptable("The name is not this group's. Nothing was deleted.", {"name": "differs from the group's name"})
    store.delete(group_id)
    files.delete_group(group_id)
    selections.delete_group(group_id)
    syncs.forget(group_id)
    secrets.forget(group_id)
    call.audit(group_id, "group deleted")
    return Message(message="The group was deleted with its files and syncs. What it had brought onto the platform stays there.")


@route(
    groups,
    "POST /groups/{groupId}/uploads",
    role="operator",
    body=UploadRequest,
    answer=Upload,
    status=201,
)
def create_upload(call: Call, group_id: str, body: UploadRequest) -> Upload:
    """A form to send one ZIP straight to the bucket."""
    store.get(group_id)
    return presigned(group_id, ".zip", limits().zip_bytes, body, call)


@route(groups, "GET /groups/{groupId}/audit", role="admin", answer=AuditEntries, query=ListQuery)
def list_audit(call: Call, group_id: str) -> AuditEntries:
    """Who did what, newest first; `search` is in who, what and the sync's id. `total` counts this page."""
    store.get(group_id)
    found = audit.entries(group_id, call.query.limit, call.query.cursor, call.query.search)
    items = [
        AuditEntry(
            at=entry.at.split("#")[0],
            who=entry.who,
            name=entry.name,
            what=entry.what,
            sync_id=entry.sync_id,
            detail=dict(entry.detail),
        )
        for entry in found
    ]
    following = found[-1].at if len(found) == call.query.limit else None
    return AuditEntries(items=items, next_cursor=following, total=len(items))


def presigned(group_id: str, suffix: str, max_bytes: int, body: UploadRequest, call: Call) -> Upload:
    """A form for one file. Raises Unacceptable for one that is too large."""
    if body.size > max_bytes:
        raise Unacceptable(f"The file has {body.size:,} bytes; at most {max_bytes:,} are taken.", {"size": "too large"})
    upload_id = f"{call.now:%Y%m%dT%H%M%S}{call.chance}"
    form = files.presigned_upload(files.upload_key(group_id, upload_id, suffix), max_bytes, call.now)
    return Upload(upload_id=upload_id, url=form.url, fields=form.fields, max_bytes=max_bytes, expires_at=form.expires_at)


def must_have_something_to_fetch(settings: GroupSettings) -> None:
    """Raises Unacceptable for a ZIP group with a schedule."""
    if settings.source.method is Method.ZIP and settings.schedule.frequency is not Frequency.MANUAL:
        message = "A group whose method is ZIP has nothing to fetch on a schedule: its files are uploaded, or dropped and synced."
        raise Unacceptable(message, {"schedule.frequency": "choose manual, or another method"})


def _see_that_it_is_there(group_id: str, what: str) -> None:
    """Raises Unacceptable for a schedule that names a selection that there isn't."""
    if what != "full" and not selections.versions(group_id, what):
        said = f"There is no saved selection “{what}” of this group. Save it first, or let the schedule bring in everything."
        raise Unacceptable(said, {"schedule.what": "no such selection"})


def _out(group: Group, now: datetime) -> GroupOut:
    latest = [syncs.get(group.sync.sync_id)] if group.sync else syncs.history(group.group_id, 1)
    last = GroupLastSync(sync_id=latest[0].sync_id, state=latest[0].state, at=latest[0].started_at) if latest else None
    kept = {name: value for name, value in dict(group).items() if name in GroupOut.model_fields}
    return GroupOut(**kept, last_sync=last, next_run_at=next_run(group.schedule, group.calendar, now))
