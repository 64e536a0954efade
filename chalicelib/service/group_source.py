"""A group's source, whatever kind it is: one protocol, three objects, chosen in `kind_of` and nowhere else.

The state machine and the connection test use a source through this interface alone; neither knows what kind it is.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, Protocol

from chalicelib.errors import SourceRefused
from chalicelib.model.causes import Cause
from chalicelib.model.credentials import Credentials
from chalicelib.model.records import (
    Group,
    IdCheck,
    Progress,
    RestSource,
    SftpSource,
    Source,
    Step,
    Sync,
    Unit,
    Version,
    ZipSource,
)
from chalicelib.service import fetch_scope, rest_reading, source_baseline, waiting
from chalicelib.sources import bundle, rest_check, sftp_check, sftp_fetch
from chalicelib.sources.connection import WITHIN_S, Check, Name, tried_within
from chalicelib.sources.range_file import ranged
from chalicelib.sources.rest_bundle import PLACES, forget_parts, locate_in_pages
from chalicelib.sources.sftp_fetch import Fetched
from chalicelib.store import files, secrets, syncs
from chalicelib.store.multipart_upload import ArrivingBundle
from oneroster_engine.staging.delta import View
from oneroster_engine.staging.stage import stage_orgs
from oneroster_engine.standard import archive, archive_contents, received
from oneroster_engine.standard.archive import Limits, There, there_already
from oneroster_engine.standard.received import Part, Received

TOLD_EVERY_S = 1.0
ALL_BYTES = 8 << 20  # read at once of a file of which all is read
NOTHING_TO_TEST = Check(Name.SOURCE, True, "You upload the ZIP yourself, so there is no connection to test.")
PICKED = "picked.json"  # of a sync: what an admin should know of the files that were picked


@dataclass(frozen=True)
class Csvs:
    """A bundle's CSVs in `workdir`/csv. One is read while it is `there`; `incomplete`: by entity, why it isn't whole."""

    there: There
    version: Version = "auto"
    incomplete: dict[str, Cause] = field(default_factory=dict)


class GroupSource(Protocol):
    """What a sync reads. `parallel`: how many ranges are still to be read at once after `open`; 0 where all is there."""

    @property
    def parallel(self) -> int: ...

    def bring(self, time_left_s: Callable[[], float], now: Callable[[], datetime]) -> bool:
        """Bring the bundle to its place. False where the time was up: call again then."""

    def open(self, workdir: Path, asks: bool) -> int:
        """See that there is a roster; list its schools into `workdir`/stage where an admin `asks` for them. Orgs read, or 0."""

    def is_same(self, earlier: Received) -> bool:
        """Whether what was brought holds the same as what an earlier sync had `received`. Reads its bytes only where it may."""

    def received(self, workdir: Path) -> Received | None:
        """What the stage has read, for a later sync to compare; None where what comes later can't be told to be the same."""

    def reads(self) -> list[str]:
        """What of the sync's files the stage reads."""

    def csvs(self, workdir: Path) -> AbstractContextManager[Csvs]:
        """The whole bundle as CSVs."""

    def before_merge(self, workdir: Path, view: View) -> None:
        """Take out of what the source held before what can't be merged row by row."""

    def locate_problems(self, workdir: Path) -> None:
        """Let the stage's problems name what an admin can look up."""

    def check_ids(self, workdir: Path, view: View) -> IdCheck | None:
        """Whether what was merged into `view` is all that the source lists; None where nobody asked for its ids."""


@dataclass(frozen=True)
class Kind:
    """What the settings of a source lead to: what a sync reads, and the steps of the connection test."""

    of_sync: Callable[[Group, Sync, Limits], GroupSource]
    check: Callable[[Callable[[], Credentials], Limits, tuple[str, ...]], Iterator[Check]]


def kind_of(settings: Source) -> Kind:
    match settings:
        case ZipSource():
            return Kind(ZipBundle, lambda *_: iter([NOTHING_TO_TEST]))
        case SftpSource():
            return Kind(partial(SftpServer, settings=settings), partial(sftp_check.steps, settings))
        case RestSource():
            return Kind(
                partial(ProvidersApi, settings=settings), lambda given, _, expected: rest_check.steps(settings, given, expected)
            )


