"""The product in the embedded AWS, for benchmarks of its functions."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local import client
from local.client import Client
from local.stack import Stack

KEPT_WARM_S = "7200"  # a function's process stays until it is looked at


@contextmanager
def warm_stack(port: int, portal_port: int) -> Iterator[tuple[Stack, Client, str, Path]]:
    """With an admin's client, the id of a group whose guard holds nothing, and a folder that goes with it."""
    client.SETTLES_WITHIN_S = 3600
    os.environ["LAMBDA_WARM_TTL_SECONDS"] = KEPT_WARM_S
    with tempfile.TemporaryDirectory() as name:
        stack = Stack(port, f"http://127.0.0.1:{portal_port}", Path(name) / "stack")
        stack.start()
        try:
            stack.deploy()
            stack.let_people_in()
            api = Client(stack, "admin")
            yield stack, api, api.new_group("Bench", guard={"floor": 1_000_000}), Path(name)
        finally:
            stack.stop()
