"""What a sync would change, a human's word about it, and taking a sync back."""

import json
from pathlib import Path
from typing import Any, Literal

from chalice.app import Blueprint

from chalicelib.api.lists import ListQuery, offset_of, page, sorting
from chalicelib.api.routing import IDEMPOTENCY_KEY, Call, Forbidden, route
from chalicelib.api.shapes import (
    Accepted,
    ActionCounts,
    Approval,
    Change,
    Deselected,
    Filter,
    Page,
    Plan,
    RenumberedPair,
    StatusesAnswer,
)
from chalicelib.errors import Conflict, NotFound
from chalicelib.model.ids import group_of, new_sync_id
from chalicelib.model.records import Answered, Group, Mode, QuestionKind, State, Sync, SyncCounts, Trigger
from chalicelib.service import answer
from chalicelib.service.selection import selection_kept
from chalicelib.service.start import start_now
from chalicelib.service.sync_files import sync_file
from chalicelib.store import files, groups
from chalicelib.store import syncs as store
from oneroster_engine.planning.guard import LimitedKind
from oneroster_engine.planning.unchanged_rows import write_unchanged
from oneroster_engine.selecting.selection import Selection
from oneroster_engine.selecting.selection_impact import selection_impact
from oneroster_engine.standard.entities import ENTITIES
from oneroster_engine.table_query import page_of

decisions = Blueprint(__name__)

CHANGE_SORTS = ("entity", "sourcedId", "name", "action", "reason")
UNCHANGED_SORTS = ("entity", "sourcedId", "name", "reason")
PAIR_SORTS = ("entity", "name", "oldSourcedId", "newSourcedId", "matchedBy")


class Changes(Page[Change]):
    pass


class RenumberedPairs(Page[RenumberedPair]):
    pass


class ChangeQuery(ListQuery):
    """`unchanged` lists the rows that stay as they are; the rows of every other action come together without it. `kind` lists the
    rows behind what holds the plan, `school` is then the school that it names."""

    entity: Filter = ""
    action: Literal["", "create", "update", "deactivate", "end", "unchanged"] = ""
    school: Filter = ""
    reason: Filter = ""
    kind: LimitedKind | Literal[""] = ""


@route(decisions, "GET /syncs/{syncId}/plan", role="viewer", answer=Plan, people=True)
def get_plan(call: Call, sync_id: str) -> Plan:
    """What would change or has changed, in numbers, and why it is held."""
    summary = files.read_json(files.sync_key(sync_id, "plan/summary.json"))
    if summary is None:
        sync = store.get(sync_id)
        if sync.same_as is None:
            raise Conflict("This sync has no plan yet.")
        return _plan_of_nothing(sync)
    return Plan.model_validate({**summary, "withRemovals": not _removals_left_out(sync_id)})


@route(decisions, "GET /syncs/{syncId}/plan/changes", role="viewer", answer=Changes, query=ChangeQuery, people=True)
def list_changes(call: Call, sync_id: str) -> Changes:
    """The plan's rows, each with before, after and reason."""
    asked: ChangeQuery = call.query
    stays = asked.action == "unchanged"
    sort, descending = sorting(asked, UNCHANGED_SORTS if stays else CHANGE_SORTS)
    columns = {"entity": asked.entity, "action": "" if stays else asked.action, "schools": asked.school, "reason": asked.reason}
    try:
        if asked.kind:
            columns |= {"kind": asked.kind, "school": columns.pop("schools")}
            rows = sync_file(sync_id, "plan/held.parquet", "list of what holds the plan")
        else:
            rows = _unchanged(sync_id) if stays else sync_file(sync_id, "plan/changes.parquet", "plan")
    except Conflict:
        if stays or store.get(sync_id).same_as is None:
            raise
        return page(Changes, [], 0, asked)
    found = page_of(
        rows,
        search=asked.search,
        search_in=("name", "sourcedId"),
        sort=sort,
        descending=descending,
        limit=asked.limit,
        offset=offset_of(asked),
        where={name: [value] for name, value in columns.items() if value},
    )
    subjects = [f"users/{row['sourcedId']}" for row in found.items if row["entity"] == "users"]
    call.accessed(group_of(sync_id), "changes shown", subjects)
    if _removals_left_out(sync_id):
        found.items[:] = [_as_spared(row) for row in found.items]
    return page(Changes, _named(sync_id, [_change(row) for row in found.items]), found.total, asked)


def _removals_left_out(sync_id: str) -> bool:
    """Whether the plan was written without its removals: its log then has a file of what was kept."""
    return files.size_bytes(files.sync_key(sync_id, "report/kept.csv.gz")) is not None


