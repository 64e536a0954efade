"""People: invited, changed, disabled and removed by admins of every group, and never all of them out."""

from typing import Any

import boto3
import pytest

from chalicelib.api.routing import ROUTES
from chalicelib.errors import Conflict
from chalicelib.model.members import witness
from chalicelib.store import audit, members, user_pool
from tests.api.test_routes import call, filled

pytestmark = pytest.mark.usefixtures("aws")
BEA: dict[str, Any] = {"email": "bea@lakeside.example", "name": "Bea", "role": "operator", "groups": ["g1"]}


@pytest.fixture
def pool(aws: None, monkeypatch: pytest.MonkeyPatch) -> str:
    user_pool._cognito.cache_clear()
    pool_id = boto3.client("cognito-idp").create_user_pool(PoolName="p", UsernameAttributes=["email"])["UserPool"]["Id"]
    monkeypatch.setenv("USER_POOL", pool_id)
    return pool_id


def invited(**changed: Any) -> dict[str, Any]:
    status, answer = call("POST /members", BEA | changed)
    assert status == 201, answer
    return answer


def change(member: dict[str, Any], **changed: Any) -> tuple[int, dict[str, Any]]:
    return call(f"PATCH /members/{member['memberId']}", changed, headers={"If-Match": member["etag"]})


def enabled_in(pool: str) -> bool:
    return boto3.client("cognito-idp").admin_get_user(UserPoolId=pool, Username="bea@lakeside.example")["Enabled"]


def test_an_invited_person_is_in_the_pool_and_may_do_what_the_admin_said(pool: str) -> None:
    bea = invited()

    user = boto3.client("cognito-idp").admin_get_user(UserPoolId=pool, Username="bea@lakeside.example")
    stored = members.get(bea["memberId"])
    assert {each["Name"]: each["Value"] for each in user["UserAttributes"]}["sub"] == stored.member_id
    assert (stored.role, stored.groups, stored.disabled) == ("operator", ("g1",), False)
    assert [each["name"] for each in call("GET /members")[1]["items"]] == ["Bea"]
    assert call("POST /members", BEA)[0] == 409


def test_a_disabled_person_is_disabled_in_the_pool_too_and_can_be_let_in_again(pool: str) -> None:
    call("GET /me")  # Ada, who manages the others
    bea = invited()

    status, disabled = change(bea, disabled=True)

    assert (status, disabled["disabled"], enabled_in(pool)) == (200, True, False)
    assert change(disabled, disabled=False)[0] == 200
    assert enabled_in(pool)


def test_a_removed_person_is_gone_from_list_and_pool_and_may_be_invited_again(pool: str) -> None:
    call("GET /me")
    bea = invited()

    assert call(f"DELETE /members/{bea['memberId']}")[0] == 200

    assert "Bea" not in {each["name"] for each in call("GET /members")[1]["items"]}
    assert boto3.client("cognito-idp").list_users(UserPoolId=pool)["Users"] == []
    assert members.find(bea["memberId"]) is not None  # what is left keeps a token of hers from counting
    assert invited()["memberId"] != bea["memberId"]


@pytest.mark.parametrize(
    "changed", [{"role": "operator"}, {"groups": ["g1"]}, {"disabled": True}], ids=["role", "groups", "disabled"]
)
def test_the_last_admin_cannot_lock_everybody_out(changed: dict[str, Any]) -> None:
    call("GET /me")
    [ada] = call("GET /members")[1]["items"]

    status, found = change(ada, **changed)

    assert (status, "Make somebody else an admin" in found["detail"]) == (409, True)
    assert call("DELETE /members/u1")[0] == 409
    assert members.get("u1").may_manage


def test_of_two_admins_who_disable_each_other_at_once_one_stays(pool: str) -> None:
    call("GET /me")
    ada, bea = members.get("u1"), members.get(invited(role="admin", groups=None)["memberId"])
    everybody = members.everybody()

    out = {"disabled": True, "etag": "later"}
    members.change(bea.model_copy(update=out), bea.etag, witness(everybody, bea.member_id))
    with pytest.raises(Conflict):
        members.change(ada.model_copy(update=out), ada.etag, witness(everybody, ada.member_id))

    assert [each.may_manage for each in members.everybody()] == [True, False]


OF_THE_STACK: dict[str, Any] = {
    "POST /members": BEA,
    "PATCH /members/{memberId}": {"role": "admin"},
    "POST /groups": {"name": "Mine"},
    "POST /imports": {"exportedAt": "2026-09-01T00:00:00Z", "group": {"name": "Mine"}, "selections": []},
}
OF_NO_GROUP_YET = {"POST /connection-test"}  # what an admin of one group tries before they save it there; nothing is kept


def test_an_admin_of_some_groups_says_nothing_about_people_and_makes_no_group() -> None:
    routes = {f"{each.method} {each.path}": each for each in ROUTES if each.role == "admin"}
    concern_the_stack = {said for said in routes if "{groupId}" not in said and "{syncId}" not in said} - OF_NO_GROUP_YET

    assert concern_the_stack >= {*OF_THE_STACK, "GET /members", "GET /audit", "GET /deletions", "GET /arrivals"}
    for said in sorted(concern_the_stack):
        status, answer = call(filled(routes[said]), OF_THE_STACK.get(said), groups="g1")
        assert (status, "every group" in answer["detail"]) == (403, True), (said, answer)


def test_every_change_of_people_is_in_the_audit_without_a_mail_address(pool: str) -> None:
    call("GET /me")
    bea = invited()
    change(bea, role="viewer")
    call(f"DELETE /members/{bea['memberId']}")

    entries = audit.entries(audit.NO_GROUP, 10)

    assert [each.what for each in entries] == ["user removed", "user changed", "user invited"]
    assert {each.name for each in entries} == {"Ada"}
    assert "lakeside.example" not in str(entries)


def test_without_a_pool_people_are_invited_where_they_sign_in() -> None:
    status, answer = call("POST /members", BEA)

    assert (status, "your own identity provider" in answer["detail"]) == (422, True)
    assert call("GET /members")[1]["invitable"] is False


def test_a_person_who_signs_in_first_is_listed_by_what_the_claims_say() -> None:
    call("GET /me", role="operator", groups="g1 g2")

    [ada] = call("GET /members")[1]["items"]

    assert (ada["name"], ada["role"], ada["groups"], ada["lastSignInAt"] is not None) == ("Ada", "operator", ["g1", "g2"], True)
