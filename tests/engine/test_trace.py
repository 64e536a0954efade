"""The answer to "why is this person not here?" is what the plan decided, in words somebody can act on."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oneroster_engine.duckdb_session import connect
from oneroster_engine.inspecting import trace
from oneroster_engine.inspecting.trace import Run, Step, Subject, Written, conclusion, explain, find, selection_step
from oneroster_engine.planning.guard import Guard
from oneroster_engine.selecting.selection import EVERYTHING, Selection, select
from oneroster_engine.staging.stage import stage_bundle
from tests.engine.dirty import lifted, rosters, selections
from tests.engine.districts import Rows, class_, enrollment, org, role, small, user, write_bundle
from tests.engine.test_plan import TWO_SCHOOLS, Platform
from tests.examples import examples

NORTH = Selection(orgs=frozenset({"north"}))
RUN = Run("waits for approval", applied=False)


def staged(folder: Path, files: Mapping[str, Rows], version: str = "1.1") -> Path:
    stage_bundle(write_bundle(folder / "bundle", version, **files), folder / "stage")
    return folder


def person(room: Path, typed: str, snapshot: Path | None = None) -> Subject:
    found = find(room, snapshot, typed, "users")
    assert found.subject is not None, found
    return found.subject


def by_about(steps: list[Step]) -> dict[str, Step]:
    return {step.about: step for step in steps}


def why(room: Path, typed: str, selection: Selection) -> str:
    return selection_step(room / "stage", selection, person(room, typed)).text


@pytest.mark.parametrize("typed", ["ann", "ANN", "ann@x.org", "Zoë Ångström", "angstrom zoe", "A-17"])
def test_a_person_is_found_by_id_username_email_identifier_or_name(tmp_path: Path, typed: str) -> None:
    ann = user(givenName="Zoë", familyName="Ångström", email="Ann@X.org", identifier="a-17")
    room = staged(tmp_path, small(users=[user("bob"), ann]))

    assert person(room, typed) == Subject("users", "ann", "Zoë Ångström", "student, ann", 3)


def test_a_name_that_several_people_have_gives_candidates_and_no_answer(tmp_path: Path) -> None:
    room = staged(tmp_path, small(users=[user(f"u{at}", givenName="Kim", familyName="Lee") for at in range(30)]))

    found = find(room, None, "kim", limit=20)

    assert (found.subject, len(found.candidates), found.total) == (None, 20, 30)


def test_an_id_counts_more_than_a_name_that_has_it(tmp_path: Path) -> None:
    room = staged(tmp_path, small(users=[user("lee"), user("u2", familyName="Lee")]))

    assert person(room, "lee").sourced_id == "lee"


def test_one_id_of_a_person_and_of_a_class_is_told_apart_by_the_entity(tmp_path: Path) -> None:
    room = staged(tmp_path, small(classes=[class_("7")], users=[user("7")], enrollments=[]))

    assert find(room, None, "7").subject is None
    assert {each.entity for each in find(room, None, "7").candidates} == {"classes", "users"}
    found = find(room, None, "7", "classes").subject
    assert found is not None
    assert found.entity == "classes"


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    assert find(staged(tmp_path, small()), None, "nobody at all") == trace.Found(None, [], 0)


@pytest.mark.parametrize(
    ("sourced_id", "selection", "said"),
    [
        ("ann", EVERYTHING, "Selected: enrolled in a selected class"),
        ("idle", EVERYTHING, "Selected: another member of a selected school"),
        ("gil", replace(NORTH, guardians=True), "Selected: guardian of a selected student"),
        ("idle", NORTH, "Not selected: in no class of the selected schools"),
        ("cat", NORTH, "Not selected: none of their schools is selected. .*South"),
        ("bob", Selection(classes=frozenset({"n1"})), "Not selected: none of their classes is selected"),
        ("ann", replace(NORTH, cells=frozenset({("active", "student")})),
         "Not selected: their status and user type are not selected. Status and user type: blank, student"),
        ("gil", NORTH, "Not selected: guardian of a selected student, and guardians are not included"),
    ],
)  # fmt: skip
def test_it_is_said_by_which_rule_somebody_is_selected_or_is_not(
    tmp_path: Path, sourced_id: str, selection: Selection, said: str
) -> None:
    room = staged(tmp_path, TWO_SCHOOLS)

    assert re.match(said, why(room, sourced_id, selection))


@pytest.mark.parametrize(
    ("entity", "sourced_id", "selection", "verdict", "said"),
    [
        ("classes", "n1", NORTH, "yes", "it is selected, and so is its school. School: North"),
        ("classes", "s1", NORTH, "no", "its school is not selected. School: South"),
        ("classes", "n2", replace(NORTH, classes=frozenset({"n1"})), "no", "its school is selected, and the class is not"),
        ("orgs", "north", NORTH, "yes", "it was selected"),
        ("orgs", "d", NORTH, "yes", "Comes along: nobody selected it, but a person"),
        ("orgs", "south", replace(NORTH, classes=frozenset({"n1"})), "no", "nothing that is selected refers to it"),
    ],
)
def test_classes_and_orgs_are_explained_too(
    tmp_path: Path, entity: str, sourced_id: str, selection: Selection, verdict: str, said: str
) -> None:
    room = staged(tmp_path, TWO_SCHOOLS)

    step = selection_step(room / "stage", selection, Subject(entity, sourced_id, "", "", None))

    assert (step.verdict, said in step.text) == (verdict, True), step


def test_somebody_who_was_planned_and_written_is_followed_to_the_platform(tmp_path: Path) -> None:
    platform = Platform(tmp_path)
    platform.sync(TWO_SCHOOLS)
    written = Written("p1", "active", "2026-09-02T06:00:00+00:00", "g1-s1")

    steps = explain(platform.room, EVERYTHING, platform.snapshot, person(platform.room, "ann"), RUN, written)

    assert [(step.about, step.verdict) for step in steps] == [
        ("source", "yes"), ("problems", "yes"), ("selection", "yes"), ("match", "yes"), ("plan", "yes"), ("platform", "yes"),
    ]  # fmt: skip
    found = by_about(steps)
    assert found["source"].text == "In the source: users.csv, line 2, with the status blank."
    assert found["plan"].text == "Planned by this sync: to be created, because: not on the platform yet."
    assert "waits for approval" in found["platform"].text
    assert found["platform"].at == "2026-09-02T06:00:00+00:00"
    assert conclusion(steps).startswith("On the platform, active, last written by sync g1-s1.")


def test_somebody_who_left_the_source_is_found_on_the_platform_and_the_plan_says_what_becomes_of_it(tmp_path: Path) -> None:
    platform = Platform(tmp_path)
    platform.sync(TWO_SCHOOLS)
    before = platform.snapshot
    gone = {**TWO_SCHOOLS, "users": [row for row in TWO_SCHOOLS["users"] if row["sourcedId"] != "cat"]}
    platform.sync(gone, commit=False)

    steps = by_about(explain(platform.room, EVERYTHING, before, person(platform.room, "cat", before), RUN, None))

    assert (steps["source"].verdict, steps["selection"].verdict) == ("no", "no")
    assert steps["plan"].text == "Planned by this sync: to be deactivated, because: left the source."
    assert steps["match"].verdict == "yes"


def test_a_row_with_an_error_is_found_and_its_root_cause_is_named(tmp_path: Path) -> None:
    files = small(orgs=[org(), org("skool", type="skool")], users=[user(), user("lost", orgSourcedIds="skool")])
    platform = Platform(tmp_path)
    platform.sync(files)

    steps = explain(platform.room, EVERYTHING, platform.snapshot, person(platform.room, "lost"), RUN, None)
    found = by_about(steps)

    assert found["source"].text == "In the source: users.csv, line 3; the row could not be kept."
    assert found["problems"].verdict == "no"
    assert "orgs.csv, line 3: type is none of" in found["problems"].text
    assert conclusion(steps).startswith("Left out because of an error.")


@pytest.mark.parametrize(
    ("typed", "entity"),
    [("Zoë Bad", "users"), ("ZB", "users"), ("zb@x.org", "users"), ("Bad Class", "classes"), ("Bad Org", "orgs")],
)
def test_what_was_left_out_is_found_by_what_people_know_it_by(tmp_path: Path, typed: str, entity: str) -> None:
    zoe = user("u9", givenName="Zoë", familyName="Bad", username="zb", email="zb@x.org", role="wizard")
    room = staged(
        tmp_path,
        small(
            orgs=[org(), org("o9", name="Bad Org", type="skool")],
            classes=[class_(), class_("c9", title="Bad Class", schoolSourcedId="")],
            users=[user(), zoe],
        ),
    )

    found = find(room, None, typed, entity).subject

    assert found is not None
    assert (found.sourced_id, found.line, found.detail) == (f"{entity[0]}9", 3, "left out because of an error")


def test_a_school_that_was_never_sent_is_named_as_the_root_cause(tmp_path: Path) -> None:
    platform = Platform(tmp_path)
    platform.sync(small(users=[user(), user("lost", orgSourcedIds="nowhere")]))

    steps = by_about(explain(platform.room, EVERYTHING, None, person(platform.room, "lost"), RUN, None))

    assert steps["problems"].text.endswith("The root cause: orgs.csv has no row nowhere.")


REMEDIES: dict[str, dict[str, Any]] = {
    "cell": {"cells": None},
    "class": {"classes": None},
    "other-members": {"other_members": True},
    "school": {"orgs": None, "classes": None},
    "guardians": {"guardians": True},
}


@given(rosters, selections, st.sampled_from(["1.1", "1.2"]))
@settings(
    max_examples=examples(6), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_what_is_said_of_everybody_is_what_the_plan_decided(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, list[dict[str, str]]], selection: Selection, version: str
) -> None:
    room = staged(tmp_path_factory.mktemp("district"), lifted(files) if version == "1.2" else files, version)
    stage = room / "stage"
    with connect() as connection:
        select(connection, stage, selection)
        trace.judge_people(connection, selection)
        selected = {
            entity: {str(i) for (i,) in connection.execute(f"SELECT sourcedId FROM selected_{entity}").fetchall()}
            for entity in trace.TRACED
        }
        reasons = dict(connection.execute("SELECT sourcedId, reason FROM why_users").fetchall())
    left_out = set(duckdb.read_parquet(f"{stage}/left_out.parquet").project("entity, sourcedId").fetchall())

    for entity in trace.TRACED:
        ids = [str(i) for (i,) in duckdb.read_parquet(f"{stage}/{entity}.parquet").project("sourcedId").fetchall()]
        for sourced_id in ids:
            step = selection_step(stage, selection, Subject(entity, sourced_id, "", "", None))
            assert (step.verdict == "yes") == (sourced_id in selected[entity]), (entity, sourced_id, step)
        found = {i for out, i in left_out if out == entity and i is not None} - set(ids)
        for sourced_id in found:
            subject = find(room, None, sourced_id, entity).subject
            assert subject is not None
            with duckdb.connect() as asked:
                assert trace._is_left_out(asked, stage, subject)
    assert set(reasons) == {str(i) for (i,) in duckdb.read_parquet(f"{stage}/users.parquet").project("sourcedId").fetchall()}
    assert {i for i, reason in reasons.items() if reason in trace.SELECTED} == selected["users"]


@given(rosters, selections)
@settings(
    max_examples=examples(6), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_to_undo_what_stands_in_the_way_again_and_again_brings_everybody_who_can_come(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, list[dict[str, str]]], selection: Selection
) -> None:
    stage = staged(tmp_path_factory.mktemp("district"), files) / "stage"
    for (sourced_id,) in duckdb.read_parquet(f"{stage}/users.parquet").project("sourcedId").fetchall():
        wider = selection
        for _ in range(len(REMEDIES) + 1):
            reason, _ = trace._reason(stage, wider, Subject("users", sourced_id, "", "", None))
            if reason not in REMEDIES:
                break
            assert replace(wider, **REMEDIES[reason]) != wider, reason
            wider = replace(wider, **REMEDIES[reason])

        assert reason in (*trace.SELECTED, "deleted", "school-deleted")


def test_who_is_left_alone_under_an_id_near_to_their_own_is_explained_under_both_ids(tmp_path: Path) -> None:
    platform = Platform(tmp_path)
    people = [user("00071", email="a@x.org"), user("b")]
    platform.sync(small(users=people, enrollments=[enrollment(userSourcedId="b")]))
    renamed = {"classes": [class_("MATH-1")], "enrollments": [enrollment(classSourcedId="MATH-1", userSourcedId="b")]}
    platform.sync(small(users=[user("71", email="a@x.org"), user("b")], **renamed))
    written = Written("p1", "active", "", "s1")
    before = person(platform.room, "00071", platform.snapshot)

    steps = by_about(explain(platform.room, EVERYTHING, platform.snapshot, before, RUN, written))
    now = explain(platform.room, EVERYTHING, platform.snapshot, person(platform.room, "71"), RUN, None)

    assert steps["plan"].text == "Left as they are: in the source their id is 71 now, which is near to this one."
    assert conclusion(now) == "Not created: they are on the platform with the id 00071, which is near to this one."
    of_class = explain(platform.room, EVERYTHING, platform.snapshot, Subject("classes", "MATH-1", "", "", None), RUN, None)
    assert conclusion(of_class) == "Not created: it is on the platform with the id math-1, which is near to this one."


def test_who_is_kept_or_not_made_by_the_removal_policy_is_explained_with_the_cause(tmp_path: Path) -> None:
    platform = Platform(tmp_path)
    platform.sync(small(users=[user("ann"), user("bob")]))
    kept = Guard(keep={"users": ("leftSource",)})
    platform.sync(small(users=[user("ann")]), guard=kept)
    bob = person(platform.room, "bob", platform.snapshot)

    steps = by_about(explain(platform.room, EVERYTHING, platform.snapshot, bob, RUN, Written("p1", "active", "", "s1")))

    assert steps["plan"].text == "Kept, as this group's removal policy says, though the cause is: left the source."

    late = [user("ann"), {**user("zoe"), "role": ""}]
    roles = [role("ann"), role("zoe", endDate="2026-06-30")]
    platform.sync(small(users=late, roles=roles), version="1.2", guard=Guard(deactivate_ended=True))
    zoe = explain(platform.room, EVERYTHING, platform.snapshot, person(platform.room, "zoe"), RUN, None)

    assert conclusion(zoe) == "Not created, as this group's removal policy says: every role has ended."
