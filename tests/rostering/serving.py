"""Our provider over HTTP, as API Gateway and Lambda answer it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import app as wiring
from tests.api.test_routes import Context
from tests.rostering.test_api import V1P1, V1P2

# A Lambda answers one request at a time, and Chalice knows one current request.
_ANSWERING = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    """What API Gateway does: path to resource, query and body to an event, and the answer back."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer("")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: what matters is counted."""

    def _answer(self, body: str) -> None:
        sent = urlsplit(self.path)
        path = sent.path.removeprefix("/api")
        base = next((each for each in (V1P2, V1P1) if path.startswith(each)), None)
        parts = [unquote(each) for each in path.removeprefix(base).strip("/").split("/")] if base else []
        resource = base + "".join(f"/{{part{number}}}" for number in range(1, len(parts) + 1)) if base else path
        event = {
            "httpMethod": self.command,
            "path": path,
            "headers": dict(self.headers.items()),
            "multiValueQueryStringParameters": {name: [value] for name, value in parse_qsl(sent.query)} or None,
            "pathParameters": {f"part{number}": part for number, part in enumerate(parts, start=1)} or None,
            "stageVariables": None,
            "body": body,
            "isBase64Encoded": False,
            "requestContext": {"resourcePath": resource, "httpMethod": self.command, "requestId": "r1"},
        }
        with _ANSWERING:
            answer = wiring.app(event, Context())
        content = str(answer["body"]).encode()
        self.send_response(answer["statusCode"])
        for name, value in answer["headers"].items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def served() -> Iterator[str]:
    """The origin at which it answers while the block lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
