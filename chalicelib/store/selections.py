"""Saved selections: the Selections table, one item per version, with its content in the bucket.

A version is never changed: a change writes the next one, so that it stays known what a sync used. Names differ by
more than case and blanks. The lists that it was made from (`seen`) are kept here, so that they outlive their sync.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError
from pydantic import StringConstraints

from chalicelib.errors import Conflict, NotFound
from chalicelib.model.records import Group, Record, SavedUse
from chalicelib.store import files
from chalicelib.store.groups import is_failed_condition
from chalicelib.store.tables import from_item, query, table, to_item
from oneroster_engine.selecting.saved import Resolved, Saved, Seen

TABLE = "SELECTIONS_TABLE"
LISTS = ("orgs", "classes")
# What stands in a URL's path as it is, but for blanks.
SelectionName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=r"^[\w][\w .,()&+-]*$")
]


class Version(Record):
    """One version as listed. `seen_of` is the sync whose lists it was made from, at `seen_at`; `seen_in` the version
    whose folder has them."""

    group_id: str
    name_version: str
    name: str
    version: int
    etag: str
    by: str
    at: datetime
    seen_of: str | None = None
    seen_at: datetime | None = None
    seen_in: str | None = None


@dataclass(frozen=True)
class Looked:
    """The lists that a selection was made from: the folder that `saved.look` wrote, of the sync that began `at`."""

    sync_id: str
    at: datetime
    folder: Path


def save(
    group_id: str,
    name: str,
    selection: Saved,
    *,
    by: str,
    now: datetime,
    etag: str,
    if_match: str | None = None,
    looked: Looked | None = None,
) -> Version:
    """Write the next version, the first of a new name when `if_match` is empty; None writes whatever there is before.

    Without `looked`, what was seen for the version before stays. Raises Conflict.
    """
    before = next(_versions(group_id, name, limit=1), None)
    if if_match is not None and (before.etag if before else "") != if_match:
        taken = f"There is a selection “{name}” already. Choose another name, or change that one."
        raise Conflict(taken if before and not if_match else _CHANGED)
    version = Version(
        group_id=group_id,
        name_version=_key(name, before.version + 1 if before else 1),
        name=name,
        version=before.version + 1 if before else 1,
        etag=etag,
        by=by,
        at=now,
        seen_of=looked.sync_id if looked else (before and before.seen_of),
        seen_at=looked.at if looked else (before and before.seen_at),
        seen_in=etag if looked else (before and before.seen_in),
    )
    if looked:
        for each in LISTS:
            files.upload(looked.folder / f"{each}.parquet", _object(group_id, etag, f"{each}.parquet"))
    files.write_json(_object(group_id, etag, "selection.json"), selection.model_dump(mode="json", by_alias=True))
    try:
        table(TABLE).put_item(Item=to_item(version), ConditionExpression="attribute_not_exists(nameVersion)")
    except ClientError as refusal:
        if not is_failed_condition(refusal):
            raise
        raise Conflict(_CHANGED) from refusal
    return version


def latest(group_id: str, name: str) -> Version:
    """Raises NotFound."""
    found = next(_versions(group_id, name, limit=1), None)
    if found is None:
        raise NotFound(f"There is no saved selection “{name}”.")
    return found


def get(group_id: str, name: str, version: int) -> Version:
    """Raises NotFound."""
    key = {"groupId": group_id, "nameVersion": _key(name, version)}
    item = table(TABLE).get_item(Key=key, ConsistentRead=True).get("Item")
    if item is None:
        if version == 0 or not versions(group_id, name):
            raise NotFound(f"There is no saved selection “{name}” any more. Let the group's schedule name another one.")
        raise NotFound(f"The saved selection “{name}” has no version {version}.")
    return from_item(Version, item)


def versions(group_id: str, name: str) -> list[Version]:
    """Newest first; none for a name that there isn't."""
    return list(_versions(group_id, name))


def all_latest(group_id: str) -> list[Version]:
    """The newest version of each name, by name."""
    found = _query(KeyConditionExpression=Key("groupId").eq(group_id))
    return list({each.name_version.split("#")[0]: each for each in found}.values())  # they come in the order of versions


def load(version: Version) -> Saved:
    return Saved.model_validate(files.read_json(_object(version.group_id, version.etag, "selection.json")), extra="ignore")


def seen(version: Version) -> Seen | None:
    """Local copies of the lists that the version was made from; None without any."""
    if version.seen_in is None:
        return None
    orgs, classes = (files.cached(_object(version.group_id, version.seen_in, f"{each}.parquet")) for each in LISTS)
    return Seen(orgs, classes)


def use(group_id: str, name: str) -> SavedUse:
    """What a sync is started with: the newest version. Raises NotFound."""
    found = latest(group_id, name)
    return SavedUse(name=found.name, version=found.version)


def default_selection(group: Group) -> SavedUse | None:
    """What the group's schedule and drops bring in; None for everything. A selection that was deleted since has version
    0: the sync that uses it fails, and says so."""
    if group.schedule.what == "full":
        return None
    try:
        return use(group.group_id, group.schedule.what)
    except NotFound:
        return SavedUse(name=group.schedule.what, version=0)


def counts(found: Resolved) -> dict[str, int]:
    """The numbers of a SavedUse."""
    return {
        "schools": found.schools,
        "classes": found.classes,
        "new_schools": len(found.new_schools),
        "new_classes": len(found.new_classes),
        "missing_schools": len(found.missing_schools),
        "missing_classes": len(found.missing_classes),
    }


def delete(group_id: str, name: str) -> None:
    """Every version. Raises NotFound."""
    found = versions(group_id, name)
    if not found:
        raise NotFound(f"There is no saved selection “{name}”.")
    for each in found:
        table(TABLE).delete_item(Key={"groupId": group_id, "nameVersion": each.name_version})
        files.delete_folder(_object(group_id, each.etag, ""))


_CHANGED = "The selection was changed by somebody else. Load it again and repeat your change."


def _versions(group_id: str, name: str, limit: int | None = None) -> Iterator[Version]:
    key = Key("groupId").eq(group_id) & Key("nameVersion").begins_with(_key(name, None))
    return _query(KeyConditionExpression=key, ScanIndexForward=False, **({"Limit": limit} if limit else {}))


def _query(**asked: Any) -> Iterator[Version]:
    return (from_item(Version, item) for item in query(TABLE, ConsistentRead=True, **asked))


def _key(name: str, version: int | None) -> str:
    return f"{' '.join(name.casefold().split())}#" + ("" if version is None else f"{version:06d}")


def _object(group_id: str, etag: str, name: str) -> str:
    return f"groups/{group_id}/selections/{etag}/{name}"
