"""Looking at a child leaves a trace without a name, what costs much is bounded by person, and the audit can be taken along."""

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pytest
from botocore.exceptions import ClientError

from chalicelib.api.routing import ROUTES
from chalicelib.api.shapes import Upload
from chalicelib.model.ids import new_sync_id
from chalicelib.model.records import Sync
from chalicelib.store import access, audit, files, syncs, usage
from infra import functions
from tests.api.test_routes import answered, call
from tests.conftest import LIMITS
from tests.platform.test_writer import change, write
from tests.steps.walk import NOW, make_group

pytestmark = pytest.mark.usefixtures("aws")


def test_a_look_at_a_child_says_who_looked_and_at_which_record_and_no_name() -> None:
    make_group()
    write([change("u1", name="Annabel Lee")])

    assert call("GET /groups/g1/roster/orgs/record", query={"id": "none"})[0] == 404
    [entry] = seen_after("GET /groups/g1/roster/users/record", {"id": "u1"})

    assert (entry.who, entry.what, entry.subjects, entry.rows) == ("u1", "record shown", ("users/u1",), 1)
    assert "Annabel" not in json.dumps(boto3.client("dynamodb").scan(TableName="Access")["Items"])


def seen_after(said: str, query: dict[str, str]) -> list[access.Access]:
    status, answer = call(said, query=query)
    assert status == 200, answer
    return access.entries("g1", 10)


def test_a_trace_entry_goes_by_itself_after_a_year() -> None:
    access.record("g1", "u1", "record shown", NOW, "n", ["users/u1"], 1)

    [item] = boto3.client("dynamodb").scan(TableName="Access")["Items"]
    assert int(item["expiresAt"]["N"]) == int((NOW + timedelta(days=365)).timestamp())


def test_who_has_seen_a_record_can_be_asked() -> None:
    make_group()
    access.record("g1", "vera", "record shown", NOW, "a", ["users/u1"], 1)
    access.record("g1", "olu", "people listed", NOW + timedelta(minutes=1), "b", ["users/u2", "users/u1"], 2)
    access.record("g1", "ada", "people listed", NOW + timedelta(minutes=2), "c", ["users/u2"], 1)

    answer = call("GET /groups/g1/access", query={"search": "users/u1"})[1]

    assert ([each["who"] for each in answer["items"]], answer["total"]) == (["olu", "vera"], 2)


READS_PEOPLE = {
    "GET /groups/{groupId}/roster/{entity}",
    "GET /groups/{groupId}/roster/{entity}/record",
    "GET /groups/{groupId}/trace",
    "GET /groups/{groupId}/compare/rows",
    "GET /syncs/{syncId}/plan/changes",
    "GET /syncs/{syncId}/plan/renumbered",
    "GET /syncs/{syncId}/sanity/rows",
    "GET /syncs/{syncId}/problems/rows",
}


def test_each_route_that_shows_people_is_known_here() -> None:
    there = {f"{route.method} {route.path}" for route in ROUTES}

    assert there >= READS_PEOPLE


def test_one_person_gets_no_more_forms_to_upload_than_a_person_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    make_group()
    boto3.client("ssm").put_parameter(Name="/limits", Value=json.dumps({**LIMITS, "uploadsAnHour": 2}), Overwrite=True)
    wanted = {"fileName": "a.zip", "size": 1}

    answers = [call("POST /groups/g1/uploads", wanted) for _ in range(3)]

    assert [status for status, _ in answers] == [201, 201, 429]
    assert "within this hour" in answers[2][1]["detail"]
    assert usage.allowed("another", "upload", 2, NOW)
    headers = answered("POST /groups/g1/uploads", wanted)["headers"]
    assert 0 < int(headers["Retry-After"]) <= 3600


COUNTED = {
    "upload": {
        "POST /groups/{groupId}/uploads",
        "POST /syncs/{syncId}/classes/sheet",
        "POST /syncs/{syncId}/orgs/sheet",
    },
    "start": {
        "POST /connection-test",
        "POST /groups/{groupId}/connection-test",
        "POST /groups/{groupId}/syncs",
        "POST /groups/{groupId}/webhooks/{webhookId}/deliveries/{deliveryId}/again",
        "POST /groups/{groupId}/webhooks/{webhookId}/test",
        "POST /syncs/{syncId}/undo",
    },
    "list": {
        "GET /groups",
        "GET /groups/{groupId}/audit/export",
        "GET /groups/{groupId}/compare",
        "GET /groups/{groupId}/compare/rows",
        "GET /groups/{groupId}/person",
        "GET /groups/{groupId}/trace",
        "GET /overview",
        "GET /syncs/{syncId}/delta",
        "POST /groups/{groupId}/erasures",
        "POST /syncs/{syncId}/classes/sheet/{uploadId}/check",
        "POST /syncs/{syncId}/orgs/sheet/{uploadId}/check",
    },
}


def test_what_gives_a_form_starts_work_calls_a_stranger_s_server_or_reads_whole_files_and_tables_is_counted() -> None:
    counted = {kind: {f"{each.method} {each.path}" for each in ROUTES if each.costly == kind} for kind in COUNTED}

    assert counted == COUNTED
    assert {f"{each.method} {each.path}" for each in ROUTES if each.answer is Upload} == COUNTED["upload"]


