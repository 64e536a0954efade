"""Brings the newest roster of an SFTP server into the sync's bundle on S3, over as many Lambdas as it takes.

What was found, and the multipart uploads under way, are written down beside the bundle; whoever goes on later, after an error
or because its time was up, reads what is missing and nothing twice.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from chalicelib.errors import SourceUnavailable
from chalicelib.model.records import Record, SftpSource
from chalicelib.sources import sftp
from chalicelib.sources.picking import ZIP, Found, RemoteFile
from chalicelib.sources.sftp import OnWait
from chalicelib.sources.sftp_reading import Part, parts_of, read_parts
from chalicelib.store import files, multipart_upload
from chalicelib.store.multipart_upload import MultipartUpload
from chalicelib.store.secrets import Credentials
from oneroster_engine.errors import BundleRefused
from oneroster_engine.standard.archive import Limits

RESERVE_S = 30.0  # a part that is begun may take this long
NOTE = "fetch.json"


@dataclass(frozen=True)
class Fetched:
    """How far a fetch came, in bytes of all its files. `whole`: the bundle is there."""

    called: str
    done_bytes: int
    total_bytes: int
    whole: bool


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
    """`fetch.json` of a sync. `read`: S3 has every byte, of files that had not changed meanwhile. `done`: moved away, too."""

    called: str
    files: tuple[_File, ...]
    markers: tuple[str, ...] = ()
    read: bool = False
    done: bool = False


def fetch(
    sync_id: str,
    source: SftpSource,
    credentials: Credentials,
    limits: Limits,
    time_left_s: Callable[[], float],
    tell: Callable[[Fetched], None] = lambda _: None,
    on_wait: OnWait = lambda what, at_most_s: None,
) -> Fetched:
    """Fetch the bundle, or go on with it. Not whole where the time was up: call again then.

    `tell` is called after each part, by one thread at a time; `on_wait` where something is waited for. Raises
    SourceUnavailable, SourceRefused, BundleRefused.
    """
    note = _noted(sync_id)
    if not note or not note.read:
        note = _to_fetch(sync_id, source, credentials, limits, note, on_wait)
        fetched = _read(sync_id, note, source, credentials, time_left_s, tell, on_wait)
        if not fetched.whole:
            return fetched
        note = _write(sync_id, note.model_copy(update={"read": True}))
    if not note.done:
        _complete(sync_id, note)
        if source.afterwards == "move":
            with sftp.signed_in(source, credentials) as server, sftp.translate_errors(source):
                found = Found(note.called, tuple(each.remote for each in note.files), note.markers)
                sftp.move_away(server.files(), source, found, sync_id)
        note = _write(sync_id, note.model_copy(update={"done": True}))
    total = sum(each.size_bytes for each in note.files)
    return Fetched(note.called, total, total, whole=True)


def _to_fetch(
    sync_id: str, source: SftpSource, credentials: Credentials, limits: Limits, earlier: _Note | None, on_wait: OnWait
) -> _Note:
    """What an earlier Lambda began, if it is still as it was; else the newest there is."""
    with sftp.signed_in(source, credentials) as server, sftp.translate_errors(source):
        remote = server.files()
        if earlier and sftp.unchanged(remote, (each.remote for each in earlier.files)):
            return earlier
        found = sftp.settled(remote, source, on_wait=on_wait)
    most = limits.zip_bytes if found.files[0].name == ZIP else limits.expanded_bytes
    if found.size_bytes > most:
        raise BundleRefused(f"{found.called} has {found.size_bytes:,} bytes; at most {most:,} are taken. Send less at once.")
    uploads = [multipart_upload.begin(_key(sync_id, each.name)) for each in found.files]
    begun = tuple(_File(**vars(each), upload_id=upload.upload_id) for each, upload in zip(found.files, uploads, strict=True))
    return _write(sync_id, _Note(called=found.called, files=begun, markers=found.markers))


def _read(
    sync_id: str,
    note: _Note,
    source: SftpSource,
    credentials: Credentials,
    time_left_s: Callable[[], float],
    tell: Callable[[Fetched], None],
    on_wait: OnWait,
) -> Fetched:
    """Bring what is missing of the noted files to S3."""
    uploads = {each.name: upload for each, upload in zip(note.files, _uploads(sync_id, note), strict=True) if upload}
    if len(uploads) < len(note.files):
        _forget(sync_id)
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


def _complete(sync_id: str, note: _Note) -> None:
    """Make objects of the uploads, and see that each has the size that the customer's file has."""
    for upload in _uploads(sync_id, note):
        if upload:
            upload.complete()
    if any(files.size_bytes(_key(sync_id, each.name)) != each.size_bytes for each in note.files):
        _forget(sync_id)
        raise SourceUnavailable(f"{note.called} did not arrive with the size that it has there; it is fetched again.")


def _uploads(sync_id: str, note: _Note) -> list[MultipartUpload | None]:
    """The upload of each noted file; None for one that is complete, or that S3 has forgotten."""
    return [multipart_upload.resume(_key(sync_id, each.name), each.upload_id) for each in note.files]


def _key(sync_id: str, name: str) -> str:
    return files.sync_key(sync_id, f"bundle/{name}")


def _noted(sync_id: str) -> _Note | None:
    noted = files.read_json(files.sync_key(sync_id, NOTE))
    return _Note.model_validate(noted) if noted else None


def _write(sync_id: str, note: _Note) -> _Note:
    files.write_json(files.sync_key(sync_id, NOTE), note.model_dump(mode="json", by_alias=True))
    return note


def _forget(sync_id: str) -> None:
    files.write_json(files.sync_key(sync_id, NOTE), None)
