"""Whom the authorizer lets in: hostile tokens, and what only admins write."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from chalicelib.api import authorizer
from chalicelib.api.routing import caller_of
from chalicelib.model.members import DecidedBy, Member
from chalicelib.store import audit, members

OURS, FOREIGN = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
UNAUTHORIZED = r"^Unauthorized$"  # the one text that API Gateway makes a 401 of
ISSUER, AUDIENCE = "https://cognito.example/pool", "portal"
PUBLIC_PEM = OURS.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


class Keys:
    """The provider's keys: one, under the name k1."""

    def get_signing_key_from_jwt(self, token: str) -> Any:
        if jwt.get_unverified_header(token).get("kid") != "k1":
            raise jwt.PyJWKClientError("no such key")
        return jwt.PyJWK.from_json(jwt.algorithms.RSAAlgorithm.to_jwk(OURS.public_key()), "RS256")


@pytest.fixture(autouse=True)
def provider(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "TOKEN_ISSUER": ISSUER,
        "TOKEN_AUDIENCE": AUDIENCE,
        "TOKEN_JWKS_URL": "https://cognito.example/keys",
        "ROLE_CLAIM": "cognito:groups",
        "GROUPS_CLAIM": "custom:rosterGroups",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(authorizer, "_keys", Keys)


def claims(**changed: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    good = {
        "sub": "u1",
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": now + timedelta(minutes=15),
        "iat": now,
        "token_use": "id",
        "name": "Ada",
        "cognito:groups": ["admin"],
        "custom:rosterGroups": "g1 g2",
    }
    return {name: value for name, value in (good | changed).items() if value is not None}


def signed(said: dict[str, Any], key: Any = OURS, algorithm: str = "RS256", **header: Any) -> str:
    return jwt.encode(said, key, algorithm=algorithm, headers={"kid": "k1", **header})


def unsigned(said: dict[str, Any], header: dict[str, Any], signature: bytes = b"") -> str:
    said = {name: value.timestamp() if isinstance(value, datetime) else value for name, value in said.items()}
    parts = [json.dumps(header).encode(), json.dumps(said).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def let_in(token: str, scheme: str = "Bearer ") -> dict[str, Any]:
    event = {"type": "TOKEN", "authorizationToken": scheme + token, "methodArn": "arn:aws:execute-api:us-east-1:1:api/api/GET/me"}
    answer = authorizer.authorize(event, None)
    return {"principalId": answer["principalId"], **answer["context"]}


def test_a_good_token_says_who_and_what() -> None:
    caller = caller_of(let_in(signed(claims())))

    assert (caller.user_id, caller.role, caller.groups) == ("u1", "admin", frozenset({"g1", "g2"}))


def _with_other_payload() -> str:
    head, _, signature = signed(claims()).split(".")
    return f"{head}.{unsigned(claims(sub='u2'), {}).split('.')[1]}.{signature}"


HOSTILE: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "no-token": lambda: "nonsense",
    "two-parts": lambda: "a.b",
    "four-parts": lambda: signed(claims()) + ".x",
    "binary": lambda: "\x00.\x00.\x00",
    "algorithm-none": lambda: unsigned(claims(), {"alg": "none", "kid": "k1"}),
    "algorithm-None": lambda: unsigned(claims(), {"alg": "None", "kid": "k1"}),
    "no-algorithm": lambda: unsigned(claims(), {"kid": "k1"}),
    "no-signature": lambda: signed(claims()).rsplit(".", 1)[0] + ".",
    "foreign-key": lambda: signed(claims(), FOREIGN),
    "foreign-key-sent-along": lambda: signed(
        claims(), FOREIGN, jwk=json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(FOREIGN.public_key()))
    ),
    "key-from-elsewhere": lambda: signed(claims(), FOREIGN, jku="https://evil.example/keys"),
    "unknown-key-name": lambda: signed(claims(), kid="../k1"),
    "shared-secret": lambda: signed(claims(), "a-secret-of-thirty-two-characters!", "HS256"),
    "public-key-as-secret": lambda: unsigned(claims(), {"alg": "HS256", "kid": "k1"}, PUBLIC_PEM[:32]),
    "weaker-algorithm": lambda: signed(claims(), OURS, "RS384"),
    "pss-algorithm": lambda: signed(claims(), OURS, "PS256"),
    "payload-exchanged": _with_other_payload,
    "expired": lambda: signed(claims(exp=datetime.now(UTC) - timedelta(seconds=1))),
    "expired-long-ago": lambda: signed(claims(exp=datetime(2001, 1, 1, tzinfo=UTC))),
    "no-expiry": lambda: signed(claims(exp=None)),
    "not-yet": lambda: signed(claims(nbf=datetime.now(UTC) + timedelta(hours=1))),
    "issued-tomorrow": lambda: signed(claims(iat=datetime.now(UTC) + timedelta(days=1))),
    "other-issuer": lambda: signed(claims(iss="https://cognito.example/other")),
    "issuer-with-slash": lambda: signed(claims(iss=ISSUER + "/")),
    "no-issuer": lambda: signed(claims(iss=None)),
    "other-audience": lambda: signed(claims(aud="other")),
    "no-audience": lambda: signed(claims(aud=None)),
    "no-subject": lambda: signed(claims(sub=None)),
    "access-token": lambda: signed(claims(token_use="access")),
    "no-role": lambda: signed(claims(**{"cognito:groups": None})),
    "unknown-role": lambda: signed(claims(**{"cognito:groups": ["root"]})),
    "role-in-another-case": lambda: signed(claims(**{"cognito:groups": ["ADMIN"]})),
    "role-as-part-of-a-name": lambda: signed(claims(**{"cognito:groups": ["notadmin", "administrator"]})),
    "role-as-object": lambda: signed(claims(**{"cognito:groups": {"admin": True}})),
}


@pytest.mark.parametrize("made", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_token_is_nobodys(made: Callable[[], str]) -> None:
    with pytest.raises(Exception, match=UNAUTHORIZED):
        let_in(made())


@pytest.mark.parametrize("scheme", ["Basic ", "", "Token ", "Bearer"], ids=["basic", "none", "token", "no-blank"])
def test_a_token_counts_as_a_bearer_token_alone(scheme: str) -> None:
    with pytest.raises(Exception, match=UNAUTHORIZED):
        let_in(signed(claims()), scheme)


def entry(**changed: Any) -> Member:
    fields = {"member_id": "u1", "role": "viewer", "groups": ("g1",), "etag": "e1", "created_at": datetime.now(UTC)}
    return Member.model_validate(fields | changed)


def test_what_an_admin_wrote_counts_whatever_the_token_says() -> None:
    members.create(entry())

    caller = caller_of(let_in(signed(claims(**{"custom:rosterGroups": "*"}))))

    assert (caller.role, caller.groups) == ("viewer", frozenset({"g1"}))


def test_until_an_admin_says_otherwise_the_claims_count() -> None:
    members.create(entry(decided_by=DecidedBy.CLAIMS))

    assert caller_of(let_in(signed(claims()))).role == "admin"


@pytest.mark.parametrize("state", ["disabled", "removed"])
@pytest.mark.parametrize("decided_by", list(DecidedBy))
def test_a_good_token_of_somebody_who_is_out_is_nobodys_and_the_audit_says_so_once_an_hour(
    state: str, decided_by: DecidedBy
) -> None:
    members.create(entry(decided_by=decided_by, **{state: True}))

    for _ in range(3):
        with pytest.raises(Exception, match=UNAUTHORIZED):
            let_in(signed(claims()))

    assert [(each.who, each.what) for each in audit.entries(audit.NO_GROUP, 10)] == [("u1", "sign-in refused")]


def test_a_group_whose_name_holds_a_blank_and_a_star_stays_one_group() -> None:
    caller = caller_of(let_in(signed(claims(**{"custom:rosterGroups": ["g1 *", "g2"]}))))

    assert caller.groups == frozenset({"g1 *", "g2"})
    assert not caller.may_see("g9")


def test_somebody_of_a_thousand_groups_sees_them_though_api_gateway_does_not_carry_so_many() -> None:
    many = tuple(f"{number:064}" for number in range(1000))
    members.create(entry(groups=many))

    context = let_in(signed(claims()))

    assert len(json.dumps(context)) < 8_192
    assert caller_of(context).groups == frozenset(many)


@pytest.mark.parametrize("changed", [{"disabled": True}, {"removed": True}, {"decided_by": DecidedBy.CLAIMS}], ids=str)
def test_groups_that_are_looked_up_are_nobody_s_once_an_admin_has_said_so(changed: dict[str, Any]) -> None:
    members.create(entry(groups=("g1",), **changed))

    assert caller_of({"principalId": "u1", "role": "viewer", "groups": ""}).groups == frozenset()
    assert caller_of({"principalId": "nobody", "role": "viewer", "groups": ""}).groups == frozenset()
