"""Erases one person of a group's roster, wherever anything of them is held, over as many calls as it takes.

What the product itself reads goes on without the person's rows: the Roster table, snapshots, the source's view, the stage and the
plan of every sync that is kept. What was made or received as a whole goes as a whole where they are in it: bundles as received,
uploads, exports, chunks. Reports are made anew. Old versions of a group's files go too.

Each pass goes through every place; whoever is cut off goes on in the next, since what was erased is no longer found. A sync that
runs comes first, since it may write what it has read before. `model/erasure.py` says what stays.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from aws_lambda_powertools import Logger

from chalicelib.errors import Conflict, NotFound
from chalicelib.model.erasure import Erasure, is_settled, with_erased
from chalicelib.model.records import LIVE_STATES, Group, State, Sync
from chalicelib.platform import reader, writer
from chalicelib.service import webhooks
from chalicelib.service.change_feed import CHANGES
from chalicelib.service.plan import write_log
from chalicelib.store import commits, erasures, files, groups, syncs
from chalicelib.store.commits import Commit, Erased
from oneroster_engine.duckdb_session import connect
from oneroster_engine.inspecting.one_person import Connection, Person, enrollments_of, texts_about, without_person

logger = Logger(child=True)
HasTime = Callable[[], bool]
TEXT = "(erased)"
LEAST_TEXT = 4  # characters of what is looked for in running text
# What a sync's folder keeps of a person's sync: without their rows, or with their name taken out of its sentences.
TABLES = re.compile(r"(stage|plan)/[\w./-]+\.parquet")
NUMBERS = re.compile(r"(stage|plan)/\w+\.json|selection\.json")


def begin(erasure: Erasure) -> Erasure:
    """Write the job down, and take the person off the platform where no sync is in the way. Of somebody who is not there too:
    files of earlier syncs may still hold them."""
    group = groups.get(erasure.group_id)
    files.forget_copies(group.group_id)
    record = reader.get(group.group_id, "users", erasure.sourced_id)
    erasure = erasure.model_copy(update={"was_active": bool(record and not record.get("removedAt"))})
    erasures.store(erasure)
    if group.sync is None and not group.queue:
        erasure = _taken_out(group, erasure, _known(group, erasure.sourced_id))
        erasures.store(erasure)
    return erasure


def erase(erasure: Erasure, now: datetime, has_time: HasTime) -> Erasure:
    """One pass. The erasure as it stands then, stored after each place; certified once there was nothing left to erase."""
    try:
        group = groups.get(erasure.group_id)
    except NotFound:  # deleted with all its people meanwhile
        erasures.forget(erasure)
        return erasure
    if group.sync or group.queue:
        return erasure
    before = sum(each.items for each in erasure.removed)
    person = _known(group, erasure.sourced_id)
    erasure = _taken_out(group, erasure, person)
    erasures.store(erasure)
    clean = set(files.read_json(_clean_key(erasure)) or ())
    places = [*_places(group, erasure, person, clean)]  # of now: a sync that begins later keeps its files
    for place, key, remove in places:
        if not has_time() or _is_disturbed(group):
            return erasure
        if items := remove():
            erasure = with_erased(erasure, place, items)
            erasures.store(erasure)
        elif key and is_settled(erasure, now):
            clean.add(key)
            files.write_json(_clean_key(erasure), sorted(clean))
    if not _is_disturbed(group) and is_settled(erasure, now) and sum(each.items for each in erasure.removed) == before:
        files.delete_folder(_clean_key(erasure))
        return erasures.certify(erasure, now)
    return erasure


def _is_disturbed(group: Group) -> bool:
    """Whether a sync has begun since the group was read, or another has been committed, or the group is gone."""
    try:
        now = groups.get(group.group_id)
    except NotFound:
        return True
    return (now.sync, now.snapshot) != (None, group.snapshot)


def _clean_key(erasure: Erasure) -> str:
    """The list of syncs that were looked through and hold nothing: a group may keep more of them than one call can read."""
    return f"groups/{erasure.group_id}/erasures/{erasure.erasure_id}.json"


def go_on(now: datetime, has_time: HasTime) -> list[Erasure]:
    """A pass for each erasure that runs; how each stands. None while another call is at it. Raises what failed once each has had
    its turn."""
    done: list[Erasure] = []
    failures: list[Exception] = []
    with erasures.turn(now) as ours:
        for each in erasures.running() if ours else ():
            if not has_time():
                break
            try:
                done.append(erase(each, now, has_time))
            except Exception as trouble:  # noqa: BLE001 (one that can't go on keeps nobody else waiting)
                failures.append(trouble)
    if failures:
        raise ExceptionGroup(f"{len(failures)} erasures had no turn", failures)
    return done


def _known(group: Group, sourced_id: str) -> Person:
    """With the enrollments that the platform holds: those of the snapshots, and of syncs that were cut off while they wrote."""
    keys = [files.snapshot_key(group.group_id, sync_id, "enrollments.parquet") for sync_id in files.snapshots(group.group_id)] + [
        files.sync_key(sync_id, CHANGES) for sync_id in group.unfinished
    ]
    found: set[str] = set()
    for key in keys:
        with _fetched(key) as (connection, parquet):
            found |= enrollments_of(connection, parquet, sourced_id) if parquet else set()
    return Person(sourced_id, frozenset(found))


def _taken_out(group: Group, erasure: Erasure, person: Person) -> Erasure:
    """Take the person and their enrollments off the platform; those who follow the change feed learn it first."""
    records = [("users", person.sourced_id), *(("enrollments", each) for each in sorted(person.enrollments))]
    newest = commits.get(group.group_id, group.commits) if group.commits else None
    if newest is None or newest.sync_id != erasure.erasure_id:
        there = [(entity, each, reader.get(group.group_id, entity, each)) for entity, each in records]
        gone = tuple(
            Erased(entity=entity, sourced_id=each, platform_id=item["platformId"], schools=_schools(item["fields"]))
            for entity, each, item in there
            if item and not item.get("removedAt")
        )
        if gone and not _announced(group, erasure, gone):
            return erasure
    erasure = with_erased(erasure, "Roster table", writer.erase(group.group_id, records))
    webhooks.announce_erasure(group.group_id, erasure.erasure_id, erasure.requested_at, datetime.now(UTC))
    return erasure


def _schools(fields: Any) -> tuple[str, ...]:
    """Where a person has roles, or an enrollment's school."""
    orgs = {str(role["orgSourcedId"]) for role in fields.get("roles") or ()} | {str(fields.get("schoolSourcedId") or "")}
    return tuple(sorted(orgs - {""}))


