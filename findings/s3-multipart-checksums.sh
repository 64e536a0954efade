#!/usr/bin/env bash
# An upload in parts by boto3 1.43.106, and moto 5.2.5 and ministack 1.5.33 as S3. Guess: the three plain calls (begin, a part, end) fit
# together, since boto3 checks what it sends by itself; and an emulator that gives checksums refuses what S3 refuses of them.
# - upload_part sends a CRC32 that nobody asked for; create_multipart_upload names no algorithm. S3's reference (UploadPart,
#   x-amz-sdk-checksum-algorithm) wants both to be one. S3 used to answer "Checksum Type mismatch occurred, expected checksum Type:
#   null, actual checksum Type: crc32c" (apache/opendal 4533).
# - Where the algorithm is named at the begin, S3 wants each part's checksum at the end: "The upload was created using a crc32 checksum.
#   The complete request must include the checksum for each part" (terricain/aioboto3 363). Neither emulator misses them.
# - A part with another algorithm than the upload was begun with: both take it.
# - Checksums at the end that are not the parts': moto takes them, ministack refuses them, as S3 does (InvalidPart).
# So who begins with an algorithm, as the reference says, and ends as before is green here and fails at every upload on AWS.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'moto[s3]==5.2.5' ministack==1.5.33 boto3==1.43.106
cd "$folder"
venv/bin/python - <<'PY'
import os
import socket
import subprocess
import sys
import time
from importlib.metadata import version

import boto3
from botocore.exceptions import ClientError
from moto import mock_aws

os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
PLACE = {"Bucket": "rosters", "Key": "roster.zip"}


def seen(client):
    """What boto3 sends of checksums, and what the other side takes."""
    client.create_bucket(Bucket="rosters")
    sent = {}

    def note(request, operation_name, **_):
        sent[operation_name] = [name for name in request.headers if name.lower().endswith("checksum-algorithm")]

    def begun(**how):
        return client.create_multipart_upload(**PLACE, **how)["UploadId"]

    def part(upload):
        return client.upload_part(**PLACE, UploadId=upload, PartNumber=1, Body=b"PK")

    def taken(call):
        try:
            call()
        except ClientError:
            return False
        return True

    def ended(upload, **checksum):
        parts = {"Parts": [{"PartNumber": 1, "ETag": part(upload)["ETag"], **checksum}]}
        return taken(lambda: client.complete_multipart_upload(**PLACE, UploadId=upload, MultipartUpload=parts))

    client.meta.events.register("request-created.s3", note)
    ended(begun())
    return {
        "begun with": sent["CreateMultipartUpload"],
        "a part with": sent["UploadPart"],
        "an end without checksums is taken": ended(begun(ChecksumAlgorithm="CRC32")),
        "an end with false ones is taken": ended(begun(ChecksumAlgorithm="CRC32"), ChecksumCRC32="AAAAAA=="),
        "a part with another algorithm is taken": taken(lambda: part(begun(ChecksumAlgorithm="SHA256"))),
    }


found = {}
with mock_aws():
    found["moto"] = seen(boto3.client("s3"))
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
server = subprocess.Popen(
    [sys.executable, "-m", "ministack.app"],
    env={**os.environ, "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1"},
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
)
try:
    client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}")
    for _ in range(100):
        try:
            client.list_buckets()
            break
        except Exception:
            time.sleep(0.2)
    found["ministack"] = seen(client)
finally:
    server.terminate()
for name, what in found.items():
    print(name, version(name), what)
usual = {"begun with": [], "a part with": ["x-amz-sdk-checksum-algorithm"]}
takes = dict.fromkeys(("an end without checksums is taken", "an end with false ones is taken", "a part with another algorithm is taken"), True)
assert found["moto"] == usual | takes, "moto or boto3 has changed"
assert found["ministack"] == usual | takes | {"an end with false ones is taken": False}, "ministack or boto3 has changed"
PY
