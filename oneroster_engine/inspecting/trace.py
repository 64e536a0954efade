"""Why a person, class or org is on the platform or isn't: found, judged, selected, matched, planned, written.

`find` looks for what an admin typed; `explain` gives the steps, each with a verdict and a sentence. Whether a row is
selected is asked of `selection.select` itself, over the few rows that can bear on it, so that the answer can't
differ from the plan's; only the reason in words is given here. What was typed is bound as a parameter and never logged.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import duckdb

from oneroster_engine.duckdb_session import connect, parquet_rows
from oneroster_engine.planning.near_ids import NEAR_TO
from oneroster_engine.planning.removals import BY_POLICY
from oneroster_engine.selecting.selection import Selection, select
from oneroster_engine.staging.finding import absent_of
from oneroster_engine.standard.entities import ENTITIES

TRACED = ("users", "classes", "orgs")
KINDS = {"users": "person", "classes": "class", "orgs": "org"}
SHOWN_PROBLEMS = 20

Verdict = Literal["yes", "no", "warning", "info"]
About = Literal["source", "problems", "selection", "match", "plan", "platform"]

# Why a row is selected or isn't, in general; `explain` says the same with names. Keys are those of `PEOPLE`.
REASONS = {
    "member": "enrolled in a selected class, and their status and user type are selected",
    "other-member": "another member of a selected school, and their status and user type are selected",
    "guardian": "guardian of a selected student",
    "deleted": "their status is tobedeleted; deleted people are never created",
    "cell": "their status and user type are not selected",
    "class": "none of their classes is selected, and other members of the schools are not included",
    "other-members": "in no class of the selected schools, and other members of the schools are not included",
    "school": "none of their schools is selected",
    "school-deleted": "all of their schools have the status tobedeleted",
    "guardians": "guardian of a selected student, and guardians are not included",
}
CLASS_REASONS = {
    "chosen": "it is selected, and so is its school",
    "deleted": "its status is tobedeleted, so it is never created",
    "school-deleted": "its school has the status tobedeleted",
    "school": "its school is not selected",
    "class": "its school is selected, and the class is not",
}
ORG_REASONS = {
    "chosen": "it was selected",
    "named": "nobody selected it, but a person, course or org that is selected refers to it. It comes as a name alone: none "
    "of its classes, and nobody because of it",
    "deleted": CLASS_REASONS["deleted"],
    "school": "it was not selected, and nothing that is selected refers to it",
}


@dataclass(frozen=True)
class Subject:
    """What was found. `line` is its row's in the source; None where it is known from the platform only."""

    entity: str
    sourced_id: str
    name: str
    detail: str
    line: int | None


@dataclass(frozen=True)
class Found:
    """`subject` where what was typed names exactly one; else the first of `total` candidates, nearest first."""

    subject: Subject | None
    candidates: list[Subject]
    total: int


@dataclass(frozen=True)
class Step:
    """`at` is the moment that the sentence is about (ISO 8601), empty where there is none."""

    about: About
    verdict: Verdict
    text: str
    at: str = ""


@dataclass(frozen=True)
class Run:
    """The sync that is looked at: how it stands, as a clause ("waits for approval"), and whether it was applied whole."""

    standing: str
    applied: bool


@dataclass(frozen=True)
class Written:
    """The platform's own record."""

    platform_id: str
    status: str
    since: str
    sync_id: str


def find(room: Path, snapshot: Path | None, typed: str, entity: str = "", limit: int = 20) -> Found:
    """Look for a sourcedId, else a username, e-mail or identifier, else a name that has every word of `typed`.

    `room` holds stage/ of the sync that is looked at; rows that were left out and records of the platform are found
    too. Case and accents count for nothing, but for a sourcedId that is given exactly.
    """
    wanted = [entity] if entity else list(TRACED)
    with connect() as connection:
        known = " UNION ALL ".join(_known(connection, room / "stage", snapshot, each) for each in wanted)
        values = {"typed": typed.strip(), "words": typed.split(), "limit": limit}
        rows = connection.execute(_FIND.format(known=known), values).fetchall()
    subjects = [Subject(*row[:5]) for row in rows]
    total = rows[0][6] if rows else 0
    nearest = [subject for subject, row in zip(subjects, rows, strict=True) if row[5] == rows[0][5]]
    exact = bool(rows) and rows[0][5] < NAMED and len(nearest) == 1
    return Found(subjects[0] if exact or total == 1 else None, subjects, total)


