"""Each kind of harm that a plan can do to people, tried on one school that is synced once: what holds it, and what doesn't."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from oneroster_engine.planning import guard, measures
from oneroster_engine.planning.guard import Concern, Guard, Limit, concern_breaches
from oneroster_engine.planning.policy import Policy, Purging
from oneroster_engine.planning.review import review
from oneroster_engine.planning.snapshot import next_snapshot
from oneroster_engine.planning.summary import Planned
from oneroster_engine.planning.undo import plan_undo
from tests.engine.dirty import side_by_side
from tests.engine.districts import class_, course, enrollment, org, role, session, user
from tests.engine.test_plan import Platform, read

EXAMPLES = int(os.environ.get("GUARD_EXAMPLES", "0"))  # a large run; make test takes a few
Files = dict[str, list[dict[str, str]]]
Harm = Callable[[dict[str, str]], dict[str, str]]


def a_district() -> Files:
    """Two schools: North with 40 students, 40 guardians and 12 teachers; South with 20 students and 4 teachers."""
    users, enrollments = [], []
    for school, students, teachers in (("north", 40, 12), ("south", 20, 4)):
        for n in range(students):
            i = f"{school[0]}s{n:03}"
            users.append(
                user(i, givenName=f"Given{i}", familyName=f"Family{i}", username=i, email=f"{i}@x.example", identifier=f"id{i}",
                     grades="09", orgSourcedIds=school, agentSourcedIds=f"g{i}", enabledUser="true",
                     userIds=f"{{LDAP:{i}}}")
            )  # fmt: skip
            users.append(user(f"g{i}", givenName=f"Adult{i}", familyName=f"Family{i}", role="guardian", orgSourcedIds=school))
            enrollments += [
                enrollment(f"e{i}{c}", classSourcedId=f"{school[0]}c{(n + c) % 8}", userSourcedId=i) for c in range(3)
            ]
        for n in range(teachers):
            i = f"{school[0]}t{n:03}"
            users.append(
                user(i, givenName=f"Given{i}", familyName=f"Family{i}", username=i, email=f"{i}@x.example", role="teacher",
                     orgSourcedIds=school, sms=f"555-0{i[2:]}")
            )  # fmt: skip
            more = {"role": "teacher", "primary": "true", "userSourcedId": i}
            enrollments.append(enrollment(f"e{i}", classSourcedId=f"{school[0]}c{n % 8}", **more))
    return {
        "orgs": [org("d", type="district"), *(org(each, parentSourcedId="d") for each in ("north", "south"))],
        "academicSessions": [session("year", type="schoolYear"), session("fall", parentSourcedId="year")],
        "courses": [course(f"k{n}", title=f"Course {n}", orgSourcedId="d") for n in range(8)],
        "classes": [
            class_(
                f"{school[0]}c{n}", schoolSourcedId=school, courseSourcedId=f"k{n}", termSourcedIds="fall", classType="scheduled"
            )
            for school in ("north", "south")
            for n in range(8)
        ],
        "users": users,
        "enrollments": enrollments,
    }


def with_each(entity: str, harm: Harm, prefix: str = "", most: int = 10_000, **where: str) -> Files:
    """The district with `harm` done to rows whose id begins with `prefix` and whose columns are as `where` says."""
    files = a_district()
    hit = [r for r in files[entity] if r["sourcedId"].startswith(prefix) and all(r.get(k) == v for k, v in where.items())][:most]
    assert hit
    files[entity] = [harm(row) if row in hit else row for row in files[entity]]
    return files


def with_more(entity: str, *rows: dict[str, str]) -> Files:
    files = a_district()
    return {**files, entity: [*files[entity], *rows]}


def students(number: int = 40) -> list[dict[str, str]]:
    return [row for row in a_district()["users"] if row["sourcedId"].startswith("ns")][:number]


def renamed(row: dict[str, str], how: Callable[[str], str]) -> dict[str, str]:
    return {**row, "sourcedId": how(row["sourcedId"])}


HELD: dict[str, tuple[Files, str, str]] = {
    "identity: every name, username and e-mail another": (
        with_each("users", lambda r: {**r, "givenName": "X" + r["givenName"], "email": "x" + r.get("email", ""),
                                      "username": "x" + r["username"]}),
        "identity", "North: 40 of 40 students would get another name, username, e-mail or identifier."),
    "identity: the teachers alone, who are few": (
        with_each("users", lambda r: {**r, "username": "x" + r["username"]}, "nt"),
        "identity", "North: 12 of 12 teachers would get another name, username, e-mail or identifier."),
    "replaced: some students are somebody else": (
        with_each("users", lambda r: {**r, "givenName": "Other", "familyName": "Other" + r["sourcedId"]}, "ns", 8),
        "replaced", "North: 8 of 40 students would become somebody else: both of their names differ."),
    "rights: students become teachers": (
        with_each("users", lambda r: {**r, "role": "teacher"}, "ns", 3),
        "rights", "North: 3 students would get the rights of staff, which they do not have now."),
    "rights: students become teachers of their classes": (
        with_each("enrollments", lambda r: {**r, "role": "teacher"}, "ens", 4),
        "rights", "North: 4 enrollments would get the rights of staff, which they do not have now."),
    "rights: students are enrolled as teachers beside": (
        with_more("enrollments", *(enrollment(f"t{s['sourcedId']}", classSourcedId="nc1", userSourcedId=s["sourcedId"],
                                              role="teacher") for s in students(5))),
        "rights", "North: 5 enrollments would get the rights of staff, which they do not have now."),
    "doubles: everybody twice": (
        with_more("users", *(renamed(s, lambda i: f"again-{i}") for s in students())),
        "doubles", "North: 40 new students look like people who are already there (40 of 40 would exist twice)."),
    "doubles: by name, grade and school alone": (
        with_more("users", *({**renamed(s, lambda i: f"again-{i}"), "username": "n" + s["username"], "email": "",
                              "identifier": ""} for s in students(6))),
        "doubles", "North: 6 new students look like people who are already there (6 of 40 would exist twice)."),
    "emptied: no e-mail any more": (
        with_each("users", lambda r: {**r, "email": ""}),
        "emptied", "North: 40 of 40 students would lose their e-mail: it is empty in the source now."),
    "emptied: grades, of one school": (
        with_each("users", lambda r: {**r, "grades": ""}, "ns", 10),
        "emptied", "North: 10 of 40 students would lose their grades: it is empty in the source now."),
    "relations: guardians taken from students": (
        with_each("users", lambda r: {**r, "agentSourcedIds": ""}, "ns", 12),
        "relations", "North: 12 of 40 students would lose their guardians."),
    "relations: guardians of other children": (
        with_each("users", lambda r: {**r, "agentSourcedIds": f"gns{(int(r['sourcedId'][2:]) + 1) % 40:03}"}, "ns"),
        "relations", "North: 40 of 40 students would lose their guardians."),
    "relations: nobody is the primary teacher": (
        with_each("enrollments", lambda r: {**r, "primary": "false"}, "ent"),
        "relations", "North: 12 of 12 teacher enrollments would lose their mark as the primary teacher."),
    "memberships: moved as a whole": (
        with_each("enrollments", lambda r: {**r, "classSourcedId": "nc7"}, "ens", 30),
        "memberships", "North: 27 of 120 student enrollments would move to another class."),
    "memberships: under the next student's name": (
        with_each("enrollments", lambda r: {**r, "userSourcedId": f"ns{(int(r['userSourcedId'][2:]) + 1) % 40:03}"}, "ens", 30),
        "memberships", "North: 30 of 120 student enrollments would become another person's."),
    "roles: no teacher is one any more": (
        with_each("users", lambda r: {**r, "role": "student"}, "nt"),
        "roles", "North: 12 of 12 teachers would lose a role."),
    "moved: a third of a school to another": (
        with_each("users", lambda r: {**r, "orgSourcedIds": "south"}, "ns", 15),
        "moved", "North: 15 of 40 students would leave this school for another."),
    "disabled: everybody is inactive": (
        with_each("users", lambda r: {**r, "enabledUser": "false"}, "ns"),
        "disabled", "North: 40 of 40 students would become inactive."),
    "classes: under other courses": (
        with_each("classes", lambda r: {**r, "courseSourcedId": "k0"}, "nc"),
        "classes", "North: 7 of 8 classes would change their course or school."),
    "classes: each other's titles": (
        with_each("classes", lambda r: {**r, "title": f"{r['title'][:-1]}{(int(r['title'][-1]) + 1) % 8}"}, "nc"),
        "classes", "North: 8 of 8 classes would get a title that is another's, that others have too, or that is only their id."),
    "classes: one title for all": (
        with_each("classes", lambda r: {**r, "title": "Class"}, "nc"),
        "classes", "North: 8 of 8 classes would get a title that is another's, that others have too, or that is only their id."),
    "classes: homerooms": (
        with_each("classes", lambda r: {**r, "classType": "homeroom"}, "nc"),
        "classes", "North: 8 of 8 classes would be of another type (homeroom, scheduled)."),
    "sessions: a year later": (
        with_each("academicSessions", lambda r: {**r, "startDate": "2027-08-20", "endDate": "2027-12-13"}, "fall"),
        "sessions", "1 of 2 academic sessions would move by more than a month. For example Fall: 2026-08-20 to 2026-12-13 "
                    "would be 2027-08-20 to 2027-12-13."),
    "view: a school is not there any more": (
        {name: [r for r in rows if "south" not in r.values() and not r["sourcedId"].startswith(("ss", "st", "es", "gs", "sc"))]
         for name, rows in a_district().items()},
        "view", "South: the provider's view became smaller: this school is not in the source any more."),
    "view: the district is not there any more": (
        {**a_district(), "orgs": [org("north"), org("south")], "courses": [course(f"k{n}") for n in range(8)]},
        "view", "D: the provider's view became smaller: this district is not in the source any more."),
    "removals: the teachers' enrollments alone": (
        {**a_district(), "enrollments": [r for r in a_district()["enrollments"] if not r["sourcedId"].startswith("ent")]},
        "removals", "North: 12 of 12 teacher enrollments would be ended."),
    "damaged: capitals": (
        with_each("classes", lambda r: renamed(r, str.upper), "nc"),
        "damaged", "8 ids of classes look damaged: each is new and near to one that has vanished. For example nc0 became NC0."),
    "rights: teachers become administrators": (
        with_each("users", lambda r: {**r, "role": "administrator"}, "nt", 3),
        "rights", "North: 3 teachers would get the rights of administrators, which they do not have now."),
    "guardians: one adult for everybody, beside their own": (
        with_each("users", lambda r: {**r, "agentSourcedIds": r["agentSourcedIds"] + ",gns001"}, "ns", 20),
        "guardians", "North: 19 of 40 students would get guardians whom they do not have now"),
    "grades: half of a school one up": (
        with_each("users", lambda r: {**r, "grades": "10"}, "ns", 20),
        "grades", "North: 20 of 40 students would be a grade higher, while the others stay."),
    "grades: a school one down": (
        with_each("users", lambda r: {**r, "grades": "08"}, "ns"),
        "grades", "North: 40 of 40 students would change to another grade than the next."),
    "view: two schools under each other's id": (
        with_each("orgs", lambda r: {**r, "name": {"North": "South", "South": "North"}.get(r["name"], r["name"])}),
        "view", "North: this school would have the name or identifier of another, or its own id for a name. "
                "For example North would be South."),
    "roles: the teachers' enrollments as students": (
        with_each("enrollments", lambda r: {**r, "role": "student"}, "ent"),
        "roles", "North: 12 of 12 teacher enrollments would lose the role of a teacher, or the rights of staff."),
    "memberships: enrollments over since last week": (
        with_each("enrollments", lambda r: {**r, "endDate": "2026-08-25"}, "ens", 30),
        "memberships", "North: 30 of 120 student enrollments would be over: their last day has passed."),
    "memberships: enrollments that have begun would begin later": (
        with_each("enrollments", lambda r: {**r, "beginDate": "2027-08-25"}, "ens", 30),
        "memberships",
        "North: 30 of 120 student enrollments would not have begun any more: their first day would be yet to come."),
    "identity: everybody's user ids another": (
        with_each("users", lambda r: {**r, "userIds": r["userIds"].replace("LDAP:", "LDAP:x")}, "ns"),
        "identity", "North: 40 of 40 students would get another name, username, e-mail or identifier. What differs: user ids."),
    "classes: in a new session that has ended": (
        {**with_each("classes", lambda r: {**r, "termSourcedIds": "past"}, "nc"),
         "academicSessions": [*a_district()["academicSessions"],
                              session("past", startDate="2025-08-20", endDate="2026-06-13")]},
        "classes", "North: 8 of 8 classes would be over: all their terms have ended."),
    "moved: a school in another one too": (
        with_each("users", lambda r: {**r, "orgSourcedIds": "north,south"}, "ns"),
        "moved", "South: 40 students of other schools would belong to this school too, to which 20 belong now."),
    "doubles: every enrollment twice": (
        with_more("enrollments", *(renamed(r, lambda i: f"again-{i}") for r in a_district()["enrollments"])),
        "doubles", "North: 12 new enrollments are of a person and class that have one already (12 of 12 would exist twice)."),
    "doubles: every class twice": (
        with_more("classes", *(renamed(r, lambda i: f"again-{i}") for r in a_district()["classes"])),
        "doubles", "North: 8 new classes look like classes that are already there (8 of 8 would exist twice)."),
    "replaced: some usernames are each other's": (
        with_each("users", lambda r: {**r, "username": f"ns{(int(r['sourcedId'][2:]) + 1) % 8:03}"}, "ns", 8),
        "replaced", "North: 8 of 40 students would get the username, e-mail or identifier of somebody else."),
    "identity: everybody's telephone another": (
        with_each("users", lambda r: {**r, "sms": f"555-9{r['sourcedId'][2:]}"}, "nt"),
        "identity", "North: 12 of 12 teachers would get another telephone number."),
    "doubles: everybody in one class": (
        with_more("enrollments", *(enrollment(f"x{s['sourcedId']}", classSourcedId="nc1", userSourcedId=s["sourcedId"])
                                   for s in students())),
        "doubles", "North: 40 new student enrollments would more than double who is in their classes (120 are there now)."),
    "grades: no number any more": (
        with_each("users", lambda r: {**r, "grades": "UG"}, "ns"),
        "grades", "North: 40 of 40 students would change to another grade than the next."),
    "classes: courses under each other's titles": (
        with_each("courses", lambda r: {**r, "title": f"Course {(int(r['sourcedId'][1:]) + 1) % 8}"}),
        "classes", "D: 8 of 8 courses would get a title that is another's, that others have too, or that is only their id."),
    "removals: some of every school, of none too many": (
        {**a_district(), "users": [r for r in a_district()["users"] if r["sourcedId"] not in
                                   {f"g{s}{n:03}" for s, most in (("ns", 8), ("ss", 8)) for n in range(most)}]},
        "removals", "All schools together: 16 of 60 guardians would be deactivated."),
}  # fmt: skip

ORDINARY: dict[str, Files] = {
    "the same again": a_district(),
    "some leave, marry, change an e-mail": {
        **with_each("users", lambda r: {**r, "familyName": "Married", "email": "m" + r.get("email", "")}, "ns", 4),
        "enrollments": a_district()["enrollments"][3:],
    },
    "two become aides of a teacher": with_each("users", lambda r: {**r, "role": "aide"}, "ns", 2),
    "a school opens": {
        **with_more("users", *(user(f"w{n}", givenName=f"New{n}", familyName=f"West{n}", username=f"w{n}", orgSourcedIds="west")
                               for n in range(60))),
        "orgs": [*a_district()["orgs"], org("west", parentSourcedId="d")],
    },
    "brothers and sisters with their parents' e-mail": with_more(
        "users", *(user(f"b{n}", givenName=f"Sib{n}", familyName=s["familyName"], username=f"b{n}", email=s["email"],
                        orgSourcedIds="north", grades="07") for n, s in enumerate(students(8)))),
    "a term that ends a week later": with_each("academicSessions", lambda r: {**r, "endDate": "2026-12-20"}, "fall"),
    "a term that is called a semester": with_each("academicSessions", lambda r: {**r, "type": "semester"}, "fall"),
    "five get a second guardian": with_each(
        "users", lambda r: {**r, "agentSourcedIds": r["agentSourcedIds"] + ",gns039"}, "ns", 5),
    "a school has another name": with_each("orgs", lambda r: {**r, "name": "North High"}, "north"),
    "a new administrator, and four more sections": {
        **with_more("users", user("a1", role="administrator", orgSourcedIds="d", familyName="New")),
        "classes": [*a_district()["classes"], *(class_(f"n{n}", courseSourcedId="k1") for n in range(4))],
    },
    "everybody is a grade higher": with_each("users", lambda r: {**r, "grades": "10"}, "ns"),
    "everybody gets a second user id": with_each("users", lambda r: {**r, "userIds": r["userIds"] + ",{AD:x}"}, "ns"),
    "names and e-mails in capitals": with_each(
        "users", lambda r: {**r, **{k: r[k].upper() for k in ("givenName", "familyName", "email", "username") if k in r}}),
    "telephones with a country": with_each("users", lambda r: {**r, "sms": f"+1 {r['sms']}"}, "nt"),
    "grades of one digit": with_each("users", lambda r: {**r, "grades": "9"}, "ns"),
    "one section goes up in another": with_each(
        "enrollments", lambda r: {**r, "classSourcedId": "nc1"} if r["classSourcedId"] == "nc0" else r, "ens"),
    "enrollments begin a day later": with_each("enrollments", lambda r: {**r, "beginDate": "2026-08-21"}),
    "everybody gets an e-mail at last": with_each("users", lambda r: {**r, "email": r["sourcedId"] + "@x.example"}, "gns"),
}  # fmt: skip


class School(Platform):
    """A platform with a district on it, of which each plan starts from the same snapshot."""

    def guarded(
        self,
        files: Files,
        guard: Guard | None = None,
        spared: Path | None = None,
        unproved: Mapping[str, str] | None = None,
        version: str = "1.1",
    ) -> Planned:
        guard, before = guard or Guard(), self.snapshot
        planned = self.sync(files, version=version, commit=False, unproved=unproved, guard=guard)
        self.cut_off.clear()
        policy = Policy(sync_id=f"s{self.syncs}", now=self.now, guard=guard)
        return review(planned, self.room / "plan", before, policy, self.room / "stage", (), [spared] if spared else [])

    def commit(self, removals: bool) -> None:
        out = self.room / "snapshot"
        next_snapshot(self.snapshot, self.room / "plan", out, self.now, Purging(), removals)
        self.snapshot = out


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> School:
    school = School(tmp_path_factory.mktemp("school"))
    assert not school.guarded(a_district()).held, "a first sync is not held"
    school.commit(removals=True)
    return school


@pytest.fixture
def school(synced: School) -> Iterator[School]:
    snapshot = synced.snapshot
    yield synced
    synced.snapshot = snapshot


# Held for a school or a district of their own: each in a town of its own, all towns in one bundle.
TOWNS = [name for name in HELD if HELD[name][2].startswith(("North: ", "South: ", "D: "))]
TEXTS = ("name", "title", "givenName", "familyName", "username", "identifier", "sms")


def as_towns(districts: Iterable[Files]) -> Files:
    """Each is a town, in which nobody is like somebody of another town; the third's North is called North 2."""

    def of_town(row: dict[str, str], town: int) -> dict[str, str]:
        own = {column: f"{row[column]} {town}" for column in TEXTS if row.get(column)}
        own |= {"email": f"{town}.{row['email']}"} if row.get("email") else {}
        own |= {"userIds": row["userIds"].replace("}", f" {town}}}")} if row.get("userIds") else {}
        return {**row, **own}

    return side_by_side(
        [
            {name: [of_town(row, town) for row in rows] for name, rows in district.items()}
            for town, district in enumerate(districts)
        ]
    )


