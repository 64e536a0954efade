"""The change feed: what a group's roster on the platform has gone through."""

from dataclasses import asdict
from typing import Annotated

from chalice.app import Blueprint
from pydantic import Field, StringConstraints

from chalicelib.api.routing import Call, route
from chalicelib.api.shapes import RosterEvent, RosterEvents
from chalicelib.model.records import Record
from chalicelib.provider.query import View
from chalicelib.service.change_feed import MOST_EVENTS, Feed, read_feed

events = Blueprint(__name__)


class FeedQuery(Record):
    """`after`: a cursor of the feed, or the version that a list's ETag names; empty: from the first commit on."""

    after: Annotated[str, StringConstraints(max_length=100)] = ""
    limit: int = Field(default=100, ge=1, le=MOST_EVENTS)


@route(events, "GET /groups/{groupId}/events", role="viewer", answer=RosterEvents, query=FeedQuery)
def list_events(call: Call, group_id: str) -> RosterEvents:
    """What has changed on the platform since a place in the feed, in the order of the commits."""
    return shown(read_feed(group_id, call.query.after, call.query.limit, View()))


def shown(feed: Feed) -> RosterEvents:
    """The feed as it is sent, to people and to machines."""
    items = [
        RosterEvent(id=each.id, sync_id=each.sync_id, at=each.at, **{k: v for k, v in asdict(each.event).items() if k != "row"})
        for each in feed.occurred
    ]
    return RosterEvents(items=items, cursor=feed.cursor, more=feed.more)
