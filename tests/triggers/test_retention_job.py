"""What a group keeps no longer is deleted for good, and nothing that anybody still stands on."""

from datetime import datetime, timedelta

import boto3
import duckdb
import pytest

from chalicelib.errors import NotFound
from chalicelib.model.records import GuardFigures, Mode, State
from chalicelib.store import audit, erasures, files, groups, syncs
from chalicelib.triggers.retention_job import forget
from tests.engine.districts import class_, org, small, user
from tests.steps.test_undo import UndoWalk
from tests.steps.walk import NOW, Walk, make_group, platform, zipped

pytestmark = pytest.mark.usefixtures("aws")


def after(days: int) -> datetime:
    return NOW + timedelta(days=days, minutes=1)


def objects(prefix: str) -> set[str]:
    """Every version of every object below it, by key."""
    found = boto3.client("s3").list_object_versions(Bucket="data", Prefix=prefix)
    return {each["Key"].removeprefix(prefix) for each in (*found.get("Versions", ()), *found.get("DeleteMarkers", ()))}


def versions(key: str) -> list[str]:
    found = boto3.client("s3").list_object_versions(Bucket="data", Prefix=key)
    return [each["VersionId"] for each in (*found.get("Versions", ()), *found.get("DeleteMarkers", ()))]


def of(walk: Walk) -> set[str]:
    return objects(f"groups/g1/syncs/{walk.sync_id}/")


def synced(day: int) -> Walk:
    """A sync of a district that has changed since the day before."""
    walk = Walk(zipped(small(classes=[class_(title=f"Day {day}")])), day=day)
    walk.through()
    return walk


def always() -> float:
    return 900


def test_a_sync_goes_with_all_its_files_after_the_groups_days_and_not_before() -> None:
    boto3.client("s3").put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})
    make_group(retention_days=40, grace_days=10)
    first, second, third = synced(0), synced(1), synced(2)

    assert (forget(after(39), always).removed, "bundle/bundle.zip" in of(first)) == (0, True)
    done = forget(after(40), always)

    assert (done.emptied, done.removed, done.failures) == (1, 1, [])
    assert of(first) == set()
    assert [sync.sync_id for sync in syncs.history("g1", 10)] == [third.sync_id, second.sync_id]
    assert {"bundle/bundle.zip", "stage/users.parquet", "report/report.xlsx"} <= of(second)
    assert forget(after(40), always).emptied == 0


def test_the_two_newest_snapshots_and_the_sync_that_the_platform_stands_on_stay_however_old() -> None:
    make_group(retention_days=5, grace_days=5)
    first, second, third = synced(0), synced(1), synced(2)
    before = platform()

    forget(after(1000), always)

    assert (of(first), of(second)) == (set(), set())
    assert "stage/users.parquet" in of(third)
    assert {key.split("/")[0] for key in objects("groups/g1/snapshot/")} == {second.sync_id, third.sync_id}
    fourth = synced(1001)
    assert fourth.sync.counts.classes.updated == 1
    assert {key: item["platformId"] for key, item in platform().items()} == {k: item["platformId"] for k, item in before.items()}


def test_a_sync_can_be_undone_while_removals_can_be_taken_back_though_its_bundle_is_gone() -> None:
    make_group(retention_days=5, grace_days=30)
    synced(0)
    first = synced(1)
    synced(2)

    assert forget(after(20), always).removed == 0
    assert of(first) == {"plan/changes.parquet", "plan/summary.json"}
    assert syncs.get(first.sync_id).state is State.SUCCEEDED
    undo = UndoWalk(first.sync_id, day=20)
    undo.through()
    assert undo.sync.state is State.SUCCEEDED

    forget(after(40), always)
    assert of(first) == set()
    with pytest.raises(NotFound):
        syncs.get(first.sync_id)


def test_an_undo_in_force_is_remembered_however_old_so_that_no_sync_does_the_same_again_without_a_word() -> None:
    make_group(retention_days=5, grace_days=5)
    synced(0)
    changed = synced(1)
    undo = UndoWalk(changed.sync_id, day=2)
    undo.through()
    other = Walk(zipped(small(classes=[class_(title="Day 0")], orgs=[org(), org("south")])), Mode.SELECTIVE, day=3)
    other.through()
    assert groups.get("g1").undone == (undo.sync_id,)

    forget(after(300), always)

    assert of(undo) == {"plan/changes.parquet", "plan/summary.json"}
    again = Walk(zipped(small(classes=[class_(title="Day 1")])), day=301)
    again.open()
    again.stage()
    assert again.plan()["ask"] is True


