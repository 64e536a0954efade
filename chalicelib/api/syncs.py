"""Syncs: start, follow, cancel; their plan, problems and report."""

import re
import unicodedata
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Literal

from chalice.app import Blueprint

from chalicelib.api.lists import ListQuery, TimelineQuery, before, next_before, offset_of, page
from chalicelib.api.routing import IDEMPOTENCY_KEY, Call, route
from chalicelib.api.shapes import (
    Id,
    LastSync,
    Page,
    ProblemGroup,
    ProblemRow,
    Report,
    ReportFile,
    Role,
    SyncStart,
)
from chalicelib.errors import Conflict, NotFound, Unacceptable
from chalicelib.model.ids import group_of, new_sync_id
from chalicelib.model.outcomes import AppliedExtent, applied_extent
from chalicelib.model.records import Group, Mode, Record, State, Step, Sync, Trigger
from chalicelib.service import bulk
from chalicelib.service.start import start_now
from chalicelib.service.sync_files import sync_file
from chalicelib.sources import bundle
from chalicelib.store import files, selections, state_machine
from chalicelib.store import groups as group_store
from chalicelib.store import syncs as store
from chalicelib.store.limits import limits
from oneroster_engine.inspecting.problems import problem_groups, problem_rows

syncs = Blueprint(__name__)
ROLE_OF_RECEIVED: Role = "admin"
WRITTEN: dict[AppliedExtent, Literal["nothing", "some", "all"]] = {
    AppliedExtent.NOTHING: "nothing",
    AppliedExtent.PARTIAL: "some",
    AppliedExtent.ALL: "all",
}


class Syncs(Page[Sync]):
    pass


class ProblemGroups(Page[ProblemGroup]):
    pass


class ProblemRows(Page[ProblemRow]):
    pass


class ProblemRowQuery(ListQuery):
    cause: Id


class DeltaQuery(Record):
    """`version`: of OneRoster."""

    version: Literal["1.2", "1.1"] = "1.2"


class DeltaLink(Record):
    """`url` is None for a viewer who has not asked for contact details."""

    url: str | None
    expires_at: datetime


@route(
    syncs,
    "POST /groups/{groupId}/syncs",
    role="operator",
    body=SyncStart,
    answer=Sync,
    status=202,
    headers=(IDEMPOTENCY_KEY,),
    costly="start",
    scope="sync.start",
)
def start_sync(call: Call, group_id: str, body: SyncStart) -> Sync:
    """Start a sync; of a ZIP group with its upload. The same Idempotency-Key gives the same sync; a busy group answers 409."""
    upload = _bundle_of(group_store.get(group_id), body.upload_id)
    saved = selections.use(group_id, body.saved_selection) if body.saved_selection else None
    wanted = Sync(
        group_id=group_id,
        sync_id=new_sync_id(group_id, call.now, call.nonce),
        mode=Mode.SELECTIVE if saved else body.mode,
        saved_selection=saved,
        trigger=Trigger.API,
        preview=body.preview or body.rehearsal,
        rehearsal=body.rehearsal,
        read_everything=body.read_everything,
        started_by=call.caller.called,
        started_at=call.now,
        state=State.RUNNING,
    )
    started = start_now(wanted, call.now, call.idempotency_key, store.BundleFrom(upload) if upload else None)
    if started.new:
        used_selection = {"savedSelection": saved.name, "version": saved.version} if saved else {}
        call.audit(group_id, f"{started.sync.mode} sync started", started.sync.sync_id, used_selection)
    return started.sync


@route(syncs, "GET /groups/{groupId}/syncs", role="viewer", answer=Syncs, query=TimelineQuery, scope="status.read")
def list_syncs(call: Call, group_id: str) -> Syncs:
    """A group's syncs, newest first."""
    group_store.get(group_id)
    asked: TimelineQuery = call.query
    timeline = f"syncs of {group_id}"
    found = store.history(group_id, asked.limit, before(asked, timeline))
    following = next_before(asked, timeline, [sync.sync_id for sync in found])
    return Syncs(items=found, next_cursor=following, total=store.total(group_id))


