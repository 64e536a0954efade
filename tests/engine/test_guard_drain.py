"""A school that loses a few people with each sync, and no sync is held: what the last weeks took is counted together."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from oneroster_engine.planning.drain import MOST_SCHOOLS, approved, counted_since
from oneroster_engine.planning.guard import Breach, Concern, CountedFrom, Guard, Kind, Limit, concern_breaches
from tests.engine.districts import class_, course, enrollment, org, session, user
from tests.engine.test_guard_kinds import Files, School
from tests.engine.test_plan import read

PEOPLE = 100
NOW = datetime(2026, 9, 30, 4, tzinfo=UTC)


def a_school(students: Sequence[int]) -> Files:
    """North with these students, each under a given name that nobody else has, and 20 teachers."""
    named = {"orgSourcedIds": "north", "familyName": "Li"}
    return {
        "orgs": [org("d", type="district"), org("north", parentSourcedId="d")],
        "users": [
            *(user(f"s{n:03}", givenName=f"G{n:03}", username=f"s{n:03}", **named) for n in students),
            *(user(f"t{n:03}", givenName=f"T{n:03}", username=f"t{n:03}", role="teacher", **named) for n in range(20)),
        ],
        "academicSessions": [],
        "courses": [],
        "classes": [],
        "enrollments": [],
    }


def night(school: School, files: Files, guard: Guard | None = None) -> list[str]:
    """Sync, and approve whatever holds it; why it was held."""
    planned = school.guarded(files, guard)
    school.commit(removals=True)
    return [f"{each.kind}: {each.message}" for each in planned.breaches]


@pytest.fixture(scope="module")
def one_night_later(tmp_path_factory: pytest.TempPathFactory) -> School:
    school = School(tmp_path_factory.mktemp("school"))
    night(school, a_school(range(PEOPLE)))
    assert night(school, a_school(range(8, PEOPLE))) == [], "eight of a hundred are below the limit of a sync"
    return school


@pytest.fixture
def school(one_night_later: School) -> Iterator[School]:
    """A platform that has lost eight of North's hundred students the night before."""
    snapshot = one_night_later.snapshot
    yield one_night_later
    one_night_later.snapshot = snapshot


def test_a_school_that_loses_eight_in_a_hundred_each_night_is_held_on_the_second(school: School) -> None:
    (removed,) = {row["removedAt"] for row in read(school.snapshot / "users.parquet")} - {None}  # type: ignore[operator]
    since = date.fromisoformat(removed[:10])

    planned = school.guarded(a_school(range(15, PEOPLE)))

    assert [(each.kind, each.message) for each in planned.breaches] == [
        (
            "drain",
            "North: 15 of 100 students would be gone, a few with each sync: "
            f"8 since {since.day} {since:%B %Y}, and 7 more in this sync.",
        )
    ]
    rows = read(school.room / "plan" / "held.parquet")
    assert {(row["kind"], row["school"], row["sourcedId"]) for row in rows} == {
        ("drain", "north", f"s{n:03}") for n in range(8, 15)
    }, "the rows behind it are what this sync removes"


def test_once_somebody_has_approved_the_removals_the_count_begins_again(school: School) -> None:
    for counted in (CountedFrom(school.now), CountedFrom(FIRST, {"north": school.now})):
        assert school.guarded(a_school(range(15, PEOPLE)), Guard(counted_from=counted)).breaches == []


def test_an_approval_for_one_school_hides_no_drain_of_another(school: School) -> None:
    elsewhere = CountedFrom(FIRST, {"south": school.now})

    assert [each.kind for each in school.guarded(a_school(range(15, PEOPLE)), Guard(counted_from=elsewhere)).breaches] == [
        "drain"
    ]


def breach(school: str, kind: Kind = "removals", whole: bool = False) -> Breach:
    return Breach(school, "users", 20, 100, "", kind, whole=whole)


# What an approval on the 30th makes of it where the first sync was on the 1st, and school a was approved on the 10th.
FIRST, TENTH = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 9, 10, tzinfo=UTC)
APPROVED = {
    "nothing": ([], CountedFrom(FIRST, {"a": TENTH})),
    "another harm": ([breach("b", "roles"), breach("", "errors", whole=True)], CountedFrom(FIRST, {"a": TENTH})),
    "one school": ([breach("b")], CountedFrom(FIRST, {"a": TENTH, "b": NOW})),
    "one school, for its drain": ([breach("b", "drain")], CountedFrom(FIRST, {"a": TENTH, "b": NOW})),
    "the same school again": ([breach("a")], CountedFrom(FIRST, {"a": NOW})),
    "records without a school": ([breach("")], CountedFrom(FIRST, {"a": TENTH, "": NOW})),
    "all schools together": ([breach("", whole=True)], CountedFrom(NOW)),
    "more schools than a group remembers": ([breach(f"s{n}") for n in range(MOST_SCHOOLS + 1)], CountedFrom(NOW)),
    "as many as it remembers": (
        [breach(f"s{n}") for n in range(MOST_SCHOOLS)], CountedFrom(FIRST, {f"s{n}": NOW for n in range(MOST_SCHOOLS)})),
}  # fmt: skip


