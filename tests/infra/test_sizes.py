"""What each function gets of memory, time and disk: set in the template with its reason, explained in docs/operate/sizes.md."""

import json
import re
from typing import Any

import pytest

from infra import ROOT
from infra.build import build, functions_of

pytestmark = pytest.mark.xdist_group("template")
PROCESSOR_MB = 1769  # AWS: from here on a function has one whole processor
ENGINE = {"OpenSource", "Stage", "Plan", "Commit", "Report", "APIHandler"}


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return functions_of(json.loads(build(tmp_path_factory.mktemp("sizes")).template.read_text()))


def test_every_function_has_a_size_and_the_reason_beside_it(functions: dict[str, Any]) -> None:
    ours = json.loads((ROOT / "infra" / "template.json").read_text())["Resources"]

    for name in functions:
        assert {"MemorySize", "Timeout"} <= set(ours.get(name, {}).get("Properties", {})), f"{name} has no size in template.json"
        assert functions[name]["Metadata"]["size"]


def test_the_page_of_sizes_says_what_is_set(functions: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "operate" / "sizes.md").read_text()
    rows = re.findall(r"^\| (\w+) \| ([\d,]+) \| ([\d,]+) \| (\d+) \|", page, re.MULTILINE)
    said = {name: tuple(int(cell.replace(",", "")) for cell in cells) for name, *cells in rows}

    assert said == {
        name: (each["MemorySize"], each.get("EphemeralStorage", {"Size": 512})["Size"], each["Timeout"])
        for name, each in ((name, function["Properties"]) for name, function in functions.items())
    }


def test_what_runs_the_engine_has_room_above_its_limit_and_a_processor(functions: dict[str, Any]) -> None:
    from oneroster_engine.duckdb_session import STAGE_MB, limit_mb

    for name in ENGINE:
        size = functions[name]["Properties"]["MemorySize"]
        assert limit_mb(size) * 1.1 + 150 < size  # a tenth and Python with its packages, as functions were seen to peak above it
    assert functions["Stage"]["Properties"]["MemorySize"] == STAGE_MB
    assert {name for name in ENGINE if functions[name]["Properties"]["MemorySize"] < PROCESSOR_MB} == set()
