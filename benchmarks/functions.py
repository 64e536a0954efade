"""The most memory that each function took, in the embedded AWS: what the sizes in `infra/functions.py` are chosen by.

    python -m benchmarks.functions [S | M] [--preview]

A selective sync up to its last question with all lists and sheets, a full sync into an empty platform (with --preview only up
to its plan), the next day's, a dropped file, a full reading of a provider's API up to its plan (the emulator's tables are in
memory, and M's records twice are more than this machine has), a bundle that is refused, and what the clock wakes. Each function
is a process of its own there; the figure is the kernel's account of its peak (VmHWM), so with Python, packages and all. Time
is `benchmarks.run`'s business.
"""

import argparse
import json
from pathlib import Path

from benchmarks.run import district
from benchmarks.warm_stack import warm_stack
from infra.functions import FUNCTIONS
from local.client import Client, invoked
from local.peers.provider import CLIENT_ID, CLIENT_SECRET, Provider, served
from local.peers.records import rendered
from local.stack import Stack
from oneroster_engine.sample_district import SHAPES, District

PORT = 4597


def asked(api: Client, group_id: str, bundle: Path) -> None:
    """A selective sync with every list, count and sheet that an admin may open, cancelled at the end."""
    sync_id = api.start(group_id, bundle, "selective")["syncId"]
    for kind in ("orgs", "classes"):
        api.until(sync_id, asks=kind)
        for page in (kind, f"{kind}?search=a", f"{kind}/sheet"):
            api.http.get(f"/syncs/{sync_id}/{page}").raise_for_status()
        api.call("POST", f"/syncs/{sync_id}/{kind}/selection", {"all": True}, 202)
    api.until(sync_id, asks="statuses")
    for page in ("statuses", "sanity", "problems"):
        api.http.get(f"/syncs/{sync_id}/{page}").raise_for_status()
    api.call("POST", f"/syncs/{sync_id}/cancel", None, 202)
    api.until(sync_id)


def synced(api: Client, group_id: str, bundle: Path | None, preview: bool) -> None:
    """`bundle` is None where the group has a source of its own."""
    if bundle:
        sync_id = api.start(group_id, bundle, preview=preview)["syncId"]
    else:
        sync_id = api.call("POST", f"/groups/{group_id}/syncs", {"mode": "full", "preview": preview}, 202)["syncId"]
    sync = api.until(sync_id, asks="approval")
    while sync["state"] in ("queued", "running"):
        sync = api.until(sync_id)
    if sync["state"] == "waiting":
        api.http.get(f"/syncs/{sync_id}/plan").raise_for_status()
        api.http.get(f"/syncs/{sync_id}/plan/changes").raise_for_status()
        api.call("POST", f"/syncs/{sync_id}/approval", {"decision": "discard"}, 202)
        sync = api.until(sync_id)
    print(f"{sync['state']}: {json.dumps(sync['counts'])}", flush=True)


def dropped(stack: Stack, api: Client, group_id: str, bundle: Path) -> None:
    stack.client("s3").upload_file(str(bundle), stack.outputs["DataBucket"], f"drop/{group_id}/{bundle.name}")
    while not (last := api.call("GET", f"/groups/{group_id}/syncs")["items"]) or last[0]["trigger"] != "drop":
        pass
    api.until(last[0]["syncId"])


def read_by_api(api: Client, shape: str) -> None:
    """From a provider in this process; its pages as large as a provider's are."""
    provider = Provider("1.2", rendered(District(SHAPES[shape], seed=1, version="1.2", day=1, problems=False)))
    with served(provider) as origin:
        source = {"method": "rest", "baseUrl": origin, "tokenUrl": f"{origin}/token", "pageSize": 5000}
        credentials = {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}
        group_id = api.new_group("Bench by API", source={**source, "credentials": credentials})
        synced(api, group_id, None, preview=True)


def refused(api: Client, group_id: str, folder: Path) -> None:
    (folder / "no.zip").write_bytes(b"no ZIP")
    print(api.until(api.start(group_id, folder / "no.zip")["syncId"])["message"])


def look(found: dict[str, float]) -> None:
    """Put into `found`, by the name of the function's resource, the most MB that one of its processes has had in memory.

    One that has raised is gone, so look before something fails.
    """
    for process in Path("/proc").glob("[0-9]*"):
        try:
            given = dict(each.split("=", 1) for each in (process / "environ").read_text().split("\0") if "=" in each)
            status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        except OSError:
            continue
        name = given.get("AWS_LAMBDA_FUNCTION_NAME", "")
        if given.get("AWS_ENDPOINT_URL") == f"http://127.0.0.1:{PORT}" and name:
            logical = name.removeprefix("oneroster-local-").rpartition("-")[0]
            found[logical] = max(found.get(logical, 0), int(status["VmHWM"].split()[0]) / 1024)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("shape", nargs="?", choices=SHAPES, default="S")
    parser.add_argument("--preview", action="store_true")
    given = parser.parse_args()
    with warm_stack(PORT, 8097) as (stack, api, group_id, folder):
        days = [district(folder, given.shape, day) for day in (1, 2)]
        asked(api, group_id, days[0])
        peaks: dict[str, float] = {}
        for day in days:
            synced(api, group_id, day, given.preview)
            look(peaks)
        if not given.preview:
            dropped(stack, api, group_id, days[0])
        read_by_api(api, given.shape)
        look(peaks)
        refused(api, group_id, folder)
        invoked(stack, "Wake", "wake")
        invoked(stack, "Forget", "forget")
        look(peaks)
        _print(given.shape, peaks)


def _print(shape: str, peaks: dict[str, float]) -> None:
    print(f"\n| function | memory set, MB | peak MB, shape {shape} |\n|---|---|---|")
    for each in FUNCTIONS:
        peak = f"{peaks[each.logical_id]:,.0f}" if each.logical_id in peaks else "not run"
        print(f"| {each.logical_id} | {each.memory_mb:,} | {peak} |", flush=True)


if __name__ == "__main__":
    main()
