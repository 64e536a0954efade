"""The lists that admins choose from: schools, and classes with how many are in them."""

from pathlib import Path

import duckdb

from oneroster_engine.staging.files import write_parquet


def write_school_choices(connection: duckdb.DuckDBPyConnection, stage: Path) -> None:
    """choices/orgs.parquet while orgs.csv alone has been read: NULL for the counts of classes and users."""
    write_parquet(connection, SCHOOLS, stage / "choices" / "orgs.parquet")


def write_choices(connection: duckdb.DuckDBPyConnection, stage: Path) -> None:
    """Make `class_choices` and `org_choices`, and of them choices/orgs.parquet and choices/classes.parquet, whole."""
    connection.execute(CHOICES)
    write_parquet(connection, "SELECT * FROM org_choices ORDER BY name, sourcedId", stage / "choices" / "orgs.parquet")
    write_parquet(
        connection,
        "SELECT * EXCLUDE (enrollments, firsts) FROM class_choices ORDER BY title, sourcedId",
        stage / "choices" / "classes.parquet",
    )


SCHOOLS = """
SELECT own.sourcedId, own.name, own.type, coalesce(own.identifier, '') AS identifier, coalesce(up.name, '') AS parent,
       own.parentSourcedId, NULL::BIGINT AS classes, NULL::BIGINT AS users
FROM kept_orgs own LEFT JOIN kept_orgs up ON up.sourcedId = own.parentSourcedId
WHERE own.status <> 'tobedeleted' AND own.type = 'school' ORDER BY own.name, own.sourcedId
"""

CHOICES = """
CREATE TABLE class_choices AS
WITH enrolled AS (
    SELECT classesNo, usersNo, "role", "primary"
    FROM (SELECT line, classesNo, usersNo, "role", "primary" FROM read_enrollments WHERE sent IS NULL)
    ANTI JOIN suspect_lines_enrollments USING (line)
    UNION ALL
    SELECT class.no, person.no, "role", "primary" FROM suspect_enrollments own
    JOIN ids_classes class ON class.sourcedId = classSourcedId JOIN ids_users person ON person.sourcedId = userSourcedId
    WHERE status <> 'tobedeleted' AND line NOT IN (SELECT line FROM left_out WHERE entity = 'enrollments' AND line IS NOT NULL)
), member AS (
    SELECT classesNo, usersNo, bool_or("role" = 'student') AS student, bool_or("role" = 'teacher') AS teacher,
           bool_or("role" = 'teacher' AND "primary") AS first, count(*) AS enrollments
    FROM enrolled GROUP BY ALL
), members AS (
    SELECT classesNo, count(*) AS users, count(*) FILTER (student) AS students, count(*) FILTER (teacher) AS teachers,
           count(*) FILTER (first) AS firsts, sum(enrollments) AS enrollments
    FROM member GROUP BY classesNo
), terms AS (
    SELECT ids, string_agg(title, '; ' ORDER BY startDate, title) AS terms
    FROM (SELECT ids, unnest(list_distinct(ids)) AS id FROM (SELECT DISTINCT termSourcedIds AS ids FROM kept_classes))
    JOIN kept_academicSessions ON sourcedId = id GROUP BY ids
)
SELECT own.sourcedId, own.title, coalesce(own.classCode, '') AS classCode, coalesce(courses.title, '') AS course,
       coalesce(terms, '') AS terms,
       own.grades, own.subjects, own.schoolSourcedId, coalesce(orgs.name, '') AS school,
       coalesce(students, 0) AS students, coalesce(teachers, 0) AS teachers, coalesce(users, 0) AS users,
       coalesce(enrollments, 0) AS enrollments, coalesce(firsts, 0) AS firsts
FROM kept_classes own JOIN ids_classes class ON class.sourcedId = own.sourcedId
LEFT JOIN kept_courses courses ON courses.sourcedId = own.courseSourcedId
LEFT JOIN kept_orgs orgs ON orgs.sourcedId = own.schoolSourcedId
LEFT JOIN members ON members.classesNo = class.no LEFT JOIN terms ON terms.ids = own.termSourcedIds
WHERE own.status <> 'tobedeleted';
CREATE TABLE org_choices AS
WITH classes AS (SELECT schoolSourcedId AS sourcedId, count(*) AS classes FROM class_choices GROUP BY 1),
people AS (SELECT org AS sourcedId, count(*) AS users
           FROM (SELECT DISTINCT sourcedId AS id, unnest(roles).orgSourcedId AS org FROM kept_users WHERE status <> 'tobedeleted')
           GROUP BY 1)
SELECT own.sourcedId, own.name, own.type, coalesce(own.identifier, '') AS identifier, coalesce(up.name, '') AS parent,
       own.parentSourcedId, coalesce(classes, 0) AS classes, coalesce(users, 0) AS users
FROM kept_orgs own LEFT JOIN kept_orgs up ON up.sourcedId = own.parentSourcedId
LEFT JOIN classes ON classes.sourcedId = own.sourcedId LEFT JOIN people ON people.sourcedId = own.sourcedId
WHERE own.status <> 'tobedeleted' AND (own.type = 'school' OR classes > 0)
"""
