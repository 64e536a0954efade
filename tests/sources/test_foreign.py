"""What a provider sends is checked where it enters: tokens, headers, bodies, references, addresses."""

import csv
import gzip
import json
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from chalicelib.errors import SourceRefused, SourceUnavailable
from chalicelib.model.records import RestSource
from chalicelib.sources.rest import Provider, Source, base_url, versions
from chalicelib.sources.rest_answers import Answer, NoPage, page_of, provider_reason, records_of, wait_s
from chalicelib.sources.rest_body import BodyTooLarge, UnreadableBody, text_of
from chalicelib.sources.rest_bundle import convert
from chalicelib.sources.rest_fetch import Fetched, PageFile
from chalicelib.sources.rest_guard import LeadsElsewhere, checked_url, redirected
from chalicelib.sources.rest_signing import TokenRefused, token_of
from local.peers.lying_provider import _Body
from local.peers.provider import BASES

NOW = datetime(2026, 11, 27, tzinfo=UTC)
MOST = 1 << 20


def answer(body: bytes, status: int = 200, **headers: str) -> Answer:
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@pytest.mark.parametrize(
    ("said", "life_s"),
    [
        ("3600", 2880), ('"3600"', 2880), ("3600.5", 2880), ("1e999", 69120), ("9" * 400, 69120), ("99999999999", 69120),
        ("-5", 2880), ("null", 2880), ("0", 2880), ('"NaN"', 2880), ("[]", 2880), ('"1 hour"', 2880), ("true", 2880),
    ],
)  # fmt: skip
def test_a_token_is_used_however_long_it_says_that_it_lives(said: str, life_s: int) -> None:
    token = token_of(answer(b'{"access_token":"abc","expires_in":' + said.encode() + b"}"), NOW)

    assert token.value == "abc"
    assert int((token.renew_at - NOW).total_seconds()) == life_s


def test_a_token_that_comes_with_its_scheme_is_sent_without_it_once_more() -> None:
    assert token_of(answer(b'{"access_token":"Bearer abc"}'), NOW).value == "abc"


@pytest.mark.parametrize(
    "body", [b"", b"OK", b"[]", b"null", b'{"access_token":null}', b'{"access_token":""}', b'{"access_token":"a b\\nc"}', b"\xff"]
)
def test_what_is_no_token_is_refused_in_a_sentence(body: bytes) -> None:
    with pytest.raises(TokenRefused):
        token_of(answer(body), NOW)


def test_the_providers_own_reason_is_said_without_anybodys_address() -> None:
    status = {"imsx_codeMajor": "failure", "imsx_description": "No rights for ada@lake.org", "imsx_codeMinor": "forbidden"}
    old = json.dumps({"statusInfoSet": [status]}).encode()

    assert provider_reason(answer(old, 403)) == "forbidden: No rights for …"
    assert provider_reason(answer(b'{"error":"invalid_scope","error_description":"Unknown\\nscope"}', 400)) == (
        "invalid_scope: Unknown scope"
    )
    assert provider_reason(answer(b"<html>", 500)) == ""


@pytest.mark.parametrize(
    "said", ["²", "9" * 400, "-1", "soon", "Fri, 99 Nov 2026 99:99:99 GMT", "", "Thu, 01 Jan 1970 00:00:00 GMT"]
)
def test_a_retry_after_that_is_none_costs_no_more_than_a_wait(said: str) -> None:
    waited = wait_s(answer(b"", 429, retry_after=said), 1, NOW, 0.5)

    assert waited is None or 0 <= waited <= 120


def test_a_body_is_read_whole_in_whatever_form_it_comes() -> None:
    text = '{"users":[{"sourcedId":"ü"}]}'
    fields: Mapping[str, str] = {"content-encoding": "gzip"}

    assert text_of(gzip.compress(text.encode()[:9]) + gzip.compress(text.encode()[9:]), fields, MOST).decode() == text
    assert text_of(text.encode("latin-1"), {"content-type": "application/json; charset=ISO-8859-1"}, MOST).decode() == text
    assert text_of(text.encode(), {"content-type": "application/json; charset=ISO-8859-1"}, MOST).decode() == text
    assert text_of(b"\xef\xbb\xbf" + text.encode(), {}, MOST).decode() == text
    assert text_of(text.encode("utf-16-le"), {}, MOST).decode() == text
    assert text_of(text.encode(), fields, MOST).decode() == text  # a proxy has opened it and left the header


