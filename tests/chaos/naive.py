"""The right roster, naively: what stands in a clean bundle's CSVs is on the platform, and nothing else is active."""

import csv
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

ENTITIES = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments")
# A few fields of each that a wrong write would change, by their names in the CSV of 1.1 and on the platform.
COMPARED = {
    "orgs": ("name", "type"),
    "classes": ("title", "classCode"),
    "users": ("username", "givenName", "familyName", "email"),
    "enrollments": ("role",),
    "courses": ("title",),
    "academicSessions": ("title",),
}


@dataclass(frozen=True)
class Difference:
    """`lost`: rows of the bundle that the platform lacks or has inactive; `wrong`: with other content; `left`: active
    there and not in the bundle; `twice`: one id in two items."""

    lost: int = 0
    wrong: int = 0
    left: int = 0
    twice: int = 0


def difference(bundle: Path | BinaryIO, group_id: str, items: list[dict[str, Any]]) -> Difference:
    """Between the rows of a clean 1.1 bundle and the Roster table's items (as boto3's resource reads them)."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    twice = 0
    for item in items:
        if item["groupId"] == group_id:
            key = (item["entity"], item["sourcedId"])
            twice += key in found
            found[key] = item
    wanted: dict[tuple[str, str], dict[str, str]] = {}
    with zipfile.ZipFile(bundle) as archive:
        for entity in ENTITIES:
            if f"{entity}.csv" in archive.namelist():
                text = io.TextIOWrapper(archive.open(f"{entity}.csv"), "utf-8-sig")
                wanted |= {(entity, row["sourcedId"]): row for row in csv.DictReader(text)}
    lost = [key for key in wanted if key not in found or found[key]["status"] != "active"]
    left = [key for key, item in found.items() if item["status"] == "active" and key not in wanted]
    wrong = [key for key, row in wanted.items() if key in found and not _same(key[0], row, found[key]["fields"])]
    return Difference(len(lost), len(wrong), len(left), twice)


def _same(entity: str, row: dict[str, str], fields: dict[str, Any]) -> bool:
    return all((row.get(name) or "") == (fields.get(name) or "") for name in COMPARED[entity] if name in row)
