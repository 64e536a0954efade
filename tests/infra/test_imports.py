"""What a function loads before it can answer: each in a Python of its own, as Lambda starts it."""

import subprocess
import sys

import pytest

# Packages that take a tenth of a second of processor and more, which a function of a quarter of one waits four times as long for.
HEAVY = {"duckdb", "paramiko", "httpx", "cryptography", "openpyxl", "python_calamine", "xlsxwriter", "jinja2"}
# What each kind of function has no use for, or not before it does its work: a source is reached by few calls of few functions.
WITHOUT = {
    "chalicelib.api.authorizer": HEAVY,
    "chalicelib.triggers.blueprint": {"paramiko", "httpx", "openpyxl", "python_calamine", "xlsxwriter", "cryptography"},
    "chalicelib.steps.blueprint": HEAVY - {"duckdb"},
    "app": HEAVY - {"duckdb"},
}
NOWHERE = {"aws_xray_sdk", "wrapt", "requests", "click"}  # Lambda itself traces each function; botocore needs none of them


@pytest.mark.parametrize("module", WITHOUT)
def test_a_function_loads_no_heavy_package_that_it_has_no_use_for(module: str) -> None:
    loads = f"import sys, {module}; print(' '.join(sys.modules))"
    environment = {"AWS_DEFAULT_REGION": "us-east-1"}

    loaded = subprocess.run(
        [sys.executable, "-c", loads], env=environment, capture_output=True, text=True, check=True
    ).stdout.split()

    assert "boto3" in loaded
    assert (WITHOUT[module] | NOWHERE) & set(loaded) == set()
    assert "app" not in set(loaded) - {module}
