"""A customer's SFTP server: reach it, know it by its key, sign in, find the newest roster, move it away afterwards.

Errors of the network, SSH and the server are translated here into ours, with a sentence. `sftp_reading.py` reads.
"""

import fnmatch
import socket
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from chalicelib.errors import SourceRefused, SourceUnavailable, Unacceptable
from chalicelib.model.credentials import Credentials, KeyCredentials, PasswordCredentials
from chalicelib.model.records import SftpSource
from chalicelib.sources import picking
from chalicelib.sources.picking import Entry, Found, RemoteFile, SameName
from chalicelib.sources.public_address import addresses_of
from chalicelib.sources.ssh_algorithms import OLD_SERVER, STRONG, Transport, weak_ones
from chalicelib.sources.ssh_keys import read
from oneroster_engine.errors import RosterError

CONNECT_S = 8.0  # a connection test tells each step within 20 s
ANSWER_S = 30.0  # a server that says nothing for longer is gone
SETTLE_S = 5.0  # between the two looks that tell whether a file still grows
MOST_FOLDERS = 100  # of those that a pattern names, the last by name
PATIENCE_S = 240.0  # for a file that grows or lacks its marker; the machine's retries come on top
PACKET_BYTES = 1 << 17
WINDOW_BYTES = 1 << 25

OnWait = Callable[[str, float], None]  # what is waited for, as a sentence, and for how many seconds at most
BROKEN = (EOFError, OSError, paramiko.SSHException)


class Server:
    """A connection whose host key is known; nobody has signed in yet."""

    def __init__(self, transport: Transport, source: SftpSource) -> None:
        self._transport = transport
        self._source = source
        self.fingerprint: str = transport.get_remote_server_key().fingerprint

    @property
    def takes_large_requests(self) -> bool:
        """OpenSSH answers up to 256 KB at once; of others it is known that some choke on more than 32 KB."""
        return "OpenSSH" in self._transport.remote_version

    @property
    def warning(self) -> str:
        """What an admin should know of the connection; empty where all is well."""
        weak = weak_ones(self._transport)
        if not weak:
            return ""
        return f"{self._source.host} is an old server: this connection is weak ({', '.join(weak)}). Ask the customer to renew it."

    @property
    def is_alive(self) -> bool:
        return self._transport.is_active()

    def check_key(self) -> None:
        """Raises SourceRefused unless the server is the one that the admin confirmed."""
        pinned = self._source.host_key_fingerprint
        if pinned is None:
            raise SourceRefused(
                f"Nobody has confirmed the host key of {self._source.host} yet. Test the connection in the group's configuration."
            )
        if pinned != self.fingerprint:
            raise SourceRefused(
                f"The host key of {self._source.host} has changed: it was {pinned} and is {self.fingerprint} now, so this may be "
                "another server. Ask the customer whether they changed it; if so, test the connection and confirm the new key."
            )

    def sign_in(self, credentials: Credentials) -> None:
        """Raises SourceRefused when the server won't have these credentials."""
        source = self._source
        with translate_errors(source):
            try:
                if isinstance(credentials, PasswordCredentials):
                    self._transport.auth_password(source.username, credentials.password.get_secret_value())
                elif isinstance(credentials, KeyCredentials):
                    self._transport.auth_publickey(source.username, read(credentials))
                else:
                    raise SourceRefused("SFTP signs in with a password or a private key. Set one in the group's configuration.")
            except Unacceptable as trouble:
                raise SourceRefused(f"{trouble} Replace the private key in the group's configuration.") from trouble
            except paramiko.BadAuthenticationType as trouble:
                taken = ", ".join(sorted(trouble.allowed_types))
                raise SourceRefused(f"{source.host} doesn't let this user sign in this way; it takes: {taken}.") from trouble
            except paramiko.AuthenticationException as trouble:
                if not self.is_alive:  # the line broke in the middle; paramiko calls that the same
                    raise SourceUnavailable(f"{source.host} closed the connection while we signed in.") from trouble
                raise SourceRefused(
                    f"{source.host} did not accept the user name with this password or key. Check both with the customer."
                ) from trouble

    def files(self) -> paramiko.SFTPClient:
        """A channel of its own to the server's files."""
        with translate_errors(self._source):
            opened = paramiko.SFTPClient.from_transport(self._transport, WINDOW_BYTES, PACKET_BYTES)
            channel = opened and opened.get_channel()
            if not opened or not channel:
                raise SourceUnavailable(f"{self._source.host} opens no SFTP channel.")
            channel.settimeout(ANSWER_S)
            return opened

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def reach(source: SftpSource) -> Server:
    """Connect to an address that is allowed, as far as the host key. Raises SourceRefused, SourceUnavailable."""
    with translate_errors(source):
        transport = Transport(_connected(source), WINDOW_BYTES, PACKET_BYTES)
        try:
            transport.banner_timeout = transport.auth_timeout = CONNECT_S
            transport.channel_timeout = ANSWER_S
            transport.speak(OLD_SERVER if source.old_server else STRONG)
            transport.start_client(timeout=CONNECT_S)
        except IncompatiblePeer as trouble:
            transport.close()
            why = transport.nothing_in_common() or f"{trouble}."
            raise SourceRefused(f"{source.host} offers no supported SSH algorithm: {why}") from trouble
        except BaseException:
            transport.close()
            raise
        return Server(transport, source)


