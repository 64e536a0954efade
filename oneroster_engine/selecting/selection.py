"""What the admin wants: which rows of a stage a selection reaches, and the matrix of people to choose from.

The rules, in words. Chosen are schools, classes of these schools, and cells of status x user type.
- People: those enrolled in a chosen class whose cell is ticked; with "other members", also people with a role at a
  chosen school; with "guardians", also the guardians, parents and relatives of a chosen student whose status is
  ticked in any cell. Deleted people are never selected: a ticked Deleted cell only lets the plan deactivate them.
- Enrollments: those of a chosen class and a selected person.
- Whatever a selected row names comes along: courses, academic sessions, orgs, and their parents.
- Rows with the status tobedeleted are never selected.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from oneroster_engine.duckdb_session import connect, count, counts, insert, parquet_rows
from oneroster_engine.standard.entities import ENTITIES
from oneroster_engine.standard.records import Form, referred_to

STATUSES = ("active", "inactive", "deleted", "blank")
RULE = (
    "Active: the source says active. Inactive: it says inactive, or that the person may not sign in (enabledUser is false). "
    "Deleted: it marks the person as deleted (tobedeleted). Blank: it says nothing, as for everybody in most ZIPs of everything. "
    "Deleted people are never created; if you select them, they are deactivated on the platform."
)


@dataclass(frozen=True)
class Selection:
    """None stands for all, of schools, of their classes, of cells (status, user type). `unplaced`: orgs of which nobody knows
    whether they are chosen, so that nobody is removed for not being chosen."""

    orgs: frozenset[str] | None = None
    classes: frozenset[str] | None = None
    cells: frozenset[tuple[str, str]] | None = None
    other_members: bool = False
    guardians: bool = False
    remove_unselected: bool = False
    unplaced: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "orgs": None if self.orgs is None else sorted(self.orgs),
            "classes": None if self.classes is None else sorted(self.classes),
            "cells": None if self.cells is None else [list(cell) for cell in sorted(self.cells)],
            "otherMembers": self.other_members,
            "guardians": self.guardians,
            "removeUnselected": self.remove_unselected,
            **({"unplaced": self.unplaced} if self.unplaced else {}),
        }

    @staticmethod
    def from_json(stored: dict[str, Any]) -> "Selection":
        """What `to_json` gave; a part that isn't there yet, because its question is still open, means all."""
        orgs, classes, cells = stored.get("orgs"), stored.get("classes"), stored.get("cells")
        return Selection(
            orgs=None if orgs is None else frozenset(orgs),
            classes=None if classes is None else frozenset(classes),
            cells=None if cells is None else frozenset((status, user_type) for status, user_type in cells),
            other_members=stored.get("otherMembers", False),
            guardians=stored.get("guardians", False),
            remove_unselected=stored.get("removeUnselected", False),
            unplaced=stored.get("unplaced", 0),
        )


EVERYTHING = Selection(other_members=True, guardians=True, remove_unselected=True)


def status_matrix(stage: Path, selection: Selection) -> dict[str, Any]:
    """How many people each cell of status x user type would bring, for the schools and classes chosen so far.

    `users` are members of chosen classes, `otherMembers` the chosen schools' other people. Preset are the Blank
    cells where anybody is blank, as in a bulk ZIP, else the Active ones. Keys are those of the API's Statuses.
    """
    with connect() as connection:
        _find_candidates(connection, stage, selection)
        found = connection.execute(_MATRIX).fetchall()
        connection.execute("CREATE TABLE guardian AS " + _GUARDIANS_OF.format(students="SELECT sourcedId FROM candidate_users"))
        guardians = count(connection, "guardian")
    preset = "blank" if any(status == "blank" for status, *_ in found) else "active"
    cells = [
        {"status": status, "userType": user_type, "users": users, "otherMembers": others, "preset": status == preset}
        for status, user_type, users, others in found
    ]
    return {"cells": cells, "guardians": guardians, "rule": RULE}


