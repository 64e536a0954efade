"""How often a property is tried: a few times in `make test`, and TIMES as often in `make properties`."""

import os

TIMES = int(os.environ.get("TIMES", "1"))


def examples(few: int) -> int:
    return few * TIMES
