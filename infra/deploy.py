"""`make deploy STAGE=...` and `make destroy STAGE=...`: one CloudFormation stack, changed only as somebody has agreed to.

Everything here works the same on AWS and on the embedded AWS: it is given the doors to either.
"""

import hashlib
import json
import mimetypes
import os
import re
import secrets
import sys
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx
from botocore.exceptions import ClientError

from infra import ROOT
from infra.artifact import Unfit
from infra.build import functions_of, with_code
from infra.package import package
from infra.regions import SUPPORTED

# What a stage may say in stages.toml that is no parameter of the template.
SETTINGS = {"TerminationProtection": "False", "MonthlyBudgetUsd": "100"}
STAGES = ROOT / "infra" / "stages.toml"
STAGE = re.compile(r"[a-z][a-z0-9]{0,15}")
RESERVED = ("aws", "amazon", "cognito")  # Cognito refuses them in a domain's name
PORTAL = ROOT / "portal" / "dist"
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
# Before the first deploy CloudFront has not said yet where the portal will be. The second round, right after, knows.
NOWHERE = "https://localhost"
NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
CONSEQUENCES = ("cancelled", "Resource creation cancelled", "Resource update cancelled")
PAUSE_S = 2.0
FOREVER = "public, max-age=31536000, immutable"  # a file whose name has its content's hash
NEVER = "no-cache"  # asked for again each time; an unchanged one costs a 304


class Failed(Exception):
    """What went wrong, with the resource and the reason that CloudFormation gives, and what state things are in."""


@dataclass(frozen=True)
class Change:
    action: str  # Add, Modify, Remove
    resource: str
    kind: str
    replaced: bool  # a new one takes its place

    def __str__(self) -> str:
        return f"{self.action:7} {self.resource:28} {self.kind}{'  (a new one takes its place)' if self.replaced else ''}"


Agree = Callable[[list[Change]], bool]
# States that no deploy leads out of, and what does.
STUCK = {
    "ROLLBACK_FAILED": "Its first deploy failed, and so did taking it back. `make destroy` with its stage deletes what is left "
    "(its reasons stand in the stack's events); then deploy again.",
    "DELETE_FAILED": "It was being deleted. `make destroy` with its stage goes on with that; then deploy again.",
    "UPDATE_ROLLBACK_FAILED": "Putting back the version before failed. Remove the cause that the stack's events name, then: aws "
    "cloudformation continue-update-rollback --stack-name {stack}",
}
# Lambda keeps so many for functions without a share of their own, or all that a small account has.
KEPT_UNRESERVED = 100