@route(syncs, "GET /groups/{groupId}/syncs/last", role="viewer", answer=LastSync, scope="status.read")
def last_sync(call: Call, group_id: str) -> LastSync:
    """How the last sync of a group stands."""
    group = group_store.get(group_id)
    latest = [store.get(group.sync.sync_id)] if group.sync else store.history(group_id, 1)
    if not latest:
        raise NotFound("This group has never been synced.")
    sync = latest[0]
    base = f"/syncs/{sync.sync_id}"
    return LastSync(
        sync_id=sync.sync_id,
        status=sync.state,
        mode=sync.mode,
        message=sync.message,
        started_at=sync.started_at,
        started_by=sync.started_by,
        written=WRITTEN[applied_extent(group, sync.sync_id)],
        rehearsal=sync.rehearsal,
        held=sync.held,
        planned=sync.same_as is not None or any(each.step is Step.PLAN and each.ended_at for each in sync.progress),
        undoes=sync.undoes,
        last_sync_date=sync.ended_at,
        users=sync.counts.users,
        classes=sync.counts.classes,
        orgs=sync.counts.orgs,
        enrollments=sync.counts.enrollments,
        courses=sync.counts.courses,
        academic_sessions=sync.counts.academic_sessions,
        links={"sync": base, "report": f"{base}/report", "problems": f"{base}/problems", "plan": f"{base}/plan"},
    )


@route(syncs, "GET /syncs/{syncId}", role="viewer", answer=Sync, scope="status.read")
def get_sync(call: Call, sync_id: str) -> Sync:
    """One sync: state, progress, counts and the open question."""
    return store.get(sync_id)


@route(syncs, "POST /syncs/{syncId}/cancel", role="operator", answer=Sync, status=202, scope="sync.start")
def cancel_sync(call: Call, sync_id: str) -> Sync:
    """End a running sync; chunks that are being written are finished, no other is begun."""
    if not store.stop(sync_id, State.CANCELLED, "Cancelled.", call.now):
        raise Conflict("The sync has ended already.")
    state_machine.stop(sync_id, "cancelled by its admin")
    call.audit(group_of(sync_id), "sync cancelled", sync_id)
    return store.get(sync_id)


@route(syncs, "GET /syncs/{syncId}/problems", role="viewer", answer=ProblemGroups, query=ListQuery, people=True)
def list_problems(call: Call, sync_id: str) -> ProblemGroups:
    """Problems by root cause, worst first."""
    found = problem_groups(_problems(sync_id), limit=call.query.limit, offset=offset_of(call.query))
    return page(ProblemGroups, [ProblemGroup.model_validate(row) for row in found.items], found.total, call.query)


@route(syncs, "GET /syncs/{syncId}/problems/rows", role="viewer", answer=ProblemRows, query=ProblemRowQuery, people=True)
def list_problem_rows(call: Call, sync_id: str) -> ProblemRows:
    """The rows that one root cause explains."""
    found = problem_rows(_problems(sync_id), call.query.cause, limit=call.query.limit, offset=offset_of(call.query))
    subjects = [f"users/{row['sourcedId']}" for row in found.items if row["file"] == "users.csv"]
    call.accessed(group_of(sync_id), "problems shown", subjects, len(found.items))
    return page(ProblemRows, [ProblemRow.model_validate(row) for row in found.items], found.total, call.query)


