"""Lets a bearer of a valid OIDC ID token in, or of an application's access token, and says who that is.

Of an ID token signature, issuer, audience and expiry are checked. What a person may do stands in the Members table, which admins
alone write; so a disabled member is locked out as soon as the cached answers expire, whatever their token says.

For a person whom no admin has decided about, the claims of the identity provider count. Role: the
highest of viewer, operator and admin in the claim that `ROLE_CLAIM` names. Groups: in the claim that `GROUPS_CLAIM` names, ids
or `*` for all. Either is a list or separated by blanks.

An application has the one group that it was made for, its token's scopes, and the least role that they need.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from chalice.app import AuthRequest, AuthResponse, Blueprint

from chalicelib.model.members import ROLES, DecidedBy, Role
from chalicelib.model.scopes import API_SCOPES
from chalicelib.store import audit, clients, members

if TYPE_CHECKING:
    import jwt

KEPT_S = 60  # an answer is kept so long for the same token: what a change by an admin takes to count
MOST_CARRIED = 4_096  # characters
KEYS_WITHIN_S = 4  # twice, and a cold start, within the function's ten
logger = Logger()
auth = Blueprint(__name__)


@auth.authorizer(name="authorize", ttl_seconds=KEPT_S)
def authorize(request: AuthRequest) -> AuthResponse:
    """API Gateway answers 401 to exactly the error text "Unauthorized", and 500 to any other: where the provider's keys do not
    come, nobody's sign-in has ended, and the portal asks again."""
    import jwt  # with its cryptography a tenth of a cold start, of which the other Lambdas have no use

    scheme, _, token = request.token.partition(" ")
    if scheme.lower() == "bearer" and token.count(".") == 1:  # an ID token has two
        return _application(token.strip())
    try:
        claims = _claims(token) if scheme.lower() == "bearer" else {}
    except jwt.PyJWKClientConnectionError:
        raise
    except jwt.PyJWTError as refusal:
        logger.info("token refused", extra={"why": type(refusal).__name__})
        raise Exception("Unauthorized") from refusal
    if claims.get("token_use", "id") != "id" or not claims:
        raise Exception("Unauthorized")
    standing = _standing(claims)
    if standing is None:
        logger.info("nobody, or disabled", extra={"memberId": claims["sub"]})
        now = datetime.now(UTC)
        audit.record_once(audit.NO_GROUP, claims["sub"], "sign-in refused", f"{now:%Y-%m-%dT%H:00:00.000000}Z#{claims['sub']}")
        raise Exception("Unauthorized")
    context = {
        "name": claims.get("name") or claims.get("email") or claims.get("cognito:username") or "",
        "username": claims.get("cognito:username") or "",
        "role": standing.role,
        "groups": _carried(standing),
    }
    return AuthResponse(routes=["*"], principal_id=claims["sub"], context=context)


def _carried(standing: "Standing") -> str:
    """The groups as API Gateway carries them to the API; empty where an admin has named more than it may, whose bound AWS
    does not name. The API then asks the Members table itself."""
    text = json.dumps(list(standing.groups))
    return "" if standing.by_admin and len(text) > MOST_CARRIED else text


def _application(token: str) -> AuthResponse:
    now = datetime.now(UTC)
    found = clients.bearer(token, now)
    if found is None:
        raise Exception("Unauthorized")
    client, held = found
    scopes = [each for each in API_SCOPES if each in held.scopes and each in client.scopes]
    clients.note_reading(client, now)
    context = {
        "name": f"{client.name} (application)",
        "username": "",
        "role": "viewer" if set(scopes) <= {"status.read"} else "operator",
        "groups": json.dumps([client.group_id]),
        "scopes": json.dumps(scopes),
    }
    return AuthResponse(routes=["*"], principal_id=client.client_id, context=context)


@dataclass(frozen=True)
class Standing:
    """A caller's role and groups: ids, or `*` for all. `by_admin`: as the Members table has them."""

    role: Role
    groups: Sequence[str]
    by_admin: bool = False


def _standing(claims: dict[str, Any]) -> Standing | None:
    """None for a caller without any access."""
    member = members.find(claims["sub"])
    if member and member.shut_out:
        return None
    if member and member.decided_by is DecidedBy.ADMIN:
        return Standing(member.role, member.named_groups, by_admin=True)
    held = _words(claims.get(os.environ["ROLE_CLAIM"]))
    role = next((each for each in reversed(ROLES) if each in held), None)
    return Standing(role, _words(claims.get(os.environ["GROUPS_CLAIM"]))) if role else None


def _claims(token: str) -> dict[str, Any]:
    import jwt

    try:
        key = _keys().get_signing_key_from_jwt(token)
    except jwt.PyJWKClientConnectionError:  # many functions that start at once ask at once
        key = _keys().get_signing_key_from_jwt(token)
    return jwt.decode(
        token,
        key,
        algorithms=["RS256"],
        issuer=os.environ["TOKEN_ISSUER"],
        audience=os.environ["TOKEN_AUDIENCE"],
        options={"require": ["exp", "iss", "aud", "sub"]},
    )


def _words(claim: object) -> list[str]:
    return [str(each) for each in claim] if isinstance(claim, list) else str(claim or "").split()


@cache
def _keys() -> "jwt.PyJWKClient":
    import jwt

    return jwt.PyJWKClient(os.environ["TOKEN_JWKS_URL"], timeout=KEYS_WITHIN_S)
