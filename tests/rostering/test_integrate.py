"""What an integrator copies from docs/integrate.md, run as it stands against our provider over HTTP."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from infra import ROOT
from tests.engine.test_plan import TWO_SCHOOLS
from tests.rostering.serving import served
from tests.rostering.test_api import Reader, made
from tests.steps.walk import Walk, make_group, zipped

[SCRIPT] = re.findall(r"```bash\n(.*?)```", (ROOT / "docs" / "integrate.md").read_text(), re.DOTALL)


def run(base: str, access: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The page's script, with four records a page."""
    settings = {"BASE_URL_12": base, "ACCESS": access}
    script = SCRIPT.replace("limit=1000", "limit=4")
    command = ["bash", "-c", script]
    return subprocess.run(command, cwd=folder, env={**os.environ, **settings}, capture_output=True, text=True, timeout=60)


@pytest.mark.usefixtures("aws")
def test_the_script_of_the_docs_reads_each_page_once_and_fails_where_one_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_group()
    Walk(zipped(TWO_SCHOOLS)).through()
    with served() as origin:
        monkeypatch.setenv("PORTAL_ORIGIN", origin)
        client = made()
        ran = run(client["baseUrl12"], Reader(client).token, tmp_path)
        pages = [json.loads(line)["users"] for line in (tmp_path / "users.jsonl").read_text().splitlines()]
        refused = run(client["baseUrl12"], "another", tmp_path)

    assert ran.returncode == 0, ran.stderr
    assert [len(page) for page in pages] == [4, 2]
    assert sorted(each["sourcedId"] for page in pages for each in page) == ["ann", "bob", "cat", "gil", "idle", "tom"]
    assert refused.returncode != 0
    assert "401" in refused.stderr
