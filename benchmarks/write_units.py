"""Write units that a first sync takes of the roster table, of two checkouts: counted by the embedded DynamoDB, not reckoned.

    python -m benchmarks.write_units ../before . [--shape S]

Each checkout stages and plans the same made-up district, makes the roster table as its own template has it, indexes included,
and writes its plan's chunks with its own writer. What each write takes is what the table answers (`ReturnConsumedCapacity`).
"""

import argparse
import gzip
import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

TABLE = "Roster"
SETTINGS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "ROSTER_TABLE": TABLE,
    "PYTHONHASHSEED": "0",
}


def write_all(folder: Path) -> Counter[str]:
    """Plan and write the district's first sync, of the checkout in which this process runs. Units by table and index."""
    steps = importlib.import_module("side_by_side")  # beside this file, which runs as a script here
    tables, writer = importlib.import_module("chalicelib.store.tables"), importlib.import_module("chalicelib.platform.writer")
    _make_table(importlib.import_module("boto3").client("dynamodb"))
    taken: Counter[str] = Counter()
    events = tables.wire_client().meta.events

    def count(parsed: Any, **_: Any) -> None:
        for each in parsed["ConsumedCapacity"]:
            taken["units"] += each["CapacityUnits"]
            for name, index in each.get("GlobalSecondaryIndexes", {}).items():
                taken[f"of index {name}"] += index["CapacityUnits"]

    def ask(params: Any, **_: Any) -> None:
        params["ReturnConsumedCapacity"] = "INDEXES"

    events.register("before-parameter-build.dynamodb.BatchWriteItem", ask)
    events.register("after-call.dynamodb.BatchWriteItem", count)
    steps.stage("csv1", "stage1")(folder)
    steps.plan(1)(folder)
    for chunk in sorted((folder / "plan1" / "chunks").iterdir()):
        with gzip.open(chunk) as lines:
            taken["records"] += writer.write_chunk(lines, "g1", "s1", 30, True, lambda: None)
    return taken


def _make_table(dynamodb: Any) -> None:
    resources = json.loads(Path("infra/template.json").read_text())["Resources"].values()
    shard = {"AttributeName": "shard", "KeyType": "HASH"}
    roster = next(each["Properties"] for each in resources if shard in each.get("Properties", {}).get("KeySchema", ()))
    names = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    shape = {name: roster[name] for name in names if name in roster}
    dynamodb.create_table(TableName=TABLE, BillingMode="PAY_PER_REQUEST", **shape)


def counted(checkout: Path, shape: str) -> Counter[str]:
    """In an embedded AWS of its own."""
    from local.ports import free_port
    from local.stack import Stack
    from oneroster_engine.sample_district import SHAPES, District, write
    from oneroster_engine.standard.archive import Limits, inflate

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(District(SHAPES[shape], seed=1, version="1.1", day=1, problems=False, guids=True), folder / "zip")
        inflate(folder / "zip", folder / "csv1", Limits())
        stack = Stack(free_port(), "http://127.0.0.1", folder / "aws")
        stack.start()
        try:
            command = [sys.executable, str(Path(__file__).resolve()), "--run", str(folder)]
            environment = {**os.environ, **SETTINGS, "AWS_ENDPOINT_URL": stack.endpoint, "PYTHONPATH": str(checkout)}
            ran = subprocess.run(command, cwd=checkout, env=environment, check=True, stdout=subprocess.PIPE, text=True)
        finally:
            stack.stop()
    return Counter(json.loads(ran.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--shape", default="S")
    given = parser.parse_args()
    before, after = (counted(each.resolve(), given.shape) for each in (given.before, given.after))
    for name, taken in (("before", before), ("after", after)):
        indexes = ", ".join(f"{units:,.0f} {which}" for which, units in sorted(taken.items()) if which.startswith("of index"))
        print(f"{name}: {taken['records']:,} records, {taken['units']:,.0f} write units ({indexes or 'of no index'})")
    print(f"shape {given.shape}: {before['units'] / after['units']:.2f} times less")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        print(json.dumps(write_all(Path(sys.argv[2]))))
    else:
        main()
