"""A sync that finds the same source ends at once; whatever is not known to be the same goes the long way."""

import zipfile
from datetime import timedelta
from io import BytesIO
from typing import Any

import boto3
import pytest

from chalicelib.model.credentials import mark_of
from chalicelib.model.records import Group, GuardFigures, Mode, RolloverWindow, SavedUse, SftpSource, State, Sync
from chalicelib.service import unchanged
from chalicelib.service.retention import purge_due
from chalicelib.store import files, groups, secrets, selections, syncs
from local.peers.sftp import OtherServer, password
from oneroster_engine.selecting.saved import Classes, People, Saved, Schools
from oneroster_engine.standard.archive import Limits
from oneroster_engine.standard.received import Received
from tests.engine.districts import enrollment, small, user
from tests.steps.walk import NOW, Walk, make_group, platform, zipped

pytestmark = pytest.mark.usefixtures("aws")

TODAY = (NOW + timedelta(days=31)).date()
ANN = small(users=[user("ann"), user("bob")])
LIMITS = Limits(zip_bytes=10_000_000, expanded_bytes=100_000_000, entries=100, ratio=200)


EVERYBODY = Saved(schools=Schools(all=True), classes=Classes(all=True), people=People(cells=()))


class Same:
    """A source that sends what it sent, whatever that was; `asked` counts how often its bytes would be read for it."""

    asked = 0

    def is_same(self, earlier: Received) -> bool:
        self.asked += 1
        return True


def repacked(bundle: bytes) -> bytes:
    """The same files, as a nightly export packs them the next night."""
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(bundle)) as before, zipfile.ZipFile(out, "w") as after:
        for each in before.infolist():
            info = zipfile.ZipInfo(each.filename, (2026, 9, 2, 3, 0, 0))
            info.external_attr = each.external_attr
            after.writestr(info, before.read(each))
    return out.getvalue()


def objects(prefix: str) -> list[str]:
    return [each["Key"] for each in boto3.client("s3").list_objects_v2(Bucket="data", Prefix=prefix).get("Contents", [])]


def test_the_same_files_of_another_night_end_at_once_and_leave_no_more_than_what_came() -> None:
    make_group()
    first = Walk(zipped(ANN)).through()
    before = (platform(), groups.get("g1").commits, objects("groups/g1/snapshot/"))
    walk = Walk(repacked(zipped(ANN)), day=1)

    sync = walk.through()

    assert (sync.state, sync.same_as, sync.held) == (State.SUCCEEDED, first.sync_id, False)
    assert (platform(), groups.get("g1").commits, objects("groups/g1/snapshot/")) == before
    assert objects(files.sync_key(sync.sync_id, "")) == [files.sync_key(sync.sync_id, "bundle/bundle.zip")]
    third = Walk(zipped(ANN), day=2).through()
    assert third.same_as == first.sync_id


def test_the_numbers_are_those_of_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    make_group()
    Walk(zipped(ANN)).through()
    short = Walk(zipped(ANN), day=1).through()
    with monkeypatch.context() as patched:
        patched.setattr(unchanged, "product", lambda: "another version")
        long = Walk(zipped(ANN), day=2).through()

    assert (short.same_as is None, long.same_as) == (False, None)
    assert (short.counts, short.state, short.incomplete) == (long.counts, long.state, long.incomplete)


def test_each_step_of_the_short_way_may_run_twice() -> None:
    make_group()
    first = Walk(zipped(ANN)).through()
    walk = Walk(zipped(ANN), day=1)

    assert walk.open() == walk.open() == first.sync_id
    walk.invoke("report", withRemovals=True, sameAs=first.sync_id)
    once = walk.sync
    walk.invoke("report", withRemovals=True, sameAs=first.sync_id)

    assert (walk.sync, groups.get("g1").sync) == (once, None)


