"""The Syncs table: each run of a group, the question it waits with, and the group's lock.

A sync's id starts with its group's (`{groupId}-{time}-{nonce}`), so one id finds the item by a consistent read,
and a group's syncs sort by time. Task tokens are secrets: they are written here and read only by `claim_answer`.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from types import MappingProxyType
from typing import Any, Literal

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from chalicelib.errors import Conflict, GroupBusy, NotFound, QuestionExpired
from chalicelib.model.causes import Cause, kinds_of, messages_of
from chalicelib.model.ids import group_of, oldest_sync_id
from chalicelib.model.outcomes import applied_extent
from chalicelib.model.records import (
    LIVE_STATES,
    Answered,
    Asked,
    IdCheck,
    LastEnded,
    PagesRead,
    Progress,
    Question,
    QuestionKind,
    SavedUse,
    State,
    Step,
    Sync,
    SyncCounts,
    WaitsFor,
)
from chalicelib.store import groups
from chalicelib.store.groups import is_failed_condition
from chalicelib.store.metrics import emit_metric
from chalicelib.store.tables import client, count, from_item, query, table, to_item

TABLE = "SYNCS_TABLE"
BATCH = 100  # what BatchGetItem takes
ATTEMPTS = 5
KEY_LIFETIME = timedelta(days=1)  # how long an Idempotency-Key is remembered
KEY_PREFIX = "~key~"  # sorts behind every sync id, so that history never meets one


@dataclass(frozen=True)
class Claimed:
    """An answer that is ours to give. `token` opens the machine's wait; it goes nowhere else."""

    sync: Sync
    token: str


@dataclass(frozen=True)
class BundleFrom:
    """Where a sync's bundle lies before it starts. Stored with the sync in the table."""

    key: str
    version_id: str = ""


def lock_of(sync: Sync) -> dict[str, str]:
    return {"syncId": sync.sync_id, "since": sync.started_at.isoformat()}


def put_new(sync: Sync, bundle: BundleFrom | None) -> dict[str, Any]:
    """Part of a transaction: write the sync if there is none of this id."""
    item = to_item(sync)
    if bundle:
        item["bundleFrom"] = {"key": bundle.key, "versionId": bundle.version_id}
    unknown = "attribute_not_exists(syncId)"
    return {"Put": {"TableName": table(TABLE).name, "Item": item, "ConditionExpression": unknown}}


def bundle_from(sync_id: str) -> BundleFrom | None:
    """Raises NotFound. None when the sync's bundle is fetched by the sync itself."""
    stored: Any = _item(sync_id).get("bundleFrom")
    return BundleFrom(str(stored["key"]), str(stored["versionId"])) if stored else None


def start(sync: Sync, idempotency_key: str = "", bundle: BundleFrom | None = None) -> Sync:
    """Write the sync and take its group's lock, both or neither. The same key gives the sync it gave before.

    Raises NotFound for an unknown group and GroupBusy, which names the running sync.
    """
    if earlier := _started_with(sync.group_id, idempotency_key):
        return earlier
    writes: list[Any] = [
        {
            "Update": {
                "TableName": table(groups.TABLE).name,
                "Key": {"groupId": sync.group_id},
                "UpdateExpression": "SET #sync = :lock",
                "ConditionExpression": "attribute_exists(groupId) AND attribute_not_exists(#sync)",
                "ExpressionAttributeNames": {"#sync": "sync"},
                "ExpressionAttributeValues": {":lock": lock_of(sync)},
            }
        },
        put_new(sync, bundle),
    ]
    if idempotency_key:
        remembered = {
            "groupId": sync.group_id,
            "syncId": KEY_PREFIX + idempotency_key,
            "gave": sync.sync_id,
            "expiresAt": int((sync.started_at + KEY_LIFETIME).timestamp()),
        }
        unused = "attribute_not_exists(syncId)"
        writes.append({"Put": {"TableName": table(TABLE).name, "Item": remembered, "ConditionExpression": unused}})
    try:
        client().transact_write_items(TransactItems=writes)
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] != "TransactionCanceledException":
            raise
        if earlier := _started_with(sync.group_id, idempotency_key):
            return earlier
        group = groups.get(sync.group_id)
        if group.sync is None:
            raise Conflict("Another sync of this group started or ended just now. Try again.") from refusal
        raise GroupBusy(group.sync.sync_id) from refusal
    return sync


