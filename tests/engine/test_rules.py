"""The list of rules: every rule says what to do, and the page about them is made of it."""

import re
from pathlib import Path

import pytest

from oneroster_engine.staging.rule_table import with_table
from oneroster_engine.staging.rules import ALL_RULES, RULES, Phase, Rule, Severity, fields_with

PAGE = Path(__file__).parents[2] / "docs" / "validation.md"


@pytest.mark.parametrize("rule", [pytest.param(each, id=f"{each.id}-{each.severity}-{at}") for at, each in enumerate(ALL_RULES)])
def test_whoever_is_told_of_an_error_or_a_warning_is_told_what_to_do(rule: Rule) -> None:
    assert rule.severity == Severity.NOTE or rule.how_to_fix.endswith(".")


@pytest.mark.parametrize("rule", [pytest.param(each, id=f"{each.id}-{each.phase}-{at}") for at, each in enumerate(RULES)])
def test_every_rule_is_tried_somewhere(rule: Rule) -> None:
    assert fields_with(rule)
    assert rule.broken


def test_one_rule_has_one_sentence_whatever_it_costs() -> None:
    sentences = {each.id: {rule.message for rule in ALL_RULES if rule.id == each.id} for each in ALL_RULES}

    assert {id: message for id, message in sentences.items() if len(message) > 1} == {}


def test_a_sentence_has_no_hole_that_its_rule_does_not_fill() -> None:
    for rule in RULES:
        holes = set(re.findall(r"(?<!\{)\{(\w+)\}", rule.message)) - {"name", "file", "other"}
        optional = {"then", "nearest"}
        assert holes - optional <= set(rule.arguments), rule.id


def test_only_rules_that_leave_a_row_out_have_a_cause() -> None:
    assert {rule.id for rule in RULES if rule.cause != "NULL" and not rule.leaves_out} == set()


def test_a_rule_found_while_reading_is_tried_by_no_query() -> None:
    assert [rule.id for rule in ALL_RULES if rule.phase == Phase.READING and rule.broken] == []


def test_the_page_about_validation_lists_every_rule_as_it_is() -> None:
    page = PAGE.read_text()

    assert with_table(page) == page, "run python -m oneroster_engine.staging.rule_table"
