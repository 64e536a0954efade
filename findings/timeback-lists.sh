#!/usr/bin/env bash
# timeback 0.3.0, on PyPI "a Python client for the TimeBack API (OneRoster 1.2 implementation)". Guess: it reads lists in the standard's
# form (OneRoster 1.2 REST binding): the records under the collection's name, their number in the header X-Total-Count.
# - Each list is refused: totalCount, pageCount, pageNumber, offset and limit have to be in the body, which the standard has none of.
# - With those there, half of the lists are refused still. A class has to name its school `org` and a course its owner `orgSourcedId`, which
#   the standard calls `school` and `org`; a session has to have an org, which the standard has none for.
# People, orgs and enrollments then are read. So two programs that both say OneRoster 1.2 can't read each other.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check timeback==0.3.0
"$folder/venv/bin/python" - <<'PY'
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from urllib.parse import urlsplit

from pydantic import ValidationError
from timeback.http import HttpClient
from timeback.models import request
from timeback.services.oneroster import OneRosterService


def ref(kind, sourced_id):
    return {"href": f"https://sis.example/{kind}/{sourced_id}", "sourcedId": sourced_id, "type": kind}


def record(sourced_id, **fields):
    return {"sourcedId": sourced_id, "status": "active", "dateLastModified": "2026-09-01T06:00:00.000Z", **fields}


ROLE = {"roleType": "primary", "role": "student", "org": ref("org", "north")}
LISTS = {
    "users": [record("u1", enabledUser="true", givenName="Ann", familyName="Lee", roles=[ROLE])],
    "orgs": [record("north", name="North", type="school", identifier="0001")],
    "courses": [record("k1", title="Maths", courseCode="M", org=ref("org", "north"))],
    "classes": [
        record("c1", title="Maths", classType="scheduled", course=ref("course", "k1"), school=ref("org", "north"), terms=[ref("term", "t1")])
    ],
    "academicSessions": [record("t1", title="Fall", type="term", startDate="2026-08-20", endDate="2026-12-13", schoolYear="2027")],
    "enrollments": [
        record("e1", role="student", user=ref("user", "u1"), school=ref("org", "north"), **{"class": ref("class", "c1")})
    ],
}
IN_THE_BODY = {"totalCount": 1, "pageCount": 1, "pageNumber": 1, "offset": 0, "limit": 100}
besides = {}


class Provider(BaseHTTPRequestHandler):
    def do_GET(self):
        name = urlsplit(self.path).path.rstrip("/").rpartition("/")[2]
        body = json.dumps({name: LISTS[name], **besides}).encode()
        self.send_response(200)
        for header in (("Content-Type", "application/json"), ("Content-Length", str(len(body))), ("X-Total-Count", str(len(LISTS[name])))):
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Token:
    def get_access_token(self):
        return "token"


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
roster = OneRosterService(HttpClient(f"http://127.0.0.1:{server.server_address[1]}", Token())).rostering
READ = {
    "users": lambda: roster.get_all_users(request.TimebackGetAllUsersRequest()),
    "orgs": lambda: roster.get_all_orgs(request.TimebackGetAllOrgsRequest()),
    "courses": lambda: roster.get_all_courses(request.TimebackGetAllCoursesRequest()),
    "classes": lambda: roster.get_all_classes(request.TimebackGetAllClassesRequest()),
    "academicSessions": lambda: roster.get_all_academic_sessions(request.TimebackGetAllAcademicSessionsRequest()),
    "enrollments": lambda: roster.get_all_enrollments(request.TimebackGetAllEnrollmentsRequest()),
}


def missed():
    """By list, what of it the client misses."""
    found = {}
    for name, read in READ.items():
        try:
            read()
            found[name] = []
        except ValidationError as refused:
            found[name] = [".".join(map(str, each["loc"])) for each in refused.errors()]
    return found


print(f"timeback {version('timeback')}")
as_the_standard = missed()
print("lists as the standard has them, missed:", as_the_standard)
besides = IN_THE_BODY
counted = missed()
print("with the numbers in the body, missed:", counted)
server.shutdown()
assert all(set(IN_THE_BODY) <= set(each) for each in as_the_standard.values()), "this has changed"
expected = {
    "classes": ["classes.0.org"],
    "courses": ["courses.0.orgSourcedId"],
    "academicSessions": ["academicSessions.0.org"],
}
assert counted == {name: expected.get(name, []) for name in READ}, "this has changed"
PY
