import io
import re
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import inflate64
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oneroster_engine.errors import BundleRefused
from oneroster_engine.standard.archive import AT_ONCE, Limits, inflate, inflating
from oneroster_engine.standard.archive_contents import contents
from oneroster_engine.standard.inflating import CHUNK
from oneroster_engine.standard.inflating import inflated as bytes_of
from tests.engine.refusals import WHAT_AND_WHAT_TO_DO

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ORGS = b"sourcedId,name,type\n1,North,school\n"


def packed(files: dict[str, bytes]) -> bytes:
    """The same bytes whenever it is made, since tests are named by them."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return held.getvalue()


def inflated(folder: Path, content: bytes, limits: Limits | None = None) -> dict[str, bytes]:
    archive = folder / "bundle.zip"
    archive.write_bytes(content)
    files = inflate(archive, folder / "out", limits or Limits())
    return {file.name: file.read_bytes() for file in files}


@pytest.mark.parametrize(
    "names",
    [
        ["orgs.csv"],
        ["ORGS.CSV", "readme.txt"],
        ["export/orgs.csv", "__MACOSX/export/._orgs.csv", "export/.DS_Store"],
        ["export\\orgs.csv"],
        ["orgs.csv", "results.csv", "deep/down/users.csv"],
        ["orgs.csv", "."],
    ],
)
def test_the_csvs_are_found_wherever_people_put_them(tmp_path: Path, names: list[str]) -> None:
    assert inflated(tmp_path, packed(dict.fromkeys(names, ORGS))) == {"orgs.csv": ORGS}


def encrypted() -> bytes:
    content = bytearray(packed({"orgs.csv": ORGS}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.index(signature) + offset
        content[place : place + 2] = struct.pack("<H", 1)
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a ZIP"),
        (b"sourcedId,name\n1,x\n", "not a ZIP"),
        (packed({"orgs.csv": ORGS})[:-30], "not a ZIP"),
        (encrypted(), "without a password"),
        (packed({"../orgs.csv": ORGS}), "points outside"),
        (packed({"/orgs.csv": ORGS}), "points outside"),
        (packed({"C:\\orgs.csv": ORGS}), "points outside"),
        (packed({"all.zip": packed({"all.zip": packed({"orgs.csv": ORGS})})}), "ZIP inside the ZIP"),
        (packed({"north.zip": ORGS, "south.zip": ORGS}), r"holds 2 ZIPs and no CSV of OneRoster: north\.zip, south\.zip"),
        (packed({"orgs.csv": ORGS, "Orgs.csv": ORGS}), "twice"),
        (packed({"a/orgs.csv": ORGS, "b/users.csv": ORGS}), "more than one folder"),
        (packed({"picture.png": b"x"}), "no OneRoster CSV files"),
        (packed({"orgs.csv": b"a" * 5_000_000}), "expands to far more"),
    ],
)
def test_what_can_not_be_trusted_is_refused_in_a_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(BundleRefused, match=said) as refusal:
        inflated(tmp_path, content)

    assert WHAT_AND_WHAT_TO_DO.fullmatch(str(refusal.value))


def test_a_full_disk_is_not_blamed_on_the_archive(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file where the folder should be")

    with pytest.raises(OSError, match="File exists"):
        inflated(tmp_path, packed({"orgs.csv": ORGS}))


def test_a_lie_about_the_size_does_not_get_past_the_limit(tmp_path: Path) -> None:
    with pytest.raises(BundleRefused, match="expands to far more"):
        inflated(tmp_path, packed({"orgs.csv": bytes(range(256)) * 4}), Limits(expanded_bytes=100))

    assert (tmp_path / "out" / "orgs.csv").stat().st_size <= 100


@given(st.integers(0, 400), st.binary(min_size=1, max_size=8), st.booleans())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_damage_to_an_archive_gives_anything_but_its_files_or_a_refusal(
    tmp_path: Path, place: int, damage: bytes, cut: bool
) -> None:
    content = packed({"orgs.csv": ORGS, "users.csv": ORGS * 3})
    damaged = content[:place] + damage + (b"" if cut else content[place + len(damage) :])
    try:
        files = inflated(tmp_path, damaged)
    except BundleRefused as refusal:
        files = {}
        assert WHAT_AND_WHAT_TO_DO.fullmatch(str(refusal))  # noqa: PT017 - either end is right

    assert set(files) <= {"orgs.csv", "users.csv"}
    assert all(content in (ORGS, ORGS * 3) for content in files.values())


LARGE = bytes(range(256)) * 100


def test_a_file_can_be_read_while_larger_ones_still_come(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(packed({"users.csv": LARGE, "orgs.csv": ORGS}))

    with inflating(tmp_path / "a.zip", tmp_path / "out", Limits()) as there:
        assert {path.name for path in (tmp_path / "out").iterdir()} == {"users.csv", "orgs.csv"}
        with there("orgs.csv"):
            assert (tmp_path / "out" / "orgs.csv").read_bytes() == ORGS
        with there("classes.csv"):
            pass  # there is none, so that there is nothing to wait for
    assert (tmp_path / "out" / "users.csv").read_bytes() == LARGE


def waited_for(folder: Path, at_once: int, *names: str) -> None:
    """Read an archive of which a large file is damaged and a small one is not."""
    content = bytearray(packed({"users.csv": LARGE, "orgs.csv": ORGS}))
    content[60:80] = bytes(20)
    (folder / "a.zip").write_bytes(content)
    with inflating(folder / "a.zip", folder / "out", Limits(), at_once) as there:
        for name in names:
            with there(name):
                assert name != "users.csv", "it came whole"


@pytest.mark.parametrize("at_once", [AT_ONCE, 0], ids=["all at once", "one by one"])
@pytest.mark.parametrize("names", [["orgs.csv", "users.csv"], ["orgs.csv"]])
def test_a_damaged_file_is_refused_whether_somebody_waits_for_it_or_not(tmp_path: Path, names: list[str], at_once: int) -> None:
    with pytest.raises(BundleRefused, match="not a ZIP that can be read"):
        waited_for(tmp_path, at_once, *names)


def test_of_files_that_fill_the_disk_one_is_there_while_it_is_read_and_may_be_read_again(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(packed({"users.csv": LARGE, "orgs.csv": ORGS}))
    users = tmp_path / "out" / "users.csv"

    with inflating(tmp_path / "a.zip", tmp_path / "out", Limits(), at_once=len(LARGE)) as there:
        assert {path.name: path.stat().st_size for path in users.parent.iterdir()} == {"users.csv": 0, "orgs.csv": 0}
        for _ in range(2):
            with there("users.csv"):
                assert users.read_bytes() == LARGE
            assert users.read_bytes() == b""


def test_what_comes_one_by_one_may_be_no_more_together_than_what_comes_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(packed({"users.csv": LARGE, "orgs.csv": ORGS}))
    limits = Limits(expanded_bytes=len(LARGE) + len(ORGS) - 1)

    refused = pytest.raises(BundleRefused, match="expands to far more than a roster")
    with refused, inflating(tmp_path / "a.zip", tmp_path / "out", limits, at_once=0) as there:
        for name in ("users.csv", "orgs.csv"):
            with there(name):
                pass


def test_what_a_reader_of_the_files_fails_at_is_not_taken_for_the_archive_s_fault(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(packed({"orgs.csv": ORGS}))

    with pytest.raises(ValueError, match="the reader's own"), inflating(tmp_path / "a.zip", tmp_path / "out", Limits()):
        raise ValueError("the reader's own")


def packed_by(method: int, content: bytes, name: str = "orgs.csv") -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.compress_type = method
        archive.writestr(info, content)
    return held.getvalue()


def said_to_be_packed_by(method: int, raw: bytes, content: bytes) -> bytes:
    """What `zipfile` can't: stored first, then said to be what it is."""
    made = bytearray(packed_by(zipfile.ZIP_STORED, raw))
    crc_and_sizes = struct.pack("<III", zlib.crc32(content), len(raw), len(content))
    for signature, method_at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        place = made.index(signature) + method_at
        made[place : place + 2] = struct.pack("<H", method)
        made[place + 6 : place + 18] = crc_and_sizes
    return bytes(made)


