"""What a provider is asked for in one sync: everything, some schools, or what has changed, decided from what went before."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from chalicelib.model.causes import by_cause
from chalicelib.model.records import Asked, AskedFor, IdCheck, Mode, RestSource, State, Sync
from chalicelib.store import selections
from oneroster_engine.selecting.saved import schools_of

MOST_SCHOOLS = 200  # four lists each: more take longer than everything
WHOLE_EVERY = timedelta(days=7)  # deltas are known to lie
EARLY = timedelta(hours=1)  # a nightly sync doesn't begin at the same minute each night
MARGIN = timedelta(hours=1)  # a provider's clock, and what it writes late
NEVER_READ = frozenset({State.QUEUED, State.SUPERSEDED})

WHY = {
    "wanted": "it was started that way",
    "all schools": "every school is selected",
    "no school": "none of the selected schools is in the source",
    "many schools": f"more than {MOST_SCHOOLS} schools are selected",
    "no lists": "the provider doesn't offer lists by school",
    "no filter": "the provider doesn't let changes alone be asked for",
    "no ids": "its changes have to be compared with its whole lists, and it doesn't let ids alone be asked for",
    "differed": "the changes of the last sync were incomplete",
    "first": "nothing was read whole before",
    "old": "what was read whole last is older than seven days",
    "failed": "the last sync didn't end well",
    "incomplete": "what the last sync read was not proved complete",
    "settings": "the group's configuration was changed since",
    "elsewhere": "the last sync took a bundle from elsewhere, or some schools alone",
}


def everything(why: str = "") -> Asked:
    """`why` is a key of WHY; empty where the group wants nothing less."""
    return Asked(kind=AskedFor.EVERYTHING, why=WHY[why] if why else "")


def schools_to_ask_for(settings: RestSource, sync: Sync) -> bool:
    """Whether the sync's saved selection is to be looked at for schools."""
    return settings.by_school and sync.saved_selection is not None


def chosen_schools(sync: Sync, stage: Path) -> frozenset[str] | None:
    """Those of the sync's saved selection, from a stage of the orgs; None means all. Raises NotFound."""
    assert sync.saved_selection is not None
    version = selections.get(sync.group_id, sync.saved_selection.name, sync.saved_selection.version)
    return schools_of(selections.load(version), stage, selections.seen(version))


def asked_by_school(schools: frozenset[str] | None) -> Asked:
    if schools is None or not schools:
        return everything("all schools" if schools is None else "no school")
    if len(schools) > MOST_SCHOOLS:
        return everything("many schools")
    return Asked(kind=AskedFor.SCHOOLS, schools=len(schools))


def asked_since(sync: Sync, earlier: Sequence[Sync], changed_at: datetime, has_view: bool, check_ids_days: int = 1) -> Asked:
    """`earlier`: the group's syncs before this one, newest first. `changed_at`: its configuration. `has_view`: what the source
    held after the last of them is kept, so that changes can be merged into it. `check_ids_days` as in `RestSource`."""
    read = [each for each in earlier if each.mode is not Mode.UNDO and each.state not in NEVER_READ]
    if not read:
        return everything("first")
    last = read[0]
    if last.state is not State.SUCCEEDED:
        return everything("failed")
    if last.incomplete:
        return everything("incomplete")
    if last.id_check and last.id_check.differ:
        return everything("differed")
    if changed_at > last.started_at:
        return everything("settings")
    for each in read:
        if each.asked is None or each.asked.kind is AskedFor.SCHOOLS:
            return everything("elsewhere")
        if sync.started_at - each.started_at >= WHOLE_EVERY:
            return everything("old")
        if each.asked.kind is AskedFor.EVERYTHING:
            ids = _since_compared(sync, read) >= timedelta(days=check_ids_days) - EARLY
            return Asked(kind=AskedFor.CHANGES, since=last.started_at - MARGIN, ids=ids) if has_view else everything("first")
    return everything("first")


def _since_compared(sync: Sync, read: Sequence[Sync]) -> timedelta:
    """How long ago the whole lists were last read, all of them, or at least their ids."""
    compared = (
        each.started_at
        for each in read
        if each.asked and (each.asked.kind is AskedFor.EVERYTHING or (each.id_check and not each.id_check.unproved))
    )
    return sync.started_at - next(compared)


def differing(check: IdCheck) -> str:
    """What the changes left out, for people; empty where they were complete."""
    by_entity = [
        " and ".join(
            each
            for each in (
                f"{differ.added:,} of its {entity} that no change mentioned" if differ.added else "",
                f"no more {differ.removed:,} {entity} that no change took away" if differ.removed else "",
            )
            if each
        )
        for entity, differ in check.differ.items()
    ]
    differences = (
        f"The provider's changes were incomplete: it lists {'; '.join(by_entity)}. The next sync reads everything."
        if by_entity
        else ""
    )
    causes = by_cause(check.unproved, check.unproved_kinds)
    unproved = [f"The ids of its whole list could not be compared: {why}." for why in causes]
    return " ".join(each for each in (differences, *unproved) if each)


def sentence(asked: Asked) -> str:
    """What was asked for, for people; empty where it was everything, as the group wants it."""
    pages = f"Asked for {asked.page_size:,} records a page, since the provider takes no more." if asked.page_size else ""
    return " ".join(each for each in (_scope(asked), pages) if each)


def _scope(asked: Asked) -> str:
    if asked.kind is AskedFor.SCHOOLS:
        return f"Asked for {asked.schools:,} school{'' if asked.schools == 1 else 's'} alone, with students and teachers."
    if asked.kind is AskedFor.CHANGES and asked.since is not None:
        ids = ", and for the ids of the whole lists" if asked.ids else ""
        return f"Asked for what has changed since {asked.since:%Y-%m-%d %H:%M} UTC{ids}."
    return f"Asked for everything, since {asked.why}." if asked.why else ""
