"""Whatever an application sends to the roster's own paths: an answer by the standard's codes, never a 5xx."""

import random
from urllib.parse import quote

import pytest

from chalicelib.provider.collections import COLLECTIONS
from tests.api.test_bounds import ROUNDS, SEED
from tests.rostering.test_api import V1P1, V1P2, Reader, made, send, synced

__all__ = ["synced"]
PARTS = [
    *COLLECTIONS,
    *COLLECTIONS,
    "north",
    "n1",
    "ann",
    "x" * 3000,
    "\x00",
    "..",
    "a/b",
    "';--",
    "$outer",
    "*",
    "\u202e\U0001f4a9",
    "é" * 200,
]
FIELDS = [
    "familyName",
    "dateLastModified",
    "enabledUser",
    "roles",
    "roles.role",
    "metadata",
    "grades",
    "user.sourcedId",
    "x'",
    "\x00",
]
OPERATORS = ["=", "!=", "~", ">", "<="]
VALUES = ["", "a", "''", "%", "infinity", "2026-13-45", "290000-01-01", "true", "01,02", "\x00", "x" * 3900, "\U0001f600"]
OTHERS = {
    "limit": ["1", "9" * 12, "0", "-1", "1e3", "\u0663", "\x00"],
    "offset": ["0", "9" * 12, "-0", "\u00b2"],
    "sort": FIELDS,
    "orderBy": ["asc", "DESC", "x"],
    "fields": [*FIELDS, ",", "email,email"],
    "version": ["x", ".", "x.y.z", "../../g2/snapshot/x", "." * 80, "\x00"],
    "after": ["x", "0.0", "1.999999999", "999999999.0", "\x00"],
    "since": ["x", "0.0.0", f"1.{'a' * 16}.{'b' * 16}", f"999999999.{'a' * 16}.{'b' * 16}"],
}
FILES = ["changes-1.2.zip", "roster-1.1.zip", "users.parquet", "x" * 3000, "\x00", "../users.parquet"]


@pytest.mark.usefixtures("synced")
def test_no_made_up_request_of_an_application_is_a_5xx() -> None:
    readers = [Reader(made()), Reader(made(schools=["north"], fields=["username"])), Reader(made(), V1P1)]
    for number in range(ROUNDS * 4):
        chance = random.Random(f"{SEED} {number}")
        reader = chance.choice(readers)
        query = {name: chance.choice(OTHERS[name]) for name in chance.sample(list(OTHERS), chance.randrange(3))}
        if chance.random() < 0.5:
            clauses = [f"{chance.choice(FIELDS)}{chance.choice(OPERATORS)}'{chance.choice(VALUES)}'" for _ in range(2)]
            query["filter"] = chance.choice([" AND ", " OR ", ""]).join(clauses)
        parts = chance.choices(PARTS, k=chance.randrange(1, 6))
        base = reader.base
        match number % 8:
            case 0:
                base, parts = "/oneroster/events", []
            case 1:
                base, parts = "/oneroster/bulk", [chance.choice(FILES)]
        resource = base + "".join(f"/{{part{place}}}" for place in range(1, len(parts) + 1))

        answer = send(
            "GET", resource, [quote(each, safe="") for each in parts], {"Authorization": f"Bearer {reader.token}"}, query
        )

        assert answer["statusCode"] < 500, (base, parts, query, answer["body"])
        assert base in (V1P1, V1P2) or answer["statusCode"] != 401
