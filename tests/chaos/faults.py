"""AWS itself: a share of the calls goes wrong, and the whole of it goes away in the middle of an apply."""

import random
import time
from collections.abc import Callable, Iterator
from functools import partial

from tests.chaos.world import LIVE, Case, World, side_by_side

SEED = 7
GROUPS, SYNCS = 4, 2


def calls_going_wrong(rate: float) -> Callable[[World, bool], Iterator[Case]]:
    """Syncs of six groups, the functions' calls going wrong all the while; each group's next sync when it is over."""

    def cases(world: World, short: bool) -> Iterator[Case]:
        groups = world.groups([f"{rate:.0%} wrong, {number}" for number in range(1 if short else GROUPS)])
        found = {group_id: Case(f"{rate:.0%} of the calls, group {place + 1}") for place, group_id in enumerate(groups)}
        with world.going_wrong(rate):
            list(side_by_side([partial(_syncs, world, group_id, case) for group_id, case in found.items()]))
        yield from side_by_side([partial(_right_again, world, group_id, case) for group_id, case in found.items()])

    return cases


def _syncs(world: World, group_id: str, case: Case) -> Case:
    ends = []
    for number in range(SYNCS):
        bundle = world.small[1 - number % 2]
        sync_id = world.start(group_id, bundle, key=f"{group_id}-{number}")
        if (sync := world.ended(sync_id, 90))["state"] in LIVE:
            world.mend(group_id)
            sync = world.ended(sync_id, 90)
        ends.append(sync["state"])
        if not world.quiet(group_id, 20):
            world.mend(group_id)
        if sync["state"] == "succeeded":
            world.judge(case, group_id, bundle)
    case.name += f": {', '.join(ends)}"
    return case


def _right_again(world: World, group_id: str, case: Case) -> Case:
    world.next_sync(case, group_id, world.small[1])
    return case


def aws_restarted(world: World, short: bool) -> Iterator[Case]:
    """Every function dies with it, and every execution; what is left is the tables and the bucket."""
    chance = random.Random(SEED)
    first, second = world.large
    group_id = world.group("restarted")
    world.ended(world.start(group_id, first))
    for moment in sorted(chance.uniform(0.05, 0.95) for _ in range(1 if short else 2)):
        case = Case(f"stopped with {moment:.0%} of an apply of 20,000 changes written")
        sync_id = world.start(group_id, second)
        _until_applied(world, sync_id, moment)
        world.restart()
        if (state := world.sync(sync_id)["state"]) != "failed":
            case.wrong.append(f"the sync is {state}")
        world.next_sync(case, group_id, first)
        yield case


def _until_applied(world: World, sync_id: str, share: float) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        sync = world.sync(sync_id)
        total = next((int(each["total"]) for each in sync.get("progress", []) if each["step"] == "apply"), 0)
        if sync["state"] not in LIVE or (total and int(sync.get("applied", 0)) >= share * total):
            return
        time.sleep(0.02)
