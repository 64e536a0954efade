"""Whatever route shows a person's data leaves a trace of who looked, and shows a viewer no contact details that they did not ask
for; nothing anywhere shows a password.

The routes are those that are registered: a new one that shows people and leaves no trace fails here by itself.
"""

import io
import json
import re
import zipfile
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, get_args
from urllib.parse import unquote, urlsplit

import boto3
import duckdb
import pytest

from chalicelib.api import role_table
from chalicelib.api.masking import masked
from chalicelib.api.routing import ROUTES, Route
from chalicelib.model.records import Record, Sync
from chalicelib.store import access, audit
from tests.api.test_routes import call
from tests.engine.districts import small, user
from tests.steps.walk import Walk, make_group, zipped

pytestmark = pytest.mark.usefixtures("aws")

PERSON, EMAIL, PASSWORD = "Quincewhite", "annabel.quincewhite@district.example", "Zebra-55-Secret"
PHONES = ("+1 555 010 4477", "+1 555 010 9911")


CONTACT = {"username": EMAIL, "phone": PHONES[0], "sms": PHONES[1]}


def with_passwords(bundle: bytes, broken: bool) -> bytes:
    """As a district exports it: a password in its own column; `broken`: rows in every shape in which cells lose their column."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(bundle)) as given, zipfile.ZipFile(changed, "w") as out:
        for name in given.namelist():
            body = given.read(name)
            if name == "users.csv":
                head, *rows = body.decode().splitlines()
                rows = [f"{row},{PASSWORD}" for row in rows]
                if broken:
                    row = rows[0].replace(PERSON, "Other").replace(EMAIL, "other@district.example")
                    rows += [
                        row.replace("annabel,", "annabel,x,", 1),  # a cell too many: the password stands one further
                        f'"unclosed{row}',
                        row.replace("annabel", ""),
                        row.replace("annabel", "bad").replace("student", PASSWORD),
                        row.replace("annabel", "latin").replace("Other", "\xd3ther"),
                    ]
                body = "\r\n".join([f"{head},password", *rows, ""]).encode("latin-1")
            out.writestr(zipfile.ZipInfo(name), body)
    return changed.getvalue()


def synced(day: int, broken: bool = False, **changes: str) -> Sync:
    people = [user("annabel", givenName="Annabel", familyName=PERSON, email=EMAIL, **CONTACT, **changes), user("ann")]
    return Walk(with_passwords(zipped(small(users=people)), broken), day=day).through()


def text_of(key: str) -> str:
    """An object as text: Parquet's rows, what a ZIP or a workbook holds, or its bytes."""
    body = boto3.client("s3").get_object(Bucket="data", Key=key)["Body"].read()
    if key.endswith(".parquet"):
        with NamedTemporaryFile(suffix=".parquet") as file:
            Path(file.name).write_bytes(body)
            return str(duckdb.execute("SELECT * FROM read_parquet($1)", [file.name]).fetchall())
    if zipfile.is_zipfile(io.BytesIO(body)):
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return " ".join(archive.read(name).decode(errors="replace") for name in archive.namelist())
    return str(body.decode(errors="replace"))


def shown_by(answer: Any) -> str:
    """The answer, and what its links lead to."""
    text = json.dumps(answer, ensure_ascii=False)
    links = [unquote(urlsplit(url).path).split("/data/", 1)[-1].lstrip("/") for url in re.findall(r'https://[^"\s]+', text)]
    keys = {each["Key"] for each in boto3.client("s3").list_objects_v2(Bucket="data")["Contents"]}
    return text + "".join(text_of(key) for key in links if key in keys)


def asked(route: Route, before: Sync, sync: Sync, role: str = "admin", show: str = "", **of_query: str) -> tuple[int, Any]:
    path = route.path.format(
        groupId="g1", syncId=sync.sync_id, entity="users", name="x", clientId="x", memberId="x", uploadId="x", webhookId="x"
    )
    known = {"id": "annabel", "q": PERSON, "from": before.sync_id, "to": sync.sync_id, "search": "", **of_query}
    names = [field.alias or name for name, field in (route.query.model_fields if route.query else {}).items()]
    query = {name: known[name] for name in names if known.get(name)} | ({"show": show} if show else {})
    return call(f"{route.method} {path}", query=query, role=role)


def traces() -> tuple[int, int]:
    """Entries of the access log that name the person, and of the audit."""
    return len(access.entries("g1", 1000, search="users/annabel")), len(audit.entries("g1", 1000))


def looks_at_contacts(route: str) -> list[audit.Entry]:
    found = audit.entries("g1", 1000, search="contact details shown")
    return [each for each in found if each.detail["route"] == route]


