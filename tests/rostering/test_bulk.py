"""Whole files of the roster: a delta leads from one version to the next, and nobody gets more than their pages hold."""

import csv
import io
import json
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from chalicelib.provider.bulk import columns, write_bundle, write_changes, write_parquet
from chalicelib.provider.query import Query, View, read_page, ListPath, USER_FIELDS, SHOWN_ALWAYS
from chalicelib.provider.resources import Version, links, render
from oneroster_engine.planning.plan import plan_changes
from oneroster_engine.planning.policy import Policy
from oneroster_engine.planning.snapshot import next_snapshot
from oneroster_engine.selecting.selection import EVERYTHING
from oneroster_engine.staging.delta import View as SourceView
from oneroster_engine.staging.stage import stage_bundle
from oneroster_engine.standard.archive import Limits, inflate
from oneroster_engine.standard.entities import ENTITIES, ROSTER_FILES
from tests.engine.test_plan import Platform
from tests.rostering.test_query import DISTRICT

LIMITS = Limits(10**8, 10**9, 100, 1000)
EVERYBODY = View()
NORTH = View(frozenset({"north"}))
AT = datetime(2026, 9, 1, tzinfo=UTC)
VERSIONS = [pytest.param("1.1", id="1.1"), pytest.param("1.2", id="1.2")]
VIEWS = [pytest.param(EVERYBODY, id="all schools"), pytest.param(NORTH, id="one school")]


def some_day(chance: Random) -> dict[str, list[dict[str, str]]]:
    """A district in which people, classes and enrollments come, go, change and are called inactive."""
    people = [
        {
            **each,
            "givenName": chance.choice("AB"),
            "orgSourcedIds": chance.choice([each["orgSourcedIds"], "north", "south", "south,north"]),
            "enabledUser": chance.choice(["", "true", "false"]),
            "status": chance.choice(["", "", "inactive"]),
            "agentSourcedIds": chance.choice(["", each.get("agentSourcedIds", ""), "gus"]),
        }
        for each in DISTRICT["users"]
        if chance.random() < 0.85
    ]
    there = {each["sourcedId"] for each in people}
    classes = [{**each, "title": chance.choice("XY")} for each in DISTRICT["classes"] if chance.random() < 0.85]
    taught = {each["sourcedId"] for each in classes}
    enrollments = [
        {**each, "beginDate": chance.choice(["", "2026-09-01"])}
        for each in DISTRICT["enrollments"]
        if each["userSourcedId"] in there and each["classSourcedId"] in taught and chance.random() < 0.85
    ]
    return {**DISTRICT, "users": people, "classes": classes, "enrollments": enrollments}


class Consumer:
    """A platform of somebody else, with this engine as its reader: one bundle first, then deltas."""

    def __init__(self, folder: Path, bundle: Path) -> None:
        self.folder, self.days = folder, 0
        self.snapshot: Path | None = None
        inflate(bundle, folder / "bulk", LIMITS)
        self.source = folder / "bulk"
        stage_bundle(self.source, folder / "stage0")
        self._commit(folder / "stage0")

    def takes(self, delta: Path) -> None:
        csvs, after, stage = (self.folder / f"{name}{self.days}" for name in ("csvs", "view", "stage"))
        inflate(delta, csvs, LIMITS)
        staged = stage_bundle(csvs, stage, view=SourceView(self.source, after))
        assert staged.problems.get("error", 0) == 0, duckdb.read_parquet(str(stage / "problems.parquet")).fetchall()
        self.source = after
        self._commit(stage)

    def _commit(self, stage: Path) -> None:
        self.days += 1
        now = AT + timedelta(days=self.days)
        policy = Policy(sync_id=f"c{self.days}", now=now)
        plan, out = self.folder / f"plan{self.days}", self.folder / f"snapshot{self.days}"
        plan_changes(stage, EVERYTHING, self.snapshot, plan, policy)
        next_snapshot(self.snapshot, plan, out, now, policy.purging)
        self.snapshot = out


def tables(bundle: Path) -> dict[str, list[dict[str, str]]]:
    with zipfile.ZipFile(bundle) as archive:
        read = {
            name.removesuffix(".csv"): list(csv.DictReader(io.StringIO(archive.read(name).decode(), newline="")))
            for name in archive.namelist()
        }
    return {name: sorted(rows, key=lambda row: str(row.get("sourcedId"))) for name, rows in read.items()}


def contents(snapshot: Path | None, view: View, version: str, out: Path) -> dict[str, list[dict[str, str]]]:
    """Every row of every file, whoever wrote it: an empty file and an absent one are the same."""
    assert snapshot
    write_bundle(snapshot, view, version, out)
    return {name: rows for name, rows in tables(out).items() if rows and name != "manifest"}


@pytest.mark.parametrize("seed", [3, 4])
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("version", VERSIONS)
def test_who_holds_a_version_and_reads_the_delta_holds_the_next_whatever_a_day_brings(
    tmp_path: Path, version: str, view: View, seed: int
) -> None:
    chance, ours = Random(seed), Platform(tmp_path)
    ours.sync(DISTRICT)
    assert ours.snapshot
    write_bundle(ours.snapshot, view, version, tmp_path / "first.zip")
    theirs = Consumer(tmp_path / "theirs", tmp_path / "first.zip")
    for day in range(5):
        before = ours.snapshot
        ours.sync(some_day(chance))
        delta = tmp_path / f"delta{day}.zip"

        rows = write_changes(before, ours.snapshot, view, version, AT, delta)
        if rows:
            theirs.takes(delta)

        wanted = contents(ours.snapshot, view, version, tmp_path / f"ours{day}.zip")
        anew = Consumer(tmp_path / f"anew{day}", tmp_path / f"ours{day}.zip")
        held = contents(theirs.snapshot, EVERYBODY, version, tmp_path / f"theirs{day}.zip")
        assert held == contents(anew.snapshot, EVERYBODY, version, tmp_path / f"anew{day}.zip"), day
        assert view != EVERYBODY or held == wanted, day
