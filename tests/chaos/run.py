"""`make chaos`: the product in the embedded AWS, killed, starved, restarted, flooded and lied to; after each case the next sync.

After every case the platform is compared with a naive reading of what the source holds (`naive.py`). The figures go to
`docs/reliability.md`, a line a kind of case, so that kinds which are run alone (`make chaos CASES="kills drops"`) renew their
own. SHORT=yes runs one or two cases of each kind, which shows that the campaign itself works, and writes nothing.
"""

import argparse
import fcntl
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from infra import ROOT
from tests.chaos import ends, faults, floods, kills, sources
from tests.chaos.naive import Difference
from tests.chaos.world import Case, Journal, World

PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- make chaos writes from here -->", "<!-- to here -->"
HEADS = (
    "what is broken",
    "cases",
    "records lost",
    "wrong content",
    "there though gone",
    "one id in two items",
    "written twice with different content",
    "locks left",
    "syncs without an end",
    "next sync: median, longest (s)",
    "run",
)
Cases = Callable[[World, bool], Iterator[Case]]


@dataclass(frozen=True)
class Kind:
    says: str
    cases: Cases


KINDS = {
    "kills": Kind("a function killed at each state and trigger, once and each time it is tried again", kills.at_each_state),
    "apply": Kind("a function killed at a seeded moment of an apply of 20,000 changes", kills.in_a_large_apply),
    "ends": Kind(
        "cancelled, or its execution aborted, at each state; what its message says against the platform", ends.ended_at_each_state
    ),
    "faults1": Kind("1 % of the functions' calls to AWS go wrong", faults.calls_going_wrong(0.01)),
    "faults5": Kind("5 % of them", faults.calls_going_wrong(0.05)),
    "faults20": Kind("20 % of them", faults.calls_going_wrong(0.20)),
    "restart": Kind("the embedded AWS stopped and started again in an apply of 20,000 changes", faults.aws_restarted),
    "starts": Kind("50 starts of one group at once", floods.starts_at_once),
    "groups": Kind("100 groups syncing at once", floods.groups_at_once),
    "drops": Kind("200 files dropped in a minute, a third of the events told twice", floods.files_dropped),
    "schedule": Kind("2,000 groups due at one moment", floods.groups_due_at_once),
    "rest": Kind("a provider's API that dies, stalls, truncates or lies in each phase of a sync", sources.provider_goes_wrong),
    "sftp": Kind("an SFTP server that does, and files that are not what they say", sources.server_goes_wrong),
}

# All kinds, side by side in two processes, each with an embedded AWS of its own, since some faults befall the whole of one. Those
# that keep the machine busy begin the first, those that mostly wait the second.
LANES = (
    ("restart", "apply", "kills", "ends"),
    ("rest", "sftp", "drops", "faults1", "faults5", "faults20", "starts", "schedule", "groups"),
)


def run(name: str, world: World, short: bool) -> tuple[str, bool]:
    """Every case of a kind; its line of the table, and whether all is as promised."""
    kind, began, cases = KINDS[name], time.monotonic(), []
    world.forget()
    print(f"{name}: {kind.says}", flush=True)
    for case in kind.cases(world, short):
        cases.append(case)
        took = "" if case.recovered_s is None else f", next sync {case.recovered_s:.1f} s"
        print(f"  {name}: {'as promised' if case.as_promised else 'NOT AS PROMISED'}: {case.name}{took}", flush=True)
        for message in case.wrong if case.as_promised else [*case.wrong, str(case.found)]:
            print(f"    {name}: {message}", flush=True)
    journal = world.journal()
    print(f"  {name}: {len(cases)} cases, {_did(journal)}, {(time.monotonic() - began) / 60:.1f} minutes", flush=True)
    good = bool(cases) and all(case.as_promised for case in cases) and not journal.unlike
    return _line(name, cases, journal, time.monotonic() - began), good


def _did(journal: Journal) -> str:
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(journal.faults.items()))
    faults = f"{sum(journal.faults.values())} faults ({kinds}), " if kinds else ""
    kills = f"{journal.kills} kills, " if journal.kills else ""
    again = f", {journal.again:,} of them again with the same content" if journal.again else ""
    return f"{journal.calls:,} calls to AWS, {kills}{faults}{journal.items:,} records written{again}"


def _line(name: str, cases: list[Case], journal: Journal, took_s: float) -> str:
    found = sum((case.found for case in cases), Difference())
    waited = [case.recovered_s for case in cases if case.recovered_s is not None]
    recovered = f"{statistics.median(waited):.1f}, {max(waited):.1f}" if waited else "-"
    odd = sum(not case.as_promised for case in cases)
    cells = (
        f"**{name}**: {KINDS[name].says}. {_did(journal)}" + (f". **{odd} not as promised**" if odd else ""),
        len(cases),
        found.lost,
        found.wrong,
        found.left,
        found.twice,
        journal.unlike,
        sum(case.locks for case in cases),
        sum(case.endless for case in cases),
        recovered,
        f"{datetime.now(UTC):%d %B %Y, %H:%M}, {took_s / 60:.1f} min",
    )
    return f"| {' | '.join(map(str, cells))} |"


def written(page: str, lines: dict[str, str]) -> str:
    """The page with these kinds' lines in place of their old ones."""
    before, _, rest = page.partition(BEGIN)
    old, _, after = rest.partition(END)
    rows = {name: row for name in KINDS for row in old.splitlines() if row.startswith(f"| **{name}**")} | lines
    table = [f"| {' | '.join(HEADS)} |", f"|{'---|' * len(HEADS)}", *(rows[name] for name in KINDS if name in rows)]
    return f"{before}{BEGIN}\n" + "\n".join(table) + f"\n{END}{after}"


def renew(name: str, line: str) -> None:
    """The other process may be at it."""
    with PAGE.open("r+") as page:
        fcntl.flock(page, fcntl.LOCK_EX)
        text = written(page.read(), {name: line})
        page.seek(0)
        page.write(text)
        page.truncate()


def all_kinds() -> bool:
    """Whether all is as promised."""
    lanes = [subprocess.Popen([sys.executable, "-m", "tests.chaos.run", *lane], cwd=ROOT) for lane in LANES]

    def leave(*_: object) -> None:
        for each in lanes:
            each.terminate()

    signal.signal(signal.SIGTERM, leave)
    codes = [each.wait() for each in lanes]
    return not any(codes)


def some_kinds(asked: list[str], short: bool) -> bool:
    good = True
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        world = World(Path(folder))

        def leave(*_: object) -> None:
            world.stop()
            os._exit(1)  # without waiting for cases that go on

        signal.signal(signal.SIGTERM, leave)
        try:
            for name in asked:
                line, fine = run(name, world, short)
                good &= fine
                if not short:
                    renew(name, line)
        finally:
            world.stop()
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", choices=[[], *KINDS], help="all, unless some are named")
    asked, began = parser.parse_args().cases, time.monotonic()
    good = some_kinds(asked, bool(os.environ.get("SHORT"))) if asked else all_kinds()
    whole = f" for {', '.join(asked)}" if asked else f", the whole of {sum(map(len, LANES))} kinds"
    print(f"{(time.monotonic() - began) / 60:.1f} minutes{whole}; {'all as promised' if good else 'NOT ALL AS PROMISED'}")
    sys.exit(not good)


if __name__ == "__main__":
    main()
