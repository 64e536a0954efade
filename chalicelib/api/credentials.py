"""What becomes of a secret that comes in with a group's source: stored, kept, or deleted.

A secret that is set is never read back. So it also goes nowhere else than where it was given for: whoever names another
server gives the secret again, or one could have it sent to a server of one's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from chalicelib.api.shapes import RestSourceIn, SftpSourceIn, SourceIn
from chalicelib.errors import Unacceptable
from chalicelib.model.records import CredentialsMark, RestSource, SftpSource, Source, ZipSource
from chalicelib.sources.ssh_keys import read
from chalicelib.store import secrets
from chalicelib.store.secrets import Credentials, KeyCredentials


@dataclass(frozen=True)
class Sent:
    """`source` as it is stored: with the mark of its secret, new or kept, and never the secret. `secret` is there where one was
    sent; store it once all else is accepted."""

    source: Source
    secret: Credentials | None = None


def taken_apart(sent: SourceIn, stored: Source, now: datetime) -> Sent:
    """Part a source from its secret; nothing is written.

    Raises Unacceptable when the secret that is set was given for another place, and for a private key that can't be read.
    """
    if not isinstance(sent, SftpSourceIn | RestSourceIn):
        return Sent(sent)
    if isinstance(sent.credentials, KeyCredentials):
        read(sent.credentials)  # said here, where it can still be corrected, and not by the first sync
    kind = SftpSource if isinstance(sent, SftpSourceIn) else RestSource
    if sent.credentials and not isinstance(sent.credentials, CredentialsMark):
        mark = secrets.mark_of(sent.credentials, now)
        return Sent(kind.model_validate({**dict(sent), "credentials": mark}), sent.credentials)
    kept = stored.credentials if isinstance(stored, SftpSource | RestSource) and stored.method == sent.method else None
    if kept and isinstance(stored, SftpSource | RestSource) and _place(sent) != _place(stored):
        said = "The source is another one now, so its password, key or secret must be sent again. Nothing was changed."
        raise Unacceptable(said, {"source.credentials": "send them again"})
    return Sent(kind.model_validate({**dict(sent), "credentials": kept}))


def forgotten(before: Source, after: Source) -> bool:
    """Whether the secret that `before` had is of no use to `after`."""
    return _mark(before) is not None and _mark(after) is None


def _mark(source: Source) -> CredentialsMark | None:
    return None if isinstance(source, ZipSource) else source.credentials


def _place(source: SftpSource | RestSource) -> Sequence[object]:
    """To whom the secret is shown."""
    if isinstance(source, SftpSource):
        return source.host.lower(), source.port
    kind = "token" if source.authorization == "bearer" else "client"
    return kind, _origin(source.base_url), source.token_url and _origin(source.token_url)


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()
