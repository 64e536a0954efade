"""What comes in over HTTP and what goes out, beyond the stored records. `GET /openapi.json` is made of these."""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar, get_type_hints

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, StringConstraints, create_model, model_validator

from chalicelib.model.credentials import ClientCredentials, KeyCredentials, PasswordCredentials, TokenCredentials
from chalicelib.model.members import EVERY_GROUP, Member
from chalicelib.model.members import ROLES as ROLES
from chalicelib.model.members import Role as Role
from chalicelib.model.records import (
    CredentialsMark,
    EntityCounts,
    GroupSettings,
    GuardFigures,
    Method,
    Mode,
    Name,
    QuestionKind,
    Record,
    RestSource,
    RunningSync,
    SftpSource,
    State,
    Sync,
    ZipSource,
)
from chalicelib.service.upload import UploadForm
from chalicelib.store.audit import Entry
from chalicelib.store.selections import SelectionName
from oneroster_engine.planning.guard import Kind, StandingKind
from oneroster_engine.selecting.saved import Later, Saved

Item = TypeVar("Item")
Id = Annotated[str, StringConstraints(min_length=1, max_length=255)]
SyncId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,64}-[A-Za-z0-9_-]{1,128}$")]
UploadId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
MOST_IDS = 50_000  # of one choice; more are chosen by rule or by a sheet
Filter = Annotated[str, StringConstraints(max_length=255)]  # a filter of a list; empty for none
Entity = Literal["orgs", "classes", "users", "enrollments", "courses", "academicSessions"]
Action = Literal["create", "update", "deactivate", "end", "unchanged"]


class Health(Record):
    status: Literal["ok"] = "ok"
    version: str


Need = Literal["held", "decision", "choice", "failed", "late", "secret", "newSchools"]


class OverviewRow(Record):
    """One group as it stands: its last or running sync, what comes next, and what needs attention (`needs`)."""

    group_id: str
    name: str
    partner_id: str
    description: str
    method: Method
    sync_id: str | None
    state: State | None
    message: str
    at: datetime | None
    mode: Mode | None
    rehearsal: bool
    held: bool
    question: QuestionKind | None
    until: datetime | None
    scheduled: bool
    next_run_at: datetime | None
    paused: bool
    secret_expires_at: datetime | None
    needs: list[Need]


class Overview(Record):
    items: list[OverviewRow]


class Message(Record):
    message: str


class OpenApi(Record):
    """An OpenAPI 3.1 document."""

    model_config = ConfigDict(extra="allow")


class Me(Record):
    """Who is calling. `groups` is None for access to every group."""

    user_id: str
    name: str
    role: Role
    groups: list[str] | None


class MemberOut(Record):
    """A person who may use this stack. `groups` None: every group. `signed_in_elsewhere`: their password is not ours to reset."""

    member_id: str
    email: str
    name: str
    role: Role
    groups: tuple[str, ...] | None
    disabled: bool
    signed_in_elsewhere: bool
    etag: str
    created_at: datetime
    last_sign_in_at: datetime | None

    @classmethod
    def of(cls, member: Member) -> "MemberOut":
        kept = {name: value for name, value in dict(member).items() if name in cls.model_fields}
        groups = None if member.groups == EVERY_GROUP else member.groups
        return cls(**{**kept, "groups": groups}, signed_in_elsewhere=not member.username)


class FieldError(Record):
    """`rule` says what kind of mistake it is and `limit` the bound that is passed, in the field's own unit, so that a form
    can say it in the unit that it shows."""

    field: str
    message: str
    rule: str | None = None
    limit: float | None = None


class Problem(Record):
    """RFC 9457 problem document, sent as application/problem+json. `sync_id` names the running sync on a 409."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []
    request_id: str = ""
    sync_id: str | None = None


class Page(Record, Generic[Item]):
    items: list[Item]
    next_cursor: str | None = None
    total: int


class GroupLastSync(Record):
    """`held`: it waits for somebody to decide, since it exceeds one of the group's limits."""

    sync_id: str
    state: State
    at: datetime
    held: bool
    rehearsal: bool


class NextRun(Record):
    """A moment at which the schedule starts a sync: in UTC, and as the clock of the schedule's time zone shows it."""

    at: datetime
    local_time: datetime


class GroupOut(GroupSettings):
    group_id: str
    etag: str
    created_at: datetime
    updated_at: datetime
    sync: RunningSync | None = None
    last_sync: GroupLastSync | None = None
    next_run_at: datetime | None = None
    next_runs: list[NextRun] = Field(default=[], max_length=3)


