"""A group as the API shows it."""

from datetime import UTC, datetime

from chalicelib.api.shapes import GroupLastSync, GroupOut, NextRun
from chalicelib.model.records import Group
from chalicelib.model.schedule import coming, next_due
from chalicelib.store import syncs


def group_out(group: Group, now: datetime) -> GroupOut:
    latest = [syncs.get(group.sync.sync_id)] if group.sync else syncs.history(group.group_id, 1)
    last = GroupLastSync(sync_id=latest[0].sync_id, state=latest[0].state, at=latest[0].started_at) if latest else None
    kept = {name: value for name, value in dict(group).items() if name in GroupOut.model_fields}
    runs = [NextRun(at=at.astimezone(UTC), local_time=at) for at in coming(group, now)]
    return GroupOut(**kept, last_sync=last, next_run_at=next_due(group, now), next_runs=runs)