def in_towns(school: School, days: list[Files]) -> Planned:
    """What is planned of a day on which each of the towns, which were alike, has a day of its own."""
    school.guarded(as_towns(a_district() for _ in days))
    school.commit(removals=True)
    return school.guarded(as_towns(days))


@pytest.fixture(scope="module")
def harmed(tmp_path_factory: pytest.TempPathFactory) -> tuple[School, Planned]:
    school = School(tmp_path_factory.mktemp("towns"))
    return school, in_towns(school, [HELD[name][0] for name in TOWNS])


def assert_held(planned: Planned, school: School, kind: str, message: str) -> None:
    found = [each.message for each in planned.breaches if each.kind == kind]
    assert any(message in each for each in found), [each.message for each in planned.breaches]
    if kind not in ("view", "removals"):
        rows = read(school.room / "plan" / "held.parquet")
        assert [row for row in rows if row["kind"] == kind]


@pytest.mark.parametrize("name", TOWNS)
def test_a_plan_that_hurts_is_held_with_school_and_numbers_and_its_rows(harmed: tuple[School, Planned], name: str) -> None:
    (school, planned), (_, kind, message) = harmed, HELD[name]

    assert_held(planned, school, kind, re.sub(r"\b(North|South|D)\b", rf"\1 {TOWNS.index(name)}", message))