class SftpSourceIn(SftpSource):
    """`credentials` replace what is set; left out, or as they were shown, they stay as they are."""

    credentials: PasswordCredentials | KeyCredentials | CredentialsMark | None = None  # type: ignore[assignment]


class RestSourceIn(RestSource):
    """`credentials` replace what is set; left out, or as they were shown, they stay as they are."""

    credentials: ClientCredentials | TokenCredentials | CredentialsMark | None = None  # type: ignore[assignment]

    @model_validator(mode="after")
    def fitting_credentials(self) -> "RestSourceIn":
        bearer = self.authorization == "bearer"
        unfit = ClientCredentials if bearer else TokenCredentials
        if isinstance(self.credentials, unfit):
            needed = "`token`" if bearer else "`clientId` and `clientSecret`"
            raise ValueError(f"{self.authorization} signs in with {needed}")
        return self


SourceIn = Annotated[ZipSource | SftpSourceIn | RestSourceIn, Field(discriminator="method")]


def _in_force(figures: GuardFigures) -> GuardFigures:
    if max([figures.floor, *(limit.floor for limit in figures.limits.values())]) > LARGEST_FLOOR:
        raise ValueError(f"a floor above {LARGEST_FLOOR:,} turns the guard off; set `share` instead")
    for name, policy in (("keep", figures.keep), ("purge", figures.purge)):
        for entity in (each for each, causes in policy.items() if each != "users" and "roleEnded" in causes):
            raise ValueError(f"only users have roles that end; take `roleEnded` out of `{name}.{entity}`")
    return figures


LARGEST_FLOOR = 1_000_000
GuardIn = Annotated[GuardFigures, AfterValidator(_in_force)]


class GroupIn(GroupSettings):
    """A group as an admin configures it: secrets go in with the source, and never come out."""

    source: SourceIn = ZipSource()
    guard: GuardIn = GuardFigures()


_HINTS = get_type_hints(GroupIn, include_extras=True)
_PATCH: Any = {name: (_HINTS[name] | None, None) for name in GroupIn.model_fields}
GroupPatch = create_model("GroupPatch", __base__=Record, __doc__="The settings to change; the others stay.", **_PATCH)


class ConnectionCheck(Record):
    step: Literal["source", "host", "hostKey", "signIn", "file", "version", "lists", "schools"]
    ok: bool
    message: str


class ConnectionTest(Record):
    """`steps` in their order, the first that failed last. `host_key_fingerprint`: what the server shows; confirm it by PATCH.
    `from_address`: where a sync calls from, for servers that let only known addresses in; None without a fixed one."""

    ok: bool
    steps: list[ConnectionCheck]
    host_key_fingerprint: str | None = None
    from_address: str | None = None


class ConnectionTestIn(Record):
    """A source as it is being filled in, including its secret."""

    source: SourceIn


class GroupDeletion(Record):
    """The group's own name, typed by the admin who deletes it with all its data."""

    name: Name


class UploadRequest(Record):
    file_name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
    size: int = Field(ge=1, le=1 << 50, description="bytes")


class Upload(Record):
    """A presigned POST for one file: send `fields` and then the file as multipart/form-data to `url`."""

    upload_id: str
    url: str
    fields: dict[str, str]
    max_bytes: int
    expires_at: datetime

    @classmethod
    def of(cls, made: UploadForm) -> "Upload":
        form = made.form
        return cls(
            upload_id=made.upload_id, url=form.url, fields=form.fields, max_bytes=made.max_bytes, expires_at=form.expires_at
        )


class SyncStart(Record):
    """`upload_id` names the ZIP for a group whose method is ZIP; the other methods fetch by themselves.

    `saved_selection` names what is to be selected: such a sync asks no question, whatever its mode.
    A `rehearsal` shows what it would change, of next year's data for example, and can only be discarded. `read_everything`: a
    provider is asked for everything now, whatever less the group asks for otherwise."""

    mode: Literal[Mode.FULL, Mode.SELECTIVE]
    upload_id: UploadId | None = None
    saved_selection: SelectionName | None = None
    preview: bool = False
    rehearsal: bool = False
    read_everything: bool = False