@pytest.mark.parametrize(("breaches", "counted"), APPROVED.values(), ids=APPROVED)
def test_an_approval_counts_anew_where_somebody_has_looked(breaches: list[Breach], counted: CountedFrom) -> None:
    assert approved(CountedFrom(FIRST, {"a": TENTH}), breaches, NOW) == counted


def test_an_approval_that_no_longer_counts_is_forgotten() -> None:
    assert approved(CountedFrom(FIRST, {"a": TENTH}), [breach("b")], datetime(2026, 11, 1, tzinfo=UTC)).schools.keys() == {"b"}


def test_those_who_come_back_are_not_counted(school: School) -> None:
    assert school.guarded(a_school([*range(8), *range(15, PEOPLE)])).breaches == []


def test_a_school_where_as_many_come_as_leave_does_not_shrink(school: School) -> None:
    newcomers = range(PEOPLE, PEOPLE + 11)

    assert school.guarded(a_school([*range(15, PEOPLE), *newcomers])).breaches == []
    night(school, a_school([*range(8, PEOPLE), *newcomers[:9]]))
    assert school.guarded(a_school([*range(15, PEOPLE), *newcomers[:9]])).breaches == [], "nor where they came the night before"


def test_who_comes_is_taken_off_what_a_school_has_lost(school: School) -> None:
    planned = school.guarded(a_school([*range(17, PEOPLE), *range(PEOPLE, PEOPLE + 3)]))

    assert [(each.kind, each.removed, each.records) for each in planned.breaches] == [("drain", 14, 100)]
    assert planned.breaches[0].message.endswith("and 9 more in this sync; 3 have come.")


def test_a_school_that_closes_with_the_customer_s_word_is_not_drained(school: School) -> None:
    assert school.guarded(a_school(range(15, PEOPLE)), Guard(closing=("north",))).breaches == []


def test_only_one_reason_is_given_where_this_sync_alone_removes_too_many(school: School) -> None:
    assert {each.kind for each in school.guarded(a_school(range(30, PEOPLE))).breaches} == {"removals"}


FIGURES = {
    "the default": (Guard(), True),
    "a figure of the group's own": (Guard(limits={"drain": Limit(0.2, 10)}), False),
    "never stricter than one sync may be": (Guard(share=0.2), False),
    "nor of fewer records": (Guard(floor=20), False),
    "removals that are let go": (Guard(standing={"removals": "letGo"}), False),
    "in the rollover window": (Guard(rollover_from=NOW.date(), rollover_to=NOW.date()), False),
}


@pytest.mark.parametrize(("guard", "held"), FIGURES.values(), ids=FIGURES)
def test_a_drain_is_held_by_the_figures_of_removals_and_its_own(guard: Guard, held: bool) -> None:
    drain = Concern("drain", "north", "North", "users", 15, 100, "student")

    assert bool(concern_breaches([drain], guard, NOW.date())) is held


SINCE = {
    "thirty days": (Guard(), datetime(2026, 8, 31, 4, tzinfo=UTC)),
    "the last approval": (Guard(counted_from=CountedFrom(datetime(2026, 9, 20, tzinfo=UTC))), datetime(2026, 9, 20, tzinfo=UTC)),
    "an approval of long ago": (
        Guard(counted_from=CountedFrom(datetime(2026, 3, 20, tzinfo=UTC))),
        datetime(2026, 8, 31, 4, tzinfo=UTC),
    ),
    "the end of the rollover window": (
        Guard(rollover_from=date(2026, 8, 1), rollover_to=date(2026, 9, 10)),
        datetime(2026, 9, 11, tzinfo=UTC),
    ),
    "a window that is still open": (
        Guard(rollover_from=date(2026, 8, 1), rollover_to=date(2026, 9, 30)),
        datetime(2026, 8, 31, 4, tzinfo=UTC),
    ),
}


@pytest.mark.parametrize(("guard", "since"), SINCE.values(), ids=SINCE)
def test_removals_are_counted_since(guard: Guard, since: datetime) -> None:
    assert counted_since(guard, NOW) == since


