"""A server of a partner that gets a group's messages."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chalicelib.service.webhook_delivery import deliver_due
from chalicelib.store import webhooks as store
from local.events import saved

Received = list[tuple[dict[str, str], str]]


class Listener:
    """A server of a partner: what it got, and what it answers."""

    def __init__(self) -> None:
        self.got: Received = []
        self.status = 204
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                listener.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(listener.status)
                self.send_header("Location", "http://127.0.0.1/elsewhere")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"


@contextmanager
def listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    monkeypatch.setenv("SOURCES_ON_LOOPBACK", "allowed")
    monkeypatch.setenv("STATE_MACHINE_ARN", saved("execution_ended")["detail"]["stateMachineArn"])
    store._kms.cache_clear()
    listener = Listener()
    thread = threading.Thread(target=listener.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield listener
    listener.server.shutdown()
    listener.server.server_close()
    store._kms.cache_clear()


def delivered(after: timedelta = timedelta()) -> int:
    now = datetime.now(UTC) + after
    return deliver_due(lambda: now, lambda: True)
