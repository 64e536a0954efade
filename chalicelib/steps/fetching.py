"""What `OpenSource` does before there is a bundle: bring it from where the group's source is, over as many calls as it takes."""

import time
from collections.abc import Callable
from datetime import datetime

from chalicelib.model.records import Group, Progress, SftpSource, Step, Sync, Unit
from chalicelib.sources import sftp_fetch
from chalicelib.sources.sftp_fetch import Fetched
from chalicelib.store import secrets, syncs
from oneroster_engine.standard.archive import Limits

TOLD_EVERY_S = 1.0


def bring(group: Group, sync: Sync, limits: Limits, time_left_s: Callable[[], float], now: Callable[[], datetime]) -> bool:
    """Whether the sync's bundle is there: it came with the sync, or has been fetched. False: the time was up, call again."""
    source = group.source
    if syncs.bundle_from(sync.sync_id):
        return True
    return not isinstance(source, SftpSource) or _by_sftp(group, source, sync, limits, time_left_s, now)


def _by_sftp(
    group: Group, source: SftpSource, sync: Sync, limits: Limits, time_left_s: Callable[[], float], now: Callable[[], datetime]
) -> bool:
    begun = next((each.started_at for each in sync.progress if each.step is Step.FETCH), now())
    told_at = 0.0

    def tell(fetched: Fetched) -> None:
        nonlocal told_at
        if fetched.whole or time.monotonic() - told_at >= TOLD_EVERY_S:
            told_at = time.monotonic()
            done, total = fetched.done_bytes, fetched.total_bytes
            ended = now() if fetched.whole else None
            syncs.progressed(
                sync.sync_id,
                Progress(step=Step.FETCH, unit=Unit.BYTES, done=done, total=total, started_at=begun, ended_at=ended),
            )

    syncs.progressed(sync.sync_id, Progress(step=Step.FETCH, unit=Unit.BYTES, started_at=begun))
    fetched = sftp_fetch.fetch(sync.sync_id, source, secrets.of_group(group.group_id), limits, time_left_s, tell)
    tell(fetched)
    syncs.named(sync.sync_id, fetched.called)
    return fetched.whole