def get(sync_id: str) -> Sync:
    """Raises NotFound."""
    return _read(_item(sync_id))


def history(group_id: str, limit: int, before: str = "") -> list[Sync]:
    """A group's syncs, newest first, those older than `before` when it is given."""
    condition = Key("groupId").eq(group_id) & Key("syncId").lt(before or _past_every_id(group_id))
    found = query(TABLE, KeyConditionExpression=condition, ScanIndexForward=False, Limit=limit, ConsistentRead=True)
    return [_read(item) for item in islice(found, limit)]


def total(group_id: str) -> int:
    """How many syncs a group's history holds."""
    return count(TABLE, KeyConditionExpression=Key("groupId").eq(group_id) & Key("syncId").lt(_past_every_id(group_id)))


def older_than(group_id: str, at: datetime) -> list[Sync]:
    """A group's syncs from before that moment, the oldest first."""
    condition = Key("groupId").eq(group_id) & Key("syncId").lt(oldest_sync_id(group_id, at))
    return [_read(item) for item in query(TABLE, KeyConditionExpression=condition)]


def remove(sync_id: str) -> None:
    """Remove a sync from History for good; its files are deleted elsewhere."""
    table(TABLE).delete_item(Key=_key(sync_id))


def many(sync_ids: Iterable[str]) -> dict[str, Sync]:
    """Each of these syncs that there is; read in batches."""
    return {str(item["syncId"]): _read(item) for item in _batch(sync_ids)}


def states(sync_ids: Iterable[str]) -> dict[str, State]:
    """The state of each sync that there is; read in batches."""
    projection = {"ProjectionExpression": "syncId, #state", "ExpressionAttributeNames": {"#state": "state"}}
    return {str(item["syncId"]): State(str(item["state"])) for item in _batch(sync_ids, projection)}


def _batch(sync_ids: Iterable[str], projection: Mapping[str, Any] = MappingProxyType({})) -> Iterator[dict[str, Any]]:
    wanted = sorted(set(sync_ids))
    for start in range(0, len(wanted), BATCH):
        keys = [_key(sync_id) for sync_id in wanted[start : start + BATCH]]
        asked: Any = {table(TABLE).name: {"Keys": keys, **projection}}
        for attempt in range(ATTEMPTS):
            answer = client().batch_get_item(RequestItems=asked)
            yield from answer["Responses"].get(table(TABLE).name, [])
            asked = answer["UnprocessedKeys"]
            if not asked:
                break
            time.sleep(0.05 * 2**attempt)


def progressed(sync_id: str, progress: Progress) -> None:
    """Write how far a step is: an attribute each, so that nothing is read first. A sync that has ended is left as it ended."""
    _update_live(sync_id, {_attribute_of(progress.step): to_item(progress)})


def begun_anew(sync_id: str, step: Step, now: datetime) -> None:
    """Restart a step's clock: until now it was waiting for a person."""
    for progress in (each for each in get(sync_id).progress if each.step is step):
        progressed(sync_id, progress.model_copy(update={"started_at": now}))


def never_begun(sync_id: str, step: Step) -> None:
    """A step that was expected and will not come."""
    _update_live(sync_id, {}, (_attribute_of(step),))


def applied(sync_id: str, changes: int) -> None:
    """Add to the changes applied so far; chunks do so side by side. A chunk that was repeated counts twice."""
    table(TABLE).update_item(
        Key=_key(sync_id), UpdateExpression="ADD applied :changes", ExpressionAttributeValues={":changes": changes}
    )


def waits_for(sync_id: str, what: str, now: datetime, until: datetime) -> None:
    """Say what the sync waits for. Waits that follow each other without a break are one."""
    before = get(sync_id).waits_for
    since = before.since if before and before.until >= now else now
    _update_live(sync_id, {"waitsFor": to_item(WaitsFor(what=what, since=since, until=until))})