def explain(
    room: Path, selection: Selection, snapshot: Path | None, subject: Subject, run: Run, written: Written | None
) -> list[Step]:
    """The steps from the source to the platform, in that order.

    `room` holds stage/ and plan/changes.parquet of one sync, `selection` is that sync's; `snapshot` and `written` show
    the platform as it is now.
    """
    with connect() as connection:
        record = _record(connection, snapshot, subject)
        change = _change(connection, room / "plan", subject)
        by_policy = _by_policy(connection, room / "plan", subject)
    from_source = explain_source(room, selection, subject)
    chosen = from_source[-1]
    return [
        *from_source,
        _match_step(subject, record, change),
        _plan_step(subject.entity, change, chosen, by_policy, record is not None),
        _platform_step(written, change, run),
    ]


def explain_source(room: Path, selection: Selection, subject: Subject) -> list[Step]:
    """The steps that a bundle alone can tell: the row in its file, what was wrong with it, whether it is selected.

    `room` holds stage/.
    """
    with connect() as connection:
        row = _row(connection, room / "stage", subject)
        problems = _problems(connection, room / "stage", subject)
        left_out = row is None and _is_left_out(connection, room / "stage", subject)
    complete = json.loads((room / "stage" / "summary.json").read_text())["complete"].get(subject.entity, False)
    chosen = selection_step(room / "stage", selection, subject) if row is not None else _not_selectable(subject, left_out)
    return [_source_step(subject, row, left_out, complete), _problem_step(problems, left_out), chosen]


def conclusion(steps: Sequence[Step]) -> str:
    """What it comes to, in a sentence: the first step that stands in the way, or that nothing does."""
    platform = steps[-1]
    stop = next((step for step in steps if step.verdict == "no"), None)
    if platform.verdict == "yes":
        return platform.text if stop is None else f"{platform.text} But: {stop.text}"
    return (stop or platform).text


def selection_step(stage: Path, selection: Selection, subject: Subject) -> Step:
    """Whether the row is selected, and by which rule. The row must be in the stage."""
    with TemporaryDirectory() as folder:
        rows = Path(folder) / "stage"
        if subject.entity == "orgs":
            rows = stage  # an org may come along with anybody
        else:
            _near(stage, subject, rows)
        reason, facts = _reason(rows, selection, subject)
        if subject.entity == "users" and reason in ("class", "other-members", "school", "cell") and not selection.guardians:
            with_guardians, _ = _reason(rows, replace(selection, guardians=True), subject)
            reason = "guardians" if with_guardians == "guardian" else reason
    return Step("selection", "yes" if reason in SELECTED else "no", _sentence(subject, reason, facts))


SELECTED = ("member", "other-member", "guardian", "chosen", "named")


def judge_people(connection: duckdb.DuckDBPyConnection, selection: Selection) -> None:
    """After `select`: make the view `why_users` (sourcedId, line, selected, reason: a key of REASONS), one row a person."""
    ticked = (
        "true" if selection.cells is None else "(candidate.status, candidate.userType) IN (SELECT (status, userType) FROM ticked)"
    )
    connection.execute(PEOPLE.format(ticked=ticked, others="true" if selection.other_members else "false"))


def _reason(stage: Path, selection: Selection, subject: Subject) -> tuple[str, dict[str, Any]]:
    with connect() as connection:
        select(connection, stage, selection)
        if subject.entity == "users":
            judge_people(connection, selection)
        question = {"users": _WHY_PERSON, "classes": _WHY_CLASS, "orgs": _WHY_ORG}[subject.entity]
        facts = _dicts(connection.execute(question, {"id": subject.sourced_id}))[0]
    return str(facts.pop("reason")), facts


def _sentence(subject: Subject, reason: str, facts: Mapping[str, Any]) -> str:
    reasons = {"users": REASONS, "classes": CLASS_REASONS, "orgs": ORG_REASONS}[subject.entity]
    head = "Comes along" if reason == "named" else "Selected" if reason in SELECTED else "Not selected"
    details = [f"{name}: {facts[key]}." for key, name in _DETAILS[subject.entity].items() if facts.get(key) not in (None, "")]
    return " ".join([f"{head}: {reasons[reason]}.", *details])


