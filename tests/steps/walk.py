"""One sync walked through the Lambdas in the order of the machine, against AWS in moto."""

import json
import zipfile
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
from chalice.test import Client

from app import app
from chalicelib.model.ids import new_sync_id
from chalicelib.model.records import GroupSettings, Mode, SavedUse, State, Sync, Trigger
from chalicelib.store import files, groups, syncs
from local.events import saved
from tests.engine.districts import Rows, write_bundle

NOW = datetime(2026, 9, 1, 6, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]


def make_group(name: str = "Lakeside", group_id: str = "g1", **settings: Any) -> None:
    groups.create(GroupSettings(name=name, **settings), group_id, "e1", NOW)


def zipped(district: Mapping[str, Rows], deltas: Collection[str] = ()) -> bytes:
    packed = BytesIO()
    with TemporaryDirectory() as folder, zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(write_bundle(Path(folder), "1.1", **district).iterdir()):
            archive.write(path, path.name)
        if deltas:
            modes = "".join(f"file.{name},delta\n" for name in deltas)
            archive.writestr("manifest.csv", f"propertyName,value\noneroster.version,1.1\n{modes}")
    return packed.getvalue()


class Walk:
    """A started sync, with the bundle that came with it or one to fetch; each method is one state of the machine."""

    def __init__(
        self, bundle: bytes | None, mode: Mode = Mode.FULL, day: int = 0, saved: SavedUse | None = None, group_id: str = "g1"
    ) -> None:
        now = NOW + timedelta(days=day)
        self.mode, self.group_id, self.sync_id = mode, group_id, new_sync_id(group_id, now, "aa")
        self.with_removals = True
        bundle_key = files.sync_key(self.sync_id, "bundle/bundle.zip")
        syncs.start(
            Sync(
                group_id=group_id,
                sync_id=self.sync_id,
                mode=mode,
                trigger=Trigger.API,
                started_by="Ada",
                started_at=now,
                state=State.RUNNING,
                saved_selection=saved,
            ),
            bundle=None if bundle is None else syncs.BundleFrom(bundle_key),
        )
        if bundle is not None:
            boto3.client("s3").put_object(Bucket="data", Key=bundle_key, Body=bundle)

    def invoke(self, name: str, **other: Any) -> Any:
        """Call the Lambda by its registered name, with its saved event for this sync."""
        return Client(app, project_dir=str(ROOT)).lambda_.invoke(name, self._event(name, **other)).payload

    def _event(self, name: str, **other: Any) -> dict[str, Any]:
        return saved(name, groupId=self.group_id, syncId=self.sync_id, **other)

    def open(self) -> str:
        """The sync that had the same source and did the same with it, where the machine goes on to its end at once."""
        while (opened := self.invoke("open_source", mode=self.mode))["more"]:
            pass  # each call brings something; the test client gives a Lambda three seconds
        return str(opened["sameAs"])

    def stage(self) -> None:
        self.invoke("stage")

    def choose(self, **selection: Any) -> None:
        """As the API writes the answers of an admin who ticks everybody."""
        everybody = {"orgs": None, "classes": None, "cells": None, "otherMembers": True, "guardians": True}
        files.write_selection(self.sync_id, {**everybody, "removeUnselected": False, **selection})

    def plan(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.invoke("plan")
        self.planned = answer
        return answer

    def chunks(self) -> list[str]:
        manifest = boto3.client("s3").get_object(Bucket=self.planned["bucket"], Key=self.planned["manifestKey"])
        return [item["chunk"] for item in json.loads(manifest["Body"].read())]

    def apply(self) -> None:
        for chunk in self.chunks():
            self.invoke("apply_chunk", chunk=chunk, withRemovals=self.with_removals)

    def commit(self) -> None:
        self.invoke("commit", withRemovals=self.with_removals)

    def report(self) -> None:
        self.invoke("report", withRemovals=self.with_removals)

    def through(self) -> Sync:
        """Every state to the end."""
        if same_as := self.open():
            self.invoke("report", withRemovals=True, sameAs=same_as)
            return self.sync
        self.stage()
        if self.mode is Mode.SELECTIVE:
            self.choose()
        self.plan()
        self.apply()
        self.commit()
        self.report()
        return self.sync

    @property
    def sync(self) -> Sync:
        return syncs.get(self.sync_id)


def platform() -> dict[str, dict[str, Any]]:
    """What the Roster table holds, by sourcedId."""
    return {str(item["sourcedId"]): item for item in boto3.resource("dynamodb").Table("Roster").scan()["Items"]}


def everything() -> dict[str, Any]:
    """Every item and every object, but for the moments at which a step ran."""
    kept: dict[str, Any] = {}
    for table in ("Groups", "Syncs", "Roster", "Audit"):
        for item in boto3.resource("dynamodb").Table(table).scan()["Items"]:
            key = [str(item.get(name, "")) for name in ("groupId", "syncId", "shard", "sourcedId")]
            kept[f"{table} {key}"] = _timeless(item)
    for found in boto3.client("s3").list_objects_v2(Bucket="data").get("Contents", []):
        kept[found["Key"]] = found["ETag"]
    return kept


def _timeless(item: dict[str, Any]) -> dict[str, Any]:
    """`applied` counts a chunk that was repeated twice; it is shown up to the total."""
    moments = ("startedAt", "endedAt", "since", "until")
    kept = {name: value for name, value in item.items() if name != "applied"}
    for step in (name for name in kept if name.startswith("progress") and isinstance(kept[name], dict)):
        kept[step] = {name: value for name, value in kept[step].items() if name not in moments}
    if "question" in kept:
        kept["question"] = kept["question"]["kind"]
    return kept
