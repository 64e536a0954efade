"""The same cause is said once, however many lists, pages or records it was met at."""

import re
from collections.abc import Iterable, Mapping

# What differs from one place to the next where the cause is one: numbers of records and pages, and the ids that providers give
# each of their errors. A status is no such number.
PLACE = re.compile(r"(?<!status )\b(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,}|\d[\d,.:TZ-]*)\b", re.IGNORECASE)


def cause(reason: str) -> str:
    """What is equal for two reasons that differ by their place alone."""
    return PLACE.sub("#", reason)


def counted(reasons: Iterable[str], times: str) -> list[str]:
    """Each cause once, as it was first met; `times` says how often it was, by {number}, where that is more than once."""
    met: dict[str, list[str]] = {}
    for each in reasons:
        met.setdefault(cause(each), []).append(each)
    return [same[0] if len(same) == 1 else f"{same[0]} {times.format(number=f'{len(same):,}')}" for same in met.values()]


def by_cause(reasons: Mapping[str, str]) -> list[str]:
    """Of reasons by entity, each cause once, with its entities in front: `users, classes: the list changed`. A reason may have
    its entity's name in front itself."""
    met: dict[str, tuple[str, list[str]]] = {}
    for entity, reason in reasons.items():
        bare = reason.removeprefix(f"{entity}: ")
        key = cause(bare).replace(f"/{entity}", "/#")
        met.setdefault(key, (bare, []))[1].append(entity)
    return [f"{', '.join(entities)}: {first}" for first, entities in met.values()]
