"""Lets a bearer of a valid OIDC ID token in, and says who that is.

Checked are signature, issuer, audience and expiry. Role: the highest of viewer, operator and admin in the claim that
`ROLE_CLAIM` names. Groups: in the claim that `GROUPS_CLAIM` names, ids or `*` for all. Either is a list or separated by blanks.
"""

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from chalice.app import AuthRequest, AuthResponse, Blueprint

from chalicelib.api.shapes import ROLES

if TYPE_CHECKING:
    import jwt

KEYS_WITHIN_S = 4  # twice, and a cold start, within the function's ten
logger = Logger()
auth = Blueprint(__name__)


@auth.authorizer(name="authorize", ttl_seconds=300)
def authorize(request: AuthRequest) -> AuthResponse:
    """API Gateway answers 401 to exactly the error text "Unauthorized", and 500 to any other: where the provider's keys do not
    come, nobody's sign-in has ended, and the portal asks again."""
    import jwt  # with its cryptography a tenth of a cold start, of which the other Lambdas have no use

    scheme, _, token = request.token.partition(" ")
    try:
        claims = _claims(token) if scheme.lower() == "bearer" else {}
    except jwt.PyJWKClientConnectionError:
        raise
    except jwt.PyJWTError as refusal:
        logger.info("token refused", extra={"why": type(refusal).__name__})
        raise Exception("Unauthorized") from refusal
    held = _words(claims.get(os.environ["ROLE_CLAIM"]))
    role = next((each for each in reversed(ROLES) if each in held), None)
    if role is None or claims.get("token_use", "id") != "id":
        raise Exception("Unauthorized")
    context = {
        "name": claims.get("name") or claims.get("email") or claims.get("cognito:username") or "",
        "role": role,
        "groups": " ".join(_words(claims.get(os.environ["GROUPS_CLAIM"]))),
    }
    return AuthResponse(routes=["*"], principal_id=claims["sub"], context=context)


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