_DETAILS = {
    "users": {
        "cell": "Status and user type",
        "schools": "Schools (* selected)",
        "classes": "Classes",
    },
    "classes": {"school": "School"},
    "orgs": {},
}


def _near(stage: Path, subject: Subject, to: Path) -> None:
    """Copy to `to` the rows of the stage that can bear on whether `subject` is selected."""
    to.mkdir()
    with connect() as connection:
        for entity in ENTITIES:
            connection.execute(f"CREATE VIEW {entity} AS SELECT * FROM {parquet_rows(stage / f'{entity}.parquet')}")
        for statement in _NEAR[subject.entity]:
            connection.execute(statement, {"id": subject.sourced_id} if "$id" in statement else {})
        for entity in ENTITIES:
            rows = f"SELECT * FROM {entity} SEMI JOIN near_{entity} USING (sourcedId)" if entity in _BEARING else None
            connection.execute(
                f"COPY ({rows or f'SELECT * FROM {entity} WHERE false'}) TO $to (FORMAT parquet)",
                {"to": str(to / f"{entity}.parquet")},
            )


_BEARING = ("orgs", "classes", "users", "enrollments")
_SCHOOLS_NEAR = "CREATE TABLE near_orgs AS SELECT sourcedId FROM orgs"
_NEAR = {
    "users": (
        """CREATE TABLE near_users AS SELECT sourcedId FROM users WHERE sourcedId = $id OR list_contains(agentSourcedIds, $id)
           OR sourcedId IN (SELECT unnest(agentSourcedIds) FROM users WHERE sourcedId = $id)""",
        """CREATE TABLE near_enrollments AS SELECT sourcedId FROM enrollments
           WHERE userSourcedId IN (SELECT sourcedId FROM near_users)""",
        """CREATE TABLE near_classes AS SELECT DISTINCT classSourcedId AS sourcedId
           FROM enrollments SEMI JOIN near_enrollments USING (sourcedId)""",
        _SCHOOLS_NEAR,
    ),
    "classes": (
        "CREATE TABLE near_classes AS SELECT sourcedId FROM classes WHERE sourcedId = $id",
        "CREATE TABLE near_users AS SELECT sourcedId FROM users WHERE false",
        "CREATE TABLE near_enrollments AS SELECT sourcedId FROM enrollments WHERE false",
        _SCHOOLS_NEAR,
    ),
}  # fmt: skip


def _source_step(subject: Subject, row: Mapping[str, Any] | None, left_out: bool, complete: bool) -> Step:
    file = f"{subject.entity}.csv"
    line = f", line {subject.line}" if subject.line else ", in a bundle that was sent earlier"
    if row is not None:
        status = row["status"] or "blank"
        return Step("source", "yes", f"In the source: {file}{line}, with the status {status}.")
    if left_out:
        return Step("source", "warning", f"In the source: {file}{line}; the row could not be kept.")
    gone = "" if complete else f" But {file} was not complete, so nothing is taken as gone."
    return Step("source", "no", f"Not in the source: no row of {file} has this id any more.{gone}")


def _problem_step(problems: Sequence[Mapping[str, Any]], left_out: bool) -> Step:
    if not problems:
        message = (
            "The row was left out; its problem is not among those listed." if left_out else "No problems were found in its row."
        )
        return Step("problems", "no" if left_out else "yes", message)
    message = " ".join(f"{each['message']}{_rooted(each)}" for each in problems)
    return Step("problems", "no" if left_out else "warning", f"Left out because of an error. {message}" if left_out else message)


def _rooted(problem: Mapping[str, Any]) -> str:
    if problem["root"]:
        return f" The root cause: {problem['root']}"
    absent = absent_of(problem["cause"])
    return f" The root cause: {absent.file} has no row {absent.sourced_id}." if absent else ""


def _not_selectable(subject: Subject, left_out: bool) -> Step:
    reason = "a row with an error is not offered" if left_out else "it is not in the source"
    return Step("selection", "no", f"Not selected: {reason}.")


def _match_step(subject: Subject, record: Mapping[str, Any] | None, change: Mapping[str, Any] | None) -> Step:
    if record is not None:
        return Step("match", "yes", f"The platform has a record of this {KINDS[subject.entity]}.")
    if change is not None and change["action"] == "create":
        return Step("match", "info", f"No record of the platform is this {KINDS[subject.entity]}; a new one is made.")
    return Step("match", "info", f"No record of the platform is this {KINDS[subject.entity]}.")


