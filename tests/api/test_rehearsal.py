from datetime import UTC, datetime

import pytest

from chalicelib.model.records import State
from chalicelib.store import syncs
from tests.api.test_routes import call
from tests.api.waiting import waiting_for_approval

pytestmark = pytest.mark.usefixtures("aws")
NOW = datetime.now(UTC)


@pytest.mark.parametrize("decision", ["approve", "approveWithoutRemovals"])
def test_a_rehearsal_cannot_be_applied_and_goes_on_waiting(decision: str) -> None:
    sync_id = waiting_for_approval(NOW, preview=True, rehearsal=True)

    status, answer = call(f"POST /syncs/{sync_id}/approval", {"decision": decision})

    assert (status, "can only be discarded" in answer["detail"]) == (422, True)
    assert syncs.get(sync_id).state is State.WAITING


@pytest.mark.parametrize(
    ("rehearsal", "decision", "allowed"),
    [(True, "discard", True), (True, "approve", False), (False, "discard", False), (False, "approve", False)],
    ids=["a rehearsal is discarded", "a rehearsal is approved", "changes are discarded", "changes are approved"],
)
def test_whoever_may_start_a_rehearsal_may_discard_it_and_decides_about_nothing_else(
    rehearsal: bool, decision: str, allowed: bool
) -> None:
    sync_id = waiting_for_approval(NOW, preview=True, rehearsal=rehearsal)

    status, _ = call(f"POST /syncs/{sync_id}/approval", {"decision": decision}, role="operator")

    assert (status != 403) is allowed
