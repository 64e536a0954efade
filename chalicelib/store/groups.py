"""The Groups table: configuration, the lock of a running sync, and the pointer to the snapshot.

The lock is taken and given back in `syncs.py`, together with the sync that it is for.
"""

import unicodedata
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.errors import Conflict, LockLost, NotFound
from chalicelib.model.records import Group, GroupSettings
from chalicelib.store.tables import check_size, from_item, table, to_item
from oneroster_engine.planning.guard import CountedFrom

TABLE = "GROUPS_TABLE"
FEWER = "Name fewer orgs that the source must have, or that close."
CHANGED = "The group was changed by somebody else. Load it again and repeat your change."


def create(settings: GroupSettings, group_id: str, etag: str, now: datetime) -> Group:
    check_size(settings, FEWER)
    group = Group(**dict(settings), group_id=group_id, etag=etag, created_at=now, updated_at=now, slots_done=now)
    table(TABLE).put_item(Item=to_item(group), ConditionExpression="attribute_not_exists(groupId)")
    return group


def get(group_id: str) -> Group:
    """Raises NotFound."""
    item = table(TABLE).get_item(Key={"groupId": group_id}, ConsistentRead=True).get("Item")
    if item is None:
        raise NotFound(f"There is no group {group_id}.")
    return from_item(Group, item)


def find(search: str = "") -> list[Group]:
    """Every group whose name contains `search`, ignoring case and accents, by name.

    Reads the whole table: a platform has groups by the thousand at most, at about 1 KB each.
    """
    wanted = _folded(search)
    groups = (from_item(Group, item) for item in _scan())
    return sorted((group for group in groups if wanted in _folded(group.name)), key=lambda group: _folded(group.name))


def change(group_id: str, settings: GroupSettings, if_match: str, etag: str, now: datetime, rescheduled: bool = False) -> Group:
    """Replace the settings if nobody has since `if_match`. Raises NotFound, Conflict, Unacceptable.

    A new schedule (`rescheduled`) counts from now on: what it would have started earlier today is not caught up.
    """
    check_size(settings, FEWER)
    values = {**to_item(settings), "etag": etag, "updatedAt": now.isoformat()}
    if rescheduled:
        values["slotsDone"] = now.isoformat()
    cleared = [field.alias or name for name, field in GroupSettings.model_fields.items()]
    removed = [name for name in cleared if name not in values]
    names = {f"#{name}": name for name in (*values, *removed)}
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in values)
    if removed:
        expression += " REMOVE " + ", ".join(f"#{name}" for name in removed)
    try:
        item = table(TABLE).update_item(
            Key={"groupId": group_id},
            UpdateExpression=expression,
            ConditionExpression="#etag = :ifMatch",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={**{f":{name}": value for name, value in values.items()}, ":ifMatch": if_match},
            ReturnValues="ALL_NEW",
        )["Attributes"]
    except ClientError as refusal:
        if not is_failed_condition(refusal):
            raise
        get(group_id)
        raise Conflict(CHANGED) from refusal
    return from_item(Group, item)


def slots_done(group: Group, until: datetime) -> None:
    """Mark the schedule's slots up to `until` as done. Unchanged where another tick has done so already."""
    stored = to_item(group).get("slotsDone")
    try:
        table(TABLE).update_item(
            Key={"groupId": group.group_id},
            UpdateExpression="SET slotsDone = :until",
            ConditionExpression="slotsDone = :was" if stored else "attribute_exists(groupId) AND attribute_not_exists(slotsDone)",
            ExpressionAttributeValues={":until": until.isoformat(), **({":was": stored} if stored else {})},
        )
    except ClientError as refusal:
        if not is_failed_condition(refusal):
            raise


def mark_unfinished(group_id: str, sync_id: str) -> None:
    """Say, before the first write, that this sync's plan may stay half applied. Saying it twice is saying it once."""
    _held_update(
        group_id,
        sync_id,
        "SET unfinished = list_append(if_not_exists(unfinished, :none), :mine)",
        {":none": [], ":mine": [sync_id]},
        unless="contains(unfinished, :holder)",
    )


MOST_SPARED = 20  # whose files are read for each plan


