"""Sources and their secrets in the embedded stack."""

import pytest

from local.stack import Stack
from tests.stack.client import Client

pytestmark = pytest.mark.xdist_group("stack")


def test_a_groups_secret_is_kept_in_the_stacks_secrets_and_goes_with_the_group(admin: Client, stack: Stack) -> None:
    source = {"method": "sftp", "host": "sftp.example.org", "username": "u", "credentials": {"password": "hunter2"}}

    group_id = admin.new_group("Secretive", source=source)

    secrets = stack.client("secretsmanager")
    name = f"oneroster/oneroster-local/{group_id}"
    assert "hunter2" in secrets.get_secret_value(SecretId=name)["SecretString"]
    assert "hunter2" not in str(admin.call("GET", f"/groups/{group_id}"))
    admin.call("DELETE", f"/groups/{group_id}", {"name": "Secretive"})
    with pytest.raises(secrets.exceptions.ResourceNotFoundException):
        secrets.get_secret_value(SecretId=name)
