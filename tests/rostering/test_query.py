"""What a consumer gets of a snapshot: lists, single records, filters, and what a consumer of one school never sees."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from chalicelib.model.record_notes import as_noted
from chalicelib.provider.errors import RequestFailed
from chalicelib.provider.filter_grammar import parse_filter
from chalicelib.provider.query import ListPath, Page, Query, View, read_one, read_page
from chalicelib.provider.resources import Version, links, render
from tests.engine.districts import class_, course, enrollment, org, session, user
from tests.engine.test_plan import Platform

BASE = "https://roster.example/ims/oneroster/rostering/v1p2"
DISTRICT: dict[str, list[dict[str, str]]] = {
    "orgs": [
        org("d", type="district"),
        org("north", parentSourcedId="d"),
        org("south", parentSourcedId="d"),
    ],
    "academicSessions": [session("fall"), session("q1", type="gradingPeriod", parentSourcedId="fall")],
    "courses": [course("math", courseCode="M1"), course("art", orgSourcedId="south")],
    "classes": [
        class_("m1", courseSourcedId="math", termSourcedIds="fall", subjects="Maths,Algebra"),
        class_("a1", courseSourcedId="art", schoolSourcedId="south", termSourcedIds="fall"),
    ],
    "users": [
        user("ann", email="Ann@x.org", familyName="Alder", agentSourcedIds="gil,gus"),
        user("bob", orgSourcedIds="south", familyName="Birch"),
        user("tea", role="teacher", orgSourcedIds="north,south", familyName="Cedar"),
        user("gil", role="guardian", familyName="Alder"),
        user("gus", role="guardian", orgSourcedIds="south", familyName="Alder"),
    ],
    "enrollments": [
        enrollment("e1", classSourcedId="m1"),
        enrollment("e2", classSourcedId="m1", userSourcedId="tea", role="teacher", primary="true"),
        enrollment("e3", classSourcedId="a1", schoolSourcedId="south", userSourcedId="bob"),
        enrollment("e4", classSourcedId="a1", schoolSourcedId="south", userSourcedId="tea", role="teacher"),
    ],
}
EVERYTHING = View()
NORTH = View(frozenset({"north"}))


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    platform = Platform(tmp_path_factory.mktemp("provider"))
    platform.sync(DISTRICT)
    assert platform.snapshot
    return platform.snapshot


def page(snapshot: Path, path: str, view: View = EVERYTHING, version: Version = Version.V1P2, **query: Any) -> Page:
    *inside, collection = path.split("/")
    pairs = tuple(zip(inside[::2], inside[1::2], strict=True))
    if "filter" in query:
        query["filter"] = parse_filter(query["filter"])
    return read_page(snapshot, ListPath(collection, pairs), Query(**query), view, version)


def ids(snapshot: Path, path: str, view: View = EVERYTHING, **query: Any) -> set[str]:
    return {each.sourced_id for each in page(snapshot, path, view, **query).records}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param(path, set(expected.split()), id=path)
        for path, expected in {
            "orgs": "d north south",
            "schools": "north south",
            "academicSessions": "fall q1",
            "terms": "fall",
            "gradingPeriods": "q1",
            "terms/fall/gradingPeriods": "q1",
            "terms/fall/classes": "m1 a1",
            "courses": "math art",
            "courses/math/classes": "m1",
            "classes": "m1 a1",
            "classes/m1/students": "ann",
            "classes/m1/teachers": "tea",
            "users": "ann bob tea gil gus",
            "students": "ann bob",
            "teachers": "tea",
            "students/ann/classes": "m1",
            "teachers/tea/classes": "m1 a1",
            "users/tea/classes": "m1 a1",
            "enrollments": "e1 e2 e3 e4",
            "schools/north/courses": "math",
            "schools/north/classes": "m1",
            "schools/north/students": "ann",
            "schools/north/teachers": "tea",
            "schools/north/terms": "fall",
            "schools/north/enrollments": "e1 e2",
            "schools/north/classes/m1/students": "ann",
            "schools/north/classes/m1/teachers": "tea",
            "schools/north/classes/m1/enrollments": "e1 e2",
            "schools/south/classes/m1/students": "",
            "schools/nowhere/classes": "",
        }.items()
    ],
)
def test_a_list_holds_what_the_standard_says(snapshot: Path, path: str, expected: set[str]) -> None:
    found = page(snapshot, path)

    assert {each.sourced_id for each in found.records} == expected
    assert found.total == len(expected)


@pytest.mark.parametrize(
    ("path", "sent", "expected"),
    [
        pytest.param("users", "email='ann@X.org'", "ann", id="text-ignores-case"),
        pytest.param("users", "sourcedId='ANN'", "", id="ids-do-not-ignore-case"),
        pytest.param("users", "familyName='Alder' AND username!='ann'", "gil gus", id="and"),
        pytest.param("users", "familyName='Birch' OR familyName='Cedar'", "bob tea", id="or"),
        pytest.param("users", "familyName='Birch' OR familyName='Alder' AND roles.role='student'", "bob ann", id="and-first"),
        pytest.param("users", "familyName~'ed'", "tea", id="contains"),
        pytest.param("users", "(familyName='Birch' OR familyName='Alder') AND roles.role='student'", "bob ann", id="parentheses"),
        pytest.param("users", "roles.role='student' AND((sourcedId='bob') OR sourcedId = 'tea' )", "bob", id="inner-parentheses"),
        pytest.param("users", "enabledUser=true AND sourcedId='ann'", "ann", id="true-without-quotes"),
        pytest.param("users", "sourcedId=7 OR familyName='O''Brien'", "", id="a-number-and-a-quote"),
        pytest.param("users", "familyName>='Birch'", "bob tea", id="at-least"),
        pytest.param("users", "roles.role='teacher'", "tea", id="one-of-a-list"),
        pytest.param("users", "middleName!='x'", "ann bob tea gil gus", id="absent-is-not-x"),
        pytest.param("classes", "subjects='maths,algebra'", "m1", id="all-of-a-list"),
        pytest.param("classes", "subjects='maths,art'", "", id="not-all-of-a-list"),
        pytest.param("classes", "subjects~'maths,art'", "m1", id="any-of-a-list"),
        pytest.param("classes", "school.sourcedId='south'", "a1", id="dotted"),
        pytest.param("enrollments", "user.sourcedId='tea' AND class.sourcedId='a1'", "e4", id="enrollment-of-a-person"),
        pytest.param("enrollments", "status='active'", "e1 e2 e3 e4", id="status"),
        pytest.param("enrollments", "dateLastModified>'2026-09-02T05:59:59.999Z'", "e1 e2 e3 e4", id="changed-since"),
        pytest.param("enrollments", "dateLastModified>'2026-09-02T06:00:00.000Z'", "", id="not-changed-since"),
    ],
)
def test_a_filter_finds_what_it_says(snapshot: Path, path: str, sent: str, expected: str) -> None:
    assert ids(snapshot, path, filter=sent) == set(expected.split())


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param("shoeSize='9'", "invalid_filter_field", id="unknown-field"),
        pytest.param("givenName=Ann", "invalid_filter_field", id="no-quotes"),
        pytest.param("givenName='a' XOR email='b'", "invalid_filter_field", id="no-such-word"),
        pytest.param("dateLastModified>'yesterday'", "invalid_filter_field", id="no-date"),
        pytest.param("roles.role>'a'", "invalid_filter_field", id="a-list-has-no-order"),
        pytest.param("", "invalid_filter_field", id="nothing"),
        pytest.param("(givenName='a'", "invalid_filter_field", id="not-closed"),
        pytest.param("givenName='a')", "invalid_filter_field", id="not-opened"),
        pytest.param("()", "invalid_filter_field", id="nothing-in-parentheses"),
        pytest.param("(" * 2000 + "givenName='a'", "invalid_filter_field", id="too-deep"),
        pytest.param("enabledUser=trueish", "invalid_filter_field", id="a-word-without-quotes"),
        pytest.param(" AND ".join(["(givenName='a' OR givenName='b')"] * 9), "invalid_filter_field", id="multiplied-out"),
    ],
)
def test_a_filter_that_cannot_be_read_is_refused_and_never_ignored(snapshot: Path, sent: str, code: str) -> None:
    with pytest.raises(RequestFailed) as refusal:
        ids(snapshot, "users", filter=sent)

    assert (refusal.value.status, refusal.value.code_minor) == (400, code)


def test_pages_follow_each_other_without_gap_or_repetition_sorted_or_not(snapshot: Path) -> None:
    for more in ({}, {"sort": "familyName"}, {"sort": "familyName", "descending": True}, {"filter": "status='active'"}):
        pages = [page(snapshot, "users", limit=2, offset=offset, **more) for offset in (0, 2, 4, 6)]
        found = [each.sourced_id for one in pages for each in one.records]

        assert sorted(found) == ["ann", "bob", "gil", "gus", "tea"]
        assert {one.total for one in pages} == {5}
    assert page(snapshot, "users", sort="sourcedId", descending=True).records[0].sourced_id == "tea"


def test_a_consumer_of_one_school_sees_that_school_and_nothing_else(snapshot: Path) -> None:
    assert ids(snapshot, "orgs", NORTH) == {"north", "d"}
    assert ids(snapshot, "classes", NORTH) == {"m1"}
    assert ids(snapshot, "courses", NORTH) == {"math"}
    assert ids(snapshot, "users", NORTH) == {"ann", "tea", "gil"}
    assert ids(snapshot, "enrollments", NORTH) == {"e1", "e2"}
    assert ids(snapshot, "schools/south/students", NORTH) == set()
    assert ids(snapshot, "schools/south/teachers", NORTH) == set()
    assert ids(snapshot, "classes/a1/teachers", NORTH) == set()
    assert ids(snapshot, "teachers/tea/classes", NORTH) == {"m1"}
    assert ids(snapshot, "users", NORTH, filter="roles.org.sourcedId='south'") == set()
    with pytest.raises(RequestFailed, match="There is no field agents"):
        ids(snapshot, "users", NORTH, filter="agents.sourcedId='gus'")
    with pytest.raises(RequestFailed, match="There is no user bob"):
        read_one(snapshot, ListPath("users"), "bob", NORTH)
    teacher = read_one(snapshot, ListPath("users"), "tea", NORTH)
    assert [role["orgSourcedId"] for role in teacher.fields["roles"]] == ["north"]
    assert read_one(snapshot, ListPath("users"), "ann", NORTH).fields["agentSourcedIds"] == ["gil"]


@pytest.mark.parametrize(
    ("person", "view", "expected"),
    [
        pytest.param("gil", EVERYTHING, ["ann"], id="whoever-names-them"),
        pytest.param("gil", NORTH, ["ann"], id="in-their-school"),
        pytest.param("gus", View(frozenset({"south"})), [], id="nobody-of-another-school"),
        pytest.param("gil", View(hidden=frozenset({"agents"})), [], id="nobody-where-guardians-are-hidden"),
        pytest.param("ann", EVERYTHING, ["gil", "gus"], id="a-student-has-guardians-alone"),
        pytest.param("tea", EVERYTHING, [], id="a-teacher-has-nobody"),
    ],
)
def test_a_guardian_links_to_the_students_who_name_them(snapshot: Path, person: str, view: View, expected: list[str]) -> None:
    alone = read_one(snapshot, ListPath("users"), person, view)
    [listed] = page(snapshot, "users", view, filter=f"sourcedId='{person}'").records

    for found in (alone, listed):
        shown = render("users", found, links(BASE), Version.V1P2)
        linked = [each["sourcedId"] for each in shown.get("agents", []) if "agents" not in view.hidden]
        assert linked == expected
        assert as_noted(shown).get("agents") == (shown.get("agents") if person == "ann" else None)  # it is no part of the roster


def test_a_hidden_field_is_neither_filtered_nor_sorted_by(snapshot: Path) -> None:
    view = View(hidden=frozenset({"email"}))
    with pytest.raises(RequestFailed, match="There is no field email"):
        ids(snapshot, "users", view, filter="email='ann@x.org'")
    with pytest.raises(RequestFailed, match="can't be sorted by email"):
        ids(snapshot, "users", view, sort="email")


def test_who_was_removed_is_told_as_tobedeleted_until_the_grace_period_ends(tmp_path: Path) -> None:
    platform = Platform(tmp_path)
    platform.sync(DISTRICT)
    platform.sync({**DISTRICT, "users": [each for each in DISTRICT["users"] if each["sourcedId"] != "bob"]})
    assert platform.snapshot

    bob = read_one(platform.snapshot, ListPath("users"), "bob", EVERYTHING)

    assert render("users", bob, links(BASE), Version.V1P2)["status"] == "tobedeleted"
    assert ids(platform.snapshot, "users", filter="status='tobedeleted'") == {"bob"}


def test_a_record_has_the_members_and_types_of_the_standard(snapshot: Path) -> None:
    link = links(BASE)
    teacher = read_one(snapshot, ListPath("teachers"), "tea", EVERYTHING)
    placed = read_one(snapshot, ListPath("enrollments"), "e2", EVERYTHING)
    term = read_one(snapshot, ListPath("terms"), "fall", EVERYTHING)

    new, old = render("users", teacher, link, Version.V1P2), render("users", teacher, link, Version.V1P1)

    assert new["enabledUser"] == "true"
    assert [(each["roleType"], each["role"], each["org"]["sourcedId"]) for each in new["roles"]] == [
        ("primary", "teacher", "north"),
        ("secondary", "teacher", "south"),
    ]
    assert new["roles"][0]["org"] == {"href": f"{BASE}/orgs/north", "sourcedId": "north", "type": "org"}
    assert (old["role"], [each["sourcedId"] for each in old["orgs"]]) == ("teacher", ["north", "south"])
    assert "roles" not in old
    assert "orgs" not in new
    assert render("enrollments", placed, link, Version.V1P2)["primary"] == "true"
    assert render("academicSessions", term, link, Version.V1P2)["schoolYear"] == "2026"
    assert new["dateLastModified"] == "2026-09-02T06:00:00.000Z"


def test_there_is_no_list_that_the_standard_does_not_have(snapshot: Path) -> None:
    for path in ("parents", "users/ann/students", "classes/m1/terms"):
        with pytest.raises(RequestFailed) as refusal:
            page(snapshot, path)
        assert refusal.value.status == 404


def test_date_last_modified_is_when_a_sync_last_changed_the_record_here(tmp_path: Path) -> None:
    platform = Platform(tmp_path)
    platform.sync(DISTRICT)
    renamed = [{**each, "familyName": "Beech"} if each["sourcedId"] == "bob" else each for each in DISTRICT["users"]]
    platform.sync({**DISTRICT, "users": renamed})
    assert platform.snapshot

    assert ids(platform.snapshot, "users", filter="dateLastModified>'2026-09-02T06:00:00Z'") == {"bob"}


def test_a_snapshot_from_before_the_lookups_is_read_and_followed_all_the_same(tmp_path: Path) -> None:
    platform = Platform(tmp_path)
    platform.sync(DISTRICT)
    assert platform.snapshot
    older = "SELECT sourcedId, platformId, platformStatus, since, removedAt, digest, name, schools, fields FROM read_parquet($1)"
    for path in platform.snapshot.glob("*.parquet"):
        duckdb.execute(f"COPY ({older.replace('$1', repr(str(path)))}) TO '{path}.old' (FORMAT parquet)")
        Path(f"{path}.old").replace(path)

    assert ids(platform.snapshot, "classes/m1/students") == {"ann"}
    platform.sync(DISTRICT)
    assert platform.snapshot
    assert ids(platform.snapshot, "classes/m1/students") == {"ann"}
    assert read_one(platform.snapshot, ListPath("users"), "ann", EVERYTHING).modified == "2026-09-02T06:00:00Z"