class LastSync(Record):
    """`written`: how much of what was planned the platform has. `counts` are of this sync alone; see PlatformCounts."""

    sync_id: str
    status: State
    mode: Mode
    message: str
    started_at: datetime
    started_by: str
    last_sync_date: datetime | None
    written: Literal["nothing", "some", "all"]
    rehearsal: bool
    held: bool
    planned: bool
    undoes: str | None
    users: EntityCounts
    classes: EntityCounts
    orgs: EntityCounts
    enrollments: EntityCounts
    courses: EntityCounts
    academic_sessions: EntityCounts
    links: dict[str, str]


class PlatformCount(Record):
    """Records that are active, those that the source calls inactive, and those that were removed and can still come back."""

    active: int = 0
    inactive: int = 0
    removed: int = 0


class PlatformCounts(Record):
    """What this group has on the platform now, as its last committed sync left it. `sync_id` is None while there is nothing."""

    sync_id: str | None
    users: PlatformCount
    classes: PlatformCount
    orgs: PlatformCount
    enrollments: PlatformCount


def _bounded(selection: Saved) -> Saved:
    listed = [*selection.schools.ids, *selection.schools.excluded, *selection.classes.ids, *selection.classes.excluded]
    if len(listed) > MOST_IDS:
        raise ValueError(f"{len(listed):,} ids are listed; at most {MOST_IDS:,} are taken. Say it by a rule, or by `all`")
    return selection


SavedIn = Annotated[Saved, AfterValidator(_bounded)]


class SavedSelectionIn(Record):
    """A saved selection as one writes it. `seen_of`: the sync whose lists of schools and classes one has looked at;
    left out, the lists of the version before stay, or those of the last sync for a new name."""

    name: SelectionName
    selection: SavedIn
    seen_of: SyncId | None = None


class SavedSelectionChange(Record):
    """The next version; see SavedSelectionIn."""

    selection: SavedIn
    seen_of: SyncId | None = None


class Standing(Record):
    """What a saved selection comes to with the lists of the group's last sync, `sync_id`."""

    sync_id: str
    at: datetime
    schools: int
    classes: int
    new_schools: int
    new_classes: int
    missing_schools: int
    missing_classes: int


class SavedSelectionItem(Record):
    """`standing` is None while the group has no sync to compare with."""

    name: str
    version: int
    etag: str
    by: str
    at: datetime
    seen_at: datetime | None
    standing: Standing | None


class SavedVersion(Record):
    version: int
    by: str
    at: datetime


class NamedId(Record):
    sourced_id: str
    name: str


class SavedSelectionOut(SavedSelectionItem):
    """One version in full; `versions` are all there are, newest first; `named` the orgs that it lists, with their names."""

    selection: Saved
    versions: list[SavedVersion]
    named: list[NamedId]


class InboxItem(Record):
    """Schools or classes that a saved selection was to ask about. `rows` holds the first hundred of `total`."""

    selection: str
    kind: Literal["schools", "classes"]
    since: datetime | None
    total: int
    rows: list[NamedId]


class Inbox(Record):
    items: list[InboxItem]


class EntityDifference(Record):
    """Rows in the earlier sync, in the later, in the later only (came), in the earlier only (went)."""

    before: int
    after: int
    came: int
    went: int


class SchoolDifference(Record):
    """`came` and `went` are about the school itself."""

    sourced_id: str
    name: str
    came: bool
    went: bool
    classes_before: int
    classes_after: int
    classes_came: int
    classes_went: int
    users_before: int
    users_after: int
    users_came: int
    users_went: int


class Comparison(Record):
    """`schools`: those in which most came and went first, a thousand at most."""

    before: Sync
    after: Sync
    counts: dict[Entity, EntityDifference]
    schools: list[SchoolDifference]


class InboxDecision(Record):
    """`ids` None decides about everything of this kind that waits for this selection."""

    selection: SelectionName
    kind: Literal["schools", "classes"]
    decision: Literal["include", "exclude"]
    ids: list[Id] | None = Field(default=None, max_length=MOST_IDS)


class OrgChoice(Record):
    """A school to choose. `classes` and `users` are None until the rest of the bundle is staged."""

    sourced_id: str
    name: str
    type: str
    identifier: str
    parent: str
    parent_sourced_id: str | None
    classes: int | None
    users: int | None
    chosen_last_time: bool
    new: bool


class OrgChoices(Page[OrgChoice]):
    counted: bool


class ClassChoice(Record):
    sourced_id: str
    title: str
    class_code: str
    course: str
    terms: str
    grades: list[str]
    subjects: list[str]
    school_sourced_id: str
    school: str
    students: int
    teachers: int
    users: int
    chosen_last_time: bool
    new: bool


class SheetLink(Record):
    url: str
    expires_at: datetime


