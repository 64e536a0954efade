"""Each promise of a plan on its own. `test_planning.py` holds plans of every kind against the rules in plain Python."""

import csv
import gzip
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from oneroster_engine.inspecting.one_person import Person, without_person
from oneroster_engine.planning import changes
from oneroster_engine.planning.guard import Guard, Limit
from oneroster_engine.planning.plan import plan_changes
from oneroster_engine.planning.policy import Policy
from oneroster_engine.planning.snapshot import next_snapshot
from oneroster_engine.planning.summary import Planned
from oneroster_engine.selecting.saved import Classes, Saved, Schools, resolve
from oneroster_engine.selecting.selection import EVERYTHING, Selection, status_matrix
from oneroster_engine.staging import patient_reader
from oneroster_engine.staging.stage import stage_bundle
from oneroster_engine.standard.entities import ENTITIES
from tests.conftest import own_folder
from tests.engine.districts import Rows, class_, course, enrollment, org, role, session, small, user, write_bundle

NOW = datetime(2026, 9, 1, 6, tzinfo=UTC)


def read(path: Path) -> list[dict[str, Any]]:
    found = duckdb.read_parquet(str(path))
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


# The first sync of many a test is the same: made once, by what went in, and copied.
_FIRST_SYNCS: dict[str, tuple[Planned, Path]] = {}


