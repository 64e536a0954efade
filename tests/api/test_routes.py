"""Who may call what, and how a refusal is told. Routes are called as API Gateway does, authorizer's answer included."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

import app as wiring
from chalicelib.api import authorizer
from chalicelib.api.openapi import document
from chalicelib.api.routing import ROUTES, Route
from chalicelib.api.shapes import ROLES
from chalicelib.model.records import GroupSettings
from chalicelib.store import groups
from tests.store.test_groups_and_syncs import NOW

pytestmark = pytest.mark.usefixtures("aws")


class Context:
    aws_request_id = "r1"
    function_name = "api_handler"
    memory_limit_in_mb = 128
    invoked_function_arn = "arn:aws:lambda:us-east-1:1:function:api_handler"


def pattern_of(route: Route) -> re.Pattern[str]:
    return re.compile(re.sub(r"{\w+}", "([^/]+)", route.path))


def authorized(token: str) -> dict[str, Any]:
    """What the authorizer answers of a bearer token. API Gateway answers 401 where it raises."""
    event = {
        "type": "TOKEN",
        "authorizationToken": f"Bearer {token}",
        "methodArn": "arn:aws:execute-api:us-east-1:1:api/api/GET/me",
    }
    answer: dict[str, Any] = authorizer.authorize(event, None)
    return answer


def call(
    said: str,
    body: Any = None,
    role: str = "admin",
    groups: str = "*",
    headers: Mapping[str, str] | None = None,
    raw: str | None = None,
    query: Mapping[str, str] | None = None,
) -> tuple[int, dict[str, Any]]:
    answer = answered(said, body, role, groups, headers, raw, query)
    return answer["statusCode"], json.loads(answer["body"])


def answered(
    said: str,
    body: Any = None,
    role: str = "admin",
    groups: str = "*",
    headers: Mapping[str, str] | None = None,
    raw: str | None = None,
    query: Mapping[str, str] | None = None,
    authorized: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The answer with its headers, as API Gateway gets it. `authorized`: the authorizer's context, in place of a role."""
    method, path = said.split(" ")
    declared = next(route for route in ROUTES if route.method == method and pattern_of(route).fullmatch(path))
    values = pattern_of(declared).fullmatch(path)
    assert values is not None
    event = {
        "httpMethod": method,
        "path": path,
        "headers": {"Content-Type": "application/json", **(headers or {})},
        "multiValueQueryStringParameters": {name: [value] for name, value in (query or {}).items()} or None,
        "pathParameters": dict(zip(re.findall(r"{(\w+)}", declared.path), values.groups(), strict=True)) or None,
        "stageVariables": None,
        "body": raw if raw is not None else json.dumps(body),
        "isBase64Encoded": False,
        "requestContext": {
            "resourcePath": declared.path,
            "httpMethod": method,
            "requestId": "r1",
            "authorizer": authorized or {"principalId": "u1", "name": "Ada", "role": role, "groups": json.dumps(groups.split())},
        },
    }
    answer: dict[str, Any] = wiring.app(event, Context())
    return answer


IN_A_PATH = {
    "groupId": "g1",
    "syncId": "g1-s1",
    "uploadId": "u1",
    "name": "n1",
    "entity": "users",
    "memberId": "m1",
    "clientId": "g1-c1",
    "webhookId": "wh-1",
    "deliveryId": "d1",
}


def filled(route: Route) -> str:
    """With names that there may be: one that can be none is refused before anything else is looked at."""
    return f"{route.method} {route.path.format_map(IN_A_PATH)}"


guarded = [route for route in ROUTES if route.role]


def test_only_health_and_the_openapi_document_are_open_to_all() -> None:
    assert {route.path for route in ROUTES if route.role is None} == {"/health", "/openapi.json"}


@pytest.mark.parametrize("route", [route for route in guarded if route.role != "viewer"], ids=filled)
def test_a_lower_role_is_sent_away_before_anything_else(route: Route) -> None:
    assert route.role is not None
    for lower in ROLES[: ROLES.index(route.role)]:
        status, answer = call(filled(route), {}, role=lower)
        assert (status, answer["title"]) == (403, "Not allowed")


@pytest.mark.parametrize("route", [route for route in guarded if re.search("{(group|sync)Id}", route.path)], ids=filled)
def test_a_foreign_group_does_not_exist(route: Route) -> None:
    groups.create(GroupSettings(name="Theirs"), "g1", "e1", NOW)

    status, answer = call(filled(route), {}, groups="g2 g3")

    assert status == 404
    assert answer["detail"] in ("There is no group g1.", "There is no sync g1-s1.")


def test_lists_leave_out_foreign_groups() -> None:
    groups.create(GroupSettings(name="Theirs"), "g1", "e1", NOW)
    groups.create(GroupSettings(name="Mine"), "g2", "e2", NOW)

    status, answer = call("GET /groups", groups="g2")

    assert (status, [each["name"] for each in answer["items"]], answer["total"]) == (200, ["Mine"], 1)


