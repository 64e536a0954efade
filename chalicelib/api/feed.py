"""The change feed as people and machines ask for it and get it."""

from dataclasses import asdict
from typing import Annotated

from pydantic import Field, StringConstraints

from chalicelib.api.shapes import RosterEvent, RosterEvents
from chalicelib.model.records import Record
from chalicelib.service.change_feed import MOST_EVENTS, Feed


class FeedQuery(Record):
    """`after`: a cursor of the feed, or the version that a list's ETag names; empty: from the first commit on."""

    after: Annotated[str, StringConstraints(max_length=100)] = ""
    limit: int = Field(default=100, ge=1, le=MOST_EVENTS)


def roster_events(feed: Feed) -> RosterEvents:
    items = [
        RosterEvent(id=each.id, sync_id=each.sync_id, at=each.at, **{k: v for k, v in asdict(each.event).items() if k != "row"})
        for each in feed.occurred
    ]
    return RosterEvents(items=items, cursor=feed.cursor, more=feed.more)
