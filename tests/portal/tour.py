"""Every page of the portal as an admin meets it: groups in each state, and where to look.

Who adds a page adds a stop here; it is then checked by axe, tried in every role, and photographed. The groups are in moto: their
syncs were walked through the real Lambdas, and a question is open as the machine opens it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from chalicelib.api.shapes import Role
from chalicelib.model.records import Mode, Question, QuestionKind
from chalicelib.store import audit, files, syncs
from oneroster_engine.errors import BundleRefused
from oneroster_engine.sample_district import District, Shape, write
from tests.conftest import aws_in_moto, client
from tests.steps.walk import NOW, Walk, make_group

LONG = "Académie internationale des écoles bilingues Saint-Étienne-du-Rouvray et Größere Schulbehörde Nordost-Mittelfranken"
WHOLE, LESS = Shape(3, 30, 120, 600), Shape(3, 12, 60, 250)
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Stop:
    """`shows` is text that stands on the page once it is whole; `role` is the least that may open it."""

    name: str
    path: str
    shows: str
    role: Role = "viewer"


@contextmanager
def staged() -> Iterator[None]:
    """The stack in moto while the block lasts, for more than one test."""
    with pytest.MonkeyPatch.context() as patched, aws_in_moto(patched):
        yield


def district(shape: Shape, seed: int, version: str, problems: bool = False) -> bytes:
    with TemporaryDirectory() as folder:
        write(District(shape, seed=seed, version=version, day=1, problems=problems), Path(folder) / "district.zip")
        return (Path(folder) / "district.zip").read_bytes()


def ask(walk: Walk, kind: QuestionKind) -> None:
    now = datetime.now(UTC)
    syncs.ask(walk.sync_id, Question(kind=kind, since=now, until=now + WEEK), "token")


def copy_files(read: Walk, walk: Walk) -> None:
    """What was read of a bundle, for the other sync of the same bundle."""
    s3, source = client("s3"), files.sync_key(read.sync_id, "")
    for found in s3.list_objects_v2(Bucket="data", Prefix=source)["Contents"]:
        copied = files.sync_key(walk.sync_id, found["Key"].removeprefix(source))
        s3.copy_object(Bucket="data", Key=copied, CopySource={"Bucket": "data", "Key": found["Key"]})


def tour() -> list[Stop]:
    """Make the groups, and say where each page is."""
    return list(_stops())


def _stops() -> Iterator[Stop]:
    dirty, clean, small = district(WHOLE, 7, "1.1", problems=True), district(WHOLE, 8, "1.2"), district(LESS, 8, "1.2")
    today = (datetime.now(UTC) - NOW).days

    make_group("Riverside Unified", "riverside", description="Everything, every night")
    synced = Walk(dirty, day=today, group_id="riverside").through().sync_id
    audit.record("riverside", "u1", "full sync started", datetime.now(UTC), "n1", synced, name="Ada Admin")
    make_group(LONG, "never", contact_email="roster@example.org")
    make_group("Valley Charter", "refused")
    refused = Walk(b"no ZIP at all", day=today, group_id="refused")
    try:
        refused.open()
    except BundleRefused:
        refused.invoke("record_failure")
    chosen: dict[str, dict[str, None]] = {"harbor": {}, "lakeside": {"orgs": None}, "tokyo": {"orgs": None, "classes": None}}
    names = {"harbor": "Harbor County Schools", "lakeside": "Lakeside ISD", "tokyo": "東京国際学区"}
    kinds = {"harbor": QuestionKind.ORGS, "lakeside": QuestionKind.CLASSES, "tokyo": QuestionKind.STATUSES}
    read: Walk | None = None
    for group_id, selection in chosen.items():
        make_group(names[group_id], group_id)
        asking = Walk(dirty, Mode.SELECTIVE, day=today, group_id=group_id)
        if read is None:
            read = asking
            read.open()
            read.stage()
        else:
            copy_files(read, asking)
        if selection:
            files.write_selection(asking.sync_id, selection)
        ask(asking, kinds[group_id])
    make_group("Meadow Hills", "held")
    Walk(clean, day=today - 1, group_id="held").through()
    held = Walk(small, day=today, group_id="held")
    held.open()
    held.stage()
    held.plan()
    ask(held, QuestionKind.APPROVAL)

    yield Stop("groups", "/", "Held for review")
    yield Stop("groups-none-found", "/?search=nowhere", "No group has")
    yield Stop("group-new", "/groups/new", "Create group", "admin")
    yield Stop("group-form", "/groups/never", "Saint-Étienne", "admin")
    yield Stop("source", "/groups/never/selective", "Upload the district", "operator")
    yield Stop("schools", "/groups/harbor/selective", "By workbook", "operator")
    yield Stop("classes", "/groups/lakeside/selective", "By workbook", "operator")
    yield Stop("users", "/groups/tokyo/selective", "How we determine status", "operator")
    yield Stop("changes", "/groups/held/selective", "Decide", "operator")
    yield Stop("full-sync", "/groups/riverside/sync", "Upload the district", "operator")
    yield Stop("status", "/groups/riverside/status", "Problems in the source files")
    yield Stop("status-never", "/groups/never/status", "has never been synced")
    yield Stop("status-waiting", "/groups/harbor/status", "waits for your selection")
    yield Stop("status-refused", "/groups/refused/status", "History")
    yield Stop("status-held", "/groups/held/status", "This sync is held")
    yield Stop("trace", "/groups/riverside/trace?entity=users&id=s1", "In the source")
    yield Stop("sanity", f"/groups/riverside/syncs/{synced}/sanity", "Does this roster look right?")
    yield Stop("calendar", "/groups/riverside/calendar", "Calendar")
    yield Stop("selections", "/groups/riverside/selections", "Saved selections")
    yield Stop("new-selection", "/groups/riverside/new-selection", "New selection", "operator")
    yield Stop("history", "/groups/riverside/history", "Log and data")
    yield Stop("roster", "/groups/riverside/roster", "on the platform")
    yield Stop("roster-person", "/groups/riverside/roster?of=users&id=s1", "Platform id")
    yield Stop("applications", "/groups/riverside/applications", "No application has access", "admin")
    yield Stop("audit", "/groups/riverside/audit", "Full sync started", "admin")
    yield Stop("changes-held", f"/groups/held/syncs/{held.sync_id}/changes", "Changes in numbers")
    yield Stop("overview", "/overview", "Needs you")
    yield Stop("rehearsal", "/groups/riverside/rehearsal", "Rehearsal", "operator")
    yield Stop("nowhere", "/no/such/page", "Page not found")
    yield Stop("arrivals", "/arrivals", "Unmatched files", "admin")
    yield Stop("deleted-groups", "/deleted-groups", "Certificates", "admin")