@route(syncs, "GET /syncs/{syncId}/report", role="viewer", answer=Report, people=True)
def get_report(call: Call, sync_id: str) -> Report:
    """Links to the log: workbook, changes and problems as CSV, the roster as processed; for admins the bundle as received.

    A file shows people as they are, so a viewer gets its link where they ask for contact details. What came from
    the district may hold columns that are read by nobody here, passwords among them.
    """
    sync = store.get(sync_id)
    made_for = sync.same_as or sync_id  # a sync that found nothing new has the log of the one that it names
    written = files.read_json(files.sync_key(made_for, "report/files.json")) or []
    listed = [
        (each["name"], each["title"], each["sizeBytes"], files.sync_key(made_for, f"report/{each['name']}")) for each in written
    ]
    for folder, name in _received(sync_id) if call.caller.has_role(ROLE_OF_RECEIVED) else ():
        key = files.sync_key(sync_id, f"{folder}/{name}")
        listed.append((name, f"As received: {name}", files.size_bytes(key) or 0, key))
    if not listed:
        raise NotFound(f"There is no report of sync {sync_id}.")
    group = group_store.get(group_of(sync_id))
    called = f"{file_stem(group.name)}-{sync.started_at:%Y-%m-%d-%H%M}"
    if not call.hides:
        call.audit(group_of(sync_id), "report links given", sync_id)
    links = [
        ReportFile(
            name=name,
            title=title,
            size_bytes=size,
            url=None if call.hides else files.presigned_download(key, f"{called}-{name}"),
        )
        for name, title, size, key in listed
    ]
    return Report(files=links, expires_at=call.now + files.LINK_LIFETIME)


@route(syncs, "GET /syncs/{syncId}/delta", role="viewer", answer=DeltaLink, query=DeltaQuery, costly="list", people=True)
def get_delta(call: Call, sync_id: str) -> DeltaLink:
    """A link to what a sync has changed on the platform, as a OneRoster delta ZIP; made when it is first asked for.

    It shows people as they are, so a viewer gets the link where they ask for contact details.
    """
    sync, group = store.get(sync_id), group_store.get(group_of(sync_id))
    expires_at = call.now + files.LINK_LIFETIME
    if call.hides:
        return DeltaLink(url=None, expires_at=expires_at)
    key = bulk.changes_of(group.group_id, sync_id, f"changes-{call.query.version}.zip")
    if key is None:
        raise NotFound("There is no such file of this sync: it was the first, or changed nothing that other systems see.")
    call.audit(group.group_id, "changes downloaded", sync_id, {"version": call.query.version})
    called = f"{file_stem(group.name)}-{sync.started_at:%Y-%m-%d-%H%M}-changes-{call.query.version}.zip"
    return DeltaLink(url=files.presigned_download(key, called), expires_at=expires_at)


def file_stem(name: str) -> str:
    """A group's name as the beginning of a file's: letters and digits that every system takes, and no more of them than fit."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")[:60] or "group"


def _received(sync_id: str) -> list[tuple[str, str]]:
    """The files of the bundle that a person would open, by folder and name: the ZIP, the CSVs that came loose, or the
    pages of a provider."""
    for_people = [name for name in files.names(sync_id, "bundle") if name == bundle.ZIP or PurePosixPath(name).suffix == ".csv"]
    return [("bundle", name) for name in for_people] + [("received", name) for name in files.names(sync_id, "received")]


def _bundle_of(group: Group, upload_id: str | None) -> str | None:
    """The key of the upload that is to be synced; None where `OpenSource` fetches the bundle. Raises Unacceptable."""
    if group.source.fetched:
        if upload_id:
            message = f"This group fetches its roster by {group.source.method.upper()}; it takes no upload."
            raise Unacceptable(message, {"uploadId": "not for this group"})
        return None
    if not upload_id:
        raise Unacceptable("Upload the ZIP first and send its uploadId.", {"uploadId": "is missing"})
    upload = files.upload_key(group.group_id, upload_id, ".zip")
    size = files.size_bytes(upload)
    if size is None:
        raise Unacceptable("There is no such upload of this group. Upload the ZIP again.", {"uploadId": "unknown"})
    if size > limits().zip_bytes:
        raise Unacceptable(f"The ZIP has {size:,} bytes; at most {limits().zip_bytes:,} are taken.", {"uploadId": "too large"})
    return upload


def _problems(sync_id: str) -> Path:
    return sync_file(sync_id, "stage/problems.parquet", "list of problems")
