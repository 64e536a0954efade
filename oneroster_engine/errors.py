"""What the engine raises.

RosterError
└── BundleRefused         the bundle can't be read as a roster

A bad row is neither: it is a problem, collected and counted by `staging/`.
"""


class RosterError(Exception):
    """Root of the tree. The message says what happened, where, and what to do; never a person's data."""


class BundleRefused(RosterError):
    """The bundle can't be read as a roster. The message says what to fix."""
