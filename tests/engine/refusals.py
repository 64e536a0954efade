"""How a refused bundle reads: one sentence of what is wrong, and at least one of what to do."""

import re

WHAT_AND_WHAT_TO_DO = re.compile(r"\S.{9,}?[.?:;)`] [A-Z].{9,}\.", re.DOTALL)
