"""A group's source as an admin configures it, and the secret that goes in and never comes out."""

from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from chalicelib.errors import Conflict, SourceUnavailable
from chalicelib.model.credentials import PasswordCredentials
from chalicelib.store import groups, secrets
from tests.api.test_routes import call

pytestmark = pytest.mark.usefixtures("aws")

SFTP = {"method": "sftp", "host": "sftp.district.example", "username": "roster", "path": "/out/*.zip"}
OAUTH2 = {
    "method": "rest",
    "baseUrl": "https://sis.example/ims/oneroster/v1p1",
    "tokenUrl": "https://sis.example/token",
    "scopes": ["roster-core.readonly"],
}
PASSWORD = {"password": "hunter2"}
KEY = (
    Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, BestAvailableEncryption(b"hunter2")).decode()
)
CLIENT = {"clientId": "ours", "clientSecret": "hunter2"}


def made(source: dict[str, Any]) -> dict[str, Any]:
    status, answer = call("POST /groups", {"name": "Lakeside", "source": source})
    assert status == 201, answer
    return answer


def patched(group: dict[str, Any], **settings: Any) -> tuple[int, dict[str, Any]]:
    return call(f"PATCH /groups/{group['groupId']}", settings, headers={"If-Match": f'"{group["etag"]}"'})


def changed(group: dict[str, Any], **settings: Any) -> dict[str, Any]:
    status, answer = patched(group, **settings)
    assert status == 200, answer
    return answer


def kept(group: dict[str, Any]) -> Any:
    return secrets.of_group(group["groupId"], groups.get(group["groupId"]).source).model_dump(by_alias=True, exclude_none=True)


def secrets_stored() -> int:
    return len(boto3.client("secretsmanager").list_secrets()["SecretList"])


@pytest.mark.parametrize(
    ("source", "credentials"),
    [
        (SFTP, PASSWORD),
        (SFTP, {"privateKey": KEY, "passphrase": "hunter2"}),
        (OAUTH2, CLIENT),
        ({**OAUTH2, "authorization": "oauth1"}, CLIENT),
        ({**OAUTH2, "authorization": "bearer"}, {"token": "hunter2"}),
    ],
)
def test_a_secret_is_shown_as_set_and_stands_in_no_answer_and_no_table(source: Any, credentials: Any) -> None:
    group = made({**source, "credentials": {**credentials, "expiresAt": "2027-07-01T00:00:00Z"}})

    shown = group["source"]["credentials"]
    assert (shown["set"], shown["expiresAt"]) == (True, "2027-07-01T00:00:00Z")
    assert shown["changedAt"] == group["createdAt"]
    everywhere = [
        group,
        call(f"GET /groups/{group['groupId']}"),
        call("GET /groups"),
        call(f"GET /groups/{group['groupId']}/audit"),
    ]
    tables = [boto3.resource("dynamodb").Table(name).scan()["Items"] for name in ("Groups", "Audit", "Syncs")]
    assert "hunter2" not in str(everywhere) + str(tables)
    assert "PRIVATE KEY" not in str(everywhere) + str(tables)
    assert len(kept(group)) == len(credentials)


def test_a_key_that_can_not_be_read_is_refused_before_it_is_kept() -> None:
    credentials = {"privateKey": KEY, "passphrase": "no"}
    status, answer = call("POST /groups", {"name": "L", "source": {**SFTP, "credentials": credentials}})

    assert (status, [each["field"] for each in answer["errors"]]) == (422, ["source.credentials.privateKey"])
    assert secrets_stored() == 0


def test_between_a_changed_server_and_its_new_secret_the_old_one_is_sent_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    group = made({**SFTP, "credentials": PASSWORD})
    keep, seen = secrets.keep, []

    def looked_at(group_id: str, *given: Any) -> None:
        with pytest.raises(SourceUnavailable) as refusal:  # what a sync that starts at this moment meets
            secrets.of_group(group_id, groups.get(group_id).source)
        seen.append(str(refusal.value))
        keep(group_id, *given)

    monkeypatch.setattr(secrets, "keep", looked_at)
    changed(group, source={**SFTP, "host": "sftp.other.example", "credentials": {"password": "newer"}})

    assert len(seen) == 1
    assert kept(group)["password"].get_secret_value() == "newer"


