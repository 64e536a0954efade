"""What starts or ends a sync from outside."""

from chalicelib.triggers.blueprint import triggers

__all__ = ["triggers"]