def packed_by_deflate64(content: bytes) -> bytes:
    deflater = inflate64.Deflater()
    return said_to_be_packed_by(9, deflater.deflate(content) + deflater.flush(), content)


METHODS = {
    "stored": packed_by(zipfile.ZIP_STORED, ORGS),
    "Deflate": packed_by(zipfile.ZIP_DEFLATED, ORGS),
    "Deflate64, as Windows packs what is large": packed_by_deflate64(ORGS),
    "bzip2": packed_by(zipfile.ZIP_BZIP2, ORGS),
    "LZMA": packed_by(zipfile.ZIP_LZMA, ORGS),
    "Zstandard": said_to_be_packed_by(93, zstd.compress(ORGS), ORGS),
    "Zstandard, in two frames": said_to_be_packed_by(93, zstd.compress(ORGS[:9]) + zstd.compress(ORGS[9:]), ORGS),
}


@pytest.mark.parametrize("archive", METHODS.values(), ids=list(METHODS))
def test_a_file_is_read_by_whatever_method_it_was_packed(tmp_path: Path, archive: bytes) -> None:
    assert inflated(tmp_path, archive) == {"orgs.csv": ORGS}


@pytest.mark.parametrize("archive", METHODS.values(), ids=list(METHODS))
def test_a_file_that_is_not_what_was_packed_is_refused(tmp_path: Path, archive: bytes) -> None:
    place = archive.index(b"PK\x01\x02") + 16
    wrong = archive[:place] + bytes(4) + archive[place + 4 :]

    with pytest.raises(BundleRefused, match="not a ZIP that can be read"):
        inflated(tmp_path, wrong)


