"""OneRoster 1.1 and 1.2 as data: files, columns, what is required, which words are allowed.

Source: OneRoster CSV Binding 1.1 and 1.2. Whether a value is acceptable is decided in `roster/`, from these tables.
"""

from dataclasses import dataclass
from enum import StrEnum

ROSTER_FILES = ("orgs", "academicSessions", "courses", "classes", "users", "roles", "userProfiles", "enrollments")
ONLY_1_2 = ("roles", "userProfiles")
REQUIRED_FILES = ("orgs", "classes", "users", "enrollments")  # without one of these a bulk bundle is refused
ENTITIES = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments")


class Kind(StrEnum):
    TEXT = "text"
    DATE = "date"
    YEAR = "year"
    BOOLEAN = "boolean"
    LIST = "list"
    USER_IDS = "userIds"


class Need(StrEnum):
    """What a missing value costs, after `validation.md`."""

    OPTIONAL = "optional"
    EXPECTED = "expected"  # its absence is a warning
    REQUIRED = "required"  # its absence leaves the row out


@dataclass(frozen=True)
class Words:
    """The words a field may hold. A word outside of them leaves the row out when `strict`, else only the value."""

    allowed: tuple[str, ...]
    strict: bool
    also: tuple[str, ...] = ()  # not allowed here by the standard, but sent; kept with a warning


@dataclass(frozen=True)
class Reference:
    """To another file's sourcedId. A required one that dangles leaves the row out; any other drops the value."""

    entity: str
    required: bool


@dataclass(frozen=True)
class Field:
    name: str
    kind: Kind = Kind.TEXT
    need: Need = Need.OPTIONAL
    column_required: bool = False
    words: Words | None = None
    refers: Reference | None = None

    @property
    def is_free_text(self) -> bool:
        """Neither a reference nor one of a list of words."""
        return self.kind is Kind.TEXT and not self.refers and not self.words


ORG_TYPES = Words(("department", "school", "district", "local", "state", "national"), strict=True)
SESSION_TYPES = Words(("gradingPeriod", "semester", "schoolYear", "term"), strict=False)
CLASS_TYPES = Words(("homeroom", "scheduled"), strict=False)
ROLES_1_1 = ("administrator", "aide", "guardian", "parent", "proctor", "relative", "student", "teacher")
ROLES_1_2 = (
    "aide", "counselor", "districtAdministrator", "guardian", "parent", "principal", "proctor", "relative",
    "siteAdministrator", "student", "systemAdministrator", "teacher",
)  # fmt: skip
USER_ROLES = Words(tuple(dict.fromkeys(ROLES_1_2 + ROLES_1_1)), strict=True)
ENROLLMENT_WORDS = ("administrator", "proctor", "student", "teacher")
ENROLLMENT_ROLES = Words(
    ENROLLMENT_WORDS, strict=True, also=tuple(word for word in USER_ROLES.allowed if word not in ENROLLMENT_WORDS)
)
ROLE_TYPES = Words(("primary", "secondary"), strict=False)

_REQUIRED, _EXPECTED = Need.REQUIRED, Need.EXPECTED

