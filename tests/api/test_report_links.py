"""The log's links: what a browser saves is found again among other downloads."""

import csv
import io
import zipfile
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import pytest

from chalicelib.api.syncs import file_stem
from tests.api.test_routes import call
from tests.engine.test_plan import TWO_SCHOOLS, without
from tests.portal.test_truth import district
from tests.steps.walk import Walk, make_group, zipped

pytestmark = pytest.mark.usefixtures("aws")


def test_a_log_is_saved_under_its_groups_name_and_date_and_opened_by_what_it_is() -> None:
    make_group()
    sync = Walk(district()).through()

    _, answer = call(f"GET /syncs/{sync.sync_id}/report")
    asked = {each["name"]: parse_qs(urlsplit(each["url"]).query) for each in answer["files"]}

    assert asked["report.xlsx"]["response-content-disposition"] == ['attachment; filename="Lakeside-2026-09-01-0600-report.xlsx"']
    assert asked["report.xlsx"]["response-content-type"][0].endswith("spreadsheetml.sheet")


def test_a_csv_of_the_log_is_saved_as_the_file_that_excel_opens() -> None:
    make_group()
    sync = Walk(district()).through()

    _, answer = call(f"GET /syncs/{sync.sync_id}/report")
    asked = {each["name"]: parse_qs(urlsplit(each["url"]).query) for each in answer["files"]}["changes.csv.gz"]

    assert asked["response-content-disposition"] == ['attachment; filename="Lakeside-2026-09-01-0600-changes.csv"']
    assert (asked["response-content-type"], asked["response-content-encoding"]) == (["text/csv; charset=utf-8"], ["gzip"])


@pytest.mark.parametrize("version", ["1.2", "1.1"])
def test_what_a_sync_changed_is_a_delta_for_other_systems(version: str) -> None:
    make_group()
    first = Walk(zipped(TWO_SCHOOLS)).through()
    sync = Walk(zipped(without("users", "idle")), day=1).through()

    status, answer = call(f"GET /syncs/{sync.sync_id}/delta", query={"version": version})
    of_first, refusal = call(f"GET /syncs/{first.sync_id}/delta", query={"version": version})
    hidden, masked = call(f"GET /syncs/{sync.sync_id}/delta", role="viewer")

    path = unquote(urlsplit(answer["url"]).path).lstrip("/").removeprefix("data/")
    body = boto3.client("s3").get_object(Bucket="data", Key=path)["Body"].read()
    with zipfile.ZipFile(io.BytesIO(body)) as delta:
        users = list(csv.DictReader(io.StringIO(delta.read("users.csv").decode())))
    assert (status, [(row["sourcedId"], row["status"]) for row in users]) == (200, [("idle", "tobedeleted")])
    assert (of_first, "the first" in refusal["detail"]) == (404, True)
    assert (hidden, masked["url"]) == (200, None)


@pytest.mark.parametrize(
    ("name", "stem"),
    [("Académie de Rouen", "Academie-de-Rouen"), ("東京国際学区", "group"), ('a"b/../c', "a-b-c"), ("x" * 120, "x" * 60)],
    ids=["accents", "no letter of ASCII", "what no file may be called", "long"],
)
def test_any_group_has_a_name_for_its_files(name: str, stem: str) -> None:
    assert file_stem(name) == stem
