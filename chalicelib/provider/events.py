"""A commit's changes as events, for applications that follow the roster instead of reading it again.

An event is an upsert or a removal of one record. Replaying a group's events in their order from its first commit ends at the
snapshot; so does reading a version and replaying what was committed after it.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.provider.query import View, hidden_columns
from oneroster_engine.duckdb_session import connect
from oneroster_engine.inspecting.one_person import as_written, gaps_of
from oneroster_engine.planning.snapshot import planned_rows

NOUNS = {
    "orgs": "org",
    "academicSessions": "academicSession",
    "courses": "course",
    "classes": "class",
    "users": "user",
    "enrollments": "enrollment",
}
STATUS = "platformStatus"


@dataclass(frozen=True)
class Event:
    """`row` is its place among the changes of its commit. `kind` is e.g. `user.updated`; `changed` the fields that differ.

    `before` and `after` are the record's fields, and `platformStatus`, active or inactive: whether the platform lets a person in.
    None where there is no such record for this consumer.
    """

    row: int
    kind: str
    sourced_id: str
    platform_id: str
    changed: Sequence[str]
    reason: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


def events_of(changes: Path, first_row: int, limit: int, view: View, with_removals: bool) -> tuple[list[Event], int | None]:
    """Up to `limit` events of a changes.parquet from `first_row` on, and the row that the next ones begin at: None after the
    last. Without removals those that were planned and left out are none. Rows are counted as they were written, those that were
    taken out since included."""
    found: list[Event] = []
    with connect() as connection:
        gaps = gaps_of(connection, changes)
        row = first_row - sum(gap < first_row for gap in gaps)
        total = connection.execute("SELECT count(*) FROM read_parquet($1, hive_partitioning=false)", [str(changes)]).fetchone()
        rows = int(total[0]) if total else 0
        query = _PAGE.format(rows=planned_rows(connection, changes))
        while row < rows and len(found) < limit:
            page = connection.execute(query, {"first": row, "last": row + limit - 1}).fetchall()
            for place, *change in page:
                row = place + 1
                if event := _event(as_written(place, gaps), change, view, with_removals):
                    found.append(event)
                    if len(found) == limit:
                        break
    return found, as_written(row, gaps) if row < rows else None


def erased(records: Sequence[tuple[str, str, str, Collection[str]]], view: View) -> list[Event]:
    """Removals of records (entity, sourcedId, platformId, schools) of which nothing else is known any more."""
    return [
        Event(row, f"{NOUNS[entity]}.removed", sourced_id, platform_id, (), "erased", {}, None)
        for row, (entity, sourced_id, platform_id, schools) in enumerate(records)
        if view.schools is None or view.schools & set(schools)
    ]


def _event(place: int, change: Sequence[Any], view: View, with_removals: bool) -> Event | None:
    entity, sourced_id, action, reason, changed, before, after, spared = change
    if action in ("deactivate", "end") and not with_removals:
        return None
    was, now = json.loads(before) if before else None, json.loads(after if with_removals or not spared else spared)
    if was and spared and not with_removals:  # what would have been taken away is as it was
        changed = [name for name in changed if _value(now, name) != _value(was, name)]
    old = _seen(entity, sourced_id, was, view)
    new = _seen(entity, sourced_id, now, view)
    if old is None and new is None:
        return None
    if new is None:
        kind = "removed"
    elif old is None:
        kind = "restored" if was and was["removedAt"] else "created"
    else:
        kind = "updated"
    hidden = hidden_columns(entity, view)
    return Event(
        row=place,
        kind=f"{NOUNS[entity]}.{kind}",
        sourced_id=sourced_id,
        platform_id=now["platformId"],
        changed=[name for name in changed if name not in hidden],
        reason=reason,
        before=_shown(old, hidden),
        after=_shown(new, hidden),
    )


def _value(record: Mapping[str, Any], name: str) -> Any:
    return record[STATUS] if name == STATUS else record["fields"].get(name)


def _seen(entity: str, sourced_id: str, record: Mapping[str, Any] | None, view: View) -> Mapping[str, Any] | None:
    """The record's fields, where it is there and this consumer may see it."""
    if record is None or record["removedAt"]:
        return None
    fields: Mapping[str, Any] = {**record["fields"], STATUS: record[STATUS]}
    if view.schools is None or entity == "academicSessions":
        return fields
    if entity == "users":
        roles = [role for role in fields.get("roles") or () if role["orgSourcedId"] in view.schools]
        return {**fields, "roles": roles, "primaryOrgSourcedId": None, "agentSourcedIds": []} if roles else None
    place = sourced_id if entity == "orgs" else fields.get("orgSourcedId" if entity == "courses" else "schoolSourcedId")
    return fields if place in view.schools else None


def _shown(fields: Mapping[str, Any] | None, hidden: frozenset[str]) -> Mapping[str, Any] | None:
    if fields is None:
        return None
    return {name: value for name, value in fields.items() if name not in hidden and value not in (None, "", [])}


_PAGE = """
SELECT file_row_number, entity, sourcedId, action, reason, fields, before, after, spared
FROM ({rows}) WHERE file_row_number BETWEEN $first AND $last ORDER BY file_row_number
"""
