"""The made-up districts are what they say: the same for the same arguments, clean or dirty as asked."""

from pathlib import Path

import pytest

from chalicelib.roster.stage import Staged, stage_bundle
from chalicelib.sources.zip import Limits, inflate
from samples.district import SHAPES, District, write


def staged(tmp_path: Path, version: str, problems: bool) -> Staged:
    write(District(SHAPES["tiny"], 1, version, 1, problems), tmp_path / "d.zip")
    inflate(tmp_path / "d.zip", tmp_path / "csv", Limits())
    return stage_bundle(tmp_path / "csv", tmp_path / "stage")


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_clean_district_has_no_problem_at_all(tmp_path: Path, version: str) -> None:
    said = staged(tmp_path, version, problems=False)

    assert (said.version, said.problems) == (version, {})
    assert said.counts["users"].kept == SHAPES["tiny"].users


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_dirty_district_has_errors_and_every_row_is_accounted_for(tmp_path: Path, version: str) -> None:
    said = staged(tmp_path, version, problems=True)

    assert said.problems["error"] > 0
    assert all(each.read == each.kept + each.left_out for each in said.counts.values())


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(District(SHAPES["tiny"], 7, "1.2", 2, True), tmp_path / name)

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_ready_made_zip_is_what_the_script_makes(tmp_path: Path) -> None:
    write(District(SHAPES["tiny"], 1, "1.1", 1, False), tmp_path / "now.zip")

    ready = Path(__file__).parent.parent.parent / "samples" / "riverside-unified-1.1.zip"
    assert ready.read_bytes() == (tmp_path / "now.zip").read_bytes()
