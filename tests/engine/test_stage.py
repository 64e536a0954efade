"""Each row is judged as `validation.md` says: kept, repaired or left out, by name and line."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oneroster_engine.errors import BundleRefused
from oneroster_engine.staging.stage import Staged, stage_bundle, stage_orgs
from oneroster_engine.standard.archive import Limits, inflating
from tests.engine.districts import Rows, class_, course, enrollment, org, role, session, small, user, write_bundle
from tests.examples import examples


class Staging:
    """A staged bundle, to be asked."""

    def __init__(self, folder: Path, files: Mapping[str, Rows], version: str = "1.1", manifest: str = "") -> None:
        bundle = write_bundle(folder / "bundle", version, **files)
        if manifest:
            (bundle / "manifest.csv").write_text(manifest)
        self.folder = folder / "stage"
        self.staged: Staged = stage_bundle(bundle, self.folder)

    def rows(self, entity: str) -> list[dict[str, Any]]:
        found = duckdb.read_parquet(f"{self.folder}/{entity}.parquet")
        return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]

    def problems(self) -> list[tuple[str, int | None, str, str]]:
        return [
            (each["file"], each["line"], each["rule"], each["severity"])
            for each in self.rows("problems")
            if each["severity"] != "note"
        ]


def test_a_clean_bundle_is_kept_whole(tmp_path: Path) -> None:
    staged = Staging(tmp_path, small())

    assert staged.problems() == []
    assert {name: (c.read, c.kept, c.left_out) for name, c in staged.staged.counts.items() if c.read} == {
        "orgs": (1, 1, 0),
        "classes": (1, 1, 0),
        "users": (1, 1, 0),
        "enrollments": (1, 1, 0),
    }


def test_a_bundle_whose_files_come_one_by_one_and_are_read_twice_is_staged_as_one_that_is_there(tmp_path: Path) -> None:
    """Read twice, since users.csv has lost the zeros that its ids have in enrollments.csv."""
    people = small(users=[user("71")], enrollments=[enrollment(userSourcedId="00071")])
    there = Staging(tmp_path / "there", people)
    packed, csv = tmp_path / "bundle.zip", tmp_path / "csv"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in (tmp_path / "there" / "bundle").iterdir():
            archive.write(path, path.name)

    with inflating(packed, csv, Limits(), at_once=0) as one_by_one:
        counts = stage_bundle(csv, tmp_path / "stage", there=one_by_one).counts

    assert [each["sourcedId"] for each in there.rows("users")] == ["00071"]
    assert counts == there.staged.counts
    for entity in counts:
        rows = duckdb.read_parquet(f"{tmp_path}/stage/{entity}.parquet").fetchall()
        assert sorted(rows, key=repr) == sorted(duckdb.read_parquet(f"{there.folder}/{entity}.parquet").fetchall(), key=repr)
    assert {path.stat().st_size for path in csv.glob("*.csv")} == {0}


def test_an_id_may_hold_anything_printable_and_loses_the_blanks_around_it(tmp_path: Path) -> None:
    odd = ['say "hi"', "back\\slash", "größe", "a b", "x" * 255, "{curly}~!", "  around  "]

    staged = Staging(tmp_path, small(orgs=[org(), *(org(each) for each in odd)]))

    assert staged.problems() == []
    assert {each["sourcedId"] for each in staged.rows("orgs")} >= {each.strip() for each in odd}


def test_a_1_1_person_is_lifted_into_roles_the_first_school_being_the_primary_one(tmp_path: Path) -> None:
    two = [org("north"), org("south")]

    ann = Staging(tmp_path, small(orgs=two, users=[user(orgSourcedIds="south,north", role="Teacher")])).rows("users")[0]

    assert [(r["roleType"], r["role"], r["orgSourcedId"]) for r in ann["roles"]] == [
        ("primary", "teacher", "south"),
        ("secondary", "teacher", "north"),
    ]
    assert (ann["userType"], ann["primaryOrgSourcedId"]) == ("teacher", "south")


def test_a_1_2_person_has_the_type_of_the_primary_role(tmp_path: Path) -> None:
    roles = [role(roleType="secondary", role="guardian"), {**role(role="teacher"), "sourcedId": "r2"}]

    staged = Staging(tmp_path, version="1.2", files=small(roles=roles))

    assert staged.staged.version == "1.2"
    assert [(u["userType"], len(u["roles"])) for u in staged.rows("users")] == [("teacher", 2)]
    assert staged.problems() == []


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"orgs": [org(), org("")]}, ("orgs.csv", 3, "sourced-id", "error")),
        ({"orgs": [org(), org("x" * 256)]}, ("orgs.csv", 3, "sourced-id", "error")),
        ({"orgs": [org(), org("a\x1bb")]}, ("orgs.csv", 3, "sourced-id", "error")),
        ({"orgs": [org(), org("a\x7fb")]}, ("orgs.csv", 3, "sourced-id", "error")),
        ({"orgs": [org(), org()]}, ("orgs.csv", 3, "repeated", "warning")),
        ({"orgs": [org(), org(name="Other")]}, ("orgs.csv", 3, "repeated-differently", "error")),
        ({"orgs": [org(), org("s", name="")]}, ("orgs.csv", 3, "required", "error")),
        ({"orgs": [org(), org("s", type="")]}, ("orgs.csv", 3, "required", "error")),
        ({"orgs": [org(), org("s", type="skool")]}, ("orgs.csv", 3, "unknown-word", "error")),
        ({"orgs": [org(parentSourcedId="gone")]}, ("orgs.csv", 2, "unknown-reference", "warning")),
        ({"orgs": [org(status="odd")]}, ("orgs.csv", 2, "status", "warning")),
        ({"academicSessions": [session(title="")]}, ("academicSessions.csv", 2, "required", "error")),
        ({"academicSessions": [session(startDate="soon")]}, ("academicSessions.csv", 2, "unreadable-date", "error")),
        ({"academicSessions": [session(endDate="2026-01-01")]}, ("academicSessions.csv", 2, "end-before-begin", "warning")),
        ({"courses": [course(title="")]}, ("courses.csv", 2, "required", "error")),
        ({"classes": [class_(), class_("k", title="")]}, ("classes.csv", 3, "required", "error")),
        ({"classes": [class_(), class_("k", schoolSourcedId="")]}, ("classes.csv", 3, "required", "error")),
        ({"classes": [class_(), class_("k", schoolSourcedId="gone")]}, ("classes.csv", 3, "unknown-reference", "error")),
        ({"classes": [class_(classType="club")]}, ("classes.csv", 2, "unknown-word", "warning")),
        ({"classes": [class_(courseSourcedId="gone")]}, ("classes.csv", 2, "unknown-reference", "warning")),
        ({"classes": [class_(termSourcedIds="gone")]}, ("classes.csv", 2, "unknown-reference", "warning")),
        ({"users": [user(), user("bob", role="")]}, ("users.csv", 3, "required", "error")),
        ({"users": [user(), user("bob", role="boss")]}, ("users.csv", 3, "unknown-word", "error")),
        ({"users": [user(username="")]}, ("users.csv", 2, "expected", "warning")),
        ({"users": [user(givenName="")]}, ("users.csv", 2, "expected", "warning")),
        ({"users": [user(), user("bob", orgSourcedIds="gone")]}, ("users.csv", 3, "without-role", "error")),
        ({"users": [user(orgSourcedIds="north,gone")]}, ("users.csv", 2, "unknown-reference", "warning")),
        ({"users": [user(agentSourcedIds="gone")]}, ("users.csv", 2, "unknown-reference", "warning")),
        ({"users": [user(enabledUser="maybe")]}, ("users.csv", 2, "unreadable-boolean", "warning")),
        ({"enrollments": [enrollment(role="boss")]}, ("enrollments.csv", 2, "unknown-word", "error")),
        ({"enrollments": [enrollment(role="aide")]}, ("enrollments.csv", 2, "unusual-word", "warning")),
        ({"enrollments": [enrollment(userSourcedId="gone")]}, ("enrollments.csv", 2, "unknown-reference", "error")),
        ({"enrollments": [enrollment(classSourcedId="gone")]}, ("enrollments.csv", 2, "unknown-reference", "error")),
        ({"enrollments": [enrollment(schoolSourcedId="other")]}, ("enrollments.csv", 2, "school-differs", "warning")),
    ],
)
def test_each_finding_is_named_with_its_file_line_and_severity(
    tmp_path: Path, files: dict[str, Rows], problem: tuple[str, int, str, str]
) -> None:
    staged = Staging(tmp_path, small(**files))

    assert problem in staged.problems()
    entity = problem[0].removesuffix(".csv")
    held_back = problem[2] in ("repeated", "unreadable-boolean")
    assert staged.staged.counts[entity].left_out == (1 if problem[3] == "error" or held_back else 0)
    message = next(each["message"] for each in staged.rows("problems") if each["rule"] == problem[2])
    assert message.startswith(f"{problem[0]}, line {problem[1]}: ")


def test_what_follows_from_one_bad_row_has_that_row_as_its_cause_however_far(tmp_path: Path) -> None:
    staged = Staging(tmp_path, small(orgs=[org(type="skool")]))

    errors = {(each["entity"], each["cause"]) for each in staged.rows("problems") if each["severity"] == "error"}
    assert errors == {(entity, "orgs.csv:2:unknown-word:type") for entity in ("orgs", "classes", "users", "enrollments")}


def test_a_school_that_was_never_sent_is_one_cause_too(tmp_path: Path) -> None:
    two = [class_(), class_("a", schoolSourcedId="gone"), class_("b", schoolSourcedId="gone")]

    staged = Staging(tmp_path, small(classes=two))

    assert {each["cause"] for each in staged.rows("problems") if each["severity"] == "error"} == {"orgs.csv:missing:gone"}


def test_a_person_without_a_role_in_1_2_is_left_out(tmp_path: Path) -> None:
    staged = Staging(tmp_path, version="1.2", files=small(users=[user(), user("bob")], roles=[role()]))

    assert ("users.csv", 3, "without-role", "error") in staged.problems()


@pytest.mark.parametrize(
    ("dates", "read"),
    [
        (["2026-09-01", "2026-09-30T00:00:00Z"], ["2026-09-01", "2026-09-30"]),
        (["09/25/2026", "03/04/2026"], ["2026-09-25", "2026-03-04"]),
        (["25/09/2026", "03/04/2026"], ["2026-09-25", "2026-04-03"]),
        (["03/04/2026", "05/06/2026"], [None, None]),
        (["25/09/2026", "09/25/2026"], [None, None]),
    ],
)
def test_a_date_is_read_only_where_the_whole_column_leaves_no_doubt(
    tmp_path: Path, dates: list[str], read: list[str | None]
) -> None:
    rows = [enrollment(f"e{place}", beginDate=date) for place, date in enumerate(dates)]

    staged = Staging(tmp_path, small(enrollments=rows))

    assert [each["beginDate"] and str(each["beginDate"]) for each in staged.rows("enrollments")] == read


@pytest.mark.parametrize(
    ("status", "enabled", "cell"),
    [
        ("", "", "blank"),
        ("active", "true", "active"),
        ("Active", "", "active"),
        ("active", "no", "inactive"),
        ("", "0", "inactive"),
        ("inactive", "", "inactive"),
        ("tobedeleted", "", "deleted"),
        ("To-Be-Deleted", "true", "deleted"),
    ],
)
def test_the_status_of_a_person_follows_the_rule_shown_beside_the_choice(
    tmp_path: Path, status: str, enabled: str, cell: str
) -> None:
    staged = Staging(tmp_path, small(users=[user(status=status, enabledUser=enabled)]))

    assert [each["statusCell"] for each in staged.rows("users")] == [cell]


def test_a_row_to_be_deleted_needs_nothing_but_its_id(tmp_path: Path) -> None:
    deleted = [{"sourcedId": "gone", "status": "tobedeleted"}]

    staged = Staging(tmp_path, small(enrollments=[*deleted, enrollment()], classes=[class_(), *deleted]))

    assert staged.problems() == []
    assert [choice["sourcedId"] for choice in staged.rows("choices/classes")] == ["math-1"]


def test_the_schools_to_choose_from_come_with_their_counts_and_the_district_does_not(tmp_path: Path) -> None:
    orgs = [org("0012", parentSourcedId="d"), org("d", type="district")]

    staged = Staging(
        tmp_path,
        small(orgs=orgs, classes=[class_(schoolSourcedId="0012")], users=[user(orgSourcedIds="0012,d")]),
    )

    assert [(c["sourcedId"], c["parent"], c["classes"], c["users"]) for c in staged.rows("choices/orgs")] == [("0012", "D", 1, 1)]


@pytest.mark.parametrize(
    ("files", "manifest", "said"),
    [
        ({"users": None}, "", "lacks users.csv"),
        ({}, "propertyName,value\noneroster.version,2.0\n", "oneroster.version is `2.0`"),
        ({}, "propertyName,value\nfile.users,delta\n", "users is a delta"),
        ({}, "propertyName,value\nfile.users,some\n", "bulk, delta or absent"),
        ({}, "propertyName,value\nfile.orgs,absent\n", "lacks orgs.csv"),
        ({}, "propertyName,value\noneroster.version,1.2\n", "roles.csv is missing"),
    ],
)
def test_a_bundle_that_is_no_roster_is_refused_and_nothing_is_written(
    tmp_path: Path, files: dict[str, None], manifest: str, said: str
) -> None:
    given = {name: rows for name, rows in small().items() if name not in files}

    with pytest.raises(BundleRefused, match=said):
        Staging(tmp_path, given, manifest=manifest)

    assert list((tmp_path / "stage").rglob("*")) == []


dirt = st.sampled_from(["", "north", "ann", "gone", "student", "tobedeleted", "school", "03/04/2026", "true", "x,y", "odd"])


@given(st.data(), st.sampled_from(["1.1", "1.2"]))
@settings(
    max_examples=examples(16), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_every_row_read_is_kept_or_left_out_whatever_is_sent(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, version: str
) -> None:
    given_rows = {
        "orgs": org(),
        "academicSessions": session(),
        "courses": course(),
        "classes": class_(),
        "users": user(),
        "enrollments": enrollment(),
        **({"roles": role()} if version == "1.2" else {}),
    }
    files: dict[str, Rows] = {}
    for name, row in given_rows.items():
        spoilt = st.fixed_dictionaries({}, optional=dict.fromkeys((*row, "status", "agentSourcedIds"), dirt))
        files[name] = [{**row, **change} for change in data.draw(st.lists(spoilt, max_size=10))]

    staged = Staging(tmp_path_factory.mktemp("district"), files, version)

    for name, counted in staged.staged.counts.items():
        ids = [each["sourcedId"] for each in staged.rows(name)]
        assert counted.read == sum(any(cell.strip() for cell in row.values()) for row in files[name])  # empty cells are padding
        assert counted.read == counted.kept + counted.left_out
        assert len(ids) == len(set(ids))
        assert len(ids) == counted.kept


def test_a_second_row_of_one_person_at_another_school_is_read_as_one_person_of_both(tmp_path: Path) -> None:
    two = [org("north"), org("south")]

    staged = Staging(tmp_path, small(orgs=two, users=[user(), user(orgSourcedIds="south")]))

    assert ("users.csv", 3, "merged", "warning") in staged.problems()
    [person] = staged.rows("users")
    assert [role["orgSourcedId"] for role in person["roles"]] == ["north", "south"]


def test_a_second_row_of_one_person_that_differs_in_more_than_school_and_role_is_left_out(tmp_path: Path) -> None:
    two = [org("north"), org("south")]

    staged = Staging(tmp_path, small(orgs=two, users=[user(), user(orgSourcedIds="south", familyName="Other")]))

    assert ("users.csv", 3, "repeated-differently", "error") in staged.problems()


def test_a_repeated_row_is_left_out_under_its_own_id(tmp_path: Path) -> None:
    staged = Staging(tmp_path, small(users=[user(), user()]))

    assert [(row["entity"], row["sourcedId"], row["line"]) for row in staged.rows("left_out")] == [("users", "ann", 3)]


def test_a_role_at_a_school_that_was_left_out_has_that_school_as_its_cause(tmp_path: Path) -> None:
    files = small(orgs=[org(), org("south", type="skool")], roles=[role(), {**role(orgSourcedId="south"), "sourcedId": "r2"}])

    staged = Staging(tmp_path, files, version="1.2")

    caused = [each["cause"] for each in staged.rows("problems") if each["file"] == "roles.csv"]
    assert caused == ["orgs.csv:3:unknown-word:type"]


def test_a_roles_file_beside_1_1_people_troubles_nobody(tmp_path: Path) -> None:
    staged = Staging(tmp_path, small(roles=[role()]), manifest="propertyName,value\noneroster.version,1.1\n")

    assert [each["userType"] for each in staged.rows("users")] == ["student"]


def test_the_sending_system_is_known_under_the_name_that_some_give_it(tmp_path: Path) -> None:
    staged = Staging(tmp_path, small(), manifest="propertyName,value\nfile.systemName,Some SIS\n")

    assert staged.staged.system == "Some SIS"


def test_the_schools_can_be_listed_before_anything_else_is_read(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle", orgs=[org("b"), org("a", parentSourcedId="d"), org("d", type="district"), org("")])

    counted = stage_orgs(bundle, tmp_path / "stage")

    listed = duckdb.read_parquet(f"{tmp_path}/stage/choices/orgs.parquet").project("sourcedId, parent, classes").fetchall()
    assert listed == [("a", "D", None), ("b", "", None)]
    assert (counted.read, counted.kept, counted.left_out) == (4, 3, 1)


def test_without_orgs_there_is_nothing_to_choose_from(tmp_path: Path) -> None:
    with pytest.raises(BundleRefused, match=r"lacks orgs\.csv"):
        stage_orgs(write_bundle(tmp_path / "bundle", users=[user()]), tmp_path / "stage")


MANIFEST_1_1 = "propertyName,value\noneroster.version,1.1\n"


def test_somebody_without_a_username_is_left_out_only_where_the_group_matches_by_it(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle", "1.1", **small(users=[user(), user("bob", username="")]))

    assert stage_bundle(bundle, tmp_path / "stage", match_with="email").counts["users"].left_out == 0
    assert stage_bundle(bundle, tmp_path / "again", match_with="username").counts["users"].left_out == 1


def test_classes_that_no_title_was_sent_of_are_left_out_where_the_group_has_it_so_and_it_is_one_cause(tmp_path: Path) -> None:
    untitled = [class_("k1", title="", classCode="M1"), class_("k2", title="", classCode="M2")]
    bundle = write_bundle(tmp_path / "bundle", "1.1", **small(classes=untitled, enrollments=[enrollment(classSourcedId="k1")]))

    assert stage_bundle(bundle, tmp_path / "kept").counts["classes"].kept == 2
    left_out = stage_bundle(bundle, tmp_path / "stage", stand_ins=False)

    assert (left_out.counts["classes"].kept, left_out.counts["enrollments"].kept) == (0, 0)
    problems = duckdb.read_parquet(str(tmp_path / "stage" / "problems.parquet"))
    roots = problems.filter("severity = 'error'").project("file, rule, cause").fetchall()
    column = problems.filter("rule = 'blank-column'").project("key, message").fetchall()
    assert [message for _, message in column] == [
        "classes.csv: title is empty in 2 rows, so in nearly all; they were left out, as the group has it."
    ]
    root = column[0][0]
    assert set(roots) == {("classes.csv", "required", root), ("enrollments.csv", "unknown-reference", root)}


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("NULL,,,true,north,student,bob,,,,,,,,,", id="nothing-for-an-id"),
        pytest.param("x,bob,,,true,north,student,bob,,B,F,,,b@x.org,,,", id="something-in-front-of-it"),
        pytest.param("active,2026-09-01,true,north,student,bob,,B,F,,,b@x.org,,,,,", id="its-cell-is-missing"),
    ],
)
def test_a_row_of_which_the_id_cannot_be_read_may_be_anybodys(tmp_path: Path, line: str) -> None:
    bundle = write_bundle(tmp_path / "bundle", "1.1", **small(users=[user(enabledUser="true", email="a@x.org")]))
    with (bundle / "users.csv").open("a") as users:
        users.write(f"{line}\r\n")

    stage_bundle(bundle, tmp_path / "stage")

    left_out = duckdb.read_parquet(str(tmp_path / "stage" / "left_out.parquet")).project("entity, sourcedId").fetchall()
    assert left_out == [("users", None)]


def test_a_bundle_of_another_version_than_the_group_takes_is_refused(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle", "1.1", **small())
    (bundle / "manifest.csv").write_text(MANIFEST_1_1)

    with pytest.raises(BundleRefused, match=r"is OneRoster 1\.1, and this group takes 1\.2"):
        stage_bundle(bundle, tmp_path / "stage", expected="1.2")

    assert stage_bundle(bundle, tmp_path / "stage", expected="1.1").version == "1.1"


def test_a_bundle_that_does_not_say_is_read_as_the_group_takes_it(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle", "1.2", **small(roles=[role()]))

    assert stage_bundle(bundle, tmp_path / "stage").version == "1.2"
    assert stage_bundle(bundle, tmp_path / "again", expected="1.2").version == "1.2"


HEAD = "sourcedId,enabledUser,orgSourcedIds,role,username,givenName,familyName,middleName,password"


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        (["ann,true,north,student,ann,Ann,Lee,,hunter2", "bob,true,north,student,bob,Bob,Ray,hunter3"], {"ann"}),
        (["ann,true,north,student,ann,Ann,Lee,,hunter2", "bob,true,north,student,bob,hunter3"], {"ann"}),
        (["ann,true,north,student,ann,Ann,Lee,,", "bob,true,north,student,bob,Bob,Ray,Jo"], {"ann", "bob"}),
    ],
    ids=["a cell is missing before the password", "three cells are missing before it", "nobody has a password"],
)
def test_a_password_is_read_under_no_other_column(tmp_path: Path, rows: list[str], kept: set[str]) -> None:
    bundle = write_bundle(tmp_path / "csv", "1.1", **small(users=[]))
    (bundle / "users.csv").write_text("\r\n".join([HEAD, *rows, ""]), newline="")

    stage_bundle(bundle, tmp_path / "stage")

    people = duckdb.read_parquet(f"{tmp_path}/stage/users.parquet").fetchall()
    assert {str(each[0]) for each in people} == kept
    assert "hunter" not in str(people)


def test_no_refusal_says_what_may_be_a_persons_name(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "csv", "1.1", **small())
    (bundle / "users.csv").write_text("Annabel Lee\n")

    with pytest.raises(BundleRefused, match=r"users\.csv, line 1: .*the line is no header but data") as refused:
        stage_bundle(bundle, tmp_path / "stage")

    assert "Annabel" not in str(refused.value)
