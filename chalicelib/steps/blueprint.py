"""The Lambdas of the state machine. An event holds ids (and for `apply_chunk` the name of a chunk), never rows.

Every handler may run twice with the same event and leaves the same. What reaches a source is imported by those that do: SSH and
HTTP are a third of a start, of which the others have no use (`tests/infra/test_imports.py`).
"""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NotRequired, TypedDict

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError
from chalice.app import Blueprint

from chalicelib.model import outcomes
from chalicelib.model.causes import Cause, by_cause, messages_of
from chalicelib.model.outcomes import applied_extent
from chalicelib.model.records import (
    EntityCounts,
    Group,
    Mode,
    Progress,
    Question,
    QuestionKind,
    State,
    Step,
    Sync,
    SyncCounts,
    Unit,
    Untitled,
)
from chalicelib.platform import writer
from chalicelib.service import fetch_scope, unchanged, waiting, webhooks
from chalicelib.service.held_mail import held_mail
from chalicelib.service.plan import counted_from, make_plan, purging_of, snapshot_of, write_log
from chalicelib.store import commits, files, groups, mail, syncs
from chalicelib.store.commits import Commit
from chalicelib.store.limits import limits
from chalicelib.store.metrics import emit_metric
from oneroster_engine.planning.drain import approved
from oneroster_engine.planning.guard import Breach
from oneroster_engine.planning.snapshot import next_snapshot
from oneroster_engine.planning.summary import Planned
from oneroster_engine.staging.stage import stage_bundle
from oneroster_engine.standard import archive as zip_source

WAIT = timedelta(days=7)  # TimeoutSeconds of the machine's waits

steps = Blueprint(__name__)
logger = Logger()


class StepEvent(TypedDict):
    groupId: str
    syncId: str


class OpenEvent(StepEvent):
    mode: Mode


class AskEvent(StepEvent):
    kind: str
    token: str


class ChunkEvent(StepEvent):
    chunk: str
    withRemovals: bool


class DecidedEvent(StepEvent):
    withRemovals: bool


class ReportEvent(DecidedEvent):
    sameAs: NotRequired[str]  # lacking in executions that an earlier version started


class RangeEvent(StepEvent):
    range: dict[str, Any]


class FailureEvent(StepEvent):
    error: dict[str, str]


@steps.lambda_function(name="open_source")
@logger.inject_lambda_context(clear_state=True)
def open_source(event: OpenEvent, context: LambdaContext) -> dict[str, Any]:
    """State `OpenSource`: bring the bundle, see that it is one, and list its schools for a selective sync.

    `more` says that the time was up before the bundle was there; the machine calls again then. `fetch` says that only the
    orgs are there, and that the provider's other lists are read next, so many ranges at once as `parallel` says. `sameAs` names
    the sync that did the same with the same, where there is one: the machine ends this one then.
    """
    from chalicelib.service.group_source import source_of

    sync_id, group = _named(event), groups.get(event["groupId"])
    sync = syncs.get(sync_id)
    source = source_of(group, sync, _zip_limits())
    with waiting.told_until_tried_again(sync_id, _now):
        if not source.bring(lambda: context.get_remaining_time_in_millis() / 1000, _now):
            return {"more": True, "fetch": False, "parallel": 1, "sameAs": ""}
        if same_as := unchanged.earlier_same(group, sync, source, _zip_limits()):
            syncs.waits_no_more(sync_id)
            return {"more": False, "fetch": False, "parallel": 1, "sameAs": same_as}
        with _progress(sync_id, Step.OPEN) as rows, files.workspace(sync_id, writes=["stage"]) as workdir:
            rows.number = source.open(workdir, asks=event["mode"] == Mode.SELECTIVE)
    syncs.waits_no_more(sync_id)
    return {"more": False, "fetch": source.parallel > 0, "parallel": max(1, source.parallel), "sameAs": ""}


@steps.lambda_function(name="plan_fetch")
@logger.inject_lambda_context(clear_state=True)
def plan_fetch(event: StepEvent, context: LambdaContext) -> dict[str, Any]:
    """State `PlanFetch`: read each list's first page and plan the rest in ranges."""
    from chalicelib.service import rest_reading
    from chalicelib.service.group_source import provider_of

    sync_id = _named(event)
    sync, group = syncs.get(sync_id), groups.get(event["groupId"])
    settings = provider_of(group)
    syncs.progressed(sync_id, Progress(step=Step.FETCH, unit=Unit.PAGES, started_at=_now()))
    reads = ["stage"] if fetch_scope.schools_to_ask_for(settings, sync) else []
    with waiting.told_until_tried_again(sync_id, _now), files.workspace(sync_id, reads) as workdir:
        planned = rest_reading.plan_ranges(group, sync, settings, workdir)
    manifest = files.sync_key(sync_id, f"{rest_reading.FETCH}/manifest.json")
    return {"bucket": files.bucket(), "manifestKey": manifest, "ranges": planned}