@pytest.mark.parametrize(
    ("raw", "headers", "said"),
    [
        (gzip.compress(b"x" * 999)[:-9], {"content-encoding": "gzip"}, "cut off"),
        (gzip.compress(b"x")[:5] + b"zzzzzzzzzzzzzz", {"content-encoding": "gzip"}, "damaged|cut off"),
        (b"{}", {"content-encoding": "br"}, "compressed as br"),
        ("ü".encode("latin-1"), {}, "neither UTF-8"),
        ("ü".encode("latin-1"), {"content-type": "text/json; charset=utf-8"}, "neither UTF-8"),
        ("ü".encode("latin-1"), {"content-type": "text/json; charset=klingon"}, "klingon"),
    ],
    ids=["cut", "damaged", "brotli", "no charset", "a wrong charset", "an unknown charset"],
)
def test_a_body_that_can_not_be_read_says_why(raw: bytes, headers: Mapping[str, str], said: str) -> None:
    with pytest.raises(UnreadableBody, match=said):
        text_of(raw, headers, MOST)


def test_a_body_that_grows_beyond_its_bound_is_given_up() -> None:
    with pytest.raises(BodyTooLarge):
        text_of(gzip.compress(bytes(MOST + 1)), {"content-encoding": "gzip"}, MOST)


def test_a_name_that_was_cut_within_a_letter_costs_no_page() -> None:
    body = text_of(
        rb'{"users":[{"sourcedId":"a","givenName":"Zo\ud83d"},{"sourcedId":"b","givenName":"\uD83D\uDE00 \\ud83d \udE00"}]}',
        {},
        MOST,
    )

    assert page_of(answer(body), "/users").ids == ("a", "b")
    assert [each and each["givenName"] for each in records_of(body, "/users")] == ["Zo\ufffd", "\U0001f600 \\ud83d \ufffd"]


def test_one_record_that_is_none_costs_itself_alone() -> None:
    page = page_of(answer(b'{"users":[{"sourcedId":"a"},null,{"sourcedId":"b"},"x",{"sourcedId":7}]}'), "/users")

    assert page.ids == ("a", "", "b", "", "7")


def test_errors_in_place_of_records_are_no_records() -> None:
    with pytest.raises(NoPage, match=r"errors in place of records \(no rights\)"):
        page_of(answer(b'[{"imsx_codeMajor":"failure","imsx_description":"no rights"}]'), "/users")


@pytest.mark.parametrize(
    ("pasted", "expected"),
    [
        (
            "  https://sis.example/ims/oneroster/rostering/v1p2/users?limit=10 ",
            "https://sis.example/ims/oneroster/rostering/v1p2",
        ),
        ("HTTPS://sis.example\u200b/", "https://sis.example/ims/oneroster/rostering/v1p2"),
        ("\ufeffhttps://sis.example/ims/oneroster/v1p1", "https://sis.example/ims/oneroster/rostering/v1p2"),
        ("https://sis.example/ims/oneroster/v1p1/orgs/", "https://sis.example/ims/oneroster/rostering/v1p2"),
        ("<https://sis.example/api/ims/oneroster/gradebook/v1p2>", "https://sis.example/api/ims/oneroster/rostering/v1p2"),
        ("https://users/", "https://users/ims/oneroster/rostering/v1p2"),
    ],
    ids=["a query", "a blank without width", "the other version", "its collection", "the gradebook", "a host like a list"],
)
def test_an_address_is_understood_with_whatever_was_pasted_along(pasted: str, expected: str) -> None:
    assert base_url(pasted, "1.2") == expected


def test_the_version_of_an_address_is_seen_behind_a_collection() -> None:
    assert versions("https://sis.example/ims/oneroster/v1p1/users?limit=1", "auto") == ("1.1",)


@pytest.mark.parametrize(
    "location", ["https://sis.example:99999/x", "https://[::1/", "https://sis.example:no/", "//elsewhere.example/"]
)
def test_a_redirect_to_nowhere_is_said(location: str) -> None:
    with pytest.raises(LeadsElsewhere):
        redirected("https://sis.example/orgs", location)


@pytest.mark.parametrize("url", ["https://sis.example:99999/", "https://[::1", "https:///orgs", "https://u:p@sis.example/"])
def test_an_address_that_is_none_is_refused_in_a_sentence(url: str) -> None:
    with pytest.raises(SourceRefused, match="is not an address that can be asked"):
        checked_url(url)


