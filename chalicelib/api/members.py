"""Who may use this stack: invite people, say what they may do and in which groups, let them out again.

Only for admins of every group: an admin of some groups can't decide who sees the others.
"""

from chalice.app import Blueprint
from pydantic import EmailStr, Field

from chalicelib.api.lists import ListQuery, offset_of, page
from chalicelib.api.routing import IF_MATCH, Call, require_every_group, route
from chalicelib.api.shapes import MemberOut, Message, Page
from chalicelib.errors import Conflict, Unacceptable
from chalicelib.model.members import EVERY_GROUP, DecidedBy, GroupId, Member, Role, witness
from chalicelib.model.records import Name, Record
from chalicelib.store import audit, user_pool
from chalicelib.store import members as store

members = Blueprint(__name__)


class Members(Page[MemberOut]):
    """`invitable`: whether people are invited here; else in the identity provider that they sign in with."""

    invitable: bool


class MemberIn(Record):
    """`groups` None gives access to every group, later ones included."""

    email: EmailStr
    name: Name
    role: Role
    groups: tuple[GroupId, ...] | None = Field(max_length=1000)


class MemberPatch(Record):
    """Fields that are sent are changed, the others stay. `groups` null gives access to every group."""

    name: Name | None = None
    role: Role | None = None
    groups: tuple[GroupId, ...] | None = Field(default=None, max_length=1000)
    disabled: bool | None = None


@route(members, "GET /members", role="admin", answer=Members, query=ListQuery)
def list_members(call: Call) -> Members:
    """The people who have been invited or have signed in, by name."""
    require_every_group(call.caller)
    asked: ListQuery = call.query
    wanted = asked.search.casefold()
    found = [each for each in store.everybody() if wanted in f"{each.name}\n{each.email}".casefold()]
    start = offset_of(asked)
    items = [MemberOut.of(each) for each in found[start : start + asked.limit]]
    return page(Members, items, len(found), asked, invitable=bool(user_pool.pool()))


@route(members, "POST /members", role="admin", body=MemberIn, answer=MemberOut, status=201)
def invite_member(call: Call, body: MemberIn) -> MemberOut:
    """Invite a person; the user pool mails them a temporary password."""
    require_every_group(call.caller)
    user = user_pool.invite(body.email, body.name)
    member = Member(
        member_id=user.sub,
        username=user.username,
        email=body.email,
        name=body.name,
        role=body.role,
        groups=EVERY_GROUP if body.groups is None else body.groups,
        etag=call.nonce,
        created_at=call.now,
        created_by=call.caller.user_id,
    )
    store.create(member)
    _audit(call, "user invited", member)
    return MemberOut.of(member)


@route(members, "PATCH /members/{memberId}", role="admin", body=MemberPatch, answer=MemberOut, headers=(IF_MATCH,))
def change_member(call: Call, member_id: str, body: MemberPatch) -> MemberOut:
    """Change a member's role or groups, or disable them: their tokens stop working within minutes."""
    require_every_group(call.caller)
    if not call.if_match:
        raise Unacceptable("Send the user's etag in If-Match, so that nobody's change is lost.")
    stored = store.get(member_id)
    sent = {name: value for name, value in dict(body).items() if name in body.model_fields_set}
    if any(value is None for name, value in sent.items() if name != "groups"):
        raise Unacceptable("Only `groups` can be null: every group.")
    if "groups" in sent and sent["groups"] is None:
        sent["groups"] = EVERY_GROUP
    member = stored.model_copy(update={**sent, "decided_by": DecidedBy.ADMIN, "etag": call.nonce})
    _store(call.if_match, member)
    if member.username and user_pool.pool() and member.disabled != stored.disabled:
        (user_pool.disable if member.disabled else user_pool.enable)(member.username)
    _audit(call, "user changed", member)
    return MemberOut.of(member)


@route(members, "POST /members/{memberId}/reset", role="admin", answer=Message, status=202)
def reset_member(call: Call, member_id: str) -> Message:
    """Have the user pool mail the member a code for a new password."""
    require_every_group(call.caller)
    member = store.get(member_id)
    if not member.username:
        raise Unacceptable(user_pool.ELSEWHERE)
    user_pool.reset_password(member.username)
    _audit(call, "password reset", member)
    return Message(message=f"{member.name or member.email} is sent a code for a new password.")


@route(members, "DELETE /members/{memberId}", role="admin", answer=Message)
def remove_member(call: Call, member_id: str) -> Message:
    """Remove a member: their entry here and their user in the pool. What they did stays in the audit."""
    require_every_group(call.caller)
    stored = store.get(member_id)
    gone = {"removed": True, "disabled": True, "name": "", "email": "", "role": "viewer", "groups": (), "etag": call.nonce}
    _store(stored.etag, stored.model_copy(update={**gone, "decided_by": DecidedBy.ADMIN}))
    if stored.username and user_pool.pool():
        user_pool.delete(stored.username)
    _audit(call, "user removed", stored)
    return Message(message=f"{stored.name or stored.email or 'The user'} was removed and is signed out within minutes.")


def _store(if_match: str, member: Member) -> None:
    """Raises Conflict where nobody would be left who manages the others."""
    other = witness(store.everybody(), member.member_id)
    if not member.may_manage and other is None:
        raise Conflict(store.LAST_ADMIN)
    store.change(member, if_match, None if member.may_manage else other)


def _audit(call: Call, what: str, member: Member) -> None:
    groups = "every" if member.groups == EVERY_GROUP else len(member.groups)
    detail = {"userId": member.member_id, "role": member.role, "groups": groups, "disabled": member.disabled}
    call.audit(audit.NO_GROUP, what, detail=detail)
