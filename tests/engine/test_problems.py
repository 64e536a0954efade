"""Problems are shown by what caused them."""

import json
from pathlib import Path

import pytest

from oneroster_engine.inspecting.problems import problem_groups, problem_rows
from oneroster_engine.staging import problem_files
from oneroster_engine.staging.rules import HOW_TO_FIX
from tests.engine.districts import class_, enrollment, org, small, user
from tests.engine.test_stage import Staging


def test_one_missing_school_is_one_group_that_explains_all_that_hangs_on_it(tmp_path: Path) -> None:
    classes = [class_(), class_("a", schoolSourcedId="gone"), class_("b", schoolSourcedId="gone")]
    enrolled = [enrollment(), enrollment("e2", classSourcedId="a")]
    staged = Staging(tmp_path, small(classes=classes, enrollments=enrolled, users=[user(givenName=""), user("b", givenName="")]))

    groups = problem_groups(staged.folder / "problems.parquet", limit=10, offset=0)

    errors, warnings, note = groups.items
    assert groups.total == 3
    assert (errors["cause"], errors["explains"], errors["severity"]) == ("orgs.csv:missing:gone", 3, "error")
    assert (warnings["rule"], warnings["explains"], warnings["severity"]) == ("expected", 2, "warning")
    assert (note["rule"], note["severity"]) == ("manifest-absent", "note")
    assert problem_rows(staged.folder / "problems.parquet", errors["cause"], limit=10, offset=0).total == 3
    rows = problem_rows(staged.folder / "problems.parquet", warnings["cause"], limit=1, offset=1)
    assert (rows.items[0]["line"], rows.total) == (3, 2)


def test_what_is_said_of_a_whole_file_counts_the_rows_that_its_sentence_counts(tmp_path: Path) -> None:
    users = [user(f"u{number}", enabledUser="yes") for number in range(12)]
    staged = Staging(tmp_path, small(users=users, enrollments=[enrollment(userSourcedId="u0")]))

    groups = problem_groups(staged.folder / "problems.parquet", limit=10, offset=0).items

    [note] = [each for each in groups if each["rule"] == "other-boolean"]
    assert ("(rows: 12)" in note["message"], note["explains"]) == (True, 12)


@pytest.mark.parametrize("column", [{"role": "Pupil"}, {"status": "A"}, {"enabledUser": "perhaps"}])
def test_a_column_that_no_row_has_right_is_one_cause_of_all_that_falls_with_it(tmp_path: Path, column: dict[str, str]) -> None:
    users = [user(f"n{number}", username=f"n{number}", **column) for number in range(6)]
    enrolled = [enrollment(f"e{number}", userSourcedId=f"n{number}") for number in range(6)]
    staged = Staging(tmp_path, small(users=users, enrollments=enrolled))

    groups = problem_groups(staged.folder / "problems.parquet", limit=9, offset=0)

    assert [(each["line"], each["explains"]) for each in groups.items if each["severity"] != "note"] == [(2, 12)]


def test_the_row_that_caused_it_is_the_example(tmp_path: Path) -> None:
    staged = Staging(tmp_path, small(orgs=[org(type="skool")]))

    worst = problem_groups(staged.folder / "problems.parquet", limit=1, offset=0).items[0]

    assert (worst["file"], worst["line"], worst["sourcedId"], worst["explains"]) == ("orgs.csv", 2, "north", 4)
    assert worst["howToFix"] == HOW_TO_FIX["unknown-word"]


def test_of_too_many_problems_each_cause_still_says_how_many_it_explains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orgs = [org(), org("odd", type="skool")]
    classes = [class_(), *(class_(f"c{number}", schoolSourcedId="odd") for number in range(20)), class_("z", title="")]
    users = [user(), *(user(f"n{number}", givenName="") for number in range(40))]
    enrolled = [enrollment(), *(enrollment(f"x{number}", classSourcedId=f"c{number}") for number in range(20))]
    bundle = small(orgs=orgs, classes=classes, users=users, enrollments=enrolled)

    def causes(room: str) -> dict[str, int]:
        staged = Staging(tmp_path / room, bundle)
        groups = problem_groups(staged.folder / "problems.parquet", limit=100, offset=0).items
        return {each["cause"]: each["explains"] for each in groups if each["rule"] != "sampled"}

    whole = causes("whole")
    monkeypatch.setattr(problem_files, "MOST_PROBLEMS", 8)

    assert causes("sampled") == whole
    assert sorted(whole.values()) == [1, 1, 40, 41]  # manifest, title, names, the school that 40 rows need


def test_of_too_many_problems_each_cause_is_seen_all_are_counted_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(problem_files, "MOST_PROBLEMS", 6)
    nameless = [user(f"n{number}", givenName="") for number in range(40)]
    homeless = [class_("a"), *(class_(f"c{number}", schoolSourcedId="gone") for number in range(20)), class_("z", title="")]
    staged = Staging(tmp_path, small(users=[user(), *nameless], classes=[class_(), *homeless]))

    kept = staged.rows("problems")

    assert len(kept) == 6
    assert {each["rule"] for each in kept} >= {"sampled", "unknown-reference", "expected", "required"}, kept
    (found,) = [each["message"] for each in kept if each["rule"] == "sampled"]
    assert found.startswith("62 problems were found and counted; the list holds 6 of them")
    counted = json.loads((staged.folder / "summary.json").read_text())["problems"]
    assert (counted["error"], counted["warning"]) == (21, 40)
