"""The sign-in: a stranger's answer to it counts for nothing, and one that has ended takes nothing that was typed."""

import json
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.portal import light
from tests.steps.walk import make_group


@pytest.fixture
def address(aws: None) -> Iterator[str]:
    with light.serving() as served:
        yield served


def test_each_sign_in_asks_for_an_answer_to_itself_alone(browser: Browser, address: str) -> None:
    asked = []
    for _ in range(2):
        page = browser.new_context(base_url=address).new_page()
        page.route("**/nowhere?**", lambda route: route.abort())
        with page.expect_request("**/nowhere?**") as request:
            page.goto("/groups")
        asked.append({name: value for name, [value] in parse_qs(urlsplit(request.value.url).query).items()})
        page.context.close()

    assert {(each["response_type"], each["code_challenge_method"]) for each in asked} == {("code", "S256")}
    for guarded in ("nonce", "state", "code_challenge"):
        one, other = (each[guarded] for each in asked)
        assert len(one) >= 32, guarded
        assert one != other, guarded


def test_a_renewal_that_fails_leaves_what_was_typed_and_says_that_the_sign_in_has_ended(browser: Browser, address: str) -> None:
    make_group()
    page = light.opened(browser, address)
    ends = {"expires_at": int(time.time()) + 6, "refresh_token": "r"}
    key = json.dumps(f"oidc.user:{address}:light")
    page.add_init_script(
        f"sessionStorage.setItem({key}, JSON.stringify({{...JSON.parse(sessionStorage.getItem({key})), ...{json.dumps(ends)}}}))"
    )
    page.route("**/nowhere", lambda route: route.fulfill(status=400, json={"error": "invalid_grant"}))

    with page.expect_response("**/nowhere"):
        page.goto("/groups/g1")
        page.get_by_label("Description").fill("mine")

    expect(page.get_by_text("Your sign-in has ended")).to_be_visible(timeout=10_000)
    expect(page.get_by_label("Description")).to_have_value("mine")
    page.context.close()
