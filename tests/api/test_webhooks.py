"""Whoever asked is told what happens to a group, signed as the Standard Webhooks convention says, until they have it."""

import json
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from chalice.test import Client
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from app import app
from chalicelib.model.webhooks import AGAIN_AFTER, Attempt, Delivery, after_attempt, once_more
from chalicelib.service import erasure, webhook_delivery, webhooks
from chalicelib.store import syncs
from chalicelib.store import webhooks as store
from local.events import saved
from tests.api.test_routes import call
from tests.engine.districts import small, user
from tests.listener import Listener, delivered, listening
from tests.steps.walk import NOW, ROOT, Walk, make_group, zipped

pytestmark = pytest.mark.usefixtures("aws", "kms")
Received = list[tuple[dict[str, str], str]]


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    with listening(monkeypatch) as server:
        yield server


def made(url: str, **more: Any) -> dict[str, Any]:
    status, answer = call("POST /groups/g1/webhooks", {"url": url, **more})
    assert status == 201, answer
    return answer


def ended(sync_id: str) -> None:
    event = saved("execution_ended")
    event["detail"] |= {"name": sync_id, "status": "SUCCEEDED"}
    Client(app, project_dir=str(ROOT)).lambda_.invoke("execution_ended", event)


def log_of(webhook: dict[str, Any]) -> list[dict[str, Any]]:
    status, answer = call(f"GET /groups/g1/webhooks/{webhook['webhookId']}/deliveries")
    assert status == 200
    return list(answer["items"])


def test_a_sync_is_told_once_with_counts_and_a_cursor_and_the_published_library_verifies_it(listener: Listener) -> None:
    make_group()
    webhook = made(listener.url)
    people = [user(f"p{number}") for number in range(40)]
    first = Walk(zipped(small(users=[user(), *people])))
    first.through()
    ended(first.sync_id)
    ended(first.sync_id)  # EventBridge may say it twice
    held = Walk(zipped(small()), day=1)
    held.open()
    held.stage()
    assert held.plan()["ask"]

    assert delivered() == 3
    assert delivered(timedelta(days=4)) == 0

    verifier = Verifier(webhook["secret"])
    by_type = {event["type"]: event for headers, body in listener.got if (event := verifier.verify(body, headers))}
    assert by_type.keys() == {"sync.finished", "roster.changed", "sync.held"}
    with pytest.raises(WebhookVerificationError):
        verifier.verify(listener.got[0][1] + " ", listener.got[0][0])
    changed = by_type["roster.changed"]["data"]
    assert (changed["syncId"], changed["changes"], changed["counts"]["users"]["created"]) == (first.sync_id, 44, 41)
    feed = call("GET /groups/g1/events", query={"after": changed["cursor"], "limit": "1000"})[1]
    assert (len(feed["items"]), {each["syncId"] for each in feed["items"]}) == (44, {first.sync_id})
    assert by_type["sync.held"]["data"]["reasons"][0]["kind"] == "removals"
    assert not [body for _, body in listener.got if "p1" in body or "ann" in body]
    assert {(each["type"], each["state"], each["attempts"][0]["status"]) for each in log_of(webhook)} == {
        (kind, "delivered", 204) for kind in by_type
    }


def test_whoever_follows_the_roster_is_told_once_that_somebody_was_erased_and_not_who(listener: Listener) -> None:
    make_group()
    webhook = made(listener.url, events=["roster.changed"])
    Walk(zipped(small(users=[user("annabel-77"), user("bo")]))).through()
    asked = call("POST /groups/g1/erasures", {"id": "annabel-77", "confirm": "annabel-77"})[1]
    erasure.go_on(datetime.now(UTC) + timedelta(minutes=20), lambda: True)
    erasure.go_on(datetime.now(UTC) + timedelta(minutes=25), lambda: True)

    assert delivered() == 1

    [(headers, body)] = listener.got
    message = Verifier(webhook["secret"]).verify(body, headers)
    assert (message["type"], message["data"]["erasureId"], message["data"]["changes"]) == (
        "roster.changed",
        asked["erasureId"],
        1,
    )
    assert "annabel" not in body
    feed = call("GET /groups/g1/events", query={"after": message["data"]["cursor"], "limit": "1000"})[1]
    assert [(each["kind"], each["sourcedId"]) for each in feed["items"]] == [("user.removed", "annabel-77")]