def test_classes_and_enrollments_are_counted_too_but_not_those_that_end_or_are_exchanged(tmp_path: Path) -> None:
    """North loses classes and enrollments. South loses classes of a term that is over, and its enrollments are exchanged."""

    def of(gone: int) -> Files:
        files = a_school([])
        schools = (("north", "fall"), ("south", "past"))
        exchanged = [enrollment(f"x{n}", classSourcedId="south-home", userSourcedId=f"south-{n}") for n in range(gone)]
        return {
            **files,
            "orgs": [*files["orgs"], org("south", parentSourcedId="d")],
            "academicSessions": [session("fall"), session("past", startDate="2026-01-10", endDate="2026-08-01")],
            "courses": [course("k", orgSourcedId="d")],
            "users": [
                user(f"{school}-{n}", givenName=f"G{school}{n}", orgSourcedIds=school) for school, _ in schools for n in range(20)
            ],
            "classes": [
                *(class_(f"{s}-{n}", schoolSourcedId=s, termSourcedIds=term) for s, term in schools for n in range(gone, 20)),
                *(class_(f"{s}-home", schoolSourcedId=s, termSourcedIds="fall") for s, _ in schools),
            ],
            "enrollments": [
                *(
                    enrollment(f"{s}-{n}", classSourcedId=f"{s}-home", userSourcedId=f"{s}-{n}")
                    for s, _ in schools
                    for n in range(gone, 20)
                ),
                *exchanged,
            ],
        }

    school, small = School(tmp_path), Guard(share=0.25, floor=5)
    assert [night(school, of(gone), small) for gone in (0, 4)] == [[], []]

    found = [
        (each.school, each.entity, each.removed, each.records)
        for each in school.guarded(of(8), Guard(0.25, 5, limits={"drain": Limit(0.25, 5)})).breaches
    ]

    assert sorted(found) == [("north", "classes", 8, 21), ("north", "enrollments", 8, 20)]


# What comes beside fifteen of a hundred classes of the fall that vanish, over two nights.
BESIDE = {
    "nothing": ([], True),
    "classes of the same term": (["fall"], False),
    "classes of a term that runs from the same day to the same day": (["autumn"], False),
    "classes of two terms that make the same time": (["first,second"], False),
    "classes of the next term": (["spring"], True),
    "classes of the whole year": (["year"], True),
    "classes that say no term": ([""], True),
}


@pytest.fixture(scope="module")
def classes_later(tmp_path_factory: pytest.TempPathFactory) -> School:
    school = School(tmp_path_factory.mktemp("school"))
    assert [night(school, fall_classes(gone, [])) for gone in (0, 8)] == [[], []]
    return school


def fall_classes(gone: int, beside: list[str]) -> Files:
    spring = {"startDate": "2027-01-10", "endDate": "2027-06-10"}
    terms = [
        session("fall"), session("autumn"), session("spring", **spring), session("year", endDate="2027-06-10"),
        session("first", endDate="2026-10-15"), session("second", startDate="2026-10-16"),
    ]  # fmt: skip
    return {
        **a_school([]),
        "academicSessions": terms,
        "courses": [course("k", orgSourcedId="d")],
        "classes": [
            *(class_(f"f{n}", title=f"Fall {n}", courseSourcedId="k", termSourcedIds="fall") for n in range(gone, 100)),
            *(class_(f"n{n}", title=f"New {n}", courseSourcedId="k", termSourcedIds=term) for term in beside for n in range(15)),
        ],
    }


@pytest.mark.parametrize(("beside", "held"), BESIDE.values(), ids=BESIDE)
def test_a_class_takes_the_place_of_one_that_runs_for_the_same_time_alone(
    classes_later: School, beside: list[str], held: bool
) -> None:
    planned = classes_later.guarded(fall_classes(15, beside))

    assert [(each.kind, each.entity, each.removed, each.records) for each in planned.breaches] == (
        [("drain", "classes", 15, 100)] if held else []
    )


def test_enrollments_of_a_new_class_hide_none_that_are_lost_beside_it(tmp_path: Path) -> None:
    def of(gone: int) -> Files:
        new = ["elective"] if gone else []
        return {
            **a_school(range(PEOPLE)),
            "courses": [course("k", orgSourcedId="d")],
            "classes": [class_(each, courseSourcedId="k") for each in ("home", *new)],
            "enrollments": [
                *(enrollment(f"h{n}", classSourcedId="home", userSourcedId=f"s{n:03}") for n in range(gone, PEOPLE)),
                *(enrollment(f"{each}{n}", classSourcedId=each, userSourcedId=f"s{n:03}") for each in new for n in range(PEOPLE)),
            ],
        }

    school = School(tmp_path)
    assert [night(school, of(gone)) for gone in (0, 9)] == [[], []]

    figures = Guard(limits={"drain": Limit(0.05, 10)}, share=0.05)
    found = [(each.kind, each.entity, each.removed, each.records) for each in school.guarded(of(18), figures).breaches]

    assert found == [("drain", "enrollments", 18, 200)]
