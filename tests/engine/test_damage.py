"""A clean district, damaged as districts damage theirs, one way or two at once: each damaged row is read right or named with
its file and line, nothing else changes, and nobody is removed or made anew by the damage.

A few examples, always the same, in every run of the tests; with DAMAGE_EXAMPLES so many new ones, each planned too.
"""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oneroster_engine.errors import BundleRefused
from oneroster_engine.planning.plan import plan_changes
from oneroster_engine.planning.policy import Policy
from oneroster_engine.planning.snapshot import next_snapshot
from oneroster_engine.selecting.selection import EVERYTHING
from oneroster_engine.standard.entities import ENTITIES
from tests.corpus.test_corpus import Read
from tests.engine import oracle
from tests.engine.damages import DAMAGES, Damage, damaged, district
from tests.engine.refusals import WHAT_AND_WHAT_TO_DO
from tests.engine.test_plan import NOW, Platform

EXAMPLES = int(os.environ.get("DAMAGE_EXAMPLES", "0"))
BESIDE_THE_POINT = ("line", "digest", "dateLastModified")  # of a staged row


class Clean:
    """The district as it stands on the platform before it is damaged."""

    def __init__(self, version: str) -> None:
        folder = Path(mkdtemp(prefix="clean-"))
        self.files = district()
        self.stage = rows_of(read := Read(folder, damaged(self.files, [], version)[0]))
        assert [each for each in read.problems if each["severity"] != "note"] == []
        plan_changes(read.stage, EVERYTHING, None, folder / "plan", Policy("s1", NOW), [])
        self.snapshot = folder / "snapshot"
        next_snapshot(None, folder / "plan", self.snapshot, NOW, Policy("s1", NOW).purging, True)
        platform = Platform(folder)
        platform.snapshot = self.snapshot
        self.platform = platform.records()


clean = cache(Clean)


def rows_of(read: Read) -> dict[str, dict[str, dict[str, Any]]]:
    return {entity: {row["sourcedId"]: row for row in read.rows(entity)} for entity in ENTITIES}


def line_of(entity: str, at: int, damages: list[Damage]) -> int:
    return 2 + at + sum((each.shifts or {}).get(entity, 0) for each in damages)


def assert_harmless(names: list[str], version: str, folder: Path) -> None:
    damages, before = [DAMAGES[name] for name in names], clean(version)
    archive, sent = damaged(before.files, damages, version)
    try:
        read = Read(folder, archive)
    except BundleRefused as refusal:
        assert any(each.refusable for each in damages), refusal  # noqa: PT017 - either end is right
        assert WHAT_AND_WHAT_TO_DO.fullmatch(str(refusal))  # noqa: PT017
        return
    stage, found = rows_of(read), Reported(read.problems)

    for entity in ENTITIES:
        assert stage[entity].keys() <= before.stage[entity].keys(), "somebody was made anew"
        for at, row in enumerate(before.files[entity]):
            sourced_id, line = row["sourcedId"], line_of(entity, at, damages)
            now = stage[entity].get(sourced_id)
            if not same(now, before.stage[entity][sourced_id]):
                touched = sent[entity][at] != row or any(each.sent and each.of_column for each in damages)
                of_file = touched and any(each.of_column for each in damages) and found.file(entity)
                assert of_file or found.line(entity, line) or found.repeated(entity, sourced_id), (entity, line, now)
    assert_removes_nobody(read, before, stage, folder)


class Reported:
    """What the problems say of files and lines, without notes, which say that nothing is lost."""

    def __init__(self, problems: list[dict[str, Any]]) -> None:
        self.problems = [each for each in problems if each["severity"] != "note"]

    def line(self, entity: str, line: int) -> bool:
        # In 1.2 a person's roles stand in a file of their own, whose problem says what became of them.
        return any(each["file"] == f"{entity}.csv" and each["line"] == line for each in self.problems)

    def file(self, entity: str) -> bool:
        return any(each["file"] == f"{entity}.csv" and each["line"] is None for each in self.problems)

    def repeated(self, entity: str, sourced_id: str) -> bool:
        """Another row says the same id, and is named."""
        return any((each["entity"], each["sourcedId"]) == (entity, sourced_id) and each["other_line"] for each in self.problems)


def same(now: Mapping[str, Any] | None, before: Mapping[str, Any]) -> bool:
    return now is not None and all(now[name] == before[name] for name in before if name not in BESIDE_THE_POINT)


def assert_removes_nobody(read: Read, before: Clean, stage: Mapping[str, Any], folder: Path) -> None:
    left_out: dict[str, set[str | None]] = {entity: set() for entity in ENTITIES}
    for each in read.rows("left_out"):
        if each["entity"] in left_out:
            left_out[each["entity"]].add(each["sourcedId"])
    removed = oracle.removed(stage, before.platform, EVERYTHING, left_out, read.staged.complete)
    assert {entity: ids for entity, ids in removed.items() if ids} == {}
    if EXAMPLES:
        rules = Policy("s2", NOW)
        plan_changes(read.stage, EVERYTHING, before.snapshot, folder / "plan", rules, [])
        next_snapshot(before.snapshot, folder / "plan", folder / "snapshot", NOW, rules.purging, True)
        platform = Platform(folder)
        platform.snapshot = folder / "snapshot"
        after = platform.records()
        assert {entity: sorted(after[entity]) for entity in ENTITIES} == {
            entity: sorted(before.platform[entity]) for entity in ENTITIES
        }


@pytest.mark.long
@given(st.lists(st.sampled_from(sorted(DAMAGES)), min_size=1, max_size=2, unique=True), st.sampled_from(["1.1", "1.2"]))
@settings(max_examples=EXAMPLES or 10, derandomize=not EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_damage_of_one_kind_or_two_is_read_right_or_named_and_removes_nobody(damages: list[str], version: str) -> None:
    with TemporaryDirectory() as folder:
        assert_harmless(damages, version, Path(folder))
