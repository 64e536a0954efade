"""The machine's definition as data, and what its tests ask of it."""

from collections.abc import Iterator
from typing import Any

from infra.machine import definition

__all__ = ["States", "attempts", "catches_all", "definition", "every_state"]
States = dict[str, dict[str, Any]]


def every_state(states: States, caught_outside: bool = False) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Name, state, and whether a state around it catches everything, for each state at any depth."""
    for name, state in states.items():
        yield name, state, caught_outside
        inner = state.get("Branches", []) + [state[key] for key in ("ItemProcessor",) if key in state]
        for machine in inner:
            yield from every_state(machine["States"], caught_outside or catches_all(state))


def catches_all(state: dict[str, Any]) -> bool:
    return any("States.ALL" in catcher["ErrorEquals"] for catcher in state.get("Catch", []))


def attempts(state: dict[str, Any], error: str) -> int:
    """How often Step Functions repeats the state after this error: the first retrier that matches decides."""
    for retrier in state.get("Retry", []):
        named = retrier["ErrorEquals"]
        if error in named or "States.ALL" in named or ("States.TaskFailed" in named and error != "States.Timeout"):
            return int(retrier.get("MaxAttempts", 3))
    return 0
