"""A made-up district as a provider's JSON records, in the shape of OneRoster 1.1 or 1.2."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from oneroster_engine.sample_district import District

Record = dict[str, Any]
MODIFIED = "2026-08-01T06:00:00.000Z"
LISTS = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments")


def rendered(district: District, nulls: bool = False) -> dict[str, list[bytes]]:
    """By list, each record as JSON."""
    return {name: [as_json(each, nulls) for each in records] for name, records in records_of(district).items()}


def records_of(district: District) -> dict[str, Iterator[Record]]:
    """By list, its records in the order of the district's own files."""
    files = district.files()
    roles: dict[str, list[dict[str, str]]] = {}
    if "roles" in files:
        for row in _rows(files["roles"]):
            roles.setdefault(row["userSourcedId"], []).append(row)

    def shaped(name: str) -> Iterator[Record]:
        return (_shaped(name, row, roles) for row in _rows(files[name]))

    return {name: shaped(name) for name in LISTS}


def _rows(file: Any) -> Iterator[dict[str, str]]:
    header, rows = file
    names = header.split(",")
    for row in rows():
        yield dict(zip(names, row, strict=True))


def as_json(record: Record, nulls: bool = False) -> bytes:
    """A record as sent; members without a value are left out, or null."""
    kept = record if nulls else {name: value for name, value in record.items() if value is not None}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()


def _ref(sourced_id: str, kind: str) -> dict[str, str] | None:
    return {"href": f"/{kind}s/{sourced_id}", "sourcedId": sourced_id, "type": kind} if sourced_id else None


def _refs(ids: str, kind: str) -> list[dict[str, str] | None]:
    return [_ref(each, kind) for each in ids.split(",") if each]


def _listed(text: str) -> list[str]:
    return [each for each in text.split(",") if each]


def _shaped(name: str, row: Mapping[str, str], roles: Mapping[str, list[dict[str, str]]]) -> Record:
    own = {key: value or None for key, value in row.items() if not key.endswith(("SourcedId", "SourcedIds"))}
    common = {"sourcedId": row["sourcedId"], "status": row["status"] or "active", "dateLastModified": MODIFIED}
    match name:
        case "orgs":
            more: Record = {"parent": _ref(row["parentSourcedId"], "org")}
        case "academicSessions":
            more = {"parent": _ref(row["parentSourcedId"], "academicSession")}
        case "courses":
            more = {
                "schoolYear": _ref(row["schoolYearSourcedId"], "academicSession"),
                "org": _ref(row["orgSourcedId"], "org"),
                "grades": _listed(row["grades"]),
                "subjects": _listed(row["subjects"]),
                "subjectCodes": _listed(row["subjectCodes"]),
            }
        case "classes":
            more = {
                "course": _ref(row["courseSourcedId"], "course"),
                "school": _ref(row["schoolSourcedId"], "org"),
                "terms": _refs(row["termSourcedIds"], "academicSession"),
                "grades": _listed(row["grades"]),
                "subjects": _listed(row["subjects"]),
                "subjectCodes": _listed(row["subjectCodes"]),
                "periods": _listed(row["periods"]),
            }
        case "users":
            more = {"agents": _refs(row["agentSourcedIds"], "user"), "grades": _listed(row["grades"]), "userIds": []}
            if "orgSourcedIds" in row:
                more["orgs"] = _refs(row["orgSourcedIds"], "org")
            else:
                more["primaryOrg"] = _ref(row["primaryOrgSourcedId"], "org")
                more["roles"] = [
                    {"roleType": each["roleType"], "role": each["role"], "org": _ref(each["orgSourcedId"], "org")}
                    for each in roles.get(row["sourcedId"], [])
                ]
        case _:
            more = {
                "class": _ref(row["classSourcedId"], "class"),
                "school": _ref(row["schoolSourcedId"], "org"),
                "user": _ref(row["userSourcedId"], "user"),
            }
    return {**own, **common, **more}


def as_ed_fi(lists: Mapping[str, list[bytes]]) -> dict[str, list[bytes]]:
    """As Ed-Fi's published OneRoster 1.2 service shows a district: no titles of classes, no usernames, `enabledUser` as a text,
    references relative, and one person as several users."""

    def shown(name: str, each: bytes) -> list[bytes]:
        record = json.loads(each)
        for value in record.values():
            for ref in value if isinstance(value, list) else [value]:
                if isinstance(ref, dict) and "href" in ref:
                    ref["href"] = ref["href"].removeprefix("/")
        if name == "classes":
            record["title"] = ""
        if name == "users":
            record |= {"username": "", "enabledUser": "true"}
            if record["sourcedId"].endswith("7"):
                return [as_json(record), as_json({**record, "sourcedId": record["sourcedId"] + "-again"})]
        return [as_json(record)]

    return {name: [more for each in records for more in shown(name, each)] for name, records in lists.items()}


def as_flat(lists: Mapping[str, list[bytes]]) -> dict[str, list[bytes]]:
    """With the columns of the CSV as members, as RosterHub-like services send it, and the newest first."""

    def flat(name: str, value: Any) -> tuple[str, Any]:
        if isinstance(value, dict) and "sourcedId" in value:
            return ("schoolYearSourcedId" if name == "schoolYear" else f"{name}SourcedId"), value["sourcedId"]
        if isinstance(value, list) and value and isinstance(value[0], dict) and "sourcedId" in value[0]:
            return f"{name.removesuffix('s')}SourcedIds", ",".join(each["sourcedId"] for each in value)
        return name, ",".join(value) if isinstance(value, list) and all(isinstance(each, str) for each in value) else value

    return {
        name: [as_json(dict(flat(*pair) for pair in json.loads(each).items())) for each in reversed(records)]
        for name, records in lists.items()
    }
