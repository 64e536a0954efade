"""Functions killed (SIGKILL): at each state of the machine, at the triggers, and anywhere in an apply of 20,000 changes."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from chalicelib.platform.writer import BATCH
from tests.chaos.naive import rows_of
from tests.chaos.world import LIVE, Case, World, side_by_side

SEED = 7
EVER = 1_000_000
MOMENTS = ("before", "after", "soon")


@dataclass(frozen=True)
class At:
    """A function, by which way it is met, and the first and the last of its calls to AWS at which it may be killed."""

    function: str
    first: int
    last: int
    way: str = "full"
    operation: str = ""

    def __str__(self) -> str:
        return self.function if self.way == "full" else f"{self.function} ({self.way})"


STATES = (
    At("OpenSource", 1, 3),
    At("Stage", 1, 5),
    At("Plan", 1, 5),
    At("ApplyChunk", 1, 5),
    At("Commit", 1, 5),
    At("Report", 1, 5),
    At("RecordFailure", 1, 2, "refused"),
    At("Ask", 1, 1, "orgs"),
    At("Ask", 2, 2, "classes"),
    At("Ask", 3, 3, "statuses"),
    At("Ask", 1, 1, "approval"),
    At("ExecutionEnded", 1, 1, "refused"),
    At("APIHandler", 1, 1, "start", "StartExecution"),
)
# How a sync may end. Killed each time it fails, unless a function is through before its "soon" has come.
ONCE = {"refused": ("refused",)}
EACH_TIME = {"refused": ("refused", "failed")}


def at_each_state(world: World, short: bool) -> Iterator[Case]:
    """Once, which the machine rides out by trying again, and each time, which ends the sync."""
    refused = world.folder / "refused.zip"
    refused.write_bytes(b"this is no zip")
    jobs = [(each, times) for each in STATES for times in (1, EVER)]
    jobs = [(each, times) for each, times in jobs if times == 1 or each.way != "start"][: 2 if short else None]
    groups = world.groups([f"{each} {times}" for each, times in jobs])
    yield from side_by_side(
        [partial(_killed_at, world, group_id, each, times, refused) for group_id, (each, times) in zip(groups, jobs, strict=True)]
    )


def _killed_at(world: World, group_id: str, at: At, times: int, refused: Path) -> Case:
    case = Case(f"{at}, {'once' if times == 1 else 'each time'}")
    chance = random.Random(f"{SEED} {case.name}")
    first, second = world.small
    world.ended(world.start(group_id, first))
    number, when = chance.randint(at.first, at.last), chance.choice(MOMENTS)
    with world.killing(group_id, at.function, number, times, when, at.operation):
        way: dict[str, Any] = {"mode": "selective"} if at.function == "Ask" else {}
        way = {"preview": True} if at.way == "approval" else way
        sync_id = world.start(group_id, refused if at.way == "refused" else second, **way)
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
        world.judge(case, group_id, second)
    world.next_sync(case, group_id, first)
    return case


def in_a_large_apply(world: World, short: bool) -> Iterator[Case]:
    """Every second time each later call of the function is its last too, so that the sync fails half written.

    The sync changes nearly every record of the group; the next one brings the roster of before, of which the snapshot says
    that nothing has changed: only the mark that the killed one left makes it write.
    """
    chance, jobs = random.Random(SEED), 1 if short else 20
    first, second = world.large
    batches = len(rows_of(second)) // BATCH
    groups = world.groups(["large apply, one", "large apply, two"][:jobs])
    for group_id in groups:
        world.ended(world.start(group_id, first))

    def killed(group_id: str, number: int, moment: int, when: str) -> Case:
        times = 1 if number % 2 else EVER
        case = Case(f"{when} batch {moment} of {batches}, {'once' if times == 1 else 'each time from then on'}")
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
        return case

    lanes: list[list[Callable[[], Case]]] = [[] for _ in groups]
    for number in range(jobs):
        lane = number // 2 % len(groups)
        moment, when = chance.randint(1, batches), chance.choice(MOMENTS)
        lanes[lane].append(partial(killed, groups[lane], number, moment, when))
    yield from side_by_side([partial(lambda lane: [job() for job in lane], lane) for lane in lanes])
