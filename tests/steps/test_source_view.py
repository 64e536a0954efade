"""Bundles of changes only, walked through the Lambdas: each is merged into what the source held, whatever became of the sync."""

from pathlib import Path

import boto3
import pytest

from chalicelib.model.records import Mode, State
from chalicelib.store import files, groups, syncs
from oneroster_engine.errors import BundleRefused
from tests.engine.districts import enrollment, org, user
from tests.steps.test_steps import people
from tests.steps.walk import NOW, Walk, make_group, platform, zipped

pytestmark = pytest.mark.usefixtures("aws")


def delta(*people: dict[str, str]) -> bytes:
    return zipped({"users": people}, deltas=["users"])


def statuses(*names: str) -> list[str | None]:
    return [platform().get(name, {}).get("status") for name in names]


def test_a_delta_updates_and_removes_whom_it_names_and_nobody_else() -> None:
    make_group()
    Walk(zipped(people("ann", "bob", "cat"))).through()

    sync = Walk(delta(user("bob", givenName="Robert", status="active"), user("cat", status="tobedeleted")), day=1).through()

    assert (sync.state, sync.counts.users.updated, sync.counts.users.deactivated) == (State.SUCCEEDED, 1, 1)
    assert statuses("ann", "bob", "cat") == ["active", "active", "inactive"]
    assert "Robert" in str(platform()["bob"])
    assert sync.counts.users.read == 3


def test_a_delta_after_a_cancelled_one_holds_the_changes_of_both() -> None:
    make_group()
    Walk(zipped(people("ann"))).through()
    cancelled = Walk(delta(user("bob", status="active")), Mode.SELECTIVE, day=1)
    cancelled.open()
    cancelled.stage()
    syncs.end(cancelled.sync_id, State.CANCELLED, "Cancelled. Nothing was changed.", NOW)

    Walk(delta(user("cat", status="active")), day=2).through()

    assert statuses("ann", "bob", "cat") == ["active"] * 3


def test_a_delta_that_is_staged_twice_is_merged_once() -> None:
    make_group()
    Walk(zipped(people("ann", "bob"))).through()
    walk = Walk(delta(user("bob", status="tobedeleted"), user("cat", status="active")), day=1)
    walk.open()
    walk.stage()
    first = files.read_json(files.sync_key(walk.sync_id, "stage/summary.json"))

    walk.stage()

    assert files.read_json(files.sync_key(walk.sync_id, "stage/summary.json")) == first


def test_the_schools_of_a_delta_are_listed_at_once_with_those_of_before() -> None:
    make_group()
    Walk(zipped(people("ann"))).through()
    walk = Walk(zipped({"enrollments": [enrollment("e9")]}, deltas=["enrollments", "orgs"]), Mode.SELECTIVE, day=1)

    walk.open()

    assert walk.sync.progress[-1].done == 1


def test_for_the_list_of_schools_nothing_else_of_the_source_is_brought(monkeypatch: pytest.MonkeyPatch) -> None:
    make_group()
    Walk(zipped(people("ann"))).through()
    Walk(delta(user("bob", status="active")), day=1).through()
    brought: list[str] = []
    download = files.download

    def seen(key: str, to: Path) -> None:
        brought.append(key)
        download(key, to)

    monkeypatch.setattr(files, "download", seen)

    Walk(zipped({"orgs": [org("south", status="active")]}, deltas=["orgs"]), Mode.SELECTIVE, day=2).open()

    assert {key.rsplit("/")[-1] for key in brought if "/source/" in key} == {"manifest.csv", "orgs.parquet"}


def test_a_delta_for_a_group_that_was_never_sent_everything_is_refused() -> None:
    make_group()
    walk = Walk(delta(user("ann", status="active")))

    with pytest.raises(BundleRefused, match="nothing to merge it into yet"):
        walk.stage()


def test_only_the_newest_view_of_a_source_is_kept() -> None:
    make_group()
    Walk(zipped(people("ann"))).through()
    Walk(delta(user("bob", status="active")), day=1).through()

    newest = Walk(delta(user("cat", status="active")), day=2).through()

    kept = boto3.client("s3").list_objects_v2(Bucket="data", Prefix="groups/g1/source/")["Contents"]
    assert {each["Key"].split("/")[3] for each in kept} == {newest.sync_id} == {groups.get("g1").source_view}