def waits_no_more(sync_id: str) -> None:
    if get(sync_id).waits_for:
        _update_live(sync_id, {}, removed=("waitsFor",))


def named(sync_id: str, bundle_name: str) -> None:
    """What the customer calls the bundle that was fetched."""
    _update_live(sync_id, {"bundleName": bundle_name})


def asked(sync_id: str, asked: Asked) -> None:
    """What the sync's provider is asked for."""
    _update_live(sync_id, {"asked": to_item(asked)})


def fetching(sync_id: str, lists: dict[str, PagesRead]) -> None:
    """What is read of a provider, by entity, before the first of it is read side by side."""
    _update_live(sync_id, {"fetching": {entity: to_item(each) for entity, each in lists.items()}})


def fetched(sync_id: str, entity: str, pages: int) -> None:
    """Add to the pages read of a list; ranges do so side by side. A range that was read again counts twice."""
    table(TABLE).update_item(
        Key=_key(sync_id),
        UpdateExpression="SET fetching.#entity.done = fetching.#entity.done + :pages",
        ExpressionAttributeNames={"#entity": entity},
        ExpressionAttributeValues={":pages": pages},
    )


def source_trouble(sync_id: str, error: dict[str, str]) -> None:
    """Keep what stopped a range from being read, as the machine's Map says only that one did not come; {} forgets it."""
    _update_live(sync_id, {"sourceTrouble": error})


def source_trouble_of(sync_id: str) -> dict[str, str]:
    return dict(_item(sync_id).get("sourceTrouble", {}))


def ids_compared(sync_id: str, check: IdCheck) -> None:
    """How the provider's changes compare with the ids of its whole lists."""
    _update_live(sync_id, {"idCheck": to_item(check)})


def incomplete(sync_id: str, causes: Mapping[str, Cause]) -> None:
    """Why entities were not proved complete."""
    _update_live(sync_id, {"incomplete": messages_of(causes), "incompleteKinds": kinds_of(causes)})


def preview(sync_id: str) -> None:
    """The plan is to be shown before it is applied."""
    _update_live(sync_id, {"preview": True})


def counted(sync_id: str, counts: SyncCounts, held: bool) -> None:
    _update_live(sync_id, {"counts": to_item(counts), "held": held})


def resolved(sync_id: str, use: SavedUse) -> None:
    """Write what the saved selection came to."""
    _update_live(sync_id, {"savedSelection": to_item(use)})


def same_as(sync_id: str, earlier: str) -> None:
    """The sync does the same as an earlier one did, and is not read."""
    _update_live(sync_id, {"sameAs": earlier})


def ask(sync_id: str, question: Question, token: str) -> None:
    """Open a question; asked again by a retried state, the newer token counts. Raises Conflict if the sync is over."""
    asked = {"state": State.WAITING, "question": to_item(question), "taskToken": token}
    if not _update_live(sync_id, asked):
        raise Conflict(f"Sync {sync_id} has ended; it asks nothing any more.")


def give_back(sync_id: str, claimed: "Claimed") -> None:
    """The question is open again, as if nobody had answered it."""
    before, question = claimed.sync.answered, claimed.sync.question
    assert question is not None
    ask(sync_id, question, claimed.token)
    _update_live(sync_id, {"answered": to_item(before)} if before else {}, () if before else ("answered",))


