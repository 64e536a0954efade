"""What an update would take away from a record, and the record with it spared: SQL for the plan's changes.

An update takes something away where a value becomes empty, a guardian, a role or the mark of a primary teacher is lost,
a role or an enrollment that runs is over at once or would begin only later, an enrollment moves to another class or person
or loses the role of a teacher or the rights of staff, or an active record becomes inactive. Each is a token `kind:field`,
its kind one of `guard.TAKING`. Spared, the record has the new values and the old ones of what was taken; of a list both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from oneroster_engine.duckdb_session import quoted, text
from oneroster_engine.standard.entities import platform_columns


@dataclass(frozen=True)
class Takings:
    """SQL over a relation with `fields`, `fields_before` (JSON), `platformStatus` and `status_before`; `today` as an ISO date."""

    entity: str
    today: str

    @property
    def sides(self) -> str:
        """Every field as [name, now, before]: all of them in one look at the JSON."""
        columns = platform_columns(self.entity)
        names = f"[{', '.join(map(text, columns))}]"
        paths = f"[{', '.join(text(f'$.{quoted(name)}') for name in columns)}]"
        return f"list_zip({names}, json_extract(fields, {paths}), json_extract(fields_before, {paths}))"

    def tokens(self, sides: str) -> str:
        """What is taken away, as a list of tokens. `sides` is the SQL of the fields that differ."""
        cases = [f"WHEN {_EMPTY.format(each='each[3]')} THEN NULL"]
        if self.entity == "users":
            cases += [
                f"WHEN each[1] = 'roles' THEN if(len({lost_roles('each[3]', 'each[2]', self.today)}) > 0, 'roles:roles', NULL)",
                f"WHEN each[1] = 'agentSourcedIds' THEN if(len({_LOST_AGENTS}) > 0, 'relations:agentSourcedIds', NULL)",
                "WHEN each[1] = 'enabledUser' THEN NULL",  # the platform's status says it
            ]
        if self.entity == "enrollments":
            has = _HAS_RIGHTS.format(side="each[3]")
            over, was_over = (_IS_OVER.format(side=f"each[{n}]", today=self.today) for n in (2, 3))
            begun, had_begun = (_HAS_BEGUN.format(side=f"each[{n}]", today=self.today) for n in (2, 3))
            cases = [
                f"WHEN each[1] = 'endDate' AND {over} AND NOT {was_over} THEN 'memberships:endDate'",
                f"WHEN each[1] = 'beginDate' AND {had_begun} AND NOT {begun} THEN 'memberships:beginDate'",
                *cases,
            ]
            cases += [
                "WHEN each[1] IN ('classSourcedId', 'userSourcedId') THEN 'memberships:' || each[1]",
                "WHEN each[1] = 'primary' THEN if(each[3]::VARCHAR = 'true', 'relations:primary', NULL)",
                f"WHEN each[1] = 'role' THEN if({has} AND NOT {_HAS_RIGHTS.format(side='each[2]')} "
                f"OR {_TEACHES.format(side='each[3]')} AND NOT {_TEACHES.format(side='each[2]')}, 'roles:role', NULL)",
            ]
        cases.append(f"WHEN {_EMPTY.format(each='each[2]')} THEN 'emptied:' || each[1]")
        lost = f"list_transform({sides}, lambda each: CASE {' '.join(cases)} END)"
        return (
            f"list_concat(list_filter({lost}, lambda token: token IS NOT NULL), "
            "if(status_before = 'active' AND platformStatus = 'inactive', ['disabled:platformStatus'], []))"
        )

    def spared(self, tokens: str, kinds: Sequence[str]) -> str:
        """`fields` as JSON with what `tokens` (SQL) of these kinds took away."""

        def taken(kind: str, field: str) -> str:
            return f"list_contains({tokens}, '{kind}:' || {field})" if kind in kinds else "false"

        cases = []
        if self.entity == "users":
            cases += [
                f"WHEN each[1] = 'roles' THEN if({taken('roles', text('roles'))}, to_json({self._spared_roles}), each[2])",
                f"WHEN each[1] = 'agentSourcedIds' THEN if({taken('relations', text('agentSourcedIds'))}, "
                f"to_json(list_concat(coalesce(each[2]->>'$[*]', []), {_LOST_AGENTS})), each[2])",
                f"WHEN each[1] = 'enabledUser' AND {taken('disabled', text('platformStatus'))} THEN each[3]",
            ]
        if self.entity == "enrollments":
            cases += [
                f"WHEN each[1] = 'primary' THEN if({taken('relations', text('primary'))}, each[3], each[2])",
                f"WHEN each[1] = 'schoolSourcedId' THEN if({taken('memberships', text('classSourcedId'))}, each[3], each[2])",
                f"WHEN {taken('memberships', 'each[1]')} THEN each[3]",
                f"WHEN each[1] = 'role' AND {taken('roles', text('role'))} THEN each[3]",
            ]
        cases.append(f"WHEN {taken('emptied', 'each[1]')} THEN each[3]")
        value = f"CASE {' '.join(cases)} ELSE each[2] END"
        pairs = f"list_transform({self.sides}, lambda each: {{'key': each[1], 'value': coalesce({value}, 'null'::JSON)}})"
        return f"to_json(map_from_entries({pairs}))"

    @property
    def _spared_roles(self) -> str:
        """The roles as they are now; those that were lost as they were, in their place if they have one."""
        lost, now = lost_roles("each[3]", "each[2]", self.today), _ROLES.format(side="each[2]")
        in_place = f"coalesce({lost}[list_position({_keys(lost)}, {_KEY.format(role='new')})], new)"
        without = f"list_filter({lost}, lambda gone: NOT list_contains({_keys(now)}, {_KEY.format(role='gone')}))"
        return f"list_concat(list_transform({now}, lambda new: {in_place}), {without})"


def lost_roles(before: str, after: str, today: str) -> str:
    """SQL: the roles of a list (JSON) that the other lacks by role and org, and those that run and do not run there any more."""
    roles = _ROLES.format(side=after)
    running = f"list_filter({roles}, lambda new: {_RUNS.format(role='new', today=today)})"
    there = f"if({_RUNS.format(role='old', today=today)}, {_keys(running)}, {_keys(roles)})"
    return f"list_filter({_ROLES.format(side=before)}, lambda old: NOT list_contains({there}, {_KEY.format(role='old')}))"


def _keys(roles: str) -> str:
    return f"list_transform({roles}, lambda one: {_KEY.format(role='one')})"


_ROLES = "coalesce(json_extract({side}, '$[*]'), [])"
_KEY = "concat_ws(' ', {role}->>'role', {role}->>'orgSourcedId')"
_RUNS = (
    "(coalesce(try_cast({role}->>'endDate' AS DATE) >= DATE '{today}', true) "
    "AND coalesce(try_cast({role}->>'beginDate' AS DATE) <= DATE '{today}', true))"
)
# What a role lets its holder see of others. A word that is not here is taken for staff's: it must not pass unseen.
WITHOUT_RIGHTS = ("student", "guardian", "parent", "relative")
_HAS_RIGHTS = f"coalesce(({{side}}->>'$') NOT IN {WITHOUT_RIGHTS}, false)"
_TEACHES = "coalesce(({side}->>'$') = 'teacher', false)"
_IS_OVER = "coalesce(try_cast(({side}->>'$') AS DATE) < DATE '{today}', false)"
_HAS_BEGUN = "coalesce(try_cast(({side}->>'$') AS DATE) <= DATE '{today}', true)"
_EMPTY = "({each} IS NULL OR {each}::VARCHAR IN ('null', '\"\"', '[]'))"
_LOST_AGENTS = (
    "list_filter(coalesce(each[3]->>'$[*]', []), lambda agent: NOT list_contains(coalesce(each[2]->>'$[*]', []), agent))"
)
