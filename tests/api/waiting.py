"""A sync that waits for somebody's answer, without a machine behind it."""

from datetime import datetime, timedelta
from typing import Any

from chalicelib.model.ids import new_sync_id
from chalicelib.model.records import GroupSettings, Mode, Question, QuestionKind, State, Sync, Trigger
from chalicelib.store import groups, syncs

WEEK = timedelta(days=7)


def waiting_for_approval(since: datetime, **settings: Any) -> str:
    """The id of a sync of the new group g1 that has asked at that moment whether its plan may be applied."""
    groups.create(GroupSettings(name="Lakeside"), "g1", "e1", since)
    wanted = Sync(
        group_id="g1",
        sync_id=new_sync_id("g1", since, "aa"),
        mode=Mode.FULL,
        trigger=Trigger.API,
        started_by="Ada",
        started_at=since,
        state=State.RUNNING,
        **settings,
    )
    sync_id = syncs.start(wanted).sync_id
    syncs.ask(sync_id, Question(kind=QuestionKind.APPROVAL, since=since, until=since + WEEK), "token")
    return sync_id
