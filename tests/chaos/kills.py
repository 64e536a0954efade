"""Functions killed (SIGKILL): at each state of the machine, at the triggers, and anywhere in an apply of 20,000 changes."""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from chalicelib.model.deletion import Deletion
from chalicelib.model.ids import new_sync_id, oldest_sync_id
from chalicelib.platform.writer import BATCH
from chalicelib.store import deletions, files, webhooks
from local.peers.provider import Provider, served
from tests.chaos.fed import Fed, Free, by_api, by_zip, synced
from tests.chaos.naive import rows_of
from tests.chaos.world import EVER, LIVE, Case, World, side_by_side, wait
from tests.stepfunctions.definition import definition, every_state

SEED = 7
MOMENTS = ("before", "after", "soon")
FUNCTIONS = {  # of each state of the machine that runs one
    name: str(state["Parameters"]["FunctionName"]).strip("${}")
    for name, state, _ in every_state(definition()["States"])
    if state["Type"] == "Task"
}


@dataclass(frozen=True)
class At:
    """A state of the machine, or a function of another name; by which way it is met, and between which two of the function's
    calls to AWS it may be killed."""

    place: str
    first: int
    last: int
    way: str = "full"
    operation: str = ""

    @property
    def function(self) -> str:
        return FUNCTIONS.get(self.place, self.place)


STATES = (
    At("OpenSource", 1, 3),
    At("PlanFetch", 1, 5, "api"),
    At("FetchPart", 1, 3, "api"),
    At("CheckFetched", 1, 3, "api"),
    At("NothingHasChanged", 1, 2, "same"),
    At("Stage", 1, 5),
    At("Plan", 1, 5),
    At("ApplyChunk", 1, 5),
    At("Commit", 1, 5),
    At("Report", 1, 5),
    At("RecordFailure", 1, 2, "refused"),
    At("AskOrgs", 1, 1, "selective"),
    At("AskClasses", 2, 2, "selective"),
    At("AskStatuses", 3, 3, "selective"),
    At("AskApproval", 1, 1, "preview"),
    At("ExecutionEnded", 1, 1, "refused"),
    At("APIHandler", 1, 1, "start", "StartExecution"),
)
TRIGGERS = (At("Drop", 1, 5), At("Wake", 1, 4, "api"), At("Forget", 1, 4), At("Erase", 1, 5), At("Deliver", 1, 5))
# How a sync may end. Killed each time it fails, unless a function is through before its "soon" has come.
ONCE = {"refused": ("refused",)}
EACH_TIME = {"refused": ("refused", "failed")}


def at_each_state(world: World, short: bool) -> Iterator[Case]:
    """Once, which is ridden out by trying again, and each time, which ends the sync, or leaves the event in the queue."""
    jobs = [(each, times) for each in STATES for times in (1, EVER)]
    jobs = [(each, times) for each, times in jobs if times == 1 or each.way != "start"][: 2 if short else None]
    found = [(each, times) for each in TRIGGERS for times in (1, EVER)][: 1 if short else None]
    with ExitStack() as stack:
        free = {way: Free(partial(_group, world, stack, way)) for way in ("api", "zip")}
        states = [partial(_killed_at, world, free["api" if at.way == "api" else "zip"], at, times) for at, times in jobs]
        own = [partial(_group, world, stack, at.way, 100 + place) for place, (at, _) in enumerate(found)]
        triggers = [partial(_trigger_killed, world, *job) for job in zip(own, found, strict=True)]
        # One after another, since the queue is everybody's.
        yield from side_by_side([lambda: [job() for job in triggers], *states])


def _group(world: World, stack: ExitStack, way: str, number: int) -> Fed:
    """Synced once."""
    if way != "api":
        return synced(world, by_zip(world, f"zip {number}", world.small))
    provider = Provider("1.2", world.lists[0])
    return synced(world, by_api(world, f"api {number}", provider, stack.enter_context(served(provider)), world.lists))


def _case(at: At, times: int) -> tuple[Case, int, str]:
    """Its name, at which call, and when."""
    case = Case(f"{at.place}, {'once' if times == 1 else 'each time'}")
    chance = random.Random(f"{SEED} {case.name}")
    return case, chance.randint(at.first, at.last), chance.choice(MOMENTS)


