"""The guard: when a plan does too much to people to be applied without a human's word. Only decides.

Each kind of harm has a limit of its own: a share of one school's records and a floor, the least number that counts.
What is measured, and how, stands in `measures.py`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, TypeVar

# Of an entity's selected records, how many may be new under an old name before the ids look renumbered.
RENUMBERED_SHARE = 0.5
DRAIN_DAYS = 30  # in which removals of several syncs are added up
Kind = Literal[
    "removals", "empty", "renumbered", "undone", "ambiguous",
    "roles", "moved", "disabled", "emptied", "relations", "memberships",
    "identity", "replaced", "recycled", "doubles", "newcomers", "rights", "guardians", "grades", "classes", "sessions", "view",
    "damaged", "errors", "enabled", "spared", "drain",
]  # fmt: skip
LimitedKind = Literal[
    "roles", "moved", "disabled", "emptied", "relations", "memberships",
    "identity", "replaced", "recycled", "doubles", "newcomers", "rights", "guardians", "grades", "classes", "sessions", "view",
    "damaged", "errors", "enabled", "drain",
]  # fmt: skip
StandingKind = Literal["removals", "roles", "disabled", "emptied", "relations", "memberships"]
Standing = Literal["ask", "keep", "letGo"]
Entity = Literal["orgs", "academicSessions", "courses", "classes", "users", "enrollments"]
RemovalCause = Literal["leftSource", "statusDeleted", "notChosen", "roleEnded"]

LEFT_SOURCE = "left the source"
STATUS_DELETED = "status deleted"
NOT_CHOSEN = "no longer selected"
ROLE_ENDED = "every role has ended"
CAUSES: Mapping[RemovalCause, str] = {
    "leftSource": LEFT_SOURCE, "statusDeleted": STATUS_DELETED, "notChosen": NOT_CHOSEN, "roleEnded": ROLE_ENDED,
}  # fmt: skip


@dataclass(frozen=True)
class Limit:
    """Held when more than `share` of a school's records and at least `floor` of them are concerned."""

    share: float
    floor: int


# Kinds that have a figure, beside removals, which have had theirs from the start. What takes something away comes first.
LIMITS: Mapping[LimitedKind, Limit] = {
    "roles": Limit(0.10, 10),
    "moved": Limit(0.25, 10),
    "disabled": Limit(0.10, 10),
    "emptied": Limit(0.20, 10),
    "relations": Limit(0.10, 10),
    "memberships": Limit(0.10, 10),
    "identity": Limit(0.50, 10),
    "replaced": Limit(0.05, 5),
    "recycled": Limit(0.0, 1),  # a child would get the account of another
    "doubles": Limit(0.05, 5),
    "newcomers": Limit(1.0, 50),
    "rights": Limit(0.0, 3),  # held from the first one above the floor, since it gives access to other people's data
    "enabled": Limit(0.05, 10),  # few are suspended, and all of them at once are seldom meant
    "guardians": Limit(0.20, 10),
    "grades": Limit(0.25, 10),
    "classes": Limit(0.20, 5),
    "sessions": Limit(0.25, 1),
    "view": Limit(0.0, 1),
    "damaged": Limit(0.0, 3),
    "errors": Limit(0.50, 10),
    "drain": Limit(0.10, 10),
}
FEW_TYPES = 3  # academic sessions of another type; fewer are a correction, unless they are all that there are
# What these take away stays on the platform when a plan is approved without removals, or when a group keeps it for good.
TAKING: tuple[StandingKind, ...] = ("roles", "disabled", "emptied", "relations", "memberships")
# Ordinary while a school year ends: more of these may happen in the rollover window.
AT_ROLLOVER: tuple[LimitedKind, ...] = ("roles", "moved", "disabled", "relations", "memberships", "classes", "grades", "enabled")


