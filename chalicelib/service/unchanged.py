"""A sync whose source sends what the last committed sync had, to be dealt with as that one was, ends without reading it.

A sync that reads the whole of a bundle notes what it is about to do and with what (`note`); its commit says that it has come true
(`confirm`). The next sync compares (`earlier_same`). Whatever is not known to be the same goes the long way:
`docs/decisions/0021-nothing-twice.md` lists it all.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import duckdb

import oneroster_engine
from chalicelib.errors import NotFound
from chalicelib.model import outcomes
from chalicelib.model.records import Group, Mode, State, Sync
from chalicelib.service.plan import policy_of
from chalicelib.store import files, selections, syncs
from oneroster_engine.planning.policy import iso
from oneroster_engine.standard.archive import Limits
from oneroster_engine.standard.received import Received

# In the folder of the sync that read the bundle: an erasure that finds its person there takes the note away with the bundle.
NOTE = "basis.json"
CODE = (".py", ".sql", ".json")


class Source(Protocol):
    def is_same(self, earlier: Received) -> bool: ...


def note(group: Group, sync: Sync, received: Callable[[], Received | None], modes: Mapping[str, str], limits: Limits) -> None:
    """Note what was received and what is done with it. Not of changes only, which mean something else each time, nor of what
    could not be compared again."""
    basis = _basis(group, sync)
    if basis is None or "delta" in modes.values():
        return
    found = received()
    if found and found.content:
        files.write_json(_key(sync.sync_id), {"basis": basis, "received": asdict(found), "limits": asdict(limits)})


def confirm(group: Group, sync: Sync, with_removals: bool, commit: int, purges_from: str) -> None:
    """Say of the note that it has come true as it stands: all that was planned, unasked for by the guard, is on the platform, and
    stays right until `purges_from`. Else it says nothing."""
    noted = files.read_json(_key(sync.sync_id))
    if noted and with_removals and not sync.held and noted["basis"] == _basis(group, sync):
        files.write_json(_key(sync.sync_id), {**noted, "commit": commit, "purgesFrom": purges_from})


def earlier_same(group: Group, sync: Sync, source: Source, limits: Limits) -> str:
    """The id of the last committed sync where this one would do the same with the same; else empty. The source is read last, and
    its bytes only where its outline is the same."""
    earlier = group.snapshot
    if earlier is None or group.source_view != earlier or sync.preview or sync.read_everything:
        return ""
    if group.unfinished or group.undone or group.spared or not _ended_well(group, earlier):
        return ""
    noted = files.read_json(_key(earlier))
    if not noted or noted.get("commit") != group.commits or noted["basis"] != _basis(group, sync):
        return ""
    if noted["limits"] != asdict(limits):
        return ""
    if noted["purgesFrom"] and noted["purgesFrom"] <= iso(sync.started_at):
        return ""
    return earlier if source.is_same(Received(**noted["received"])) else ""


def repeat(sync: Sync, earlier: Sync) -> str:
    """Let the sync be one that did as the earlier one; what its admin reads."""
    counts = outcomes.unchanged(earlier.counts)
    syncs.same_as(sync.sync_id, earlier.sync_id)
    syncs.counted(sync.sync_id, counts, held=False)
    if sync.saved_selection and earlier.saved_selection:
        syncs.resolved(sync.sync_id, earlier.saved_selection)
    return outcomes.same_file(earlier.sync_id, counts)


def _ended_well(group: Group, earlier: str) -> bool:
    """Whether every sync since the earlier one, itself included, has succeeded and did as it did."""
    if group.last_ended is None:
        return False
    try:
        last = syncs.get(group.last_ended.sync_id)
        first = last if last.sync_id == earlier else syncs.get(earlier)
    except NotFound:
        return False
    return earlier in (last.sync_id, last.same_as) and last.state is State.SUCCEEDED and first.state is State.SUCCEEDED


def _basis(group: Group, sync: Sync) -> dict[str, Any] | None:
    """All that the result of a sync depends on besides what it reads and what the platform holds. The group's etag stands for its
    settings, whichever they are; None of a sync that does what somebody chooses on the way."""
    selection = None
    if saved := sync.saved_selection:
        try:
            version = selections.get(group.group_id, saved.name, saved.version)
        except NotFound:
            return None
        selection = [version.name, version.version, version.etag]
    elif sync.mode is not Mode.FULL:
        return None
    guard, day = policy_of(sync, group).guard, sync.started_at.date()
    return {
        "settings": group.etag,
        "selection": selection,
        "rollover": guard.in_window(day),
        "day": day.isoformat() if guard.follows_days else "",
        "product": product(),
    }


@cache
def product() -> str:
    """A digest of all code that a result depends on."""
    hashed = sha256(f"duckdb {duckdb.__version__}".encode())
    engine = Path(oneroster_engine.__file__).parent
    for root in (engine, Path(__file__).parents[1]):
        for path in sorted(each for each in root.rglob("*") if each.suffix in CODE):
            code = path.read_bytes()
            hashed.update(json.dumps([path.relative_to(root).as_posix(), len(code)]).encode() + code)
    return hashed.hexdigest()


def _key(sync_id: str) -> str:
    return files.sync_key(sync_id, NOTE)
