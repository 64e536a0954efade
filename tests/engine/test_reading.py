"""Both readers give the same table; the line is the one that a spreadsheet shows."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oneroster_engine.duckdb_session import connect
from oneroster_engine.errors import BundleRefused
from oneroster_engine.staging import reading
from oneroster_engine.standard.entities import FIELDS
from tests.engine.refusals import WHAT_AND_WHAT_TO_DO

HEADER = "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId"


def read(folder: Path, content: bytes, patiently: bool = False) -> tuple[list[tuple[Any, ...]], reading.Loaded]:
    path = folder / "orgs.csv"
    path.write_bytes(content)
    # A lane that can't be made of the fast reader's rows leaves them to the patient one.
    refuse_fast = "error('not so fast')" if patiently else "NULL"
    with connect(path) as connection:

        def lane(rows: str) -> str:
            return f"SELECT *, CASE WHEN line IS NULL THEN {refuse_fast} END AS way FROM {rows}"

        loaded = reading.load(connection, path, FIELDS["orgs"], "raw", lane)
        cells = ", ".join(f"nullif(trim({column}), '')" for column in ("sourcedId", "status", "name", "type", "identifier"))
        table = connection.execute(f"SELECT coalesce(line, rowid + 2) AS line, {cells} FROM raw ORDER BY line")
        return table.fetchall(), loaded


cells = st.text(st.sampled_from("ab01 ,\"\n\r;é\t'\\#"), max_size=6)


@given(st.lists(st.lists(cells, min_size=7, max_size=7), max_size=6), st.sampled_from(["\n", "\r\n"]), st.booleans())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_fast_reader_reads_what_the_patient_one_reads(
    tmp_path: Path, rows: list[list[str]], end: str, quote_all: bool
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL)
    writer.writerows([HEADER.split(","), *rows])
    content = out.getvalue().encode()

    assert read(tmp_path, content)[0] == read(tmp_path, content, patiently=True)[0]


@given(st.text(st.sampled_from('ab,"\n\r x'), max_size=40))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_text_that_is_hardly_csv_is_read_alike_by_both_or_refused_in_a_sentence(tmp_path: Path, body: str) -> None:
    content = f"{HEADER}\n{body}".encode()
    try:
        patient, _ = read(tmp_path, content, patiently=True)
    except BundleRefused:
        with pytest.raises(BundleRefused, match=WHAT_AND_WHAT_TO_DO):
            read(tmp_path, content)
        return

    assert read(tmp_path, content)[0] == patient


def test_a_row_keeps_the_line_of_the_spreadsheet_past_blank_lines_and_broken_cells(tmp_path: Path) -> None:
    rows, loaded = read(tmp_path, (HEADER + '\n1,,,A,school,,\n\n2,,,"B\nC",school,,\n3,,,short\n4,,,D,school,,\n').encode())

    assert [(row[0], row[1], row[3]) for row in rows] == [(2, "1", "A"), (4, "2", "B C"), (6, "4", "D")]
    assert loaded.rows == 4
    assert [(found.rule, found.line, found.sourced_id) for found in loaded.findings] == [
        ("line-break", 4, "2"),
        ("width", 5, "3"),
    ]


@pytest.mark.parametrize(
    ("encoding", "separator", "end"),
    [
        ("utf-8-sig", ",", "\n"),
        ("utf-16", "\t", "\r\n"),
        ("cp1252", ";", "\n"),
        ("utf-8", ",", "\r"),
        ("utf-8", "\t", "\n"),
    ],
)
def test_a_file_is_read_whatever_its_encoding_separator_and_line_end(
    tmp_path: Path, encoding: str, separator: str, end: str
) -> None:
    text = end.join([HEADER.replace(",", separator), separator.join(["0012", "", "", "École", "school", "7", ""]), ""])

    rows, _ = read(tmp_path, text.encode(encoding))

    assert rows == [(2, "0012", None, "École", "school", "7")]


def test_columns_are_found_in_any_order_and_case_and_extra_ones_are_named(tmp_path: Path) -> None:
    content = b"TYPE, Name ,colour,SOURCEDID\nschool,A,red,001\n"

    rows, loaded = read(tmp_path, content)

    assert rows == [(2, "001", None, "A", "school", None)]
    assert {found.rule for found in loaded.findings} == {"column-order", "column-ignored"}
    assert any("colour" in found.message for found in loaded.findings)


def test_a_missing_required_column_is_refused_with_the_nearest_header(tmp_path: Path) -> None:
    with pytest.raises(BundleRefused, match=r"orgs.csv, line 1: required column `sourcedId` .* nearest is `sourced_id`"):
        read(tmp_path, b"sourced_id,name,type\n1,A,school\n")


def test_a_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleRefused, match="column `Name` stands there twice"):
        read(tmp_path, b"sourcedId,name,Name,type\n1,A,B,school\n")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleRefused, match="neither UTF-8 nor Windows-1252"):
        read(tmp_path, HEADER.encode() + b"\n1,,,\x81\xff,school,,\n")


@pytest.mark.parametrize("odd", ["\u2028", "\x0b", "\x85"])
@pytest.mark.parametrize("end", ["\n", "\r"])
def test_only_line_ends_end_a_line_whatever_else_python_takes_for_one(tmp_path: Path, odd: str, end: str) -> None:
    content = end.join([HEADER, f"1,,,A{odd}B,school,,", "", "2,,,C,school,,", ""]).encode()

    rows, loaded = read(tmp_path, content)

    assert [(row[0], row[1], row[3]) for row in rows] == [(2, "1", f"A{odd}B"), (4, "2", "C")]
    assert loaded.findings == ()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("odd", ["8,,,A,school,,\r9,,,B,school,,", '8,,,"A\rB",school,,', '"8",,,A,school,,\r9,,,B,school,,'])
def test_a_lone_carriage_return_far_down_in_a_large_file_shifts_no_line(tmp_path: Path, odd: str, end: str) -> None:
    """A blank line makes up for the row that it adds, so that their number alone tells nothing."""
    rows = [f"{number:036d},,,School number {number},school,," for number in range(400_000)]
    rows[300_000] = odd
    rows.insert(350_000, "")
    content = end.join([HEADER, *rows, ""]).encode()
    assert len(content) > 3 * 8_000_000

    read_rows, _ = read(tmp_path, content)

    added = 0 if '"A' in odd else 1
    assert read_rows[299_999][:2] == (300_001, f"{299_999:036d}")
    assert read_rows[-1][:2] == (400_002 + added, f"{399_999:036d}")


def test_a_utf_16_file_cut_in_the_middle_of_a_letter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleRefused, match=WHAT_AND_WHAT_TO_DO):
        read(tmp_path, f"{HEADER}\n1,,,A,school,,\n".encode("utf-16")[:-1])