class SheetFinding(Record):
    """One cell or row of an uploaded workbook. `cell` is its address, like H12."""

    cell: str
    sourced_id: str
    message: str


class SheetCheck(Record):
    """What a filled workbook says, before it counts. Lists hold the first 100 findings; the counts are whole."""

    chosen: int
    not_chosen: int
    changed: int
    unknown: int
    missing: int
    repeated: int
    unreadable: int
    findings: list[SheetFinding]
    usable: bool
    message: str


class ChoiceAnswer(Record):
    """Exactly one of `all`, `ids` and `sheet_upload_id`. `exclude` goes with `all`: all but these. `since` is the open question's
    as it was shown: the answer is refused where somebody else has answered meanwhile."""

    all: Literal[True] | None = None
    exclude: list[Id] = Field(default=[], max_length=MOST_IDS)
    ids: list[Id] | None = Field(default=None, max_length=MOST_IDS)
    sheet_upload_id: UploadId | None = None
    since: AwareDatetime | None = None

    @model_validator(mode="after")
    def exactly_one(self) -> "ChoiceAnswer":
        if sum(way is not None for way in (self.all, self.ids, self.sheet_upload_id)) != 1:
            raise ValueError("send exactly one of `all`, `ids` and `sheetUploadId`")
        if self.exclude and not self.all:
            raise ValueError("`exclude` goes with `all`")
        return self


UserStatus = Literal["active", "inactive", "deleted", "blank"]


class StatusCell(Record):
    """Users of one status and one user type: members of the chosen classes, and other members of the chosen schools."""

    status: UserStatus
    user_type: str
    users: int
    other_members: int
    preset: bool


class Statuses(Record):
    cells: list[StatusCell]
    guardians: int
    rule: str


class Cell(Record):
    status: UserStatus
    user_type: Id


class SaveAs(Record):
    """Keep what was chosen under this name (its next version if there is one), and what happens to what appears later."""

    name: SelectionName
    schools_later: Later = Later.ASK
    classes_later: Later = Later.INCLUDE


class StatusesAnswer(Record):
    """`since` as in the answers about schools and classes."""

    cells: list[Cell] = Field(min_length=1, max_length=1000)
    other_members: bool = False
    guardians: bool = False
    remove_unselected: bool = False
    save_as: SaveAs | None = None
    preview: bool = False
    since: AwareDatetime | None = None


class Deselected(Record):
    """What the platform holds and the selection leaves out, by entity: it stays, or goes where that is ticked. `schools_along`
    names the first 20 of the schools that nobody selected and that come as a name alone, with a member of theirs."""

    counts: dict[Entity, int]
    schools_along: list[str]
    schools_along_total: int


class Accepted(Record):
    """The answer reached the machine; `sync` is as it stands now."""

    message: str
    sync: Sync


class ActionCounts(Record):
    selected: int = 0
    created: int = 0
    updated: int = 0
    deactivated: int = 0
    ended: int = 0
    unchanged: int = 0


class SchoolCounts(Record):
    sourced_id: str
    name: str
    counts: dict[Entity, ActionCounts]


class Breach(Record):
    """Why a plan is held. `school` is empty when the breach is about a whole collection, and when it is about records without a
    school; `whole`: about all schools together."""

    school: str
    entity: Entity
    removed: int
    records: int
    message: str
    kind: Kind = "removals"
    user_type: str = ""
    whole: bool = False


class Plan(Record):
    """`taken`: how many of the updates take something away, by kind. "Approve without removals" leaves that out too; it was so
    approved where not `with_removals`. `returned`: how many of the updates bring back what had been removed."""

    counts: dict[Entity, ActionCounts]
    schools: list[SchoolCounts]
    breaches: list[Breach]
    notes: list[str]
    held: bool
    taken: dict[StandingKind, int] = {}
    returned: dict[Entity, int] = {}
    with_removals: bool = True


class Change(Record):
    """One row of a plan. One that stays as it is has neither `before` nor `after`."""

    entity: Entity
    sourced_id: str
    name: str
    action: Action
    reason: str
    schools: list[str]
    fields: list[str]
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class RenumberedPair(Record):
    """A record that the platform knows under the old id, and the source, it seems, under a new one."""

    entity: Entity
    old_sourced_id: str
    new_sourced_id: str
    name: str
    schools: list[str]
    matched_by: str


class Approval(Record):
    decision: Literal["approve", "approveWithoutRemovals", "discard"]
    note: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)] = ""


