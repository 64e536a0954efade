"""What a held sync tells its group's contact: numbers and the way to the page, never a person's name."""

from collections.abc import Sequence
from datetime import datetime

from chalicelib.store.mail import Mail
from oneroster_engine.planning.guard import Breach

MOST_NAMED = 10  # who needs more opens the page


def held_mail(group_name: str, breaches: Sequence[Breach], link: str, until: datetime) -> Mail:
    named = [f"- {_said(breach)}" for breach in breaches[:MOST_NAMED]]
    if more := len(breaches) - MOST_NAMED:
        named += [f"- and {more:,} more"] if more > 0 else []
    text = "\n".join(
        [
            f"A sync of {group_name} waits for your decision. Nothing has been written yet.",
            "",
            "It is held because:",
            *named,
            "",
            "See every change, then approve it, approve it without the removals, or discard it:",
            link,
            "",
            f"Without a decision until {until:%d %B %Y, %H:%M} UTC it expires, and nothing is changed.",
        ]
    )
    return Mail(f"{' '.join(group_name.split())}: a sync waits for your decision", text)  # a header is one line (RFC 5322, 2.2)


def _said(breach: Breach) -> str:
    if breach.kind == "undone":  # its sentence says who undid them
        return f"{breach.removed:,} of its changes were undone before, and would be made again."
    return breach.message