@pytest.mark.parametrize("name", [name for name in HELD if name not in TOWNS])
def test_a_plan_that_hurts_more_than_a_school_is_held_with_numbers_and_its_rows(school: School, name: str) -> None:
    files, kind, message = HELD[name]

    assert_held(school.guarded(files), school, kind, message)


def several_at_once() -> Files:
    """Harm of many kinds, each to records of its own."""
    files = a_district()
    for row in files["orgs"]:
        row.update({"name": "School", "parentSourcedId": ""} if row["type"] == "school" else {})
    for row in files["courses"]:
        row["title"] = row["sourcedId"]
    for row in files["academicSessions"]:
        row["type"] = "gradingPeriod"
    for row in files["enrollments"]:
        row.update({"role": "aide"} if row["sourcedId"].startswith("ent") else {})
    for row in files["users"]:
        i = row["sourcedId"]
        row.update({"grades": "07,08,09", "userIds": "{LDAP:x}"} if i.startswith("ss") else {})
        row.update({"email": "office@x.example"} if i.startswith("gns") else {})
    files["users"] += [
        user(f"boss{n}", role="districtAdministrator" if n else "principal", orgSourcedIds="d", familyName="New")
        for n in range(3)
    ]
    return files


def test_each_kind_of_harm_in_one_plan_is_named_for_itself(school: School) -> None:
    found = [each.message for each in school.guarded(several_at_once()).breaches]

    for message in (
        "North: this school would have the name or identifier of another, or its own id for a name.",
        "South: this school would have the name or identifier of another, or its own id for a name.",
        "North: this school would belong to another district or org than now, or to none.",
        "D: 8 of 8 courses would get a title that is another's, that others have too, or that is only their id. For example ",
        "2 of 2 academic sessions would be of another type (term, gradingPeriod).",
        "North: 12 of 12 teacher enrollments would lose the role of a teacher, or the rights of staff.",
        "South: 20 of 20 students would change to another grade than the next.",
        "South: 20 of 20 students would get a username, e-mail or identifier that many others get too.",
        "North: 40 of 40 guardians would get a username, e-mail or identifier that many others get too.",
        "D: 3 new administrators would have the rights of administrators.",
    ):
        assert any(each.startswith(message) for each in found), (message, found)