def source_of(group: Group, sync: Sync, limits: Limits) -> GroupSource:
    """What this sync reads: the bundle that came with it, or what the group fetches."""
    if syncs.bundle_from(sync.sync_id):
        return ZipBundle(group, sync, limits)
    return kind_of(group.source).of_sync(group, sync, limits)


def check(
    settings: Source,
    credentials: Callable[[], Credentials],
    limits: Limits,
    expected: tuple[str, ...] = (),
    within_s: float = WITHIN_S,
) -> list[Check]:
    """The connection test: each step that was tried, the failed one last. `credentials` raises SourceRefused where none are
    set; `expected` are the orgs without which the group's syncs are held."""
    return tried_within(kind_of(settings).check(credentials, limits, expected), within_s)


def provider_of(group: Group) -> RestSource:
    """The settings of a group whose provider is being read. Raises SourceRefused."""
    if not isinstance(group.source, RestSource):
        raise SourceRefused("The group's source was changed while this sync ran. Start it again.")
    return group.source


@dataclass(frozen=True)
class ZipBundle:
    """A ZIP that was uploaded or dropped."""

    group: Group
    sync: Sync
    limits: Limits

    @property
    def parallel(self) -> int:
        return 0

    def bring(self, time_left_s: Callable[[], float], now: Callable[[], datetime]) -> bool:
        return True

    def open(self, workdir: Path, asks: bool) -> int:
        """Of a ZIP only its directory and the files with the schools are read: the stage alone takes all of it."""
        names = files.names(self.sync.sync_id, "bundle")
        key = partial(files.sync_key, self.sync.sync_id)
        if bundle.ZIP in names:
            zip_key = key(f"bundle/{bundle.ZIP}")
            size_bytes = files.size_bytes(zip_key) or 0
            near = ranged(size_bytes, partial(files.read_range, zip_key, ""))
            archive.inflate_file(near, size_bytes, workdir / "csv", self.limits, bundle.SCHOOLS)
        else:
            for name in bundle.wanted(names, bundle.SCHOOLS):
                files.download(key(f"bundle/{name}"), workdir / "bundle" / name)
            bundle.csvs_of(workdir / "bundle", workdir / "csv", self.limits, bundle.SCHOOLS)
        if not asks:
            return 0
        before = source_baseline.earlier(self.group, workdir, self.limits, bundle.SCHOOLS)
        return stage_orgs(workdir / "csv", workdir / "stage", before.view).read

    def is_same(self, earlier: Received) -> bool:
        sync_id = self.sync.sync_id
        near: list[Part] = []
        for name in bundle.wanted(files.names(sync_id, "bundle")):
            key = files.sync_key(sync_id, f"bundle/{name}")
            size_bytes = files.size_bytes(key) or 0
            read = partial(files.read_range, key, "")
            near.append(Part(name, size_bytes, partial(ranged, size_bytes, read, ALL_BYTES)))
        if received.outline(near, self.limits, self._noticed()) != earlier.outline:
            return False
        return received.content(near, self.limits) == earlier.content

    def received(self, workdir: Path) -> Received | None:
        here = sorted((workdir / "bundle").iterdir())
        parts = [Part(path.name, path.stat().st_size, partial(_opened, path)) for path in here]
        return Received(received.outline(parts, self.limits, self._noticed()), received.content(parts, self.limits))

    def _noticed(self) -> str:
        """What else than its bytes tells one bundle from another."""
        return ""

    def reads(self) -> list[str]:
        return [f"bundle/{name}" for name in bundle.wanted(files.names(self.sync.sync_id, "bundle"))]

    @contextmanager
    def csvs(self, workdir: Path) -> Iterator[Csvs]:
        with bundle.csvs_arriving(workdir / "bundle", workdir / "csv", self.limits) as there:
            yield Csvs(there, self.group.source.bundle_version)

    def before_merge(self, workdir: Path, view: View) -> None:
        pass

    def locate_problems(self, workdir: Path) -> None:
        pass

    def check_ids(self, workdir: Path, view: View) -> IdCheck | None:
        return None


