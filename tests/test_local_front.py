"""The local front answers what it can't lead on with a problem document, as the API would, and shows no trace."""

from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from starlette.testclient import TestClient

from local.front import front
from local.stack import Stack


class Behind:
    """A stack of which nothing answers."""

    api_url, endpoint = "http://behind.invalid/api", "http://behind.invalid"
    outputs = {"UserPool": "pool"}

    def portal_headers(self) -> dict[str, str]:
        return {}


@pytest.mark.parametrize(
    ("trouble", "status"),
    [
        (httpx.ConnectError("refused"), 502),
        (httpx.RemoteProtocolError("cut off"), 502),
        (httpx.ReadTimeout("late"), 504),
        (httpx.LocalProtocolError("illegal header"), 400),
        (httpx.InvalidURL("no address"), 400),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else str(each),
)
@pytest.mark.parametrize("path", ["/api/groups", "/oauth2/token"])
def test_what_can_not_be_led_on_is_a_problem_document(
    trouble: Exception, status: int, path: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def request(*_: Any, **__: Any) -> None:
        raise trouble

    monkeypatch.setattr(httpx.AsyncClient, "request", request)
    answer = TestClient(front(cast(Stack, Behind()), tmp_path)).get(path)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status
    assert "Traceback" not in answer.text
