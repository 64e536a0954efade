"""Brings the newest roster of an SFTP server into a bundle, over as many calls as it takes.

What was found, and the uploads under way, are noted next to the bundle; a later run that resumes, after an error or because its
time was up, reads what is missing and nothing twice. Where bundle and note lie is the caller's to say (`Arriving`).
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import PurePosixPath
from typing import Any, Protocol

from chalicelib.errors import SourceUnavailable
from chalicelib.model.credentials import Credentials
from chalicelib.model.records import Record, SftpSource
from chalicelib.sources import sftp
from chalicelib.sources.picking import ZIP, Found, RemoteFile
from chalicelib.sources.sftp import OnWait
from chalicelib.sources.sftp_delivery import left_aside
from chalicelib.sources.sftp_reading import Part, parts_of, read_parts
from oneroster_engine.errors import BundleRefused
from oneroster_engine.standard.archive import Limits, contents_beside
from oneroster_engine.standard.archive_contents import Contents

RESERVE_S = 30.0  # a part that is begun may take this long


class Upload(Protocol):
    """A file on its way, in parts from 1; `parts` are those that have come, by number."""

    @property
    def upload_id(self) -> str: ...

    @property
    def parts(self) -> Mapping[int, object]: ...

    def put(self, number: int, body: bytes) -> None:
        """From any thread; a part that is put again replaces the first."""

    def complete(self) -> None:
        """Make the file of its parts."""


class Arriving(Protocol):
    """A bundle while it comes: its files by name, and a note of how far it is, which outlives the process."""

    def begin(self, name: str) -> Upload: ...

    def resume(self, name: str, upload_id: str) -> Upload | None:
        """The upload as it was left; None for one that is complete, or forgotten."""

    def size_bytes(self, name: str) -> int | None:
        """Of a file that is complete."""

    def read_note(self) -> Any | None: ...

    def write_note(self, note: Any) -> None: ...


@dataclass(frozen=True)
class Fetched:
    """How far a fetch came, in bytes of all its files. `whole`: the bundle is there. `seen`: what an admin should know of what
    was picked, and of what lay beside it."""

    called: str
    done_bytes: int
    total_bytes: int
    whole: bool
    seen: Contents = field(default_factory=Contents)


class _File(Record):
    path: str
    name: str
    size_bytes: int
    modified: int
    upload_id: str

    @property
    def remote(self) -> RemoteFile:
        return RemoteFile(self.path, self.name, self.size_bytes, self.modified)


class _Note(Record):
    """`read`: every byte is there, of files that had not changed meanwhile. `done`: moved away, too."""

    called: str
    files: tuple[_File, ...]
    markers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    read: bool = False
    done: bool = False


def fetch(
    sync_id: str,
    arriving: Arriving,
    source: SftpSource,
    credentials: Credentials,
    limits: Limits,
    time_left_s: Callable[[], float],
    tell: Callable[[Fetched], None] = lambda _: None,
    on_wait: OnWait = lambda what, at_most_s: None,
) -> Fetched:
    """Fetch the bundle, or resume it. Not whole where the time was up: call again then.

    `sync_id` tells the files that are moved away afterwards from others of their name. `tell` is called after each part, by one
    thread at a time; `on_wait` where something is waited for. Raises SourceUnavailable, SourceRefused, BundleRefused.
    """
    note = _noted(arriving)
    if not note or not note.read:
        note = _to_fetch(arriving, source, credentials, limits, note, on_wait)
        fetched = _read(arriving, note, source, credentials, time_left_s, tell, on_wait)
        if not fetched.whole:
            return fetched
        note = _write(arriving, note.model_copy(update={"read": True}))
    if not note.done:
        _complete(arriving, note)
        if source.afterwards == "move":
            with sftp.signed_in(source, credentials) as server, sftp.translate_errors(source):
                found = Found(note.called, tuple(each.remote for each in note.files), note.markers)
                sftp.move_away(server.files(), source, found, sync_id)
        note = _write(arriving, note.model_copy(update={"done": True}))
    total = sum(each.size_bytes for each in note.files)
    return Fetched(note.called, total, total, whole=True, seen=_seen(note))


def _seen(note: _Note) -> Contents:
    beside = contents_beside([PurePosixPath(each) for each in note.unread], {each.name for each in note.files}, "The folder")
    return replace(beside, warnings=(*beside.warnings, *note.notes))


def _to_fetch(
    arriving: Arriving, source: SftpSource, credentials: Credentials, limits: Limits, earlier: _Note | None, on_wait: OnWait
) -> _Note:
    """What an earlier Lambda began, if it is still as it was; else the newest there is."""
    with sftp.signed_in(source, credentials) as server, sftp.translate_errors(source):
        remote = server.files()
        if earlier and sftp.unchanged(remote, (each.remote for each in earlier.files)):
            return earlier
        found = sftp.settled(remote, source, on_wait=on_wait)
        notes = left_aside(remote, found, limits)
    contents_beside([PurePosixPath(each) for each in found.unread], {each.name for each in found.files}, "The folder")
    most = limits.zip_bytes if found.files[0].name == ZIP else limits.expanded_bytes
    if found.size_bytes > most:
        raise BundleRefused(f"{found.called} has {found.size_bytes:,} bytes; at most {most:,} are taken. Send less at once.")
    uploads = [arriving.begin(each.name) for each in found.files]
    begun = tuple(_File(**vars(each), upload_id=upload.upload_id) for each, upload in zip(found.files, uploads, strict=True))
    note = _Note(called=found.called, files=begun, markers=found.markers, notes=notes, unread=found.unread)
    return _write(arriving, note)


def _read(
    arriving: Arriving,
    note: _Note,
    source: SftpSource,
    credentials: Credentials,
    time_left_s: Callable[[], float],
    tell: Callable[[Fetched], None],
    on_wait: OnWait,
) -> Fetched:
    """Bring what is missing of the noted files."""
    uploads = {each.name: upload for each, upload in zip(note.files, _uploads(arriving, note), strict=True) if upload}
    if len(uploads) < len(note.files):
        _forget(arriving)
        raise SourceUnavailable("What had been fetched earlier is gone; it is fetched again.")
    parts = [part for each in note.files for part in parts_of(each.path, each.name, each.size_bytes)]
    missing = [part for part in parts if part.number not in uploads[part.name].parts]
    total, lock = sum(each.size_bytes for each in note.files), threading.Lock()
    done = total - sum(part.size_bytes for part in missing)

    def put(part: Part, body: bytes) -> None:
        nonlocal done
        uploads[part.name].put(part.number, body)
        with lock:
            done += part.size_bytes
            tell(Fetched(note.called, done, total, whole=False))

    begun = count()  # every call brings at least one part, or a call with little time would bring the next to no end

    def has_time_left() -> bool:
        return next(begun) == 0 or time_left_s() > RESERVE_S

    whole = read_parts(source, lambda: sftp.signed_in(source, credentials), missing, put, has_time_left, on_wait=on_wait)
    if whole:
        with sftp.signed_in(source, credentials) as server, sftp.translate_errors(source):
            if not sftp.unchanged(server.files(), (each.remote for each in note.files)):
                raise SourceUnavailable(f"{note.called} on {source.host} was changed while it was read; it is read again.")
    return Fetched(note.called, done, total, whole)


def _complete(arriving: Arriving, note: _Note) -> None:
    """Make objects of the uploads, and see that each has the size that the customer's file has."""
    for upload in _uploads(arriving, note):
        if upload:
            upload.complete()
    if any(arriving.size_bytes(each.name) != each.size_bytes for each in note.files):
        _forget(arriving)
        raise SourceUnavailable(f"{note.called} did not arrive with the size that it has there; it is fetched again.")


def _uploads(arriving: Arriving, note: _Note) -> list[Upload | None]:
    return [arriving.resume(each.name, each.upload_id) for each in note.files]


def _noted(arriving: Arriving) -> _Note | None:
    noted = arriving.read_note()
    return _Note.model_validate(noted) if noted else None


def _write(arriving: Arriving, note: _Note) -> _Note:
    arriving.write_note(note.model_dump(mode="json", by_alias=True))
    return note


def _forget(arriving: Arriving) -> None:
    arriving.write_note(None)