def select(connection: duckdb.DuckDBPyConnection, stage: Path, selection: Selection) -> None:
    """Make `selected_{entity}` (sourcedId) and `selected_rows_{entity}` (the rows themselves) for each entity, next to
    `staged_{entity}` (all rows) and `ticked` (status, userType; empty when every cell is)."""
    _find_candidates(connection, stage, selection)
    connection.execute("CREATE TABLE ticked (status VARCHAR, userType VARCHAR)")
    insert(connection, "ticked", sorted(selection.cells or ()))
    every_cell = "true" if selection.cells is None else "(status, userType) IN (SELECT (status, userType) FROM ticked)"
    connection.execute(_PEOPLE.format(ticked=every_cell, others="true" if selection.other_members else "false"))
    if selection.guardians and count(connection, f"({_GUARDIANS}) ANTI JOIN selected_users USING (sourcedId)"):
        status_ticked = "" if selection.cells is None else "WHERE status IN (SELECT status FROM ticked)"
        guardians = _GUARDIANS_OF.format(students="SELECT sourcedId FROM selected_users")
        connection.execute(
            f"INSERT INTO selected_users SELECT sourcedId FROM ({guardians}) {status_ticked} "
            "EXCEPT SELECT sourcedId FROM selected_users"
        )
    every_school = selection.orgs is None and selection.classes is None
    classes, users = _selected(connection, "classes"), _selected(connection, "users")
    enrolled = f"{classes('classSourcedId')} AND {users('userSourcedId')}"
    connection.execute(_ENROLLED.format(classes=classes("sourcedId"), users=users("sourcedId"), enrolled=enrolled))
    for entity in _BY_REFERENCE:
        named = "true" if every_school else f"sourcedId IN ({_referred_to(entity)})"  # a full sync brings what nobody names, too
        connection.execute(_COMING_ALONG.format(entity=entity, named=named))


def withdraw(connection: duckdb.DuckDBPyConnection, people: str) -> None:
    """After `select`: take the people of a table (sourcedId) and their enrollments out again. What came along stays."""
    connection.execute(_WITHDRAW.format(people=people))


def _referred_to(entity: str) -> str:
    also = "SELECT sourcedId FROM chosen_orgs" if entity == "orgs" else ""
    return referred_to(entity, _selected_rows, f"staged_{entity}", Form.STAGED, also)


def _selected_rows(entity: str) -> str:
    return f"(SELECT * FROM staged_{entity} SEMI JOIN selected_{entity} USING (sourcedId))"


def _selected(connection: duckdb.DuckDBPyConnection, entity: str) -> Callable[[str], str]:
    """When what a field names is selected, by the field. Asking nothing where all of the entity is spares a full sync much."""
    selected, staged = counts(connection, [f"selected_{entity}", f"staged_{entity}"])
    if selected == staged:
        return lambda field: "true"
    return lambda field: f"{field} IN (SELECT sourcedId FROM selected_{entity})"


def _find_candidates(connection: duckdb.DuckDBPyConnection, stage: Path, selection: Selection) -> None:
    for entity in ENTITIES:
        rows = parquet_rows(stage / f"{entity}.parquet")
        connection.execute(f"CREATE VIEW staged_{entity} AS SELECT * FROM {rows}")
    among = {"orgs": "", "classes": ""}
    for name, ids in (("orgs", selection.orgs), ("classes", selection.classes)):
        if ids is not None:
            connection.execute(_WANTED.format(entity=name), {"ids": sorted(ids)})
            among[name] = f"SEMI JOIN wanted_{name} USING (sourcedId)"
    connection.execute(_CLASSES.format(**among))
    connection.execute(_CANDIDATES.format(chosen=_selected(connection, "classes")("classSourcedId")))


_WANTED = "CREATE TABLE wanted_{entity} AS SELECT unnest($ids::VARCHAR[]) AS sourcedId"

_CLASSES = """
CREATE TABLE chosen_orgs AS
SELECT sourcedId FROM staged_orgs {orgs} WHERE status <> 'tobedeleted';
CREATE TABLE selected_classes AS
SELECT sourcedId FROM staged_classes {classes}
WHERE status <> 'tobedeleted' AND schoolSourcedId IN (SELECT sourcedId FROM chosen_orgs)
"""

