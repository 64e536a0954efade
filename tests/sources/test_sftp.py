"""The SFTP source against real servers: OpenSSH's sshd on loopback, and AsyncSSH's as a second implementation."""

import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from paramiko import SFTPClient

from chalicelib.errors import SourceRefused, SourceUnavailable, Unacceptable
from chalicelib.model.credentials import Credentials
from chalicelib.model.records import SftpSource
from chalicelib.sources import picking, sftp, sftp_reading
from chalicelib.sources.picking import Found
from chalicelib.sources.public_address import LOOPBACK_SETTING
from chalicelib.sources.sftp_fetch import Arriving, Fetched, fetch
from chalicelib.sources.ssh_keys import private_key
from chalicelib.store import files
from chalicelib.store.multipart_upload import ArrivingBundle
from local.peers.sftp import IS_ROOT, BreakingLine, OtherServer, Sshd, key, make_key, password
from oneroster_engine.errors import BundleRefused
from oneroster_engine.standard.archive import Limits

# A connection that breaks takes paramiko's own sending thread with it; that one tells nobody else.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
SYNC = "g1-s1"
LIMITS = Limits(zip_bytes=1 << 30)
as_root = pytest.mark.skipif(not IS_ROOT, reason="a user with a password of its own can be made by root alone")


@pytest.fixture(autouse=True)
def on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOOPBACK_SETTING, "allowed")
    monkeypatch.setattr(sftp, "SETTLE_S", 0.0)


