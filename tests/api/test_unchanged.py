"""The pages of a sync that found nothing new: what it read is what the earlier one read, and it did nothing."""

import pytest

from chalicelib.store import files, syncs
from tests.api.test_routes import call
from tests.engine.districts import small, user
from tests.steps.walk import Walk, make_group, zipped

pytestmark = pytest.mark.usefixtures("aws")


def test_its_lists_and_log_are_the_earlier_one_s_and_its_changes_are_none() -> None:
    make_group()
    bundle = zipped(small(users=[user("ann"), user("bob", email="no e-mail")]))
    first, same = Walk(bundle).through().sync_id, Walk(bundle, day=1).through().sync_id

    def both(path: str) -> list[object]:
        return [call(f"GET /syncs/{each}/{path}") for each in (first, same)]

    problems = both("problems")
    assert problems[0] == problems[1]
    assert problems[0][1]["total"] > 0  # type: ignore[index]
    sanity = both("sanity")
    assert sanity[0] == sanity[1]
    status, plan = call(f"GET /syncs/{same}/plan")
    assert (status, plan["held"], plan["counts"]["users"]["created"], plan["counts"]["users"]["unchanged"]) == (200, False, 0, 2)
    assert call(f"GET /syncs/{same}/plan/changes")[1]["total"] == 0
    stay = call(f"GET /syncs/{same}/plan/changes", query={"action": "unchanged", "entity": "users"})[1]
    assert [each["sourcedId"] for each in stay["items"]] == ["ann", "bob"]
    assert {"report.xlsx", "bundle.zip"} <= {each["name"] for each in call(f"GET /syncs/{same}/report")[1]["files"]}
    assert call("GET /groups/g1/syncs/last")[1]["planned"] is True
    status, compared = call("GET /groups/g1/compare", query={"from": first, "to": same})
    assert (status, compared["counts"]["users"]) == (200, {"before": 2, "after": 2, "came": 0, "went": 0})
    status, refused = call(f"POST /syncs/{same}/undo")
    assert (status, refused["detail"]) == (409, "This sync has changed nothing, so there is nothing to take back.")
    assert call("GET /groups/g1/trace", query={"q": "ann"})[1]["syncId"] == first

    files.delete_folder(files.sync_key(first, ""))
    files.forget_copies("g1")
    syncs.remove(first)
    assert call(f"GET /syncs/{same}/problems")[0] == 409
    assert call(f"GET /syncs/{same}/plan")[0] == 200
