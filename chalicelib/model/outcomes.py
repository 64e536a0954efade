"""How a sync ends: its state, how much of its plan the platform has, and the sentence that its admin reads. Only decides."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from chalicelib import errors
from chalicelib.model.records import EntityCounts, Group, State, SyncCounts

# An error of the machine, by the name it matches, and the state that it means. Any other is a failure.
STATES = {
    errors.BundleRefused.__name__: State.REFUSED,
    errors.QuestionExpired.__name__: State.EXPIRED,
    errors.LockLost.__name__: State.CANCELLED,
    "Discarded": State.DISCARDED,
}
SENTENCES = {
    State.EXPIRED: "Nobody answered within seven days, so the sync ended.",
    State.DISCARDED: "The changes were discarded.",
    State.CANCELLED: "The sync was ended from outside.",
}
NOTHING_NEW = "Nothing has changed since the last sync; nothing was written."
SAME_FILE = "Nothing has changed since sync {earlier}: the file is the same. Nothing was written."
NOTHING_SELECTED = " It holds nothing that is selected."
NOTHING_BROUGHT = "Nothing was brought in: the source holds nothing that is selected. Nothing was written."
UNDECIDED = "Waits for a decision; nothing has been written yet."
ONLY_REMOVALS = "Nothing was written: every change was a removal, and removals were left out, as approved."
# A Map's own error: which of its chunks failed, and why, stands in the log alone.
CHUNKS_FAILED = "States.ExceedToleratedFailureThreshold"


ACTIONS = ("created", "updated", "deactivated", "ended", "unchanged")


class AppliedExtent(StrEnum):
    """How much of a sync's plan the platform has when the sync ends."""

    NOTHING = "Nothing was changed."
    PARTIAL = "Some changes had been written already; the next sync makes them right without help."
    ALL = "All its changes had been written."


@dataclass(frozen=True)
class Ending:
    state: State
    message: str


def applied_extent(group: Group, sync_id: str) -> AppliedExtent:
    """Final once the sync no longer holds the lock: a chunk leaves its mark before its first write, and only with it."""
    if group.snapshot == sync_id:
        return AppliedExtent.ALL
    return AppliedExtent.PARTIAL if sync_id in group.unfinished else AppliedExtent.NOTHING


def written(counts: SyncCounts, with_removals: bool) -> SyncCounts:
    """The plan's counts as they came true: without removals, when it was approved so."""
    if with_removals:
        return counts
    none = {"deactivated": 0, "ended": 0}
    return SyncCounts(**{name: each.model_copy(update=none) for name, each in _by_field(counts).items()})


def changes(counts: SyncCounts) -> int:
    """Rows written, of every entity together."""
    return sum(one.created + one.updated + one.deactivated + one.ended for one in _by_field(counts).values())


def total(counts: SyncCounts, action: str) -> int:
    """Of one action (`created`, `updated`...), every entity together."""
    return sum(getattr(each, action) for each in _by_field(counts).values())


def success(counts: SyncCounts, with_removals: bool, incomplete: Iterable[str], undoes: bool = False) -> str:
    """What was written, in numbers, and what was not proved complete (sentences of `by_cause`). `counts` are of `written`."""
    unproved = "".join(f" Nothing was removed because it was missing there: {why}." for why in incomplete)
    unproved = "".join(lost(counts)) + unproved
    if not changes(counts) and not undoes and not total(counts, "selected") + total(counts, "unchanged"):
        return NOTHING_BROUGHT + unproved
    if not changes(counts):
        return (NOTHING_NEW if with_removals else ONLY_REMOVALS) + unproved
    left_out = "" if with_removals else " Removals were left out, as approved."
    each = _by_field(counts).values()
    numbers = {action: sum(getattr(one, action) for one in each) for action in (*ACTIONS, "returned")}
    returned = numbers.pop("returned")
    said = {"created": numbers.pop("created"), "brought back": returned, **numbers, "updated": numbers["updated"] - returned}
    return f"Synced: {', '.join(f'{number:,} {word}' for word, number in said.items() if number)}.{left_out}{unproved}"


def unchanged(counts: SyncCounts) -> SyncCounts:
    """Those of a sync that does the same again: nothing, since all that is selected is there."""
    none = {"created": 0, "updated": 0, "deactivated": 0, "ended": 0, "returned": 0}
    return SyncCounts(
        **{name: each.model_copy(update={**none, "unchanged": each.selected}) for name, each in _by_field(counts).items()}
    )


def same_file(earlier: str, counts: SyncCounts) -> str:
    """`earlier` is the id of the sync that had the same file; the portal shows its moment. `counts` are of `unchanged`."""
    nothing = "" if total(counts, "unchanged") else NOTHING_SELECTED
    return SAME_FILE.format(earlier=earlier) + nothing + "".join(lost(counts))


def lost(counts: SyncCounts) -> list[str]:
    """A sentence for each collection that lost more than half of its rows to errors: no plain success."""
    return [
        f" Errors left out {each.left_out:,} of {each.read:,} {name.replace('_', ' ')}; see the problems."
        for name, each in _by_field(counts).items()
        if each.left_out * 2 > each.read
    ]


def ending_of(error: dict[str, str], sync_id: str, extent: AppliedExtent) -> Ending:
    """`error` is what Step Functions caught: Error, a name, and Cause, often JSON with an errorMessage.

    A message of ours is shown as it is; of anything unexpected only that it happened, since it may hold a person's data.
    """
    name = error.get("Error", "")
    state = STATES.get(name, State.FAILED)
    message = SENTENCES.get(state) or (_message(error) if _is_ours(name) else _unexpected(name, sync_id))
    return Ending(state, f"{message} {extent}")


def _by_field(counts: SyncCounts) -> dict[str, EntityCounts]:
    return {name: getattr(counts, name) for name in SyncCounts.model_fields}


def _is_ours(name: str) -> bool:
    kind = getattr(errors, name, None)
    return isinstance(kind, type) and issubclass(kind, errors.RosterError)


def _message(error: dict[str, str]) -> str:
    try:
        return str(json.loads(error.get("Cause", ""))["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return error.get("Cause", "")


def _unexpected(name: str, sync_id: str) -> str:
    if name == CHUNKS_FAILED:
        return f"The platform did not take every change. Start the sync again; if it happens again, name {sync_id} to support."
    return f"The sync stopped because of an error of ours ({name or 'unknown'}). Start it again; name {sync_id} to support."
