"""What the engine raises.

RosterError
└── BundleRefused         the bundle can't be read as a roster

A bad row is neither: it is a problem, collected and counted by `staging/`.
"""

LONGEST_MESSAGE = 4_000  # characters: Step Functions carries 32 KB of a failed step's words, and its trace among them


class RosterError(Exception):
    """Root of the tree. The message says what happened, where, and what to do; never a person's data."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message if len(message) <= LONGEST_MESSAGE else f"{message[: LONGEST_MESSAGE - 1]}…")


class BundleRefused(RosterError):
    """The bundle can't be read as a roster. The message says what to fix."""