def _plan_step(entity: str, change: Mapping[str, Any] | None, chosen: Step, by_policy: str, known: bool) -> Step:
    if change is not None:
        word = {"create": "created", "update": "updated", "deactivate": "deactivated", "end": "ended"}[change["action"]]
        fields = f" ({', '.join(change['fields'])})" if change["fields"] else ""
        verdict: Verdict = "yes" if change["action"] in ("create", "update") else "warning"
        return Step("plan", verdict, f"Planned by this sync: to be {word}{fields}, because: {change['reason']}.")
    if by_policy.startswith(NEAR_TO):
        other = by_policy.removeprefix(NEAR_TO)
        they_are, their = ("they are", "their") if entity == "users" else ("it is", "its")
        if known:
            return Step(
                "plan", "info", f"Left as {they_are}: in the source {their} id is {other} now, which is near to this one."
            )
        return Step("plan", "no", f"Not created: {they_are} on the platform with the id {other}, which is near to this one.")
    if by_policy and known:
        return Step("plan", "info", f"Kept, as this group's removal policy says, though the cause is: {by_policy}.")
    if by_policy:
        return Step("plan", "no", f"Not created, as this group's removal policy says: {by_policy}.")
    if chosen.verdict == "yes":
        return Step("plan", "yes", "This sync found nothing to change.")
    return Step("plan", "info", "This sync changes nothing about it.")


def _platform_step(written: Written | None, change: Mapping[str, Any] | None, run: Run) -> Step:
    pending = f" This sync, which would change that, {run.standing}." if change and not run.applied else ""
    if written is None:
        return Step("platform", "info", f"Not on the platform.{pending}")
    verdict: Verdict = "yes" if written.status == "active" else "no"
    message = f"On the platform, {written.status}, last written by sync {written.sync_id}."
    return Step("platform", verdict, message + pending, written.since)


def _row(connection: duckdb.DuckDBPyConnection, stage: Path, subject: Subject) -> dict[str, Any] | None:
    file = {"file": str(stage / f"{subject.entity}.parquet"), "id": subject.sourced_id}
    return _first(
        connection.execute("SELECT status, line FROM read_parquet($file, hive_partitioning=false) WHERE sourcedId = $id", file)
    )


def _is_left_out(connection: duckdb.DuckDBPyConnection, stage: Path, subject: Subject) -> bool:
    asked = f"SELECT 1 FROM {_left_out(stage)} WHERE entity = $entity AND sourcedId = $id LIMIT 1"
    values = {"entity": subject.entity, "id": subject.sourced_id}
    return connection.execute(asked, values).fetchone() is not None


def _problems(connection: duckdb.DuckDBPyConnection, stage: Path, subject: Subject) -> list[dict[str, Any]]:
    """The row's problems, errors first, each with its root's message where that is another row's."""
    values = {"file": str(stage / "problems.parquet"), "entity": subject.entity, "id": subject.sourced_id}
    return _dicts(connection.execute(_PROBLEMS, values))


def _record(connection: duckdb.DuckDBPyConnection, snapshot: Path | None, subject: Subject) -> dict[str, Any] | None:
    if snapshot is None:
        return None
    file = {"file": str(snapshot / f"{subject.entity}.parquet"), "id": subject.sourced_id}
    return _first(
        connection.execute("SELECT platformId FROM read_parquet($file, hive_partitioning=false) WHERE sourcedId = $id", file)
    )


def _change(connection: duckdb.DuckDBPyConnection, plan: Path, subject: Subject) -> dict[str, Any] | None:
    values = {"entity": subject.entity, "id": subject.sourced_id}
    rows = parquet_rows(plan / "changes.parquet")
    asked = f"SELECT action, reason, fields FROM {rows} WHERE entity = $entity AND sourcedId = $id"
    return _first(connection.execute(asked, values))


def _by_policy(connection: duckdb.DuckDBPyConnection, plan: Path, subject: Subject) -> str:
    """The cause for which the removal policy has kept the record or not made it, or the id that it is near to (NEAR_TO); empty
    where neither is so."""
    if not (plan / BY_POLICY).exists():
        return ""
    values = {"file": str(plan / BY_POLICY), "entity": subject.entity, "id": subject.sourced_id}
    asked = "SELECT reason FROM read_parquet($file, hive_partitioning=false) WHERE entity = $entity AND sourcedId = $id"
    return str((_first(connection.execute(asked, values)) or {}).get("reason", ""))


