"""`make run`: bring everything up on this machine, say where it is, and end it all on Ctrl-C."""

import os
import signal
import socket
import sys
import time
from pathlib import Path

import httpx
import uvicorn

from infra import ROOT
from local.front import front
from local.stack import PASSWORD, PEOPLE, Stack, write_environment

PORTAL_PORT, EMULATOR_PORT = (int(os.environ.get(name) or usual) for name, usual in (("PORT", 8000), ("AWS_PORT", 4566)))
FOLDER = ROOT / ".local"
SAMPLE = ROOT / "samples" / "riverside-unified-1.1.zip"


def main() -> None:
    for port in (PORTAL_PORT, EMULATOR_PORT):
        if not _free(port):
            sys.exit(f"Port {port} of 127.0.0.1 is taken. End what listens there, or: make run PORT=8001 AWS_PORT=4567")
    began = time.monotonic()
    stack = Stack(EMULATOR_PORT, f"http://127.0.0.1:{PORTAL_PORT}", FOLDER)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        print("Starting the embedded AWS", flush=True)
        stack.start()
        print("Deploying the stack: tables, bucket, sign-in, Lambdas and the state machine (about a minute)", flush=True)
        stack.deploy()
        stack.let_people_in()
        stack.give_back_locks()
        _make_a_group(stack)
        write_environment(FOLDER / "stack.env", stack.environment())
        print(_welcome(stack, time.monotonic() - began), flush=True)
        app = front(stack, ROOT / "portal" / "dist")
        uvicorn.run(app, host="127.0.0.1", port=PORTAL_PORT, log_level="warning")
    finally:
        stack.stop()


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _make_a_group(stack: Stack) -> None:
    """A first group to try things with, made by the API like any other."""
    with httpx.Client(base_url=stack.api_url, headers={"Authorization": f"Bearer {stack.token('admin')}"}, timeout=30) as api:
        if not api.get("/groups").raise_for_status().json()["total"]:
            api.post("/groups", json={"name": "Riverside Unified", "description": "A made-up district"}).raise_for_status()


def _welcome(stack: Stack, took_s: float) -> str:
    people = "\n".join(f"    {role}@example.org   password {PASSWORD}   ({name})" for role, name in PEOPLE.items())
    return f"""
  Ready in {took_s:.1f} s: {stack.portal_origin}

  Sign in as
{people}

  To try: Groups > Riverside Unified > Selective sync, with the ZIP
    {SAMPLE.relative_to(Path.cwd()) if SAMPLE.is_relative_to(Path.cwd()) else SAMPLE}

  API: {stack.portal_origin}/api (make token ROLE=admin). Ctrl-C ends it; make clean forgets it.
"""


if __name__ == "__main__":
    main()
