"""The settings of a group that a plan follows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from oneroster_engine.planning.guard import Entity, Guard, RemovalCause

PurgeDays = Mapping[Entity, Mapping[RemovalCause, int | None]]


@dataclass(frozen=True)
class Purging:
    """Days until a removed record is purged, by entity and cause; None is never. What is not named has `grace_days`."""

    grace_days: int = 30
    days: PurgeDays = field(default_factory=dict)


@dataclass(frozen=True)
class Policy:
    """`now` is the sync's own time, so that a retry gives the same bytes; `match_with` the field by which a person is found
    again under a new sourcedId. `user_types` are those that the source was asked for; none: all of them."""

    sync_id: str
    now: datetime
    username_suffix: str = ""
    match_with: str = "sourcedId"
    user_types: tuple[str, ...] = ()
    guard: Guard = field(default_factory=Guard)
    grace_days: int = 30
    purge_days: PurgeDays = field(default_factory=dict)

    @property
    def purging(self) -> Purging:
        return Purging(self.grace_days, self.purge_days)


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
