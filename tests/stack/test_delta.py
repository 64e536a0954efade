"""A bundle of changes only, through the real machine with its own permissions."""

import csv
import io
import zipfile
from pathlib import Path

import pytest

from local.client import Client
from local.stack import Stack
from tests.stack.test_flow import roster

pytestmark = pytest.mark.xdist_group("stack")


def people_of(district: Path) -> list[dict[str, str]]:
    with zipfile.ZipFile(district) as packed:
        return list(csv.DictReader(io.StringIO(packed.read("users.csv").decode("utf-8-sig"))))


def delta_of(people: list[dict[str, str]]) -> bytes:
    text, packed = io.StringIO(), io.BytesIO()
    writer = csv.DictWriter(text, list(people[0]))
    writer.writeheader()
    writer.writerows(people)
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("manifest.csv", "propertyName,value\noneroster.version,1.1\nfile.users,delta\n")
        archive.writestr("users.csv", text.getvalue())
    return packed.getvalue()


def changes(district: Path, out: Path) -> tuple[Path, list[dict[str, str]]]:
    """Two people of the district: one with another name, one to be deleted."""
    people = people_of(district)[:2]
    now = "2026-09-02T00:00:00Z"
    people[0] |= {"status": "active", "dateLastModified": now, "familyName": "Otherwise"}
    people[1] |= {"status": "tobedeleted", "dateLastModified": now}
    out.write_bytes(delta_of(people))
    return out, people


def test_a_delta_changes_whom_it_names_and_asks_for_everything_where_there_is_nothing_yet(
    admin: Client, stack: Stack, district: Path, tmp_path: Path
) -> None:
    group_id = admin.new_group("Changes only")
    delta, (renamed, deleted) = changes(district, tmp_path / "delta.zip")
    refused = admin.sync_all(group_id, delta)
    assert refused["state"] == "refused"
    assert "nothing to merge it into yet" in refused["message"]
    admin.sync_all(group_id, district)
    before = roster(stack, group_id, "users")

    done = admin.sync_all(group_id, delta)

    assert (done["counts"]["users"]["updated"], done["counts"]["users"]["deactivated"]) == (1, 1)
    assert roster(stack, group_id, "users") == before - {deleted["sourcedId"]}
    assert renamed["sourcedId"] in before
    twice = admin.sync_all(group_id, delta)
    assert sum(twice["counts"]["users"][what] for what in ("created", "updated", "deactivated")) == 0
