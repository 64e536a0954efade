"""The access token that a group's readers share: kept encrypted, costs no secret, and belongs to its group alone."""

from collections.abc import Iterator
from datetime import UTC, datetime

import boto3
import pytest

from chalicelib.store import access_tokens, syncs
from chalicelib.store.tables import table

NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
TOKEN = {"value": "hunter2" * 900, "renewAt": NOW.isoformat(), "givenFor": "f" * 64}  # some providers' are beyond 4 KB


@pytest.fixture(autouse=True)
def key(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    made = boto3.client("kms").create_key()["KeyMetadata"]["KeyId"]
    monkeypatch.setenv("SECRETS_KEY", made)
    access_tokens._kms.cache_clear()
    yield
    access_tokens._kms.cache_clear()


def test_a_token_comes_back_to_whoever_reads_the_same_group_and_the_newest_counts() -> None:
    access_tokens.share("g1", {**TOKEN, "value": "older"}, NOW)
    access_tokens.share("g1", TOKEN, NOW)

    assert access_tokens.shared("g1") == TOKEN
    assert access_tokens.shared("g2") == {}


def test_nothing_in_the_table_shows_it_and_another_group_can_not_use_it() -> None:
    access_tokens.share("g1", TOKEN, NOW)
    [item] = table(syncs.TABLE).scan()["Items"]

    table(syncs.TABLE).put_item(Item={**item, "groupId": "g2"})

    assert "hunter2" not in repr([bytes(part) for part in item["sealed"]])  # type: ignore[union-attr, arg-type]
    assert item["expiresAt"] == int(NOW.timestamp()) + 86_400
    with pytest.raises(boto3.client("kms").exceptions.InvalidCiphertextException):
        access_tokens.shared("g2")


def test_it_is_no_secret_that_is_paid_for_and_no_sync_of_the_group() -> None:
    access_tokens.share("g1", TOKEN, NOW)

    assert boto3.client("secretsmanager").list_secrets()["SecretList"] == []
    assert (syncs.history("g1", 10), syncs.total("g1")) == ([], 0)