def _known(connection: duckdb.DuckDBPyConnection, stage: Path, snapshot: Path | None, entity: str) -> str:
    """Everything of an entity that can be found, in SQL: as staged, as left out, and as on the platform."""
    staged = parquet_rows(stage / f"{entity}.parquet")
    left_out = _left_out(stage)
    parts = [_STAGED[entity].format(rows=staged), _LEFT_OUT.format(rows=left_out, entity=entity, staged=staged)]
    if snapshot is not None:
        rows = parquet_rows(snapshot / f"{entity}.parquet")
        parts.append(_ON_PLATFORM.format(rows=rows, entity=entity, staged=staged, left_out=left_out))
    return " UNION ALL ".join(parts)


def _left_out(stage: Path) -> str:
    """The rows that an error left out, without those that others refer to alone, in SQL."""
    rows = f"SELECT * FROM {parquet_rows(stage / 'left_out.parquet')}"
    earlier = "SELECT NULL::BOOLEAN AS is_referred WHERE false"  # a stage of before an upgrade has none of those
    return f"(SELECT * FROM ({rows} UNION ALL BY NAME {earlier}) WHERE is_referred IS NOT true)"


def _first(answer: duckdb.DuckDBPyConnection) -> dict[str, Any] | None:
    rows = _dicts(answer)
    return rows[0] if rows else None


