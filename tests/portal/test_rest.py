"""A provider's API in the portal: what is fetched is seen while it comes."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from starlette.requests import Request
from starlette.responses import Response

from local.client import Client
from local.peers.provider import CLIENT_ID, CLIENT_SECRET, Provider, served
from local.peers.records import rendered
from oneroster_engine.sample_district import SHAPES, District
from tests.portal.test_portal import choose_everything, choose_in_menu

pytestmark = pytest.mark.xdist_group("portal")
FIRST_ROWS = 90  # less than two pages of 50, which overlap


class Gated(Provider):
    """Gives each list's first pages, and the others once the gate is open."""

    gate = False

    async def listed(self, request: Request) -> Response:
        while int(request.query_params.get("offset", 0)) >= FIRST_ROWS and not self.gate:
            await asyncio.sleep(0.05)
        return await super().listed(request)


def test_an_admin_sees_how_far_each_list_is_read(page: Page, admin: Client) -> None:
    provider = Gated("1.2", rendered(District(SHAPES["tiny"], seed=1, version="1.2", day=1, problems=False)))
    with served(provider) as origin:
        source: dict[str, Any] = {"method": "rest", "baseUrl": origin, "tokenUrl": f"{origin}/token", "pageSize": 50}
        credentials = {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}
        group_id = admin.new_group("Seen by API", source={**source, "credentials": credentials})
        sync_id = admin.call("POST", f"/groups/{group_id}/syncs", {"mode": "full"}, 202)["syncId"]
        try:
            page.goto(f"/groups/{group_id}/status")

            expect(page.get_by_text(re.compile(r"\d+ of \d+ pages, about"))).to_be_visible()
            expect(page.get_by_role("progressbar", name="Enrollments")).to_be_visible()
        finally:
            provider.gate = True
        ended = admin.until(sync_id)
    assert ended["state"] == "succeeded", ended["message"]


def test_an_admin_makes_a_group_by_api_and_syncs_by_choice_and_whole(page: Page) -> None:
    lists = rendered(District(SHAPES["tiny"], seed=1, version="1.1", day=1, problems=False))
    soon = f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%d}"
    with served(Provider("1.1", lists)) as origin:
        page.goto("/groups/new")
        page.get_by_label("Name", exact=True).fill("Clicks by API")
        page.get_by_role("radio", name="API").check()
        page.get_by_label("URL", exact=True).fill(origin)
        page.get_by_label("Token URL").fill(f"{origin}/token")
        page.get_by_label("Client id").fill(CLIENT_ID)
        page.get_by_label("Client secret").fill(CLIENT_SECRET)
        page.get_by_label(re.compile("Valid until")).fill(soon)
        page.get_by_role("button", name="How much is fetched").click()
        page.get_by_label("Only the selected schools").check()
        page.get_by_role("button", name="Save and test connection").click()
        expect(page.get_by_text("The connection works")).to_be_visible(timeout=30_000)
        expect(page.get_by_text("3 schools among 4 orgs.")).to_be_visible()
        assert CLIENT_SECRET not in page.content()

        choose_in_menu(page, "Clicks by API", "Selective sync")
        choose_everything(page)
        page.get_by_role("button", name="Sync", exact=True).click()
        expect(page.get_by_text("Succeeded").first).to_be_visible(timeout=60_000)

        choose_in_menu(page, "Clicks by API", "Sync all data \N{EN DASH} API")
        page.get_by_role("button", name="Fetch and sync all data").click()
        expect(page.get_by_role("heading", name=re.compile("created"))).to_be_visible(timeout=60_000)

    page.goto("/groups?search=Clicks by API")
    expect(page.get_by_text("Its secret is valid until")).to_be_visible()
