"""What is kept in Secrets Manager, and what is shown of it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import jwt
import pytest
from pydantic import ValidationError

from chalicelib.errors import SourceRefused, SourceUnavailable
from chalicelib.model.credentials import (
    ClientCredentials,
    Credentials,
    KeyCredentials,
    PasswordCredentials,
    TokenCredentials,
    mark_of,
)
from chalicelib.model.members import Member
from chalicelib.model.records import CredentialsMark, Record, RestSource, SftpSource, Source, ZipSource
from chalicelib.store import secrets

NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
ENDS = datetime(2027, 7, 1, tzinfo=UTC)
pytestmark = pytest.mark.usefixtures("aws")

SFTP = SftpSource(host="sftp.district.example", username="roster", path="/out")
REST = RestSource(base_url="https://sis.example", token_url="https://sis.example/token")
SOURCE: Source = SFTP
KINDS: list[Credentials] = [
    PasswordCredentials.model_validate({"password": "hunter2"}),
    KeyCredentials.model_validate({"privateKey": "-----BEGIN", "passphrase": "hunter2"}),
    KeyCredentials.model_validate({"privateKey": "-----BEGIN"}),
    ClientCredentials.model_validate({"clientId": "ours", "clientSecret": "hunter2"}),
    TokenCredentials.model_validate({"token": "hunter2"}),
]


def stored() -> list[str]:
    return [each["Name"] for each in boto3.client("secretsmanager").list_secrets()["SecretList"]]


@pytest.mark.parametrize("credentials", KINDS, ids=lambda each: type(each).__name__)
def test_a_secret_comes_back_as_it_was_given_to_whoever_signs_in(credentials: Credentials) -> None:
    secrets.keep("g1", credentials, SOURCE)
    mark = mark_of(credentials, NOW)

    assert secrets.of_group("g1", SOURCE) == credentials
    assert (mark.set, mark.changed_at, mark.expires_at) == (True, NOW, None)


def test_a_secret_lies_below_the_stacks_own_prefix_under_the_stacks_key() -> None:
    secrets.keep("g1", KINDS[0], SOURCE)

    [found] = boto3.client("secretsmanager").list_secrets()["SecretList"]
    assert (found["Name"], found["KmsKeyId"]) == ("oneroster/tests/g1", "alias/tests")


def test_a_new_secret_takes_the_place_of_the_old_one() -> None:
    secrets.keep("g1", KINDS[0], SOURCE)
    secrets.keep("g1", KINDS[3], SOURCE)

    assert secrets.of_group("g1", SOURCE) == KINDS[3]
    assert stored() == ["oneroster/tests/g1"]


def test_a_forgotten_secret_can_be_brought_back_by_an_operator_for_a_week() -> None:
    secrets.keep("g1", KINDS[0], SOURCE)
    secrets.forget("g1")

    boto3.client("secretsmanager").restore_secret(SecretId="oneroster/tests/g1")

    assert secrets.of_group("g1", SOURCE) == KINDS[0]


def test_a_forgotten_secret_is_read_by_nobody_and_may_be_set_again() -> None:
    secrets.keep("g1", KINDS[0], SOURCE)

    secrets.forget("g1")
    secrets.forget("g1")

    assert stored() == []
    with pytest.raises(SourceRefused, match="Set it in the group's configuration"):
        secrets.of_group("g1", SOURCE)
    secrets.keep("g1", KINDS[1], SOURCE)
    assert secrets.of_group("g1", SOURCE) == KINDS[1]


def test_no_way_of_writing_a_secret_down_shows_it() -> None:
    for credentials in KINDS:
        assert not any("hunter2" in message for message in (repr(credentials), str(credentials), credentials.model_dump_json()))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (PasswordCredentials, {"password": {"of": "hunter2"}}),
        (PasswordCredentials, {"pasword": "hunter2"}),
        (KeyCredentials, {"privateKey": "hunter2", "passphrase": ["hunter2"]}),
        (Member, {"memberId": "u1", "email": "hunter2@district.example", "role": "hunter2"}),
    ],
    ids=["nested", "misspelt", "list", "a person"],
)
def test_an_error_about_a_value_names_its_field_and_never_the_value(kind: type[Record], said: dict[str, Any]) -> None:
    """What a table or a request holds wrongly ends in the log, as the text of such an error."""
    with pytest.raises(ValidationError) as refused:
        kind.model_validate(said)

    assert "hunter2" not in str(refused.value)


def test_a_stored_secret_that_can_not_be_read_is_not_quoted_either() -> None:
    secrets.keep("g1", KINDS[0], SOURCE)
    for wrong in ({"password": {"of": "hunter2"}}, {"passwort": "hunter2"}, ["hunter2"]):
        boto3.client("secretsmanager").put_secret_value(SecretId=stored()[0], SecretString=json.dumps(wrong))
        with pytest.raises(Exception) as refused:  # noqa: PT011 (whichever it is: what it says is what counts)
            secrets.of_group("g1", SOURCE)
        assert "hunter2" not in str(refused.value)


def test_an_expiry_is_the_admins_word_or_the_tokens_own() -> None:
    own = TokenCredentials.model_validate({"token": jwt.encode({"exp": int(ENDS.timestamp())}, "k" * 32)})
    found = PasswordCredentials.model_validate({"password": "x", "expiresAt": ENDS.isoformat()})
    odd = TokenCredentials.model_validate({"token": jwt.encode({"exp": "soon"}, "k" * 32)})

    assert [mark_of(each, NOW).expires_at for each in (own, found, odd)] == [ENDS, ENDS, None]
    secrets.keep("g1", odd, SOURCE)
    kept = json.loads(boto3.client("secretsmanager").get_secret_value(SecretId="oneroster/tests/g1")["SecretString"])
    assert kept.keys() == {"token", "givenFor"}


OTHERS = [SFTP.model_copy(update={"host": "sftp.attacker.example"}), SFTP.model_copy(update={"port": 2222}), REST, ZipSource()]


@pytest.mark.parametrize("other", OTHERS, ids=["another host", "another port", "a provider's API", "no server"])
def test_a_secret_is_sent_to_no_other_place_than_it_was_given_for(other: Source) -> None:
    secrets.keep("g1", KINDS[0], SFTP)

    assert secrets.of_group("g1", SFTP.model_copy(update={"path": "/elsewhere"})) == KINDS[0]
    with pytest.raises(SourceUnavailable, match="was given for another place, and was not sent"):
        secrets.of_group("g1", other)


def test_a_secret_of_before_that_names_no_place_is_not_sent_to_a_server_that_was_set_after_it() -> None:
    boto3.client("secretsmanager").create_secret(Name="oneroster/tests/g1", SecretString='{"password": "hunter2"}')
    now = datetime.now(UTC)

    def marked(at: datetime) -> Source:
        return SFTP.model_copy(update={"credentials": CredentialsMark(changed_at=at)})

    assert secrets.of_group("g1", marked(now)) == secrets.of_group("g1", marked(now - timedelta(days=90))) == KINDS[0]
    with pytest.raises(SourceUnavailable, match="another place"):
        secrets.of_group("g1", marked(now + timedelta(days=90)))


def test_a_secret_is_replaced_whether_or_not_aws_minds_to_restore_what_was_never_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secrets.keep("g1", KINDS[0], SOURCE)
    client = secrets._secretsmanager()
    refusal = client.exceptions.InvalidRequestException({"Error": {"Code": "InvalidRequestException"}}, "RestoreSecret")

    def minds(**_: str) -> None:
        raise refusal

    monkeypatch.setattr(client, "restore_secret", minds)
    secrets.keep("g1", KINDS[3], SOURCE)

    assert secrets.of_group("g1", SOURCE) == KINDS[3]
