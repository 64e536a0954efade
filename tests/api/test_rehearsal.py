from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.store import groups, syncs
from chalicelib.store.records import GroupSettings, Mode, Question, QuestionKind, State, Sync, Trigger
from tests.api.test_routes import call

pytestmark = pytest.mark.usefixtures("aws")
NOW = datetime.now(UTC)


@pytest.mark.parametrize("decision", ["approve", "approveWithoutRemovals"])
def test_a_rehearsal_cannot_be_applied_and_goes_on_waiting(decision: str) -> None:
    groups.create(GroupSettings(name="Lakeside"), "g1", "e1", NOW)
    wanted = Sync(
        group_id="g1",
        sync_id=syncs.new_id("g1", NOW, "aa"),
        mode=Mode.FULL,
        trigger=Trigger.API,
        preview=True,
        rehearsal=True,
        started_by="Ada",
        started_at=NOW,
        state=State.RUNNING,
    )
    sync_id = syncs.start(wanted).sync_id
    syncs.ask(sync_id, Question(kind=QuestionKind.APPROVAL, since=NOW, until=NOW + timedelta(days=7)), "token")

    status, said = call(f"POST /syncs/{sync_id}/approval", {"decision": decision})

    assert (status, "can only be discarded" in said["detail"]) == (422, True)
    assert syncs.get(sync_id).state is State.WAITING