def test_rights_that_a_few_get_at_each_of_many_schools_are_held_together(school: School) -> None:
    few = [f"{s}s{n:03}" for s in "ns" for n in range(5)]
    harmed = with_each("users", lambda r: {**r, "role": "teacher"} if r["sourcedId"] in few else r)

    breaches = school.guarded(harmed, Guard(limits={"rights": Limit(0, 6)})).breaches

    found = [each.message for each in breaches if each.kind == "rights"]
    assert found == ["All schools together: 10 students would get the rights of staff, which they do not have now."]


GRADES = {"09": 9, "9": 9, "KG": 0, "K": 0, "k": 0, "0": 0, "PK": -1, "-1": -1, "12": 12, "Grade 7": 7, "UG": None, "": None}


def test_a_grade_is_the_same_number_however_it_is_written() -> None:
    with duckdb.connect() as connection:
        (numbers,) = connection.execute(
            f"SELECT list({measures._GRADE.format(side='side')} ORDER BY place) FROM ("
            "SELECT generate_subscripts($1, 1) AS place, "
            "json_object('fields', json_object('grades', [unnest($1::VARCHAR[])])) AS side)",
            [list(GRADES)],
        ).fetchall()[0]

    assert dict(zip(GRADES, numbers, strict=True)) == GRADES


