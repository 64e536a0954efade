"""Makes a school district's OneRoster ZIP: made-up people, seeded, the same bytes for the same arguments.

    oneroster sample --shape S --version 1.2 --problems --out district.zip

Rows are written as they are made; memory doesn't grow with the shape.
"""

import argparse
import io
import random
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path

from oneroster_engine.standard.manifest import manifest_csv

DATE = (2026, 8, 1, 0, 0, 0)  # in the ZIP's directory, so that the bytes depend on the arguments alone
GIVEN = [
    "Ana",
    "Łukasz",
    "Chloé",
    "Søren",
    "Zoë",
    "Nguyễn",
    "Thảo",
    "Aylin",
    "Çağla",
    "Иван",
    "Ольга",
    "Дмитрий",
    "محمد",
    "فاطمة",
    "ליאור",
    "נועה",
    "美咲",
    "伟",
    "秀英",
    "지우",
    "민준",
    "आरव",
    "अनन्या",
    "Kofi",
    "Amara",
    "Kwame",
    "Niamh",
    "Siân",
    "Óscar",
    "José",
    "María",
    "Luis",
    "Emma",
    "Liam",
    "Olivia",
    "Noah",
    "Ava",
    "Ethan",
    "Mia",
    "Priya",
    "Ravi",
    "Mei",
    "Hana",
]
FAMILY = [
    "García",
    "Müller",
    "Nowak",
    "Trần",
    "Nguyễn",
    "Öztürk",
    "Петров",
    "Смирнова",
    "الأحمد",
    "כהן",
    "佐藤",
    "王",
    "李",
    "김",
    "박",
    "शर्मा",
    "पटेल",
    "Mensah",
    "Okafor",
    "O'Brien",
    "Smith",
    "Johnson",
    "D'Angelo",
    "Fernández-López",
    "Kim",
    "Jones",
    "Novák",
    "Jensen",
    "Åberg",
    "Begaye",
    "Yazzie",
    "Silva",
    "Costa",
    "van-den-Berg",
]
SUBJECTS = ("Mathematics", "English", "Biology", "History", "Art", "Physics", "Music", "Spanish", "Chemistry", "Geography")
SCED = ("02", "01", "03", "04", "05", "03", "05", "24", "03", "04")  # their areas in the School Courses for the Exchange of Data
SPOILT_OF = 100  # one row of so many, with `problems`


@dataclass(frozen=True)
class Shape:
    schools: int
    classes: int
    users: int
    enrollments: int


SHAPES = {
    "tiny": Shape(3, 30, 220, 1_200),
    "T": Shape(2, 600, 2_000, 15_000),
    "S": Shape(20, 6_000, 20_000, 150_000),
    "M": Shape(200, 60_000, 200_000, 1_500_000),
    "L": Shape(2_000, 600_000, 2_000_000, 15_000_000),
}
USERS_1_1 = (
    "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,middleName,"
    "identifier,email,sms,phone,agentSourcedIds,grades,password"
)
USERS_1_2 = (
    "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,middleName,identifier,email,sms,"
    "phone,agentSourcedIds,grades,password,userMasterIdentifier,preferredGivenName,preferredMiddleName,"
    "preferredFamilyName,primaryOrgSourcedId,pronouns"
)
Row = Sequence[str]

