"""What a plan comes to, in numbers and sentences: `plan/summary.json`, which nobody else writes."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from oneroster_engine.planning.changes import ACTIONS
from oneroster_engine.planning.guard import Breach


@dataclass(frozen=True)
class Planned:
    """`counts` maps an entity to selected, created, updated, deactivated, ended, unchanged; `schools` are sourcedId, name and
    counts (by entity, as above but without selected), by name. `changes`: rows to write. `taken`: of those, the updates that take
    something away, by kind (see `takings.py`); an update may do so in several ways. `returned`: how many of the updates, by
    entity, bring back what had been removed."""

    counts: dict[str, dict[str, int]]
    changes: int
    held: bool
    breaches: list[Breach] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    schools: list[dict[str, Any]] = field(default_factory=list)
    taken: dict[str, int] = field(default_factory=dict)
    returned: dict[str, int] = field(default_factory=dict)


def write_summary(plan: Path, planned: Planned) -> None:
    summary = asdict(planned)
    del summary["changes"]  # counts say it by entity and action
    (plan / "summary.json").write_text(json.dumps(summary, indent=1, sort_keys=True))


def schools_with_counts(rows: Iterable[tuple[str, str, str, str, int]]) -> list[dict[str, Any]]:
    """`rows` are (school, its name, entity, action, number)."""
    schools: dict[str, dict[str, Any]] = {}
    for school, name, entity, action, number in rows:
        each = schools.setdefault(school, {"sourcedId": school, "name": name, "counts": {}})
        each["counts"].setdefault(entity, dict.fromkeys(ACTIONS.values(), 0))[ACTIONS[action]] = number
    return sorted(schools.values(), key=lambda school: (school["name"], school["sourcedId"]))