class Platform:
    """A platform that is synced, one bundle after another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.syncs = 0
        self.snapshot: Path | None = None
        self.cut_off: list[Path] = []

    def sync(
        self,
        files: Mapping[str, Rows],
        selection: Selection = EVERYTHING,
        version: str = "1.1",
        commit: bool = True,
        removals: bool = True,
        unproved: Mapping[str, str] | None = None,
        **policy: Any,
    ) -> Planned:
        self.syncs += 1
        self.room = self.folder / str(self.syncs)
        self.now = NOW + timedelta(days=self.syncs)
        rules = Policy(**{"sync_id": f"s{self.syncs}", "now": self.now, **policy})
        asked = repr((files, selection, version, commit, removals, unproved, rules))
        if self.syncs == 1 and asked in _FIRST_SYNCS:
            planned, made = deepcopy(_FIRST_SYNCS[asked])
            shutil.copytree(made, self.room)
        else:
            planned = self._sync(files, selection, version, commit, removals, unproved, rules)
            if self.syncs == 1:
                made = shutil.copytree(self.room, own_folder() / f"first-{len(_FIRST_SYNCS)}")
                _FIRST_SYNCS[asked] = deepcopy(planned), made
        if commit:
            self.snapshot = self.room / "snapshot"
        else:
            self.cut_off.append(self.room / "plan" / "changes.parquet")
        return planned

    def _sync(
        self,
        files: Mapping[str, Rows],
        selection: Selection,
        version: str,
        commit: bool,
        removals: bool,
        unproved: Mapping[str, str] | None,
        rules: Policy,
    ) -> Planned:
        stage_bundle(write_bundle(self.room / "bundle", version, **files), self.room / "stage", incomplete=unproved or {})
        planned = plan_changes(self.room / "stage", selection, self.snapshot, self.room / "plan", rules, self.cut_off)
        if commit:
            next_snapshot(self.snapshot, self.room / "plan", self.room / "snapshot", self.now, rules.purging, removals)
        return planned

    def changes(self) -> list[dict[str, Any]]:
        return read(self.room / "plan" / "changes.parquet")

    def did(self) -> list[tuple[str, str, str, str]]:
        return sorted((row["entity"], row["sourcedId"], row["action"], row["reason"]) for row in self.changes())

    def records(self) -> dict[str, dict[str, dict[str, Any]]]:
        """What the platform holds and has not removed: fields, schools, platformId and platformStatus by id."""
        return {
            entity: {
                row["sourcedId"]: {**json.loads(row["fields"]), **{key: row[key] for key in KEPT}}
                for row in (read(self.snapshot / f"{entity}.parquet") if self.snapshot else [])
                if row["removedAt"] is None
            }
            for entity in ENTITIES
        }

    def staged(self) -> dict[str, dict[str, dict[str, Any]]]:
        return {entity: {row["sourcedId"]: row for row in read(self.room / "stage" / f"{entity}.parquet")} for entity in ENTITIES}


KEPT = ("sourcedId", "schools", "platformId", "platformStatus")


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    return Platform(tmp_path)


def ids(platform: Platform, entity: str) -> list[str]:
    return sorted(platform.records()[entity])


TWO_SCHOOLS: dict[str, Rows] = {
    "orgs": [org("d", type="district"), org("north", parentSourcedId="d"), org("south", parentSourcedId="d")],
    "academicSessions": [session("year", type="schoolYear"), session("fall", parentSourcedId="year")],
    "courses": [course("math", schoolYearSourcedId="year", orgSourcedId="d"), course("art")],
    "classes": [
        class_("n1", courseSourcedId="math", termSourcedIds="fall"),
        class_("n2"),
        class_("s1", schoolSourcedId="south", courseSourcedId="art"),
    ],
    "users": [
        user("ann", agentSourcedIds="gil"),
        user("bob", orgSourcedIds="north,south"),
        user("cat", orgSourcedIds="south"),
        user("tom", role="teacher"),
        user("gil", role="guardian"),
        user("idle"),
    ],
    "enrollments": [
        enrollment("e1", classSourcedId="n1", userSourcedId="ann"),
        enrollment("e2", classSourcedId="n2", userSourcedId="bob"),
        enrollment("e3", classSourcedId="s1", userSourcedId="bob"),
        enrollment("e4", classSourcedId="s1", userSourcedId="cat"),
        enrollment("e5", classSourcedId="n1", userSourcedId="tom", role="teacher"),
    ],
}


def without(entity: str, *gone: str, **other: Rows) -> dict[str, Rows]:
    rows = [row for row in TWO_SCHOOLS[entity] if row["sourcedId"] not in gone]
    return {**TWO_SCHOOLS, entity: rows, **other}


def changed(entity: str, sourced_id: str, **values: str) -> dict[str, Rows]:
    return {**TWO_SCHOOLS, entity: [{**r, **(values if r["sourcedId"] == sourced_id else {})} for r in TWO_SCHOOLS[entity]]}


def test_a_full_sync_of_an_empty_platform_creates_everything(platform: Platform) -> None:
    planned = platform.sync(TWO_SCHOOLS)

    assert {entity: counts["created"] for entity, counts in planned.counts.items()} == {
        "orgs": 3, "academicSessions": 2, "courses": 2, "classes": 3, "users": 6, "enrollments": 5,
    }  # fmt: skip
    assert (planned.held, planned.changes) == (False, 21)
    assert {row["reason"] for row in platform.changes()} == {"not on the platform yet"}


def test_the_same_bundle_again_changes_nothing_in_whatever_order_it_comes(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS)

    planned = platform.sync({name: list(reversed(rows)) for name, rows in TWO_SCHOOLS.items()})

    assert (planned.changes, planned.counts["users"]["unchanged"]) == (0, 6)
    assert json.loads((platform.room / "plan" / "manifest.json").read_text()) == []


def test_a_touched_row_that_says_the_same_is_no_change(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS)

    assert platform.sync(changed("users", "ann", dateLastModified="2026-09-09T00:00:00Z", status="active")).changes == 0


def test_an_update_names_the_fields_that_differ_and_both_sides_of_them(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS)
    platform.sync(changed("users", "ann", familyName="Novák", email="a@b.example"))

    (change,) = platform.changes()
    before, after = json.loads(change["before"]), json.loads(change["after"])
    assert (change["action"], change["reason"], sorted(change["fields"])) == (
        "update", "changed in the source", ["email", "familyName"],
    )  # fmt: skip
    assert (before["fields"]["familyName"], after["fields"]["familyName"]) == ("F", "Novák")
    assert before["platformId"] == after["platformId"]


def test_only_what_was_chosen_comes_and_what_it_names_comes_along(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS, Selection(orgs=frozenset({"north"}), classes=frozenset({"n1"})))

    assert {entity: ids(platform, entity) for entity in ENTITIES} == {
        "orgs": ["d", "north"],
        "academicSessions": ["fall", "year"],
        "courses": ["math"],
        "classes": ["n1"],
        "users": ["ann", "tom"],
        "enrollments": ["e1", "e5"],
    }


def test_other_members_and_guardians_come_only_where_they_are_asked_for(platform: Platform) -> None:
    north = frozenset({"north"})
    students = frozenset({("blank", "student")})
    platform.sync(TWO_SCHOOLS, Selection(orgs=north, classes=frozenset({"n1"}), cells=students, guardians=True))
    assert ids(platform, "users") == ["ann", "gil"]

    platform.sync(TWO_SCHOOLS, Selection(orgs=north, classes=frozenset({"n1"}), cells=students, other_members=True))
    assert ids(platform, "users") == ["ann", "bob", "gil", "idle"]


def test_a_selective_sync_of_one_school_leaves_the_other_as_it_is(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS)
    before = platform.records()
    emptied = without("classes", "s1", users=[user("tom", role="teacher")], enrollments=TWO_SCHOOLS["enrollments"][-1:])

    platform.sync(emptied, Selection(orgs=frozenset({"north"}), cells=frozenset({("blank", "student"), ("blank", "teacher")})))

    assert sorted(platform.did()) == [
        ("enrollments", "e1", "end", "left the source"),
        ("enrollments", "e2", "end", "left the source"),
        ("users", "ann", "deactivate", "left the source"),
        ("users", "idle", "deactivate", "left the source"),
    ]
    assert platform.records()["users"]["bob"] == before["users"]["bob"]
    assert ids(platform, "classes") == ["n1", "n2", "s1"]


def test_what_is_not_chosen_any_more_goes_only_when_that_is_ticked(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS)
    south = Selection(orgs=frozenset({"south"}), other_members=True)
    assert platform.sync(TWO_SCHOOLS, south).changes == 0

    planned = platform.sync(TWO_SCHOOLS, Selection(orgs=frozenset({"south"}), remove_unselected=True))

    assert ids(platform, "users") == ["bob", "cat"]
    assert ids(platform, "orgs") == ["d", "north", "south"]  # bob has a role at north
    assert planned.counts["users"]["deactivated"] == 4
    assert {row[3] for row in platform.did()} == {"no longer selected"}


def test_somebody_who_comes_back_within_the_grace_period_is_the_same_person(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS)
    platform_id = platform.records()["users"]["cat"]["platformId"]
    platform.sync(without("users", "cat", enrollments=TWO_SCHOOLS["enrollments"][:3]))
    assert "cat" not in ids(platform, "users")

    platform.sync(TWO_SCHOOLS)

    assert ("users", "cat", "update", "back in the source") in platform.did()
    assert platform.records()["users"]["cat"]["platformId"] == platform_id


def test_somebody_who_comes_back_after_the_grace_period_is_new(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS, grace_days=1)
    platform.sync(without("users", "cat", enrollments=TWO_SCHOOLS["enrollments"][:3]), grace_days=1)
    platform.sync(without("users", "cat", enrollments=TWO_SCHOOLS["enrollments"][:3]), grace_days=1)
    platform.sync(TWO_SCHOOLS, grace_days=1)

    assert ("users", "cat", "create", "not on the platform yet") in platform.did()


def test_a_deleted_person_is_never_created_and_is_deactivated_only_when_ticked(platform: Platform) -> None:
    deleted = changed("users", "ann", status="tobedeleted")
    north = frozenset({"north"})
    blank, ticked = ("blank", "student"), ("deleted", "student")
    platform.sync(deleted, Selection(orgs=north, cells=frozenset({blank, ticked}), other_members=True))
    assert "ann" not in ids(platform, "users")
    platform.sync(TWO_SCHOOLS)

    platform.sync(deleted, Selection(orgs=north, cells=frozenset({blank}), other_members=True))
    assert platform.did() == []

    platform.sync(deleted, Selection(orgs=north, cells=frozenset({blank, ticked}), other_members=True))
    assert platform.did() == [
        ("enrollments", "e1", "end", "its person is removed"),
        ("users", "ann", "deactivate", "status deleted"),
    ]


def test_an_inactive_person_is_inactive_on_the_platform_and_not_removed(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS)

    platform.sync(changed("users", "ann", enabledUser="false"))

    assert platform.did() == [("users", "ann", "update", "changed in the source")]
    assert platform.records()["users"]["ann"]["platformStatus"] == "inactive"


def test_a_row_with_an_error_is_never_taken_for_gone_nor_what_hangs_on_it(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS)

    planned = platform.sync(changed("classes", "s1", title=""))

    assert platform.did() == []
    assert planned.notes == [
        "classes: 1 on the platform have an error in their row now; they were kept as they are.",
        "enrollments: 2 on the platform have an error in their row now; they were kept as they are.",
    ]


def test_what_a_record_that_stays_still_names_is_not_removed_from_under_it(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS)
    broken = changed("classes", "s1", title="")

    platform.sync(broken, Selection(orgs=frozenset({"north"}), remove_unselected=True, other_members=True))

    assert {(entity, i) for entity, i, *_ in platform.did()} == set()


def test_what_goes_itself_keeps_nothing_on_the_platform(platform: Platform) -> None:
    """Seed 638819403 of test_planning: the parent of a school that an earlier sync had removed stayed for its sake."""
    above = [org("area", type="district"), org("north", parentSourcedId="area"), org("south")]
    platform.sync({**TWO_SCHOOLS, "orgs": above})
    broken = changed("classes", "n1", title="")  # the row has an error, so the class stays; it names north
    south = Selection(orgs=frozenset({"south"}), remove_unselected=True)

    platform.sync({**broken, "orgs": above[:1] + above[2:]}, south)  # north has left the source

    assert "n1" in ids(platform, "classes")
    assert ids(platform, "orgs") == ["south"]


def test_a_row_whose_id_can_not_be_read_stops_every_removal_of_its_kind(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS)

    planned = platform.sync({**TWO_SCHOOLS, "users": [*without("users", "idle", "cat")["users"], user("")]})

    assert [row for row in platform.did() if row[0] == "users"] == []
    assert "users: 1 rows have an id that can't be read, or that of another row, so nothing of it is removed." in planned.notes


NOT_REMOVED = "{} rows have an id that can't be read, or that of another row, so nothing of it is removed."


def test_a_person_under_another_ones_id_stops_every_removal_of_people(platform: Platform) -> None:
    """As where somebody filled the column of ids down: whoever has lost theirs looks as if they were gone."""
    platform.sync(TWO_SCHOOLS)
    filled = [user("cat", givenName="Ida", familyName="Fern"), user("cat", givenName="Bo", familyName="Lee")]

    planned = platform.sync({**TWO_SCHOOLS, "users": [*without("users", "idle", "cat")["users"], *filled]})

    assert [row for row in platform.did() if row[:3] == ("users", "idle", "deactivate")] == []
    assert f"users: {NOT_REMOVED.format(1)}" in planned.notes


@pytest.mark.parametrize("broken", [{"enabledUser": "maybe"}, {"role": "Staff"}], ids=["held back", "an error"])
def test_a_student_keeps_a_guardian_whose_row_has_an_error_until_it_is_right(platform: Platform, broken: dict[str, str]) -> None:
    guardian = user("mum", role="guardian")
    family = [*TWO_SCHOOLS["users"], guardian, user("kid", agentSourcedIds="mum")]
    platform.sync({**TWO_SCHOOLS, "users": family})

    platform.sync(
        {**TWO_SCHOOLS, "users": [*family[:-2], {**guardian, **broken}, user("kid", agentSourcedIds="mum", email="k@x.y")]}
    )

    assert platform.records()["users"]["kid"]["agentSourcedIds"] == ["mum"]
    assert platform.records()["users"]["kid"]["email"] == "k@x.y"

    platform.sync({**TWO_SCHOOLS, "users": [*family[:-2], guardian, user("kid", email="k@x.y")]})  # no guardian any more

    assert platform.records()["users"]["kid"]["agentSourcedIds"] == []


def test_a_class_keeps_a_term_whose_row_has_an_error(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS)
    before = {i: record["termSourcedIds"] for i, record in platform.records()["classes"].items()}
    assert any(before.values())

    platform.sync(
        {**TWO_SCHOOLS, "academicSessions": [{**each, "startDate": "soon"} for each in TWO_SCHOOLS["academicSessions"]]}
    )

    assert {i: record["termSourcedIds"] for i, record in platform.records()["classes"].items()} == before


def test_a_course_stays_with_the_school_whose_row_has_an_error(platform: Platform) -> None:
    """Not in its field alone: the report and the guard count it at its school."""
    courses = [course("math", orgSourcedId="north")]
    sent = {**TWO_SCHOOLS, "courses": courses, "classes": [class_("n1", courseSourcedId="math")], "enrollments": []}
    platform.sync(sent)

    broken = [{**each, "type": "odd" if each["sourcedId"] == "north" else each["type"]} for each in TWO_SCHOOLS["orgs"]]
    platform.sync({**sent, "orgs": broken, "courses": [{**courses[0], "title": "Mathematics"}]})

    (math,) = [row for row in platform.changes() if row["sourcedId"] == "math"]
    assert (math["fields"], math["schools"]) == (["title"], ["north"])


def test_what_refers_to_a_district_or_course_whose_row_has_an_error_refers_to_it_still(platform: Platform) -> None:
    """Until the row is right, and then as the source says."""
    district = org("all", type="district")
    schools = [{**each, "parentSourcedId": "all"} for each in TWO_SCHOOLS["orgs"]]
    sent = {**TWO_SCHOOLS, "orgs": [district, *schools]}
    platform.sync(sent)

    def referred(records: Any) -> tuple[list[str | None], list[str | None]]:
        parents = [each["parentSourcedId"] for each in records["orgs"].values() if each["type"] == "school"]
        return parents, [each["courseSourcedId"] for each in records["classes"].values()]

    before = referred(platform.records())
    assert "all" in before[0]
    assert "math" in before[1]
    courses = [{**each, "status": "perhaps"} for each in TWO_SCHOOLS["courses"]]

    platform.sync({**sent, "orgs": [{**district, "type": "galaxy"}, *schools], "courses": courses})
    assert referred(platform.records()) == before

    platform.sync({**sent, "orgs": [district, *TWO_SCHOOLS["orgs"]]})
    assert referred(platform.records()) == (["d"] * len(before[0]), before[1])


BOB = [user("bob", orgSourcedIds="north,south", role="teacher"), user("cat", orgSourcedIds="south")]
WITHOUT_NORTH = [org("d", type="district"), org("north", type="galaxy"), org("south")]


def roles_of(platform: Platform, person: str) -> list[tuple[str, str, str]]:
    return [(each["roleType"], each["role"], each["orgSourcedId"]) for each in platform.records()["users"][person]["roles"]]


def in_1_2(files: Mapping[str, Rows], *more: Mapping[str, str]) -> dict[str, Rows]:
    """The same, with a row a role; `more` stand for the rows of their ids."""
    made = [
        role(each["sourcedId"], role=each["role"], orgSourcedId=place, roleType="secondary" if at else "primary")
        | {"sourcedId": f"{each['sourcedId']}-{place}"}
        for each in files["users"]
        for at, place in enumerate(each["orgSourcedIds"].split(","))
    ]
    instead = {each["sourcedId"]: each for each in more}
    return {**files, "roles": [{**each, **instead.get(each["sourcedId"], {})} for each in made]}


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_person_keeps_a_role_at_a_school_whose_row_has_an_error_until_it_is_right(platform: Platform, version: str) -> None:
    def sync(files: Mapping[str, Rows]) -> Planned:
        return platform.sync(in_1_2(files) if version == "1.2" else files, version=version)

    whole = {**TWO_SCHOOLS, "users": BOB}
    sync(whole)
    before = platform.records()["users"]["bob"]
    assert roles_of(platform, "bob") == [("primary", "teacher", "north"), ("secondary", "teacher", "south")]

    married = [{**BOB[0], "familyName": "Lee"}, BOB[1]]
    planned = sync({**whole, "users": married, "orgs": WITHOUT_NORTH})

    assert platform.records()["users"]["bob"] == {**before, "familyName": "Lee"}
    assert "users: 1 keep roles or profiles that a row with an error has lost." in planned.notes

    sync({**whole, "users": [{**married[0], "orgSourcedIds": "south"}, BOB[1]]})  # the row is right, the role is gone

    assert roles_of(platform, "bob") == [("primary", "teacher", "south")]
    assert platform.records()["users"]["bob"]["primaryOrgSourcedId"] == "south"


def test_a_person_keeps_a_role_whose_own_row_has_an_error_until_it_is_right(platform: Platform) -> None:
    whole = {**TWO_SCHOOLS, "users": BOB}
    platform.sync(in_1_2(whole), version="1.2")
    before = platform.records()["users"]

    platform.sync(in_1_2(whole, {"sourcedId": "bob-north", "role": "Staff"}), version="1.2")

    assert platform.records()["users"] == before

    south = [{**BOB[0], "orgSourcedIds": "south"}, BOB[1]]
    platform.sync(in_1_2({**whole, "users": south}), version="1.2")

    assert roles_of(platform, "bob") == [("primary", "teacher", "south")]


def test_nobody_is_unchosen_while_a_row_of_their_roles_has_an_error_though_their_school_is_not_chosen(platform: Platform) -> None:
    files = small(orgs=TWO_SCHOOLS["orgs"], users=[user("bob")], classes=[], courses=[], academicSessions=[], enrollments=[])
    second = {**role("bob", role="aide"), "sourcedId": "second"}
    whole = {**files, "roles": [role("bob"), second]}
    platform.sync(whole, version="1.2")
    south = Selection(orgs=frozenset({"south"}), remove_unselected=True, other_members=True)

    platform.sync({**whole, "roles": [role("bob"), {**second, "role": "Staff"}]}, south, "1.2")

    assert ("bob" in ids(platform, "users"), "north" in ids(platform, "orgs")) == (True, True)

    platform.sync(whole, south, "1.2")

    assert ("bob" in ids(platform, "users"), "north" in ids(platform, "orgs")) == (False, False)


def test_somebody_else_loses_a_role_although_a_row_of_roles_has_an_error(platform: Platform) -> None:
    whole = {**TWO_SCHOOLS, "users": [*BOB, user("eve", orgSourcedIds="north,south")]}
    platform.sync(in_1_2(whole), version="1.2")

    north = {**whole, "users": [*BOB, user("eve")]}
    platform.sync(in_1_2(north, {"sourcedId": "bob-north", "role": "Staff"}), version="1.2")

    assert roles_of(platform, "eve") == [("primary", "student", "north")]
    assert len(roles_of(platform, "bob")) == 2


def test_nobody_loses_a_role_where_a_row_of_roles_may_be_anybodys(platform: Platform) -> None:
    whole = {**TWO_SCHOOLS, "users": BOB}
    platform.sync(in_1_2(whole), version="1.2")
    before = platform.records()["users"]

    platform.sync(in_1_2(whole, {"sourcedId": "bob-south", "userSourcedId": ""}), version="1.2")

    assert platform.records()["users"] == before


def test_a_person_with_a_row_a_school_keeps_the_role_of_a_row_with_an_error(platform: Platform) -> None:
    north, south = user("bob", role="teacher"), user("bob", role="teacher", orgSourcedIds="south")
    platform.sync({**TWO_SCHOOLS, "users": [north, south, BOB[1]]})
    before = platform.records()["users"]
    assert len(roles_of(platform, "bob")) == 2

    platform.sync({**TWO_SCHOOLS, "users": [north, {**south, "role": "Staff"}, BOB[1]]})

    assert platform.records()["users"] == before


def test_a_person_keeps_a_profile_whose_row_has_an_error_and_their_role_refers_to_it_still(platform: Platform) -> None:
    profiles = [{"sourcedId": each, "userSourcedId": "bob", "username": each} for each in ("one", "two")]
    whole = in_1_2({**TWO_SCHOOLS, "users": BOB}, {"sourcedId": "bob-north", "userProfileSourcedId": "one"})
    platform.sync({**whole, "userProfiles": profiles}, version="1.2")
    before = platform.records()["users"]
    assert [each["userProfileSourcedId"] for each in before["bob"]["roles"]] == ["one", None]

    broken = [{**profiles[0], "userSourcedId": ""}, profiles[1]]
    platform.sync({**whole, "userProfiles": broken}, version="1.2")

    assert platform.records()["users"] == before

    platform.sync({**whole, "userProfiles": profiles[1:]}, version="1.2")
    assert [each["sourcedId"] for each in platform.records()["users"]["bob"]["userProfiles"]] == ["two"]


def test_a_person_is_not_unchosen_by_a_row_with_an_error(platform: Platform) -> None:
    """Their school's row is in error, so that no chosen school is theirs; or the role that was ticked is at that school."""
    here = user("dual", orgSourcedIds="north,south", role="teacher")
    whole = {**TWO_SCHOOLS, "users": [*TWO_SCHOOLS["users"], here]}
    members = Selection(orgs=frozenset({"north"}), other_members=True, remove_unselected=True)
    platform.sync(whole, members)
    assert "dual" in ids(platform, "users")

    platform.sync({**whole, "orgs": WITHOUT_NORTH}, members)
    assert "dual" in ids(platform, "users")

    platform.sync({**whole, "users": [*TWO_SCHOOLS["users"], {**here, "orgSourcedIds": "south"}]}, members)
    assert "dual" not in ids(platform, "users")