# What happens to a spoilt row, in turn: cells of these columns become this. Files that a version lacks are passed over.
ANNEX = "99998"  # a school whose row lacks its name, so that all that hangs on it has one root cause
NEVER_SENT = "never-sent"
DIRT: dict[str, tuple[dict[str, str], ...]] = {
    "classes": (
        {"schoolSourcedId": ANNEX},
        {"schoolSourcedId": NEVER_SENT},
        {"title": ""},
        {"classType": "club"},
        {"termSourcedIds": "2026-summer"},
        {"status": "tobedeleted"},
    ),
    "users": (
        {"role": ""},
        {"status": "inactive"},
        {"role": "wizard"},
        {"orgSourcedIds": NEVER_SENT},
        {"orgSourcedIds": ANNEX},
        {"username": ""},
        {"familyName": ""},
        {"enabledUser": "perhaps"},
        {"status": "tobedeleted"},
        {"status": "on leave"},
        {"agentSourcedIds": NEVER_SENT},
        {"sourcedId": ""},
    ),
    "roles": (
        {"role": "wizard"},
        {"orgSourcedId": NEVER_SENT},
        {"orgSourcedId": ANNEX},
        {"userSourcedId": NEVER_SENT},
        {"beginDate": "some time in fall"},
        {"roleType": "favourite"},
    ),
    "enrollments": (
        {"classSourcedId": NEVER_SENT},
        {"userSourcedId": NEVER_SENT},
        {"role": ""},
        {"role": "wizard"},
        {"role": "aide"},
        {"beginDate": "31/02/2026"},
        {"beginDate": "2026-09-01", "endDate": "2025-01-01"},
        {"schoolSourcedId": "district"},
        {"primary": "perhaps"},
        {"status": "tobedeleted"},
        {"sourcedId": ""},
    ),
}
# A row that comes again, once the same and once like this.
DIFFERENT = {"classes": {"location": "elsewhere"}, "users": {"familyName": "Other"}, "enrollments": {"role": "proctor"}}
EXTRA: dict[str, tuple[Row, ...]] = {
    "orgs": ((ANNEX, "", "", "", "school", "0699999", "district"),),
    "academicSessions": (("2026-summer", "", "", "Summer 2027", "semester", "in June", "2027-07-31", "2026", "2027"),),
    "courses": (("c-untitled", "", "", "2026", "", "X1", "", "district", "", ""),),
}


# Columns that hold ids, for `guids`.
ID_COLUMNS = {
    "orgs": ("sourcedId", "parentSourcedId"),
    "academicSessions": ("sourcedId", "parentSourcedId"),
    "courses": ("sourcedId", "schoolYearSourcedId", "orgSourcedId"),
    "classes": ("sourcedId", "courseSourcedId", "schoolSourcedId", "termSourcedIds"),
    "users": ("sourcedId", "orgSourcedIds", "agentSourcedIds", "primaryOrgSourcedId"),
    "roles": ("sourcedId", "userSourcedId", "orgSourcedId"),
    "enrollments": ("sourcedId", "classSourcedId", "schoolSourcedId", "userSourcedId"),
}


