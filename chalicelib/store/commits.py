"""The commits of a group in their order: which sync each was, so that its changes can be followed. One small object each.

Syncs run in another order than their ids tell, where some wait in the queue; a commit's number tells the order.
"""

from datetime import datetime

from chalicelib.model.records import Record
from chalicelib.store import files


class Erased(Record):
    entity: str
    sourced_id: str
    platform_id: str
    schools: tuple[str, ...] = ()


class Commit(Record):
    """`at` is the sync's own time, which the records that it changed carry. `erased`: no sync, but what was taken out with a
    person whose data was erased."""

    number: int
    sync_id: str
    at: datetime
    with_removals: bool
    erased: tuple[Erased, ...] = ()


def write(group_id: str, commit: Commit) -> None:
    files.write_json(_key(group_id, commit.number), commit.model_dump(mode="json", by_alias=True))


def write_new(group_id: str, commit: Commit) -> bool:
    """Write it where its number is free; False where another stands there."""
    return files.write_new(_key(group_id, commit.number), commit.model_dump_json(by_alias=True).encode())


def get(group_id: str, number: int) -> Commit | None:
    """None where there is none, or it is not kept any more."""
    stored = files.read_json(_key(group_id, number))
    return Commit.model_validate(stored) if stored else None


def _key(group_id: str, number: int) -> str:
    return f"groups/{group_id}/commits/{number:08d}.json"
