"""Deletes all of a group's data, over as many calls as it takes, and writes the certificate.

The group itself is gone from the first moment, so nothing new begins. Each pass goes through every place; an interrupted one
continues in the next, since what was deleted is no longer found. A pass that finds nothing ends the job.
"""

from collections.abc import Callable
from datetime import datetime

from chalicelib.model.deletion import Deletion, added, is_settled
from chalicelib.platform import writer
from chalicelib.store import access, arrivals, clients, deletions, files, secrets, selections, syncs, webhooks
from chalicelib.store.tables import delete_all

HasTime = Callable[[], bool]
# Table by table: the setting with its name, and its sort key.
TABLES = {
    syncs.TABLE: "syncId",
    selections.TABLE: "nameVersion",
    arrivals.TABLE: "arrivalId",
    clients.TABLE: "item",
    access.TABLE: "at",
}


def delete(deletion: Deletion, now: datetime, has_time: HasTime) -> Deletion:
    """One pass. The deletion as it stands then, stored after each place; done when nothing was left to delete."""
    found_any = False
    for place, remove in _places(deletion.group_id, has_time):
        items = remove()
        found_any |= items > 0
        deletion = deletion.model_copy(update={"removed": added(deletion.removed, place, items)})
        if items:
            deletions.store(deletion)
        if not has_time():
            return deletion
    if not found_any and is_settled(deletion, now):
        deletion = deletion.model_copy(update={"state": "done", "finished_at": now})
        deletions.store(deletion)
    return deletion


def go_on(now: datetime, has_time: HasTime) -> list[Deletion]:
    """A pass for each deletion that runs; how each stands."""
    running = [each for each in deletions.everyone() if each.state == "running"]
    return [delete(each, now, has_time) for each in running if has_time()]


def _places(group_id: str, has_time: HasTime) -> list[tuple[str, Callable[[], int]]]:
    """What is nearest to people first."""
    key = ("groupId", group_id)
    by_table: list[tuple[str, Callable[[], int]]] = [
        (_called(setting), lambda setting=setting, sort=sort: delete_all(setting, key, sort, has_time))  # type: ignore[misc]
        for setting, sort in TABLES.items()
    ]
    return [
        ("Roster table", lambda: writer.delete_group(group_id, has_time)),
        ("Files", lambda: files.delete_group(group_id, has_time)),
        *by_table,
        ("Messages to webhooks", lambda: webhooks.forget_due(group_id, has_time)),
        ("Secrets", lambda: secrets.forget(group_id)),
    ]


def _called(setting: str) -> str:
    return setting.replace("_", " ").capitalize()
