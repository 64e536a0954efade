"""REST against a provider on loopback: both versions, each way to sign in, and everything that was seen to go wrong."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from chalicelib.errors import SourceRefused, SourceUnavailable
from chalicelib.model.credentials import ClientCredentials, TokenCredentials
from chalicelib.model.records import RestSource
from chalicelib.sources import rest
from chalicelib.sources.public_address import LOOPBACK_SETTING
from chalicelib.sources.rest import NotOffered, OwnToken, QueryRefused, Source, base_url, versions
from chalicelib.sources.rest_bundle import convert
from chalicelib.sources.rest_check import steps
from chalicelib.sources.rest_fetch import COLLECTIONS, ORGS, Fetched, begin, fetch_range
from chalicelib.sources.rest_paging import Collection, Range
from local.peers.provider import BASES, BEARER, CLIENT_ID, CLIENT_SECRET, Provider, served
from local.peers.reading import keeping, read_whole
from local.peers.records import as_ed_fi, as_flat, rendered
from oneroster_engine.sample_district import SHAPES, District
from oneroster_engine.staging.stage import stage_bundle

DISTRICTS = {version: District(SHAPES["tiny"], seed=1, version=version, day=1, problems=False) for version in ("1.1", "1.2")}
USERS = Collection("users", "/users")
SIZE = 100


@pytest.fixture(scope="module")
def providers() -> Iterator[dict[str, tuple[Provider, str]]]:
    made = {version: Provider(version, rendered(district)) for version, district in DISTRICTS.items()}
    with served(made["1.1"]) as one, served(made["1.2"]) as two:
        yield {"1.1": (made["1.1"], one), "1.2": (made["1.2"], two)}


@pytest.fixture
def provider(providers: dict[str, tuple[Provider, str]], monkeypatch: pytest.MonkeyPatch) -> tuple[Provider, str]:
    monkeypatch.setenv(LOOPBACK_SETTING, "allowed")
    for each, _ in providers.values():
        each.behave()
    return providers["1.2"]


def source(origin: str, version: Any = "1.2", authorization: Any = "oauth2", **more: Any) -> Source:
    found = rest.Provider(
        base_url=origin + BASES[version],
        version=version,
        authorization=authorization,
        client_id=CLIENT_ID,
        client_secret=BEARER if authorization == "bearer" else CLIENT_SECRET,
        token_url=f"{origin}/token",
        signature_method=more.pop("signature_method", "HMAC-SHA256"),
        scopes=more.pop("scopes", ()),
    )
    return Source(found, sleep=more.pop("sleep", lambda seconds: None), **more)


def read(source: Source, wanted: Collection, folder: Path, size: int = SIZE) -> tuple[int, str]:
    """How many different records of a collection came, and why it isn't whole."""
    came, why = read_whole(source, [wanted], folder, size)
    return came[wanted.path].ids if wanted.path in came else 0, why


@pytest.mark.parametrize("authorization", ["oauth2", "oauth1", "bearer"])
@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_both_versions_are_read_whole_by_each_way_to_sign_in(
    providers: dict[str, tuple[Provider, str]], provider: Any, tmp_path: Path, version: str, authorization: str
) -> None:
    own, origin = providers[version]
    own.behave(accepts=frozenset({authorization}))
    with source(origin, version, authorization) as asked:
        came, why = read_whole(asked, (ORGS, *COLLECTIONS), tmp_path, SIZE)

    staged = stage_bundle(tmp_path / "csv", tmp_path / "stage")

    assert {name: counted.kept for name, counted in staged.counts.items()} == {
        name: len(records) for name, records in own.lists.items()
    }
    assert (came["/users"].ids, why) == (220, "")
    assert (staged.version, staged.problems.get("error", 0), staged.problems.get("warning", 0)) == ("1.2", 0, 0)


