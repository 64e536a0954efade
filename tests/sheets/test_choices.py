"""The workbooks say what their filler meant, and what they can't tell they name by cell."""

import io
import re
import shutil
import subprocess
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from openpyxl.styles import PatternFill

from chalicelib.errors import Unacceptable
from chalicelib.sheets import filled as filled_sheets
from chalicelib.sheets.choices import CLASSES, ORG, Checked, check_sheet, write_sheet

NOW = datetime(2026, 9, 1, tzinfo=UTC)


def school(sourced_id: str, name: str = "North High") -> dict[str, Any]:
    return {
        "sourcedId": sourced_id,
        "name": name,
        "type": "school",
        "identifier": "",
        "parent": "District",
        "classes": None,
        "users": 3,
    }


KNOWN = {row["sourcedId"]: row for row in (school("00123"), school("124", "=HYPERLINK(1)"), school("x-1", "École Élan"))}


def filled(tmp_path: Path, change: Callable[[Any], None] = lambda page: None, sync_id: str = "g1-s1") -> Checked:
    """Download, change the page as a person would, save, check."""
    path = tmp_path / "Org.xlsx"
    write_sheet(ORG, KNOWN.values(), path, sync_id, NOW)
    book = openpyxl.load_workbook(path)
    change(book["Org"])
    book.save(path)
    return check_sheet(ORG, path, KNOWN, "g1-s1")


def test_ids_and_names_are_text_whatever_they_look_like(tmp_path: Path) -> None:
    write_sheet(ORG, KNOWN.values(), tmp_path / "Org.xlsx", "g1-s1", NOW)

    page = openpyxl.load_workbook(tmp_path / "Org.xlsx")["Org"]

    assert [cell.value for cell in page[1]] == list(ORG.columns)
    assert [(page.cell(row, 1).value, page.cell(row, 1).number_format) for row in (2, 3)] == [("00123", "@"), ("124", "@")]
    assert (page["B3"].value, page["B3"].data_type) == ("=HYPERLINK(1)", "s")
    assert page.freeze_panes == "A2"
    assert [str(each.sqref) for each in page.data_validations.dataValidation] == ["H2:H4"]


@pytest.mark.parametrize("said", ["Yes", "yes", "Y", " YES ", "TRUE", True, 1])
def test_yes_is_yes_however_it_is_written(tmp_path: Path, said: object) -> None:
    def fill(page: Any) -> None:
        page["H2"].value = said

    assert filled(tmp_path, fill).chosen == {"00123"}


@pytest.mark.parametrize("merged", ["H2:H4", "G2:H3", "A2:A3"])
def test_merged_answers_are_refused_since_they_count_for_one_row_alone(tmp_path: Path, merged: str) -> None:
    def fill(page: Any) -> None:
        page["H2"].value = "Yes"
        page.merge_cells(merged)

    with pytest.raises(Unacceptable, match=f"The cells {merged} are merged"):
        filled(tmp_path, fill)


def test_merged_cells_beside_the_answers_do_no_harm(tmp_path: Path) -> None:
    def fill(page: Any) -> None:
        page["H2"].value, page["J2"].value = "Yes", "Asked on Monday"
        page.merge_cells("J2:K4")

    assert filled(tmp_path, fill).chosen == {"00123"}


@pytest.mark.parametrize("name", ["sync", "SourcedID", " Sync\u200b"])
def test_two_columns_of_one_name_are_refused_instead_of_one_being_picked(tmp_path: Path, name: str) -> None:
    def fill(page: Any) -> None:
        page["H2"].value, page["I1"].value, page["I3"].value = "Yes", name, "Yes"

    with pytest.raises(Unacceptable, match="Two columns are called"):
        filled(tmp_path, fill)


def test_two_columns_of_one_name_are_refused_in_a_csv_too(tmp_path: Path) -> None:
    (tmp_path / "Org.csv").write_text("sourcedId,sync,sync\n00123,No,Yes\n")

    with pytest.raises(Unacceptable, match="Two columns are called sync"):
        check_sheet(ORG, tmp_path / "Org.csv", KNOWN, "g1-s1")


@pytest.mark.parametrize("large", [False, True], ids=["openpyxl", "calamine"])
def test_a_title_may_stand_above_the_header_merged_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: bool) -> None:
    def fill(page: Any) -> None:
        page["H2"].value, page["H3"].value = "Yes", "perhaps"
        page.insert_rows(1, 2)
        page["A1"].value = "Our schools"
        page.merge_cells("A1:H1")

    if large:
        monkeypatch.setattr(filled_sheets, "OPENPYXL_CELLS", 0)

    checked = filled(tmp_path, fill)

    assert checked.chosen == {"00123"}
    assert [each.cell for each in checked.findings] == ["H5"]