@dataclass(frozen=True)
class CountedFrom:
    """From when on removals count for a drain: since the last sync that was held for those of all schools together, and approved
    with them; at `schools` since a later one that was held for theirs."""

    all_schools: datetime
    schools: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class Guard:
    """Held are removals over `share` of one school's records of an entity, and at least `floor` of them; from
    `rollover_from` to `rollover_to` (both included) `rollover_share` counts instead of `share`.

    `limits` are the group's own figures for other kinds, in place of LIMITS. `standing` says, by a kind of TAKING (or
    "removals"), what an admin has decided for good: "keep" never takes it away, "letGo" never asks. `closing` are the
    ids of schools marked as closing: removals there are expected. `expected` are those of orgs without
    which a source shows too little, whatever it held before. `keep` names, by entity, the
    causes for which nothing is removed, and with "roleEnded" that people keep roles that end; `never_remove` keeps everything,
    whatever the cause. `deactivate_ended`: people whose every role has ended are removed, though the source has them still.
    A drain is counted from `counted_from` at the earliest.
    """

    share: float = 0.10
    floor: int = 10
    rollover_share: float = 0.50
    rollover_from: date | None = None
    rollover_to: date | None = None
    limits: Mapping[LimitedKind, Limit] = field(default_factory=dict)
    standing: Mapping[StandingKind, Standing] = field(default_factory=dict)
    closing: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()
    never_remove: bool = False
    keep: Mapping[Entity, tuple[RemovalCause, ...]] = field(default_factory=dict)
    deactivate_ended: bool = False
    counted_from: CountedFrom | None = None

    def in_window(self, today: date) -> bool:
        return self.rollover_from is not None and self.rollover_to is not None and self.rollover_from <= today <= self.rollover_to

    def share_on(self, today: date) -> float:
        return self.rollover_share if self.in_window(today) else self.share

    def limit_on(self, kind: LimitedKind, today: date) -> Limit:
        limit = self.limits.get(kind) or LIMITS[kind]
        if kind == "drain":  # what one sync may remove, several may
            return Limit(max(limit.share, self.share_on(today)), max(limit.floor, self.floor))
        if kind in AT_ROLLOVER and self.in_window(today):
            return Limit(max(limit.share, self.rollover_share), limit.floor)
        return limit

    def keeps(self, kind: StandingKind) -> bool:
        ended = kind == "roles" and "roleEnded" in self.keep.get("users", ())
        return self.never_remove or ended or self.standing.get(kind) == "keep"

    @property
    def removes_ended(self) -> bool:
        """Whether people whose every role has ended are removed: not where the group keeps people, or the roles that end."""
        return self.deactivate_ended and not (self.keeps("removals") or self.keeps("roles"))

    @property
    def follows_days(self) -> bool:
        """Whether the same source can come to something else on another day: people go when their last role has ended, and a role
        or an enrollment that is kept gives way once the one that the source has begins."""
        return self.removes_ended or self.keeps("roles") or self.keeps("memberships")

    def lets_go(self, kind: Kind) -> bool:
        decided = {"moved": "roles", "drain": "removals"}.get(kind, kind)
        return any(name == decided and decision == "letGo" for name, decision in self.standing.items())


def least_asked(guard: Guard, today: date, entity: str, held: int) -> float:
    """How many ids of an entity must look damaged for the guard to ask, of `held` that the platform has. Few enrollments come and
    go each day, and to compare all their ids for that would cost more than it tells."""
    return max(guard.limit_on("damaged", today).floor, held * 0.05 if entity == "enrollments" else 0)


@dataclass(frozen=True)
class Removals:
    """What a plan would remove of one school's records of one entity, or of its users of one type. `school` is a
    sourcedId, empty for what belongs to none. Of all schools together `whole` is true and `school` empty."""

    school: str
    name: str
    entity: str
    removed: int
    records: int
    user_type: str = ""
    whole: bool = False


@dataclass(frozen=True)
class Concern:
    """How many of one school's records of an entity a plan does something of one `kind` to, and how many there are to do it to.
    `field` is the field that is lost, the type of the org that vanished, or which sentence of a kind is meant; `example` one of
    them, in words. Of all schools together `whole` is true and `school` empty."""

    kind: LimitedKind
    school: str
    name: str
    entity: str
    number: int
    records: int
    user_type: str = ""
    field: str = ""
    example: str = ""
    whole: bool = False


@dataclass(frozen=True)
class Breach:
    """Why a plan is held, in a sentence. `school` is empty where a whole collection is meant, and where the records have no
    school; `whole`: all schools together."""

    school: str
    entity: str
    removed: int
    records: int
    message: str
    kind: Kind = "removals"
    user_type: str = ""
    whole: bool = False