@steps.lambda_function(name="fetch_part")
@logger.inject_lambda_context(clear_state=True)
def fetch_part(event: RangeEvent, context: LambdaContext) -> dict[str, Any]:
    """State `FetchPart`: read a range of pages; say where to read on when the Lambda's time ends before the range does."""
    from chalicelib.service import rest_reading
    from chalicelib.service.group_source import provider_of

    sync_id = _named(event)
    left_s = context.get_remaining_time_in_millis() / 1000
    with waiting.told_until_tried_again(sync_id, _now):
        settings = provider_of(groups.get(event["groupId"]))
        rest = rest_reading.read_range(event["groupId"], sync_id, settings, event["range"], left_s)
    return {"done": rest is None, "range": asdict(rest) if rest else {}}


@steps.lambda_function(name="check_fetched")
@logger.inject_lambda_context(clear_state=True)
def check_fetched(event: StepEvent, context: LambdaContext) -> None:
    """State `CheckFetched`: see whether the provider's lists have changed while they were read."""
    from chalicelib.service import rest_reading
    from chalicelib.service.group_source import provider_of

    sync_id = _named(event)
    with waiting.told_until_tried_again(sync_id, _now):
        rest_reading.check_again(event["groupId"], sync_id, provider_of(groups.get(event["groupId"])))
    syncs.waits_no_more(sync_id)
    for reading in (each for each in syncs.get(sync_id).progress if each.step is Step.FETCH):
        syncs.progressed(sync_id, reading.model_copy(update={"ended_at": _now()}))


@steps.lambda_function(name="stage")
@logger.inject_lambda_context(clear_state=True)
def stage(event: StepEvent, context: LambdaContext) -> None:
    """State `Stage`: read, judge and clean the whole bundle."""
    from chalicelib.service import source_baseline
    from chalicelib.service.group_source import source_of

    sync_id, group = _named(event), groups.get(event["groupId"])
    sync = syncs.get(sync_id)
    source = source_of(group, sync, _zip_limits())
    with _progress(sync_id, Step.STAGE) as rows, files.workspace(sync_id, source.reads(), ["stage", "received"]) as workdir:
        with source.csvs(workdir) as csvs:
            with csvs.there("manifest.csv"):  # which says what there is to merge into
                before = source_baseline.earlier(group, workdir, _zip_limits())
            if before.view:
                source.before_merge(workdir, before.view)
            sent = {**before.incomplete, **csvs.incomplete}
            staged = stage_bundle(
                workdir / "csv",
                workdir / "stage",
                csvs.version,
                group.match_with,
                messages_of(sent),
                before.view,
                csvs.there,
                stand_ins=group.untitled is Untitled.STAND_IN,
            )
        source.locate_problems(workdir)
        id_check = source.check_ids(workdir, before.view) if before.view else None
        unproved = {entity: sent.get(entity) or Cause(why) for entity, why in staged.incomplete.items()}
        source_baseline.keep(group, sync_id, before.view, unproved)
        unchanged.note(group, sync, partial(source.received, workdir), staged.modes, _zip_limits())
        read = {name: {"read": each.read, "kept": each.kept, "left_out": each.left_out} for name, each in staged.counts.items()}
        rows.number = sum(each.read for each in staged.counts.values())
    syncs.counted(sync_id, _counts(read), held=False)
    syncs.incomplete(sync_id, unproved)
    if id_check:
        syncs.ids_compared(sync_id, id_check)


@steps.lambda_function(name="ask")
@logger.inject_lambda_context(clear_state=True)
def ask(event: AskEvent, context: LambdaContext) -> None:
    """States `Ask...`: open a question; the API's answer lets the machine go on."""
    sync_id = _named(event)
    now = _now()
    syncs.ask(sync_id, Question(kind=QuestionKind(event["kind"]), since=now, until=now + WAIT), event["token"])