def test_a_change_whose_secret_could_not_be_kept_sends_the_old_one_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    group = made({**SFTP, "credentials": PASSWORD})
    monkeypatch.setattr(secrets, "keep", lambda *given: 1 / 0)

    status, _ = patched(group, source={**SFTP, "host": "sftp.other.example", "credentials": {"password": "newer"}})

    assert status == 500
    with pytest.raises(SourceUnavailable, match="given for another place"):
        kept(group)


def test_other_settings_change_and_the_secret_stays() -> None:
    group = made({**SFTP, "credentials": PASSWORD})

    by_name = changed(group, name="Lakeside Unified")
    as_shown = changed(by_name, source={**by_name["source"], "path": "/elsewhere"})
    left_out = changed(as_shown, source={**SFTP, "username": "other"})

    assert left_out["source"]["credentials"] == group["source"]["credentials"]
    assert kept(group)["password"].get_secret_value() == "hunter2"


def test_a_secret_is_replaced() -> None:
    group = made({**SFTP, "credentials": PASSWORD})

    changed(group, source={**SFTP, "credentials": {"password": "newer"}})

    assert kept(group)["password"].get_secret_value() == "newer"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({**SFTP, "credentials": PASSWORD}, {**SFTP, "host": "sftp.attacker.example"}),
        ({**SFTP, "credentials": PASSWORD}, {**SFTP, "port": 2222}),
        ({**OAUTH2, "credentials": CLIENT}, {**OAUTH2, "tokenUrl": "https://attacker.example/token"}),
        ({**OAUTH2, "credentials": CLIENT}, {**OAUTH2, "baseUrl": "http://sis.example/ims/oneroster/v1p1"}),
        ({**OAUTH2, "credentials": CLIENT}, {**OAUTH2, "authorization": "bearer"}),
    ],
)
def test_a_secret_goes_to_no_other_place_than_it_was_given_for(before: Any, after: Any) -> None:
    group = made(before)

    status, answer = patched(group, source=after)

    assert (status, [each["field"] for each in answer["errors"]]) == (422, ["source.credentials"])
    assert call(f"GET /groups/{group['groupId']}")[1]["etag"] == group["etag"]


def test_the_method_changes_and_the_roster_and_the_settings_stay() -> None:
    group = made({**SFTP, "credentials": PASSWORD})
    boto3.resource("dynamodb").Table("Groups").update_item(
        Key={"groupId": group["groupId"]},
        UpdateExpression="SET #snapshot = :sync",
        ExpressionAttributeNames={"#snapshot": "snapshot"},
        ExpressionAttributeValues={":sync": f"{group['groupId']}-s1"},
    )

    rest = changed(group, source={**OAUTH2, "credentials": CLIENT})
    zipped = changed(rest, source={"method": "zip"})

    assert zipped["source"] == {"method": "zip", "version": "auto"}
    assert groups.get(group["groupId"]).snapshot == f"{group['groupId']}-s1"
    assert secrets_stored() == 0


def test_another_method_without_a_secret_has_none() -> None:
    group = changed(made({**SFTP, "credentials": PASSWORD}), source=OAUTH2)

    assert group["source"]["credentials"] is None
    assert secrets_stored() == 0


def test_a_change_that_comes_too_late_leaves_the_secret_as_it_was() -> None:
    group = made({**SFTP, "credentials": PASSWORD})
    changed(group, name="By somebody else")

    status, _ = patched(group, source={**SFTP, "credentials": {"password": "newer"}})

    assert status == 409
    assert kept(group)["password"].get_secret_value() == "hunter2"


