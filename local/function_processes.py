"""Processes of functions, forked from one that has imported their packages: `python -m local.function_processes SOCKET`.

The embedded AWS starts a new Python for each, which imports boto3, DuckDB and the like for longer than most functions then work.
Here they are imported once; a function's process imports its own code, from its own folder, as it does there.
"""

import contextlib
import importlib
import json
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import time
import traceback
from pathlib import Path
from tempfile import mkdtemp
from types import SimpleNamespace
from typing import Any

# What our code imports, and nothing of it: that is what is tried here.
PACKAGES = (
    "aws_lambda_powertools.metrics",
    "boto3.dynamodb.conditions",
    "chalice.app",
    "duckdb",
    "email_validator",
    "httpx",
    "jwt",
    "openpyxl",
    "paramiko",
    "pydantic",
    "s3transfer.manager",
    "xlsxwriter",
)
WORKER = "_worker.py"
READY_WITHIN_S = 60
PAUSE_S = 0.01
NUMBER = struct.Struct("I")


class FunctionProcess:
    """What ministack uses of `subprocess.Popen` for a worker. `args`: this Python, and the worker's script."""

    def __init__(self, address: str, args: list[str], cwd: str, env: dict[str, str]) -> None:
        (given, to_stdin), (from_stdout, printed), (from_stderr, logged) = os.pipe(), os.pipe(), os.pipe()
        asked = json.dumps({"script": args[1], "cwd": cwd, "env": env}).encode()
        with _connected(address) as parent:
            socket.send_fds(parent, [NUMBER.pack(len(asked))], [given, printed, logged])
            parent.sendall(asked)
            (self.pid,) = NUMBER.unpack(parent.recv(NUMBER.size))
        for theirs in (given, printed, logged):
            os.close(theirs)
        self.stdin = os.fdopen(to_stdin, "w", buffering=1)
        self.stdout = os.fdopen(from_stdout, "r", buffering=1)
        self.stderr = os.fdopen(from_stderr, "r", buffering=1)

    def poll(self) -> int | None:
        """None while it lives. What it ended with, only its parent knows."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float) -> int:
        until = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired("function", timeout)
            time.sleep(PAUSE_S)
        return 0


def forking_subprocess() -> SimpleNamespace:
    """The module `subprocess`, but a Python function's worker is forked from `parent`, which ends with this process."""
    address = f"{mkdtemp(prefix='functions-')}/socket"
    environment = {**os.environ, "LAMBDA_TASK_ROOT": "/var/task"}  # packages that ask whether they are in Lambda are
    command = [sys.executable, "-m", "local.function_processes", address]
    parent = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)

    def popen(args: list[str], **more: Any) -> Any:
        if args[0] == sys.executable and args[1].endswith(WORKER):
            return FunctionProcess(address, args, more["cwd"], more["env"])
        return subprocess.Popen(args, **more)

    return SimpleNamespace(**{**vars(subprocess), "Popen": popen, "parent": parent})


def _connected(address: str) -> socket.socket:
    until = time.monotonic() + READY_WITHIN_S
    while True:
        parent = socket.socket(socket.AF_UNIX)
        try:
            parent.connect(address)
            return parent
        except (FileNotFoundError, ConnectionRefusedError):
            parent.close()
            if time.monotonic() > until:
                raise
            time.sleep(PAUSE_S)


def _serve(address: str) -> None:
    """Fork a process for each that is asked for, until stdin ends: the embedded AWS has ended then."""
    for package in PACKAGES:
        importlib.import_module(package)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks what a function's process ended with
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(address)
        door.listen(100)
        while sys.stdin not in select.select([door, sys.stdin], [], [])[0]:
            asking, _ = door.accept()
            with asking:
                size, streams, _, _ = socket.recv_fds(asking, NUMBER.size, 3)
                asked = asking.makefile("rb").read(*NUMBER.unpack(size))
                if not (pid := os.fork()):
                    door.close()
                    asking.close()
                    _become(streams, **json.loads(asked))
                for each in streams:
                    os.close(each)
                asking.sendall(NUMBER.pack(pid))


def _become(streams: list[int], script: str, cwd: str, env: dict[str, str]) -> None:
    """Be the Python that was asked for: run the script and end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv, sys.path[0] = [script], str(Path(script).parent)
    sys.modules.pop("sitecustomize", None)  # which a new Python looks for, and which may ask what function it is in
    with contextlib.suppress(ImportError):
        importlib.import_module("sitecustomize")
    try:
        runpy.run_path(script, run_name="__main__")
    except Exception:  # noqa: BLE001  a process says why it ends, and runs nothing of its parent's
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1])
