"""The states that read a provider's API: its orgs at once, its other lists in ranges of pages, side by side.

Pages are stored under `bundle/` as received, gzipped. `bundle/fetch/` holds what was read: `source.json` (version and
first look at the orgs), `lists.json` (at the others), `manifest.json` (the ranges), `read/*.json` (what came of each range),
`checked.json` (how they look at the end). A range that is read again overwrites what it left before.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from chalicelib.errors import SourceRefused
from chalicelib.model.causes import Cause, kinds_of, messages_of
from chalicelib.model.records import Asked, AskedFor, Group, IdCheck, IdDifference, PagesRead, RestSource, Sync
from chalicelib.service import fetch_scope, waiting
from chalicelib.service.provider_session import session_of
from chalicelib.sources.rest import NotOffered, QueryRefused, Version, versions
from chalicelib.sources.rest_bundle import convert
from chalicelib.sources.rest_fetch import (
    COLLECTIONS,
    ORGS,
    Came,
    Fetched,
    ListStart,
    Rechecked,
    begin,
    begin_all,
    fetch_range,
    lists_changed_after,
    lists_of_ids,
    lists_of_schools,
    recheck,
    why_not_whole,
)
from chalicelib.sources.rest_ids import differences, write_ids
from chalicelib.sources.rest_paging import Collection, Range
from chalicelib.store import files, syncs
from oneroster_engine.errors import RosterError
from oneroster_engine.staging.stage import stage_orgs

FETCH = "bundle/fetch"
EARLIER = 200  # syncs looked at for the last whole reading: a week of them at one an hour, and more
TOLD_EVERY_S = 1.0  # how far it is, is written no more often
LEAVES_S = 200.0  # before a Lambda's end nothing is begun any more: an answer may take 180 s
Json = dict[str, Any]


def open_provider(group_id: str, sync_id: str, settings: RestSource, workdir: Path, with_schools: bool) -> int:
    """Read the orgs, under the version that the provider has, and list its schools into `workdir`/stage. Orgs read.

    Raises SourceUnavailable, SourceRefused, BundleRefused.
    """
    for version in versions(settings.base_url, settings.version):
        with session_of(group_id, settings, version, _on_wait(sync_id)) as source:
            try:
                begun = begin(source, ORGS, settings.page_size, _keeping(sync_id), 1)
            except NotOffered as refusal:
                missing = refusal
                continue
            fetched = [begun.fetched, *(fetch_range(source, each, _keeping(sync_id))[0] for each in begun.left)]
        for each in fetched:
            _write_read(sync_id, each)
        _write(sync_id, "source.json", {"version": version, "orgs": begun.to_json()})
        if with_schools:
            _convert(sync_id, fetched, workdir)
            stage_orgs(workdir / "csv", workdir / "stage")
        return sum(part.rows for each in fetched for part in each.parts)
    raise SourceRefused(str(missing)) from missing


def plan_ranges(group: Group, sync: Sync, settings: RestSource, workdir: Path) -> int:
    """Read the first page of every other list that is to be asked for, and write the manifest of what is left. Ranges planned.

    Where the provider doesn't offer what would be less than everything, everything is asked for. `workdir` holds the stage of
    the orgs where the sync's saved selection is to be looked at for schools.
    """
    asked, lists = _what_to_ask_for(group, sync, settings, workdir)
    orgs = ListStart.from_json(_read(sync.sync_id, "source.json")["orgs"])
    size = min(settings.page_size, orgs.first.size) if orgs.first.refused else settings.page_size
    with session_of(group.group_id, settings, _version(sync.sync_id), _on_wait(sync.sync_id)) as source:

        def begun_of(wanted: Sequence[Collection]) -> list[ListStart]:
            return begin_all(source, wanted, size, _keeping(sync.sync_id), settings.max_parallel)

        try:
            try:
                begun = begun_of(lists)
            except (NotOffered, QueryRefused):
                if asked.kind is AskedFor.EVERYTHING:
                    raise
                asked = fetch_scope.everything("no lists" if asked.kind is AskedFor.SCHOOLS else "no filter")
                begun = begun_of(COLLECTIONS)
            if asked.ids:
                try:
                    begun += begun_of(lists_of_ids())
                except (NotOffered, QueryRefused):
                    asked = fetch_scope.everything("no ids")
                    begun = begun_of(COLLECTIONS)
        except (NotOffered, QueryRefused) as refusal:
            raise SourceRefused(str(refusal)) from refusal
    for each in begun:
        _write_read(sync.sync_id, each.fetched)
    _write(sync.sync_id, "lists.json", [each.to_json() for each in begun])
    ranges = _longest_first(begun)
    _write(sync.sync_id, "manifest.json", [asdict(each) for each in ranges])
    taken = [each.first.size for each in (orgs, *begun) if each.first.refused]
    syncs.asked(sync.sync_id, asked.model_copy(update={"page_size": min(taken, default=0)}))
    syncs.fetching(sync.sync_id, _pages(begun))
    return len(ranges)


def _what_to_ask_for(group: Group, sync: Sync, settings: RestSource, workdir: Path) -> tuple[Asked, Sequence[Collection]]:
    if sync.read_everything:
        return fetch_scope.everything("wanted"), COLLECTIONS
    asked = fetch_scope.everything()
    if fetch_scope.schools_to_ask_for(settings, sync):
        schools = fetch_scope.chosen_schools(sync, workdir / "stage")
        asked = fetch_scope.asked_by_school(schools)
        if schools and asked.kind is AskedFor.SCHOOLS:
            return asked, lists_of_schools(schools)
    if settings.changes_only:
        earlier = syncs.history(group.group_id, EARLIER, before=sync.sync_id)
        to_merge_into = group.source_view is not None and files.holds_source(group.group_id, group.source_view)
        asked = fetch_scope.asked_since(sync, earlier, group.updated_at, to_merge_into, settings.check_ids_days)
        if asked.since is not None:
            return asked, lists_changed_after(asked.since)
    return asked, COLLECTIONS


def _pages(begun: Sequence[ListStart]) -> dict[str, PagesRead]:
    """By entity, over all its lists."""
    pages: dict[str, PagesRead] = {}
    for each in begun:
        before = pages.get(each.fetched.entity, PagesRead(done=0, total=0))
        total = None if before.total is None or each.pages is None else before.total + each.pages
        pages[each.fetched.entity] = PagesRead(done=before.done + max(1, len(each.fetched.parts)), total=total)
    return pages


def _longest_first(begun: Sequence[ListStart]) -> list[Range]:
    """Ranges that nobody knows the end of are begun first, since they alone may take longer than all others."""
    ranges = [each for one in begun for each in one.left]
    unknown = {one.fetched.path for one in begun if one.pages is None}
    return sorted(ranges, key=lambda each: each.path not in unknown)


def read_range(group_id: str, sync_id: str, settings: RestSource, range_json: Json, left_s: float) -> Range | None:
    """Read one range of the manifest for at most about `left_s` seconds; what is left of it.

    Raises SourceUnavailable, SourceRefused; the sync remembers why, since the machine's Map tells only that one failed.
    """
    start = Range(**range_json)
    pages = _Pages(sync_id, start.entity)
    try:
        with session_of(group_id, settings, _version(sync_id), _on_wait(sync_id)) as source:
            fetched, rest = fetch_range(source, start, _keeping(sync_id), pages.read, source.clock() + left_s - LEAVES_S)
    except RosterError as trouble:
        syncs.source_trouble(sync_id, {"Error": type(trouble).__name__, "Cause": str(trouble)})
        raise
    finally:
        pages.tell()
    _write_read(sync_id, fetched)
    return rest


def check_again(group_id: str, sync_id: str, settings: RestSource) -> None:
    """Look at each collection once more, now that all was read."""
    source_told, lists = _read(sync_id, "source.json"), _read(sync_id, "lists.json")
    begun = [ListStart.from_json(each) for each in (source_told["orgs"], *lists)]
    read: dict[str, list[Fetched]] = {}
    for each in _read_ranges(sync_id):
        read.setdefault(each.list_name, []).append(each)
    with (
        session_of(group_id, settings, source_told["version"], _on_wait(sync_id)) as source,
        ThreadPoolExecutor(settings.max_parallel) as pool,
    ):
        seen = list(pool.map(lambda each: recheck(source, each, read.get(each.fetched.list_name, ())), begun))
    checked = [{**asdict(each), "fetched": each.fetched.to_json()} for each in seen]
    _write(sync_id, "checked.json", checked)
    syncs.source_trouble(sync_id, {})


def csvs_of_pages(workdir: Path, host: str) -> dict[str, Cause]:
    """Put what was read into CSVs; by entity, why it was not proved to have come whole."""
    fetch = workdir / FETCH
    fetched = _records(fetch)
    checked = _rechecked(fetch)
    came = convert(workdir / "bundle", fetched, workdir / "csv", f"OneRoster API of {host}", changed_alone(fetch))
    return _unproved(fetched, came, checked)


def compare_ids(workdir: Path, held: Path) -> IdCheck | None:
    """The ids of the provider's full lists compared with `held`, what the source should hold; None where they were not read."""
    fetch = workdir / FETCH
    fetched = [each for each in _fetched(fetch) if each.fields]
    if not fetched:
        return None
    ids, checked = workdir / "ids", _rechecked(fetch)
    came = write_ids(workdir / "bundle", fetched, ids)
    unproved = _unproved(fetched, came, checked)
    for entity in unproved:
        (ids / f"{entity}.csv").unlink()
    differ = {entity: IdDifference(added=each.added, removed=each.removed) for entity, each in differences(ids, held).items()}
    return IdCheck(differ=differ, unproved=messages_of(unproved), unproved_kinds=kinds_of(unproved))