def claim_answer(sync_id: str, kind: QuestionKind, answer: Answered, since: datetime | None = None) -> Claimed:
    """Take the open question, so that nobody else answers it; give it back by `ask` if the machine can't be reached.

    `since`: only the question that was asked then is meant, and not a later one of its kind. `answer` may be one to an earlier
    question, given anew while this one waits. Raises NotFound; Conflict when the question is not open (answered, not asked yet,
    the sync has ended); and QuestionExpired after its deadline.
    """
    meant = {":since": _moment(since)} if since else {}
    now = _moment(answer.at)
    try:
        item = table(TABLE).update_item(
            Key=_key(sync_id),
            UpdateExpression="SET #state = :running, answered = :answer REMOVE question, taskToken",
            ConditionExpression="question.kind = :kind AND question.#until > :now"
            + (" AND question.since = :since" if meant else ""),
            ExpressionAttributeNames={"#state": "state", "#until": "until"},
            ExpressionAttributeValues={
                ":running": State.RUNNING,
                ":answer": to_item(answer),
                ":kind": kind,
                ":now": now,
                **meant,
            },
            ReturnValues="ALL_OLD",
        )["Attributes"]
    except ClientError as refusal:
        if not is_failed_condition(refusal):
            raise
        sync = get(sync_id)
        if sync.state is State.EXPIRED or (sync.question and sync.question.until <= answer.at):
            late = f"It is too late for {_ANSWERS[kind]}: this sync no longer waits, and nothing was changed. Start a new sync."
            raise QuestionExpired(late) from refusal
        raise Conflict(_not_asked(sync, answer.kind)) from refusal
    return Claimed(from_item(Sync, item), str(item["taskToken"]))


def end(sync_id: str, state: State, message: str, now: datetime) -> bool:
    """End a live sync and free its group. False when it had ended before; the lock is given back all the same."""
    return _end(sync_id, {"state": state, "message": message, "endedAt": now.isoformat()})


def _end(sync_id: str, values: dict[str, Any]) -> bool:
    ended = _live_item(sync_id, values, ("question", "taskToken", "waitsFor"), returned="ALL_NEW")
    if ended:
        emit_metric("SyncsEnded", outcome=values["state"])
    last = last_ended(_read(ended)) if ended else None
    try:
        table(groups.TABLE).update_item(
            Key={"groupId": group_of(sync_id)},
            UpdateExpression="SET lastEnded = :last REMOVE #sync" if last else "REMOVE #sync",
            ConditionExpression="#sync.syncId = :mine",
            ExpressionAttributeNames={"#sync": "sync"},
            ExpressionAttributeValues={":mine": sync_id, **({":last": to_item(last)} if last else {})},
        )
    except ClientError as refusal:
        if not is_failed_condition(refusal):
            raise
    return ended is not None


def last_ended(sync: Sync) -> LastEnded:
    """What its group keeps of a sync that has ended."""
    return LastEnded(
        sync_id=sync.sync_id,
        state=sync.state,
        mode=sync.mode,
        at=sync.ended_at or sync.started_at,
        message=sync.message,
        rehearsal=sync.rehearsal,
        new_schools=sync.saved_selection.new_schools if sync.saved_selection else 0,
    )


def stop(sync_id: str, state: State, why: str, now: datetime) -> bool:
    """End a live sync from outside, and say what it had written. False when it had ended before; what an earlier stop that was
    interrupted had yet to write is written all the same.

    What was written is read after the lock was taken away, since until then a chunk may begin.
    """
    stopped = _end(sync_id, {"state": state, "message": why, "endedAt": now.isoformat(), "unsaid": True})
    with suppress(NotFound):
        _say_extent(sync_id)
    return stopped


def _say_extent(sync_id: str) -> None:
    item, group = _item(sync_id), groups.get(group_of(sync_id))
    # After a later sync's commit the group no longer shows what this one wrote; what it left is right by then.
    if "unsaid" not in item or (group.snapshot or "") > sync_id:
        return
    table(TABLE).update_item(
        Key=_key(sync_id),
        UpdateExpression="SET message = :said REMOVE unsaid",
        ExpressionAttributeValues={":said": f"{item['message']} {applied_extent(group, sync_id)}"},
    )


def _update_live(sync_id: str, values: dict[str, Any], removed: tuple[str, ...] = ()) -> bool:
    """Set `values` unless the sync has ended; say whether it had not."""
    return _live_item(sync_id, values, removed, returned="NONE") is not None