def _as_spared(row: dict[str, Any]) -> dict[str, Any]:
    """An update as it came true: what it would have taken away is not among its fields."""
    if not row.get("spared"):
        return row
    before, after = (json.loads(row[side]) for side in ("before", "spared"))
    differs = [
        name for name in row["fields"] if {**before, **before["fields"]}.get(name) != {**after, **after["fields"]}.get(name)
    ]
    return {**row, "fields": differs, "after": row["spared"]}


@route(decisions, "POST /syncs/{syncId}/approval", role="operator", body=Approval, answer=Accepted, status=202)
def approve(call: Call, sync_id: str, body: Approval) -> Accepted:
    """Decide about a held or previewed plan: exactly what was shown is applied, or nothing. An admin's, but for a rehearsal."""
    if call.caller.role != "admin" and not (body.decision == "discard" and store.get(sync_id).rehearsal):
        raise Forbidden("An administrator decides about changes. Ask one to review them.")
    message = {
        "approve": "Sync started. The changes are being applied.",
        "approveWithoutRemovals": "Sync started. The changes are being applied, without the removals.",
        "discard": "The changes will not be written.",
    }[body.decision]
    did = {
        "approve": "approved the changes",
        "approveWithoutRemovals": "approved the changes without the removals",
        "discard": "discarded the changes",
    }[body.decision]
    decided = Answered(kind=QuestionKind.APPROVAL, by=call.caller.called, did=did, at=call.now)
    answer.decide(sync_id, body.decision, decided)
    detail = {"decision": body.decision, "note": body.note}
    call.audit(group_of(sync_id), "plan decided", sync_id, detail)
    return Accepted(message=message, sync=store.get(sync_id))


@route(decisions, "GET /syncs/{syncId}/plan/renumbered", role="viewer", answer=RenumberedPairs, query=ListQuery, people=True)
def list_renumbered(call: Call, sync_id: str) -> RenumberedPairs:
    """The records that look renumbered: old id, new id, name, and by what they were known again."""
    sort, descending = sorting(call.query, PAIR_SORTS)
    found = page_of(
        sync_file(sync_id, "plan/renumbered.parquet", "list of renumbered ids"),
        search=call.query.search,
        search_in=("name", "oldSourcedId", "newSourcedId"),
        sort=sort,
        descending=descending,
        limit=call.query.limit,
        offset=offset_of(call.query),
    )
    subjects = [f"users/{row['newSourcedId']}" for row in found.items if row["entity"] == "users"]
    call.accessed(group_of(sync_id), "renumbered records shown", subjects)
    return page(RenumberedPairs, [RenumberedPair.model_validate(row) for row in found.items], found.total, call.query)


@route(decisions, "POST /syncs/{syncId}/statuses/deselected", role="operator", body=StatusesAnswer, answer=Deselected)
def count_deselected(call: Call, sync_id: str, body: StatusesAnswer) -> Deselected:
    """The consequence of a choice of people before it counts: how much of the platform it leaves out."""
    chosen = files.selection_of(sync_id)
    if "classes" not in chosen:
        raise Conflict("The classes have not been selected yet.")
    cells = {"cells": [[cell.status, cell.user_type] for cell in body.cells]}
    selection = Selection.from_json({**chosen, **cells, "otherMembers": body.other_members, "guardians": body.guardians})
    group = groups.get(group_of(sync_id))
    wanted = [f"stage/{name}.parquet" for name in (*ENTITIES, "left_out")]
    with files.workspace(sync_id, reads=wanted) as workdir:
        if group.snapshot is not None:
            files.fetch_snapshot(group.group_id, group.snapshot, workdir / "snapshot")
        impact = selection_impact(workdir / "stage", selection, workdir / "snapshot" if group.snapshot else None)
        return Deselected(
            counts=impact.counts, schools_along=list(impact.schools_along), schools_along_total=impact.schools_along_total
        )


@route(decisions, "POST /syncs/{syncId}/undo", role="admin", answer=Sync, status=202, headers=(IDEMPOTENCY_KEY,), costly="start")
def undo_sync(call: Call, sync_id: str) -> Sync:
    """Start the inverse of a sync that has succeeded. Its plan is shown first, always."""
    undone = store.get(sync_id)
    if undone.state is not State.SUCCEEDED:
        raise Conflict(f"Only a sync that has succeeded can be undone; this one is {undone.state}.")
    if undone.same_as is not None:
        raise Conflict("This sync has changed nothing, so there is nothing to take back.")
    if files.size_bytes(files.sync_key(sync_id, "plan/changes.parquet")) is None:
        raise Conflict("What this sync has changed is not kept any more, so it can't be undone.")
    wanted = Sync(
        group_id=undone.group_id,
        sync_id=new_sync_id(undone.group_id, call.now, call.nonce),
        mode=Mode.UNDO,
        undoes=sync_id,
        trigger=Trigger.API,
        preview=True,
        started_by=call.caller.called,
        started_at=call.now,
        state=State.RUNNING,
    )
    started = start_now(wanted, call.now, call.idempotency_key)
    if started.new:
        call.audit(started.sync.group_id, "undo started", started.sync.sync_id, {"undoes": sync_id})
    return started.sync


