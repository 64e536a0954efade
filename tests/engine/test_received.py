"""When two bundles are the same is told without inflating them, and by no checksum that says less than all their bytes."""

import io
import zipfile
from collections.abc import Callable
from functools import partial

import pytest

from oneroster_engine.standard.archive import Limits
from oneroster_engine.standard.received import Part, Received, content, outline

MORNING, EVENING = (2026, 9, 1, 6, 0, 0), (2026, 9, 1, 22, 0, 0)
FILES = {"orgs.csv": b"sourcedId,name\nnorth,North\n" * 40, "users.csv": b"sourcedId,username\nann,ann\n" * 40}


def packed(files: dict[str, bytes], at: tuple[int, int, int, int, int, int] = MORNING, **more: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, body in files.items():
            info = zipfile.ZipInfo(name, at)
            info.compress_type = more.get("method", zipfile.ZIP_DEFLATED)
            info.extra = b"UT\5\0\1" + at[3].to_bytes(4, "little")  # when it was changed, as Info-ZIP writes it
            archive.writestr(info, body)
    return out.getvalue()


def received(body: bytes, limits: Limits | None = None, noticed: str = "", name: str = "bundle.zip") -> Received:
    parts = [Part(name, len(body), partial(io.BytesIO, body))]
    return Received(outline(parts, limits or Limits(), noticed), content(parts, limits or Limits()))


def test_the_same_files_packed_anew_are_the_same() -> None:
    assert packed(FILES) != packed(FILES, EVENING)
    assert received(packed(FILES)) == received(packed(FILES, EVENING))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(packed({**FILES, "users.csv": FILES["users.csv"].replace(b"ann,ann", b"ann,bob", 1)}), id="a cell"),
        pytest.param(packed({**FILES, "notes.txt": b""}), id="another file"),
        pytest.param(packed({"orgs.csv": FILES["orgs.csv"]}), id="a file less"),
        pytest.param(packed(dict(reversed(FILES.items()))), id="another order"),
        pytest.param(packed({"Orgs.csv": FILES["orgs.csv"], "users.csv": FILES["users.csv"]}), id="another name"),
        pytest.param(packed(FILES, method=zipfile.ZIP_STORED), id="another method"),
        pytest.param(packed({**FILES, "users.csv": FILES["orgs.csv"], "orgs.csv": FILES["users.csv"]}), id="changed places"),
    ],
)
def test_whatever_else_differs_is_told_by_the_outline_alone(other: bytes) -> None:
    assert received(packed(FILES)).outline != received(other).outline
    assert received(packed(FILES)).content != received(other).content


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def test_equal_sizes_and_checksums_are_no_proof(method: int) -> None:
    """A CRC has 32 bits, and an archive may say what it likes of itself: the bytes decide."""
    whole = packed(FILES, method=method)
    at = whole.index(b"orgs.csv") + len(b"orgs.csv") + 9 + 20  # within the first member's bytes
    other = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]

    assert received(whole).outline == received(other).outline
    assert received(whole).content != received(other).content


@pytest.mark.parametrize(
    "damaged",
    [lambda whole: b"sourcedId,name\n", lambda whole: whole[: len(whole) // 2], lambda whole: b""],
    ids=["no ZIP", "cut", "empty"],
)
def test_what_can_not_be_read_is_like_nothing(damaged: Callable[[bytes], bytes]) -> None:
    assert received(damaged(packed(FILES))) == Received("", "")


def test_an_archive_of_more_files_than_are_allowed_is_like_nothing() -> None:
    assert received(packed(FILES), Limits(entries=1)) == Received("", "")


def test_loose_files_are_told_by_names_sizes_and_bytes_and_by_what_was_noticed() -> None:
    users = received(b"sourcedId\nann\n", name="users.csv")

    assert received(b"sourcedId\nann\n", name="users.csv") == users
    assert received(b"sourcedId\nbob\n", name="users.csv").content != users.content
    assert received(b"sourcedId\nann\n", name="orgs.csv").outline != users.outline
    assert received(b"sourcedId\nann\n\n", name="users.csv").outline != users.outline
    assert received(b"sourcedId\nann\n", noticed="an older file too", name="users.csv").outline != users.outline
