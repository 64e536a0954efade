from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.errors import Conflict, GroupBusy, LockLost, NotFound, QuestionExpired, Unacceptable
from chalicelib.model.deletion import Deletion
from chalicelib.model.ids import new_sync_id
from chalicelib.model.records import (
    Answered,
    Group,
    GroupSettings,
    GuardFigures,
    Mode,
    Progress,
    Question,
    QuestionKind,
    State,
    Step,
    Sync,
    SyncCounts,
    Trigger,
    WaitsFor,
)
from chalicelib.store import clients, deletions, groups, syncs

NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
pytestmark = pytest.mark.usefixtures("aws")


def group(name: str = "Lakeside", group_id: str = "g1") -> Group:
    return groups.create(GroupSettings(name=name), group_id, etag="e1", now=NOW)


def sync(chance: str = "aa", now: datetime = NOW) -> Sync:
    return Sync(
        group_id="g1",
        sync_id=new_sync_id("g1", now, chance),
        mode=Mode.SELECTIVE,
        trigger=Trigger.PORTAL,
        started_by="admin",
        started_at=now,
        state=State.RUNNING,
    )


def question(kind: QuestionKind = QuestionKind.ORGS) -> Question:
    return Question(kind=kind, since=NOW, until=NOW + timedelta(days=7))


def answer(kind: QuestionKind, at: datetime = NOW) -> Answered:
    return Answered(kind=kind, by="Ada", did="selected all schools", at=at)


def test_a_group_is_found_by_a_part_of_its_name_whatever_its_case_and_accents() -> None:
    group("Zürich International", "g1")
    group("Lakeside", "g2")

    assert [found.name for found in groups.find("ZURICH")] == ["Zürich International"]
    assert [found.group_id for found in groups.find()] == ["g2", "g1"]


def test_a_change_made_on_an_old_view_of_a_group_is_refused() -> None:
    created = groups.create(GroupSettings(name="Lakeside", contact_email="a@example.org"), "g1", "e1", NOW)

    changed = groups.change("g1", GroupSettings(name="Lakeside Unified"), created.etag, "e2", NOW)

    assert (changed.name, changed.contact_email, groups.get("g1")) == ("Lakeside Unified", None, changed)
    with pytest.raises(Conflict):
        groups.change("g1", GroupSettings(name="Other"), created.etag, "e3", NOW)


def test_a_second_start_is_refused_and_names_the_running_sync() -> None:
    group()
    first = syncs.start(sync("aa"))

    with pytest.raises(GroupBusy) as busy:
        syncs.start(sync("bb"))

    assert busy.value.sync_id == first.sync_id
    with pytest.raises(NotFound):
        syncs.get(sync("bb").sync_id)


def test_the_same_idempotency_key_gives_the_same_sync_even_after_it_ended() -> None:
    group()
    first = syncs.start(sync("aa"), "key")
    syncs.end(first.sync_id, State.SUCCEEDED, "done", NOW)

    assert syncs.start(sync("bb"), "key").sync_id == first.sync_id


def test_a_start_on_a_group_that_is_not_there_leaves_nothing_behind() -> None:
    with pytest.raises(NotFound):
        syncs.start(sync())
    with pytest.raises(NotFound):
        syncs.get(sync().sync_id)


def test_an_end_frees_the_group_and_comes_only_once() -> None:
    group()
    started = syncs.start(sync())

    assert syncs.end(started.sync_id, State.CANCELLED, "cancelled", NOW)
    assert not syncs.end(started.sync_id, State.FAILED, "too late", NOW)
    assert groups.get("g1").sync is None
    assert syncs.get(started.sync_id).state is State.CANCELLED


def test_the_end_of_an_old_sync_does_not_free_the_lock_of_a_new_one() -> None:
    group()
    old = syncs.start(sync("aa"))
    syncs.end(old.sync_id, State.FAILED, "failed", NOW)
    new = syncs.start(sync("bb"))

    syncs.end(old.sync_id, State.FAILED, "again", NOW)

    running = groups.get("g1").sync
    assert running is not None
    assert running.sync_id == new.sync_id


