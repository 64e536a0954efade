"""A saved selection against a naive reading of its own rules, and the cases that an admin would argue about."""

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from oneroster_engine.selecting.saved import (
    Classes,
    ClassRule,
    Later,
    People,
    PeopleCell,
    Resolved,
    Saved,
    Schools,
    Seen,
    look,
    resolve,
)
from oneroster_engine.selecting.selection import Selection

Row = Mapping[str, Any]
ORG = "sourcedId VARCHAR, name VARCHAR, parentSourcedId VARCHAR, status VARCHAR"
CLASS = (
    "sourcedId VARCHAR, title VARCHAR, classCode VARCHAR, course VARCHAR, terms VARCHAR, grades VARCHAR[], "
    "subjects VARCHAR[], schoolSourcedId VARCHAR"
)


def write(path: Path, columns: str, rows: Sequence[Row]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [column.split(" ")[0] for column in columns.split(", ")]
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE made ({columns})")
        for row in rows:
            connection.execute(f"INSERT INTO made VALUES ({', '.join('?' * len(names))})", [row[name] for name in names])
        connection.execute(f"COPY made TO '{path}' (FORMAT parquet)")
    return path


def school(sourced_id: str, parent: str | None = "district") -> Row:
    return {"sourcedId": sourced_id, "name": sourced_id.title(), "parentSourcedId": parent, "status": "active"}


def class_(sourced_id: str, school: str = "north", **more: Any) -> Row:
    fields = {"title": sourced_id.title(), "classCode": "", "course": "", "terms": "", "grades": [], "subjects": []}
    return {"sourcedId": sourced_id, "schoolSourcedId": school, **fields, **more}


def resolved(
    saved: Saved,
    schools: Sequence[Row],
    classes: Sequence[Row],
    seen: tuple[Sequence[Row], Sequence[Row]] | None = None,
    others: Sequence[Row] = (),
) -> Resolved:
    """`others`: orgs that are no schools, as the parents of schools."""
    with TemporaryDirectory() as folder:
        stage = Path(folder) / "stage"
        write(stage / "choices" / "orgs.parquet", ORG, schools)
        write(stage / "choices" / "classes.parquet", CLASS, classes)
        write(stage / "orgs.parquet", ORG, [*schools, *others])
        looked_at = seen and Seen(
            write(Path(folder) / "seen" / "orgs.parquet", ORG, seen[0]),
            write(Path(folder) / "seen" / "classes.parquet", CLASS, seen[1]),
        )
        return resolve(saved, stage, looked_at)


NORTH, SOUTH = school("north"), school("south")


def names(found: Resolved) -> list[str]:
    return [each.name for each in found.new_schools]


def test_a_school_that_appears_later_waits_and_brings_nobody_until_somebody_decides() -> None:
    saved = Saved(schools=Schools(all=True), classes=Classes(all=True))
    classes = [class_("a", "north"), class_("b", "south")]

    found = resolved(saved, [NORTH, SOUTH], classes, seen=([NORTH], [classes[0]]))

    assert (found.selection.orgs, names(found)) == (frozenset({"north"}), ["South"])
    assert (found.selection.classes, found.classes, found.new_classes) == (None, 1, ())


@pytest.mark.parametrize(("later", "chosen"), [(Later.INCLUDE, {"north", "south"}), (Later.EXCLUDE, {"north"})])
def test_or_it_is_included_or_excluded_without_asking(later: Later, chosen: set[str]) -> None:
    saved = Saved(schools=Schools(ids=("north",), later=later), classes=Classes(all=True))

    found = resolved(saved, [NORTH, SOUTH], [], seen=([NORTH], []))

    assert (found.selection.orgs, found.new_schools) == (frozenset(chosen), ())


def test_a_decision_about_a_new_school_ends_its_waiting() -> None:
    schools = [NORTH, SOUTH, school("west")]
    saved = Saved(schools=Schools(all=True, ids=("south",), excluded=("west",)), classes=Classes(all=True))

    found = resolved(saved, schools, [], seen=([NORTH], []))

    assert (found.selection.orgs, found.new_schools) == (frozenset({"north", "south"}), ())


def test_a_parents_schools_are_chosen_at_any_depth_and_when_they_come_later() -> None:
    area = school("area", "district")
    saved = Saved(schools=Schools(parents=("district",)), classes=Classes(all=True))

    found = resolved(
        saved, [school("deep", "area"), school("other", None)], [], seen=([school("other", None)], []), others=[area]
    )

    assert (found.selection.orgs, found.new_schools) == (frozenset({"deep"}), ())


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        (ClassRule(title="ALGEBRE"), True),
        (ClassRule(title="geometry"), False),
        (ClassRule(code="m-1"), True),
        (ClassRule(course="math"), True),
        (ClassRule(grade="9"), True),
        (ClassRule(grade="0"), False),
        (ClassRule(subject="sci"), True),
        (ClassRule(subject="art"), False),
        (ClassRule(term="spring"), True),
        (ClassRule(title="algèbre", grade="10"), False),
    ],
)
def test_a_class_is_chosen_by_its_words(rule: ClassRule, fits: bool) -> None:
    row = class_(
        "a", title="Algèbre I", classCode="M-101", course="Mathematics", terms="Fall; Spring", grades=["09"], subjects=["Science"]
    )
    saved = Saved(schools=Schools(ids=("north",)), classes=Classes(rules=(rule,), later=Later.EXCLUDE))

    assert resolved(saved, [NORTH], [row]).selection.classes == frozenset({"a"} if fits else ())


