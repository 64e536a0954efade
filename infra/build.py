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

from infra import ROOT, functions
from infra.artifact import ARCHITECTURE, RUNTIME
from infra.machine import definition

TEMPLATES = ("template.json", "portal.json", "network.json")
# What is copied, and to where: Chalice packs app.py, chalicelib/ and what lies in vendor/.
CODE = {"app.py": "app.py", "chalicelib": "chalicelib", "oneroster_engine": "vendor/oneroster_engine", ".chalice": ".chalice"}


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
    for name, to in CODE.items():
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, source / to, ignore=shutil.ignore_patterns("__pycache__", "deployments", "deployed"))
        else:
            shutil.copy(path, source / to)
    (source / "requirements.txt").write_text("")
    _configure(source / ".chalice")
    merged = out.resolve() / "resources.json"
    merged.write_text(json.dumps(resources()))
    chalice = [str(Path(sys.executable).parent / "chalice"), "package", "--stage", "main", "--template-format", "json"]
    done = subprocess.run(
        [*chalice, "--merge-template", str(merged), str(out.resolve())],
        cwd=source,
        # Chalice asks for a region, and writes it nowhere. It imports what it then packs, with bytecode that lies in vendor/.
        env={"AWS_DEFAULT_REGION": "us-east-1", **os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
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
    api = made["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    api["x-amazon-apigateway-gateway-responses"] = gateway_responses()
    api["info"]["title"] = {"Ref": "AWS::StackName"}  # the API's name, by which its metrics are told from another stage's
    template.write_text(json.dumps(made, indent=1))
    return Built(out / "deployment.zip", template)


def _configure(folder: Path) -> None:
    """Chalice's configuration, completed by what `functions.py` declares."""
    config = folder / "config.json"
    config.write_text(json.dumps(functions.chalice_config(json.loads(config.read_text()))))
    for function in functions.FUNCTIONS:
        (folder / f"policy-{function.name}.json").write_text(json.dumps(function.policy()))


def gateway_responses() -> dict[str, Any]:
    """What API Gateway says before or instead of the API, as the problem documents that the API itself gives (RFC 9457)."""
    return {
        kind: {
            **({"statusCode": status} if status else {}),
            "responseParameters": {"gatewayresponse.header.Content-Type": "'application/problem+json'"},
            "responseTemplates": {
                "application/json": json.dumps(
                    {
                        "type": "about:blank",
                        "title": title,
                        **({"status": status} if status else {}),
                        "detail": detail,
                        "errors": [],
                        "requestId": "$context.requestId",
                    }
                )
            },
        }
        for kind, (status, title, detail) in GATEWAY_SAYS.items()
    }


def functions_of(template: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in template["Resources"].items() if each["Type"] == "AWS::Serverless::Function"}


def resources() -> dict[str, Any]:
    """Our templates as one, with the state machine's definition, every `${Function}` in it being that function's ARN."""
    template: dict[str, Any] = {}
    for name in TEMPLATES:
        for section, content in json.loads((ROOT / "infra" / name).read_text()).items():
            template[section] = content if isinstance(content, str) else template.get(section, {}) | content
    for section, content in functions.template().items():
        template[section] |= content
    arns = {name: {"Fn::GetAtt": [name, "Arn"]} for name in functions.STEPS}
    machine = template["Resources"]["SyncMachine"]["Properties"]
    machine["DefinitionString"] = {"Fn::Sub": [json.dumps(definition()), arns]}
    [policy] = template["Resources"]["SyncMachineRole"]["Properties"]["Policies"]
    invoke = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": [*arns.values()]}
    policy["PolicyDocument"]["Statement"].insert(0, invoke)
    return template


def with_code(template: Path, address: str) -> dict[str, Any]:
    """The template with its functions' code at `address` (s3://bucket/key)."""
    made: dict[str, Any] = json.loads(template.read_text())
    for function in functions_of(made).values():
        function["Properties"]["CodeUri"] = address
    return made


# API Gateway's own answers by its names for them; the defaults keep the status of what they stand for. A path that there is
# not has no token either, and is called so.
GATEWAY_SAYS: dict[str, tuple[int | None, str, str]] = {
    "UNAUTHORIZED": (401, "Not signed in", "Send the ID token of a signed-in person as a bearer token; it may have expired."),
    "EXPIRED_TOKEN": (401, "Not signed in", "The token has expired. Sign in again."),
    "ACCESS_DENIED": (403, "Not allowed", "Your sign-in does not reach here. Ask an administrator."),
    "MISSING_AUTHENTICATION_TOKEN": (404, "Not found", "There is no such route; /openapi.json lists those that there are."),
    "REQUEST_TOO_LARGE": (
        413,
        "Too large",
        "A body may have some 5 MB. Files go by a presigned form; ask for one by POST .../uploads.",
    ),
    "THROTTLED": (429, "Too many requests", "Wait a second and send the request again."),
    "QUOTA_EXCEEDED": (429, "Too many requests", "The day's requests are used up. Try again tomorrow."),
    "WAF_FILTERED": (403, "Not allowed", "The request was stopped by the firewall; too many may have come from your address."),
    "INTEGRATION_TIMEOUT": (504, "Took too long", "The answer took longer than 29 seconds. Try again."),
    "DEFAULT_4XX": (None, "Refused", "API Gateway could not take the request. See /openapi.json for what it may be."),
    "DEFAULT_5XX": (
        None,
        "Our error",
        "Something went wrong on our side. Try again; if it stays so, name the requestId to support.",
    ),
}
