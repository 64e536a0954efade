#!/usr/bin/env bash
# oneroster-api 0.1.7, a client of OneRoster 1.1. Guess: retrieve_all() reads a whole list, and a token that has ended is renewed.
# - It asks once, without limit and offset, and leaves Link and X-Total-Count aside. A provider that keeps to the standard (1.1, 3.4.1:
#   a limit of 100 unless another is asked for) sends 100 records, which it returns as all; nobody is told of the others.
# - The token in its file is taken for ever: the moment at which it ends is written there and not looked at, so that what runs
#   longer than a token, or begins again the next day, gets 401.
# Needs Python 3.12 or newer, as the package does.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for python in python3.14 python3.13 python3.12 "$HOME"/.pyenv/versions/3.1[234]*/bin/python; do
  if "$python" -V >/dev/null 2>&1; then break; fi
done
"$python" -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check oneroster-api==0.1.7 requests==2.34.2 pydantic==2.14.4
cd "$folder"
env/bin/python - <<'PYTHON'
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import oneroster_api

LASTS_S = 1
COURSES = [{"sourcedId": f"c{n}", "title": f"Course {n}", "courseCode": f"C{n}", "status": "active", "grades": [], "subjects": []} for n in range(250)]
asked, tokens, refused = [], {}, []


class Provider(BaseHTTPRequestHandler):
    """Of 250 courses, by the standard: 100 a page unless another limit is asked for, a Link and a total."""

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, body: object, **headers: str) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        token = f"t{len(tokens)}"
        tokens[token] = time.monotonic() + LASTS_S
        self.answer(200, {"access_token": token, "expires_in": LASTS_S, "token_type": "bearer"})

    def do_GET(self) -> None:
        if tokens.get(self.headers["Authorization"].removeprefix("Bearer "), 0) < time.monotonic():
            refused.append(self.path)
            self.answer(401, {})
            return
        asked.append(self.path)
        query = {name: int(values[0]) for name, values in parse_qs(urlsplit(self.path).query).items()}
        offset, limit = query.get("offset", 0), query.get("limit", 100)
        following = f'<{self.path.split("?")[0]}?limit={limit}&offset={offset + limit}>; rel="next"'
        self.answer(200, {"courses": COURSES[offset : offset + limit]}, X_Total_Count="250", Link=following)


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
oneroster_api.set_credentials(f"http://127.0.0.1:{server.server_address[1]}", "id", "secret", Path("token.json"))
came = oneroster_api.Courses.retrieve_all()
print(f"oneroster-api {version('oneroster-api')}: {len(came)} of 250 courses by {asked}")
time.sleep(LASTS_S + 0.5)
try:
    oneroster_api.Courses.retrieve_all()
    renewed = True
except Exception as trouble:
    renewed = False
    print(f"after the token's end: {type(trouble).__name__}, tokens asked for: {len(tokens)}")
server.shutdown()
assert (len(came), asked, renewed, len(tokens), len(refused)) == (100, ["/api/oneroster/v1p1/courses"], False, 1, 1), "it behaves otherwise now"
PYTHON
