"""What each function gets of memory, time and disk: set in the template with its reason, explained in docs/operate/sizes.md."""

import re
from typing import Any

import pytest

from infra import ROOT
from infra.functions import FUNCTIONS, MOST_MB, SNAPSHOTS
from tests.infra.conftest import of_kind

pytestmark = pytest.mark.xdist_group("template")
PROCESSOR_MB = 1769  # AWS: from here on a function has one whole processor
ENGINE = {"OpenSource", "Stage", "Plan", "Commit", "Report", "APIHandler", "Forget", "Erase"}


def test_every_function_has_a_size_and_the_reason_beside_it(resources: dict[str, Any]) -> None:
    functions = of_kind(resources, "AWS::Lambda::Function")
    assert sorted(functions) == sorted(each.logical_id for each in FUNCTIONS)
    assert all(each.size for each in FUNCTIONS)


def test_the_page_of_sizes_says_what_is_set() -> None:
    page = (ROOT / "docs" / "operate" / "sizes.md").read_text()
    rows = re.findall(r"^\| (\w+) \| ([\d,]+) \| ([\d,]+) \| (\d+) \|.*\| (.*) \|$", page, re.MULTILINE)
    fields = {name: (*(int(cell.replace(",", "")) for cell in cells), why) for name, *cells, why in rows}

    assert fields == {each.logical_id: (each.memory_mb, each.disk_mb, each.time_s, each.size) for each in FUNCTIONS}


def test_what_runs_the_engine_has_room_above_its_limit_and_a_processor() -> None:
    from oneroster_engine.duckdb_session import DEFAULT_MB, limit_mb

    sizes = {each.logical_id: each.memory_mb for each in FUNCTIONS}
    for name in ENGINE:
        size = sizes[name]
        assert limit_mb(size) * 1.1 + 150 < size  # a tenth and Python with its packages, as functions were seen to peak above it
    assert sizes["Stage"] == DEFAULT_MB
    assert {name for name in ENGINE if sizes[name] < PROCESSOR_MB} == set()


def test_what_writes_a_snapshot_has_the_disk_for_a_large_one() -> None:
    puts = {
        each.logical_id: each.disk_mb
        for each in FUNCTIONS
        for grant in each.may
        if "s3:PutObject" in grant.actions and any(SNAPSHOTS in str(named) for named in grant.resources)
    }

    assert puts == {"Commit": MOST_MB, "Forget": MOST_MB}


def test_the_engine_s_steps_can_be_given_all_that_lambda_has(translated: dict[str, Any]) -> None:
    parameters = translated["Parameters"]

    for name in ("Stage", "Plan", "Commit"):
        properties = translated["Resources"][name]["Properties"]
        assert properties["MemorySize"] == {"Ref": f"{name}Memory"}
        assert properties["EphemeralStorage"] == {"Size": {"Ref": f"{name}Disk"}}
        assert (parameters[f"{name}Memory"]["MaxValue"], parameters[f"{name}Disk"]["MaxValue"]) == (MOST_MB, MOST_MB)
