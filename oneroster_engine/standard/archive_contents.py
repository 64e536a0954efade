"""What was in an archive beside its CSVs, kept next to those."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

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
    stored = json.loads(kept.read_text()) if kept.is_file() else {}
    texts = {name: tuple(stored.get(name, ())) for name in ("others", "notes", "warnings")}
    return Contents(instead=stored.get("instead", {}), parts=stored.get("parts", {}), **texts)


def add_warnings(folder: Path, sentences: Iterable[str]) -> None:
    """Add these to the findings of `folder`: what the source noticed when it delivered the archive."""
    if found := tuple(sentences):
        known = contents(folder)
        (folder / FINDINGS).write_text(json.dumps(asdict(replace(known, warnings=(*known.warnings, *found)))))
