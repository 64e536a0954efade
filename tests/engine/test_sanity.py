"""What no row has wrong and is odd all the same, counted and with its rows."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from oneroster_engine.inspecting.sanity import FINDINGS, Seen, sanity, sanity_rows
from oneroster_engine.staging.stage import stage_bundle
from tests.engine.districts import Rows, class_, enrollment, org, role, small, user, write_bundle
from tests.engine.test_plan import Platform

ODD: Mapping[str, Rows] = {
    "orgs": [org(), org("south"), org("empty", identifier="E9"), org("d", type="district"), org("gone", status="tobedeleted")],
    "classes": [class_(), class_("nobody"), class_("taught"), class_("old", status="tobedeleted")],
    "users": [
        user("ann", email="ann@x.org"),
        user("idle", username=""),
        user("tom", role="teacher", orgSourcedIds="north,south"),
        user("dan", role="teacher", orgSourcedIds="north,d"),
        user("past", status="tobedeleted", username="", orgSourcedIds="north,south"),
    ],
    "enrollments": [
        enrollment(),
        enrollment("e2", classSourcedId="taught", userSourcedId="tom", role="teacher"),
        enrollment("e3", classSourcedId="nobody", userSourcedId="idle", status="tobedeleted"),
    ],
}


def seen(room: Path, files: Mapping[str, Rows] = ODD) -> dict[str, Seen]:
    stage_bundle(write_bundle(room / "bundle", "1.1", **files), room / "stage")
    return {each.finding.name: each for each in sanity(room / "stage", None)}


@pytest.mark.parametrize(
    ("name", "ids", "of"),
    [
        ("students-without-classes", ["idle"], 2),
        ("classes-without-teachers", ["math-1", "nobody"], 3),
        ("classes-without-students", ["nobody", "taught"], 3),
        ("people-at-several-schools", ["tom"], 4),
        ("likely-renumbered", [], 0),
        ("people-without-username", ["idle"], 4),
        ("people-without-email", ["dan", "idle", "tom"], 4),
        ("empty-schools", ["empty"], 3),
    ],
)
def test_each_oddity_is_counted_with_what_it_is_a_share_of(tmp_path: Path, name: str, ids: list[str], of: int) -> None:
    found = seen(tmp_path)[name]

    assert ([row["sourcedId"] for row in found.examples], found.count, found.of) == (ids, len(ids), of)


def test_a_roster_without_oddities_has_none(tmp_path: Path) -> None:
    teacher = user("tom", role="teacher", email="t@x.org")
    clean = small(
        users=[user(email="a@x.org"), teacher], enrollments=[enrollment(), enrollment("e2", userSourcedId="tom", role="teacher")]
    )

    assert {name: each.count for name, each in seen(tmp_path, clean).items()} == {finding.name: 0 for finding in FINDINGS}


def test_the_rows_come_by_page_with_the_line_to_look_at(tmp_path: Path) -> None:
    many = [user(f"u{at:02d}") for at in range(12)]
    seen(tmp_path, small(users=many, enrollments=[enrollment(userSourcedId="u00")]))

    page = sanity_rows(tmp_path / "stage", None, "students-without-classes", limit=5, offset=10)

    assert page.total == 11
    assert page.items == [{"sourcedId": "u11", "name": "G F", "detail": "u11", "line": 13}]


def test_what_is_no_error_in_any_row_and_odd_in_two_is_found(tmp_path: Path) -> None:
    odd = small(
        classes=[class_(), class_("two")],
        users=[
            user("ann", email="a@x.org"),
            user("bob", username="ANN", email="A@x.org"),
            user("tom", role="teacher", email="t@x.org"),
            user("tim", role="teacher", email="m@x.org"),
        ],
        enrollments=[
            enrollment("e1"),
            enrollment("e2"),
            enrollment("e3", userSourcedId="tom", role="teacher", primary="true"),
            enrollment("e4", userSourcedId="tim", role="teacher", primary="true"),
            enrollment("e5", userSourcedId="tim", role="teacher", primary="true", classSourcedId="two"),
        ],
    )

    found = seen(tmp_path, odd)

    assert [(row["sourcedId"], row["detail"]) for row in found["same-username"].examples] == [
        ("ann", "also bob"),
        ("bob", "also ann"),
    ]
    assert [row["sourcedId"] for row in found["same-email"].examples] == ["ann", "bob"]
    assert [(row["sourcedId"], row["detail"]) for row in found["enrolled-twice"].examples] == [("ann", "Math-1")]
    assert [row["sourcedId"] for row in found["two-primary-teachers"].examples] == ["math-1"]


def test_roles_that_have_ended_or_stand_there_twice_are_found(tmp_path: Path) -> None:
    users = [{key: value for key, value in user(each).items() if key not in ("role", "orgSourcedIds")} for each in ("ann", "bob")]
    roles = [
        role("ann", endDate="2001-06-30"),
        role("bob"),
        {**role("bob", roleType="secondary"), "sourcedId": "again"},
    ]
    stage_bundle(write_bundle(tmp_path / "bundle", "1.2", **small(users=users, roles=roles)), tmp_path / "stage")

    found = {each.finding.name: [row["sourcedId"] for row in each.examples] for each in sanity(tmp_path / "stage", None)}

    assert (found["roles-ended"], found["roles-twice"]) == (["ann"], ["bob"])


def test_an_id_that_was_somebody_else_yesterday_is_found(tmp_path: Path) -> None:
    platform = Platform(tmp_path)
    platform.sync(small(users=[user("7", givenName="Kim", familyName="Lee", email="kim@x.org"), user("8", email="o@x.org")]))
    platform.sync(small(users=[user("7", givenName="Noor", familyName="Haas", email="noor@x.org"), user("8", email="n@x.org")]))

    found = {each.finding.name: each for each in sanity(platform.room / "stage", platform.room / "plan" / "changes.parquet")}

    assert [(row["sourcedId"], row["detail"]) for row in found["somebody-else"].examples] == [("7", "Kim Lee")]


def test_schools_of_somebody_at_several_are_named(tmp_path: Path) -> None:
    assert [row["detail"] for row in seen(tmp_path)["people-at-several-schools"].examples] == ["North, South"]


def test_who_is_new_under_the_name_of_somebody_who_leaves_is_likely_renumbered(tmp_path: Path) -> None:
    def named(*ids: str) -> Mapping[str, Rows]:
        return small(users=[user(i, givenName="Kim", familyName=f"Lee {i[-1]}") for i in ids], enrollments=[])

    platform = Platform(tmp_path)
    platform.sync(named("old-1", "old-2", "old-3"))
    platform.sync(named("new-1", "new-2", "old-3", "new-4"))

    found = {each.finding.name: each for each in sanity(platform.room / "stage", platform.room / "plan" / "changes.parquet")}
    renumbered = found["likely-renumbered"]

    assert (renumbered.count, renumbered.of) == (2, 3)
    assert [(row["sourcedId"], row["detail"]) for row in renumbered.examples] == [
        ("new-1", "until now old-1"),
        ("new-2", "until now old-2"),
    ]