def _rechecked(fetch: Path) -> list[Rechecked]:
    return [Rechecked.from_json(each) for each in _local(fetch / "checked.json")]


def _unproved(fetched: Sequence[Fetched], came: Mapping[str, Came], checked: Sequence[Rechecked]) -> dict[str, Cause]:
    """By entity, why it was not proved to have come whole."""
    return {
        entity: why
        for entity in dict.fromkeys(each.entity for each in fetched)
        if (why := why_not_whole([each for each in fetched if each.entity == entity], came, checked))
    }


def changed_alone(fetch: Path) -> frozenset[str]:
    """The entities of which only what has changed was asked for."""
    begun = [ListStart.from_json(each) for each in _local(fetch / "lists.json")]
    return frozenset(each.fetched.entity for each in begun if each.first.filter)


def csvs_again(sync_id: str, workdir: Path, csvs: Path) -> bool:
    """Put what an earlier sync read into `csvs`; False where it isn't kept any more."""
    for name in ("bundle", FETCH):
        files.fetch_folder(sync_id, name, workdir / name)
    if not (workdir / FETCH / "lists.json").is_file():
        return False
    convert(workdir / "bundle", _records(workdir / FETCH), csvs, "")
    return True


def _records(fetch: Path) -> list[Fetched]:
    return [each for each in _fetched(fetch) if not each.fields]