@pytest.fixture(scope="module")
def served() -> Iterator[Sshd]:
    server = Sshd()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def sshd(served: Sshd) -> Sshd:
    """The running server with an empty folder."""
    for path in sorted(served.files.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    return served


@pytest.fixture(scope="module")
def our_key(served: Sshd) -> Path:
    path = make_key(served.folder / "ours")
    served.let_in(path)
    return path


@pytest.fixture
def other(tmp_path: Path) -> Iterator[OtherServer]:
    (tmp_path / "files").mkdir()
    server = OtherServer(tmp_path / "files")
    yield server
    server.remove()


def put(peer: Sshd | OtherServer, name: str, body: bytes = b"PK", modified: int = 1_000_000_000) -> Path:
    """There all at once, so that whoever is reading it sees the old file or the new one, and none that is cut off."""
    path, aside = peer.files / name, peer.files.parent / "aside"
    path.parent.mkdir(exist_ok=True)
    aside.write_bytes(body)
    os.utime(aside, (modified, modified))
    aside.replace(path)
    if IS_ROOT:
        path.parent.chmod(0o777)
    return path


def noise(size_bytes: int) -> bytes:
    return random.Random(size_bytes).randbytes(size_bytes)


def newest(peer: Sshd | OtherServer, credentials: Credentials, **settings: Any) -> Found:
    source = peer.source(**settings)
    with sftp.signed_in(source, credentials) as server:
        return sftp.newest(server.files(), source)


class InMemory:
    """A bundle that comes to where no store is."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.note: Any = None
        self.uploads: dict[str, InMemoryUpload] = {}

    def begin(self, name: str) -> "InMemoryUpload":
        upload = InMemoryUpload(self.held, name, f"{name}-{len(self.uploads)}")
        self.uploads[upload.upload_id] = upload
        return upload

    def resume(self, name: str, upload_id: str) -> "InMemoryUpload | None":
        upload = self.uploads.get(upload_id)
        return upload if upload and not upload.ended else None

    def size_bytes(self, name: str) -> int | None:
        return len(self.held[name]) if name in self.held else None

    def read_note(self) -> Any | None:
        return self.note

    def write_note(self, note: Any) -> None:
        self.note = note


class InMemoryUpload:
    def __init__(self, held: dict[str, bytes], name: str, upload_id: str) -> None:
        self.held, self.name, self.upload_id = held, name, upload_id
        self.bodies: dict[int, bytes] = {}
        self.parts: dict[int, str] = {}
        self.ended = False

    def put(self, number: int, body: bytes) -> None:
        self.bodies[number] = body
        self.parts[number] = f"{len(body)} bytes"

    def complete(self) -> None:
        self.held[self.name] = b"".join(body for _, body in sorted(self.bodies.items()))
        self.ended = True


@pytest.fixture
def arriving() -> InMemory:
    return InMemory()


@pytest.fixture
def on_s3(aws: None) -> ArrivingBundle:
    return ArrivingBundle(SYNC)


def brought(
    arriving: Arriving, source: SftpSource, credentials: Credentials, time_left_s: float = 900.0, **other: Any
) -> Fetched:
    return fetch(SYNC, arriving, source, credentials, LIMITS, lambda: time_left_s, **other)


def in_bundle() -> bytes:
    return bytes(boto3.client("s3").get_object(Bucket="data", Key=files.sync_key(SYNC, "bundle/bundle.zip"))["Body"].read())


# Signing in


@as_root
def test_openssh_lets_us_in_with_a_password(sshd: Sshd) -> None:
    put(sshd, "roster.zip")

    assert newest(sshd, password(sshd)).called == "roster.zip"


@pytest.mark.parametrize(
    ("kind", "passphrase", "form"),
    [
        ("ed25519", "", ""),
        ("ed25519", "a phrase", ""),
        ("ecdsa", "", ""),
        ("ecdsa", "a phrase", "PEM"),
        ("rsa", "", ""),
        ("rsa", "a phrase", "PEM"),
        ("rsa", "a phrase", "PKCS8"),
    ],
)
def test_openssh_lets_us_in_with_a_key_of_each_kind(sshd: Sshd, tmp_path: Path, kind: str, passphrase: str, form: str) -> None:
    put(sshd, "roster.zip")
    made = make_key(tmp_path / "key", kind, passphrase, form)
    sshd.let_in(made)

    assert newest(sshd, key(made, passphrase)).called == "roster.zip"


def test_another_server_lets_us_in_with_a_password(other: OtherServer) -> None:
    put(other, "roster.zip")

    assert newest(other, password(other)).called == "roster.zip"


def test_a_wrong_password_or_key_is_said_and_not_tried_again(sshd: Sshd, other: OtherServer, tmp_path: Path) -> None:
    wrong = password(other).model_copy(update={"password": password(other).password.__class__("wrong")})

    with pytest.raises(SourceRefused, match="did not accept the user name with this password or key"):
        newest(other, wrong)
    with pytest.raises(SourceRefused, match="did not accept the user name with this password or key"):
        newest(sshd, key(make_key(tmp_path / "stranger")))


def test_a_key_where_only_passwords_are_taken_says_what_is_taken(other: OtherServer, our_key: Path) -> None:
    with pytest.raises(SourceRefused, match=r"it takes: .*password"):
        newest(other, key(our_key))


@pytest.mark.parametrize(
    ("text", "passphrase", "said"),
    [
        ("no key at all", "", "not a private key"),
        ("PuTTY-User-Key-File-3: ssh-ed25519", "", "PuTTYgen"),
        ("ssh-ed25519 AAAA", "", "public half"),
    ],
)
def test_what_is_no_private_key_says_what_to_send(text: str, passphrase: str, said: str) -> None:
    with pytest.raises(Unacceptable, match=said):
        private_key(text, passphrase)


def test_a_key_needs_its_own_passphrase(tmp_path: Path) -> None:
    locked = make_key(tmp_path / "locked", "ed25519", "a phrase").read_text()

    for passphrase, message in ((None, "needs its passphrase"), ("another", "can't be read with this passphrase")):
        with pytest.raises(Unacceptable, match=message):
            private_key(locked, passphrase)


# The host key


def test_a_changed_host_key_stops_everything_with_both_keys_named(sshd: Sshd, our_key: Path) -> None:
    before = sshd.source()
    first = sshd.fingerprint
    sshd.stop()
    sshd.new_host_key()
    sshd.start()

    with pytest.raises(SourceRefused, match="has changed") as found:
        sftp.signed_in(before, key(our_key))

    assert first in str(found.value)
    assert sshd.fingerprint in str(found.value)


def test_an_unconfirmed_host_key_is_no_reason_to_sign_in(sshd: Sshd, our_key: Path) -> None:
    with pytest.raises(SourceRefused, match="Nobody has confirmed the host key"):
        sftp.signed_in(sshd.source(hostKeyFingerprint=None), key(our_key))


def test_the_fingerprint_is_the_one_that_openssh_shows(sshd: Sshd) -> None:
    with sftp.reach(sshd.source()) as server:
        assert server.fingerprint == sshd.fingerprint


# Reaching it


def test_a_host_that_does_not_answer_may_in_a_minute(sshd: Sshd, our_key: Path) -> None:
    with pytest.raises(SourceUnavailable, match="takes no connection at port 1"):
        sftp.signed_in(sshd.source(port=1), key(our_key))


ALL_OLD = """HostKeyAlgorithms ssh-rsa
KexAlgorithms diffie-hellman-group-exchange-sha256
Ciphers aes128-cbc
MACs hmac-sha1"""


@pytest.mark.parametrize(
    ("offers", "said", "helps"),
    [
        ("Ciphers aes256-cbc", "no cipher that is supported. It offers aes256-cbc", True),
        ("Ciphers 3des-cbc", "no cipher that is supported. It offers 3des-cbc", False),
        ("Ciphers chacha20-poly1305@openssh.com", "no cipher that is supported. It offers chacha20", False),
        ("Ciphers aes128-ctr\nMACs hmac-md5", "no MAC that is supported. It offers hmac-md5", False),
        ("Ciphers aes128-ctr\nMACs hmac-sha1", "no MAC that is supported. It offers hmac-sha1", True),
        ("HostKeyAlgorithms ssh-rsa", "no host key that is supported. It offers ssh-rsa;", True),
        (ALL_OLD, "no host key that is supported. It offers ssh-rsa;", True),
        (
            "KexAlgorithms diffie-hellman-group14-sha1",
            "no key exchange that is supported. It offers diffie-hellman-group14",
            False,
        ),
    ],
    ids=["CBC", "3DES", "ChaCha20", "MD5", "SHA-1", "SHA-1 host key", "all at once", "SHA-1 key exchange"],
)
def test_weak_algorithms_are_named_and_an_old_servers_are_taken_where_the_group_says_so(
    offers: str, said: str, helps: bool
) -> None:
    old = Sshd("rsa" if "ssh-rsa" in offers else "ed25519")
    try:
        ours = make_key(old.folder / "ours")
        old.let_in(ours)
        old.start(offers)
        put(old, "roster.zip")

        with pytest.raises(SourceRefused, match=said) as refusal:
            newest(old, key(ours))
        assert ("setting for an old server" in str(refusal.value)) == helps
        if helps:
            with sftp.signed_in(old.source(oldServer=True), key(ours)) as server:
                assert "is an old server" in server.warning
                assert server.files().open(str(old.files / "roster.zip"), "rb").read() == b"PK"
        else:
            with pytest.raises(SourceRefused, match=said):
                sftp.signed_in(old.source(oldServer=True), key(ours))
    finally:
        old.remove()


def test_a_server_that_knows_curve25519_by_its_standard_name_alone_is_reached(sshd: Sshd) -> None:
    new = Sshd()
    try:
        new.start("KexAlgorithms curve25519-sha256")
        with sftp.reach(new.source()) as server:
            assert server.warning == ""
    finally:
        new.remove()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "169.254.169.254", "10.0.0.1"])
def test_nothing_inside_is_reached(host: str, sshd: Sshd, our_key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LOOPBACK_SETTING)

    with pytest.raises(SourceRefused, match="not an address on the open internet"):
        sftp.signed_in(sshd.source(host=host), key(our_key))


# Finding the roster


def test_the_newest_zip_of_a_folder_or_a_pattern_counts(sshd: Sshd, our_key: Path) -> None:
    for name, modified in (("b-old.zip", 100), ("a-new.zip", 300), ("other.ZIP", 200), ("notes.txt", 400)):
        put(sshd, name, modified=modified)

    assert newest(sshd, key(our_key)).called == "a-new.zip"
    assert newest(sshd, key(our_key), path=f"{sshd.files}/b-*.zip").called == "b-old.zip"
    assert newest(sshd, key(our_key), path=f"{sshd.files}/other.ZIP").files[0].name == "bundle.zip"
    put(sshd, "TODAY.ZIP", modified=500)
    assert newest(sshd, key(our_key), path=f"{sshd.files}/*.zip").called == "TODAY.ZIP"


def test_loose_csvs_are_taken_together_whatever_their_case(sshd: Sshd, our_key: Path) -> None:
    for name in ("Orgs.CSV", "users.csv", "academicsessions.csv", "readme.csv", "CLASSES.csv", "enrollments.csv"):
        put(sshd, name, modified=200)
    put(sshd, "older.zip", modified=100)

    found = newest(sshd, key(our_key))

    names = ["academicSessions.csv", "classes.csv", "enrollments.csv", "orgs.csv", "users.csv"]
    assert [each.name for each in found.files] == names
    assert found.called == f"5 CSV files in {sshd.files}"


def test_of_dated_folders_the_one_with_the_newest_files_counts_whatever_the_folders_times(sshd: Sshd, our_key: Path) -> None:
    for day in ("2026-09-01", "2026-09-02"):
        put(sshd, f"{day}/orgs.csv", modified=int(day[-1]) * 1000)
    os.utime(sshd.files / "2026-09-01", (9_000, 9_000))  # somebody has tidied up in it

    found = newest(sshd, key(our_key), path=f"{sshd.files}/2026-*")

    assert [each.path for each in found.files] == [f"{sshd.files}/2026-09-02/orgs.csv"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("", "no ZIP and no OneRoster CSV"),
        ("/nothing", "There is no .*/nothing"),
        ("/nothing/*.zip", "There is no folder .*/nothing"),
        ("/*.zip", "no ZIP and no OneRoster CSV"),
        ("/*/out/*.zip", "last part of a path alone"),
    ],
)
def test_where_nothing_is_a_sentence_says_so(sshd: Sshd, our_key: Path, path: str, said: str) -> None:
    with pytest.raises(SourceRefused, match=said):
        newest(sshd, key(our_key), path=f"{sshd.files}{path}")


# Waiting for it to be whole


def settled(
    sshd: Sshd,
    credentials: Credentials,
    patience_s: float,
    between: Any,
    waits: Any = lambda what, at_most_s: None,
    **settings: Any,
) -> Found:
    source = sshd.source(**settings)
    with sftp.signed_in(source, credentials) as server:
        return sftp.settled(server.files(), source, patience_s, sleep=lambda _: between(), on_wait=waits)


def test_a_file_that_still_grows_is_waited_for(sshd: Sshd, our_key: Path) -> None:
    sizes, result = iter((2, 3, 3)), list[str]()

    found = settled(
        sshd,
        key(our_key),
        60,
        lambda: put(sshd, "roster.zip", bytes(next(sizes))),
        lambda what, at_most_s: result.append(what),
        path=_put_first(sshd),
    )

    assert (found.size_bytes, list(sizes)) == (3, [])
    assert result == ["roster.zip on 127.0.0.1 is still growing."] * 2  # the first look knows nothing of that


def test_an_empty_zip_is_waited_for_like_one_that_grows(sshd: Sshd, our_key: Path) -> None:
    sizes, result = iter((0, 3, 3)), list[str]()
    path = _put_first(sshd)
    put(sshd, "roster.zip", b"")

    found = settled(
        sshd,
        key(our_key),
        60,
        lambda: put(sshd, "roster.zip", bytes(next(sizes))),
        lambda what, at_most_s: result.append(what),
        path=path,
    )

    assert found.size_bytes == 3
    assert result[:2] == ["roster.zip on 127.0.0.1 is empty."] * 2


def test_a_file_that_never_stops_growing_is_not_taken(sshd: Sshd, our_key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sftp, "SETTLE_S", 5.0)
    sizes = iter(range(2, 100))

    with pytest.raises(SourceUnavailable, match=r"roster\.zip on 127\.0\.0\.1 is still growing"):
        settled(sshd, key(our_key), 60, lambda: put(sshd, "roster.zip", bytes(next(sizes))), path=_put_first(sshd))


@pytest.mark.parametrize("marker", ["roster.zip.done", "roster.done"])
def test_the_marker_is_waited_for_and_yesterdays_does_not_count(
    sshd: Sshd, our_key: Path, marker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(sshd, marker, b"", modified=1)
    looks, result = list[int](), list[tuple[str, float]]()
    monkeypatch.setattr(sftp, "SETTLE_S", 5.0)

    def third_look_finds_it() -> None:
        looks.append(1)
        if len(looks) == 3:
            put(sshd, marker, b"", modified=1_000_000_001)

    found = settled(
        sshd, key(our_key), 60, third_look_finds_it, lambda *wait: result.append(wait), path=_put_first(sshd), doneMarker=".done"
    )

    assert (found.marked, len(looks)) == (True, 3)
    assert result == [("roster.zip on 127.0.0.1 has no .done marker yet.", seconds) for seconds in (60.0, 55.0, 50.0)]


def test_a_marker_alone_is_not_believed_where_the_server_sends_no_times(
    sshd: Sshd, our_key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picking.Found, "modified_s", 0)
    put(sshd, "roster.zip.done", b"")
    sizes = iter((2, 3, 3))

    found = settled(
        sshd, key(our_key), 60, lambda: put(sshd, "roster.zip", bytes(next(sizes))), path=_put_first(sshd), doneMarker=".done"
    )

    assert (found.size_bytes, list(sizes)) == (3, [])


def test_without_its_marker_nothing_is_taken(sshd: Sshd, our_key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sftp, "SETTLE_S", 5.0)

    with pytest.raises(SourceUnavailable, match=r"has no \.done marker yet"):
        settled(sshd, key(our_key), 20, lambda: None, path=_put_first(sshd), doneMarker=".done")


def _put_first(sshd: Sshd) -> str:
    return str(put(sshd, "roster.zip", b"P"))


# Reading it


def test_a_file_arrives_byte_for_byte(arriving: InMemory, sshd: Sshd, our_key: Path, other: OtherServer) -> None:
    body = noise(20_000_001)
    put(sshd, "roster.zip", body)

    fetched = brought(arriving, sshd.source(), key(our_key))

    assert fetched == Fetched("roster.zip", len(body), len(body), whole=True)
    assert arriving.held["bundle.zip"] == body


def test_a_file_arrives_byte_for_byte_from_a_server_that_is_not_openssh(arriving: InMemory, other: OtherServer) -> None:
    body = noise(9_000_001)
    put(other, "roster.zip", body)

    brought(arriving, other.source(path="/roster.zip"), password(other))

    assert arriving.held["bundle.zip"] == body


def test_loose_csvs_arrive_byte_for_byte_an_empty_one_too(arriving: InMemory, sshd: Sshd, our_key: Path) -> None:
    bodies = {
        "manifest.csv": b"propertyName,value",
        "orgs.csv": b"sourcedId\r\n\xff",
        "users.csv": noise(100_000),
        "courses.csv": b"",
    }
    for name, body in bodies.items():
        put(sshd, name, body)

    brought(arriving, sshd.source(), key(our_key))

    assert {name: arriving.held[name] for name in bodies} == bodies


@pytest.mark.parametrize(
    "size_bytes",
    [40 << 20, pytest.param(200 << 20, marks=pytest.mark.skipif("SLOW" not in os.environ, reason="make bench runs it"))],
)
def test_a_connection_that_breaks_goes_on_at_the_byte_where_it_broke(
    arriving: InMemory, sshd: Sshd, our_key: Path, size_bytes: int
) -> None:
    body = noise(size_bytes)
    put(sshd, "roster.zip", body)
    third = size_bytes // 3
    line = BreakingLine(sshd.port, cuts=[5_000_000_000, third, third // 2])  # the first only looks at the file

    brought(arriving, sshd.source(port=line.port), key(our_key))

    assert arriving.held["bundle.zip"] == body
    assert line.connections == 5  # to look, to read (and twice more), to look again
    # What a break costs is what was on its way: far less than the parts that were being read.
    assert line.bytes_passed < size_bytes * 1.02 + 2 * sftp.WINDOW_BYTES


def test_a_line_that_brings_nothing_any_more_is_given_up(
    arriving: InMemory, sshd: Sshd, our_key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sftp_reading, "LONGEST_PAUSE_S", 0.0)
    put(sshd, "roster.zip", noise(20 << 20))
    line = BreakingLine(sshd.port, cuts=[5_000_000_000, *[10_000] * 100])

    found: list[str] = []
    with pytest.raises(SourceUnavailable, match="broke"):
        brought(arriving, sshd.source(port=line.port), key(our_key), on_wait=lambda what, at_most_s: found.append(what))

    assert found
    assert all("broke" in each for each in found)
    assert not arriving.held


def test_a_next_lambda_reads_only_what_is_missing(on_s3: ArrivingBundle, sshd: Sshd, our_key: Path) -> None:
    body = noise(40 << 20)
    put(sshd, "roster.zip", body)
    left = iter([900.0, 900.0, *[0.0] * 10])
    first = fetch(SYNC, on_s3, sshd.source(), key(our_key), LIMITS, lambda: next(left))
    assert (first.whole, first.done_bytes) == (False, 3 * sftp_reading.PART_BYTES)
    line = BreakingLine(sshd.port, cuts=[])

    second = brought(on_s3, sshd.source(port=line.port), key(our_key))

    assert second.whole
    assert in_bundle() == body
    assert line.bytes_passed < len(body) - sftp_reading.PART_BYTES


def test_once_it_is_whole_the_server_is_not_asked_again(arriving: InMemory, sshd: Sshd, our_key: Path) -> None:
    put(sshd, "roster.zip", b"PK-1")
    brought(arriving, sshd.source(), key(our_key))

    assert brought(arriving, sshd.source(port=1), key(our_key)).whole


def test_a_file_that_changes_while_it_is_read_is_read_anew(on_s3: ArrivingBundle, sshd: Sshd, our_key: Path) -> None:
    put(sshd, "roster.zip", noise(9 << 20))

    with pytest.raises(SourceUnavailable, match="was changed while it was read"):
        brought(
            on_s3, sshd.source(), key(our_key), tell=lambda _: put(sshd, "roster.zip", noise(9 << 20), modified=2_000_000_000)
        )
    put(sshd, "roster.zip", b"the newer one")
    brought(on_s3, sshd.source(), key(our_key))

    assert in_bundle() == b"the newer one"


def test_a_file_that_gets_shorter_is_no_roster(sshd: Sshd, our_key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(sshd, "roster.zip", noise(20 << 20))
    source = sshd.source()
    parts = sftp_reading.parts_of(str(sshd.files / "roster.zip"), "bundle.zip", 21 << 20)

    with pytest.raises(SourceUnavailable, match="became shorter"):
        sftp_reading.read_parts(source, lambda: sftp.signed_in(source, key(our_key)), parts, lambda part, body: None)


def test_what_is_too_large_is_refused_before_it_is_read(arriving: InMemory, sshd: Sshd, our_key: Path) -> None:
    put(sshd, "roster.zip", bytes(2000))

    with pytest.raises(BundleRefused, match=r"roster\.zip has 2,000 bytes; at most 1,000"):
        fetch(SYNC, arriving, sshd.source(), key(our_key), Limits(zip_bytes=1000), lambda: 900.0)


def test_a_host_key_that_changes_in_the_middle_ends_the_reading(arriving: InMemory, sshd: Sshd, our_key: Path) -> None:
    """A connection that breaks may be taken up by another server; it gets no password of ours and gives no roster."""
    put(sshd, "roster.zip", noise(40 << 20))
    stranger = Sshd()
    stranger.start()
    line = BreakingLine(sshd.port, cuts=[5_000_000_000, 10 << 20])
    found: list[Fetched] = []
    once = threading.Lock()

    def to_the_stranger(fetched: Fetched) -> None:
        with once:
            found.append(fetched)
            line.lead_to(stranger.port)

    try:
        with pytest.raises(SourceRefused, match="has changed"):
            brought(arriving, sshd.source(port=line.port), key(our_key), tell=to_the_stranger)
    finally:
        stranger.remove()


# Afterwards


def test_what_was_fetched_is_left_or_moved_with_its_marker(arriving: InMemory, sshd: Sshd, our_key: Path) -> None:
    put(sshd, "roster.zip", b"PK-1")
    put(sshd, "roster.zip.done", b"")
    put(sshd, "taken/roster.zip", b"yesterday's")
    moving = {"doneMarker": ".done", "afterwards": "move", "moveTo": f"{sshd.files}/taken"}

    brought(arriving, sshd.source(doneMarker=".done", path=f"{sshd.files}/roster.zip"), key(our_key))
    assert {path.name for path in sshd.files.iterdir()} == {"roster.zip", "roster.zip.done", "taken"}
    arriving.write_note(None)
    brought(arriving, sshd.source(**moving, path=f"{sshd.files}/roster.zip"), key(our_key))

    assert {path.name for path in sshd.files.iterdir()} == {"taken"}
    assert {path.name for path in (sshd.files / "taken").iterdir()} == {"roster.zip", "roster-g1-s1.zip", "roster.zip.done"}
    assert arriving.held["bundle.zip"] == b"PK-1"


def test_yesterdays_file_stays_on_a_server_that_lets_a_renamed_file_take_anothers_place(other: OtherServer) -> None:
    other.replaces = True
    source = other.source(afterwards="move", moveTo="/taken")
    put(other, "taken/roster.zip", b"yesterday's")
    credentials = password(other)

    for day in ("g1-s1", "g1-s2"):
        put(other, "roster.zip", day.encode())
        with sftp.signed_in(source, credentials) as server:
            remote = server.files()
            sftp.move_away(remote, source, sftp.newest(remote, source), day)

    taken = {path.name: path.read_bytes() for path in (other.files / "taken").iterdir()}
    assert taken == {"roster.zip": b"yesterday's", "roster-g1-s1.zip": b"g1-s1", "roster-g1-s2.zip": b"g1-s2"}


def test_nothing_takes_anothers_place_where_both_names_are_there(other: OtherServer) -> None:
    other.replaces = True
    source = other.source(afterwards="move", moveTo="/taken")
    for name in ("roster.zip", "taken/roster.zip", f"taken/roster-{SYNC}.zip"):
        put(other, name)

    with sftp.signed_in(source, password(other)) as server:
        remote = server.files()
        found = sftp.newest(remote, source)
        with pytest.raises(SourceRefused, match="can't be moved to /taken"):
            sftp.move_away(remote, source, found, SYNC)

    assert {path.name for path in (other.files / "taken").iterdir()} == {"roster.zip", f"roster-{SYNC}.zip"}


def test_a_move_that_is_not_possible_says_so(arriving: InMemory, sshd: Sshd, our_key: Path) -> None:
    put(sshd, "roster.zip", b"PK-1")

    with pytest.raises(SourceRefused, match="were fetched but can't be moved to /nowhere"):
        brought(arriving, sshd.source(afterwards="move", moveTo="/nowhere"), key(our_key))


def test_a_move_cut_off_in_the_middle_is_finished_by_the_next_try(sshd: Sshd, our_key: Path) -> None:
    source = sshd.source(afterwards="move", moveTo=f"{sshd.files}/taken")
    for name in ("orgs.csv", "users.csv"):
        put(sshd, name)
    put(sshd, "taken/earlier")

    with sftp.signed_in(source, key(our_key)) as server:
        remote: SFTPClient = server.files()
        found = sftp.newest(remote, source)
        remote.rename(f"{sshd.files}/orgs.csv", f"{sshd.files}/taken/orgs.csv")
        sftp.move_away(remote, source, found, SYNC)

    assert {path.name for path in (sshd.files / "taken").iterdir()} == {"orgs.csv", "users.csv", "earlier"}
