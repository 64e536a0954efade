"""The sixteen steps by the API, against the real parts: routes, machine, Lambdas, tables, bucket, events."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest

from chalicelib.platform.writer import SHARDS
from local.client import Client
from local.stack import Stack
from oneroster_engine.sample_district import SHAPES, District, write
from oneroster_engine.standard.entities import ENTITIES

pytestmark = pytest.mark.xdist_group("stack")


def items(stack: Stack, group_id: str, *entities: str) -> list[dict[str, Any]]:
    """The platform's records, removed ones too, read from the table itself. All groups' are there, so it is never read whole."""
    pages = stack.client("dynamodb").get_paginator("query").paginate
    asked: dict[str, Any] = {"TableName": stack.outputs["RosterTable"], "KeyConditionExpression": "#shard = :shard"}
    asked["ExpressionAttributeNames"] = {"#shard": "shard"}
    found: list[dict[str, Any]] = []
    for shard in (f"{group_id}#{entity}#{number:02d}" for entity in entities or ENTITIES for number in range(SHARDS)):
        for page in pages(**asked, ExpressionAttributeValues={":shard": {"S": shard}}):
            found += page["Items"]
    return found


def roster(stack: Stack, group_id: str, entity: str, status: str = "active") -> set[str]:
    return {item["sourcedId"]["S"] for item in items(stack, group_id, entity) if item["status"]["S"] == status}


def fill(url: str, out: Path, sheet: str, yes: set[str]) -> Path:
    """Open a downloaded workbook, write Yes beside some rows, save it: as a person does."""
    book = openpyxl.load_workbook(io.BytesIO(httpx.get(url).content))
    page = book[sheet]
    columns = {cell.value: cell.column for cell in page[1]}
    for row in range(2, page.max_row + 1):
        if page.cell(row, columns["sourcedId"]).value in yes:
            page.cell(row, columns["sync"]).value = " YES "
    book.save(out)
    return out


def test_a_district_is_brought_in_by_both_workbooks_and_a_choice_of_people(
    admin: Client, stack: Stack, district: Path, tmp_path: Path
) -> None:
    group_id = admin.new_group("By workbook")
    sync_id = admin.start(group_id, district, "selective")["syncId"]
    assert admin.until(sync_id, asks="orgs")["state"] == "waiting"

    schools = admin.call("GET", f"/syncs/{sync_id}/orgs")
    assert (schools["total"], schools["items"][0]["new"]) == (3, False)
    link = admin.call("GET", f"/syncs/{sync_id}/orgs/sheet")
    filled = fill(link["url"], tmp_path / "Org.xlsx", "Org", {"00001"})
    sheet = admin.upload(f"/syncs/{sync_id}/orgs/sheet", filled)
    answer = admin.call("POST", f"/syncs/{sync_id}/orgs/sheet/{sheet}/check")
    assert (answer["chosen"], answer["notChosen"], answer["usable"], answer["missing"]) == (1, 2, True, 0)
    admin.call("POST", f"/syncs/{sync_id}/orgs/selection", {"sheetUploadId": sheet}, 202)

    admin.until(sync_id, asks="classes")
    classes = admin.call("GET", f"/syncs/{sync_id}/classes?limit=1000")
    assert {each["schoolSourcedId"] for each in classes["items"]} == {"00001"}
    wanted = {each["sourcedId"] for each in classes["items"][:4]}
    link = admin.call("GET", f"/syncs/{sync_id}/classes/sheet")
    sheet = admin.upload(f"/syncs/{sync_id}/classes/sheet", fill(link["url"], tmp_path / "Classes.xlsx", "Classes", wanted))
    assert admin.call("POST", f"/syncs/{sync_id}/classes/sheet/{sheet}/check")["chosen"] == 4
    admin.call("POST", f"/syncs/{sync_id}/classes/selection", {"sheetUploadId": sheet}, 202)

    admin.until(sync_id, asks="statuses")
    matrix = admin.call("GET", f"/syncs/{sync_id}/statuses")
    ticked = [cell for cell in matrix["cells"] if cell["preset"]]
    assert {cell["status"] for cell in ticked} == {"blank"}
    cells = [{"status": cell["status"], "userType": cell["userType"]} for cell in ticked]
    answer = admin.call("POST", f"/syncs/{sync_id}/statuses/selection", {"cells": cells}, 202)
    assert answer["message"].startswith("Sync started.")

    done = admin.until(sync_id)
    assert (done["state"], done["question"]) == ("succeeded", None)
    assert roster(stack, group_id, "classes") == wanted
    assert roster(stack, group_id, "orgs") == {"00001", "district"}
    assert len(roster(stack, group_id, "users")) == done["counts"]["users"]["created"] == sum(cell["users"] for cell in ticked)

    last = admin.call("GET", f"/groups/{group_id}/syncs/last")
    assert (last["status"], last["classes"]["created"], last["lastSyncDate"] is not None) == ("succeeded", 4, True)
    for entity in ("users", "classes", "orgs", "enrollments"):
        assert last[entity]["read"] == last[entity]["kept"] + last[entity]["leftOut"]


def listening(stack: Stack, group_id: str) -> str:
    """A queue of another system, behind a rule of its own on the stack's bus; its address."""
    sqs, events = stack.client("sqs"), stack.client("events")
    url: str = sqs.create_queue(QueueName="of-another-system")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule = {"Name": "of-another-system", "EventBusName": stack.outputs["EventBus"]}
    events.put_rule(**rule, EventPattern=json.dumps({"detail": {"data": {"groupId": [group_id]}}}))
    events.put_targets(Rule=rule["Name"], EventBusName=rule["EventBusName"], Targets=[{"Id": "queue", "Arn": arn}])
    return url


