"""Timings and figures, outside of `make test`."""

import os

# No bytecode is found and none is kept, as in a function of Lambda: for processes that are measured.
AS_ON_LAMBDA = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": os.devnull}
