"""The bucket: what each sync read and wrote, uploads, snapshots, and the links people get to them.

With `arriving.py`, the one module that talks to S3. Keys are those of the data layout; a sync's folders and a local
working folder have the same names, so the engine sees paths only.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from tempfile import TemporaryDirectory, gettempdir
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from isal import igzip

from chalicelib.errors import NotFound, SourceUnavailable
from chalicelib.model.ids import group_of

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

CONTENT_TYPES = {
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".csv": "text/csv; charset=utf-8",
    ".gz": "application/gzip",
    ".zip": "application/zip",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
}
LINK_LIFETIME = timedelta(minutes=5)
COPIES_KEPT_S = 900
MOST_COPIES_BYTES = 1 << 30  # of the 2 GB that the API has
LONGEST_REQUEST_S = 30
AT_ONCE_BYTES = 8 << 20  # boto3 moves larger objects in parts of this size, several at once
PARALLEL = 8  # transfers at once; enough for a few hundred chunks in seconds


@dataclass(frozen=True)
class PresignedUpload:
    """A presigned POST: send `fields` and then the file as multipart/form-data to `url`."""

    url: str
    fields: dict[str, str]
    expires_at: datetime


@cache
def s3() -> "S3Client":
    # A presigned host has to be the bucket's own in its region: the portal's security policy allows no other. Left to itself,
    # botocore signs the global host in us-east-1, and with `auto` in every region but the oldest.
    return boto3.client(
        "s3",
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
        ),
    )


def bucket() -> str:
    return os.environ["DATA_BUCKET"]


def sync_key(sync_id: str, name: str) -> str:
    return f"groups/{group_of(sync_id)}/syncs/{sync_id}/{name}"


def upload_key(group_id: str, upload_id: str, suffix: str) -> str:
    return f"uploads/{group_id}/{upload_id}{suffix}"


def snapshot_key(group_id: str, sync_id: str, name: str) -> str:
    return f"groups/{group_id}/snapshot/{sync_id}/{name}"


def size_bytes(key: str) -> int | None:
    """None when there is no such object."""
    try:
        return int(s3().head_object(Bucket=bucket(), Key=key)["ContentLength"])
    except ClientError as refusal:
        if _is_missing(refusal):
            return None
        raise


def etag(key: str) -> str:
    """S3's own name for the object as it is now. Raises NotFound."""
    try:
        return str(s3().head_object(Bucket=bucket(), Key=key)["ETag"])
    except ClientError as refusal:
        raise _translated(refusal, key) from refusal


# In the folder of a snapshot from which somebody was erased.
ERASED = "erased.json"


def bulk_prefix(group_id: str) -> str:
    """Below it, by version of the roster, the whole files that were made of it."""
    return f"groups/{group_id}/bulk/"


@dataclass(frozen=True)
class Seen:
    """One version of an object: its size, when it came, and its first bytes."""

    size_bytes: int
    at: datetime
    begins: bytes


def look(key: str, version_id: str = "") -> Seen | None:
    """None when there is no such object, or no such version of it any more."""
    asked = _version(key, version_id)
    try:
        head = s3().head_object(**asked)
        size = int(head["ContentLength"])
        begins = s3().get_object(**asked, Range="bytes=0-3")["Body"].read() if size else b""
    except ClientError as refusal:
        if _is_missing(refusal):
            return None
        raise
    return Seen(size, head["LastModified"], begins)


def read_range(key: str, version_id: str, at: int, length: int) -> bytes:
    """Raises NotFound."""
    asked = _version(key, version_id)
    try:
        return s3().get_object(**asked, Range=f"bytes={at}-{at + length - 1}")["Body"].read()
    except ClientError as refusal:
        raise _translated(refusal, key) from refusal


def copy(source_key: str, target_key: str, version_id: str = "") -> None:
    """Raises NotFound. Any size: boto3 copies in parts where it must."""
    try:
        s3().copy(_version(source_key, version_id), bucket(), target_key)
    except ClientError as refusal:
        raise _translated(refusal, source_key) from refusal


def download(key: str, to: Path) -> None:
    """Raises NotFound."""
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        if not _downloaded_at_once(key, to):
            s3().download_file(bucket(), key, str(to))
    except ClientError as refusal:
        raise _translated(refusal, key) from refusal


