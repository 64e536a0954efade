"""A form with which a browser sends one file straight to the bucket."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.errors import Unacceptable
from chalicelib.store import files
from chalicelib.store.files import PresignedUpload


@dataclass(frozen=True)
class UploadForm:
    upload_id: str
    form: PresignedUpload
    max_bytes: int


def upload_form(group_id: str, suffix: str, max_bytes: int, size_bytes: int, now: datetime, nonce: str) -> UploadForm:
    """Raises Unacceptable for a file that is too large."""
    if size_bytes > max_bytes:
        raise Unacceptable(f"The file has {size_bytes:,} bytes; at most {max_bytes:,} are taken.", {"size": "too large"})
    upload_id = f"{now:%Y%m%dT%H%M%S}{nonce}"
    return UploadForm(upload_id, files.presigned_upload(files.upload_key(group_id, upload_id, suffix), max_bytes, now), max_bytes)
