"""A plain loop that stages and checks: csv.DictReader, a row at a time, cleaned rows to CSV files and problems to another.

    python -m benchmarks.peers.staging <folder of CSVs> <out>

It obeys the engine's own tables of what is required, which words are allowed and what names what, so both judge alike.
Left out: other encodings, separators and ragged rows; whether a column's dates are American; circles; root causes; what
admins choose from; digests; any bound on memory. 1.1 only.
"""

import csv
import json
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from oneroster_engine.standard.entities import ENTITIES, Field, Kind, Need, fields_of

TRUE, FALSE = {"true", "1", "yes", "y", "t"}, {"false", "0", "no", "n", "f"}
Tell = Callable[[str, str, str], None]


def typed(field: Field, cell: str, tell: Tell) -> Any:
    """A cell in its type; None where it can't be read."""
    if field.words:
        for word in (*field.words.allowed, *field.words.also):
            if word.casefold() == cell.casefold():
                return word
        if cell.startswith("ext:"):
            return cell
        if cell:
            tell(field.name, "unknown-word", "error" if field.words.strict else "warning")
        return None
    match field.kind:
        case Kind.DATE:
            if not cell:
                return None
            try:
                return date.fromisoformat(cell[:10])
            except ValueError:
                tell(field.name, "unreadable-date", "error" if field.need is Need.REQUIRED else "warning")
                return None
        case Kind.BOOLEAN:
            if cell and cell.lower() not in TRUE | FALSE:
                tell(field.name, "unreadable-boolean", "warning")
            return True if cell.lower() in TRUE else False if cell.lower() in FALSE else None
        case Kind.LIST:
            return [each.strip() for each in cell.split(",") if each.strip()]
        case _:
            return cell


def stage(bundle: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    kept: dict[str, dict[str, str]] = {}
    with (out / "problems.csv").open("w", encoding="utf-8", newline="") as found:
        problems = csv.writer(found)
        for entity in ENTITIES:
            fields, ids = fields_of(entity, "1.1"), kept.setdefault(entity, {})
            with (
                (bundle / f"{entity}.csv").open(encoding="utf-8-sig", newline="") as sent,
                (out / f"{entity}.csv").open("w", encoding="utf-8", newline="") as clean,
            ):
                writer = csv.writer(clean)
                for line, row in enumerate(csv.DictReader(sent), start=2):
                    mine: list[tuple[str, str, str]] = []
                    judged = judge(entity, fields, row, kept, lambda *message, mine=mine: mine.append(message))
                    problems.writerows((f"{entity}.csv", line, row["sourcedId"], *message) for message in mine)
                    if all(severity != "error" for *_, severity in mine):
                        ids[judged["sourcedId"]] = judged.get("schoolSourcedId", "")
                        writer.writerow(judged.values())


def judge(
    entity: str, fields: tuple[Field, ...], row: dict[str, str], kept: dict[str, dict[str, str]], tell: Tell
) -> dict[str, Any]:
    own = row["sourcedId"].strip()
    status = row["status"].strip().lower().replace("-", "").replace("_", "").replace(" ", "")
    judged: dict[str, Any] = {"sourcedId": own, "status": status, "dateLastModified": row["dateLastModified"].strip()}
    if not own or len(own) > 255 or not own.isprintable():
        tell("sourcedId", "sourced-id", "error")
    if own in kept[entity]:
        tell("sourcedId", "repeated", "error")
    if status not in ("", "active", "inactive", "tobedeleted"):
        tell("status", "status", "warning")
    if status == "tobedeleted":
        return judged
    for field in fields:
        cell = row.get(field.name, "").strip()
        value = typed(field, cell, tell)
        if not cell and field.need is not Need.OPTIONAL:
            tell(field.name, "required", "error" if field.need is Need.REQUIRED else "warning")
        if field.refers and field.refers.entity != entity and value:
            named = value if isinstance(value, list) else [value]
            if any(each not in kept[field.refers.entity] for each in named):
                tell(field.name, "unknown-reference", "error" if field.refers.required else "warning")
        judged[field.name] = value
    if judged.get("endDate") and judged.get("beginDate") and judged["endDate"] < judged["beginDate"]:
        tell("endDate", "end-before-begin", "warning")
    if entity == "users":
        places = judged.pop("orgSourcedIds")
        judged["roles"] = json.dumps([{"role": judged["role"], "orgSourcedId": place} for place in places])
    if entity == "enrollments":
        school = kept["classes"].get(judged["classSourcedId"], "")
        if judged["schoolSourcedId"] not in ("", school):
            tell("schoolSourcedId", "school-differs", "warning")
        judged["schoolSourcedId"] = school
    return judged


if __name__ == "__main__":
    stage(Path(sys.argv[1]), Path(sys.argv[2]))
