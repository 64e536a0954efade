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
from typing import Any

from infra.deploy import Deployment, Failed, deployment_of

SUFFIX = "-restored"
BATCH = 25  # BatchWriteItem's limit
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
        then: dict[str, dict[str, Any]] = {}
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix="groups/"):
            markers = [{**each, "ETag": ""} for each in page.get("DeleteMarkers", [])]
            for each in [*page.get("Versions", []), *markers]:
                known = then.get(each["Key"])
                if each["LastModified"] <= self.moment and (known is None or known["LastModified"] <= each["LastModified"]):
                    then[each["Key"]] = each
        old = [each for each in then.values() if not each["IsLatest"] and each["ETag"]]
        for each in old:
            source = {"Bucket": bucket, "Key": each["Key"], "VersionId": each["VersionId"]}
            s3.copy(source, bucket, each["Key"])
        return len(old)

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
        dynamodb = self.deployment.client("dynamodb")
        key_names = [each["AttributeName"] for each in dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]]

        def key_of(item: Mapping[str, Any]) -> str:
            return json.dumps([item[name] for name in key_names], sort_keys=True)

        then = {key_of(item): item for item in self._items(table + SUFFIX)}
        requests: list[dict[str, Any]] = []
        unchanged = set()
        for item in self._items(table):
            was = then.get(key_of(item))
            if was is None:
                requests.append({"DeleteRequest": {"Key": {name: item[name] for name in key_names}}})
            elif was == item:
                unchanged.add(key_of(item))
        requests += [{"PutRequest": {"Item": item}} for key, item in then.items() if key not in unchanged]
        for start in range(0, len(requests), BATCH):
            left = {table: requests[start : start + BATCH]}
            while left:
                left = dynamodb.batch_write_item(RequestItems=left).get("UnprocessedItems", {})
                time.sleep(self.deployment.pause_s if left else 0)
        dynamodb.delete_table(TableName=table + SUFFIX)
        return len(requests)

    def _items(self, table: str) -> Iterator[dict[str, Any]]:
        for page in self.deployment.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            yield from page["Items"]


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
