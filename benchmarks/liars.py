"""Providers that lie at random: `python -m benchmarks.liars --situations 4000`. Figures for docs/rest.md.

The same liars as in tests/sources/test_proof.py, more of them. A situation is *wrongly whole* where a list was called whole and
somebody is missing who was in the provider's data all the time: they would have been removed. It is *wrongly not whole* where
everybody came, the data did not change meanwhile, and no proof was accepted: nobody is harmed, but nobody is removed either.
"""

import argparse
import json
import re
from collections import Counter

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from chalicelib.errors import SourceRefused, SourceUnavailable
from chalicelib.sources.rest import NotOffered, QueryRefused
from tests.provider.lying import Liar, Lies
from tests.sources.test_proof import LIES, PEOPLE, read

SIZES, NUMBERS = [7, 10, 20, 100], [0, 1, 2, 10, 20, 45]


def measure(situations: int, seeded: int) -> dict[str, object]:
    told: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    removed = 0

    @seed(seeded)
    @settings(max_examples=situations, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(lies=LIES, size=st.sampled_from(SIZES), number=st.sampled_from(NUMBERS), liar_seed=st.integers(0, 3))
    def tried(lies: Lies, size: int, number: int, liar_seed: int) -> None:
        nonlocal removed
        liar = Liar(PEOPLE[:number], lies, liar_seed)
        before = set(liar.ids)
        told["situations"] += 1
        try:
            came, why = read(liar, size)
        except (SourceRefused, SourceUnavailable, NotOffered, QueryRefused):
            told["refused, so that nothing is changed"] += 1
            return
        missing = liar.always - came
        if not why:
            told["whole"] += 1
            told["wrongly whole"] += bool(missing)
            removed += len(missing)
        elif came - {""} == before == set(liar.ids):
            told["wrongly not whole"] += 1
            reasons[re.sub(r"[0-9][0-9,]*", "N", why)[:120]] += 1
        else:
            told["rightly not whole"] += 1

    tried()
    return {**told, "wrongly whole": told["wrongly whole"], "people wrongly removed": removed, "reasons": reasons.most_common(12)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--situations", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    print(json.dumps(measure(asked.situations, asked.seed), indent=1), flush=True)


if __name__ == "__main__":
    main()
