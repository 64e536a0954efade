"""The tests of one group run in one process, so that they share one embedded AWS and one browser."""

import os

import pytest

pytestmark = pytest.mark.xdist_group("one")


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process runs everything")
def test_a_group_is_known_to_whoever_hands_the_tests_out(request: pytest.FixtureRequest) -> None:
    # pytest 9.2 has no place any more for what pytest-xdist 3.8 writes a test's group into, and nothing says so
    assert request.node.nodeid.endswith("@one")