def _announced(group: Group, erasure: Erasure, gone: tuple[Erased, ...]) -> bool:
    """Make a commit of what is taken out; False where a sync has begun, whose own commit of this number stays as it is."""
    number, at = group.commits + 1, erasure.requested_at
    commit = Commit(number=number, sync_id=erasure.erasure_id, at=at, with_removals=True, erased=gone)
    try:
        if not commits.write_new(group.group_id, commit):
            there, now = commits.get(group.group_id, number), groups.get(group.group_id)
            if now.sync or now.commits != group.commits:
                return False
            if there is None or there.sync_id != erasure.erasure_id:  # left by somebody who was cut off before it counted
                commits.write(group.group_id, commit)
        groups.count_commit(group.group_id, number)
    except Conflict:
        return False
    return True


@contextmanager
def _fetched(key: str) -> Iterator[tuple[Connection, Path | None]]:
    """A file of the bucket for a moment; None where there is none. No copy of it stays."""
    with TemporaryDirectory(prefix="erase-") as folder, connect() as connection:
        path = Path(folder) / PurePosixPath(key).name
        try:
            files.download(key, path)
        except NotFound:
            yield connection, None
            return
        yield connection, path


def _places(
    group: Group, erasure: Erasure, person: Person, clean: Collection[str]
) -> Iterator[tuple[str, str, Callable[[], int]]]:
    """Each with what to remember it by where nobody writes to it any more. The snapshots last: they say which enrollments are the
    person's."""
    group_id, id_ = group.group_id, person.sourced_id
    root = f"groups/{group_id}/"
    yield "Old versions of files", "", lambda: sum(files.delete_old_versions(each) for each in (root, f"uploads/{group_id}/"))
    for prefix in (f"uploads/{group_id}/", f"drop/{group_id}/"):
        for key in files.in_folder(prefix, erasure.requested_at):
            yield "Uploads and drops", "", lambda key=key: files.delete_folder(key)  # type: ignore[misc]
    for key in files.in_folder(f"{root}exports/"):
        if PurePosixPath(key).suffix == ".json" and (files.read_json(key) or {}).get("sourcedId") == id_:
            yield "Exports", "", lambda key=key: files.delete_folder(key)  # type: ignore[misc]
    for sync_id in sorted({*files.folders(f"{root}syncs/")} - {*clean}):
        yield "Files of syncs", sync_id, lambda sync_id=sync_id: _erase_sync(group, sync_id, person)  # type: ignore[misc]
    for key in files.in_folder(f"{root}source/"):
        yield "The source's own view", "", lambda key=key: _erase_rows(key, person)  # type: ignore[misc]
    for key in sorted(files.in_folder(f"{root}snapshot/"), key=lambda key: key.split("/")[3] == group.snapshot):
        yield "Snapshots", "", lambda key=key: _erase_snapshot(group_id, key, person)  # type: ignore[misc]


