"""`manifest.csv`: which version a bundle speaks and how each of its files is meant."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from oneroster_engine.errors import BundleRefused
from oneroster_engine.standard.entities import ROSTER_FILES

MODES = ("bulk", "delta", "absent")


@dataclass(frozen=True)
class Manifest:
    """`version` is 1.1, 1.2 or empty where the bundle doesn't say; `modes` maps a file's name to bulk|delta|absent."""

    version: str = ""
    system: str = ""
    modes: Mapping[str, str] = field(default_factory=dict)

    def deltas(self) -> frozenset[str]:
        """The roster's files that hold changes only."""
        return frozenset(name for name in ROSTER_FILES if self.modes.get(name.casefold()) == "delta")


def read_manifest(path: Path) -> Manifest | None:
    """None when the bundle has none. Case and surrounding blanks count for nothing. Raises BundleRefused."""
    if not path.is_file():
        return None
    text = path.read_bytes().decode("utf-8-sig", errors="replace")
    rows = {row[0].strip().casefold(): row[1].strip() for row in csv.reader(text.splitlines()) if len(row) >= 2}
    version = rows.get("oneroster.version", "")
    if version not in ("", "1.1", "1.2"):
        raise BundleRefused(
            f"manifest.csv: oneroster.version is `{version[:20]}`; 1.1 and 1.2 are read. Export again as OneRoster 1.1 or 1.2."
        )
    modes = {
        name.removeprefix("file."): mode.casefold()
        for name, mode in rows.items()
        if name.startswith("file.") and name not in ("file.systemname", "file.systemcode")
    }
    for name, mode in modes.items():
        if mode not in MODES:
            raise BundleRefused(
                f"manifest.csv: file.{name} is `{mode[:20]}`; bulk, delta or absent is expected. "
                "Correct the manifest and send the bundle again."
            )
    return Manifest(version, rows.get("source.systemname", rows.get("file.systemname", "")), modes)
