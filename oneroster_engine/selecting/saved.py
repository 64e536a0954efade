"""A selection that lasts: what it says by id, by rule, and about what appears later, applied to a stage of today.

What becomes of a school or class, the first line that fits:
- its id is excluded: not chosen;
- its id is listed, or a rule fits it: chosen. A rule also covers what comes later; that is its purpose;
- it was on offer when the lists were last looked at (`seen`): chosen if all were, else not;
- it has appeared since: included, excluded, or asked about, as `later` says. What is asked about waits and is not
  chosen until an admin decides.
A class counts only while its school is chosen. What is listed and no longer in the source is reported as missing, and is
not part of the selection: missing is not gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

import duckdb
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from oneroster_engine.duckdb_session import connect, number_of, parquet_rows, text
from oneroster_engine.selecting.selection import STATUSES, Selection

Id = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Word = Annotated[str, StringConstraints(strip_whitespace=True, max_length=120)]


class _Said(BaseModel):
    """camelCase outside, unknown fields refused."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Later(StrEnum):
    """What happens to a school or class that appears later."""

    INCLUDE = "include"
    EXCLUDE = "exclude"
    ASK = "ask"


class ClassRule(_Said):
    """Classes that all of these words fit, ignoring case and accents: contained in title, code, course, one of the
    terms or one of the subjects; a grade fits whole, with or without zeros in front."""

    title: Word = ""
    code: Word = ""
    course: Word = ""
    grade: Word = ""
    subject: Word = ""
    term: Word = ""

    @model_validator(mode="after")
    def says_something(self) -> Self:
        if not any((self.title, self.code, self.course, self.grade, self.subject, self.term)):
            raise ValueError("a rule without a word would choose every class")
        return self


class Schools(_Said):
    """`parents`: sourcedIds of orgs whose schools are chosen, at any depth. `all`: everything that was on offer."""

    all: bool = False
    ids: tuple[Id, ...] = ()
    excluded: tuple[Id, ...] = ()
    parents: tuple[Id, ...] = Field(default=(), max_length=1000)
    later: Later = Later.ASK


class Classes(_Said):
    """`all`: every class that was on offer in the chosen schools."""

    all: bool = False
    ids: tuple[Id, ...] = ()
    excluded: tuple[Id, ...] = ()
    rules: tuple[ClassRule, ...] = Field(default=(), max_length=50)
    later: Later = Later.INCLUDE


class PeopleCell(_Said):
    status: Literal["active", "inactive", "deleted", "blank"]
    user_type: Word


class People(_Said):
    """Cells of status x user type, and `roles`: user types whatever their status. Neither: everybody."""

    cells: tuple[PeopleCell, ...] = Field(default=(), max_length=1000)
    roles: tuple[Word, ...] = Field(default=(), max_length=50)
    other_members: bool = False
    guardians: bool = False


class Saved(_Said):
    schools: Schools
    classes: Classes
    people: People = People()
    remove_unselected: bool = False

    @staticmethod
    def of(selection: Selection, schools_later: Later = Later.ASK, classes_later: Later = Later.INCLUDE) -> "Saved":
        """What a person chose in one sync, kept."""
        orgs, classes = selection.orgs, selection.classes
        return Saved(
            schools=Schools(all=orgs is None, ids=tuple(sorted(orgs or ())), later=schools_later),
            classes=Classes(all=classes is None, ids=tuple(sorted(classes or ())), later=classes_later),
            people=People(
                cells=tuple(PeopleCell(status=status, user_type=kind) for status, kind in sorted(selection.cells or ())),
                other_members=selection.other_members,
                guardians=selection.guardians,
            ),
            remove_unselected=selection.remove_unselected,
        )


@dataclass(frozen=True)
class Seen:
    """The lists that a selection was made from: choices/orgs.parquet and choices/classes.parquet of that day."""

    orgs: Path
    classes: Path


@dataclass(frozen=True)
class Found:
    sourced_id: str
    name: str


@dataclass(frozen=True)
class Resolved:
    """`selection` for this stage; how many schools and classes it has; what is new and waits for a decision, by name;
    and the listed ids that the source no longer has."""

    selection: Selection
    schools: int
    classes: int
    new_schools: tuple[Found, ...]
    new_classes: tuple[Found, ...]
    missing_schools: tuple[str, ...]
    missing_classes: tuple[str, ...]


