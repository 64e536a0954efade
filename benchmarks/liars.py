"""Providers that lie at random: `python -m benchmarks.liars --situations 500 --seed 1`. Figures for docs/rest.md.

Liars as in tests/sources/test_proof.py, of which each trait is a lie or not by chance. *Wrongly whole*: a list was called whole
and somebody is missing who was in the provider's data all the time; they would have been removed. *Wrongly not whole*: everybody
came, the data did not change meanwhile, and no proof was accepted; nobody is harmed, and nobody who left is removed either.
"""

import argparse
import json
import re
from collections import Counter
from random import Random

from chalicelib.errors import SourceRefused, SourceUnavailable
from chalicelib.sources.rest import NotOffered, QueryRefused
from local.peers.lying_provider import BREAKS, BROKEN_AT, MOVES, TRAITS, Liar, Lies
from local.peers.reading import PEOPLE, read_users

SIZES, NUMBERS = [7, 10, 20, 100], [0, 1, 2, 10, 20, 45, 250]


def a_liar(random: Random, share: float) -> Liar:
    """`share`: how many of its traits are drawn; the others are those of an honest provider."""
    traits = {name: random.choice(values) for name, values in TRAITS.items() if random.random() < share}
    broken = {random.choice(BROKEN_AT): random.choice(BREAKS) for _ in range(3) if random.random() < share}
    moves = {random.randrange(13): f"{random.choice(MOVES)} {random.randrange(45)}" for _ in range(3) if random.random() < share}
    nulls = frozenset(random.randrange(45) for _ in range(2) if random.random() < share / 4)
    if traits.get("order", "asc") != "asc":  # who gives only so many, in no order, can't be told from one that has no more
        traits.pop("most", None)
    lies = Lies(**traits, broken=broken, moves=moves, nulls_at=nulls)
    return Liar(PEOPLE[: random.choice(NUMBERS)], lies, random.randrange(1 << 30))


def measure(situations: int, seed: int, share: float) -> dict[str, object]:
    random, outcomes, reasons, removed = Random(seed), Counter[str](), Counter[str](), 0
    for _ in range(situations):
        liar = a_liar(random, share)
        before = set(liar.ids)
        try:
            came, why = read_users(liar, random.choice(SIZES))
        except (SourceRefused, SourceUnavailable, NotOffered, QueryRefused):
            outcomes["refused, so that nothing is changed"] += 1
            continue
        missing = liar.always - came
        if not why:
            outcomes["whole"] += 1
            outcomes["wrongly whole"] += bool(missing)
            removed += len(missing)
        elif came - {""} == before == set(liar.ids):
            outcomes["wrongly not whole"] += 1
            reasons[re.sub(r"[0-9][0-9,]*", "N", why)[:120]] += 1
        else:
            outcomes["rightly not whole"] += 1
    found = {"situations": situations, **outcomes, "wrongly whole": outcomes["wrongly whole"], "people wrongly removed": removed}
    return {**found, "why wrongly not whole": dict(reasons.most_common(15))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--situations", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=0.25)
    asked = parser.parse_args()
    print(json.dumps(measure(asked.situations, asked.seed, asked.share), indent=1), flush=True)


if __name__ == "__main__":
    main()