def test_history_is_newest_first_and_never_shows_an_idempotency_key() -> None:
    group()
    ids: list[str] = []
    for minutes in range(3):
        started = syncs.start(sync("aa", NOW + timedelta(minutes=minutes)), f"key{minutes}")
        syncs.end(started.sync_id, State.SUCCEEDED, "", NOW)
        ids.insert(0, started.sync_id)

    assert [each.sync_id for each in syncs.history("g1", 10)] == ids
    assert [each.sync_id for each in syncs.history("g1", 1, before=ids[0])] == [ids[1]]


def test_a_question_is_answered_once() -> None:
    group()
    started = syncs.start(sync())
    syncs.ask(started.sync_id, question(), "secret")

    claimed = syncs.claim_answer(started.sync_id, QuestionKind.ORGS, answer(QuestionKind.ORGS, NOW))

    assert claimed.token == "secret"
    with pytest.raises(Conflict, match=r"it is running\. Ada selected all schools meanwhile\."):
        syncs.claim_answer(started.sync_id, QuestionKind.ORGS, answer(QuestionKind.ORGS, NOW))


def test_an_answer_to_another_question_is_refused_and_the_open_one_stays() -> None:
    group()
    started = syncs.start(sync())
    syncs.ask(started.sync_id, question(QuestionKind.CLASSES), "secret")

    with pytest.raises(Conflict, match="it is waiting for a choice of classes"):
        syncs.claim_answer(started.sync_id, QuestionKind.ORGS, answer(QuestionKind.ORGS, NOW))

    assert syncs.claim_answer(started.sync_id, QuestionKind.CLASSES, answer(QuestionKind.CLASSES, NOW)).token == "secret"


def test_an_answer_after_the_deadline_is_expired_not_taken() -> None:
    group()
    started = syncs.start(sync())
    syncs.ask(started.sync_id, question(), "secret")

    with pytest.raises(QuestionExpired):
        syncs.claim_answer(started.sync_id, QuestionKind.ORGS, answer(QuestionKind.ORGS, NOW + timedelta(days=8)))


def test_a_sync_that_has_ended_asks_nothing_and_shows_no_question() -> None:
    group()
    started = syncs.start(sync())
    syncs.ask(started.sync_id, question(), "secret")
    syncs.end(started.sync_id, State.CANCELLED, "", NOW)

    assert syncs.get(started.sync_id).question is None
    with pytest.raises(Conflict):
        syncs.ask(started.sync_id, question(), "secret")


def test_waits_that_follow_each_other_are_one_and_the_end_of_a_sync_is_the_end_of_its_waiting() -> None:
    group()
    sync_id = syncs.start(sync()).sync_id
    minute = timedelta(minutes=1)

    syncs.waits_for(sync_id, "It has no marker yet.", NOW, NOW + 2 * minute)
    syncs.waits_for(sync_id, "It is still growing.", NOW + minute, NOW + 3 * minute)
    followed = syncs.get(sync_id).waits_for
    syncs.waits_for(sync_id, "It is still growing.", NOW + 9 * minute, NOW + 10 * minute)
    anew = syncs.get(sync_id).waits_for
    syncs.end(sync_id, State.SUCCEEDED, "Synced.", NOW + 20 * minute)

    assert followed == WaitsFor(what="It is still growing.", since=NOW, until=NOW + 3 * minute)
    assert anew is not None
    assert anew.since == NOW + 9 * minute
    assert syncs.get(sync_id).waits_for is None


def test_a_sync_as_shown_never_carries_its_task_token() -> None:
    group()
    started = syncs.start(sync())
    syncs.ask(started.sync_id, question(), "secret-token")

    assert "secret-token" not in syncs.get(started.sync_id).model_dump_json()


def test_progress_and_counts_are_kept_while_the_sync_lives() -> None:
    group()
    started = syncs.start(sync())
    half = Progress(step=Step.STAGE, done=5, total=10, started_at=NOW)

    syncs.progressed(started.sync_id, half)
    syncs.progressed(started.sync_id, half.model_copy(update={"done": 10}))
    syncs.counted(started.sync_id, SyncCounts(), held=True)

    seen = syncs.get(started.sync_id)
    assert [(each.step, each.done) for each in seen.progress] == [(Step.STAGE, 10)]
    assert seen.held


