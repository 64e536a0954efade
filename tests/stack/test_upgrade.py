"""An earlier version with all that people may have in it, today's over it, and the last one before today's over that.

UPGRADE_FROM=commit and BACK_TO=commit try other versions.
"""

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from infra import ROOT
from infra.build import Built, build
from infra.deploy import Change
from local.client import Client
from local.ports import free_port
from local.stack import Stack
from oneroster_engine.sample_district import SHAPES, District, write
from tests.stack.test_flow import roster, shrunk

pytestmark = pytest.mark.xdist_group("upgrade")
BEFORE = os.environ.get("UPGRADE_FROM", "9708cf6")
BACK_TO = os.environ.get("BACK_TO", "76c5f46")  # see docs/operate/upgrade.md
QUESTIONS = ("orgs", "classes", "statuses", "approval")
KEPT = ("AWS::DynamoDB::Table", "AWS::Cognito::UserPool", "AWS::KMS::Key", "AWS::StepFunctions::StateMachine", "AWS::S3::Bucket")
SFTP = {"method": "sftp", "host": "127.0.0.1", "port": 9, "username": "u", "path": "/out"}
REST = {"method": "rest", "baseUrl": "http://127.0.0.1:9/ims/oneroster/v1p1", "tokenUrl": "http://127.0.0.1:9/token"}
NIGHTLY = {"frequency": "daily", "at": "02:00", "timeZone": "America/Chicago"}


@dataclass
class Data:
    """What there is before the upgrade. `waiting`: a sync by the question that it asks."""

    synced: str
    sync_id: str
    chosen: str
    waiting: dict[str, str]
    held: str
    dropped: str
    far: dict[str, str] = field(default_factory=dict)  # groups by the way their source is reached


def _version(commit: str, folder: Path) -> Built:
    """What that version's own build makes of it."""
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True)
    if archive.returncode:
        pytest.skip(f"the version of {commit} is not in this checkout: {archive.stderr.decode()}")
    tree, out = folder / "tree", folder / "built"
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as packed:
        packed.extractall(tree, filter="data")
    (tree / ".venv").symlink_to(ROOT / ".venv")
    out.mkdir()
    made = "import sys; from pathlib import Path; from infra.build import build; built = build(Path(sys.argv[1])); "
    made += "print(built.code); print(built.template)"
    run = subprocess.run([sys.executable, "-c", made, str(out)], cwd=tree, check=True, capture_output=True, text=True)
    code, template = run.stdout.split()[-2:]
    return Built(Path(code), Path(template))