def test_a_sync_that_waits_or_was_cut_off_while_it_wrote_keeps_its_files() -> None:
    make_group(retention_days=1, grace_days=1)
    synced(0)
    cut_off = Walk(zipped(small(classes=[class_(title="Cut off")])), day=1)
    cut_off.open()
    cut_off.stage()
    cut_off.plan()
    cut_off.apply()
    syncs.end(cut_off.sync_id, State.FAILED, "killed", after(1))
    waiting = Walk(zipped(small()), day=2)
    waiting.open()
    waiting.stage()

    forget(after(100), always)

    assert groups.get("g1").unfinished == (cut_off.sync_id,)
    assert "plan/changes.parquet" in of(cut_off)
    assert "stage/users.parquet" in of(waiting)


def test_what_one_hour_has_no_time_for_is_left_to_the_next() -> None:
    make_group(retention_days=1, grace_days=1)
    first = synced(0)
    synced(1)

    assert (forget(after(50), lambda: 10).left, "bundle/bundle.zip" in of(first)) == (1, True)
    assert forget(after(50), always).removed == 1


def in_the_snapshot(sync_id: str, entity: str) -> set[str]:
    path = files.cached(files.snapshot_key("g1", sync_id, f"{entity}.parquet"))
    return {str(row[0]) for row in duckdb.execute("SELECT sourcedId FROM read_parquet($1)", [str(path)]).fetchall()}


def test_nothing_is_purged_while_a_person_is_erased_from_the_same_files() -> None:
    make_group(grace_days=10)
    Walk(zipped(small(users=[user(), user("bob")]))).through()
    Walk(zipped(small()), day=1).through()

    with erasures.turn(after(12)) as ours:
        assert ours
        assert forget(after(12), always).purged == 0
    assert "bob" in platform()
    assert forget(after(12), always).purged == 1


def test_what_was_removed_is_purged_on_the_day_that_the_group_gives_it_with_an_entry_in_the_audit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    boto3.client("s3").put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})
    make_group(grace_days=10, guard=GuardFigures(purge={"users": {"leftSource": 20}, "orgs": {"leftSource": 0}}))
    more = small(orgs=[org(), org("south")], users=[user(), user("bob")], classes=[class_(), class_("art")])
    Walk(zipped(more)).through()
    known = platform()["south"]["platformId"]
    stands_on = synced(1).sync_id
    there = set(platform())
    assert {platform()[each]["status"] for each in ("south", "bob", "art")} == {"inactive"}

    assert (forget(NOW + timedelta(days=10, hours=23), always).purged, set(platform())) == (0, there)
    with monkeypatch.context() as broken:
        broken.setattr(files, "replace", lambda *_: (_ for _ in ()).throw(OSError("killed")))
        assert len(forget(after(11), always).failures) == 1
    assert (forget(after(12), always).purged, set(platform())) == (1, there - {"art"})
    assert in_the_snapshot(stands_on, "classes") == {"math-1"}
    assert len(versions(f"groups/g1/snapshot/{stands_on}/classes.parquet")) == 1, "no old version of the file is left"
    assert (forget(after(20), always).purged, forget(after(21), always).purged) == (0, 1)
    assert (forget(after(900), always).purged, set(platform())) == (0, there - {"art", "bob"})

    found = [{name: int(number) for name, number in each.detail.items()} for each in audit.everything("g1")]
    assert found == [{"records": 1, "classes": 1}, {"records": 1, "users": 1}]
    Walk(zipped(more), day=901).through()
    assert (platform()["south"]["status"], platform()["south"]["platformId"]) == ("active", known)


def test_the_bundle_into_which_a_delta_would_be_merged_stays_however_old() -> None:
    make_group(retention_days=5, grace_days=5)
    synced(0)
    looked = Walk(zipped(small(classes=[class_(title="Day 1")])), day=1)
    looked.open()
    looked.stage()
    syncs.end(looked.sync_id, State.CANCELLED, "Cancelled. Nothing was changed.", after(1))

    forget(after(1000), always)

    assert "bundle/bundle.zip" in of(looked)