@pytest.mark.parametrize(
    "behaviour",
    [
        {"total": "none"},
        {"total": "none", "link": True},
        {"total": "none", "cap": 30},
        {"total": "none", "cap": 30, "link": True},
        {"total": "text"},
        {"total": "page", "cap": 30},
        {"cap": 30},
        {"refuses_above": 60},
        {"refuses_above": 60, "sorts": False},
        {"sorts": False},
        {"sorts": False, "refusal": 500},
        {"sorts": False, "refusal": 501},
        {"refuses_above": 60, "refusal": 500},
        {"refuses_above": 60, "sorts": False, "refusal": 500},
        {"beyond": 404},
        {"beyond": 400},
        {"empty_at": {"users": 99}},
        {"empty_at": {"users": 99}, "empty_body": "object"},
        {"wrapper": "role"},
        {"wrapper": "singular"},
        {"wrapper": "bare"},
        {"wrapper": "other"},
        {"html": 1},
        {"busy": 2},
        {"busy": 2, "retry_after": "date"},
        {"failing": 3},
        {"token_dies_after": 2},
        {"token_dies_after": 1, "one_token": True},
        {"token_life": None},
        {"token_life": "3600"},
        {"scopes": frozenset()},
        {"scopes": frozenset({"https://purl.imsglobal.org/spec/or/v1p2/scope/roster-core.readonly"})},
        {"secret_in": frozenset({"form"})},
        {"secret_in": frozenset({"encoded header"})},
        {"late_above": 100},
        {"late_above": 100, "total": "none", "link": True},
    ],
    ids=str,
)
def test_what_providers_do_differently_is_ridden_out_and_the_list_is_whole(
    provider: tuple[Provider, str], tmp_path: Path, behaviour: dict[str, Any]
) -> None:
    own, origin = provider
    own.behave(**behaviour)

    with source(origin) as asked:
        came, why = read(asked, USERS, tmp_path, size=200 if "late_above" in behaviour else SIZE)

    assert (came, why) == (220, "")


ED_FI = {"total": "none", "cap": 50, "busy_every": 10, "token_redirect": 307}
LIKE_ROSTERHUB = {"total": "none", "cap": 60, "sorts": False}


@pytest.mark.parametrize(
    ("version", "shown", "behaviour"), [("1.2", as_ed_fi, ED_FI), ("1.1", as_flat, LIKE_ROSTERHUB)], ids=["Ed-Fi", "RosterHub"]
)
def test_a_provider_with_all_its_traits_at_once_is_read_whole(
    providers: dict[str, tuple[Provider, str]], provider: Any, tmp_path: Path, version: str, shown: Any, behaviour: dict[str, Any]
) -> None:
    own, origin = providers[version]
    own.behave(**behaviour)
    before, own.lists = own.lists, shown(own.lists)

    try:
        with source(origin, version) as asked:
            came, why = read_whole(asked, (ORGS, *COLLECTIONS), tmp_path, 5000)
    finally:
        read, own.lists = own.lists, before
    staged = stage_bundle(tmp_path / "csv", tmp_path / "stage")

    assert (why, {path.strip("/"): each.ids for path, each in came.items()}) == (
        "",
        {name: len(records) for name, records in read.items()},
    )
    assert staged.counts["users"].read == len(read["users"])
    assert not staged.incomplete


@pytest.mark.parametrize(
    ("behaviour", "got", "why"),
    [
        ({"total": "high"}, 220, "from record 221 on an empty page came, and 227 records were announced"),
        ({"ignores_offset": True}, 100, "the provider sends the same page again"),
        ({"ignores_offset": True, "total": "none"}, 100, "the provider sends the same page again"),
        ({"empty_at": {"users": 99}, "empty_times": 99}, 100, "from record 101 on an empty page came where a record had been"),
        ({"grows_after": 1}, 220, "the list changed at the provider while it was read"),
        ({"grows_after": 3}, 220, "the list changed at the provider while it was read"),
        ({"repeats": True}, 220, "of its pages do not begin where the one before ended"),
    ],
    ids=str,
)
def test_a_list_that_may_not_be_whole_says_why(
    provider: tuple[Provider, str], tmp_path: Path, behaviour: dict[str, Any], got: int, why: str
) -> None:
    own, origin = provider
    own.behave(**behaviour)

    with source(origin) as asked:
        came, answer = read(asked, USERS, tmp_path)

    assert why in answer
    assert came == got
    assert answer.startswith("users: ")


