"""The right roster, naively: what stands in a clean bundle's CSVs is on the platform, and nothing else is active."""

import csv
import io
import json
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

Rows = dict[tuple[str, str], dict[str, Any]]  # entity and sourcedId -> the row

ENTITIES = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments")
# A few fields of each that a wrong write would change, by their names in the CSV of 1.1 and on the platform.
COMPARED = {
    "orgs": ("name", "type"),
    "classes": ("title", "classCode"),
    "users": ("username", "givenName", "familyName", "email"),
    "enrollments": ("role", "classSourcedId", "userSourcedId", "beginDate"),
    "courses": ("title",),
    "academicSessions": ("title",),
}


@dataclass(frozen=True)
class Difference:
    """`lost`: rows of the bundle that the platform lacks, or has inactive though the bundle does not say so; `wrong`: with
    other content; `left`: active there and not in the bundle; `twice`: one id in two items."""

    lost: int = 0
    wrong: int = 0
    left: int = 0
    twice: int = 0

    def __add__(self, other: "Difference") -> "Difference":
        return Difference(self.lost + other.lost, self.wrong + other.wrong, self.left + other.left, self.twice + other.twice)


@cache
def rows_of(bundle: Path | BinaryIO) -> Rows:
    """The rows of a clean 1.1 bundle, read once: it stays as it is."""
    rows: Rows = {}
    with zipfile.ZipFile(bundle) as archive:
        for entity in ENTITIES:
            if f"{entity}.csv" in archive.namelist():
                text = io.TextIOWrapper(archive.open(f"{entity}.csv"), "utf-8-sig")
                rows |= {(entity, row["sourcedId"]): dict(row) for row in csv.DictReader(text)}
    return rows


def rows_of_lists(lists: dict[str, list[bytes]]) -> Rows:
    """The records of a provider's lists of 1.2, their references flat as in a CSV."""
    rows: Rows = {}
    for entity, records in lists.items():
        for record in map(json.loads, records):
            flat = {f"{name}SourcedId": value["sourcedId"] for name, value in record.items() if _is_reference(value)}
            rows[entity, record["sourcedId"]] = {**record, **flat}
    return rows


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and "sourcedId" in value


def difference(wanted: Rows, group_id: str, items: list[dict[str, Any]]) -> Difference:
    """Between what should be there and the Roster table's items (as boto3's resource reads them)."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    twice = 0
    for item in items:
        if item["groupId"] == group_id:
            key = (item["entity"], item["sourcedId"])
            twice += key in found
            found[key] = item
    lost = [key for key, row in wanted.items() if key not in found or found[key]["status"] != status_of(row)]
    left = [key for key, item in found.items() if item["status"] == "active" and key not in wanted]
    wrong = [key for key, row in wanted.items() if key in found and not _same(key[0], row, found[key]["fields"])]
    return Difference(len(lost), len(wrong), len(left), twice)


def status_of(row: dict[str, Any]) -> str:
    return "inactive" if str(row.get("enabledUser")).lower() == "false" else "active"


def _same(entity: str, row: dict[str, Any], fields: dict[str, Any]) -> bool:
    return all((row.get(name) or "") == (fields.get(name) or "") for name in COMPARED[entity] if name in row)
