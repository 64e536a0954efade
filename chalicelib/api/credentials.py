"""What becomes of a secret that comes in with a group's source: stored, kept, or deleted.

A secret that is set is never read back. So it also goes nowhere else than where it was given for: whoever names another
server gives the secret again, or one could have it sent to a server of one's own.
"""

from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

from chalicelib.api.shapes import SourceIn
from chalicelib.errors import Unacceptable
from chalicelib.model.credentials import Credentials, KeyCredentials, mark_of
from chalicelib.model.records import UNQUOTED, CredentialsMark, Source


@dataclass(frozen=True)
class Sent:
    """`source` as it is stored: with the mark of its secret, new or kept, and never the secret. `secret` is there where one was
    sent; store it once all else is accepted."""

    source: Source
    secret: Credentials | None = None


def separate_secret(sent: SourceIn, stored: Source, now: datetime) -> Sent:
    """Part a source from its secret; nothing is written.

    Raises Unacceptable when the secret that is set was given for another place, and for a private key that can't be read.
    """
    if sent.credentials is None or isinstance(sent.credentials, CredentialsMark):
        kept = stored.credentials if stored.method == sent.method else None
        if kept and sent.shown_to != stored.shown_to:
            message = "The source is another one now, so its password, key or secret must be sent again. Nothing was changed."
            raise Unacceptable(message, {"source.credentials": "send them again"})
        return Sent(_with_mark(sent, kept))
    if isinstance(sent.credentials, KeyCredentials):
        from chalicelib.sources.ssh_keys import read  # with paramiko

        read(sent.credentials)  # an unreadable key fails here, where it can be corrected, and not in the first sync
    return Sent(_with_mark(sent, mark_of(sent.credentials, now)), sent.credentials)


def without_secret(source: Source) -> Source:
    """A source as it may leave the stack."""
    return _with_mark(source, None)


def forgotten(before: Source, after: Source) -> bool:
    """Whether the secret that `before` had is of no use to `after`."""
    return before.credentials is not None and after.credentials is None


_SOURCE: TypeAdapter[Source] = TypeAdapter(Source, config=UNQUOTED)


def _with_mark(source: SourceIn | Source, mark: CredentialsMark | None) -> Source:
    return _SOURCE.validate_python({**dict(source), **({"credentials": mark} if source.credentials or mark else {})})