@steps.lambda_function(name="plan")
@logger.inject_lambda_context(clear_state=True)
def plan(event: StepEvent, context: LambdaContext) -> dict[str, Any]:
    """State `Plan`: compare the selection with the snapshot; decide whether it needs approval."""
    sync_id = _named(event)
    sync, group = syncs.get(sync_id), groups.get(event["groupId"])
    reads, writes = ([], ["stage"]) if sync.mode is Mode.UNDO else (["stage"], [])
    with _progress(sync_id, Step.PLAN) as rows, files.workspace(sync_id, reads, [*writes, "plan", "report"]) as workdir:
        planned = make_plan(sync, group, workdir)
        if asks := planned.held or sync.preview or bool(group.always_preview and planned.changes):
            write_log(sync, group, workdir, outcomes.UNDECIDED, _now())
        rows.number = sum(each["selected"] for each in planned.counts.values())
    counts = {
        name: getattr(sync.counts, field).model_dump() | planned.counts[name] | {"returned": planned.returned.get(name, 0)}
        for name, field in _ENTITY_FIELDS.items()
    }
    syncs.counted(sync_id, _counts(counts), planned.held)
    if planned.changes:  # chunks run side by side, so what they count against is written before the first of them
        syncs.progressed(sync_id, Progress(step=Step.APPLY, total=planned.changes, started_at=_now()))
    if planned.held:
        _tell(sync, group, planned)
    return {
        "ask": asks,
        "changes": planned.changes,
        "bucket": files.bucket(),
        "manifestKey": files.sync_key(sync_id, "plan/manifest.json"),
    }


@steps.lambda_function(name="apply_chunk")
@logger.inject_lambda_context(clear_state=True)
def apply_chunk(event: ChunkEvent, context: LambdaContext) -> None:
    """State `ApplyChunk`: write one chunk's changes to the platform. Raises LockLost once the sync was ended."""
    sync_id = _named(event)
    group = groups.get(event["groupId"])

    def check_lock() -> None:
        """Called before each wave of writes, the first included."""
        groups.mark_unfinished(group.group_id, sync_id)

    chunk = f"plan/chunks/{event['chunk']}"
    with files.workspace(sync_id, reads=[chunk]) as workdir, gzip.open(workdir / chunk) as lines:
        written = writer.write_chunk(lines, group.group_id, sync_id, group.grace_days, event["withRemovals"], check_lock)
    syncs.applied(sync_id, written)
    emit_metric("RecordsWritten", written)


@steps.lambda_function(name="commit")
@logger.inject_lambda_context(clear_state=True)
def commit(event: DecidedEvent, context: LambdaContext) -> None:
    """State `Commit`: make the next snapshot and move the group's pointer to it."""
    sync_id = _named(event)
    sync, group = syncs.get(sync_id), groups.get(event["groupId"])
    if group.snapshot == sync_id:
        return  # an earlier try came this far
    counts = outcomes.written(sync.counts, event["withRemovals"])
    for applying in (each for each in sync.progress if each.step is Step.APPLY):
        done = outcomes.changes(counts)
        syncs.progressed(sync_id, applying.model_copy(update={"done": done, "total": done, "ended_at": _now()}))
    with _progress(sync_id, Step.COMMIT) as rows, files.workspace(sync_id, reads=["plan/changes.parquet"]) as workdir:
        before = snapshot_of(group, workdir)
        removals, purging = event["withRemovals"], purging_of(group)
        purges_from = next_snapshot(before, workdir / "plan", workdir / "next", sync.started_at, purging, removals)
        files.store_snapshot(group.group_id, sync_id, workdir / "next")
        rows.number = outcomes.changes(counts)
    syncs.counted(sync_id, counts, sync.held)
    covered = sync.mode is Mode.FULL and event["withRemovals"]
    number = group.commits + 1
    commits.write(group.group_id, Commit(number=number, sync_id=sync_id, at=sync.started_at, with_removals=event["withRemovals"]))
    unchanged.confirm(group, sync, event["withRemovals"], number, purges_from)
    spares = not event["withRemovals"]
    asked = _asked_about(sync_id) if sync.held and not spares else []
    groups.move_snapshot(
        group.group_id,
        sync_id,
        number,
        cleared=covered,
        undoes=sync.undoes,
        spares=spares,
        lets_go=bool(group.spared) and any(each.kind == "spared" for each in asked),
        counted=approved(counted_from(group, sync), asked, sync.started_at),
    )


def _asked_about(sync_id: str) -> list[Breach]:
    """Why the plan was held."""
    plan = files.read_json(files.sync_key(sync_id, "plan/summary.json")) or {}
    return [Breach(**breach) for breach in plan.get("breaches", [])]