def _deployed(stack: Stack, version: Built) -> list[Change]:
    """Have the stack be of this version; what that changed."""
    seen: list[Change] = []
    deployment = stack.deployment()
    given = {"PortalOrigin": stack.portal_origin, "TokenKeysBase": stack.endpoint, "UserPoolMfa": "OFF"}
    known = json.loads(version.template.read_text())["Parameters"]

    def agree(changes: list[Change]) -> bool:
        seen.extend(changes)
        return True

    assert deployment.deploy(version.template, version.code, {k: v for k, v in given.items() if k in known}, agree)
    stack.outputs = deployment.outputs
    return seen


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("days")
    made = folder / "day1.zip", folder / "day2.zip"
    for day, out in enumerate(made, 1):
        write(District(SHAPES["tiny"], seed=1, version="1.1", day=day, problems=False), out)
    return made


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = Stack(free_port(), "http://127.0.0.1:1", tmp_path_factory.mktemp("upgrade"), enforcing=True)
    running.start()
    try:
        _deployed(running, _version(BEFORE, tmp_path_factory.mktemp("before")))
        running.let_people_in()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def data(stack: Stack, days: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Data:
    """Made by the version before, as its people would."""
    admin = Client(stack, "admin")
    synced = admin.new_group("Synced", guard={"floor": 1000}, usernameSuffix="@d.example", graceDays=40)
    sync_id = admin.sync_all(synced, days[0])["syncId"]
    chosen = admin.new_group("A saved choice")
    sync = admin.start(chosen, days[0], "selective")["syncId"]
    admin.answer(sync, "orgs", ids=["00001"])
    admin.answer(sync, "classes")
    admin.answer(sync, "statuses", saveAs={"name": "One school", "schoolsLater": "ask", "classesLater": "include"})
    assert admin.until(sync)["state"] == "succeeded"
    waiting = {}
    for question in QUESTIONS:
        group_id = admin.new_group(f"Waits at {question}")
        waiting[question] = admin.start(group_id, days[0], "selective")["syncId"]
        for earlier in QUESTIONS[: QUESTIONS.index(question)]:
            admin.answer(waiting[question], earlier, **({"preview": True} if earlier == "statuses" else {}))
        admin.until(waiting[question], asks=question)
    held = admin.new_group("Held")
    admin.sync_all(held, days[0])
    shrunken = shrunk(tmp_path_factory.mktemp("shrunk"), days[0])
    waiting["held"] = admin.start(held, shrunken)["syncId"]
    assert admin.until(waiting["held"], asks="approval")["held"]
    dropped = _group_of(waiting["classes"])
    stack.client("s3").upload_file(str(days[1]), stack.outputs["DataBucket"], f"drop/{dropped}/later.zip")
    while not admin.call("GET", f"/groups/{dropped}/arrivals")["items"]:
        pass
    far = {
        "sftp": admin.new_group("By SFTP", source={**SFTP, "credentials": {"password": "p"}}, schedule=NIGHTLY),
        "rest": admin.new_group("By API", source={**REST, "credentials": {"clientId": "c", "clientSecret": "s"}}),
    }
    return Data(synced, sync_id, chosen, waiting, held, dropped, far)


@pytest.fixture(scope="module")
def upgrade(stack: Stack, data: Data, tmp_path_factory: pytest.TempPathFactory) -> list[Change]:
    return _deployed(stack, build(tmp_path_factory.mktemp("today")))


@pytest.fixture(scope="module")
def admin(stack: Stack, upgrade: list[Change]) -> Client:
    return Client(stack, "admin")


def _group_of(sync_id: str) -> str:
    return sync_id.split("-")[0]


def test_nothing_that_holds_data_is_put_in_place_of_what_was_there(upgrade: list[Change]) -> None:
    assert {change.action for change in upgrade} >= {"Modify"}
    assert [change for change in upgrade if change.kind in KEPT and (change.replaced or change.action == "Remove")] == []


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_sync_that_waited_for_its_admin_goes_on_from_its_question_to_a_good_end(
    admin: Client, stack: Stack, data: Data, question: str
) -> None:
    sync_id = data.waiting[question]
    for asked in QUESTIONS[QUESTIONS.index(question) : None if question == "approval" else 3]:
        admin.answer(sync_id, asked)

    done = admin.until(sync_id)
    assert done["state"] == "succeeded", done["message"]
    assert len(roster(stack, _group_of(sync_id), "classes")) == 30


def test_what_was_held_is_shown_and_written_as_it_was_shown(admin: Client, stack: Stack, data: Data) -> None:
    sync_id = data.waiting["held"]
    gone = admin.call("GET", f"/syncs/{sync_id}/plan/changes?entity=users&action=deactivate&limit=5")
    assert (gone["total"], gone["items"][0]["reason"]) == (161, "left the source")

    admin.answer(sync_id, "approval", decision="approveWithoutRemovals")

    assert admin.until(sync_id)["state"] == "succeeded"
    assert len(roster(stack, data.held, "users") | roster(stack, data.held, "users", "inactive")) == 220


def test_a_file_that_was_dropped_behind_a_sync_has_its_turn(admin: Client, data: Data) -> None:
    (arrival,) = admin.call("GET", f"/groups/{data.dropped}/arrivals")["items"]

    sync = admin.until(arrival["syncId"])
    if sync["state"] == "waiting":
        admin.answer(arrival["syncId"], "approval")

    assert admin.until(arrival["syncId"])["state"] == "succeeded"


def test_a_synced_group_has_nothing_to_do_then_the_next_day_s_differences_and_an_undo_of_them(
    admin: Client, stack: Stack, data: Data, days: tuple[Path, Path]
) -> None:
    same = admin.sync_all(data.synced, days[0])
    next_day = admin.sync_all(data.synced, days[1])
    undo = admin.call("POST", f"/syncs/{next_day['syncId']}/undo", None, 202)["syncId"]
    admin.answer(undo, "approval")

    assert same["message"] == "Nothing has changed since the last sync; nothing was written."
    users = next_day["counts"]["users"]
    assert 0 < users["created"] + users["updated"] + users["deactivated"] < 30
    assert admin.until(undo)["state"] == "succeeded"
    assert len(roster(stack, data.synced, "users") | roster(stack, data.synced, "users", "inactive")) >= 220


def test_the_past_is_read_its_log_its_changes_and_why_somebody_is_there(admin: Client, data: Data) -> None:
    files = {each["name"] for each in admin.call("GET", f"/syncs/{data.sync_id}/report")["files"]}
    changes = admin.call("GET", f"/syncs/{data.sync_id}/plan/changes?entity=users&limit=1")
    person = changes["items"][0]["sourcedId"]
    traced = admin.call("GET", f"/groups/{data.synced}/trace?q={person}")

    assert {"report.xlsx", "changes.csv.gz", "bundle.zip"} <= files
    assert changes["total"] == 220
    assert traced["subject"]["sourcedId"] == person
    assert "On the platform" in traced["conclusion"]


def test_a_saved_choice_is_obeyed_without_a_question(admin: Client, data: Data, days: tuple[Path, Path]) -> None:
    again = admin.until(admin.start(data.chosen, days[0], savedSelection="One school")["syncId"])

    assert again["state"] == "succeeded"
    assert again["savedSelection"]["schools"] == 1
    assert again["message"] == "Nothing has changed since the last sync; nothing was written."


@pytest.mark.parametrize("method", ["sftp", "rest"])
def test_a_group_with_a_server_is_read_changed_and_keeps_its_secret(admin: Client, data: Data, method: str) -> None:
    path = f"/groups/{data.far[method]}"
    answer = admin.http.get(path)
    assert answer.status_code == 200, answer.text

    held: dict[str, Any] = {"If-Match": answer.headers["etag"]}
    changed = admin.call("PATCH", path, {"description": "changed"}, **held)

    assert (changed["description"], changed["source"]["credentials"]["set"]) == ("changed", True)
    assert len(admin.call("GET", "/groups?limit=200")["items"]) == len(QUESTIONS) + 5
    tried = admin.call("POST", f"{path}/connection-test")
    assert "credentials" not in json.dumps(tried)


def test_the_last_version_is_put_back_and_goes_on_with_what_today_s_has_written(
    stack: Stack, admin: Client, data: Data, days: tuple[Path, Path], tmp_path: Path
) -> None:
    started_today = admin.start(admin.new_group("Waits through a way back"), days[0], "selective")["syncId"]
    admin.until(started_today, asks="orgs")

    changes = _deployed(stack, _version(BACK_TO, tmp_path))
    admin = Client(stack, "admin")

    assert [change for change in changes if change.kind in KEPT and change.replaced] == []
    done = admin.until(admin.start(data.chosen, days[0], savedSelection="One school")["syncId"])
    assert done["message"] == "Nothing has changed since the last sync; nothing was written."
    for asked in QUESTIONS[:3]:
        admin.answer(started_today, asked)
    done = admin.until(started_today)
    assert done["state"] == "succeeded", done["message"]
