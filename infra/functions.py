"""Each Lambda, declared once: its name, size, time, what it may do, and how the state machine tries it again.

Made from this by `infra/build.py`: the functions' part of the template with its parameters, Chalice's `config.json` and
policy files, and the machine's `Retry` and `TimeoutSeconds`. `docs/operate/sizes.md` is checked against it.
To add one: a handler registered under `name` in `chalicelib`, and an entry in FUNCTIONS.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Json = dict[str, Any]
MOST_MB = 10_240  # Lambda's most, of memory and of disk
LEAST_DISK_MB = 512
STATE_MARGIN_S = 60  # a state outlives its Lambda, so that the Lambda's own end is the one that is recorded

# --- What a function may do: statements of IAM, each naming its actions and its resources ---------------------------

READ = ("GetObject",)
WRITE = ("GetObject", "PutObject", "AbortMultipartUpload")
DELETE = ("DeleteObject", "DeleteObjectVersion")
SYNCS = "groups/*/syncs/*"
BUNDLES = "groups/*/syncs/*/bundle/*"
SNAPSHOTS = "groups/*/snapshot/*"
COMMITS = "groups/*/commits/*"
BULK = "groups/*/bulk/*"
BASELINES = "groups/*/source/*"
SELECTIONS = "groups/*/selections/*"
ARRIVED = ("drop/*", "uploads/*")
_HERE = "${AWS::Region}:${AWS::AccountId}"
MACHINE = f"arn:${{AWS::Partition}}:states:{_HERE}:stateMachine:${{AWS::StackName}}-sync"


@dataclass(frozen=True)
class Grant:
    """Actions of one service on named resources. Those that AWS offers for no single resource name `*`."""

    actions: tuple[str, ...]
    resources: tuple[Any, ...]
    condition: Json | None = None

    def statement(self) -> Json:
        conditional = {"Condition": self.condition} if self.condition else {}
        return {"Effect": "Allow", "Action": [*self.actions], "Resource": [*self.resources], **conditional}


def items(table: str, *actions: str) -> Grant:
    return Grant(tuple(f"dynamodb:{each}" for each in actions), ({"Fn::GetAtt": [f"{table}Table", "Arn"]},))


def objects(actions: Iterable[str], *prefixes: str) -> Grant:
    return Grant(tuple(f"s3:{each}" for each in actions), tuple({"Fn::Sub": f"${{DataBucket.Arn}}/{each}"} for each in prefixes))


def bucket(*actions: str) -> Grant:
    return Grant(tuple(f"s3:{each}" for each in actions), ({"Fn::GetAtt": ["DataBucket", "Arn"]},))


def machine(*actions: str) -> Grant:
    return Grant(tuple(f"states:{each}" for each in actions), ({"Fn::Sub": MACHINE},))


def executions(*actions: str) -> Grant:
    arn = f"arn:${{AWS::Partition}}:states:{_HERE}:execution:${{AWS::StackName}}-sync:*"
    return Grant(tuple(f"states:{each}" for each in actions), ({"Fn::Sub": arn},))


def secrets(*actions: str) -> Grant:
    arn = f"arn:${{AWS::Partition}}:secretsmanager:{_HERE}:secret:oneroster/${{AWS::StackName}}/*"
    return Grant(tuple(f"secretsmanager:{each}" for each in actions), ({"Fn::Sub": arn},))


LIST = bucket("ListBucket")
LIST_VERSIONS = bucket("ListBucket", "ListBucketVersions")
LIMITS = Grant(("ssm:GetParameter",), ({"Fn::Sub": f"arn:${{AWS::Partition}}:ssm:{_HERE}:parameter${{LimitsParameter}}"},))
# The embedded AWS names no identity as a mail's resource, so the sender is bound by a condition.
MAIL = Grant(("ses:SendEmail",), ("*",), {"StringEqualsIfExists": {"ses:FromAddress": {"Ref": "MailFrom"}}})
USERS = Grant(
    tuple(
        f"cognito-idp:Admin{each}"
        for each in ("CreateUser", "DeleteUser", "DisableUser", "EnableUser", "ResetUserPassword", "UserGlobalSignOut")
    ),
    ({"Fn::GetAtt": ["UserPool", "Arn"]},),
)
DEAD_LETTERS = Grant(("sqs:SendMessage",), ({"Fn::GetAtt": ["UndeliveredEvents", "Arn"]},))
KEY = Grant(("kms:Decrypt", "kms:GenerateDataKey"), ({"Fn::GetAtt": ["DataKey", "Arn"]},))
LOGS = Grant(
    ("logs:CreateLogStream", "logs:PutLogEvents"),
    ({"Fn::Sub": f"arn:${{AWS::Partition}}:logs:{_HERE}:log-group:/aws/lambda/${{AWS::StackName}}-*"},),
)
# Lambda itself puts a function into the network, and asks for all of EC2's interfaces; our own code may do nothing to them.
NOWHERE: Json = {"Ref": "AWS::NoValue"}
INTERFACES = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)
OWN_CODE = {"Fn::Sub": f"arn:${{AWS::Partition}}:lambda:{_HERE}:function:${{AWS::StackName}}-*"}
NETWORK: tuple[Json, ...] = (
    {"Effect": "Allow", "Action": [*INTERFACES], "Resource": ["*"]},
    {
        "Effect": "Deny",
        "Action": [*INTERFACES],
        "Resource": ["*"],
        "Condition": {"ArnLike": {"lambda:SourceFunctionArn": OWN_CODE}},
    },
)
IN_THE_NETWORK: Json = {
    "SecurityGroupIds": [{"Fn::GetAtt": ["FetchersOut", "GroupId"]}],
    "SubnetIds": [{"Ref": "FunctionsSubnet"}],
}
TRACES = Grant(("xray:PutTraceSegments", "xray:PutTelemetryRecords"), ("*",))

# A step reads and writes its sync and reads its group; one that holds the lock also writes the group.
OWN_SYNC = items("Syncs", "GetItem", "UpdateItem")
READ_GROUP = items("Groups", "GetItem")
HOLD_LOCK = items("Groups", "GetItem", "UpdateItem")
SYNC_FILES = objects(WRITE, SYNCS)
READ_SYNC_FILES = objects(READ, SYNCS)
CREDENTIALS = secrets("GetSecretValue")
# An access token is encrypted for its group before it goes to the Syncs table (store/access_tokens.py).
SEAL = Grant(("kms:Encrypt",), ({"Fn::GetAtt": ["DataKey", "Arn"]},))
# Whoever starts a sync makes its item, takes the file that arrived into its folder, and starts the machine.
START = (
    objects(("GetObject", "GetObjectVersion"), *ARRIVED),
    objects(WRITE, BUNDLES),
    LIST,
    machine("StartExecution"),
)

# Whoever knows that something has happened writes down for each webhook that it is to be told, which `deliver` does, and tells
# the bus.
BUS = Grant(("events:PutEvents",), ({"Fn::GetAtt": ["EventBus", "Arn"]},))
ANNOUNCE = (items("Clients", "Query", "PutItem"), BUS)

# Whoever deletes a group deletes what stands under its id, everywhere. The audit is not among it.
ERASE = (
    *(items(table, "Query", "BatchWriteItem") for table in ("Roster", "Syncs", "Selections", "Arrivals", "Clients", "Access")),
    items("Clients", "DeleteItem"),
    items("Deletions", "PutItem"),
    objects(DELETE, "groups/*", "uploads/*", "drop/*"),
    LIST_VERSIONS,
    secrets("DescribeSecret", "DeleteSecret"),
)

# --- The functions ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Function:
    """One Lambda. `name` is that of its handler in `chalicelib`; `size` says why it is as large as it is.

    `runs` says what calls it: `api` (API Gateway), `step` (a state of the machine), `question` (a state that waits for a
    person, retried as such: see `stepfunctions/retry.json`) or `event` (EventBridge, with the dead-letter queue).
    `sized_by_stage`: memory and disk are parameters of the template, for districts larger than one Lambda has by default.
    `share`: the parameter with the concurrency that is reserved for it. `hears`: what its event pattern asks for besides
    what its handler says; the stack's own bucket and machine, since EventBridge hears of all that the account has.
    `calls_out`: it calls servers of others, from the stack's fixed address where there is one (`network.json`).
    """

    name: str
    runs: Literal["api", "step", "question", "event"]
    memory_mb: int
    time_s: int
    size: str
    may: tuple[Grant, ...] = ()
    disk_mb: int = LEAST_DISK_MB
    sized_by_stage: bool = False
    share: str = ""
    hears: Json | None = None
    calls_out: bool = False

    @property
    def logical_id(self) -> str:
        """The name that CloudFormation and the state machine's definition know it under."""
        return "APIHandler" if self.name == "api_handler" else "".join(part.capitalize() for part in self.name.split("_"))

    def policy(self) -> Json:
        granted = [LOGS, TRACES, *self.may]
        granted += [KEY] if self.may else []  # whoever reaches any data
        granted += [DEAD_LETTERS] if self.runs == "event" else []
        network = [{"Fn::If": ["FixedAddress", each, NOWHERE]} for each in NETWORK if self.calls_out]
        return {"Version": "2012-10-17", "Statement": [*(each.statement() for each in granted), *network]}

    def resource(self) -> Json:
        """Its part of the template; Chalice writes the rest."""
        memory: Any = self.memory_mb
        disk: Any = self.disk_mb
        if self.sized_by_stage:
            memory, disk = {"Ref": f"{self.logical_id}Memory"}, {"Ref": f"{self.logical_id}Disk"}
        properties: Json = {"MemorySize": memory, "Timeout": self.time_s}
        if self.disk_mb != LEAST_DISK_MB:
            properties["EphemeralStorage"] = {"Size": disk}
        if self.calls_out:
            properties["VpcConfig"] = {"Fn::If": ["FixedAddress", IN_THE_NETWORK, NOWHERE]}
        if self.share:
            reserved = {"Fn::If": [f"{self.share}Reserved", {"Ref": f"{self.share}Concurrency"}, {"Ref": "AWS::NoValue"}]}
            properties["ReservedConcurrentExecutions"] = reserved
        if self.runs == "event":
            queue = {"Fn::GetAtt": ["UndeliveredEvents", "Arn"]}
            properties["DeadLetterQueue"] = {"Type": "SQS", "TargetArn": queue}
            pattern = {"Pattern": {"detail": self.hears}} if self.hears else {}
            properties["Events"] = {f"{self.logical_id}Event": {"Properties": {"DeadLetterConfig": {"Arn": queue}, **pattern}}}
        return {"Metadata": {"size": self.size}, "Properties": properties}

    def parameters(self) -> Json:
        if not self.sized_by_stage:
            return {}
        bounds = {"Type": "Number", "MaxValue": MOST_MB}
        more = "more for districts beyond docs/operate/sizes.md"
        return {
            f"{self.logical_id}Memory": {
                **bounds,
                "Default": self.memory_mb,
                "MinValue": 1769,
                "Description": f"MB of memory for {self.logical_id}; {more}. New accounts may have 3,008 at most.",
            },
            f"{self.logical_id}Disk": {
                **bounds,
                "Default": self.disk_mb,
                "MinValue": LEAST_DISK_MB,
                "Description": f"MB of disk for {self.logical_id}.",
            },
        }