@dataclass
class Deployment:
    """A stage's stack: `client` opens the door to a service of AWS by its name."""

    stack: str
    client: Callable[[str], Any]
    pause_s: float = PAUSE_S
    outputs: dict[str, str] = field(default_factory=dict)

    def deploy(self, template: Path, code: Path, parameters: Mapping[str, str], agree: Agree) -> bool:
        """Make the stack as `template` says, with the functions' code from the ZIP `code`.

        False when nothing had to change, or `agree` was shown the changes and said no. Raises Failed; CloudFormation
        has then put everything back as it was, or says in which state it stopped.
        """
        self._check_state()
        self._check_concurrency(json.loads(template.read_text()), parameters)
        bucket = self._artifacts()
        address = f"s3://{bucket}/{self._store(bucket, code.read_bytes(), '.zip')}"
        made = with_code(template, address)
        body = json.dumps(made).encode()
        url = f"{self.client('s3').meta.endpoint_url}/{bucket}/{self._store(bucket, body, '.json')}"
        parameters = {"LimitsParameter": f"/{self.stack}/limits", **parameters}
        if "OriginKey" in made["Parameters"] and "OriginKey" not in self._parameters_now():
            parameters.setdefault("OriginKey", secrets.token_urlsafe(32))
        if "SignInNames" in made["Parameters"] and self.outputs_now() and "SignInNames" not in self._parameters_now():
            parameters.setdefault("SignInNames", "asTheyWere")  # a pool of before: Cognito refuses to change it
        changed = False
        for _ in range(2):
            origin = parameters.get("PortalOrigin") or self.outputs_now().get("PortalAddress", NOWHERE)
            changed = self._round(url, {**parameters, "PortalOrigin": origin}, (lambda _: True) if changed else agree) or changed
            if origin != NOWHERE or not changed:
                break
        self.outputs = self.outputs_now()
        return changed

    def outputs_now(self) -> dict[str, str]:
        return {each["OutputKey"]: each["OutputValue"] for each in (self._described() or {}).get("Outputs", [])}

    def destroy(self) -> list[str]:
        """Delete the stack; returns what it leaves behind, as `Type name`: everything that holds data.

        Its executions are stopped first: one that waits for a person would keep the state machine, and so the stack, for days.
        """
        cloudformation = self.client("cloudformation")
        stack = self._described()
        if not stack:
            raise Failed(f"There is no stack {self.stack}; nothing was changed.")
        if stack.get("EnableTerminationProtection"):
            raise Failed(
                f"The stack {self.stack} is protected from being deleted. If it really has to go: aws cloudformation "
                f"update-termination-protection --no-enable-termination-protection --stack-name {self.stack}, and again. "
                "Nothing was changed."
            )
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=self.stack)
        resources = [each for page in pages for each in page["StackResourceSummaries"]]
        template = cloudformation.get_template(StackName=self.stack, TemplateStage="Original")["TemplateBody"]
        written = template if isinstance(template, dict) else json.loads(template)
        kept = {name for name, each in written["Resources"].items() if each.get("DeletionPolicy") == "Retain"}
        machines = [each["PhysicalResourceId"] for each in resources if each["LogicalResourceId"] == "SyncMachine"]

        def stop() -> None:
            for machine in machines:
                self._stop_executions(machine)

        stop()
        cloudformation.delete_stack(StackName=self.stack)
        self._settled(self._last_event(), gone=True, meanwhile=stop)
        self.watch_costs("", 0)
        left = [each for each in resources if each["LogicalResourceId"] in kept]
        return [f"{each['ResourceType']} {each['PhysicalResourceId']}" for each in left]

    def delete_data(self, left: list[str]) -> None:
        """Delete for good what `destroy` left behind. Keys wait the week that AWS asks for."""
        for kind, _, name in (each.partition(" ") for each in left):
            match kind:
                case "AWS::DynamoDB::Table":
                    self.client("dynamodb").delete_table(TableName=name)
                case "AWS::S3::Bucket":
                    self._empty(name)
                    self.client("s3").delete_bucket(Bucket=name)
                case "AWS::KMS::Key":
                    self.client("kms").schedule_key_deletion(KeyId=name, PendingWindowInDays=7)
                case "AWS::Cognito::UserPool":
                    self.client("cognito-idp").update_user_pool(UserPoolId=name, DeletionProtection="INACTIVE")
                    self.client("cognito-idp").delete_user_pool(UserPoolId=name)
                case _:
                    raise Failed(f"{kind} {name} is left; this script doesn't know how to delete it.")

    def publish(self, portal: Path, config: Mapping[str, str]) -> int:
        """Bring the portal's bucket up to date with `portal` and its `config.json`. Returns how many files were sent.

        Hashed files first and the page last, so that no page asks for a file that isn't there. Old ones stay for pages
        that are open.
        """
        bucket, s3 = self.outputs["PortalBucket"], self.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        there = {each["Key"]: each["ETag"].strip('"') for page in pages for each in page.get("Contents", [])}
        files = {path.relative_to(portal).as_posix(): path.read_bytes() for path in portal.rglob("*") if path.is_file()}
        files["config.json"] = json.dumps(config, indent=1).encode()
        sent = 0
        for key in sorted(files, key=lambda key: (not key.startswith("assets/"), key == "index.html", key)):
            if there.get(key) != hashlib.md5(files[key], usedforsecurity=False).hexdigest():
                kind = mimetypes.guess_type(key)[0] or "application/octet-stream"
                cached = FOREVER if key.startswith("assets/") else NEVER
                s3.put_object(Bucket=bucket, Key=key, Body=files[key], ContentType=kind, CacheControl=cached)
                sent += 1
        return sent

    def protect(self, wanted: bool) -> None:
        """Let nobody delete the stack by one command, or let them again."""
        stack = self._described()
        if stack and bool(stack.get("EnableTerminationProtection")) != wanted:
            change = self.client("cloudformation").update_termination_protection
            change(StackName=self.stack, EnableTerminationProtection=wanted)

    def watch_costs(self, email: str, monthly_usd: float) -> None:
        """Mail `email` at 80 % of the account's month, and when more than all of it is forecast; without one nobody.

        Not in the template: CloudFormation knows budgets in a few regions only, and refuses the whole template elsewhere.
        """
        budgets, account = self.client("budgets"), self.client("sts").get_caller_identity()["Account"]
        name = f"{self.stack}-{budgets.meta.region_name}"
        try:
            known = budgets.describe_budget(AccountId=account, BudgetName=name)["Budget"]
            notices = budgets.describe_notifications_for_budget(AccountId=account, BudgetName=name)["Notifications"]
            notified = {
                each["Address"]
                for notice in notices
                for each in budgets.describe_subscribers_for_notification(
                    AccountId=account, BudgetName=name, Notification=notice
                )["Subscribers"]
            }
            if notified == {email} and float(known["BudgetLimit"]["Amount"]) == monthly_usd:
                return
            budgets.delete_budget(AccountId=account, BudgetName=name)
        except ClientError as refusal:
            if refusal.response["Error"]["Code"] != "NotFoundException":
                raise
        if not email:
            return
        notices = [
            {
                "Notification": {"NotificationType": kind, "ComparisonOperator": "GREATER_THAN", "Threshold": percent},
                "Subscribers": [{"SubscriptionType": "EMAIL", "Address": email}],
            }
            for kind, percent in (("ACTUAL", 80.0), ("FORECASTED", 100.0))
        ]
        limit = {"Amount": str(monthly_usd), "Unit": "USD"}
        budget = {"BudgetName": name, "BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": limit}
        budgets.create_budget(AccountId=account, Budget=budget, NotificationsWithSubscribers=notices)

    def check_region(self) -> None:
        """Raises Failed for a region that lacks a kind of resource."""
        region = self.client("cloudformation").meta.region_name
        if region not in SUPPORTED:
            raise Failed(
                f"{region} is no region that the stack can be deployed to; docs/operate/deploy.md names them. "
                "Nothing was changed."
            )

    def _check_state(self) -> None:
        """Raises Failed for a stack that no deploy can change now."""
        status = (self._described() or {}).get("StackStatus", "")
        if status in STUCK:
            raise Failed(f"The stack {self.stack} is {status}. {STUCK[status].format(stack=self.stack)} Nothing was changed.")
        if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            raise Failed(f"The stack {self.stack} is {status}: wait until that has ended. Nothing was changed.")

    def _check_concurrency(self, template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        """Raises Failed where the account has fewer Lambdas at once than the template would reserve, as new ones do."""
        shares = [
            name
            for function in functions_of(dict(template)).values()
            for name in function["Properties"].get("ReservedConcurrentExecutions", {}).get("Fn::If", [None, {}])[1].values()
        ]
        wanted = sum(int(parameters.get(name, template["Parameters"][name]["Default"])) for name in shares)
        now = self._parameters_now()
        reserved = sum(int(now.get(name, 0)) for name in shares)
        account = self.client("lambda").get_account_settings()["AccountLimit"]
        limit, free = account["ConcurrentExecutions"], account["UnreservedConcurrentExecutions"] + reserved
        kept = min(KEPT_UNRESERVED, limit)
        if wanted and free - wanted < kept:
            raise Failed(
                f"This account lets {limit} Lambdas run at once in {self.client('lambda').meta.region_name}. {free} of them are "
                f"not reserved by others; the stage reserves {wanted}, and AWS keeps {kept} unreserved. Ask for at least "
                f"{limit - free + wanted + kept} (Service Quotas, Lambda, Concurrent executions), or until you have them set "
                + " and ".join(f"{name} = 0" for name in sorted(set(shares)))
                + " for the stage in infra/stages.toml. Nothing was changed."
            )

    def _stop_executions(self, machine: str) -> None:
        states = self.client("stepfunctions")
        try:
            pages = states.get_paginator("list_executions").paginate(stateMachineArn=machine, statusFilter="RUNNING")
            for execution in [each["executionArn"] for page in pages for each in page["executions"]]:
                states.stop_execution(executionArn=execution, error="Destroyed", cause="The stage was being deleted.")
        except states.exceptions.StateMachineDoesNotExist:
            return

    def _round(self, template_url: str, parameters: Mapping[str, str], agree: Agree) -> bool:
        """One change set, from proposal to settled stack."""
        cloudformation, stack = self.client("cloudformation"), self._described()
        if stack and stack["StackStatus"] == "ROLLBACK_COMPLETE":  # a first deploy that failed: nothing is in it
            cloudformation.delete_stack(StackName=self.stack)
            self._settled(self._last_event(), gone=True)
            stack = None
        new = stack is None or stack["StackStatus"] == "REVIEW_IN_PROGRESS"
        given: list[dict[str, Any]] = [
            {"ParameterKey": key, "ParameterValue": value} for key, value in sorted(parameters.items())
        ]
        if "OriginKey" not in parameters and "OriginKey" in self._parameters_now():  # which nobody can read back
            given.append({"ParameterKey": "OriginKey", "UsePreviousValue": True})
        change_set = cloudformation.create_change_set(
            StackName=self.stack,
            ChangeSetName=f"deploy-{time.time_ns()}",
            ChangeSetType="CREATE" if new else "UPDATE",
            TemplateURL=template_url,
            Parameters=given,
            Capabilities=CAPABILITIES,
            Tags=[{"Key": "product", "Value": "oneroster-selective-sync"}],
        )["Id"]
        changes = self._proposed(change_set)
        if not changes or not agree(changes):
            cloudformation.delete_change_set(StackName=self.stack, ChangeSetName=change_set)
            if new:  # the empty stack that the change set was made in
                cloudformation.delete_stack(StackName=self.stack)
            return False
        before = self._last_event()
        cloudformation.execute_change_set(StackName=self.stack, ChangeSetName=change_set, RetainExceptOnCreate=True)
        self._settled(before)
        return True

    def _proposed(self, change_set: str) -> list[Change]:
        cloudformation = self.client("cloudformation")
        while True:
            answer = cloudformation.describe_change_set(StackName=self.stack, ChangeSetName=change_set)
            if answer["Status"] == "FAILED":
                if any(words in answer.get("StatusReason", "") for words in NO_CHANGES):
                    return []
                why = "\n".join([answer.get("StatusReason", ""), *self._invalid(ChangeSetName=change_set)])
                raise Failed(f"CloudFormation refuses the template. Nothing was changed.\n{why}")
            if answer["Status"] == "CREATE_COMPLETE":
                break
            time.sleep(self.pause_s)
        pages = cloudformation.get_paginator("describe_change_set").paginate(StackName=self.stack, ChangeSetName=change_set)
        found = [each["ResourceChange"] for page in pages for each in page["Changes"] if each["Type"] == "Resource"]
        return [
            Change(each["Action"], each["LogicalResourceId"], each["ResourceType"], each.get("Replacement") == "True")
            for each in found
        ]

    def _settled(self, before: str, gone: bool = False, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Wait until CloudFormation has done what it was told. Raises Failed with what stood in its way."""
        good = ("DELETE_COMPLETE",) if gone else ("CREATE_COMPLETE", "UPDATE_COMPLETE")
        while True:
            stack = self._described()
            status = stack["StackStatus"] if stack else "DELETE_COMPLETE"
            if status in good:
                return
            if not status.endswith("IN_PROGRESS"):
                break
            meanwhile()
            time.sleep(self.pause_s)
        reasons = []
        for page in self.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=self.stack):
            for event in page["StackEvents"]:
                if event["EventId"] == before:
                    break
                why = event.get("ResourceStatusReason", "")
                if "DescribeEvents" in why:
                    reasons += self._invalid(StackName=self.stack)
                elif event["ResourceStatus"].endswith("_FAILED") and why and not any(words in why for words in CONSEQUENCES):
                    reasons.append(f"{event['LogicalResourceId']} ({event['ResourceType']}): {why}")
            else:
                continue
            break
        restored = "Everything is as it was before." if status in ("UPDATE_ROLLBACK_COMPLETE", "ROLLBACK_COMPLETE") else ""
        restored = STUCK[status].format(stack=self.stack) if status in STUCK else restored
        raise Failed(f"The stack {self.stack} is {status}. {restored}\n" + "\n".join(f"- {each}" for each in reversed(reasons)))

    def _invalid(self, **of: str) -> list[str]:
        """What CloudFormation found wrong in the properties of the latest operation's resources, before it began."""
        events = self.client("cloudformation").describe_events(**of)["OperationEvents"]
        wrong = [event for event in events if event.get("ValidationStatus") == "FAILED"]
        latest = max((event["Timestamp"], event["OperationId"]) for event in wrong)[1] if wrong else ""
        return [
            f"{event['LogicalResourceId']} ({event['ResourceType']}): {event['ValidationStatusReason']}"
            for event in wrong
            if event["OperationId"] == latest
        ]

    def _last_event(self) -> str:
        if not self._described():
            return ""
        events = self.client("cloudformation").describe_stack_events(StackName=self.stack)["StackEvents"]
        return str(events[0]["EventId"]) if events else ""

    def _described(self) -> dict[str, Any] | None:
        try:
            found = self.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"]
        except ClientError as refusal:
            if "does not exist" in str(refusal):
                return None
            raise
        live = [stack for stack in found if stack["StackStatus"] != "DELETE_COMPLETE"]
        return live[0] if live else None

    def _parameters_now(self) -> dict[str, str]:
        """Those of the stack; none of one that never came to be, since what it was given is gone with it."""
        stack = self._described() or {}
        never = stack.get("StackStatus") in ("ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS")
        return {} if never else {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])}

    def _artifacts(self) -> str:
        """The bucket for code and templates, one for all stages of an account and region; made when there is none.

        Its name can be guessed, so each call says whose it has to be: code is neither put into nor run from a stranger's.
        """
        account = self.client("sts").get_caller_identity()["Account"]
        s3 = self.client("s3")
        region = s3.meta.region_name
        name = f"oneroster-artifacts-{account}-{region}"
        try:
            s3.head_bucket(Bucket=name, ExpectedBucketOwner=account)
        except ClientError as refusal:
            if refusal.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
                raise Failed(
                    f"The bucket {name} is not this account's, or you may not use it ({refusal}). Nothing was changed."
                ) from refusal
            elsewhere = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            s3.create_bucket(Bucket=name, **elsewhere)
            closed = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
            s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=closed, ExpectedBucketOwner=account)
        return name

    def _store(self, bucket: str, content: bytes, suffix: str) -> str:
        """Under its own hash, so that the same content is the same address and a change of it is one for CloudFormation."""
        key = f"{self.stack}/{hashlib.sha256(content).hexdigest()}{suffix}"
        account = self.client("sts").get_caller_identity()["Account"]
        self.client("s3").put_object(Bucket=bucket, Key=key, Body=content, ExpectedBucketOwner=account)
        return key

    def _empty(self, bucket: str) -> None:
        s3 = self.client("s3")
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            found = page.get("Versions", []) + page.get("DeleteMarkers", [])
            if found:
                named = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
                s3.delete_objects(Bucket=bucket, Delete={"Objects": named, "Quiet": True})


