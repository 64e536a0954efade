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

    status, said = call(f"POST /syncs/{sync_id}/approval", {"decision": decision})

    assert (status, "can only be discarded" in said["detail"]) == (422, True)
    assert syncs.get(sync_id).state is State.WAITING