def test_a_minute_in_which_nothing_is_due_costs_one_question_and_loads_nothing(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_group()
    loaded: list[str] = []
    monkeypatch.setattr(webhook_delivery, "deliver_due", lambda *_: loaded.append("httpx"))
    minute = Client(app, project_dir=str(ROOT)).lambda_

    minute.invoke("deliver", saved("deliver"))
    assert loaded == []

    webhook = made(listener.url)
    assert call(f"POST /groups/g1/webhooks/{webhook['webhookId']}/test")[0] == 202
    minute.invoke("deliver", saved("deliver"))
    assert loaded == ["httpx"]


def test_a_message_that_is_not_taken_is_sent_again_under_its_id_and_an_admin_can_send_it_again(listener: Listener) -> None:
    make_group()
    webhook = made(listener.url, events=["sync.failed"])
    path = f"/groups/g1/webhooks/{webhook['webhookId']}"
    listener.status = 500
    assert call(f"POST {path}/test")[0] == 202

    assert (delivered(), delivered()) == (1, 0)
    listener.status = 302  # nobody is followed elsewhere
    assert delivered(timedelta(minutes=2)) == 1
    listener.status = 200
    assert delivered(timedelta(minutes=30)) == 1
    [one] = log_of(webhook)
    assert ([each["status"] for each in one["attempts"]], one["state"]) == ([500, 302, 200], "delivered")
    assert call(f"POST {path}/deliveries/{one['deliveryId']}/again")[0] == 202
    assert delivered(timedelta(minutes=30)) == 1

    assert len({headers["webhook-id"] for headers, _ in listener.got}) == 1
    assert len(listener.got) == 4
    assert json.loads(listener.got[0][1])["type"] == "webhook.test"


def test_a_server_that_wants_nothing_any_more_gets_nothing_until_it_is_turned_on_again(listener: Listener) -> None:
    make_group()
    webhook = made(listener.url)
    path = f"/groups/g1/webhooks/{webhook['webhookId']}"
    listener.status = 410
    call(f"POST {path}/test")
    delivered()

    [shown] = call("GET /groups/g1/webhooks")[1]["items"]
    assert (shown["disabledAt"] is None, "secret" in shown and shown["secret"]) == (False, None)
    assert webhooks.announce("g1", "sync.held", "g1-s1", {}, NOW) == 0
    assert call(f"PATCH {path}", {"enabled": True})[1]["disabledAt"] is None
    assert webhooks.announce("g1", "sync.held", "g1-s1", {}, NOW) == 1
    assert call(f"DELETE {path}")[0] == 200
    assert delivered() == 0
    assert call("GET /groups/g1/webhooks")[1]["items"] == []


def test_for_a_day_after_a_new_secret_messages_are_signed_by_the_one_before_too(listener: Listener) -> None:
    make_group()
    first = made(listener.url)
    path = f"/groups/g1/webhooks/{first['webhookId']}"

    status, second = call(f"POST {path}/secret")

    assert (status, second["secret"] != first["secret"]) == (201, True)
    assert call("GET /groups/g1/webhooks")[1]["items"][0]["secret"] is None
    call(f"POST {path}/test")
    delivered()
    [(headers, body)] = listener.got
    assert Verifier(first["secret"]).verify(body, headers) == Verifier(second["secret"]).verify(body, headers)
    webhook, day = store.get("g1", first["webhookId"]), datetime.now(UTC) + timedelta(days=1)
    assert store.secrets_of(webhook, day) == [second["secret"]]
    with pytest.raises(WebhookVerificationError):
        Verifier(made(listener.url)["secret"]).verify(body, headers)
    assert "webhook given a new secret" in {each["what"] for each in call("GET /groups/g1/audit")[1]["items"]}


def test_a_webhook_with_a_long_log_is_gone_at_once_and_its_log_as_far_as_there_is_time(listener: Listener) -> None:
    make_group()
    webhook = store.get("g1", made(listener.url)["webhookId"])
    for number in range(60):
        webhooks.announce("g1", "sync.held", f"g1-s{number:02d}", {}, NOW)
    turns = iter([True] * 30 + [False] * 100)

    store.remove(webhook, lambda: next(turns))

    assert call("GET /groups/g1/webhooks")[1]["items"] == []
    assert len(store.deliveries("g1", webhook.webhook_id, 100)) == 30
    left = boto3.resource("dynamodb").Table("Clients").scan()["Items"]
    assert all(each["ttl"] for each in left if str(each["item"]).startswith("delivery#"))
    assert delivered() == 0  # what still waited has nobody to go to


def test_a_secret_stands_in_no_table(listener: Listener) -> None:
    make_group()
    webhook = made(listener.url)

    kept = str(boto3.client("dynamodb").scan(TableName="Clients")["Items"])
    assert webhook["secret"].removeprefix("whsec_") not in kept


@pytest.mark.parametrize(
    "url", ["http://partner.example/hook", "ftp://partner.example", "https://user:pw@partner.example", "https://"], ids=str
)
def test_an_address_that_could_be_read_on_the_way_or_is_none_is_refused(url: str) -> None:
    make_group()

    status, answer = call("POST /groups/g1/webhooks", {"url": url})

    assert (status, answer["errors"][0]["field"]) == (422, "url")


def test_an_address_that_leads_inside_is_asked_nothing(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    make_group()
    webhook = made(listener.url)
    monkeypatch.delenv("SOURCES_ON_LOOPBACK")
    call(f"POST /groups/g1/webhooks/{webhook['webhookId']}/test")

    delivered()

    [one] = log_of(webhook)
    assert (listener.got, one["attempts"][0]["status"], one["state"]) == ([], None, "waiting")
    assert "https://" in one["attempts"][0]["said"]
    inside = made("https://localhost/hook")
    call(f"POST /groups/g1/webhooks/{inside['webhookId']}/test")
    delivered()
    assert "not an address on the open internet" in log_of(inside)[0]["attempts"][0]["said"]


def test_a_message_is_tried_for_three_days_and_then_given_up() -> None:
    now = NOW
    delivery = Delivery.model_validate(
        {"group_id": "g1", "webhook_id": "w", "delivery_id": "d", "message_id": "m", "type": "t", "body": "{}", "made_at": NOW}
    )
    while delivery.state == "waiting":
        delivery = after_attempt(delivery, Attempt(at=now, status=503))
        now = delivery.next_at or now

    assert (delivery.state, len(delivery.attempts)) == ("failed", len(AGAIN_AFTER) + 1)
    assert now - NOW == timedelta(days=3)


def test_with_its_group_nothing_waits_any_more(listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # another process's copies of a group's files stay
    make_group()
    made(listener.url)
    webhooks.announce("g1", "sync.held", "g1-s1", {}, NOW)

    assert call("DELETE /groups/g1", {"name": "Lakeside"})[0] == 200

    assert boto3.client("dynamodb").scan(TableName="Clients")["Items"] == []
    assert delivered() == 0


def test_of_a_sync_that_failed_is_said_that_it_failed(listener: Listener) -> None:
    make_group()
    made(listener.url)
    walk = Walk(b"")
    syncs.end(walk.sync_id, walk.sync.state.FAILED, "No.", NOW)
    ended(walk.sync_id)
    delivered()

    [(_, body)] = listener.got
    assert (json.loads(body)["type"], json.loads(body)["data"]["state"]) == ("sync.failed", "failed")


def test_what_waits_for_a_webhook_that_is_turned_off_is_not_sent(listener: Listener) -> None:
    make_group()
    webhook = made(listener.url)
    path = f"/groups/g1/webhooks/{webhook['webhookId']}"
    webhooks.announce("g1", "sync.held", "g1-s1", {}, NOW)
    assert call(f"PATCH {path}", {"enabled": False})[0] == 200

    assert delivered() == 0
    assert (listener.got, [each["state"] for each in log_of(webhook)]) == ([], ["failed"])
    status, answer = call(f"POST {path}/test")
    assert (status, "turned off" in answer["detail"]) == (409, True)

    call(f"PATCH {path}", {"enabled": True})
    [one] = log_of(webhook)
    assert call(f"POST {path}/deliveries/{one['deliveryId']}/again")[0] == 202
    assert delivered() == 1


def test_a_message_that_is_sent_again_has_all_its_tries_again(listener: Listener) -> None:
    delivery = Delivery.model_validate(
        {"group_id": "g1", "webhook_id": "w", "delivery_id": "d", "message_id": "m", "type": "t", "body": "{}", "made_at": NOW}
    )
    for _ in range(len(AGAIN_AFTER) + 1):
        delivery = after_attempt(delivery, Attempt(at=NOW, status=503))
    assert delivery.state == "failed"

    again = after_attempt(once_more(delivery, NOW), Attempt(at=NOW, status=503))

    assert (again.state, again.next_at) == ("waiting", NOW + AGAIN_AFTER[0])
    assert len(again.attempts) == len(AGAIN_AFTER) + 2


def test_a_message_and_its_turn_are_written_together_and_a_turn_that_is_left_over_sends_nothing_twice(listener: Listener) -> None:
    make_group()
    webhook = made(listener.url)
    listener.status = 500
    webhooks.announce("g1", "sync.held", "g1-s1", {}, NOW)
    [mark] = store.due(datetime.now(UTC))
    assert delivered() == 1

    boto3.resource("dynamodb").Table("Clients").put_item(Item=mark)  # as one who was cut off leaves it

    assert delivered() == 0
    assert delivered(timedelta(minutes=2)) == 1
    assert len(log_of(webhook)[0]["attempts"]) == 2


def test_a_server_that_lets_wait_keeps_one_thread_and_the_others_are_told(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_group()
    slow, quick = made(listener.url), made(listener.url)
    for number in range(20):
        service = store.get("g1", slow["webhookId"])
        webhooks._queue(service, "sync.held", f"g1-s{number}", {}, NOW)
    webhooks._queue(store.get("g1", quick["webhookId"]), "sync.held", "g1-later", {}, NOW + timedelta(minutes=1))
    told = threading.Event()

    def sent(webhook: Any, *_: Any) -> Attempt:
        if webhook.webhook_id == quick["webhookId"]:
            told.set()
            return Attempt(at=NOW, status=204)
        assert told.wait(5), "the other webhook waited for the slow one"
        return Attempt(at=NOW, status=204)

    monkeypatch.setattr(webhook_delivery, "_sent", sent)

    assert delivered() == 21


def test_a_server_that_answers_a_byte_at_a_time_has_no_more_time_than_others(
    monkeypatch: pytest.MonkeyPatch, listener: Listener
) -> None:
    make_group()
    monkeypatch.setattr(webhook_delivery, "ANSWERS_WITHIN_S", 0.3)
    ended = threading.Event()

    def trickle(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Slow: yes\r\n" * 1000:
                if ended.wait(0.05):
                    return
                connection.sendall(bytes([byte]))

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=trickle, args=(server,), daemon=True)
        thread.start()
        webhook = made(f"http://127.0.0.1:{server.getsockname()[1]}/hook")
        webhooks.announce("g1", "sync.held", "g1-s1", {}, NOW)
        began = time.monotonic()
        delivered()
        took = time.monotonic() - began
        ended.set()
        thread.join()

    assert took < 10
    assert "There was no answer" in log_of(webhook)[0]["attempts"][0]["said"]
