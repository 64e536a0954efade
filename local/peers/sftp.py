"""Peers for the SFTP tests: a real OpenSSH server, AsyncSSH's, and a line between that breaks."""

import asyncio
import getpass
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncssh

from chalicelib.model.credentials import KeyCredentials, PasswordCredentials
from chalicelib.model.records import SftpSource
from local.ports import free_port

SSHD = "/usr/sbin/sshd"
STARTS_WITHIN_S = 20
IS_ROOT = os.geteuid() == 0


class Sshd:
    """A throw-away sshd on a high port of loopback, with a host key of its own, for one user.

    As root it serves a user that is made for it, who has a password, and is taken away again; otherwise whoever runs the tests,
    who signs in with a key alone. `files` is a folder that the user reads and writes.
    """

    def __init__(self, host_key: str = "ed25519") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sshd-"))
        self.folder.chmod(0o755)
        self.port = free_port()
        self.user = f"roster{secrets.token_hex(4)}" if IS_ROOT else getpass.getuser()
        self.password = secrets.token_hex(12)  # one that begins with - would be an option of openssl's
        self.files = self.folder / "files"
        self.files.mkdir()
        self._host_keys = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.new_host_key(host_key)
        if IS_ROOT:
            Path("/run/sshd").mkdir(exist_ok=True)
            crypted = run("openssl", "passwd", "-6", self.password)
            run("useradd", "--no-create-home", "--home-dir", str(self.files), "--password", crypted, self.user)
            shutil.chown(self.files, self.user)

    def new_host_key(self, kind: str = "ed25519") -> None:
        self._host_keys += 1
        self._host_key = make_key(self.folder / f"host{self._host_keys}", kind)

    @property
    def fingerprint(self) -> str:
        return run("ssh-keygen", "-lf", f"{self._host_key}.pub").split()[1]

    def let_in(self, key: Path) -> None:
        with (self.folder / "authorized").open("a") as authorized:
            authorized.write(Path(f"{key}.pub").read_text())

    def start(self, more: str = "") -> None:
        """`more`: lines of its configuration, say which algorithms it offers."""
        config = self.folder / "config"
        config.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self._host_key}\nPidFile none\nStrictModes no\n"
            f"AuthorizedKeysFile {self.folder}/authorized\nUsePAM no\nPasswordAuthentication yes\nLogLevel ERROR\n"
            f"MaxStartups 100\nSubsystem sftp internal-sftp\n{more}\n"
        )
        (self.folder / "authorized").touch()
        (self.folder / "authorized").chmod(0o644)
        self._process = subprocess.Popen([SSHD, "-D", "-f", str(config), "-E", str(self.folder / "log")])
        until_answers(self.port)

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(10)

    def remove(self) -> None:
        self.stop()
        if IS_ROOT:
            run("userdel", "--force", self.user)
        shutil.rmtree(self.folder, ignore_errors=True)

    def source(self, **settings: Any) -> SftpSource:
        """How a group would be configured that reads from here; its key is confirmed."""
        known = {"host": "127.0.0.1", "port": self.port, "username": self.user, "path": str(self.files)}
        return SftpSource.model_validate({**known, "hostKeyFingerprint": self.fingerprint, **settings})


@contextmanager
def openssh() -> Iterator[tuple[Sshd, dict[str, Any]]]:
    """A server that runs, and what the API is told of a group that reads from it with a key of its own."""
    sshd = Sshd()
    try:
        ours = make_key(sshd.folder / "ours")
        sshd.let_in(ours)
        sshd.start()
        yield sshd, sshd.source().model_dump(mode="json", by_alias=True) | {"credentials": {"privateKey": ours.read_text()}}
    finally:
        sshd.remove()


