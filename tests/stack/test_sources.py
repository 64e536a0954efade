"""Sources and their secrets in the embedded stack."""

import zipfile
from pathlib import Path

import pytest

from local.client import Client
from local.peers.sftp import openssh
from local.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")


def test_a_groups_secret_is_kept_in_the_stacks_secrets_and_goes_with_the_group(admin: Client, stack: Stack) -> None:
    source = {"method": "sftp", "host": "sftp.example.org", "username": "u", "credentials": {"password": "hunter2"}}

    group_id = admin.new_group("Secretive", source=source)

    secrets = stack.client("secretsmanager")
    name = f"oneroster/oneroster-local/{group_id}"
    assert "hunter2" in secrets.get_secret_value(SecretId=name)["SecretString"]
    assert "hunter2" not in str(admin.call("GET", f"/groups/{group_id}"))
    admin.call("DELETE", f"/groups/{group_id}", {"name": "Secretive"})
    with pytest.raises(secrets.exceptions.InvalidRequestException, match="marked for deletion"):
        secrets.get_secret_value(SecretId=name)
    assert "DeletedDate" in secrets.describe_secret(SecretId=name), "an operator can bring it back for seven days"


def test_loose_csvs_on_an_openssh_server_come_to_the_platform_and_a_second_time_nothing_is_written(
    admin: Client, stack: Stack, district: Path
) -> None:
    with openssh() as (sshd, source):
        zipfile.ZipFile(district).extractall(sshd.files)
        group_id = admin.new_group("By SFTP", source=source)

        first = admin.until(admin.call("POST", f"/groups/{group_id}/syncs", {"mode": "full"}, 202)["syncId"])
        second = admin.until(admin.call("POST", f"/groups/{group_id}/syncs", {"mode": "full"}, 202)["syncId"])

        assert (first["state"], first["counts"]["users"]["created"]) == ("succeeded", 220)
        assert (
            second["message"] == f"Nothing has changed since sync {first['syncId']}: the file is the same. Nothing was written."
        )
        sshd.stop()
        sshd.new_host_key()
        sshd.start()
        third = admin.until(admin.call("POST", f"/groups/{group_id}/syncs", {"mode": "full"}, 202)["syncId"])
        assert third["state"] == "failed"
        assert "has changed" in third["message"]