FIELDS: dict[str, tuple[Field, ...]] = {
    "orgs": (
        Field("name", need=_REQUIRED, column_required=True),
        Field("type", need=_REQUIRED, column_required=True, words=ORG_TYPES),
        Field("identifier"),
        Field("parentSourcedId", refers=Reference("orgs", required=False)),
    ),
    "academicSessions": (
        Field("title", need=_REQUIRED, column_required=True),
        Field("type", need=_REQUIRED, column_required=True, words=SESSION_TYPES),
        Field("startDate", Kind.DATE, need=_REQUIRED, column_required=True),
        Field("endDate", Kind.DATE, need=_REQUIRED, column_required=True),
        Field("parentSourcedId", refers=Reference("academicSessions", required=False)),
        Field("schoolYear", Kind.YEAR),
    ),
    "courses": (
        Field("schoolYearSourcedId", refers=Reference("academicSessions", required=False)),
        Field("title", need=_REQUIRED, column_required=True),
        Field("courseCode"),
        Field("grades", Kind.LIST),
        Field("orgSourcedId", refers=Reference("orgs", required=False)),
        Field("subjects", Kind.LIST),
        Field("subjectCodes", Kind.LIST),
    ),
    "classes": (
        Field("title", need=_REQUIRED, column_required=True),
        Field("grades", Kind.LIST),
        Field("courseSourcedId", refers=Reference("courses", required=False)),
        Field("classCode"),
        Field("classType", words=CLASS_TYPES),
        Field("location"),
        Field("schoolSourcedId", need=_REQUIRED, column_required=True, refers=Reference("orgs", required=True)),
        Field("termSourcedIds", Kind.LIST, refers=Reference("academicSessions", required=False)),
        Field("subjects", Kind.LIST),
        Field("subjectCodes", Kind.LIST),
        Field("periods", Kind.LIST),
    ),
    "users": (
        Field("enabledUser", Kind.BOOLEAN),
        Field("username", need=_EXPECTED, column_required=True),
        Field("userIds", Kind.USER_IDS),
        Field("givenName", need=_EXPECTED, column_required=True),
        Field("familyName", need=_EXPECTED, column_required=True),
        Field("middleName"),
        Field("identifier"),
        Field("email"),
        Field("sms"),
        Field("phone"),
        Field("agentSourcedIds", Kind.LIST, refers=Reference("users", required=False)),
        Field("grades", Kind.LIST),
        Field("userMasterIdentifier"),
        Field("preferredGivenName"),
        Field("preferredMiddleName"),
        Field("preferredFamilyName"),
        Field("primaryOrgSourcedId", refers=Reference("orgs", required=False)),
        Field("pronouns"),
    ),
    "roles": (
        Field("userSourcedId", need=_REQUIRED, column_required=True, refers=Reference("users", required=True)),
        Field("roleType", words=ROLE_TYPES),
        Field("role", need=_REQUIRED, column_required=True, words=USER_ROLES),
        Field("beginDate", Kind.DATE),
        Field("endDate", Kind.DATE),
        Field("orgSourcedId", need=_REQUIRED, column_required=True, refers=Reference("orgs", required=True)),
        Field("userProfileSourcedId", refers=Reference("userProfiles", required=False)),
    ),
    "userProfiles": (
        Field("userSourcedId", need=_REQUIRED, column_required=True, refers=Reference("users", required=True)),
        Field("profileType"),
        Field("vendorId"),
        Field("applicationId"),
        Field("description"),
        Field("credentialType"),
        Field("username"),
    ),
    "enrollments": (
        Field("classSourcedId", need=_REQUIRED, column_required=True, refers=Reference("classes", required=True)),
        Field("schoolSourcedId"),
        Field("userSourcedId", need=_REQUIRED, column_required=True, refers=Reference("users", required=True)),
        Field("role", need=_REQUIRED, column_required=True, words=ENROLLMENT_ROLES),
        Field("primary", Kind.BOOLEAN),
        Field("beginDate", Kind.DATE),
        Field("endDate", Kind.DATE),
    ),
}

# 1.1 keeps a person's one role and schools on the user itself; `staging/stage.py` lifts them into 1.2's roles.
USER_FIELDS_1_1 = (
    Field("orgSourcedIds", Kind.LIST, need=_REQUIRED, column_required=True, refers=Reference("orgs", required=True)),
    Field("role", need=_REQUIRED, column_required=True, words=USER_ROLES),
)


def fields_of(file: str, version: str) -> tuple[Field, ...]:
    """The columns of `file` that are read, after sourcedId, status and dateLastModified. Passwords never are."""
    if file == "users" and version == "1.1":
        enabled_user, *others = FIELDS[file]
        return (enabled_user, *USER_FIELDS_1_1, *others)  # the standard's order
    return FIELDS[file]


def platform_columns(entity: str) -> list[str]:
    """The columns of which a platform record is made: what the source says, not when or where it said it."""
    return [each.name for each in FIELDS[entity]] + (["roles", "userProfiles"] if entity == "users" else [])
