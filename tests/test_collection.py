"""What `make test` rests on: whoever collects the tests, and when, finds the same."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAUSE_S = 2.5  # a ZIP's time has steps of two seconds


def collected() -> list[str]:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-p", "no:cacheprovider"]
    settings = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    found = subprocess.run(command, cwd=ROOT, env=settings, stdout=subprocess.PIPE, text=True, check=True).stdout
    return [line for line in found.splitlines() if "::" in line]


def test_two_collections_a_few_seconds_apart_are_the_same(request: pytest.FixtureRequest) -> None:
    one = [re.sub(r"@[^@\]]*$", "", item.nodeid) for item in request.session.items]  # xdist appends a test's group
    if len(one) < 1000:  # these tests alone were asked for
        one = collected()
    time.sleep(PAUSE_S)

    other = collected()

    assert len(one) > 1000
    assert one == other
    assert len(set(one)) == len(one)


def test_made_bytes_never_name_a_test(tmp_path: Path) -> None:
    case = tmp_path / "test_case.py"
    case.write_text("import pytest, os\n@pytest.mark.parametrize('sent', [os.urandom(9), os.urandom(9)])\ndef test(sent): pass\n")
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "--rootdir", str(tmp_path), "-p", "no:cacheprovider", str(case)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert "test[sent0]" in done.stdout
    assert "test[sent1]" in done.stdout
