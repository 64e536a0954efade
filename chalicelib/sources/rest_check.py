"""The connection test of a provider's API: reached, signed in by what worked, its version, its schools. Writes nothing."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import httpx

from chalicelib.errors import SourceRefused, SourceUnavailable
from chalicelib.model.causes import Cause, by_cause, kinds_of, messages_of
from chalicelib.model.credentials import Credentials
from chalicelib.model.records import RestSource
from chalicelib.sources.connection import Check, Name, schools_check
from chalicelib.sources.rest import NotOffered, OwnToken, PageResponse, Provider, QueryRefused, Source, Tokens, versions
from chalicelib.sources.rest_answers import NoPage, records_of
from chalicelib.sources.rest_fetch import COLLECTIONS, OPTIONAL, ORGS, as_it_takes, begin, fetch_range
from chalicelib.sources.rest_group import provider_of
from chalicelib.sources.rest_paging import Collection, first
from oneroster_engine.errors import RosterError
from oneroster_engine.plural import plural

LONGEST_PAUSE_S = 3.0  # the test reports a longer wait instead of waiting
LOOKED_AT = 100  # records of each list: enough to see how the next page follows


@dataclass(frozen=True)
class _Orgs:
    """The first page of orgs. `takes`: so many records a page are taken, where more were refused; else 0."""

    provider: Provider
    response: PageResponse
    source: Source
    takes: int


def steps(
    settings: RestSource,
    credentials: Callable[[], Credentials],
    expected: tuple[str, ...] = (),
    transport: httpx.BaseTransport | None = None,
) -> Iterator[Check]:
    """The first step that fails is the last. `credentials` raises SourceRefused where none are set."""
    try:
        yield from _steps(settings, credentials(), expected, transport)
    except RosterError as trouble:
        yield Check(Name.SIGN_IN, False, str(trouble))


def _steps(
    settings: RestSource, credentials: Credentials, expected: tuple[str, ...], transport: httpx.BaseTransport | None
) -> Iterator[Check]:
    found: _Orgs | None = None
    missing = ""
    for version in versions(settings.base_url, settings.version):
        try:
            provider = provider_of(settings, credentials, version)
            source = Source(provider, OwnToken(), connections=1, transport=transport, sleep=_briefly)
        except SourceRefused as refusal:
            yield Check(Name.SIGN_IN, False, str(refusal))
            return
        with source:
            if version == versions(settings.base_url, settings.version)[0]:
                try:
                    source.reach()
                except (SourceRefused, SourceUnavailable) as unreachable:
                    yield Check(Name.HOST, False, str(unreachable))
                    return
                yield Check(Name.HOST, True, f"{httpx.URL(provider.base_url).host} answers.")
            try:
                found = _orgs(source, provider, settings.page_size)
                break
            except NotOffered as refusal:
                missing = str(refusal)
            except (SourceRefused, SourceUnavailable, QueryRefused) as refusal:
                yield Check(Name.SIGN_IN, False, _with_other_signature(str(refusal), provider, settings.page_size, transport))
                return
            except NoPage as misread:
                yield Check(Name.VERSION, False, f"The provider's answer for /orgs can't be read: {misread}. Check the base URL.")
                return
    if found is None:
        yield Check(Name.VERSION, False, missing)
        return
    yield from _what_it_shows(found, settings, expected, transport)


def _what_it_shows(
    orgs: _Orgs, settings: RestSource, expected: tuple[str, ...], transport: httpx.BaseTransport | None
) -> Iterator[Check]:
    """The steps after the first page of orgs, which has come."""
    provider, got, source = orgs.provider, orgs.response, orgs.source
    yield Check(Name.SIGN_IN, True, _signed_in(provider, source))
    yield Check(Name.VERSION, True, f"OneRoster {provider.version} at {provider.base_url}.")
    troubles = _lists(provider, source.tokens, settings, transport)
    words = f"{'; '.join(troubles)}." if troubles else "Every list can be read, and goes on page by page."
    if orgs.takes:
        words += f" The provider refuses {settings.page_size:,} records a page, so that {orgs.takes:,} are asked for."
    yield Check(Name.LISTS, not troubles, words)
    if troubles:
        return
    schools = (
        sum(str(each.get("type")).casefold() == "school" for each in filter(None, records_of(got.body, ORGS.path)))
        if got.body
        else 0
    )
    more = got.page.total is not None and got.page.total > len(got.page.ids)
    words = f"{'At least ' if more else ''}{plural(schools, 'school')} among {plural(len(got.page.ids), 'org')}."
    words = words if schools else "The provider sends no school. Ask it which orgs this sign-in may read."
    shown = set(got.page.ids)
    if more and not shown.issuperset(expected):
        shown = _org_ids(provider, source.tokens, settings, transport)
    yield schools_check(schools, words, expected, shown)


def _lists(provider: Provider, tokens: Tokens, settings: RestSource, transport: httpx.BaseTransport | None) -> list[str]:
    """What is wrong with the first pages of the other lists, as a sync would meet it; each cause once."""

    def trouble(wanted: Collection) -> Cause | None:
        with Source(provider, tokens, connections=1, transport=transport, sleep=_briefly) as source:
            try:
                start = begin(source, wanted, min(LOOKED_AT, settings.page_size), lambda name, body: None, 1)
            except NoPage as misread:
                return misread.cause
            except (NotOffered, QueryRefused, SourceRefused, SourceUnavailable) as refusal:
                return Cause(str(refusal).removesuffix("."), refusal.kind)
        return None if wanted.entity in OPTIONAL else start.fetched.broken_off

    with ThreadPoolExecutor(min(settings.max_parallel, len(COLLECTIONS))) as pool:
        found = zip((each.entity for each in COLLECTIONS), pool.map(trouble, COLLECTIONS), strict=True)
        causes = {entity: why for entity, why in found if why}
        return by_cause(messages_of(causes), kinds_of(causes))


def _org_ids(provider: Provider, tokens: Tokens, settings: RestSource, transport: httpx.BaseTransport | None) -> set[str]:
    """Of every page."""
    found: set[str] = set()

    def keep(name: str, body: bytes) -> None:
        found.update(str(each.get("sourcedId")) for each in filter(None, records_of(body, ORGS.path)))

    with Source(provider, tokens, connections=1, transport=transport, sleep=_briefly) as source:
        for left in begin(source, ORGS, settings.page_size, keep, 1).left:
            fetch_range(source, left, keep)
    return found


def _orgs(source: Source, provider: Provider, size: int) -> _Orgs:
    response, where = as_it_takes(source, first(ORGS, size))
    return _Orgs(provider, response, source, where.size if where.refused else 0)


def _with_other_signature(refusal: str, provider: Provider, size: int, transport: httpx.BaseTransport | None) -> str:
    """Many providers know only the older signature. It is tried here, where an admin sees the result, and never in a sync."""
    if provider.authorization != "oauth1" or provider.signature_method == "HMAC-SHA1":
        return refusal
    with Source(replace(provider, signature_method="HMAC-SHA1"), transport=transport, sleep=_briefly) as source:
        try:
            _orgs(source, provider, size)
        except (SourceRefused, SourceUnavailable, NotOffered, QueryRefused, NoPage):
            return refusal
    return "The provider takes HMAC-SHA1 and not HMAC-SHA256. Choose HMAC-SHA1 as signature method and test again."


def _signed_in(provider: Provider, source: Source) -> str:
    if provider.authorization == "bearer":
        return "The token is accepted."
    if provider.authorization == "oauth1":
        return f"Signed in with OAuth 1.0a, {provider.signature_method}."
    request = source.token_request
    names = ", ".join(scope.rsplit("/", 1)[-1] for scope in request.scopes) if request else ""
    places = {"form": " with the secret in the form", "encoded header": " with the secret form-encoded"}
    place = places.get(request.secret_in, "") if request else ""
    return f"Signed in with OAuth 2{place}; scopes: {names or 'none'}."


def _briefly(seconds: float) -> None:
    if seconds > LONGEST_PAUSE_S:
        raise SourceUnavailable(f"The provider asks to wait {seconds:.0f} seconds. Test again after that.")
    time.sleep(seconds)
