"""Problems are shown by what caused them."""

from pathlib import Path

from chalicelib.roster.problems import HOW_TO_FIX, problem_groups, problem_rows
from tests.roster.districts import class_, enrollment, org, small, user
from tests.roster.test_stage import Staging


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


def test_the_row_that_caused_it_is_the_example(tmp_path: Path) -> None:
    staged = Staging(tmp_path, small(orgs=[org(type="skool")]))

    worst = problem_groups(staged.folder / "problems.parquet", limit=1, offset=0).items[0]

    assert (worst["file"], worst["line"], worst["sourcedId"], worst["explains"]) == ("orgs.csv", 2, "north", 4)
    assert worst["howToFix"] == HOW_TO_FIX["unknown-word"]