def test_the_secret_goes_with_its_group() -> None:
    group = made({**SFTP, "credentials": PASSWORD})

    call(f"DELETE /groups/{group['groupId']}", {"name": "Lakeside"})

    assert secrets_stored() == 0


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ({"method": "ftp"}, "source"),
        ({"method": "sftp", "username": "u"}, "source.host"),
        ({**SFTP, "host": "https://sftp.example"}, "source.host"),
        ({**SFTP, "port": 0}, "source.port"),
        ({**SFTP, "hostKeyFingerprint": "aa:bb"}, "source.hostKeyFingerprint"),
        ({**SFTP, "afterwards": "move"}, "source"),
        ({**SFTP, "credentials": CLIENT}, "source.credentials.password"),
        ({**OAUTH2, "baseUrl": "ftp://sis.example"}, "source.baseUrl"),
        ({**OAUTH2, "baseUrl": "https://user:word@sis.example/"}, "source.baseUrl"),
        ({**OAUTH2, "tokenUrl": None}, "source"),
        ({**OAUTH2, "maxParallel": 99}, "source.maxParallel"),
        ({**OAUTH2, "credentials": {"token": "t"}}, "source"),
    ],
)
def test_a_source_that_makes_no_sense_says_which_field(source: Any, field: str) -> None:
    status, answer = call("POST /groups", {"name": "Lakeside", "source": source})

    assert status == 422
    assert field in [each["field"] for each in answer["errors"]]
    assert "hunter2" not in str(answer)


def test_a_zip_group_needs_an_upload_and_the_others_take_none() -> None:
    by_zip, by_sftp = made({"method": "zip"}), made(SFTP)

    status, answer = call(f"POST /groups/{by_zip['groupId']}/syncs", {"mode": "full"})
    assert (status, answer["errors"]) == (422, [{"field": "uploadId", "message": "is missing"}])
    status, answer = call(f"POST /groups/{by_sftp['groupId']}/syncs", {"mode": "full", "uploadId": "u1"})
    assert (status, answer["errors"]) == (422, [{"field": "uploadId", "message": "not for this group"}])


@pytest.mark.parametrize(
    "refused",
    [{"schedule": {"frequency": "daily", "what": "No such selection"}}, {"guard": {"floor": 0}}],
    ids=["schedule", "guard"],
)
def test_a_refused_group_leaves_no_secret_behind(refused: dict[str, Any]) -> None:
    status, _ = call("POST /groups", {"name": "Lakeside", "source": {**SFTP, "credentials": PASSWORD}, **refused})

    assert (status, secrets_stored()) == (422, 0)


def test_a_group_that_could_not_be_made_leaves_no_secret_and_a_secret_that_could_not_be_kept_no_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted = {"name": "Lakeside", "source": SFTP | {"credentials": {"password": "hunter2"}}}
    with monkeypatch.context() as patch:
        patch.setattr(groups, "create", _fails)
        assert call("POST /groups", wanted)[0] == 503
    assert secrets_stored() == 0
    with monkeypatch.context() as patch:
        patch.setattr(secrets, "keep", _fails)
        assert call("POST /groups", wanted)[0] == 503
    assert groups.find() == []


def _fails(*_: Any) -> None:
    raise SourceUnavailable("Not now.")


def test_a_refused_change_leaves_the_secret_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    group = made({**SFTP, "credentials": PASSWORD})
    source = {**SFTP, "credentials": {"password": "another"}}

    assert patched(group, source=source, schedule={"frequency": "daily", "what": "No such selection"})[0] == 422
    assert kept(group) == kept_as(PASSWORD)

    def changed_meanwhile(*given: Any) -> Any:
        raise Conflict(groups.CHANGED)

    monkeypatch.setattr(groups, "change", changed_meanwhile)
    assert patched(group, source=source)[0] == 409
    assert kept(group) == kept_as(PASSWORD)


def kept_as(sent: dict[str, str]) -> Any:
    return PasswordCredentials.model_validate(sent).model_dump(by_alias=True, exclude_none=True)
