"""A platform record in SQL: what people call it, its schools, and what it refers to. Each is defined once, from `entities.py`.

A record stands in two forms. *Staged*: a row of `{entity}.parquet` with a column a field. *Stored*: the JSON object
`fields` of a snapshot or of a plan's before and after. Every function here takes the form that is meant.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from oneroster_engine.duckdb_session import quoted
from oneroster_engine.standard.entities import ENTITIES, FIELDS, Kind

# A person's role and profile, as rows and records have them.
ROLE = (
    'STRUCT(roleType VARCHAR, "role" VARCHAR, orgSourcedId VARCHAR, beginDate DATE, endDate DATE, userProfileSourcedId VARCHAR)'
)
PROFILE = (
    "STRUCT(sourcedId VARCHAR, profileType VARCHAR, vendorId VARCHAR, applicationId VARCHAR, description VARCHAR, "
    "credentialType VARCHAR, username VARCHAR)"
)


class Form(StrEnum):
    STAGED = "staged"
    STORED = "stored"


@dataclass(frozen=True)
class Link:
    """A field of `entity` that refers to records of `to`. `inside` is the list of objects that holds it (a person's roles)."""

    entity: str
    field: str
    to: str
    many: bool = False
    inside: str = ""

    def ids(self, form: Form) -> str:
        """The ids that a record refers to, one a row."""
        if self.inside:
            stored, staged = f"unnest(fields->>'$.{self.inside}[*].{self.field}')", f"unnest({self.inside}).{self.field}"
        elif self.many:
            stored, staged = f"unnest(fields->>'$.{self.field}[*]')", f"unnest({self.field})"
        else:
            stored, staged = f"fields->>'{self.field}'", self.field
        return staged if form is Form.STAGED else stored


def _links(entity: str) -> Iterable[Link]:
    for each in FIELDS[entity]:
        if each.refers:
            yield Link(entity, each.name, each.refers.entity, each.kind is Kind.LIST)
    if entity == "users":  # a person's roles are kept inside of them
        for each in FIELDS["roles"]:
            if each.refers and each.refers.entity == "orgs":
                yield Link("users", each.name, "orgs", inside="roles")


LINKS = tuple(link for entity in ENTITIES for link in _links(entity))

# Each after all those that refer to it, so that what is decided of one is known when the next is looked at.
REFERRERS_FIRST = tuple(reversed(ENTITIES))


def links_to(entity: str) -> list[Link]:
    """What other entities' records refer to this one by. A person's agents are people, and a choice of their own."""
    return [link for link in LINKS if link.to == entity and link.entity != entity]


def parent_of(entity: str) -> Link | None:
    """By what a record names the one above it, where records of the entity stand above each other."""
    return next((link for link in LINKS if link.entity == link.to == entity and not link.many), None)


def referred_to(entity: str, rows: Callable[[str], str], above: str, form: Form, also: str = "") -> str:
    """A query of the ids of `entity` that `rows(referrer)`, a relation by the referrer's name, refer to; with their parents.

    `above` is the relation in which parents are looked up. `also` is a query of ids to begin with.
    """
    parts = [f"SELECT {link.ids(form)} AS sourcedId FROM {rows(link.entity)}" for link in links_to(entity)]
    named = " UNION ".join([*parts, also] if also else parts)
    if parent := parent_of(entity):
        up = f"SELECT {parent.ids(form)} FROM {above} own JOIN named ON own.sourcedId = named.sourcedId"
        return f"WITH RECURSIVE named AS ({named} UNION {up}) SELECT sourcedId FROM named WHERE sourcedId IS NOT NULL"
    return f"SELECT sourcedId FROM ({named}) WHERE sourcedId IS NOT NULL"


def value_of(field: str, form: Form) -> str:
    return quoted(field) if form is Form.STAGED else f"(fields->>'{field}')"


def name_of(entity: str, form: Form, class_title: str = "NULL") -> str:
    """What people call a record. `class_title` is the SQL of an enrollment's class's title."""

    def value(field: str) -> str:
        return value_of(field, form)

    if entity == "users":
        return f"concat_ws(' ', {value('givenName')}, {value('familyName')})"
    if entity == "enrollments":
        return f"concat_ws(' ', {value('role')}, {value('userSourcedId')}, 'in', {class_title})"
    return value("name" if entity == "orgs" else "title")


def schools_of(entity: str, form: Form) -> str:
    """The schools, as a list of ids, that a record belongs to: what counts for it there counts as that school's."""
    if entity == "orgs":
        return "[sourcedId]"
    if entity == "academicSessions":
        return "[]::VARCHAR[]"
    if entity == "users":
        if form is Form.STORED:
            return "list_sort(list_distinct(fields->>'$.roles[*].orgSourcedId'))"
        # Nearly all people have one role, and a lambda is slow.
        return (
            "CASE WHEN len(roles) = 1 THEN [roles[1].orgSourcedId] "
            "ELSE list_sort(list_distinct(list_transform(roles, lambda each: each.orgSourcedId))) END"
        )
    school = value_of("orgSourcedId" if entity == "courses" else "schoolSourcedId", form)
    return f"CASE WHEN {school} IS NULL THEN []::VARCHAR[] ELSE [{school}] END" if entity == "courses" else f"[{school}]"
