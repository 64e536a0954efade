"""A script's way through the API: what an engineer of the platform would write."""

import json
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx

from chalicelib.model.ids import group_of
from local.events import saved
from local.stack import Stack

SETTLES_WITHIN_S = 120
RENEWED_AFTER_S = 600


class SignedIn(httpx.Auth):
    """A bearer's token, fetched anew before its quarter of an hour is over."""

    def __init__(self, stack: Stack, role: str) -> None:
        self.stack, self.role, self.token, self.until = stack, role, "", 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if time.monotonic() > self.until:
            self.token, self.until = self.stack.token(self.role), time.monotonic() + RENEWED_AFTER_S
        request.headers.setdefault("Authorization", f"Bearer {self.token}")
        yield request


class Client:
    def __init__(self, stack: Stack, role: str) -> None:
        self.http = httpx.Client(base_url=stack.api_url, auth=SignedIn(stack, role), timeout=60)
        self.tables, self.syncs = stack.client("dynamodb"), stack.outputs["SyncsTable"]

    def call(self, method: str, path: str, body: Any = None, expect: int = 200, **headers: str) -> Any:
        answer = self.http.request(method, path, json=body, headers=headers)
        assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def new_group(self, name: str, **settings: Any) -> str:
        return str(self.call("POST", "/groups", {"name": name, **settings}, 201)["groupId"])

    def upload(self, path: str, file: Path) -> str:
        """Ask for a form, send the file by it, straight to the bucket."""
        form = self.call("POST", path, {"fileName": file.name, "size": file.stat().st_size}, 201)
        sent = httpx.post(form["url"], data=form["fields"], files={"file": (file.name, file.read_bytes())}, timeout=60)
        assert sent.status_code in (200, 204), sent.text
        return str(form["uploadId"])

    def start(self, group_id: str, zip_file: Path, mode: str = "full", expect: int = 202, **more: Any) -> Any:
        upload_id = self.upload(f"/groups/{group_id}/uploads", zip_file)
        return self.call("POST", f"/groups/{group_id}/syncs", {"mode": mode, "uploadId": upload_id, **more}, expect)

    def until(self, sync_id: str, *, asks: str = "") -> Any:
        """The sync once it asks about `asks`, or has ended. The API is asked when the sync's item shows that: a call of it costs
        as much processor as a wait of half a second, and all that run here share it."""
        until = time.monotonic() + SETTLES_WITHIN_S
        while True:
            state, question = self._shown(sync_id)
            if state not in ("queued", "running", "waiting") or (asks and question == asks):
                return self.call("GET", f"/syncs/{sync_id}")
            assert time.monotonic() < until, f"still {state}: {self.call('GET', f'/syncs/{sync_id}')}"
            time.sleep(0.1)

    def _shown(self, sync_id: str) -> tuple[str, str]:
        """A sync's state and what it asks, from the table."""
        key = {"groupId": {"S": group_of(sync_id)}, "syncId": {"S": sync_id}}
        item = self.tables.get_item(TableName=self.syncs, Key=key, ConsistentRead=True)["Item"]
        return item["state"]["S"], item.get("question", {}).get("M", {}).get("kind", {}).get("S", "")

    def sync_all(self, group_id: str, zip_file: Path) -> Any:
        return self.until(self.start(group_id, zip_file)["syncId"])

    def answer(self, sync_id: str, question: str, **fields: Any) -> None:
        """Say that all of it is wanted, unless told otherwise, once it is asked."""
        self.until(sync_id, asks=question)
        if question == "statuses":
            cells = self.call("GET", f"/syncs/{sync_id}/statuses")["cells"]
            fields = {"cells": [{name: each[name] for name in ("status", "userType")} for each in cells], **fields}
        elif question == "approval":
            fields = {"decision": "approve", **fields}
        else:
            fields = fields or {"all": True}
        path = "approval" if question == "approval" else f"{question}/selection"
        self.call("POST", f"/syncs/{sync_id}/{path}", fields, 202)


def invoked(stack: Stack, function: str, event: str) -> None:
    """Have the function handle a saved event."""
    functions = stack.client("lambda")
    name = next(each["FunctionName"] for each in functions.list_functions()["Functions"] if function in each["FunctionName"])
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(saved(event)).encode())
    assert "FunctionError" not in answer, answer["Payload"].read()
