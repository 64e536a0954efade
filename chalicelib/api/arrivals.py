"""What arrived in `drop/`: every file, and what became of it."""

from datetime import datetime

from chalice.app import Blueprint

from chalicelib.api.lists import TimelineQuery, before, next_before
from chalicelib.api.routing import Call, require_every_group, route
from chalicelib.api.shapes import Page
from chalicelib.model.records import Record, State
from chalicelib.store import arrivals as store
from chalicelib.store import groups, syncs
from chalicelib.store.arrivals import Outcome

arrivals = Blueprint(__name__)


class Arrival(Record):
    """`sync_state` is that of the sync which the file started or waits with; a file that starts none says why."""

    arrival_id: str
    name: str
    size_bytes: int
    at: datetime
    outcome: Outcome
    message: str
    sync_id: str | None
    sync_state: State | None


class Arrivals(Page[Arrival]):
    pass


@route(arrivals, "GET /groups/{groupId}/arrivals", role="viewer", answer=Arrivals, query=TimelineQuery)
def list_arrivals(call: Call, group_id: str) -> Arrivals:
    """The files that arrived for a group, newest first, each with what became of it."""
    groups.get(group_id)
    return _page(call, group_id)


@route(arrivals, "GET /arrivals", role="admin", answer=Arrivals, query=TimelineQuery)
def list_lost_arrivals(call: Call) -> Arrivals:
    """The files that arrived for no group of ours, newest first: for admins of every group."""
    require_every_group(call.caller)
    return _page(call, store.NOWHERE)


def _page(call: Call, group_id: str) -> Arrivals:
    timeline = f"arrivals of {group_id}"
    found = store.listed(group_id, call.query.limit, before(call.query, timeline))
    states = syncs.states(each.sync_id for each in found if each.sync_id)
    items = [
        Arrival(
            arrival_id=each.arrival_id,
            name=each.name,
            size_bytes=each.size_bytes,
            at=each.at,
            outcome=each.outcome,
            message=each.message,
            sync_id=each.sync_id,
            sync_state=states.get(each.sync_id) if each.sync_id else None,
        )
        for each in found
    ]
    following = next_before(call.query, timeline, [each.arrival_id for each in found])
    return Arrivals(items=items, next_cursor=following, total=store.total(group_id))
