"""The embedded AWS on one machine: start it, deploy the very template that AWS gets, let people in.

Everything in which the emulator differs from AWS is in this folder.
"""

import base64
import hashlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
import httpx
from botocore.config import Config

from infra import ROOT
from infra.artifact import add_bytecode
from infra.build import build
from infra.deploy import Deployment, Failed, portal_config
from infra.restore import end_running

REGION = "us-east-1"
STACK = "oneroster-local"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
READY_WITHIN_S = 30
SAVED_WITHIN_S = 60  # it writes its tables down when it is told to stop, and has lost them where it is killed before
PASSWORD = "Local-demo-2026"  # of a pool that is reachable from this machine alone
MAIL_FROM = "roster-sync@example.org"  # the embedded SES keeps what is sent: make mail
PEOPLE = {"admin": "Ada Admin", "operator": "Olu Operator", "viewer": "Vera Viewer"}


@dataclass
class Stack:
    """A running emulator with the product deployed in it. Where `enforcing`, a role can do what its policies say, no more."""

    port: int
    portal_origin: str
    folder: Path
    enforcing: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)  # of the emulator's process, over those made here
    process: "subprocess.Popen[bytes] | None" = None
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api_url(self) -> str:
        return f"{self.endpoint}/_aws/execute-api/{self.outputs['RestAPIId']}/api"

    def client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 3}),
        )

    def start(self) -> None:
        """Start the emulator and wait until it answers; its state is kept in `folder`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        kept = {
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.folder / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self.folder / "objects"),
        }
        served = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(self.port), "MINISTACK_HOST": "127.0.0.1"}
        access = {"AUTH": str(self.enforcing).lower()}
        path = {"PYTHONPATH": str(ROOT), "AWS_ENDPOINT_URL": self.endpoint}
        peers = {"SOURCES_ON_LOOPBACK": "allowed"}  # sources to try things with run on this machine
        self.process = subprocess.Popen(
            [sys.executable, "-m", "local.emulator"],
            env={**os.environ, **KEYS, **kept, **served, **path, **peers, **access, **self.settings},
            stdout=(self.folder / "emulator.log").open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        until = time.monotonic() + READY_WITHIN_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"The embedded AWS did not start; see {self.folder}/emulator.log.")
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def deployment(self) -> Deployment:
        """The stack as its deployer has it in hand."""
        return Deployment(STACK, self.client, pause_s=0.1)

    def deploy(self, **more: str) -> None:
        """Create or update the stack as `make deploy` does, with `more` parameters; nothing is done where nothing has changed."""
        built, deployment = build(self.folder / "build"), self.deployment()
        _add_bytecode(built.code)
        given = {"PortalOrigin": self.portal_origin, "TokenKeysBase": self.endpoint, "MailFrom": MAIL_FROM, "UserPoolMfa": "OFF"}
        given |= more
        try:
            deployment.deploy(built.template, built.code, given, agree=lambda changes: True)
        except Failed as reason:
            raise SystemExit(str(reason)) from reason
        self.outputs = deployment.outputs
        self.client("ses").verify_email_identity(EmailAddress=MAIL_FROM)

    def mails(self) -> list[dict[str, Any]]:
        """What was sent from this stack, as the embedded SES keeps it; the oldest first."""
        with urllib.request.urlopen(f"{self.endpoint}/_ministack/ses/messages", timeout=5) as answer:
            accounts: dict[str, list[dict[str, Any]]] = json.load(answer)["messages"]
        return [mail for mails in accounts.values() for mail in mails]

    def let_people_in(self) -> None:
        """One person a role, let into every group, as often an hour as scripts ask. Asking twice is asking once."""
        ssm, limits = self.client("ssm"), f"/{STACK}/limits"
        answer = json.loads(ssm.get_parameter(Name=limits)["Parameter"]["Value"])
        answer |= dict.fromkeys((name for name in answer if name.endswith("AnHour")), 1_000_000)
        ssm.put_parameter(Name=limits, Value=json.dumps(answer), Overwrite=True)
        cognito, pool = self.client("cognito-idp"), self.outputs["UserPool"]
        for role, name in PEOPLE.items():
            attributes = {"email": _email(role), "email_verified": "true", "name": name, "custom:rosterGroups": "*"}
            given = [{"Name": key, "Value": value} for key, value in attributes.items()]
            try:
                cognito.admin_create_user(
                    UserPoolId=pool,
                    Username=_email(role),
                    UserAttributes=given,
                    MessageAction="SUPPRESS",
                    TemporaryPassword=PASSWORD,
                )
            except cognito.exceptions.UsernameExistsException:
                continue
            cognito.admin_set_user_password(UserPoolId=pool, Username=_email(role), Password=PASSWORD, Permanent=True)
            cognito.admin_add_user_to_group(UserPoolId=pool, Username=_email(role), GroupName=role)

    def token(self, role: str) -> str:
        """An ID token of the person with this role."""
        return self.sign_in(_email(role), PASSWORD)["id_token"]

    def sign_in(self, username: str, password: str) -> dict[str, str]:
        """Tokens as the portal gets them: by the pool's sign-in page and a code. The client is open to nothing else."""
        verifier, redirect = "local-" * 8, f"{self.portal_origin}/signed-in"
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        client = {"client_id": self.outputs["PortalClient"], "redirect_uri": redirect}
        asked = {"response_type": "code", "scope": "openid email profile", "code_challenge": challenge, "state": "", "nonce": ""}
        form = {**client, **asked, "code_challenge_method": "S256", "username": username, "password": password}
        with httpx.Client(base_url=self.endpoint, timeout=30) as pages:
            sent_on = pages.post("/login", data=form).headers.get("location", "")
            code = httpx.URL(sent_on).params.get("code", "")
            exchanged = {**client, "grant_type": "authorization_code", "code": code, "code_verifier": verifier}
            answer = pages.post("/oauth2/token", data=exchanged)
        tokens: dict[str, str] = answer.raise_for_status().json()
        return tokens

    def give_back_locks(self) -> None:
        """Syncs that ran when the emulator was stopped are over: its executions don't survive a restart."""
        os.environ.update(self.environment())
        end_running("The local stack was stopped while this sync ran. Start it again.")

    def environment(self) -> dict[str, str]:
        """What scripts need to reach the stack."""
        named = {
            "DATA_BUCKET": "DataBucket",
            "GROUPS_TABLE": "GroupsTable",
            "SYNCS_TABLE": "SyncsTable",
            "ROSTER_TABLE": "RosterTable",
            "AUDIT_TABLE": "AuditTable",
            "SELECTIONS_TABLE": "SelectionsTable",
            "ARRIVALS_TABLE": "ArrivalsTable",
            "CLIENTS_TABLE": "ClientsTable",
            "MEMBERS_TABLE": "MembersTable",
            "ACCESS_TABLE": "AccessTable",
            "DELETIONS_TABLE": "DeletionsTable",
            "STATE_MACHINE_ARN": "StateMachineArn",
            "USER_POOL": "UserPool",
            "PORTAL_CLIENT": "PortalClient",
            "REST_API": "RestAPIId",
        }
        reached = {"AWS_ENDPOINT_URL": self.endpoint, "API_URL": f"{self.portal_origin}/api", "PORTAL_URL": self.portal_origin}
        return {**KEYS, **reached, **{name: self.outputs[output] for name, output in named.items()}}

    def portal_config(self) -> dict[str, str]:
        """`/config.json` of the portal: everything by its own origin, which the front server leads on."""
        return portal_config(self.outputs, self.portal_origin, REGION, sign_in=self.portal_origin, keys=self.portal_origin)

    def portal_headers(self) -> dict[str, str]:
        """What the stack has CloudFront add to every answer."""
        cloudfront, policy_id = self.client("cloudfront"), self.outputs["PortalHeaders"]
        policy = cloudfront.get_response_headers_policy(Id=policy_id)["ResponseHeadersPolicy"]["ResponseHeadersPolicyConfig"]
        security = policy["SecurityHeadersConfig"]
        named = {
            "Content-Security-Policy": security["ContentSecurityPolicy"]["ContentSecurityPolicy"],
            "Referrer-Policy": security["ReferrerPolicy"]["ReferrerPolicy"],
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": security["FrameOptions"]["FrameOption"],
        }
        return named | {each["Header"]: each["Value"] for each in policy["CustomHeadersConfig"]["Items"]}

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(SAVED_WITHIN_S)
            except subprocess.TimeoutExpired:
                self.process.kill()


def _add_bytecode(code: Path) -> None:
    """Compile once what is in the ZIP: each function's process unpacks it anew, and would compile it by itself."""
    with TemporaryDirectory() as folder, zipfile.ZipFile(code, "a") as packed:
        packed.extractall(folder)
        add_bytecode(Path(folder))
        for made in sorted(Path(folder).rglob("*.pyc")):
            packed.writestr(zipfile.ZipInfo(made.relative_to(folder).as_posix()), made.read_bytes())


def write_environment(path: Path, values: Mapping[str, str]) -> None:
    path.write_text("".join(f"{name}={value}\n" for name, value in values.items()))


def read_environment(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)


def _email(role: str) -> str:
    return f"{role}@example.org"
