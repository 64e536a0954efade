"""Saved selections, and the inbox of what they were to ask about."""

from collections.abc import Sequence
from typing import Any, Literal, TypeVar
from urllib.parse import unquote

from chalice.app import Blueprint
from pydantic import Field

from chalicelib.api.lists import ListQuery, offset_of, page
from chalicelib.api.routing import IF_MATCH, Call, route
from chalicelib.api.shapes import (
    Inbox,
    InboxDecision,
    InboxItem,
    Message,
    NamedId,
    Page,
    SavedSelectionChange,
    SavedSelectionIn,
    SavedSelectionItem,
    SavedSelectionOut,
    SavedVersion,
    Standing,
)
from chalicelib.errors import Conflict, Unacceptable
from chalicelib.model.records import Record, Sync
from chalicelib.service.selection import Lists, newest_lists, newest_with_lists, save_selection, sync_with_lists
from chalicelib.store import groups
from chalicelib.store import selections as store
from chalicelib.store.selections import Version
from oneroster_engine.selecting.saved import Classes, Found, Saved, Schools
from oneroster_engine.table_query import page_of

selections = Blueprint(__name__)

Part = TypeVar("Part", Schools, Classes)
SHOWN = 100
_ONE = {"schools": "school", "classes": "class"}


class SavedSelections(Page[SavedSelectionItem]):
    pass


class VersionQuery(Record):
    """`version` 0 is the newest."""

    version: int = Field(default=0, ge=0, le=999_999)


@route(selections, "GET /groups/{groupId}/selections", role="viewer", answer=SavedSelections, query=ListQuery)
def list_selections(call: Call, group_id: str) -> SavedSelections:
    """A group's saved selections by name, each with what it comes to now."""
    groups.get(group_id)
    found = [each for each in store.all_latest(group_id) if call.query.search.casefold() in each.name.casefold()]
    start = offset_of(call.query)
    with newest_lists(group_id) as lists:
        items = [SavedSelectionItem(**_item(each, lists)) for each in found[start : start + call.query.limit]]
    return page(SavedSelections, items, len(found), call.query)


@route(
    selections, "POST /groups/{groupId}/selections", role="operator", body=SavedSelectionIn, answer=SavedSelectionOut, status=201
)
def create_selection(call: Call, group_id: str, body: SavedSelectionIn) -> SavedSelectionOut:
    """Save a selection under a new name."""
    groups.get(group_id)
    looked_at = sync_with_lists(group_id, body.seen_of) if body.seen_of else newest_with_lists(group_id)
    return _out(_save(call, group_id, body.name, body.selection, looked_at, if_match=""))


@route(selections, "GET /groups/{groupId}/selections/{name}", role="viewer", answer=SavedSelectionOut, query=VersionQuery)
def get_selection(call: Call, group_id: str, name: str) -> SavedSelectionOut:
    """One saved selection; older versions by `version`."""
    version = call.query.version
    return _out(store.get(group_id, unquote(name), version) if version else store.latest(group_id, unquote(name)))


@route(
    selections,
    "PUT /groups/{groupId}/selections/{name}",
    role="operator",
    body=SavedSelectionChange,
    answer=SavedSelectionOut,
    headers=(IF_MATCH,),
)
def change_selection(call: Call, group_id: str, name: str, body: SavedSelectionChange) -> SavedSelectionOut:
    """Write the next version, if nobody else has since the ETag in If-Match."""
    if_match = call.if_match
    if not if_match:
        raise Unacceptable("Send the selection's etag in If-Match, so that nobody's change is lost.")
    known = store.latest(group_id, unquote(name))
    looked_at = sync_with_lists(group_id, body.seen_of) if body.seen_of else None
    return _out(_save(call, group_id, known.name, body.selection, looked_at, if_match))


@route(selections, "DELETE /groups/{groupId}/selections/{name}", role="operator", answer=Message)
def delete_selection(call: Call, group_id: str, name: str) -> Message:
    """Delete a saved selection with all its versions. Syncs that used it keep what they selected."""
    known = store.latest(group_id, unquote(name))
    if groups.get(group_id).schedule.what.casefold() == known.name.casefold():
        raise Conflict(f"The group's schedule uses “{known.name}”. Choose another selection there first. Nothing was deleted.")
    store.delete(group_id, known.name)
    call.audit(group_id, "selection deleted", detail={"selection": known.name})
    return Message(message=f"The saved selection “{known.name}” was deleted.")