def test_a_change_needs_the_etag_of_what_was_read() -> None:
    groups.create(GroupSettings(name="A", description="kept"), "g1", "e1", NOW)

    assert call("PATCH /groups/g1", {"name": "B"})[0] == 422
    assert call("PATCH /groups/g1", {"name": "B"}, headers={"If-Match": '"old"'})[0] == 409
    status, answer = call("PATCH /groups/g1", {"name": "B"}, headers={"If-Match": '"e1"'})

    assert (status, answer["name"], answer["description"]) == (200, "B", "kept")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "A", "colour": "red"}, "colour"),
        ({"name": "A", "contactEmail": "x"}, "contactEmail"),
        ({"name": "A", "guard": {"share": 7}}, "guard.share"),
        ({"name": "A", "guard": {"keep": {"classes": ["roleEnded"]}}}, "guard"),
        ({"name": "A", "guard": {"purge": {"orgs": {"roleEnded": 9}}}}, "guard"),
    ],
)
def test_a_wrong_form_says_which_field(body: dict[str, Any], field: str) -> None:
    status, answer = call("POST /groups", body)

    assert (status, [each["field"] for each in answer["errors"]]) == (422, [field])


def test_what_is_no_json_is_malformed() -> None:
    assert call("POST /groups", raw="{")[0] == 400


def test_a_group_is_deleted_only_by_its_name() -> None:
    groups.create(GroupSettings(name="Riverside"), "g1", "e1", NOW)

    assert call("DELETE /groups/g1", {"name": "riverside"})[0] == 422
    assert call("DELETE /groups/g1", {"name": "Riverside"})[0] == 200
    assert call("GET /groups/g1")[0] == 404


def test_a_cursor_leads_through_the_whole_list() -> None:
    for number in range(5):
        groups.create(GroupSettings(name=f"Group {number}"), f"g{number}", "e", NOW)

    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        _, answer = call("GET /groups", query={"limit": "2", "cursor": cursor})
        seen += [each["name"] for each in answer["items"]]
        cursor = answer["nextCursor"]

    assert seen == [f"Group {number}" for number in range(5)]
    assert call("GET /groups", query={"cursor": "nonsense"})[0] == 422
    assert call("GET /groups", query={"limit": "9999"})[0] == 422


def test_an_error_of_ours_shows_no_trace() -> None:
    status, answer = call("GET /groups/g1/syncs/last", query={})
    assert (status, answer["title"]) == (404, "Not found")


def test_every_route_is_in_the_openapi_document_with_its_role() -> None:
    paths = document()["paths"]

    for route in ROUTES:
        operation = paths[route.path][route.method.lower()]
        assert operation["summary"]
        assert operation.get("x-role") == route.role


def test_a_schedule_for_a_group_with_nothing_to_fetch_is_refused_in_a_sentence() -> None:
    status, answer = call("POST /groups", {"name": "G", "schedule": {"frequency": "daily"}})

    assert (status, answer["errors"][0]["field"]) == (422, "schedule.frequency")
    assert "nothing to fetch" in answer["detail"]


def test_a_scheduled_group_says_when_it_runs_next() -> None:
    sftp = {"method": "sftp", "host": "sftp.example.org", "username": "u", "path": "/out"}
    settings = GroupSettings.model_validate({"name": "G", "source": sftp, "schedule": {"frequency": "daily", "at": "03:10"}})
    groups.create(settings, "g1", "e1", NOW)

    _, answer = call("GET /groups/g1")

    assert answer["nextRunAt"].endswith("T03:10:00Z")
    assert answer["nextRuns"][0] == {"at": answer["nextRunAt"], "localTime": answer["nextRunAt"]}
    assert len({run["at"] for run in answer["nextRuns"]}) == 3


def test_a_time_zone_that_is_no_place_is_refused_for_what_is_new_and_kept_where_it_was() -> None:
    sftp = {"method": "sftp", "host": "sftp.example.org", "username": "u", "path": "/out"}
    schedule = {"frequency": "daily", "timeZone": "EST"}
    groups.create(GroupSettings.model_validate({"name": "G", "source": sftp, "schedule": schedule}), "g1", "e1", NOW)

    refused, answer = call("POST /groups", {"name": "H", "schedule": {"timeZone": "Etc/GMT+5"}})
    kept, _ = call("PATCH /groups/g1", {"schedule": {**schedule, "at": "04:00"}}, headers={"If-Match": "e1"})
    _, stored = call("GET /groups/g1")
    changed, _ = call("PATCH /groups/g1", {"schedule": {**schedule, "timeZone": "CET"}}, headers={"If-Match": stored["etag"]})

    assert (refused, answer["errors"][0]["field"]) == (422, "schedule.timeZone")
    assert (kept, changed) == (200, 422)
