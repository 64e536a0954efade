import io
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oneroster_engine.errors import BundleRefused
from oneroster_engine.standard.archive import Limits, inflate, inflating
from tests.engine.refusals import WHAT_AND_WHAT_TO_DO

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
        (packed({"all.zip": ORGS, "orgs.csv": ORGS}), "ZIP inside the ZIP"),
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

    with inflating(tmp_path / "a.zip", tmp_path / "out", Limits()) as arrived:
        assert {path.name for path in (tmp_path / "out").iterdir()} == {"users.csv", "orgs.csv"}
        arrived("orgs.csv")
        assert (tmp_path / "out" / "orgs.csv").read_bytes() == ORGS
        arrived("classes.csv")  # there is none, so that there is nothing to wait for
    assert (tmp_path / "out" / "users.csv").read_bytes() == LARGE


def waited_for(folder: Path, *names: str) -> None:
    """Read an archive of which a large file is damaged and a small one is not."""
    content = bytearray(packed({"users.csv": LARGE, "orgs.csv": ORGS}))
    content[60:80] = bytes(20)
    (folder / "a.zip").write_bytes(content)
    with inflating(folder / "a.zip", folder / "out", Limits()) as arrived:
        for name in names:
            arrived(name)
        assert "users.csv" not in names, "it came whole"


@pytest.mark.parametrize("names", [["orgs.csv", "users.csv"], ["orgs.csv"]])
def test_a_damaged_file_is_refused_whether_somebody_waits_for_it_or_not(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(BundleRefused, match="not a ZIP that can be read"):
        waited_for(tmp_path, *names)


def test_what_a_reader_of_the_files_fails_at_is_not_taken_for_the_archive_s_fault(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(packed({"orgs.csv": ORGS}))

    with pytest.raises(ValueError, match="the reader's own"), inflating(tmp_path / "a.zip", tmp_path / "out", Limits()):
        raise ValueError("the reader's own")
