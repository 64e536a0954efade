"""How often the guard cries wolf, and whether it sees every disaster: made-up districts through an ordinary school year.

    python -m benchmarks.guard [--districts 20] [--syncs 60] [--first 0] [--only-years]

Each district is synced `--syncs` times from August to June: people join, leave, move and marry, a term ends and the next
begins, and the year rolls over inside the group's window. Then every disaster is tried on the district as it is, and slow
ones that stay below every limit of one night. Printed: holds a district and year, with their reasons; disasters that were
held, or of which nothing would be written; and what Clever's and Okta's published rules would have held of the same plans (a
tenth of a district's records of one kind removed or three quarters changed; a fifth of its people removed).
"""

import argparse
import csv
import random
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from oneroster_engine.planning.guard import Guard
from oneroster_engine.planning.plan import plan_changes
from oneroster_engine.planning.policy import Policy, Purging
from oneroster_engine.planning.review import review
from oneroster_engine.planning.snapshot import next_snapshot
from oneroster_engine.planning.summary import Planned
from oneroster_engine.selecting.selection import EVERYTHING
from oneroster_engine.staging.stage import stage_bundle
from oneroster_engine.standard.entities import fields_of

Row = dict[str, str]
District = dict[str, dict[str, Row]]
YEAR_BEGINS = date(2026, 8, 24)
SCHOOLS, STUDENTS, TEACHERS, CLASSES = 3, 60, 10, 10


