"""The rules of selecting and planning once more, in plain Python over dicts: slow, short, and written from the words
of the rules, so that the engine can be held against it."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from typing import Any

from oneroster_engine.selecting.selection import Selection
from oneroster_engine.standard.entities import ENTITIES

Row = Mapping[str, Any]
Roster = Mapping[str, Mapping[str, Row]]  # entity -> sourcedId -> row
OPTIONAL_REFERENCES = {
    "orgs": {"parentSourcedId": "orgs"},
    "academicSessions": {"parentSourcedId": "academicSessions"},
    "courses": {"schoolYearSourcedId": "academicSessions", "orgSourcedId": "orgs"},
    "classes": {"courseSourcedId": "courses", "termSourcedIds": "academicSessions"},
    "users": {"agentSourcedIds": "users", "primaryOrgSourcedId": "orgs"},
    "enrollments": {},
}


def selected(stage: Roster, selection: Selection) -> dict[str, set[str]]:
    """Ids that the selection reaches, by entity."""
    alive = {entity: {i: row for i, row in stage[entity].items() if row["status"] != "tobedeleted"} for entity in ENTITIES}
    schools = {i for i in alive["orgs"] if selection.orgs is None or i in selection.orgs}
    classes = {
        i
        for i, row in alive["classes"].items()
        if row["schoolSourcedId"] in schools and (selection.classes is None or i in selection.classes)
    }
    enrolled = {e["userSourcedId"] for e in alive["enrollments"].values() if e["classSourcedId"] in classes}
    users = {
        i
        for i, row in stage["users"].items()
        if row["statusCell"] != "deleted"
        and ticked(selection, row["statusCell"], row["userType"])
        and (i in enrolled or (selection.other_members and any(role["orgSourcedId"] in schools for role in row["roles"])))
    }
    if selection.guardians:
        students = {i for i in users if stage["users"][i]["userType"] == "student"}
        named = {agent for i in students for agent in stage["users"][i]["agentSourcedIds"]}
        for i, row in stage["users"].items():
            related = i in named or students & set(row["agentSourcedIds"])
            statuses = None if selection.cells is None else {status for status, _ in selection.cells}
            status_ticked = row["statusCell"] != "deleted" and (statuses is None or row["statusCell"] in statuses)
            if related and status_ticked and row["userType"] in ("guardian", "parent", "relative"):
                users = users | {i}
    enrollments = {
        i for i, row in alive["enrollments"].items() if row["classSourcedId"] in classes and row["userSourcedId"] in users
    }
    everything = selection.orgs is None and selection.classes is None
    courses = {i for i in alive["courses"] if everything or any(alive["classes"][c]["courseSourcedId"] == i for c in classes)}
    sessions = with_parents(
        {term for c in classes for term in alive["classes"][c]["termSourcedIds"]}
        | {alive["courses"][c]["schoolYearSourcedId"] for c in courses},
        stage["academicSessions"],
    )
    orgs = with_parents(
        schools
        | {role["orgSourcedId"] for u in users for role in stage["users"][u]["roles"]}
        | {stage["users"][u]["primaryOrgSourcedId"] for u in users}
        | {alive["courses"][c]["orgSourcedId"] for c in courses},
        stage["orgs"],
    )
    return {
        "orgs": orgs & set(alive["orgs"]),
        "academicSessions": set(alive["academicSessions"]) if everything else sessions & set(alive["academicSessions"]),
        "courses": courses,
        "classes": classes,
        "users": users,
        "enrollments": enrollments,
    }


def without(chosen: dict[str, set[str]], stage: Roster, ended: AbstractSet[str]) -> dict[str, set[str]]:
    """The selection without people whose every role has ended, and their enrollments."""
    enrollments = {i for i in chosen["enrollments"] if stage["enrollments"][i]["userSourcedId"] not in ended}
    return {**chosen, "users": chosen["users"] - ended, "enrollments": enrollments}


def ended_roles(stage: Roster, selection: Selection, today: date) -> set[str]:
    """Of the selected people, those whose every role has ended; a role's last day still counts."""
    people = {i: stage["users"][i] for i in selected(stage, selection)["users"]}
    return {i for i, row in people.items() if all(role["endDate"] and role["endDate"] < today for role in row["roles"])}


