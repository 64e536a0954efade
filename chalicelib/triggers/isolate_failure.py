"""What is done for every group in turn: one group's trouble keeps no other from its turn."""

from collections.abc import Iterator
from contextlib import contextmanager

from aws_lambda_powertools import Logger

logger = Logger(child=True)


@contextmanager
def isolate_failure(group_id: str, failures: list[Exception]) -> Iterator[None]:
    """Log what goes wrong in the block and hand it to `failures`, to be raised when everybody has had a turn."""
    try:
        yield
    except Exception as trouble:
        logger.exception("a group's turn failed", extra={"groupId": group_id})
        failures.append(trouble)