class Tokens(httpx.BaseTransport):
    """A token endpoint behind a redirect."""

    def __init__(self, status: int, location: str) -> None:
        self.status, self.location, self.forms = status, location, list[str]()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            return httpx.Response(self.status, headers={"Location": self.location}, stream=_Body(b""))
        if request.url.path == "/oauth/token":
            self.forms.append(request.read().decode())
            return httpx.Response(200, stream=_Body(b'{"access_token":"abc"}'))
        return httpx.Response(200, stream=_Body(b'{"orgs":[]}'))


def with_tokens(transport: Tokens) -> Callable[[], Answer]:
    found = Provider("https://sis.example" + BASES["1.2"], "1.2", "oauth2", "id", "secret", "https://sis.example/token")

    def read() -> Answer:
        with Source(found, transport=transport, sleep=lambda seconds: None) as source:
            return source.get("/orgs", {})

    return read


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_token_endpoint_behind_a_redirect_of_its_host_gets_the_same_request(status: int) -> None:
    transport = Tokens(status, "/oauth/token")

    assert with_tokens(transport)().status == 200
    assert transport.forms[0].startswith("grant_type=client_credentials")


def test_a_secret_never_follows_a_redirect_to_another_host() -> None:
    transport = Tokens(307, "https://elsewhere.example/oauth/token")

    with pytest.raises(SourceRefused, match="leads on to another host"):
        with_tokens(transport)()
    assert transport.forms == []


def test_a_reference_by_its_address_alone_names_the_last_segment(tmp_path: Path) -> None:
    record = (
        b'{"users":[{"sourcedId":"a","role":"student","orgs":[{"href":"https://sis.example/ims/oneroster/v1p1/orgs/north%201?x=1"}],'
        b'"agents":[{"href":"users/g1/"},"g2"]},{"sourcedId":"b","role":"student","orgSourcedIds":"north, south"}]}'
    )
    (tmp_path / "users").mkdir()
    (tmp_path / "users/part-0.json.gz").write_bytes(gzip.compress(record))

    convert(tmp_path, [Fetched("users", "/users", 0, (PageFile("users/part-0.json", 0, 2),))], tmp_path / "csv", "")

    rows = (tmp_path / "csv/roles.csv").read_text().splitlines()[1:]
    assert [row.split(",")[8] for row in rows] == ["north 1", "north", "south"]
    assert '"g1,g2"' in (tmp_path / "csv/users.csv").read_text()


def test_a_groups_addresses_may_be_pasted_with_what_nobody_sees() -> None:
    settings = RestSource(
        base_url="\u200bHTTPS://sis.example/ims/oneroster/v1p1/users?limit=10 ",
        token_url=" https://sis.example/campus/oauth2/token?appName=lake\ufeff",
    )

    assert settings.base_url == "https://sis.example/ims/oneroster/v1p1/users"
    assert settings.token_url == "https://sis.example/campus/oauth2/token?appName=lake"
    assert RestSource(base_url="sis.example", authorization="bearer").base_url == "https://sis.example"
    for wrong in ("ftp://sis.example", "https://ada@sis.example", " "):
        with pytest.raises(ValidationError):
            RestSource(base_url=wrong, authorization="bearer")