def test_a_list_that_is_not_offered_is_an_error_where_a_roster_needs_it(provider: tuple[Provider, str], tmp_path: Path) -> None:
    own, origin = provider
    own.behave(missing=frozenset({"courses"}), forbidden=frozenset({"users"}))

    with source(origin) as asked:
        _, why = read(asked, Collection("courses", "/courses"), tmp_path)
        with pytest.raises(NotOffered, match="does not let this sign-in read /users"):
            read(asked, USERS, tmp_path)

    assert why == "courses: The provider does not offer /courses (status 404, unknownobject)"


@pytest.mark.parametrize("refusal", [400, 500, 501])
def test_a_filter_that_the_provider_fails_at_is_one_that_it_does_not_take(
    provider: tuple[Provider, str], tmp_path: Path, refusal: int
) -> None:
    own, origin = provider
    own.behave(filters=False, refusal=refusal)

    with source(origin) as asked, pytest.raises(QueryRefused, match=f"status {refusal}"):
        begin(asked, replace(USERS, filter="dateLastModified>'2026-09-01'"), SIZE, keeping(tmp_path), 1)


def test_a_provider_that_fails_whatever_is_asked_is_unavailable(provider: tuple[Provider, str], tmp_path: Path) -> None:
    own, origin = provider
    own.behave(refuses_above=0, refusal=500)

    with source(origin) as asked, pytest.raises(SourceUnavailable, match=r"answered with status 500, .*5 times over"):
        read(asked, USERS, tmp_path)


def test_the_provider_s_own_words_are_told_to_their_end(provider: tuple[Provider, str], tmp_path: Path) -> None:
    own, origin = provider
    own.behave(missing=frozenset({"courses"}), missing_because="No licence for courses. Write to support. Thank you")

    with source(origin) as asked:
        _, why = read(asked, Collection("courses", "/courses"), tmp_path)

    assert why.endswith("(status 404, unknownobject: No licence for courses. Write to support. Thank you)")


@pytest.mark.parametrize(
    ("behaviour", "error", "said"),
    [
        ({"html": 99}, SourceRefused, "is a web page, as of a sign-in form"),
        ({"failing": 99}, SourceUnavailable, "answered with status 503, 5 times over"),
        ({"busy": 99}, SourceUnavailable, "answered with status 429"),
        ({"busy": 99, "retry_after": "3600"}, SourceUnavailable, "status 429, once"),
        ({"accepts": frozenset()}, SourceRefused, "does not accept the sign-in for /users"),
        ({"secret_in": frozenset()}, SourceRefused, "gave no access token (invalid_client)"),
        ({"redirects_to": "https://elsewhere.example"}, SourceRefused, "leads on to another host"),
    ],
    ids=str,
)
def test_what_does_not_pass_is_said_in_a_sentence_without_a_secret(
    provider: tuple[Provider, str], tmp_path: Path, behaviour: dict[str, Any], error: type[Exception], said: str
) -> None:
    own, origin = provider
    own.behave(**behaviour)

    with source(origin) as asked, pytest.raises(error) as refusal:
        read(asked, USERS, tmp_path)

    assert said in str(refusal.value)
    assert CLIENT_SECRET not in str(refusal.value)
    assert CLIENT_SECRET not in repr(asked.provider)


@pytest.mark.parametrize("method", ["HMAC-SHA256", "HMAC-SHA1"])
def test_a_signature_goes_into_the_query_where_the_server_looks_for_it_there(
    provider: tuple[Provider, str], tmp_path: Path, method: str
) -> None:
    own, origin = provider
    own.behave(accepts=frozenset({"oauth1"}), signature_in=frozenset({"QUERY"}))

    with source(origin, authorization="oauth1", signature_method=method) as asked:
        came, why = read(asked, USERS, tmp_path)

    assert (came, why) == (220, "")
    assert len([query for _, query in own.asked if "oauth_signature" not in query]) == 1  # the header is tried once


def test_a_provider_that_is_too_slow_for_a_page_is_asked_for_half_of_it(provider: tuple[Provider, str], tmp_path: Path) -> None:
    own, origin = provider
    own.behave(late_above=130)

    with source(origin) as asked:
        came, why = read(asked, USERS, tmp_path, size=1000)

    assert (came, why) == (220, "")
    assert [query["limit"] for _, query in own.asked][:7] == ["1000", "1000", "500", "500", "250", "250", "125"]


