"""The page for the first hour on a real account names what there is."""

import re
from typing import Any

import pytest

from infra import ROOT

pytestmark = pytest.mark.xdist_group("template")
PAGE = (ROOT / "docs" / "operate" / "first-day.md").read_text()


def test_the_first_day_names_make_targets_outputs_and_alarms_that_there_are(translated: dict[str, Any]) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    outputs, resources = translated["Outputs"], translated["Resources"]

    assert set(re.findall(r"`make (\w+)", PAGE)) <= targets
    assert set(re.findall(r"<([A-Z]\w+)>", PAGE)) <= set(outputs)
    assert set(re.findall(r"\b(\w+Alarm)\b", PAGE)) <= set(resources)
    assert {rule["Name"] for rule in resources["ApiShield"]["Properties"]["Rules"]} >= {"from-cloudfront"}


def test_each_part_of_the_first_day_says_how_to_take_it_back_and_fits_the_hour() -> None:
    parts = re.split(r"^## \d\. ", PAGE, flags=re.MULTILINE)[1:]
    minutes = [int(re.match(r".*\((\d+) minutes\)", each)[1]) for each in parts]  # type: ignore[index]

    assert sum(minutes) <= 60
    assert all("ake back" in each or "make destroy" in each or "goes back" in each for each in parts)
