"""The `filter` parameter: clauses `field op 'value'`, joined by AND and OR; AND binds closer. No parentheses in the standard.

Source: OneRoster 1.1 section 3.4.3 and 1.2 REST binding, "filter". Says what was asked for; `query.py` makes SQL of it.
"""

import re
from dataclasses import dataclass

from chalicelib.provider.errors import invalid_filter

LONGEST_FILTER = 4_000  # characters; a consumer that asks for more wants another list
MOST_CLAUSES = 50

# Blanks around the operator and before the value are what clients send; a quote inside a value is doubled, as in SQL.
_CLAUSE = re.compile(r"\s*([A-Za-z][\w.\-]*)\s*(!=|>=|<=|=|>|<|~)\s*'((?:[^']|'')*)'\s*")
_JOIN = re.compile(r"(AND|OR)\s+", re.IGNORECASE)


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
    groups: list[list[Clause]] = [[]]
    place = 0
    while True:
        clause = _CLAUSE.match(sent, place)
        if clause is None:
            raise invalid_filter(
                f"The filter can't be read from `{sent[place : place + 40]}`. Write field, operator and a value in single "
                "quotes, e.g. status='active' AND familyName~'son'."
            )
        groups[-1].append(Clause(clause[1], clause[2], clause[3].replace("''", "'")))
        place = clause.end()
        if place == len(sent):
            break
        join = _JOIN.match(sent, place)
        if join is None:
            raise invalid_filter(f"After a clause of the filter comes AND or OR, not `{sent[place : place + 40]}`.")
        if join[1].upper() == "OR":
            groups.append([])
        place = join.end()
    if sum(map(len, groups)) > MOST_CLAUSES:
        raise invalid_filter(f"The filter has more than {MOST_CLAUSES} clauses.")
    return tuple(tuple(group) for group in groups)
