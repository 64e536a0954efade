"""Every page of the portal as an admin meets it: groups in each state, brought there by the API, and where to look.

Who adds a page adds a stop here; it is then checked by axe, tried in every role, and photographed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chalicelib.api.shapes import Role
from oneroster_engine.sample_district import SHAPES, District, Shape, write
from tests.stack.client import Client

LONG = "Académie internationale des écoles bilingues Saint-Étienne-du-Rouvray et Größere Schulbehörde Nordost-Mittelfranken"


@dataclass(frozen=True)
class Stop:
    """`shows` is text that stands on the page once it is whole; `role` is the least that may open it."""

    name: str
    path: str
    shows: str
    role: Role = "viewer"


def tour(api: Client, folder: Path) -> list[Stop]:
    """Make the groups, and say where each page is."""
    return list(_stops(api, folder))


def _stops(api: Client, folder: Path) -> Iterator[Stop]:
    dirty, clean, small = folder / "dirty.zip", folder / "clean.zip", folder / "small.zip"
    write(District(SHAPES["tiny"], seed=7, version="1.1", day=1, problems=True), dirty)
    write(District(SHAPES["tiny"], seed=8, version="1.2", day=1, problems=False), clean)
    write(District(Shape(3, 12, 100, 500), seed=8, version="1.2", day=1, problems=False), small)
    everything = {"all": True}

    riverside = api.new_group("Riverside Unified", description="Everything, every night")
    synced = api.sync_all(riverside, dirty)["syncId"]
    never = api.new_group(LONG, contactEmail="roster@example.org")
    harbor, lakeside, tokyo = (api.new_group(name) for name in ("Harbor County Schools", "Lakeside ISD", "東京国際学区"))
    refused = api.new_group("Valley Charter")
    (folder / "bad.zip").write_text("no ZIP at all")
    api.sync_all(refused, folder / "bad.zip")
    asked = {group: api.start(group, dirty, "selective")["syncId"] for group in (harbor, lakeside, tokyo)}
    for group in (harbor, lakeside, tokyo):
        api.until(asked[group], asks="orgs")
    for group in (lakeside, tokyo):
        api.call("POST", f"/syncs/{asked[group]}/orgs/selection", everything, 202)
        api.until(asked[group], asks="classes")
    api.call("POST", f"/syncs/{asked[tokyo]}/classes/selection", everything, 202)
    api.until(asked[tokyo], asks="statuses")
    held = api.new_group("Meadow Hills")
    api.sync_all(held, clean)
    waiting = api.until(api.start(held, small)["syncId"], asks="approval")["syncId"]

    yield Stop("groups", "/", "Meadow Hills")
    yield Stop("groups-none-found", "/?search=nowhere", "No group has")
    yield Stop("group-new", "/groups/new", "Create group", "admin")
    yield Stop("group-form", f"/groups/{never}", "Saint-Étienne", "admin")
    yield Stop("source", f"/groups/{never}/selective", "Upload the district", "operator")
    yield Stop("schools", f"/groups/{harbor}/selective", "By workbook", "operator")
    yield Stop("classes", f"/groups/{lakeside}/selective", "By workbook", "operator")
    yield Stop("users", f"/groups/{tokyo}/selective", "How we determine status", "operator")
    yield Stop("changes", f"/groups/{held}/selective", "Decide", "operator")
    yield Stop("full-sync", f"/groups/{riverside}/sync", "Upload the district", "operator")
    yield Stop("status", f"/groups/{riverside}/status", "Problems in the source files")
    yield Stop("status-never", f"/groups/{never}/status", "has never been synced")
    yield Stop("status-waiting", f"/groups/{harbor}/status", "waits for your choice")
    yield Stop("status-refused", f"/groups/{refused}/status", "History")
    yield Stop("trace", f"/groups/{riverside}/trace?entity=users&id=s1", "In the source")
    yield Stop("sanity", f"/groups/{riverside}/syncs/{synced}/sanity", "Does this roster look right?")
    yield Stop("calendar", f"/groups/{riverside}/calendar", "Calendar")
    yield Stop("selections", f"/groups/{riverside}/selections", "Saved selections")
    yield Stop("new-selection", f"/groups/{riverside}/new-selection", "New selection", "operator")
    yield Stop("history", f"/groups/{riverside}/history", "Log and data")
    yield Stop("roster", f"/groups/{riverside}/roster", "on the platform")
    yield Stop("roster-person", f"/groups/{riverside}/roster?of=users&id=s1", "Platform id")
    yield Stop("audit", f"/groups/{riverside}/audit", "Full sync started", "admin")
    yield Stop("changes-held", f"/groups/{held}/syncs/{waiting}/changes", "Changes in numbers")
    yield Stop("overview", "/overview", "Needs you")
    yield Stop("rehearsal", f"/groups/{riverside}/rehearsal", "Rehearsal", "operator")
    yield Stop("nowhere", "/no/such/page", "Page not found")
    yield Stop("arrivals", "/arrivals", "Unmatched files", "admin")
