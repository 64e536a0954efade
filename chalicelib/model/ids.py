"""The ids of syncs: `{groupId}-{time}-{nonce}`, so that one id names its group and a group's syncs sort by time."""

from datetime import datetime


def new_sync_id(group_id: str, now: datetime, nonce: str) -> str:
    return f"{group_id}-{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}-{nonce}"


def group_of(sync_id: str) -> str:
    return sync_id.split("-", 1)[0]


def oldest_sync_id(group_id: str, at: datetime) -> str:
    """The least id that a sync of that moment could have."""
    return new_sync_id(group_id, at, "")