class Answers(httpx.BaseTransport):
    """These answers, one after another, the last again and again."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.answers, self.asked = list(answers), list[httpx.Request]()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        found = self.answers[min(len(self.asked), len(self.answers)) - 1]
        return httpx.Response(found.status_code, headers=found.headers, stream=_Body(found.content))


def asked(transport: Answers, token: str = "abc") -> tuple[Answer, list[float]]:
    """The answer to a question for /orgs, and the waits on the way."""
    waits: list[float] = []
    found = Provider("https://sis.example" + BASES["1.2"], "1.2", "bearer", "", token)
    with Source(found, transport=transport, sleep=waits.append) as source:
        return source.get("/orgs", {}), waits


@pytest.mark.parametrize("status", [202, 403, 429, 503, 509, 520, 530])
def test_whoever_asks_to_wait_is_waited_for_whatever_the_status(status: int) -> None:
    soon = httpx.Response(status, headers={"Retry-After": "7"}, content=b"<html>")

    answer, waits = asked(Answers(soon, soon, httpx.Response(200, content=b'{"orgs":[]}')))

    assert (answer.status, waits) == (200, [7.0, 7.0])
    with pytest.raises(SourceUnavailable, match=f"status {status}, 5 times over. Try again later"):
        asked(Answers(soon))


@pytest.mark.parametrize(("said", "wait"), [("1500", "25 minutes"), ("Wed, 21 Oct 2099 07:28:00 GMT", "more than a day")])
def test_whoever_asks_to_wait_for_long_is_told_with_how_long(said: str, wait: str) -> None:
    with pytest.raises(SourceUnavailable, match=f"status 429, once, and asks to wait {wait}. Try again after that"):
        asked(Answers(httpx.Response(429, headers={"Retry-After": said})))


class Ends(Tokens):
    """A token that has ended, of which another status than 401 tells."""

    def __init__(self, status: int, words: bytes) -> None:
        super().__init__(307, "/oauth/token")
        self.ended_with, self.words = status, words

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET" and len(self.forms) < 2:
            return httpx.Response(self.ended_with, stream=_Body(self.words))
        return super().handle_request(request)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, b'{"error":"invalid_token"}'),
        (403, b'{"imsx_description":"The access token has expired"}'),
        (498, b'{"message":"Session timed out"}'),
    ],
)
def test_a_token_that_has_ended_is_renewed_whatever_status_says_so(status: int, words: bytes) -> None:
    transport = Ends(status, words)

    assert (with_tokens(transport)().status, len(transport.forms)) == (200, 2)


def test_a_refusal_that_speaks_of_no_token_asks_for_no_other() -> None:
    transport = Ends(403, b'{"message":"The scope of this token does not cover orgs"}')

    assert (with_tokens(transport)().status, len(transport.forms)) == (403, 1)


def test_a_refusal_that_asks_for_no_wait_is_not_repeated() -> None:
    transport = Answers(httpx.Response(403))

    assert (asked(transport)[0].status, len(transport.asked)) == (403, 1)


def test_a_proxy_that_redirects_to_http_of_its_own_host_is_asked_by_https() -> None:
    elsewhere = httpx.Response(301, headers={"Location": "http://sis.example/roster/orgs"})
    transport = Answers(elsewhere, httpx.Response(200, content=b'{"orgs":[]}'))

    assert asked(transport)[0].status == 200
    assert str(transport.asked[1].url) == "https://sis.example/roster/orgs"
    for location in ("http://elsewhere.example/orgs", "http://sis.example:8080/orgs"):
        with pytest.raises(LeadsElsewhere):
            redirected("https://sis.example/orgs", location)


@pytest.mark.parametrize("pasted", ["Bearer abc", " bearer  abc\n", "Authorization: Bearer abc", '"abc"', "abc"])
def test_a_token_may_be_pasted_with_what_stands_before_it_in_the_header(pasted: str) -> None:
    transport = Answers(httpx.Response(200, content=b'{"orgs":[]}'))

    asked(transport, pasted)

    assert transport.asked[0].headers["Authorization"] == "Bearer abc"


@pytest.mark.parametrize(
    "said", ["The request was successful.", "Successfully retrieved 0 users", "End of results", "No data found"]
)
def test_an_empty_list_may_say_that_all_is_well(said: str) -> None:
    page = page_of(answer(json.dumps({"users": [], "message": said}).encode()), "/users")

    assert (page.ids, page.unclear) == ((), None)


@pytest.mark.parametrize("said", ["Request was successful, limit reached", "0 users returned: session expired", "Processing"])
def test_an_empty_list_that_says_more_than_that_is_no_end(said: str) -> None:
    assert page_of(answer(json.dumps({"users": [], "message": said}).encode()), "/users").unclear


def test_a_total_with_a_separator_is_none_and_one_that_is_said_twice_is_one() -> None:
    assert page_of(answer(b'{"users":[]}', x_total_count="111,111"), "/users").total is None
    assert page_of(answer(b'{"users":[]}', x_total_count="111, 111"), "/users").total == 111


def test_ids_that_are_numbers_are_told_apart_however_they_are_written() -> None:
    page = page_of(answer(b'{"users":[{"sourcedId":7},{"sourcedId":7.5},{"sourcedId":12345678901234567890123}]}'), "/users")

    assert page.ids == ("7", "7.5", "12345678901234567890123")


def test_a_link_that_was_escaped_for_a_web_page_is_read() -> None:
    page = page_of(answer(b'{"users":[]}', link='</users?limit=60&amp;cursor=x>; rel="next"'), "/users")

    assert page.next == {"limit": "60", "cursor": "x"}


def test_a_role_in_a_list_is_that_role_and_a_null_among_orgs_is_none(tmp_path: Path) -> None:
    (tmp_path / "users").mkdir()
    record = b'{"users":[{"sourcedId":"a","role":["student"],"orgs":[null,{"sourcedId":"s1"}]}]}'
    (tmp_path / "users/part-0.json.gz").write_bytes(gzip.compress(record))

    convert(tmp_path, [Fetched("users", "/users", 0, (PageFile("users/part-0.json", 0, 1),))], tmp_path / "csv", "")

    assert (tmp_path / "csv/roles.csv").read_text().splitlines()[1:] == ["a/0000,,,a,primary,student,,,s1,"]


def test_a_member_that_no_record_of_a_list_has_says_nothing_of_anybody(tmp_path: Path) -> None:
    (tmp_path / "users").mkdir()
    role = {"roleType": "primary", "role": "student", "org": {"sourcedId": "s1"}}
    people: list[dict[str, object]] = [
        {"sourcedId": "a", "sms": "", "agents": [], "preferredFirstName": "A", "roles": [role]},
        {"sourcedId": "b", "email": None, "roles": [role | {"endDate": "2027-06-30"}]},
    ]
    (tmp_path / "users/part-0.json.gz").write_bytes(gzip.compress(json.dumps({"users": people}).encode()))
    pages = [Fetched("users", "/users", 0, (PageFile("users/part-0.json", 0, 2),))]

    def named(file: str, changes: Collection[str] = frozenset()) -> set[str]:
        convert(tmp_path, pages, tmp_path / "csv", "", changes)
        return set((tmp_path / f"csv/{file}.csv").read_text().split("\n")[0].replace(" ", "").split(",")) - {""}

    required = {"sourcedId", "enabledUser", "username", "givenName", "familyName"}
    assert named("users") - required == {"sms", "email", "agentSourcedIds", "preferredGivenName"}
    assert named("roles") >= {"roleType", "role", "endDate", "orgSourcedId"}
    assert "beginDate" not in named("roles")
    assert {"phone", "beginDate"} <= named("users", {"users"}) | named("roles", {"users"})  # a row of a delta says all there is
    assert "name" in named("orgs")  # of a list without records
    assert "file.userProfiles,absent" in (tmp_path / "csv/manifest.csv").read_text()
    people[0]["userProfiles"] = []
    (tmp_path / "users/part-0.json.gz").write_bytes(gzip.compress(json.dumps({"users": people}).encode()))
    assert named("userProfiles") >= {"profileType"}


@pytest.mark.parametrize(
    "record",
    [
        {"role": "student", "orgs": [{"sourcedId": "s1"}], "userIds": [{"type": "sis", "identifier": "7"}]},
        {"role": "student", "orgSourcedIds": "s1,s2", "userIds": "{sis:7}", "grade": "05", "agentSourceIds": ["m"]},
        {
            "roles": [{"role": "student", "beginDate": "2026-08-01", "orgSourcedId": "s1", "userProfile": {"sourcedId": "p"}}],
            "userProfiles": [{"profileId": "p", "vendorId": "v", "credentials": [{"type": "sso", "username": "tom"}]}],
        },
        {
            "roles": [{"role": "student"}],
            "org": {"sourcedId": "s1"},
            "userProfiles": [{"credentialType": "sso", "username": "t"}],
        },
    ],
)
def test_every_column_that_a_record_fills_has_its_name(tmp_path: Path, record: dict[str, object]) -> None:
    (tmp_path / "users").mkdir()
    sent = json.dumps({"users": [{"sourcedId": "a", "preferredGivenName": "T", **record}]}).encode()
    (tmp_path / "users/part-0.json.gz").write_bytes(gzip.compress(sent))

    convert(tmp_path, [Fetched("users", "/users", 0, (PageFile("users/part-0.json", 0, 1),))], tmp_path / "csv", "")

    for file in {"users", "roles", *({"userProfiles"} & set(record))}:
        with (tmp_path / f"csv/{file}.csv").open(newline="") as opened:
            names, *rows = csv.reader(opened)
        assert rows
        assert not [(place, cell) for row in rows for place, cell in enumerate(row) if cell and not names[place].strip()]


def test_a_class_that_names_its_school_as_a_course_does_is_at_that_school(tmp_path: Path) -> None:
    """As Timeback's API does, by the documents in the package timeback 0.3.0."""
    (tmp_path / "classes").mkdir()
    record = b'{"classes":[{"sourcedId":"c","title":"M","course":{"sourcedId":"k"},"org":{"sourcedId":"s1"},"terms":[]}]}'
    (tmp_path / "classes/part-0.json.gz").write_bytes(gzip.compress(record))

    convert(tmp_path, [Fetched("classes", "/classes", 0, (PageFile("classes/part-0.json", 0, 1),))], tmp_path / "csv", "")

    assert (tmp_path / "csv/classes.csv").read_text().splitlines()[1:] == ["c,,,M,,k,,,,s1,,,,"]