ABOVE = Saved(schools=Schools(parents=("D",)), classes=Classes(all=True), remove_unselected=True)
TWO_DISTRICTS = [
    org("D", type="district"),
    org(parentSourcedId="D"),
    org("D2", type="district"),
    org("south", parentSourcedId="D2"),
]


def sync_what_is_chosen(platform: Platform, saved: Saved, files: dict[str, Rows]) -> Planned:
    stage_bundle(write_bundle(platform.folder / "b", "1.1", **files), platform.folder / "today")
    return platform.sync(files, selection=resolve(saved, platform.folder / "today", None).selection)


@pytest.mark.parametrize("broken", [{"type": "unheard-of"}, {"name": ""}], ids=["of an unknown type", "without a name"])
def test_nobody_is_unchosen_while_the_org_above_their_school_has_an_error(platform: Platform, broken: dict[str, str]) -> None:
    platform.sync(small(orgs=TWO_DISTRICTS))

    planned = sync_what_is_chosen(platform, ABOVE, small(orgs=[{**TWO_DISTRICTS[0], **broken}, *TWO_DISTRICTS[1:]]))

    assert [each for each in platform.did() if each[2] in ("deactivate", "end")] == []
    assert "orgs: 1 have a parent that can't be found, so nobody is removed for not being chosen." in planned.notes


