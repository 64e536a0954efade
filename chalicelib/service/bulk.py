"""Whole files of a group's roster. Each is made once for a version and a view, and kept while that version is the group's.

A version is `{commit}.{files}.{view}`: the newest commit's number, a digest of the people's files of its snapshot, which only an
erasure or a purge changes, and a digest of what the reader may see.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from chalicelib.errors import Conflict, Gone, Unacceptable
from chalicelib.provider.bulk import write_bundle, write_changes, write_parquet
from chalicelib.provider.query import View
from chalicelib.service.sync_files import linked
from chalicelib.store import commits, files, groups
from oneroster_engine.standard.entities import ENTITIES

ROSTERS = {"roster-1.2.zip": "1.2", "roster-1.1.zip": "1.1"}
CHANGES_1_2, CHANGES_1_1 = "changes-1.2.zip", "changes-1.1.zip"
DELTAS = {CHANGES_1_2: "1.2", CHANGES_1_1: "1.1"}
WHOLE = (*ROSTERS, *(f"{entity}.parquet" for entity in ENTITIES))
# What the API's function makes in its 29 seconds, with room to spare; the Parquet of a snapshot, in bytes.
MOST_SNAPSHOT_BYTES = 200_000_000
GONE = (
    "The changes since this version can't be told any more. Read the whole roster once, and go on from the version that it has."
)
NONE_YET = "No roster has been synced yet. Try again after the first sync."
_DIGITS = 16  # hexadecimal, of a digest that parts one reader's files from another's
_VERSION = re.compile(rf"(\d{{1,9}})\.([0-9a-f]{{{_DIGITS}}})\.([0-9a-f]{{{_DIGITS}}})")


@dataclass(frozen=True)
class Version:
    """`sync_id`: whose snapshot it is. `text` is how readers know it."""

    sync_id: str
    number: int
    files: str
    view: str

    @property
    def text(self) -> str:
        return f"{self.number}.{self.files}.{self.view}"


def current(group_id: str, view: View) -> Version:
    """The group's version now, for a reader of this view. Raises Conflict before the first sync."""
    group = groups.get(group_id)
    if group.snapshot is None:
        raise Conflict(NONE_YET)
    return Version(group.snapshot, group.commits, _files(group_id, group.snapshot), _view(view))


def whole(group_id: str, version: Version, view: View, name: str) -> str:
    """The key of one of WHOLE, made where nobody has asked for it before. Raises Conflict, Gone, Unacceptable."""
    key = _key(group_id, version, name)
    if files.size_bytes(key) is None:
        with _linked(group_id, {"now": version.sync_id}) as folder:
            made = folder / name
            if name.endswith(".parquet"):
                write_parquet(folder / "now", view, folder / "parquet")
                made = folder / "parquet" / name
            else:
                write_bundle(folder / "now", view, ROSTERS[name], made)
            _keep(group_id, made, key, {version.sync_id: version.files})
    return key


def changes(group_id: str, since: str, version: Version, view: View, name: str) -> str | None:
    """The key of one of DELTAS: what leads from the version `since` to this one; None where nothing differs for this reader.

    Raises Conflict, Gone where it can't be said any more, Unacceptable for what is no version.
    """
    known = _VERSION.fullmatch(since)
    if known is None:
        raise Unacceptable("`since` is a version as the ETag of a file has it.", {"since": "unknown"})
    number, files_then, view_then = int(known[1]), known[2], known[3]
    if number > version.number:
        raise Unacceptable("This version was not given by this group.", {"since": "unknown"})
    if view_then != version.view:
        raise Gone("What this client may see was changed since. " + GONE)
    base = _base(group_id, number, files_then, version.number)
    if number == version.number:
        return None
    return _between(group_id, base, version, view, f"since-{since}-{name}")


