"""Everything that can go wrong on purpose, one sentence a class.

RosterError               of the engine
├── BundleRefused         the bundle can't be read as a roster; `oneroster_engine.errors`
├── SourceUnavailable     the source didn't answer; it may in a minute
├── SourceRefused         the source answered, and won't do: trying again changes nothing
├── LockLost              the sync no longer holds its group's lock; it was ended
├── NotFound              no such group, sync or file
├── GroupBusy             the group is syncing already; names the sync
├── Conflict              somebody else changed or answered it first
├── QuestionExpired       the answer came after its deadline
├── Gone                  it was there, and is not kept any more
└── Unacceptable          understood, and refused: the message says what to do

A bad row is none of these: it is a problem, collected and counted by the engine.
Step Functions matches errors by class name as text, so renaming one changes `stepfunctions/sync.asl.json`;
`tests/stepfunctions/` compares the two.
"""

from oneroster_engine.errors import BundleRefused as BundleRefused  # the machine matches it by name, like those below
from oneroster_engine.errors import RosterError as RosterError


class SourceError(RosterError):
    """Of the source, with its `causes.Cause.kind`: the same for whichever list it was met at; empty where it holds no place."""

    def __init__(self, message: str = "", kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


class SourceUnavailable(SourceError):
    """The source didn't answer; it may in a minute. `sync.asl.json` retries it by this very name."""


class SourceRefused(SourceError):
    """The source won't do as it is configured: sign-in refused, another host key, an address that is not allowed, no such file.

    It has to be fixed there or in the group's settings; the state machine doesn't retry.
    """


class LockLost(RosterError):
    """The sync no longer holds its group's lock: it was cancelled, or ended from outside."""


class NotFound(RosterError):
    """No such group, sync, question or file, or not one that this caller may see."""


class GroupBusy(RosterError):
    """The group is syncing already."""

    def __init__(self, sync_id: str) -> None:
        super().__init__(f"This group is already being synced by {sync_id}. Wait for it to end, or cancel it.")
        self.sync_id = sync_id


class Conflict(RosterError):
    """Somebody else changed or answered it first."""


class QuestionExpired(RosterError):
    """The answer came after the question's deadline; the sync has ended without changes."""


class Gone(RosterError):
    """What was asked for is not kept any more; the message says what to ask for instead."""


class Unacceptable(RosterError):
    """Understood and refused. `fields` maps a field of the request to what is wrong with it."""

    def __init__(self, message: str, fields: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.fields = fields or {}
