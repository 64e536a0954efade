"""Bundles as people send them, byte by byte, and what is expected of each."""

import csv
import io
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from oneroster_engine.standard.entities import ROSTER_FILES, fields_of
from tests.engine.districts import Rows, class_, course, enrollment, org, role, session, user

MANIFEST = "propertyName,value\r\nmanifest.version,1.0\r\noneroster.version,{version}\r\n"


@dataclass(frozen=True)
class Found:
    """A problem: `says` is a pattern in its message, `line` what a spreadsheet shows, None for a whole file."""

    file: str
    line: int | None
    severity: str
    says: str


@dataclass(frozen=True)
class Case:
    """One bundle. Errors and warnings are exactly those of `problems`; of notes at least those.

    `name` says what is sent, `of` the rule it tries. `refused` is a pattern in the sentence that refuses it, empty
    where it is read. `counts` has the entities whose (read, kept, left out) aren't all kept; `values` what a stage
    row's column must hold; `incomplete` the entities of which an absent row must not be taken as gone.
    """

    name: str
    of: str
    archive: bytes
    refused: str = ""
    problems: tuple[Found, ...] = ()
    counts: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    values: Mapping[tuple[str, str, str], Any] = field(default_factory=dict)
    incomplete: frozenset[str] = frozenset()


def text_of(name: str, rows: Rows, version: str = "1.1", delimiter: str = ",", end: str = "\r\n") -> str:
    """A CSV file with the standard's header."""
    header = header_of(name, version)
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end)
    writer.writerow(header)
    writer.writerows([row.get(column, "") for column in header] for row in rows)
    return out.getvalue()


def header_of(name: str, version: str = "1.1") -> list[str]:
    return ["sourcedId", "status", "dateLastModified", *(each.name for each in fields_of(name, version))]


def manifest_of(version: str, *more: str, modes: Mapping[str, str] | None = None) -> bytes:
    files = [name for name in ROSTER_FILES if version == "1.2" or name not in ("roles", "userProfiles")]
    fields = {**dict.fromkeys(files, "bulk"), **(modes or {})}
    rows = [f"file.{name},{mode}" for name, mode in fields.items()]
    return (MANIFEST.format(version=version) + "\r\n".join([*rows, *more, ""])).encode()


def files(version: str = "1.1", **changed: bytes | Rows | None) -> dict[str, bytes]:
    """The files of a clean bundle (one school, term, course, class, student, enrollment; 1.2: a role and no profile),
    with `changed` in their stead: bytes as they are, rows under the standard's header, None for no such file."""
    clean: dict[str, Rows] = {
        "orgs": [org()],
        "academicSessions": [session()],
        "courses": [course()],
        "classes": [class_(courseSourcedId="math", termSourcedIds="fall", classType="scheduled")],
        "users": [user(enabledUser="true")],
        "enrollments": [enrollment()],
        **({"roles": [role()], "userProfiles": []} if version == "1.2" else {}),
    }
    sent: dict[str, bytes] = {"manifest.csv": manifest_of(version)}
    for name, content in {**clean, **changed}.items():
        if content is None:
            sent.pop(f"{name}.csv", None)
        else:
            sent[f"{name}.csv"] = content if isinstance(content, bytes) else text_of(name, content, version).encode()
    return sent


def packed(content: Mapping[str, bytes] | Sequence[tuple[str, bytes]]) -> bytes:
    """A ZIP of files; as pairs, one name may stand there twice."""
    held = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore", UserWarning)
        for name, data in content.items() if isinstance(content, Mapping) else content:
            member = zipfile.ZipInfo(name)  # of a fixed time: the same bytes whenever it is made
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, data)
    return held.getvalue()