def _fetched(fetch: Path) -> list[Fetched]:
    """What was read of the lists that were begun last."""
    begun = [ListStart.from_json(each) for each in (_local(fetch / "source.json")["orgs"], *_local(fetch / "lists.json"))]
    wanted = {each.fetched.list_name for each in begun}
    read = [Fetched.from_json(_local(path)) for path in sorted((fetch / "read").glob("*.json"))]
    return [each for each in read if each.list_name in wanted]


def _read_ranges(sync_id: str) -> list[Fetched]:
    """What was read of every range."""
    names = [name for name in files.names(sync_id, f"{FETCH}/read") if name.endswith(".json")]
    with ThreadPoolExecutor(8) as pool:
        return [Fetched.from_json(each) for each in pool.map(lambda name: _read(sync_id, f"read/{name}"), names)]


def _version(sync_id: str) -> Version:
    version: Version = _read(sync_id, "source.json")["version"]
    return version


def _on_wait(sync_id: str) -> Callable[[str, float], None]:
    return waiting.on_wait(sync_id, lambda: datetime.now(UTC))


def _convert(sync_id: str, fetched: Sequence[Fetched], workdir: Path) -> None:
    for part in (part for each in fetched for part in each.parts):
        files.download(files.sync_key(sync_id, f"bundle/{part.name}.gz"), workdir / "bundle" / f"{part.name}.gz")
    convert(workdir / "bundle", fetched, workdir / "csv", "")


def _keeping(sync_id: str) -> Callable[[str, bytes], None]:
    return lambda name, body: files.write_gzipped(files.sync_key(sync_id, f"bundle/{name}.gz"), body)


def _write_read(sync_id: str, fetched: Fetched) -> None:
    _write(sync_id, f"read/{sha256(fetched.list_name.encode()).hexdigest()[:16]}-{fetched.offset:09d}.json", fetched.to_json())


def _write(sync_id: str, name: str, value: Any) -> None:
    files.write_json(files.sync_key(sync_id, f"{FETCH}/{name}"), value)


def _read(sync_id: str, name: str) -> Any:
    content = files.read_json(files.sync_key(sync_id, f"{FETCH}/{name}"))
    if content is None:
        raise SourceRefused("What was fetched of this sync is gone. Start it again.")
    return content


def _local(path: Path) -> Any:
    return json.loads(path.read_text())


class _Pages:
    """Pages of a list that were read but not reported yet."""

    def __init__(self, sync_id: str, entity: str) -> None:
        self.sync_id, self.entity = sync_id, entity
        self.untold, self.told_at = 0, time.monotonic()

    def read(self, pages: int) -> None:
        self.untold += pages
        if time.monotonic() - self.told_at >= TOLD_EVERY_S:
            self.tell()

    def tell(self) -> None:
        if self.untold:
            syncs.fetched(self.sync_id, self.entity, self.untold)
        self.untold, self.told_at = 0, time.monotonic()