def ticked(selection: Selection, status: str, user_type: str | None) -> bool:
    return selection.cells is None or (status, user_type or "unknown") in selection.cells


def with_parents(ids: Iterable[str | None], rows: Mapping[str, Row]) -> set[str]:
    found: set[str] = set()
    waiting = [i for i in ids if i]
    while waiting:
        i = waiting.pop()
        if i not in found:
            found.add(i)
            parent = rows[i]["parentSourcedId"] if i in rows else None
            waiting += [parent] if parent else []
    return found


@dataclass(frozen=True)
class Losses:
    """Whose role, and whose profile, a row that was left out may have been: None stands for anybody's."""

    roles: frozenset[str | None] = frozenset()
    profiles: frozenset[str | None] = frozenset()


NOTHING_LOST = Losses()


def removed(
    stage: Roster,
    platform: Roster,
    selection: Selection,
    left_out: Mapping[str, set[str | None]],
    complete: Mapping[str, bool],
    losses: Losses = NOTHING_LOST,
    keep: Mapping[str, AbstractSet[str]] | None = None,
    ended: AbstractSet[str] = frozenset(),
) -> dict[str, set[str]]:
    """Ids of the platform's active records that the plan may take away. A platform row is its fields and `schools`. `keep` names
    the causes for which the group keeps an entity, `ended` those whose every role has ended, if they are to go."""
    chosen = without(selected(stage, selection), stage, ended)
    blocked = {entity for entity in ENTITIES if not complete[entity] or None in left_out[entity]}
    gone: dict[str, dict[str, str]] = {entity: {} for entity in ENTITIES}
    for entity in set(ENTITIES) - blocked:
        for i, record in platform[entity].items():
            if i in chosen[entity] or i in left_out[entity]:
                continue
            row = stage[entity].get(i)
            reason = "left" if row is None else "deleted" if row["status"] == "tobedeleted" else "unchosen"
            if i in ended and entity == "users":
                gone[entity][i] = "ended"
            elif reason in (keep or {}).get(entity, ()) or (row and entity == "enrollments" and row["userSourcedId"] in ended):
                continue
            elif selection.remove_unselected or in_scope(entity, record, row, reason, selection):
                gone[entity][i] = reason

    left = {entity: {i for i, reason in found.items() if reason not in ("unchosen", "ended")} for entity, found in gone.items()}
    unsure_orgs = "orgs" in blocked or bool(left_out["orgs"])
    for i, record in platform["users"].items():
        cost_a_part = held_roles(i, record, stage, platform, left, unsure_orgs, losses) or held_profiles(i, record, stage, losses)
        if cost_a_part and gone["users"].get(i) in ("unchosen", "ended"):
            del gone["users"][i]
    if selection.guardians:
        children = {i for i in platform["users"] if i in left_out["users"]}
        their_agents = {agent for i in children for agent in platform["users"][i]["agentSourcedIds"]}
        for i, record in platform["users"].items():
            if gone["users"].get(i) == "unchosen" and (i in their_agents or children & set(record["agentSourcedIds"])):
                del gone["users"][i]

    def staying(entity: str) -> list[Row]:
        return [row for i, row in platform[entity].items() if i not in chosen[entity] and i not in gone[entity]]

    if "enrollments" not in blocked:
        for i, record in platform["enrollments"].items():
            person, class_ = gone["users"].get(record["userSourcedId"]), gone["classes"].get(record["classSourcedId"])
            if i not in chosen["enrollments"] and ({person, class_} & {"left", "deleted", "ended"}):
                gone["enrollments"].setdefault(i, "with")

    def may_stay(entity: str) -> dict[str, Row]:
        going = {i for i, reason in gone[entity].items() if reason != "unchosen"}
        return {i: row for i, row in platform[entity].items() if i not in chosen[entity] and i not in going}

    def spare(entity: str, ids: Iterable[str | None]) -> None:
        for i in ids:
            if i and gone[entity].get(i) == "unchosen":
                del gone[entity][i]

    spare("users", [row["userSourcedId"] for row in staying("enrollments")])
    spare("classes", [row["classSourcedId"] for row in staying("enrollments")])
    spare("courses", [row["courseSourcedId"] for row in staying("classes")])
    terms = [term for row in staying("classes") for term in row["termSourcedIds"]]
    years = [row["schoolYearSourcedId"] for row in staying("courses")]
    own = [row["sourcedId"] for row in staying("academicSessions")]
    spare("academicSessions", with_parents([*terms, *years, *own], may_stay("academicSessions")))
    named = [org for entity in ("classes", "users", "courses") for row in staying(entity) for org in row["schools"]]
    named += [row["primaryOrgSourcedId"] for row in staying("users")] + [row["sourcedId"] for row in staying("orgs")]
    spare("orgs", with_parents(named, may_stay("orgs")))
    return {entity: set(found) for entity, found in gone.items()}


