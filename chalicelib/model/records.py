"""The shapes of what is stored about groups and syncs. The API answers with these same shapes.

Names are camelCase on the wire and at rest (OneRoster's own habit), snake_case in Python.
"""

from collections.abc import Callable
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, EmailStr, Field, StringConstraints, field_validator, model_validator
from pydantic.alias_generators import to_camel

from chalicelib.model.addresses import clean_address, clean_base_address, origin
from chalicelib.model.time_zones import zone
from oneroster_engine.planning.guard import Entity, LimitedKind, RemovalCause, Standing, StandingKind

# Errors about a value end in logs, so they don't quote what was given: a name, an address or a secret.
UNQUOTED = ConfigDict(hide_input_in_errors=True)


class Record(BaseModel):
    """Base of everything stored or sent: camelCase outside, unknown fields refused."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, **UNQUOTED)


class Method(StrEnum):
    ZIP = "zip"
    SFTP = "sftp"
    REST = "rest"


class Mode(StrEnum):
    FULL = "full"
    SELECTIVE = "selective"
    UNDO = "undo"


class Trigger(StrEnum):
    PORTAL = "portal"
    API = "api"
    SCHEDULE = "schedule"
    DROP = "drop"


class State(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    DISCARDED = "discarded"
    SUPERSEDED = "superseded"


LIVE_STATES = frozenset({State.QUEUED, State.RUNNING, State.WAITING})


class QuestionKind(StrEnum):
    ORGS = "orgs"
    CLASSES = "classes"
    STATUSES = "statuses"
    APPROVAL = "approval"


class Untitled(StrEnum):
    """What becomes of a file's rows where titles are empty throughout, as some systems export classes."""

    STAND_IN = "stand-in"  # kept, called by their code or course with a word that no title was sent
    LEAVE_OUT = "leave-out"


class MatchWith(StrEnum):
    SOURCED_ID = "sourcedId"
    IDENTIFIER = "identifier"
    USERNAME = "username"
    EMAIL = "email"


Version = Literal["auto", "1.1", "1.2"]


class CredentialsMark(Record):
    """That a secret is set, and since when. The secret itself is in Secrets Manager and is shown to nobody."""

    set: Literal[True] = True
    changed_at: datetime
    expires_at: datetime | None = None


class ZipSource(Record):
    """Bundles that people upload, or that are dropped. `fetched`, of each source: whether a sync brings its bundle itself."""

    fetched: ClassVar[bool] = False
    method: Literal[Method.ZIP] = Method.ZIP
    version: Version = "auto"

    @property
    def credentials(self) -> None:
        """There is nobody to sign in to."""

    @property
    def bundle_version(self) -> Version:
        """What a bundle of the group is read as, whichever way it came."""
        return self.version

    @property
    def shown_to(self) -> tuple[str, ...]:
        """To whom the secret is shown: one that was given for one place is not sent to another."""
        return ()


Host = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=253, pattern=r"^[A-Za-z0-9.:_-]+$")]
RemotePath = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1024)]
Fingerprint = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^SHA256:[A-Za-z0-9+/]{43}$")]


class SftpSource(Record):
    """A ZIP, or a folder of CSVs, on the customer's SFTP server.

    `path` is a file, a folder, or a pattern with `*` and `?` in its last part; the newest that matches counts.
    `done_marker` is the suffix of the empty file that says another is complete (`.done`); empty when the customer has no
    such habit. `host_key_fingerprint` is what the admin confirmed; without it no sync starts. `old_server` allows a server that
    can't be renewed host keys signed with SHA-1, AES in CBC mode and SHA-1 as a MAC.
    """

    fetched: ClassVar[bool] = True
    method: Literal[Method.SFTP] = Method.SFTP
    version: Version = "auto"
    host: Host
    port: int = Field(default=22, ge=1, le=65535)
    username: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
    path: RemotePath = "."
    host_key_fingerprint: Fingerprint | None = None
    old_server: bool = False
    done_marker: Annotated[str, StringConstraints(strip_whitespace=True, max_length=32, pattern=r"^(\.[A-Za-z0-9._-]+)?$")] = ""
    afterwards: Literal["leave", "move"] = "leave"
    move_to: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1024)] = ""
    credentials: CredentialsMark | None = None

    @model_validator(mode="after")
    def moved_somewhere(self) -> "SftpSource":
        if self.afterwards == "move" and not self.move_to:
            raise ValueError("say in `moveTo` which folder the files are moved to")
        return self

    @property
    def bundle_version(self) -> Version:
        return self.version

    @property
    def shown_to(self) -> tuple[str, ...]:
        return self.host.lower(), str(self.port)


def _text_by(clean: Callable[[str], str]) -> Callable[[object], object]:
    return lambda value: clean(value) if isinstance(value, str) and value.strip() else value


