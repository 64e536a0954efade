"""What the engine must not know: AWS, the process around it, and what became of a platform."""

import re
from pathlib import Path

import pytest

import oneroster_engine

SOURCES = sorted(Path(oneroster_engine.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_the_engine_never_says_that_nothing_was_changed_since_it_can_not_know(source: Path) -> None:
    assert "othing was changed" not in source.read_text()


# What a Lambda or a shell sets reaches the engine as an argument, or not at all: it is also a library.
SETTINGS = re.compile(r"\benviron\b|\bgetenv\b|\bAWS_[A-Z]+|\bLAMBDA_[A-Z]+")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_the_engine_reads_no_setting_of_the_process_around_it(source: Path) -> None:
    assert SETTINGS.findall(source.read_text()) == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_rows_go_to_the_engine_s_tables_in_one_statement_and_not_each_in_its_own(source: Path) -> None:
    """Half a millisecond a row: of 200,000 ids that lost their zeros that was longer than a step has."""
    assert ".executemany(" not in source.read_text()
