"""One Lambda per state of `stepfunctions/sync.asl.json`: read the event, call one room, write the result."""

from chalicelib.steps.blueprint import steps
from chalicelib.store.memory import limit_engine

limit_engine()

__all__ = ["steps"]