def heard(stack: Stack, url: str, number: int) -> list[dict[str, Any]]:
    """What has come into the queue, once there are so many or a while has gone by."""
    found: list[dict[str, Any]] = []
    for _ in range(20):
        came = stack.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        found += [json.loads(each["Body"]) for each in came.get("Messages", [])]
        if len(found) >= number:
            break
    return found


def test_everything_is_synced_and_told_on_the_bus_without_questions_and_a_second_time_nothing_is_written(
    admin: Client, stack: Stack, district: Path
) -> None:
    group_id = admin.new_group("Everything")
    queue = listening(stack, group_id)

    first = admin.sync_all(group_id, district)
    second = admin.sync_all(group_id, district)

    assert (first["state"], first["counts"]["users"]["created"]) == ("succeeded", 220)
    assert len(roster(stack, group_id, "users") | roster(stack, group_id, "users", "inactive")) == 220
    assert second["message"] == f"Nothing has changed since sync {first['syncId']}: the file is the same. Nothing was written."
    assert second["counts"]["users"]["unchanged"] == 220
    told = heard(stack, queue, 3)
    assert sorted((each["detail-type"], each["detail"]["data"]["syncId"]) for each in told) == sorted(
        [("roster.changed", first["syncId"]), ("sync.finished", first["syncId"]), ("sync.finished", second["syncId"])]
    )


def test_the_log_is_a_workbook_and_gzipped_tables(admin: Client, district: Path) -> None:
    group_id = admin.new_group("Log")
    sync = admin.sync_all(group_id, district)

    files = {each["name"]: each for each in admin.call("GET", f"/syncs/{sync['syncId']}/report")["files"]}

    book = openpyxl.load_workbook(io.BytesIO(httpx.get(files["report.xlsx"]["url"]).content))
    assert book.sheetnames == ["Summary", "Schools", "Problems", "Changes"]
    rows = {row[0]: row for row in book["Summary"].iter_rows(values_only=True)}
    assert rows["users"][1:4] == (220, 220, 0)
    sent = httpx.get(files["changes.csv.gz"]["url"])  # unpacked on the way, as a browser does
    assert (sent.headers["content-encoding"], sent.headers["content-disposition"][-13:]) == ("gzip", '-changes.csv"')
    changes = sent.content.decode("utf-8-sig")
    assert changes.count("\r\n") == 1 + book["Changes"].max_row - 1
    assert files["bundle.zip"]["sizeBytes"] == district.stat().st_size


