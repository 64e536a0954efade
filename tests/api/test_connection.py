"""The connection test: each step, its words, and what it never does."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from chalicelib.model.records import ZipSource
from chalicelib.service.group_source import check
from chalicelib.sources.connection import Check, Name
from chalicelib.sources.public_address import LOOPBACK_SETTING
from local.peers.sftp import OtherServer, password
from oneroster_engine.standard.archive import Limits
from tests.api.test_routes import call
from tests.engine.districts import org, small, write_bundle
from tests.steps.walk import zipped

pytestmark = pytest.mark.usefixtures("aws")
ALL = ["host", "hostKey", "signIn", "file", "version", "schools"]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OtherServer]:
    monkeypatch.setenv(LOOPBACK_SETTING, "allowed")
    (tmp_path / "files").mkdir()
    running = OtherServer(tmp_path / "files")
    yield running
    running.remove()


def group_at(server: OtherServer, **settings: Any) -> dict[str, Any]:
    source = server.source(**settings).model_dump(mode="json", by_alias=True)
    status, made = call("POST /groups", {"name": "Lakeside", "source": {**source, "credentials": {"password": server.password}}})
    assert status == 201, made
    return made


def outcome(group: dict[str, Any]) -> dict[str, Any]:
    status, answer = call(f"POST /groups/{group['groupId']}/connection-test")
    assert status == 200, answer
    return answer


def steps(said: dict[str, Any]) -> dict[str, str]:
    return {each["step"]: each["message"] for each in said["steps"]}


def two_schools() -> dict[str, Any]:
    return small(orgs=[org("north"), org("south"), org("district", type="district")])


def test_a_zip_is_looked_into_as_far_as_its_schools(server: OtherServer) -> None:
    (server.files / "lakeside.zip").write_bytes(zipped(two_schools()))

    answer = outcome(group_at(server))

    assert (answer["ok"], list(steps(answer))) == (True, ALL)
    assert steps(answer)["file"].startswith("lakeside.zip, ")
    assert steps(answer)["schools"] == "2 schools."


def test_the_orgs_that_the_group_expects_are_looked_for(server: OtherServer) -> None:
    (server.files / "lakeside.zip").write_bytes(zipped(two_schools()))
    made = group_at(server)
    for expected, fine in ((["north", "district"], True), (["north", "west"], False)):
        _, made = call(f"GET /groups/{made['groupId']}")
        guard = {**made["guard"], "expected": expected}
        status, response = call(f"PATCH /groups/{made['groupId']}", {"guard": guard}, headers={"If-Match": f'"{made["etag"]}"'})
        assert status == 200, response

        answer = outcome(made)

        assert (answer["ok"], "orgs that this group expects are not among them (west)" in steps(answer)["schools"]) == (
            fine,
            not fine,
        )


def test_zips_that_are_one_a_school_are_found_before_the_night(server: OtherServer) -> None:
    for name, modified in (("north", 1_000_000_000), ("south", 1_000_000_600)):
        (server.files / f"{name}.zip").write_bytes(zipped(small(orgs=[org(name)])))
        os.utime(server.files / f"{name}.zip", (modified, modified))

    answer = outcome(group_at(server))

    assert not answer["ok"]
    assert "north.zip came within an hour before south.zip" in steps(answer)["file"]


def test_loose_csvs_are_too(server: OtherServer) -> None:
    write_bundle(server.files, "1.2", **two_schools())
    (server.files / "manifest.csv").write_text("propertyName,value\noneroster.version,1.2\n")

    answer = outcome(group_at(server))

    assert (answer["ok"], steps(answer)["version"], steps(answer)["schools"]) == (True, "OneRoster 1.2.", "2 schools.")


@pytest.mark.parametrize(("set_to", "shown"), [("203.0.113.4", "203.0.113.4"), ("", None)], ids=["a fixed address", "none"])
def test_the_address_that_a_server_has_to_let_in_is_shown(
    server: OtherServer, monkeypatch: pytest.MonkeyPatch, set_to: str, shown: str | None
) -> None:
    monkeypatch.setenv("FIXED_ADDRESS", set_to)

    assert outcome(group_at(server))["fromAddress"] == shown


def test_an_unconfirmed_key_is_shown_and_nobody_signs_in_before_it_is_confirmed(server: OtherServer) -> None:
    (server.files / "lakeside.zip").write_bytes(zipped(small()))
    group = group_at(server, hostKeyFingerprint=None)

    answer = outcome(group)
    assert (answer["ok"], list(steps(answer)), server.sign_ins) == (False, ["host", "hostKey"], 0)
    confirmed = {**group["source"], "hostKeyFingerprint": answer["hostKeyFingerprint"]}
    status, group = call(f"PATCH /groups/{group['groupId']}", {"source": confirmed}, headers={"If-Match": f'"{group["etag"]}"'})

    assert (status, outcome(group)["ok"], server.sign_ins) == (200, True, 1)


def test_a_changed_key_says_what_it_was(server: OtherServer) -> None:
    answer = outcome(group_at(server, hostKeyFingerprint="SHA256:" + "A" * 43))

    assert (answer["ok"], answer["steps"][-1]["step"], server.sign_ins) == (False, "hostKey", 0)
    assert "SHA256:AAAA" in answer["steps"][-1]["message"]


@pytest.mark.parametrize(
    ("settings", "step", "words"),
    [
        ({"port": 1}, "host", "takes no connection at port 1"),
        ({"credentials": {"password": "wrong"}}, "signIn", "did not accept the user name"),
        ({"path": "/nothing"}, "file", "There is no /nothing"),
        ({"path": "/bad.zip"}, "version", "not a ZIP that can be read"),
    ],
)
def test_the_first_step_that_fails_says_what_to_do_and_is_the_last(
    server: OtherServer, settings: dict[str, Any], step: str, words: str
) -> None:
    (server.files / "bad.zip").write_bytes(b"no zip at all")
    source = {**server.source().model_dump(mode="json", by_alias=True), "credentials": {"password": server.password}, **settings}
    _, group = call("POST /groups", {"name": "Lakeside", "source": source})

    answer = outcome(group)

    assert (answer["ok"], answer["steps"][-1]["step"]) == (False, step)
    assert words in answer["steps"][-1]["message"]
    assert "wrong" not in str(answer)


def test_a_group_without_a_secret_is_told_so(server: OtherServer) -> None:
    _, group = call("POST /groups", {"name": "Lakeside", "source": server.source().model_dump(mode="json", by_alias=True)})

    assert "No password, key or secret is set" in outcome(group)["steps"][-1]["message"]


def test_a_zip_group_has_nothing_to_test(server: OtherServer) -> None:
    _, group = call("POST /groups", {"name": "Lakeside"})

    assert outcome(group) == {
        "ok": True,
        "steps": [{"step": "source", "ok": True, "message": "You upload the ZIP yourself, so there is no connection to test."}],
        "hostKeyFingerprint": None,
        "fromAddress": None,
    }


@pytest.mark.parametrize(
    ("settings", "files", "said"),
    [
        ({"doneMarker": ".done"}, {"lakeside.zip"}, "It has no .done marker yet"),
        ({"afterwards": "move", "moveTo": "/taken"}, {"lakeside.zip"}, "The folder /taken, to which the files are to be moved"),
        ({}, {"orgs.csv", "users.csv"}, "It lacks classes.csv, enrollments.csv"),
    ],
    ids=["no marker", "no folder to move to", "half a set"],
)
def test_what_the_night_would_wait_for_or_fail_at_is_said_now(
    server: OtherServer, settings: dict[str, Any], files: set[str], said: str
) -> None:
    for name in files:
        (server.files / name).write_bytes(zipped(small()) if name.endswith(".zip") else b"sourcedId")

    answer = outcome(group_at(server, **settings))

    assert (answer["ok"], said in steps(answer)["file"]) == (False, True), steps(answer)


def test_nothing_is_written_but_that_it_was_tested(server: OtherServer) -> None:
    (server.files / "lakeside.zip").write_bytes(zipped(small()))
    (server.files / "taken").mkdir()
    group = group_at(server, afterwards="move", moveTo="/taken", path="/*.zip")
    before = call(f"GET /groups/{group['groupId']}")

    outcome(group)

    assert call(f"GET /groups/{group['groupId']}") == before
    assert boto3.client("s3").list_objects_v2(Bucket="data")["KeyCount"] == 0
    assert {path.name for path in server.files.iterdir()} == {"lakeside.zip", "taken"}
    assert not list((server.files / "taken").iterdir())
    audit = call(f"GET /groups/{group['groupId']}/audit")[1]["items"][0]
    assert (audit["what"], audit["detail"]) == ("connection tested", {"ok": True, "step": "schools"})


def test_a_server_that_never_answers_is_left_after_the_time_that_was_given(server: OtherServer, tmp_path: Path) -> None:
    def never() -> Any:
        time.sleep(60)

    checks = check(server.source(), never, Limits(), within_s=2.0)

    assert checks[-1] == Check(Name.SIGN_IN, False, "This took longer than 2 seconds. Try again; a sync waits longer.")


def test_a_mistake_of_ours_is_no_finding_about_the_server(server: OtherServer) -> None:
    def broken() -> Any:
        raise KeyError("ours")

    with pytest.raises(KeyError):
        check(server.source(), broken, Limits())
    assert check(ZipSource(), lambda: password(server), Limits())[0].ok
