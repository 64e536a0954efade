"""The guard: when a plan removes too much to be applied without a human's word. Only decides."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

# Of an entity's selected records, how many may be new under an old name before the ids look renumbered.
RENUMBERED_SHARE = 0.5


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
    """What a plan would remove of one school's records of one entity; `school` is a sourcedId."""

    school: str
    name: str
    entity: str
    removed: int
    records: int


@dataclass(frozen=True)
class Breach:
    """Why a plan is held, in a sentence. `school` is empty where a whole collection is meant."""

    school: str
    entity: str
    removed: int
    records: int
    message: str


def breaches(removals: Iterable[Removals], guard: Guard, today: date) -> list[Breach]:
    """The removals that hold a plan, worst share first."""
    share = guard.share_on(today)
    over = [each for each in removals if each.removed >= guard.floor and each.removed > share * each.records]
    over.sort(key=lambda each: (-each.removed / each.records, each.school, each.entity))
    return [
        Breach(
            each.school,
            each.entity,
            each.removed,
            each.records,
            f"{each.name or 'No school'}: {each.removed:,} of {each.records:,} {each.entity} would be "
            f"{'ended' if each.entity == 'enrollments' else 'deactivated'}.",
        )
        for each in over
    ]


def empty_collection(entity: str, records: int) -> Breach:
    """A collection without rows, while the platform holds `records` of it."""
    said = f"The bundle has no {entity}, while the platform holds {records:,}. None of them would be removed."
    return Breach("", entity, 0, records, said)


def looks_renumbered(created: int, created_under_old_name: int, selected: int, guard: Guard) -> bool:
    """Most ids are new while most of the new records bear the name of one that is not in the source any more."""
    return (
        created >= guard.floor and created > RENUMBERED_SHARE * selected and created_under_old_name > RENUMBERED_SHARE * created
    )


def renumbered(entity: str, created: int, under_old_name: int, records: int) -> Breach:
    said = (
        f"{created:,} {entity} have new ids, and {under_old_name:,} of them bear a name that the platform knows under "
        "another id: the source seems to have numbered them anew."
    )
    return Breach("", entity, under_old_name, records, said)
