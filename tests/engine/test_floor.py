"""What the engine must not know: AWS, the process around it, and what became of a platform."""

from pathlib import Path

import pytest

import oneroster_engine

SOURCES = sorted(Path(oneroster_engine.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_the_engine_never_says_that_nothing_was_changed_since_it_can_not_know(source: Path) -> None:
    assert "othing was changed" not in source.read_text()
