"""Why something of a list could not be read or proved complete, as data: one cause is reported once, however many lists, pages
or records it was met at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Cause:
    """`message` is a sentence without its full stop, with its place: list, record, the provider's own number for the error.
    `kind` is the same wherever the cause is the same; empty where the message holds no place."""

    message: str
    kind: str = ""

    @property
    def key(self) -> str:
        return self.kind or self.message

    @classmethod
    def from_json(cls, stored: str | Mapping[str, Any] | None) -> "Cause | None":
        """As `asdict` gave it, or a bare sentence, which versions before 28 November stored; empty for none."""
        if not stored:
            return None
        return cls(stored) if isinstance(stored, str) else cls(**stored)


def joined(causes: Iterable[Cause], times: str) -> Cause | None:
    """All of them as one, each cause once; `times` says how often it was met, by {number}, where that is more than once."""
    met: dict[str, list[Cause]] = {}
    for each in causes:
        met.setdefault(each.key, []).append(each)
    if not met:
        return None
    often = {key: f" {times.format(number=f'{len(same):,}')}" if len(same) > 1 else "" for key, same in met.items()}
    return Cause("; ".join(f"{same[0].message}{often[key]}" for key, same in met.items()), "; ".join(met))


def messages_of(causes: Mapping[str, Cause]) -> dict[str, str]:
    return {name: cause.message for name, cause in causes.items()}


def kinds_of(causes: Mapping[str, Cause]) -> dict[str, str]:
    return {name: cause.key for name, cause in causes.items()}


def by_cause(messages: Mapping[str, str], kinds: Mapping[str, str]) -> list[str]:
    """Of messages by entity, each cause once with its entities in front: `users, classes: the list changed`. `kinds` has the
    kind of a message by entity; one without counts as its own kind, as of syncs before kinds were stored. Those have their
    entity in front already."""
    met: dict[str, tuple[str, list[str]]] = {}
    for entity, message in messages.items():
        bare = message.removeprefix(f"{entity}: ")
        met.setdefault(kinds.get(entity) or bare, (bare, []))[1].append(entity)
    return [f"{', '.join(entities)}: {first}" for first, entities in met.values()]