def signed_in(source: SftpSource, credentials: Credentials) -> Server:
    """Reach the server, see that it is the confirmed one, and sign in."""
    server = reach(source)
    try:
        server.check_key()
        server.sign_in(credentials)
    except BaseException:
        server.close()
        raise
    return server


def newest(files: paramiko.SFTPClient, source: SftpSource) -> Found:
    """What `source.path` means now. Raises SourceRefused where that is nothing."""
    path = PurePosixPath(source.path)
    with translate_errors(source):
        if _is_pattern(path.name):
            folder, pattern = path.parent, path.name
        elif stat.S_ISDIR(_stat(files, source, str(path)).st_mode or 0):
            folder, pattern = path, "*"
        else:
            folder, pattern = path.parent, None
        if any(_is_pattern(part) for part in folder.parts):
            raise SourceRefused(f"{source.path}: * and ? may stand in the last part of a path alone.")
        listed = _listed(files, source, str(folder))
        # Whatever the case: ROSTER.ZIP is meant by *.zip, or yesterday's roster.zip would be taken in its place.
        folded = pattern and pattern.casefold()
        named = [
            each
            for each in listed
            if (each.name == path.name if folded is None else fnmatch.fnmatchcase(each.name.casefold(), folded))
        ]
        try:
            found = picking.candidates(named, listed, source.done_marker)
            if pattern not in (None, "*"):
                folders = sorted((each for each in named if each.is_folder), key=lambda each: picking.in_order(each.name))
                for each in folders[-MOST_FOLDERS:]:  # a folder's own time says nothing about the files in it
                    inside = _listed(files, source, each.path)
                    found += picking.candidates(inside, inside, source.done_marker)
        except SameName as trouble:
            raise SourceRefused(f"{source.path} on {source.host}: {trouble}.") from trouble
    picked = picking.newest(found)
    if picked is None:
        raise SourceRefused(
            f"There is no ZIP and no OneRoster CSV at {source.path} on {source.host}. Check the path with the customer; "
            "it may be a file, a folder, or a pattern such as /out/*.zip."
        )
    return picked


def settled(
    files: paramiko.SFTPClient,
    source: SftpSource,
    patience_s: float = PATIENCE_S,
    sleep: Callable[[float], None] = time.sleep,
    on_wait: OnWait = lambda what, at_most_s: None,
) -> Found:
    """The newest roster once it is whole: its marker is there, or it is the same at two looks. Where the server sends no times,
    a marker may be yesterday's, so both are needed. `on_wait` is called at each check that finds none.

    Raises SourceUnavailable when it isn't in `patience_s`.
    """
    seen, waited_s = newest(files, source), 0.0
    while not (seen.marked and seen.modified_s):
        if waited_s or source.done_marker or seen.lacks or not seen.size_bytes:
            on_wait(f"{seen.called} on {source.host} {awaited(seen, source)}.", patience_s - waited_s)
        if waited_s >= patience_s:
            raise SourceUnavailable(
                f"{seen.called} on {source.host} {awaited(seen, source)}, and this has not changed in {patience_s:.0f} seconds. "
                "The customer may not have finished sending it."
            )
        sleep(SETTLE_S)
        waited_s += SETTLE_S or patience_s / 10
        again = newest(files, source)
        if again == seen and (seen.marked or not source.done_marker) and not seen.lacks and seen.size_bytes:
            break
        seen = again
    return seen


def awaited(found: Found, source: SftpSource) -> str:
    """What a sync waits for before it takes these files."""
    if source.done_marker and not found.marked:
        return f"has no {source.done_marker} marker yet"
    if found.lacks:
        return f"lacks {', '.join(found.lacks)}"
    return "is still growing" if found.size_bytes else "is empty"


def move_to_missing(files: paramiko.SFTPClient, source: SftpSource) -> str:
    """Why what is fetched could not be moved away afterwards, as far as it can be seen without writing; empty where it can."""
    if source.afterwards != "move":
        return ""
    try:
        is_folder = stat.S_ISDIR(files.stat(source.move_to).st_mode or 0)
    except FileNotFoundError:
        return f"The folder {source.move_to}, to which the files are to be moved afterwards, is not there."
    except PermissionError:
        return f"The folder {source.move_to}, to which the files are to be moved afterwards, can't be seen by this user."
    return "" if is_folder else f"{source.move_to}, to which the files are to be moved afterwards, is no folder."