# What is done to how many of North's forty students; a role's end begins at the other end, so that nobody moves and ends at once.
DONE: dict[str, Harm] = {
    "emptied": lambda r: {**r, "email": ""},
    "disabled": lambda r: {**r, "enabledUser": "false"},
    "identity": lambda r: {**r, "username": "x" + r["username"]},
    "replaced": lambda r: {**r, "givenName": "Bo", "familyName": "Li"},
    "grades": lambda r: {**r, "grades": "12"},
    "relations": lambda r: {**r, "agentSourcedIds": ""},
    "moved": lambda r: {**r, "orgSourcedIds": "south"},
    "roles": lambda r: {**r, "role": "teacher"},
}


def counted(before: list[dict[str, str]], after: list[dict[str, str]]) -> dict[str, int]:
    """The oracle: how many rows something is done to, by kind, row beside row."""
    pairs = [(old, new, {column for column in old if old[column] != new[column]}) for old, new in zip(before, after, strict=True)]
    return {
        "emptied": sum(new["email"] == "" for _, new, _ in pairs),
        "disabled": sum(new["enabledUser"] == "false" for _, new, _ in pairs),
        "identity": sum(bool(differs & {"username", "givenName", "familyName"}) for _, _, differs in pairs),
        "replaced": sum({"givenName", "familyName"} <= differs for _, _, differs in pairs),
        "grades": sum("grades" in differs for _, _, differs in pairs),
        "relations": sum("agentSourcedIds" in differs for _, _, differs in pairs),
        "moved": sum("orgSourcedIds" in differs for _, _, differs in pairs),
        "roles": sum("role" in differs for _, _, differs in pairs),
        "rights": sum(new["role"] == "teacher" for _, new, _ in pairs),
    }


@given(
    st.fixed_dictionaries({kind: st.integers(0, 20 if kind in ("moved", "roles") else 40) for kind in DONE}),
    st.sampled_from([0.0, 0.25, 0.5, 0.9]),
    st.sampled_from([1, 3, 10, 25, 60]),
)
@settings(
    max_examples=EXAMPLES or 3,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
def test_each_kind_is_held_exactly_where_its_number_is_over_the_limit(
    school: School, numbers: dict[str, int], share: float, floor: int
) -> None:
    files = a_district()
    before, after = students(), students()
    for kind, number in numbers.items():
        chosen = range(40 - number, 40) if kind == "roles" else range(number)
        for n in chosen:
            after[n] = DONE[kind](after[n])
    changed = {row["sourcedId"]: row for row in after}
    files["users"] = [changed.get(row["sourcedId"], row) for row in files["users"]]

    found = school.guarded(files, Guard(limits=dict.fromkeys(guard.LIMITS, Limit(share, floor)))).breaches

    fields = {each.kind: each.removed for each in found if each.school == "north" and each.user_type == "student"}
    half = min(floor, max(5, floor / 2)) if share else floor
    over = {
        kind: number
        for kind, number in counted(before, after).items()
        if number and number > share * 40 and number >= (half if number == 40 else floor)
    }
    assert {kind: number for kind, number in fields.items() if kind in over or kind in {*DONE, "rights"}} == over


@given(
    st.integers(0, 40),
    st.integers(0, 8),
    st.integers(0, 136),
    st.sampled_from([0.0, 0.25, 0.5]),
    st.sampled_from([1, 3, 10, 60]),
)
@example(40, 0, 0, 0.25, 60)  # a whole school, of which half of the floor counts
@example(6, 3, 70, 0.25, 3)
@settings(
    max_examples=EXAMPLES or 1,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate] if EXAMPLES else [Phase.explicit],
)
def test_doubles_damaged_ids_and_errors_are_held_exactly_where_their_number_is_over_the_limit(
    school: School, twice: int, capitals: int, wrong: int, share: float, floor: int
) -> None:
    files = a_district()
    files["users"] = [{**row, "role": "boss"} if place < wrong else row for place, row in enumerate(files["users"])]
    files["users"] += [renamed(row, lambda i: f"again-{i}") for row in students(twice)]
    files["classes"] = [renamed(row, str.upper) if place < capitals else row for place, row in enumerate(files["classes"])]

    limits = {"doubles": Limit(share, floor), "damaged": Limit(0.0, floor), "errors": Limit(share, floor)}
    found = school.guarded(files, Guard(limits=limits)).breaches  # type: ignore[arg-type]

    half = min(floor, max(5, floor / 2)) if share else floor
    over = {
        "doubles": twice if twice > share * 40 and twice >= (half if twice == 40 else floor) else 0,
        "damaged": capitals if capitals and capitals >= floor else 0,
        "errors": wrong if wrong > share * (136 + twice) and wrong >= floor else 0,
    }
    said = {
        each.kind: each.removed for each in found if each.kind in over and (each.kind != "doubles" or each.user_type == "student")
    }
    assert said == {kind: number for kind, number in over.items() if number}


