"""Too much at once: starts of one group, groups, dropped files."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import boto3
import httpx
from botocore.config import Config

from chalicelib.triggers import scheduler_tick
from infra.build import GATEWAY_SAYS
from local.stack import KEYS, REGION
from tests.chaos.world import LIVE, PATIENCE_S, Case, Json, World, side_by_side

STARTS, GROUPS, DROPS, DUE = 50, 100, 200, 2000
A_MINUTE_S = 60.0
ALL_S = 900.0  # while all of the account's Lambdas are at work for other groups, starts wait, too


def starts_at_once(world: World, short: bool) -> Iterator[Case]:
    """Fifty with a key each: one sync, and 49 who are told which. Fifty with the same key: one sync, told to all."""
    for name, keys in {
        "a key each": [f"k{n}" for n in range(STARTS)],
        "no key": [""] * STARTS,
        "the same key": ["k"] * STARTS,
    }.items():
        group_id, case = world.group(f"starts, {name}"), Case(f"{STARTS} starts at once, {name}")
        body = {"mode": "full", "uploadId": world.upload(group_id, world.small[0])}
        with ThreadPoolExecutor(STARTS) as pool:
            answers = list(pool.map(partial(_start, world, group_id, body), keys))
        world.quiet(group_id)
        syncs = [each["syncId"] for each in world.syncs(group_id)]
        codes = Counter(answer.status_code for answer in answers)
        case.name += f": {dict(codes)}, {len(syncs)} syncs"
        response = {answer.json().get("syncId") for answer in answers if answer.status_code == 202}
        if len(syncs) != 1 or response != set(syncs) or set(codes) - {202, 409} or (name == "the same key" and codes[409]):
            odd = [answer.text for answer in answers if answer.status_code not in (202, 409)]
            case.wrong.append(f"{codes}, told of {response}, there are {syncs}; {odd}")
        world.judge(case, group_id, world.small[0])
        world.next_sync(case, group_id, world.small[1])
        yield case
        if short:
            return


def _start(world: World, group_id: str, body: Json, key: str) -> httpx.Response:
    """One that is told so by API Gateway when all of the account's Lambdas are at work, the authorizer's too, asks again."""
    headers = {"Idempotency-Key": key} if key else {}
    while True:
        answer = world.admin.http.post(f"/groups/{group_id}/syncs", json=body, headers=headers)
        ours = answer.status_code == 500 and "requestId" in answer.text and GATEWAY_SAYS["DEFAULT_5XX"][2] not in answer.text
        if answer.status_code not in (429, 500, 502, 503) or ours:
            return answer
        time.sleep(0.2)


def groups_at_once(world: World, short: bool) -> Iterator[Case]:
    """More Lambdas are wanted than the account may run: the machine's states wait their turn."""
    groups = world.groups([f"many {number}" for number in range(3 if short else GROUPS)])
    began = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        ids = list(pool.map(lambda group_id: world.start(group_id, world.small[0], within_s=ALL_S), groups))
    ends = Counter(world.ended(sync_id, ALL_S)["state"] for sync_id in ids)
    print(f"  {len(groups)} groups: {dict(ends)} after {time.monotonic() - began:.0f} s", flush=True)

    def looked_at(group_id: str, number: int) -> Case:
        case = Case(f"group {number + 1} of {len(groups)} at once")
        if (state := world.syncs(group_id)[0]["state"]) != "succeeded":
            case.wrong.append(f"the sync is {state}")
        world.judge(case, group_id, world.small[0])
        return case

    yield from side_by_side([partial(looked_at, group_id, number) for number, group_id in enumerate(groups)])


