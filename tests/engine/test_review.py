"""The guard looks at the finished plan: whatever is removed beyond the figures is named, and the plan is held."""

import json
from collections import Counter
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from oneroster_engine.planning.guard import Guard
from oneroster_engine.planning.policy import Policy
from oneroster_engine.planning.review import Undone, review
from oneroster_engine.planning.summary import Planned
from oneroster_engine.selecting.selection import Selection
from oneroster_engine.standard.entities import ENTITIES
from tests.engine.dirty import rosters, selections
from tests.engine.districts import Rows, enrollment, org, small, user
from tests.engine.test_plan import NOW, read
from tests.engine.test_undo import Undoable
from tests.examples import examples


class Guarded(Undoable):
    """A platform each plan of which is reviewed."""

    def reviewed(self, planned: Planned, before: Path | None, guard: Guard, undone: tuple[Undone, ...] = ()) -> Planned:
        stage = self.room / "stage"
        policy = Policy(sync_id=f"s{self.syncs}", now=self.now, guard=guard)
        return review(planned, self.room / "plan", before, policy, stage if stage.exists() else None, undone)

    def plan(self, files: dict[str, Rows], guard: Guard | None = None, undone: tuple[Undone, ...] = ()) -> list[str]:
        """Sync and commit; what the guard said, in sentences."""
        before = self.snapshot
        planned = self.reviewed(self.sync(files), before, guard or Guard(), undone)
        assert planned.held == bool(planned.breaches)
        summary = json.loads((self.room / "plan" / "summary.json").read_text())
        assert (summary["held"], summary["breaches"]) == (planned.held, [asdict(each) for each in planned.breaches])
        return [breach.message for breach in planned.breaches]


@pytest.fixture
def platform(tmp_path: Path) -> Guarded:
    return Guarded(tmp_path)


def people(students: range, teachers: range = range(0), school: str = "north", prefix: str = "") -> list[dict[str, str]]:
    more = {"orgSourcedIds": school, "givenName": "Given"}
    given = [user(f"{prefix}{school[0]}s{n}", username=f"s{n}", familyName=f"Student {n}", **more) for n in students]
    taught = [{**more, "role": "teacher", "familyName": f"Teacher {n}", "username": f"t{n}"} for n in teachers]
    return given + [user(f"{prefix}{school[0]}t{n}", **each) for n, each in zip(teachers, taught, strict=True)]


def school_of(*users: list[dict[str, str]]) -> dict[str, Rows]:
    """Everybody who is named is enrolled in the one class."""
    everybody = [each for some in users for each in some]
    roles = [enrollment(f"e-{each['sourcedId']}", userSourcedId=each["sourcedId"], role=each["role"]) for each in everybody]
    return small(users=everybody, enrollments=roles, orgs=[org(), org("south", name="South")])


def test_students_who_would_go_are_counted_among_their_school_s_students(platform: Guarded) -> None:
    assert platform.plan(school_of(people(range(100), range(10)), people(range(40), school="south"))) == []

    messages = platform.plan(school_of(people(range(11, 100), range(10)), people(range(40), school="south")))

    assert "North: 11 of 100 students would be deactivated." in messages
    assert not any("users would be" in each or "South" in each for each in messages)


def test_a_school_that_loses_all_its_teachers_is_held_though_they_are_few(platform: Guarded) -> None:
    platform.plan(school_of(people(range(200), range(12))))

    assert "North: 12 of 12 teachers would be deactivated." in platform.plan(school_of(people(range(200))))


def test_few_of_every_kind_are_held_when_together_they_are_many(platform: Guarded) -> None:
    platform.plan(school_of(people(range(20), range(20))))

    messages = platform.plan(school_of(people(range(6, 20), range(6, 20))))

    assert "North: 12 of 40 users would be deactivated." in messages


def test_the_figures_are_the_group_s_own_and_wider_while_its_rollover_window_is_open(platform: Guarded) -> None:
    platform.plan(school_of(people(range(100))))
    some_less = school_of(people(range(30, 100)))
    before = platform.snapshot
    planned = platform.sync(some_less, commit=False)
    week = {"rollover_from": platform.now.date(), "rollover_to": platform.now.date() + timedelta(days=7)}

    held = {
        name: platform.reviewed(planned, before, guard).held
        for name, guard in {
            "usual": Guard(),
            "floor": Guard(floor=31),
            "share": Guard(share=0.3),
            "rollover": Guard(**week),  # type: ignore[arg-type]
            "strict rollover": Guard(rollover_share=0.29, **week),  # type: ignore[arg-type]
        }.items()
    }

    assert held == {"usual": True, "floor": False, "share": False, "rollover": False, "strict rollover": True}


