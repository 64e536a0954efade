"""A district in which only what matters is said: rows by file, written as the CSVs of a bundle."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from oneroster_engine.standard.entities import fields_of

Rows = Sequence[Mapping[str, str]]


def write_bundle(folder: Path, version: str = "1.1", **files: Rows) -> Path:
    """Write each file with the standard's header; a column that a row doesn't name is empty."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in files.items():
        header = ["sourcedId", "status", "dateLastModified", *(field.name for field in fields_of(name, version))]
        lines = [header, *([row.get(column, "") for column in header] for row in rows)]
        text = "".join(",".join(f'"{cell}"' if "," in cell else cell for cell in line) + "\r\n" for line in lines)
        (folder / f"{name}.csv").write_text(text, encoding="utf-8", newline="")
    return folder


def org(sourced_id: str = "north", **more: str) -> dict[str, str]:
    return {"sourcedId": sourced_id, "name": sourced_id.title(), "type": "school", **more}


def session(sourced_id: str = "fall", **more: str) -> dict[str, str]:
    given = {"title": sourced_id.title(), "type": "term", "startDate": "2026-08-20", "endDate": "2026-12-13"}
    return {"sourcedId": sourced_id, **given, **more}


def course(sourced_id: str = "math", **more: str) -> dict[str, str]:
    return {"sourcedId": sourced_id, "title": sourced_id.title(), **more}


def class_(sourced_id: str = "math-1", **more: str) -> dict[str, str]:
    return {"sourcedId": sourced_id, "title": sourced_id.title(), "schoolSourcedId": "north", **more}


def user(sourced_id: str = "ann", **more: str) -> dict[str, str]:
    given = {"username": sourced_id, "givenName": "G", "familyName": "F", "role": "student", "orgSourcedIds": "north"}
    return {"sourcedId": sourced_id, **given, **more}


def role(user_sourced_id: str = "ann", **more: str) -> dict[str, str]:
    given = {"userSourcedId": user_sourced_id, "roleType": "primary", "role": "student", "orgSourcedId": "north"}
    return {"sourcedId": f"role-{user_sourced_id}", **given, **more}


def enrollment(sourced_id: str = "e1", **more: str) -> dict[str, str]:
    given = {"classSourcedId": "math-1", "schoolSourcedId": "north", "userSourcedId": "ann", "role": "student"}
    return {"sourcedId": sourced_id, **given, **more}


def small(**other: Rows) -> dict[str, Rows]:
    """One school, one class, one student, one enrollment, with `other` files in their stead."""
    return {"orgs": [org()], "classes": [class_()], "users": [user()], "enrollments": [enrollment()], **other}