def _opened(path: Path) -> IO[bytes]:
    return path.open("rb")


@dataclass(frozen=True)
class SftpServer(ZipBundle):
    """A ZIP or loose CSVs on the customer's server, brought over as many calls as it takes."""

    settings: SftpSource

    def bring(self, time_left_s: Callable[[], float], now: Callable[[], datetime]) -> bool:
        sync_id = self.sync.sync_id
        begun = next((each.started_at for each in self.sync.progress if each.step is Step.FETCH), now())
        told_at = 0.0

        def tell(fetched: Fetched) -> None:
            nonlocal told_at
            if fetched.whole or time.monotonic() - told_at >= TOLD_EVERY_S:
                told_at = time.monotonic()
                done, total = fetched.done_bytes, fetched.total_bytes
                ended = now() if fetched.whole else None
                syncs.progressed(
                    sync_id, Progress(step=Step.FETCH, unit=Unit.BYTES, done=done, total=total, started_at=begun, ended_at=ended)
                )

        syncs.progressed(sync_id, Progress(step=Step.FETCH, unit=Unit.BYTES, started_at=begun))
        credentials = secrets.of_group(self.group.group_id, self.settings)
        on_wait = waiting.on_wait(sync_id, now)
        arriving = ArrivingBundle(sync_id)
        fetched = sftp_fetch.fetch(sync_id, arriving, self.settings, credentials, self.limits, time_left_s, tell, on_wait)
        tell(fetched)
        syncs.named(sync_id, fetched.called)
        files.write_json(files.sync_key(sync_id, PICKED), asdict(fetched.seen))
        return fetched.whole

    @contextmanager
    def csvs(self, workdir: Path) -> Iterator[Csvs]:
        with super().csvs(workdir) as csvs:
            archive_contents.add(workdir / "csv", archive_contents.from_json(self._picked()))
            yield csvs

    def _picked(self) -> Mapping[str, Any]:
        """Syncs from before have the warnings alone."""
        stored = files.read_json(files.sync_key(self.sync.sync_id, PICKED)) or {}
        return {"warnings": stored} if isinstance(stored, list) else stored

    def _noticed(self) -> str:
        return json.dumps(self._picked())


@dataclass(frozen=True)
class ProvidersApi:
    """A provider's API: the orgs at once, the rest in ranges by the states between."""

    group: Group
    sync: Sync
    limits: Limits
    settings: RestSource

    @property
    def parallel(self) -> int:
        return self.settings.max_parallel

    def bring(self, time_left_s: Callable[[], float], now: Callable[[], datetime]) -> bool:
        return True

    def open(self, workdir: Path, asks: bool) -> int:
        with_schools = asks or fetch_scope.schools_to_ask_for(self.settings, self.sync)
        return rest_reading.open_provider(self.group.group_id, self.sync.sync_id, self.settings, workdir, with_schools)

    def is_same(self, earlier: Received) -> bool:
        return False  # whether a provider's lists have changed is known once they are read

    def received(self, workdir: Path) -> Received | None:
        return None

    def reads(self) -> list[str]:
        return ["bundle"]

    @contextmanager
    def csvs(self, workdir: Path) -> Iterator[Csvs]:
        bundle.pages_of(workdir / "bundle", workdir / "received" / bundle.PAGES)
        yield Csvs(there_already, incomplete=rest_reading.csvs_of_pages(workdir, self.settings.base_url))

    def before_merge(self, workdir: Path, view: View) -> None:
        forget_parts(workdir / "csv", view.before)

    def locate_problems(self, workdir: Path) -> None:
        locate_in_pages(workdir / "csv" / PLACES, workdir / "stage" / "problems.parquet")

    def check_ids(self, workdir: Path, view: View) -> IdCheck | None:
        return rest_reading.compare_ids(workdir, view.after)
