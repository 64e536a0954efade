"""`make restore STAGE=... AT=...`: a stage's tables and bucket as they were at one moment of the last 30 days.

DynamoDB restores a table into a new one, and the stack's own may not be exchanged; so what differs is copied back. The
snapshots that the groups point to are objects that are never written twice: with tables and objects of one moment the
pointers are right. A sync that ran at that moment is ended, and what it had written is made right by the next one.
"""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from infra.deploy import Deployment, Failed, deployment_of

SUFFIX = "-restored"
BATCH = 25  # BatchWriteItem's limit
READ_AT_ONCE = 100  # BatchGetItem's
ENDED = "The data was restored to a moment at which this sync ran. Start it again."


@dataclass
class Restore:
    """To be done in the order of the methods; each can be repeated."""

    deployment: Deployment
    moment: datetime

    def tables(self) -> list[str]:
        outputs = self.deployment.outputs_now()
        if not outputs:
            raise Failed(f"There is no stack {self.deployment.stack}; nothing was changed.")
        return sorted(name for output, name in outputs.items() if output.endswith("Table"))

    def stop_syncs(self) -> int:
        """Stop what runs now, which writes to what is about to be restored."""
        machine, states = self.deployment.outputs_now()["StateMachineArn"], self.deployment.client("stepfunctions")
        pages = states.get_paginator("list_executions").paginate(stateMachineArn=machine, statusFilter="RUNNING")
        running = [each["executionArn"] for page in pages for each in page["executions"]]
        for execution in running:
            states.stop_execution(executionArn=execution, error="Restored", cause="The stage's data is being restored.")
        return len(running)

    def branch(self) -> None:
        """Every table as it was at the moment, under its name with `-restored` behind it. Those that are there are kept."""
        dynamodb = self.deployment.client("dynamodb")
        there = {name for page in dynamodb.get_paginator("list_tables").paginate() for name in page["TableNames"]}
        for table in self.tables():
            if table + SUFFIX not in there:
                wanted = {"SourceTableName": table, "TargetTableName": table + SUFFIX, "RestoreDateTime": self.moment}
                dynamodb.restore_table_to_point_in_time(**wanted)
        for table in self.tables():
            while dynamodb.describe_table(TableName=table + SUFFIX)["Table"]["TableStatus"] != "ACTIVE":
                time.sleep(self.deployment.pause_s)

    def put_back(self) -> dict[str, int]:
        """Make each table as its branch is, and delete the branch. Returns items written or deleted, by table."""
        return {table: self._put_back(table) for table in self.tables()}

    def put_back_objects(self) -> int:
        """Make every object of groups that existed at the moment the version of then. Later ones stay; nothing names them."""
        bucket, s3 = self.deployment.outputs_now()["DataBucket"], self.deployment.client("s3")
        put_back = 0
        for versions in self._versions(bucket):
            then = max((each for each in versions if each["LastModified"] <= self.moment), key=_age, default=None)
            if then and "ETag" in then and not then["IsLatest"]:  # neither deleted then nor the version of now
                s3.copy({"Bucket": bucket, "Key": then["Key"], "VersionId": then["VersionId"]}, bucket, then["Key"])
                put_back += 1
        return put_back

    def end_syncs(self) -> int:
        """End the syncs that ran at the moment, which gives their groups' locks back."""
        outputs = self.deployment.outputs_now()
        tables = {
            f"{name.removesuffix('Table').upper()}_TABLE": value for name, value in outputs.items() if name.endswith("Table")
        }
        region = self.deployment.client("dynamodb").meta.region_name
        os.environ.update({**tables, "STATE_MACHINE_ARN": outputs["StateMachineArn"], "AWS_DEFAULT_REGION": region})
        return end_running(ENDED)

    def _put_back(self, table: str) -> int:
        """Page by page, so that a table of any size takes no more memory than a small one; what is the same is not written."""
        branch, written = table + SUFFIX, 0
        keys = [each["AttributeName"] for each in self._described(table)["KeySchema"]]
        for then in self._pages(branch):
            now = self._same(table, then, keys)
            different = [item for item in then if now.get(_key(item, keys)) != item]
            written += self._write(table, [{"PutRequest": {"Item": item}} for item in different])
        for page in self._pages(table, keys):
            then_too = self._same(branch, page, keys, only_keys=True)
            later = [item for item in page if _key(item, keys) not in then_too]
            written += self._write(table, [{"DeleteRequest": {"Key": item}} for item in later])
        self.deployment.client("dynamodb").delete_table(TableName=branch)
        return written

    def _described(self, table: str) -> dict[str, Any]:
        described: dict[str, Any] = self.deployment.client("dynamodb").describe_table(TableName=table)["Table"]
        return described

    def _pages(self, table: str, only: list[str] | None = None) -> Iterator[list[dict[str, Any]]]:
        """The table's items, at most 1 MB of them at once; `only` some attributes of each."""
        pages = self.deployment.client("dynamodb").get_paginator("scan")
        for page in pages.paginate(TableName=table, ConsistentRead=True, **_projected(only)):
            yield page["Items"]

    def _same(
        self, table: str, items: list[dict[str, Any]], keys: list[str], only_keys: bool = False
    ) -> dict[str, dict[str, Any]]:
        """Those of `table` that have the items' keys."""
        dynamodb, found = self.deployment.client("dynamodb"), dict[str, dict[str, Any]]()
        asked = {"ConsistentRead": True, **_projected(keys if only_keys else None)}
        for start in range(0, len(items), READ_AT_ONCE):
            wanted = [{name: item[name] for name in keys} for item in items[start : start + READ_AT_ONCE]]
            left = {table: {"Keys": wanted, **asked}}
            while left:
                answer = dynamodb.batch_get_item(RequestItems=left)
                found |= {_key(item, keys): item for item in answer["Responses"].get(table, [])}
                left = answer.get("UnprocessedKeys", {})
                time.sleep(self.deployment.pause_s if left else 0)
        return found

    def _write(self, table: str, requests: list[dict[str, Any]]) -> int:
        dynamodb = self.deployment.client("dynamodb")
        for start in range(0, len(requests), BATCH):
            left = {table: requests[start : start + BATCH]}
            while left:
                left = dynamodb.batch_write_item(RequestItems=left).get("UnprocessedItems", {})
                time.sleep(self.deployment.pause_s if left else 0)
        return len(requests)

    def _versions(self, bucket: str) -> Iterator[list[dict[str, Any]]]:
        """All versions and delete markers of each object in turn. S3 lists by key; an object's may go over a page's end."""
        pending: list[dict[str, Any]] = []
        pages = self.deployment.client("s3").get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=bucket, Prefix="groups/"):
            listed = [*pending, *page.get("Versions", []), *page.get("DeleteMarkers", [])]
            by_key = {key: list(found) for key, found in groupby(sorted(listed, key=_name), key=_name)}
            last = max(by_key, default="")
            pending = by_key.pop(last, [])
            yield from by_key.values()
        if pending:
            yield pending