def test_steps_stand_in_the_order_in_which_they_began_those_of_a_sync_from_before_the_upgrade_too() -> None:
    group()
    opened = Progress(step=Step.OPEN, done=3, total=3, started_at=NOW)
    staged = Progress(step=Step.STAGE, done=5, total=10, started_at=NOW + timedelta(seconds=1))
    started = syncs.start(sync().model_copy(update={"progress": (opened, staged)}))  # as one list

    syncs.progressed(started.sync_id, Progress(step=Step.PLAN, started_at=NOW + timedelta(seconds=2)))
    syncs.progressed(started.sync_id, staged.model_copy(update={"done": 10}))

    seen = [(each.step, each.done) for each in syncs.get(started.sync_id).progress]
    assert seen == [(Step.OPEN, 3), (Step.STAGE, 10), (Step.PLAN, 0)]


def test_only_the_holder_of_the_lock_moves_the_snapshot() -> None:
    group()
    old = syncs.start(sync("aa"))
    syncs.end(old.sync_id, State.CANCELLED, "", NOW)
    new = syncs.start(sync("bb"))

    with pytest.raises(LockLost):
        groups.move_snapshot("g1", old.sync_id, 1, cleared=True)
    groups.move_snapshot("g1", new.sync_id, 2, cleared=True)

    assert groups.get("g1").snapshot == new.sync_id


def test_an_unfinished_plan_stays_marked_until_a_sync_covers_it() -> None:
    group()
    cut_off = syncs.start(sync("aa"))
    groups.mark_unfinished("g1", cut_off.sync_id)
    groups.mark_unfinished("g1", cut_off.sync_id)
    syncs.end(cut_off.sync_id, State.FAILED, "", NOW)
    partial = syncs.start(sync("bb"))
    groups.mark_unfinished("g1", partial.sync_id)

    groups.move_snapshot("g1", partial.sync_id, 3, cleared=False)
    assert groups.get("g1").unfinished == (cut_off.sync_id,)
    groups.move_snapshot("g1", partial.sync_id, 4, cleared=True)
    assert groups.get("g1").unfinished == ()


def test_a_group_is_not_deleted_while_it_syncs() -> None:
    group()
    started = syncs.start(sync())
    deletion = Deletion(group_id="g1", name="Lakeside", requested_by="Ada", requested_at=NOW)

    with pytest.raises(GroupBusy):
        deletions.begin(deletion)
    syncs.end(started.sync_id, State.SUCCEEDED, "", NOW)
    deletions.begin(deletion)

    with pytest.raises(NotFound):
        groups.get("g1")


def test_settings_that_a_group_s_item_can_not_hold_are_refused_in_words_and_the_group_stays_as_it_was() -> None:
    """A thousand ids that must be there, and a thousand that close, are each a setting that is taken."""
    group = groups.create(GroupSettings(name="Lakeside"), "g1", "e1", NOW)
    ids = tuple(f"{number:0255}" for number in range(1000))
    wanted = GroupSettings(name="Lakeside", guard=GuardFigures(expected=ids, closing=ids))

    with pytest.raises(Unacceptable, match=r"This takes 5\d\d,\d\d\d bytes; 300,000 can be kept\. Name fewer orgs"):
        groups.change("g1", wanted, group.etag, "e2", NOW)
    with pytest.raises(Unacceptable, match="300,000 can be kept"):
        groups.create(wanted, "g2", "e1", NOW)

    assert groups.get("g1") == group
    fewer = wanted.model_copy(update={"guard": GuardFigures(expected=ids)})
    assert groups.change("g1", fewer, group.etag, "e2", NOW).guard.expected == ids


def test_a_client_of_more_schools_than_its_item_can_hold_is_refused_in_words() -> None:
    schools = tuple(f"{number:0255}" for number in range(2000))
    known: dict[str, Any] = {"created_at": NOW, "created_by": "ada", "secret_changed_at": NOW, "scopes": ("roster.readonly",)}
    client = clients.Client(group_id="g1", client_id="g1-c1", name="LMS", schools=schools, **known)

    with pytest.raises(Unacceptable, match=r"300,000 can be kept\. Name fewer schools"):
        clients.create(client, "s")
    clients.create(client.model_copy(update={"schools": schools[:1000]}), "s")
    with pytest.raises(Unacceptable, match="Name fewer schools"):
        clients.change(client)

    assert len(clients.get("g1", "g1-c1").schools or ()) == 1000
