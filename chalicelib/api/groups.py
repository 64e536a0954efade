"""Groups: their configuration, uploads for them, and what was done to them."""

import time
from concurrent.futures import ThreadPoolExecutor
from secrets import token_hex

from chalice.app import Blueprint
from pydantic.alias_generators import to_camel

from chalicelib.api import credentials
from chalicelib.api.group_view import group_out
from chalicelib.api.lists import ListQuery, offset_of, page
from chalicelib.api.routing import IF_MATCH, Call, require_every_group, route
from chalicelib.api.shapes import (
    GroupDeletion,
    GroupIn,
    GroupOut,
    GroupPatch,
    Message,
    Page,
    Upload,
    UploadRequest,
)
from chalicelib.errors import Conflict, Unacceptable
from chalicelib.model.deletion import Deletion
from chalicelib.model.records import GroupSettings, Record, ZipSource
from chalicelib.model.schedule import must_be_a_place, must_have_something_to_fetch
from chalicelib.service import deletion
from chalicelib.service.upload import upload_form
from chalicelib.store import deletions, secrets, selections
from chalicelib.store import groups as store
from chalicelib.store.limits import limits

groups = Blueprint(__name__)
READ_AT_ONCE = 8
DELETES_AT_ONCE_S = 10  # of the API's 29; the rest is done by `erase`


class Groups(Page[GroupOut]):
    pass


class Deletions(Page[Deletion]):
    pass


@route(groups, "GET /groups", role="viewer", answer=Groups, query=ListQuery, costly="list")
def list_groups(call: Call) -> Groups:
    """The groups that the caller may see, by name."""
    found = [group for group in store.find(call.query.search) if call.caller.may_see(group.group_id)]
    start = offset_of(call.query)
    shown = found[start : start + call.query.limit]
    with ThreadPoolExecutor(READ_AT_ONCE) as pool:  # each has its last sync read
        items = list(pool.map(lambda group: group_out(group, call.now), shown))
    return page(Groups, items, len(found), call.query)


@route(groups, "POST /groups", role="admin", body=GroupIn, answer=GroupOut, status=201)
def create_group(call: Call, body: GroupIn) -> GroupOut:
    """Make a group: for admins of every group, since nobody else would see it afterwards."""
    require_every_group(call.caller)
    must_be_a_place(body.schedule)
    group_id = token_hex(6)
    sent = credentials.separate_secret(body.source, ZipSource(), call.now)
    settings = GroupSettings.model_validate({**dict(body), "source": sent.source})
    _check_saved_selection(group_id, settings.schedule.what)
    must_have_something_to_fetch(settings)
    group = store.create(settings, group_id, call.nonce, call.now)
    if sent.secret:
        try:
            secrets.keep(group_id, sent.secret, sent.source)
        except Exception:
            store.withdraw(group)
            raise
    call.audit(group.group_id, "group created")
    return group_out(group, call.now)


@route(groups, "GET /groups/{groupId}", role="viewer", answer=GroupOut)
def get_group(call: Call, group_id: str) -> GroupOut:
    """One group; its ETag is what a change is sent with."""
    return group_out(store.get(group_id), call.now)


@route(groups, "PATCH /groups/{groupId}", role="admin", body=GroupPatch, answer=GroupOut, headers=(IF_MATCH,))
def change_group(call: Call, group_id: str, body: Record) -> GroupOut:
    """Change some of the settings, if nobody else has since the ETag in If-Match."""
    if_match = call.if_match
    if not if_match:
        raise Unacceptable("Send the group's etag in If-Match, so that nobody's change is lost.")
    stored = store.get(group_id)
    if stored.etag != if_match:
        raise Conflict(store.CHANGED)
    changed = {name: value for name, value in dict(body).items() if name in body.model_fields_set}
    now_set = {name: value for name, value in dict(stored).items() if name in GroupSettings.model_fields}
    schedule = changed.get("schedule")
    if schedule and schedule.time_zone != stored.schedule.time_zone:
        must_be_a_place(schedule)
    sent = credentials.separate_secret(changed["source"], stored.source, call.now) if changed.get("source") else None
    if sent:
        changed["source"] = sent.source
    settings = GroupSettings.model_validate({**now_set, **changed})
    if "schedule" in changed:
        _check_saved_selection(group_id, settings.schedule.what)
    must_have_something_to_fetch(settings)
    rescheduled = settings.schedule != stored.schedule
    group = store.change(group_id, settings, if_match, call.nonce, call.now, rescheduled)
    if sent and sent.secret:  # once nobody else's change can be in the way any more
        secrets.keep(group_id, sent.secret, sent.source)
    if credentials.forgotten(stored.source, group.source):
        secrets.forget(group_id)
    call.audit(group_id, "group changed", detail={"settings": sorted(to_camel(name) for name in changed)})
    return group_out(group, call.now)


@route(groups, "DELETE /groups/{groupId}", role="admin", body=GroupDeletion, answer=Message)
def delete_group(call: Call, group_id: str, body: GroupDeletion) -> Message:
    """Delete a group with all its data, on the platform too; its name must be sent along. GET /deletions has the certificate."""
    group = store.get(group_id)
    if body.name != group.name:
        raise Unacceptable("The name is not this group's. Nothing was deleted.", {"name": "differs from the group's name"})
    wanted = Deletion(group_id=group_id, name=group.name, requested_by=call.caller.called, requested_at=call.now)
    deletions.begin(wanted)
    call.audit(group_id, "group deleted")
    until = time.monotonic() + DELETES_AT_ONCE_S
    deletion.delete(wanted, call.now, lambda: time.monotonic() < until)
    return Message(
        message="The group was deleted. Its syncs, its files and its people, on the platform too, are being deleted; "
        "the certificate says when nothing is left."
    )


@route(groups, "GET /deletions", role="admin", answer=Deletions, query=ListQuery)
def list_deletions(call: Call) -> Deletions:
    """The groups that were deleted, newest first, each with what was removed where: the certificate once it is done."""
    require_every_group(call.caller)
    found = [each for each in deletions.everyone() if call.query.search.casefold() in each.name.casefold()]
    start = offset_of(call.query)
    return page(Deletions, found[start : start + call.query.limit], len(found), call.query)


@route(
    groups,
    "POST /groups/{groupId}/uploads",
    role="operator",
    body=UploadRequest,
    answer=Upload,
    status=201,
    costly="upload",
    scope="upload.create",
)
def create_upload(call: Call, group_id: str, body: UploadRequest) -> Upload:
    """A form to send one ZIP straight to the bucket."""
    store.get(group_id)
    return Upload.of(upload_form(group_id, ".zip", limits().zip_bytes, body.size, call.now, call.nonce))


def _check_saved_selection(group_id: str, what: str) -> None:
    """Raises Unacceptable for a schedule that names a selection that there isn't."""
    if what != "full" and not selections.versions(group_id, what):
        message = f"There is no saved selection “{what}” of this group. Save it first, or let the schedule bring in everything."
        raise Unacceptable(message, {"schedule.what": "no such selection"})
