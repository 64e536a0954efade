"""The stack's user pool, where people have their passwords; none where they sign in with an identity provider of their own."""

import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError

from chalicelib.errors import Conflict, Unacceptable

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp.client import CognitoIdentityProviderClient

ELSEWHERE = "People sign in with your own identity provider here. Invite them, and reset passwords, there."


@dataclass(frozen=True)
class PoolUser:
    """`sub` is what their tokens name them by."""

    username: str
    sub: str


@cache
def _cognito() -> "CognitoIdentityProviderClient":
    return boto3.client("cognito-idp")


def pool() -> str:
    """Empty where people come from elsewhere."""
    return os.environ["USER_POOL"]


def invite(email: str, name: str) -> PoolUser:
    """Make a user, who is mailed a temporary password. Raises Conflict for one who is there, Unacceptable without a pool."""
    attributes = {"email": email, "email_verified": "true", "name": name}
    try:
        made = _cognito().admin_create_user(
            UserPoolId=_required(),
            Username=email,
            UserAttributes=[{"Name": key, "Value": value} for key, value in attributes.items()],
            DesiredDeliveryMediums=["EMAIL"],
        )["User"]
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] != "UsernameExistsException":
            raise
        raise Conflict("There is a user with this e-mail address already.") from refusal
    named = {each["Name"]: each.get("Value", "") for each in made["Attributes"]}
    return PoolUser(made["Username"], named["sub"])


def disable(username: str) -> None:
    """No new token for this user from now on, and none by refreshing an old one."""
    _cognito().admin_disable_user(UserPoolId=_required(), Username=username)
    _cognito().admin_user_global_sign_out(UserPoolId=_required(), Username=username)


def enable(username: str) -> None:
    _cognito().admin_enable_user(UserPoolId=_required(), Username=username)


def reset_password(username: str) -> None:
    """Send a code by mail with which the user sets a new password."""
    _cognito().admin_reset_user_password(UserPoolId=_required(), Username=username)


def delete(username: str) -> None:
    """None to delete is as good."""
    try:
        _cognito().admin_delete_user(UserPoolId=_required(), Username=username)
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] != "UserNotFoundException":
            raise


def _required() -> str:
    if not pool():
        raise Unacceptable(ELSEWHERE)
    return pool()