class Year:
    """A district that changes day by day, as districts do."""

    def __init__(self, seed: int) -> None:
        self.chance, self.count = random.Random(seed), 0
        self.rows: District = {name: {} for name in ("orgs", "academicSessions", "courses", "classes", "users", "enrollments")}
        self.add("orgs", "d", name="District", type="district")
        self.add("academicSessions", "y26", title="2026/27", type="schoolYear", startDate="2026-08-24", endDate="2027-06-11")
        self.term("t1", "2026-08-24", "2026-12-18")
        for n in range(CLASSES):
            self.add("courses", f"k{n}", title=f"Course {n}", orgSourcedId="d")
        for s in range(SCHOOLS):
            self.add("orgs", f"s{s}", name=f"School {s}", type="school", parentSourcedId="d")
            for _ in range(TEACHERS):
                self.join(f"s{s}", "teacher")
            self.classes(f"s{s}", "t1")
            for n in range(STUDENTS):
                self.join(f"s{s}", "student", str(6 + n % 6))

    def add(self, entity: str, sourced_id: str, **values: str) -> None:
        self.rows[entity][sourced_id] = {"sourcedId": sourced_id, **values}

    def term(self, sourced_id: str, begins: str, ends: str) -> None:
        self.add(
            "academicSessions", sourced_id, title=sourced_id, type="term", startDate=begins, endDate=ends, parentSourcedId="y26"
        )

    def people(self, role: str, school: str = "") -> list[Row]:
        return [r for r in self.rows["users"].values() if r["role"] == role and school in ("", r["orgSourcedIds"])]

    def join(self, school: str, role: str, grade: str = "") -> None:
        self.count += 1
        i = f"{role[0]}{self.count:05}"
        family = f"Family{self.chance.randrange(400)}"
        named = {"givenName": f"Given{self.chance.randrange(300)}", "familyName": family, "username": i, "identifier": f"id{i}"}
        agents = {}
        if role == "student":
            agents = {"agentSourcedIds": f"g{i}", "grades": grade}
            self.add(
                "users",
                f"g{i}",
                givenName=f"Given{self.chance.randrange(300)}",
                familyName=family,
                username=f"g{i}",
                phone=f"555-{self.count:04}",
                role="guardian",
                orgSourcedIds=school,
            )
        self.add("users", i, **named, **agents, email=f"{i}@d.example", role=role, orgSourcedIds=school, enabledUser="true")
        mine = [c for c in self.rows["classes"].values() if c["schoolSourcedId"] == school]
        for each in self.chance.sample(mine, min(4, len(mine))) if role == "student" else []:
            self.enroll(i, each["sourcedId"], role)

    def enroll(self, person: str, class_: str, role: str) -> None:
        more = {"primary": "true"} if role == "teacher" else {}
        self.add("enrollments", f"{person}-{class_}", userSourcedId=person, classSourcedId=class_, role=role, **more)

    def leave(self, person: Row) -> None:
        for i in (person["sourcedId"], person.get("agentSourcedIds", "")):
            self.rows["users"].pop(i, None)
        self.drop(lambda e: e["userSourcedId"] == person["sourcedId"])

    def drop(self, which: Callable[[Row], bool]) -> None:
        self.rows["enrollments"] = {i: e for i, e in self.rows["enrollments"].items() if not which(e)}

    def classes(self, school: str, term: str) -> None:
        for n in range(CLASSES):
            i = f"{school}-{term}-{n}"
            named = {"title": f"Class {n}", "courseSourcedId": f"k{n}", "termSourcedIds": term}
            self.add("classes", i, schoolSourcedId=school, **named)
            self.enroll(self.people("teacher", school)[n % TEACHERS]["sourcedId"], i, "teacher")

    def day(self, now: date) -> None:
        """One ordinary day, or the day on which a term or a year begins."""
        if now >= date(2027, 1, 4) and "t2" not in self.rows["academicSessions"]:
            self.term("t2", "2027-01-04", "2027-06-11")
            self.begin_classes("t2")
        elif now >= date(2027, 6, 14) and "t3" not in self.rows["academicSessions"]:
            self.roll_over()
        for _ in range(self.chance.randrange(3)):
            self.join(f"s{self.chance.randrange(SCHOOLS)}", "student", str(self.chance.randrange(6, 12)))
        for _ in range(self.chance.randrange(2)):
            self.leave(self.chance.choice(self.people("student")))
        if self.chance.random() < 0.3:
            person = self.chance.choice(self.people("teacher"))
            person["familyName"] = f"Married{self.count}"
            person["email"] = f"m{self.count}{person['sourcedId']}@d.example"
        if self.chance.random() < 0.2:
            mover = self.chance.choice(self.people("student"))
            mover["orgSourcedIds"] = f"s{self.chance.randrange(SCHOOLS)}"
            self.drop(lambda e: e["userSourcedId"] == mover["sourcedId"])
            self.enroll_anew(mover, "t2" if "t2" in self.rows["academicSessions"] else "t1")

    def enroll_anew(self, person: Row, term: str) -> None:
        mine = [c for c in self.rows["classes"].values()
                if c["schoolSourcedId"] == person["orgSourcedIds"] and c["termSourcedIds"] == term]  # fmt: skip
        for each in self.chance.sample(mine, min(4, len(mine))):
            self.enroll(person["sourcedId"], each["sourcedId"], "student")

    def begin_classes(self, term: str) -> None:
        self.rows["classes"], self.rows["enrollments"] = {}, {}
        for s in range(SCHOOLS):
            self.classes(f"s{s}", term)
        for person in self.people("student"):
            self.enroll_anew(person, term)

    def roll_over(self) -> None:
        for person in self.people("student"):
            if person["grades"] == "11":
                self.leave(person)
            else:
                person["grades"] = str(int(person["grades"]) + 1)
        self.term("t3", "2027-08-23", "2027-12-17")
        self.begin_classes("t3")
        for s in range(SCHOOLS):
            for _ in range(STUDENTS // 6):
                self.join(f"s{s}", "student", "6")


def each(entity: str, school: str = "", of: str = "", **values: str) -> Callable[[District], None]:
    """A disaster: rows of an entity get these values, in which {i} stands for the row's id."""

    def happen(rows: District) -> None:
        for row in rows[entity].values():
            where = row.get("orgSourcedIds", row.get("schoolSourcedId", ""))
            if school in ("", where) and of in ("", row.get("role", "")):
                row.update({name: value.replace("{i}", row["sourcedId"]) for name, value in values.items()})

    return happen


def gone(entity: str, school: str = "", role: str = "") -> Callable[[District], None]:
    def happen(rows: District) -> None:
        rows[entity] = {
            i: r
            for i, r in rows[entity].items()
            if not (school in ("", r.get("orgSourcedIds", r.get("schoolSourcedId", i))) and role in ("", r.get("role", "")))
        }

    return happen


def ids(entity: str, how: Callable[[str], str], double: bool = False) -> Callable[[District], None]:
    def happen(rows: District) -> None:
        new = {how(i): {**r, "sourcedId": how(i)} for i, r in rows[entity].items()}
        rows[entity] = {**rows[entity], **new} if double else new

    return happen


def person(sourced_id: str, role: str, school: str, **more: str) -> Row:
    named = {"givenName": f"New{sourced_id}", "familyName": f"Comer{sourced_id}", "username": sourced_id, "enabledUser": "true"}
    return {"sourcedId": sourced_id, **named, "role": role, "orgSourcedIds": school, **more}


def people(rows: District, role: str, school: str) -> list[Row]:
    return [r for r in rows["users"].values() if r["role"] == role and r["orgSourcedIds"] == school]


def first(rows: dict[str, Row], column: str, value: str) -> Row:
    return next(r for r in rows.values() if r[column] == value)


def a_guardian(rows: District) -> str:
    return people(rows, "guardian", "s0")[-1]["sourcedId"]


def change(rows: District, entity: str, role: str, how: Callable[[Row], Row]) -> None:
    for row in rows[entity].values():
        if role in ("", row.get("role", "")):
            row.update(how(row))


def shift(rows: District, entity: str, *columns: str, role: str = "student") -> None:
    """Each row gets the columns of the next one at its school."""
    chosen = [r for r in rows[entity].values() if r["role"] == role]
    for column in columns:
        values = [r[column] for r in chosen]
        for row, value in zip(chosen, values[1:] + values[:1], strict=True):
            row[column] = value


def shift_some(chosen: list[Row], column: str) -> None:
    values = [r[column] for r in chosen]
    for row, value in zip(chosen, values[1:] + values[:1], strict=True):
        row[column] = value


def shift_anew(rows: District, role: str) -> None:
    """Enrollments of a role end, and others begin in the next class."""
    old = [r for r in rows["enrollments"].values() if r["role"] == role]
    for row, following in zip(old, old[1:] + old[:1], strict=True):
        del rows["enrollments"][row["sourcedId"]]
        i = f"n-{row['sourcedId']}"
        rows["enrollments"][i] = {**row, "sourcedId": i, "classSourcedId": following["classSourcedId"]}


def everybody_in(rows: District, role: str, classes: list[Row]) -> None:
    """Each person of a school in each of these classes that is the school's."""
    for where in classes:
        for i in (r["sourcedId"] for r in people(rows, role, where["schoolSourcedId"])):
            named = {"userSourcedId": i, "classSourcedId": where["sourcedId"], "role": role}
            rows["enrollments"].setdefault(f"{i}-{where['sourcedId']}", {"sourcedId": f"{i}-{where['sourcedId']}", **named})


def under_another_district(rows: District) -> None:
    rows["orgs"]["d2"] = {"sourcedId": "d2", "name": "Other", "type": "district"}
    change(rows, "orgs", "", lambda r: {"parentSourcedId": "d2"} if r["type"] == "school" else {})


DISASTERS: dict[str, Callable[[District], object]] = {
    "all names, usernames and e-mails another": each("users", givenName="N{i}", username="u{i}", email="{i}@new.example"),
    "one school's usernames another": each("users", "s1", username="u{i}"),
    "one school's teachers renamed": each("users", "s1", "teacher", familyName="T{i}"),
    "every student somebody else": each("users", "", "student", givenName="A{i}", familyName="B{i}"),
    "every student a teacher": each("users", "", "student", role="teacher"),
    "one school's guardians administrators": each("users", "s2", "guardian", role="administrator"),
    "every student enrolled as a teacher": each("enrollments", "", "student", role="teacher"),
    "everybody twice": ids("users", lambda i: f"x{i}", double=True),
    "everybody under a new id": ids("users", lambda i: f"x{i}"),
    "ids in capitals": ids("users", str.upper),
    "ids in braces": ids("classes", lambda i: f"{{{i}}}"),
    "no e-mails": each("users", email=""),
    "one school's e-mails gone": each("users", "s0", "student", email=""),
    "no identifiers": each("users", identifier=""),
    "no grades": each("users", "", "student", grades=""),
    "no guardians named": each("users", "", "student", agentSourcedIds=""),
    "one school's guardians unnamed": each("users", "s1", "student", agentSourcedIds=""),
    "no primary teachers": each("enrollments", "", "teacher", primary="false"),
    "everybody in one class": each("enrollments", "", "student", classSourcedId="s0-t3-0"),
    "everybody disabled": each("users", enabledUser="false"),
    "one school's students disabled": each("users", "s2", "student", enabledUser="false"),
    "everybody at one school": each("users", orgSourcedIds="s0"),
    "teachers made students": each("users", "", "teacher", role="student"),
    "classes under one course": each("classes", courseSourcedId="k0"),
    "classes of one school at another": each("classes", "s1", schoolSourcedId="s2"),
    "terms a year away": each("academicSessions", startDate="2030-08-01", endDate="2031-06-01"),
    "a school vanished": gone("orgs", "s1"),
    "the district vanished": gone("orgs", "d"),
    "one school's students gone": gone("users", "s1", "student"),
    "one school's teachers gone": gone("users", "s1", "teacher"),
    "all enrollments of teachers gone": gone("enrollments", "", "teacher"),
    "no enrollments": gone("enrollments"),
    "every teacher an administrator": each("users", "", "teacher", role="administrator"),
    "twenty new administrators at a school": lambda rows: rows["users"].update(
        {f"n{n}": person(f"n{n}", "administrator", "s0") for n in range(20)}
    ),
    "a test file of a hundred students": lambda rows: rows["users"].update(
        {f"x{n}": person(f"x{n}", "student", "s1", grades="7") for n in range(100)}
    ),
    "one guardian for every child": lambda rows: change(
        rows, "users", "student", lambda r: {"agentSourcedIds": f"{r['agentSourcedIds']},{a_guardian(rows)}"}
    ),
    "guardians of the next child": lambda rows: shift(rows, "users", "agentSourcedIds"),
    "names in the next row": lambda rows: shift(rows, "users", "givenName", "familyName"),
    "given and family names changed": lambda rows: change(
        rows, "users", "", lambda r: {"givenName": r["familyName"], "familyName": r["givenName"]}
    ),
    "half of the grades one up": lambda rows: change(
        rows, "users", "student", lambda r: {"grades": str(int(r["grades"]) + 1)} if int(r["sourcedId"][1:]) % 2 else {}
    ),
    "grades one down": lambda rows: change(rows, "users", "student", lambda r: {"grades": str(int(r["grades"]) - 1)}),
    "two schools under each other's id": lambda rows: change(
        rows, "orgs", "", lambda r: {"name": {"School 0": "School 1", "School 1": "School 0"}.get(r["name"], r["name"])}
    ),
    "schools under another district": under_another_district,
    "a school that is a department": lambda rows: rows["orgs"]["s2"].update(type="department"),
    "everybody at every school": each("users", orgSourcedIds="s0,s1,s2"),
    "teachers enrolled as students": each("enrollments", "", "teacher", role="student"),
    "teachers in other classes": lambda rows: shift(rows, "enrollments", "classSourcedId", role="teacher"),
    "enrollments over since June": each("enrollments", beginDate="2026-08-24", endDate="2027-06-11"),
    "classes in last year's term": each("classes", termSourcedIds="t1"),
    "enrollments twice": ids("enrollments", lambda i: f"x{i}", double=True),
    "classes twice": ids("classes", lambda i: f"x{i}", double=True),
    "the term that runs a year earlier": lambda rows: rows["academicSessions"]["t3"].update(
        startDate="2026-08-23", endDate="2026-12-17"
    ),
    "nine of every school's students gone": lambda rows: [
        rows["users"].pop(r["sourcedId"]) for s in range(SCHOOLS) for r in people(rows, "student", f"s{s}")[:9]
    ],
    "usernames of one form": lambda rows: change(
        rows, "users", "student", lambda r: {"username": f"{r['givenName']}.{r['username']}"}
    ),
    "one e-mail for a whole school": each("users", "s1", "student", email="school1@d.example"),
    "telephone numbers of the next child's guardian": lambda rows: shift(rows, "users", "phone", role="guardian"),
    "a third of a school's usernames swapped": lambda rows: shift_some(people(rows, "student", "s0")[:20], "username"),
    "a third of a school's e-mails swapped": lambda rows: shift_some(people(rows, "student", "s1")[:20], "email"),
    "every student in every class": lambda rows: everybody_in(rows, "student", list(rows["classes"].values())),
    "a school's students in one class more": lambda rows: everybody_in(rows, "student", [next(iter(rows["classes"].values()))]),
    "every teacher teaches every class": lambda rows: everybody_in(rows, "teacher", list(rows["classes"].values())),
    "grades without a number": each("users", "", "student", grades="UG"),
    "courses under each other's titles": lambda rows: shift_some(list(rows["courses"].values()), "title"),
    "the term that runs is not there": lambda rows: rows["academicSessions"].pop("t3"),
    "a teacher as guardian of everybody": lambda rows: change(
        rows,
        "users",
        "student",
        lambda r: {"agentSourcedIds": f"{r['agentSourcedIds']},{people(rows, 'teacher', 's0')[0]['sourcedId']}"},
    ),
    "everybody at the district": each("users", orgSourcedIds="d"),
    "teachers are aides": each("users", "", "teacher", role="aide"),
    "students with the status tobedeleted": each("users", "s1", "student", status="tobedeleted"),
    "every grade of a school": each("users", "", "student", grades="6,7,8,9"),
    "teachers enrolled as aides": each("enrollments", "", "teacher", role="aide"),
    "every org under one name": each("orgs", name="School"),
    "orgs named by their ids": each("orgs", name="{i}"),
    "classes named by their ids": each("classes", title="{i}"),
    "courses named by their ids": each("courses", title="{i}"),
    "one user id for everybody": each("users", "", "student", userIds="{{LDAP:x}}"),
    "schools of no district": each("orgs", parentSourcedId=""),
    "terms are grading periods": each("academicSessions", type="gradingPeriod"),
    "nine new administrators of the district": lambda rows: rows["users"].update(
        {f"n{n}": person(f"n{n}", "administrator", "d") for n in range(9)}
    ),
    "half of a school's ids given to others": lambda rows: [
        r.update(givenName=f"Z{n}", familyName=f"Y{n}", username=f"z{n}", email=f"z{n}@d.example", identifier=f"z{n}")
        for n, r in enumerate(people(rows, "student", "s0")[::2])
    ],
    "a school's people copied to another": lambda rows: rows["users"].update(
        {
            f"c{r['sourcedId']}": {
                **r,
                "sourcedId": f"c{r['sourcedId']}",
                "username": f"c{r['sourcedId']}",
                "orgSourcedIds": "s1",
            }
            for r in people(rows, "student", "s0")
        }
    ),
    "other teachers, by new enrollments": lambda rows: shift_anew(rows, "teacher"),
    "other students, by new enrollments": lambda rows: shift_anew(rows, "student"),
    "two schools' people exchanged": lambda rows: change(
        rows, "users", "", lambda r: {"orgSourcedIds": {"s1": "s2", "s2": "s1"}.get(r["orgSourcedIds"], r["orgSourcedIds"])}
    ),
    "half of everybody's enrollments gone": lambda rows: [
        rows["enrollments"].pop(i) for i in [i for i, r in rows["enrollments"].items() if r["role"] == "student"][::2]
    ],
    "accents in two characters": lambda rows: change(
        rows, "users", "", lambda r: {"familyName": r["familyName"].replace("a", "Ã¡")}
    ),
}

# A disaster in small pieces, each night's below every limit of one sync.
SLOW: dict[str, Callable[[District], object]] = {
    "a twelfth of every school's students gone each night": lambda rows: [
        rows["users"].pop(r["sourcedId"])
        for s in range(SCHOOLS)
        for r in people(rows, "student", f"s{s}")[: len(people(rows, "student", f"s{s}")) // 12]
    ],
    "a twelfth of all enrollments of students gone each night": lambda rows: [
        rows["enrollments"].pop(i)
        for n, i in enumerate([i for i, r in rows["enrollments"].items() if r["role"] == "student"])
        if n % 12 == 0
    ],
}
NIGHTS = 4

# What a school year brings beside its days: each tried on a district as it is, and not held.
ORDINARY: dict[str, Callable[[District], object]] = {
    "nothing": lambda rows: None,
    "every row touched": lambda rows: [
        r.update(dateLastModified="2027-09-19T00:00:00.000Z") for e in rows.values() for r in e.values()
    ],
    "a school has a new name": lambda rows: rows["orgs"]["s1"].update(name="New School"),
    "a class goes to another school": lambda rows: first(rows["classes"], "schoolSourcedId", "s1").update(schoolSourcedId="s2"),
    "a new district administrator": lambda rows: rows["users"].update(n1=person("n1", "administrator", "d")),
    "two aides become teachers": lambda rows: rows["users"].update({f"n{n}": person(f"n{n}", "aide", "s0") for n in range(2)}),
    "five new teachers": lambda rows: rows["users"].update({f"n{n}": person(f"n{n}", "teacher", "s0") for n in range(5)}),
    "a fourth school opens": lambda rows: (
        rows["orgs"].update(s3={"sourcedId": "s3", "name": "School 3", "type": "school", "parentSourcedId": "d"}),
        rows["users"].update({f"n{n}": person(f"n{n}", "student", "s3", grades="6") for n in range(120)}),
    ),
    "middle names at last": each("users", middleName="M"),
    "phones at last": each("users", "", "student", phone="555-0100"),
    "guardians get usernames": each("users", "", "guardian", email="{i}@home.example"),
    "five get a second guardian": lambda rows: [
        r.update(agentSourcedIds=f"{r['agentSourcedIds']},{a_guardian(rows)}") for r in people(rows, "student", "s0")[:5]
    ],
    "five grades corrected": lambda rows: [r.update(grades="6") for r in people(rows, "student", "s0")[:5]],
    "classes have new titles": lambda rows: change(rows, "classes", "", lambda r: {"title": f"Section {r['title']}"}),
    "four more sections": lambda rows: rows["classes"].update(
        {f"n{n}": {**first(rows["classes"], "schoolSourcedId", "s0"), "sourcedId": f"n{n}"} for n in range(4)}
    ),
    "e-mails in capitals": lambda rows: change(rows, "users", "", lambda r: {"email": r.get("email", "").upper()}),
    "names in capitals": lambda rows: change(
        rows, "users", "", lambda r: {"givenName": r["givenName"].upper(), "familyName": r["familyName"].upper()}
    ),
    "telephone numbers with a country": lambda rows: change(rows, "users", "guardian", lambda r: {"phone": f"+1 {r['phone']}"}),
    "grades of two digits": lambda rows: change(rows, "users", "student", lambda r: {"grades": r["grades"].zfill(2)}),
    "two sections become one": lambda rows: change(
        rows,
        "enrollments",
        "student",
        lambda r: {"classSourcedId": "s0-t3-1"} if r["classSourcedId"] == "s0-t3-0" else {},
    ),
    "a second teacher for each class": lambda rows: [
        rows["enrollments"].update(
            {
                f"co-{i}": {
                    "sourcedId": f"co-{i}",
                    "classSourcedId": i,
                    "role": "teacher",
                    "userSourcedId": people(rows, "teacher", r["schoolSourcedId"])[-1]["sourcedId"],
                }
            }
        )
        for i, r in rows["classes"].items()
    ],
    "enrollments have the term's dates at last": each("enrollments", beginDate="2027-08-23", endDate="2027-12-17"),
    "preferred names at last": each("users", preferredGivenName="P{i}"),
    "rooms and periods at last": each("classes", location="{i}", periods="1"),
    "course codes at last": each("courses", courseCode="{i}"),
    "spring's classes early": lambda rows: spring(rows),
    "a new course": lambda rows: rows["courses"].update(kn={"sourcedId": "kn", "title": "Latin", "orgSourcedId": "d"}),
    "snow days": lambda rows: rows["academicSessions"]["t3"].update(endDate="2027-12-22"),
    "next year's terms are put right": lambda rows: rows["academicSessions"].update(
        t4={"sourcedId": "t4", "title": "t4", "type": "term", "startDate": "2028-01-03", "endDate": "2028-06-09"}
    ),
    "another primary teacher": lambda rows: [r.update(primary="false") for r in list(rows["enrollments"].values())[:3]],
    "ten newcomers": lambda rows: rows["users"].update(
        {f"n{n}": person(f"n{n}", "student", "s1", grades="8") for n in range(10)}
    ),
    "four leave": lambda rows: [rows["users"].pop(r["sourcedId"]) for r in people(rows, "student", "s2")[:4]],
    "four move to another school": lambda rows: [r.update(orgSourcedIds="s0") for r in people(rows, "student", "s2")[:4]],
    "six are suspended": lambda rows: [r.update(enabledUser="false") for r in people(rows, "student", "s2")[:6]],
    "some schedules change": lambda rows: [
        r.update(classSourcedId=f"{r['classSourcedId'][:2]}-t3-{n % CLASSES}")
        for n, r in enumerate([r for r in rows["enrollments"].values() if r["role"] == "student"][:9])
    ],
    "summer school": lambda rows: rows["academicSessions"].update(
        su={"sourcedId": "su", "title": "Summer", "type": "term", "startDate": "2028-06-20", "endDate": "2028-07-20"}
    ),
    "two schools merge, as was said": lambda rows: (
        rows["orgs"].pop("s2"),
        each("users", "s2", orgSourcedIds="s1")(rows),
        each("classes", "s2", schoolSourcedId="s1")(rows),
    ),
}


def spring(rows: District) -> None:
    """Next term's classes and enrollments beside those that run."""
    rows["academicSessions"]["t4"] = {
        "sourcedId": "t4", "title": "t4", "type": "term", "startDate": "2028-01-03", "endDate": "2028-06-09",
    }  # fmt: skip
    for entity, column in (("classes", "sourcedId"), ("enrollments", "classSourcedId")):
        for row in list(rows[entity].values()):
            new = {**row, "sourcedId": f"n-{row['sourcedId']}"}
            new.update({"termSourcedIds": "t4"} if entity == "classes" else {column: f"n-{row[column]}"})
            rows[entity][new["sourcedId"]] = new


# Which schools the customer has said will close.
CLOSING = {"two schools merge, as was said": ("s2",)}


def write(rows: District, folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, each_row in rows.items():
        header = ["sourcedId", "status", "dateLastModified", *(field.name for field in fields_of(name, "1.1"))]
        with (folder / f"{name}.csv").open("w", newline="") as file:
            out = csv.DictWriter(file, header, restval="")
            out.writeheader()
            out.writerows(each_row.values())
    return folder


def plan(rows: District, snapshot: Path | None, room: Path, now: date, guard: Guard) -> Planned:
    stage_bundle(write(rows, room / "bundle"), room / "stage")
    policy = Policy(room.name, midnight(now), guard=guard)
    planned = plan_changes(room / "stage", EVERYTHING, snapshot, room / "plan", policy)
    return review(planned, room / "plan", snapshot, policy, room / "stage")


def others(planned: Planned, first: bool) -> set[str]:
    held = set()
    for entity, counts in planned.counts.items():
        there = counts["unchanged"] + counts["updated"] + counts["deactivated"] + counts["ended"]
        removed = counts["deactivated"] + counts["ended"]
        if not first and there and (removed > 0.10 * there or counts["updated"] > 0.75 * there):
            held.add("Clever")
        if not first and entity == "users" and there >= 100 and removed > 0.20 * there:
            held.add("Okta")
    return held


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--districts", type=int, default=20)
    parser.add_argument("--syncs", type=int, default=60)
    parser.add_argument("--only-years", action="store_true", help="without the disasters and ordinary events after each year")
    parser.add_argument("--first", type=int, default=0, help="the first district's number, where several runs share the work")
    given = parser.parse_args()
    guard = Guard(rollover_from=date(2027, 6, 1), rollover_to=date(2027, 8, 31))
    holds: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    wolf: Counter[str] = Counter()
    slow: Counter[str] = Counter()
    for seed in range(given.first, given.first + given.districts):
        with TemporaryDirectory() as folder:
            year, snapshot = Year(seed), None
            for number in range(given.syncs):
                now = YEAR_BEGINS + timedelta(days=round(number * 300 / max(given.syncs - 1, 1)))
                if number:
                    year.day(now)
                planned = plan(year.rows, snapshot, Path(folder) / str(number), now, guard)
                holds.update({"ours"} if planned.held else set())
                holds.update(others(planned, snapshot is None))
                kinds.update({breach.kind for breach in planned.breaches})
                for breach in planned.breaches[:3]:
                    print(f"district {seed}, {now}: {breach.message}", flush=True)
                following = Path(folder) / str(number) / "snapshot"
                next_snapshot(snapshot, Path(folder) / str(number) / "plan", following, midnight(now), Purging())
                snapshot = following
            if given.only_years:
                report(seed - given.first + 1, holds, seen, wolf)
                continue
            for name, happen in SLOW.items():
                nights, theirs = slowly(happen, year.rows, snapshot, Path(folder) / f"s-{name.replace(' ', '-')}", guard)
                slow.update({"ours": nights > 0, "Clever": "Clever" in theirs, "Okta": "Okta" in theirs})
                print(f"{name}: held in night {nights or 'none'}", flush=True)
            for name, happen in DISASTERS.items():
                rows = deepcopy(year.rows)
                happen(rows)
                planned = plan(rows, snapshot, Path(folder) / f"d-{name.replace(' ', '-')}", date(2027, 9, 20), guard)
                harms = planned.changes > 0  # ids in braces are read as they were meant
                seen.update({"ours"} if planned.held or not harms else set())
                seen.update(others(planned, False))
                if harms and not planned.held:
                    missed[name] += 1
                if seed == given.first:
                    print(f"{name}: {[breach.message for breach in planned.breaches][:2]}", flush=True)
            for name, happen in ORDINARY.items():
                rows = deepcopy(year.rows)
                happen(rows)
                room = Path(folder) / f"o-{name.replace(' ', '-')}"
                planned = plan(rows, snapshot, room, date(2027, 9, 20), replace(guard, closing=CLOSING.get(name, ())))
                wolf.update({"ours"} if planned.held else set())
                wolf.update(others(planned, False))
                for breach in planned.breaches[:2]:
                    print(f"ordinary, {name}: {breach.message}", flush=True)
        report(seed - given.first + 1, holds, seen, wolf)
        print(f"slow disasters held: {dict(slow)} of {len(SLOW) * (seed - given.first + 1)}", flush=True)
    print("our holds, by kind:", dict(kinds))
    print("disasters that passed:", dict(missed))


def slowly(
    happen: Callable[[District], object], rows: District, snapshot: Path | None, room: Path, guard: Guard
) -> tuple[int, set[str]]:
    """In which night, from the first, a disaster that goes on for some is held; 0 for none. And whose rule held any of them."""
    rows, theirs = deepcopy(rows), set[str]()
    for night in range(1, NIGHTS + 1):
        happen(rows)
        now = date(2027, 9, 20) + timedelta(days=night)
        planned = plan(rows, snapshot, room / str(night), now, guard)
        theirs |= others(planned, False)
        if planned.held:
            return night, theirs
        next_snapshot(snapshot, room / str(night) / "plan", room / str(night) / "snapshot", midnight(now), Purging())
        snapshot = room / str(night) / "snapshot"
    return 0, theirs


def report(districts: int, holds: Counter[str], seen: Counter[str], wolf: Counter[str]) -> None:
    """After each district, so that a run that is cut off has told something."""
    tried = len(DISASTERS) * districts
    print(f"{districts} districts:", flush=True)
    for who in ("ours", "Clever", "Okta"):
        print(
            f"{who}: {holds[who] / districts:.2f} holds a district and year; {seen[who]} of {tried} disasters held; "
            f"{wolf[who]} of {len(ORDINARY) * districts} ordinary events held",
            flush=True,
        )


def midnight(now: date) -> datetime:
    return datetime(now.year, now.month, now.day, tzinfo=UTC)


if __name__ == "__main__":
    main()