_CANDIDATES = """
CREATE TABLE candidate_users AS
WITH members AS (
    SELECT userSourcedId AS sourcedId, bool_or(status <> 'tobedeleted') AS enrolled FROM staged_enrollments
    WHERE {chosen} GROUP BY ALL
), people_of_schools AS (
    SELECT DISTINCT sourcedId FROM (SELECT sourcedId, unnest(roles).orgSourcedId AS org FROM staged_users)
    WHERE org IN (SELECT sourcedId FROM chosen_orgs)
)
SELECT people.sourcedId, statusCell AS status, coalesce(userType, 'unknown') AS userType,
       coalesce(enrolled OR statusCell = 'deleted', false) AS member
FROM staged_users people LEFT JOIN members USING (sourcedId) LEFT JOIN people_of_schools here ON here.sourcedId = people.sourcedId
WHERE here.sourcedId IS NOT NULL OR enrolled OR (enrolled IS NOT NULL AND statusCell = 'deleted')
"""

_MATRIX = """
SELECT status, userType, count(*) FILTER (member) AS users, count(*) FILTER (NOT member) AS others
FROM candidate_users GROUP BY status, userType
ORDER BY list_position(['active', 'inactive', 'deleted', 'blank'], status), userType
"""

_PEOPLE = """
CREATE TABLE selected_users AS
SELECT sourcedId FROM candidate_users WHERE status <> 'deleted' AND (member OR {others}) AND {ticked}
"""

_GUARDIANS = """
SELECT sourcedId, statusCell AS status FROM staged_users
WHERE userType IN ('guardian', 'parent', 'relative') AND statusCell <> 'deleted'
"""

# An agent may be named by the student, by the guardian, or by both.
_GUARDIANS_OF = f"""
WITH students AS (
    SELECT sourcedId, agentSourcedIds FROM staged_users
    WHERE userType = 'student' AND statusCell <> 'deleted' AND sourcedId IN ({{students}})
)
SELECT sourcedId, status FROM ({_GUARDIANS}) WHERE sourcedId IN (
    SELECT unnest(agentSourcedIds) FROM students
    UNION ALL
    SELECT sourcedId FROM (SELECT sourcedId, unnest(agentSourcedIds) AS agent FROM staged_users)
    WHERE agent IN (SELECT sourcedId FROM students)
)
"""

_ENROLLED = """
CREATE VIEW selected_rows_enrollments AS SELECT * FROM staged_enrollments WHERE status <> 'tobedeleted' AND {enrolled};
CREATE VIEW selected_enrollments AS SELECT sourcedId FROM selected_rows_enrollments;
CREATE VIEW selected_rows_classes AS SELECT * FROM staged_classes WHERE {classes};
CREATE VIEW selected_rows_users AS SELECT * FROM staged_users WHERE {users}
"""

_WITHDRAW = """
DELETE FROM selected_users WHERE sourcedId IN (SELECT sourcedId FROM {people});
CREATE OR REPLACE VIEW selected_rows_users AS SELECT * FROM staged_users SEMI JOIN selected_users USING (sourcedId);
CREATE OR REPLACE TABLE still_enrolled AS
SELECT sourcedId FROM selected_rows_enrollments WHERE userSourcedId NOT IN (SELECT sourcedId FROM {people});
CREATE OR REPLACE VIEW selected_rows_enrollments AS SELECT * FROM staged_enrollments SEMI JOIN still_enrolled USING (sourcedId)
"""

# What selected rows refer to, and what that refers to in turn. Courses first: the others follow from them too.
_BY_REFERENCE = ("courses", "academicSessions", "orgs")

_COMING_ALONG = """
CREATE TABLE selected_{entity} AS SELECT sourcedId FROM staged_{entity} WHERE status <> 'tobedeleted' AND {named};
CREATE VIEW selected_rows_{entity} AS SELECT * FROM staged_{entity} SEMI JOIN selected_{entity} USING (sourcedId)
"""
