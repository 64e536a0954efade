"""What Microsoft's and Google's suites for OneRoster providers ask, request by request.

Sources: Microsoft School Data Sync's page on data from OneRoster APIs (lists by `status='active'` and `dateLastModified`, 5,000 a
page) and its public Postman collections for OneRoster 1.1; Google's public notebook for OneRoster 1.2. All were run by hand
(docs/conformance.md).
"""

from pathlib import Path
from typing import Any

import pytest

from oneroster_engine.sample_district import SHAPES, District, write
from tests.engine.districts import session
from tests.rostering.test_api import V1P1, Reader, made
from tests.rostering.test_own_source import PEOPLE
from tests.steps.walk import Walk, make_group, zipped

LISTS = ("academicSessions", "orgs", "courses", "classes", "users", "enrollments")
PEOPLES_LISTS = ("schools", "students", "teachers")


def rows(answer: tuple[int, dict[str, Any], dict[str, str]]) -> list[dict[str, Any]]:
    status, body, _ = answer
    assert status == 200, body
    [found] = body.values()
    return list(found)


@pytest.fixture
def reader(aws: None, tmp_path: Path) -> Reader:
    make_group()
    write(District(SHAPES["tiny"], 1, "1.1", 1, False, False), tmp_path / "sample.zip")
    Walk((tmp_path / "sample.zip").read_bytes()).through()
    return Reader(made(), V1P1)


def test_microsoft_reads_each_list_by_pages_of_5000_and_by_its_changes(reader: Reader) -> None:
    for name in (*LISTS, *PEOPLES_LISTS):
        status, body, headers = reader.get(name, offset=0, limit=5000, filter="status='active'")
        assert len(rows((status, body, headers))) == int(headers["x-total-count"]) >= 3, name
        assert {each["status"] for each in rows((status, body, headers))} == {"active"}, name
        assert rows(reader.get(name, filter="dateLastModified>'2030-01-01T00:00:00.000Z'")) == [], name
        assert len(rows(reader.get(name, filter="dateLastModified>'2020-01-01T00:00:00Z'", limit=5000))) >= 3, name


def test_microsoft_pages_one_by_one_and_with_a_blank_in_a_parameters_name(reader: Reader) -> None:
    for name in (*LISTS, *PEOPLES_LISTS):
        first = rows(reader.get(name, **{"limit ": 100}))
        assert [each["sourcedId"] for each in rows(reader.get(name, offset=2, limit=1))] == [first[2]["sourcedId"]], name
        one = reader.get(f"{name}/{first[0]['sourcedId']}")
        assert one[0] == 200, name
        assert next(iter(one[1].values())) == first[0], name
        assert one[2]["x-total-count"] == "1", name  # asked for with single records too


def test_microsoft_follows_a_class_to_its_term_a_guardian_to_the_students_and_no_school_to_no_classes(reader: Reader) -> None:
    [class_] = rows(reader.get("classes", limit=1))
    status, term, _ = reader.get(f"terms/{class_['terms'][0]['sourcedId']}")
    guardians = rows(reader.get("users", filter="role='guardian'", limit=3))
    named = [reader.get(f"users/{each['agents'][0]['sourcedId']}")[1]["user"]["agents"][0]["sourcedId"] for each in guardians]
    nothing, body, headers = reader.get("schools/nowhere/classes")

    assert (status, term["academicSession"]["type"]) == (200, "semester")
    assert rows(reader.get("terms")) == []
    assert named == [each["sourcedId"] for each in guardians]
    assert (nothing, body, headers["x-total-count"]) == (200, {"classes": []}, "0")


def test_google_finds_a_teacher_by_e_mail_and_what_belongs_to_them(aws: None) -> None:
    make_group()
    people = [{**each, "email": f"{each['sourcedId']}@example.org"} for each in PEOPLE["users"]]
    term = [*PEOPLE["academicSessions"], session("q2", type="gradingPeriod", parentSourcedId="fall")]
    Walk(zipped({**PEOPLE, "users": people, "academicSessions": term})).through()
    for base in (V1P1, "/ims/oneroster/rostering/v1p2"):
        reader = Reader(made(), base)

        [first] = rows(reader.get("teachers", limit=1))
        found = rows(reader.get("teachers", filter=f"email='{first['email'].upper()}'", limit=10_000))
        classes = rows(reader.get(f"teachers/{first['sourcedId']}/classes", filter="status='active'"))
        students = rows(reader.get(f"classes/{classes[0]['sourcedId']}/students"))
        terms = [each["sourcedId"] for each in classes[0]["terms"]]

        assert [each["sourcedId"] for each in found] == [first["sourcedId"]]
        assert {each["sourcedId"] for each in students} == {"ann", "bob"}
        assert "fall" in terms
        assert {each["sourcedId"] for each in rows(reader.get("terms/fall/gradingPeriods"))} == {"q1", "q2"}
