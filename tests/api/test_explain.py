"""Why somebody isn't on the platform, and whether the roster looks right, asked as the portal asks."""

import logging
from datetime import datetime
from typing import Any

import pytest

from chalicelib.model.records import Mode, State
from chalicelib.store import syncs
from tests.api.test_routes import call
from tests.engine.test_plan import TWO_SCHOOLS
from tests.steps.walk import NOW, Walk, make_group, zipped

pytestmark = pytest.mark.usefixtures("aws")


def traced(q: str, entity: str = "", role: str = "viewer") -> dict[str, Any]:
    status, answer = call("GET /groups/g1/trace", role=role, query={"q": q, **({"entity": entity} if entity else {})})
    assert status == 200, answer
    return answer


def verdicts(said: dict[str, Any]) -> dict[str, str]:
    return {step["about"]: step["verdict"] for step in said["steps"]}


def test_a_viewer_follows_somebody_from_the_source_to_the_platform() -> None:
    make_group()
    walk = Walk(zipped(TWO_SCHOOLS))
    walk.through()

    answer = traced("ann")

    assert set(verdicts(answer).values()) == {"yes"}
    assert answer["subject"] == {"entity": "users", "sourcedId": "ann", "name": "G F", "detail": "student, ann", "line": 2}
    assert answer["conclusion"] == f"On the platform, active, last written by sync {walk.sync_id}."
    assert datetime.fromisoformat(answer["steps"][-1]["at"]) == NOW
    assert (answer["syncId"], answer["syncState"], answer["candidates"]) == (walk.sync_id, "succeeded", [])


def test_somebody_of_a_school_that_was_not_chosen_is_told_so() -> None:
    make_group()
    walk = Walk(zipped(TWO_SCHOOLS), Mode.SELECTIVE)
    walk.open()
    walk.stage()
    walk.choose(orgs=["north"], otherMembers=False, guardians=False)
    walk.plan()

    answer = traced("cat")

    assert answer["conclusion"] == (
        "Not selected: none of their schools is selected. Status and user type: blank, student. Schools (* selected): South. "
        "Classes: 1, 0 of them selected."
    )
    assert verdicts(answer)["platform"] == "info"
    assert "is still running" in traced("ann")["steps"][-1]["text"]


def test_a_sync_that_ended_before_its_plan_does_not_hide_the_one_before() -> None:
    make_group()
    first = Walk(zipped(TWO_SCHOOLS))
    first.through()
    second = Walk(b"no zip", day=1)
    syncs.end(second.sync_id, State.REFUSED, "The file is not a ZIP.", NOW)

    assert traced("ann")["syncId"] == first.sync_id


def test_a_name_of_several_gives_candidates_one_of_which_answers() -> None:
    make_group()
    Walk(zipped(TWO_SCHOOLS)).through()

    answer = traced("G F", "users")
    chosen = traced(answer["candidates"][0]["sourcedId"], answer["candidates"][0]["entity"])

    assert (answer["subject"], answer["total"], len(answer["candidates"]), answer["steps"]) == (None, 6, 6, [])
    assert chosen["subject"] == answer["candidates"][0]


def test_before_a_first_sync_there_is_nothing_to_trace_in() -> None:
    make_group()

    status, answer = call("GET /groups/g1/trace", role="viewer", query={"q": "ann"})

    assert (status, answer["detail"]) == (
        409,
        "No sync of this group has read its source and planned yet. Start one, then ask again.",
    )


@pytest.mark.parametrize("query", [{}, {"q": " "}, {"q": "x" * 256}, {"q": "x", "entity": "pets"}])
def test_a_question_without_sense_is_refused(query: dict[str, str]) -> None:
    make_group()

    assert call("GET /groups/g1/trace", role="viewer", query=query)[0] == 422


def test_what_was_asked_stands_in_no_log(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    make_group()
    Walk(zipped(TWO_SCHOOLS)).through()
    caplog.set_level(logging.DEBUG)

    traced("Nobody Inparticular")
    call("GET /groups/g1/trace", role="viewer", query={"q": "Inparticular", "entity": "pets"})

    printed = capsys.readouterr()
    assert "Inparticular" not in caplog.text + printed.out + printed.err


def test_the_roster_is_checked_before_and_after_the_plan() -> None:
    make_group()
    walk = Walk(zipped(TWO_SCHOOLS))
    assert call(f"GET /syncs/{walk.sync_id}/sanity", role="viewer")[0] == 409
    walk.open()
    walk.stage()
    before = call(f"GET /syncs/{walk.sync_id}/sanity", role="viewer")
    walk.plan()
    after = call(f"GET /syncs/{walk.sync_id}/sanity", role="viewer")

    counts = {each["name"]: (each["count"], each["of"]) for each in after[1]["findings"]}
    assert before[0] == after[0] == 200
    assert counts["classes-without-teachers"] == (2, 3)
    assert counts["people-at-several-schools"] == (1, 6)
    assert {each["name"]: each["of"] for each in before[1]["findings"]}["likely-renumbered"] == 0
    assert counts["likely-renumbered"] == (0, 6)


def test_the_rows_of_a_finding_come_by_page() -> None:
    make_group()
    walk = Walk(zipped(TWO_SCHOOLS))
    walk.stage()
    path = f"GET /syncs/{walk.sync_id}/sanity/rows"

    status, first = call(path, role="viewer", query={"finding": "classes-without-teachers", "limit": "1"})
    _, second = call(path, role="viewer", query={"finding": "classes-without-teachers", "cursor": first["nextCursor"]})

    assert (status, first["total"]) == (200, 2)
    assert [row["sourcedId"] for row in first["items"] + second["items"]] == ["n2", "s1"]
    assert call(path, role="viewer", query={"finding": "dragons"})[0] == 404