def zipped(**files: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.csv"), content)
    return packed.getvalue()


ANY = "sourcedId\n"
ORGS = "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\n1,,,North,school,,\n"
MISSPELT = zipped(orgs=ORGS.replace("name", "nmae"), classes=ANY, users=ANY, enrollments=ANY)


@pytest.mark.parametrize("mode", ["full", "selective"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"this is no zip", "not a ZIP that can be read", id="no ZIP"),
        pytest.param(zipped(orgs=ORGS), "lacks classes.csv, users.csv, enrollments.csv", id="files missing"),
        pytest.param(MISSPELT, "required column `name` is missing; the nearest is `nmae`", id="a column misspelt"),
    ],
)
def test_a_bundle_that_is_none_is_refused_in_a_sentence_and_changes_nothing(
    admin: Client, stack: Stack, tmp_path: Path, content: bytes, said: str, mode: str
) -> None:
    group_id = admin.new_group("Refused")
    bad = tmp_path / "bad.zip"
    bad.write_bytes(content)

    sync = admin.until(admin.start(group_id, bad, mode)["syncId"])

    assert sync["state"] == "refused"
    assert said in sync["message"]
    assert sync["message"].endswith("Nothing was changed.")
    assert roster(stack, group_id, "orgs") == set()
    assert admin.call("GET", f"/groups/{group_id}")["sync"] is None


def test_problems_are_told_by_root_cause_with_their_rows(admin: Client, tmp_path: Path) -> None:
    dirty = tmp_path / "dirty.zip"
    write(District(SHAPES["tiny"], seed=3, version="1.2", day=1, problems=True), dirty)
    sync = admin.until(admin.start(admin.new_group("Dirty"), dirty)["syncId"])

    groups = admin.call("GET", f"/syncs/{sync['syncId']}/problems")

    worst = groups["items"][0]
    rows = admin.http.get(f"/syncs/{sync['syncId']}/problems/rows", params={"cause": worst["cause"]}).json()
    assert (worst["severity"], bool(worst["howToFix"])) == ("error", True)
    assert rows["total"] == worst["explains"] > 0
    assert sum(sync["counts"][name]["leftOut"] for name in ("orgs", "classes", "users", "enrollments")) > 0


def test_a_busy_group_says_which_sync_and_the_same_key_gives_the_same_sync(admin: Client, district: Path) -> None:
    group_id = admin.new_group("Busy")
    upload_id = admin.upload(f"/groups/{group_id}/uploads", district)
    body = {"mode": "selective", "uploadId": upload_id}
    path = f"/groups/{group_id}/syncs"
    first = admin.call("POST", path, body, 202, **{"Idempotency-Key": "k1"})

    assert admin.call("POST", path, body, 202, **{"Idempotency-Key": "k1"})["syncId"] == first["syncId"]
    refused = admin.call("POST", path, body, 409)
    assert (refused["syncId"], first["syncId"] in refused["detail"]) == (first["syncId"], True)

    admin.until(first["syncId"], asks="orgs")
    cancelled = admin.call("POST", f"/syncs/{first['syncId']}/cancel", None, 202)
    assert (cancelled["state"], cancelled["message"]) == ("cancelled", "Cancelled. Nothing was changed.")
    assert admin.call("GET", f"/groups/{group_id}")["sync"] is None


def test_a_question_is_answered_once_whoever_comes_second(admin: Client, district: Path) -> None:
    group_id = admin.new_group("Twice")
    sync_id = admin.start(group_id, district, "selective")["syncId"]
    admin.until(sync_id, asks="orgs")

    unknown = admin.call("POST", f"/syncs/{sync_id}/orgs/selection", {"ids": ["nowhere"]}, 422)
    assert "nowhere" in unknown["detail"]
    admin.call("POST", f"/syncs/{sync_id}/orgs/selection", {"ids": ["00001", "00002"]}, 202)
    again = admin.call("POST", f"/syncs/{sync_id}/orgs/selection", {"all": True}, 409)

    assert "is not waiting for a choice of schools" in again["detail"]
    admin.until(sync_id, asks="classes")
    assert {row["schoolSourcedId"] for row in admin.call("GET", f"/syncs/{sync_id}/classes")["items"]} == {"00001", "00002"}