def _downloaded_at_once(key: str, to: Path) -> bool:
    """By one request, where boto3 takes two and threads of its own; it stays with boto3 where the object is large, or where the
    answer is cut off."""
    answer = s3().get_object(Bucket=bucket(), Key=key)
    with answer["Body"] as body:
        if answer["ContentLength"] > AT_ONCE_BYTES:
            return False
        try:
            to.write_bytes(body.read())
        except BotoCoreError:
            return False
    return True


def replace(path: Path, key: str) -> None:
    """Store a file in the place of the object's content, of which no old version stays."""
    upload(path, key)
    for page in s3().get_paginator("list_object_versions").paginate(Bucket=bucket(), Prefix=key):
        for each in page.get("Versions", ()):
            if each["Key"] == key and not each["IsLatest"]:
                s3().delete_object(Bucket=bucket(), Key=key, VersionId=each["VersionId"])


def upload(path: Path, key: str) -> None:
    if path.stat().st_size > AT_ONCE_BYTES:
        s3().upload_file(str(path), bucket(), key)
        return
    with path.open("rb") as body:
        s3().put_object(Bucket=bucket(), Key=key, Body=body)


def read_json(key: str) -> Any | None:
    """None when there is no such object."""
    try:
        return json.loads(s3().get_object(Bucket=bucket(), Key=key)["Body"].read())
    except ClientError as refusal:
        if _is_missing(refusal):
            return None
        raise


def write_json(key: str, value: Any) -> None:
    write(key, json.dumps(value, ensure_ascii=False).encode())


def write(key: str, body: bytes) -> None:
    s3().put_object(Bucket=bucket(), Key=key, Body=body, ContentType="application/json")


def write_new(key: str, body: bytes) -> bool:
    """Write an object where there is none; False where there is one."""
    try:
        s3().put_object(Bucket=bucket(), Key=key, Body=body, ContentType="application/json", IfNoneMatch="*")
    except ClientError as refusal:  # 409: somebody writes it this moment
        if refusal.response["Error"]["Code"] not in ("PreconditionFailed", "ConditionalRequestConflict"):
            raise
        return False
    return True


def write_gzipped(key: str, body: bytes) -> None:
    """Fast rather than small: pages of JSON come to a tenth of their size."""
    s3().put_object(Bucket=bucket(), Key=key, Body=igzip.compress(body, 1, mtime=0))


def cached(key: str) -> Path:
    """A local copy that later calls of this Lambda share; fetched again when the object has changed. Raises NotFound.

    Copies that nobody has asked for in COPIES_KEPT_S go, and before them the ones that were not asked for longest, where all of
    them would be more than MOST_COPIES_BYTES.
    """
    try:
        etag = s3().head_object(Bucket=bucket(), Key=key)["ETag"]
    except ClientError as refusal:
        raise _translated(refusal, key) from refusal
    name = sha256(f"{bucket()}/{key}@{etag}".encode()).hexdigest()
    path = _copies(key.split("/")[1]) / f"{name}{Path(key).suffix}"
    _evict(time.time(), path)
    try:
        os.utime(path)
    except FileNotFoundError:
        unfinished = path.with_name(f"{name}.{os.getpid()}")
        download(key, unfinished)
        unfinished.replace(path)
    return path


def _copies(group_id: str) -> Path:
    return Path(gettempdir()) / "objects" / group_id


def _evict(now: float, wanted: Path) -> None:
    """A copy that is being read stays readable: it is at most as old as a request, and what is open outlives its name."""
    held = 0
    for modified, size, path in _by_age(Path(gettempdir()) / "objects"):
        age = now - modified
        held += size
        if path != wanted and (age > COPIES_KEPT_S or (held > MOST_COPIES_BYTES and age > LONGEST_REQUEST_S)):
            path.unlink(missing_ok=True)


def _by_age(root: Path) -> list[tuple[float, int, Path]]:
    """Modification time, size and path of each file, the newest first; without what another thread takes away meanwhile."""
    found: list[tuple[float, int, Path]] = []
    for path in root.rglob("*"):
        try:
            stat = path.stat()
        except FileNotFoundError:
            continue
        if S_ISREG(stat.st_mode):
            found.append((stat.st_mtime, stat.st_size, path))
    return sorted(found, reverse=True)


