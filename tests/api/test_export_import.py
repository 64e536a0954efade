"""A group's configuration and selections taken out as a file, and a group made of that file."""

import json
from typing import Any

import pytest
from pydantic import SecretStr

from chalicelib.model.credentials import PasswordCredentials, mark_of
from chalicelib.model.records import SftpSource
from chalicelib.store import groups, secrets
from tests.api.test_routes import call
from tests.api.test_selections import saved
from tests.steps.walk import NOW, make_group

pytestmark = pytest.mark.usefixtures("aws")

SFTP = {"method": "sftp", "host": "sftp.example.org", "username": "u", "path": "/out"}


def exported() -> dict[str, Any]:
    status, answer = call("GET /groups/g1/export")
    assert status == 200, answer
    return answer


@pytest.fixture
def kept(aws: None) -> None:
    """A group with a secret, a schedule that obeys a saved selection, and another selection."""
    secrets._secretsmanager.cache_clear()
    secrets.keep("g1", PasswordCredentials(password=SecretStr("hunter2")), SftpSource.model_validate(SFTP))
    mark = mark_of(PasswordCredentials(password=SecretStr("hunter2")), NOW)
    source = {**SFTP, "credentials": mark.model_dump(mode="json", by_alias=True)}
    schedule = {"frequency": "weekly", "at": "03:10", "what": "Nightly"}
    make_group(source=source, schedule=schedule, retention_days=400, guard={"share": 0.2, "floor": 5})
    saved()
    saved("Middle schools", {"schools": {"parents": ["district"]}, "classes": {"rules": [{"grade": "7"}]}})


@pytest.mark.usefixtures("kept")
def test_a_group_made_of_the_file_is_set_as_the_first_but_paused_and_without_its_secret() -> None:
    document = exported()
    status, made = call("POST /imports", document)
    assert status == 201, made

    assert "hunter2" not in json.dumps(document)
    assert document["group"]["source"]["credentials"] is None
    _, first = call("GET /groups/g1")
    for name in set(first) - {"groupId", "etag", "createdAt", "updatedAt", "calendar", "nextRunAt", "nextRuns", "source"}:
        assert made[name] == first[name], name
    assert made["source"] == {**first["source"], "credentials": None}
    assert made["calendar"]["pause"]["until"] is None
    assert made["nextRunAt"] is None
    _, selections = call(f"GET /groups/{made['groupId']}/selections")
    assert [each["name"] for each in selections["items"]] == ["Middle schools", "Nightly"]
    _, middle = call(f"GET /groups/{made['groupId']}/selections/Middle%20schools")
    assert middle["selection"] == call("GET /groups/g1/selections/Middle%20schools")[1]["selection"]


@pytest.mark.usefixtures("kept")
def test_what_a_file_says_is_checked_as_a_form_is_and_nothing_is_made_of_a_wrong_one() -> None:
    good = exported()

    def refused(**change: Any) -> str:
        status, answer = call("POST /imports", {**good, **change})
        assert status == 422
        return str(answer["errors"][0]["field"])

    mark = {"set": True, "changedAt": "2026-09-01T00:00:00Z"}
    assert refused(format="oneroster-group/2") == "format"
    assert refused(colour="red") == "colour"
    assert refused(group={**good["group"], "guard": {"share": 7}}) == "group.guard.share"
    assert refused(group={**good["group"], "source": {**SFTP, "credentials": mark}}) == "group.source.credentials"
    assert refused(group={**good["group"], "source": {**SFTP, "password": "x"}}).startswith("group.source")
    assert refused(group={**good["group"], "source": {"method": "zip"}}) == "schedule.frequency"
    assert refused(selections=[]) == "group.schedule.what"
    assert refused(selections=good["selections"] * 2) == "selections"
    assert [group.group_id for group in groups.find()] == ["g1"]


def test_only_an_admin_takes_a_group_out_or_brings_one_in() -> None:
    make_group()

    assert call("GET /groups/g1/export", role="operator")[0] == 403
    assert call("POST /imports", {}, role="operator")[0] == 403
