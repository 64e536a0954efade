"""A sync ended from outside at each of its states: cancelled by its admin, also in the queue, or its execution aborted.

What its message says of what was written is held against the platform; then comes the next sync.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from local.peers.provider import Provider, served
from tests.chaos.fed import Fed, Free, by_api, by_sftp, by_zip, synced
from tests.chaos.line import UnrulyLine
from tests.chaos.naive import Difference, difference
from tests.chaos.sources import AT_BYTES, sshds
from tests.chaos.world import EVER, LIVE, Case, Json, World, side_by_side, wait

ATTEMPTS = 8  # a step of a small bundle may be over before the word comes
SAID_WITHIN_S = 20.0  # what was written is read once the lock is free, and said then
SLOW_S = 0.5  # each answer of a provider, so that the word comes while its lists are read


@dataclass(frozen=True)
class At:
    """A step that is at work, or a question that is open, and where the bundle comes from."""

    place: str
    source: str = "small zip"

    @property
    def start(self) -> Json:
        """What a sync is started with to get there."""
        if self.place == "approval":
            return {"preview": True}
        return {"mode": "selective"} if self.place in QUESTIONS else {}


STEPS = ("open", "stage", "plan", "commit", "report")
QUESTIONS = ("orgs", "classes", "statuses", "approval")
PLACES = (
    *(At(place) for place in (*STEPS, *QUESTIONS)),
    At("apply", "large zip"),
    *(At(place, "api") for place in ("open", "fetch", "orgs")),  # the admin is asked while the lists are read
    At("fetch", "sftp"),
    At("failure"),  # RecordFailure, which is kept at it by killing it each time
)


def ended_at_each_state(world: World, short: bool) -> Iterator[Case]:
    jobs = [(at, how) for at in PLACES for how in ("cancelled", "aborted")]
    jobs = [(at, how) for at, how in jobs if how == "cancelled" and at.place in ("apply", "statuses", "fetch")] if short else jobs
    with ExitStack() as stack:
        free = {at.source: Free(partial(_fed, world, stack, at.source)) for at in PLACES}
        queue = partial(_cancelled_in_queue, world, free["small zip"])
        yield from side_by_side([queue, *(partial(_ended_at, world, free[at.source], at, how) for at, how in jobs)])


def _fed(world: World, stack: ExitStack, source: str, number: int) -> Fed:
    """A group that has been synced, whose source takes its time with the second day."""
    name = f"{source} {number}"
    if source == "api":
        provider = Provider("1.2", world.lists[0])
        fed = by_api(world, name, provider, stack.enter_context(served(provider)), world.lists)
        return synced(world, _slow(fed, lambda day: provider.behave(slow_s=SLOW_S * day)))
    if source == "sftp":
        [server], ours = sshds(stack, 1)
        line = UnrulyLine(server.port)
        stack.callback(line.close)
        fed = by_sftp(world, name, server, line, ours, world.small)
        return synced(world, _slow(fed, lambda day: line.be("stalls", AT_BYTES["the file"], day)))
    return synced(world, by_zip(world, name, world.large if source == "large zip" else world.small))


def _slow(fed: Fed, be: Callable[[int], object]) -> Fed:
    def lay(day: int) -> Path | None:
        be(day)
        return fed.lay(day)

    return replace(fed, lay=lay)


def _ended_at(world: World, free: Free[Fed], at: At, how: str) -> Case:
    case = Case(f"{how} in {at.place}" + (f" ({at.source})" if at.source in ("api", "sftp") else ""))
    with free.one(case) as fed:
        _ended_in(world, case, fed, at, how)
    return case


def _ended_in(world: World, case: Case, fed: Fed, at: At, how: str) -> None:
    group_id = fed.group_id
    for _ in range(ATTEMPTS):
        with _kept(world, group_id, at.place):
            sync_id = world.start(group_id, world.refused if at.place == "failure" else fed.lay(1), **at.start)
            if _reached(world, sync_id, at.place) and _end(world, sync_id, how):
                break
        world.answer(sync_id)
        world.ended(sync_id)
        world.ended(world.start(group_id, fed.lay(0)))
    else:
        case.wrong.append("always over before the word came")
        return
    world.quiet(group_id)
    until = time.monotonic() + SAID_WITHIN_S
    while "unsaid" in (sync := world.sync(sync_id)) and time.monotonic() < until:
        time.sleep(0.1)
    message = str(sync.get("message"))
    case.name += f": {message}"
    if sync["state"] != "cancelled":
        case.wrong.append(f"the sync is {sync['state']}")
    if sync.get("question"):
        case.wrong.append(f"it still asks about {sync['question']['kind']}")
    time.sleep(1.0)  # a chunk that was at work ends its wave
    roster = world.roster(group_id)
    as_before, as_after = (difference(right, group_id, roster) == Difference() for right in fed.rights)
    true = {"Nothing was changed.": as_before, "All its changes had been written.": as_after}
    true["Some changes had been written already; the next sync makes them right without help."] = not as_before
    if not any(message.endswith(sentence) and holds for sentence, holds in true.items()):
        case.wrong.append(f"it says so, and the platform is {'as before' if as_before else 'changed'}")
    world.next_sync(case, group_id, fed.lay(0), fed.rights[0])


def _kept(world: World, group_id: str, place: str) -> AbstractContextManager[None]:
    return world.killing(group_id, "RecordFailure", 1, EVER, "before") if place == "failure" else nullcontext()


def _cancelled_in_queue(world: World, free: Free[Fed]) -> Case:
    """A file dropped while an admin is asked waits for its turn, is cancelled, and then never has one."""
    case = Case("cancelled in the queue")
    with free.one(case) as fed:
        group_id = fed.group_id
        asking = world.start(group_id, fed.lay(0), mode="selective")
        world.answer(asking, before="orgs")
        bundle = fed.lay(1)
        assert bundle
        world.put(f"drop/{group_id}/district.zip", bundle.read_bytes())
        wait(lambda: bool(world.item(group_id).get("queue")))
        [waiting] = world.item(group_id)["queue"]
        sync_id = str(waiting["syncId"])
        if not _end(world, sync_id, "cancelled"):
            case.wrong.append("the cancel was refused")
        world.answer(asking)
        world.quiet(group_id)
        asked, waited = world.sync(asking), world.sync(sync_id)
        case.name += f": {waited.get('message')}"
        if (waited["state"], waited.get("message")) != ("cancelled", "Cancelled. Nothing was changed."):
            case.wrong.append(f"it is {waited['state']}")
        if waited.get("progress"):
            case.wrong.append("it had its turn all the same")
        if asked["state"] != "succeeded":
            case.wrong.append(f"the one before it is {asked['state']}: {asked.get('message')}")
        world.judge(case, group_id, fed.rights[0])
        world.next_sync(case, group_id, fed.lay(0), fed.rights[0])
    return case


def _reached(world: World, sync_id: str, place: str) -> bool:
    if place == "failure":
        return wait(lambda: world.killed(sync_id.split("-")[0]))
    if place in QUESTIONS:
        world.answer(sync_id, before=place)
        return (world.sync(sync_id).get("question") or {}).get("kind") == place
    while (sync := world.sync(sync_id))["state"] in LIVE:
        begun = next((each for each in sync.get("progress", []) if each["step"] == place), None)
        if begun and (place != "apply" or sync.get("applied") or int(begun["total"]) < 5_000):
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