def test_a_rule_without_a_word_is_refused() -> None:
    with pytest.raises(ValidationError):
        ClassRule(title="  ")


def test_a_class_of_a_school_that_is_not_chosen_is_neither_chosen_nor_asked_about() -> None:
    saved = Saved(schools=Schools(ids=("north",), later=Later.EXCLUDE), classes=Classes(ids=("b",), later=Later.ASK))

    found = resolved(saved, [NORTH, SOUTH], [class_("a", "south"), class_("b", "south")])

    assert (found.selection.classes, found.new_classes, found.missing_classes) == (frozenset(), (), ())


def test_a_listed_school_that_left_the_source_is_told_and_left_alone() -> None:
    saved = Saved(schools=Schools(ids=("north", "gone")), classes=Classes(all=True))

    found = resolved(saved, [NORTH], [])

    assert (found.missing_schools, found.selection.orgs) == (("gone",), frozenset({"north"}))


def test_a_school_chosen_later_brings_classes_that_were_not_on_offer_before(tmp_path: Path) -> None:
    schools, classes = [NORTH, SOUTH], [class_("a"), class_("b"), class_("c", "south")]
    saved = Saved(schools=Schools(ids=("north",)), classes=Classes(ids=("a",)))
    stage = tmp_path / "stage"
    write(stage / "choices" / "orgs.parquet", ORG, schools)
    write(stage / "choices" / "classes.parquet", CLASS, classes)
    write(stage / "orgs.parquet", ORG, schools)
    look(saved, stage, tmp_path / "seen")

    both = saved.model_copy(update={"schools": Schools(ids=("north", "south"))})
    found = resolve(both, stage, Seen(tmp_path / "seen" / "orgs.parquet", tmp_path / "seen" / "classes.parquet"))

    assert found.selection.classes == frozenset({"a", "c"})


def test_everything_now_and_later_is_everything() -> None:
    later = Later.INCLUDE
    saved = Saved(schools=Schools(all=True, later=later), classes=Classes(all=True, later=later))

    found = resolved(saved, [NORTH], [class_("a")])

    assert (found.selection.orgs, found.selection.classes, found.schools, found.classes) == (None, None, 1, 1)


def test_a_role_stands_for_its_people_whatever_their_status() -> None:
    people = People(cells=(PeopleCell(status="active", user_type="student"),), roles=("teacher",))
    saved = Saved(schools=Schools(all=True), classes=Classes(all=True), people=people)

    cells = resolved(saved, [NORTH], []).selection.cells

    teachers = {(status, "teacher") for status in ("active", "inactive", "deleted", "blank")}
    assert cells == frozenset(teachers | {("active", "student")})


def test_what_one_sync_chose_chooses_the_same_from_the_same_bundle() -> None:
    schools, classes = [NORTH, SOUTH], [class_("a"), class_("b"), class_("c", "south")]
    for chosen in (
        Selection(frozenset({"north"}), frozenset({"a"}), frozenset({("blank", "student")}), True, False, True),
        Selection(None, None, frozenset({("active", "aide")}), False, True, False),
    ):
        found = resolved(Saved.of(chosen), schools, classes, seen=(schools, classes)).selection

        assert found.orgs == (chosen.orgs or {"north", "south"})
        assert found.classes in (chosen.classes, None)
        assert found.to_json() | {"orgs": 0, "classes": 0} == chosen.to_json() | {"orgs": 0, "classes": 0}


