"""A provider's API in the portal: what is fetched is seen while it comes."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from samples.district import SHAPES, District
from tests.provider.records import rendered
from tests.provider.serving import CLIENT_ID, CLIENT_SECRET, Behaviour, Provider, served
from tests.stack.client import Client

pytestmark = pytest.mark.xdist_group("stack")


def test_an_admin_sees_how_far_each_list_is_read(page: Page, admin: Client) -> None:
    lists = rendered(District(SHAPES["tiny"], seed=1, version="1.2", day=1, problems=False))
    with served(Provider("1.2", lists, Behaviour(slow_s=1.0))) as origin:
        source: dict[str, Any] = {"method": "rest", "baseUrl": origin, "tokenUrl": f"{origin}/token", "pageSize": 50}
        credentials = {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}
        group_id = admin.new_group("Seen by API", source={**source, "credentials": credentials})
        sync_id = admin.call("POST", f"/groups/{group_id}/syncs", {"mode": "full"}, 202)["syncId"]

        page.goto(f"/groups/{group_id}/status")

        expect(page.get_by_text(re.compile(r"\d+ of \d+ pages, about"))).to_be_visible()
        expect(page.get_by_role("progressbar", name="Enrollments")).to_be_visible()
        ended = admin.until(sync_id)
    assert ended["state"] == "succeeded", ended["message"]