@pytest.mark.parametrize("above", ["Our schools;;\n", "\n", "# by Numbers, 28.11.2026\n\n"], ids=["title", "blank", "comment"])
def test_a_title_may_stand_above_the_header_of_a_csv(tmp_path: Path, above: str) -> None:
    (tmp_path / "Org.csv").write_text(f"{above}sourcedId;name;sync\n00123;North High;Yes\n")

    assert check_sheet(ORG, tmp_path / "Org.csv", KNOWN, "g1-s1").chosen == {"00123"}


def test_the_name_of_a_table_behind_the_sheets_is_what_numbers_adds(tmp_path: Path) -> None:
    (tmp_path / "up.xlsx").write_bytes(workbook("Org - Table 1", ["sourcedId", "sync"], ["124", "Yes"]))

    assert check_sheet(ORG, tmp_path / "up.xlsx", KNOWN, "g1-s1").chosen == {"124"}


def test_two_sheets_whose_names_read_alike_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "up.xlsx"
    path.write_bytes(workbook("Org", ["sourcedId", "sync"], ["124", "Yes"]))
    book = openpyxl.load_workbook(path)
    book.create_sheet("org\u200b", 0).append(["sourcedId", "sync"])
    book.save(path)

    with pytest.raises(Unacceptable, match="2 sheets of the workbook are called `Org`"):
        check_sheet(ORG, path, KNOWN, "g1-s1")


@pytest.mark.parametrize(
    ("sorted_alone", "usable"), [(20, False), (2, True)], ids=["a column by itself", "two that were swapped"]
)
def test_a_column_of_ids_that_was_sorted_by_itself_chooses_nobody(tmp_path: Path, sorted_alone: int, usable: bool) -> None:
    known = {f"{number:02d}": school(f"{number:02d}", f"School {number}") for number in range(20)}
    ids = sorted(known)
    ids[:sorted_alone] = reversed(ids[:sorted_alone])
    names = [row["name"] for row in known.values()]
    lines = [f"{own},{names[place]},{'Yes' if place < 2 else ''}" for place, own in enumerate(ids)]
    (tmp_path / "Org.csv").write_text("\n".join(["sourcedId,name,sync", *lines]))

    checked = check_sheet(ORG, tmp_path / "Org.csv", known, "g1-s1")

    assert (checked.usable, checked.changed) == (usable, sorted_alone)
    assert usable or "20 rows have another row's name beside their sourcedId" in checked.message


def test_answers_in_rows_that_a_filter_hides_count_like_the_others(tmp_path: Path) -> None:
    def fill(page: Any) -> None:
        page["H2"].value, page["H3"].value = "Yes", "Yes"
        page.row_dimensions[3].hidden = True

    assert filled(tmp_path, fill).chosen == {"00123", "124"}


@pytest.mark.parametrize("said", [None, "", "No", "n", "FALSE", False, 0, "  "])
def test_blank_and_no_mean_no(tmp_path: Path, said: object) -> None:
    def fill(page: Any) -> None:
        page["H2"].value, page["H3"].value = said, "Yes"

    checked = filled(tmp_path, fill)

    assert (set(checked.chosen), checked.not_chosen, checked.usable) == ({"124"}, 2, True)


def test_what_is_neither_is_named_by_its_cell_and_makes_the_sheet_unusable(tmp_path: Path) -> None:
    def fill(page: Any) -> None:
        page["H2"].value, page["H3"].value = "maybe", "Yes"

    checked = filled(tmp_path, fill)

    assert (checked.unreadable, checked.usable) == (1, False)
    assert [(each.cell, each.sourced_id) for each in checked.findings] == [("H2", "00123")]


def test_an_id_that_a_spreadsheet_made_a_number_of_is_recognised(tmp_path: Path) -> None:
    def fill(page: Any) -> None:
        page["A2"].value, page["A3"].value = 123, 124.0
        page["H2"].value = page["H3"].value = "Yes"

    checked = filled(tmp_path, fill)

    assert (set(checked.chosen), checked.unknown, checked.usable) == ({"00123", "124"}, 0, True)


