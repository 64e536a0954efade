"""Objects that arrive in parts, from many threads and over more than one Lambda: S3's multipart upload.

What has arrived stays with S3 until the object is whole, so a run that resumes it later fetches only what is missing. An upload
that is never resumed is removed by the bucket's lifecycle rule.

boto3 sends a CRC32 with each part, asked or not. By S3's reference that has to be the algorithm that the upload was begun with
(UploadPart, `x-amz-sdk-checksum-algorithm`), and where one was named then, the end needs each part's checksum ("The complete
request must include the checksum for each part"). boto3 1.43 does neither by itself, and emulators don't mind
(findings/s3-multipart-checksums.sh), so both are said here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Literal

from botocore.exceptions import ClientError

from chalicelib.store import files
from chalicelib.store.files import bucket, s3

GONE = ("NoSuchUpload", "404")
ALGORITHM: Literal["CRC32"] = "CRC32"
CHECKSUM = "ChecksumCRC32"
NOTE = "fetch.json"


@dataclass
class MultipartUpload:
    """One object on its way. `parts` are those that S3 has: part number, from 1, to what it is told of them at the end.
    `checked`: begun with ALGORITHM."""

    key: str
    upload_id: str
    checked: bool
    parts: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def put(self, number: int, body: bytes) -> None:
        answer = s3().upload_part(
            Bucket=bucket(),
            Key=self.key,
            UploadId=self.upload_id,
            PartNumber=number,
            Body=body,
            ChecksumAlgorithm=ALGORITHM,
        )
        self.take(number, answer)

    def take(self, number: int, answer: Mapping[str, Any]) -> None:
        """What S3 answers of a part that it has."""
        known = ("ETag", CHECKSUM) if self.checked else ("ETag",)
        with self._lock:
            self.parts[number] = {"PartNumber": number, **{name: answer[name] for name in known if name in answer}}

    def complete(self) -> None:
        """Make the object of its parts."""
        parts = [each for _, each in sorted(self.parts.items())]
        s3().complete_multipart_upload(
            Bucket=bucket(),
            Key=self.key,
            UploadId=self.upload_id,
            MultipartUpload={"Parts": parts},  # type: ignore[typeddict-item]
        )


def begin(key: str) -> MultipartUpload:
    begun = s3().create_multipart_upload(Bucket=bucket(), Key=key, ChecksumAlgorithm=ALGORITHM)
    return MultipartUpload(key, begun["UploadId"], checked=True)


def resume(key: str, upload_id: str) -> MultipartUpload | None:
    """The upload as an earlier Lambda left it; None when S3 no longer has it."""
    upload = MultipartUpload(key, upload_id, checked=False)
    try:
        for page in s3().get_paginator("list_parts").paginate(Bucket=bucket(), Key=key, UploadId=upload_id):
            upload.checked = page.get("ChecksumAlgorithm") == ALGORITHM  # one that an earlier release began has none
            for part in page.get("Parts", []):
                upload.take(part["PartNumber"], part)
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] in GONE:
            return None
        raise
    return upload


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
