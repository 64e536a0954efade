"""Every group at a glance: how it stands, what comes next, and which of them need attention."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from chalice.app import Blueprint

from chalicelib.api.routing import Call, route
from chalicelib.api.shapes import Need, Overview, OverviewRow
from chalicelib.model.records import Frequency, Group, LastEnded, QuestionKind, State, Sync
from chalicelib.model.schedule import next_due
from chalicelib.store import groups, syncs

overview = Blueprint(__name__)

LATE_AFTER = timedelta(hours=1)
SECRET_NEAR_ITS_END = timedelta(days=30)
FAILED = frozenset({State.FAILED, State.REFUSED, State.EXPIRED})


@route(overview, "GET /overview", role="viewer", answer=Overview, costly="list")
def get_overview(call: Call) -> Overview:
    """All groups that the caller may see, in one answer: those that need attention first, then by name."""
    seen = [group for group in groups.find() if call.caller.may_see(group.group_id)]
    live = syncs.many(group.sync.sync_id for group in seen if group.sync)
    return Overview(items=rows_of(seen, live, call.now))


def rows_of(seen: Iterable[Group], live: Mapping[str, Sync], now: datetime) -> list[OverviewRow]:
    """The groups as rows, those that need attention first. `live` has the running syncs by id."""
    rows = [_row(group, live.get(group.sync.sync_id) if group.sync else None, now) for group in seen]
    return sorted(rows, key=lambda row: not row.needs)


def _row(group: Group, live: Sync | None, now: datetime) -> OverviewRow:
    last = None if live else group.last_ended or _last_before_it_was_kept(group)
    stands = live or last
    secret = group.source.credentials
    pause = group.calendar.pause
    row = OverviewRow(
        group_id=group.group_id,
        name=group.name,
        partner_id=group.partner_id,
        description=group.description,
        method=group.source.method,
        sync_id=stands.sync_id if stands else None,
        state=stands.state if stands else None,
        message=stands.message if stands else "",
        at=live.started_at if live else last.at if last else None,
        mode=stands.mode if stands else None,
        rehearsal=bool(stands and stands.rehearsal),
        held=bool(live and live.held),
        question=live.question.kind if live and live.question else None,
        until=live.question.until if live and live.question else None,
        scheduled=group.schedule.frequency is not Frequency.MANUAL,
        next_run_at=next_due(group, now),
        paused=bool(pause and (pause.until is None or pause.until >= now.date())),
        secret_expires_at=secret.expires_at if secret else None,
        needs=[],
    )
    return row.model_copy(update={"needs": _needs(row, last, now)})


def _needs(row: OverviewRow, last: LastEnded | None, now: datetime) -> list[Need]:
    """Why this group needs attention, most urgent first."""
    needs: list[Need] = []
    if row.question is QuestionKind.APPROVAL:
        needs.append("held" if row.held else "decision")
    elif row.question:
        needs.append("choice")
    if row.state in FAILED:
        needs.append("failed")
    if row.next_run_at and row.next_run_at + LATE_AFTER < now:
        needs.append("late")
    if row.secret_expires_at and row.secret_expires_at < now + SECRET_NEAR_ITS_END:
        needs.append("secret")
    if last and last.new_schools:
        needs.append("newSchools")
    return needs


def _last_before_it_was_kept(group: Group) -> LastEnded | None:
    """The last sync of a group that has ended none since groups keep theirs."""
    if group.source_view is None and group.snapshot is None:
        return None
    found = syncs.history(group.group_id, 1)
    return syncs.last_ended(found[0]) if found else None