@pytest.mark.parametrize(
    ("ids", "sent", "said"),
    [
        pytest.param(("12345678901234567", "12345678901234568"), 12345678901234567.0, "rounded it", id="rounded"),
        pytest.param(("0123", "00123"), 123, "several rows of the list fit", id="zeros lost"),
        pytest.param(("012", "12"), 12, "several rows of the list fit: 012 and 12", id="zeros perhaps lost"),
        pytest.param(("0123",), 124, "No row of the list", id="another number"),
    ],
)
def test_a_number_that_could_be_another_row_chooses_none_and_says_why(
    tmp_path: Path, ids: tuple[str, ...], sent: float, said: str
) -> None:
    known = {sourced_id: school(sourced_id) for sourced_id in ids}
    (tmp_path / "up.xlsx").write_bytes(workbook("Org", ["sourcedId", "sync"], [sent, "Yes"]))

    checked = check_sheet(ORG, tmp_path / "up.xlsx", known, "g1-s1")

    assert (checked.chosen, checked.unknown, checked.usable) == (frozenset(), 1, False)
    assert said in checked.findings[0].message


def test_unknown_missing_repeated_and_changed_rows_are_counted(tmp_path: Path) -> None:
    def fill(page: Any) -> None:
        page["H2"].value = "Yes"
        page["B2"].value = "Renamed High"
        page.delete_rows(4)
        page.append(["00123", "Renamed High", "school", "", "", "", "", "yes"])
        page.append(["nobody", "?", "school", "", "", "", "", "Yes"])

    checked = filled(tmp_path, fill)

    assert (checked.unknown, checked.missing, checked.repeated, checked.changed) == (1, 1, 1, 2)
    assert (checked.usable, set(checked.chosen)) == (False, {"00123"})


def test_the_same_row_with_yes_and_with_no_is_unreadable(tmp_path: Path) -> None:
    def fill(page: Any) -> None:
        page["H2"].value = "Yes"
        page.append(["00123", "North High", "school", "", "", "", "", "No"])

    assert filled(tmp_path, fill).unreadable == 1


def test_a_row_that_says_neither_yes_nor_no_is_not_counted_as_missing_too(tmp_path: Path) -> None:
    def fill(page: Any) -> None:
        page["H2"].value = "maybe"

    checked = filled(tmp_path, fill)

    assert (checked.unreadable, checked.missing) == (1, 0)


def test_a_sheet_without_a_yes_chooses_nothing_and_says_what_to_do(tmp_path: Path) -> None:
    checked = filled(tmp_path)

    assert checked.usable is False
    assert checked.message.startswith("No row says Yes")


def test_a_sheet_of_another_sync_is_taken_and_said(tmp_path: Path) -> None:
    def fill(page: Any) -> None:
        page["H2"].value = "Yes"

    checked = filled(tmp_path, fill, sync_id="g1-s0")

    assert checked.usable
    assert "another sync" in checked.message


def test_a_stray_cell_far_right_is_named_before_the_reader_lays_out_a_million_columns(tmp_path: Path) -> None:
    def fill(page: Any) -> None:
        page["XFD1048576"].value = "oops"

    with pytest.raises(Unacceptable, match="Cell XFD1048576 is far from the list"):
        filled(tmp_path, fill)


def test_cells_far_right_that_have_but_a_colour_and_notes_beside_the_list_do_no_harm(tmp_path: Path) -> None:
    def fill(page: Any) -> None:
        page["H2"].value, page["K3"].value = "Yes", "ask Ann"
        page["XFD4"].fill = PatternFill("solid", fgColor="FFFF0000")

    assert set(filled(tmp_path, fill).chosen) == {"00123"}


