"""What is found while a file is read."""

from dataclasses import dataclass

ARCHIVE = "the ZIP"  # what a finding is about that is about no file of it


@dataclass(frozen=True)
class Finding:
    """Something about the file or one of its rows. `line` is None where it is about the whole file."""

    rule: str
    severity: str
    message: str
    line: int | None = None
    sourced_id: str = ""
