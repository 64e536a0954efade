"""What the engine takes of a function's memory."""

import os
import subprocess
import sys
from typing import Any

import pytest

from app import app
from infra import ROOT

WITHOUT_ENGINE = {"chalicelib.api.authorizer"}  # it decides who may come in, and starts in a fraction of the time
STARTED: list[Any] = [*app.pure_lambda_functions, *app.event_sources, *app.builtin_auth_handlers]
MODULES = {each.handler_string.rpartition(".")[0] for each in STARTED} | {"app"}
LIMIT = "from oneroster_engine import duckdb_session; print(duckdb_session._limit_mb)"


@pytest.mark.parametrize("module", sorted(MODULES - WITHOUT_ENGINE))
def test_the_engine_is_held_to_its_own_functions_memory_whatever_module_lambda_starts_it_with(module: str) -> None:
    started = subprocess.run(
        [sys.executable, "-c", f"import {module}; {LIMIT}"],
        cwd=ROOT,
        env={**os.environ, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1000", "AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert started.stdout.split() == ["800"]
