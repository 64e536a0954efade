"""A group's configuration and saved selections as one JSON document, and a group made of such a document.

Never a secret, nor that there is one. A group that was brought in starts paused: the group it comes from may still run its
schedule, and a secret is to be entered first.
"""

from secrets import token_hex

from chalice.app import Blueprint

from chalicelib.api.credentials import without_secret
from chalicelib.api.group_view import group_out
from chalicelib.api.routing import Call, require_every_group, route
from chalicelib.api.shapes import GroupExport, GroupIn, GroupOut, NamedSelection
from chalicelib.errors import Unacceptable
from chalicelib.model.records import GroupSettings, Pause
from chalicelib.model.schedule import must_be_a_place, must_have_something_to_fetch
from chalicelib.store import groups, selections

export_import = Blueprint(__name__)

PAUSED = Pause(reason="Brought in from a file: see that all is right, enter the secret, then resume")


@route(export_import, "GET /groups/{groupId}/export", role="admin", answer=GroupExport)
def export_group(call: Call, group_id: str) -> GroupExport:
    """The group's configuration and its saved selections, without any secret."""
    group = groups.get(group_id)
    settings = {name: value for name, value in dict(group).items() if name in GroupSettings.model_fields}
    kept = [NamedSelection(name=each.name, selection=selections.load(each)) for each in selections.all_latest(group_id)]
    call.audit(group_id, "group exported")
    exported = GroupSettings.model_validate({**settings, "source": without_secret(group.source)})
    return GroupExport(exported_at=call.now, group=exported, selections=kept)


@route(export_import, "POST /imports", role="admin", body=GroupExport, answer=GroupOut, status=201)
def import_group(call: Call, body: GroupExport) -> GroupOut:
    """Make a new group of what was exported: with its saved selections, without secrets, and paused.

    For admins of every group, since nobody else would see it afterwards.
    """
    require_every_group(call.caller)
    check_references(body)
    group_id = token_hex(6)
    calendar = body.group.calendar.model_copy(update={"pause": PAUSED})
    group = groups.create(body.group.model_copy(update={"calendar": calendar}), group_id, call.nonce, call.now)
    by = call.caller.called
    for each in body.selections:
        selections.save(group_id, each.name, each.selection, by=by, now=call.now, etag=token_hex(6), if_match="")
    call.audit(group_id, "group brought in from a file", detail={"selections": len(body.selections)})
    return group_out(group, call.now)


def check_references(body: GroupExport) -> None:
    """Raises Unacceptable, before anything is made."""
    names = {each.name.casefold() for each in body.selections}
    if len(names) != len(body.selections):
        raise Unacceptable("Two selections of the file have one name. Nothing was made.", {"selections": "a name twice"})
    what = body.group.schedule.what
    if what != "full" and what.casefold() not in names:
        message = f"The schedule uses the selection “{what}”, which is not in the file. Nothing was made."
        raise Unacceptable(message, {"group.schedule.what": "no such selection"})
    if body.group.source.credentials:
        message = "A secret is never part of such a file. Take `credentials` out of it. Nothing was made."
        raise Unacceptable(message, {"group.source.credentials": "does not belong here"})
    GroupIn.model_validate(body.group.model_dump(include={"name", "guard"}))  # bounds of what comes in
    must_have_something_to_fetch(body.group)
    must_be_a_place(body.group.schedule)