def _dicts(answer: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [column[0] for column in answer.description or []]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


_STAGED = {
    "users": """SELECT 'users', sourcedId, concat_ws(' ', givenName, familyName),
        concat_ws(', ', coalesce(userType, 'unknown'), username), line, [username, email, identifier],
        concat_ws(' ', givenName, preferredGivenName, middleName, familyName, preferredFamilyName) FROM {rows}""",
    "classes": """SELECT 'classes', sourcedId, coalesce(title, ''), coalesce(classCode, ''), line, [classCode],
        concat_ws(' ', title, classCode) FROM {rows}""",
    "orgs": """SELECT 'orgs', sourcedId, coalesce(name, ''), coalesce("type", ''), line, [identifier], name FROM {rows}""",
}

_LEFT_OUT = """SELECT '{entity}', sourcedId, coalesce(min(name), ''), 'left out because of an error', min(line),
    coalesce(min(keys), []), coalesce(min(name), '') FROM {rows}
    WHERE entity = '{entity}' AND sourcedId IS NOT NULL AND sourcedId NOT IN (SELECT sourcedId FROM {staged})
    GROUP BY sourcedId"""

_ON_PLATFORM = """SELECT '{entity}', sourcedId, name, 'on the platform, not in the source', NULL::BIGINT,
    [fields->>'username', fields->>'email', fields->>'identifier'], name FROM {rows}
    WHERE sourcedId NOT IN (SELECT sourcedId FROM {staged})
      AND sourcedId NOT IN (SELECT sourcedId FROM {left_out} WHERE entity = '{entity}' AND sourcedId IS NOT NULL)"""

NAMED = 2  # the rank from which on only a name matches
_FIND = """
WITH known (entity, sourcedId, name, detail, line, keys, words) AS ({known}), ranked AS (
    SELECT entity, sourcedId, name, detail, line,
           CASE WHEN sourcedId = $typed THEN 0
                WHEN len(list_filter(keys, lambda key: lower(key) = lower($typed))) > 0 OR lower(sourcedId) = lower($typed) THEN 1
                WHEN len($words) > 0 AND len(list_filter($words::VARCHAR[], lambda word:
                     NOT contains(strip_accents(lower(words)), strip_accents(lower(word))))) = 0 THEN 2 END AS rank
    FROM known
)
SELECT entity, sourcedId, name, detail, line, rank, count(*) OVER () AS total FROM ranked WHERE rank IS NOT NULL
ORDER BY rank, name, entity, sourcedId LIMIT $limit
"""

_PROBLEMS = f"""
WITH problem AS (SELECT * FROM read_parquet($file, hive_partitioning=false))
SELECT own.message, own.severity, own.cause, root.message AS root
FROM problem own LEFT JOIN problem root ON root.key = own.cause AND own.cause <> own.key
WHERE own.entity = $entity AND own.sourcedId = $id AND own.severity <> 'note'
ORDER BY own.severity, own.line, own.rule LIMIT {SHOWN_PROBLEMS}
"""

PEOPLE = """
CREATE VIEW why_users AS
WITH classes_of AS (
    SELECT userSourcedId AS sourcedId, count(*) AS classes, count(*) FILTER (chosen) AS chosen_classes,
           count(*) FILTER (here) AS classes_here
    FROM (SELECT DISTINCT userSourcedId, class.sourcedId,
                 class.sourcedId IN (SELECT sourcedId FROM selected_classes) AS chosen,
                 class.schoolSourcedId IN (SELECT sourcedId FROM chosen_orgs) AS here
          FROM staged_enrollments own JOIN staged_classes class ON class.sourcedId = own.classSourcedId
          WHERE own.status <> 'tobedeleted' AND class.status <> 'tobedeleted')
    GROUP BY 1
), schools_of AS (
    SELECT DISTINCT sourcedId FROM (SELECT sourcedId, unnest(roles).orgSourcedId AS org FROM staged_users)
    WHERE org IN (SELECT sourcedId FROM staged_orgs WHERE status <> 'tobedeleted')
)
SELECT people.sourcedId, people.line, selected.sourcedId IS NOT NULL AS selected,
       coalesce(classes, 0) AS classes, coalesce(chosen_classes, 0) AS chosen_classes,
       CASE WHEN selected.sourcedId IS NOT NULL THEN
                 CASE WHEN candidate.member AND {ticked} THEN 'member'
                      WHEN candidate.sourcedId IS NOT NULL AND {others} AND {ticked} THEN 'other-member' ELSE 'guardian' END
            WHEN statusCell = 'deleted' THEN 'deleted'
            WHEN candidate.sourcedId IS NOT NULL AND (candidate.member OR {others}) THEN 'cell'
            WHEN classes_here > 0 THEN 'class'
            WHEN candidate.sourcedId IS NOT NULL THEN 'other-members'
            WHEN schools_of.sourcedId IS NULL THEN 'school-deleted' ELSE 'school' END AS reason
FROM staged_users people
LEFT JOIN selected_users selected ON selected.sourcedId = people.sourcedId
LEFT JOIN candidate_users candidate ON candidate.sourcedId = people.sourcedId
LEFT JOIN classes_of ON classes_of.sourcedId = people.sourcedId
LEFT JOIN schools_of ON schools_of.sourcedId = people.sourcedId
"""

_WHY_PERSON = """
SELECT reason, format('{}, {} of them selected', classes, chosen_classes) AS classes,
       statusCell || ', ' || coalesce(userType, 'unknown') AS cell,
       (SELECT string_agg(DISTINCT coalesce(orgs.name, org) || if(org IN (SELECT sourcedId FROM chosen_orgs), '*', ''), ', ')
        FROM (SELECT unnest(roles).orgSourcedId AS org FROM staged_users WHERE sourcedId = $id)
        LEFT JOIN staged_orgs orgs ON orgs.sourcedId = org) AS schools
FROM why_users JOIN staged_users USING (sourcedId) WHERE sourcedId = $id
"""

_WHY_CLASS = """
SELECT CASE WHEN sourcedId IN (SELECT sourcedId FROM selected_classes) THEN 'chosen'
            WHEN status = 'tobedeleted' THEN 'deleted'
            WHEN schoolSourcedId NOT IN (SELECT sourcedId FROM staged_orgs WHERE status <> 'tobedeleted') THEN 'school-deleted'
            WHEN schoolSourcedId NOT IN (SELECT sourcedId FROM chosen_orgs) THEN 'school' ELSE 'class' END AS reason,
       (SELECT name FROM staged_orgs WHERE sourcedId = own.schoolSourcedId) AS school
FROM staged_classes own WHERE sourcedId = $id
"""

_WHY_ORG = """
SELECT CASE WHEN sourcedId IN (SELECT sourcedId FROM chosen_orgs) THEN 'chosen'
            WHEN sourcedId IN (SELECT sourcedId FROM selected_orgs) THEN 'named'
            WHEN status = 'tobedeleted' THEN 'deleted' ELSE 'school' END AS reason
FROM staged_orgs WHERE sourcedId = $id
"""