def test_a_token_is_asked_for_once_and_renewed_at_four_fifths_of_its_life(provider: tuple[Provider, str]) -> None:
    own, origin = provider
    moment = [datetime.now(UTC)]
    tokens = OwnToken()
    with source(origin, tokens=tokens, now=lambda: moment[0]) as one, source(origin, tokens=tokens, now=lambda: moment[0]) as two:
        for asked in (one, two, one):
            asked.get("/orgs", {})
        before = len(own.tokens_asked)
        moment[0] += timedelta(seconds=3600 * 0.8)
        for asked in (two, one):
            asked.get("/orgs", {})

    assert (before, len(own.tokens_asked)) == (1, 2)


def test_the_waits_that_a_provider_asks_for_are_kept(provider: tuple[Provider, str]) -> None:
    own, origin = provider
    own.behave(busy=2, retry_after="7")
    waited: list[float] = []
    found: list[tuple[str, float]] = []

    with source(origin, sleep=waited.append, on_wait=lambda what, at_most_s: found.append((what, at_most_s))) as asked:
        asked.get("/orgs", {})

    assert waited == [7.0, 7.0]
    assert found == [("127.0.0.1 answered with status 429.", 7.0)] * 2


def test_where_the_time_is_up_the_rest_of_a_range_is_handed_on(provider: tuple[Provider, str], tmp_path: Path) -> None:
    own, origin = provider
    own.behave(total="none")
    keep = keeping(tmp_path)
    ticks = iter(range(1000))
    steps: list[Fetched] = []

    with source(origin, clock=lambda: float(next(ticks))) as asked:
        start = begin(asked, USERS, 30, keep, 4)
        left: Range | None = start.left[0]
        while left:
            fetched, left = fetch_range(asked, left, keep, leave_at=asked.clock() + 6)
            steps.append(fetched)

    came = convert(tmp_path, [start.fetched, *steps], tmp_path / "csv", "A provider")
    assert len(steps) > 2
    assert (came["/users"].ids, came["/users"].torn) == (220, 0)


@pytest.mark.parametrize(
    ("pasted", "version", "expected"),
    [
        ("https://sis.example", "1.1", "https://sis.example/ims/oneroster/v1p1"),
        ("https://sis.example/tenant/", "1.2", "https://sis.example/tenant/ims/oneroster/rostering/v1p2"),
        ("sis.example/ims/oneroster", "1.2", "https://sis.example/ims/oneroster/rostering/v1p2"),
        ("https://sis.example/ims/oneroster/v1p1/", "1.1", "https://sis.example/ims/oneroster/v1p1"),
        ("https://sis.example/x/ims/oneroster/v1p1/orgs", "1.1", "https://sis.example/x/ims/oneroster/v1p1"),
        ("https://sis.example/api/ims/oneroster/rostering/v1p2", "1.2", "https://sis.example/api/ims/oneroster/rostering/v1p2"),
        ("https://sis.example/ims/oneroster/rostering/", "1.2", "https://sis.example/ims/oneroster/rostering/v1p2"),
    ],
)
def test_an_address_is_understood_in_each_shape_in_which_people_paste_it(pasted: str, version: Any, expected: str) -> None:
    assert base_url(pasted, version) == expected


