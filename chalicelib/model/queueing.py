"""What a trigger comes to that may find its group locked: it runs, waits in the group's queue, or is superseded. Only decides."""

from dataclasses import dataclass

from chalicelib.model.records import Group, State, Trigger, Waiting

MOST_WAITING = 500  # some 75 KB of the group's item, of DynamoDB's 400


@dataclass(frozen=True)
class QueueOutcome:
    """Outcome for the new trigger (running, queued or superseded), the resulting queue, and the entries it supersedes."""

    state: State
    queue: tuple[Waiting, ...]
    superseded: tuple[Waiting, ...] = ()


def outcome_for(group: Group, newcomer: Waiting) -> QueueOutcome:
    """The newest of each kind of trigger waits; the others are superseded. A file older than one that has begun comes too late.

    Files of changes only all wait, in their own order whatever the order in which their events come, since each holds what no
    other does, until one comes that holds everything.
    """
    if newcomer.trigger is Trigger.DROP and _older(newcomer, group.newest_drop):
        return QueueOutcome(State.SUPERSEDED, group.queue)
    if group.sync is None and not group.queue:
        return QueueOutcome(State.RUNNING, ())
    same = tuple(each for each in group.queue if each.trigger is newcomer.trigger)
    if any(_older(newcomer, each.order) for each in same if not each.delta):
        return QueueOutcome(State.SUPERSEDED, group.queue)
    if newcomer.delta and len(same) >= MOST_WAITING:
        return QueueOutcome(State.SUPERSEDED, group.queue)
    superseded = () if newcomer.delta else tuple(each for each in same if not _older(newcomer, each.order))
    stay = tuple(each for each in group.queue if each not in superseded)
    later = (place for place, each in enumerate(stay) if each in same and _older(newcomer, each.order))
    place = next(later, len(stay))
    return QueueOutcome(State.QUEUED, (*stay[:place], newcomer, *stay[place:]), superseded)


def holds_more(newcomer: Waiting, queue: tuple[Waiting, ...]) -> bool:
    """Whether a newer file of everything waits, so that a file of changes that comes too late for its turn loses nothing."""
    return any(each.trigger is newcomer.trigger and not each.delta and _older(newcomer, each.order) for each in queue)


def _older(newcomer: Waiting, order: str) -> bool:
    """A sequencer, which follows the second, tells only which version of one key is newer: no reason to lose changes by."""
    if newcomer.delta:
        return newcomer.order.partition("-")[0] < order.partition("-")[0]
    return newcomer.order < order