OF_ALL_TOWNS = ["a term that ends a week later", "a term that is called a semester"]  # and so of more than a town of its own


def test_an_ordinary_day_is_not_held(tmp_path: Path) -> None:
    days = [day for name, day in ORDINARY.items() if name not in OF_ALL_TOWNS]

    assert [each.message for each in in_towns(School(tmp_path), days).breaches] == []


@pytest.mark.parametrize("name", OF_ALL_TOWNS)
def test_a_term_that_is_told_a_little_otherwise_holds_nothing(school: School, name: str) -> None:
    assert [each.message for each in school.guarded(ORDINARY[name]).breaches] == []


HARMS: dict[str, Harm] = {
    "emptied": lambda r: {**r, "email": "", "grades": "", "phone": "555"},
    "relations": lambda r: {**r, "agentSourcedIds": "", "phone": "555"},
    "roles": lambda r: {**r, "orgSourcedIds": "south", "phone": "555"},
    "disabled": lambda r: {**r, "enabledUser": "false", "phone": "555"},
}


def people(school: School) -> dict[str, dict[str, object]]:
    return {i: {k: v for k, v in r.items() if k != "schools"} for i, r in school.records()["users"].items() if i.startswith("ns")}


@pytest.mark.parametrize("kind", HARMS)
def test_approved_without_removals_what_would_be_taken_away_stays_and_is_asked_about_again(school: School, kind: str) -> None:
    before = people(school)
    harmed = with_each("users", HARMS[kind], "ns")
    school.guarded(harmed)
    school.commit(removals=False)

    after = people(school)
    assert {r["phone"] for r in after.values()} == {"555"}, "the rest of the update happens"
    for i, record in after.items():
        assert (record["email"], record["grades"], record["platformStatus"]) == (f"{i}@x.example", ["09"], "active")
        assert set(before[i]["agentSourcedIds"]) <= set(record["agentSourcedIds"])  # type: ignore[call-overload]
        assert {role["orgSourcedId"] for role in record["roles"]} >= {"north"}  # type: ignore[attr-defined]
    assert all("north" in r["schools"] for i, r in school.records()["users"].items() if i.startswith("ns"))

    again = school.guarded(harmed)
    assert again.counts["users"]["updated"] == 40
    assert kind in {each.kind for each in again.breaches} | ({"roles"} if "moved" in {e.kind for e in again.breaches} else set())


@pytest.mark.parametrize("kind", HARMS)
def test_what_a_group_has_decided_to_keep_is_never_taken_away_nor_asked_about(school: School, kind: str) -> None:
    keep = Guard(standing={kind: "keep"})  # type: ignore[dict-item]
    harmed = with_each("users", HARMS[kind], "ns")

    planned = school.guarded(harmed, keep)
    assert [each.kind for each in planned.breaches] == []
    school.commit(removals=True)

    for i, record in people(school).items():
        assert (record["phone"], record["email"], record["platformStatus"]) == ("555", f"{i}@x.example", "active")
        assert f"g{i}" in record["agentSourcedIds"]  # type: ignore[operator]
    assert school.guarded(harmed, keep).changes == 0


def test_suspended_accounts_that_are_opened_in_bulk_are_held_and_a_few_are_not(school: School) -> None:
    suspended = with_each("users", lambda r: {**r, "enabledUser": "false"}, "ns", 12)
    school.guarded(suspended)
    school.commit(removals=True)

    found = [(each.kind, each.message) for each in school.guarded(a_district()).breaches]
    assert found == [("enabled", "North: 12 of 40 students are inactive and would become active again.")]
    a_few = with_each("users", lambda r: {**r, "enabledUser": "false"}, "ns", 3)
    assert [each.kind for each in school.guarded(a_few).breaches if each.removed < 10] == []


def test_what_a_group_has_decided_to_let_go_goes_without_a_question(school: School) -> None:
    harmed = with_each("users", lambda r: {**r, "email": ""}, "ns")

    assert school.guarded(harmed, Guard(standing={"emptied": "letGo"})).breaches == []


def test_every_kind_has_a_figure_of_the_group_s_own(school: School) -> None:
    harmed = with_each("users", lambda r: {**r, "email": ""}, "ns", 12)

    assert [each.kind for each in school.guarded(harmed).breaches] == ["emptied"]
    assert school.guarded(harmed, Guard(limits={"emptied": Limit(0.3, 10)})).breaches == []
    assert school.guarded(harmed, Guard(limits={"emptied": Limit(0.2, 13)})).breaches == []


def test_a_school_that_closes_with_the_customer_s_word_is_not_held(school: School) -> None:
    files = HELD["view: a school is not there any more"][0]

    assert {each.kind for each in school.guarded(files).breaches} == {"view", "removals"}
    assert school.guarded(files, Guard(closing=("south",))).breaches == []