def held_roles(
    person: str, old: Row, stage: Roster, platform: Roster, gone: Mapping[str, set[str]], unsure_orgs: bool, losses: Losses
) -> list[Row]:
    """Roles of the platform that are not in the source today, for no other reason perhaps than a row with an error."""
    row = stage["users"].get(person)
    today = {(role["role"], role["orgSourcedId"]) for role in row["roles"]} if row else set()
    found = []
    for role in old["roles"]:
        org = role["orgSourcedId"]
        may_be_lost = (unsure_orgs and org not in stage["orgs"]) or {person, None} & losses.roles
        if (role["role"], org) not in today and org in platform["orgs"] and org not in gone["orgs"] and may_be_lost:
            found.append(role)
    return found


def held_profiles(person: str, old: Row, stage: Roster, losses: Losses) -> list[Row]:
    row = stage["users"].get(person)
    today = {profile["sourcedId"] for profile in row["userProfiles"]} if row else set()
    return [each for each in old["userProfiles"] if each["sourcedId"] not in today and {person, None} & losses.profiles]


def with_held_roles(old: Row, row: Row, held: list[Row]) -> dict[str, Any]:
    """A person's roles where some of the platform's stay: the primary one first, then as they stood there. A primary one that
    stays is the only one, and its org stays the primary one unless the source says another than it would without."""
    if not held:
        return {}
    places = {(role["role"], role["orgSourcedId"]): at for at, role in reversed(list(enumerate(old["roles"])))}
    secondary = {"roleType": "secondary"} if any(role["roleType"] == "primary" for role in held) else {}
    roles = sorted(
        [*held, *({**role, **secondary} for role in row["roles"])],
        key=lambda role: (role["roleType"] != "primary", places.get((role["role"], role["orgSourcedId"]), len(places) + 9)),
    )
    org, today = old["primaryOrgSourcedId"], row["primaryOrgSourcedId"]
    stays = org in {role["orgSourcedId"] for role in held} and today in (None, row["roles"][0]["orgSourcedId"])
    return {
        "roles": roles,
        "primaryOrgSourcedId": org if stays else today,
        "schools": sorted({role["orgSourcedId"] for role in roles}),
    }


def references(
    entity: str, old: Row, row: Row, stage: Roster, platform: Roster, gone: Mapping[str, set[str]], unproved: set[str]
) -> dict[str, Any]:
    """The optional references of an updated record. A record whose row was left out, or may have been, stays on the platform:
    so does the reference to it that came to nothing today."""
    found = {}
    for name, target in OPTIONAL_REFERENCES[entity].items():
        before = old[name] if isinstance(old[name], list) else [old[name]]
        held = [i for i in before if i in platform[target] and i not in stage[target] and i not in gone[target]]
        if target in unproved and held:
            own = row[name]
            found[name] = held + [i for i in own if i not in held] if isinstance(own, list) else own or held[0]
    return found


def in_scope(entity: str, record: Row, row: Row | None, reason: str, selection: Selection) -> bool:
    """A selective sync removes in the chosen schools only, and only what the source has given up."""
    schools = set(record["schools"])
    inside = selection.orgs is None or bool(schools & selection.orgs)
    if reason == "unchosen" or entity not in ("classes", "enrollments", "users"):
        return False
    if entity != "users":
        return inside
    if reason == "deleted":
        assert row is not None
        return inside and ticked(selection, "deleted", row["userType"])
    only_inside = selection.orgs is None or (bool(schools) and schools <= selection.orgs)
    user_type = record["roles"][0]["role"] if record["roles"] else None
    return only_inside and (selection.cells is None or user_type in {kind for _, kind in selection.cells})
