"""How a sync ends, in a sentence for its admin."""

import json
from dataclasses import dataclass

from chalicelib import errors
from chalicelib.store.records import EntityCounts, State, SyncCounts

# An error of the machine, by the name it matches, and the state that it means. Any other is a failure.
STATES = {
    errors.BundleRefused.__name__: State.REFUSED,
    errors.QuestionExpired.__name__: State.EXPIRED,
    errors.LockLost.__name__: State.CANCELLED,
    "Discarded": State.DISCARDED,
}
SENTENCES = {
    State.EXPIRED: "Nobody answered within seven days, so the sync ended. Nothing was changed.",
    State.DISCARDED: "The changes were discarded. Nothing was changed.",
    State.CANCELLED: "The sync was ended from outside.",
}
HALF_APPLIED = " Some changes had been written already; the next sync makes them right without help."


@dataclass(frozen=True)
class Ending:
    state: State
    message: str


def success(counts: SyncCounts) -> str:
    """What was written, in numbers."""
    each: list[EntityCounts] = [getattr(counts, name) for name in SyncCounts.model_fields]
    created, updated = sum(one.created for one in each), sum(one.updated for one in each)
    deactivated, ended = sum(one.deactivated for one in each), sum(one.ended for one in each)
    if not created + updated + deactivated + ended:
        return "Nothing has changed since the last sync; nothing was written."
    return (
        f"Synced: {created:,} created, {updated:,} updated, {deactivated:,} deactivated, {ended:,} ended, "
        f"{sum(one.unchanged for one in each):,} unchanged."
    )


def ending_of(error: dict[str, str], sync_id: str, half_applied: bool) -> Ending:
    """`error` is what Step Functions caught: Error, a name, and Cause, often JSON with an errorMessage.

    A message of ours is shown as it is; of anything unexpected only that it happened, since it may hold a person's data.
    """
    name = error.get("Error", "")
    state = STATES.get(name, State.FAILED)
    message = SENTENCES.get(state) or (_message(error) if _is_ours(name) else _unexpected(name, sync_id))
    return Ending(state, message + (HALF_APPLIED if half_applied else ""))


def _is_ours(name: str) -> bool:
    kind = getattr(errors, name, None)
    return isinstance(kind, type) and issubclass(kind, errors.RosterError)


def _message(error: dict[str, str]) -> str:
    try:
        return str(json.loads(error.get("Cause", ""))["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return error.get("Cause", "")


def _unexpected(name: str, sync_id: str) -> str:
    return f"The sync stopped because of an error of ours ({name or 'unknown'}). Start it again; name {sync_id} to support."
