"""A person's answer to the question that a sync waits with."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from chalicelib.errors import Conflict, QuestionExpired, Unacceptable
from chalicelib.model.records import Answered, AskedFor, Question, QuestionKind, Step, Sync
from chalicelib.store import files, state_machine, syncs

ASKED_IN_TURN = (QuestionKind.ORGS, QuestionKind.CLASSES, QuestionKind.STATUSES)
REHEARSAL = "This is a rehearsal: it shows what would change and can only be discarded. Nothing was changed."


def choose(
    sync_id: str,
    answer: Answered,
    selection: dict[str, Any],
    since: datetime | None = None,
    on_claim: Callable[[], None] = lambda: None,
) -> None:
    """Answer a question of a selective sync: add `selection` to what was chosen, and let the machine go on.

    An answered question can be answered again until the people are chosen; the state machine waits on with its later one.
    `since` is when the open question was asked, as whoever answers saw it: where somebody else has answered by then, this answer
    is refused. `on_claim` does what else follows from the answer. It runs once the question is ours, so that a refused answer
    leaves nothing behind. Raises Conflict, QuestionExpired.
    """

    def write() -> None:
        on_claim()
        files.write_selection(sync_id, {**files.selection_of(sync_id), **selection})

    sync = syncs.get(sync_id)
    if sync.question and sync.question.kind in ASKED_IN_TURN[ASKED_IN_TURN.index(answer.kind) + 1 :]:
        _choose_anew(sync, sync.question, answer, since, write)
    else:
        _answer(sync_id, answer, since, {}, write)


def _choose_anew(sync: Sync, waiting: Question, answer: Answered, since: datetime | None, write: Callable[[], None]) -> None:
    """While the question that the machine waits with is ours, nobody else answers it by what is no longer chosen; then it is
    open again, from this moment on, so that a browser that shows it sees that it has to look again."""
    if answer.kind is QuestionKind.ORGS and sync.asked and sync.asked.kind is AskedFor.SCHOOLS:
        raise Conflict(
            "Only the schools that were selected first have been fetched. To select others, cancel this sync and start another."
        )
    claimed = syncs.claim_answer(sync.sync_id, waiting.kind, answer, since)
    try:
        write()
        if answer.kind is QuestionKind.ORGS:
            files.write_selection(sync.sync_id, _without_classes(files.selection_of(sync.sync_id)))
    finally:
        syncs.ask(sync.sync_id, waiting.model_copy(update={"since": answer.at}), claimed.token)


def _without_classes(chosen: dict[str, Any]) -> dict[str, Any]:
    """Other schools have other classes: those chosen so far are kept to be offered again. All of them are still all."""
    if chosen.get("classes") is None:
        return chosen
    kept = {name: value for name, value in chosen.items() if name != "classes"}
    return {**kept, "classesBefore": chosen["classes"]}


def decide(sync_id: str, decision: str, answer: Answered) -> None:
    """Answer the question of a held or previewed plan. Raises Conflict, QuestionExpired, and Unacceptable for a rehearsal."""
    if decision != "discard" and syncs.get(sync_id).rehearsal:
        raise Unacceptable(REHEARSAL)

    def write() -> None:
        if decision != "discard":
            syncs.begun_anew(sync_id, Step.APPLY, answer.at)

    _answer(sync_id, answer, None, {"decision": decision}, write)
    if decision == "discard":
        syncs.never_begun(sync_id, Step.APPLY)  # or the page would say for a moment that the changes are being written


def _answer(sync_id: str, answer: Answered, since: datetime | None, output: dict[str, Any], write: Callable[[], None]) -> None:
    """Claim the question, so that nobody else answers it, write what follows from the answer, let the machine go on.

    When the machine can't be reached the question is open again; when it doesn't wait for this answer any more, it is not.
    """
    claimed = syncs.claim_answer(sync_id, answer.kind, answer, since)
    try:
        write()
        state_machine.answer(claimed.token, output)
    except QuestionExpired:
        raise
    except Exception:
        syncs.give_back(sync_id, claimed)
        raise