def portal_config(
    outputs: Mapping[str, str], origin: str, region: str, sign_in: str = "", keys: str = "", provider: "Provider | None" = None
) -> dict[str, str]:
    """`/config.json`: what the portal reads at run time.

    Sign-in is the user pool's, at Cognito's own addresses unless `sign_in` and `keys` say others, or `provider`'s.
    """
    own = {"apiUrl": f"{origin}/api", "redirectUri": f"{origin}/signed-in"}
    if provider:
        metadata = provider.says
        return own | {
            "issuer": metadata["issuer"],
            "clientId": provider.client_id,
            "authorizationEndpoint": metadata["authorization_endpoint"],
            "tokenEndpoint": metadata["token_endpoint"],
            "jwksUri": metadata["jwks_uri"],
            "endSessionEndpoint": metadata.get("end_session_endpoint", ""),
            "revocationEndpoint": metadata.get("revocation_endpoint", ""),
        }
    issuer = f"https://cognito-idp.{region}.amazonaws.com/{outputs['UserPool']}"
    pages = sign_in or f"https://{outputs['UserPoolDomain']}.auth.{region}.amazoncognito.com"
    return own | {
        "issuer": issuer,
        "clientId": outputs["PortalClient"],
        "authorizationEndpoint": f"{pages}/oauth2/authorize",
        "tokenEndpoint": f"{pages}/oauth2/token",
        "jwksUri": f"{keys or issuer.removesuffix('/' + outputs['UserPool'])}/{outputs['UserPool']}/.well-known/jwks.json",
        "endSessionEndpoint": f"{pages}/logout",
        "revocationEndpoint": f"{pages}/oauth2/revoke",
    }