def resolve(saved: Saved, stage: Path, seen: Seen | None) -> Resolved:
    """Apply `saved` to a stage (its choices/orgs.parquet, choices/classes.parquet and orgs.parquet).

    Without `seen` nobody has looked yet, and everything that no id and no rule decides has appeared later.
    """
    with connect() as connection:
        _know(connection, saved, stage, seen)
        connection.execute(_RULED_SCHOOLS)
        connection.execute(f"CREATE TABLE ruled_classes AS SELECT sourcedId FROM classes WHERE {_any_rule(saved.classes.rules)}")
        connection.execute(_VERDICTS.format(entity="orgs", name="name", inside="true"), _words(saved.schools))
        inside = "schoolSourcedId IN (SELECT sourcedId FROM verdict_orgs WHERE verdict = 'include')"
        connection.execute(_VERDICTS.format(entity="classes", name="title", inside=inside), _words(saved.classes))
        schools, classes = _ids(connection, "orgs"), _ids(connection, "classes")
        unplaced = _unplaced(connection, saved, stage) if saved.remove_unselected else 0
        return Resolved(
            selection=Selection(
                orgs=None if _whole(saved.schools) else frozenset(schools),
                classes=None if _whole(saved.classes) else frozenset(classes),
                cells=_cells(saved.people),
                other_members=saved.people.other_members,
                guardians=saved.people.guardians,
                remove_unselected=saved.remove_unselected and not unplaced,
                unplaced=unplaced,
            ),
            schools=len(schools),
            classes=len(classes),
            new_schools=_waiting(connection, "orgs"),
            new_classes=_waiting(connection, "classes"),
            missing_schools=_missing(connection, "orgs"),
            missing_classes=_missing(connection, "classes"),
        )


def schools_of(saved: Saved, stage: Path, seen: Seen | None) -> frozenset[str] | None:
    """The schools that `saved` chooses, known from a stage's choices/orgs.parquet and orgs.parquet alone; None means all there
    ever are. An org that is no school is among them where it is listed, since it may have classes."""
    if _whole(saved.schools):
        return None
    with connect() as connection:
        _know(connection, saved, stage, seen, ("orgs",))
        connection.execute(_RULED_SCHOOLS)
        connection.execute(_VERDICTS.format(entity="orgs", name="name", inside="true"), _words(saved.schools))
        listed = "FROM listed_orgs SEMI JOIN every_org USING (sourcedId) ANTI JOIN excluded_orgs USING (sourcedId)"
        found = connection.execute(f"SELECT sourcedId {listed}").fetchall()
        return frozenset(_ids(connection, "orgs")) | {sourced_id for (sourced_id,) in found}


def look(saved: Saved, stage: Path, to: Path) -> None:
    """Write into `to` the lists that this selection is made from: every school, and the classes of those chosen.

    Classes of other schools were not on offer: they appear later, should their school be chosen one day.
    """
    to.mkdir(parents=True, exist_ok=True)
    lists = Seen(stage / "choices" / "orgs.parquet", stage / "choices" / "classes.parquet")
    chosen = resolve(saved, stage, lists).selection.orgs
    inside = "true" if chosen is None else "schoolSourcedId IN (SELECT unnest($chosen::VARCHAR[]))"
    with connect() as connection:
        for path, where in ((lists.orgs, "true"), (lists.classes, inside)):
            seen = connection.sql(
                f"SELECT sourcedId FROM {parquet_rows(path)} WHERE {where}",
                params={"chosen": sorted(chosen or ())} if "$chosen" in where else None,
            )
            seen.write_parquet(str(to / path.name), compression="zstd")


def _whole(part: Schools | Classes) -> bool:
    """Everything there is and ever will be."""
    return part.all and part.later is Later.INCLUDE and not part.excluded


def _cells(people: People) -> frozenset[tuple[str, str]] | None:
    if not people.cells and not people.roles:
        return None
    return frozenset((cell.status, cell.user_type) for cell in people.cells) | {
        (status, role) for role in people.roles for status in STATUSES
    }


def _words(part: Schools | Classes) -> dict[str, str]:
    return {"seen": "include" if part.all else "exclude", "later": part.later.value}