@pytest.mark.parametrize(
    "host", ["http://sis.example", "http://127.0.0.1:1", "https://127.0.0.1:1", "https://169.254.169.254", "https://[::1]:1"]
)
def test_only_https_to_the_open_internet_is_asked(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.delenv(LOOPBACK_SETTING, raising=False)

    with source(host) as asked, pytest.raises(SourceRefused, match=r"https://|open internet"):
        asked.get("/orgs", {})


def test_an_answer_that_never_ends_is_cut_off(provider: tuple[Provider, str], monkeypatch: pytest.MonkeyPatch) -> None:
    _, origin = provider
    monkeypatch.setattr(rest, "ANSWER_BYTES", 1000)

    with source(origin) as asked, pytest.raises(SourceRefused, match="larger than"):
        asked.get("/users", {"limit": "100"})


def test_the_versions_to_try_follow_the_address() -> None:
    assert versions("https://sis.example", "auto") == ("1.2", "1.1")
    assert versions("https://sis.example/ims/oneroster/v1p1", "auto") == ("1.1",)
    assert versions("https://sis.example/ims/oneroster/rostering/v1p2", "auto") == ("1.2",)
    assert versions("https://sis.example", "1.1") == ("1.1",)


def check(
    origin: str, authorization: Any = "oauth2", version: Any = "auto", expected: tuple[str, ...] = (), **more: Any
) -> list[tuple[str, bool, str]]:
    settings = RestSource(base_url=origin, token_url=f"{origin}/token", authorization=authorization, version=version, **more)
    client = ClientCredentials(client_id=CLIENT_ID, client_secret=SecretStr(CLIENT_SECRET))
    given = TokenCredentials(token=SecretStr(BEARER)) if authorization == "bearer" else client
    return [(each.name, each.ok, each.message) for each in steps(settings, lambda: given, expected)]


def test_a_connection_test_says_step_by_step_what_it_found(
    providers: dict[str, tuple[Provider, str]], provider: tuple[Provider, str]
) -> None:
    _, old_origin = providers["1.1"]
    own, origin = provider
    own.behave(scopes=frozenset())

    assert [(name, ok) for name, ok, _ in check(origin)] == [
        ("host", True),
        ("signIn", True),
        ("version", True),
        ("lists", True),
        ("schools", True),
    ]
    assert check(origin)[1][2] == "Signed in with OAuth 2; scopes: none."
    assert check(old_origin)[2][2] == f"OneRoster 1.1 at {old_origin}/ims/oneroster/v1p1."
    assert check(origin, "bearer")[1][2] == "The token is accepted."
    assert check(origin)[4][2] == "3 schools among 4 orgs."
    own.behave(refuses_above=60)
    assert check(origin, page_size=5000)[3][2].endswith("The provider refuses 5,000 records a page, so that 60 are asked for.")


def test_a_connection_test_looks_for_the_orgs_that_the_group_expects_on_every_page(provider: tuple[Provider, str]) -> None:
    own, origin = provider
    *_, last = own.lists["orgs"]
    shown = json.loads(last)["sourcedId"]

    assert check(origin, expected=(shown,), page_size=2)[-1] == ("schools", True, "At least 1 school among 2 orgs.")
    name, fine, message = check(origin, expected=(shown, "0815"), page_size=2)[-1]
    assert (name, fine) == ("schools", False)
    assert "1 of 2 orgs that this group expects are not among them (0815), so a sync would be held" in message


def test_a_connection_test_names_the_signature_that_the_provider_knows(provider: tuple[Provider, str]) -> None:
    own, origin = provider
    own.behave(signatures=frozenset({"HMAC-SHA1"}))

    assert check(origin, "oauth1")[-1][:2] == ("signIn", False)
    assert "Choose HMAC-SHA1" in check(origin, "oauth1")[-1][2]
    assert check(origin, "oauth1", signature_method="HMAC-SHA1")[-1][:2] == ("schools", True)


def test_a_connection_test_ends_with_the_first_step_that_fails(provider: tuple[Provider, str]) -> None:
    own, origin = provider

    assert [name for name, ok, _ in check("http://127.0.0.1:9") if not ok] == ["host"]
    own.behave(secret_in=frozenset())
    assert check(origin)[-1][:2] == ("signIn", False)
    own.behave(missing=frozenset({"orgs"}))
    assert check(origin)[-1][:2] == ("version", False)
    own.behave(busy=99, retry_after="30")
    assert check(origin)[-1] == ("signIn", False, "The provider asks to wait 30 seconds. Test again after that.")


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        ({"forbidden": frozenset({"enrollments"})}, "enrollments: The provider does not let this sign-in read /enrollments"),
        ({"missing": frozenset({"classes"})}, "classes: The provider does not offer /classes"),
        ({"ignores_offset": True}, "enrollments: the provider sends the same page again"),
        ({"total": "none", "empty_at": {"users": 99}, "empty_times": 99}, "users: from record 101 on an empty page came"),
    ],
    ids=["a list that is not allowed", "a list that is missing", "offsets that are ignored", "pages that are empty"],
)
def test_a_connection_test_finds_what_a_sync_would_meet(
    provider: tuple[Provider, str], behaviour: dict[str, Any], said: str
) -> None:
    own, origin = provider
    own.behave(**behaviour)

    name, fine, message = check(origin)[-1]

    assert (name, fine) == ("lists", False)
    assert said in message
