"""A group as the API shows it."""

from datetime import datetime

from chalicelib.api.shapes import GroupLastSync, GroupOut
from chalicelib.model.records import Group
from chalicelib.model.schedule import next_due
from chalicelib.store import syncs


def group_out(group: Group, now: datetime) -> GroupOut:
    latest = [syncs.get(group.sync.sync_id)] if group.sync else syncs.history(group.group_id, 1)
    last = GroupLastSync(sync_id=latest[0].sync_id, state=latest[0].state, at=latest[0].started_at) if latest else None
    kept = {name: value for name, value in dict(group).items() if name in GroupOut.model_fields}
    return GroupOut(**kept, last_sync=last, next_run_at=next_due(group, now))
