"""What the steps' tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.sources import sftp
from chalicelib.sources.public_address import LOOPBACK_SETTING
from local.peers.sftp import OtherServer


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OtherServer]:
    monkeypatch.setenv(LOOPBACK_SETTING, "allowed")
    monkeypatch.setattr(sftp, "SETTLE_S", 0.0)
    (tmp_path / "files").mkdir()
    running = OtherServer(tmp_path / "files")
    yield running
    running.remove()
