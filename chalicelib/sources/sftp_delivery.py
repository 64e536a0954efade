"""ZIPs that came together on a server: the newest is read, and the others are looked at for what it lacks.

A customer who sends one ZIP for each school would otherwise have every school but one taken for gone.
"""

import csv
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import paramiko

from chalicelib.errors import SourceRefused
from chalicelib.sources.picking import Found, RemoteFile
from chalicelib.sources.range_file import ranged
from oneroster_engine.errors import BundleRefused
from oneroster_engine.plural import plural
from oneroster_engine.standard import archive
from oneroster_engine.standard.archive import Limits

MOST = 20  # ZIPs that are looked into
NAMED = 3
SCHOOLS = frozenset({"orgs.csv", "classes.csv"})


def left_aside(files: paramiko.SFTPClient, found: Found, limits: Limits) -> tuple[str, ...]:
    """What an admin should know of the pick, in sentences.

    Raises SourceRefused where another ZIP of the same delivery has schools, or classes at schools, that the newest lacks.
    """
    notes = []
    if found.by_name:
        notes.append(f"Others have the same time as {found.called}, or none, so it was picked as the last by name.")
    if stale := older_file(found):
        notes.append(f"Of {found.called}, {stale}")
    if found.others:
        own = _schools(files, found.files[0], limits)
        for other in found.others[:MOST] if own else ():
            if more := sorted(_schools(files, other, limits) - own):
                raise SourceRefused(_one_a_school(PurePosixPath(other.path).name, found.called, more))
        notes.append(f"Only the newest ZIP, {found.called}, was read; within an hour before it came {_listed(found.beside)}.")
    return tuple(notes)


def older_file(found: Found) -> str:
    """A sentence about the oldest file of a set, where it is days older than the newest; empty otherwise."""
    oldest = min(found.files, key=lambda each: each.modified)
    days = (found.modified_s - oldest.modified) // 86_400 if oldest.modified else 0
    return f"{oldest.name} is {plural(days, 'day')} older than the newest of them." if days else ""


def write_members(files: paramiko.SFTPClient, zip_file: RemoteFile, out: Path, limits: Limits, only: frozenset[str]) -> None:
    """Write these CSVs of a ZIP to `out`; no more of it is read. Raises BundleRefused."""
    with files.open(zip_file.path, "rb", bufsize=0) as remote:

        def read(at: int, length: int) -> bytes:
            remote.seek(at)
            return remote.read(length)

        archive.inflate_file(ranged(zip_file.size_bytes, read), zip_file.size_bytes, out, limits, only)


def _one_a_school(other: str, newest: str, more: list[str]) -> str:
    return (
        f"{other} came within an hour before {newest}, the newest ZIP, and has what that one lacks: {_listed(tuple(more))}. "
        "Only one ZIP is read, so the people of the others would be taken for gone. Ask the customer for one ZIP with every "
        "school, or let the group's path name the one that counts."
    )


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED:,} more" if len(names) > NAMED else "")


def _schools(files: paramiko.SFTPClient, file: RemoteFile, limits: Limits) -> frozenset[str]:
    """The schools that a ZIP lists, and those at which it has classes, in words; empty where it can't be read."""
    with TemporaryDirectory() as name:
        try:
            write_members(files, file, Path(name), limits, SCHOOLS)
        except BundleRefused:
            return frozenset()
        orgs = (row for row in _rows(Path(name) / "orgs.csv") if row.get("type", "").casefold() == "school")
        listed = {f"the school {row.get('sourcedid', '')}" for row in orgs}
        classes = {row.get("schoolsourcedid", "") for row in _rows(Path(name) / "classes.csv")}
        return frozenset(listed | {f"classes of the school {school}" for school in classes if school})


def _rows(path: Path) -> Iterator[dict[str, str]]:
    """By lower-case names of the columns. What can't be read as a table has none."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        header = lines.readline()
        separator = max(",;\t|", key=header.count)
        names = [each.strip().casefold() for each in next(csv.reader([header], delimiter=separator), [])]
        try:
            for cells in csv.reader(lines, delimiter=separator):
                yield dict(zip(names, (each.strip() for each in cells), strict=False))
        except csv.Error:
            return
