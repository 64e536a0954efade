"""Everything that is held about one person of a roster, for an access request (FERPA, GDPR article 15)."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from chalicelib.errors import NotFound
from chalicelib.model.records import Group
from chalicelib.platform import reader
from chalicelib.provider.query import enrolled
from chalicelib.store import access, files, syncs
from oneroster_engine.table_query import page_of

MOST_SYNCS = 500
MOST_ROWS = 1000  # of one list about one person
LISTS = {"changes": "plan/changes.parquet", "problems": "stage/problems.parquet", "leftOut": "stage/left_out.parquet"}


def held_about(group: Group, sourced_id: str, has_time: Callable[[], bool]) -> dict[str, Any]:
    """JSON: the record and its enrollments on the platform, what each kept sync's files say of it, the bundles by name of file,
    and who has looked. `notLookedAt` names the syncs that there was no time for.
    """
    group_id = group.group_id
    record = reader.get(group_id, "users", sourced_id)
    found: list[dict[str, Any]] = []
    not_looked_at: list[str] = []
    for sync in syncs.history(group_id, MOST_SYNCS):
        if not has_time():
            not_looked_at.append(sync.sync_id)
            continue
        rows = {name: of for name, path in LISTS.items() if (of := _rows(sync.sync_id, path, sourced_id))}
        if rows:
            bundle = files.names(sync.sync_id, "bundle")
            found.append({"syncId": sync.sync_id, "at": sync.started_at.isoformat(), "bundle": bundle, **rows})
    seen = access.entries(group_id, MOST_ROWS, search=f"users/{sourced_id}")
    return {
        "groupId": group_id,
        "sourcedId": sourced_id,
        "platform": record,
        "enrollments": _enrollments(group, sourced_id),
        "syncs": found,
        "seenBy": [{"at": each.at.split("#")[0], "who": each.who, "what": each.what} for each in seen],
        "notLookedAt": not_looked_at,
    }


def _enrollments(group: Group, sourced_id: str) -> list[dict[str, Any]]:
    """As the last committed sync left them."""
    if group.snapshot is None:
        return []
    try:
        parquet = files.cached(files.snapshot_key(group.group_id, group.snapshot, "enrollments.parquet"))
    except NotFound:
        return []
    return [asdict(each) for each in enrolled(parquet, "userSourcedId", sourced_id)]


def as_json(held: dict[str, Any]) -> bytes:
    return json.dumps(held, ensure_ascii=False, indent=1, default=float).encode()


def _rows(sync_id: str, path: str, sourced_id: str) -> list[dict[str, Any]]:
    """None of a file that is not kept any more."""
    try:
        parquet = files.cached(files.sync_key(sync_id, path))
    except NotFound:
        return []
    rows = page_of(parquet, sort="sourcedId", limit=MOST_ROWS, offset=0, where={"sourcedId": [sourced_id]}, search_in=()).items
    return [row for row in rows if row.get("entity", "users") == "users" and row.get("file", "users.csv") == "users.csv"]
