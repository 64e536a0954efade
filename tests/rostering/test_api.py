"""OneRoster out over HTTP: clients, tokens, pages of one version, and what a consumer is refused."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlparse

import pytest

import app as wiring
from chalicelib.api import rostering as rostering_api
from chalicelib.service import retention
from chalicelib.store import clients as store
from chalicelib.store import groups
from chalicelib.store.tables import delete_all
from tests.api.test_routes import Context, authorized, call
from tests.engine.districts import user
from tests.engine.test_plan import TWO_SCHOOLS, without
from tests.steps.walk import NOW, Walk, make_group, zipped

pytestmark = pytest.mark.usefixtures("aws")
V1P2 = "/ims/oneroster/rostering/v1p2"
V1P1 = "/ims/oneroster/v1p1"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def send(method: str, resource: str, parts: list[str], headers: Mapping[str, str], query: Any = None, body: str = "") -> Any:
    path = resource
    for number, part in enumerate(parts, start=1):
        path = path.replace(f"{{part{number}}}", part)
    event = {
        "httpMethod": method,
        "path": path,
        "headers": dict(headers),
        "multiValueQueryStringParameters": {
            name: value if isinstance(value, list) else [value] for name, value in (query or {}).items()
        }
        or None,
        "pathParameters": {f"part{number}": part for number, part in enumerate(parts, start=1)} or None,
        "stageVariables": None,
        "body": body,
        "isBase64Encoded": False,
        "requestContext": {"resourcePath": resource, "httpMethod": method, "requestId": "r1"},
    }
    return wiring.app(event, Context())


def made(**body: Any) -> dict[str, Any]:
    status, client = call("POST /groups/g1/clients", {"name": "LMS", **body})
    assert status == 201, client
    return client


def token_of(client: Mapping[str, Any], **form: str) -> dict[str, Any]:
    asked = {"grant_type": "client_credentials", "client_id": client["clientId"], "client_secret": client["clientSecret"], **form}
    answer = send("POST", "/oneroster/token", [], FORM, body=urlencode(asked))
    return {"status": answer["statusCode"], **json.loads(answer["body"])}


class Reader:
    """A consumer with one token."""

    def __init__(self, client: Mapping[str, Any], base: str = V1P2, **form: str) -> None:
        self.token, self.base = token_of(client, **form)["access_token"], base

    def get(self, path: str, **query: Any) -> Any:
        parts = path.split("/")
        resource = self.base + "".join(f"/{{part{number}}}" for number in range(1, len(parts) + 1))
        sent = {name: value if isinstance(value, list) else str(value) for name, value in query.items()}
        answer = send("GET", resource, parts, {"Authorization": f"Bearer {self.token}"}, sent)
        return (
            answer["statusCode"],
            json.loads(answer["body"]),
            {name.lower(): value for name, value in answer["headers"].items()},
        )

    def follow(self, **query: Any) -> Any:
        answer = send("GET", "/oneroster/events", [], {"Authorization": f"Bearer {self.token}"}, query)
        return answer["statusCode"], json.loads(answer["body"]), answer["headers"]

    def ids(self, path: str, **query: Any) -> list[str]:
        status, body, _ = self.get(path, **query)
        assert status == 200, body
        [items] = body.values()
        return [each["sourcedId"] for each in items]


@pytest.fixture
def synced(aws: None) -> Walk:
    make_group()
    walk = Walk(zipped(TWO_SCHOOLS))
    walk.through()
    return walk


@pytest.mark.usefixtures("synced")
def test_a_client_reads_the_roster_by_both_versions_with_one_secret_shown_once() -> None:
    client = made()

    assert sorted(Reader(client).ids("users")) == ["ann", "bob", "cat", "gil", "idle", "tom"]
    assert sorted(Reader(client, V1P1).ids("users")) == ["ann", "bob", "cat", "gil", "idle", "tom"]
    status, found, _ = Reader(client).get("users/ann")
    assert (status, found["user"]["roles"][0]["role"]) == (200, "student")
    assert Reader(client).get("users/nobody")[0] == 404
    assert client["baseUrl12"].endswith("/api" + V1P2)
    _, listed = call("GET /groups/g1/clients")
    assert [each["clientSecret"] for each in listed["items"]] == [None]
    assert listed["items"][0]["lastReadAt"]


@pytest.mark.parametrize("base", [pytest.param(V1P1, id="1.1"), pytest.param(V1P2, id="1.2")])
def test_whom_the_platform_lets_in_no_more_is_never_shown_as_enabled(aws: None, base: str) -> None:
    make_group()
    legacy = {**TWO_SCHOOLS, "users": [*TWO_SCHOOLS["users"], user("off", status="inactive")]}
    Walk(zipped(legacy)).through()
    reader = Reader(made(), base)

    _, found, _ = reader.get("users/off")

    assert (found["user"]["status"], found["user"]["enabledUser"]) == ("active", "false")
    assert reader.ids("users", filter="enabledUser='false'") == ["off"]
    assert "off" not in reader.ids("users", filter="enabledUser='true'")


@pytest.mark.usefixtures("synced")
def test_a_token_is_given_for_the_right_secret_alone_by_basic_or_in_the_body() -> None:
    client = made()
    basic = base64.b64encode(f"{client['clientId']}:{client['clientSecret']}".encode()).decode()

    by_basic = send(
        "POST", "/oneroster/token", [], {**FORM, "Authorization": f"Basic {basic}"}, body="grant_type=client_credentials"
    )

    assert by_basic["statusCode"] == 200
    assert token_of(client)["expires_in"] == 3600
    assert (token_of(client, client_secret="x")["status"], token_of(client, client_secret="x")["error"]) == (
        401,
        "invalid_client",
    )
    assert token_of(client, client_id="g2-" + client["clientId"].partition("-")[2])["status"] == 401
    by_http = "http://purl.imsglobal.org/spec/or/v1p2/scope/roster.readonly http://purl.imsglobal.org/spec/or/v1p2/scope/gradebook.readonly"
    assert token_of(client, scope=by_http)["scope"] == "https://purl.imsglobal.org/spec/or/v1p2/scope/roster.readonly"
    json_ = {"Content-Type": "application/json", "Authorization": f"Basic {basic}"}
    assert send("POST", "/oneroster/token", [], json_)["statusCode"] == 200
    assert token_of(client, grant_type="password")["error"] == "unsupported_grant_type"
    assert token_of(client, scope="https://purl.imsglobal.org/spec/or/v1p2/scope/gradebook.readonly")["error"] == "invalid_scope"


@pytest.mark.usefixtures("synced")
def test_a_revoked_client_and_an_old_secret_read_nothing_from_the_next_request_on() -> None:
    client = made()
    reader = Reader(client)
    status, rotated = call(f"POST /groups/g1/clients/{client['clientId']}/secret")
    assert status == 201
    assert token_of(client)["status"] == 401
    assert reader.get("users")[0] == 401  # whoever has the old secret may have a token by it
    reader = Reader(rotated)
    assert reader.get("users")[0] == 200

    call(f"DELETE /groups/g1/clients/{client['clientId']}")

    status, body, _ = reader.get("users")
    assert (status, body["imsx_CodeMinor"]["imsx_codeMinorField"][0]["imsx_codeMinorFieldValue"]) == (401, "unauthorisedrequest")
    assert token_of(rotated)["status"] == 401


NO_ID = {
    "no-group": "-x",
    "no-nonce": "g1-",
    "no-group-and-nonce": "-",
    "zero-byte": "g1-\x00",
    "half-a-character": "g1-\ud800",
    "long": "g1-" + "x" * 5000,
    "long-group": "g" * 5000 + "-x",
    "not-ascii": "gä-ö",
}


@pytest.mark.parametrize("text", NO_ID.values(), ids=NO_ID.keys())
def test_what_can_be_no_client_and_no_token_is_nobody_s_and_no_error(text: str) -> None:
    """Of an empty key, a long one, and one that is no text, DynamoDB makes an error; a stranger can send each of them."""
    make_group()

    for client_id, secret in ((text, "s"), (made()["clientId"], text)):
        asked = json.dumps({"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret})
        answer = send("POST", "/oneroster/token", [], {"Content-Type": "application/json"}, body=asked)
        assert answer["statusCode"] == 401, answer
    for token in (f"{text}.y", f"g1-x.{text}"):
        bearer = {"Authorization": f"Bearer {token}"}
        for resource, parts in ((f"{V1P2}/{{part1}}", ["users"]), ("/oneroster/events", []), ("/oneroster/bulk", [])):
            assert send("GET", resource, parts, bearer)["statusCode"] == 401
        with pytest.raises(Exception, match=r"^Unauthorized$"):
            authorized(token)


BROKEN_FORMS = {
    "nested": ("application/json", "[" * 50_000),
    "nested-objects": ("application/json", '{"a":' * 50_000),
    "no-form": ("application/x-www-form-urlencoded", "\x00&&=&=="),
    "a-thousand-fields": ("application/x-www-form-urlencoded", "&".join(f"a{each}=1" for each in range(1000))),
}


@pytest.mark.parametrize(("kind", "body"), BROKEN_FORMS.values(), ids=BROKEN_FORMS.keys())
def test_a_form_that_asks_for_no_token_is_refused_as_oauth_says(aws: None, kind: str, body: str) -> None:
    answer = send("POST", "/oneroster/token", [], {"Content-Type": kind}, body=body)

    assert (answer["statusCode"], json.loads(answer["body"])["error"]) == (400, "unsupported_grant_type")


@pytest.mark.usefixtures("synced")
def test_a_client_with_the_core_scope_reads_whole_lists_and_nothing_inside_another() -> None:
    reader = Reader(made(scopes=["roster-core.readonly"]))

    assert reader.get("users")[0] == 200
    status, body, _ = reader.get("schools/north/students")
    assert (status, body["imsx_CodeMinor"]["imsx_codeMinorField"][0]["imsx_codeMinorFieldValue"]) == (403, "forbidden")


@pytest.mark.usefixtures("synced")
def test_a_client_of_one_school_sees_no_other() -> None:
    reader = Reader(made(schools=["south"], fields=["username"]))

    assert "ann" not in reader.ids("users")
    assert reader.ids("classes") == ["s1"]
    assert reader.get("classes/n1")[0] == 404
    assert set(reader.get("users/cat")[1]["user"]) <= {
        "sourcedId", "status", "dateLastModified", "username", "enabledUser", "givenName", "familyName", "roles",
    }  # fmt: skip


def next_page(headers: Mapping[str, str]) -> dict[str, Any]:
    """What the `next` link asks for; nothing where there is none."""
    link = next((each for each in headers.get("link", "").split(", ") if 'rel="next"' in each), "")
    return dict(parse_qsl(urlparse(link[1 : link.index(">")]).query)) if link else {}


def pages(reader: Reader, between: Any, follow: bool) -> list[str]:
    """Every id of `users`, two a page, with a sync after the first page; by the `next` link, or by counting offsets."""
    status, body, headers = reader.get("users", limit=2)
    found = [each["sourcedId"] for each in body["users"]]
    between()
    while True:
        query = (follow and next_page(headers)) or {"limit": 2, "offset": len(found)}
        status, body, headers = reader.get("users", **query)
        assert status == 200, body
        found += [each["sourcedId"] for each in body["users"]]
        if len(found) >= int(headers["x-total-count"]) or not body["users"]:
            return found


@pytest.mark.parametrize("follow", [pytest.param(True, id="by-link"), pytest.param(False, id="by-offset")])
@pytest.mark.usefixtures("synced")
def test_a_list_is_one_version_from_its_first_page_to_its_last_whatever_is_synced_meanwhile(follow: bool) -> None:
    reader = Reader(made())
    newer = {**without("users", "idle"), "users": [*without("users", "idle")["users"], user("zoe"), user("zed")]}

    found = pages(reader, lambda: Walk(zipped(newer), day=1).through(), follow)

    assert sorted(found) == ["ann", "bob", "cat", "gil", "idle", "tom"]
    assert sorted(Reader(made()).ids("users", filter="status='active'")) == ["ann", "bob", "cat", "gil", "tom", "zed", "zoe"]


@pytest.mark.parametrize("follow", [pytest.param(True, id="by-link"), pytest.param(False, id="by-offset")])
@pytest.mark.usefixtures("synced")
def test_a_list_begun_before_a_purge_is_begun_again_since_its_places_have_moved(follow: bool) -> None:
    Walk(zipped(without("users", "idle")), day=1).through()
    reader = Reader(made())
    _, _, headers = reader.get("users", limit=2)

    assert retention.purge_due(groups.get("g1"), NOW + timedelta(days=400)) == 1

    status, body, _ = reader.get("users", **(next_page(headers) if follow else {"limit": 2, "offset": 2}))
    assert status == 410, body
    assert "Begin again with the first page" in body["imsx_description"]
    assert "idle" not in reader.ids("users", limit=100)


@pytest.mark.usefixtures("synced")
def test_a_reader_of_thousands_of_lists_is_answered_and_its_token_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_PINNED", 2)
    reader = Reader(made())

    for school in ("north", "south", "north"):
        assert reader.get(f"schools/{school}/students", limit=1)[0] == 200
    status, _, headers = reader.get("users", limit=1)

    assert (status, "version" in next_page(headers)) == (200, True)
    found = store.bearer(reader.token, datetime.now(UTC))
    assert found
    assert len(found[1].versions) == 2


@pytest.mark.usefixtures("synced")
def test_a_version_that_is_not_kept_any_more_says_where_to_begin_again() -> None:
    status, body, _ = Reader(made()).get("users", version="20260101T000000-gone")

    assert status == 410
    assert "Begin again with the first page" in body["imsx_description"]


def test_a_group_without_a_roster_is_never_an_empty_one() -> None:
    make_group()

    assert Reader(made()).get("users")[0] == 503


QUERIES: Mapping[str, tuple[dict[str, Any], int]] = {
    "no limit": ({"limit": "0"}, 422),
    "limit no number": ({"limit": "ten"}, 422),
    "offset below nothing": ({"offset": "-1"}, 422),
    "offset beyond everything": ({"offset": "9" * 30}, 422),
    "order": ({"orderBy": "random"}, 422),
    "field": ({"fields": "shoeSize"}, 400),
    "filter": ({"filter": "x"}, 400),
    "sort": ({"sort": "roles"}, 400),
    "misspelt parameter is not ignored": ({"fliter": "status='active'"}, 422),
    "blank behind a number": ({"limit": "1 "}, 200),
    "blank behind a name": ({"limit ": "1"}, 200),
    "more than a page holds": ({"limit": "100000"}, 200),
    "fields": ({"fields": "sourcedId,username"}, 200),
    "a field a parameter": ({"fields": ["sourcedId", "shoeSize", "username"]}, 400),
}


@pytest.mark.usefixtures("synced")
def test_a_query_is_taken_or_refused_by_the_standards_codes() -> None:
    reader = Reader(made())

    found = {name: reader.get("users", **query)[0] for name, (query, _) in QUERIES.items()}

    assert found == {name: status for name, (_, status) in QUERIES.items()}


def counted(reader: Reader, limit: int) -> list[str]:
    """Every id of `users` as published clients read them: offsets by the limit, until a page is shorter than asked."""
    found: list[str] = []
    while len(found) % limit == 0:
        page = reader.ids("users", limit=limit, offset=len(found))
        found += page
        if not page:
            break
    return found


@pytest.mark.parametrize(
    ("bound", "most", "asked", "fits"),
    [pytest.param("MOST_ANSWER_BYTES", 3_000, 6, 3, id="bytes"), pytest.param("MOST_RECORDS", 4, 100_000, 4, id="records")],
)
@pytest.mark.usefixtures("synced")
def test_a_page_is_as_long_as_asked_or_refused_with_the_limit_that_fits(
    monkeypatch: pytest.MonkeyPatch, bound: str, most: int, asked: int, fits: int
) -> None:
    monkeypatch.setattr(rostering_api, bound, most)
    reader = Reader(made())

    status, body, _ = reader.get("users", limit=asked)
    _, _, headers = reader.get("users", limit=fits)

    assert (status, body["imsx_CodeMinor"]["imsx_codeMinorField"][0]["imsx_codeMinorFieldValue"]) == (422, "invaliddata")
    assert f"Ask for limit={fits}" in body["imsx_description"]
    assert sorted(counted(reader, fits)) == ["ann", "bob", "cat", "gil", "idle", "tom"]
    assert next_page(headers)["limit"] == str(fits)
    assert len(reader.ids("users", limit=asked, offset=4)) == 2  # what is left is whole, however much more was asked for


@pytest.mark.usefixtures("synced")
def test_what_clients_made_from_published_documents_send_means_what_they_mean() -> None:
    """1EdTech's OpenAPI document of 1.2 has `fields` as a list without saying how it is written, which in OpenAPI is a parameter
    for each; StrongMind's Ruby client of 1.1 knows `acs` and `desc` as orders."""
    reader = Reader(made())

    status, body, headers = reader.get("users", fields=["sourcedId", "givenName,username"], limit=1)
    ascending = reader.ids("users", sort="sourcedId", orderBy="acs")

    assert (status, [sorted(each) for each in body["users"]]) == (200, [["givenName", "sourcedId", "username"]])
    assert dict(parse_qsl(urlparse(headers["link"].partition(">")[0]).query))["fields"] == "sourcedId,givenName,username"
    assert ascending == reader.ids("users", sort="sourcedId") != reader.ids("users", sort="sourcedId", orderBy="desc")


@pytest.mark.usefixtures("synced")
def test_deleting_a_groups_clients_leaves_no_token_behind() -> None:
    reader = Reader(made())

    assert delete_all(store.TABLE, ("groupId", "g1"), "item", lambda: True) == 2
    assert reader.get("users")[0] == 401