BaseUrl = Annotated[
    str, BeforeValidator(_text_by(clean_base_address)), StringConstraints(max_length=2048, pattern=r"^https?://[^\s@?#]+$")
]
# A token's address may have a query: Infinite Campus wants its appName there.
TokenUrl = Annotated[
    str, BeforeValidator(_text_by(clean_address)), StringConstraints(max_length=2048, pattern=r"^https?://[^\s@#]+$")
]
Scope = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^\S+$")]


class RestSource(Record):
    """A OneRoster provider's API. `base_url` as people paste it: the host, or up to `/ims/oneroster`, or to the version.

    `page_size` is asked for, and less is taken. `by_school`: where a saved selection names schools, classes, people and
    enrollments of those alone are asked for. `changes_only`: between two full reads, at most a week apart, only what
    has changed is asked for, and at least every `check_ids_days` the ids of the whole lists too, to see whether the changes
    were complete.
    """

    fetched: ClassVar[bool] = True
    method: Literal[Method.REST] = Method.REST
    version: Version = "auto"
    base_url: BaseUrl
    authorization: Literal["oauth2", "oauth1", "bearer"] = "oauth2"
    token_url: TokenUrl | None = None
    scopes: tuple[Scope, ...] = Field(default=(), max_length=50)
    signature_method: Literal["HMAC-SHA256", "HMAC-SHA1"] = "HMAC-SHA256"
    max_parallel: int = Field(default=4, ge=1, le=16)
    page_size: int = Field(default=5000, ge=1, le=10_000)
    by_school: bool = False
    changes_only: bool = False
    check_ids_days: int = Field(default=1, ge=1, le=7)
    credentials: CredentialsMark | None = None

    @model_validator(mode="after")
    def token_from_somewhere(self) -> "RestSource":
        if self.authorization == "oauth2" and self.token_url is None:
            raise ValueError("enter the Token URL, where OAuth 2 tokens are given out")
        return self

    @property
    def bundle_version(self) -> Version:
        """Of a ZIP uploaded for an API group; `version` is the API's."""
        return "auto"

    @property
    def shown_to(self) -> tuple[str, ...]:
        kind = "token" if self.authorization == "bearer" else "client"
        return kind, *origin(self.base_url), *(origin(self.token_url) if self.token_url else ())


Source = Annotated[ZipSource | SftpSource | RestSource, Field(discriminator="method")]


class Days(Record):
    """From the one day to the other, both included."""

    from_: date = Field(alias="from")
    to: date

    @model_validator(mode="after")
    def in_order(self) -> Self:
        if self.to < self.from_:
            raise ValueError("the last day is before the first")
        return self


class RolloverWindow(Days):
    """The days (both included) in which a new school year may remove more than usual."""


Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class Blackout(Days):
    """Days on which no scheduled sync runs."""

    reason: Reason = ""


class Pause(Record):
    """No scheduled sync runs, up to and including the day `until`; without one, until they are resumed."""

    until: date | None = None
    reason: Reason = ""


class Calendar(Record):
    """When a group's scheduled syncs do not run. `model/calendar.py` says what follows for a day."""

    blackouts: tuple[Blackout, ...] = Field(default=(), max_length=200)
    pause: Pause | None = None


class Frequency(StrEnum):
    MANUAL = "manual"
    EVERY_6H = "every6h"
    EVERY_12H = "every12h"
    DAILY = "daily"
    WEEKDAYS = "weekdays"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Weekday(StrEnum):
    """In the order of `date.weekday()`."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class Schedule(Record):
    """When a group's source is fetched by itself. `model/schedule.py` says which moments that makes.

    `at` is the time of day in `time_zone` (an IANA name); every 6 or 12 hours are counted from it, starting again each day.
    `weekday` counts for weekly, `day` for monthly (31: the last day of a shorter month). `what` is `full`, or the name of
    a saved selection; dropped files use it too.
    """

    frequency: Frequency = Frequency.MANUAL
    at: Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "02:00"
    time_zone: Annotated[str, StringConstraints(max_length=64)] = "UTC"
    weekday: Weekday = Weekday.MONDAY
    day: int = Field(default=1, ge=1, le=31)
    what: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)] = "full"

    @field_validator("time_zone")
    @classmethod
    def known_zone(cls, name: str) -> str:
        try:
            zone(name)
        except ValueError as unknown:
            raise ValueError("no such time zone; name one as IANA does, such as America/Chicago") from unknown
        return name


class GuardLimit(Record):
    """More than `share` of one school's records, and at least `floor` of them."""

    share: float = Field(ge=0, le=1)
    floor: int = Field(ge=1)


PurgeDays = Annotated[int, Field(ge=0, le=3650)]


