"""Strangers' clients against our provider: each reads a whole synced district, and counts what the district's files hold.

`make conformance`; outside `make test`, since it installs other people's packages. SHAPE in the environment names another
sample than tiny. The API answers over HTTP as Lambda gives it, on AWS in moto. A client whose Python is not on this machine is
skipped, by name.
"""

import csv
import io
import json
import os
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

import app as wiring
from oneroster_engine.sample_district import SHAPES, District, write
from tests.api.test_routes import Context
from tests.rostering.test_api import V1P1, V1P2, Reader, made
from tests.steps.walk import Walk, make_group

PEERS = Path(__file__).parent / "peers"
FILES = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments")


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
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


def installed(version: str, package: str, folder: Path) -> Path:
    """A Python of that version that has the package, in an environment of its own."""
    places = [shutil.which(f"python{version}"), *map(str, Path.home().glob(f".pyenv/versions/{version}*/bin/python"))]
    found = next((each for each in places if each and _runs(each)), None)
    if found is None:
        pytest.skip(f"{package} wants Python {version}, which this machine does not have")
    subprocess.run([found, "-m", "venv", str(folder)], check=True)
    subprocess.run([str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", package], check=True)
    return folder / "bin" / "python"


def _runs(python: str) -> bool:
    return subprocess.run([python, "-V"], capture_output=True, check=False).returncode == 0


def counted(python: Path, script: str, *arguments: str) -> dict[str, int]:
    done = subprocess.run([str(python), str(PEERS / script), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture
def district(aws: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, dict[str, int]]]:
    """The address that serves a synced sample, and how many of each kind its files hold."""
    bundle = tmp_path / "sample.zip"
    write(District(SHAPES[os.environ.get("SHAPE", "tiny")], 1, "1.1", 1, False, False), bundle)
    make_group()
    Walk(bundle.read_bytes()).through()
    with zipfile.ZipFile(bundle) as packed:
        rows = {name: list(csv.DictReader(io.StringIO(packed.read(f"{name}.csv").decode()))) for name in FILES}
    expected = {name: len(found) for name, found in rows.items()}
    expected |= {
        "schools": sum(row["type"] == "school" for row in rows["orgs"]),
        "terms": sum(row["type"] == "term" for row in rows["academicSessions"]),
        "gradingPeriods": sum(row["type"] == "gradingPeriod" for row in rows["academicSessions"]),
        "students": sum(row["role"] == "student" for row in rows["users"]),
        "teachers": sum(row["role"] == "teacher" for row in rows["users"]),
    }
    with served() as origin:
        monkeypatch.setenv("PORTAL_ORIGIN", origin)
        yield origin, expected


def test_strongmind_oneroster_client_reads_everything_by_1_1(district: tuple[str, dict[str, int]], tmp_path: Path) -> None:
    python = installed("3.11", "strongmind-oneroster-client==2.0.5", tmp_path / "env")
    _, expected = district
    client = made()

    found = counted(python, "strongmind_1_1.py", client["baseUrl11"], Reader(client, V1P1).token)

    print(f"strongmind-oneroster-client 2.0.5, OneRoster 1.1: {found}")
    assert found == expected


def test_timeback_oneroster_reads_everything_by_1_2(district: tuple[str, dict[str, int]], tmp_path: Path) -> None:
    python = installed("3.13", "timeback-oneroster==0.4.0", tmp_path / "env")
    origin, expected = district
    client = made()

    found = counted(python, "timeback_1_2.py", f"{origin}/api", client["tokenUrl"], client["clientId"], client["clientSecret"])

    print(f"timeback-oneroster 0.4.0, OneRoster 1.2: {found}")
    assert found == {name: number for name, number in expected.items() if name != "users"}
