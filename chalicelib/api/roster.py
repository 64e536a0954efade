"""The platform, to browse: who is on it now.

Lists come from the snapshot of the last committed sync, which shows the platform and can be searched; one record, and what
it is enrolled in, is read from the platform itself. A record is named in the query, since a sourcedId may hold what no
path survives.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from chalice.app import Blueprint

from chalicelib.api.lists import ListQuery, offset_of, page, sorting
from chalicelib.api.routing import Call, route
from chalicelib.api.shapes import Enrolled, Entity, Filter, Id, Page, PlatformCount, PlatformCounts, RosterRecord, RosterRow
from chalicelib.errors import NotFound, Unacceptable
from chalicelib.model.records import Group, Record
from chalicelib.platform import reader
from chalicelib.provider.query import enrolled
from chalicelib.store import files, groups
from oneroster_engine.standard.entities import ENTITIES, FIELDS
from oneroster_engine.table_query import page_of, tally

roster = Blueprint(__name__)

SORTS = ("name", "sourcedId", "platformStatus", "since")
MOST_ENROLLED = 1000
# Each record of the platform is one of these. Inactive: the source says so, of somebody who may not sign in, for example.
STANDINGS = {
    "active": "removedAt IS NULL AND platformStatus = 'active'",
    "inactive": "removedAt IS NULL AND platformStatus <> 'active'",
    "removed": "removedAt IS NOT NULL",
}
# Of an enrollment of the one, whose name is shown: the other's.
OTHER = {"users": "classes", "classes": "users"}
REFERS_TO_PEOPLE = ("agentSourcedIds", "userSourcedId")


class RosterRows(Page[RosterRow]):
    """`sync_id`: the sync whose snapshot this is; None while the group has brought nothing onto the platform."""

    sync_id: str | None


class RosterQuery(ListQuery):
    """`status` active: who is there; inactive: who may not sign in, or was removed and can still come back.

    Search is in name and ids.
    """

    status: Literal["", "active", "inactive"] = ""
    school: Filter = ""


class RecordQuery(Record):
    id: Id


@route(roster, "GET /groups/{groupId}/platform", role="viewer", answer=PlatformCounts, scope="status.read")
def count_platform(call: Call, group_id: str) -> PlatformCounts:
    """How many records this group has on the platform now."""
    group = groups.get(group_id)
    return PlatformCounts(
        sync_id=group.snapshot,
        users=_count(group, "users"),
        classes=_count(group, "classes"),
        orgs=_count(group, "orgs"),
        enrollments=_count(group, "enrollments"),
    )


def _count(group: Group, entity: str) -> PlatformCount:
    parquet = _list(group, entity)
    return PlatformCount() if parquet is None else PlatformCount.model_validate(tally(parquet, STANDINGS))


@route(roster, "GET /groups/{groupId}/roster/{entity}", role="viewer", answer=RosterRows, query=RosterQuery, people=True)
def browse_roster(call: Call, group_id: str, entity: str) -> RosterRows:
    """What the platform holds of one entity for this group, as the last committed sync left it."""
    group, asked = groups.get(group_id), call.query
    parquet = _list(group, _known(entity))
    sort, descending = sorting(asked, SORTS)
    if parquet is None:
        return RosterRows(items=[], total=0, sync_id=None)
    wanted = {"platformStatus": asked.status, "schools": asked.school}
    found = page_of(
        parquet,
        search=asked.search,
        search_in=("name", "sourcedId", "platformId"),
        sort=sort,
        descending=descending,
        limit=asked.limit,
        offset=offset_of(asked),
        where={name: [value] for name, value in wanted.items() if value},
    )
    schools = _names(group, "orgs", [school for row in found.items for school in row["schools"]])
    rows = [_row(row, schools) for row in found.items]
    if entity == "users":
        call.accessed(group_id, "people listed", [f"users/{row.sourced_id}" for row in rows])
    return page(RosterRows, rows, found.total, asked, sync_id=group.snapshot)


@route(roster, "GET /groups/{groupId}/roster/{entity}/record", role="viewer", answer=RosterRecord, query=RecordQuery, people=True)
def get_record(call: Call, group_id: str, entity: str) -> RosterRecord:
    """One record as the platform has it this moment; of a person the classes, of a class the people."""
    group, asked = groups.get(group_id), call.query
    item = reader.get(group_id, _known(entity), asked.id)
    if item is None:
        raise NotFound(f"The platform has no record {asked.id} among this group's {entity}.")
    enrolled = _enrolled(group, entity, asked.id)
    names = _names_referred_to(group, entity, item["fields"])
    people = [f"users/{each.sourced_id}" for each in enrolled] if entity == "classes" else []
    people += [f"users/{each}" for field in REFERS_TO_PEOPLE for each in names.get(field, ())]
    call.accessed(group_id, "record shown", [f"{entity}/{asked.id}", *people])
    return RosterRecord(
        entity=item["entity"],
        sourced_id=asked.id,
        platform_id=item["platformId"],
        status=item["status"],
        since=item["since"],
        removed_at=item.get("removedAt"),
        sync_id=item["syncId"],
        fields=item["fields"],
        names=names,
        enrolled=enrolled[:MOST_ENROLLED],
        enrolled_total=len(enrolled),
    )


def _enrolled(group: Group, entity: str, sourced_id: str) -> list[Enrolled]:
    parquet = _list(group, "enrollments")
    if entity not in OTHER or parquet is None:
        return []
    other = OTHER[entity]
    found = enrolled(parquet, "userSourcedId" if entity == "users" else "classSourcedId", sourced_id)
    ids = [each.class_sourced_id if entity == "users" else each.user_sourced_id for each in found]
    names = _names(group, other, ids)
    shown = [
        Enrolled(
            enrollment_id=each.sourced_id,
            sourced_id=other_id,
            name=names.get(other_id, other_id),
            role=each.role or "",
            status="active" if each.status == "active" else "inactive",
        )
        for each, other_id in zip(found, ids, strict=True)
    ]
    return sorted(shown, key=lambda each: (each.status, each.role, each.name.casefold()))


def _names_referred_to(group: Group, entity: str, fields: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """By field, of the records that it names by their ids."""
    found: dict[str, dict[str, str]] = {}
    for each in FIELDS[entity]:
        value = fields.get(each.name)
        if each.refers and value:
            found[each.name] = _names(group, each.refers.entity, [value] if isinstance(value, str) else value)
    if roles := fields.get("roles"):
        found["roles"] = _names(group, "orgs", [each["orgSourcedId"] for each in roles])
    return found


def _known(entity: str) -> Entity:
    if found := next((each for each in _ENTITIES if each == entity), None):
        return found
    raise Unacceptable(f"Browse one of: {', '.join(ENTITIES)}.", {"entity": "unknown"})


_ENTITIES: tuple[Entity, ...] = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments")


def _list(group: Group, entity: str) -> Path | None:
    """None while nothing was committed."""
    if group.snapshot is None:
        return None
    return files.cached(files.snapshot_key(group.group_id, group.snapshot, f"{entity}.parquet"))


def _names(group: Group, entity: str, ids: list[str]) -> dict[str, str]:
    parquet = _list(group, entity)
    wanted = sorted(set(ids))
    if parquet is None or not wanted:
        return {}
    rows = page_of(parquet, sort="sourcedId", limit=len(wanted), offset=0, where={"sourcedId": wanted}).items
    return {row["sourcedId"]: row["name"] for row in rows if row["name"]}


def _row(row: dict[str, Any], schools: dict[str, str]) -> RosterRow:
    return RosterRow(
        sourced_id=row["sourcedId"],
        name=row["name"] or "",
        platform_id=row["platformId"],
        status=row["platformStatus"],
        since=row["since"],
        removed_at=row["removedAt"],
        schools=[schools.get(school, school) for school in row["schools"]],
        fields={name: value for name, value in json.loads(row["fields"]).items() if value not in (None, "", [])},
    )
