"""The template as it is built, and as CloudFormation gets to see it once SAM has written its short forms out."""

import json
from pathlib import Path
from typing import Any

import pytest
from samtranslator.translator.transform import transform  # type: ignore[import-untyped]

from infra.build import build, with_code

Json = dict[str, Any]


@pytest.fixture(scope="session")
def built_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("template")).template


@pytest.fixture(scope="session")
def built(built_path: Path) -> Json:
    loaded: Json = json.loads(built_path.read_text())
    return loaded


@pytest.fixture(scope="session")
def translated(built_path: Path) -> Json:
    """What is deployed: SAM adds resources, names them, and fills in what was left open."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        written: Json = transform(with_code(built_path, "s3://bucket/code.zip"), {}, None)
    return written


@pytest.fixture(scope="session")
def resources(translated: Json) -> dict[str, Json]:
    found: dict[str, Json] = translated["Resources"]
    return found


def of_kind(resources: dict[str, Json], kind: str) -> dict[str, Json]:
    """The properties of each resource of one kind, by its name."""
    return {name: each.get("Properties", {}) for name, each in resources.items() if each["Type"] == kind}