def _key(item: Mapping[str, Any], keys: list[str]) -> str:
    return json.dumps([item[name] for name in keys], sort_keys=True)


def _name(version: Mapping[str, Any]) -> str:
    return str(version["Key"])


def _age(version: Mapping[str, Any]) -> datetime:
    moment: datetime = version["LastModified"]
    return moment


def _projected(only: list[str] | None) -> dict[str, Any]:
    """Names may be words that DynamoDB keeps for itself."""
    if not only:
        return {}
    names = {f"#n{place}": name for place, name in enumerate(only)}
    return {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names}


def end_running(why: str) -> int:
    """End every sync that a group is locked for. The store's tables are named by the environment."""
    from chalicelib.model.records import State
    from chalicelib.store import groups, syncs

    locked = [group.sync.sync_id for group in groups.find() if group.sync]
    return sum(syncs.end(sync_id, State.FAILED, why, datetime.now(UTC)) for sync_id in locked)


def main(stage: str, at: str) -> None:
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        sys.exit("Say to when, with its zone: make restore STAGE=prod AT=2026-11-24T08:00:00+00:00")
    if moment.tzinfo is None or moment > datetime.now(UTC):
        sys.exit(f"{at} is in the future or names no time zone. Nothing was changed.")
    restore = Restore(deployment_of(stage), moment)
    print(f"This puts the tables and the bucket of {restore.deployment.stack} back to {moment.isoformat()}.")
    print("What was written since is lost, and what is written while it runs. Tell its people first.")
    if input("Type the stage's name to go on: ").strip() != stage:
        sys.exit("That is not its name. Nothing was changed.")
    try:
        restore.tables()  # refuses a stage that isn't there
        print(f"{restore.stop_syncs()} running syncs stopped. Restoring tables beside the present ones; AWS takes its time")
        restore.branch()
        for table, changed in restore.put_back().items():
            print(f"{changed:9,} items put back in {table}")
        print(f"{restore.put_back_objects():9,} objects put back")
        print(f"{restore.end_syncs():9,} syncs ended that ran at that moment")
    except Failed as reason:
        sys.exit(str(reason))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("Say which stage and to when: make restore STAGE=prod AT=2026-11-24T08:00:00+00:00")
    main(*sys.argv[1:])
