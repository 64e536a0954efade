"""What an update would take away from a record, and the record with it spared: SQL for the plan's changes.

An update takes something away where a value becomes empty, a guardian, a role or the mark of a primary teacher is lost,
an enrollment moves to another class or person, is over at once or loses the rights of staff, or an active record becomes
inactive. Each is a token `kind:field`, its
kind one of `guard.TAKING`. Spared, the record has the new values and the old ones of what was taken; of a list both.
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
                f"WHEN each[1] = 'roles' THEN if(len({_LOST_ROLES}) > 0, 'roles:roles', NULL)",
                f"WHEN each[1] = 'agentSourcedIds' THEN if(len({_LOST_AGENTS}) > 0, 'relations:agentSourcedIds', NULL)",
                "WHEN each[1] = 'enabledUser' THEN NULL",  # the platform's status says it
            ]
        if self.entity == "enrollments":
            has = _HAS_RIGHTS.format(side="each[3]")
            over, was_over = (_IS_OVER.format(side=f"each[{n}]", today=self.today) for n in (2, 3))
            cases.insert(0, f"WHEN each[1] = 'endDate' AND {over} AND NOT {was_over} THEN 'memberships:endDate'")
            cases += [
                "WHEN each[1] IN ('classSourcedId', 'userSourcedId') THEN 'memberships:' || each[1]",
                "WHEN each[1] = 'primary' THEN if(each[3]::VARCHAR = 'true', 'relations:primary', NULL)",
                f"WHEN each[1] = 'role' THEN if({has} AND NOT {_HAS_RIGHTS.format(side='each[2]')}, 'roles:role', NULL)",
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
                f"WHEN each[1] = 'roles' THEN if({taken('roles', text('roles'))}, "
                f"to_json(list_concat(coalesce(json_extract(each[2], '$[*]'), []), {_LOST_ROLES})), each[2])",
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


# What a role lets its holder see of others. A word that is not here is taken for staff's: it must not pass unseen.
WITHOUT_RIGHTS = ("student", "guardian", "parent", "relative")
_HAS_RIGHTS = f"coalesce(({{side}}->>'$') NOT IN {WITHOUT_RIGHTS}, false)"
_IS_OVER = "coalesce(try_cast(({side}->>'$') AS DATE) < DATE '{today}', false)"
_EMPTY = "({each} IS NULL OR {each}::VARCHAR IN ('null', '\"\"', '[]'))"
_LOST_AGENTS = (
    "list_filter(coalesce(each[3]->>'$[*]', []), lambda agent: NOT list_contains(coalesce(each[2]->>'$[*]', []), agent))"
)
_LOST_ROLES = (
    "list_filter(coalesce(json_extract(each[3], '$[*]'), []), lambda old: NOT list_contains(list_transform("
    "coalesce(json_extract(each[2], '$[*]'), []), lambda new: concat_ws(' ', new->>'role', new->>'orgSourcedId')), "
    "concat_ws(' ', old->>'role', old->>'orgSourcedId')))"
)