def workbook(sheet: str, *rows: Sequence[object]) -> bytes:
    book = openpyxl.Workbook()
    book.worksheets[0].title = sheet
    for row in rows:
        book.worksheets[0].append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def rezipped(content: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """The workbook with each part put through `change`, as a broken disk or a hostile hand would have it."""
    with zipfile.ZipFile(io.BytesIO(content)) as whole:
        return zipped({name: change(name, whole.read(name)) for name in whole.namelist()})


def zipped(parts: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, content in parts.items():
            packed.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


def cut_in_the_middle(name: str, part: bytes) -> bytes:
    return part[: len(part) // 2] if name == "xl/worksheets/sheet1.xml" else part


NOT_A_SHEET: dict[str, tuple[Callable[[], bytes], str]] = {
    "a CSV without the column": (lambda: b"sourcedId,name\n", "read as CSV, lacks the column sync"),
    "no text": (lambda: b"\x7fELF\x00\x01", "and no CSV"),
    "another ZIP": (lambda: zipped({"a.txt": b"no workbook"}), "isn't an Excel workbook"),
    "a ZIP cut off": (lambda: workbook("Org", ["sourcedId", "sync"])[:-40], "isn't an Excel workbook"),
    "a part cut off": (
        lambda: rezipped(workbook("Org", ["sourcedId", "sync"], *[["124", "Yes"]] * 2000), cut_in_the_middle),
        "a damaged one",
    ),
    "no XML": (
        lambda: rezipped(workbook("Org", ["sourcedId", "sync"]), lambda name, part: part.replace(b"<", b"&", 3)),
        "a damaged one",
    ),
    "OpenDocument": (
        lambda: zipped({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet", "content.xml": b"<a/>"}),
        r"OpenDocument spreadsheet \(\.ods\).* save the sheet as \.xlsx",
    ),
    "a binary workbook": (lambda: zipped({"xl/workbook.bin": b"\x83\x01"}), r"binary Excel workbook \(\.xlsb\)"),
    "Numbers' own": (lambda: zipped({"Index/Document.iwa": b"\0"}), "a Numbers document"),
    "the old form": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"old form \(\.xls\), or one with a password"),
    "a web page": (lambda: b"\xef\xbb\xbf\r\n<html><table>", "a web page or XML"),
    "a PDF": (lambda: b"%PDF-1.7 sourcedId,sync", "a PDF"),
    "a sheet of another name": (lambda: workbook("Sheet1", ["sourcedId", "sync"]), "has no sheet `Org`"),
    "a sheet without the column": (lambda: workbook("Org", ["sourcedId", "name"]), "lacks the column sync"),
    "an empty file": (lambda: b"", "lacks the column sourcedId and sync"),
}


@pytest.mark.parametrize(("made", "said"), NOT_A_SHEET.values(), ids=NOT_A_SHEET)
def test_what_is_no_such_workbook_is_refused_in_a_sentence(tmp_path: Path, made: Callable[[], bytes], said: str) -> None:
    (tmp_path / "up.xlsx").write_bytes(made())

    with pytest.raises(Unacceptable, match=said):
        check_sheet(ORG, tmp_path / "up.xlsx", KNOWN, "g1-s1")


def test_lists_of_a_class_are_written_with_commas(tmp_path: Path) -> None:
    row = dict.fromkeys(CLASSES.columns, "x") | {"sourcedId": "c1", "grades": ["09", "10"], "subjects": [], "users": 2}

    write_sheet(CLASSES, [row], tmp_path / "Classes.xlsx", "g1-s1", NOW)

    page = openpyxl.load_workbook(tmp_path / "Classes.xlsx")["Classes"]
    assert page["F2"].value == "09, 10"


@given(st.integers(0, 12), st.integers(0, 4000), st.binary(max_size=6), st.booleans())
@example(0, 30, b"A", False)  # an encoding that nobody knows, in each part
@example(3, 30, b"A", False)
@example(6, 30, b"A", False)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_damage_to_a_workbook_gives_anything_but_an_answer_or_a_refusal(
    tmp_path: Path, part: int, place: int, damage: bytes, cut: bool
) -> None:
    if not (tmp_path / "whole.xlsx").exists():
        write_sheet(ORG, KNOWN.values(), tmp_path / "whole.xlsx", "g1-s1", NOW, frozenset({"124"}))
    whole = (tmp_path / "whole.xlsx").read_bytes()
    names = zipfile.ZipFile(io.BytesIO(whole)).namelist()

    def damaged(name: str, sent: bytes) -> bytes:
        at = place % len(sent)
        return sent if name != names[part % len(names)] else sent[:at] + damage + (b"" if cut else sent[at + len(damage) :])

    (tmp_path / "up.xlsx").write_bytes(rezipped(whole, damaged))
    try:
        chosen = check_sheet(ORG, tmp_path / "up.xlsx", KNOWN, "g1-s1").chosen
    except Unacceptable:
        chosen = frozenset()

    assert chosen <= KNOWN.keys()


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed here")
def test_a_sheet_that_libreoffice_has_saved_in_its_own_form_and_back_says_the_same(tmp_path: Path) -> None:
    write_sheet(ORG, KNOWN.values(), tmp_path / "Org.xlsx", "g1-s1", NOW, frozenset({"00123"}))
    soffice = ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--convert-to"]
    for name, form in (("Org.xlsx", "ods"), ("Org.ods", "xlsx")):
        command = [*soffice, form, "--outdir", str(tmp_path), str(tmp_path / name)]
        subprocess.run(command, check=True, capture_output=True, timeout=120)

    checked = check_sheet(ORG, tmp_path / "Org.xlsx", KNOWN, "g1-s1")

    page = openpyxl.load_workbook(tmp_path / "Org.xlsx")["Org"]
    assert [page.cell(row, 1).value for row in (2, 3, 4)] == list(KNOWN)
    assert (page["B3"].value, page["B3"].data_type) == ("=HYPERLINK(1)", "s")
    assert (set(checked.chosen), checked.not_chosen, checked.findings, checked.usable) == ({"00123"}, 2, (), True)


def test_only_the_column_sync_can_be_written_in_and_the_header_still_filters(tmp_path: Path) -> None:
    write_sheet(ORG, KNOWN.values(), tmp_path / "Org.xlsx", "g1-s1", NOW, chosen=frozenset({"124"}))

    page = openpyxl.load_workbook(tmp_path / "Org.xlsx")["Org"]

    assert (page.protection.sheet, page.protection.password, page.protection.autoFilter) == (True, None, False)  # False: allowed
    assert page["H3"].value == "Yes"
    assert [page[cell].protection.locked for cell in ("A2", "G3", "H3")] == [True, True, False]
    assert page.column_dimensions["H"].protection.locked is False
    assert page.auto_filter.ref == "A1:H4"


def test_a_hidden_sheet_says_what_the_workbook_was_made_for(tmp_path: Path) -> None:
    write_sheet(ORG, KNOWN.values(), tmp_path / "Org.xlsx", "g1-s1", NOW)

    book = openpyxl.load_workbook(tmp_path / "Org.xlsx")

    assert book["Origin"].sheet_state == "hidden"
    assert list(book["Origin"].values) == [("sync", "g1-s1"), ("group", "g1"), ("made", "2026-09-01 00:00 UTC")]


def test_a_sheet_of_another_group_is_not_taken_even_where_the_ids_are_the_same(tmp_path: Path) -> None:
    def yes(page: Any) -> None:
        page["H2"] = "yes"

    checked = filled(tmp_path, yes, sync_id="g2-s1")

    assert (checked.usable, "downloaded for another group" in checked.message) == (False, True)


def test_a_formula_is_named_by_its_cell_instead_of_being_believed(tmp_path: Path) -> None:
    def compute(page: Any) -> None:
        page["H2"] = '=IF(1=1,"yes","no")'
        page["A3"] = "=124"
        page["B4"] = "=UPPER(A4)"
        page["H4"] = "yes"

    checked = filled(tmp_path, compute)

    assert (checked.usable, checked.unreadable) == (False, 2)
    assert [each.cell for each in checked.findings if "formula" in each.message] == ["H2", "A3"]


def test_a_formula_on_a_sheet_of_ones_own_is_nobodys_business(tmp_path: Path) -> None:
    path = tmp_path / "Org.xlsx"
    write_sheet(ORG, KNOWN.values(), path, "g1-s1", NOW)
    book = openpyxl.load_workbook(path)
    book["Org"]["H2"] = "yes"
    book.create_sheet("Mine", 0)["H2"] = "=1+1"
    book.save(path)

    assert check_sheet(ORG, path, KNOWN, "g1-s1").chosen == {"00123"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_csv_says_the_same_however_a_spreadsheet_saved_it(tmp_path: Path, encoding: str, delimiter: str) -> None:
    lines = [["sourcedId", "name", "sync"], ["123", "North High", "Yes"], ["x-1", "École Élan", "no"], ["nobody", "", "x"]]
    content = "".join(delimiter.join(line) + "\r\n" for line in lines)
    (tmp_path / "Org.csv").write_bytes(content.encode(encoding))

    checked = check_sheet(ORG, tmp_path / "Org.csv", KNOWN, "g1-s1")

    assert (checked.chosen, checked.unknown, checked.missing, checked.changed) == (frozenset({"00123"}), 1, 1, 0)
    assert [each.cell for each in checked.findings] == ["A4"]


def test_a_long_id_that_a_csv_has_rounded_is_named(tmp_path: Path) -> None:
    (tmp_path / "Org.csv").write_text("sourcedId,sync\n1.23457E+17,yes\n")

    assert "rounded it" in check_sheet(ORG, tmp_path / "Org.csv", KNOWN, "g1-s1").findings[0].message


def test_an_answer_without_an_id_is_named_and_an_empty_row_is_not(tmp_path: Path) -> None:
    def blank(page: Any) -> None:
        page["A2"] = None
        page["H2"] = "yes"
        page["A3"] = None
        page["H4"] = "yes"

    checked = filled(tmp_path, blank)

    assert (checked.usable, checked.unknown, checked.missing) == (False, 1, 2)
    assert [(each.cell, "no sourcedId" in each.message) for each in checked.findings] == [("A2", True)]


@pytest.mark.long
def test_a_hundred_thousand_classes_go_out_and_come_back_each_with_its_answer(tmp_path: Path) -> None:
    rows = {
        f"{n:07d}": {**dict.fromkeys(CLASSES.columns, "text"), "sourcedId": f"{n:07d}", "grades": ["09"], "subjects": []}
        for n in range(100_000)
    }
    numbers = {"students": 25, "teachers": 1, "users": 26}
    chosen = frozenset(list(rows)[::7])

    write_sheet(CLASSES, ({**row, **numbers} for row in rows.values()), tmp_path / "Classes.xlsx", "g1-s1", NOW, chosen)
    known = {sourced_id: {**row, **numbers} for sourced_id, row in rows.items()}
    checked = check_sheet(CLASSES, tmp_path / "Classes.xlsx", known, "g1-s1")

    assert (checked.chosen, checked.not_chosen) == (chosen, 100_000 - len(chosen))
    assert (checked.changed, checked.unknown, checked.missing, checked.repeated, checked.unreadable) == (0, 0, 0, 0, 0)


def test_the_header_stays_in_sight_and_the_answers_are_a_list_of_yes_and_no(tmp_path: Path) -> None:
    write_sheet(ORG, KNOWN.values(), tmp_path / "Org.xlsx", "g1-s1", NOW)

    page = openpyxl.load_workbook(tmp_path / "Org.xlsx")["Org"]

    assert page.freeze_panes in ("A2", "B2", "C2")
    [answers] = page.data_validations.dataValidation
    assert (answers.type, answers.formula1) == ("list", '"Yes,No"')
    assert str(answers.sqref).startswith("H2")


def test_a_sheet_in_the_form_that_google_sheets_saves_says_the_same(tmp_path: Path) -> None:
    """What is known to differ there: no protection, a grid of empty styled rows behind the list, a checkbox is
    a boolean, an id that looks like a number is one, and fonts of its own."""

    def as_google_saves(page: Any) -> None:
        page.protection.sheet = False
        page["H2"].value, page["H3"].value, page["H4"].value = True, False, "Yes"
        page["A3"].value = 124.0
        for row in range(5, 1001):
            for column in range(1, 27):
                page.cell(row, column).fill = PatternFill("solid", fgColor="FFFFFFFF")

    checked = filled(tmp_path, as_google_saves)

    assert (set(checked.chosen), checked.not_chosen, checked.unreadable, checked.usable) == ({"00123", "x-1"}, 1, 0, True)


def csv_checked(tmp_path: Path, content: str, known: Mapping[str, Mapping[str, Any]] = KNOWN) -> Checked:
    (tmp_path / "up.xlsx").write_bytes(content.encode())
    return check_sheet(ORG, tmp_path / "up.xlsx", known, "g1-s1")


TWINS = {sourced_id: school(sourced_id) for sourced_id in ("0012", "12", "0013")}


def test_a_csv_whose_spreadsheet_dropped_zeros_is_not_usable_until_told_which_row_is_meant(tmp_path: Path) -> None:
    checked = csv_checked(tmp_path, "sourcedId,sync\n12,yes\n12,no\n13,no\n", TWINS)

    assert (checked.usable, checked.unknown, checked.chosen) == (False, 2, frozenset())
    assert "may have dropped leading zeros, and several rows of the list fit: 0012 and 12" in checked.findings[0].message


def test_a_csv_that_has_kept_its_zeros_is_taken_at_its_word(tmp_path: Path) -> None:
    checked = csv_checked(tmp_path, "sourcedId,sync\n12,yes\n0012,no\n0013,no\n", TWINS)

    assert (checked.usable, checked.chosen, checked.missing) == (True, frozenset({"12"}), 0)


HEADERS = {
    "as downloaded": "sourcedId,sync",
    "in capitals": "SOURCEDID,SYNC",
    "with blanks": " sourcedId , sync ",
    "with a zero-width space": "\u200bsourcedId,sync\u200b",
    "with a mark inside": "sourced\u00adId,sync",
    "quoted": '"sourcedId","sync"',
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
@pytest.mark.parametrize("workbook_of", [False, True], ids=["csv", "workbook"])
def test_a_header_is_known_however_it_is_spelt_in_a_csv_as_in_a_workbook(tmp_path: Path, header: str, workbook_of: bool) -> None:
    if workbook_of:
        names = [name.strip('"') for name in header.split(",")]
        (tmp_path / "up.xlsx").write_bytes(workbook(" oRg\u200b", names, ["00123", "Yes\u200b"], ["\ufeff124", "no"]))
        checked = check_sheet(ORG, tmp_path / "up.xlsx", KNOWN, "g1-s1")
    else:
        checked = csv_checked(tmp_path, f"{header}\n00123,Yes\u200b\n\ufeff124,no\n")

    assert (checked.usable, checked.chosen, checked.not_chosen) == (True, frozenset({"00123"}), 1)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "bar"])
@pytest.mark.parametrize("quoted", [False, True], ids=["plain", "quoted"])
def test_the_separator_that_excel_writes_in_front_is_no_header(tmp_path: Path, delimiter: str, quoted: bool) -> None:
    first = f'"sep={delimiter}"' if quoted else f"sep={delimiter}"

    checked = csv_checked(tmp_path, f"{first}\r\nsourcedId{delimiter}sync\r\nnobody{delimiter}yes\r\n")

    assert [each.cell for each in checked.findings] == ["A2"]  # as the spreadsheet shows it


def test_a_csv_of_a_million_lines_is_refused_in_a_second(tmp_path: Path) -> None:
    content = "sourcedId,sync\n" + "nobody,yes\n" * 1_000_000

    started = time.process_time()
    with pytest.raises(Unacceptable, match=r"larger than the list|more than .* rows"):
        csv_checked(tmp_path, content)

    assert time.process_time() - started < 1


@pytest.mark.parametrize("rows", [1, 3000], ids=["at its beginning", "in its middle"])
def test_a_field_that_is_too_long_is_refused_in_a_sentence(tmp_path: Path, rows: int) -> None:
    known = {f"s{n}": school(f"s{n}") for n in range(5000)}
    content = "sourcedId,sync\n" + "s1,no\n" * rows + f's2,"{"y" * 2_000_000}"\n'

    with pytest.raises(Unacceptable, match="can't be read as CSV"):
        csv_checked(tmp_path, content, known)


def sheet_with(cells: str) -> bytes:
    """A workbook whose sheet holds just these rows, as XML."""

    def change(name: str, part: bytes) -> bytes:
        if name != "xl/worksheets/sheet1.xml":
            return part
        return re.sub(rb"<sheetData>.*</sheetData>", f"<sheetData>{cells}</sheetData>".encode(), part, flags=re.DOTALL)

    return rezipped(workbook("Org", ["sourcedId", "sync"]), change)


HEAD = '<row r="1"><c r="A1" t="inlineStr"><is><t>sourcedId</t></is></c><c r="B1" t="inlineStr"><is><t>sync</t></is></c></row>'
TOO_MUCH = {
    "more rows than the list": (HEAD + "<row><c><v>1</v></c></row>" * 4000, "has 4,001 rows, and the list 3"),
    "a row of a million cells": (HEAD + "<row>" + "<c/>" * 1_000_000 + "</row>", "has 1,000,002 cells"),
    "rows without a cell": (HEAD + '<row r="9"></row>' * 4000, "has 4,001 rows, and the list 3"),
    "a cell far below": (HEAD + '<row r="9000"><c r="B9000"><v>1</v></c></row>', "Cell B9000 is far from the list"),
    "a cell at the very end": (HEAD + '<row r="1048576"><c r="A1048576"><v>1</v></c></row>', "Cell A1048576 is far"),
    "a cell far right": (HEAD + '<row r="2"><c r="AB2"><v>1</v></c></row>', "Cell AB2 is far from the list"),
    "a cell far right whose attributes stand otherwise": (HEAD + '<row r="2"><c s="1" r="AB2" ><v>1</v></c></row>', "Cell AB2"),
}


@pytest.mark.parametrize(("cells", "said"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_what_is_larger_than_the_list_is_refused_before_a_reader_sees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cells: str, said: str
) -> None:
    (tmp_path / "up.xlsx").write_bytes(sheet_with(cells))
    monkeypatch.setattr(filled_sheets, "_by_openpyxl", None)
    monkeypatch.setattr(filled_sheets, "_by_calamine", None)

    with pytest.raises(Unacceptable, match=said):
        check_sheet(ORG, tmp_path / "up.xlsx", KNOWN, "g1-s1")


def test_a_sheet_that_says_it_is_long_is_read_for_what_it_holds(tmp_path: Path) -> None:
    made = rezipped(
        sheet_with(HEAD + '<row r="2"><c r="A2" t="inlineStr"><is><t>124</t></is></c><c r="B2" t="b"><v>1</v></c></row>'),
        lambda name, part: re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1:XFD1048576"', part),
    )
    (tmp_path / "up.xlsx").write_bytes(made)

    started = time.process_time()
    assert check_sheet(ORG, tmp_path / "up.xlsx", KNOWN, "g1-s1").chosen == {"124"}
    assert time.process_time() - started < 2


def test_what_the_large_reader_can_not_take_ends_its_own_process_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filled_sheets, "OPENPYXL_CELLS", 0)
    script = tmp_path / "sheets" / "large_sheet.py"
    script.parent.mkdir()
    script.write_text("import os\nos.abort()\n")
    monkeypatch.setattr(filled_sheets, "__file__", str(script.with_name("filled.py")))
    (tmp_path / "up.xlsx").write_bytes(workbook("Org", ["sourcedId", "sync"], ["124", "Yes"]))

    with pytest.raises(Unacceptable, match="isn't an Excel workbook"):
        check_sheet(ORG, tmp_path / "up.xlsx", KNOWN, "g1-s1")


def test_a_workbook_in_the_strict_form_is_read_like_the_usual_one(tmp_path: Path) -> None:
    """Which Excel offers under the same ending, and openpyxl reads as a workbook without sheets."""
    usual, strict = b"http://schemas.openxmlformats.org/", b"http://purl.oclc.org/ooxml/"
    namespaces = (b"spreadsheetml/2006/main", b"spreadsheetml/main"), (b"officeDocument/2006/rel", b"officeDocument/rel")

    def change(_: str, part: bytes) -> bytes:
        for own, other in namespaces:
            part = part.replace(usual + own, strict + other)
        return part

    (tmp_path / "up.xlsx").write_bytes(rezipped(workbook("Org", ["sourcedId", "sync"], ["124", "Yes"]), change))

    assert check_sheet(ORG, tmp_path / "up.xlsx", KNOWN, "g1-s1").chosen == {"124"}


def test_both_readers_say_the_same_of_the_same_sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(page: Any) -> None:
        page["A2"].value, page["H2"].value, page["H3"].value, page["H4"].value = 123, True, "perhaps", "=1+1"
        page["B2"].value = datetime(2026, 9, 1)
        page["J2"].value = "a note"
        page.append([124.5, "", "", "", "", "", "", "yes"])
        page.append([None, None])
        page.append(["124", *[""] * 6, "#N/A"])  # where VLOOKUP found nothing, and its values were pasted
        page.append(["x-1", *[""] * 6, "Yes_x000D_"])  # a line end of Windows, as Excel writes it within a cell

    by_openpyxl = filled(tmp_path, fill)
    monkeypatch.setattr(filled_sheets, "OPENPYXL_CELLS", 0)
    by_calamine = filled(tmp_path, fill)

    assert by_calamine == by_openpyxl
    assert (by_openpyxl.chosen, by_openpyxl.unreadable, by_openpyxl.unknown) == (frozenset({"00123", "x-1"}), 3, 1)
    assert [each.cell for each in by_openpyxl.findings if "#N/A" in each.message] == ["H7"]


@pytest.mark.parametrize(
    "tag", [b"<c ", b'<c t="e" ', b'<c t="e" r="A1" ', b"<mergeCell "], ids=["bare", "error", "address", "merged"]
)
def test_tags_that_never_end_cost_no_more_than_their_bytes(tag: bytes) -> None:
    below = re.compile(filled_sheets.CELL % rb"[A-Z]{1,3}[0-9]{5}")
    started = time.process_time()

    filled_sheets._look_at(iter([b"<x>" + tag * 6_000, tag * 6_000]), below)

    assert time.process_time() - started < 0.5


def test_a_workbook_that_defines_entities_is_none(tmp_path: Path) -> None:
    harmless = b'<!DOCTYPE worksheet [<!ENTITY a "b">]>'
    made = rezipped(
        workbook("Org", ["sourcedId", "sync"], ["124", "Yes"]),
        lambda name, part: harmless + part if name == "xl/worksheets/sheet1.xml" else part,
    )
    (tmp_path / "up.xlsx").write_bytes(made)

    with pytest.raises(Unacceptable, match="isn't an Excel workbook"):
        check_sheet(ORG, tmp_path / "up.xlsx", KNOWN, "g1-s1")


def test_a_zip_with_a_directory_of_thousands_of_parts_is_refused_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "up.xlsx").write_bytes(zipped({f"part{n}": b"" for n in range(6000)}))

    with pytest.raises(Unacceptable, match="isn't an Excel workbook"):
        check_sheet(ORG, tmp_path / "up.xlsx", KNOWN, "g1-s1")