FUNCTIONS = (
    Function(
        "api_handler", "api", 1769, 29, disk_mb=2048, share="Api", calls_out=True,
        size="one processor for lists and sheets; API Gateway's own limit of time; disk for the lists it keeps",
        may=(
            items("Groups", "GetItem", "PutItem", "UpdateItem", "DeleteItem", "Scan", "ConditionCheckItem"),
            items("Syncs", "GetItem", "BatchGetItem", "PutItem", "UpdateItem", "BatchWriteItem", "Query"),
            items("Roster", "GetItem", "DeleteItem"),
            items("Audit", "PutItem", "Query"),
            items("Selections", "GetItem", "PutItem", "DeleteItem", "Query"),
            items("Arrivals", "Query"),
            items("Clients", "GetItem", "PutItem", "UpdateItem", "BatchWriteItem", "Query"),
            items("Members", "GetItem", "PutItem", "UpdateItem", "Scan", "ConditionCheckItem"),
            items("Access", "PutItem", "UpdateItem", "Query"),
            items("Deletions", "Scan"),
            *ERASE,
            BUS,
            USERS,
            objects((*WRITE, *DELETE), "groups/*", "uploads/*"),
            objects(DELETE, "drop/*"),
            LIST_VERSIONS,
            machine("StartExecution", "SendTaskSuccess"),
            executions("StopExecution", "DescribeExecution"),
            LIMITS,
            secrets("CreateSecret", "PutSecretValue", "GetSecretValue", "RestoreSecret"),
            SEAL,
        ),
    ),
    Function(
        "authorize", "api", 512, 10, share="Api", size="one signature and one item, kept for a minute",
        may=(items("Members", "GetItem"), items("Clients", "GetItem", "UpdateItem"), items("Audit", "PutItem")),
    ),
    Function(
        "open_source", "step", 1769, 840, disk_mb=4096, calls_out=True,
        size="one processor to inflate or fetch; disk for a ZIP of 1 GiB and its orgs",
        may=(OWN_SYNC, READ_GROUP, items("Selections", "GetItem", "Query"),
             objects((*WRITE, "ListMultipartUploadParts"), SYNCS), objects(READ, BASELINES), LIST, LIMITS, CREDENTIALS, SEAL),
    ),
    Function(
        "plan_fetch", "step", 1769, 900, calls_out=True, size="one processor: a provider's first pages",
        may=(items("Syncs", "GetItem", "Query", "UpdateItem"), READ_GROUP, items("Selections", "GetItem", "Query"), SYNC_FILES,
             objects(READ, SELECTIONS, BASELINES), LIST, CREDENTIALS, SEAL),
    ),
    Function(
        "fetch_part", "step", 1769, 900, calls_out=True, size="one processor to check and pack pages as fast as they come",
        may=(OWN_SYNC, READ_GROUP, SYNC_FILES, LIST, CREDENTIALS, SEAL),
    ),
    Function(
        "check_fetched", "step", 512, 900, calls_out=True, size="asks for first pages again, waits for the provider",
        may=(OWN_SYNC, READ_GROUP, SYNC_FILES, LIST, CREDENTIALS, SEAL),
    ),
    Function(
        "stage", "step", 3008, 900, disk_mb=MOST_MB, sized_by_stage=True,
        size="1.7 processors for the engine's threads; disk for 8 GiB of CSV, and Lambda's most",
        may=(HOLD_LOCK, OWN_SYNC, items("Selections", "GetItem", "Query"), objects(WRITE, SYNCS, BASELINES),
             objects(DELETE, BASELINES), LIST_VERSIONS, LIMITS),
    ),
    Function("ask", "question", 256, 30, size="one item", may=(OWN_SYNC,)),
    Function(
        "plan", "step", 3008, 900, disk_mb=MOST_MB, sized_by_stage=True,
        size="the heaviest step is a first sync's plan; disk to spill to",
        may=(OWN_SYNC, READ_GROUP, items("Selections", "GetItem", "Query"), SYNC_FILES,
             objects(READ, SNAPSHOTS, SELECTIONS, COMMITS), LIST, MAIL, *ANNOUNCE),
    ),
    Function(
        "apply_chunk", "step", 512, 300, share="Apply", size="2,500 changes; waits for the table most of its time",
        may=(items("Syncs", "UpdateItem"), HOLD_LOCK, items("Roster", "BatchWriteItem"), READ_SYNC_FILES),
    ),
    Function(
        "commit", "step", 3008, 900, disk_mb=MOST_MB, sized_by_stage=True, size="joins snapshot and plan",
        may=(OWN_SYNC, HOLD_LOCK, items("Selections", "GetItem", "Query"), SYNC_FILES, objects(WRITE, SNAPSHOTS, COMMITS), LIST),
    ),
    Function(
        "report", "step", 1769, 900, disk_mb=MOST_MB, size="one processor: workbooks are written by one thread",
        may=(OWN_SYNC, HOLD_LOCK, SYNC_FILES, LIST),
    ),
    Function("record_failure", "step", 256, 60, size="one item", may=(OWN_SYNC, HOLD_LOCK)),
    Function(
        "execution_ended", "event", 256, 300, size="one item, and the next of a queue",
        hears={"stateMachineArn": [{"Fn::Sub": MACHINE}]},
        may=(items("Syncs", "GetItem", "PutItem", "UpdateItem"), HOLD_LOCK, *ANNOUNCE, objects(READ, COMMITS), *START),
    ),
    Function(
        "drop", "event", 512, 300, size="one item; copying is S3's own work",
        hears={"bucket": {"name": [{"Ref": "DataBucket"}]}},
        may=(items("Syncs", "GetItem", "PutItem", "UpdateItem"), HOLD_LOCK, items("Selections", "Query"),
             items("Arrivals", "PutItem"), items("Audit", "PutItem"), LIMITS, *START),
    ),
    Function(
        "wake", "event", 512, 300, size="up to 100 starts",
        may=(items("Syncs", "GetItem", "BatchGetItem", "PutItem", "UpdateItem"), items("Groups", "GetItem", "Scan", "UpdateItem"),
             items("Selections", "Query"), items("Audit", "PutItem"), executions("DescribeExecution"), *START),
    ),
    Function(
        "forget", "event", 1769, 900, disk_mb=MOST_MB,
        size="one processor to write a snapshot's file anew without what is purged; disk for both",
        may=(items("Syncs", "GetItem", "Query", "DeleteItem"), items("Groups", "Scan"), objects(DELETE, SYNCS, SNAPSHOTS, BULK),
             LIST_VERSIONS, items("Roster", "DeleteItem"), items("Audit", "PutItem"), objects(WRITE, SNAPSHOTS),
             items("Deletions", "PutItem", "DeleteItem")),
    ),
    Function(
        "deliver", "event", 512, 300, calls_out=True, size="signs and sends a few messages at once; waits for their servers",
        may=(items("Clients", "GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query"),),
    ),
    Function(
        "erase", "event", 1769, 900, disk_mb=MOST_MB,
        size="one processor to write files anew without a person who is erased; disk for a sync's tables and their copies",
        may=(items("Deletions", "Scan", "DeleteItem"), items("Groups", "GetItem", "UpdateItem"), items("Syncs", "GetItem"),
             items("Roster", "GetItem", "DeleteItem"), items("Audit", "PutItem"), objects(WRITE, "groups/*"), *ANNOUNCE, *ERASE),
    ),
)  # fmt: skip
STEPS = {each.logical_id: each for each in FUNCTIONS if each.runs in ("step", "question")}


def template() -> Json:
    """The functions' part of the template: sizes, and the parameters of those that are sized by the stage."""
    parameters = {name: each for function in FUNCTIONS for name, each in function.parameters().items()}
    return {"Parameters": parameters, "Resources": {each.logical_id: each.resource() for each in FUNCTIONS}}


def chalice_config(written: Json) -> Json:
    """Chalice's configuration with a policy file of its own for each function."""
    named = {each.name: {"autogen_policy": False, "iam_policy_file": f"policy-{each.name}.json"} for each in FUNCTIONS}
    stages = {name: {**stage, "lambda_functions": named} for name, stage in written["stages"].items()}
    return {**written, "stages": stages}
