"""Undoing a sync: what it made is what it was, record for record, and nobody else's work is touched."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import SystemRandom
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from oneroster_engine.planning import undo
from oneroster_engine.planning.policy import Policy
from oneroster_engine.planning.snapshot import next_snapshot
from oneroster_engine.planning.summary import Planned
from oneroster_engine.planning.undo import plan_undo
from oneroster_engine.selecting.selection import Selection
from oneroster_engine.standard.entities import ENTITIES
from tests.engine.dirty import Files, chosen, drawn, named, rosters, selections, side_by_side, wanted
from tests.engine.districts import class_, course, enrollment, user
from tests.engine.test_plan import NOW, TWO_SCHOOLS, Platform, changed, read, without
from tests.examples import examples

DISTRICTS = 100
MOMENTS = ("since", "removedAt", "modified", "digest")  # they tell of the undo itself, not of what it left


class Undoable(Platform):
    """A platform whose syncs can be undone; a sync is known by its number."""

    def undo(self, number: int, removals: bool = True, commit: bool = True) -> Planned:
        self.syncs += 1
        self.room = self.folder / str(self.syncs)
        self.now = NOW + timedelta(days=self.syncs)
        policy = Policy(sync_id=f"s{self.syncs}", now=self.now)
        plan = self.room / "plan"
        planned = plan_undo(self.folder / str(number) / "plan" / "changes.parquet", self.snapshot, plan, policy, self.cut_off)
        if commit:
            next_snapshot(self.snapshot, plan, self.room / "snapshot", self.now, policy.purging, removals)
            self.snapshot = self.room / "snapshot"
        return planned

    def left_alone(self) -> list[tuple[str, str, str]]:
        rows = read(self.room / "plan" / "unchanged.parquet")
        return [(row["entity"], row["sourcedId"], row["reason"]) for row in rows if row["reason"] in undo.LEFT_ALONE]

    def holds(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Every record of the snapshot, but for the moments; a removed one says only that it is. An enrollment's name is
        made of its class's title as it was when somebody looked."""
        return {
            (entity, row["sourcedId"]): {
                name: value for name, value in row.items() if name not in MOMENTS and (name, entity) != ("name", "enrollments")
            }
            for entity in ENTITIES
            for row in (read(self.snapshot / f"{entity}.parquet") if self.snapshot else [])
            if row["removedAt"] is None
        }

    def but_left_alone(self, held: dict[tuple[str, str], dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
        named = {(entity, sourced_id) for entity, sourced_id, _ in self.left_alone()}
        return {key: row for key, row in held.items() if key not in named}


@pytest.fixture
def platform(tmp_path: Path) -> Undoable:
    return Undoable(tmp_path)


NEW_CLASS = [*TWO_SCHOOLS["classes"], class_("n3", courseSourcedId="bio")]
GROWN = {
    **changed("users", "ann", familyName="Novák", orgSourcedIds="south"),
    "courses": [*TWO_SCHOOLS["courses"], course("bio")],
    "classes": NEW_CLASS,
}


def test_what_a_sync_created_updated_and_removed_is_as_it_was_before(platform: Undoable) -> None:
    platform.sync(TWO_SCHOOLS)
    before = platform.holds()
    grown = {**GROWN, "users": [row for row in GROWN["users"] if row["sourcedId"] != "tom"]}
    platform.sync({**grown, "enrollments": TWO_SCHOOLS["enrollments"][:-1]})

    planned = platform.undo(2)

    assert sorted(platform.did()) == [
        ("classes", "n3", "deactivate", "undo: was created by that sync"),
        ("courses", "bio", "deactivate", "undo: was created by that sync"),
        ("enrollments", "e5", "update", "undo: was ended by that sync"),
        ("users", "ann", "update", "undo: was updated by that sync"),
        ("users", "tom", "update", "undo: was deactivated by that sync"),
    ]
    assert (platform.holds(), planned.changes, planned.counts["users"]["updated"]) == (before, 5, 2)
    assert platform.sync(TWO_SCHOOLS).changes == 0


def test_an_undo_can_be_undone(platform: Undoable) -> None:
    platform.sync(TWO_SCHOOLS)
    platform.sync(GROWN)
    after = platform.holds()
    platform.undo(2)

    platform.undo(3)

    assert platform.holds() == after
    assert ("classes", "n3", "update", "undo: was deactivated by that sync") in platform.did()
    assert platform.sync(GROWN).changes == 0


def test_what_a_later_sync_has_changed_is_named_and_left_alone(platform: Undoable) -> None:
    platform.sync(TWO_SCHOOLS)
    platform.sync({**GROWN, "users": [{**row, "email": "x@y.example"} for row in GROWN["users"]]})
    later = [{**row, "givenName": "Anna"} if row["sourcedId"] == "ann" else row for row in changed("users", "x")["users"]]
    platform.sync({**GROWN, "users": [{**row, "email": "x@y.example"} for row in later]})

    planned = platform.undo(2)

    assert platform.left_alone() == [("users", "ann", undo.CHANGED_SINCE)]
    assert planned.notes == ["1 record: changed again by a later sync; left alone."]
    assert (platform.holds()["users", "ann"]["name"], platform.holds()["users", "bob"]["name"]) == ("Anna F", "G F")
    assert json.loads(platform.holds()["users", "bob"]["fields"])["email"] is None


def test_what_a_record_of_a_later_sync_names_stays(platform: Undoable) -> None:
    platform.sync(TWO_SCHOOLS)
    platform.sync({**GROWN, "users": [*TWO_SCHOOLS["users"], user("new")]})
    more = [*TWO_SCHOOLS["enrollments"], enrollment("e9", classSourcedId="n3", userSourcedId="new")]
    platform.sync({**GROWN, "users": [*TWO_SCHOOLS["users"], user("new")], "enrollments": more})

    platform.undo(2)

    assert platform.left_alone() == [
        ("classes", "n3", undo.STILL_NAMED),
        ("courses", "bio", undo.STILL_NAMED),
        ("users", "new", undo.STILL_NAMED),
    ]
    assert platform.did() == []


def test_an_enrollment_does_not_return_to_a_person_who_is_gone(platform: Undoable) -> None:
    platform.sync(TWO_SCHOOLS)
    platform.sync({**TWO_SCHOOLS, "enrollments": TWO_SCHOOLS["enrollments"][1:]})
    platform.sync(without("users", "ann", enrollments=TWO_SCHOOLS["enrollments"][1:]))

    platform.undo(2)

    assert platform.left_alone() == [("enrollments", "e1", undo.NOWHERE_TO_GO)]


def test_what_was_approved_without_removals_has_no_removals_to_take_back(platform: Undoable) -> None:
    platform.sync(TWO_SCHOOLS)
    before = platform.holds()
    platform.sync({**GROWN, "users": [r for r in GROWN["users"] if r["sourcedId"] not in ("cat", "idle")]}, removals=False)

    planned = platform.undo(2)

    assert (platform.holds(), platform.left_alone(), planned.notes) == (before, [], [])
    assert platform.did()[-1] == ("users", "ann", "update", "undo: was updated by that sync")


def test_what_a_sync_that_was_cut_off_may_have_touched_is_left_alone(platform: Undoable) -> None:
    platform.sync(TWO_SCHOOLS)
    platform.sync(GROWN)
    platform.sync(changed("users", "ann", givenName="Anna"), commit=False)

    platform.undo(2, commit=False)

    assert ("users", "ann", undo.CUT_OFF) in platform.left_alone()
    assert "ann" not in [row[1] for row in platform.did()]


def test_what_comes_back_by_an_undo_has_its_platform_id_and_what_goes_can_come_back_for_the_whole_grace_period(
    platform: Undoable,
) -> None:
    platform.sync(TWO_SCHOOLS)
    platform_id = platform.holds()["users", "cat"]["platformId"]
    platform.sync(without("users", "cat", enrollments=TWO_SCHOOLS["enrollments"][:3]))
    platform.undo(2)
    assert platform.holds()["users", "cat"]["platformId"] == platform_id

    platform.undo(3)

    assert platform.snapshot
    (cat,) = [row for row in read(platform.snapshot / "users.parquet") if row["sourcedId"] == "cat"]
    assert (cat["platformStatus"], cat["removedAt"][:10]) == ("inactive", f"{platform.now:%Y-%m-%d}")


@given(rosters, rosters, selections, st.booleans())
@settings(
    max_examples=examples(3),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # each example is six plans; shrinking would take minutes
)
def test_a_sync_and_its_undo_leave_the_platform_as_it_was_and_the_undo_of_that_as_it_was_after(
    tmp_path_factory: pytest.TempPathFactory,
    first: Files,
    second: Files,
    selection: Selection,
    removals: bool,
) -> None:
    assert_undone_and_done_again(Undoable(tmp_path_factory.mktemp("platform")), first, second, selection, removals)


@pytest.mark.parametrize("removals", [True, False])
def test_so_it_is_in_every_district_of_a_large_bundle(tmp_path: Path, removals: bool) -> None:
    begin = SystemRandom().randrange(2**32)
    print(f"drawn from {begin}")  # shown when it fails
    districts = [named(each) for each in drawn(rosters, 2 * DISTRICTS, begin)]
    (choice,) = drawn(wanted, 1, begin)
    first, second = side_by_side(districts[:DISTRICTS]), side_by_side(districts[DISTRICTS:])
    selection = replace(chosen(DISTRICTS, choice), remove_unselected=True)
    assert_undone_and_done_again(Undoable(tmp_path), first, second, selection, removals)


def assert_undone_and_done_again(platform: Undoable, first: Files, second: Files, selection: Selection, removals: bool) -> None:
    platform.sync(first)
    before = platform.holds()
    platform.sync(second, selection, removals=removals)
    after = platform.holds()

    platform.undo(2)

    undone = platform.holds()
    assert platform.but_left_alone(undone) == platform.but_left_alone(before)
    assert all(row["platformId"] == before[key]["platformId"] for key, row in undone.items() if key in before)
    assert_nothing_dangles_that_did_not(platform, before)
    platform.undo(3)
    assert platform.but_left_alone(platform.holds()) == platform.but_left_alone(after)


def assert_nothing_dangles_that_did_not(platform: Undoable, before: dict[tuple[str, str], dict[str, Any]]) -> None:
    """Each enrollment's person and class are there, unless they were not there before the sync either."""
    holds = platform.holds()
    for (entity, _), row in holds.items():
        fields = json.loads(row["fields"])
        for other, name in (("users", "userSourcedId"), ("classes", "classSourcedId")):
            if entity == "enrollments" and (other, fields[name]) in before:
                assert (other, fields[name]) in holds
