"""When the clock holds back, and next year's data tried before it counts: by a person's clicks, on a group that fetches."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from local.client import Client
from local.peers.sftp import openssh
from local.stack import Stack
from tests.stack.test_decisions import records
from tests.stack.test_flow import shrunk

pytestmark = pytest.mark.xdist_group("portal")


def test_an_admin_pauses_blacks_out_resumes_and_rehearses_from_the_groups_own_server(
    page: Page, stack: Stack, district: Path, tmp_path: Path
) -> None:
    api = Client(stack, "admin")
    with openssh() as (sshd, source):
        shutil.copy(district, sshd.files / "roster.zip")
        daily = {"frequency": "daily", "at": "02:00", "timeZone": "UTC"}
        group_id = api.new_group("Clicks in the calendar", source=source, schedule=daily)
        api.until(api.call("POST", f"/groups/{group_id}/syncs", {"mode": "full"}, 202)["syncId"])
        before = records(stack, group_id)

        page.goto(f"/groups/{group_id}/calendar")
        page.get_by_label("Why").fill("Marks are written")
        page.get_by_role("button", name="Pause", exact=True).click()
        expect(page.get_by_text("Paused until they are resumed: Marks are written")).to_be_visible()
        assert api.call("GET", f"/groups/{group_id}")["nextRunAt"] is None
        page.route(f"**/groups/{group_id}", lambda route: route.abort() if route.request.method == "GET" else route.fallback())
        page.get_by_role("button", name="Resume").click()
        expect(page.get_by_text("Scheduled syncs run again.")).to_be_visible()
        assert api.call("GET", f"/groups/{group_id}")["nextRunAt"] is not None
        page.get_by_label("First day", exact=True).fill("2030/12/20")
        page.get_by_label("Last day", exact=True).fill("2031/01/03")
        page.get_by_label("Reason").fill("Holidays")
        page.get_by_role("button", name="Add blackout").click()
        expect(page.get_by_role("row", name="Holidays")).to_be_visible()  # though the group has not been read again since
        page.unroute(f"**/groups/{group_id}")
        [blackout] = api.call("GET", f"/groups/{group_id}")["calendar"]["blackouts"]
        assert (blackout["from"], blackout["to"]) == ("2030-12-20", "2031-01-03")

        shutil.copy(shrunk(tmp_path, district), sshd.files / "roster.zip")
        page.get_by_role("button", name="Start a rehearsal").click()
        page.get_by_role("button", name="Fetch and rehearse").click()
        expect(page.get_by_role("heading", name="Changes in numbers")).to_be_visible(timeout=60_000)
        expect(page.get_by_text("would be deactivated").first).to_be_visible()
        expect(page.get_by_role("button", name="Approve", exact=True)).to_be_hidden()
        page.get_by_role("button", name="Discard").first.click()
        expect(page.get_by_text("The changes were discarded. Nothing was changed.").first).to_be_visible(timeout=60_000)
        assert records(stack, group_id) == before