class ProblemGroup(Record):
    """Problems with one root cause. `explains` counts the rows it explains, its own included."""

    cause: str
    severity: Literal["error", "warning", "note"]
    rule: str
    message: str
    how_to_fix: str
    explains: int
    file: str
    line: int | None
    sourced_id: str


class ProblemRow(Record):
    file: str
    line: int | None
    sourced_id: str
    field: str
    rule: str
    severity: Literal["error", "warning", "note"]
    message: str


class TraceSubject(Record):
    """A person, class or org that was found; `line` is its row's in the source, None where only the platform has it."""

    entity: Literal["users", "classes", "orgs"]
    sourced_id: str
    name: str
    detail: str
    line: int | None


class TraceStep(Record):
    """One step on the way to the platform; `at` is the moment that `text` is about."""

    about: Literal["source", "problems", "selection", "match", "plan", "platform"]
    verdict: Literal["yes", "no", "warning", "info"]
    text: str
    at: datetime | None


class Trace(Record):
    """`subject` and `steps` where what was asked names exactly one; else the first of `total` candidates."""

    sync_id: str
    sync_started_at: datetime
    sync_state: State
    subject: TraceSubject | None
    conclusion: str
    steps: list[TraceStep]
    candidates: list[TraceSubject]
    total: int


class SanityRow(Record):
    sourced_id: str
    name: str | None
    detail: str
    line: int | None


class SanityFinding(Record):
    """`count` of `of` rows are so. `meaning` says what it may come from."""

    name: str
    entity: Literal["users", "classes", "orgs"]
    title: str
    meaning: str
    count: int
    of: int
    examples: list[SanityRow]


class Sanity(Record):
    findings: list[SanityFinding]


class ReportFile(Record):
    """`url` is None for a viewer who has not asked for contact details."""

    name: str
    title: str
    size_bytes: int
    url: str | None


class Report(Record):
    files: list[ReportFile]
    expires_at: datetime


class RosterRow(Record):
    """One record of the platform as the last committed sync left it; `schools` by their names. `removed_at`: it went then,
    and comes back under the same platform id until the grace period is over."""

    sourced_id: str
    name: str
    platform_id: str
    status: Literal["active", "inactive"]
    since: datetime
    removed_at: datetime | None
    schools: list[str]
    fields: dict[str, Any]


class Enrolled(Record):
    """One enrollment, seen from a person or from a class: `sourced_id` and `name` are the other's."""

    enrollment_id: str
    sourced_id: str
    name: str
    role: str
    status: Literal["active", "inactive"]


class RosterRecord(Record):
    """One record as the platform has it this moment; `sync_id` has written it. `names`: by field and id, of the records that it
    refers to, as far as the last commit has them. `enrolled`: the first thousand."""

    entity: Entity
    sourced_id: str
    platform_id: str
    status: Literal["active", "inactive"]
    since: datetime
    removed_at: datetime | None
    sync_id: str
    fields: dict[str, Any]
    names: dict[str, dict[str, str]]
    enrolled: list[Enrolled]
    enrolled_total: int


class NamedSelection(Record):
    name: SelectionName
    selection: SavedIn


class GroupExport(Record):
    """A group's configuration and saved selections, to be kept or brought in elsewhere. Never a secret."""

    format: Literal["oneroster-group/1"] = "oneroster-group/1"
    exported_at: datetime
    group: GroupSettings
    selections: list[NamedSelection] = Field(default=[], max_length=1000)


class AuditEntry(Record):
    """`who` is a user's id and `name` what that user was called then; `Schedule` or a file did it without one."""

    at: datetime
    who: str
    name: str = ""
    what: str
    sync_id: str | None = None
    detail: dict[str, Any] = {}

    @classmethod
    def of(cls, entry: Entry) -> "AuditEntry":
        kept = {name: getattr(entry, name) for name in ("who", "name", "what", "sync_id")}
        return cls(at=datetime.fromisoformat(entry.moment), detail=dict(entry.detail), **kept)


class RosterEvent(Record):
    """One record that a commit changed. `kind`: e.g. user.created, .updated, .restored, .removed. `before` and `after` are its
    fields, None where there is no such record for the reader; `id` is `{commit}.{row}`, both of which only grow."""

    id: str
    kind: str
    sourced_id: str
    platform_id: str
    sync_id: str
    at: datetime
    reason: str
    changed: list[str]
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class RosterEvents(Record):
    """`cursor` is what to send as `after` next time, also where nothing has happened; `more`: there are events already."""

    items: list[RosterEvent]
    cursor: str
    more: bool
