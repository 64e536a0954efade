"""Two syncs' stages side by side: how many rows each has, which schools, and who came and went. Only reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oneroster_engine.duckdb_session import connect, parquet_rows
from oneroster_engine.standard.entities import ENTITIES
from oneroster_engine.table_query import Rows

# What a person would call a row, and the entities that people look through by name.
CALLED = {"users": "concat_ws(' ', givenName, familyName)", "classes": "title", "orgs": "name"}


@dataclass(frozen=True)
class Difference:
    """Rows of one entity: in the earlier stage, in the later one, in the later one only (came), in the earlier one only
    (went). Rows whose status is tobedeleted are in neither."""

    before: int
    after: int
    came: int
    went: int


def differences(before: Path, after: Path) -> dict[str, Difference]:
    """By entity. `before` and `after` are folders of {entity}.parquet as a stage has them."""
    with connect() as connection:
        found = {}
        for entity in ENTITIES:
            row = connection.execute(_COUNTS.format(before=_ids(before, entity), after=_ids(after, entity))).fetchone()
            assert row is not None
            found[entity] = Difference(*map(int, row))
        return found


def schools(before: Path, after: Path) -> list[dict[str, Any]]:
    """Each org that has classes or people, or came or went: sourcedId, name, and for classes and users before, after,
    came, went. Those in which most came and went first."""
    with connect() as connection:
        query = _SCHOOLS.format(
            orgs_before=_rows(before, "orgs"), orgs_after=_rows(after, "orgs"),
            classes_before=_at_school(before, "classes"), classes_after=_at_school(after, "classes"),
            users_before=_at_school(before, "users"), users_after=_at_school(after, "users"),
        )  # fmt: skip
        found = connection.execute(query)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def moved(before: Path, after: Path, entity: str, way: str, *, search: str = "", limit: int = 100, offset: int = 0) -> Rows:
    """The rows of users, classes or orgs that came (`way` came) or went: sourcedId and name, by name."""
    one, other = (after, before) if way == "came" else (before, after)
    with connect() as connection:
        only = _ONLY.format(one=_rows(one, entity), other=_ids(other, entity), name=CALLED[entity])
        values: Mapping[str, str] = {"search": search.strip()}
        total = connection.execute(f"SELECT count(*) FROM ({only})", values).fetchone()
        found = connection.execute(
            f"{only} ORDER BY name, sourcedId LIMIT $limit OFFSET $offset", {**values, "limit": limit, "offset": offset}
        ).fetchall()
        return Rows([{"sourcedId": sourced_id, "name": name} for sourced_id, name in found], int(total[0]) if total else 0)


def _rows(stage: Path, entity: str) -> str:
    return f"(SELECT * FROM {parquet_rows(stage / f'{entity}.parquet')} WHERE status <> 'tobedeleted')"


def _ids(stage: Path, entity: str) -> str:
    return f"(SELECT sourcedId FROM {_rows(stage, entity)})"


def _at_school(stage: Path, entity: str) -> str:
    if entity == "classes":
        return f"(SELECT sourcedId, schoolSourcedId AS school FROM {_rows(stage, entity)})"
    orgs = "unnest(list_distinct(list_transform(roles, lambda each: each.orgSourcedId)))"
    return f"(SELECT sourcedId, {orgs} AS school FROM {_rows(stage, entity)})"


_COUNTS = """
SELECT count(old.sourcedId), count(new.sourcedId), count(*) FILTER (old.sourcedId IS NULL),
       count(*) FILTER (new.sourcedId IS NULL)
FROM {before} old FULL JOIN {after} new ON old.sourcedId = new.sourcedId
"""

_ONLY = """
SELECT sourcedId, {name} AS name FROM {one} ANTI JOIN {other} USING (sourcedId)
WHERE $search = '' OR contains(strip_accents(lower(concat_ws(' ', {name}, sourcedId))), strip_accents(lower($search)))
"""

_SCHOOLS = """
WITH counted AS (
    SELECT school, 'classes' AS entity, old.sourcedId AS old, new.sourcedId AS new FROM {classes_before} old
    FULL JOIN {classes_after} new USING (school, sourcedId)
    UNION ALL
    SELECT school, 'users', old.sourcedId, new.sourcedId FROM {users_before} old
    FULL JOIN {users_after} new USING (school, sourcedId)
), by_school AS (
    SELECT school,
           count(old) FILTER (entity = 'classes') AS classesBefore, count(new) FILTER (entity = 'classes') AS classesAfter,
           count(new) FILTER (entity = 'classes' AND old IS NULL) AS classesCame,
           count(old) FILTER (entity = 'classes' AND new IS NULL) AS classesWent,
           count(old) FILTER (entity = 'users') AS usersBefore, count(new) FILTER (entity = 'users') AS usersAfter,
           count(new) FILTER (entity = 'users' AND old IS NULL) AS usersCame,
           count(old) FILTER (entity = 'users' AND new IS NULL) AS usersWent
    FROM counted WHERE school IS NOT NULL GROUP BY school
), named AS (
    SELECT coalesce(new.sourcedId, old.sourcedId) AS school, coalesce(new.name, old.name) AS name,
           old.sourcedId IS NULL AS came, new.sourcedId IS NULL AS went
    FROM {orgs_before} old FULL JOIN {orgs_after} new ON old.sourcedId = new.sourcedId
)
SELECT school AS sourcedId, coalesce(name, school) AS name, coalesce(came, false) AS came, coalesce(went, false) AS went,
       coalesce(classesBefore, 0) AS classesBefore, coalesce(classesAfter, 0) AS classesAfter,
       coalesce(classesCame, 0) AS classesCame, coalesce(classesWent, 0) AS classesWent,
       coalesce(usersBefore, 0) AS usersBefore, coalesce(usersAfter, 0) AS usersAfter,
       coalesce(usersCame, 0) AS usersCame, coalesce(usersWent, 0) AS usersWent
FROM named FULL JOIN by_school USING (school)
WHERE came OR went OR by_school.school IS NOT NULL
ORDER BY usersCame + usersWent + classesCame + classesWent DESC, name, sourcedId
"""
