"""Who is let in by the token of a real OpenID provider, and who is not."""

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from chalicelib.api import authorizer
from local.ports import free_port
from tests.api.test_routes import authorized
from tests.identity.conftest import CALLBACK, District, running

UNAUTHORIZED = r"^Unauthorized$"  # the one text that API Gateway makes a 401 of
pytestmark = pytest.mark.xdist_group("identity")


@pytest.fixture(autouse=True)
def settings(lakeside: District, aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a stage has them whose people sign in with the district's provider."""
    for name, value in {
        "TOKEN_ISSUER": lakeside.issuer,
        "TOKEN_AUDIENCE": "portal",
        "TOKEN_JWKS_URL": f"{lakeside.issuer}/jwks",
        "ROLE_CLAIM": "roles",
        "GROUPS_CLAIM": "roster_groups",
    }.items():
        monkeypatch.setenv(name, value)
    authorizer._keys.cache_clear()


def let_in(token: str) -> dict[str, Any]:
    """The context that the routes see."""
    answer = authorized(token)
    assert answer["policyDocument"]["Statement"][0]["Effect"] == "Allow"
    return {"who": answer["principalId"], **answer["context"]}


def test_a_person_of_the_provider_has_the_highest_role_and_the_groups_that_it_names(lakeside: District) -> None:
    ada, vera = let_in(lakeside.id_token("ada")), let_in(lakeside.id_token("vera"))

    assert ada == {"who": "ada", "name": "Ada of Lakeside", "username": "", "role": "admin", "groups": '["*"]'}
    assert vera == {"who": "vera", "name": "Vera of Lakeside", "username": "", "role": "viewer", "groups": '["g1", "g2"]'}


def test_a_person_without_one_of_our_roles_is_not_let_in(lakeside: District) -> None:
    with pytest.raises(Exception, match=UNAUTHORIZED):
        let_in(lakeside.id_token("nobody"))


def test_a_token_for_another_application_is_not_taken(lakeside: District) -> None:
    with pytest.raises(Exception, match=UNAUTHORIZED) as refused:
        let_in(lakeside.id_token("ada", client_id="another-application"))

    assert isinstance(refused.value.__cause__, jwt.InvalidAudienceError)


def test_a_token_of_another_issuer_is_not_taken(lakeside: District, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(CALLBACK) as elsewhere:
        foreign = elsewhere.id_token("ada")
        with pytest.raises(Exception, match=UNAUTHORIZED) as unsigned:
            let_in(foreign)  # its key has the same name and is another
        monkeypatch.setenv("TOKEN_JWKS_URL", f"{elsewhere.issuer}/jwks")
        authorizer._keys.cache_clear()
        with pytest.raises(Exception, match=UNAUTHORIZED) as misplaced:
            let_in(foreign)

    assert isinstance(unsigned.value.__cause__, jwt.InvalidSignatureError)
    assert isinstance(misplaced.value.__cause__, jwt.InvalidIssuerError)


def test_a_token_is_taken_until_it_expires(lakeside: District) -> None:
    token = lakeside.id_token("ada", client_id="short-lived")
    ends = jwt.decode(token, options={"verify_signature": False})["exp"]
    time.sleep(max(0.0, ends - time.time()) + 0.1)

    with pytest.raises(Exception, match=UNAUTHORIZED) as refused:
        let_in(token)

    assert isinstance(refused.value.__cause__, jwt.ExpiredSignatureError)


@pytest.mark.parametrize("how", ["signed by somebody else", "not signed", "its role written over"])
def test_a_token_that_was_tampered_with_is_not_taken(lakeside: District, how: str) -> None:
    token = lakeside.id_token("vera")
    claims, header = jwt.decode(token, options={"verify_signature": False}), jwt.get_unverified_header(token)
    claims["roles"] = ["admin"]
    match how:
        case "signed by somebody else":
            forged = jwt.encode(claims, rsa.generate_private_key(65537, 2048), "RS256", {"kid": header["kid"]})
        case "not signed":
            forged = jwt.encode(claims, "", "none", {"kid": header["kid"]})
        case _:
            body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
            forged = ".".join([token.split(".")[0], body, token.split(".")[2]])

    with pytest.raises(Exception, match=UNAUTHORIZED):
        let_in(forged)


def test_keys_that_do_not_come_are_no_fault_of_the_person(lakeside: District, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is told that the sign-in has ended signs in again and again; API Gateway makes a 500 of any other text."""
    token = lakeside.id_token("ada")
    monkeypatch.setenv("TOKEN_JWKS_URL", f"http://127.0.0.1:{free_port()}/jwks")
    authorizer._keys.cache_clear()

    with pytest.raises(jwt.PyJWKClientConnectionError):
        let_in(token)


def test_keys_that_do_not_come_at_once_are_asked_for_again(lakeside: District, monkeypatch: pytest.MonkeyPatch) -> None:
    token, asked = lakeside.id_token("ada"), []
    kept = httpx.get(f"{lakeside.issuer}/jwks").content

    class BusyAtFirst(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(503 if len(asked) == 1 else 200)
            self.end_headers()
            self.wfile.write(kept)

    server = ThreadingHTTPServer(("127.0.0.1", 0), BusyAtFirst)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("TOKEN_JWKS_URL", f"http://127.0.0.1:{server.server_port}/jwks")
    authorizer._keys.cache_clear()

    try:
        assert let_in(token)["who"] == "ada"
        assert len(asked) == 2
    finally:
        server.shutdown()
