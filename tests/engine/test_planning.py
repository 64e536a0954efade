"""What a plan does, held against the rules in plain Python: generated districts, one alone or hundreds side by side."""

import json
import os
from collections.abc import Mapping, Set
from dataclasses import replace
from pathlib import Path
from random import Random, SystemRandom
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oneroster_engine.planning.guard import ROLE_ENDED, Entity, Guard, RemovalCause
from oneroster_engine.planning.summary import Planned
from oneroster_engine.selecting.selection import EVERYTHING, Selection
from oneroster_engine.standard.entities import ENTITIES
from tests.engine import oracle
from tests.engine.dirty import Files, chosen, drawn, lifted, named, rosters, selections, side_by_side, wanted
from tests.engine.districts import Rows, org, role, user
from tests.engine.test_plan import KEPT, Platform, read
from tests.examples import examples

DISTRICTS = 100
SYNCS = 4
Records = Mapping[str, Mapping[str, dict[str, Any]]]


def assert_as_the_rules_say(
    platform: Platform,
    before: Records,
    planned: Planned,
    selection: Selection,
    draw: object,
    keep: Mapping[str, Set[str]] | None = None,
    deactivate_ended: bool = False,
) -> None:
    stage, after = platform.staged(), platform.records()
    left_out: dict[str, set[str | None]] = {entity: set() for entity in ENTITIES}
    rows = read(platform.room / "stage" / "left_out.parquet")
    for row in rows:
        left_out.setdefault(row["entity"], set()).add(row["sourcedId"])
    losses = oracle.Losses(
        roles=frozenset(
            row["person"] for row in rows if row["entity"] == "roles" or (row["entity"] == "users" and row["person"])
        ),
        profiles=frozenset(row["person"] for row in rows if row["entity"] == "userProfiles"),
    )
    complete = json.loads((platform.room / "stage" / "summary.json").read_text())["complete"]

    ended = oracle.ended_roles(stage, selection, platform.now.date()) if deactivate_ended else set()
    selected = oracle.without(oracle.selected(stage, selection), stage, ended)
    gone = oracle.removed(stage, before, selection, left_out, complete, losses, keep, ended)
    unproved = {entity for entity in ENTITIES if before[entity] and (left_out[entity] or not complete[entity])}

    for entity in ENTITIES:
        assert set(after[entity]) == selected[entity] | (set(before[entity]) - gone[entity]), draw
        for sourced_id, record in after[entity].items():
            staged = stage[entity].get(sourced_id)
            if sourced_id not in selected[entity]:
                assert record == before[entity][sourced_id], draw
            elif staged:
                row = dict(staged)
                if sourced_id in before[entity]:
                    old = before[entity][sourced_id]
                    row |= oracle.references(entity, old, staged, stage, before, gone, unproved)
                    if entity == "users":
                        held = oracle.held_roles(sourced_id, old, stage, before, gone, "orgs" in unproved, losses)
                        row |= oracle.with_held_roles(old, staged, held)
                answer = json.loads(json.dumps({key: row[key] for key in record if key not in KEPT}, default=str))
                assert {key: value for key, value in record.items() if key not in KEPT} == answer, draw
            if sourced_id in before[entity]:
                assert record["platformId"] == before[entity][sourced_id]["platformId"], draw
        counts = planned.counts[entity]
        assert counts["selected"] == len(selected[entity])
        assert counts["selected"] == counts["created"] + counts["updated"] + counts["unchanged"]
        assert counts["deactivated"] + counts["ended"] == len(gone[entity])


