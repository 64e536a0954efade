"""A snapshot's records in the standard's JSON, and the dotted paths by which a consumer filters and sorts them.

Sources: OneRoster 1.1 and 1.2, REST bindings. Booleans are the strings `true` and `false` in both. A reference is
{href, sourcedId, type}. What a record lacks is left out; where the standard requires a value that the roster doesn't
have, the nearest true one stands in (a course without a code gives its id), since consumers refuse the record otherwise.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from chalicelib.model.record_notes import ROLE, ROLES_1_1, STAND_INS, STATUS


class Version(StrEnum):
    V1P1 = "1.1"
    V1P2 = "1.2"


# Below the API's own address. `v1p2` and `v1p1` are the standard's; the token's place is the provider's to choose.
BASE_PATHS = {
    Version.V1P2: "/api/ims/oneroster/rostering/v1p2",
    Version.V1P1: "/api/ims/oneroster/v1p1",
}
TOKEN_PATH = "/api/oneroster/token"


class Kind(StrEnum):
    """How a field compares. ID: exactly, since ids that differ by case are two. TEXT: ignoring case. LIST: of texts;
    IDS: of ids. MOMENT: dateLastModified, however precisely it is written."""

    ID = "id"
    TEXT = "text"
    LIST = "list"
    IDS = "ids"
    MOMENT = "moment"


@dataclass(frozen=True)
class Attribute:
    """`sql` over a snapshot's columns; NULL where the record has no such value."""

    sql: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True)
class Record:
    """One row of a snapshot. `inactive`: the platform lets this person in no more, or the source gave the record that legacy
    status. `modified` is when a sync last changed it here (ISO 8601, UTC). `named_by`: who has this person for a guardian, where
    the person's own record names nobody."""

    sourced_id: str
    removed: bool
    inactive: bool
    modified: str
    fields: Mapping[str, Any]
    named_by: Sequence[str] = ()


Link = Callable[[str, str], dict[str, str]]
Render = Callable[[Record, Link, Version], dict[str, Any]]

WORDS_1_1 = frozenset(("administrator", "aide", "guardian", "parent", "proctor", "relative", "student", "teacher"))
ENROLLMENT_WORDS = frozenset(("administrator", "proctor", "student", "teacher"))

# Where a reference leads, by its type in the standard.
COLLECTION_OF = {
    "org": "orgs",
    "academicSession": "academicSessions",
    "course": "courses",
    "class": "classes",
    "user": "users",
}


def links(base_url: str) -> Link:
    def link(kind: str, sourced_id: str) -> dict[str, str]:
        return {"href": f"{base_url}/{COLLECTION_OF[kind]}/{quote(sourced_id, safe='')}", "sourcedId": sourced_id, "type": kind}

    return link


def role_1_1(role: str) -> str:
    """1.1's word for a role of 1.2, or of an `ext:` vocabulary."""
    word = ROLES_1_1.get(role, role)
    return word if word in WORDS_1_1 else "aide"


def render(entity: str, record: Record, link: Link, version: Version) -> dict[str, Any]:
    """The record as the standard's JSON object, without what it lacks."""
    common = {
        "sourcedId": record.sourced_id,
        "status": "tobedeleted" if record.removed else "active",
        "dateLastModified": moment(record.modified),
    }
    own = {name: value for name, value in _RENDER[entity](record, link, version).items() if value not in (None, "", [])}
    notes = _notes(entity, record, own)
    return common | own | ({"metadata": notes} if notes else {})


def _notes(entity: str, record: Record, shown: Mapping[str, Any]) -> dict[str, str]:
    """What `shown`, the standard's members, can't say of the record."""
    notes = {}
    absent = [name for name in _STAND_INS.get(entity, ()) if record.fields.get(name) in (None, "") and name in shown]
    absent += ["agents"] if record.named_by else []
    if absent:
        notes[STAND_INS] = ",".join(absent)
    if record.inactive and not record.removed and record.fields.get("enabledUser") is not False:
        notes[STATUS] = "inactive"
    if entity == "users" and "role" in shown and (role := str(record.fields["roles"][0]["role"])) in ROLES_1_1:
        notes[ROLE] = role
    return notes


_STAND_INS = {
    "orgs": ("identifier",),
    "courses": ("courseCode",),
    "academicSessions": ("schoolYear",),
    "users": ("enabledUser",),
}


def moment(iso: str) -> str:
    """With milliseconds, as the standard writes a dateTime."""
    return iso.replace("Z", ".000Z") if iso.endswith("Z") and "." not in iso else iso


def attributes(entity: str, version: Version) -> Mapping[str, Attribute]:
    """By dotted path. The top-level names are those that `fields` may select."""
    common = {
        "sourcedId": Attribute("sourcedId", Kind.ID),
        "status": Attribute("if(removedAt IS NULL, 'active', 'tobedeleted')"),
        "dateLastModified": Attribute("modified", Kind.MOMENT),
    }
    own = dict(_ATTRIBUTES[entity])
    if entity == "users":
        own |= _USERS_1_1 if version is Version.V1P1 else _USERS_1_2
    return common | own


