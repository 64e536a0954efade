"""An undo goes through the same Lambdas as any sync, and the platform is what it was."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.model.ids import new_sync_id
from chalicelib.model.records import Mode, State, Sync, Trigger
from chalicelib.store import files, groups, syncs
from tests.engine.districts import Rows
from tests.engine.test_plan import TWO_SCHOOLS, changed
from tests.steps.walk import NOW, Walk, make_group, platform, zipped

pytestmark = pytest.mark.usefixtures("aws")


class UndoWalk(Walk):
    def __init__(self, undoes: str, day: int) -> None:
        now = NOW + timedelta(days=day)
        self.mode, self.group_id, self.sync_id, self.with_removals = Mode.UNDO, "g1", new_sync_id("g1", now, "aa"), True
        undo = Sync(
            group_id="g1",
            sync_id=self.sync_id,
            mode=Mode.UNDO,
            undoes=undoes,
            trigger=Trigger.API,
            preview=True,
            started_by="Ada Admin",
            started_at=now,
            state=State.RUNNING,
        )
        syncs.start(undo)

    def through(self) -> Sync:
        assert self.plan()["ask"] is True
        self.apply()
        self.commit()
        self.report()
        return self.sync


def records() -> dict[str, object]:
    """The platform's items, but for what tells of the sync that wrote them, and when."""
    found = ("syncId", "since", "removedAt", "purgeAt")
    return {i: {name: value for name, value in item.items() if name not in found} for i, item in platform().items()}


def said(sync_id: str, name: str) -> Any:
    return files.read_json(files.sync_key(sync_id, name))


LESS: dict[str, Rows] = {
    **changed("users", "ann", familyName="Novák"),
    "enrollments": TWO_SCHOOLS["enrollments"][:-1],
    "classes": TWO_SCHOOLS["classes"],
}


def test_an_undo_writes_back_what_was_there_and_marks_the_group() -> None:
    make_group()
    Walk(zipped(TWO_SCHOOLS)).through()
    before = records()
    sync = Walk(zipped(LESS), day=1).through()
    assert records() != before

    undo = UndoWalk(sync.sync_id, day=2).through()

    assert records() == before
    assert (undo.state, undo.message) == (
        State.SUCCEEDED, "Synced: 1 brought back, 1 updated.",
    )  # fmt: skip
    assert groups.get("g1").undone == (undo.sync_id,)
    assert files.read_json(files.sync_key(undo.sync_id, "report/files.json"))


def test_the_sync_after_an_undo_is_held_until_somebody_lets_it_do_the_same_again() -> None:
    make_group()
    Walk(zipped(TWO_SCHOOLS)).through()
    sync = Walk(zipped(LESS), day=1).through()
    UndoWalk(sync.sync_id, day=2).through()

    again = Walk(zipped(LESS), day=3)
    again.open()
    again.stage()
    assert again.plan()["ask"] is True

    (breach,) = said(again.sync_id, "plan/summary.json")["breaches"]
    assert breach["message"].startswith("2 changes that were undone on 3 September 2026 by Ada Admin would be made again")
    again.apply()
    again.commit()
    again.report()
    assert groups.get("g1").undone == ()
    last = Walk(zipped(LESS), day=4)
    last.open()
    last.stage()
    assert last.plan()["ask"] is False


def test_the_log_of_a_plan_that_waits_can_be_read_before_the_decision() -> None:
    make_group()
    sync = Walk(zipped(TWO_SCHOOLS)).through()

    undo = UndoWalk(sync.sync_id, day=1)
    undo.plan()

    written = said(undo.sync_id, "report/files.json")
    assert [each["name"] for each in written][:2] == ["report.xlsx", "changes.csv.gz"]


def test_undoing_an_undo_leaves_that_undo_in_force_alone_no_more() -> None:
    make_group()
    Walk(zipped(TWO_SCHOOLS)).through()
    sync = Walk(zipped(LESS), day=1).through()
    after = records()
    undo = UndoWalk(sync.sync_id, day=2).through()

    back = UndoWalk(undo.sync_id, day=3).through()

    assert records() == after
    assert groups.get("g1").undone == (back.sync_id,)
