"""A district's own identity provider, running beside the tests, and somebody who signs in with it."""

import base64
import hashlib
import re
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from infra.deploy import Provider
from local.ports import free_port
from tests.stack_fixtures import NODE

PROVIDER = Path(__file__).parent / "provider.mjs"
CALLBACK = "http://127.0.0.1:1/signed-in"  # where nothing listens: the code is read off the address


@dataclass(frozen=True)
class District:
    """The provider of a district: its address and how to sign in there by its own pages, as a browser would."""

    issuer: str

    def id_token(self, name: str, client_id: str = "portal") -> str:
        verifier, says = secrets.token_urlsafe(48), Provider.at(self.issuer, client_id).says
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": CALLBACK,
            "scope": "openid email profile",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        back = self.signed_in(f"{says['authorization_endpoint']}?{httpx.QueryParams(asked)}", name, until=CALLBACK)
        code = parse_qs(urlsplit(back).query)["code"][0]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "client_id": client_id}
        got = httpx.post(says["token_endpoint"], data={**form, "code_verifier": verifier}).raise_for_status()
        return str(got.json()["id_token"])

    def signed_in(self, address: str, name: str, until: str) -> str:
        """Follow redirects and fill in the provider's two forms (name, consent), up to the address that begins with `until`."""
        with httpx.Client() as browser:
            answer = browser.get(address)
            while not answer.headers.get("location", "").startswith(until):
                if answer.has_redirect_location:
                    answer = browser.get(httpx.URL(str(answer.url)).join(answer.headers["location"]))
                    continue
                form = re.search(
                    r'action="([^"]+)" method="post">\s*<input type="hidden" name="prompt" value="(\w+)"', answer.text
                )
                assert form, answer.text
                answer = browser.post(form[1], data={"prompt": form[2], "login": name, "password": "any"})
            return str(answer.headers["location"])


@contextmanager
def running(*redirects: str) -> Iterator[District]:
    """The provider, with clients that may be led back to `redirects`, while the block lasts."""
    port = free_port()
    process = subprocess.Popen([*NODE, str(PROVIDER), str(port), *redirects], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        yield District(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def lakeside() -> Iterator[District]:
    with running(CALLBACK) as district:
        yield district
