"""Builds what CloudFormation gets: the functions' code and one template of Chalice's and our own resources.

Every stage, the one on a developer's machine included, is deployed from this same template; what differs by stage
is a parameter.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra import ROOT
from infra.artifact import ARCHITECTURE, RUNTIME

TEMPLATES = ("template.json", "portal.json")
CODE = ("app.py", "chalicelib", ".chalice")


@dataclass(frozen=True)
class Built:
    """`template` is JSON without the code's address: set CodeUri by `with_code` once the code is uploaded."""

    code: Path
    template: Path


def build(out: Path) -> Built:
    """Package the app into `out` (made anew). The packages that it imports are not in it: see `artifact`."""
    shutil.rmtree(out, ignore_errors=True)
    source = out / "source"
    source.mkdir(parents=True)
    for name in CODE:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns("__pycache__", "deployments", "deployed"))
        else:
            shutil.copy(path, source / name)
    (source / "requirements.txt").write_text("")
    merged = out.resolve() / "resources.json"
    merged.write_text(json.dumps(resources()))
    chalice = [str(Path(sys.executable).parent / "chalice"), "package", "--stage", "main", "--template-format", "json"]
    done = subprocess.run(
        [*chalice, "--merge-template", str(merged), str(out.resolve())],
        cwd=source,
        env={"AWS_DEFAULT_REGION": "us-east-1", **os.environ},  # chalice asks for one, and writes it nowhere
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"chalice package failed:\n{done.stdout}{done.stderr}")
    template = out / "sam.json"
    made = json.loads(template.read_text())
    for function in functions_of(made).values():  # Chalice writes this machine's Python down
        function["Properties"] |= {"Runtime": RUNTIME, "Architectures": [ARCHITECTURE]}
    template.write_text(json.dumps(made, indent=1))
    return Built(out / "deployment.zip", template)


def functions_of(template: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in template["Resources"].items() if each["Type"] == "AWS::Serverless::Function"}


def resources() -> dict[str, Any]:
    """Our templates as one, with the state machine's definition, every `${Function}` in it being that function's ARN."""
    template: dict[str, Any] = {}
    for name in TEMPLATES:
        for section, content in json.loads((ROOT / "infra" / name).read_text()).items():
            template[section] = content if isinstance(content, str) else template.get(section, {}) | content
    definition = json.dumps(json.loads((ROOT / "stepfunctions" / "sync.asl.json").read_text()))
    functions = [name for name in FUNCTIONS if f"${{{name}}}" in definition]
    arns = {name: {"Fn::GetAtt": [name, "Arn"]} for name in functions}
    template["Resources"]["SyncMachine"]["Properties"]["DefinitionString"] = {"Fn::Sub": [definition, arns]}
    return template


def with_code(template: Path, address: str) -> dict[str, Any]:
    """The template with its functions' code at `address` (s3://bucket/key)."""
    made: dict[str, Any] = json.loads(template.read_text())
    for function in functions_of(made).values():
        function["Properties"]["CodeUri"] = address
    return made


# The machine's Lambdas by the names that CloudFormation knows them under.
FUNCTIONS = (
    "OpenSource", "PlanFetch", "FetchPart", "CheckFetched", "Stage", "Ask", "Plan", "ApplyChunk", "Commit", "Report",
    "RecordFailure",
)  # fmt: skip