def test_who_has_done_too_much_may_again_with_the_next_hour() -> None:
    assert [usage.next_hour_s(NOW + timedelta(minutes=each)) for each in (0, 59, 90)] == [3600, 60, 1800]


def started() -> str:
    sync_id = new_sync_id("g1", NOW, "aa")
    fields = {"group_id": "g1", "sync_id": sync_id, "mode": "full", "trigger": "api", "started_by": "Ada", "started_at": NOW}
    syncs.start(Sync.model_validate(fields | {"state": "running"}))
    return sync_id


def exported(form: str) -> str:
    status, answer = call("GET /groups/g1/audit/export", query={"format": form})
    assert status == 200, answer
    [key] = [each["Key"] for each in boto3.client("s3").list_objects_v2(Bucket="data")["Contents"] if key_of(each, form)]
    return boto3.client("s3").get_object(Bucket="data", Key=key)["Body"].read().decode()


def key_of(each: Any, form: str) -> bool:
    return str(each["Key"]).endswith(form)


def test_the_whole_audit_is_exported_and_holds_no_formula() -> None:
    make_group()
    for number in range(3):
        audit.record("g1", "u1", "group changed", NOW + timedelta(minutes=number), "c", None, {"n": number}, "=HYPERLINK(1)")

    lines = [json.loads(line) for line in exported("jsonl").splitlines()]
    rows = list(csv.DictReader(io.StringIO(exported("csv").removeprefix("\ufeff"))))

    assert [each["detail"] for each in lines] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert [each["name"] for each in rows[:3]] == ["'=HYPERLINK(1)"] * 3
    assert rows[3]["what"] == "audit exported"


def test_all_that_is_held_about_one_person_is_exported_and_nobody_elses(tmp_path: Path) -> None:
    make_group()
    write([change("u1", name="Annabel Lee"), change("u2", name="Someone Else")])
    sync_id = started()
    people = "('users', 'u1', 'create', 'Annabel Lee'), ('users', 'u2', 'create', 'Someone Else')"
    rows = f"VALUES {people}, ('classes', 'u1', 'create', 'Art')"
    parquet = tmp_path / "changes.parquet"
    duckdb.sql(f"COPY (SELECT * FROM ({rows}) AS t(entity, sourcedId, action, name)) TO '{parquet}' (FORMAT parquet)")
    files.upload(parquet, files.sync_key(sync_id, "plan/changes.parquet"))
    files.write_json(files.sync_key(sync_id, "bundle/bundle.zip"), {})
    access.record("g1", "vera", "record shown", NOW, "a", ["users/u1"], 1)

    status, answer = call("GET /groups/g1/person", query={"id": "u1"})

    assert (status, answer["syncs"], answer["complete"]) == (200, 1, True)
    [key] = [each["Key"] for each in boto3.client("s3").list_objects_v2(Bucket="data", Prefix="groups/g1/exports/")["Contents"]]
    held = json.loads(boto3.client("s3").get_object(Bucket="data", Key=key)["Body"].read())
    assert held["platform"]["fields"]["name"] == "Annabel Lee"
    assert [(each["syncId"], each["bundle"], len(each["changes"])) for each in held["syncs"]] == [(sync_id, ["bundle.zip"], 1)]
    assert [each["who"] for each in held["seenBy"]] == ["vera"]
    assert "Someone" not in json.dumps(held)
    assert "Art" not in json.dumps(held)
    assert call("GET /groups/g1/person", query={"id": "nobody"})[0] == 404


def test_an_audit_entry_is_never_written_over() -> None:
    audit.record("g1", "u1", "plan decided", NOW, "c", None, {"decision": "discard"})
    audit.record("g1", "u2", "plan decided", NOW, "c", None, {"decision": "approve"})

    [entry] = audit.entries("g1", 10)
    assert (entry.who, entry.detail) == ("u1", {"decision": "discard"})


def test_no_function_may_change_or_delete_what_the_audit_says() -> None:
    for function in functions.FUNCTIONS:
        for each in function.policy()["Statement"]:
            statement = each.get("Fn::If", ["", each])[1]
            if "AuditTable" in json.dumps(statement["Resource"]):
                assert set(statement["Action"]) <= {"dynamodb:PutItem", "dynamodb:Query"}, function.name


@pytest.mark.parametrize(("role", "given"), [("viewer", False), ("operator", False), ("admin", True)])
def test_the_bundle_as_received_is_given_to_admins_alone(role: str, given: bool) -> None:
    make_group()
    sync_id = started()
    files.write_json(files.sync_key(sync_id, "report/files.json"), [{"name": "report.xlsx", "title": "Log", "sizeBytes": 1}])
    files.write_json(files.sync_key(sync_id, "bundle/bundle.zip"), {})

    names = [each["name"] for each in call(f"GET /syncs/{sync_id}/report", role=role)[1]["files"]]

    assert names == ["report.xlsx", *(["bundle.zip"] if given else [])]


def test_a_refused_write_to_the_audit_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_TABLE", "Missing")

    with pytest.raises(ClientError):
        audit.record("g1", "u1", "plan decided", NOW, "c")
