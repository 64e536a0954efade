"""What is kept in Secrets Manager, and what is shown of it."""

import json
from datetime import UTC, datetime

import boto3
import jwt
import pytest

from chalicelib.errors import SourceRefused
from chalicelib.model.credentials import (
    ClientCredentials,
    Credentials,
    KeyCredentials,
    PasswordCredentials,
    TokenCredentials,
    mark_of,
)
from chalicelib.store import secrets

NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
ENDS = datetime(2027, 7, 1, tzinfo=UTC)
pytestmark = pytest.mark.usefixtures("aws")

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
    secrets.keep("g1", credentials)
    mark = mark_of(credentials, NOW)

    assert secrets.of_group("g1") == credentials
    assert (mark.set, mark.changed_at, mark.expires_at) == (True, NOW, None)


def test_a_secret_lies_below_the_stacks_own_prefix_under_the_stacks_key() -> None:
    secrets.keep("g1", KINDS[0])

    [found] = boto3.client("secretsmanager").list_secrets()["SecretList"]
    assert (found["Name"], found["KmsKeyId"]) == ("oneroster/tests/g1", "alias/tests")


def test_a_new_secret_takes_the_place_of_the_old_one() -> None:
    secrets.keep("g1", KINDS[0])
    secrets.keep("g1", KINDS[3])

    assert secrets.of_group("g1") == KINDS[3]
    assert stored() == ["oneroster/tests/g1"]


def test_a_forgotten_secret_can_be_brought_back_by_an_operator_for_a_week() -> None:
    secrets.keep("g1", KINDS[0])
    secrets.forget("g1")

    boto3.client("secretsmanager").restore_secret(SecretId="oneroster/tests/g1")

    assert secrets.of_group("g1") == KINDS[0]


def test_a_forgotten_secret_is_read_by_nobody_and_may_be_set_again() -> None:
    secrets.keep("g1", KINDS[0])

    secrets.forget("g1")
    secrets.forget("g1")

    assert stored() == []
    with pytest.raises(SourceRefused, match="Set it in the group's configuration"):
        secrets.of_group("g1")
    secrets.keep("g1", KINDS[1])
    assert secrets.of_group("g1") == KINDS[1]


def test_no_way_of_writing_a_secret_down_shows_it() -> None:
    for credentials in KINDS:
        assert not any("hunter2" in said for said in (repr(credentials), str(credentials), credentials.model_dump_json()))


def test_an_expiry_is_the_admins_word_or_the_tokens_own() -> None:
    own = TokenCredentials.model_validate({"token": jwt.encode({"exp": int(ENDS.timestamp())}, "k" * 32)})
    said = PasswordCredentials.model_validate({"password": "x", "expiresAt": ENDS.isoformat()})
    odd = TokenCredentials.model_validate({"token": jwt.encode({"exp": "soon"}, "k" * 32)})

    assert [mark_of(each, NOW).expires_at for each in (own, said, odd)] == [ENDS, ENDS, None]
    secrets.keep("g1", odd)
    assert json.loads(boto3.client("secretsmanager").get_secret_value(SecretId="oneroster/tests/g1")["SecretString"]).keys() == {
        "token"
    }