def breaches(removals: Iterable[Removals], guard: Guard, today: date) -> list[Breach]:
    """The removals that hold a plan, worst share first. A school's users together are left out where one of their
    types says it already."""
    if guard.lets_go("removals"):
        return []
    share = guard.share_on(today)
    limit = Limit(share, guard.floor)
    over = _without_wholes([each for each in removals if _is_over(each.removed, each.records, limit)])
    by_user_type = {(each.school, each.entity) for each in over if each.user_type}
    shown = [each for each in over if each.user_type or (each.school, each.entity) not in by_user_type]
    shown.sort(key=lambda each: (-each.removed / each.records, each.school, each.entity, each.user_type))
    return [
        Breach(
            each.school,
            each.entity,
            each.removed,
            each.records,
            f"{each.name or 'Without a school'}: {each.removed:,} of {each.records:,} {_called(each)} would be "
            f"{'ended' if each.entity == 'enrollments' else 'deactivated'}.",
            user_type=each.user_type,
            whole=each.whole,
        )
        for each in shown
    ]


def concern_breaches(concerns: Iterable[Concern], guard: Guard, today: date) -> list[Breach]:
    """The concerns that hold a plan, by kind, worst share first; of a school's people together only what no type says already."""
    over = []
    for each in concerns:
        limit = guard.limit_on(each.kind, today)
        if each.kind == "sessions" and each.field == "type" and "sessions" not in guard.limits:
            limit = Limit(limit.share, max(2, min(FEW_TYPES, each.records)))
        if _is_over(each.number, each.records, limit, each.kind != "errors") and not guard.lets_go(each.kind):
            over.append(each)
    over = _without_wholes(over)
    by_user_type = {(each.kind, each.school, each.entity, each.field) for each in over if each.user_type}
    shown = [each for each in over if each.user_type or (each.kind, each.school, each.entity, each.field) not in by_user_type]
    order = list(LIMITS)
    shown.sort(
        key=lambda each: (order.index(each.kind), -each.number / max(each.records, 1), each.school, each.entity, each.field)
    )
    return [
        Breach(each.school, each.entity, each.number, each.records, _sentence(each), each.kind, each.user_type, each.whole)
        for each in shown
    ]


def _is_over(number: int, records: int, limit: Limit, half_floor: bool = True) -> bool:
    """A small school that would lose all that it has is no small matter: half of the floor counts there, at least five."""
    floor = least_measured(limit) if half_floor and number == records else limit.floor
    return number >= floor and number > limit.share * records


Measured = TypeVar("Measured", Removals, Concern)


def _without_wholes(over: list[Measured]) -> list[Measured]:
    """All schools together count where none of them says it alone: of forty small schools none may reach the floor."""
    in_parts = {(getattr(each, "kind", ""), each.entity) for each in over if not each.whole}
    return [each for each in over if not each.whole or (getattr(each, "kind", ""), each.entity) not in in_parts]