class District:
    """One district. Of ten users seven are students, one a teacher, two guardians; an aide and a head per school."""

    def __init__(self, shape: Shape, seed: int, version: str, day: int, problems: bool, guids: bool = False) -> None:
        self.shape, self.seed, self.version, self.day, self.problems, self.guids = shape, seed, version, day, problems, guids
        self.students = shape.users * 7 // 10
        self.teachers = max(shape.users // 10, shape.schools)

    def files(self) -> dict[str, tuple[str, Callable[[], Iterator[Row]]]]:
        """Header and rows by file name."""
        classes = "sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId,"
        made: dict[str, tuple[str, Callable[[], Iterator[Row]]]] = {
            "orgs": ("sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId", self.orgs),
            "academicSessions": (
                "sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear",
                self.sessions,
            ),
            "courses": (
                "sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects,subjectCodes",
                self.courses,
            ),
            "classes": (classes + "termSourcedIds,subjects,subjectCodes,periods", self.classes),
            "users": (USERS_1_1 if self.version == "1.1" else USERS_1_2, self.users),
            "enrollments": (
                "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate",
                self.enrollments,
            ),
        }
        if self.version == "1.2":
            header = "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,"
            made["roles"] = (header + "orgSourcedId,userProfileSourcedId", self.roles)
        if self.guids:
            made = {name: (header, self._with_guids(name, header, rows)) for name, (header, rows) in made.items()}
        return {
            name: (header, self._spoiling(name, header, rows) if self.problems else rows) for name, (header, rows) in made.items()
        }

    def _with_guids(self, name: str, header: str, rows: Callable[[], Iterator[Row]]) -> Callable[[], Iterator[Row]]:
        """Every id as the 36 characters of a GUID, as many student information systems make them."""
        columns = header.split(",")
        places = [place for place, column in enumerate(columns) if column in ID_COLUMNS[name]]

        def made() -> Iterator[Row]:
            for row in rows():
                cells = list(row)
                for place in places:
                    if cells[place]:
                        cells[place] = ",".join(map(self._guid, cells[place].split(",")))
                yield cells

        return made

    def _guid(self, sourced_id: str) -> str:
        digest = md5(f"{self.seed}/{sourced_id}".encode(), usedforsecurity=False).hexdigest()
        return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"

    def _spoiling(self, name: str, header: str, rows: Callable[[], Iterator[Row]]) -> Callable[[], Iterator[Row]]:
        return lambda: spoilt(name, rows(), header.split(","), self.seed)

    def school(self, number: int) -> str:
        return f"{number % self.shape.schools + 1:05d}"  # leading zeros, as many districts have them

    def orgs(self) -> Iterator[Row]:
        yield ("district", "", "", "Riverside Unified School District", "district", "0600000", "")
        names = ("Elementary School", "Middle School", "High School")
        for n in range(self.shape.schools):
            name = f"{FAMILY[(n * 7 + self.seed) % len(FAMILY)]} {names[n % 3]}" + (f" {n // 30 + 1}" if n >= 30 else "")
            yield (self.school(n), "", "", name, "school", f"06{n:05d}", "district")

    def sessions(self) -> Iterator[Row]:
        yield ("2026", "", "", "School Year 2026-27", "schoolYear", "2026-08-17", "2027-06-11", "", "2027")
        yield ("2026-fall", "", "", "Fall 2026", "semester", "2026-08-17", "2026-12-18", "2026", "2027")
        yield ("2026-spring", "", "", "Spring 2027", "semester", "2027-01-05", "2027-06-11", "2026", "2027")

    def courses(self) -> Iterator[Row]:
        for n, subject in enumerate(SUBJECTS):
            for level in (1, 2, 3):
                yield (
                    f"c{n}-{level}",
                    "",
                    "",
                    "2026",
                    f"{subject} {level}",
                    f"{subject[:3].upper()}{level}",
                    "",
                    "district",
                    subject,
                    SCED[n],
                )

    def classes(self) -> Iterator[Row]:
        for n in range(self.shape.classes):
            subject, level = SUBJECTS[n % len(SUBJECTS)], n % 3 + 1
            term = "2026-fall" if n % 2 else "2026-fall,2026-spring"
            title = f"{subject} {level} - Section {n // self.shape.schools + 1}"
            grade = f"{level + 8:02d}"
            yield (
                f"cl{n}", "", "", title, grade, f"c{n % len(SUBJECTS)}-{level}", f"{subject[:3].upper()}-{n}", "scheduled",
                f"Room {n % 90}", self.school(n), term, subject, SCED[n % len(SUBJECTS)], str(n % 7 + 1),
            )  # fmt: skip

    def people(self) -> Iterator[tuple[str, str, int]]:
        """(sourcedId, role, number of the school)."""
        for n in range(self.shape.users):
            if n < self.students:
                yield f"s{n}", "student", n
            elif n < self.students + self.teachers:
                yield f"t{n - self.students}", "teacher", n - self.students
            elif n < self.students + self.teachers + self.shape.schools:
                yield f"a{n}", "aide" if n % 2 else "administrator", n
            else:
                yield f"g{n}", "guardian", n

    def _here(self) -> Iterator[tuple[str, str, int]]:
        """On each later day another hundredth is away, and a few have come."""
        for sourced_id, role, n in self.people():
            if not self._left(n):
                yield sourced_id, role, n
        if self.day > 1:
            yield from ((f"new{n}", "student", n) for n in range(max(1, self.shape.users // 200)))

    def _left(self, number: int) -> bool:
        return self.day > 1 and self._chance(number, self._of_today("left")) < 0.01

    def _of_today(self, what: str) -> str:
        return what if self.day == 2 else f"{what} on day {self.day}"

    def users(self) -> Iterator[Row]:
        first_guardian = self.students + self.teachers + self.shape.schools
        guardians = self.shape.users - first_guardian
        for sourced_id, role, n in self._here():
            chance = random.Random(f"{self.seed}/{sourced_id}")
            given, family = chance.choice(GIVEN), chance.choice(FAMILY)
            changed = self.day > 1 and self._chance(n, self._of_today("changed")) < 0.02
            phone = f"555-01{n % 100:02}" if changed else ""
            agent = first_guardian + n % guardians if role == "student" and guardians > 0 else None
            agents = f"g{agent}" if agent is not None and not self._left(agent) else ""
            enabled = "false" if chance.random() < 0.01 else "true"
            grade = f"{n % 4 + 9:02d}" if role == "student" else ""
            common = ("", sourced_id, "", given, family, "", f"ID{sourced_id}", f"{sourced_id}@riverside.example", "", phone)
            org = self.school(n)
            if self.version == "1.1":
                tail = (org, role, sourced_id, "", given, family, *common[5:], agents, grade, "")
                yield (sourced_id, "", "", enabled, *tail)
            else:
                yield (
                    sourced_id, "", "", enabled, sourced_id, "", given, family, *common[5:], agents, grade, "", "", "", "",
                    "", org, "",
                )  # fmt: skip

    def roles(self) -> Iterator[Row]:
        names = {"administrator": "siteAdministrator"}
        for sourced_id, role, n in self._here():
            yield (f"r-{sourced_id}", "", "", sourced_id, "primary", names.get(role, role), "", "", self.school(n), "")

    def enrollments(self) -> Iterator[Row]:
        """A class has one teacher of its school, and its students."""
        schools = self.shape.schools
        number = 0
        per_school = max(1, self.shape.classes // schools)
        for n in range(self.shape.classes):
            teacher = n % schools + schools * (n // schools % max(1, self.teachers // schools))
            if not self._left(teacher):
                yield (f"e{number}", "", "", f"cl{n}", self.school(n), f"t{teacher}", "teacher", "true", "", "")
            number += 1
        a_student = max(1, (self.shape.enrollments - self.shape.classes) // max(1, self.students))
        for n in range(self.students):
            left = self._left(n)
            for place in range(a_student):
                section = (n // schools * a_student + place) % per_school
                sourced_id = f"s{n}"
                if not left:
                    row = (f"e{number}", "", "", f"cl{n % schools + schools * section}", self.school(n), sourced_id, "student")
                    yield (*row, "", "2026-08-17", "")
                number += 1

    def _chance(self, number: int, what: str) -> float:
        return (hash_of(self.seed, number, what) % 100_000) / 100_000


def spoilt(name: str, rows: Iterator[Row], header: Sequence[str], seed: int) -> Iterator[Row]:
    """The rows, one of a hundred with something wrong, in turn everything that can be; and rows that come again."""
    ways: list[dict[str, str]] = [cells for cells in DIRT.get(name, ()) if cells.keys() <= set(header)]
    again = [{}, DIFFERENT[name]] if name in DIFFERENT else []
    turn = 0
    for number, row in enumerate(rows, start=seed * 37):
        if number % SPOILT_OF or not ways:
            yield row
            continue
        place = turn % (len(ways) + len(again))
        turn += 1
        if place >= len(ways):
            yield row
        cells = [*ways, *again][place]
        yield [cells.get(column, cell) for column, cell in zip(header, row, strict=True)]
    yield from EXTRA.get(name, ())


def hash_of(seed: int, number: int, what: str) -> int:
    """A small mixing function: the same on every machine, unlike `hash`, and faster than a generator a row."""
    mixed = (number * 2_654_435_761 + seed * 40_503 + sum(map(ord, what)) * 97) & 0xFFFFFFFF
    mixed ^= mixed >> 15
    mixed = mixed * 2_246_822_519 & 0xFFFFFFFF
    return mixed ^ mixed >> 13


def write(district: District, out: Path) -> None:
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed:
        files = district.files()
        manifest = manifest_csv(district.version, files.keys(), "bulk", ("Made-up SIS", "made-up"))
        packed.writestr(zipfile.ZipInfo("manifest.csv", DATE), manifest)
        for name, (header, rows) in files.items():
            member = zipfile.ZipInfo(f"{name}.csv", DATE)
            member.compress_type = zipfile.ZIP_DEFLATED
            with packed.open(member, "w", force_zip64=True) as raw, io.TextIOWrapper(raw, "utf-8", newline="") as text:
                text.write(header + "\r\n")
                text.writelines(",".join(map(_cell, row)) + "\r\n" for row in rows())


def _cell(value: str) -> str:
    return f'"{value}"' if "," in value or '"' in value else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--shape", choices=SHAPES, default="tiny")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--version", choices=("1.1", "1.2"), default="1.1")
    parser.add_argument("--day", type=int, default=1, help="2 and on: that many days later, 2 %% changed, 1 %% away")
    parser.add_argument("--problems", action="store_true", help="about 1 %% of the rows have something wrong")
    parser.add_argument("--guids", action="store_true", help="ids of 36 characters, which make the files as large as real ones")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    district = District(SHAPES[given.shape], given.seed, given.version, given.day, given.problems, given.guids)
    write(district, given.out)


if __name__ == "__main__":
    main()
