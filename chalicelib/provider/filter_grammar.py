"""The `filter` parameter: clauses `field op 'value'`, joined by AND and OR; AND binds closer. Parentheses, and true, false and
numbers without quotes, are not the standard's, but what published clients send.

Source: OneRoster 1.1 section 3.4.3 and 1.2 REST binding, "filter". Says what was asked for; `query.py` makes SQL of it.
"""

import re
from dataclasses import dataclass

from chalicelib.provider.errors import invalid_filter

LONGEST_FILTER = 4_000  # characters; a consumer that asks for more wants another list
MOST_CLAUSES = 50

DEEPEST = 10  # parentheses in parentheses

# Blanks around the operator and before the value are what clients send; a quote inside a value is doubled, as in SQL.
_CLAUSE = re.compile(
    r"\s*([A-Za-z][\w.\-]*)\s*(!=|>=|<=|=|>|<|~)\s*(?:'((?:[^']|'')*)'|(true|false|-?[0-9]+(?:\.[0-9]+)?)(?=\s|\)|$))\s*"
)
_JOIN = re.compile(r"(AND|OR)(?:\s+|(?=\())", re.IGNORECASE)
_OPENS, _CLOSES = re.compile(r"\s*\(\s*"), re.compile(r"\s*\)\s*")


@dataclass(frozen=True)
class Clause:
    """`field` is a dotted path of the standard's JSON, e.g. `user.sourcedId`."""

    field: str
    operator: str
    value: str


# Any of the groups, each of which is all of its clauses.
Filter = tuple[tuple[Clause, ...], ...]


def parse_filter(sent: str) -> Filter:
    """Raises RequestFailed (400) that quotes where the filter stops being one."""
    if len(sent) > LONGEST_FILTER:
        raise invalid_filter(f"The filter is longer than {LONGEST_FILTER:,} characters.")
    found, place = _any_of(sent, 0, 0)
    if place != len(sent):
        raise invalid_filter(f"After a clause of the filter comes AND or OR, not `{sent[place : place + 40]}`.")
    return found


def _any_of(sent: str, place: int, depth: int) -> tuple[Filter, int]:
    """What is read from `place` on up to a parenthesis that closes, or to the end; and where that is."""
    found: Filter = ()
    group, place = _clause_or_group(sent, place, depth)
    while (join := _JOIN.match(sent, place)) is not None:
        another, place = _clause_or_group(sent, join.end(), depth)
        if join[1].upper() == "AND":
            group = _bounded(tuple((*one, *other) for one in group for other in another))
        else:
            found, group = (*found, *group), another
    return _bounded((*found, *group)), place


def _clause_or_group(sent: str, place: int, depth: int) -> tuple[Filter, int]:
    if (opens := _OPENS.match(sent, place)) is not None:
        if depth == DEEPEST:
            raise invalid_filter(f"The filter has more than {DEEPEST} parentheses in each other.")
        found, end = _any_of(sent, opens.end(), depth + 1)
        closes = _CLOSES.match(sent, end)
        if closes is None:
            raise invalid_filter(f"A parenthesis of the filter is not closed before `{sent[end : end + 40]}`.")
        return found, closes.end()
    clause = _CLAUSE.match(sent, place)
    if clause is None:
        raise invalid_filter(
            f"The filter can't be read from `{sent[place : place + 40]}`. Write field, operator and a value in single "
            "quotes, e.g. status='active' AND familyName~'son'."
        )
    value = clause[4] if clause[3] is None else clause[3].replace("''", "'")
    return ((Clause(clause[1], clause[2], value),),), clause.end()


def _bounded(found: Filter) -> Filter:
    """Parentheses are multiplied out, which makes more clauses than were sent."""
    if sum(map(len, found)) > MOST_CLAUSES:
        raise invalid_filter(f"The filter has more than {MOST_CLAUSES} clauses.")
    return found