@steps.lambda_function(name="report")
@logger.inject_lambda_context(clear_state=True)
def report(event: ReportEvent, context: LambdaContext) -> None:
    """State `Report`: write the log for people, end the sync and give the lock back. `sameAs` names the sync whose log is this
    one's too."""
    sync_id = _named(event)
    sync, group = syncs.get(sync_id), groups.get(event["groupId"])
    if sync.ended_at is not None:
        return  # an earlier try came this far
    if earlier := event.get("sameAs"):
        if syncs.end(sync_id, State.SUCCEEDED, unchanged.repeat(sync, syncs.get(earlier)), _now()):
            logger.info("sync succeeded: the source is the same", extra={"sameAs": earlier})
        return
    unproved = by_cause(sync.incomplete, sync.incomplete_kinds)
    message = outcomes.success(sync.counts, event["withRemovals"], unproved, sync.undoes is not None)
    if sync.asked and not outcomes.changes(sync.counts):  # nothing new: nothing of what was asked for
        message = f"{message} {fetch_scope.sentence(sync.asked)}".strip()
    if sync.id_check:
        message = f"{message} {fetch_scope.differing(sync.id_check)}".strip()
    with _progress(sync_id, Step.REPORT):
        reads = ["stage", "plan/summary.json", "plan/changes.parquet"]
        with files.workspace(sync_id, reads=reads, writes=["report"]) as workdir:
            write_log(sync, group, workdir, message, _now(), event["withRemovals"])
    if syncs.end(sync_id, State.SUCCEEDED, message, _now()):
        logger.info("sync succeeded", extra={"changes": outcomes.changes(sync.counts)})
        for action in ("created", "updated", "deactivated", "ended"):
            emit_metric("RecordsChanged", outcomes.total(sync.counts, action), action=action)


@steps.lambda_function(name="record_failure")
@logger.inject_lambda_context(clear_state=True)
def record_failure(event: FailureEvent, context: LambdaContext) -> None:
    """State `RecordFailure`: end the sync with what happened, in a sentence, and give the lock back."""
    sync_id = _named(event)
    reached = applied_extent(groups.get(event["groupId"]), sync_id)
    error = event["error"]
    if error.get("Error") == outcomes.CHUNKS_FAILED:
        error = syncs.source_trouble_of(sync_id) or error
    ending = outcomes.ending_of(error, sync_id, reached)
    if syncs.end(sync_id, ending.state, ending.message, _now()):
        fields = {"outcome": ending.state, "error": error.get("Error"), "written": reached.name}
        logger.warning("sync ended without success", extra=fields)


def _tell(sync: Sync, group: Group, planned: Planned) -> None:
    """Tell the group's webhooks and its contact. A mail that can't be sent stops no sync: the portal shows what waits."""
    reasons = [{"kind": each.kind, "removed": each.removed, "records": each.records} for each in planned.breaches]
    webhooks.announce(group.group_id, "sync.held", sync.sync_id, {"syncId": sync.sync_id, "reasons": reasons}, _now())
    if group.contact_email is None:
        logger.info("held; the group has no contact to tell")
        return
    link = mail.link_to(f"/groups/{group.group_id}/syncs/{sync.sync_id}/changes")
    try:
        sent = mail.send(group.contact_email, held_mail(group.name, planned.breaches, link, _now() + WAIT))
    except ClientError as refusal:
        logger.warning("held; the mail was refused", extra={"error": refusal.response["Error"]["Code"]})
        emit_metric("MailFailed")
        return
    logger.info("held; the contact was notified" if sent else "held; the stack has no sender for mails")


_ENTITY_FIELDS = {field.alias or name: name for name, field in SyncCounts.model_fields.items()}


def _counts(by_entity: dict[str, dict[str, int]]) -> SyncCounts:
    return SyncCounts(**{_ENTITY_FIELDS[name]: EntityCounts(**numbers) for name, numbers in by_entity.items()})


def _named(event: StepEvent | OpenEvent | AskEvent | ChunkEvent | DecidedEvent | ReportEvent | FailureEvent) -> str:
    """The sync's id, which from here on stands in every line of the log."""
    logger.append_keys(groupId=event["groupId"], syncId=event["syncId"])
    return event["syncId"]


@dataclass
class Rows:
    """How many rows a step processed, emitted when it ends."""

    number: int = 0


@contextmanager
def _progress(sync_id: str, step: Step) -> Iterator[Rows]:
    started, rows = _now(), Rows()
    syncs.progressed(sync_id, Progress(step=step, started_at=started))
    yield rows
    ended_at = _now()
    syncs.progressed(sync_id, Progress(step=step, done=rows.number, total=rows.number, started_at=started, ended_at=ended_at))
    emit_metric("StepSeconds", (ended_at - started).total_seconds(), MetricUnit.Seconds, step=step)


def _zip_limits() -> zip_source.Limits:
    allowed = limits()
    return zip_source.Limits(allowed.zip_bytes, allowed.expanded_bytes, allowed.entries, allowed.ratio)


def _now() -> datetime:
    return datetime.now(UTC)