def presigned_upload(key: str, max_bytes: int, now: datetime) -> PresignedUpload:
    """A form that takes one file for one key, of 1 to `max_bytes` bytes, for five minutes."""
    made = s3().generate_presigned_post(
        bucket(),
        key,
        Conditions=[["content-length-range", 1, max_bytes]],
        ExpiresIn=int(LINK_LIFETIME.total_seconds()),
    )
    return PresignedUpload(made["url"], made["fields"], now + LINK_LIFETIME)


def presigned_download(key: str, file_name: str) -> str:
    """A link to one object for five minutes, saved by browsers as `file_name` (plain ASCII), of the type its ending says.

    A gzipped CSV is sent with `Content-Encoding: gzip`: a browser unpacks it, so that it is saved as the CSV that Excel opens.
    """
    packed = file_name.endswith(".csv.gz")
    saved_as = file_name.removesuffix(".gz") if packed else file_name
    response_headers = {
        "ResponseContentDisposition": f'attachment; filename="{saved_as}"',
        "ResponseContentType": CONTENT_TYPES.get(PurePosixPath(saved_as).suffix, "application/octet-stream"),
        **({"ResponseContentEncoding": "gzip"} if packed else {}),
    }
    return s3().generate_presigned_url(
        "get_object",
        Params={"Bucket": bucket(), "Key": key, **response_headers},
        ExpiresIn=int(LINK_LIFETIME.total_seconds()),
    )


@contextmanager
def workspace(sync_id: str, reads: Iterable[str] = (), writes: Iterable[str] = ()) -> Iterator[Path]:
    """A local folder for one step: the sync's folders and files in `reads` are there, the folders in `writes` are
    stored at the end.

    Nothing is stored when the step fails.
    """
    with TemporaryDirectory(prefix="workdir-") as folder:
        workdir = Path(folder)
        for name in reads:
            if Path(name).suffix:
                download(sync_key(sync_id, name), workdir / name)
            else:
                fetch_folder(sync_id, name, workdir / name)
        yield workdir
        for name in writes:
            _store_folder(workdir / name, sync_key(sync_id, f"{name}/"))


def fetch_folder(sync_id: str, folder: str, to: Path) -> None:
    """Everything in a folder of the sync; `to` stays empty where there is none."""
    _fetch_folder(sync_key(sync_id, f"{folder}/"), to)


def names(sync_id: str, folder: str) -> list[str]:
    """What lies in a folder of the sync, by its name below the folder."""
    prefix = sync_key(sync_id, f"{folder}/")
    return [key.removeprefix(prefix) for key in _keys(prefix)]


def folders(prefix: str) -> list[str]:
    """The names of the folders right below it, sorted."""
    pages = s3().get_paginator("list_objects_v2").paginate(Bucket=bucket(), Prefix=prefix, Delimiter="/")
    return sorted(str(each["Prefix"])[len(prefix) : -1] for page in pages for each in page.get("CommonPrefixes", []))


def store_folder(sync_id: str, name: str, folder: Path) -> None:
    _store_folder(folder, sync_key(sync_id, f"{name}/"))


def snapshots(group_id: str) -> list[str]:
    """The syncs whose snapshots are kept, the oldest first."""
    return folders(snapshot_key(group_id, "", "").removesuffix("/"))


def fetch_snapshot(group_id: str, sync_id: str, to: Path) -> None:
    _fetch_folder(snapshot_key(group_id, sync_id, ""), to)


def store_snapshot(group_id: str, sync_id: str, folder: Path) -> None:
    _store_folder(folder, snapshot_key(group_id, sync_id, ""))


def source_key(group_id: str, sync_id: str, name: str) -> str:
    return f"groups/{group_id}/source/{sync_id}/{name}"


def fetch_source(group_id: str, sync_id: str, to: Path, only: Collection[str] = ()) -> None:
    """What a sync left of its group's source; `only` the files whose stems are named."""
    _fetch_folder(source_key(group_id, sync_id, ""), to, only)


