"""The made-up districts are what they say: the same for the same arguments, clean or dirty as asked."""

import csv
import io
import zipfile
from pathlib import Path

import duckdb
import pytest

from oneroster_engine.inspecting.problems import problem_groups
from oneroster_engine.sample_district import SHAPES, District, write
from oneroster_engine.staging.stage import Staged, stage_bundle
from oneroster_engine.standard.archive import Limits, inflate

READY = Path(__file__).parent.parent.parent / "samples"


def staged(tmp_path: Path, version: str, problems: bool, shape: str = "tiny", day: int = 1) -> Staged:
    write(District(SHAPES[shape], 1, version, day, problems), tmp_path / "d.zip")
    inflate(tmp_path / "d.zip", tmp_path / "csv", Limits())
    return stage_bundle(tmp_path / "csv", tmp_path / "stage")


def users(archive: Path) -> dict[str, dict[str, str]]:
    with zipfile.ZipFile(archive) as packed:
        return {row["sourcedId"]: row for row in csv.DictReader(io.StringIO(packed.read("users.csv").decode(), newline=""))}


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_clean_district_has_no_problem_at_all(tmp_path: Path, version: str) -> None:
    found = staged(tmp_path, version, problems=False)

    assert (found.version, found.problems) == (version, {})
    assert found.counts["users"].kept == SHAPES["tiny"].users


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_day_later_it_is_as_clean(tmp_path: Path, version: str) -> None:
    assert staged(tmp_path, version, problems=False, shape="T", day=2).problems == {}


def test_each_day_is_another_and_always_the_same() -> None:
    def people(day: int) -> list[tuple[str, ...]]:
        return [tuple(row) for row in District(SHAPES["T"], 1, "1.1", day, False).files()["users"][1]()]

    days = {day: people(day) for day in (2, 3, 4, 20785, 20786)}

    assert len({tuple(rows) for rows in days.values()}) == len(days)
    assert days[20786] == people(20786)
    for rows in days.values():
        assert 0.98 * SHAPES["T"].users < len({row[0] for row in rows}) < 1.01 * SHAPES["T"].users


def test_a_day_later_some_changed_fewer_are_gone_and_some_are_new(tmp_path: Path) -> None:
    for day in (1, 2):
        write(District(SHAPES["T"], 1, "1.1", day, False), tmp_path / str(day))
    before, after = users(tmp_path / "1"), users(tmp_path / "2")

    changed = [each for each in before.keys() & after.keys() if before[each]["phone"] != after[each]["phone"]]
    assert 0.01 < len(changed) / len(before) < 0.03
    assert 0.005 < len(before.keys() - after.keys()) / len(before) < 0.02
    assert len(after.keys() - before.keys()) == 10


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_dirty_district_has_every_kind_of_problem_and_every_row_is_accounted_for(tmp_path: Path, version: str) -> None:
    found = staged(tmp_path, version, problems=True, shape="T")

    assert all(each.read == each.kept + each.left_out for each in found.counts.values())
    assert all(each.kept > each.read * 0.9 for name, each in found.counts.items() if name in ("classes", "users", "enrollments"))
    rules = duckdb.read_parquet(str(tmp_path / "stage" / "problems.parquet")).project("rule").distinct().fetchall()
    assert {rule for (rule,) in rules} >= {
        "sourced-id", "repeated", "repeated-differently", "required", "expected", "unknown-word", "unusual-word",
        "unknown-reference", "without-role", "status", "unreadable-date", "unreadable-boolean", "end-before-begin",
        "school-differs",
    }  # fmt: skip
    assert {row["status"] for row in users(tmp_path / "d.zip").values()} >= {"", "inactive", "tobedeleted"}
    groups = problem_groups(tmp_path / "stage" / "problems.parquet", limit=100, offset=0).items
    school = next(group for group in groups if group["file"] == "orgs.csv")
    assert (school["severity"], school["explains"] > 10) == ("error", True)  # its classes, and their enrollments


def test_the_same_arguments_give_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        write(District(SHAPES["tiny"], seed, "1.2", 2, True), tmp_path / name)

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_the_ready_made_zips_hold_what_the_script_makes(tmp_path: Path, version: str) -> None:
    """File by file: how tightly a ZIP is packed depends on the machine's zlib."""
    write(District(SHAPES["tiny"], 1, version, 1, False), tmp_path / "now.zip")

    with zipfile.ZipFile(READY / f"riverside-unified-{version}.zip") as ready, zipfile.ZipFile(tmp_path / "now.zip") as now:
        assert {name: ready.read(name) for name in ready.namelist()} == {name: now.read(name) for name in now.namelist()}