def _know(
    connection: duckdb.DuckDBPyConnection,
    saved: Saved,
    stage: Path,
    seen: Seen | None,
    entities: Sequence[str] = ("orgs", "classes"),
) -> None:
    for entity in entities:
        on_offer = getattr(seen, entity) if seen else None
        choices = text(str(stage / "choices" / f"{entity}.parquet"))
        connection.execute(f"CREATE VIEW {entity} AS SELECT * FROM read_parquet({choices}, hive_partitioning=false)")
        known = f"FROM {parquet_rows(on_offer)}" if on_offer else "WHERE false"
        connection.execute(f"CREATE VIEW seen_{entity} AS SELECT {'sourcedId' if on_offer else 'NULL AS sourcedId'} {known}")
    connection.execute(f"CREATE VIEW every_org AS SELECT * FROM {parquet_rows(stage / 'orgs.parquet')}")
    for name, ids in (
        ("parents", saved.schools.parents),
        ("listed_orgs", saved.schools.ids),
        ("excluded_orgs", saved.schools.excluded),
        ("listed_classes", saved.classes.ids),
        ("excluded_classes", saved.classes.excluded),
    ):
        connection.execute(f"CREATE TABLE {name} AS SELECT unnest($ids::VARCHAR[]) AS sourcedId", {"ids": list(ids)})


def _any_rule(rules: tuple[ClassRule, ...]) -> str:
    return " OR ".join(f"({' AND '.join(_conditions(rule))})" for rule in rules) or "false"


def _conditions(rule: ClassRule) -> list[str]:
    contained = {"title": rule.title, "classCode": rule.code, "course": rule.course, "terms": rule.term}
    found = [f"contains({_folded(column)}, {_folded(text(word))})" for column, word in contained.items() if word]
    if rule.subject:
        within = f"contains({_folded('each')}, {_folded(text(rule.subject))})"
        found.append(f"len(list_filter(subjects, lambda each: {within})) > 0")
    if rule.grade:
        found.append(f"list_contains(list_transform(grades, lambda each: {_grade('each')}), {_grade(text(rule.grade))})")
    return found


def _folded(value: str) -> str:
    return f"strip_accents(lower({value}))"


def _grade(value: str) -> str:
    return f"ltrim(lower({value}), '0')"


def _ids(connection: duckdb.DuckDBPyConnection, entity: str) -> list[str]:
    found = connection.execute(f"SELECT sourcedId FROM verdict_{entity} WHERE verdict = 'include'").fetchall()
    return [sourced_id for (sourced_id,) in found]


def _unplaced(connection: duckdb.DuckDBPyConnection, saved: Saved, stage: Path) -> int:
    """How many orgs have a parent that can't be found, where schools are chosen by the org above them: its row has an error or
    did not come, and whether they are among the chosen ones nobody knows."""
    problems = stage / "problems.parquet"  # only a stage that is planned has it
    if not saved.schools.parents or not problems.exists():
        return 0
    return number_of(connection, _WITHOUT_PARENT.format(problems=text(str(problems))))


def _waiting(connection: duckdb.DuckDBPyConnection, entity: str) -> tuple[Found, ...]:
    found = connection.execute(f"SELECT sourcedId, name FROM verdict_{entity} WHERE verdict = 'ask' ORDER BY name, sourcedId")
    return tuple(Found(sourced_id, name) for sourced_id, name in found.fetchall())


def _missing(connection: duckdb.DuckDBPyConnection, entity: str) -> tuple[str, ...]:
    """A class of a school that is not chosen is in the source, so it isn't missing."""
    missing = f"SELECT sourcedId FROM listed_{entity} ANTI JOIN {entity} USING (sourcedId) ORDER BY sourcedId"
    return tuple(sourced_id for (sourced_id,) in connection.execute(missing).fetchall())


_WITHOUT_PARENT = """
SELECT count(DISTINCT sourcedId) FROM read_parquet({problems}, hive_partitioning=false)
WHERE entity = 'orgs' AND field = 'parentSourcedId' AND rule = 'unknown-reference'
"""

_RULED_SCHOOLS = """
CREATE TABLE ruled_orgs AS
WITH RECURSIVE below AS (
    SELECT sourcedId FROM parents
    UNION
    SELECT own.sourcedId FROM every_org own JOIN below ON own.parentSourcedId = below.sourcedId WHERE status <> 'tobedeleted'
)
SELECT sourcedId FROM below
"""

_VERDICTS = """
CREATE TABLE verdict_{entity} AS
SELECT sourcedId, {name} AS name,
       CASE WHEN sourcedId IN (SELECT sourcedId FROM excluded_{entity}) THEN 'exclude'
            WHEN sourcedId IN (SELECT sourcedId FROM listed_{entity}) THEN 'include'
            WHEN sourcedId IN (SELECT sourcedId FROM ruled_{entity}) THEN 'include'
            WHEN sourcedId IN (SELECT sourcedId FROM seen_{entity}) THEN $seen
            ELSE $later END AS verdict
FROM {entity} WHERE {inside}
"""
