"""What is found while a file is read."""

from dataclasses import dataclass
from typing import NamedTuple

ARCHIVE = "the ZIP"  # what a finding is about that is about no file of it


class Absent(NamedTuple):
    """A row that others refer to and that no file has, as the root cause of their problems."""

    file: str
    sourced_id: str


_ABSENT = ":missing:"


def absent_key(file: str, sourced_id: str) -> str:
    """The key of such a root cause, in SQL: `sourced_id` is an expression."""
    return f"'{file}{_ABSENT}' || {sourced_id}"


def absent_of(key: str) -> Absent | None:
    """What `absent_key` made; None for the key of a problem, which is a row of its own."""
    file, made, sourced_id = key.partition(_ABSENT)
    return Absent(file, sourced_id) if made else None


@dataclass(frozen=True)
class Finding:
    """Something about the file or one of its rows. `line` is None where it is about the whole file."""

    rule: str
    severity: str
    message: str
    line: int | None = None
    sourced_id: str = ""