def _killed_at(world: World, free: Free[Fed], at: At, times: int) -> Case:
    case, number, when = _case(at, times)
    with free.one(case) as group:
        _killed_in(world, group, case, at, number, times, when)
    return case


def _killed_in(world: World, group: Fed, case: Case, at: At, number: int, times: int, when: str) -> None:
    group_id = group.group_id
    day = 0 if at.way == "same" else 1
    bundle = group.lay(day)
    if at.way == "refused":
        bundle = world.refused
    with world.killing(group_id, at.function, number, times, when, at.operation):
        ways: dict[str, dict[str, Any]] = {"selective": {"mode": "selective"}, "preview": {"preview": True}}
        sync_id = world.start(group_id, bundle, **ways.get(at.way, {}))
        world.answer(sync_id)
        if world.ended(sync_id, 60)["state"] in LIVE or not world.quiet(group_id, 10):
            world.mend(group_id)
        if not world.killed(group_id):
            case.wrong.append("nothing was killed")
    state = world.ended(sync_id)["state"]
    expected = ONCE.get(at.way, ("succeeded",)) if times == 1 else EACH_TIME.get(at.way, ("failed", "succeeded"))
    if state not in expected:
        case.wrong.append(f"the sync is {state}: {world.sync(sync_id).get('message')}")
    if state == "succeeded":
        world.judge(case, group_id, group.rights[day])
    world.next_sync(case, group_id, group.lay(0), group.rights[0])


# --- what EventBridge tells -------------------------------------------------------------------------------------------


def _trigger_killed(world: World, made: Callable[[], Fed], job: tuple[At, int]) -> Case:
    """What the function could not do waits in the queue, and is done once it is handed over again; and not twice."""
    at, times = job
    case, number, when = _case(at, times)
    group = made()
    group_id = group.group_id
    begin, done = {
        "Drop": (_drop, _synced),
        "Wake": (_fall_due, _synced),
        "Forget": (_grow_old, _forgotten),
        "Erase": (_delete, _erased),
        "Deliver": (_owe_a_message, _tried_or_due),
    }[at.place]
    with world.killing(group_id, at.function, number, times, when):
        begin(world, group)
        wait(lambda: world.killed(group_id) and (done(world, group) or world.undelivered(group_id)))
        if not world.killed(group_id):
            case.wrong.append("nothing was killed")
    undelivered = world.undelivered(group_id)
    case.name += ": in the queue" if undelivered else ": handled"
    if undelivered is not (times == EVER) and when != "soon":
        case.wrong.append("killed each time, and not in the queue" if times == EVER else "it was not tried again")
    world.redrive()
    wait(lambda: done(world, group))
    if not done(world, group):
        case.wrong.append(f"not done in the end; the syncs are {[each['state'] for each in world.syncs(group_id)]}")
    if at.place == "Erase":  # there is no next sync: the next turn finds nothing, and writes the certificate
        world.tell("Erase", world.tick("Erase", group_id))
        if not wait(lambda: deletions.get(group_id).state == "done"):
            case.wrong.append(f"no certificate: {deletions.get(group_id)}")
        return case
    if at.place == "Deliver":  # whoever was killed had claimed it for some minutes
        for mark in _marks(group_id):
            webhooks.claim(mark, datetime.now(UTC))
        world.tell("Deliver", world.tick("Deliver", group_id))
        if not wait(lambda: _tried(group_id)):
            case.wrong.append("the message was never sent")
    world.judge(case, group_id, group.rights[0 if at.place in ("Forget", "Deliver") else 1])
    world.next_sync(case, group_id, group.lay(0), group.rights[0])
    return case


def _drop(world: World, group: Fed) -> None:
    bundle = group.lay(1)
    assert bundle
    world.put(f"drop/{group.group_id}/district.zip", bundle.read_bytes())


def _fall_due(world: World, group: Fed) -> None:
    """Every day since January at midnight, and no slot has had its turn."""
    group.lay(1)
    world.schedule(group.group_id)
    world.tell("Wake", world.tick("Wake", group.group_id))


def _synced(world: World, group: Fed) -> bool:
    """By one sync, the second of the group."""
    found = world.syncs(group.group_id)
    return len(found) == 2 and all(each["state"] == "succeeded" for each in found)


