"""The memory of the Lambda function that this process is."""

import os

from oneroster_engine.duckdb_session import limit_memory


def limit_engine() -> None:
    """Hold the engine to its function's memory, which Lambda says; on a laptop the engine's default counts.

    Each module that Lambda starts a function with calls it as it is imported: `app`, `steps`, `triggers`.
    """
    if memory_mb := os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"):
        limit_memory(int(memory_mb))
