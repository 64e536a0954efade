"""Files of changes only are merged into what the source held; the stage is as if everything had been sent."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oneroster_engine.errors import BundleRefused
from oneroster_engine.staging.delta import View
from oneroster_engine.staging.stage import Staged, stage_bundle, stage_orgs
from tests.engine.districts import Rows, class_, org, small, user, write_bundle
from tests.examples import examples


def manifest(deltas: Iterable[str], version: str = "1.1", absent: Iterable[str] = (), bulk: Iterable[str] = ()) -> str:
    modes = {**dict.fromkeys(deltas, "delta"), **dict.fromkeys(absent, "absent"), **dict.fromkeys(bulk, "bulk")}
    return f"propertyName,value\noneroster.version,{version}\n" + "".join(f"file.{name},{how}\n" for name, how in modes.items())


class Source:
    """A group's source that was sent one bulk bundle, and is sent changes."""

    def __init__(self, folder: Path, **files: Rows) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.number = folder, 0
        self.view = write_bundle(folder / "bulk", "1.1", **small(**files))
        self.staged = stage_bundle(self.view, folder / "stage0")

    def changes(self, said: str = "", **files: Rows) -> Staged:
        self.number += 1
        bundle = write_bundle(self.folder / f"delta{self.number}", "1.1", **files)
        (bundle / "manifest.csv").write_text(said or manifest(files))
        after = self.folder / f"view{self.number}"
        self.staged = stage_bundle(bundle, self.folder / f"stage{self.number}", view=View(self.view, after))
        self.view = after
        return self.staged

    def rows(self, entity: str) -> list[dict[str, Any]]:
        return rows(self.folder / f"stage{self.number}" / f"{entity}.parquet")

    def problems(self) -> list[tuple[str, int | None, str]]:
        return [(each["rule"], each["line"], each["message"]) for each in self.rows("problems") if each["severity"] != "note"]

    def ids(self, entity: str) -> dict[str, str]:
        return {row["sourcedId"]: row["status"] for row in self.rows(entity)}


def rows(file: Path) -> list[dict[str, Any]]:
    found = duckdb.read_parquet(str(file))
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def test_a_delta_replaces_the_rows_that_it_names_adds_the_new_ones_and_leaves_all_others(tmp_path: Path) -> None:
    source = Source(tmp_path, users=[user("ann"), user("bob"), user("cat")])

    staged = source.changes(users=[user("bob", givenName="Robert", status="active"), user("dan", status="active")])

    named = {row["sourcedId"]: row["givenName"] for row in source.rows("users")}
    assert set(named) == {"ann", "bob", "cat", "dan"}
    assert named["bob"] == "Robert"
    assert (staged.modes["users"], staged.modes["classes"]) == ("delta", "bulk")
    assert (staged.counts["users"].read, staged.counts["users"].kept) == (4, 4)
    assert all(staged.complete[entity] for entity in ("orgs", "classes", "users", "enrollments"))


def test_who_is_to_be_deleted_is_said_once_and_is_gone_afterwards(tmp_path: Path) -> None:
    source = Source(tmp_path, users=[user("ann"), user("bob")])

    source.changes(users=[user("bob", status="tobedeleted")])
    assert source.ids("users") == {"ann": "", "bob": "tobedeleted"}

    source.changes(users=[user("cat", status="active")])
    assert set(source.ids("users")) == {"ann", "cat"}


def test_a_change_is_called_active_or_blank_as_the_view_calls_it(tmp_path: Path) -> None:
    blank = Source(tmp_path / "blank", users=[user("ann")])
    blank.changes(users=[user("ann", givenName="Anna", status="Active")])
    assert blank.ids("users") == {"ann": ""}

    active = Source(tmp_path / "active", users=[user("ann", status="active")])
    active.changes(users=[user("bob", status="active"), user("cat")])
    assert active.ids("users") == {"ann": "active", "bob": "active", "cat": "active"}
    assert [rule for rule, _, _ in active.problems()] == ["delta-status"]


def test_a_broken_change_leaves_its_row_out_with_its_line_and_an_earlier_one_without(tmp_path: Path) -> None:
    source = Source(tmp_path, users=[user("ann"), user("bob", role="")])

    source.changes(users=[user("cat", role="", status="active")])

    found = sorted(source.problems(), key=str)
    assert [(rule, line) for rule, line, _ in found] == [("required", 2), ("required", None)]
    assert found[1][2].startswith("users.csv, a row that was sent earlier: role is empty")
    assert {row["sourcedId"]: row["line"] for row in source.rows("users")}["ann"] is None


