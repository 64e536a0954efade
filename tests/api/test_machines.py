"""Applications that run syncs: let in by the same authorizer and table of roles as people, to the routes of their scopes."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.api.routing import ROUTES, Route
from chalicelib.model.scopes import API_SCOPES
from tests.api.test_routes import answered, authorized, call
from tests.engine.districts import small
from tests.rostering.test_api import V1P2, Reader, made, token_of
from tests.steps.walk import Walk, make_group, zipped

pytestmark = pytest.mark.usefixtures("aws")
UNAUTHORIZED = r"^Unauthorized$"
DECLARED = {f"{each.method} {each.path}": each for each in ROUTES if each.role}


def let_in(token: str) -> dict[str, str]:
    """The context that the routes see."""
    answer = authorized(token)
    return {"principalId": answer["principalId"], **answer["context"]}


class Script:
    """An application with one token, which calls as API Gateway hands its calls on."""

    def __init__(self, *scopes: str, **more: Any) -> None:
        self.client = made(name="Nightly", scopes=list(scopes), **more)
        self.token = token_of(self.client)["access_token"]

    def call(self, said: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        answer = answered(said, body, authorized=let_in(self.token))
        return answer["statusCode"], json.loads(answer["body"])


def path_of(route: Route) -> str:
    """A real one where there is one, so that what refuses is the scope."""
    values = {"groupId": "g1", "syncId": "g1-20260901T060000000-aa"}
    return route.path.format_map({name: values.get(name, "x1") for name in ("groupId", "syncId", *OTHERS)})


OTHERS = ("entity", "name", "clientId", "memberId", "webhookId", "deliveryId", "uploadId")


@pytest.fixture(autouse=True)
def synced(aws: None) -> None:
    make_group()
    Walk(zipped(small())).through()


@pytest.mark.parametrize("scope", API_SCOPES)
def test_a_scope_opens_its_routes_and_no_other_of_the_whole_table(scope: str) -> None:
    script = Script(scope)

    refused = {said for said, route in DECLARED.items() if script.call(f"{route.method} {path_of(route)}", {})[0] == 403}

    assert {said for said in DECLARED if said not in refused} == {
        said for said, route in DECLARED.items() if route.scope == scope
    }


def test_no_scope_shows_a_person_or_decides_anything() -> None:
    opened = {said for said, route in DECLARED.items() if route.scope}

    assert not [said for said in opened if DECLARED[said].people]
    assert opened == {
        "GET /groups/{groupId}/platform",
        "GET /groups/{groupId}/syncs",
        "GET /groups/{groupId}/syncs/last",
        "GET /syncs/{syncId}",
        "POST /groups/{groupId}/syncs",
        "POST /groups/{groupId}/uploads",
        "POST /syncs/{syncId}/cancel",
    }


def test_a_script_uploads_and_sees_how_the_last_sync_stands_and_the_audit_knows_its_name() -> None:
    script = Script(*API_SCOPES)

    status, upload = script.call("POST /groups/g1/uploads", {"fileName": "district.zip", "size": 1000})
    assert (status, bool(upload["uploadId"])) == (201, True)
    status, last = script.call("GET /groups/g1/syncs/last")
    assert (status, last["status"]) == (200, "succeeded")
    status, _ = script.call(f"POST /syncs/{last['syncId']}/cancel")
    assert status == 409  # it has ended; the scope lets the question through

    _, trail = call("GET /groups/g1/audit")
    assert "client created" in {each["what"] for each in trail["items"]}
    assert let_in(script.token)["name"] == "Nightly (application)"


def test_a_script_reaches_the_one_group_that_it_was_made_for() -> None:
    make_group("Elsewhere", "g2")
    script = Script(*API_SCOPES)

    assert script.call("GET /groups/g2/syncs")[0] == 404
    assert script.call("POST /groups/g2/uploads", {"fileName": "district.zip", "size": 1000})[0] == 404
    assert script.call("GET /syncs/g2-20260901T060000000-aa")[0] == 404


def test_a_token_has_what_was_asked_for_and_never_more_than_its_client() -> None:
    client = made(scopes=["status.read", "sync.start"])

    assert token_of(client)["scope"] == "status.read sync.start"
    narrowed = token_of(client, scope="status.read upload.create")
    assert narrowed["scope"] == "status.read"
    assert json.loads(let_in(narrowed["access_token"])["scopes"]) == ["status.read"]
    assert token_of(client, scope="upload.create")["error"] == "invalid_scope"


def test_a_script_without_a_scope_for_it_reads_no_roster_and_a_reader_of_the_roster_starts_no_sync() -> None:
    script, reader = Script(*API_SCOPES), Reader(made())

    status, body, _ = Reader(script.client, V1P2).get("users")
    assert (status, body["imsx_CodeMinor"]["imsx_codeMinorField"][0]["imsx_codeMinorFieldValue"]) == (403, "forbidden")
    assert Reader(script.client, V1P2).follow()[0] == 403
    answer = answered("POST /groups/g1/syncs", {"mode": "full"}, authorized=let_in(reader.token))
    assert answer["statusCode"] == 403
    assert "needs the scope sync.start" in json.loads(answer["body"])["detail"]


def test_after_it_is_revoked_or_has_ended_or_got_another_secret_a_script_is_not_let_in() -> None:
    revoked, ended, rotated = Script("status.read"), Script("status.read"), Script("status.read")
    call(f"DELETE /groups/g1/clients/{revoked.client['clientId']}")
    until = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    call(f"PATCH /groups/g1/clients/{ended.client['clientId']}", {"expiresAt": until})
    _, renewed = call(f"POST /groups/g1/clients/{rotated.client['clientId']}/secret")

    with pytest.raises(Exception, match=UNAUTHORIZED):
        let_in(revoked.token)
    assert token_of(rotated.client)["status"] == 401
    assert token_of(renewed)["status"] == 200
    with pytest.raises(Exception, match=UNAUTHORIZED):
        let_in(rotated.token)
    assert let_in(ended.token)["role"] == "viewer"
    for unknown in ("g1-aa.bb", ".", "g1-aa.", ended.token + "x", ended.token.replace("g1", "g2", 1)):
        with pytest.raises(Exception, match=UNAUTHORIZED):
            let_in(unknown)


def test_how_long_ago_a_script_was_here_is_shown() -> None:
    script = Script("status.read")
    script.call("GET /groups/g1/syncs")

    _, listed = call("GET /groups/g1/clients")

    assert listed["items"][0]["lastReadAt"]
    assert listed["items"][0]["scopes"] == ["status.read"]
