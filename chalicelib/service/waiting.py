"""What a sync that runs waits for outside, where people look: a marker, a file that grows, a server that is gone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from chalicelib.errors import SourceUnavailable
from chalicelib.store import syncs

SHORTEST_S = 3.0  # a shorter wait is over before anybody could read about it
# `SourceUnavailable` is tried again by the machine after that long at most (`retry.json`), and a Lambda takes a moment to start.
TRIED_AGAIN_WITHIN = timedelta(seconds=75)


def on_wait(sync_id: str, now: Callable[[], datetime]) -> Callable[[str, float], None]:
    """Called with what is waited for, as a sentence, and for how many seconds at most."""

    def tell(what: str, at_most_s: float) -> None:
        if at_most_s >= SHORTEST_S:
            syncs.waits_for(sync_id, what, now(), now() + timedelta(seconds=at_most_s))

    return tell


@contextmanager
def told_until_tried_again(sync_id: str, now: Callable[[], datetime]) -> Iterator[None]:
    """Around a state that reads a source: one that is not there now is waited for until the machine tries again."""
    try:
        yield
    except SourceUnavailable as trouble:
        syncs.waits_for(sync_id, str(trouble), now(), now() + TRIED_AGAIN_WITHIN)
        raise
