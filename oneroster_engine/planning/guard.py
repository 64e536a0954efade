"""The guard: when a plan removes too much to be applied without a human's word. Only decides."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

# Of an entity's selected records, how many may be new under an old name before the ids look renumbered.
RENUMBERED_SHARE = 0.5
Kind = Literal["removals", "empty", "renumbered", "undone", "ambiguous"]


@dataclass(frozen=True)
class Guard:
    """Held are removals over `share` of one school's records of an entity, and at least `floor` of them; from
    `rollover_from` to `rollover_to` (both included) `rollover_share` counts instead of `share`."""

    share: float = 0.10
    floor: int = 10
    rollover_share: float = 0.50
    rollover_from: date | None = None
    rollover_to: date | None = None

    def share_on(self, today: date) -> float:
        open_now = self.rollover_from is not None and self.rollover_to is not None
        if open_now and self.rollover_from <= today <= self.rollover_to:  # type: ignore[operator]
            return self.rollover_share
        return self.share


@dataclass(frozen=True)
class Removals:
    """What a plan would remove of one school's records of one entity, or of its users of one type. `school` is a
    sourcedId, empty for what belongs to none."""

    school: str
    name: str
    entity: str
    removed: int
    records: int
    user_type: str = ""


@dataclass(frozen=True)
class Breach:
    """Why a plan is held, in a sentence. `school` is empty where a whole collection is meant."""

    school: str
    entity: str
    removed: int
    records: int
    message: str
    kind: Kind = "removals"
    user_type: str = ""


def breaches(removals: Iterable[Removals], guard: Guard, today: date) -> list[Breach]:
    """The removals that hold a plan, worst share first. A school's users together are left out where one of their
    types says it already."""
    share = guard.share_on(today)
    over = [each for each in removals if each.removed >= guard.floor and each.removed > share * each.records]
    said = {(each.school, each.entity) for each in over if each.user_type}
    shown = [each for each in over if each.user_type or (each.school, each.entity) not in said]
    shown.sort(key=lambda each: (-each.removed / each.records, each.school, each.entity, each.user_type))
    return [
        Breach(
            each.school,
            each.entity,
            each.removed,
            each.records,
            f"{each.name or 'Without a school'}: {each.removed:,} of {each.records:,} {_called(each)} would be "
            f"{'ended' if each.entity == 'enrollments' else 'deactivated'}.",
            user_type=each.user_type,
        )
        for each in shown
    ]


def empty_collection(entity: str, records: int) -> Breach:
    """A collection without rows, while the platform holds `records` of it."""
    said = f"The bundle has no {entity}, while the platform holds {records:,}. None of them would be removed."
    return Breach("", entity, 0, records, said, "empty")


def looks_renumbered(created: int, created_under_old_name: int, selected: int, guard: Guard) -> bool:
    """Most ids are new while most of the new records bear the name of one that is not in the source any more."""
    many_new = created >= guard.floor and created > RENUMBERED_SHARE * selected
    return many_new and created_under_old_name > RENUMBERED_SHARE * created


def ambiguous(field: str, new: list[str], former: list[str]) -> Breach:
    """People who can't be told apart by the field that the group matches with; nobody was matched."""
    said = (
        f"By {field}, {_some(new)} in the source could be {_some(former)} on the platform; nobody was matched. "
        f"Correct the {field} of one of them, or approve to take those in the source for people of their own."
    )
    return Breach("", "users", 0, len(former), said, "ambiguous")


def _some(ids: list[str]) -> str:
    shown = ", ".join(ids[:3]) + (f" and {len(ids) - 3:,} more" if len(ids) > 3 else "")
    return f"{len(ids):,} people ({shown})" if len(ids) > 1 else f"one person ({shown})"


def renumbered(entity: str, created: int, under_old_name: int, records: int, way_out: str = "") -> Breach:
    """`way_out` is the field by which most of them were known again, if it is one that people can be matched by."""
    said = (
        f"{created:,} {entity} have new ids, and {under_old_name:,} of them bear a name that the platform knows under "
        "another id: the source seems to have numbered them anew."
    )
    if way_out:
        said += (
            f" If they are the same people, discard this sync, let the group match people by {way_out} instead, and sync again."
        )
    return Breach("", entity, under_old_name, records, said, "renumbered")


def done_again(changes: int, entity: str, when: date, by: str) -> Breach:
    """Changes that somebody has undone, and that the plan would make again."""
    what = "change that was" if changes == 1 else "changes that were"
    said = (
        f"{changes:,} {what} undone on {when.day} {when:%B %Y} by {by} would be made again, because the source still says so. "
        "Mend the source, or approve this plan to let them happen."
    )
    return Breach("", entity, changes, changes, said, "undone")


def _called(removals: Removals) -> str:
    words = f"{removals.user_type}s" if removals.user_type else removals.entity
    return words if ":" in words else re.sub(r"(?<=[a-z])([A-Z])", lambda found: " " + found.group(1).lower(), words)
