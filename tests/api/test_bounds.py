"""Whatever comes in over HTTP: an answer of the API's own, never a 5xx, and a problem document where it is refused."""

import base64
import itertools
import json
import os
import random
import re
import string
from collections.abc import Callable
from typing import Any

import pytest

import app as wiring
from chalicelib.api import routing
from chalicelib.api.routing import ROUTES
from tests.api.test_routes import Context, call, filled
from tests.steps.walk import make_group

pytestmark = pytest.mark.usefixtures("aws", "bounded")
GROUP: dict[str, Any] = {"name": "Lakeside"}


@pytest.fixture
def bounded(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_MACHINE_ARN", "arn:aws:states:us-east-1:123456789012:stateMachine:oneroster-sync")


def nested(depth: int) -> str:
    return '{"name": ' + "[" * depth + "]" * depth + "}"


BODIES: dict[str, Callable[[], str]] = {
    "nested-fifty-thousand-deep": lambda: nested(50_000),
    "nested-a-little-too-deep": lambda: nested(40),
    "number-of-a-million-digits": lambda: '{"name": "A", "graceDays": ' + "9" * 1_000_000 + "}",
    "number-of-hundreds-of-digits": lambda: '{"name": "A", "guard": {"floor": ' + "9" * 300 + "}}",
    "exponent-without-end": lambda: '{"name": "A", "guard": {"share": 1e999}}',
    "not-a-number": lambda: '{"name": "A", "guard": {"share": NaN}}',
    "infinity": lambda: '{"name": "A", "guard": {"share": -Infinity}}',
    "zero-byte-in-the-name": lambda: json.dumps({"name": "A\x00B"}),
    "escape-in-the-name": lambda: json.dumps({"name": "A\x1b[31mB"}),
    "line-break-in-the-name": lambda: json.dumps({"name": "A\r\nSet-Cookie: b"}),
    "half-a-character": lambda: '{"name": "\\ud800"}',
    "half-a-character-as-a-key": lambda: '{"\\ud800": 1}',
    "text-of-a-million": lambda: json.dumps({"name": "A", "description": "x" * 1_000_000}),
    "list": lambda: "[]",
    "text": lambda: '"name"',
    "nothing": lambda: "",
    "null": lambda: "null",
    "cut-off": lambda: '{"name": "A"',
    "comment": lambda: '{"name": "A" /* b */}',
    "unknown-field": lambda: '{"name": "A", "__proto__": {"role": "admin"}}',
    "null-for-the-name": lambda: '{"name": null}',
}


@pytest.mark.parametrize("said", ["POST /groups", "PATCH /groups/g1", "POST /imports", "POST /groups/g1/selections"])
def test_a_body_that_is_no_form_is_refused_in_a_sentence(said: str) -> None:
    make_group()
    for name, body in BODIES.items():
        status, problem = call(said, raw=body(), headers={"If-Match": "e1"})

        assert status in (400, 422), (name, problem)
        assert problem["detail"]


def test_a_guard_that_would_be_off_is_refused() -> None:
    status, answer = call("POST /groups", {"name": "A", "guard": {"floor": 2_000_000}})

    assert (status, "turns the guard off" in answer["errors"][0]["message"]) == (422, True)


def test_a_description_may_have_several_lines() -> None:
    assert call("POST /groups", {"name": "A", "description": "one\ntwo"})[0] == 201


NAMES = {
    "long": "x" * 3000,
    "zero-byte": "%00",
    "upwards": "..%2f..%2fg1",
    "blank-and-star": "g1%20*",
    "star": "*",
    "characters": "%F0%9F%92%A9" * 40,
    "another-kind-of-key": "~key~k1",
    "long-sync": "g1-" + "9" * 1500,
}


def test_a_path_that_can_name_nothing_is_answered_like_an_unknown_one() -> None:
    make_group()
    for route in (route for route in ROUTES if "{" in route.path and route.role):
        parameters = re.findall(r"{\w+}", route.path)
        for (name, value), parameter in itertools.product(NAMES.items(), parameters):
            found = route.path.replace(parameter, value).replace("{groupId}", "g1").replace("{syncId}", "g1-s1")
            status, problem = call(f"{route.method} {re.sub(r'{[a-zA-Z]+}', 'u1', found)}", {}, headers={"If-Match": "e1"})

            assert 400 <= status < 500, (route.path, parameter, name, problem)


CURSORS = {
    "text": "nonsense",
    "huge-number": base64.urlsafe_b64encode(b"9" * 300).decode(),
    "huge-row": base64.urlsafe_b64encode(b'["rows", ' + b"9" * 300 + b"]").decode(),
    "negative-row": base64.urlsafe_b64encode(b'["rows", -1]').decode(),
    "fraction": base64.urlsafe_b64encode(b'["rows", 1.5]').decode(),
    "truth": base64.urlsafe_b64encode(b'["rows", true]').decode(),
    "nested": base64.urlsafe_b64encode(b"[" * 300).decode(),
    "long": "A" * 10_000,
    "zero-bytes": base64.urlsafe_b64encode(b"\x00\x00").decode(),
}


def test_a_cursor_that_nobody_gave_is_refused() -> None:
    make_group()
    for path, (name, cursor) in itertools.product(("groups", "groups/g1/syncs", "groups/g1/audit"), CURSORS.items()):
        status, problem = call(f"GET /{path}", query={"cursor": cursor})

        assert (status, problem["errors"][0]["field"]) == (422, "cursor"), (path, name)


def test_an_idempotency_key_is_bounded() -> None:
    make_group()
    for key in ("k" * 3000, "k k", "k\x00", "kä"):
        assert call("POST /groups/g1/syncs", {"mode": "full"}, headers={"Idempotency-Key": key})[0] == 400


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x"], ids=["text", "xml", "form"]
)
def test_another_content_type_is_refused_by_a_problem_document(kind: str) -> None:
    event = {
        "httpMethod": "POST",
        "path": "/groups",
        "headers": {"Content-Type": kind},
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "body": "{}",
        "isBase64Encoded": False,
        "requestContext": {"resourcePath": "/groups", "httpMethod": "POST", "requestId": "r1"},
    }

    answer = wiring.app(event, Context())

    response = json.loads(answer["body"])
    assert (answer["statusCode"], response["status"], response["title"]) == (415, 415, "Unsupported media type")
    assert "application/problem+json" in str(answer["multiValueHeaders"] or answer["headers"])


