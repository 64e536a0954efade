"""A group that fetches by SFTP, made, tested and synced by a person's clicks, from a real OpenSSH server."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from local.peers.sftp import Sshd, make_key
from tests.portal.test_portal import choose_everything, choose_in_menu

pytestmark = pytest.mark.xdist_group("portal")


@pytest.fixture
def sshd(district: Path) -> Iterator[Sshd]:
    server = Sshd()
    try:
        shutil.copy(district, server.files / "riverside.zip")
        server.start()
        yield server
    finally:
        server.remove()


def test_an_admin_makes_a_group_by_sftp_confirms_the_servers_key_and_syncs_by_choice_and_whole(page: Page, sshd: Sshd) -> None:
    ours = make_key(sshd.folder / "ours", "ed25519", "a phrase")
    sshd.let_in(ours)
    page.goto("/groups/new")
    page.get_by_label("Name", exact=True).fill("Clicks by SFTP")
    page.get_by_role("radio", name="SFTP").check()
    page.get_by_label("Host", exact=True).fill("127.0.0.1")
    page.get_by_label("Port").fill(str(sshd.port))
    page.get_by_label("User name", exact=True).fill(sshd.user)
    page.get_by_role("radio", name="Private key").check()
    page.get_by_label("Private key", exact=True).last.fill(ours.read_text())
    page.get_by_label("Passphrase").fill("a phrase")
    page.get_by_role("textbox", name="Path").fill(f"{sshd.files}/*.zip")
    page.get_by_role("button", name="Save and test connection").click()

    expect(page.get_by_text(sshd.fingerprint)).to_be_visible()
    page.get_by_role("button", name="Confirm this key").click()
    expect(page.get_by_text("The connection works")).to_be_visible()
    expect(page.get_by_text("riverside.zip, ")).to_be_visible()
    expect(page.get_by_text("3 schools.")).to_be_visible()
    assert "PRIVATE KEY" not in page.content()

    choose_in_menu(page, "Clicks by SFTP", "Selective sync")
    choose_everything(page)
    page.get_by_role("button", name="Sync", exact=True).click()
    expect(page.get_by_text("Succeeded").first).to_be_visible(timeout=60_000)

    choose_in_menu(page, "Clicks by SFTP", "Sync all data \N{EN DASH} SFTP")
    page.get_by_role("button", name="Fetch and sync all data").click()
    whole = page.get_by_role("row").filter(has_text="All data")
    expect(whole.get_by_text("Succeeded")).to_be_visible(timeout=60_000)