def unchanged(files: paramiko.SFTPClient, seen: Iterable[RemoteFile]) -> bool:
    """Whether the files are there with the size and the time that were seen."""
    for each in seen:
        try:
            now = files.stat(each.path)
        except FileNotFoundError:
            return False
        if (now.st_size, int(now.st_mtime or 0)) != (each.size_bytes, each.modified):
            return False
    return True


def move_away(files: paramiko.SFTPClient, source: SftpSource, found: Found, sync_id: str) -> None:
    """Move what was fetched, and its markers, to the folder that the group names. What is gone already is as good.

    A file of the same name there stays. The protocol has the server refuse the move then (draft-ietf-secsh-filexfer-02, 6.5), as
    OpenSSH and ProFTPD do; rclone's lets the new file take the other's place (findings/sftp-rename-replaces.sh). So it is looked
    for first.
    """
    for path in (*found.markers, *(each.path for each in found.files)):
        old = PurePosixPath(path)
        for name in (old.name, f"{old.stem}-{sync_id}{old.suffix}"):  # the folder may hold one of this name since yesterday
            new = f"{source.move_to.rstrip('/')}/{name}"
            try:
                if _exists(files, new):
                    continue
                files.rename(path, new)
                break
            except FileNotFoundError:
                if _exists(files, path):
                    raise _unmoved(source) from None
                break
            except PermissionError as trouble:
                raise _unmoved(source) from trouble
            except OSError as trouble:
                if name != old.name:
                    raise _unmoved(source) from trouble
        else:
            raise _unmoved(source)


@contextmanager
def translate_errors(source: SftpSource) -> Iterator[None]:
    """Foreign errors become ours, with the host's name and no more of the configuration in it."""
    try:
        yield
    except RosterError:
        raise
    except IncompatiblePeer as trouble:
        raise SourceRefused(f"{source.host} offers no supported SSH algorithm: {trouble}.") from trouble
    except PermissionError as trouble:
        raise SourceRefused(f"{source.host} doesn't let this user read {source.path}.") from trouble
    except TimeoutError as trouble:
        raise SourceUnavailable(f"{source.host}:{source.port} did not answer in time.") from trouble
    except ConnectionRefusedError as trouble:
        message = (
            f"{source.host} takes no connection at port {source.port}. Check host and port, and whether its firewall lets us in."
        )
        raise SourceUnavailable(message) from trouble
    except BROKEN as trouble:
        raise SourceUnavailable(f"The connection to {source.host}:{source.port} broke ({type(trouble).__name__}).") from trouble


def _connected(source: SftpSource) -> socket.socket:
    failure: OSError | None = None
    for address in addresses_of(source.host, source.port):
        try:
            return socket.create_connection((address, source.port), CONNECT_S)
        except OSError as trouble:
            failure = trouble
    raise failure or SourceUnavailable(f"The name {source.host} leads nowhere.")


def _listed(files: paramiko.SFTPClient, source: SftpSource, folder: str) -> list[Entry]:
    try:
        listed = files.listdir_attr(folder)
    except FileNotFoundError as trouble:
        raise SourceRefused(f"There is no folder {folder} on {source.host}.") from trouble
    entries = []
    for each in listed:
        path = str(PurePosixPath(folder) / each.filename)
        try:
            shown = files.stat(path) if stat.S_ISLNK(each.st_mode or 0) else each
        except FileNotFoundError:
            continue  # a link that leads nowhere, or gone since it was listed
        is_folder = stat.S_ISDIR(shown.st_mode or 0)
        entries.append(Entry(each.filename, path, shown.st_size or 0, int(shown.st_mtime or 0), is_folder))
    return entries


def _stat(files: paramiko.SFTPClient, source: SftpSource, path: str) -> paramiko.SFTPAttributes:
    try:
        return files.stat(path)
    except FileNotFoundError as trouble:
        raise SourceRefused(f"There is no {path} on {source.host}. Check the path with the customer.") from trouble


def _exists(files: paramiko.SFTPClient, path: str) -> bool:
    try:
        files.stat(path)
    except FileNotFoundError:
        return False
    return True


def _unmoved(source: SftpSource) -> SourceRefused:
    return SourceRefused(
        f"The files on {source.host} were fetched but can't be moved to {source.move_to}. Have that folder made and opened to "
        "this user, or leave the files where they are. Nothing was changed on the platform."
    )


def _is_pattern(part: str) -> bool:
    return "*" in part or "?" in part