class GuardFigures(Record):
    """When a plan is held: removals over `share` of one school's records of an entity, and at least `floor` of them.

    `limits` are the group's own figures for what else a plan does to people; what is not named has the default. `standing` is
    what an admin has decided for a kind of removal: always keep, or always allow. `closing` are the
    sourcedIds of schools that will close, so that what goes there is expected. `expected` are those of orgs without which
    a source shows too little: a sync that lacks one is held. `keep` names by entity the causes for which nothing is removed;
    `neverRemove` keeps everything. The cause `roleEnded` is of users alone: kept are roles that end; where `deactivateEnded`
    says so, people whose every role has ended are deactivated, though the source has them still. `purge` says, by entity and
    cause, after how many days what was removed is purged, and with 0 that it never is; what it doesn't name is purged after
    the group's grace days.
    """

    share: float = Field(default=0.10, ge=0, le=1)
    floor: int = Field(default=10, ge=1)
    rollover_share: float = Field(default=0.50, ge=0, le=1)
    rollover: RolloverWindow | None = None
    limits: dict[LimitedKind, GuardLimit] = {}
    standing: dict[StandingKind, Standing] = {}
    closing: Annotated[tuple[str, ...], Field(max_length=1000)] = ()
    expected: Annotated[tuple[str, ...], Field(max_length=1000)] = ()
    never_remove: bool = False
    keep: dict[Entity, tuple[RemovalCause, ...]] = {}
    deactivate_ended: bool = False
    purge: dict[Entity, dict[RemovalCause, PurgeDays]] = {}


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]


class GroupSettings(Record):
    """What an admin configures of a group."""

    name: Name
    description: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)] = ""
    contact_email: EmailStr | None = None
    partner_id: Annotated[str, StringConstraints(strip_whitespace=True, max_length=120)] = ""
    source: Source = ZipSource()
    match_with: MatchWith = MatchWith.SOURCED_ID
    untitled: Untitled = Untitled.STAND_IN
    username_suffix: Annotated[str, StringConstraints(strip_whitespace=True, max_length=60)] = ""
    guard: GuardFigures = GuardFigures()
    schedule: Schedule = Schedule()
    calendar: Calendar = Calendar()
    always_preview: bool = False  # every sync with changes waits for an admin, however it was started
    grace_days: int = Field(default=30, ge=1, le=365)
    retention_days: int = Field(default=30, ge=1, le=3650)


class EntityCounts(Record):
    """Rows of one entity in one sync. `read == kept + left_out`, always; the rest is what the plan does. `returned`: how many of
    the updated had been removed and came back."""

    read: int = 0
    kept: int = 0
    left_out: int = 0
    selected: int = 0
    created: int = 0
    updated: int = 0
    deactivated: int = 0
    ended: int = 0
    unchanged: int = 0
    returned: int = 0


class SyncCounts(Record):
    orgs: EntityCounts = EntityCounts()
    classes: EntityCounts = EntityCounts()
    users: EntityCounts = EntityCounts()
    enrollments: EntityCounts = EntityCounts()
    courses: EntityCounts = EntityCounts()
    academic_sessions: EntityCounts = EntityCounts()


class Step(StrEnum):
    FETCH = "fetch"
    OPEN = "open"
    STAGE = "stage"
    PLAN = "plan"
    APPLY = "apply"
    COMMIT = "commit"
    REPORT = "report"


class Unit(StrEnum):
    ROWS = "rows"
    BYTES = "bytes"
    PAGES = "pages"


class Progress(Record):
    """How far a step is, in its unit (apply: changes, as rows). `ended_at` is None while it runs."""

    step: Step
    unit: Unit = Unit.ROWS
    done: int = 0
    total: int | None = None
    started_at: datetime
    ended_at: datetime | None = None


class PagesRead(Record):
    """How far one list of a provider is read, in pages; `total` is None where the provider doesn't say how long it is."""

    done: int = 0
    total: int | None = None


class AskedFor(StrEnum):
    EVERYTHING = "everything"
    SCHOOLS = "schools"
    CHANGES = "changes"


# The standard has no other lists of a school's people: a guardian or a principal is in none of them.
SCHOOL_USER_TYPES = ("student", "teacher")


class Asked(Record):
    """What a provider was asked for. `why` it was everything, where the group would rather have less; `schools` how many
    were named; `since` the moment after which a record has changed; `ids`: with the ids of the whole lists. `page_size`: so
    many records a page, where the provider takes no more; 0 where it took as many as the group's settings say.
    """

    kind: AskedFor
    why: str = ""
    schools: int = 0
    since: datetime | None = None
    ids: bool = False
    page_size: int = 0


class IdDifference(Record):
    """Of one entity: records in the provider's full list that its changes never mentioned, and those that they mentioned and
    the list has no more."""

    added: int = 0
    removed: int = 0