@route(selections, "GET /groups/{groupId}/inbox", role="viewer", answer=Inbox)
def get_inbox(call: Call, group_id: str) -> Inbox:
    """The schools and classes that have appeared since a saved selection was looked at, and wait for a decision."""
    groups.get(group_id)
    items: list[InboxItem] = []
    with newest_lists(group_id) as lists:
        for version in store.all_latest(group_id) if lists else ():
            assert lists is not None
            found = lists.resolve(version)
            items += [_waiting(version, "schools", found.new_schools), _waiting(version, "classes", found.new_classes)]
    return Inbox(items=[each for each in items if each.total])


@route(selections, "POST /groups/{groupId}/inbox", role="operator", body=InboxDecision, answer=Message)
def decide_inbox(call: Call, group_id: str, body: InboxDecision) -> Message:
    """Include or exclude what waits: the next version of the saved selection says so from now on."""
    version = store.latest(group_id, body.selection)
    with newest_lists(group_id) as lists:
        if lists is None:
            raise Unacceptable("Nothing waits: this group has no list of schools yet.")
        found = lists.resolve(version)
    waiting = {each.sourced_id for each in (found.new_schools if body.kind == "schools" else found.new_classes)}
    ids = waiting if body.ids is None else set(body.ids)
    if not ids or ids - waiting:
        raise Unacceptable("Some of these do not wait any more. Load the page again.", {"ids": "not waiting"})
    selection = store.load(version)
    if body.kind == "schools":
        selection = selection.model_copy(update={"schools": _decided(selection.schools, ids, body.decision)})
    else:
        selection = selection.model_copy(update={"classes": _decided(selection.classes, ids, body.decision)})
    _save(call, group_id, version.name, selection, None, version.etag)
    from_now_on = "selected" if body.decision == "include" else "left out"
    what = f"1 {_ONE[body.kind]} is" if len(ids) == 1 else f"{len(ids):,} {body.kind} are"
    return Message(message=f"{what} {from_now_on} by “{version.name}” from its next sync on.")


def _save(call: Call, group_id: str, name: str, selection: Saved, seen: Sync | None, if_match: str) -> Version:
    by = call.caller.called
    version = save_selection(group_id, name, selection, seen, by=by, now=call.now, etag=call.nonce, if_match=if_match)
    call.audit(group_id, "selection saved", detail={"selection": version.name, "version": version.version})
    return version


def _waiting(version: Version, kind: Literal["schools", "classes"], found: Sequence[Found]) -> InboxItem:
    rows = [NamedId(sourced_id=each.sourced_id, name=each.name) for each in found[:SHOWN]]
    return InboxItem(selection=version.name, kind=kind, since=version.seen_at, total=len(found), rows=rows)


def _decided(part: Part, ids: set[str], decision: str) -> Part:
    listed, excluded = set(part.ids) - ids, set(part.excluded) - ids
    if decision == "include":
        listed |= ids
    else:
        excluded |= ids
    return part.model_copy(update={"ids": tuple(sorted(listed)), "excluded": tuple(sorted(excluded))})


def _item(version: Version, lists: Lists | None) -> dict[str, Any]:
    """The fields of a SavedSelectionItem."""
    standing = None
    if lists:
        numbers = store.counts(lists.resolve(version))
        standing = Standing(sync_id=lists.sync.sync_id, at=lists.sync.started_at, **numbers)
    kept = {name: getattr(version, name) for name in ("name", "version", "etag", "by", "at", "seen_at")}
    return {**kept, "standing": standing}


def _out(version: Version) -> SavedSelectionOut:
    selection = store.load(version)
    with newest_lists(version.group_id) as lists:
        named = _names(lists, [*selection.schools.ids, *selection.schools.excluded, *selection.schools.parents])
        item = _item(version, lists)
    kept = [SavedVersion(version=each.version, by=each.by, at=each.at) for each in store.versions(version.group_id, version.name)]
    return SavedSelectionOut(**item, selection=selection, versions=kept, named=named)


def _names(lists: Lists | None, ids: Sequence[str]) -> list[NamedId]:
    """Orgs by their names; the id where the source no longer has the org."""
    rows = (
        page_of(lists.stage / "orgs.parquet", sort="name", limit=len(ids) + 1, offset=0, where={"sourcedId": ids})
        if lists
        else None
    )
    known = {row["sourcedId"]: row["name"] for row in rows.items} if rows else {}
    return [NamedId(sourced_id=each, name=known.get(each) or each) for each in ids]