def holds_source(group_id: str, sync_id: str) -> bool:
    """Whether what a sync read can still be merged into: as it left the source, or as its bundle was received."""
    return size_bytes(source_key(group_id, sync_id, "manifest.csv")) is not None or bool(names(sync_id, "bundle"))


def store_source(group_id: str, sync_id: str, folder: Path) -> None:
    _store_folder(folder, source_key(group_id, sync_id, ""))


def selection_of(sync_id: str) -> dict[str, Any]:
    """What has been chosen so far; empty before the first answer."""
    return read_json(sync_key(sync_id, "selection.json")) or {}


def write_selection(sync_id: str, selection: dict[str, Any]) -> None:
    write_json(sync_key(sync_id, "selection.json"), selection)


def delete_group(group_id: str, has_time: Callable[[], bool]) -> int:
    """Every object of the group, old versions included, and this Lambda's copies of them; how many versions there were.

    Stops when the time is up.
    """
    forget_copies(group_id)
    prefixes = (f"groups/{group_id}/", f"uploads/{group_id}/", f"drop/{group_id}/")
    return sum(delete_folder(prefix, has_time=has_time) for prefix in prefixes)


def forget_copies(group_id: str) -> None:
    """This Lambda's copies of a group's files."""
    shutil.rmtree(_copies(group_id), ignore_errors=True)


def in_folder(prefix: str, before: datetime | None = None) -> list[str]:
    """The keys below it; only of what was stored `before` a moment."""
    pages = s3().get_paginator("list_objects_v2").paginate(Bucket=bucket(), Prefix=prefix)
    found = (each for page in pages for each in page.get("Contents", []))
    return [each["Key"] for each in found if before is None or each["LastModified"] < before]


def delete_old_versions(prefix: str) -> int:
    """Every version below it that is not the newest, and the marks of what was deleted; how many there were."""
    deleted = 0
    for page in s3().get_paginator("list_object_versions").paginate(Bucket=bucket(), Prefix=prefix):
        found = (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
        gone: Any = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found if not each["IsLatest"]]
        _delete_versions(gone)
        deleted += len(gone)
    return deleted


def delete_folder(prefix: str, kept: Collection[str] = (), has_time: Callable[[], bool] = lambda: True) -> int:
    """Every object below it but those whose keys are `kept`, old versions included; how many versions there were."""
    deleted = 0
    for page in s3().get_paginator("list_object_versions").paginate(Bucket=bucket(), Prefix=prefix):
        if not has_time():
            break
        found = [(each["Key"], each["VersionId"]) for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))]
        gone: Any = [{"Key": key, "VersionId": version} for key, version in found if key not in kept]
        _delete_versions(gone)
        deleted += len(gone)
    return deleted


def _delete_versions(gone: Any) -> None:
    """Raises SourceUnavailable."""
    if not gone:
        return
    refused = s3().delete_objects(Bucket=bucket(), Delete={"Objects": gone, "Quiet": True}).get("Errors", [])
    if refused:
        raise SourceUnavailable(f"The bucket did not delete {len(refused)} of {len(gone)} files: {refused[0].get('Code')}.")


def _fetch_folder(prefix: str, to: Path, only: Collection[str] = ()) -> None:
    to.mkdir(parents=True, exist_ok=True)
    keys = [key for key in _keys(prefix) if not only or Path(key).stem in only]
    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(lambda key: download(key, to / key.removeprefix(prefix)), keys))


def _keys(prefix: str) -> list[str]:
    pages = s3().get_paginator("list_objects_v2").paginate(Bucket=bucket(), Prefix=prefix)
    return [found["Key"] for page in pages for found in page.get("Contents", [])]


def _store_folder(folder: Path, prefix: str) -> None:
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(lambda path: upload(path, prefix + path.relative_to(folder).as_posix()), paths))


def _version(key: str, version_id: str) -> Any:
    """How S3 is asked for one version of an object; the newest where it is empty."""
    return {"Bucket": bucket(), "Key": key, **({"VersionId": version_id} if version_id else {})}


def _is_missing(refusal: ClientError) -> bool:
    return refusal.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound", "NoSuchVersion")


def _translated(refusal: ClientError, key: str) -> Exception:
    return NotFound(f"There is no file {key}.") if _is_missing(refusal) else refusal