@pytest.mark.parametrize(
    ("parents", "more"),
    [(("D",), []), (("D",), [org("warehouse", type="office")]), (("D", "closed"), [])],
    ids=["all orgs right", "an error in another org", "a chosen district that is gone"],
)
def test_who_is_not_chosen_any_more_goes_whatever_is_wrong_with_other_orgs(
    platform: Platform, parents: tuple[str, ...], more: Rows
) -> None:
    files = small(orgs=TWO_DISTRICTS, users=[user("ann"), user("sue", orgSourcedIds="south")])
    platform.sync(files)

    chosen = ABOVE.model_copy(update={"schools": Schools(parents=parents)})
    sync_what_is_chosen(platform, chosen, {**files, "orgs": [*TWO_DISTRICTS, *more]})

    assert ("users", "sue", "deactivate") in {each[:3] for each in platform.did()}


def test_a_guardian_stays_while_the_row_of_their_child_has_an_error(platform: Platform) -> None:
    chosen = Selection(orgs=frozenset({"north"}), guardians=True, remove_unselected=True)
    platform.sync(TWO_SCHOOLS, chosen)
    assert "gil" in ids(platform, "users")

    platform.sync(changed("users", "ann", enabledUser="maybe"), chosen)
    assert "gil" in ids(platform, "users")

    platform.sync(changed("users", "ann", agentSourcedIds=""), chosen)
    assert "gil" not in ids(platform, "users")