def _org(record: Record, link: Link, _: Version) -> dict[str, Any]:
    own = record.fields
    return {
        "name": own.get("name"),
        "type": own.get("type"),
        "identifier": own.get("identifier") or record.sourced_id,  # 1.2 requires one
        "parent": _ref(link, "org", own.get("parentSourcedId")),
    }


def _session(record: Record, link: Link, _: Version) -> dict[str, Any]:
    own = record.fields
    return {
        "title": own.get("title"),
        "startDate": own.get("startDate"),
        "endDate": own.get("endDate"),
        "type": own.get("type"),
        "parent": _ref(link, "academicSession", own.get("parentSourcedId")),
        "schoolYear": str(own.get("schoolYear") or str(own.get("endDate") or "")[:4]),
    }


def _course(record: Record, link: Link, _: Version) -> dict[str, Any]:
    own = record.fields
    return {
        "title": own.get("title"),
        "schoolYear": _ref(link, "academicSession", own.get("schoolYearSourcedId")),
        "courseCode": own.get("courseCode") or record.sourced_id,
        "grades": own.get("grades"),
        "subjects": own.get("subjects"),
        "org": _ref(link, "org", own.get("orgSourcedId")),
        "subjectCodes": own.get("subjectCodes"),
    }


def _class(record: Record, link: Link, _: Version) -> dict[str, Any]:
    own = record.fields
    return {
        "title": own.get("title"),
        "classCode": own.get("classCode"),
        "classType": own.get("classType"),
        "location": own.get("location"),
        "grades": own.get("grades"),
        "subjects": own.get("subjects"),
        "course": _ref(link, "course", own.get("courseSourcedId")),
        "school": _ref(link, "org", own.get("schoolSourcedId")),
        "terms": _refs(link, "academicSession", own.get("termSourcedIds")),
        "subjectCodes": own.get("subjectCodes"),
        "periods": own.get("periods"),
    }


def _user(record: Record, link: Link, version: Version) -> dict[str, Any]:
    own = record.fields
    roles: Sequence[Mapping[str, Any]] = own.get("roles") or ()
    common = {
        "username": own.get("username"),
        "userIds": [{"type": each["type"], "identifier": each["identifier"]} for each in own.get("userIds") or ()],
        "enabledUser": "false" if record.inactive else _boolean(own.get("enabledUser"), absent="true"),
        "givenName": own.get("givenName"),
        "familyName": own.get("familyName"),
        "middleName": own.get("middleName"),
        "identifier": own.get("identifier"),
        "email": own.get("email"),
        "sms": own.get("sms"),
        "phone": own.get("phone"),
        "agents": _refs(link, "user", own.get("agentSourcedIds") or record.named_by),
        "grades": own.get("grades"),
    }
    if version is Version.V1P1:
        schools = dict.fromkeys(each["orgSourcedId"] for each in roles)
        return common | {
            "role": role_1_1(str(roles[0]["role"])) if roles else None,
            "orgs": _refs(link, "org", list(schools)),
        }
    return common | {
        "userMasterIdentifier": own.get("userMasterIdentifier"),
        "preferredFirstName": own.get("preferredGivenName"),
        "preferredMiddleName": own.get("preferredMiddleName"),
        "preferredLastName": own.get("preferredFamilyName"),
        "pronouns": own.get("pronouns"),
        "roles": [_role(each, link) for each in roles],
        "userProfiles": [_profile(each) for each in own.get("userProfiles") or ()],
        "primaryOrg": _ref(link, "org", own.get("primaryOrgSourcedId")),
    }


def _role(role: Mapping[str, Any], link: Link) -> dict[str, Any]:
    given = {
        "roleType": role.get("roleType"),
        "role": role.get("role"),
        "org": _ref(link, "org", role.get("orgSourcedId")),
        "userProfile": role.get("userProfileSourcedId"),
        "beginDate": role.get("beginDate"),
        "endDate": role.get("endDate"),
    }
    return {name: value for name, value in given.items() if value}


def _profile(profile: Mapping[str, Any]) -> dict[str, Any]:
    given = {
        "profileId": profile.get("sourcedId"),
        "profileType": profile.get("profileType"),
        "vendorId": profile.get("vendorId"),
        "applicationId": profile.get("applicationId"),
        "description": profile.get("description"),
    }
    if profile.get("username"):
        given["credentials"] = [{"type": profile.get("credentialType") or "unknown", "username": profile["username"]}]
    return {name: value for name, value in given.items() if value}


def _enrollment(record: Record, link: Link, version: Version) -> dict[str, Any]:
    own = record.fields
    role = str(own.get("role") or "")
    if version is Version.V1P1 and role not in ENROLLMENT_WORDS:
        role = role_1_1(role)
    return {
        "user": _ref(link, "user", own.get("userSourcedId")),
        "class": _ref(link, "class", own.get("classSourcedId")),
        "school": _ref(link, "org", own.get("schoolSourcedId")),
        "role": role,
        "primary": _boolean(own.get("primary")),
        "beginDate": own.get("beginDate"),
        "endDate": own.get("endDate"),
    }


