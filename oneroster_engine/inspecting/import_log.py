"""The log of an import that 1EdTech asks for with each of its test files: identifier, date, status, files imported, files
rejected, comment. Source: OneRoster 1.2, Conformance and Certification, import of CSV files."""

from collections.abc import Mapping, Sequence
from datetime import date

from oneroster_engine.staging.stage import Staged
from oneroster_engine.standard.entities import ROSTER_FILES

IMPORTED, IN_PART, REJECTED = "Imported", "Imported in part", "Rejected"
OF_PEOPLE = ("roles", "userProfiles")  # files without records of their own: they come with their people


def import_log(
    identifier: str, day: date, files: Sequence[str], staged: Staged | None, causes: Sequence[str], refusal: str
) -> Mapping[str, str]:
    """`files`: the bundle's CSVs by name, without .csv. `causes`: what each root cause of errors says, the largest first.

    A file is imported where a row of it was kept, or none had to be left out; what the roster has no use for is rejected.
    """
    if staged is None:
        return _lines(identifier, day, REJECTED, (), files, refusal)
    lost = [name for name, counted in staged.counts.items() if counted.read and not counted.kept]
    refused = {*lost, *(OF_PEOPLE if "users" in lost else ())}
    imported = [name for name in files if name in ROSTER_FILES and name not in refused]
    rejected = [name for name in files if name not in imported]
    read, left_out = (sum(each) for each in zip(*((one.read, one.left_out) for one in staged.counts.values()), strict=True))
    said = [f"{read - left_out:,} of {read:,} records were imported."]
    if left_out:
        said.append(f"{left_out:,} were rejected, for {len(causes):,} root cause{'' if len(causes) == 1 else 's'}. {causes[0]}")
    if unused := [name for name in rejected if name not in ROSTER_FILES]:
        said.append(f"A roster has no use for {', '.join(unused)}.")
    return _lines(identifier, day, IN_PART if left_out or lost else IMPORTED, imported, rejected, " ".join(said))


def _lines(
    identifier: str, day: date, status: str, imported: Sequence[str], rejected: Sequence[str], comment: str
) -> Mapping[str, str]:
    return {
        "Test identifier": identifier,
        "Date": day.isoformat(),
        "Status": status,
        "Files imported": ", ".join(f"{name}.csv" for name in imported) or "none",
        "Files rejected": ", ".join(f"{name}.csv" for name in rejected) or "none",
        "Comment": " ".join(comment.split()),
    }