def shrunk(tmp_path: Path, district: Path) -> Path:
    """The same district without most of its people."""
    out = tmp_path / "shrunk.zip"
    with zipfile.ZipFile(district) as whole, zipfile.ZipFile(out, "w") as packed:
        for name in whole.namelist():
            lines = whole.read(name).decode().splitlines(keepends=True)
            kept = lines[:60] if name in ("users.csv", "enrollments.csv") else lines
            packed.writestr(name, "".join(kept))
    return out


@pytest.mark.parametrize(
    ("decision", "state", "left"),
    [("approve", "succeeded", 59), ("approveWithoutRemovals", "succeeded", 220), ("discard", "discarded", 220)],
)
def test_a_plan_that_empties_a_school_waits_for_a_word(
    admin: Client, stack: Stack, district: Path, tmp_path: Path, decision: str, state: str, left: int
) -> None:
    group_id = admin.new_group(f"Held {decision}")
    admin.sync_all(group_id, district)
    before = roster(stack, group_id, "users") | roster(stack, group_id, "users", "inactive")

    sync_id = admin.start(group_id, shrunk(tmp_path, district))["syncId"]
    assert admin.until(sync_id, asks="approval")["held"] is True
    plan = admin.call("GET", f"/syncs/{sync_id}/plan")
    assert "would be deactivated" in json.dumps(plan["breaches"])
    gone = admin.call("GET", f"/syncs/{sync_id}/plan/changes?entity=users&action=deactivate&limit=5")
    assert (gone["total"], gone["items"][0]["reason"]) == (161, "left the source")
    assert roster(stack, group_id, "users") | roster(stack, group_id, "users", "inactive") == before
    admin.call("POST", f"/syncs/{sync_id}/approval", {"decision": decision}, 202)

    assert admin.until(sync_id)["state"] == state
    assert len([item for item in items(stack, group_id, "users") if "removedAt" not in item]) == left


def test_an_execution_stopped_from_outside_gives_the_lock_back(admin: Client, stack: Stack, district: Path) -> None:
    group_id = admin.new_group("Aborted")
    sync_id = admin.start(group_id, district, "selective")["syncId"]
    admin.until(sync_id, asks="orgs")
    execution = stack.outputs["StateMachineArn"].replace(":stateMachine:", ":execution:") + f":{sync_id}"

    stack.client("stepfunctions").stop_execution(executionArn=execution)

    ended = admin.until(sync_id)
    assert ended["state"] == "cancelled"
    assert ended["message"].startswith("The sync was stopped from outside.")
    assert admin.call("GET", f"/groups/{group_id}")["sync"] is None


def test_nobody_gets_in_without_a_token_and_a_role_reaches_as_far_as_it_says(stack: Stack, admin: Client) -> None:
    open_to_all = {path: httpx.get(f"{stack.api_url}{path}").status_code for path in ("/health", "/openapi.json")}
    closed = [httpx.get(f"{stack.api_url}{path}") for path in ("/me", "/groups")]
    closed.append(httpx.get(f"{stack.api_url}/me", headers={"Authorization": "Bearer made.up.token"}))
    viewer, operator = Client(stack, "viewer"), Client(stack, "operator")

    assert open_to_all == {"/health": 200, "/openapi.json": 200}
    assert {answer.status_code for answer in closed} == {401}
    assert {answer.headers["content-type"] for answer in closed} == {"application/problem+json"}
    assert {(message["title"], message["status"]) for message in (answer.json() for answer in closed)} == {("Not signed in", 401)}
    assert viewer.call("GET", "/me")["role"] == "viewer"
    assert "needs the role admin" in operator.call("POST", "/groups", {"name": "No"}, 403)["detail"]
    viewer.call("POST", "/groups/any/uploads", {"fileName": "a.zip", "size": 1}, 403)


def test_the_day_after_only_the_differences_are_written(admin: Client, tmp_path: Path, district: Path) -> None:
    group_id = admin.new_group("Day two", guard={"floor": 1000})
    admin.sync_all(group_id, district)
    next_day = tmp_path / "day2.zip"
    write(District(SHAPES["tiny"], seed=1, version="1.1", day=2, problems=False), next_day)

    sync = admin.sync_all(group_id, next_day)

    counts: dict[str, Any] = sync["counts"]["users"]
    assert sync["state"] == "succeeded"
    assert 0 < counts["created"] + counts["updated"] + counts["deactivated"] < 30