def _ref(link: Link, kind: str, sourced_id: object) -> dict[str, str] | None:
    return link(kind, str(sourced_id)) if sourced_id else None


def _refs(link: Link, kind: str, sourced_ids: Sequence[str] | None) -> list[dict[str, str]]:
    return [link(kind, each) for each in sourced_ids or () if each]


def _boolean(value: object, absent: str | None = None) -> str | None:
    return absent if value is None else str(value).lower()


_RENDER: dict[str, Render] = {
    "orgs": _org,
    "academicSessions": _session,
    "courses": _course,
    "classes": _class,
    "users": _user,
    "enrollments": _enrollment,
}


def _text(name: str) -> Attribute:
    return Attribute(f"fields->>'$.{name}'")


def _id(name: str) -> Attribute:
    return Attribute(f"fields->>'$.{name}'", Kind.ID)


def _list(path: str, kind: Kind = Kind.LIST) -> Attribute:
    return Attribute(f"(fields->>'$.{path}')", kind)


_ATTRIBUTES: dict[str, dict[str, Attribute]] = {
    "orgs": {
        "name": _text("name"),
        "type": _text("type"),
        "identifier": Attribute("coalesce(fields->>'$.identifier', sourcedId)"),
        "parent.sourcedId": _id("parentSourcedId"),
    },
    "academicSessions": {
        "title": _text("title"),
        "startDate": _text("startDate"),
        "endDate": _text("endDate"),
        "type": _text("type"),
        "parent.sourcedId": _id("parentSourcedId"),
        "schoolYear": Attribute("coalesce(fields->>'$.schoolYear', left(fields->>'$.endDate', 4))"),
    },
    "courses": {
        "title": _text("title"),
        "courseCode": Attribute("coalesce(fields->>'$.courseCode', sourcedId)"),
        "schoolYear.sourcedId": _id("schoolYearSourcedId"),
        "org.sourcedId": _id("orgSourcedId"),
        "grades": _list("grades[*]"),
        "subjects": _list("subjects[*]"),
        "subjectCodes": _list("subjectCodes[*]"),
    },
    "classes": {
        "title": _text("title"),
        "classCode": _text("classCode"),
        "classType": _text("classType"),
        "location": _text("location"),
        "course.sourcedId": _id("courseSourcedId"),
        "school.sourcedId": _id("schoolSourcedId"),
        "terms.sourcedId": _list("termSourcedIds[*]", Kind.IDS),
        "grades": _list("grades[*]"),
        "subjects": _list("subjects[*]"),
        "subjectCodes": _list("subjectCodes[*]"),
        "periods": _list("periods[*]"),
    },
    "users": {
        **{
            name: _text(name)
            for name in ("username", "givenName", "familyName", "middleName", "identifier", "email", "sms", "phone")
        },
        "enabledUser": Attribute("if(platformStatus = 'inactive', 'false', coalesce(fields->>'$.enabledUser', 'true'))"),
        "userIds.type": _list("userIds[*].type"),
        "userIds.identifier": _list("userIds[*].identifier"),
        "agents.sourcedId": _list("agentSourcedIds[*]", Kind.IDS),
        "grades": _list("grades[*]"),
    },
    "enrollments": {
        "user.sourcedId": Attribute("userSourcedId", Kind.ID),
        "class.sourcedId": Attribute("classSourcedId", Kind.ID),
        "school.sourcedId": _id("schoolSourcedId"),
        "role": _text("role"),
        "primary": _text("primary"),
        "beginDate": _text("beginDate"),
        "endDate": _text("endDate"),
    },
}
_WORDS = " ".join(f"WHEN '{role}' THEN '{word}'" for role, word in ROLES_1_1.items())
_KNOWN = ", ".join(f"'{word}'" for word in sorted(WORDS_1_1))
_FIRST_ROLE = "fields->>'$.roles[0].role'"
_USERS_1_1 = {
    "role": Attribute(f"CASE {_FIRST_ROLE} {_WORDS} ELSE if({_FIRST_ROLE} IN ({_KNOWN}), {_FIRST_ROLE}, 'aide') END"),
    "orgs.sourcedId": _list("roles[*].orgSourcedId", Kind.IDS),
}
_USERS_1_2 = {
    "userMasterIdentifier": _text("userMasterIdentifier"),
    "preferredFirstName": _text("preferredGivenName"),
    "preferredMiddleName": _text("preferredMiddleName"),
    "preferredLastName": _text("preferredFamilyName"),
    "pronouns": _text("pronouns"),
    "primaryOrg.sourcedId": _id("primaryOrgSourcedId"),
    "roles.role": _list("roles[*].role"),
    "roles.roleType": _list("roles[*].roleType"),
    "roles.org.sourcedId": _list("roles[*].orgSourcedId", Kind.IDS),
    "userProfiles.profileId": _list("userProfiles[*].sourcedId", Kind.IDS),
}