def test_each_route_that_shows_a_person_leaves_a_trace_and_no_password_is_anywhere(capfd: pytest.CaptureFixture[str]) -> None:
    make_group()
    before, sync = synced(0), synced(1, broken=True, grades="9")
    causes = call(f"GET /syncs/{sync.sync_id}/problems")[1]["items"]
    findings = call(f"GET /syncs/{sync.sync_id}/sanity")[1]["findings"]
    showing, contacts = set(), set()

    for route in (each for each in ROUTES if each.method == "GET"):
        for cause in [each["cause"] for each in causes] if route.path.endswith("problems/rows") else [""]:
            for finding in [each["name"] for each in findings] if route.path.endswith("sanity/rows") else [""]:
                number = traces()
                status, answer = asked(route, before, sync, cause=cause, finding=finding)
                name = f"{route.method} {route.path}"
                assert status in (200, 404, 409), (name, answer)
                shown = shown_by(answer)
                if PERSON in shown or EMAIL in shown:
                    showing.add(name)
                    assert traces() != number, f"{name} shows a person and leaves no trace"
                if route.role == "viewer" and any(each in shown for each in (EMAIL, *PHONES)):
                    contacts.add(name)
                    of = {"cause": cause, "finding": finding}
                    masked = shown_by(asked(route, before, sync, "viewer", **of)[1])
                    assert not [each for each in (EMAIL, *PHONES) if each in masked], f"{name} shows a viewer contact details"
                    assert not looks_at_contacts(name)
                    assert EMAIL in shown_by(asked(route, before, sync, "viewer", "true", **of)[1])
                    assert looks_at_contacts(name), f"{name} shows contact details and the audit does not say so"

    assert len(showing) >= 6, showing
    assert len(contacts) >= 5, contacts
    kept = [each["Key"] for each in boto3.client("s3").list_objects_v2(Bucket="data")["Contents"]]
    holding = [key for key in kept if "/bundle/" not in key and PASSWORD in text_of(key)]
    for table in boto3.client("dynamodb").list_tables()["TableNames"]:
        holding += [table] * (PASSWORD in str(boto3.client("dynamodb").scan(TableName=table)["Items"]))
    logged = "".join(capfd.readouterr())
    assert (holding, PASSWORD in logged) == ([], False)


def test_contact_details_are_masked_wherever_they_stand_and_ids_are_not() -> None:
    fields = {
        "sourcedId": "ann@district.example",
        "fields": {"email": "a@b.example", "sms": "1", "birthDate": "2010-01-01", "phone": "", "username": "ann@b.example"},
        "rows": [{"field": "phone", "message": "+1 555 010 4477 was rounded."}, {"field": "grades", "message": "2026-2027"}],
        "groups": [{"rule": "rounded", "message": "phone is `1.55501E+10`, a number."}, {"message": "grades is `9`."}],
        "birth": {"field": "birthDate", "message": "birthDate is `March 3, 2010`, which is no date."},
        "text": "Two have a.b@c.example.",
    }

    assert masked(fields) == {
        "sourcedId": "ann@district.example",
        "fields": {"email": "•••", "sms": "•••", "birthDate": "•••", "phone": "", "username": "•••"},
        "rows": [{"field": "phone", "message": "••• was rounded."}, {"field": "grades", "message": "2026-2027"}],
        "groups": [{"rule": "rounded", "message": "phone is •••, a number."}, {"message": "grades is `9`."}],
        "birth": {"field": "birthDate", "message": "birthDate is •••, which is no date."},
        "text": "Two have •••.",
    }


def test_the_page_of_roles_says_what_each_route_asks_for() -> None:
    assert role_table.PAGE.read_text() == role_table.page()


ABOUT_NOBODY = frozenset({"NamedId", "Breach", "SchoolCounts", "ActionCounts"})  # orgs by name, and numbers


def shapes(kind: Any, found: set[str]) -> set[str]:
    """The names of the records that an answer is made of."""
    if isinstance(kind, type) and issubclass(kind, Record) and kind.__name__ not in found:
        found.add(kind.__name__)
        for field in kind.model_fields.values():
            shapes(field.annotation, found)
    for inner in get_args(kind):
        shapes(inner, found)
    return found


def test_a_route_that_is_no_look_up_shows_people_only_where_it_is_marked_and_traced_as_one() -> None:
    people = set().union(*(shapes(route.answer, set()) for route in ROUTES if route.people)) - ABOUT_NOBODY
    assert {"RosterRecord", "Change", "ProblemRow", "RosterEvent"} <= people

    showing = {f"{route.method} {route.path}" for route in ROUTES if not route.people and shapes(route.answer, set()) & people}

    assert showing == set()
