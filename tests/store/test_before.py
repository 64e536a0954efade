"""Items as earlier versions wrote them: today's records read them. `before/` holds one file a table and a version.

A file is added with each released version, and none is ever changed: that is how an upgrade with data stays possible.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer

from chalicelib.model.records import Group, QuestionKind, Sync
from chalicelib.store.tables import from_item

BEFORE = Path(__file__).parent / "before"


def items(path: Path) -> list[dict[str, Any]]:
    read = TypeDeserializer().deserialize
    return [{name: read(value) for name, value in item.items()} for item in json.loads(path.read_text())]


@pytest.mark.parametrize("path", sorted(BEFORE.glob("groups-*.json")), ids=lambda path: path.stem)
def test_groups_of_earlier_versions_are_read(path: Path) -> None:
    groups = [from_item(Group, item) for item in items(path)]

    assert any(group.snapshot for group in groups)
    assert any(group.sync for group in groups)


@pytest.mark.parametrize("path", sorted(BEFORE.glob("syncs-*.json")), ids=lambda path: path.stem)
def test_syncs_of_earlier_versions_are_read_those_that_wait_too(path: Path) -> None:
    syncs = [from_item(Sync, item) for item in items(path)]

    assert {sync.question.kind for sync in syncs if sync.question} == {QuestionKind.ORGS, QuestionKind.STATUSES}
    assert any(sync.counts.users.created for sync in syncs)


def test_what_another_version_has_written_into_a_group_besides_is_left_aside() -> None:
    (item, *_) = items(BEFORE / "groups-0.1.json")
    source = {"method": "rest", "baseUrl": "https://sis.example.org", "tokenUrl": "https://sis.example.org/token"}

    group = from_item(Group, item | {"source": source | {"incremental": False}, "ofTomorrow": 1})

    assert group.source.model_dump(by_alias=True)["baseUrl"] == "https://sis.example.org"
    assert group.model_extra is None
