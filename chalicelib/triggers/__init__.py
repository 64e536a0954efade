"""What starts or ends a sync from outside."""

from chalicelib.store.memory import limit_engine
from chalicelib.triggers.blueprint import triggers

limit_engine()

__all__ = ["triggers"]
