"""What a group's source held when it was last read: what a bundle with files of changes only is merged into.

A group that is only ever sent everything pays nothing for it: its view is the bundle of its last stage, as received. With
the first delta it becomes files of its own.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from chalicelib.model.causes import Cause
from chalicelib.model.records import Group
from chalicelib.service import rest_reading
from chalicelib.sources import bundle
from chalicelib.store import files, groups
from oneroster_engine.staging.delta import View
from oneroster_engine.standard.archive import Limits
from oneroster_engine.standard.manifest import read_manifest

INCOMPLETE = "incomplete.json"  # stored with the view's files: `Earlier.incomplete`


@dataclass(frozen=True)
class Earlier:
    """`view` is None where nothing has to be merged, or there is nothing to merge into. `incomplete`: of which entities rows
    of it may be missing, and why."""

    view: View | None = None
    incomplete: Mapping[str, Cause] = field(default_factory=dict)


def earlier(group: Group, workdir: Path, limits: Limits, only: frozenset[str] | None = None) -> Earlier:
    """Bring what the CSVs in `workdir` are merged into, if any of them is a delta; `only` what is needed for these CSVs."""
    manifest = read_manifest(workdir / "csv" / "manifest.csv")
    if group.source_view is None or not manifest or not manifest.deltas():
        return Earlier()
    before = workdir / "source" / "before"
    files.fetch_source(group.group_id, group.source_view, before, [Path(name).stem for name in only or ()])
    if (before / "manifest.csv").is_file():
        marker = before / INCOMPLETE
        incomplete = json.loads(marker.read_text()) if marker.is_file() else {}
    else:
        incomplete = (files.read_json(files.sync_key(group.source_view, "stage/summary.json")) or {}).get("incomplete", {})
        if not _unpacked(group.source_view, workdir / "source" / "received", before, limits, only):
            return Earlier()
    causes = {entity: cause for entity, why in incomplete.items() if (cause := Cause.from_json(why))}
    return Earlier(View(before, workdir / "source" / "after"), causes)


def keep(group: Group, sync_id: str, view: View | None, unproved: Mapping[str, Cause]) -> None:
    """Record that the source is now as this sync has read it; `unproved`: of which entities rows may be missing, and why.
    Idempotent. Raises LockLost."""
    if view:
        causes = {entity: asdict(why) for entity, why in unproved.items()}
        (view.after / INCOMPLETE).write_text(json.dumps(causes))
        files.store_source(group.group_id, sync_id, view.after)
    groups.move_source(group.group_id, sync_id)
    if group.source_view not in (None, sync_id):
        files.delete_folder(files.source_key(group.group_id, str(group.source_view), ""))


def _unpacked(sync_id: str, received: Path, csvs: Path, limits: Limits, only: frozenset[str] | None) -> bool:
    """Put the CSVs of a sync's bundle into `csvs`; False where it isn't kept any more."""
    wanted = bundle.wanted(files.names(sync_id, "bundle"), only)
    if not wanted or not wanted[0].endswith((".zip", ".csv")):
        return rest_reading.csvs_again(sync_id, received, csvs)
    for name in wanted:
        files.download(files.sync_key(sync_id, f"bundle/{name}"), received / name)
    csvs.rmdir()
    bundle.csvs_of(received, csvs, limits, only)
    return True
