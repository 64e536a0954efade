"""When a collection of a provider counts as whole, and that nobody who is in a provider's data is ever taken for gone."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.errors import SourceRefused, SourceUnavailable
from chalicelib.model.causes import Cause, by_cause
from chalicelib.sources import rest
from chalicelib.sources.rest import NotOffered, Provider, QueryRefused, Source
from chalicelib.sources.rest_answers import Answer, Page, most_a_page, page_of
from chalicelib.sources.rest_fetch import MOST_QUESTIONS, Fetched, begin, begin_all, recheck
from chalicelib.sources.rest_paging import TRIES, Collection, End, Ending, Range, after, first
from chalicelib.sources.rest_proof import OBJECTIONS, PROOFS, Reading, why_not_whole
from local.peers.lying_provider import BREAKS, BROKEN_AT, MOVES, PATH, TRAITS, Liar, Lies
from local.peers.provider import BASES
from local.peers.reading import PEOPLE, USERS, keeping, read_users


def message(why: Cause | None) -> str:
    return why.message if why else ""


# What providers really do, and what is right. None: whole. A text: not whole, for that reason. `came`: how many of the 250.
SITUATIONS: dict[str, tuple[Mapping[str, Any], str | None, int]] = {
    "an honest one with totals": ({"total": "right"}, None, 250),
    "an honest one with links": ({"link": "right"}, None, 250),
    "an honest one with a cursor in its links": ({"link": "cursor"}, None, 250),
    "an honest one that says nothing": ({}, None, 250),
    "an honest one of exactly full pages": ({"cap": 125}, None, 250),
    "links only where there is a next": ({"link": "only with next"}, None, 250),
    "links in two headers": ({"link": "two headers"}, None, 250),
    "a link without angle brackets": ({"link": "no brackets"}, None, 250),
    "a link with a comma in its title": ({"link": "titled"}, None, 250),
    "a link with several relations": ({"link": "several rels"}, None, 250),
    "a relative link": ({"link": "relative"}, None, 250),
    "a link with a path alone": ({"link": "path"}, None, 250),
    "a link without a query": ({"link": "no query"}, None, 250),
    "a link with an equals sign in its title": ({"link": "quoted equals"}, None, 250),
    "a link in single quotes": ({"link": "single quotes"}, None, 250),
    "a link that is missing at a full page": ({"link": "lost at 1"}, None, 250),
    "400 at an offset in mid-list": ({"broken": {"from 198": "400"}}, "status 400, invaliddata: offset too large", 199),
    "404 at an offset in mid-list": ({"broken": {"from 198": "404"}}, "status 404, unknownobject", 199),
    "403 at an offset in mid-list": ({"broken": {"from 198": "403"}}, "status 403", 199),
    "416 at an offset in mid-list": ({"broken": {"from 198": "416"}}, "status 416", 199),
    "204 at an offset in mid-list": ({"broken": {"from 198": "204"}}, "status 204", 199),
    "a linked next page that answers 404": ({"link": "right", "broken": {"from 99": "404"}}, "status 404", 100),
    "a linked next page that is a bare empty list": (
        {"link": "right", "broken": {"from 99": "bare empty"}}, "a list without a name, and empty", 100,
    ),
    "a linked next page that is an empty list": (
        {"link": "right", "broken": {"from 99": "empty"}}, "an empty page came where a record had been", 100,
    ),
    "a linked next page that reports a failure": (
        {"link": "right", "broken": {"from 99": "failure"}}, "reports a failure (The roster service is down)", 100,
    ),
    "a next page by cursor that is an empty list": (
        {"link": "cursor", "broken": {"from 100": "empty"}}, "the Link header named a next page, and it is empty", 100,
    ),
    "a next page that says users are null": ({"broken": {"from 99": "null"}}, '"users": null', 100),
    "a next page that is null": ({"broken": {"from 99": "null alone"}}, "the answer is null", 100),
    "a next page that is an empty object": ({"broken": {"from 99": "object"}}, "an empty object", 100),
    "a next page that is nothing": ({"broken": {"from 99": "nothing"}}, "the answer is empty", 100),
    "a next page that is an empty list": ({"broken": {"from 99": "empty"}}, "an empty page came where a record had been", 100),
    "a failure as 1.1 tells it": ({"broken": {"from 99": "old failure"}}, "The roster service is down", 100),
    "an error beside an empty list": ({"broken": {"from 99": "error beside"}}, "reports an error (timeout)", 100),
    "errors in place of records": ({"broken": {"from 99": "errors"}}, "errors in place of records (server_busy: Try later)", 100),
    "errors under the list's name": ({"broken": {"from 99": "errors named"}}, "errors in place of records (no rights)", 100),
    "a list of errors": ({"broken": {"from 99": "error list"}}, "reports an error (E17: no rights)", 100),
    "another list that is empty": ({"broken": {"from 99": "another list"}}, "no list of records, but warnings", 100),
    "a web page": ({"broken": {"from 99": "html"}}, "is a web page", 100),
    "a word": ({"broken": {"from 99": "text"}}, "not a list of records", 100),
    "a redirect to another host": ({"broken": {"from 99": "redirect"}}, "leads on to another host", 100),
    "a redirect to a port that is none": ({"broken": {"from 99": "redirect nowhere"}}, "an address that is none", 100),
    "a body that breaks off": ({"broken": {"from 99": "cut"}}, "breaks off in the middle", 100),
    "JSON that breaks off": ({"broken": {"from 99": "cut json"}}, "not a list of records", 100),
    "one page that breaks off": ({"broken": {1: "cut json"}}, None, 250),
    "one page that is empty": ({"broken": {1: "empty"}}, None, 250),
    "one page that is null": ({"broken": {2: "null"}}, None, 250),
    "one page that is shorter": ({"broken": {1: "short 7"}}, None, 250),
    "an end that is null": ({"broken": {"from 250": "null"}}, "from record 251 on the answer says", 250),
    "an end that is an empty object": ({"broken": {"from 250": "object"}}, "record 251 on the answer is an empty object", 250),
    "an end that is 404": ({"broken": {"from 250": "404"}}, "from record 251 on the provider answers with status 404", 250),
    "an end that is 404, and a total": ({"total": "right", "broken": {"from 250": "404"}}, None, 250),
    "fewer than announced": ({"total": "high"}, "257 records were announced", 250),
    "more than announced": ({"total": "low"}, None, 250),
    "a total that is the page's own": ({"total": "page"}, None, 250),
    "a total that is what came so far": (
        {"total": "last page"}, "or its totals count something else: from 100 to 250 records were announced", 250,
    ),
    "a total that is no number": ({"total": "text"}, None, 250),
    "a total that is no number of records": ({"total": "negative"}, None, 250),
    "a total of five thousand digits": ({"total": "huge"}, None, 250),
    "a total with a decimal": ({"total": "decimal"}, None, 250),
    "a total that is said twice": ({"total": "twice"}, None, 250),
    "two totals": ({"total": "two"}, None, 250),
    "offsets that are ignored": ({"offsets": "ignored"}, "sends the same page again", 100),
    "offsets that are ignored, and a total": ({"offsets": "ignored", "total": "right"}, "sends the same page again", 100),
    "offsets in whole pages": ({"offsets": "pages"}, None, 250),
    "offsets in whole pages, and a total": ({"offsets": "pages", "total": "right"}, None, 250),
    "an order from z to a": ({"order": "desc"}, None, 250),
    "no order": ({"order": "none"}, None, 250),
    "gzip": ({"encoding": "gzip"}, None, 250),
    "gzip in two members": ({"encoding": "two members"}, None, 250),
    "deflate without a header": ({"encoding": "bare deflate"}, None, 250),
    "UTF-16": ({"encoding": "utf-16"}, None, 250),
    "a list without a name": ({"wrap": "bare"}, "a list without a name, and empty", 250),
    "a list without a name, and a total": ({"wrap": "bare", "total": "right"}, None, 250),
    "a list by another name": ({"wrap": "items", "total": "right"}, None, 250),
    "a list by another name that says nothing": ({"wrap": "items"}, None, 250),
    "no more than 150 by another name": ({"wrap": "items", "most": 150}, "in the other order", 150),
    "a list by another name, and behind it one by a third": (
        {"wrap": "items", "broken": {"from 250": "another list"}}, "no list of records, but warnings", 250,
    ),
    "a list by another name, and behind it one by its own": (
        {"wrap": "items", "broken": {"from 250": "empty"}}, "no list of records, but an empty one by another name", 250,
    ),
    "a first page that can't be read again": (
        {"total": "right", "broken": {3: "403"}}, "could not be read again at the end: The provider does not let this", 250,
    ),
    "500 at an offset in mid-list": (
        {"broken": {"from 198": "500"}}, "from record 200 on the provider answers with status 500, index, 5 times over", 199,
    ),
    "an end that is 500": ({"broken": {"from 250": "500"}}, "record 251 on the provider answers with status 500, index", 250),
    "a null record": ({"nulls_at": frozenset({7})}, "1 of 250 records can't be read", 249),
    "someone deleted in what was read": ({"moves": {1: "delete 45"}}, "the list changed at the provider", 250),
    "someone deleted, with links": ({"link": "right", "moves": {1: "delete 45"}}, "the list changed at the provider", 250),
    "someone deleted, by cursor": ({"link": "cursor", "moves": {1: "delete 45"}}, "the list changed at the provider", 249),
    "someone deleted, with a total": ({"total": "right", "moves": {1: "delete 45"}}, "the list changed at the provider", 250),
    "someone deleted and another added, with a total": (
        {"total": "right", "moves": {1: "delete 45", 2: "add 248"}}, "the list changed at the provider", 250,
    ),
    # What nobody had listed.
    "offsets that begin again in a list that became shorter": ({"offsets": "wrap", "scope_shrinks": 2}, "the list changed", 249),
    "one empty page after a page of one record": ({"cap": 1, "broken": {1: "empty"}}, "do not overlap with another", 250),
    "one empty page among whole pages": ({"offsets": "pages", "cap": 125, "broken": {2: "empty"}}, None, 250),
    "an empty page between two whole ones": ({"offsets": "pages", "cap": 60, "broken": {3: "empty"}}, None, 250),
    "two empty pages among whole pages": (
        {"offsets": "pages", "cap": 60, "broken": {3: "empty", 4: "empty"}}, "when its end was asked for again", 120,
    ),
    "nothing behind a page that was full": (
        {"offsets": "pages", "cap": 60, "broken": {"from 120": "empty"}}, "with record 120 exactly, where a full page ends", 120,
    ),
    "whole pages, the last of them full": ({"offsets": "pages", "cap": 50}, "where a full page ends", 250),
    "whole pages, the last of them full, and a total": ({"offsets": "pages", "cap": 50, "total": "right"}, None, 250),
    "a page of its first record alone, and an empty one": (
        {"cap": 60, "broken": {1: "short 1", 2: "empty"}}, "when its end was asked for again", 60,
    ),
    "offsets that count from one": ({"offsets": "from one"}, "do not begin where the one before ended", 250),
    "offsets that are numbers of pages": ({"offsets": "numbers"}, "an empty page came where a record had been", 100),
    "offsets that begin again behind the end": ({"offsets": "wrap"}, "sends the same page again", 250),
    "offsets that begin again, and a total": ({"offsets": "wrap", "total": "right"}, None, 250),
    "offsets up to a limit": ({"offsets": "at most 150"}, "do not begin where the one before ended", 250),
    "offsets that skip one": ({"offsets": "one late"}, "do not begin where the one before ended", 250),
    "offsets that skip one, and a total": ({"offsets": "one late", "total": "right"}, "the list changed", 250),
    "offsets that go back by one": ({"offsets": "one early"}, "do not begin where the one before ended", 250),
    "another order each time": ({"order": "each time"}, "the list changed at the provider", 179),
    "another order each time, and a total": ({"order": "each time", "total": "right"}, "the list changed at the provider", 179),
    "pages of another length each time": ({"varies": 30}, "the list changed at the provider", 250),
    "a proxy that answers everything as the first": ({"cached": True}, "sends the same page again", 100),
    "a proxy, and a cursor": ({"cached": True, "link": "cursor"}, "sends the same page again", 100),
    "a sign-in that sees less from the third page on": ({"scope_shrinks": 2}, "the list changed at the provider", 199),
    "a sign-in that sees less, and a total": ({"scope_shrinks": 2, "total": "right"}, "the list changed at the provider", 199),
    "a sign-in that sees less, and a cursor": ({"scope_shrinks": 2, "link": "cursor"}, "the list changed at the provider", 200),
    "next pages that go in a circle": ({"link": "circle"}, "sends the same page again", 200),
    "next links without an end": ({"link": "right", "always_next": True}, "names a next page, and nothing new is in it", 250),
    "a total of nothing": ({"total": "zero"}, None, 250),
    "a total with a thousands separator": ({"total": "thousands"}, None, 250),
    "a total in words": ({"total": "words"}, None, 250),
    "a total of everybody, whoever may be seen": ({"total": "everybody"}, "9,000 records were announced", 250),
    "an export that is still running": ({"broken": {"from 250": "processing"}}, "a failure (Export is running)", 250),
    "an error's severity in a success": ({"broken": {"from 250": "severity"}}, "reports a failure", 250),
    "a limit that was reached, said beside an empty list": ({"broken": {"from 250": "message"}}, "Rate limit exceeded", 250),
    "a problem document with an empty list": ({"broken": {"from 250": "problem"}}, "Too many requests", 250),
    "an empty list that says so": ({"broken": {"from 250": "no more"}}, None, 250),
    "an empty list one level down": ({"broken": {"from 250": "nested"}}, "no list of records, but data", 250),
    "an object in place of an empty list": ({"broken": {"from 250": "keyed"}}, "have no sourcedId", 250),
    "a part, by its status": ({"broken": {"from 250": "partial"}}, "status 206", 250),
    "XML in mid-list": ({"broken": {"from 99": "xml"}}, "is a web page", 100),
    "a record a line": ({"broken": {"from 99": "lines"}}, "not a list of records", 100),
    "single quotes": ({"broken": {"from 99": "python"}}, "not a list of records", 100),
    "a number that is none": ({"broken": {"from 99": "NaN"}}, "not a list of records", 100),
    "links by the limit that was asked for, and a smaller cap": ({"link": "by limit", "cap": 60}, None, 250),
    "cursors by the limit that was asked for, and a smaller cap": (
        {"link": "pages by limit", "cap": 60}, "were not the same when they were read again", 170,
    ),
    "cursors by the limit, and no cap below it": ({"link": "pages by limit"}, None, 250),
    "links that leave a record out": ({"link": "skips one"}, "do not begin where the one before ended", 250),
    "links that count from one": ({"link": "counts from one", "offsets": "from one"}, None, 250),
    "a body that tells of more than came": (
        {"most": 150, "beside": {"meta": {"totalRecords": 250}}}, "nothing more came, and the provider tells of 250 records", 150,
    ),
    "a body that tells of more, and links": (
        {"link": "right", "beside": {"total_count": "300"}}, "nothing more came, and the provider tells of 300 records", 250,
    ),
    "a body that tells of as many as came": ({"beside": {"meta": {"totalRecords": 250}}}, None, 250),
    "a body that says that more follow": ({"most": 150, "beside": {"has_more": True}}, 'the provider says "has_more"', 150),
    "a body that names a next page": ({"most": 150, "beside": {"links": {"next": "/p/2"}}}, 'the provider says "next"', 150),
    "a body that names no next page": ({"beside": {"links": {"next": None}, "hasMore": False}}, None, 250),
    "a warning beside the records": (
        {"most": 150, "beside": {"warnings": ["Result truncated to 150 rows"]}}, "says: Result truncated to 150 rows", 150,
    ),
    "a list one level down": ({"wrap": "data.users"}, None, 250),
    "a list one level down, and a total": ({"wrap": "data.users", "total": "right"}, None, 250),
    "a list one level down that is cut, said beside it": (
        {"wrap": "data.users", "most": 150, "beside": {"errors": [{"message": "school 7: no answer"}]}}, "7: no answer", 150,
    ),
    "an empty list that is not one level down as the others are": (
        {"wrap": "data.users", "broken": {"from 250": "empty"}}, "no list of records, but an empty one by another name", 250,
    ),
    "a limit that is refused, with the largest in words": ({"refuses_above": 60}, None, 250),
    "a limit that is refused, without a word": ({"refuses_above": 100, "refuses_with": ""}, None, 250),
    "a message of how long a page may be": ({"beside": {"message": "Limited to 100 per page"}}, None, 250),
    "a message of how long a page may be, and a total": (
        {"total": "right", "beside": {"warnings": ["Limit 5000 exceeds the maximum page size of 100."]}}, None, 250,
    ),
    "a message of a page and of a cut": (
        {"most": 150, "beside": {"message": "Limited to 100 records per page; result truncated"}}, "says: Limited to 100", 150,
    ),
    "no more than 200 and a total of them, from one that puts them in order": (
        {"most": 200, "total": "capped"}, "in the other order, it begins with another record than the last of the 200", 200,
    ),
    "no more than 150 without a word, from one that puts them in order": (
        {"most": 150}, "in the other order, it begins with another record than the last of the 150", 150,
    ),
    "no more than 150 one level down": ({"most": 150, "wrap": "data.users"}, "in the other order", 150),
    "a page of its own with links in a list": (
        {"most": 150, "beside": {"links": [{"rel": "self", "href": "/1"}, {"rel": "next", "href": "/2"}]}}, 'says "next"', 150,
    ),
    "a page that says that it is not the last": ({"most": 150, "beside": {"last": False}}, 'says "last: false"', 150),
    "a page as Laravel makes it": ({"most": 150, "beside": {"next_page_url": "/p/2"}}, 'says "next_page_url"', 150),
    "a message beside the records that says nothing": ({"beside": {"message": "Request successful"}}, None, 250),
    "offsets behind the end give the last page again": ({"offsets": "at most 150"}, "do not begin where the one before", 250),
    "no more than two hundred, without a word": ({"most": 200}, "it ends with record 200 exactly", 200),
    "no more than two hundred, and a total": ({"most": 200, "total": "right"}, "250 records were announced", 200),
    "a total further down in the body": (
        {"most": 150, "beside": {"meta": {"pagination": {"total": 250}}}}, "the provider tells of 250 records", 150,
    ),
    "a body that tells of more pages": ({"most": 150, "beside": {"totalPages": 3}}, "the provider tells of 201 records", 150),
    "a body that tells of as many pages as came": ({"beside": {"totalPages": 3, "pageCount": "3"}}, None, 250),
    "a total in another header": ({"most": 150, "headers": {"X-Total": "250"}}, "the provider tells of 250 records", 150),
    "a header that tells of more pages": ({"most": 150, "headers": {"X-Total-Pages": "3"}}, "tells of 201 records", 150),
    "a header in JSON": ({"most": 150, "headers": {"X-Pagination": '{"totalCount":250}'}}, "tells of 250 records", 150),
    "a header in JSON that is none": ({"headers": {"X-Pagination": "{total: 250"}}, None, 250),
    "a range of more": ({"most": 150, "headers": {"Content-Range": "items 0-99/250"}}, "tells of 250 records", 150),
    "a range of nobody knows how many": ({"headers": {"Content-Range": "items 0-99/*"}}, None, 250),
    "a header that says that more follow": ({"most": 150, "headers": {"X-Has-More": "true"}}, 'says "has-more"', 150),
    "a header that names a next page": ({"most": 150, "headers": {"X-Next-Page": "3"}}, 'says "next-page"', 150),
    "a header that names no next page": ({"headers": {"X-Next-Page": "", "X-Has-More": "false", "X-Request-Id": "9"}}, None, 250),
    "a warning in a header": ({"most": 150, "headers": {"Warning": '199 - "truncated"'}}, '199 - "truncated"', 150),
    "a last page by a link, further on": (
        {"most": 150, "headers": {"Link": f'<{PATH}?offset=200&limit=100>; rel="last"'}}, "tells of 200 records", 150,
    ),
    "a last page by its number, further on": (
        {"most": 150, "headers": {"Link": f'<{PATH}?page=3>; rel="last"'}}, "tells of 200 records", 150,
    ),
    "a last page by a link, which is the last": ({"headers": {"Link": f'<{PATH}?offset=200&limit=100>; rel="last"'}}, None, 250),
    "an error beside the records": ({"most": 150, "beside": {"error": "school 7: no answer"}}, "reports an error", 150),
    "an error beside the records, and a total that fits": (
        {"most": 150, "total": "capped", "beside": {"errors": [{"message": "school 7: no answer"}]}}, "school 7: no answer", 150,
    ),
    "more to follow, and a total that fits": (
        {"most": 150, "total": "capped", "beside": {"hasMore": True}}, 'says "hasMore"', 150,
    ),
    "no error beside the records": ({"total": "right", "beside": {"error": None, "errors": []}}, None, 250),
    "a total up to a limit, and an error behind it": (
        {"most": 200, "total": "capped", "broken": {"from 200": "window"}}, "result window is too large", 200,
    ),
    "records left out after the pages were cut": ({"hidden": (95, 210)}, "records came from further behind its end", 95),
    "records left out after the pages were cut, and pages that are shorter than was asked for": (
        {"cap": 7, "hidden": (9, 30)}, "records came from further behind its end", 9,
    ),
    "records left out after the pages were cut, and a total": ({"hidden": (95, 210), "total": "right"}, "250 records", 95),
    "someone added in what was read": ({"moves": {1: "add 3"}}, "the list changed at the provider", 250),
}  # fmt: skip


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_collection_is_whole_where_its_end_is_proved_and_not_otherwise(name: str) -> None:
    lies, reason, number = SITUATIONS[name]
    liar = Liar(PEOPLE, Lies(**lies))

    came, why = read_users(liar)

    assert (len(came - {""}), reason is None) == (number, why == "")
    assert (reason or "") in why
    assert not why or why.startswith("users: ")
    assert why or liar.always <= came


# How a provider says, in 400, how many records a page it gives at most, where 5,000 were asked for.
REFUSALS: dict[str, tuple[str, int | None]] = {
    "the standard's own words": ('{"imsx_codeMinor":"invaliddata","imsx_description":"limit must be between 1 and 100"}', 100),
    "what was asked for, and what is the most": ('{"message":"Limit 5000 exceeds the maximum of 1,000."}', 1000),
    "a field's own error": ('{"limit":["Ensure this value is less than or equal to 200."]}', 200),
    "a place and a context": ('{"detail":[{"loc":["query","limit"],"msg":"Input is too large","ctx":{"le":500}}]}', 500),
    "a number by name": ('{"error":"bad limit","maxLimit":250,"requestId":4711}', 250),
    "plain text": ("Maximum page size is 100", 100),
    "a status among the words": ('{"status":400,"error":"limit exceeds the maximum of 50 (400)"}', 50),
    "no number": ('{"message":"limit is too large"}', None),
    "nothing of a limit": ('{"message":"sort by sourcedId is unknown, use 1 of 12 fields"}', None),
    "more than was asked for": ('{"message":"limit must be at most 10000"}', None),
    "an id with digits, and a time": ('{"message":"limit refused at 2026-11-29 10:15","trace":"a-100-b"}', None),
    "nothing": ("", None),
    "a list of lists": ("[[[[]]]]", None),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refused_limit_is_read_from_the_providers_words_alone(name: str) -> None:
    body, most = REFUSALS[name]

    assert most_a_page(Answer(400, {}, body.encode()), 5000) == most


def test_a_refused_first_page_is_asked_for_with_ever_less_and_not_for_ever() -> None:
    asked = list[tuple[str, bool]]()

    class Refuses(Liar):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            query = request.url.params
            asked.append((query["limit"], "sort" in query))
            return super().handle_request(request)

    with pytest.raises(SourceRefused, match="does not take our query for /users"):
        read_users(Refuses(PEOPLE, Lies(refuses_above=1, refuses_with="")), 5000)
    assert asked == [("5000", True), ("5000", False), ("100", True), ("100", False)]
    asked.clear()

    came, why = read_users(Refuses(PEOPLE, Lies(refuses_above=40)), 5000)

    assert (len(came), why) == (250, "")
    assert asked[:2] == [("5000", True), ("40", True)]
    assert {limit for limit, _ in asked[1:]} <= {"40", "1"}
    asked.clear()

    class NeverEnough(Refuses):
        def _response(self, number: int, query: dict[str, str]) -> httpx.Response:
            words = f'{{"message":"limit must be at most {int(query["limit"]) - 1}"}}'
            return httpx.Response(400, stream=httpx.ByteStream(words.encode()))

    with pytest.raises(SourceRefused):
        read_users(NeverEnough(PEOPLE, Lies()), 5000)
    assert len(asked) == MOST_QUESTIONS


# What honest providers send with every page, of lists that came whole.
HONEST: dict[str, Mapping[str, object]] = {
    "an error of code 0 without words": {"error": {"code": 0, "message": ""}},
    "an error of nulls": {"error": {"code": None, "message": None}},
    "an error of code 200 that is a success": {"error": {"code": 200, "message": "Success"}},
    "a number of errors, which is 0": {"errors": {"count": 0}},
    "a switch that is off, and no errors": {"errors": {"hasErrors": False, "list": []}},
    "words that there is no error": {"error": "No error"},
    "words that no errors were found": {"errors": "No errors were found."},
    "a code that there is no error": {"error": {"code": "NO_ERROR"}},
    "none in a word": {"fault": "None", "exception": "n/a"},
    "an error that is a success": {"error": "success"},
    "an error that has succeeded": {"error": {"success": True, "status": 200, "code": 0}},
    "a list of null": {"errors": [None]},
    "a list of an empty object": {"errors": [{}]},
    "lists in lists": {"errors": [[], [""]]},
    "an empty list of errors in an error": {"error": {"error": []}},
    "no errors further down": {"meta": {"errors": {"total": 0, "items": [{}]}}},
    "a success of the standard": {"imsx_codeMajor": "success", "imsx_description": ""},
    "how many people there are, and of other records": {
        "summary": {"users": {"count": 250}, "enrollments": {"count": 30000}, "academicSessions": {"total": 800}}
    },
    "how many students there are among them": {"summary": {"students": {"count": 230}, "classes": {"count": 900}}},
    "other lists that go on": {"enrollments": {"hasMore": True, "next": "/enrollments?offset=100"}},
    "a limit of requests": {"rateLimit": {"total": 5000, "next": "2026-11-28T23:00:00Z"}},
    "a limit of requests further down": {"meta": {"rate_limits": {"hour": {"count": 3000}}, "Quota": {"total": 9000}}},
    "a next page whose link is null": {"_links": {"next": {"href": None}}},
    "a next page whose link is empty": {"_links": {"next": {"href": "", "rel": "next", "templated": False}}},
    "no next page, by null and an empty object": {"links": {"next": None}, "paging": {"next": {}}},
    "no next page among links in a list": {"links": [{"rel": "self", "href": "/p/1"}, {"rel": "next", "href": None}]},
    "the last page": {"last": True, "next_page_url": None, "done": True},
    "how long a page may be": {"message": "Only the first 100 records in each page", "note": "limited to 5 a minute"},
}
DISHONEST: dict[str, tuple[Mapping[str, object], str]] = {
    "an error of a number": ({"error": {"code": 7, "message": ""}}, "says: code 7"),
    "an error of a number alone": ({"error": 7}, "says: error 7"),
    "a switch that is on": ({"errors": {"hasErrors": True, "list": []}}, "says: hasErrors"),
    "a number of errors": ({"errors": {"count": 3}}, "says: count 3"),
    "words of one": ({"errors": ["school 7: no answer"]}, "says: school 7: no answer"),
    "a success with something left out": ({"error": {"message": "OK", "failed": ["school 7"]}}, "says: failed"),
    "no error, and then one": ({"errors": ["No error", {"code": "E17", "detail": "no rights"}]}, "says: E17 no rights"),
    "one of code -1": ({"error": -1}, "says: error -1"),
    "one deep down": ({"error": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": 0}}}}}}}}}, "the provider says: "),
    "an error of another list": ({"enrollments": {"error": "no answer"}}, "says: no answer"),
    "a total of this list in an object": ({"summary": {"users": {"count": 250}}}, "tells of 250 records"),
    "a number of students among its people": ({"summary": {"students": {"count": 230}}}, "tells of 230 records"),
    "a total in an object with another name": ({"aggregate": {"total": 250}}, "tells of 250 records"),
    "a total in an object that others call a list": ({"results": {"total": 250}}, "tells of 250 records"),
    "a total of one school": ({"school": {"total": 250}}, "tells of 250 records"),
    "an error that did not succeed": ({"error": {"success": False}}, "says: success"),
    "an error that did not succeed, in words": ({"error": {"success": "false"}}, "says: success"),
    "an error whose success is 0": ({"error": {"is_success": 0}}, "says: is_success 0"),
    "an error whose status is false": ({"error": {"status": False, "message": ""}}, "says: status"),
    "a limit that has cut the list": ({"limit": {"total": 150, "truncated": True}}, 'says "truncated"'),
    "an error without a name or words": ({"error": {"": True}}, "says: error"),
    "a limit of requests that was reached": ({"rateLimit": {"error": "too many requests"}}, "says: too many requests"),
    "a number of pages": ({"pageCount": 3}, "tells of 201 records"),
    "a next page by its link": ({"_links": {"next": {"href": "/p/2"}}}, 'says "next"'),
    "a next page without a link": ({"paging": {"next": {"page": 2}}}, 'says "next"'),
}


@pytest.mark.parametrize("total", ["none", "right"])
@pytest.mark.parametrize("name", HONEST)
def test_what_says_nothing_about_this_list_never_stands_against_its_end(name: str, total: str) -> None:
    liar = Liar(PEOPLE, Lies(total=total, beside=HONEST[name]))

    assert read_users(liar) == (liar.always, "")


@pytest.mark.parametrize("name", DISHONEST)
def test_what_says_that_a_list_is_not_all_stands_against_a_total_that_was_reached(name: str) -> None:
    beside, reason = DISHONEST[name]

    came, why = read_users(Liar(PEOPLE, Lies(most=150, total="capped", beside=beside)))

    assert len(came) == 150
    assert reason in why
    assert not set("{}[]'") & set(why)


class CountsItsRows(Liar):
    """Says how many records are on each page, by the name that others give to a number of pages."""

    def _body(self, shown: list[str], at: int) -> bytes:
        return json.dumps({"users": [self._record(each) for each in shown], "pageCount": len(shown)}).encode()


@pytest.mark.parametrize("total", ["none", "right"])
def test_a_number_of_records_on_this_page_is_no_number_of_pages(total: str) -> None:
    liar = CountsItsRows(PEOPLE, Lies(total=total))

    assert read_users(liar) == (liar.always, "")


@pytest.mark.parametrize("offsets", ["records", "pages"])
def test_as_many_pages_as_a_page_has_records_are_still_pages(offsets: str) -> None:
    liar = Liar(PEOPLE, Lies(most=120, cap=20, total="capped", offsets=offsets, beside={"pageCount": 20}))

    came, why = read_users(liar, 20)

    assert len(came) == 120
    assert "tells of 381 records" in why


BEHIND_A_LIMIT = {"404": "status 404", "window": "result window is too large", "object": "the answer is an empty object"}


@pytest.mark.parametrize("behind", BEHIND_A_LIMIT)
@pytest.mark.parametrize("number", [100, 200])
def test_a_total_as_of_a_limit_that_is_not_believed_says_why(number: int, behind: str) -> None:
    came, why = read_users(Liar(PEOPLE[:number], Lies(total="right", broken={f"from {number}": behind})))

    assert len(came) == number
    assert f"all {number} records that the provider announces came, but {number} is a number at which totals are cut" in why
    assert f"from record {number + 1} on the" in why
    assert BEHIND_A_LIMIT[behind] in why


def test_a_total_as_of_a_limit_behind_which_the_last_record_comes_again_says_why() -> None:
    class GivesItsLastAgain(Liar):
        def _response(self, number: int, query: dict[str, str]) -> httpx.Response:
            return super()._response(number, {**query, "offset": str(min(int(query["offset"]), len(self.ids) - 1))})

    _, why = read_users(GivesItsLastAgain(PEOPLE[:200], Lies(total="right")))

    assert "came, but 200 is a number at which totals are cut" in why
    assert "sends the same page again" in why


@pytest.mark.parametrize("number", [0, 1, 2, 37, 99])
@pytest.mark.parametrize("offsets", ["records", "pages"])
def test_a_list_of_one_page_is_whole_where_that_had_room_for_more(offsets: str, number: int) -> None:
    came, why = read_users(Liar(PEOPLE[:number], Lies(offsets=offsets)))

    assert (len(came), why) == (number, "")


@pytest.mark.parametrize("link", ["none", "right", "only with next", "cursor"])
def test_a_list_of_a_round_length_is_whole_by_its_total_once_nothing_was_behind_it(link: str) -> None:
    liar = Liar(PEOPLE[:200], Lies(total="right", link=link))

    assert read_users(liar) == (liar.always, "")


def test_every_first_page_is_asked_for_before_any_second() -> None:
    asked: list[tuple[str, str]] = []

    class Noting(Liar):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            asked.append((request.url.path.rsplit("/", 2)[1], request.url.params["offset"]))
            return super().handle_request(request)

    provider = Provider("https://sis.example" + BASES["1.2"], "1.2", "bearer", "", "token")
    lists = [Collection("users", f"/schools/{number}/students") for number in range(3)]
    with Source(provider, transport=Noting(PEOPLE, Lies(total="right"))) as source:
        begun = begin_all(source, lists, 100, lambda name, body: None, 1)

    assert asked == [*((number, "0") for number in "210"), *((number, "99") for number in "210")]
    assert [each.fetched.path for each in begun] == [each.path for each in lists]


def test_a_cursor_that_is_lost_at_a_full_page_is_no_end() -> None:
    came, why = read_users(Liar(PEOPLE, Lies(link="pages by limit")), 20)  # it names no next page from record 160 on

    assert why or len(came) == 250


class Patience(Liar):
    """A provider of which nobody should ask so much: a reader that goes in a circle fails, where it would else never end."""

    most = 60

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert self.requests < self.most
        return super().handle_request(request)


def test_a_circle_whose_pages_begin_where_the_one_before_ended_is_left() -> None:
    _, why = read_users(Patience(PEOPLE[:10], Lies(offsets="wrap", moves={2: "delete 0"})), 7)

    assert why


@pytest.mark.parametrize("lies", [{"link": "circle"}, {"link": "right", "always_next": True}, {"offsets": "wrap"}], ids=str)
def test_no_list_is_read_for_ever(lies: dict[str, Any]) -> None:
    _, why = read_users(Patience(PEOPLE, Lies(**lies)))

    assert why


def test_a_page_that_was_read_while_a_list_was_begun_is_read_again_like_any_other(tmp_path: Path) -> None:
    liar = Liar(PEOPLE[:20], Lies(offsets="pages", cap=10, broken={3: "short 1"}))
    provider = Provider("https://sis.example" + BASES["1.2"], "1.2", "bearer", "", "token")

    with Source(provider, transport=liar, sleep=lambda seconds: None) as source:
        start = begin(source, USERS, 10, keeping(tmp_path), 4)
        again = recheck(source, start, ())

    assert again.unchecked == 1


def test_a_service_that_gives_nothing_for_a_while_and_comes_back_has_no_end() -> None:
    answers: dict[int | str, str] = {2: "empty", 3: "empty", 4: "empty", 5: "empty"}

    came, why = read_users(Liar(PEOPLE[:47], Lies(offsets="pages", cap=45, broken=answers)))

    assert len(came) == 45
    assert "when its end was asked for again" in why or "the list changed" in why


@pytest.mark.parametrize("encoding", ["cut gzip"])
def test_a_first_page_that_can_not_be_read_says_so(encoding: str) -> None:
    with pytest.raises(SourceRefused, match="cut off in the middle"):
        read_users(Liar(PEOPLE, Lies(encoding=encoding)))


CHANGES = st.builds("{} {}".format, st.sampled_from(MOVES), st.integers(0, 44))
LIES = st.builds(
    Lies,
    **{name: st.sampled_from(values) for name, values in TRAITS.items()},
    broken=st.dictionaries(st.sampled_from(BROKEN_AT), st.sampled_from(BREAKS), max_size=3),
    moves=st.dictionaries(st.integers(0, 12), CHANGES, max_size=3),
    nulls_at=st.frozensets(st.integers(0, 44), max_size=2),
)


EXAMPLES = int(os.environ.get("EXAMPLES", "150"))  # the same ones each time, unless many are asked for


@settings(max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES == 150, suppress_health_check=list(HealthCheck))
@given(lies=LIES, size=st.sampled_from([7, 10, 20, 100]), number=st.sampled_from([0, 1, 2, 10, 20, 45]), seed=st.integers(0, 3))
def test_whatever_a_provider_lies_nobody_who_is_in_its_data_is_taken_for_gone(
    lies: Lies, size: int, number: int, seed: int
) -> None:
    liar = Liar(PEOPLE[:number], lies, seed)
    try:
        came, why = read_users(liar, size)
    except (SourceRefused, SourceUnavailable, NotOffered, QueryRefused):
        return  # the sync ends, and nothing is changed

    missing = liar.always - came
    assert why or not missing


class _Watched(Liar):
    """Tells how many of its answers are under way at once."""

    under_way = 0
    most_at_once = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            return super().handle_request(request)
        finally:
            self.under_way -= 1


def test_the_next_page_is_asked_for_while_one_is_looked_at_never_two_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    liar = _Watched(PEOPLE, Lies(total="right", cap=10))
    looked_at, asked_meanwhile = 0, 0

    def looking(answer: Answer, path: str, within: str) -> Page:
        nonlocal looked_at, asked_meanwhile
        looked_at += 1
        until = time.monotonic() + 0.05
        while liar.requests == looked_at and time.monotonic() < until:
            time.sleep(0.001)
        asked_meanwhile += liar.requests > looked_at
        return page_of(answer, path, within)

    monkeypatch.setattr(rest, "page_of", looking)
    came, why = read_users(liar, 10)

    assert (len(came), why) == (250, "")
    assert liar.requests == looked_at, "a page was asked for that nobody looked at"
    assert asked_meanwhile >= 10
    assert liar.most_at_once == 1


# The state machine by itself: one kind of evidence after the other.


def page(*numbers: int, **more: Any) -> Page:
    return Page(tuple(PEOPLE[number] for number in numbers), **more)


def walked(*pages: Page, size: int = 100) -> Range | End:
    """Where a reading is after these pages, in which each is answered to what was asked after the one before."""
    where: Range | End = first(USERS, size)
    for each in pages:
        assert isinstance(where, Range)
        where = after(where, each)
    return where


def test_the_page_after_the_last_is_asked_for_from_the_last_record_on() -> None:
    following = walked(page(*range(100)), page(*range(99, 120)))

    assert isinstance(following, Range)
    assert following.query_params() == {"limit": "100", "offset": "119", "sort": "sourcedId", "orderBy": "asc"}


def test_nothing_after_the_last_record_is_believed_once_the_next_offset_gives_nothing() -> None:
    seen = [page(*range(100)), page(*range(99, 120)), page(119)]

    probe = walked(*seen)

    assert isinstance(probe, Range)
    assert probe.query_params()["offset"] == "120"
    assert walked(*seen, page()) == End(Ending.NOTHING_AFTER)
    assert isinstance(walked(*seen, page(120)), Range)


def test_a_total_that_is_reached_by_a_page_with_room_for_more_needs_no_further_page() -> None:
    assert walked(page(*range(100), total=120), page(*range(99, 120), total=120)) == End()
    assert isinstance(walked(page(*range(100), total=199), page(*range(99, 199), total=199)), Range)  # it was full
    assert isinstance(walked(page(*range(50), total=50)), Range)  # which may be the page's own size


def test_a_header_without_a_next_link_ends_a_list_that_has_had_one() -> None:
    one, two = page(*range(100), links=True, next={"offset": "100"}), page(*range(99, 120), links=True)

    assert walked(one, two) == End(Ending.NO_NEXT_LINK)
    assert isinstance(walked(page(*range(100), links=True)), Range)  # it has never named one
    assert isinstance(walked(one, page(*range(99, 120))), Range)  # there is no header at all


def test_a_next_link_without_an_offset_is_followed_as_it_stands() -> None:
    following = walked(page(*range(100), links=True, next={"cursor": "abc"}))

    assert isinstance(following, Range)
    assert following.query_params() == {"cursor": "abc"}


def test_an_answer_that_says_nothing_is_asked_for_three_times() -> None:
    unclear = Page((), unclear=Cause("the answer is an empty object and no list"))
    where = walked(page(*range(100)), unclear, unclear)

    assert isinstance(where, Range)
    reason = "the answer is an empty object and no list"
    assert after(where, unclear) == End(why=Cause(f"from record 101 on {reason}", reason))


def test_each_proof_alone_is_enough_and_without_one_nothing_is_whole() -> None:
    read = Reading("users", rows=120, ids=120)
    proved = [
        Reading("users", rows=120, ids=120, announced=frozenset({120}), on_a_smaller_page=True),
        Reading("users", rows=120, ids=120, endings=frozenset({Ending.NOTHING_AFTER})),
        Reading("users", rows=120, ids=120, endings=frozenset({Ending.NO_NEXT_LINK})),
    ]

    assert len(proved) == len(PROOFS)
    assert [why_not_whole([each]) for each in proved] == [None, None, None]
    assert "nothing proves that it ends with record 120" in message(why_not_whole([read]))
    assert "nothing proves" in message(why_not_whole([Reading("users", rows=120, ids=120, announced=frozenset({120}))]))


@pytest.mark.parametrize(("number", "whole"), [(120, True), (3000, True), (146_000, True), (500, False), (10_000, False)])
def test_a_total_at_which_people_let_totals_end_needs_another_witness(number: int, whole: bool) -> None:
    reached = Reading("users", rows=number, ids=number, announced=frozenset({number}), on_a_smaller_page=True)

    assert (why_not_whole([reached]) is None) == whole
    assert why_not_whole([replace(reached, endings=frozenset({Ending.NOTHING_AFTER}))]) is None


def test_every_objection_stands_against_a_proof() -> None:
    proof = {"endings": frozenset({Ending.NOTHING_AFTER}), "rows": 120, "ids": 120}
    objections: list[dict[str, Any]] = [
        {"first_page_changed": True},
        {"announced": frozenset({100, 120})},
        {"torn": 1},
        {"rows": 200, "ids": 200, "announced": frozenset({200}), "endings": frozenset(), "broken_off": (Cause("status 404"),)},
        {"broken_off": (Cause("from record 101 on the provider answers with status 404"),)},
        {"first_page_unread": Cause("the provider answers with status 403")},
        {"announced": frozenset({130})},
        {"unreadable": 1, "ids": 119},
        {"ids": 119},
        {"unchecked": 2},
        {"end_moved": True},
        {"goes_on": True},
        {"other_end": True},
        {"rows": 3000, "ids": 3000},
        {"endings": frozenset({Ending.NOTHING_AFTER, Ending.AFTER_A_FULL_PAGE})},
        {"endings": frozenset()},
    ]

    assert len(objections) == len(OBJECTIONS)
    for each in objections:
        assert why_not_whole([Reading("users", **{**proof, **each})]), each


def test_the_same_cause_in_many_lists_is_one_reason() -> None:
    refused = Reading("users", rows=0, ids=0, broken_off=(Cause("from record 1 on the provider answers with status 403"),))

    assert message(why_not_whole([refused] * 40)) == "from record 1 on the provider answers with status 403 (in 40 lists)"


def test_reasons_that_differ_by_their_place_alone_are_one_and_another_status_is_another() -> None:
    trace = "0f8fad5b-d9cb-469f-a165-7086772895{:02d}"
    broken = [
        Reading(
            "users",
            0,
            0,
            broken_off=(
                Cause(
                    f"from record {at:,} on the provider answers with status {status}, {trace.format(at)}", f"answered {status}"
                ),
            ),
        )
        for at, status in ((13, 404), (45, 404), (99, 500))
    ]

    assert message(why_not_whole(broken)) == (
        f"from record 13 on the provider answers with status 404, {trace.format(13)} (in 2 lists); "
        f"from record 99 on the provider answers with status 500, {trace.format(99)}"
    )


def _refused_at(record: int, body: str, status: int = 404) -> str:
    """The kind of cause of a list whose page from that record on is refused."""
    answer = Answer(status, {"content-type": "application/json"}, body.encode())
    provider = Provider("https://sis.example" + BASES["1.2"], "1.2", "bearer", "", "token")
    with Source(provider, transport=Liar([], Lies()), sleep=lambda seconds: None) as source:
        page = source.read(replace(first(USERS, 100), offset=record - 1), ask=lambda where, leave_at: answer).page
    where = replace(first(USERS, 100), offset=record - 1, tries=TRIES)
    ended = after(where, page)
    assert isinstance(ended, End)
    assert ended.why
    assert f"from record {record} on the provider answers with status {status}" in ended.why.message
    return ended.why.key


def test_a_refused_page_is_one_cause_wherever_it_is_met_and_whatever_id_the_provider_gives_its_error() -> None:
    traced = '{{"message": "no such page, trace {}"}}'

    one = _refused_at(13, traced.format("0f8fad5b-d9cb-469f-a165-708677289501"))

    assert _refused_at(45, traced.format("7c9e6679-7425-40de-944b-e07fc1f90ae7")) == one
    assert _refused_at(45, '{"message": "the roster service is down"}') != one
    assert _refused_at(45, traced.format("0f8fad5b-d9cb-469f-a165-708677289501"), 500) != one


def test_what_several_entities_lack_for_one_cause_is_reported_once() -> None:
    reasons = {
        "users": "from record 2,001 on the provider answers with status 503",
        "classes": "from record 11 on the provider answers with status 503",
        "enrollments": "the list changed at the provider while it was read",
    }

    assert by_cause(reasons, {"users": "503", "classes": "503", "enrollments": "changed"}) == [
        "users, classes: from record 2,001 on the provider answers with status 503",
        "enrollments: the list changed at the provider while it was read",
    ]


def test_reasons_of_a_sync_from_before_kinds_were_stored_are_still_read() -> None:
    stored = {"users": "users: the list changed at the provider", "classes": "classes: the list changed at the provider"}

    assert by_cause(stored, {}) == ["users, classes: the list changed at the provider"]


def test_what_was_read_of_a_range_before_kinds_were_stored_is_still_read() -> None:
    now = Fetched("users", "/users", 0, (), broken_off=Cause("from record 13 on it broke off", "broke off"))

    assert Fetched.from_json(json.loads(json.dumps(now.to_json()))) == now
    assert Fetched.from_json({**now.to_json(), "broken_off": "it broke off"}).broken_off == Cause("it broke off")
    assert Fetched.from_json({**now.to_json(), "broken_off": ""}).broken_off is None