def changes_of(group_id: str, sync_id: str, name: str) -> str | None:
    """The key of one of DELTAS: all that one sync has changed. None where there is nothing to change from: the first sync.

    Raises Conflict; Gone where it can't be said any more.
    """
    for number in range(groups.get(group_id).commits, 0, -1):
        commit = commits.get(group_id, number)
        if commit is None:
            break
        if commit.sync_id == sync_id:
            if number == 1:
                return None
            version = Version(sync_id, number, _files(group_id, sync_id), _view(View()))
            return _between(group_id, _sync_of(group_id, number - 1), version, View(), f"of-{number}-{name}")
    raise Gone("What this sync changed is not kept any more, or it changed nothing.")


def _base(group_id: str, number: int, files_then: str, newest: int) -> str:
    """The sync whose snapshot a reader of commit `number` holds. Who was erased since is in it no more, so nothing could say
    that they are gone."""
    for each in range(number + 1, newest + 1):
        commit = commits.get(group_id, each)
        if commit is None or commit.erased:
            raise Gone(GONE)
    base = _sync_of(group_id, number)
    erased = files.size_bytes(files.snapshot_key(group_id, base, files.ERASED)) is not None
    if erased and _files(group_id, base) != files_then:
        raise Gone(GONE)
    return base


def _sync_of(group_id: str, number: int) -> str:
    """The sync whose snapshot the roster was as of a commit; an erasure is a commit of none of its own."""
    while commit := commits.get(group_id, number):
        if not commit.erased:
            return commit.sync_id
        number -= 1
    raise Gone(GONE)


def _between(group_id: str, base: str, version: Version, view: View, name: str) -> str | None:
    key = _key(group_id, version, name)
    if files.size_bytes(key) is not None:
        return key
    newest = commits.get(group_id, version.number)
    if newest is None:
        raise Gone(GONE)
    read = {sync_id: _files(group_id, sync_id) for sync_id in (base, version.sync_id)}
    with _linked(group_id, {"before": base, "after": version.sync_id}) as folder:
        made = folder / "changes.zip"
        kind = name[-len(CHANGES_1_2) :]
        if not write_changes(folder / "before", folder / "after", view, DELTAS[kind], newest.at, made):
            return None
        _keep(group_id, made, key, read)
    return key


def _keep(group_id: str, made: Path, key: str, read: Mapping[str, str]) -> None:
    """Store a file, unless a person was erased from a snapshot that was read for it (sync -> its files then). An erasure writes
    the snapshot anew before it removes what was made of it, so one of the two sees the other. Raises Conflict."""
    files.upload(made, key)
    if any(_files(group_id, sync_id) != then for sync_id, then in read.items()):
        files.delete_folder(key)
        raise Conflict("The roster has changed while this file was made. Ask again.")


@contextmanager
def _linked(group_id: str, snapshots: Mapping[str, str]) -> Iterator[Path]:
    """A folder with a folder of each snapshot's files (name -> sync). Raises Gone, Unacceptable."""
    keys = {
        f"{name}/{entity}.parquet": files.snapshot_key(group_id, sync_id, f"{entity}.parquet")
        for name, sync_id in snapshots.items()
        for entity in ENTITIES
    }
    sizes = [files.size_bytes(key) for key in keys.values()]
    if None in sizes:
        raise Gone(GONE)
    if (size := sum(each or 0 for each in sizes)) > MOST_SNAPSHOT_BYTES:
        words = (
            f"This roster is too large to be made into one file here ({size:,} bytes). Read it by pages, and follow its events."
        )
        raise Unacceptable(words)
    with linked(keys) as folder:
        yield folder


def _key(group_id: str, version: Version, name: str) -> str:
    return f"{files.bulk_prefix(group_id)}{version.sync_id}/{version.text}/{name}"


def _files(group_id: str, sync_id: str) -> str:
    tags = [files.etag(files.snapshot_key(group_id, sync_id, f"{entity}.parquet")) for entity in ("users", "enrollments")]
    return sha256(" ".join(tags).encode()).hexdigest()[:_DIGITS]


def _view(view: View) -> str:
    seen = [None if view.schools is None else sorted(view.schools), sorted(view.hidden)]
    return sha256(json.dumps(seen).encode()).hexdigest()[:_DIGITS]
