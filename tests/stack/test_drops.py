"""A sender's side: files put into the bucket, and nothing else done."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from local.stack import Stack
from tests.stack.client import SETTLES_WITHIN_S, Client

pytestmark = pytest.mark.xdist_group("stack")


def put(stack: Stack, key: str, body: bytes) -> None:
    stack.client("s3").put_object(Bucket=stack.outputs["DataBucket"], Key=key, Body=body)


def settled(admin: Client, group_id: str, number: int) -> list[dict[str, Any]]:
    """What arrived, once there are so many and none of their syncs is on its way."""
    until = time.monotonic() + SETTLES_WITHIN_S
    while True:
        arrived = admin.call("GET", f"/groups/{group_id}/arrivals")["items"]
        live = [each for each in arrived if each["syncState"] in ("queued", "running")]
        if len(arrived) == number and not live:
            return list(arrived)
        assert time.monotonic() < until, arrived
        time.sleep(0.2)


def test_a_zip_put_into_the_groups_folder_is_synced_and_listed(admin: Client, stack: Stack, district: Path) -> None:
    group_id = admin.new_group("Dropped")

    put(stack, f"drop/{group_id}/district.zip", district.read_bytes())
    put(stack, f"drop/{group_id}/users.csv", b"sourcedId\n")

    arrived = {each["name"]: each for each in settled(admin, group_id, 2)}
    assert (arrived["district.zip"]["outcome"], arrived["district.zip"]["syncState"]) == ("taken", "succeeded")
    assert (arrived["users.csv"]["outcome"], arrived["users.csv"]["syncId"]) == ("notAZip", None)
    last = admin.call("GET", f"/groups/{group_id}/syncs/last")
    assert (last["syncId"], last["users"]["created"]) == (arrived["district.zip"]["syncId"], 220)


def test_a_file_for_no_group_is_seen_by_an_admin_of_all_groups(admin: Client, stack: Stack) -> None:
    put(stack, "drop/nobody/lost.zip", b"PK\x03\x04")

    until = time.monotonic() + SETTLES_WITHIN_S
    while not (lost := admin.call("GET", "/arrivals")["items"]):
        assert time.monotonic() < until
        time.sleep(0.2)
    assert (lost[0]["name"], lost[0]["outcome"]) == ("drop/nobody/lost.zip", "unknownGroup")


def test_of_many_files_at_once_every_one_is_accounted_for_and_the_group_is_free_at_the_end(
    admin: Client, stack: Stack, district: Path
) -> None:
    group_id = admin.new_group("Many")
    body = district.read_bytes()
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: put(stack, f"drop/{group_id}/{number}.zip", body), range(12)))

    states = [each["syncState"] for each in settled(admin, group_id, 12)]

    assert set(states) == {"succeeded", "superseded"}
    assert admin.call("GET", f"/groups/{group_id}")["sync"] is None
    assert len(admin.call("GET", f"/groups/{group_id}/syncs")["items"]) == 12
