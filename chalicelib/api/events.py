"""The change feed: what a group's roster on the platform has gone through."""

from chalice.app import Blueprint

from chalicelib.api.feed import FeedQuery, roster_events
from chalicelib.api.routing import Call, route
from chalicelib.api.shapes import RosterEvent, RosterEvents
from chalicelib.provider.query import View
from chalicelib.service.change_feed import read_feed

events = Blueprint(__name__)


@route(events, "GET /groups/{groupId}/events", role="viewer", answer=RosterEvents, query=FeedQuery, people=True)
def list_events(call: Call, group_id: str) -> RosterEvents:
    """What has changed on the platform since a place in the feed, in the order of the commits."""
    feed = roster_events(read_feed(group_id, call.query.after, call.query.limit, View()))
    people = dict.fromkeys(f"users/{id_}" for each in feed.items if (id_ := _person(each)))
    if people:
        call.accessed(group_id, "changes shown", list(people), len(feed.items))
    return feed


def _person(event: RosterEvent) -> str:
    """Whom an event is about: a user, or the one who is enrolled; empty for others."""
    if event.kind.startswith("user."):
        return event.sourced_id
    return str((event.after or event.before or {}).get("userSourcedId") or "")