def _live_item(
    sync_id: str, values: dict[str, Any], removed: tuple[str, ...], returned: Literal["NONE", "ALL_NEW"]
) -> dict[str, Any] | None:
    """As `_update_live`, with what is asked for of the item as it is then; None where the sync had ended."""
    live = {f":live{place}": state for place, state in enumerate(sorted(LIVE_STATES))}
    setting = [f"SET {', '.join(f'#{name} = :{name}' for name in values)}"] if values else []
    expression = " ".join([*setting, *([f"REMOVE {', '.join(removed)}"] if removed else [])])
    try:
        return (
            table(TABLE)
            .update_item(
                Key=_key(sync_id),
                UpdateExpression=expression,
                ConditionExpression=f"#state IN ({', '.join(live)})",
                ExpressionAttributeNames={"#state": "state", **{f"#{name}": name for name in values}},
                ExpressionAttributeValues={**live, **{f":{name}": value for name, value in values.items()}},
                ReturnValues=returned,
            )
            .get("Attributes", {})
        )
    except ClientError as refusal:
        if not is_failed_condition(refusal):
            raise
        return None


def _started_with(group_id: str, idempotency_key: str) -> Sync | None:
    if not idempotency_key:
        return None
    key = {"groupId": group_id, "syncId": KEY_PREFIX + idempotency_key}
    item = table(TABLE).get_item(Key=key, ConsistentRead=True).get("Item")
    return get(str(item["gave"])) if item else None


def _attribute_of(step: Step) -> str:
    return f"progress{step.title()}"


def _read(item: dict[str, Any]) -> Sync:
    sync = from_item(Sync, item)
    kept = [from_item(Progress, item[name]) for step in Step if (name := _attribute_of(step)) in item]
    # Until 28 November 2026 all stood in one list, which a sync that waited then still has.
    before = [each for each in sync.progress if each.step not in {one.step for one in kept}]
    lists = {entity: _within(each) for entity, each in sync.fetching.items()}
    progress = []
    for each in sorted([*before, *kept], key=lambda each: each.started_at):
        if each.step is Step.APPLY and each.total:
            each = each.model_copy(update={"done": min(int(item.get("applied", 0)), each.total)})
        if each.step is Step.FETCH and lists:
            totals = [one.total for one in lists.values() if one.total is not None]
            total = sum(totals) if len(totals) == len(lists) else None
            each = each.model_copy(update={"done": sum(one.done for one in lists.values()), "total": total})
        progress.append(each)
    return sync.model_copy(update={"progress": tuple(progress), "fetching": lists})


def _within(pages: PagesRead) -> PagesRead:
    return pages if pages.total is None else pages.model_copy(update={"done": min(pages.done, pages.total)})


def _item(sync_id: str) -> dict[str, Any]:
    item = table(TABLE).get_item(Key=_key(sync_id), ConsistentRead=True).get("Item")
    if item is None:
        raise NotFound(f"There is no sync {sync_id}.")
    return item


def _past_every_id(group_id: str) -> str:
    return f"{group_id}-~"


def _key(sync_id: str) -> dict[str, Any]:
    return {"groupId": group_of(sync_id), "syncId": sync_id}


def _moment(moment: datetime) -> str:
    """As `Question.until` is written, so that the two compare as text."""
    return str(Question(kind=QuestionKind.ORGS, since=moment, until=moment).model_dump(mode="json")["until"])


_ANSWERS = {
    QuestionKind.ORGS: "a choice of schools",
    QuestionKind.CLASSES: "a choice of classes",
    QuestionKind.STATUSES: "a choice of users",
    QuestionKind.APPROVAL: "an approval",
}


def _not_asked(sync: Sync, kind: QuestionKind) -> str:
    """Why an answer comes too late or too early: somebody else was faster, where that is so."""
    faster = f" {sync.answered.by} {sync.answered.did} meanwhile." if sync.answered else ""
    return f"This sync is not waiting for {_ANSWERS[kind]}: {_standing(sync)}.{faster}"


def _standing(sync: Sync) -> str:
    if sync.question:
        return f"it is waiting for {_ANSWERS[sync.question.kind]}"
    return f"it is {sync.state}" if sync.state in LIVE_STATES else f"it has ended ({sync.state})"