def test_a_view_without_an_org_that_the_group_expects_is_held_from_the_first_sync_on(tmp_path: Path, school: School) -> None:
    expected = Guard(expected=("south", "d", "west", "0815"), share=1.0, limits={"view": Limit(1.0, 1000)})

    first, later = School(tmp_path).guarded(a_district(), expected), school.guarded(a_district(), expected)

    start = "The provider's view became smaller: 2 of 4 orgs that this group expects are not in the source (west, 0815)."
    assert [each.message[: len(start)] for each in first.breaches] == [start]
    assert [each.message[: len(start)] for each in later.breaches] == [start]
    assert school.guarded(a_district(), Guard(expected=("south", "d"))).breaches == []


def test_a_view_that_lost_many_schools_is_one_reason(tmp_path: Path) -> None:
    many = School(tmp_path)
    small = [org(f"tiny{number}", parentSourcedId="d") for number in range(6)]
    files = {**a_district(), "orgs": [*a_district()["orgs"], *small]}
    many.guarded(files)
    many.commit(removals=True)

    found = [each.message for each in many.guarded(a_district()).breaches if each.kind == "view"]

    assert len(found) == 1
    assert found[0].startswith(
        "The provider's view became smaller: 6 of 9 orgs are not in the source any more. For example Tiny0, "
    )


def test_a_list_that_did_not_come_whole_holds_nothing_by_itself_and_removes_nobody(school: School) -> None:
    fewer = {**a_district(), "users": [each for each in a_district()["users"] if each["sourcedId"] != "ns1"]}

    planned = school.guarded(fewer, unproved={"users": "users: nothing proves that it ends", "orgs": "orgs: it broke off"})

    assert (planned.held, planned.breaches) == (False, [])
    assert {name: counted["deactivated"] for name, counted in planned.counts.items() if counted["deactivated"]} == {}


def test_a_school_whose_people_would_go_is_asked_about_though_the_list_of_orgs_is_not_proved_whole(school: School) -> None:
    files = HELD["view: a school is not there any more"][0]
    unproved = {"orgs": "orgs: nothing proves that it ends"}

    planned = school.guarded(files, Guard(share=1.0), unproved=unproved)

    assert [each.message for each in planned.breaches] == [
        "South: the provider's view became smaller: this school is not in the source any more."
    ]


def test_a_bundle_that_lost_more_than_half_to_errors_is_held_even_on_an_empty_platform(tmp_path: Path) -> None:
    files = with_each("users", lambda r: {**r, "orgSourcedIds": "nowhere"}, "ns")
    files = {**files, "users": [r for r in files["users"] if not r["sourcedId"].startswith("g")]}

    (breach,) = (each for each in School(tmp_path).guarded(files).breaches if each.entity == "users")

    assert (breach.kind, breach.message) == ("errors", "40 of 76 rows of users have errors and were left out.")


def test_the_account_of_who_left_is_not_given_to_another_child_without_a_question(school: School) -> None:
    gone = a_district()
    gone["users"] = [r for r in gone["users"] if r["sourcedId"] != "ns001"]
    gone["enrollments"] = [r for r in gone["enrollments"] if r["userSourcedId"] != "ns001"]
    assert not school.guarded(gone).held
    school.commit(removals=True)

    back = school.guarded(a_district()).breaches
    other = school.guarded(with_each("users", lambda r: {**r, "givenName": "Bo", "familyName": "Li"}, "ns001")).breaches

    assert back == []
    assert [(each.kind, each.message) for each in other] == [
        ("recycled", "North: 1 student would come back as somebody else: the id was another person's, and both names differ.")
    ]


def test_a_term_that_is_suddenly_over_is_held_so_that_its_classes_do_not_go_unasked_the_day_after(tmp_path: Path) -> None:
    terms = [session(f"t{n}", startDate="2026-08-20", endDate="2027-06-10") for n in range(9)]
    school = School(tmp_path)
    school.guarded({**a_district(), "academicSessions": [*a_district()["academicSessions"], *terms]})
    school.commit(removals=True)
    over = with_each("academicSessions", lambda r: {**r, "startDate": "2025-08-20", "endDate": "2025-12-13"}, "fall")
    over["academicSessions"] += terms

    assert [each.message for each in school.guarded(over).breaches] == [
        "1 academic session that runs now would be over or not have begun. For example Fall: 2026-08-20 to 2026-12-13 "
        "would be 2025-08-20 to 2025-12-13."
    ]


SESSIONS_OF_ANOTHER_TYPE = {(1, 1): False, (1, 3): False, (2, 3): False, (2, 2): True, (3, 3): True, (3, 8): True, (3, 12): False}


@pytest.mark.parametrize(("numbers", "held"), SESSIONS_OF_ANOTHER_TYPE.items(), ids=str)
def test_a_corrected_type_or_two_hold_no_small_district_and_all_of_them_do(numbers: tuple[int, int], held: bool) -> None:
    corrected = Concern("sessions", "", "", "academicSessions", *numbers, field="type")

    assert bool(concern_breaches([corrected], Guard(), date(2026, 9, 30))) is held
    assert concern_breaches([corrected], Guard(limits={"sessions": Limit(0.25, 1)}), date(2026, 9, 30)) or numbers == (3, 12)


def test_an_empty_bundle_is_held_on_an_empty_platform(tmp_path: Path) -> None:
    (breach,) = School(tmp_path).guarded({name: [] for name in a_district()}).breaches

    assert breach.kind == "empty"
    assert "no rows" in breach.message


def test_a_sync_that_spared_something_can_be_undone_like_any_other(school: School) -> None:
    before = people(school)
    school.guarded(with_each("users", HARMS["emptied"], "ns"))
    changes = school.room / "plan" / "changes.parquet"
    school.commit(removals=False)

    school.syncs += 1
    school.room = school.folder / str(school.syncs)
    plan_undo(changes, school.snapshot, school.room / "plan", Policy(f"s{school.syncs}", school.now))
    school.commit(removals=True)

    assert people(school) == before