def test_a_bundle_may_mix_a_delta_a_bulk_file_and_one_that_is_absent(tmp_path: Path) -> None:
    source = Source(tmp_path, users=[user("ann")], classes=[class_("math"), class_("art")])

    source.changes(
        manifest(["users"], absent=["orgs", "enrollments"], bulk=["classes"]),
        users=[user("bob", status="active")],
        classes=[class_("math")],
    )

    assert {entity: set(source.ids(entity)) for entity in ("orgs", "classes", "users")} == {
        "orgs": {"north"}, "classes": {"math"}, "users": {"ann", "bob"},
    }  # fmt: skip


def test_a_delta_of_another_version_than_the_view_is_refused(tmp_path: Path) -> None:
    source = Source(tmp_path)

    with pytest.raises(BundleRefused, match=r"delta is OneRoster 1\.2, and what it must be merged into is 1\.1"):
        source.changes(manifest(["users"], "1.2"), users=[user("bob")])


def test_the_schools_of_a_delta_are_listed_with_those_that_were_sent_before(tmp_path: Path) -> None:
    source = Source(tmp_path, orgs=[org("north")])
    bundle = write_bundle(tmp_path / "delta", "1.1", orgs=[org("south", status="active")])
    (bundle / "manifest.csv").write_text(manifest(["orgs"]))

    counted = stage_orgs(bundle, tmp_path / "stage", View(source.view, tmp_path / "after"))

    assert counted.read == 2
    assert {row["sourcedId"] for row in rows(tmp_path / "stage" / "choices" / "orgs.parquet")} == {"north", "south"}


def test_merging_the_same_changes_again_changes_nothing(tmp_path: Path) -> None:
    source = Source(tmp_path, users=[user("ann"), user("bob")])
    people = [user("bob", status="tobedeleted"), user("cat", status="active")]

    source.changes(users=people)
    once = sorted(map(str, source.rows("users")))
    source.changes(users=people)

    assert sorted(map(str, source.rows("users"))) == once


PEOPLE = st.sampled_from(["ann", "bob", "cat", "dan", "eve", "0007", "Ann"])
CHANGES = st.dictionaries(PEOPLE, st.tuples(st.sampled_from(["Max", "Zoë", ""]), st.sampled_from(["active", "tobedeleted"])))
DAYS = 4
# A stage is dear and people are cheap, so each run has several towns, none of which knows of the others.
TOWNS = st.lists(
    st.tuples(
        st.dictionaries(PEOPLE, st.sampled_from(["Max", "Zoë", ""]), min_size=1),
        st.lists(CHANGES, min_size=DAYS, max_size=DAYS),
    ),
    min_size=8,
    max_size=8,
)


@pytest.mark.long
@settings(max_examples=examples(3), deadline=None, suppress_health_check=list(HealthCheck))
@given(towns=TOWNS)
def test_any_run_of_deltas_gives_the_stage_of_the_whole_that_they_add_up_to(
    tmp_path_factory: pytest.TempPathFactory, towns: list[tuple[dict[str, str], list[dict[str, tuple[str, str]]]]]
) -> None:
    folder = tmp_path_factory.mktemp("source")
    whole = {f"{person}{town}": name for town, (first, _) in enumerate(towns) for person, name in first.items()}
    source = Source(folder, users=[user(person, givenName=name) for person, name in whole.items()])
    for day in range(DAYS):
        changes = {f"{person}{town}": each for town, (_, later) in enumerate(towns) for person, each in later[day].items()}
        source.changes(users=[user(person, givenName=name, status=status) for person, (name, status) in changes.items()])
        for person, (name, status) in changes.items():
            whole.pop(person, None)
            if status == "active":
                whole[person] = name

    alike = Source(folder / "alike", users=[user(person, givenName=name) for person, name in whole.items()])

    def kept(of: Source) -> list[str]:
        present = [row for row in of.rows("users") if row["status"] != "tobedeleted"]
        return sorted(str({**row, "line": None}) for row in present)

    assert kept(source) == kept(alike)
    assert source.staged.counts["users"].left_out == alike.staged.counts["users"].left_out


def test_the_view_is_readable_as_what_the_source_holds(tmp_path: Path) -> None:
    source = Source(tmp_path, users=[user("ann", givenName="José")])

    source.changes(users=[user("bob", status="active")])

    assert {row["sourcedId"]: row["givenName"] for row in rows(source.view / "users.parquet")}["ann"] == "José"
    with (source.view / "manifest.csv").open() as file:
        assert dict(csv.reader(file))["oneroster.version"] == "1.1"