class IdCheck(Record):
    """The provider's changes compared with the ids of its full lists. By entity: how they `differ`, and why some could not be
    compared (`unproved`; `unproved_kinds` is equal where the cause is the same)."""

    differ: dict[str, IdDifference] = {}
    unproved: dict[str, str] = {}
    unproved_kinds: dict[str, str] = {}


class Question(Record):
    """What the machine waits for. Its task token is stored with it and never leaves the store."""

    kind: QuestionKind
    since: datetime
    until: datetime


class Answered(Record):
    """A question that somebody has answered. `did` goes on after the name: selected 3 schools."""

    kind: QuestionKind
    by: str
    did: str
    at: datetime


class WaitsFor(Record):
    """What outside a running step waits for: in words, since when, and until when at most. It is over once `until` has passed."""

    what: str
    since: datetime
    until: datetime


class SavedUse(Record):
    """The saved selection that a sync uses; the numbers are there once its stage is known. What is `new` waits for a
    decision and was not chosen; what is `missing` is listed and not in the source any more."""

    name: str
    version: int
    schools: int = 0
    classes: int = 0
    new_schools: int = 0
    new_classes: int = 0
    missing_schools: int = 0
    missing_classes: int = 0


class Sync(Record):
    """`undoes` names the sync that one of mode undo takes back. A `rehearsal` is shown, and can only be discarded.
    `read_everything`: its starter wants everything to be asked for. `same_as`: the sync that had the same source and did the same
    with it, so that this one ended without reading it; its lists and problems are that one's.
    `answered`: the answer given last."""

    group_id: str
    sync_id: str
    mode: Mode
    undoes: str | None = None
    same_as: str | None = None
    trigger: Trigger
    preview: bool = False
    rehearsal: bool = False
    read_everything: bool = False
    started_by: str
    started_at: datetime
    ended_at: datetime | None = None
    state: State
    message: str = ""
    bundle_name: str = ""
    question: Question | None = None
    answered: Answered | None = None
    waits_for: WaitsFor | None = None
    progress: tuple[Progress, ...] = ()
    counts: SyncCounts = SyncCounts()
    held: bool = False
    saved_selection: SavedUse | None = None
    asked: Asked | None = None  # of a provider's API
    id_check: IdCheck | None = None  # where changes alone were asked for, and the ids of the whole lists with them
    fetching: dict[str, PagesRead] = {}  # by entity
    incomplete: dict[str, str] = {}  # entity -> why it was not proved complete, so that nothing of it is removed
    incomplete_kinds: dict[str, str] = {}  # entity -> what is equal where the cause is the same


class RunningSync(Record):
    sync_id: str
    since: datetime


class Waiting(Record):
    """A sync that waits for its group's lock. Of the syncs that one kind of trigger started, the highest `order` runs; those
    of changes only (`delta`) all do, in their order."""

    sync_id: str
    trigger: Trigger
    order: str
    delta: Literal[True] | None = None  # left out of an item, so that a queue reads as an earlier version wrote it


class LastEnded(Record):
    """How a group's last sync ended: enough for a list of groups to need no sync's own item."""

    sync_id: str
    state: State
    mode: Mode
    at: datetime
    message: str = ""
    rehearsal: bool = False
    new_schools: int = 0  # that a saved selection asks about


class SchoolCounted(Record):
    """From when on a school's removals count; `school` is a sourcedId, empty for records without one."""

    school: str
    since: datetime


class Group(GroupSettings):
    """As stored. `snapshot`: the sync whose snapshot shows the platform; `source_view`: the one that last read the source, into
    which a delta is merged; `unfinished`: syncs cut off in apply.

    `undone` are undos in force, so that no sync silently repeats what was undone; `queue` is what waits for
    the lock, the next first; `newest_drop` the order of the newest file that has begun; `slots_done`: every slot of the
    schedule up to then has had its turn. `commits` counts the syncs that have committed. `spared` are
    syncs that were approved without their removals, the newest last, until somebody approves what they spared.
    `removals_counted_from` is the time of the last sync that was held for removals of all schools together and approved with
    them, else of the first; `schools_counted_from` the same by school, where it was held for that school's.
    """

    group_id: str
    etag: str
    created_at: datetime
    updated_at: datetime
    sync: RunningSync | None = None
    snapshot: str | None = None
    source_view: str | None = None
    unfinished: tuple[str, ...] = ()
    queue: tuple[Waiting, ...] = ()
    newest_drop: str = ""
    slots_done: datetime | None = None
    undone: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()
    removals_counted_from: datetime | None = None
    schools_counted_from: tuple[SchoolCounted, ...] = ()
    last_ended: LastEnded | None = None  # None too for a group whose last sync ended before this was kept
    commits: int = 0