@pytest.mark.parametrize("version", ["1.1", "1.2"])
@pytest.mark.parametrize(
    ("changed_id", "added"),
    [
        (lambda each: f"U{each}", True),
        (lambda each: f"{each[:1]}\N{EN DASH}{each[1:]}", False),
        (lambda each: f"{each}@x", True),
        (lambda each: each[::-1] + "z", False),
    ],
    ids=["a letter before", "a dash", "a domain behind", "other ids"],
)
def test_nobody_is_removed_where_most_people_whom_enrollments_name_are_missing(
    platform: Platform, version: str, changed_id: Callable[[str], str], added: bool
) -> None:
    people = [user(f"p{at}", givenName=f"G{at}", familyName=f"F{at}") for at in range(8)]
    enrolled = [enrollment(f"e{at}", classSourcedId="n1", userSourcedId=f"p{at}") for at in range(8)]
    whole = {**TWO_SCHOOLS, "users": people, "enrollments": enrolled}
    platform.sync(in_1_2(whole) if version == "1.2" else whole, version=version)

    sent = in_1_2(whole) if version == "1.2" else whole
    odd = {**sent, "users": [{**each, "sourcedId": changed_id(each["sourcedId"])} for each in people]}
    planned = platform.sync(odd, version=version)

    assert [row for row in platform.did() if row[2] in ("deactivate", "end")] == []
    if added:
        assert platform.did() == []  # nobody is made anew under such an id
    if not added or version == "1.1":  # roles and enrollments together say for certain what the ids are
        assert any("the other files name 8 of its rows that are not there" in note for note in planned.notes)


def test_a_person_who_is_missing_goes_though_an_enrollment_names_them(platform: Platform) -> None:
    people = [user(f"p{at}") for at in range(20)]
    enrolled = [enrollment(f"e{at}", classSourcedId="n1", userSourcedId=f"p{at}") for at in range(20)]
    whole = {**TWO_SCHOOLS, "users": people, "enrollments": enrolled}
    platform.sync(whole)

    platform.sync({**whole, "users": people[6:]})

    assert len([row for row in platform.did() if row[:3:2] == ("users", "deactivate")]) == 6


def test_a_person_whose_id_alone_is_damaged_stays_while_an_enrollment_names_them(platform: Platform) -> None:
    ids = [f"0007{n}" for n in range(1, 8)]
    others = [*(user(f"sound-{n}") for n in range(8)), user("g00077", role="guardian")]
    people = [*others, *(user(each, identifier=f"N{each}") for each in ids)]
    enrolled = [enrollment(f"e{each}", userSourcedId=each) for each in ids]
    platform.sync(small(users=people, enrollments=enrolled))
    damaged = ["000071", "#00072", "\u0e50\u0e50\u0e50\u0e57\u0e53", "(00074", "00075.", "OOO76"]
    sent = [user(each, identifier=f"N{old}") for each, old in zip(damaged, ids, strict=False)]
    sent[-1]["identifier"] = "00076"

    platform.sync(small(users=[*others, *sent], enrollments=enrolled))

    gone = [(entity, sourced_id) for entity, sourced_id, action, _ in platform.did() if action in ("deactivate", "end")]
    assert gone == [("enrollments", "e00077"), ("users", "00077")]  # a guardian's id is near, and not the same


@pytest.mark.parametrize("field", ["beginDate", "endDate", "roleType"])
def test_a_cell_of_a_role_that_can_not_be_read_takes_none_from_the_platform(platform: Platform, field: str) -> None:
    files = in_1_2({**TWO_SCHOOLS, "users": BOB})
    files["roles"] = [{**each, "beginDate": "2026-08-10", "endDate": "2027-06-30"} for each in files["roles"]]
    platform.sync(files, version="1.2")
    before = platform.records()["users"]

    unread = {**files, "users": [{**BOB[0], "familyName": "Lee"}, *BOB[1:]],
              "roles": [{**each, field: "Fall?"} for each in files["roles"]]}  # fmt: skip
    planned = platform.sync(unread, version="1.2")

    assert platform.records()["users"] == {**before, "bob": {**before["bob"], "familyName": "Lee"}}
    assert f"users: {len(before)} keep a value that can't be read in the source now." in planned.notes
    if field != "roleType":
        platform.sync({**files, "roles": [{**each, field: ""} for each in files["roles"]]}, version="1.2")
        assert {each[field] for each in platform.records()["users"]["bob"]["roles"]} == {None}  # an empty cell says so


@pytest.mark.parametrize("date", ["46244", "2569-08-10", "1405-05-19", "R8.8.10", "Fall"])
def test_a_value_that_can_not_be_read_takes_none_from_the_platform(platform: Platform, date: str) -> None:
    begun = {"beginDate": "2026-08-10", "endDate": "2026-12-13"}
    bob = user("bob", phone="+49302270000", identifier="123456789012", userIds="{LDAP:bob}")
    platform.sync(small(users=[user(), bob], enrollments=[enrollment(**begun)]))
    before = platform.records()

    damaged = {**bob, "phone": "4,93023E+10", "identifier": "1.23457E+11", "userIds": "bob", "familyName": "New"}
    planned = platform.sync(small(users=[user(), damaged], enrollments=[enrollment(**begun | {"beginDate": date})]))
    after = platform.records()

    assert after["enrollments"] == before["enrollments"]
    assert after["users"]["bob"] == {**before["users"]["bob"], "familyName": "New"}
    assert "users: 1 keep a value that can't be read in the source now." in planned.notes
    platform.sync(small(users=[user(), damaged], enrollments=[enrollment(**begun | {"beginDate": ""})]))
    assert platform.records()["enrollments"]["e1"]["beginDate"] is None  # an empty cell says so


@pytest.mark.parametrize(
    ("field", "held", "sent", "stays"),
    [
        ("grades", "09", "9.0", True),
        ("grades", "09", "9-Oct", True),
        ("grades", "09", "10", False),
        ("familyName", "Muñoz", "Mu?oz", True),
        ("familyName", "Muñoz", "MuÃ±oz", True),
        ("familyName", "Смирнова", "????????", True),
        ("familyName", "Muñoz", "Mu%C3%B1oz", True),
        ("familyName", "Muñoz", "Mu\\u00f1oz", True),
        ("familyName", "Muñoz", "Mu=C3=B1oz", True),
        ("familyName", "Muñoz", "Mu&ntilde;oz", True),
        ("familyName", "Muñoz", "Mu&amp;#241;oz", True),
        ("familyName", "O'Neil", "O&#39;Neil", True),
        ("familyName", "De la Cruz", "De%20la%20Cruz", True),
        ("familyName", "Lee", "De%20la%20Cruz", False),
        ("familyName", "Lee", "Mu?oz", False),
        ("familyName", "Muñoz", "Munoz", False),
    ],
)
def test_a_value_that_was_spoilt_on_its_way_takes_none_from_the_platform(
    platform: Platform, field: str, held: str, sent: str, stays: bool
) -> None:
    people = [user("bob", grades="07"), user("ann")]
    platform.sync(small(users=[{**people[0], field: held}, *people[1:]]))
    before = platform.records()["users"]

    platform.sync(small(users=[{**people[0], field: sent, "givenName": "New"}, *people[1:]]))

    after = platform.records()["users"]["bob"]
    assert (after[field] == before["bob"][field], after["givenName"]) == (stays, "New")


NEAR_IDS = {
    "00071": "71",  # zeros that a spreadsheet took
    "h-2041-north-hill": "h-2041-nor",  # a column that keeps ten characters
    "sis-72": "SIS-72",
    "o-1073": "x:o-1073",
    "l0O-74": "1OO-74",
}


