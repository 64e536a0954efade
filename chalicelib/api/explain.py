"""Why a person is not on the platform, and whether a roster looks right."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

from chalice.app import Blueprint
from pydantic import StringConstraints

from chalicelib.api.lists import ListQuery, offset_of, page
from chalicelib.api.routing import Call, route
from chalicelib.api.shapes import Id, Page, Sanity, SanityFinding, SanityRow, Trace, TraceStep, TraceSubject
from chalicelib.errors import Conflict, NotFound
from chalicelib.model.ids import group_of
from chalicelib.model.records import Group, Mode, QuestionKind, Record, State, Sync
from chalicelib.platform import reader
from chalicelib.service.selection import selection_kept
from chalicelib.service.sync_files import linked, that_read
from chalicelib.store import files, groups, syncs
from oneroster_engine.inspecting import trace as traces
from oneroster_engine.inspecting.sanity import FINDINGS, sanity, sanity_rows
from oneroster_engine.planning.removals import BY_POLICY as POLICY_FILE
from oneroster_engine.standard.entities import ENTITIES

explanations = Blueprint(__name__)

LOOKED_BACK = 20  # syncs that are looked through for the newest with a plan
STAGED = ("stage/summary.json", *(f"stage/{entity}.parquet" for entity in ENTITIES))
TRACED = (*STAGED, "stage/problems.parquet", "stage/left_out.parquet", "plan/changes.parquet")
PLAN = "plan/changes.parquet"
BY_POLICY = f"plan/{POLICY_FILE}"


class TraceQuery(Record):
    """`q` is a sourcedId, username, e-mail, identifier or name; `entity` narrows the search. Neither is logged."""

    q: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
    entity: Literal["", "users", "classes", "orgs"] = ""


class SanityRowQuery(ListQuery):
    finding: Id


class SanityRows(Page[SanityRow]):
    pass


@route(explanations, "GET /groups/{groupId}/trace", role="viewer", answer=Trace, query=TraceQuery, costly="list", people=True)
def trace(call: Call, group_id: str) -> Trace:
    """Why one person, class or org is on the platform or isn't, by the newest sync that read the source."""
    group = groups.get(group_id)
    asked: TraceQuery = call.query
    sync = _newest_planned(group_id)
    decided = files.size_bytes(files.sync_key(sync.sync_id, BY_POLICY)) is not None
    names = (*TRACED, BY_POLICY) if decided else TRACED
    with linked(_keys(sync.sync_id, names) | _snapshot_keys(group)) as workdir:
        snapshot = workdir / "snapshot" if group.snapshot else None
        found = traces.find(workdir, snapshot, asked.q, asked.entity)
        steps = []
        if subject := found.subject:
            run = traces.Run(_standing(sync), applied=sync.state is State.SUCCEEDED)
            written = _written(group_id, subject)
            steps = traces.explain(workdir, selection_kept(sync.sync_id), snapshot, subject, run, written)
    seen = [found.subject] if found.subject else found.candidates
    call.accessed(group_id, "traced", [f"{each.entity}/{each.sourced_id}" for each in seen])
    return Trace(
        sync_id=sync.sync_id,
        sync_started_at=sync.started_at,
        sync_state=sync.state,
        subject=_shown(subject) if subject else None,
        conclusion=traces.conclusion(steps) if steps else "",
        steps=[TraceStep(about=each.about, verdict=each.verdict, text=each.text, at=each.at or None) for each in steps],
        candidates=[] if subject else [_shown(each) for each in found.candidates],
        total=found.total,
    )


@route(explanations, "GET /syncs/{syncId}/sanity", role="viewer", answer=Sanity, people=True)
def get_sanity(call: Call, sync_id: str) -> Sanity:
    """What is no error and odd all the same, counted, with the first rows of each."""
    with _checked(sync_id) as (stage, changes):
        found = sanity(stage, changes)
    shown = [f"{seen.finding.entity}/{row['sourcedId']}" for seen in found for row in seen.examples]
    if any(each.startswith("users/") for each in shown):
        call.accessed(group_of(sync_id), "odd records shown", list(dict.fromkeys(shown)))
    return Sanity(
        findings=[
            SanityFinding(
                name=seen.finding.name,
                entity=seen.finding.entity,
                title=seen.finding.title,
                meaning=seen.finding.meaning,
                count=seen.count,
                of=seen.of,
                examples=[SanityRow.model_validate(row) for row in seen.examples],
            )
            for seen in found
        ]
    )


@route(explanations, "GET /syncs/{syncId}/sanity/rows", role="viewer", answer=SanityRows, query=SanityRowQuery, people=True)
def list_sanity_rows(call: Call, sync_id: str) -> SanityRows:
    """The rows of one such finding."""
    asked: SanityRowQuery = call.query
    if asked.finding not in {finding.name for finding in FINDINGS}:
        raise NotFound("There is no such finding. GET /syncs/{syncId}/sanity lists them.")
    with _checked(sync_id) as (stage, changes):
        found = sanity_rows(stage, changes, asked.finding, limit=asked.limit, offset=offset_of(asked))
    entity = next(finding.entity for finding in FINDINGS if finding.name == asked.finding)
    call.accessed(group_of(sync_id), "odd records listed", [f"{entity}/{row['sourcedId']}" for row in found.items])
    return page(SanityRows, [SanityRow.model_validate(row) for row in found.items], found.total, asked)


def _newest_planned(group_id: str) -> Sync:
    """The newest sync that read the source and has a plan: what its rows say is what is known of the source."""
    for sync in that_read(syncs.history(group_id, LOOKED_BACK)):
        needed = (files.sync_key(sync.sync_id, name) for name in ("stage/summary.json", PLAN))
        if sync.mode is not Mode.UNDO and all(files.size_bytes(key) is not None for key in needed):
            return sync
    raise Conflict("No sync of this group has read its source and planned yet. Start one, then ask again.")


def _standing(sync: Sync) -> str:
    if sync.question and sync.question.kind is QuestionKind.APPROVAL:
        return "waits for approval"
    return {State.RUNNING: "is still running", State.WAITING: "waits for an answer"}.get(sync.state, f"ended as {sync.state}")


def _written(group_id: str, subject: traces.Subject) -> traces.Written | None:
    item = reader.get(group_id, subject.entity, subject.sourced_id)
    return traces.Written(item["platformId"], item["status"], item["since"], item["syncId"]) if item else None


def _shown(subject: traces.Subject) -> TraceSubject:
    return TraceSubject(
        entity=subject.entity, sourced_id=subject.sourced_id, name=subject.name, detail=subject.detail, line=subject.line
    )


@contextmanager
def _checked(sync_id: str) -> Iterator[tuple[Path, Path | None]]:
    sync_id = syncs.get(sync_id).same_as or sync_id
    planned = files.size_bytes(files.sync_key(sync_id, PLAN)) is not None
    try:
        with linked(_keys(sync_id, (*STAGED, PLAN) if planned else STAGED)) as workdir:
            yield workdir / "stage", workdir / PLAN if planned else None
    except NotFound as missing:
        raise Conflict("This sync has not read its source yet.") from missing


def _keys(sync_id: str, names: Iterable[str]) -> dict[str, str]:
    return {name: files.sync_key(sync_id, name) for name in names}


def _snapshot_keys(group: Group) -> dict[str, str]:
    """Of the snapshot that shows the platform; none while nothing was committed."""
    if group.snapshot is None:
        return {}
    names = [f"{entity}.parquet" for entity in traces.TRACED]
    return {f"snapshot/{name}": files.snapshot_key(group.group_id, group.snapshot, name) for name in names}
