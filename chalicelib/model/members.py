"""The people who may use this stack: who may do what, and in which groups. Only decides.

Written by admins alone. A person who has signed in but has no entry written by an admin yet is `decided_by` the claims of
the identity provider, which its admins write. From an admin's first word on, ours alone counts.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import StringConstraints

from chalicelib.model.records import Record

Role = Literal["viewer", "operator", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "operator", "admin")  # each may do what those before it may
GroupId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,64}$")]
EVERY_GROUP: Literal["*"] = "*"


class DecidedBy(StrEnum):
    ADMIN = "admin"
    CLAIMS = "claims"


class Member(Record):
    """`member_id` is the token's `sub`; `username` the user pool's name for them, empty where people come from elsewhere.

    `groups` is `*` for every group: explicit, so that an item without it is refused and not read as all. `removed`: an
    admin took them out; what is left keeps a token of theirs from counting.
    """

    member_id: str
    username: str = ""
    email: str = ""
    name: str = ""
    role: Role
    groups: tuple[GroupId, ...] | Literal["*"]
    decided_by: DecidedBy = DecidedBy.ADMIN
    disabled: bool = False
    removed: bool = False
    etag: str
    created_at: datetime
    created_by: str = ""
    last_sign_in_at: datetime | None = None

    @property
    def sees_everything(self) -> bool:
        return self.groups == EVERY_GROUP

    @property
    def named_groups(self) -> list[str]:
        """As the authorizer hands them on: ids, or `*` alone."""
        return [EVERY_GROUP] if self.groups == EVERY_GROUP else [*self.groups]

    @property
    def shut_out(self) -> bool:
        return self.disabled or self.removed

    @property
    def may_manage(self) -> bool:
        """Whether they may say who may do what: an admin of every group who is let in."""
        return self.role == "admin" and self.sees_everything and not self.shut_out


def witness(members: Iterable[Member], changed: str) -> Member | None:
    """A member other than `changed` who can still manage members, so that no change locks everybody out."""
    managing = (each for each in members if each.member_id != changed and each.may_manage)
    return min(managing, key=lambda each: each.member_id, default=None)
