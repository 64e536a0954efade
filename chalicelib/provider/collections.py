"""The standard's lists: which records each holds, by path. `/schools/{id}/students` is the list `students` inside `schools`.

Source: OneRoster 1.1 and 1.2 Rostering, REST binding, the endpoints. Conditions are SQL over a snapshot's rows `own`; `$outer`
and `$inner` are the ids of the path. A list inside something that does not exist is empty: consumers ask so, and the
standard's own test suites expect it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Collection:
    """`one` and `many` are the keys under which one record and a list of them are answered. `by_id`: which records are answered
    by id, where these are others than the list's."""

    entity: str
    one: str
    many: str
    where: str = "true"
    inside: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    by_id: str = ""


def _enrolled(role: str, where: str) -> str:
    return f"sourcedId IN (SELECT userSourcedId FROM enrollments WHERE removedAt IS NULL AND role = '{role}' AND {where})"


_IN_CLASS = "classSourcedId = {}"
_OF_PERSON = "sourcedId IN (SELECT classSourcedId FROM enrollments WHERE removedAt IS NULL AND userSourcedId = $outer{role})"
_IN_SCHOOL = "list_contains(schools, $outer)"
# A class of another school is not in this one, whatever its id.
_CLASS_OF_SCHOOL = "classSourcedId IN (SELECT sourcedId FROM classes WHERE sourcedId = $inner AND list_contains(schools, $outer))"
_ROLE = "list_contains(fields->>'$.roles[*].role', '{}')"
_TYPE = "fields->>'$.type' = '{}'"
_TERMS_OF_SCHOOL = """sourcedId IN (
    SELECT unnest(fields->>'$.termSourcedIds[*]') FROM classes WHERE removedAt IS NULL AND list_contains(schools, $outer))"""

COLLECTIONS: dict[str, Collection] = {
    "orgs": Collection("orgs", "org", "orgs"),
    "schools": Collection("orgs", "org", "orgs", _TYPE.format("school")),
    "academicSessions": Collection("academicSessions", "academicSession", "academicSessions"),
    "terms": Collection(
        "academicSessions",
        "academicSession",
        "academicSessions",
        _TYPE.format("term"),
        {("schools",): _TERMS_OF_SCHOOL},
        by_id="true",  # a class's `terms` may be semesters and school years; consumers look for them here
    ),
    "gradingPeriods": Collection(
        "academicSessions",
        "academicSession",
        "academicSessions",
        _TYPE.format("gradingPeriod"),
        {("terms",): "fields->>'$.parentSourcedId' = $outer"},
    ),
    "courses": Collection(
        "courses",
        "course",
        "courses",
        inside={
            ("schools",): f"({_IN_SCHOOL} OR sourcedId IN "
            f"(SELECT fields->>'$.courseSourcedId' FROM classes WHERE removedAt IS NULL AND {_IN_SCHOOL}))"
        },
    ),
    "classes": Collection(
        "classes",
        "class",
        "classes",
        inside={
            ("schools",): _IN_SCHOOL,
            ("courses",): "fields->>'$.courseSourcedId' = $outer",
            ("terms",): "list_contains(fields->>'$.termSourcedIds[*]', $outer)",
            ("students",): _OF_PERSON.format(role=" AND role = 'student'"),
            ("teachers",): _OF_PERSON.format(role=" AND role = 'teacher'"),
            ("users",): _OF_PERSON.format(role=""),
        },
    ),
    "users": Collection("users", "user", "users"),
    "students": Collection(
        "users",
        "user",
        "users",
        _ROLE.format("student"),
        {
            ("schools",): _IN_SCHOOL,
            ("classes",): _enrolled("student", _IN_CLASS.format("$outer")),
            ("schools", "classes"): _enrolled("student", _CLASS_OF_SCHOOL),
        },
    ),
    "teachers": Collection(
        "users",
        "user",
        "users",
        _ROLE.format("teacher"),
        {
            ("schools",): _IN_SCHOOL,
            ("classes",): _enrolled("teacher", _IN_CLASS.format("$outer")),
            ("schools", "classes"): _enrolled("teacher", _CLASS_OF_SCHOOL),
        },
    ),
    "enrollments": Collection(
        "enrollments",
        "enrollment",
        "enrollments",
        inside={("schools",): _IN_SCHOOL, ("schools", "classes"): _CLASS_OF_SCHOOL},
    ),
}
