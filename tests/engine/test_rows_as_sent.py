"""Rows whose cells a person or a tool has moved: each under its columns again, or named with its line, and nobody else's."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.corpus.build import files, packed, text_of
from tests.corpus.test_corpus import Read
from tests.engine.districts import user

LOST_A_CELL = r"cells where the header has 23: that of {} is missing; the row was left out"


@dataclass(frozen=True)
class Moved:
    """What happens to one person's line, and what is said of it: nothing else of the row may differ than `now`. `kept` is
    false where nothing is made of it."""

    name: str
    change: Callable[[str], str]
    says: str
    kept: bool = False
    now: tuple[str, str] = ("", "")


def without(part: str) -> Callable[[str], str]:
    return lambda line: line.replace(part, "", 1)


def instead(old: str, new: str) -> Callable[[str], str]:
    return lambda line: line.replace(old, new, 1)


MOVED = (
    Moved("the empty cell of a status is missing", instead(",,,true", ",,true"), "it was read with status empty", kept=True),
    Moved("an empty cell behind the name is missing", instead("Fern,,,", "Fern,,"), "was read with middleName empty", kept=True),
    Moved("an empty cell too many before the name", instead("Ida", ",Ida"), "without an empty one before givenName", kept=True),
    Moved("the cell of an e-mail is missing", without("ida@x.org,"), LOST_A_CELL.format("email")),
    Moved("the cell of a username is missing", without("ida@LOCAL,"), LOST_A_CELL.format("username")),
    Moved("the cell of userIds is missing", without("{LDAP:ida},"), LOST_A_CELL.format("userIds")),
    Moved("the cell of a family name is missing", without("Fern,"), "22 cells where the header has 23; the row was left out"),
    Moved("the cell of a given name is missing", without("Ida,"), "22 cells where the header has 23; the row was left out"),
    Moved("an unquoted comma in a name", instead("Ida", "Ida, M"), "It can be read in more than one way"),
    Moved("an unquoted comma between backslashes", instead("Ida", "Ida\\, M"), "It can be read in more than one way"),
    Moved("an unquoted comma between userIds", instead("{LDAP:ida}", "{LDAP:ida},{SIS:9}"), "as userIds `.LDAP:ida.,.SIS:9.`",
          kept=True, now=("userIds", "[{'type': 'LDAP', 'identifier': 'ida'}, {'type': 'SIS', 'identifier': '9'}]")),
    Moved("an unquoted comma, and as many cells as others", lambda line: line.replace("Ida", "Ida,M")[:-1], "more than one way"),
    Moved("an unquoted line break in a name", instead("Ida", "Ida\r\nM"), "a line break inside a cell was read as a blank",
          kept=True, now=("givenName", "Ida M")),
    Moved("tabs instead of commas", lambda line: line.replace(",", "\t"), "1 cells where the header has 23"),
    Moved("semicolons instead of commas", lambda line: line.replace(",", ";"), "1 cells where the header has 23"),
    Moved("two rows in one line", lambda line: line + line, "45 cells where the header has 23"),
)  # fmt: skip
NOBODY = "a tool's complaint in the middle"


def person(at: int) -> dict[str, str]:
    return user(f"{at:05}", enabledUser="true", username="ida@LOCAL", userIds="{LDAP:ida}", givenName="Ida", familyName="Fern",
                email="ida@x.org", phone="555-0101", grades="09", orgSourcedIds="north")  # fmt: skip


@cache
def sent() -> tuple[Read, dict[str, int]]:
    """A file in which every fourth person's line is damaged, each in a way of its own; and the line of each."""
    rows = [person(at) for at in range(len(MOVED) * 4 + 8)]
    header, *lines, _ = text_of("users", rows).split("\r\n")
    lines_of, shift = {}, 0
    for at, moved in enumerate(MOVED, start=1):
        lines_of[moved.name] = 2 + at * 4 + shift
        lines[at * 4] = moved.change(lines[at * 4])
        shift += lines[at * 4].count("\r\n")
    lines.append("ORA-01555: snapshot too old")
    lines_of[NOBODY] = 2 + len(rows) + shift
    folder = Path(mkdtemp(prefix="moved-"))
    return Read(folder, packed(files(users="\r\n".join([header, *lines, ""]).encode(), enrollments=[]))), lines_of


@pytest.mark.parametrize(("at", "moved"), [pytest.param(at, each, id=each.name) for at, each in enumerate(MOVED, start=1)])
def test_a_row_that_was_moved_stands_under_its_columns_again_or_is_named(at: int, moved: Moved) -> None:
    read, lines_of = sent()
    sourced_id, other = f"{at * 4:05}", read.row("users", f"{at * 4 + 1:05}")
    assert other is not None

    found = [each for each in read.problems if each["line"] == lines_of[moved.name] and each["rule"] != "same-username"]
    row = read.row("users", sourced_id)

    assert [each["severity"] for each in found] == ["warning" if moved.kept else "error"], found
    assert re.search(moved.says, found[0]["message"])
    assert (row is not None) == moved.kept
    for name, value in (row or {}).items():
        expected = moved.now[1] if name == moved.now[0] else str(other[name])
        assert str(value) == expected or name in ("line", "sourcedId", "digest"), name


def test_a_line_that_may_have_been_anybody_lets_nobody_be_removed() -> None:
    read, lines_of = sent()

    out = {each["line"]: each["sourcedId"] for each in read.rows("left_out") if each["entity"] == "users"}

    for name in (NOBODY, "tabs instead of commas", "semicolons instead of commas"):
        assert out[lines_of[name]] is None
    assert out[lines_of["the cell of an e-mail is missing"]] is not None