def test_what_was_spared_is_asked_about_again_however_little_it_is_until_somebody_decides(school: School) -> None:
    harmed = with_each("users", lambda r: {**r, "email": ""}, "ns", 2)
    assert school.guarded(harmed).breaches == [], "two are below every limit"
    changes = school.room / "plan" / "changes.parquet"
    school.commit(removals=False)

    found = [each.message for each in school.guarded(harmed, spared=changes).breaches]
    assert found == [guard.taken_again({"emptied": 2}, "users").message]
    assert "2 things that were spared" in found[0]
    assert "(emptied values: 2)" in found[0]
    assert school.guarded(harmed, Guard(standing={"emptied": "letGo"}), spared=changes).breaches == []
    assert school.guarded(a_district(), spared=changes).breaches == []


def test_a_group_that_never_removes_keeps_everybody_and_everything_and_says_so(school: School) -> None:
    fewer = {**with_each("users", HARMS["emptied"], "ns"), "enrollments": a_district()["enrollments"][10:]}
    fewer["users"] = fewer["users"][20:]
    before = {entity: set(records) for entity, records in school.records().items()}

    planned = school.guarded(fewer, Guard(never_remove=True))
    school.commit(removals=True)

    assert {entity: set(records) for entity, records in school.records().items()} == before
    assert {r["email"] for r in people(school).values()} == {f"{i}@x.example" for i in people(school)}
    assert planned.breaches == []
    assert any(note.startswith("users: 20 are kept as this group's removal policy says") for note in planned.notes)


def test_a_cause_for_which_a_group_keeps_people_removes_none_and_another_does(school: School) -> None:
    fewer = with_each("users", lambda r: {**r, "status": "tobedeleted"}, "ns00")
    fewer["users"] = [r for r in fewer["users"] if not r["sourcedId"].startswith("ns01")]

    school.guarded(fewer, Guard(keep={"users": ("leftSource",)}))
    school.commit(removals=True)

    there = set(people(school))
    assert {f"ns01{n}" for n in range(10)} <= there
    assert not {f"ns00{n}" for n in range(10)} & there


@pytest.mark.parametrize(("ended", "held"), [("2026-08-31", False), ("2026-12-13", True)], ids=["over", "running"])
def test_classes_go_without_a_question_once_their_terms_are_over(tmp_path: Path, ended: str, held: bool) -> None:
    fall = with_each("academicSessions", lambda r: {**r, "endDate": ended}, "fall")
    school = School(tmp_path)
    school.guarded(fall)
    school.commit(removals=True)
    south = ("sc", "es")
    kept = {name: [r for r in rows if not r["sourcedId"].startswith(south)] for name, rows in fall.items()}

    assert school.guarded(kept).held is held


def test_a_new_term_whose_classes_bear_the_names_of_the_last_is_not_taken_for_renumbered(tmp_path: Path) -> None:
    fall = with_each("academicSessions", lambda r: {**r, "endDate": "2026-08-31"}, "fall")
    school = School(tmp_path)
    school.guarded(fall)
    school.commit(removals=True)
    classes = [{**renamed(r, lambda i: f"spring-{i}"), "termSourcedIds": "spring"} for r in fall["classes"]]
    anew = [{**r, "classSourcedId": f"spring-{r['classSourcedId']}"} for r in fall["enrollments"]]
    moved = [renamed(r, lambda i: f"spring-{i}") for r in anew]
    spring = session("spring", parentSourcedId="year", startDate="2026-09-01", endDate="2026-12-13")
    new_term = {**fall, "academicSessions": [*fall["academicSessions"], spring], "classes": classes, "enrollments": moved}

    assert [each.message for each in school.guarded(new_term).breaches] == []


DATES = {"over": {"endDate": "2026-08-25"}, "not begun": {"beginDate": "2027-08-25"}}


@pytest.mark.parametrize("dates", DATES.values(), ids=DATES)
def test_an_enrollment_that_would_not_run_any_more_runs_on_when_removals_are_left_out(
    school: School, dates: dict[str, str]
) -> None:
    before = school.records()["enrollments"]
    harmed = with_each("enrollments", lambda r: {**r, **dates}, "ens", 30)

    assert {each.kind for each in school.guarded(harmed).breaches} == {"memberships"}
    school.commit(removals=False)

    assert school.records()["enrollments"] == before
    assert school.guarded(harmed, Guard(standing={"memberships": "keep"})).changes == 0


@pytest.mark.parametrize("dates", DATES.values(), ids=DATES)
def test_a_role_that_would_not_run_any_more_is_lost_and_stays_when_removals_are_left_out(
    tmp_path: Path, dates: dict[str, str]
) -> None:
    """Each of twenty teachers has a second role, which stays the second."""
    people = [{**user(f"t{n}"), "role": ""} for n in range(20)]
    primary = [role(f"t{n}", role="teacher") for n in range(20)]
    second = [{**role(f"t{n}", role="guardian", roleType="secondary"), "sourcedId": f"second-{n}"} for n in range(20)]
    files = {**a_district(), "users": people, "enrollments": [], "roles": [*primary, *second]}
    school = School(tmp_path)
    school.guarded(files, version="1.2")
    school.commit(removals=True)
    before = {i: record["roles"] for i, record in school.records()["users"].items()}
    harmed = {**files, "users": [{**r, "phone": "555"} for r in people], "roles": [*({**r, **dates} for r in primary), *second]}

    found = [each.message for each in school.guarded(harmed, version="1.2").breaches]
    school.commit(removals=False)

    assert found == ["North: 20 of 20 teachers would lose a role."]
    after = school.records()["users"]
    assert {i: record["roles"] for i, record in after.items()} == before
    assert {record["phone"] for record in after.values()} == {"555"}
