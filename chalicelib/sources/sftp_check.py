"""The connection test of an SFTP server: reached, its key confirmed, signed in, a roster found, its version, its schools."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import paramiko

from chalicelib.model.credentials import Credentials
from chalicelib.model.records import SftpSource
from chalicelib.sources import bundle, sftp
from chalicelib.sources.connection import Check, Name, schools_check
from chalicelib.sources.picking import Found
from chalicelib.sources.sftp import Server
from chalicelib.sources.sftp_delivery import left_aside, older_file, write_members
from oneroster_engine.errors import RosterError
from oneroster_engine.plural import plural
from oneroster_engine.staging.stage import stage_orgs
from oneroster_engine.standard.archive import Limits, contents_beside
from oneroster_engine.standard.manifest import read_manifest
from oneroster_engine.table_query import page_of

DAY = timedelta(days=1)


def steps(
    source: SftpSource, credentials: Callable[[], Credentials], limits: Limits, expected: tuple[str, ...] = ()
) -> Iterator[Check]:
    """The server answers with its key, lets us in, and has a roster with schools in it. The first step that fails is the last."""
    step, server = Name.HOST, None
    try:
        server = sftp.reach(source)
        yield Check(step, True, f"{source.host}:{source.port} answers.")
        step = Name.HOST_KEY
        yield _key_check(server, source)
        if source.host_key_fingerprint != server.fingerprint:
            return  # nothing is shown to a server that nobody has vouched for
        step = Name.SIGN_IN
        server.sign_in(credentials())
        yield Check(step, True, " ".join(each for each in (f"Signed in as {source.username}.", server.warning) if each))
        step = Name.FILE
        files = server.files()
        found = sftp.newest(files, source)
        with sftp.translate_errors(source):
            left_aside(files, found, limits)
        missing = _missing(files, found, source)
        beside = contents_beside(
            [PurePosixPath(each) for each in found.unread], {each.name for each in found.files}, "The folder"
        )
        yield Check(step, not missing, " ".join((described(found, datetime.now(UTC)), *missing, *beside.warnings)))
        if missing:
            return
        step = Name.VERSION
        with sftp.translate_errors(source), TemporaryDirectory() as folder:
            csvs = Path(folder) / "csv"
            _read_beginning(server, found, csvs, limits)
            manifest = read_manifest(csvs / "manifest.csv")
            version = manifest.version if manifest else ""
            yield Check(step, True, f"OneRoster {version}." if version else "The bundle doesn't say which version it is.")
            step = Name.SCHOOLS
            stage_orgs(csvs, Path(folder) / "stage")
            schools = page_of(Path(folder) / "stage/choices/orgs.parquet", search_in=("name",), sort="name", limit=1, offset=0)
            words = f"{plural(schools.total, 'school')}." if schools.total else "There is no school in it."
            orgs, wanted = Path(folder) / "stage/orgs.parquet", {"sourcedId": expected}
            shown = page_of(orgs, where=wanted, sort="sourcedId", limit=len(expected), offset=0).items if expected else []
            yield schools_check(schools.total, words, expected, {each["sourcedId"] for each in shown})
    except RosterError as trouble:
        yield Check(step, False, str(trouble))
    finally:
        if server:
            server.close()


def _key_check(server: Server, source: SftpSource) -> Check:
    shown, pinned = server.fingerprint, source.host_key_fingerprint
    if pinned == shown:
        return Check(Name.HOST_KEY, True, "The host key is the one that was confirmed.", shown)
    if pinned is None:
        message = f"{source.host} shows this host key. Compare it with what the customer tells you, and confirm it."
        return Check(Name.HOST_KEY, False, message, shown)
    message = (
        f"The host key has changed since it was confirmed; it was {pinned}. Ask the customer why before you confirm the new one."
    )
    return Check(Name.HOST_KEY, False, message, shown)


def described(found: Found, now: datetime) -> str:
    """What was picked, and what is odd about it. Dates by ISO 8601 in UTC; the portal adds local time."""
    when = f"of {found.modified:%Y-%m-%d %H:%M} UTC" if found.modified else "without a time"
    sentences = [f"{found.called}, {found.size_bytes:,} bytes, {when}."]
    if found.by_name:
        sentences.append("Others have the same time, so it was picked as the last by name.")
    if found.beside:
        named = ", ".join(found.beside[:3]) + (f" and {len(found.beside) - 3:,} more" if len(found.beside) > 3 else "")
        sentences.append(f"Only the newest ZIP is read; within an hour before it came {named}.")
    if found.modified and found.modified > now + DAY:
        sentences.append("It is dated in the future, so what comes before that day is not taken.")
    if stale := older_file(found):
        sentences.append(stale)
    return " ".join(sentences)


def _missing(files: paramiko.SFTPClient, found: Found, source: SftpSource) -> list[str]:
    """What a sync would wait for, or fail at afterwards."""
    waits = (source.done_marker and not found.marked) or found.lacks or not found.size_bytes
    sentences = [f"It {sftp.awaited(found, source)}; a sync waits some minutes for that."] if waits else []
    return [*sentences, *(each for each in (sftp.move_to_missing(files, source),) if each)]


def _read_beginning(server: Server, found: Found, csvs: Path, limits: Limits) -> None:
    """Only manifest.csv and orgs.csv, of a ZIP by reading just them out of it."""
    files = server.files()
    if found.files[0].name == bundle.ZIP:
        write_members(files, found.files[0], csvs, limits, bundle.SCHOOLS)
        return
    csvs.mkdir()
    for each in found.files:
        if each.name in bundle.SCHOOLS:
            files.get(each.path, str(csvs / each.name), max_concurrent_prefetch_requests=64)
