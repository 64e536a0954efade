"""The plan of one sync, of whatever mode: fetch what it is made from, make it, and have it reviewed."""

import json
from datetime import datetime
from pathlib import Path

from chalicelib.errors import NotFound
from chalicelib.model.records import SCHOOL_USER_TYPES, AskedFor, Group, Sync
from chalicelib.service import fetch_scope
from chalicelib.service.selection import selection_kept, selection_of
from chalicelib.sheets.report import ReportHeader, write_report
from chalicelib.store import commits, files, syncs
from oneroster_engine.planning.guard import CountedFrom, Guard, Limit
from oneroster_engine.planning.plan import plan_changes
from oneroster_engine.planning.policy import Policy, Purging
from oneroster_engine.planning.review import Undone, review
from oneroster_engine.planning.summary import Planned
from oneroster_engine.planning.undo import empty_stage, plan_undo


def make_plan(sync: Sync, group: Group, workdir: Path) -> Planned:
    """Write the plan's files into `workdir`/plan. Reads `workdir`/stage; an undo has none, and makes an empty one."""
    snapshot = snapshot_of(group, workdir)
    policy = policy_of(sync, group)
    unfinished = [_changes_of(mark, workdir) for mark in group.unfinished if mark != sync.sync_id]
    if sync.undoes is not None:
        empty_stage(workdir / "stage")
        planned = plan_undo(_changes_of(sync.undoes, workdir), snapshot, workdir / "plan", policy, unfinished)
        return review(planned, workdir / "plan", snapshot, policy, None)
    selection = selection_of(sync, workdir / "stage")
    planned = plan_changes(workdir / "stage", selection, snapshot, workdir / "plan", policy, unfinished)
    return review(
        planned, workdir / "plan", snapshot, policy, workdir / "stage", _undone(group, workdir), _spared(group, workdir)
    )


def write_log(sync: Sync, group: Group, workdir: Path, outcome: str, now: datetime, with_removals: bool = True) -> None:
    """Write the log for people into `workdir`/report, with the list of its files. Reads `workdir`/stage and `workdir`/plan."""
    header = ReportHeader(
        group_name=group.name,
        sync_id=sync.sync_id,
        mode=sync.mode,
        started_by=sync.started_by,
        started_at=sync.started_at,
        ended_at=now,
        outcome=outcome,
        asked=" ".join(each for each in (_asked(sync), fetch_scope.differing(sync.id_check) if sync.id_check else "") if each),
    )
    selection = None if sync.undoes is not None else selection_kept(sync.sync_id)
    written = write_report(workdir, workdir / "report", header, selection, with_removals)
    listing = [{"name": each.name, "title": each.title, "sizeBytes": each.size_bytes} for each in written]
    (workdir / "report" / "files.json").write_text(json.dumps(listing))


def _asked(sync: Sync) -> str:
    return fetch_scope.sentence(sync.asked) if sync.asked else ""


def policy_of(sync: Sync, group: Group) -> Policy:
    figures = group.guard
    window = figures.rollover
    guard = Guard(
        share=figures.rollover_share if sync.rehearsal else figures.share,  # as it will count in the window
        floor=figures.floor,
        rollover_share=figures.rollover_share,
        rollover_from=window.from_ if window else None,
        rollover_to=window.to if window else None,
        limits={kind: Limit(limit.share, limit.floor) for kind, limit in figures.limits.items()},
        standing=figures.standing,
        closing=figures.closing,
        expected=figures.expected,
        never_remove=figures.never_remove,
        keep=figures.keep,
        deactivate_ended=figures.deactivate_ended,
        counted_from=counted_from(group, sync),
    )
    return Policy(
        sync_id=sync.sync_id,
        now=sync.started_at,
        username_suffix=group.username_suffix,
        match_with=group.match_with,
        user_types=SCHOOL_USER_TYPES if sync.asked and sync.asked.kind is AskedFor.SCHOOLS else (),
        guard=guard,
        grace_days=group.grace_days,
        purge_days=purging_of(group).days,
    )


def counted_from(group: Group, sync: Sync) -> CountedFrom:
    """From when on removals count for a drain; of a group of before this was kept, from this sync on."""
    schools = {each.school: each.since for each in group.schools_counted_from}
    return CountedFrom(group.removals_counted_from or sync.started_at, schools)


def purging_of(group: Group) -> Purging:
    """When what is removed from the group's roster is purged."""
    days = {entity: {cause: days or None for cause, days in by_cause.items()} for entity, by_cause in group.guard.purge.items()}
    return Purging(group.grace_days, days)


def snapshot_of(group: Group, workdir: Path) -> Path | None:
    if group.snapshot is None:
        return None
    files.fetch_snapshot(group.group_id, group.snapshot, workdir / "snapshot")
    return workdir / "snapshot"


def _undone(group: Group, workdir: Path) -> list[Undone]:
    """The undos in force; one whose files the group's retention has taken away is forgotten."""
    found = []
    for sync_id in group.undone:
        try:
            changes = _changes_of(sync_id, workdir)
            undo = syncs.get(sync_id)
        except NotFound:
            continue
        found.append(Undone(undo.started_by, undo.started_at, changes))
    return found


def _spared(group: Group, workdir: Path) -> list[Path]:
    """The changes of syncs that were approved without their removals and not decided on since, as far as they are kept."""
    last = commits.get(group.group_id, group.commits) if group.commits and not group.spared else None
    before = [last.sync_id] if last and not last.with_removals else []  # by a version that did not keep them with the group
    found = []
    for sync_id in group.spared or before:
        try:
            found.append(_changes_of(sync_id, workdir))
        except NotFound:
            continue
    return found


def _changes_of(sync_id: str, workdir: Path) -> Path:
    path = workdir / "earlier" / f"{sync_id}.parquet"
    files.download(files.sync_key(sync_id, "plan/changes.parquet"), path)
    return path
