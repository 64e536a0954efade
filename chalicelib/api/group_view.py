"""A group as the API shows it."""

from datetime import UTC, datetime

from chalicelib.api.shapes import GroupLastSync, GroupOut, NextRun
from chalicelib.model.records import Group, State, Sync
from chalicelib.model.schedule import coming, next_due
from chalicelib.store import syncs


def group_out(group: Group, now: datetime) -> GroupOut:
    latest = [syncs.get(group.sync.sync_id)] if group.sync else syncs.history(group.group_id, 1)
    last = _last_sync(latest[0]) if latest else None
    kept = {name: value for name, value in dict(group).items() if name in GroupOut.model_fields}
    runs = [NextRun(at=at.astimezone(UTC), local_time=at) for at in coming(group, now)]
    return GroupOut(**kept, last_sync=last, next_run_at=next_due(group, now), next_runs=runs)


def _last_sync(sync: Sync) -> GroupLastSync:
    held = sync.held and sync.state is State.WAITING  # once somebody has decided it is no more
    return GroupLastSync(sync_id=sync.sync_id, state=sync.state, at=sync.started_at, held=held, rehearsal=sync.rehearsal)