def _plan_of_nothing(sync: Sync) -> Plan:
    """Of a sync that found nothing new: all that is selected stays as it is."""
    counts: dict[str, Any] = {
        field.alias or name: getattr(sync.counts, name).model_dump(include={*ActionCounts.model_fields})
        for name, field in SyncCounts.model_fields.items()
    }
    return Plan(counts=counts, schools=[], breaches=[], notes=[], held=False)


def _unchanged(sync_id: str) -> Path:
    """An undo's plan names these rows; another sync's are written when they are asked for first."""
    key = files.sync_key(sync_id, "plan/unchanged.parquet")
    if files.size_bytes(key) is None:
        sync = store.get(sync_id)
        group = groups.get(sync.group_id)
        read = sync.same_as or sync_id
        snapshot = read if sync.state is State.SUCCEEDED else group.snapshot
        selection = selection_kept(read)
        wanted = [f"stage/{name}.parquet" for name in ENTITIES]
        if sync.same_as is None:
            wanted.append("plan/changes.parquet")
        try:
            with files.workspace(read, reads=wanted) as workdir:
                if snapshot is None:
                    raise NotFound("The platform holds nothing yet.")
                files.fetch_snapshot(group.group_id, snapshot, workdir / "snapshot")
                files.upload(write_unchanged(workdir / "stage", selection, workdir / "snapshot", workdir / "plan"), key)
        except NotFound as missing:
            raise Conflict("The rows that this sync leaves as they are can't be listed: its files are not there.") from missing
    return files.cached(key)


def _named(sync_id: str, changes: list[Change]) -> list[Change]:
    """Each enrollment with the names of its person and class, by which people know it."""
    ends = {change.sourced_id: _ends(change) for change in changes if change.entity == "enrollments"}
    if not ends:
        return changes
    group = groups.get(group_of(sync_id))
    people = _names(sync_id, group, "users", {user for user, _ in ends.values()})
    classes = _names(sync_id, group, "classes", {class_ for _, class_ in ends.values()})
    return [
        change
        if change.sourced_id not in ends or change.entity != "enrollments"
        else change.model_copy(update={"name": f"{people.get(user, user)} in {classes.get(class_, class_)}"})
        for change in changes
        for user, class_ in [ends.get(change.sourced_id, ("", ""))]
    ]


def _ends(change: Change) -> tuple[str, str]:
    """The ids of an enrollment's person and class."""
    record = change.after or change.before or {}
    fields = {**record, **record.get("fields", {})}
    return str(fields.get("userSourcedId", "")), str(fields.get("classSourcedId", ""))


def _names(sync_id: str, group: Group, entity: str, ids: set[str]) -> dict[str, str]:
    """Names by id, as this sync read them, else as the platform has them."""
    found: dict[str, str] = {}
    keys = [files.sync_key(sync_id, f"stage/{entity}.parquet")]
    if group.snapshot:
        keys.insert(0, files.snapshot_key(group.group_id, group.snapshot, f"{entity}.parquet"))
    for key in keys:
        try:
            parquet = files.cached(key)
        except NotFound:
            continue
        rows = page_of(parquet, sort="sourcedId", limit=len(ids), offset=0, where={"sourcedId": sorted(ids)}).items
        found |= {row["sourcedId"]: name for row in rows if (name := _name(row))}
    return found


def _name(row: dict[str, Any]) -> str:
    whole = f"{row.get('givenName') or ''} {row.get('familyName') or ''}".strip()
    return str(row.get("name") or row.get("title") or whole)


def _change(row: dict[str, Any]) -> Change:
    """A row of the plan's file; columns that are the engine's own stay there."""
    stays: dict[str, Any] = {"action": "unchanged", "fields": [], "before": None, "after": None}
    shown = {name: value for name, value in (stays | row).items() if name in _SHOWN}
    return Change.model_validate(shown | {side: shown[side] and json.loads(shown[side]) for side in ("before", "after")})


_SHOWN = {field.alias or name for name, field in Change.model_fields.items()}
