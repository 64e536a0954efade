"""The three questions of a selective sync: schools, classes, and people by status and type."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from chalice.app import Blueprint

from chalicelib.api.lists import ListQuery, offset_of, page, sorting
from chalicelib.api.routing import Call, route
from chalicelib.api.shapes import (
    Accepted,
    ChoiceAnswer,
    ClassChoice,
    OrgChoice,
    OrgChoices,
    Page,
    SaveAs,
    SheetCheck,
    SheetLink,
    Statuses,
    StatusesAnswer,
    Upload,
    UploadRequest,
)
from chalicelib.errors import Conflict, NotFound, Unacceptable
from chalicelib.model.ids import group_of
from chalicelib.model.records import Answered, QuestionKind
from chalicelib.service.answer import choose
from chalicelib.service.selection import save_selection
from chalicelib.service.upload import upload_form
from chalicelib.sheets.choices import CLASSES, ORG, Checked, Sheet, check_sheet, write_sheet
from chalicelib.store import files, groups, syncs
from chalicelib.store.limits import limits
from oneroster_engine.plural import plural
from oneroster_engine.selecting.saved import Saved
from oneroster_engine.selecting.selection import Selection, status_matrix
from oneroster_engine.table_query import Rows, page_of

choices = Blueprint(__name__)

ALL_ROWS = 10_000_000
NAMED_UNKNOWN = 5  # ids named in a refusal


class ClassChoices(Page[ClassChoice]):
    pass


class ChoiceQuery(ListQuery):
    """`only` narrows the list: chosen last time, new since then, or chosen in this sync, to go back to."""

    only: Literal["", "new", "chosenLastTime", "chosen"] = ""


@dataclass(frozen=True)
class Kind:
    """What the questions about schools and about classes have in common, as data."""

    name: Literal["orgs", "classes"]
    one: str
    called: str
    question: QuestionKind
    sheet: Sheet
    search_in: tuple[str, ...]
    sorts: tuple[str, ...]


ORGS_ASKED = Kind(
    "orgs",
    "school",
    "schools",
    QuestionKind.ORGS,
    ORG,
    ("name", "sourcedId", "identifier"),
    ("name", "type", "parent", "classes", "users"),
)
CLASSES_ASKED = Kind(
    "classes",
    "class",
    "classes",
    QuestionKind.CLASSES,
    CLASSES,
    ("title", "classCode", "course", "school", "sourcedId"),
    ("title", "classCode", "course", "terms", "school", "students", "users"),
)


@route(choices, "GET /syncs/{syncId}/orgs", role="viewer", answer=OrgChoices, query=ChoiceQuery)
def list_orgs(call: Call, sync_id: str) -> OrgChoices:
    """The schools to choose from. Their counts come once the rest of the bundle is read (`counted`)."""
    found = _page(ORGS_ASKED, sync_id, call.query)
    items = [OrgChoice.model_validate(row) for row in found.items]
    counted = all(item.classes is not None for item in items)
    return page(OrgChoices, items, found.total, call.query, counted=counted)


@route(choices, "GET /syncs/{syncId}/classes", role="viewer", answer=ClassChoices, query=ChoiceQuery)
def list_classes(call: Call, sync_id: str) -> ClassChoices:
    """The classes of the chosen schools."""
    found = _page(CLASSES_ASKED, sync_id, call.query)
    return page(ClassChoices, [ClassChoice.model_validate(row) for row in found.items], found.total, call.query)


@route(choices, "GET /syncs/{syncId}/orgs/sheet", role="operator", answer=SheetLink)
def get_org_sheet(call: Call, sync_id: str) -> SheetLink:
    """The workbook Org."""
    return _sheet_link(ORGS_ASKED, call, sync_id)


@route(choices, "GET /syncs/{syncId}/classes/sheet", role="operator", answer=SheetLink)
def get_class_sheet(call: Call, sync_id: str) -> SheetLink:
    """The workbook Classes."""
    return _sheet_link(CLASSES_ASKED, call, sync_id)


@route(
    choices,
    "POST /syncs/{syncId}/orgs/sheet",
    role="operator",
    body=UploadRequest,
    answer=Upload,
    status=201,
    costly="upload",
)
def upload_org_sheet(call: Call, sync_id: str, body: UploadRequest) -> Upload:
    """A form to send the filled workbook Org straight to the bucket."""
    return _sheet_upload(call, sync_id, body)


@route(
    choices,
    "POST /syncs/{syncId}/classes/sheet",
    role="operator",
    body=UploadRequest,
    answer=Upload,
    status=201,
    costly="upload",
)
def upload_class_sheet(call: Call, sync_id: str, body: UploadRequest) -> Upload:
    """A form to send the filled workbook Classes straight to the bucket."""
    return _sheet_upload(call, sync_id, body)


@route(choices, "POST /syncs/{syncId}/orgs/sheet/{uploadId}/check", role="operator", answer=SheetCheck, costly="list")
def check_org_sheet(call: Call, sync_id: str, upload_id: str) -> SheetCheck:
    """What an uploaded workbook Org says, before it counts."""
    return _shown(_checked(ORGS_ASKED, sync_id, upload_id))


@route(choices, "POST /syncs/{syncId}/classes/sheet/{uploadId}/check", role="operator", answer=SheetCheck, costly="list")
def check_class_sheet(call: Call, sync_id: str, upload_id: str) -> SheetCheck:
    """What an uploaded workbook Classes says, before it counts."""
    return _shown(_checked(CLASSES_ASKED, sync_id, upload_id))


@route(
    choices,
    "POST /syncs/{syncId}/orgs/selection",
    role="operator",
    body=ChoiceAnswer,
    answer=Accepted,
    status=202,
)
def choose_orgs(call: Call, sync_id: str, body: ChoiceAnswer) -> Accepted:
    """Choose the schools; the state machine continues."""
    return _choose(ORGS_ASKED, call, sync_id, body)


@route(
    choices,
    "POST /syncs/{syncId}/classes/selection",
    role="operator",
    body=ChoiceAnswer,
    answer=Accepted,
    status=202,
)
def choose_classes(call: Call, sync_id: str, body: ChoiceAnswer) -> Accepted:
    """Choose the classes; the state machine continues."""
    return _choose(CLASSES_ASKED, call, sync_id, body)


@route(choices, "GET /syncs/{syncId}/statuses", role="viewer", answer=Statuses)
def get_statuses(call: Call, sync_id: str) -> Statuses:
    """People by status and user type in the chosen classes and schools, with the rule in words."""
    chosen = files.selection_of(sync_id)
    if "classes" not in chosen:
        raise Conflict("The classes have not been selected yet.")
    key = matrix_key(sync_id, chosen)
    made = files.read_json(key)
    if made is None:
        wanted = [f"stage/{name}.parquet" for name in ("orgs", "academicSessions", "courses", "classes", "users", "enrollments")]
        with files.workspace(sync_id, reads=wanted) as workdir:
            made = status_matrix(workdir / "stage", Selection.from_json(chosen))
        files.write_json(key, made)
    return Statuses.model_validate(made)


def matrix_key(sync_id: str, chosen: Mapping[str, Any]) -> str:
    """Where the matrix of these schools and classes is kept: who goes back and chooses others sees another one."""
    of = sha256(json.dumps([chosen.get("orgs"), chosen.get("classes")]).encode()).hexdigest()[:16]
    return files.sync_key(sync_id, f"stage/statuses-{of}.json")


@route(
    choices,
    "POST /syncs/{syncId}/statuses/selection",
    role="operator",
    body=StatusesAnswer,
    answer=Accepted,
    status=202,
)
def choose_statuses(call: Call, sync_id: str, body: StatusesAnswer) -> Accepted:
    """The Sync button: choose the people; the machine plans and applies."""
    offered = {(cell.status, cell.user_type) for cell in get_statuses(call, sync_id).cells}
    cells = {(cell.status, cell.user_type) for cell in body.cells}
    if foreign := cells - offered:
        status, user_type = sorted(foreign)[0]
        raise Unacceptable(f"Nobody here is {status} and {user_type}. Load the page again.", {"cells": "not offered"})
    selection = {
        "cells": [list(cell) for cell in sorted(cells)],
        "otherMembers": body.other_members,
        "guardians": body.guardians,
        "removeUnselected": body.remove_unselected,
        "by": call.caller.user_id,
    }

    def on_claim() -> None:
        if body.preview:
            syncs.preview(sync_id)
        if body.save_as:
            _save_as(call, sync_id, body.save_as, selection)

    did = "selected the users to preview the changes" if body.preview else "selected the users and started the sync"
    choose(sync_id, _answered(QuestionKind.STATUSES, call, did), selection, body.since, on_claim)
    call.audit(group_of(sync_id), "people chosen", sync_id, {"cells": len(cells)})
    message = (
        "The changes are being worked out; you will see them before anything is written." if body.preview else "Sync started."
    )
    return Accepted(message=f"{message} You can leave this page and come back to it.", sync=syncs.get(sync_id))


def _save_as(call: Call, sync_id: str, save_as: SaveAs, selection: dict[str, Any]) -> None:
    chosen = Selection.from_json({**files.selection_of(sync_id), **selection})
    saved = Saved.of(chosen, save_as.schools_later, save_as.classes_later)
    group_id, sync = group_of(sync_id), syncs.get(sync_id)
    version = save_selection(group_id, save_as.name, saved, sync, by=call.caller.called, now=call.now, etag=call.nonce)
    call.audit(group_id, "selection saved", detail={"selection": version.name, "version": version.version})


def _sheet_upload(call: Call, sync_id: str, body: UploadRequest) -> Upload:
    group_id = syncs.get(sync_id).group_id
    return Upload.of(upload_form(group_id, ".xlsx", limits().sheet_bytes, body.size, call.now, call.nonce))


def _page(kind: Kind, sync_id: str, query: ChoiceQuery) -> Rows:
    sort, descending = sorting(query, kind.sorts)
    before = _last_time(kind, sync_id)
    where = dict(_where(kind, sync_id))
    parquet = _choices(kind, sync_id)
    if query.only == "chosen":
        stored = files.selection_of(sync_id)
        chosen = stored.get(kind.name, stored.get(f"{kind.name}Before", []))
        where |= {} if chosen is None else {"sourcedId": chosen}
    elif query.only and before.parquet:
        known = {row["sourcedId"] for row in _rows_of(before.parquet, {})}
        all_now = {row["sourcedId"] for row in _rows_of(parquet, where)}
        where["sourcedId"] = sorted(all_now - known if query.only == "new" else filter(before.chosen, all_now & known))
    found = page_of(
        parquet,
        search=query.search,
        search_in=kind.search_in,
        sort=sort,
        descending=descending,
        limit=query.limit,
        offset=offset_of(query),
        where=where,
    )
    ids = [row["sourcedId"] for row in found.items]
    known = {row["sourcedId"] for row in _rows_of(before.parquet, {"sourcedId": ids})} if before.parquet else set(ids)
    items = [
        {
            **row,
            "chosenLastTime": before.parquet is not None and row["sourcedId"] in known and before.chosen(row["sourcedId"]),
            "new": row["sourcedId"] not in known,
        }
        for row in found.items
    ]
    return Rows(items, found.total)


@dataclass(frozen=True)
class LastTime:
    """What was offered and chosen by the sync that the platform shows; `parquet` is None when there was none."""

    parquet: Path | None
    chosen: Callable[[str], bool]


def _last_time(kind: Kind, sync_id: str) -> LastTime:
    earlier = groups.get(group_of(sync_id)).snapshot
    if not earlier or earlier == sync_id:
        return LastTime(None, lambda sourced_id: False)
    try:
        parquet = files.cached(files.sync_key(earlier, f"stage/choices/{kind.name}.parquet"))
    except NotFound:  # the group's retention has taken it away
        return LastTime(None, lambda sourced_id: False)
    ids = files.selection_of(earlier).get(kind.name)
    chosen = None if ids is None else frozenset(ids)
    return LastTime(parquet, lambda sourced_id: chosen is None or sourced_id in chosen)


def _choices(kind: Kind, sync_id: str) -> Path:
    try:
        return files.cached(files.sync_key(sync_id, f"stage/choices/{kind.name}.parquet"))
    except NotFound as missing:
        sync = syncs.get(sync_id)
        raise Conflict(f"The {kind.called} of this sync have not been read yet; it is {sync.state}.") from missing


def _where(kind: Kind, sync_id: str) -> Mapping[str, list[str]]:
    """Classes are offered of the chosen schools only."""
    if kind.name == "orgs":
        return {}
    chosen = files.selection_of(sync_id)
    if "orgs" not in chosen:
        raise Conflict("The schools have not been selected yet.")
    return {} if chosen["orgs"] is None else {"schoolSourcedId": chosen["orgs"]}


def _rows_of(parquet: Path, where: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    return page_of(parquet, sort="sourcedId", limit=ALL_ROWS, offset=0, where=where).items


def _sheet_link(kind: Kind, call: Call, sync_id: str) -> SheetLink:
    rows = _rows_of(_choices(kind, sync_id), _where(kind, sync_id))
    key = files.sync_key(sync_id, f"sheets/{kind.sheet.name}.xlsx")
    with TemporaryDirectory() as folder:
        book = Path(folder) / "sheet.xlsx"
        write_sheet(kind.sheet, rows, book, sync_id, call.now)
        files.upload(book, key)
    call.audit(group_of(sync_id), f"sheet {kind.sheet.name} downloaded", sync_id)
    link = files.presigned_download(key, f"{kind.sheet.name}.xlsx")
    return SheetLink(url=link, expires_at=call.now + files.LINK_LIFETIME)


def _checked(kind: Kind, sync_id: str, upload_id: str) -> Checked:
    known = {row["sourcedId"]: row for row in _rows_of(_choices(kind, sync_id), _where(kind, sync_id))}
    with TemporaryDirectory() as folder:
        book = Path(folder) / "sheet.xlsx"
        files.download(files.upload_key(group_of(sync_id), upload_id, ".xlsx"), book)
        return check_sheet(kind.sheet, book, known, sync_id)


def _shown(checked: Checked) -> SheetCheck:
    findings = [{"cell": each.cell, "sourcedId": each.sourced_id, "message": each.message} for each in checked.findings]
    return SheetCheck(
        chosen=len(checked.chosen),
        not_chosen=checked.not_chosen,
        changed=checked.changed,
        unknown=checked.unknown,
        missing=checked.missing,
        repeated=checked.repeated,
        unreadable=checked.unreadable,
        findings=findings,
        usable=checked.usable,
        message=checked.message,
    )


def _choose(kind: Kind, call: Call, sync_id: str, body: ChoiceAnswer) -> Accepted:
    ids = None if body.all and not body.exclude else sorted(_chosen_ids(kind, sync_id, body))
    some = f"all {kind.called}" if ids is None else plural(len(ids), kind.one, kind.called)
    choose(sync_id, _answered(kind.question, call, f"selected {some}"), {kind.name: ids}, body.since)
    call.audit(group_of(sync_id), f"{kind.called} chosen", sync_id, {"chosen": "all" if ids is None else len(ids)})
    return Accepted(message=f"{some[0].upper()}{some[1:]} selected.", sync=syncs.get(sync_id))


def _answered(kind: QuestionKind, call: Call, did: str) -> Answered:
    return Answered(kind=kind, by=call.caller.called, did=did, at=call.now)


def _chosen_ids(kind: Kind, sync_id: str, body: ChoiceAnswer) -> frozenset[str]:
    if body.sheet_upload_id is not None:
        checked = _checked(kind, sync_id, body.sheet_upload_id)
        if not checked.usable:
            raise Unacceptable(checked.message, {"sheetUploadId": "can't be used"})
        return checked.chosen
    field, named = ("exclude", frozenset(body.exclude)) if body.all else ("ids", frozenset(body.ids or ()))
    offered = frozenset(row["sourcedId"] for row in _rows_of(_choices(kind, sync_id), _where(kind, sync_id)))
    if unknown := sorted(named - offered):
        some = ", ".join(unknown[:NAMED_UNKNOWN])
        raise Unacceptable(f"{len(unknown):,} of the ids are none of the {kind.called} offered: {some}.", {field: "unknown"})
    chosen = offered - named if body.all else named
    if not chosen:
        raise Unacceptable(f"Nothing is selected. Select at least one of the {kind.called}.", {field: "empty"})
    return chosen
