"""The connection test: what a sync would do first, step by step, in words, within seconds, writing nothing anywhere.

Each step needs the one before; the first that fails says what to do, and those after it are not tried. What the steps of a
source are stands with that source.
"""

import queue
import threading
import time
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

WITHIN_S = 20.0
NAMED = 3


class Name(StrEnum):
    SOURCE = "source"
    HOST = "host"
    HOST_KEY = "hostKey"
    SIGN_IN = "signIn"
    FILE = "file"
    VERSION = "version"
    LISTS = "lists"
    SCHOOLS = "schools"


@dataclass(frozen=True)
class Check:
    """One step. `fingerprint` comes with the host's key: what the admin is to confirm, or has confirmed."""

    name: Name
    ok: bool
    message: str
    fingerprint: str | None = None


def schools_check(schools: int, words: str, expected: Sequence[str], shown: Container[str]) -> Check:
    """The last step of a source that was reached: whether it has schools, and every org that the group expects."""
    if missing := [each for each in expected if each not in shown]:
        named = ", ".join(missing[:NAMED]) + (f" and {len(missing) - NAMED:,} more" if len(missing) > NAMED else "")
        words += (
            f" {len(missing):,} of {len(expected):,} orgs that this group expects are not among them ({named}), so a sync would "
            "be held. Ask for a sign-in or a file that shows them, or correct the list under Safety."
        )
    return Check(Name.SCHOOLS, schools > 0 and not missing, words)


def tried_within(steps: Iterator[Check], within_s: float = WITHIN_S) -> list[Check]:
    """Every step that was tried, the failed one last. A step that takes longer than `within_s` is abandoned and reported."""
    tried: queue.SimpleQueue[Check | Exception | None] = queue.SimpleQueue()

    def work() -> None:
        try:
            for each in steps:
                tried.put(each)
            tried.put(None)
        except Exception as trouble:  # noqa: BLE001 (the edge of a thread: raised again where it is waited for)
            tried.put(trouble)

    threading.Thread(target=work, daemon=True).start()
    until = time.monotonic() + within_s
    checks: list[Check] = []
    try:
        while each := tried.get(timeout=max(0.0, until - time.monotonic())):
            if isinstance(each, Exception):
                raise each
            checks.append(each)
    except queue.Empty:
        after = list(Name)[list(Name).index(checks[-1].name) + 1] if checks else Name.HOST
        checks.append(Check(after, False, f"This took longer than {within_s:.0f} seconds. Try again; a sync waits longer."))
    return checks