def test_who_comes_under_an_id_that_is_near_to_their_own_is_neither_made_anew_nor_removed(platform: Platform) -> None:
    def district(ids: Mapping[str, str]) -> dict[str, Rows]:
        known_by: tuple[dict[str, str], ...] = (
            {"email": "a@x.org"},
            {"identifier": "I2"},
            {},
            {"familyName": "New"},
            {"email": "e@x.org"},
        )
        people = [
            user(ids[each], **{"username": f"u{at}", "givenName": f"G{at}", **known})
            for at, (each, known) in enumerate(zip(NEAR_IDS, known_by, strict=True))
        ]
        gone = [user("77", username="x")] if ids is same else [user("077", username="y")]
        child = user("child", username="c", agentSourcedIds=ids["00071"])
        enrolled = [enrollment(f"e{at}", userSourcedId=ids[each]) for at, each in enumerate(NEAR_IDS)]
        return small(users=[*people, *gone, child], enrollments=enrolled)

    same = {each: each for each in NEAR_IDS}
    many = Guard(limits={"damaged": Limit(0.0, 6)})
    platform.sync(district(same))

    planned = platform.sync(district(NEAR_IDS), guard=many)

    assert [row[:3] for row in platform.did()] == [("users", "077", "create"), ("users", "77", "deactivate")]  # somebody else
    assert any("5 came under another sourcedId that is near to their own on the platform" in each for each in planned.notes)

    platform.sync(district(NEAR_IDS), guard=many, match_with="username")  # so that they were meant
    assert {row[:3] for row in platform.did()} >= {("users", "71", "create"), ("users", "00071", "deactivate")}


def test_what_comes_under_an_id_near_to_its_own_is_left_as_it_is_and_named_by_that(platform: Platform) -> None:
    def district(**ids: str) -> dict[str, Rows]:
        own = {each: ids.get(each, each) for each in ("0101", "fall", "030", "00071", "c2", "e-1", "e2")}
        taught = {"schoolSourcedId": own["0101"], "courseSourcedId": own["030"], "termSourcedIds": own["fall"]}
        return small(
            orgs=[org("d", type="district"), org(own["0101"], name="Hill", parentSourcedId="d")],
            academicSessions=[session(own["fall"], title="Fall")],
            courses=[course(own["030"], title="Math", courseCode="M")],
            classes=[class_(own["00071"], title="Math", **taught), class_(own["c2"], title="Art", **taught)],
            users=[user(orgSourcedIds=own["0101"]), user("bob", orgSourcedIds=f"d,{own['0101']}")],
            enrollments=[
                enrollment(own["e-1"], classSourcedId=own["00071"], schoolSourcedId=own["0101"]),
                enrollment(own["e2"], classSourcedId=own["c2"], schoolSourcedId=own["0101"]),
            ],
        )  # fmt: skip

    platform.sync(district())
    before = platform.records()
    near = {"0101": "101", "fall": "FALL", "00071": "71", "e-1": "E1", "030": "30"}

    planned = platform.sync(district(**near))

    assert platform.did() == []
    assert [note for note in planned.notes if "near to their own" in note and "`71` for `00071`" in note]
    assert len([note for note in planned.notes if "near to their own" in note]) == 5

    joined = district(**near)
    joined["enrollments"] = [*joined["enrollments"], enrollment("e3", classSourcedId="71", userSourcedId="bob")]
    platform.sync(joined)  # whoever is new to a class is, under its own id
    assert [row[:3] for row in platform.did()] == [("enrollments", "e3", "create")]
    assert platform.records()["enrollments"]["e3"]["classSourcedId"] == "00071"

    platform.sync(district())
    assert [row[:3] for row in platform.did()] == [("enrollments", "e3", "end")]
    assert platform.records() == before

    others = district(c2="c20", e2="e20")
    others["classes"] = [*others["classes"][:1], class_("c20", title="Music", schoolSourcedId="0101")]
    platform.sync(others)
    assert {row[:3] for row in platform.did()} >= {("classes", "c2", "deactivate"), ("classes", "c20", "create")}  # another class


def test_names_that_were_garbled_take_none_from_the_platform_though_more_were_than_are_named(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patient_reader, "MOST_SAID", 1)
    people = [user(f"p{at}", familyName="Muñoz") for at in range(3)]
    platform.sync(small(users=people))

    platform.sync(small(users=[{**each, "familyName": "MuÃ±oz", "email": "new@x.org"} for each in people]))

    held = platform.records()["users"].values()
    assert [(each["familyName"], each["email"]) for each in held] == [("Muñoz", "new@x.org")] * 3


def test_who_keeps_what_cannot_be_read_has_all_else_as_before_once_it_comes_so_again(platform: Platform) -> None:
    people = [user("bob", grades="07", email="old@x.org"), user("ann")]
    platform.sync(small(users=people))
    before = platform.records()["users"]

    platform.sync(small(users=[{**people[0], "grades": "9.0", "email": "new@x.org"}, people[1]]))
    assert platform.records()["users"]["bob"]["email"] == "new@x.org"
    platform.sync(small(users=people))

    assert platform.records()["users"] == before