def _grow_old(world: World, group: Fed) -> None:
    """There is a sync of three years ago, with its files."""
    at = datetime.now(UTC) - timedelta(days=1_100)
    old = new_sync_id(group.group_id, at, "old")
    [sync] = world.syncs(group.group_id)
    world.keep_sync(sync | {"syncId": old, "startedAt": at.isoformat(), "endedAt": at.isoformat()})
    for number in range(20):
        world.put(files.sync_key(old, f"stage/{number}"), b"old")
    world.tell("Forget", world.tick("Forget", group.group_id))


def _forgotten(world: World, group: Fed) -> bool:
    """The old sync with its files, and nothing else."""
    old = oldest_sync_id(group.group_id, datetime.now(UTC) - timedelta(days=1_000))
    kept = world.syncs(group.group_id)
    return len(kept) == 1 and kept[0]["syncId"] > old and not world.files_of(group.group_id, before=old)


def _delete(world: World, group: Fed) -> None:
    """An hour ago an admin has deleted the group, and nothing of it has gone yet."""
    at = datetime.now(UTC) - timedelta(hours=1)
    deletions.begin(Deletion(group_id=group.group_id, name="Erased", requested_by="chaos", requested_at=at))
    world.tell("Erase", world.tick("Erase", group.group_id))


def _erased(world: World, group: Fed) -> bool:
    """Records, files and syncs."""
    group_id = group.group_id
    return not (world.syncs(group_id) or world.files_of(group_id, before="~") or world.roster(group_id))


def _owe_a_message(world: World, group: Fed) -> None:
    """A message is due to a webhook that nobody can reach."""
    place = f"/groups/{group.group_id}/webhooks"
    webhook = world.admin.call("POST", place, {"url": "https://webhooks.invalid/roster"}, 201)["webhookId"]
    world.admin.call("POST", f"{place}/{webhook}/test", None, 202)
    world.tell("Deliver", world.tick("Deliver", group.group_id))


def _marks(group_id: str) -> list[dict[str, Any]]:
    """When what is owed to the group's webhook is due."""
    return [each for each in webhooks.due(datetime.now(UTC) + timedelta(days=1)) if each["group"] == group_id]


def _tried(group_id: str) -> bool:
    [webhook] = webhooks.of_group(group_id)
    return any(each.attempts for each in webhooks.deliveries(group_id, webhook.webhook_id, 10))


def _tried_or_due(world: World, group: Fed) -> bool:
    return bool(_tried(group.group_id) or _marks(group.group_id))


# --- a large apply ----------------------------------------------------------------------------------------------------


def in_a_large_apply(world: World, short: bool) -> Iterator[Case]:
    """Every second time each later call of the function is its last too, so that the sync fails half written.

    The sync changes nearly every record of the group; the next one brings the roster of before, of which the snapshot says
    that nothing has changed: only the mark that the killed one left makes it write.
    """
    chance, jobs = random.Random(SEED), 1 if short else 20
    first, second = world.large
    batches = len(rows_of(second)) // BATCH
    free = Free(lambda number: synced(world, by_zip(world, f"large apply {number}", world.large)))

    def killed(number: int, moment: int, when: str) -> Case:
        times = 1 if number % 2 else EVER
        case = Case(f"{when} batch {moment} of {batches}, {'once' if times == 1 else 'each time from then on'}")
        with free.one(case) as group:
            killed_in(group.group_id, case, times, moment, when)
        return case

    def killed_in(group_id: str, case: Case, times: int, moment: int, when: str) -> None:
        with world.killing(group_id, "ApplyChunk", moment, times, when, "BatchWriteItem"):
            sync_id = world.start(group_id, second)
            state = world.ended(sync_id)["state"]
            if not world.killed(group_id):
                case.wrong.append("nothing was killed")
        if state != ("succeeded" if times == 1 else "failed"):
            case.wrong.append(f"the sync is {state}: {world.sync(sync_id).get('message')}")
        if state == "succeeded":
            world.judge(case, group_id, second)
        world.next_sync(case, group_id, first)

    moments = [(number, chance.randint(1, batches), chance.choice(MOMENTS)) for number in range(jobs)]
    yield from side_by_side([partial(killed, *each) for each in moments], 2)
