"""Objects that arrive in parts, from many threads and over more than one Lambda: S3's multipart upload.

What has arrived stays with S3 until the object is whole, so a run that resumes it later fetches only what is missing. An upload
that is never resumed is removed by the bucket's lifecycle rule.
"""

from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.store import files
from chalicelib.store.files import bucket, s3

GONE = ("NoSuchUpload", "404")
NOTE = "fetch.json"


@dataclass
class MultipartUpload:
    """One object on its way. `parts` are those that S3 has: part number, from 1, to ETag."""

    key: str
    upload_id: str
    parts: dict[int, str] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def put(self, number: int, body: bytes) -> None:
        answer = s3().upload_part(Bucket=bucket(), Key=self.key, UploadId=self.upload_id, PartNumber=number, Body=body)
        with self._lock:
            self.parts[number] = answer["ETag"]

    def complete(self) -> None:
        """Make the object of its parts."""
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in sorted(self.parts.items())]
        s3().complete_multipart_upload(
            Bucket=bucket(),
            Key=self.key,
            UploadId=self.upload_id,
            MultipartUpload={"Parts": parts},  # type: ignore[typeddict-item]
        )


def begin(key: str) -> MultipartUpload:
    return MultipartUpload(key, s3().create_multipart_upload(Bucket=bucket(), Key=key)["UploadId"])


def resume(key: str, upload_id: str) -> MultipartUpload | None:
    """The upload as an earlier Lambda left it; None when S3 no longer has it."""
    pages = s3().get_paginator("list_parts").paginate(Bucket=bucket(), Key=key, UploadId=upload_id)
    try:
        parts = {part["PartNumber"]: part["ETag"] for page in pages for part in page.get("Parts", [])}
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] in GONE:
            return None
        raise
    return MultipartUpload(key, upload_id, parts)


@dataclass(frozen=True)
class ArrivingBundle:
    """A sync's bundle on S3 while it is being fetched; `fetch.json` next to it records the progress."""

    sync_id: str

    def begin(self, name: str) -> MultipartUpload:
        return begin(self._key(name))

    def resume(self, name: str, upload_id: str) -> MultipartUpload | None:
        return resume(self._key(name), upload_id)

    def size_bytes(self, name: str) -> int | None:
        return files.size_bytes(self._key(name))

    def read_note(self) -> Any | None:
        return files.read_json(files.sync_key(self.sync_id, NOTE))

    def write_note(self, note: Any) -> None:
        files.write_json(files.sync_key(self.sync_id, NOTE), note)

    def _key(self, name: str) -> str:
        return files.sync_key(self.sync_id, f"bundle/{name}")