class OtherServer:
    """AsyncSSH's SFTP server: another implementation, which takes a password from whoever knows it. `replaces`: a file that is
    renamed to the name of another takes its place, as rclone's server does it (findings/sftp-rename-replaces.sh)."""

    user, password = "roster", "correct horse"

    def __init__(self, folder: Path, replaces: bool = False) -> None:
        self.port = free_port()
        self.replaces = replaces
        self.files = folder
        self.sign_ins = 0
        self._key = asyncssh.generate_private_key("ecdsa-sha2-nistp256")
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(STARTS_WITHIN_S)

    async def _serve(self) -> None:
        served = self

        class Door(asyncssh.SSHServer):
            def password_auth_supported(self) -> bool:
                return True

            def validate_password(self, username: str, password: str) -> bool:
                served.sign_ins += 1
                return (username, password) == (served.user, served.password)

        class Files(asyncssh.SFTPServer):
            def rename(self, oldpath: bytes, newpath: bytes) -> None:
                (self.posix_rename if served.replaces else super().rename)(oldpath, newpath)

        def files(channel: Any) -> asyncssh.SFTPServer:
            return Files(channel, chroot=str(served.files).encode())

        self._acceptor = await asyncssh.create_server(
            Door, "127.0.0.1", self.port, server_host_keys=[self._key], sftp_factory=files
        )

    def source(self, **settings: Any) -> SftpSource:
        known = {"host": "127.0.0.1", "port": self.port, "username": self.user, "path": "/"}
        return SftpSource.model_validate({**known, "hostKeyFingerprint": self._key.get_fingerprint(), **settings})

    def remove(self) -> None:
        self._loop.call_soon_threadsafe(self._acceptor.close)
        self._loop.call_soon_threadsafe(self._loop.stop)


class Line:
    """Leads on to a port of loopback. Others say how much a connection may carry, and what comes then."""

    def __init__(self, to_port: int) -> None:
        self._to = to_port
        self._dead_until, self._open = 0.0, set[socket.socket]()
        self.connections = 0
        self.bytes_passed = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def allowance(self) -> int | None:
        """How many bytes from the server the next connection gets before it is cut; None where there is no end."""
        return None

    def used_up(self) -> None:
        """A connection got what it was allowed, and is cut when this returns."""

    def lead_to(self, port: int) -> None:
        """Where connections go from now on."""
        self._to = port

    def down(self, seconds: float) -> None:
        """Cut what is open, and whoever comes within `seconds`."""
        self._dead_until = time.monotonic() + seconds
        for each in list(self._open):
            _cut(each)

    def close(self) -> None:
        self._listener.close()
        self.down(0)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if time.monotonic() < self._dead_until:
                client.close()
                continue
            self.connections += 1
            try:
                server = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                client.close()
                continue
            self._open |= {client, server}
            threading.Thread(target=self._lead, args=(client, server, None), daemon=True).start()
            threading.Thread(target=self._lead, args=(server, client, self.allowance()), daemon=True).start()

    def _lead(self, here: socket.socket, there: socket.socket, left: int | None) -> None:
        with suppress(OSError):
            while (left is None or left > 0) and (piece := here.recv(min(1 << 16, left or 1 << 16))):
                there.sendall(piece)
                self.bytes_passed += len(piece)
                left = None if left is None else left - len(piece)
            if left == 0:
                self.used_up()
        for end in (here, there):
            self._open.discard(end)
            _cut(end)


class BreakingLine(Line):
    """Cuts each of its first connections after as many bytes as `cuts` says."""

    def __init__(self, to_port: int, cuts: list[int]) -> None:
        self._cuts = list(cuts)
        super().__init__(to_port)

    def allowance(self) -> int | None:
        return self._cuts.pop(0) if self._cuts else None


def _cut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "", form: str = "") -> Path:
    """A key pair made by OpenSSH itself. `form`: "PEM" or "PKCS8" in place of OpenSSH's own."""
    bits = {"rsa": ["-b", "3072"]}.get(kind, [])
    run("ssh-keygen", "-q", "-t", kind, *bits, *(["-m", form] if form else []), "-N", passphrase, "-C", "", "-f", str(path))
    return path


def password(peer: Sshd | OtherServer) -> PasswordCredentials:
    return PasswordCredentials.model_validate({"password": peer.password})


def key(path: Path, passphrase: str = "") -> KeyCredentials:
    return KeyCredentials.model_validate({"privateKey": path.read_text(), **({"passphrase": passphrase} if passphrase else {})})


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def until_answers(port: int) -> None:
    until = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < until, "the server did not start"
            time.sleep(0.02)
