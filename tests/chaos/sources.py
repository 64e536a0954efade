"""A source that dies, stalls, truncates or lies, in each phase: a provider's API, and an SFTP server.

Whatever becomes of the sync, nobody may be lost whom the source still has; and the next one, the source being well, ends with
exactly what it has.
"""

import asyncio
import logging
import shutil
import zipfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.chaos.fed import by_api
from tests.chaos.line import UnrulyLine
from tests.chaos.naive import Rows, difference, rows_of
from tests.chaos.world import Case, World, side_by_side
from tests.provider.serving import Provider, served
from tests.sources.peers import Line, Sshd, make_key

EVER = 1_000_000
LANES = 8  # they mostly wait
STALL_S = 65.0  # longer than the product waits for a piece of a provider's answer
DEAD_S = 3.0
GUARD = {"share": 0.1, "floor": 10}  # as a new group has it
ENDS_S = 400.0  # with all tries of a source that never comes back

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]


class Unruly:
    """A good provider, but for one phase of a sync, in which it does as `kind` says, `times` times."""

    def __init__(self, provider: Provider) -> None:
        self.app: Any = provider.app
        self.line: Line | None = None
        self.phase, self.kind, self.times, self.done = "", "", 0, 0
        self.seen: Counter[str] = Counter()

    def be(self, phase: str = "", kind: str = "", times: int = 0) -> None:
        self.phase, self.kind, self.times, self.done = phase, kind, times, 0
        self.seen.clear()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        phase = self._phase_of(path, scope.get("query_string", b"").decode())
        if phase != self.phase or self.done >= self.times:
            self.seen[path] += 1
            await self.app(scope, receive, send)
            return
        self.done += 1
        if self.kind == "stalls":
            await asyncio.sleep(STALL_S)
        if self.kind == "dies" and self.line:
            self.line.down(DEAD_S)
        said: list[Message] = []

        async def hear(message: Message) -> None:
            said.append(message)

        await self.app(scope, receive, hear)
        head, body = said[0], b"".join(each.get("body", b"") for each in said[1:])
        said_bytes = len(body)
        if self.kind == "truncates":
            body = body[: len(body) // 2]
        elif self.kind == "lies":
            body = b'{"%s":[]}' % scope["path"].rsplit("/", 1)[-1].encode()
            said_bytes = len(body)
        elif self.kind == "sends a web page":
            body = b"<html><body>Please sign in</body></html>"
            said_bytes = len(body)
        headers = [pair for pair in head["headers"] if pair[0] != b"content-length"]
        await send({**head, "headers": [*headers, (b"content-length", str(said_bytes).encode())]})
        await send({"type": "http.response.body", "body": body, "more_body": True})
        if len(body) == said_bytes:
            await send({"type": "http.response.body"})
        elif self.line:
            await asyncio.sleep(0.1)  # until what there is has been sent
            self.line.down(0)

    def _phase_of(self, path: str, query: str) -> str:
        if path.endswith("/token"):
            return "sign-in"
        if "offset=" in query and "offset=0" not in query:
            return "ranges"
        if self.seen[path]:
            return "second look"
        return "orgs" if path.endswith("/orgs") else "first pages"


REST_PHASES = ("sign-in", "orgs", "first pages", "ranges", "second look")
REST_KINDS = (("dies", 1), ("dies", EVER), ("stalls", 1), ("truncates", 1), ("truncates", EVER), ("lies", 1), ("lies", EVER))


def provider_goes_wrong(world: World, short: bool) -> Iterator[Case]:
    """Each case has a provider of its own. A stall that never ends is not tried: it takes an hour of tries to fail."""
    jobs = [(phase, kind, times) for phase in REST_PHASES for kind, times in REST_KINDS]
    jobs += [(phase, "sends a web page", times) for phase in ("orgs", "ranges") for times in (1, EVER)]
    logging.getLogger("uvicorn.error").addFilter(lambda _: False)  # an answer cut short is meant
    with ExitStack() as stack:
        yield from side_by_side([partial(_provider, world, stack, *job) for job in (jobs[::16] if short else jobs)], LANES)


def _provider(world: World, stack: ExitStack, phase: str, kind: str, times: int) -> Case:
    case = Case(f"{phase}: {kind} {'once' if times == 1 else 'each time'}")
    provider = Provider("1.2", world.lists[0])
    unruly = Unruly(provider)
    provider.app = unruly  # type: ignore[assignment]
    line = unruly.line = Line(urlsplit(stack.enter_context(served(provider))).port or 0)
    stack.callback(line.close)
    fed = by_api(world, case.name, provider, f"http://127.0.0.1:{line.port}", world.lists, guard=GUARD)
    before = world.ended(world.start(fed.group_id, fed.lay(0)))
    if before["state"] != "succeeded":
        case.wrong.append(f"before anything was wrong: {before['state']}: {before.get('message')}")
    fed.lay(1)
    if phase == "sign-in":
        provider.forget_tokens()
    unruly.be(phase, kind, times)
    _sync_and_look(world, case, fed.group_id, fed.rights)
    if not unruly.done:
        case.wrong.append("nothing went wrong")
    unruly.be()
    world.next_sync(case, fed.group_id, None, fed.rights[1])
    return case


def _sync_and_look(world: World, case: Case, group_id: str, days: Sequence[Rows]) -> None:
    """The sync, the source being unwell; a held one is cancelled. Nobody may be gone who is in both days' lists."""
    sync_id = world.start(group_id, None)
    state = world.ended(sync_id, ENDS_S, ("waiting",))["state"]
    case.name += f": {state}"
    if state == "waiting":
        world.admin.call("POST", f"/syncs/{sync_id}/cancel", None, 202)
    both = {key: row for key, row in days[1].items() if key in days[0]}
    items = [{**item, "fields": both.get((item["entity"], item["sourcedId"]), {})} for item in world.roster(group_id)]
    if lost := difference(both, group_id, items).lost:
        case.wrong.append(f"{lost} records were removed that the source still has")


# --- an SFTP server ---------------------------------------------------------------------------------------------------

AT_BYTES = {"the connection": 0, "the keys": 600, "the sign-in": 2_400, "the listing": 3_600, "the file": 12_000}
SFTP_KINDS = (("dies", 1), ("dies", EVER), ("stalls", 1))


def server_goes_wrong(world: World, short: bool) -> Iterator[Case]:
    """OpenSSH's server behind a line that breaks or falls silent after so many bytes; then files that are not what they say."""
    jobs = [partial(_line_goes_wrong, world, *job) for job in [(p, *k) for p in AT_BYTES for k in SFTP_KINDS]]
    jobs += [partial(_file_goes_wrong, world, what) for what in FILES]
    with ExitStack() as stack:
        servers = [Sshd(), Sshd()]
        ours = make_key(servers[0].folder / "ours")
        for each in servers:
            stack.callback(each.remove)
            each.let_in(ours)
            each.start()
        yield from side_by_side([partial(job, servers, ours) for job in (jobs[::11] if short else jobs)], LANES)


def _line_goes_wrong(world: World, phase: str, kind: str, times: int, servers: list[Sshd], ours: Path) -> Case:
    case = Case(f"{phase}: {kind} {'once' if times == 1 else 'each time'}")
    line = UnrulyLine(servers[0].port)
    group_id, folder = _sftp_group(world, case, servers[0], line, ours)
    shutil.copy(world.small[1], folder / "district.zip")
    line.be(kind, AT_BYTES[phase], times)
    _sync_and_look(world, case, group_id, [rows_of(each) for each in world.small])
    if not line.done:
        case.wrong.append("nothing went wrong")
    line.be("", 0, 0)
    world.next_sync(case, group_id, None, rows_of(world.small[1]))
    line.close()
    return case


def _half(path: Path, world: World) -> None:
    whole = world.small[1].read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def _half_of_the_people(path: Path, world: World) -> None:
    """At the end of a line, so that the file itself looks well."""
    with zipfile.ZipFile(world.small[1]) as whole, zipfile.ZipFile(path, "w") as packed:
        for name in whole.namelist():
            lines = whole.read(name).decode().splitlines(keepends=True)
            packed.writestr(name, "".join(lines[: len(lines) // 2] if name == "users.csv" else lines))


FILES: dict[str, Callable[[Path, World], object]] = {
    "half a ZIP": _half,
    "half of users.csv, cut at a line": _half_of_the_people,
    "an empty file": lambda path, world: path.write_bytes(b""),
    "a text that is called a ZIP": lambda path, world: path.write_text("sourcedId,name\n" * 1000),
    "another server's key": lambda path, world: shutil.copy(world.small[1], path),
}


def _file_goes_wrong(world: World, what: str, servers: list[Sshd], ours: Path) -> Case:
    case = Case(what)
    line = UnrulyLine(servers[0].port)
    group_id, folder = _sftp_group(world, case, servers[0], line, ours)
    FILES[what](folder / "district.zip", world)
    line.lead_to(servers[what == "another server's key"].port)
    _sync_and_look(world, case, group_id, [rows_of(each) for each in world.small])
    line.lead_to(servers[0].port)
    shutil.copy(world.small[1], folder / "district.zip")
    world.next_sync(case, group_id, None, rows_of(world.small[1]))
    line.close()
    return case


def _sftp_group(world: World, case: Case, server: Sshd, line: UnrulyLine, ours: Path) -> tuple[str, Path]:
    """A group that has been synced once from a folder of its own, and the folder."""
    folder = server.files / case.name.replace(" ", "-").replace(":", "")
    folder.mkdir()
    shutil.copy(world.small[0], folder / "district.zip")
    own = server.source(port=line.port, path=str(folder)).model_dump(mode="json", by_alias=True)
    source = own | {"credentials": {"privateKey": ours.read_text()}}
    group_id = world.group(case.name, source=source, guard=GUARD)
    before = world.ended(world.start(group_id, None))
    if before["state"] != "succeeded":
        case.wrong.append(f"before anything was wrong: {before['state']}: {before.get('message')}")
    return group_id, folder
