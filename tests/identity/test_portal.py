"""The portal of a stage whose people sign in with their own OpenID provider, in a real Chromium."""

from pathlib import Path
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, expect

from infra.build import build
from infra.deploy import Provider, portal_config
from local.ports import free_port
from local.stack import REGION, Stack
from tests.identity.conftest import running
from tests.portal.conftest import serving

pytestmark = pytest.mark.xdist_group("identity")


class WithProvider(Stack):
    """A stage that has the three parameters of docs/operate/identity-provider.md."""

    provider: Provider

    def deploy(self, **more: str) -> None:
        built, deployment = build(self.folder / "build"), self.deployment()
        asked = {"TokenIssuer": self.provider.says["issuer"], "TokenAudience": self.provider.client_id}
        claims = {"RoleClaim": "roles", "GroupsClaim": "roster_groups"}
        given = {"PortalOrigin": self.portal_origin, **asked, **claims, **self.provider.parameters(), **more}
        assert deployment.deploy(built.template, built.code, given, agree=lambda changes: True)
        self.outputs = deployment.outputs

    def portal_config(self) -> dict[str, str]:
        return portal_config(self.outputs, self.portal_origin, REGION, provider=self.provider)


def test_people_sign_in_to_the_portal_with_their_provider_and_have_its_role(browser: Browser, tmp_path: Path) -> None:
    stack = WithProvider(free_port(), f"http://127.0.0.1:{free_port()}", tmp_path, enforcing=True)
    with running(f"{stack.portal_origin}/signed-in") as district:
        stack.provider = Provider.at(district.issuer, "portal")
        stack.start()
        try:
            stack.deploy()
            with serving(stack) as address:
                page = browser.new_context(base_url=address, locale="en-US").new_page()
                refused: list[str] = []
                page.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
                page.goto("/")
                page.get_by_placeholder("Enter any login").fill("ada")
                page.get_by_placeholder("and password").fill("any")
                page.keyboard.press("Enter")
                page.get_by_role("button", name="Continue").click()
                expect(page.get_by_role("heading", name="Groups")).to_be_visible()
                expect(page.get_by_role("button", name="Ada of Lakeside")).to_be_visible()
                expect(page.get_by_role("button", name="Create group").first).to_be_enabled()  # for admins alone
                says = stack.provider.says
                page.get_by_role("button", name="Ada of Lakeside").click()
                with (
                    page.expect_request(lambda asked: asked.url.startswith(str(says["end_session_endpoint"]))),
                    page.expect_response(lambda answer: answer.url == says["revocation_endpoint"]) as revoked,
                ):
                    page.get_by_role("menuitem", name="Sign out").click()
                asked = parse_qs(revoked.value.request.post_data or "")
                assert (revoked.value.status, asked["token_type_hint"]) == (200, ["refresh_token"])
                assert refused == []
        finally:
            stack.stop()