GROUPS: dict[str, dict[str, Any]] = {
    "nothing committed": {"snapshot": None},
    "a later sync read something else and was not committed": {"source_view": "g1-other"},
    "settings saved, of the guard or any other": {"etag": "e2"},
    "a commit by no sync: somebody was erased": {"commits": 3},
    "a sync was cut off while it wrote": {"unfinished": ("g1-cut",)},
    "an undo is in force": {"undone": ("g1-undo",)},
    "removals were spared and are asked about again": {"spared": ("g1-spared",)},
    "nobody knows how the last one ended": {"last_ended": None},
    "people go with the day on which their last role ends": {"guard": GuardFigures(floor=100, deactivate_ended=True)},
    "a rollover window has opened": {"guard": GuardFigures(floor=100, rollover=RolloverWindow(from_=TODAY, to=TODAY))},
}
SYNCS: dict[str, dict[str, Any]] = {
    "to be shown first": {"preview": True},
    "a rehearsal": {"preview": True, "rehearsal": True},
    "everything is to be read": {"read_everything": True},
    "somebody chooses on the way": {"mode": Mode.SELECTIVE},
    "a saved selection instead of everything": {"saved_selection": SavedUse(name="North", version=1)},
    "what was removed is purged by now": {"started_at": NOW + timedelta(days=61)},
}


def test_whatever_is_not_known_to_be_the_same_goes_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """One group, one committed sync, and each thing that may have changed since, alone."""
    make_group(guard={"floor": 100})
    Walk(zipped(small(users=[user("ann"), user("bob"), user("old")]))).through()
    Walk(zipped(ANN), day=30).through()
    selections.save("g1", "North", EVERYBODY, by="Ada", now=NOW, etag="v1")
    group, sync = groups.get("g1"), Walk(zipped(ANN), day=31).sync
    group = group.model_copy(update={"sync": None})
    source = Same()

    def goes(group: Group, sync: Sync, limits: Limits = LIMITS) -> str:
        return unchanged.earlier_same(group, sync, source, limits)

    assert goes(group, sync) == group.snapshot
    assert goes(group, sync.model_copy(update={"started_at": NOW + timedelta(days=59)})) == group.snapshot
    asked = source.asked
    group_of = {name: goes(group.model_copy(update=each), sync) for name, each in GROUPS.items()}
    sync_of = {name: goes(group, sync.model_copy(update=each)) for name, each in SYNCS.items()}
    assert {name for name, same in {**group_of, **sync_of}.items() if same} == set()
    assert goes(group, sync, Limits(zip_bytes=10)) == ""
    with monkeypatch.context() as patched:
        patched.setattr(unchanged, "product", lambda: "another version")
        assert goes(group, sync) == ""
    syncs.end(sync.sync_id, State.SUCCEEDED, "Ended.", NOW)
    for day, state in enumerate((State.FAILED, State.REFUSED, State.DISCARDED, State.CANCELLED, State.EXPIRED), start=41):
        syncs.end(Walk(zipped(ANN), day=day).sync_id, state, "Ended.", NOW)
        assert goes(groups.get("g1"), sync) == "", state
    boto3.client("s3").delete_object(Bucket="data", Key=files.sync_key(str(group.snapshot), unchanged.NOTE))  # as an erasure does
    assert goes(group, sync) == ""
    assert source.asked == asked  # of none of them a byte was read


def test_another_cell_is_another_bundle() -> None:
    make_group()
    Walk(zipped(ANN)).through()

    sync = Walk(zipped(small(users=[user("ann"), user("bob", familyName="Novak")])), day=1).through()

    assert (sync.same_as, sync.counts.users.updated) == (None, 1)


def test_changes_only_are_merged_each_time_they_come() -> None:
    make_group()
    Walk(zipped(ANN)).through()
    changes = zipped({"users": [user("cay")]}, deltas=["users"])

    once, again = Walk(changes, day=1).through(), Walk(changes, day=2).through()

    assert (once.same_as, again.same_as) == (None, None)
    assert (once.counts.users.created, again.counts.users.created) == (1, 0)