def _erase_sync(group: Group, sync_id: str, person: Person) -> int:
    """Of a sync that has the person in it: what was received and made for people goes, tables lose their rows, the report is made
    anew. A bundle goes at once, since changes that come later would be merged into what is left of it. The tables are last, since
    they say that there is something to do."""
    root = files.sync_key(sync_id, "")
    names = [key.removeprefix(root) for key in files.in_folder(root)]
    tables = sorted((name for name in names if TABLES.fullmatch(name)), key=_tables_last)
    with TemporaryDirectory(prefix="erase-") as folder, connect() as connection:
        workdir, id_ = Path(folder), person.sourced_id
        for name in tables:
            files.download(root + name, workdir / name)
        enrollments = set(person.enrollments).union(*(enrollments_of(connection, workdir / name, id_) for name in tables))
        texts = {id_}.union(*(texts_about(connection, workdir / name, id_) for name in tables))
        own = Person(id_, frozenset(enrollments))
        known = [each for each in texts if len(each) >= LEAST_TEXT]
        without = {name: without_person(connection, workdir / name, own, workdir / f"{name}.out", known) for name in tables}
        received = [
            name for name in names if not (TABLES.fullmatch(name) or NUMBERS.fullmatch(name) or name.startswith("report/"))
        ]
        unread = bool(received) and "stage/users.parquet" not in tables
        if not any(without.values()) and not unread:
            return 0
        gone = files.delete_folder(f"{root}bundle/") if any(name.startswith("bundle/") for name in received) else 0
        gone += sum(files.delete_folder(root + name) for name in received if not name.startswith("bundle/"))
        for name in (each for each in names if NUMBERS.fullmatch(each)):
            _erase_texts(root + name, texts)
        for name in tables:
            if without[name]:
                (workdir / f"{name}.out").replace(workdir / name)
        gone += _report_anew(group, sync_id, workdir, any(name.startswith("report/") for name in names))
        for name in tables:
            if without[name]:
                files.replace(workdir / name, root + name)
                gone += len(without[name])
    files.delete_old_versions(root)
    return gone


def _tables_last(name: str) -> tuple[bool, str]:
    return name == "stage/users.parquet", name


def _report_anew(group: Group, sync_id: str, workdir: Path, reported: bool) -> int:
    """Write the report's files again from the tables as they are now, and take away those that were there. One that can't be
    made any more goes."""
    root = files.sync_key(sync_id, "report/")
    try:
        sync = syncs.get(sync_id)
        summary = workdir / "plan" / "summary.json"
        files.download(files.sync_key(sync_id, "plan/summary.json"), summary)
        files.download(files.sync_key(sync_id, "stage/summary.json"), workdir / "stage" / "summary.json")
    except NotFound:
        return files.delete_folder(root)
    made: set[str] = set()
    if reported and (workdir / CHANGES).is_file() and sync.ended_at and sync.state not in LIVE_STATES:
        try:
            write_log(sync, group, workdir, sync.message, sync.ended_at, _with_removals(group, sync))
        except Exception:  # whatever a version of before has left: the person goes, the report with them
            logger.exception("report could not be made anew", extra={"syncId": sync_id})
        else:
            files.store_folder(sync_id, "report", workdir / "report")
            made = {root + path.name for path in (workdir / "report").iterdir()}
    return files.delete_folder(root, made) + files.delete_old_versions(root)


def _with_removals(group: Group, sync: Sync) -> bool:
    """Whether a sync was applied with its removals: its commit says so."""
    if sync.state is State.SUCCEEDED:
        for number in range(group.commits, 0, -1):
            commit = commits.get(group.group_id, number)
            if commit is None:
                break
            if commit.sync_id == sync.sync_id:
                return commit.with_removals
    return True


def _erase_snapshot(group_id: str, key: str, person: Person) -> int:
    """One file of a snapshot, and with it what was made of snapshots: the whole files are made again when they are asked for. The
    snapshot is marked first: what it says no more can't be told as gone. Of a marked one those files go with each pass: the
    last may have been cut off before them."""
    mark = str(PurePosixPath(key).with_name(files.ERASED))
    erased = _erase_rows(key, person, before=partial(files.write_new, mark, b"true"))
    if erased:
        return erased + files.delete_folder(files.bulk_prefix(group_id))
    if key == mark:
        files.delete_folder(files.bulk_prefix(group_id))
    return 0


def _erase_rows(key: str, person: Person, before: Callable[[], object] = lambda: None) -> int:
    """One Parquet file of a snapshot or of the source's view. `before` it is written without the person, where they are in it."""
    if not key.endswith(".parquet"):
        return 0
    with _fetched(key) as (connection, parquet):
        if parquet is None:
            return 0
        out = parquet.with_suffix(".out")
        places = without_person(connection, parquet, person, out)
        if places:
            before()
            files.replace(out, key)
        return len(places)


def _erase_texts(key: str, texts: Iterable[str]) -> None:
    """Take the person out of a JSON file's sentences. Ids and dates stay, also those that are made of the same letters."""
    wanted = [re.escape(each) for each in sorted(texts, key=len, reverse=True) if len(each) >= LEAST_TEXT]
    said = files.read_json(key)
    if not wanted or said is None:
        return
    pattern = re.compile(rf"(?<!\w)(?<!\w[-.:/@])(?:{'|'.join(wanted)})(?!\w|[-.:/@]\w)", re.IGNORECASE)
    cleaned = _replaced(said, pattern)
    if cleaned != said:
        files.write_json(key, cleaned)


def _replaced(value: Any, pattern: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        return pattern.sub(TEXT, value) if " " in value else value  # one word is an id, a date or a name of ours
    if isinstance(value, list):
        return [_replaced(inner, pattern) for inner in value]
    if isinstance(value, dict):
        return {name: _replaced(inner, pattern) for name, inner in value.items()}
    return value
