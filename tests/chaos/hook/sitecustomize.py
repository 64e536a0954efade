"""Loaded by every Lambda of the embedded AWS that `make chaos` starts: its calls to AWS go wrong, or it dies at one.

A hook of botocore's own (`before-send`), in a file that only a process with CHAOS_FOLDER in its environment loads. What is
to go wrong stands in `plan.json` of that folder, read at each call:
  rate   share of the calls that are throttled, refused, timed out, cut off, or left unprocessed
  kills  group id -> function, operation ("" for any), at (which of its calls), times, when (before, after, soon)
What was done is appended to a file a process under `journal/`: calls, faults by kind, kills, and each roster item written.
"""

import json
import os
import random
import signal
import threading
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

SOON_S = 0.05  # "soon" is within so many seconds, in whatever line of code that is


class Chaos:
    def __init__(self, folder: Path, function: str) -> None:
        from botocore import httpsession

        self.folder, self.function = folder, function
        self.journal = os.open(folder / "journal" / str(os.getpid()), os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        self.chance = random.Random()
        self.session = httpsession.URLLib3Session()

    def tell(self, *lines: str) -> None:
        """At once and past every buffer, since the next thing may be a SIGKILL."""
        os.write(self.journal, "".join(f"{line}\n" for line in lines).encode())

    def met(self, request: Any, event_name: str, **rest: Any) -> Any:
        """What botocore asks before it sends: an answer in place of AWS's, None to go on, or an exception."""
        _, service, operation = event_name.split(".", 2)
        plan: dict[str, Any] = json.loads((self.folder / "plan.json").read_text())
        self.tell("call")
        self._meet_kill(plan.get("kills", {}), request, operation)
        if self.chance.random() < plan.get("rate", 0.0):
            return self._go_wrong(request, service, operation)
        self._note_items(request, operation)
        return None

    def _meet_kill(self, kills: dict[str, Any], request: Any, operation: str) -> None:
        group_id = next((each for each in kills if _is_about(request, each)), None)
        if group_id is None:
            return
        planned = kills[group_id]
        if f"-{planned['function']}-" not in self.function or planned["operation"] not in ("", operation):
            return
        counted = self.folder / f"count-{group_id}"
        with counted.open("a") as file:  # one byte a call; appended, so that all workers count together
            file.write(".")
        number = counted.stat().st_size
        if not planned["at"] <= number < planned["at"] + planned["times"]:
            return
        self.tell(f"kill {self.function}")
        if planned["when"] == "soon":
            threading.Timer(self.chance.uniform(0, SOON_S), _die).start()
            return
        if planned["when"] == "after":
            self._note_items(request, operation)
            with suppress(Exception):
                self.session.send(request)  # carried out, and nobody hears of it
        _die()

    def _go_wrong(self, request: Any, service: str, operation: str) -> Any:
        from botocore import exceptions

        kinds = ["throttled", "error", "timed out", "cut off", "cut off afterwards"]
        if operation == "BatchWriteItem":
            kinds.append("unprocessed")
        kind = self.chance.choice(kinds)
        self.tell(f"fault {kind}")
        if kind == "throttled":
            if service == "s3":
                return _answer(request, 503, b"<Error><Code>SlowDown</Code><Message>chaos</Message></Error>")
            return _answer(request, 400, b'{"__type":"ThrottlingException","message":"chaos"}')
        if kind == "error":
            if service == "s3":
                return _answer(request, 500, b"<Error><Code>InternalError</Code><Message>chaos</Message></Error>")
            return _answer(request, 500, b'{"__type":"InternalServerError","message":"chaos"}')
        if kind == "unprocessed":
            left = json.loads(request.body)["RequestItems"]
            return _answer(request, 200, json.dumps({"UnprocessedItems": left}).encode())
        if kind == "timed out":
            raise exceptions.ReadTimeoutError(endpoint_url=request.url)
        if kind == "cut off afterwards":
            self._note_items(request, operation)
            self.session.send(request)
        raise exceptions.ConnectionClosedError(endpoint_url=request.url)

    def _note_items(self, request: Any, operation: str) -> None:
        """By which sync, which record, which content: so that a record written twice with different content is found."""
        if operation != "BatchWriteItem":
            return
        for requests in json.loads(request.body)["RequestItems"].values():
            items = [each["PutRequest"]["Item"] for each in requests if "PutRequest" in each]
            self.tell(
                *(f"item {item['syncId']['S']} {_digest(_key(item))} {_digest(item)}" for item in items if "syncId" in item)
            )


def _is_about(request: Any, group_id: str) -> bool:
    if group_id in request.url:
        return True
    body = request.body
    return isinstance(body, (bytes, bytearray)) and group_id.encode() in body


def _answer(request: Any, status: int, body: bytes) -> Any:
    from botocore import awsrequest, compat

    class Raw:
        def stream(self, *_: Any) -> Any:
            yield body

    return awsrequest.AWSResponse(request.url, status, compat.HTTPHeaders(), Raw())


def _key(item: dict[str, Any]) -> list[Any]:
    return [item["shard"], item["sourcedId"]]


def _digest(value: Any) -> str:
    return sha256(repr(value).encode()).hexdigest()[:16]


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _install(folder: str, function: str) -> None:
    from botocore import handlers

    handlers.BUILTIN_HANDLERS.append(("before-send", Chaos(Path(folder), function).met))


if os.environ.get("CHAOS_FOLDER") and os.environ.get("AWS_LAMBDA_FUNCTION_NAME"):
    _install(os.environ["CHAOS_FOLDER"], os.environ["AWS_LAMBDA_FUNCTION_NAME"])
