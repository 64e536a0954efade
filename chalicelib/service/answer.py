"""A person's answer to the question that a sync waits with."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from chalicelib.errors import QuestionExpired, Unacceptable
from chalicelib.model.records import QuestionKind, Step
from chalicelib.store import files, state_machine, syncs

REHEARSAL = "This is a rehearsal: it shows what would change and can only be discarded. Nothing was changed."


def choose(
    sync_id: str, kind: QuestionKind, now: datetime, selection: dict[str, Any], on_claim: Callable[[], None] = lambda: None
) -> None:
    """Answer a question of a selective sync: add `selection` to what was chosen, and let the machine go on.

    `on_claim` does what else follows from the answer. It runs once the question is ours, so that a refused answer leaves
    nothing behind. Raises Conflict, QuestionExpired.
    """

    def write() -> None:
        on_claim()
        files.write_selection(sync_id, {**files.selection_of(sync_id), **selection})

    _answer(sync_id, kind, now, {}, write)


def decide(sync_id: str, decision: str, now: datetime) -> None:
    """Answer the question of a held or previewed plan. Raises Conflict, QuestionExpired, and Unacceptable for a rehearsal."""
    if decision != "discard" and syncs.get(sync_id).rehearsal:
        raise Unacceptable(REHEARSAL)
    kind = QuestionKind.APPROVAL
    _answer(sync_id, kind, now, {"decision": decision}, lambda: syncs.begun_anew(sync_id, Step.APPLY, now))


def _answer(sync_id: str, kind: QuestionKind, now: datetime, output: dict[str, Any], write: Callable[[], None]) -> None:
    """Claim the question, so that nobody else answers it, write what follows from the answer, let the machine go on.

    When the machine can't be reached the question is open again; when it doesn't wait for this answer any more, it is not.
    """
    claimed = syncs.claim_answer(sync_id, kind, now)
    try:
        write()
        state_machine.answer(claimed.token, output)
    except QuestionExpired:
        raise
    except Exception:
        assert claimed.sync.question is not None
        syncs.ask(sync_id, claimed.sync.question, claimed.token)
        raise