def test_what_was_held_or_approved_in_part_is_looked_at_again() -> None:
    make_group(guard={"floor": 1, "share": 0})
    Walk(zipped(ANN)).through()
    less = zipped(small(users=[user("ann")]))
    partly = Walk(less, day=1)
    partly.with_removals = False
    partly.through()
    wholly = Walk(less, day=2)

    assert partly.sync.held
    assert wholly.through().same_as is None
    assert wholly.sync.held
    assert Walk(less, day=3).through().same_as is None
    assert Walk(less, day=4).through().same_as is not None


def test_what_is_kept_until_its_day_is_written_on_that_day_though_the_source_is_the_same() -> None:
    """An enrollment that runs would begin only later: it goes on where the group keeps memberships, until the new one begins."""
    make_group(guard={"floor": 100, "standing": {"memberships": "keep"}})
    Walk(zipped(small(enrollments=[enrollment("e1")]))).through()
    later = zipped(small(enrollments=[enrollment("e1", beginDate="2026-09-21")]))
    kept = Walk(later, day=1).through()

    begun = Walk(later, day=25).through()

    assert (kept.counts.enrollments.updated, begun.same_as, begun.counts.enrollments.updated) == (0, None, 1)


def test_a_failed_try_that_read_something_else_is_no_reason_to_merge_into_it() -> None:
    make_group()
    Walk(zipped(ANN)).through()
    other = Walk(zipped(small(users=[user("ann"), user("zoe")])), day=1)
    other.open()
    other.stage()
    other.invoke("record_failure", error={"Error": "Discarded", "Cause": "The changes were discarded."})

    sync = Walk(zipped(ANN), day=2).through()

    assert sync.same_as is None
    assert groups.get("g1").source_view == sync.sync_id


def test_what_a_purge_took_away_is_planned_again_once_and_then_is_the_same() -> None:
    make_group(guard={"floor": 100})
    Walk(zipped(small(users=[user("ann"), user("bob"), user("old")]))).through()
    Walk(zipped(ANN), day=1).through()
    assert Walk(zipped(ANN), day=30).through().same_as is not None
    purge_due(groups.get("g1"), NOW + timedelta(days=32))

    after = Walk(zipped(ANN), day=33).through()

    assert (after.same_as, after.message) == (None, "Nothing has changed since the last sync; nothing was written.")
    assert Walk(zipped(ANN), day=34).through().same_as == after.sync_id


def test_a_saved_selection_is_the_same_while_it_is_the_same_version_of_the_same_selection() -> None:
    make_group()
    selections.save("g1", "All", EVERYBODY, by="Ada", now=NOW, etag="v1")
    first = Walk(zipped(ANN), saved=SavedUse(name="All", version=1)).through()
    again = Walk(zipped(ANN), day=1, saved=SavedUse(name="All", version=1)).through()
    selections.save("g1", "All", EVERYBODY, by="Ada", now=NOW, etag="v2")
    changed = Walk(zipped(ANN), day=2, saved=SavedUse(name="All", version=2)).through()
    selections.delete("g1", "All")
    for version in ("v3", "v4"):
        selections.save("g1", "All", EVERYBODY, by="Ada", now=NOW, etag=version)
    anew = Walk(zipped(ANN), day=3, saved=SavedUse(name="All", version=2)).through()

    assert [each.same_as for each in (first, again, changed, anew)] == [None, first.sync_id, None, None]
    assert again.saved_selection == first.saved_selection


@pytest.mark.parametrize("loose", [False, True], ids=["a ZIP", "loose CSVs"])
def test_what_a_server_still_has_is_the_same(server: OtherServer, loose: bool) -> None:
    source = server.source(path="." if loose else "/*.zip")
    secrets.keep("g1", password(server), source)
    mark = mark_of(password(server), NOW)
    make_group(source=SftpSource.model_validate({**dict(source), "credentials": mark}))
    packed = zipfile.ZipFile(BytesIO(zipped(ANN)))
    packed.extractall(server.files) if loose else (server.files / "one.zip").write_bytes(zipped(ANN))

    first, again = Walk(None).through(), Walk(None, day=1).through()

    assert (first.same_as, again.same_as) == (None, first.sync_id)
    assert again.message == f"Nothing has changed since sync {first.sync_id}: the file is the same. Nothing was written."
