"""Small rosters with every kind of dirt, and what might be chosen of them, for hypothesis."""

from random import Random
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from oneroster_engine.selecting.selection import EVERYTHING, Selection
from tests.engine.districts import Rows, role

ORGS, SESSIONS, COURSES, CLASSES, PEOPLE = ("d", "n", "s"), ("y", "f"), ("c1", "c2"), ("k1", "k2", "k3"), ("p1", "p2", "p3", "p4")
status = st.sampled_from(["", "", "", "active", "inactive", "tobedeleted", "odd"])
types = st.sampled_from(["student", "student", "teacher", "guardian", "boss"])


def among(ids: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.sampled_from([*ids, *ids, "", "ghost"])


def rows_of(ids: tuple[str, ...], **columns: st.SearchStrategy[str]) -> st.SearchStrategy[list[dict[str, str]]]:
    one = [st.fixed_dictionaries({"sourcedId": st.just(i), "status": status, **columns}) for i in ids]
    dirty = st.lists(st.fixed_dictionaries({"sourcedId": among(ids), "status": status, **columns}), max_size=1)
    return st.tuples(st.lists(st.sampled_from(range(len(ids))), unique=True), st.tuples(*one), dirty).map(
        lambda drawn: [drawn[1][place] for place in drawn[0]] + drawn[2]
    )


rosters = st.fixed_dictionaries(
    {
        "orgs": rows_of(ORGS, name=st.just("O"), type=st.sampled_from(["school", "district"]), parentSourcedId=among(ORGS)),
        "academicSessions": rows_of(
            SESSIONS, title=st.just("T"), type=st.just("term"), startDate=st.just("2026-08-01"),
            endDate=st.just("2027-01-01"), parentSourcedId=among(SESSIONS),
        ),
        "courses": rows_of(COURSES, title=st.just("C"), schoolYearSourcedId=among(SESSIONS), orgSourcedId=among(ORGS)),
        "classes": rows_of(
            CLASSES, title=st.sampled_from(["K", "L", ""]), schoolSourcedId=among(ORGS), courseSourcedId=among(COURSES),
            termSourcedIds=st.sampled_from(["f", "y,f", "", "ghost"]),
        ),
        "users": rows_of(
            PEOPLE, username=st.sampled_from(["u", "v"]), givenName=st.just("G"), familyName=st.just("F"), role=types,
            orgSourcedIds=st.sampled_from(["n", "s", "n,s", "d,n", "ghost", ""]), agentSourcedIds=among(PEOPLE),
            enabledUser=st.sampled_from(["", "", "true", "false"]),
        ),
        "enrollments": rows_of(
            ("e1", "e2", "e3", "e4", "e5"), classSourcedId=among(CLASSES), userSourcedId=among(PEOPLE), role=types,
        ),
    }
)  # fmt: skip


def subset(ids: tuple[str, ...]) -> st.SearchStrategy[frozenset[str] | None]:
    return st.one_of(st.none(), st.frozensets(st.sampled_from([*ids, "ghost"]), min_size=1))


cells = st.tuples(
    st.sampled_from(["active", "inactive", "deleted", "blank"]), st.sampled_from(["student", "teacher", "guardian", "unknown"])
)
selections = st.one_of(
    st.just(EVERYTHING),
    st.builds(
        Selection,
        subset(ORGS),
        subset(CLASSES),
        st.one_of(st.none(), st.frozensets(cells)),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    ),
)


wanted = st.tuples(st.one_of(st.none(), st.frozensets(cells)), st.booleans(), st.booleans(), st.integers(0, 2**32))
Drawn = TypeVar("Drawn")
Files = dict[str, list[dict[str, str]]]


def drawn(strategy: st.SearchStrategy[Drawn], number: int, begin: int) -> list[Drawn]:
    """So many values as hypothesis makes of them, each as odd as a single example is: a list of them would be too large."""
    found: list[Drawn] = []

    @seed(begin)
    @settings(max_examples=number, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(strategy)
    def keep(value: Drawn) -> None:
        found.append(value)

    keep()
    return found


def chosen(number: int, choice: tuple[frozenset[tuple[str, str]] | None, bool, bool, int]) -> Selection:
    """In each district other schools and classes; in about one choice of four all of either."""
    ticked, others, guardians, begin = choice
    any_of = Random(begin)

    def some(ids: tuple[str, ...]) -> frozenset[str] | None:
        if any_of.random() < 0.25:
            return None
        return frozenset(f"{n}.{i}" for n in range(number) for i in (*ids, "ghost") if any_of.random() < 0.5)

    return Selection(some(ORGS), some(CLASSES), ticked, others, guardians)


def lifted(files: Files) -> dict[str, Rows]:
    """The same roster as OneRoster 1.2 says it."""
    roles = [
        role(row["sourcedId"], role=row["role"], orgSourcedId=place, roleType="primary" if not at else "secondary")
        | {"sourcedId": f"{row['sourcedId']}-{line}-{at}"}
        for line, row in enumerate(files["users"])
        for at, place in enumerate(row["orgSourcedIds"].split(","))
    ]
    return {**files, "roles": roles}


def apart(files: Files, prefix: str) -> Files:
    """The same roster with ids of its own, so that many of them make one bundle."""

    def renamed(column: str, cell: str) -> str:
        if not column.endswith(("ourcedId", "SourcedIds")):
            return cell
        return ",".join(prefix + each if each else "" for each in cell.split(","))

    return {
        name: [{column: renamed(column, cell) for column, cell in row.items()} for row in rows] for name, rows in files.items()
    }


def side_by_side(districts: list[Files]) -> Files:
    """All of them as one bundle; the ids of the one at place 7 begin with 7 and a point."""
    files: Files = {}
    for number, district in enumerate(districts):
        for name, rows in apart(district, f"{number}.").items():
            files.setdefault(name, []).extend(rows)
    return files


def named(files: Files) -> Files:
    """Without rows that have no id: one of them stops every removal of its kind, in all the districts."""
    return {name: [row for row in rows if row["sourcedId"]] for name, rows in files.items()}
