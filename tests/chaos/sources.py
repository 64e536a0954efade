"""A source that dies, stalls, truncates or lies, in each phase: a provider's API, and an SFTP server.

Whatever becomes of the sync, nobody may be lost whom the source still has; and the next one, the source being well, ends with
exactly what it has.
"""

import asyncio
import logging
import shutil
import zipfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local.peers.provider import Provider, served
from local.peers.sftp import Line, Sshd, make_key
from tests.chaos.fed import Fed, Free, by_api, by_sftp, sftp_file, synced
from tests.chaos.line import UnrulyLine
from tests.chaos.naive import difference, status_of
from tests.chaos.world import Case, World, side_by_side

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


@dataclass
class Api:
    """A group and its provider."""

    fed: Fed
    provider: Provider
    unruly: Unruly


def provider_goes_wrong(world: World, short: bool) -> Iterator[Case]:
    """A stall that never ends is not tried: it takes an hour of tries to fail."""
    jobs = [(phase, kind, times) for phase in REST_PHASES for kind, times in REST_KINDS]
    jobs += [(phase, "sends a web page", times) for phase in ("orgs", "ranges") for times in (1, EVER)]
    logging.getLogger("uvicorn.error").addFilter(lambda _: False)  # an answer cut short is meant
    with ExitStack() as stack:
        free = Free(partial(_api, world, stack))
        yield from side_by_side([partial(_provider, world, free, *job) for job in (jobs[::16] if short else jobs)], LANES)


def _api(world: World, stack: ExitStack, number: int) -> Api:
    provider = Provider("1.2", world.lists[0])
    unruly = Unruly(provider)
    provider.app = unruly  # type: ignore[assignment]
    line = unruly.line = Line(urlsplit(stack.enter_context(served(provider))).port or 0)
    stack.callback(line.close)
    fed = by_api(world, f"provider {number}", provider, f"http://127.0.0.1:{line.port}", world.lists, guard=GUARD)
    synced(world, fed)
    return Api(fed, provider, unruly)


def _provider(world: World, free: Free[Api], phase: str, kind: str, times: int) -> Case:
    case = Case(f"{phase}: {kind} {'once' if times == 1 else 'each time'}")
    with free.one(case) as api:
        api.fed.turn()
        if phase == "sign-in":
            api.provider.forget_tokens()
        api.unruly.be(phase, kind, times)
        _sync_and_look(world, case, api.fed)
        if not api.unruly.done:
            case.wrong.append("nothing went wrong")
        api.unruly.be()
        world.next_sync(case, api.fed.group_id, None, api.fed.right)
    return case


def _sync_and_look(world: World, case: Case, fed: Fed) -> None:
    """The sync, the source being unwell; a held one is cancelled. Nobody may be gone who is in both days' lists."""
    sync_id = world.start(fed.group_id, None)
    state = world.ended(sync_id, ENDS_S, ("waiting",))["state"]
    case.name += f": {state}"
    if state == "waiting":
        world.admin.call("POST", f"/syncs/{sync_id}/cancel", None, 202)
    other = fed.rights[1 - fed.day]
    both = {key: row for key, row in fed.right.items() if key in other and status_of(row) == status_of(other[key]) == "active"}
    items = [{**item, "fields": both.get((item["entity"], item["sourcedId"]), {})} for item in world.roster(fed.group_id)]
    if lost := difference(both, fed.group_id, items).lost:
        case.wrong.append(f"{lost} records were removed that the source still has")


# --- an SFTP server ---------------------------------------------------------------------------------------------------

AT_BYTES = {"the connection": 0, "the keys": 600, "the sign-in": 2_400, "the listing": 3_600, "the file": 12_000}
SFTP_KINDS = (("dies", 1), ("dies", EVER), ("stalls", 1))


@dataclass
class Server:
    """A group, the line to its server, and the file that it reads there."""

    fed: Fed
    line: UnrulyLine
    file: Path


def server_goes_wrong(world: World, short: bool) -> Iterator[Case]:
    """OpenSSH's server behind a line that breaks or falls silent after so many bytes; then files that are not what they say."""
    with ExitStack() as stack:
        [server, other], ours = sshds(stack, 2)
        free = Free(partial(_server, world, stack, server, ours))
        jobs = [partial(_line_goes_wrong, world, free, *job) for job in [(p, *k) for p in AT_BYTES for k in SFTP_KINDS]]
        jobs += [partial(_file_goes_wrong, world, free, what, server, other) for what in FILES]
        yield from side_by_side(jobs[::11] if short else jobs, LANES)


def _server(world: World, stack: ExitStack, server: Sshd, ours: Path, number: int) -> Server:
    line = UnrulyLine(server.port)
    stack.callback(line.close)
    name = f"server {number}"
    fed = by_sftp(world, name, server, line, ours, world.small, guard=GUARD)
    synced(world, fed)
    return Server(fed, line, sftp_file(server, name))


def sshds(stack: ExitStack, number: int) -> tuple[list[Sshd], Path]:
    """So many servers, and a key that all of them let in."""
    servers = [Sshd() for _ in range(number)]
    ours = make_key(servers[0].folder / "ours")
    for each in servers:
        stack.callback(each.remove)
        each.let_in(ours)
        each.start()
    return servers, ours


def _line_goes_wrong(world: World, free: Free[Server], phase: str, kind: str, times: int) -> Case:
    case = Case(f"{phase}: {kind} {'once' if times == 1 else 'each time'}")
    with free.one(case) as server:
        server.fed.turn()
        server.line.be(kind, AT_BYTES[phase], times)
        _sync_and_look(world, case, server.fed)
        if not server.line.done:
            case.wrong.append("nothing went wrong")
        server.line.be("", 0, 0)
        world.next_sync(case, server.fed.group_id, None, server.fed.right)
    return case


def _half(path: Path, bundle: Path) -> None:
    whole = bundle.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def _half_of_the_people(path: Path, bundle: Path) -> None:
    """At the end of a line, so that the file itself looks well."""
    with zipfile.ZipFile(bundle) as whole, zipfile.ZipFile(path, "w") as packed:
        for name in whole.namelist():
            lines = whole.read(name).decode().splitlines(keepends=True)
            packed.writestr(name, "".join(lines[: len(lines) // 2] if name == "users.csv" else lines))


FILES: dict[str, Callable[[Path, Path], object]] = {
    "half a ZIP": _half,
    "half of users.csv, cut at a line": _half_of_the_people,
    "an empty file": lambda path, _: path.write_bytes(b""),
    "a text that is called a ZIP": lambda path, _: path.write_text("sourcedId,name\n" * 1000),
    "another server's key": lambda path, bundle: shutil.copy(bundle, path),
}


def _file_goes_wrong(world: World, free: Free[Server], what: str, own: Sshd, other: Sshd) -> Case:
    case = Case(what)
    with free.one(case) as server:
        server.fed.turn()
        FILES[what](server.file, world.small[server.fed.day])
        server.line.lead_to((other if what == "another server's key" else own).port)
        _sync_and_look(world, case, server.fed)
        server.line.lead_to(own.port)
        server.fed.lay(server.fed.day)
        world.next_sync(case, server.fed.group_id, None, server.fed.right)
    return case
