"""A sync ended from outside at each of its states: cancelled by its admin, or its execution aborted from the console.

What its message says of what was written is held against the platform; then comes the next sync.
"""

import time
from collections.abc import Iterator
from functools import partial

from tests.chaos.naive import Difference, difference, rows_of
from tests.chaos.world import LIVE, Case, World, side_by_side

STEPS = ("open", "stage", "plan", "apply", "commit", "report")
ATTEMPTS = 8  # a step of a small bundle may be over before the word comes


def ended_at_each_state(world: World, short: bool) -> Iterator[Case]:
    jobs = [(step, how) for step in STEPS for how in ("cancelled", "aborted")]
    yield from side_by_side([partial(_ended_at, world, *job) for job in (jobs[6:8] if short else jobs)])


def _ended_at(world: World, step: str, how: str) -> Case:
    case = Case(f"{how} in {step}")
    first, second = world.large if step == "apply" else world.small
    group_id = world.group(case.name)
    world.ended(world.start(group_id, first))
    for _ in range(ATTEMPTS):
        sync_id = world.start(group_id, second)
        if _reached(world, sync_id, step) and _end(world, sync_id, how):
            break
        world.ended(sync_id)
        world.ended(world.start(group_id, first))
    else:
        case.name += ": always over before the word came"
        return case
    world.quiet(group_id)
    sync = world.sync(sync_id)
    said = str(sync.get("message"))
    case.name += f": {said}"
    if sync["state"] != "cancelled":
        case.wrong.append(f"the sync is {sync['state']}")
    time.sleep(1.0)  # a chunk that was at work ends its wave
    roster = world.roster(group_id)
    as_before = difference(rows_of(first), group_id, roster) == Difference()
    as_after = difference(rows_of(second), group_id, roster) == Difference()
    true = {"Nothing was changed.": as_before, "All its changes had been written.": as_after}
    true["Some changes had been written already; the next sync makes them right without help."] = not as_before
    if not any(said.endswith(sentence) and holds for sentence, holds in true.items()):
        case.wrong.append(f"it says so, and the platform is {'as before' if as_before else 'changed'}")
    world.next_sync(case, group_id, first)
    return case


def _reached(world: World, sync_id: str, step: str) -> bool:
    while (sync := world.sync(sync_id))["state"] in LIVE:
        begun = next((each for each in sync.get("progress", []) if each["step"] == step), None)
        if begun and (step != "apply" or sync.get("applied") or int(begun["total"]) < 5_000):
            return not begun.get("endedAt")
        time.sleep(0.02)
    return False


def _end(world: World, sync_id: str, how: str) -> bool:
    """False where the sync was over before."""
    if how == "cancelled":
        return world.admin.http.post(f"/syncs/{sync_id}/cancel").status_code == 202
    arn = world.stack.outputs["StateMachineArn"].replace(":stateMachine:", ":execution:") + f":{sync_id}"
    world.stack.client("stepfunctions").stop_execution(executionArn=arn)
    world.ended(sync_id, 20)
    return str(world.sync(sync_id)["state"]) != "succeeded"