def test_a_method_that_is_not_read_is_named(tmp_path: Path) -> None:
    archive = bytearray(METHODS["stored"])
    for signature, method_at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        place = archive.index(signature) + method_at
        archive[place : place + 2] = struct.pack("<H", 95)

    with pytest.raises(BundleRefused, match=r"orgs\.csv is packed by XZ"):
        inflated(tmp_path, bytes(archive))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=["bzip2", "LZMA"])
def test_no_method_gives_more_at_once_than_a_bounded_piece(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(io.BytesIO(packed_by(method, bytes(4_000_000)))) as opened:
        pieces = [len(piece) for piece in bytes_of(opened, opened.infolist()[0])]

    assert sum(pieces) == 4_000_000
    assert max(pieces) <= CHUNK


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=["bzip2", "LZMA"])
def test_every_method_stops_at_the_limit(tmp_path: Path, method: int) -> None:
    with pytest.raises(BundleRefused, match="expands to far more"):
        inflated(tmp_path, packed_by(method, bytes(4_000_000)))

    assert (tmp_path / "out" / "orgs.csv").stat().st_size < 4_000_000


@pytest.mark.parametrize("more", ["folder{}/", "__MACOSX/._{}", "picture{}.png"], ids=["folders", "junk", "other files"])
def test_everything_that_the_directory_names_counts(tmp_path: Path, more: str) -> None:
    archive = packed({"orgs.csv": ORGS, **{more.format(at): b"" for at in range(20)}})

    with pytest.raises(BundleRefused, match="more than 20 files"):
        inflated(tmp_path, archive, Limits(entries=20))


def test_a_directory_of_far_too_many_entries_is_refused_before_it_is_read(tmp_path: Path) -> None:
    archive = packed({f"{'folder' * 20}-{at:06d}/": b"" for at in range(15_000)})

    with pytest.raises(BundleRefused, match="directory is far larger"):
        inflated(tmp_path, archive)


def test_the_csvs_are_read_from_a_zip_in_the_zip_and_from_a_deep_folder_and_both_are_noted(tmp_path: Path) -> None:
    within = packed({"oneroster/export/orgs.csv": ORGS})

    assert inflated(tmp_path, packed({"bundle.zip": within, "readme.txt": b"x"})) == {"orgs.csv": ORGS}
    assert [note.split(" of the ZIP")[0] for note in contents(tmp_path / "out").notes] == [
        "The CSVs lie in bundle.zip inside",
        "The CSVs lie in the folder oneroster/export",
    ]


def test_a_zip_in_the_zip_is_read_beside_whatever_reads_the_files(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(packed({"all.zip": packed({"users.csv": LARGE, "orgs.csv": ORGS})}))

    with inflating(tmp_path / "a.zip", tmp_path / "out", Limits()) as there, there("orgs.csv"):
        assert (tmp_path / "out" / "orgs.csv").read_bytes() == ORGS
    assert (tmp_path / "out" / "users.csv").read_bytes() == LARGE


INSTEAD = [
    "users.csv.txt",
    "users (1).csv",
    "users.xlsx",
    "Users - Copy.csv",
    "Copy of users.csv",
    "old/down/users.csv",
    "users.txt",
]


@pytest.mark.parametrize("name", INSTEAD)
def test_what_may_be_meant_by_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    inflated(tmp_path, packed({"orgs.csv": ORGS, name: ORGS}))

    assert contents(tmp_path / "out").instead == {"users": name}


@pytest.mark.parametrize("name", ["manifest.csv.txt", "manifest (1).csv", "manifest.xlsx", "manifest.json"])
def test_a_manifest_under_another_name_is_never_taken_for_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleRefused, match=f"holds {re.escape(name)} instead of manifest.csv"):
        inflated(tmp_path, packed({"orgs.csv": ORGS, name: b"x"}))


OTHERS = {
    "RAR": (b"Rar!\x1a\x07\x01\x00" + bytes(100), "a RAR archive"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(100), "a 7z archive"),
    "gzip": (b"\x1f\x8b\x08" + bytes(100), "a gzip file"),
    "tar": (bytes(257) + b"ustar" + bytes(250), "a tar archive"),
    "a CSV": (ORGS, "plain text, as one CSV of a bundle is"),
    "a web page": (b"<html><body>Sign in</body></html>", "a web page"),
    "half a ZIP": (packed({"orgs.csv": ORGS})[:-30], "begins as one, and may be cut"),
    "a workbook": (packed({"[Content_Types].xml": b"x", "xl/workbook.xml": b"x"}), "an Excel workbook"),
}


@pytest.mark.parametrize(("content", "kind"), OTHERS.values(), ids=list(OTHERS))
def test_what_came_instead_of_a_zip_is_named(tmp_path: Path, content: bytes, kind: str) -> None:
    with pytest.raises(BundleRefused, match=kind) as refusal:
        inflated(tmp_path, content)

    assert WHAT_AND_WHAT_TO_DO.fullmatch(str(refusal.value))