def test_a_persons_primary_org_follows_their_orgs_in_1_1_which_has_no_column_for_it(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.sync(TWO_SCHOOLS)
    people = [
        {**each, "orgSourcedIds": "south" if each["orgSourcedIds"] == "north" else "north"} for each in TWO_SCHOOLS["users"]
    ]
    whole = write_bundle

    def sent(*asked: Any, **named: Any) -> Path:
        without_columns(bundle := whole(*asked, **named), users=["primaryOrgSourcedId"])
        return bundle

    monkeypatch.setitem(globals(), "write_bundle", sent)

    platform.sync({**TWO_SCHOOLS, "users": people})

    held = platform.records()["users"]
    assert {name: each["primaryOrgSourcedId"] for name, each in held.items()} == {
        each["sourcedId"]: each["orgSourcedIds"] for each in people
    }


def without_columns(bundle: Path, **gone: Sequence[str]) -> None:
    for name, columns in gone.items():
        rows = list(csv.DictReader((path := bundle / f"{name}.csv").open(encoding="utf-8", newline="")))
        with path.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, [each for each in rows[0] if each not in columns], extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_column_that_is_absent_takes_nothing_from_the_platform(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    people = [
        user("ann", email="a@x.org", grades="09", agentSourcedIds="gil", enabledUser="false", phone="1"),
        user("gil", role="guardian"),
    ]
    files = small(users=people, classes=[class_(classCode="M1")])
    if version == "1.2":
        files = in_1_2(files)
        files["roles"] = [{**each, "endDate": "2026-08-01", "roleType": "primary"} for each in files["roles"]]
    platform.sync(files, version=version)
    before = platform.records()

    whole = write_bundle

    def sent(*asked: Any, **named: Any) -> Path:
        bundle = whole(*asked, **named)
        gone = {"users": ["email", "grades", "agentSourcedIds", "enabledUser", "identifier"], "classes": ["classCode"]}
        without_columns(bundle, **gone, **({"roles": ["endDate", "roleType"]} if version == "1.2" else {}))
        return bundle

    monkeypatch.setitem(globals(), "write_bundle", sent)
    planned = platform.sync({**files, "users": [{**people[0], "phone": ""}, people[1]]}, version=version)

    ann = before["users"]["ann"]
    assert platform.records() == {**before, "users": {**before["users"], "ann": {**ann, "phone": None}}}
    assert ann["platformStatus"] == "inactive"  # an empty cell of a column that is there does say so
    columns = "`agentSourcedIds`, `email`, `enabledUser`, `grades`"
    assert f"users: the source has no column {columns} now; what the platform has there stays as it is." in planned.notes


def test_the_same_person_twice_stops_no_removal(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS)
    married = [user("cat", givenName="Ida", familyName="Fern"), user("cat", givenName="Ida", familyName="Lee")]

    planned = platform.sync({**TWO_SCHOOLS, "users": [*without("users", "idle", "cat")["users"], *married]})

    assert "idle" not in ids(platform, "users")
    assert [note for note in planned.notes if note.startswith("users")] == []


def test_an_enrollment_under_another_ones_id_ends_none(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS)
    *others, last = TWO_SCHOOLS["enrollments"]

    planned = platform.sync({**TWO_SCHOOLS, "enrollments": [*others, {**last, "sourcedId": others[0]["sourcedId"]}]})

    assert [row for row in platform.did() if row[0] == "enrollments"] == []
    assert f"enrollments: {NOT_REMOVED.format(1)}" in planned.notes


def test_a_class_under_another_ones_id_stays(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS)
    *others, last = TWO_SCHOOLS["classes"]

    platform.sync({**TWO_SCHOOLS, "classes": [*others, {**last, "sourcedId": others[0]["sourcedId"]}]})

    assert [row for row in platform.did() if row[0] == "classes"] == []
    assert last["sourcedId"] in ids(platform, "classes")


def test_a_collection_without_rows_removes_nothing_and_holds_the_plan(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS)

    planned = platform.sync({**TWO_SCHOOLS, "users": [], "enrollments": []})

    assert platform.did() == []
    assert planned.held
    assert [breach.message for breach in planned.breaches] == [
        "The bundle has no users, while the platform holds 6. None of them would be removed.",
        "The bundle has no enrollments, while the platform holds 5. None of them would be removed.",
    ]


def test_approved_without_removals_everything_else_happens(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS)
    emptied = without("users", "idle", "cat", enrollments=TWO_SCHOOLS["enrollments"][:3])
    renamed = [{**row, "givenName": "New"} if row["sourcedId"] == "ann" else row for row in emptied["users"]]

    platform.sync({**emptied, "users": renamed}, removals=False)

    assert ids(platform, "users") == ["ann", "bob", "cat", "gil", "idle", "tom"]
    assert platform.records()["users"]["ann"]["givenName"] == "New"


def test_what_a_sync_that_was_cut_off_may_have_written_is_written_again_under_the_same_ids(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS)
    platform.sync({**TWO_SCHOOLS, "users": [*changed("users", "ann", email="x@y.example")["users"], user("new")]}, commit=False)
    half_written = {row["sourcedId"]: json.loads(row["after"])["platformId"] for row in platform.changes()}

    platform.sync({**TWO_SCHOOLS, "users": [*TWO_SCHOOLS["users"], user("new")]})

    again = "written again, since a sync was cut off"
    assert platform.did() == [("users", "ann", "update", again), ("users", "new", "update", again)]
    assert platform.records()["users"]["new"]["platformId"] == half_written["new"]


def test_a_record_that_only_a_cut_off_sync_knew_goes_when_the_source_gives_it_up(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS)
    platform.sync({**TWO_SCHOOLS, "users": [*TWO_SCHOOLS["users"], user("brief")]}, commit=False)

    platform.sync(TWO_SCHOOLS)

    assert platform.did() == [("users", "brief", "deactivate", "left the source")]


def test_a_person_with_a_new_sourced_id_is_found_again_by_the_field_that_the_group_matches_with(platform: Platform) -> None:
    known = [user("ann", identifier="A1"), user("bob", identifier="B1")]
    platform.sync(small(users=known), match_with="identifier")
    before = platform.records()["users"]
    renamed = small(users=[user("x-ann", identifier="a1 "), known[1]], enrollments=[enrollment(userSourcedId="x-ann")])

    planned = platform.sync(renamed, match_with="identifier")

    users = platform.records()["users"]
    assert users["x-ann"]["platformId"] == before["ann"]["platformId"]
    assert [row for row in platform.did() if row[0] == "users"] == [
        ("users", "ann", "deactivate", "known under another sourcedId now"),
        ("users", "x-ann", "create", "known by another sourcedId so far"),
    ]
    assert not planned.held
    assert platform.sync(renamed, match_with="identifier").changes == 0


def test_people_who_could_be_two_are_not_merged_and_hold_the_plan(platform: Platform) -> None:
    platform.sync(small(users=[user("ann", email="a@b.example")]), match_with="email")
    two = [user("x", email="A@b.example"), user("y", email="a@b.example")]

    planned = platform.sync(small(users=two, enrollments=[enrollment(userSourcedId="x")]), match_with="email", commit=False)

    assert [breach.message for breach in planned.breaches] == [
        "By email, 2 people (x, y) in the source could be one person (ann) on the platform; nobody was matched. "
        "Correct the email of one of them, or approve to take those in the source for people of their own."
    ]
    assert {row[3] for row in platform.did() if row[1] in ("x", "y")} == {"not on the platform yet"}


def test_a_snapshot_whose_digests_are_of_another_kind_is_compared_value_by_value(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS)
    assert platform.snapshot is not None
    for path in platform.snapshot.glob("*.parquet"):
        duckdb.execute(f"CREATE OR REPLACE TABLE held AS SELECT * REPLACE ('0cc175b9' AS digest) FROM read_parquet('{path}')")
        duckdb.execute(f"COPY held TO '{path}' (FORMAT parquet)")

    assert platform.sync(TWO_SCHOOLS).changes == 0
    planned = platform.sync(changed("users", "ann", familyName="Novák"))
    assert (planned.changes, planned.counts["users"]["unchanged"]) == (1, 5)


def test_the_suffix_is_added_to_usernames_once(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS, username_suffix="@d")
    assert platform.sync(TWO_SCHOOLS, username_suffix="@d").changes == 0

    assert platform.records()["users"]["ann"]["username"] == "ann@d"


def test_a_retried_plan_has_the_same_bytes(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS, commit=False)
    plan = platform.room / "plan"
    first = {path.name: path.read_bytes() for path in plan.rglob("*") if path.suffix in (".gz", ".json")}

    plan_changes(platform.room / "stage", EVERYTHING, None, plan, Policy(sync_id="s1", now=platform.now))

    assert {path.name: path.read_bytes() for path in plan.rglob("*") if path.suffix in (".gz", ".json")} == first


@pytest.mark.parametrize("sorted_at_once", [changes.SORTED_AT_ONCE, 5])
def test_every_change_is_in_exactly_one_chunk_as_the_record_to_write(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, sorted_at_once: int
) -> None:
    monkeypatch.setattr(changes, "SORTED_AT_ONCE", sorted_at_once)
    platform.sync(TWO_SCHOOLS)

    plan = platform.room / "plan"
    manifest = json.loads((plan / "manifest.json").read_text())
    chunks = [gzip.decompress((plan / "chunks" / item["chunk"]).read_bytes()) for item in manifest]
    lines = [json.loads(line) for chunk in chunks for line in chunk.splitlines()]
    assert {(line["entity"], line["sourcedId"]): line["record"] for line in lines} == {
        (row["entity"], row["sourcedId"]): json.loads(row["after"]) for row in platform.changes()
    }
    assert len(lines) == 21


def test_the_summary_counts_by_school(platform: Platform) -> None:
    platform.sync(TWO_SCHOOLS)

    schools = json.loads((platform.room / "plan" / "summary.json").read_text())["schools"]

    south = next(school for school in schools if school["sourcedId"] == "south")
    assert (south["name"], south["counts"]["users"]["created"], south["counts"]["classes"]["created"]) == ("South", 2, 1)


def test_the_matrix_counts_members_and_others_apart_and_presets_blank(platform: Platform) -> None:
    platform.sync(changed("users", "tom", status="active"), commit=False)

    matrix = status_matrix(platform.room / "stage", Selection(orgs=frozenset({"north"}), classes=frozenset({"n1"})))

    assert matrix["cells"] == [
        {"status": "active", "userType": "teacher", "users": 1, "otherMembers": 0, "preset": False},
        {"status": "blank", "userType": "guardian", "users": 0, "otherMembers": 1, "preset": True},
        {"status": "blank", "userType": "student", "users": 1, "otherMembers": 2, "preset": True},
    ]
    assert matrix["guardians"] == 1


def test_a_selection_survives_being_written_down() -> None:
    whole = Selection(frozenset({"b", "a"}), frozenset(), frozenset({("blank", "student")}), True, False, True)

    assert Selection.from_json(json.loads(json.dumps(whole.to_json()))) == whole
    assert Selection.from_json({"orgs": ["a"]}) == Selection(orgs=frozenset({"a"}))


ENDED = {"ann": "2026-08-15", "tom": "2026-08-31", "cat": ""}


def with_roles(**ends: str) -> dict[str, Rows]:
    """Ann, Tom and Cat at North, each with one role that ends then."""
    people = [{**user(name), "role": ""} for name in ends]
    roles = [role(name, endDate=end) for name, end in ends.items()]
    enrolled = [enrollment(f"e-{name}", userSourcedId=name) for name in ends]
    return small(users=people, roles=roles, enrollments=enrolled)


def test_who_has_no_role_any_more_stays_unless_the_group_says_otherwise(platform: Platform) -> None:
    platform.sync(with_roles(ann="", tom="", cat=""), version="1.2")

    platform.sync(with_roles(**ENDED), version="1.2")
    assert ids(platform, "users") == ["ann", "cat", "tom"]

    ends = Guard(deactivate_ended=True)
    platform.sync(with_roles(**ENDED), version="1.2", guard=ends)  # on 4 September
    gone = [(entity, i, action, reason) for entity, i, action, reason in platform.did() if i.endswith(("ann", "tom"))]
    assert gone == [
        ("enrollments", "e-ann", "end", "its person is removed"),
        ("enrollments", "e-tom", "end", "its person is removed"),
        ("users", "ann", "deactivate", "every role has ended"),
        ("users", "tom", "deactivate", "every role has ended"),
    ]
    assert ids(platform, "users") == ["cat"]

    again = platform.sync(with_roles(ann="2027-06-10", tom="2026-08-31", cat=""), version="1.2", guard=ends)
    assert ids(platform, "users") == ["ann", "cat"], "another role brings them back"
    assert again.counts["enrollments"]["updated"] == 1


@pytest.mark.parametrize(
    ("guard", "written", "end"),
    [
        (Guard(deactivate_ended=True, keep={"users": ("roleEnded",)}), ["familyName"], None),
        (Guard(deactivate_ended=True, never_remove=True), ["familyName"], None),
        (Guard(deactivate_ended=True, standing={"removals": "keep"}), ["familyName", "roles"], "2026-08-15"),
    ],
    ids=["roles kept", "never remove", "removals kept"],
)
def test_who_is_kept_is_kept_and_updated_though_every_role_has_ended(
    platform: Platform, guard: Guard, written: list[str], end: str | None
) -> None:
    """Whatever else the source says of them is written; a role that is kept goes on as it was."""
    platform.sync(with_roles(ann="", cat=""), version="1.2")
    files = with_roles(ann="2026-08-15", cat="")
    files["users"] = [{**row, "familyName": "Novak"} if row["sourcedId"] == "ann" else row for row in files["users"]]

    platform.sync(files, version="1.2", guard=guard)

    assert platform.did() == [("users", "ann", "update", "changed in the source")]
    (change,) = platform.changes()
    after = json.loads(change["after"])
    assert (sorted(change["fields"]), after["platformStatus"]) == (written, "active")
    assert (after["fields"]["familyName"], after["fields"]["roles"][0]["endDate"]) == ("Novak", end)


def test_who_comes_with_roles_that_have_ended_is_not_created_and_the_plan_says_so(platform: Platform) -> None:
    planned = platform.sync(with_roles(**ENDED), version="1.2", guard=Guard(deactivate_ended=True))

    assert ids(platform, "users") == ["cat"]
    assert planned.notes == ["users: 2 are not created as this group's removal policy says, since every role has ended."]


def test_each_cause_has_its_own_day_of_purge(platform: Platform) -> None:
    """Eve leaves the source, Ann is marked deleted, Tom's role ends; the enrollments have the group's days."""
    platform.sync(with_roles(ann="", tom="", eve="", cat=""), version="1.2")
    files = with_roles(ann="", tom="2026-08-15", cat="")
    files["users"] = [{**row, "status": "tobedeleted"} if row["sourcedId"] == "ann" else row for row in files["users"]]

    days = {"users": {"leftSource": 10, "statusDeleted": None, "roleEnded": 400}}
    platform.sync(files, version="1.2", guard=Guard(deactivate_ended=True), purge_days=days)

    assert platform.snapshot is not None
    rows = read(platform.snapshot / "removed" / "records.parquet")
    assert sorted((row["sourcedId"], row["purgeAt"]) for row in rows) == [
        ("ann", "never"),
        ("e-ann", "2026-10-03T06:00:00Z"),
        ("e-eve", "2026-10-03T06:00:00Z"),
        ("e-tom", "2026-10-03T06:00:00Z"),
        ("eve", "2026-09-13T06:00:00Z"),
        ("tom", "2027-10-08T06:00:00Z"),
    ]


def test_whose_role_was_left_out_is_erased_with_the_person(platform: Platform) -> None:
    whole = {**TWO_SCHOOLS, "users": BOB}
    broken = [{"sourcedId": f"{each}-south", "role": "Staff"} for each in ("bob", "cat")]
    platform.sync(in_1_2(whole, *broken), version="1.2")
    left_out, without = platform.room / "stage" / "left_out.parquet", platform.room / "without.parquet"
    assert {row["person"] for row in read(left_out)} >= {"bob", "cat"}

    with duckdb.connect() as connection:
        without_person(connection, left_out, Person("bob", frozenset()), without)

    assert {row["person"] for row in read(without) if row["entity"] == "roles"} == {"cat"}
