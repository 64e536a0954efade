"""A manifest in any form, and what is refused rather than guessed."""

from pathlib import Path

import pytest

from oneroster_engine.errors import BundleRefused
from oneroster_engine.staging.accept import accept
from oneroster_engine.staging.delta import View
from oneroster_engine.standard.manifest import Manifest, read_manifest
from tests.engine.refusals import WHAT_AND_WHAT_TO_DO

ROWS = [
    ("propertyName", "value"),
    ("manifest.version", "1.0"),
    ("oneroster.version", "1.1"),
    ("file.orgs", "absent"),
    ("file.users", "delta"),
    ("file.enrollments", "delta"),
    ("source.systemName", "Some SIS"),
]


def said(folder: Path, content: str | bytes, *present: str) -> Manifest:
    (folder / "manifest.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    for name in present:
        (folder / f"{name}.csv").touch()
    manifest = read_manifest(folder / "manifest.csv")
    assert manifest
    return manifest


def rows(separator: str = ",", end: str = "\r\n", quote: str = "", changed: dict[str, str] | None = None) -> str:
    cells = [(name, (changed or {}).get(name, value)) for name, value in ROWS]
    return end.join(separator.join(f"{quote}{cell}{quote}" for cell in row) for row in cells) + end


WIDE = "\r\n".join(",".join(column) for column in zip(*ROWS[1:], strict=True)) + "\r\n"

FORMS = {
    "each line one quoted cell": "".join(f'"{line}"\r\n' for line in rows().splitlines()),
    "each line one quoted cell, with semicolons": "".join(f'"{line}"\r\n' for line in rows(";").splitlines()),
    "as the standard has it": rows(),
    "semicolons": rows(";"),
    "tabs": rows("\t"),
    "bars": rows("|"),
    "Excel's sep=": "sep=;\r\n" + rows(";"),
    "carriage returns": rows(end="\r"),
    "every cell quoted": rows(quote='"'),
    "a byte order mark": rows().encode("utf-8-sig"),
    "two byte order marks": b"\xef\xbb\xbf" + rows().encode("utf-8-sig"),
    "UTF-16": rows("\t").encode("utf-16"),
    "UTF-16 without its mark": rows().encode("utf-16-le"),
    "Windows-1252": rows(changed={"source.systemName": "Écoles"}).encode("cp1252"),
    "one column a property": WIDE,
    "one column a property, semicolons": WIDE.replace(",", ";"),
    "empty columns": rows().replace("\r\n", ",,,\r\n"),
    "a title and blank lines above": "Export of Heron District\r\n\r\n" + rows(),
    "without a header": rows().removeprefix("propertyName,value\r\n"),
    "the value first": "\n".join(f"{value},{name}" for name, value in ROWS),
    "names with .csv": rows().replace("file.users", "file.users.csv"),
    "names of files alone": rows().replace("file.users", "users.csv").replace("file.enrollments", "Enrollments"),
    "blanks and capitals": rows().upper().replace(",", " , "),
    "the same line twice": rows() + "file.users,delta\r\n",
}


@pytest.mark.parametrize("content", FORMS.values(), ids=list(FORMS))
def test_a_manifest_says_the_same_in_every_form(tmp_path: Path, content: str | bytes) -> None:
    manifest = said(tmp_path, content)

    assert manifest.version == "1.1"
    assert manifest.deltas() == {"users", "enrollments"}
    assert manifest.modes["orgs"] == "absent"


NOT_UNDERSTOOD = {
    "nothing": ("", "it is empty"),
    "a header alone": ("propertyName,value\r\n", "no property of OneRoster .* begins with `propertyName,value`"),
    "words": ("Please find our data attached.\r\n", "begins with `Please find our data attached.`"),
    "a workbook": (b"PK\x03\x04\x14\x00\x06\x00", "it is a ZIP archive or an Office file"),
    "a web page": ("<!DOCTYPE html><html><body>Sign in</body></html>", "it is a web page"),
    "JSON": ('{"file.users": "delta"}', "it is JSON"),
    "no text": (b"\x00\x01\x02\xff\xfe\x81" * 50, "manifest.csv: "),
    "an unknown mode": (rows(changed={"file.users": "partial"}), r"file\.users is `partial`; bulk, delta or absent"),
    "an unknown mode in French": (rows(changed={"file.users": "différentiel"}), "file.users is `différentiel`"),
    "an unknown version": (rows(changed={"oneroster.version": "2.0"}), r"oneroster\.version is `2\.0`; 1\.1 and 1\.2"),
    "a version made a date of": (
        rows(changed={"oneroster.version": "1-Jan"}),
        r"oneroster\.version is `1-Jan`",
    ),
    "two modes of one file": (rows() + "file.users,bulk\r\n", r"file\.users stands there twice, as `delta` and as `bulk`"),
    "two versions": (rows() + "oneroster.version,1.2\r\n", "stands there twice, as `1.1` and as `1.2`"),
    "a delta of a file that nobody knows": (rows() + "file.user,delta\r\n", "`file.user` is delta, and no file"),
    "a quote left open": (rows() + '"file.classes,delta\r\n', "line 8 can't be read for certain: `\"file.classes,delta`"),
    "a quote in the middle": (rows() + '"file"classes,delta\r\n', "line 8 can't be read for certain"),
}


@pytest.mark.parametrize(("content", "sentence"), NOT_UNDERSTOOD.values(), ids=list(NOT_UNDERSTOOD))
def test_what_a_manifest_says_and_can_not_be_understood_is_refused_and_quoted(
    tmp_path: Path, content: str | bytes, sentence: str
) -> None:
    with pytest.raises(BundleRefused, match=sentence) as refusal:
        said(tmp_path, content)

    assert str(refusal.value).startswith("manifest.csv: ")
    assert WHAT_AND_WHAT_TO_DO.fullmatch(str(refusal.value))


def test_the_blank_mode_of_a_file_that_is_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleRefused, match=r"file\.users is blank; bulk, delta or absent"):
        said(tmp_path, rows(changed={"file.users": ""}), "users")


@pytest.mark.parametrize("line", ["file.lineItems,", "file.lineItems,n/a", "file.courses,", "file.catalogue,"])
def test_the_blank_mode_of_a_file_that_is_not_read_is_a_note(tmp_path: Path, line: str) -> None:
    manifest = said(tmp_path, rows() + line + "\r\n", "users")

    assert [line.split(",")[0] in note for note in manifest.notes] == [True]
    assert manifest.deltas() == {"users", "enrollments"}


def test_a_file_of_which_a_manifest_with_deltas_says_nothing_is_never_taken_for_everything(tmp_path: Path) -> None:
    manifest = said(tmp_path, rows(), "users", "classes")
    view = View(tmp_path / "before", tmp_path / "after")

    with pytest.raises(BundleRefused, match=r"says nothing of classes\.csv"):
        accept(tmp_path, manifest, "auto", view)


def test_a_file_of_which_a_manifest_of_everything_says_nothing_is_noted(tmp_path: Path) -> None:
    manifest = said(tmp_path, rows().replace("delta", "bulk"), "users", "classes")

    assert manifest.notes == ("The manifest says nothing of classes.csv; read as bulk, which is everything.",)


@pytest.mark.parametrize("version", ["1.1", "v1.1", "OneRoster 1.1", "1.1.0", "1,1", " 1.1 "])
def test_a_version_is_read_however_it_is_spelt(tmp_path: Path, version: str) -> None:
    assert said(tmp_path, rows(changed={"oneroster.version": f'"{version}"'})).version == "1.1"
