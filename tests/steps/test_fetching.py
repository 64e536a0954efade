"""A bundle that the machine fetches itself, walked through the Lambdas against a real SFTP server."""

import os
from datetime import timedelta

import duckdb
import pytest

from chalicelib.errors import SourceRefused, SourceUnavailable
from chalicelib.model.credentials import mark_of
from chalicelib.model.records import GroupSettings, Mode, SftpSource, State, Step, Unit
from chalicelib.store import files, groups, secrets
from local.peers.sftp import OtherServer, password
from tests.engine.districts import class_, org, small, user, write_bundle
from tests.steps.walk import NOW, Walk, make_group, platform, zipped

pytestmark = pytest.mark.usefixtures("aws")


def group_at(server: OtherServer, **settings: object) -> None:
    source = server.source(**settings)
    secrets.keep("g1", password(server), source)
    mark = mark_of(password(server), NOW)
    make_group(source=SftpSource.model_validate({**dict(source), "credentials": mark}))


def warnings(walk: Walk) -> list[str]:
    with files.workspace(walk.sync_id, ["stage"], []) as room:
        path = str(room / "stage/problems.parquet")
        rows = duckdb.execute("SELECT message FROM read_parquet($1) WHERE severity = 'warning'", [path]).fetchall()
    return [message for (message,) in rows]


def test_a_zip_on_the_customers_server_comes_to_the_platform(server: OtherServer) -> None:
    group_at(server, path="/*.zip")
    (server.files / "lakeside.zip").write_bytes(zipped(small(users=[user("ann")])))

    sync = Walk(None).through()

    assert (sync.state, sync.bundle_name, "ann" in platform()) == (State.SUCCEEDED, "lakeside.zip", True)
    [fetched] = (each for each in sync.progress if each.step is Step.FETCH)
    size = (server.files / "lakeside.zip").stat().st_size
    assert (fetched.unit, fetched.done, fetched.total, fetched.ended_at is not None) == (Unit.BYTES, size, size, True)


def test_a_server_that_is_gone_is_what_the_sync_says_it_waits_for_until_it_is_back(server: OtherServer) -> None:
    group_at(server, path="/*.zip", port=1)
    (server.files / "lakeside.zip").write_bytes(zipped(small()))
    walk = Walk(None)

    with pytest.raises(SourceUnavailable):
        walk.open()
    waiting = walk.sync.waits_for
    back = groups.get("g1").source.model_copy(update={"port": server.port})
    secrets.keep("g1", password(server), back)
    groups.change("g1", GroupSettings(name="Lakeside", source=back), "e1", "e2", NOW)
    walk.open()

    assert waiting is not None
    assert waiting.what.startswith("127.0.0.1 takes no connection at port 1.")
    assert timedelta(minutes=1) < waiting.until - waiting.since < timedelta(minutes=2)
    assert walk.sync.waits_for is None


def test_loose_csvs_come_and_only_two_are_read_for_the_list_of_schools(server: OtherServer) -> None:
    group_at(server)
    write_bundle(server.files, "1.1", **small(users=[user("ann")]))
    walk = Walk(None, Mode.SELECTIVE)

    walk.open()
    assert files.names(walk.sync_id, "stage/choices") == ["orgs.parquet"]
    walk.stage()
    walk.choose()
    walk.plan()
    walk.apply()

    assert "ann" in platform()


def test_a_file_beside_loose_csvs_that_may_hold_more_people_takes_nobody_away(server: OtherServer) -> None:
    group_at(server)
    write_bundle(server.files, "1.1", **small(users=[user("ann"), user("bob")]))
    Walk(None).through()
    rows = (server.files / "users.csv").read_text().splitlines(keepends=True)
    (server.files / "users.csv").write_text("".join(each for each in rows if "bob" not in each))
    (server.files / "users_2.csv").write_text(rows[0] + "".join(each for each in rows if "bob" in each))

    walk = Walk(None, day=1)
    sync = walk.through()

    assert (sync.state, platform()["bob"]["status"]) == (State.SUCCEEDED, "active")
    assert any(each.startswith("users_2.csv was not read, and may hold more rows of users.csv") for each in warnings(walk))


def test_a_zip_that_came_with_the_sync_is_what_is_read_whatever_the_group_fetches(server: OtherServer) -> None:
    group_at(server)
    (server.files / "other.zip").write_bytes(zipped(small(users=[user("bob")])))

    Walk(zipped(small(users=[user("ann")]))).through()

    assert {"ann"} <= set(platform())
    assert "bob" not in platform()


def test_a_wrong_password_ends_the_sync_with_its_sentence_and_nothing_of_the_password(server: OtherServer) -> None:
    group_at(server)
    secrets.keep("g1", password(server).model_validate({"password": "hunter2"}), server.source())
    walk = Walk(None)

    with pytest.raises(SourceRefused, match="did not accept the user name") as refusal:
        walk.open()
    walk.invoke("record_failure", error={"Error": "SourceRefused", "Cause": f'{{"errorMessage": "{refusal.value}"}}'})

    assert walk.sync.state is State.FAILED
    assert walk.sync.message == f"{refusal.value} Nothing was changed."
    assert "hunter2" not in walk.sync.message


def a_school(name: str, *classes: str) -> bytes:
    orgs = [org("west"), org("east")] if not classes else [org(name)]
    return zipped(small(orgs=orgs, classes=[class_(each, schoolSourcedId=name) for each in classes or (f"at-{name}",)]))


def put(server: OtherServer, name: str, body: bytes, modified: int) -> None:
    (server.files / name).write_bytes(body)
    os.utime(server.files / name, (modified, modified))


@pytest.mark.parametrize(
    ("other", "said"),
    [(("c2",), "the school east"), ((), "classes of the school east")],
    ids=["each lists its own school", "each lists every school and has the classes of one"],
)
def test_of_zips_that_are_one_a_school_none_is_taken_for_everything(
    server: OtherServer, other: tuple[str, ...], said: str
) -> None:
    group_at(server, path="/*.zip")
    put(server, "west.zip", a_school("west", *("c1",) if other else ()), 1_000_000_600)
    put(server, "east.zip", a_school("east", *other), 1_000_000_000)

    with pytest.raises(SourceRefused, match=f"east.zip came within an hour before west.zip.* lacks: .*{said}"):
        Walk(None).open()


def test_a_zip_that_was_sent_twice_within_the_hour_is_read_and_the_other_is_named(server: OtherServer) -> None:
    group_at(server, path="/*.zip")
    for name, modified in (("first.zip", 1_000_000_000), ("second.zip", 1_000_000_600)):
        put(server, name, zipped(small()), modified)
    put(server, "photos.zip", b"PK no roster", 1_000_000_300)

    walk = Walk(None)
    walk.through()

    assert [each for each in warnings(walk) if "newest ZIP" in each] == [
        "Only the newest ZIP, second.zip, was read; within an hour before it came first.zip, photos.zip."
    ]