def files_dropped(world: World, short: bool) -> Iterator[Case]:
    """A third of the events is delivered twice. Which file was last is the bucket's word, not that of the events' order."""
    files = 9 if short else DROPS
    group_id, case = world.group("dropped"), Case(f"{files} files within a minute, {files // 3} told of twice")
    queue = _overheard(world)
    bucket = world.stack.outputs["DataBucket"]
    s3 = world.stack.client("s3")
    bodies = [path.read_bytes() for path in world.small]
    began = time.monotonic()

    def put(number: int) -> None:
        time.sleep(max(0.0, began + number * A_MINUTE_S * 0.9 / files - time.monotonic()))
        s3.put_object(Bucket=bucket, Key=f"drop/{group_id}/{number:04d}.zip", Body=bodies[number % 2])

    with ThreadPoolExecutor(8) as pool:
        told_again = pool.submit(_tell_again, world, queue, files // 3)
        list(pool.map(put, range(files - 1)))
        took = time.monotonic() - began
        time.sleep(1.1)  # S3 dates by the second: the last file is a second younger than all others
        put(files - 1)
        again = told_again.result()
    last = bodies[(files - 1) % 2]
    arrived = _arrived(world, group_id, files)
    world.quiet(group_id)
    syncs = world.syncs(group_id)
    ends = Counter(each["state"] for each in syncs)
    case.name += f": sent in {took:.0f} s, {len(arrived)} listed, {again} told again, syncs {dict(ends)}"
    if {each["name"] for each in arrived} != {f"{n:04d}.zip" for n in range(files)} or len(arrived) != files:
        case.wrong.append(f"{len(arrived)} arrivals of {files} files")
    if len(syncs) != files or set(ends) - {"succeeded", "superseded"}:
        case.wrong.append(f"{len(syncs)} syncs of {files} files: {dict(ends)}")
    if again < files // 3:
        case.wrong.append(f"only {again} events were told twice")
    right = world.small[bodies.index(last)]
    world.judge(case, group_id, right)
    world.next_sync(case, group_id, world.small[1 - bodies.index(last)])
    yield case


def groups_due_at_once(world: World, short: bool) -> Iterator[Case]:
    """The clock's own function, called at every second minute of an hour; the executions it starts do nothing."""
    number = 120 if short else DUE
    case = Case(f"{number} groups due at one moment")
    due = datetime(2026, 6, 2, 2, tzinfo=UTC)
    machine = world.idle_machine()
    everybody = world.scheduled(number, made=due - timedelta(hours=12))
    started: list[int] = []
    moment = due
    with world.environment(STATE_MACHINE_ARN=machine), world.clock_stopped():
        while len(started) < 31 and sum(started) < number:
            woken = world.woken(moment)
            case.wrong += [f"{type(each).__name__}: {each}" for each in woken.failures]
            started.append(woken.started)
            moment += timedelta(minutes=scheduler_tick.EVERY_MINUTES)
        again = sum(world.woken(moment).started for _ in range(2))
    syncs = Counter(group_id for group_id in everybody for _ in world.syncs(group_id))
    case.name += f": {sum(started)} started in {len(started)} wakes, {max(started)} in one at most, {again} started again"
    if set(syncs) != set(everybody) or set(syncs.values()) != {1} or again:
        case.wrong.append(f"{len(syncs)} groups were started, {syncs.most_common(1)} most often")
    if max(started) > scheduler_tick.STARTS or moment - due > timedelta(minutes=42):
        case.wrong.append(f"not spread: {started}")
    world.forget_groups(everybody)
    yield case


def _overheard(world: World) -> str:
    """A queue that hears the same events of the bucket as the function does; its address."""
    sqs, events = world.stack.client("sqs"), world.stack.client("events")
    url = str(sqs.create_queue(QueueName="overheard")["QueueUrl"])
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {"object": {"key": [{"prefix": "drop/"}]}}}
    events.put_rule(Name="overheard", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="overheard", Targets=[{"Id": "queue", "Arn": arn}])
    return url


def _tell_again(world: World, queue: str, wanted: int) -> int:
    """Hand the first events that are overheard to the function once more; how many."""
    sqs = world.stack.client("sqs")
    functions = boto3.client(
        "lambda",
        endpoint_url=world.stack.endpoint,
        region_name=REGION,
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        config=Config(read_timeout=PATIENCE_S, retries={"max_attempts": 8}),
    )
    names = [each["FunctionName"] for each in functions.list_functions()["Functions"]]
    drop, result, until = next(name for name in names if "-Drop-" in name), 0, time.monotonic() + PATIENCE_S
    while result < wanted and time.monotonic() < until:
        found: list[Any] = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
        for message in found[: wanted - result]:
            answer = functions.invoke(FunctionName=drop, Payload=message["Body"].encode())
            result += "FunctionError" not in answer
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return result


def _arrived(world: World, group_id: str, files: int) -> list[Json]:
    until = time.monotonic() + PATIENCE_S
    while True:
        arrived = list(world.admin.call("GET", f"/groups/{group_id}/arrivals?limit=1000")["items"])
        done = len({each["name"] for each in arrived}) == files and not any(each["syncState"] in LIVE for each in arrived)
        if done or time.monotonic() > until:
            return arrived
        time.sleep(0.5)
