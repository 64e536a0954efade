"""The workbooks say what their filler meant, and what they can't tell they name by cell."""

import io
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.styles import PatternFill

from chalicelib.errors import Unacceptable
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
        (("12345678901234567", "12345678901234568"), 12345678901234567.0, "rounded it"),
        (("0123", "00123"), 123, "several rows of the list fit"),
        (("0123",), 124, "No row of the list"),
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

    with pytest.raises(Unacceptable, match="Cell XFD1048576 is far right of the list"):
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
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as whole, zipfile.ZipFile(out, "w") as packed:
        for name in whole.namelist():
            packed.writestr(name, change(name, whole.read(name)))
    return out.getvalue()


def cut_in_the_middle(name: str, part: bytes) -> bytes:
    return part[: len(part) // 2] if name == "xl/worksheets/sheet1.xml" else part


def some_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("a.txt", "no workbook")
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"sourcedId,name\n", "read as CSV, lacks the column sync"),
        (b"\x7fELF\x00\x01", "and no CSV"),
        (some_zip(), "no Excel workbook"),
        (workbook("Org", ["sourcedId", "sync"])[:-40], "no Excel workbook"),
        (rezipped(workbook("Org", ["sourcedId", "sync"], *[["124", "Yes"]] * 3000), cut_in_the_middle), "a damaged one"),
        (rezipped(workbook("Org", ["sourcedId", "sync"]), lambda name, part: part.replace(b"<", b"&", 3)), "a damaged one"),
        (workbook("Sheet1", ["sourcedId", "sync"]), "has no sheet `Org`"),
        (workbook("Org", ["sourcedId", "name"]), "lacks the column sync"),
    ],
)
def test_what_is_no_such_workbook_is_refused_in_a_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "up.xlsx").write_bytes(content)

    with pytest.raises(Unacceptable, match=said):
        check_sheet(ORG, tmp_path / "up.xlsx", KNOWN, "g1-s1")


def test_lists_of_a_class_are_written_with_commas(tmp_path: Path) -> None:
    row = dict.fromkeys(CLASSES.columns, "x") | {"sourcedId": "c1", "grades": ["09", "10"], "subjects": [], "users": 2}

    write_sheet(CLASSES, [row], tmp_path / "Classes.xlsx", "g1-s1", NOW)

    page = openpyxl.load_workbook(tmp_path / "Classes.xlsx")["Classes"]
    assert page["F2"].value == "09, 10"


@given(st.integers(0, 12), st.integers(0, 4000), st.binary(max_size=6), st.booleans())
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