def test_a_source_that_numbers_everybody_anew_is_held_with_the_pairs_and_the_way_out(platform: Guarded) -> None:
    platform.plan(school_of(people(range(30), range(2))))

    messages = platform.plan(school_of(people(range(30), range(2), prefix="new-")))

    assert messages[0] == (
        "32 users have new ids, and 32 of them bear a name that the platform knows under another id: the source seems to have "
        "renumbered them. If they are the same people, discard this sync, let the group match people by username instead, "
        "and sync again."
    )
    pairs = read(platform.room / "plan" / "renumbered.parquet")
    assert {(row["oldSourcedId"], row["newSourcedId"]) for row in pairs if row["entity"] == "users"} == {
        (row["sourcedId"], f"new-{row['sourcedId']}") for row in people(range(30), range(2))
    }
    assert {row["matchedBy"] for row in pairs if row["entity"] == "users"} == {"username"}


def test_new_people_under_other_names_are_not_taken_for_renumbered(platform: Guarded) -> None:
    platform.plan(school_of(people(range(30))))

    messages = platform.plan(school_of(people(range(100, 140))))

    assert not any("numbered" in each for each in messages)
    assert not (platform.room / "plan" / "renumbered.parquet").exists()


def test_what_was_undone_is_not_done_again_without_a_word(platform: Guarded) -> None:
    platform.plan(school_of(people(range(100))))
    platform.plan(school_of(people(range(95))))
    platform.undo(2)
    undone = (Undone("Ada Admin", NOW, platform.room / "plan" / "changes.parquet"),)

    messages = platform.plan(school_of(people(range(95))), undone=undone)
    corrected = platform.plan(school_of(people(range(100))), undone=undone)

    assert messages == [
        "10 changes that were undone on 1 September 2026 by Ada Admin would be made again, because the source still says so. "
        "Correct the source, or approve this plan to let them happen."
    ]
    assert corrected == []


def test_an_undo_that_removes_a_school_is_held_like_any_plan(platform: Guarded) -> None:
    platform.plan(school_of(people(range(10))))
    platform.plan(school_of(people(range(60))))
    before = platform.snapshot

    held = platform.reviewed(platform.undo(2), before, Guard())

    assert "North: 50 of 60 students would be deactivated." in [breach.message for breach in held.breaches]


@given(rosters, rosters, selections, st.builds(Guard, share=st.sampled_from([0.0, 0.3, 0.5, 0.9]), floor=st.integers(1, 3)))
@settings(
    max_examples=examples(4),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
def test_the_guard_is_never_silent(
    tmp_path_factory: pytest.TempPathFactory,
    first: dict[str, list[dict[str, str]]],
    second: dict[str, list[dict[str, str]]],
    selection: Selection,
    guard: Guard,
) -> None:
    platform = Guarded(tmp_path_factory.mktemp("platform"))
    platform.sync(first)
    before = platform.snapshot
    planned = platform.reviewed(platform.sync(second, selection), before, guard)

    assert before
    values = {(breach.school, breach.entity) for breach in planned.breaches if breach.kind == "removals"}
    gone = {(row["entity"], row["sourcedId"]) for row in platform.changes() if row["action"] in ("deactivate", "end")}
    beyond = set()
    for entity in ENTITIES:
        records, removed = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
        for row in read(before / f"{entity}.parquet"):
            fields = json.loads(row["fields"])
            kinds = {"", fields["roles"][0]["role"]} if entity == "users" else {"", fields.get("role", "")}
            for key in {(school, kind) for school in row["schools"] or [""] for kind in kinds if row["removedAt"] is None}:
                records[key] += 1
                removed[key] += (entity, row["sourcedId"]) in gone
            for kind in kinds if row["removedAt"] is None else ():
                records["all schools", kind] += 1
                removed["all schools", kind] += (entity, row["sourcedId"]) in gone
        over = {key[0] for key in removed if removed[key] >= guard.floor and removed[key] > guard.share * records[key]}
        beyond |= {(each, entity) for each in over - {"all schools"} or ({""} if over else set())}
    assert values == beyond
    assert planned.held == bool(beyond or planned.breaches)
    if not planned.held:  # what a sync ends with that finds the same source again and does not look at it
        same = platform.reviewed(platform.sync(second, selection), platform.snapshot, guard)
        assert (same.changes, same.held) == (0, False)