SEED = 23
ROUNDS = int(os.environ.get("ATTACK_ROUNDS", "3"))  # `make attack` sends more


def made(chance: random.Random, depth: int = 0) -> Any:
    """A value of JSON, seldom one that is wanted."""
    kinds: list[Callable[[], Any]] = [
        lambda: None,
        lambda: chance.choice([True, False]),
        lambda: chance.choice([0, -1, 1, 2**31, 2**63, -(2**63), 10**30, 0.1, -0.0, 1e-30, 1e30]),
        lambda: "".join(chance.choices(string.printable + "\x00\x7f\u200b\u202eäé漢\U0001f4a9", k=chance.choice([0, 1, 9, 300]))),
        lambda: chance.choice(["g1", "g1-s1", "*", "full", "zip", "users", "active", "2026-01-01", "=1+1", "../x", "u1"]),
    ]
    if depth < 4:
        kinds += [
            lambda: [made(chance, depth + 1) for _ in range(chance.randrange(4))],
            lambda: {field(chance): made(chance, depth + 1) for _ in range(chance.randrange(5))},
        ]
    return chance.choice(kinds)()


FIELDS: list[str] = sorted({name for route in ROUTES if route.body for name in route.body.model_json_schema()["properties"]})


def field(chance: random.Random) -> str:
    return chance.choice([*FIELDS, *FIELDS, "x", "method", "share", "later", "ids"])


def test_no_made_up_request_is_a_5xx() -> None:
    make_group()
    for route, number in itertools.product(ROUTES, range(ROUNDS)):
        chance = random.Random(f"{SEED} {filled(route)} {number}")
        names = sorted(route.query.model_json_schema()["properties"]) if route.query else ["limit", "x"]
        query = {chance.choice(names): str(made(chance, 9)) for _ in range(chance.randrange(3))}
        body = {field(chance): made(chance) for _ in range(chance.randrange(6))}
        if route.body and chance.random() < 0.7:
            wanted = list(route.body.model_json_schema()["properties"])
            body |= {name: made(chance) for name in chance.sample(wanted, min(len(wanted), 4))}

        status, answer = call(filled(route), body, query=query, headers={"If-Match": "e1", "Idempotency-Key": "k1"})

        assert status < 500, (filled(route), number, query, body, answer)


def test_a_contact_that_is_no_e_mail_address_is_told_with_an_example() -> None:
    status, answer = call("POST /groups", {"name": "Lakeside", "contactEmail": "roster at district"})

    assert (status, answer["errors"][0]["field"]) == (422, "contactEmail"), answer
    assert answer["errors"][0]["message"] == "Enter an e-mail address such as roster@district.example."


def test_an_answer_that_lambda_could_not_hand_back_says_what_to_ask_for_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    make_group()
    monkeypatch.setattr(routing, "MOST_ANSWER_BYTES", 100)

    status, answer = call("GET /groups", {})

    assert (status, answer["title"]) == (422, "Refused")
    assert re.fullmatch(
        r"The answer would have [\d,]+ bytes; 100 can be sent\. Ask for less, as by a smaller limit\.", answer["detail"]
    )


@pytest.mark.parametrize("text", ["plain", 'quoted "words"', "back\\slash", "Zoë 漢 \U0001f4a9", "two\nlines\t"], ids=ascii)
def test_an_answer_s_size_is_what_lambda_hands_back_of_it(text: str) -> None:
    """Python's runtime writes the answer as JSON in UTF-8, in which the body is a text once more."""
    body = json.dumps({"items": [text] * 100}, ensure_ascii=False)

    assert routing.answer_bytes(body) == len(json.dumps(body, ensure_ascii=False).encode()) - 2