IDS = [f"s{number}" for number in range(4)]
CLASS_IDS = [f"c{number}" for number in range(6)]
WORDS = st.sampled_from(["", "a", "b", "É", "ab"])


def some(ids: Sequence[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(ids), unique=True, max_size=len(ids)).map(tuple)


def classed(sourced_id: str, at: str, title: str, grade: str, subject: str, terms: str) -> Row:
    return class_(sourced_id, at, title=title, classCode=title, course=subject, terms=terms, grades=[grade], subjects=[subject])


laters = st.sampled_from(list(Later))
rules = st.builds(ClassRule, title=WORDS, grade=st.just("09"), subject=WORDS) | st.builds(
    ClassRule, term=st.just("fall"), code=WORDS, course=WORDS
)
saveds = st.builds(
    Saved,
    schools=st.builds(Schools, all=st.booleans(), ids=some(IDS), excluded=some(IDS), parents=some(["p", "q"]), later=laters),
    classes=st.builds(
        Classes, all=st.booleans(), ids=some(CLASS_IDS), excluded=some(CLASS_IDS), rules=st.lists(rules, max_size=2).map(tuple),
        later=laters,
    ),
)  # fmt: skip
school_rows = st.lists(
    st.builds(school, st.sampled_from(IDS), st.sampled_from(["p", "q", None])), unique_by=lambda row: row["sourcedId"]
)
class_rows = st.lists(
    st.builds(
        classed,
        st.sampled_from(CLASS_IDS), st.sampled_from(IDS), WORDS, st.sampled_from(["9", "09", "10"]), WORDS,
        st.sampled_from(["Fall; Spring", ""]),
    ),
    unique_by=lambda row: row["sourcedId"],
)  # fmt: skip


def folded(value: str) -> str:
    return "".join(each for each in unicodedata.normalize("NFKD", value.lower()) if not unicodedata.combining(each))


def fits(rule: ClassRule, row: Row) -> bool:
    contained = ((rule.title, "title"), (rule.code, "classCode"), (rule.course, "course"), (rule.term, "terms"))
    return (
        all(folded(word) in folded(row[column]) for word, column in contained)
        and (not rule.grade or rule.grade.lstrip("0") in [each.lstrip("0") for each in row["grades"]])
        and (not rule.subject or any(folded(rule.subject) in folded(each) for each in row["subjects"]))
    )


def verdict(part: Schools | Classes, sourced_id: str, ruled: bool, seen: bool) -> str:
    if sourced_id in part.excluded:
        return "exclude"
    if sourced_id in part.ids or ruled:
        return "include"
    if seen:
        return "include" if part.all else "exclude"
    return part.later.value


@settings(max_examples=40, deadline=None)
@given(saveds, school_rows, class_rows, some(IDS), some(CLASS_IDS))
def test_it_says_what_its_rules_say(
    saved: Saved, schools: list[Row], classes: list[Row], seen_schools: tuple[str, ...], seen_classes: tuple[str, ...]
) -> None:
    seen = ([school(each) for each in seen_schools], [class_(each) for each in seen_classes])

    found = resolved(saved, schools, classes, seen)

    fields = {
        row["sourcedId"]: verdict(
            saved.schools, row["sourcedId"], row["parentSourcedId"] in saved.schools.parents, row["sourcedId"] in seen_schools
        )
        for row in schools
    }
    said_classes = {
        row["sourcedId"]: verdict(
            saved.classes,
            row["sourcedId"],
            any(fits(rule, row) for rule in saved.classes.rules),
            row["sourcedId"] in seen_classes,
        )
        for row in classes
        if fields.get(row["schoolSourcedId"]) == "include"
    }
    assert found.selection.orgs in ({each for each in fields if fields[each] == "include"}, None)
    assert found.selection.classes in ({each for each in said_classes if said_classes[each] == "include"}, None)
    assert found.schools == list(fields.values()).count("include")
    assert found.classes == list(said_classes.values()).count("include")
    assert {each.sourced_id for each in found.new_schools} == {each for each in fields if fields[each] == "ask"}
    assert {each.sourced_id for each in found.new_classes} == {each for each in said_classes if said_classes[each] == "ask"}
    assert set(found.missing_schools) == set(saved.schools.ids) - set(fields)
    assert set(found.missing_classes) == set(saved.classes.ids) - {row["sourcedId"] for row in classes}
