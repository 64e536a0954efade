"""What was in an archive beside its CSVs, kept next to those."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FINDINGS = "archive.json"  # next to the CSVs: `Contents`


@dataclass(frozen=True)
class Contents:
    """What else an archive holds. `instead` maps a roster's file that is missing to what may be meant by it; `notes` are
    sentences about what was not read, or read from where it isn't expected; `warnings` such as may mean a loss. `parts` maps a
    roster's file to one beside it that may hold the rest of its rows; `others` are tables that were not read."""

    instead: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def contents(folder: Path) -> Contents:
    """What else was in the archive whose CSVs were written to `folder`."""
    kept = folder / FINDINGS
    return from_json(json.loads(kept.read_text()) if kept.is_file() else {})


def from_json(stored: Mapping[str, Any]) -> Contents:
    """Of what `asdict` made."""
    texts = {name: tuple(stored.get(name, ())) for name in ("others", "notes", "warnings")}
    return Contents(instead=stored.get("instead", {}), parts=stored.get("parts", {}), **texts)


def add(folder: Path, seen: Contents) -> None:
    """Add to the findings of `folder` what the source noticed when it delivered the bundle."""
    if seen != Contents():
        known = contents(folder)
        both = Contents(
            {**seen.instead, **known.instead},
            {**seen.parts, **known.parts},
            (*known.others, *seen.others),
            (*known.notes, *seen.notes),
            (*known.warnings, *seen.warnings),
        )
        (folder / FINDINGS).write_text(json.dumps(asdict(both)))