@given(st.lists(st.tuples(rosters, selections), min_size=2, max_size=2), st.sampled_from(["1.1", "1.2"]))
@settings(max_examples=examples(4), deadline=None, suppress_health_check=list(HealthCheck))
def test_every_plan_is_what_the_rules_say(
    tmp_path_factory: pytest.TempPathFactory, syncs: list[tuple[Files, Selection]], version: str
) -> None:
    platform = Platform(tmp_path_factory.mktemp("platform"))
    for files, selection in syncs:
        before = platform.records()
        planned = platform.sync(lifted(files) if version == "1.2" else files, selection, version)
        assert_as_the_rules_say(platform, before, planned, selection, files)
    once = platform.records()
    again = platform.sync(lifted(files) if version == "1.2" else files, selection, version)
    assert (again.changes, platform.records()) == (0, once)
    assert all(
        counts["unchanged"] == counts["selected"] == planned.counts[name]["selected"] for name, counts in again.counts.items()
    )


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_every_plan_is_what_the_rules_say_in_every_district(tmp_path: Path, version: str) -> None:
    begin = int(os.environ.get("PLANNING_SEED") or SystemRandom().randrange(2**32))
    print(f"Drawn with PLANNING_SEED={begin}; set it to repeat this very run.")  # pytest shows it where the test fails
    platform = Platform(tmp_path)
    districts, choices = drawn(rosters, DISTRICTS * SYNCS, begin), drawn(wanted, SYNCS, begin)
    removed = 0
    for number, choice in enumerate(choices):
        files = side_by_side([named(each) for each in districts[number::SYNCS]])
        selection = replace(chosen(DISTRICTS, choice), remove_unselected=number % 2 == 1)
        before = platform.records()
        planned = platform.sync(lifted(files) if version == "1.2" else files, selection, version)
        assert_as_the_rules_say(platform, before, planned, selection, (begin, number))
        removed += sum(each["deactivated"] + each["ended"] for each in planned.counts.values())
    assert removed > DISTRICTS // 4  # about as many as districts; else nothing was tried


ENTITY_NAMES: tuple[Entity, ...] = get_args(Entity)
CAUSES: Mapping[RemovalCause, str] = {"leftSource": "left", "statusDeleted": "deleted", "notChosen": "unchosen"}


def with_ended_roles(files: Files, any_of: Random) -> dict[str, Rows]:
    """The roster in 1.2, in which about half of the roles ended in the summer."""
    roster = lifted(files)
    return {**roster, "roles": [{**row, "endDate": any_of.choice(["", "2026-08-15"])} for row in roster["roles"]]}


def test_every_removal_policy_keeps_and_takes_away_what_its_causes_say(tmp_path: Path) -> None:
    begin = int(os.environ.get("PLANNING_SEED") or SystemRandom().randrange(2**32))
    print(f"Drawn with PLANNING_SEED={begin}; set it to repeat this very run.")
    any_of, platform = Random(begin), Platform(tmp_path)
    number = DISTRICTS // 8
    districts = drawn(rosters, number * SYNCS, begin)
    reasons: dict[str, int] = {}
    for sync in range(SYNCS):
        same_again = side_by_side([named(each) for each in districts[sync // 2 :: SYNCS]])  # but for roles that end
        files = with_ended_roles(same_again, any_of)
        some = chosen(number, (None, True, True, any_of.randrange(2**32)))
        selection = EVERYTHING if sync < 2 else replace(some, remove_unselected=sync == 3)
        files["orgs"], files["users"] = [*files["orgs"], org("sure")], [*files["users"], user("sure")]
        files["roles"] = [*files["roles"], role("sure", orgSourcedId="sure", endDate="2026-08-15" if sync else "")]
        keep = {entity: {cause for cause in CAUSES if any_of.random() < 0.3} for entity in ENTITIES}
        ends = sync > 0
        guard = Guard(keep={entity: tuple(keep[entity]) for entity in ENTITY_NAMES}, deactivate_ended=ends)
        before = platform.records()
        planned = platform.sync(files, selection, "1.2", guard=guard)
        kept = {entity: {CAUSES[cause] for cause in causes} for entity, causes in keep.items()}
        assert_as_the_rules_say(platform, before, planned, selection, (begin, sync), kept, ends)
        for change in platform.changes():
            reasons[change["reason"]] = reasons.get(change["reason"], 0) + 1
    assert reasons.get(ROLE_ENDED, 0) > 0, "else nothing was tried"