def least_measured(limit: Limit) -> int:
    """Fewer of one school never hold a plan."""
    return min(limit.floor, max(5, -(-limit.floor // 2))) if limit.share else limit.floor


def _sentence(concern: Concern) -> str:
    of = f"{concern.number:,} of {concern.records:,}"
    where = concern.name or ("" if concern.kind in _OF_A_COLLECTION else "Without a school")
    who = _words(concern.user_type, "people" if concern.entity == "users" else concern.entity)
    if concern.entity == "enrollments" and concern.user_type:
        who = f"{concern.user_type} enrollments"
    if concern.number == 1 and concern.kind == "recycled":
        who = concern.user_type or "person"
    said_of = f"{concern.kind} {concern.field or concern.entity}"
    what = _SPECIAL.get(said_of, _SENTENCES[concern.kind]).format(
        of=of,
        number=f"{concern.number:,}",
        who=who,
        gone=_gone(concern),
        field=_FIELDS.get(concern.field, concern.field),
        entity=concern.entity,
        records=f"{concern.records:,}",
        run="session that runs" if concern.number == 1 else "sessions that run",
    )
    sentence = f"{where}: {what}" if where else what[0].upper() + what[1:]
    return f"{sentence} {concern.example}".rstrip()


_OF_A_COLLECTION: tuple[LimitedKind, ...] = ("sessions", "damaged", "errors", "view")
_FIELDS = {
    "email": "e-mail", "agentSourcedIds": "guardians", "primary": "mark as the primary teacher", "courseSourcedId": "course",
    "termSourcedIds": "terms", "userIds": "user ids", "givenName": "given name", "familyName": "family name",
}  # fmt: skip
_SENTENCES: Mapping[LimitedKind, str] = {
    "roles": "{of} {who} would lose a role.",
    "moved": "{of} {who} would leave this school for another.",
    "disabled": "{of} {who} would become inactive.",
    "emptied": "{of} {who} would lose their {field}: it is empty in the source now.",
    "relations": "{of} {who} would lose their {field}.",
    "memberships": "{of} {who} would move to another class.",
    "identity": "{of} {who} would get another name, username, e-mail or identifier.",
    "replaced": "{of} {who} would become somebody else: both of their names differ.",
    "recycled": "{number} {who} would come back as somebody else: the id was another person's, and both names differ.",
    "doubles": "{number} new {who} look like people who are already there ({of} would exist twice).",
    "newcomers": "{number} new {who} would join {records} who are there now, more than doubling them.",
    "enabled": "{of} {who} are inactive and would become active again.",
    "guardians": "{of} {who} would get guardians whom they do not have now, besides their own or shared with many others.",
    "grades": "{of} {who} would change to another grade than the next.",
    "rights": "{number} {who} would get the rights of staff, which they do not have now.",
    "classes": "{of} classes would change their course or school.",
    "sessions": "{of} academic sessions would move by more than a month.",
    "view": "the provider's view became smaller: {gone} not in the source any more.",
    "damaged": "{number} ids of {entity} look damaged: each is new and near to one that has vanished.",
    "errors": "{of} rows of {entity} have errors and were left out.",
    "drain": "{of} {who} would be gone, a few with each sync:",
}


def _gone(concern: Concern) -> str:
    return f"{concern.number:,} of {concern.records:,} orgs are" if concern.number > 1 else f"this {concern.field} is"


# Where a kind is of more than one thing: what its field, or else its entity, makes of the sentence.
_SPECIAL = {
    "roles role": "{of} {who} would lose the role of a teacher, or the rights of staff.",
    "memberships userSourcedId": "{of} {who} would become another person's.",
    "memberships endDate": "{of} {who} would be over: their last day has passed.",
    "memberships beginDate": "{of} {who} would not have begun any more: their first day would be yet to come.",
    "moved joined": "{number} {who} of other schools would belong to this school too, to which {records} belong now.",
    "doubles classes": "{number} new classes look like classes that are already there ({of} would exist twice).",
    "doubles enrollments": "{number} new enrollments are of a person and class that have one already ({of} would exist twice).",
    "doubles crowd": "{number} new {who} would more than double who is in their classes ({records} are there now).",
    "replaced swapped": "{of} {who} would get the username, e-mail or identifier of somebody else.",
    "replaced shared": "{of} {who} would get a username, e-mail or identifier that many others get too.",
    "identity contact": "{of} {who} would get another telephone number.",
    "classes course title": "{of} courses would get a title that is another's, that others have too, or that is only their id.",
    "rights administrators": "{number} {who} would get the rights of administrators, which they do not have now.",
    "rights new": "{number} new {who} would have the rights of administrators.",
    "grades up": "{of} {who} would be a grade higher, while the others stay.",
    "classes over": "{of} classes would be over: all their terms have ended.",
    "classes title": "{of} classes would get a title that is another's, that others have too, or that is only their id.",
    "classes type": "{of} classes would be of another type (homeroom, scheduled).",
    "sessions type": "{of} academic sessions would be of another type (term, gradingPeriod).",
    "sessions running": "{number} academic {run} now would be over or not have begun.",
    "view name": "this school would have the name or identifier of another, or its own id for a name.",
    "view parent": "this school would belong to another district or org than now, or to none.",
    "view type": "this school would not be a school any more: its type changes.",
}


def _words(user_type: str, otherwise: str) -> str:
    if not user_type:
        return otherwise
    return (
        f"{user_type}s" if ":" in user_type else re.sub(r"(?<=[a-z])([A-Z])", lambda m: " " + m.group(1).lower(), f"{user_type}s")
    )


def not_shown(missing: Sequence[str], expected: int) -> Breach:
    """Orgs that the group expects and the source does not show, `missing` of `expected`."""
    shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5:,} more" if len(missing) > 5 else "")
    message = (
        f"The provider's view became smaller: {len(missing):,} of {expected:,} orgs that this group expects are not in "
        f"the source ({shown}). Ask the provider what this sign-in may see, or correct the list in the group's safety settings."
    )
    return Breach("", "orgs", len(missing), expected, message, "view")


def nothing_at_all() -> Breach:
    message = "The bundle has no rows that could be kept: no orgs, classes, people or enrollments. Nothing would be written."
    return Breach("", "orgs", 0, 0, message, "empty")


def taken_again(numbers: Mapping[StandingKind, int], entity: str) -> Breach:
    """What a sync that was approved without removals has spared, by kind, and this plan would take away after all."""
    number = sum(numbers.values())
    what = "thing that was" if number == 1 else "things that were"
    kinds = ", ".join(f"{_SPARED[kind]}: {of:,}" for kind, of in numbers.items() if of)
    message = (
        f"{number:,} {what} spared when an earlier sync was approved without removals would be taken away now ({kinds}). "
        "Approve, approve without removals again, or decide once for this kind in the group's safety settings."
    )
    return Breach("", entity, number, number, message, "spared")


_SPARED: Mapping[StandingKind, str] = {
    "removals": "records", "roles": "roles", "disabled": "people who become inactive", "emptied": "emptied values",
    "relations": "guardians and primary teachers", "memberships": "enrollments that move or are over",
}  # fmt: skip


def empty_collection(entity: str, records: int) -> Breach:
    """A collection without rows, while the platform holds `records` of it."""
    message = f"The bundle has no {entity}, while the platform holds {records:,}. None of them would be removed."
    return Breach("", entity, 0, records, message, "empty")


def looks_renumbered(created: int, created_under_old_name: int, selected: int, guard: Guard) -> bool:
    """Most ids are new while most of the new records bear the name of one that is not in the source any more."""
    many_new = created >= guard.floor and created > RENUMBERED_SHARE * selected
    return many_new and created_under_old_name > RENUMBERED_SHARE * created


def ambiguous(field: str, new: list[str], former: list[str]) -> Breach:
    """People who can't be told apart by the field that the group matches with; nobody was matched."""
    message = (
        f"By {field}, {_some(new)} in the source could be {_some(former)} on the platform; nobody was matched. "
        f"Correct the {field} of one of them, or approve to take those in the source for people of their own."
    )
    return Breach("", "users", 0, len(former), message, "ambiguous")


def _some(ids: list[str]) -> str:
    shown = ", ".join(ids[:3]) + (f" and {len(ids) - 3:,} more" if len(ids) > 3 else "")
    return f"{len(ids):,} people ({shown})" if len(ids) > 1 else f"one person ({shown})"


def renumbered(entity: str, created: int, under_old_name: int, records: int, way_out: str = "") -> Breach:
    """`way_out` is the field by which most of them were known again, if it is one that people can be matched by."""
    message = (
        f"{created:,} {entity} have new ids, and {under_old_name:,} of them bear a name that the platform knows under "
        "another id: the source seems to have renumbered them."
    )
    if way_out:
        message += (
            f" If they are the same people, discard this sync, let the group match people by {way_out} instead, and sync again."
        )
    return Breach("", entity, under_old_name, records, message, "renumbered")


def done_again(changes: int, entity: str, when: date, by: str) -> Breach:
    """Changes that were undone, and that the plan would make again."""
    what = "change that was" if changes == 1 else "changes that were"
    message = (
        f"{changes:,} {what} undone on {when.day} {when:%B %Y} by {by} would be made again, because the source still says so. "
        "Correct the source, or approve this plan to let them happen."
    )
    return Breach("", entity, changes, changes, message, "undone")


def _called(removals: Removals) -> str:
    if removals.entity == "enrollments" and removals.user_type:
        return f"{removals.user_type} enrollments"
    return _words(removals.user_type, removals.entity)