@dataclass(frozen=True)
class Provider:
    """An OpenID provider that people sign in with directly: the portal's client there, and what it says of itself."""

    client_id: str
    says: Mapping[str, str]

    @classmethod
    def at(cls, issuer: str, client_id: str) -> "Provider":
        """Asks the provider (OpenID Connect Discovery 1.0, 4). Raises Failed where none answers for `issuer`."""
        if not client_id:
            raise Failed("TokenIssuer needs TokenAudience: the portal's client id there. Nothing was changed.")
        url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            says = httpx.get(url, timeout=10).raise_for_status().json()
            named = [says[name] for name in ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")]
        except (httpx.HTTPError, ValueError, KeyError) as reason:
            raise Failed(f"{url} does not describe an OpenID provider: {reason!r}. Nothing was changed.") from reason
        if named[0] != issuer:
            raise Failed(f"{url} is of the issuer {named[0]}; TokenIssuer has to be just that. Nothing was changed.")
        return cls(client_id, says)

    def parameters(self) -> dict[str, str]:
        address = httpx.URL(self.says["token_endpoint"])
        return {"TokenKeys": self.says["jwks_uri"], "SignInOrigins": f"{address.scheme}://{address.netloc.decode()}"}


def parameters_of(stage: str) -> dict[str, str]:
    """The stage's settings from `stages.toml`: the template's parameters, and those of SETTINGS.

    Raises Failed for a stage that isn't there, which may be a slip, and for one whose name AWS would refuse half way.
    """
    if not STAGE.fullmatch(stage) or any(word in stage for word in RESERVED):
        raise Failed(
            f"A stage can't be called {stage!r}: its name goes into names that AWS takes with small letters and digits, a letter "
            f"first, at most 16 of them, and without {', '.join(RESERVED)}. Nothing was changed."
        )
    stages = tomllib.loads(STAGES.read_text())
    if stage not in stages:
        raise Failed(f"There is no stage {stage!r} in infra/stages.toml; it has {', '.join(stages)}. Nothing was changed.")
    return {name: str(value) for name, value in stages[stage].items()}


def deployment_of(stage: str) -> Deployment:
    """The stage in the account and region that the environment or the profile names. Ends the script when there are none."""
    session = boto3.Session(region_name=os.environ.get("AWS_REGION"))  # which boto3 itself doesn't read
    if not session.region_name:
        sys.exit("Say in which region: AWS_REGION=... or a profile that has one. Nothing was changed.")
    if not session.get_credentials():
        sys.exit("There are no credentials for AWS: AWS_PROFILE=... or the like. Nothing was changed.")
    return Deployment(f"oneroster-{stage}", session.client)  # type: ignore[arg-type]


def main(verb: str, stage: str, *options: str) -> None:
    try:
        if verb == "deploy":
            _deploy(stage, parameters_of(stage), sure="yes" in options)
        else:
            _destroy(stage, with_data="data" in options)
    except (Failed, Unfit) as reason:
        sys.exit(str(reason))


def _deploy(stage: str, parameters: dict[str, str], sure: bool) -> None:
    deployment = deployment_of(stage)
    region = deployment.client("cloudformation").meta.region_name
    deployment.check_region()
    settings = {name: parameters.pop(name, default) for name, default in SETTINGS.items()}
    provider = None
    if issuer := parameters.get("TokenIssuer"):
        provider = Provider.at(issuer, parameters.get("TokenAudience", ""))
        parameters = {**parameters, **provider.parameters()}
    print("Packaging", flush=True)
    made = package(ROOT / "build" / stage)

    declined = False

    def agree(changes: list[Change]) -> bool:
        nonlocal declined
        print("\n".join(map(str, changes)))
        declined = not sure and input(f"Change the stack {deployment.stack} so? [y/N] ").strip().lower() != "y"
        return not declined

    if parameters.get("PortalDomain"):
        parameters = {"PortalOrigin": f"https://{parameters['PortalDomain']}", **parameters}
    changed = deployment.deploy(made.template, made.code, parameters, agree)
    if declined:
        sys.exit("Nothing was changed.")
    deployment.protect(settings["TerminationProtection"] == "True")
    deployment.watch_costs(parameters.get("AlarmEmail", ""), float(settings["MonthlyBudgetUsd"]))
    origin = deployment.outputs["PortalAddress"]
    sent = deployment.publish(PORTAL, portal_config(deployment.outputs, origin, region, provider=provider))
    print("The stack is as the template says." if changed else "The stack is as it was.")
    print("\n".join(addresses(deployment.outputs, sent)))


def addresses(outputs: Mapping[str, str], sent: int) -> list[str]:
    """Where everything is, as lines for whoever deployed; with an own domain also what it has to point to."""
    origin, target = outputs["PortalAddress"], outputs["PortalTarget"]
    own = [] if origin.endswith(f"//{target}") else [f"Domain    {origin.removeprefix('https://')} has to point to {target}"]
    return [f"Portal    {origin}  ({sent} files sent)", *own, f"API       {origin}/api", f"User pool {outputs['UserPool']}"]


def _destroy(stage: str, with_data: bool) -> None:
    deployment = deployment_of(stage)
    what = "with everything in its tables, buckets and user pool, for good" if with_data else "and keeps its data"
    print(f"This deletes the stack {deployment.stack} {what}.")
    if input("Type the stage's name to go on: ").strip() != stage:
        sys.exit("That is not its name. Nothing was changed.")
    left = deployment.destroy()
    if with_data:
        deployment.delete_data(left)
        print("The stack and its data are deleted; its key will be in seven days.")
    else:
        print("The stack is deleted. Kept:\n" + "\n".join(f"  {each}" for each in left))


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in ("deploy", "destroy") or not sys.argv[2].isalnum():
        sys.exit("Say which stage: make deploy STAGE=prod, make destroy STAGE=prod")
    main(*sys.argv[1:])
