"""The bucket keeps what a step wrote and gives back what it asks for."""

from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zlib import crc32

import boto3
import pytest
from botocore.stub import Stubber

from chalicelib.errors import NotFound
from chalicelib.store import audit, files, multipart_upload
from tests.store.test_groups_and_syncs import NOW

pytestmark = pytest.mark.usefixtures("aws")
SYNC = "g1-s1"


@pytest.fixture(autouse=True)
def fresh_client() -> None:
    files.s3.cache_clear()


def test_a_step_finds_what_it_reads_and_leaves_what_it_writes() -> None:
    with files.workspace(SYNC, writes=["stage"]) as room:
        (room / "stage" / "choices").mkdir(parents=True)
        (room / "stage" / "choices" / "orgs.parquet").write_bytes(b"rows")
        (room / "elsewhere").write_text("not stored")

    with files.workspace(SYNC, reads=["stage", "stage/choices/orgs.parquet"]) as room:
        assert (room / "stage" / "choices" / "orgs.parquet").read_bytes() == b"rows"
        assert not (room / "elsewhere").exists()


def step_that_fails() -> None:
    with files.workspace(SYNC, writes=["stage"]) as room:
        (room / "stage").mkdir()
        (room / "stage" / "a").write_text("half")
        raise RuntimeError


def test_a_step_that_fails_leaves_nothing() -> None:
    with pytest.raises(RuntimeError):
        step_that_fails()

    assert files.size_bytes(files.sync_key(SYNC, "stage/a")) is None


def test_a_cached_file_is_fetched_again_once_it_has_changed(tmp_path: Path) -> None:
    key = files.sync_key(SYNC, "list")
    (tmp_path / "list").write_text("first")
    files.upload(tmp_path / "list", key)
    first = files.cached(key)
    assert files.cached(key) == first

    (tmp_path / "list").write_text("second")
    files.upload(tmp_path / "list", key)

    assert files.cached(key).read_text() == "second"
    assert first.read_text() == "first"


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    for ask in (lambda: files.cached("no"), lambda: files.download("no", tmp_path / "x"), lambda: files.copy("no", "to")):
        with pytest.raises(NotFound):
            ask()
    assert files.read_json("no") is None
    assert files.selection_of(SYNC) == {}


def test_a_link_names_one_object_for_five_minutes() -> None:
    link = urlsplit(files.presigned_download("groups/g1/report.xlsx", "report.xlsx"))

    asked = parse_qs(link.query)
    assert (link.netloc, link.path) == ("data.s3.us-east-1.amazonaws.com", "/groups/g1/report.xlsx")
    assert asked["X-Amz-Expires"] == ["300"]
    assert asked["response-content-disposition"] == ['attachment; filename="report.xlsx"']


def test_an_upload_form_takes_one_key_and_ends(tmp_path: Path) -> None:
    form = files.presigned_upload("uploads/g1/u1.zip", 1000, NOW)

    assert form.fields["key"] == "uploads/g1/u1.zip"
    assert (form.expires_at - NOW).total_seconds() == 300


def test_a_deleted_group_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    for key in (files.sync_key(SYNC, "a"), files.upload_key("g1", "u1", ".zip"), files.sync_key("g2-s1", "a")):
        files.upload(tmp_path / "a", key)

    assert files.delete_group("g1", lambda: True) == 2

    assert files.size_bytes(files.sync_key(SYNC, "a")) is None
    assert files.size_bytes(files.upload_key("g1", "u1", ".zip")) is None
    assert files.size_bytes(files.sync_key("g2-s1", "a")) == 1


def test_the_audit_tells_the_newest_first() -> None:
    for chance, what in (("a", "group created"), ("b", "full sync started")):
        audit.record("g1", "u1", what, NOW, chance, detail={"n": 1})
    audit.record("g2", "u1", "group created", NOW, "c")

    found = audit.entries("g1", limit=10)

    assert [entry.what for entry in found] == ["full sync started", "group created"]
    assert [entry.what for entry in audit.entries("g1", 10, before=found[0].at)] == ["group created"]


def test_an_upload_in_parts_says_at_its_begin_and_end_which_checksums_its_parts_have() -> None:
    """S3 refuses parts with another checksum than the upload was begun with, and an end that leaves them out; emulators don't."""
    sent: dict[str, dict[str, Any]] = {}
    hear = files.s3().meta.events
    hear.register("provide-client-params.s3", lambda params, model, **_: sent.update({model.name: params}), unique_id="hear")
    try:
        upload = multipart_upload.begin("k")
        for number, body in ((2, b"b"), (1, b"a" * (5 << 20))):
            upload.put(number, body)
        upload.complete()
    finally:
        hear.unregister("provide-client-params.s3", unique_id="hear")

    assert [sent[name]["ChecksumAlgorithm"] for name in ("CreateMultipartUpload", "UploadPart")] == ["CRC32", "CRC32"]
    crcs = [b64encode(crc32(body).to_bytes(4, "big")).decode() for body in (b"a" * (5 << 20), b"b")]
    assert [each["ChecksumCRC32"] for each in sent["CompleteMultipartUpload"]["MultipartUpload"]["Parts"]] == crcs


@pytest.mark.parametrize("began", ["CRC32", None])
def test_an_upload_that_is_resumed_ends_as_it_was_begun(monkeypatch: pytest.MonkeyPatch, began: str | None) -> None:
    part = {"PartNumber": 1, "ETag": '"e"', "ChecksumCRC32": "BwQzxA==", "Size": 5}
    page = {"Parts": [part], **({"ChecksumAlgorithm": began} if began else {})}
    client = boto3.client("s3")
    monkeypatch.setattr(multipart_upload, "s3", lambda: client)
    ended = {"PartNumber": 1, "ETag": '"e"', **({"ChecksumCRC32": "BwQzxA=="} if began else {})}
    with Stubber(client) as s3:
        s3.add_response("list_parts", page, {"Bucket": "data", "Key": "k", "UploadId": "u"})
        s3.add_response(
            "complete_multipart_upload",
            {},
            {"Bucket": "data", "Key": "k", "UploadId": "u", "MultipartUpload": {"Parts": [ended]}},
        )
        resumed = multipart_upload.resume("k", "u")
        assert resumed is not None
        resumed.complete()
