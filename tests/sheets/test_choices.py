"""The workbooks say what their filler meant, and what they can't tell they name by cell."""

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

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


def filled(tmp_path: Path, change: Callable[[Any], None] = lambda page: None, sync_id: str = "s1") -> Checked:
    """Download, change the page as a person would, save, check."""
    path = tmp_path / "Org.xlsx"
    write_sheet(ORG, KNOWN.values(), path, sync_id, NOW)
    book = openpyxl.load_workbook(path)
    change(book["Org"])
    book.save(path)
    return check_sheet(ORG, path, KNOWN, "s1")


def test_ids_and_names_are_text_whatever_they_look_like(tmp_path: Path) -> None:
    write_sheet(ORG, KNOWN.values(), tmp_path / "Org.xlsx", "s1", NOW)

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

    checked = filled(tmp_path, fill, sync_id="s0")

    assert checked.usable
    assert "another sync" in checked.message


def workbook(sheet: str, *rows: list[object]) -> bytes:
    book = openpyxl.Workbook()
    book.worksheets[0].title = sheet
    for row in rows:
        book.worksheets[0].append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def some_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("a.txt", "no workbook")
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"sourcedId,sync\n", "no Excel workbook"),
        (some_zip(), "no Excel workbook"),
        (workbook("Sheet1", ["sourcedId", "sync"]), "has no sheet `Org`"),
        (workbook("Org", ["sourcedId", "name"]), "lacks the column sync"),
    ],
)
def test_what_is_no_such_workbook_is_refused_in_a_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "up.xlsx").write_bytes(content)

    with pytest.raises(Unacceptable, match=said):
        check_sheet(ORG, tmp_path / "up.xlsx", KNOWN, "s1")


def test_lists_of_a_class_are_written_with_commas(tmp_path: Path) -> None:
    row = dict.fromkeys(CLASSES.columns, "x") | {"sourcedId": "c1", "grades": ["09", "10"], "subjects": [], "users": 2}

    write_sheet(CLASSES, [row], tmp_path / "Classes.xlsx", "s1", NOW)

    page = openpyxl.load_workbook(tmp_path / "Classes.xlsx")["Classes"]
    assert page["F2"].value == "09, 10"