def move_snapshot(
    group_id: str,
    sync_id: str,
    number: int,
    cleared: bool,
    undoes: str | None = None,
    spares: bool = False,
    lets_go: bool = False,
    counted: CountedFrom | None = None,
) -> None:
    """Point the group at this sync's snapshot, its commit of that `number`, and take its unfinished mark away; all marks when
    `cleared`.

    A mark of an earlier sync stays unless this sync covered everything that one could have touched. The same holds of
    undos in force: this sync becomes one where it `undoes` another, which is none any more if it was one. It `spares` what it
    would remove where it was approved without that, and `lets_go` what earlier ones spared where somebody approved that.
    What is removed is `counted` from when on, where that changes.
    """
    group = get(group_id)
    left = [] if cleared else [mark for mark in group.unfinished if mark != sync_id]
    undone = [] if cleared else [mark for mark in group.undone if mark != undoes]
    spared = [*(() if lets_go else group.spared), *([sync_id] if spares else ())][-MOST_SPARED:]
    values: dict[str, Any] = {
        ":spared": spared,
        ":number": number,
        ":left": left,
        ":undone": [*undone, sync_id] if undoes else undone,
    }
    expression = "SET #snapshot = :holder, commits = :number, unfinished = :left, undone = :undone, spared = :spared"
    if counted is not None:
        values[":counted"] = counted.all_schools.isoformat()
        values[":schools"] = [{"school": school, "since": since.isoformat()} for school, since in counted.schools.items()]
        expression += ", removalsCountedFrom = :counted, schoolsCountedFrom = :schools"
    _held_update(group_id, sync_id, expression, values, snapshot=True)


def withdraw(group: Group) -> None:
    """Take back a group that was made a moment ago and that nobody has changed since."""
    table(TABLE).delete_item(
        Key={"groupId": group.group_id},
        ConditionExpression="#etag = :etag",
        ExpressionAttributeNames={"#etag": "etag"},
        ExpressionAttributeValues={":etag": group.etag},
    )


def count_commit(group_id: str, number: int) -> None:
    """Say that a commit of this `number` was made by no sync. Raises Conflict where a sync has begun or another was counted."""
    try:
        table(TABLE).update_item(
            Key={"groupId": group_id},
            UpdateExpression="SET commits = :number",
            ConditionExpression="attribute_not_exists(#sync) AND (attribute_not_exists(commits) OR commits = :was)",
            ExpressionAttributeNames={"#sync": "sync"},
            ExpressionAttributeValues={":number": number, ":was": number - 1},
        )
    except ClientError as refusal:
        if not is_failed_condition(refusal):
            raise
        raise Conflict("A sync of this group has begun.") from refusal


def move_source(group_id: str, sync_id: str) -> None:
    """Say that this sync was the last to read the group's source. Raises LockLost."""
    _held_update(group_id, sync_id, "SET sourceView = :holder", {})


def is_failed_condition(refusal: ClientError) -> bool:
    return refusal.response["Error"]["Code"] == "ConditionalCheckFailedException"


def _held_update(
    group_id: str, sync_id: str, expression: str, values: dict[str, Any], unless: str = "", snapshot: bool = False
) -> None:
    """Update the group if this sync holds it; leave it alone where `unless` is true already. Raises LockLost."""
    condition = "#sync.syncId = :holder" + (f" AND NOT {unless}" if unless else "")
    names = {"#sync": "sync", **({"#snapshot": "snapshot"} if snapshot else {})}
    try:
        table(TABLE).update_item(
            Key={"groupId": group_id},
            UpdateExpression=expression,
            ConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={":holder": sync_id, **values},
        )
    except ClientError as refusal:
        if not is_failed_condition(refusal):
            raise
        group = get(group_id)
        if group.sync is None or group.sync.sync_id != sync_id:
            raise LockLost(f"Sync {sync_id} no longer holds group {group_id}; it was ended elsewhere.") from refusal


def _scan() -> list[dict[str, Any]]:
    pages = table(TABLE).meta.client.get_paginator("scan").paginate(TableName=table(TABLE).name, ConsistentRead=True)
    return [item for page in pages for item in page["Items"]]


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).casefold()
