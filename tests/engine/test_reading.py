"""Both readers give the same table; the line is the one that a spreadsheet shows."""

import csv
import io
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oneroster_engine.duckdb_session import connect
from oneroster_engine.errors import BundleRefused
from oneroster_engine.staging import fast_path, reading
from oneroster_engine.standard.entities import FIELDS, fields_of
from tests.engine.refusals import WHAT_AND_WHAT_TO_DO

FAST = "strict_mode=true"  # stands in the fast reader's relation alone
HEADER = "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId"


def read(folder: Path, content: bytes, patiently: bool = False) -> tuple[list[tuple[Any, ...]], reading.Loaded]:
    path = folder / "orgs.csv"
    path.write_bytes(content)
    with connect() as connection:

        def query(rows: str, absent: Collection[str] = ()) -> str:
            # What can't be made of the fast reader's rows is left to the patient one.
            return f"SELECT *, error('not so fast') AS way FROM {rows}" if patiently and FAST in rows else f"SELECT * FROM {rows}"

        loaded = reading.load(connection, path, FIELDS["orgs"], "raw", query)
        cells = ", ".join(f"nullif(trim({column}), '')" for column in ("sourcedId", "status", "name", "type", "identifier"))
        table = connection.execute(f"SELECT line, {cells} FROM raw ORDER BY line")
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


def test_every_row_of_a_file_of_many_megabytes_has_its_own_line(tmp_path: Path) -> None:
    """Its pieces are read by several threads, and a join gives their rows in the order in which those are done."""
    path, rows = tmp_path / "enrollments.csv", 160_000
    with path.open("w") as out:
        out.write("sourcedId,classSourcedId,schoolSourcedId,userSourcedId,role\n")
        out.writelines(f"{line},{line % 20_000},{'s' * 110},{line % 20_000},student\n" for line in range(2, rows + 2))
    with connect(joins_as_written=True) as connection:
        for target, more in (("users", ""), ("classes", ", NULL AS schoolSourcedId")):
            connection.execute(
                f"CREATE TABLE ids_{target} AS SELECT range AS no, range::VARCHAR AS sourcedId{more} FROM range(20_000)"
            )
        fields = fields_of("enrollments", "1.1")

        reading.load(connection, path, fields, "read_enrollments", fast_path.query("enrollments", fields))

        wrong = connection.execute(
            "SELECT count(*) FROM read_enrollments WHERE line::VARCHAR IS DISTINCT FROM sourcedId"
        ).fetchone()
    assert wrong == (0,)


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
    assert [(messages.rule, messages.line, messages.sourced_id) for messages in loaded.findings] == [
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
    assert {messages.rule for messages in loaded.findings} == {"column-order", "column-ignored"}
    assert any("colour" in messages.message for messages in loaded.findings)


def test_a_missing_required_column_is_refused_with_the_nearest_header(tmp_path: Path) -> None:
    with pytest.raises(BundleRefused, match=r"orgs.csv, line 1: required column `sourcedId` .* nearest is `sourceId`"):
        read(tmp_path, b"sourceId,name,type\n1,A,school\n")


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
    rows = [f"{number:036d},,,School number {number} {'of many ' * 25},school,," for number in range(100_000)]
    rows[75_000] = odd
    rows.insert(87_000, "")
    content = end.join([HEADER, *rows, ""]).encode()
    assert len(content) > 3 * 8_000_000

    read_rows, _ = read(tmp_path, content)

    added = 0 if '"A' in odd else 1
    assert read_rows[74_999][:2] == (75_001, f"{74_999:036d}")
    assert read_rows[-1][:2] == (100_002 + added, f"{99_999:036d}")


def test_a_utf_16_file_cut_in_the_middle_of_a_letter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleRefused, match=WHAT_AND_WHAT_TO_DO):
        read(tmp_path, f"{HEADER}\n1,,,A,school,,\n".encode("utf-16")[:-1])


def names(rows: list[tuple[Any, ...]]) -> list[tuple[int, str, str]]:
    return [(row[0], row[1], row[3]) for row in rows]


PADDING = {
    "rows of separators": "{a}\n,,,,,,\n{b}\n,,,,,,\n",
    "rows of separators of any number": "{a}\n,,\n{b}\n,,,,,,,,,,\n",
    "quoted and blank cells": '{a}\n"","","", ,,,\n{b}\n',
    "blanks": "{a}\n   \n{b}\n",
    "the header again": "{a}\n{header}\n{b}\n",
    "a footer": "{a}\n\n{b}\nTotal rows: 2\n",
    "a footer in two cells": "{a}\n\n{b}\nTotal,2,,,,,\n",
    "a footer of a database": "{a}\n\n{b}\n(2 rows affected)\n",
    "an end marker": "{a}\n\n{b}\n--- END OF FILE ---\n",
    "DOS's end of a file": "{a}\n\n{b}\n\x1a",
}


@pytest.mark.parametrize("form", PADDING.values(), ids=list(PADDING))
def test_padding_is_no_data(tmp_path: Path, form: str) -> None:
    content = form.format(a="1,,,A,school,7,", b="2,,,B,school,7,", header=HEADER)

    rows, loaded = read(tmp_path, f"{HEADER}\n{content}".encode())

    assert names(rows) == [(2, "1", "A"), (4, "2", "B")]
    assert loaded.rows == 2
    assert {messages.severity for messages in loaded.findings} <= {"note"}


def test_what_looks_like_a_footer_and_has_rows_below_is_a_row(tmp_path: Path) -> None:
    _, loaded = read(tmp_path, f"{HEADER}\nTotal,,,,,,\n1,,,A,school,7,\n".encode())

    assert loaded.rows == 2


@pytest.mark.parametrize("cells", ["1,,,A,school", "1,,,A,school,,,,,,", "1,,,A,school,", '1,,,A,school,"","",""'])
def test_empty_cells_missing_or_surplus_at_a_row_s_end_are_padding(tmp_path: Path, cells: str) -> None:
    rows, loaded = read(tmp_path, f"{HEADER}\n{cells}\n2,,,B,school,7,\n".encode())

    assert names(rows) == [(2, "1", "A"), (3, "2", "B")]
    assert loaded.findings == ()


REPAIRED = {
    "a comma in a name": ("1,,,Heron, High,school,7,", "Heron, High"),
    "two commas": ("1,,,Heron, High, East,school,7,", "Heron, High, East"),
    "quotes inside of quotes": ('1,,,"The "New" High",school,7,', 'The "New" High'),
    "quotes and a comma inside of quotes": ('1,,,"The "New", High",school,7,', 'The "New", High'),
    "backslashes": ('1,,,"The \\"New\\" High",school,7,', 'The "New" High'),
    "a blank before the quote": ('1,,, "Heron, High",school,7,', "Heron, High"),
    "a blank after the quote": ('1,,,"Heron, High" ,school,7,', "Heron, High"),
    "the line in one quoted cell": ('"1,,,Heron,school,7,"', "Heron"),
}


@pytest.mark.parametrize(("line", "name"), REPAIRED.values(), ids=list(REPAIRED))
def test_a_row_is_repaired_where_exactly_one_reading_fits_and_both_are_shown(tmp_path: Path, line: str, name: str) -> None:
    rows, loaded = read(tmp_path, f"{HEADER}\n2,,,B,school,7,\n{line}\n3,,,C,school,7,\n".encode())

    assert names(rows) == [(2, "2", "B"), (3, "1", name), (4, "3", "C")]
    assert rows[1][4:] == ("school", "7")
    assert [(messages.rule, messages.severity, messages.line) for messages in loaded.findings] == [("unescaped", "warning", 3)]


LEFT_OUT = {
    "a comma that may stand anywhere": "1,,,A,school,7,8,9",
    "too few cells": "1,,,A",
    "a quote that is opened and not closed": '1,,,"A,school,7,',
    "a quote that a later row closes": '1,,,"A,school,7,\n2,,,"B",school,7,',
}


@pytest.mark.parametrize("line", LEFT_OUT.values(), ids=list(LEFT_OUT))
def test_a_row_that_no_reading_fits_alone_is_left_out_and_no_other(tmp_path: Path, line: str) -> None:
    content = line if "\n" in line else f"{line}\n2,,,B,school,7,"

    rows, loaded = read(tmp_path, f"{HEADER}\n{content}\n3,,,C,school,7,\n".encode())

    assert names(rows) == [(3, "2", "B"), (4, "3", "C")]
    assert [(messages.severity, messages.line, messages.sourced_id) for messages in loaded.findings] == [("error", 2, "1")]
    assert loaded.whole == ('"' not in line)


def test_a_row_to_be_deleted_may_lack_whatever_else(tmp_path: Path) -> None:
    rows, loaded = read(tmp_path, f"{HEADER}\n1,tobedeleted\n2,tobedeleted,,,,,,,\n".encode())

    assert [row[:3] for row in rows] == [(2, "1", "tobedeleted"), (3, "2", "tobedeleted")]
    assert loaded.findings == ()


def test_a_file_that_ends_in_the_middle_of_a_row_is_not_whole(tmp_path: Path) -> None:
    rows, loaded = read(tmp_path, f"{HEADER}\n1,,,A,school,7,\n2,,,B,school".encode())

    assert names(rows) == [(2, "1", "A")]
    assert not loaded.whole
    assert loaded.findings[0].severity == "error"


def test_a_line_above_the_header_is_named_and_the_header_found(tmp_path: Path) -> None:
    rows, loaded = read(tmp_path, f"Heron District,,\n\n{HEADER}\n1,,,A,school,7,\n".encode())

    assert names(rows) == [(4, "1", "A")]
    assert "the header was found in line 3" in loaded.findings[0].message


def test_lines_that_are_one_quoted_cell_each_are_read_as_the_lines_they_hold(tmp_path: Path) -> None:
    lines = [HEADER, '1,,,""Heron, High"",school,7,', "2,,,B,school,7,"]

    rows, loaded = read(tmp_path, "\n".join(f'"{line}"' for line in [*lines, ""][:3]).encode())

    assert names(rows) == [(2, "1", "Heron, High"), (3, "2", "B")]
    assert [messages.severity for messages in loaded.findings] == ["note"]


def test_columns_without_a_name_or_twice_that_nobody_reads_are_padding(tmp_path: Path) -> None:
    rows, loaded = read(tmp_path, f"{HEADER},,password,password,\n1,,,A,school,7,,,x,y,\n2,,,B,school,7\n".encode())

    assert names(rows) == [(2, "1", "A"), (3, "2", "B")]
    assert loaded.findings == ()


def test_the_nearest_column_is_never_one_that_is_read_already(tmp_path: Path) -> None:
    with pytest.raises(BundleRefused, match=r"required column `type` is missing\. Correct"):
        read(tmp_path, b"sourcedId,name,identifier\n1,A,7\n")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"PK\x03\x04\x14\x00", "an Office file such as an Excel workbook"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "a web page"),
        (b'{"orgs": []}', "JSON"),
        (b"%PDF-1.7", "a PDF"),
        (b"1,,,A,school,7,\n2,,,B,school,7,\n", "the line is no header but data, a title or another file's text"),
        (b"See attached.\n", "the line is `See attached.`"),
    ],
    ids=["workbook", "web page", "JSON", "PDF", "no header", "words"],
)
def test_what_came_instead_of_a_csv_is_named(tmp_path: Path, content: bytes, kind: str) -> None:
    with pytest.raises(BundleRefused, match=kind):
        read(tmp_path, content)


def test_single_bytes_of_another_encoding_are_named_and_other_rows_keep_their_letters(tmp_path: Path) -> None:
    content = f"{HEADER}\n1,,,École,school,7,\n".encode() + b"2,,,Ren\xe9,school,7,\n" + "3,,,Zoë,school,7,\n".encode()

    rows, loaded = read(tmp_path, content)

    assert names(rows) == [(2, "1", "École"), (3, "2", "René"), (4, "3", "Zoë")]
    assert [(messages.rule, messages.line) for messages in loaded.findings] == [("encoding", 3)]
    assert "byte E9 is not UTF-8; it was read as `é`" in loaded.findings[0].message


ENCODINGS = {
    "cp1252": ["Zoë", "José Muñoz", "François Lévêque", "Jürgen Müller"],
    "mac_roman": ["Zoë Béranger", "José Muñoz", "François Lévêque"],
    "cp1250": ["Łukasz Wójcik", "Žofie Dvořáková", "Špela Kovačič"],
    "cp932": ["太郎山田", "花子鈴木"],
    "gb18030": ["王伟", "李娜芳"],
    "cp1251": ["Иван Петров", "Ольга Смирнова"],
}


@pytest.mark.parametrize("encoding", list(ENCODINGS))
def test_an_encoding_is_told_by_the_rows_of_the_file(tmp_path: Path, encoding: str) -> None:
    lines = [f"{at},,,{name},school,7," for at, name in enumerate(ENCODINGS[encoding])]

    rows, loaded = read(tmp_path, "\n".join([HEADER, *lines, ""]).encode(encoding))

    assert [row[3] for row in rows] == ENCODINGS[encoding]
    assert [(messages.rule, messages.severity, messages.line) for messages in loaded.findings] == [("encoding", "warning", None)]


@pytest.mark.parametrize("patiently", [False, True])
def test_text_that_was_garbled_before_it_came_is_named_with_its_line(tmp_path: Path, patiently: bool) -> None:
    named = ["RenÃ©", "Zo\ufffd", "Jos\u017d", "Garc\xa1a", "Mu\xa4oz", "Ren\u201a", "Jos+AOk-"]
    fine = ["JOÃO ÅNGSTRÖM", "\u017di\u017eka", "De\u017dman", "ann+Amy", "Vale\u2122", "5\xa3"]
    content = "\n".join([HEADER, *(f"{at},,,{name},school,7," for at, name in enumerate([*named, *fine])), ""]).encode()

    rows, loaded = read(tmp_path, content, patiently)

    assert [row[3] for row in rows] == [*named, *fine]
    assert [(messages.rule, messages.line) for messages in loaded.findings] == [("garbled", 2 + at) for at, _ in enumerate(named)]
    assert [message.message.split("` ")[1].split(";")[0] for message in loaded.findings] == [
        "should be `é`", "stands where a letter is lost", *(f"should be `{letter}`" for letter in "éíñéé")
    ]  # fmt: skip


def test_two_byte_order_marks_are_no_part_of_the_first_column(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, b"\xef\xbb\xbf\xef\xbb\xbf" + f"{HEADER}\n1,,,A,school,7,\n".encode())

    assert names(rows) == [(2, "1", "A")]


def test_a_nul_is_left_out_and_told_by_whatever_reader(tmp_path: Path) -> None:
    rows, loaded = read(tmp_path, f"{HEADER}\n1,,,A\0B,school,7,\n".encode())

    assert names(rows) == [(2, "1", "AB")]
    assert [(messages.rule, messages.line) for messages in loaded.findings] == [("garbled", 2)]


@pytest.mark.parametrize("content", ["1,,,A,school,7,", '1,,,"A, B",school,7,', '"1","","","A","school","7",""'])
def test_a_well_formed_file_takes_the_fast_reader(tmp_path: Path, content: str) -> None:
    path = tmp_path / "orgs.csv"
    path.write_bytes("\r\n".join([HEADER, content, content, ""]).encode())
    with connect() as connection:
        relations: list[str] = []

        def query(rows: str, absent: Collection[str] = ()) -> str:
            relations.append(rows)
            return f"SELECT * FROM {rows}"

        reading.load(connection, path, FIELDS["orgs"], "raw", query)
        assert [FAST in rows for rows in relations] == [True]


IN_1_1 = ("sourcedId", "status", "dateLastModified", *(each.name for each in fields_of("users", "1.1")))
PERSON = {"sourcedId": "1", "enabledUser": "true", "orgSourcedIds": "n", "role": "student", "username": "a", "givenName": "Al",
          "familyName": "Lee"}  # fmt: skip


@pytest.mark.parametrize(
    ("more", "is_suspect"),
    [({}, False), ({"grades": "09"}, False), ({"grades": "[09]"}, True), ({"sms": "a@ex.test"}, True), ({"email": "a"}, True),
     ({"middleName": " "}, False), ({"orgSourcedIds": ""}, True), ({"enabledUser": ""}, False)],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_a_small_file_s_empty_columns_are_read_as_those_that_are_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, str], is_suspect: bool, quoting: Any
) -> None:
    with (path := tmp_path / "users.csv").open("w", newline="") as out:
        writer = csv.writer(out, quoting=quoting)
        writer.writerows(
            [IN_1_1, *[[row.get(name, "") for name in IN_1_1] for row in ({**PERSON, **more}, {**PERSON, "sourcedId": "2"})]]
        )
    fields = fields_of("users", "1.1")

    def table() -> list[tuple[Any, ...]]:
        with connect() as connection:
            connection.execute("CREATE TABLE ids_orgs AS SELECT 1 AS no, 'n' AS sourcedId, 'school' AS type")
            reading.load(connection, path, fields, "read_users", fast_path.query("users", fields))
            return connection.execute("SELECT * FROM read_users ORDER BY line").fetchall()

    read = table()
    monkeypatch.setattr(reading, "_blank_columns", lambda head, places: frozenset())

    assert read == table()
    assert [row[-1] is not None for row in read] == [is_suspect, False]


USERS = "sourcedId,status,orgSourcedIds,role,username,givenName,familyName,identifier,email,phone,agentSourcedIds,grades,password"


def read_users(folder: Path, *rows: str, encoding: str = "utf-8") -> tuple[list[tuple[Any, ...]], list[str]]:
    """What is read of users.csv, and what is said of it. Bytes that are no UTF-8 stand as \\x.. in a row."""
    path = folder / "users.csv"
    path.write_bytes("\n".join([USERS, *rows, ""]).encode(encoding, "surrogateescape"))
    with connect() as connection:
        loaded = reading.load(connection, path, fields_of("users", "1.1"), "raw", lambda rows, absent=(): f"SELECT * FROM {rows}")
        names = "sourcedId, givenName, familyName, email, phone, grades"
        rows_ = connection.execute(f"SELECT {names} FROM raw ORDER BY sourcedId").fetchall()
    return rows_, [messages.message for messages in loaded.findings if messages.severity != "note"]


OTHERS = ("2,,n,student,b,Bo,Vale,72,b@ex.test,555-0102,,09,", "3,,n,student,c,Cy,Day,73,c@ex.test,555-0103,,10,")


@pytest.mark.parametrize(
    ("row", "email", "phone", "grades", "says"),
    [
        pytest.param("1,,n,student,a,Al,Lee,71,a@ex.test,555-0101, 0102,,09,", "a@ex.test", "555-0101, 0102", "09",
                     "read as phone `555-0101, 0102`", id="in a telephone"),
        pytest.param("1,,n,student,a,Al,Lee,71,a@ex.test,555-0101,,09,10,", "a@ex.test", "555-0101", "09,10",
                     "read as grades `09,10`", id="in grades, whose second part falls on the password"),
        pytest.param("1,,n,student,a,Al, J.,Lee,71,,555-0101,,09,", None, None, None, "more than one way",
                     id="in a name, beside no e-mail"),
        pytest.param("1,,n,student,a,Al,Lee,71,a@ex.test,555-0101,,09,,", "a@ex.test", "555-0101", "09", "", id="nowhere"),
    ],
)  # fmt: skip
def test_a_row_with_a_cell_more_than_the_others_is_looked_at_for_a_comma(
    tmp_path: Path, row: str, email: str | None, phone: str | None, grades: str | None, says: str
) -> None:
    rows, messages = read_users(tmp_path, row, *OTHERS)

    assert [one[3:] for one in rows if one[0] == "1"] == ([(email, phone, grades)] if email else [])
    assert len(messages) == bool(says)
    assert all(says in message and "line 2" in message for message in messages)


def test_one_bad_byte_in_a_row_leaves_its_other_letters_as_they_are(tmp_path: Path) -> None:
    rows, messages = read_users(tmp_path, "1,,n,student,a,Ren\udce9,B\u00e9ranger,71,a@ex.test,,,,", *OTHERS)

    assert rows[0][1:3] == ("René", "Béranger")
    assert len(messages) == 1
    assert "line 2: byte E9 is not UTF-8" in messages[0]


def test_a_row_that_makes_no_sense_in_any_encoding_costs_no_other_row_its_place(tmp_path: Path) -> None:
    others = [OTHERS[0].replace("2,", f"{at},", 1) for at in range(100, 300)]

    rows, messages = read_users(tmp_path, "1,,n,student,a,Al\udc81,Lee,71,a@ex.test,,,,", *others)

    assert len(rows) == 201
    assert len(messages) == 1
    assert "line 2: byte 81 is not UTF-8" in messages[0]


def test_a_row_of_halved_characters_is_read_as_what_they_were(tmp_path: Path) -> None:
    halves = b"\xed\xa0\xbd\xed\xb8\x80".decode("utf-8", "surrogateescape")

    rows, messages = read_users(tmp_path, f"1,,n,student,a,{halves},Lee,71,a@ex.test,,,,", *OTHERS)

    assert rows[0][1] == "\U0001f600"
    assert "CESU-8" in messages[0]


NAMES_OF = {
    "iso8859_15": ("Zoë", "Žižek", "Œuvre"), "iso8859_2": ("Jiří", "Dvořák", "Šťastná"), "koi8_r": ("Иван", "Петров", "Анна"),
    "cp437": ("René", "Muñoz", "Jürgen"), "cp852": ("Jiří", "Dvořák", "Šťastná"), "iso2022_jp": ("太郎", "山田", "花子"),
}  # fmt: skip


@pytest.mark.parametrize("codec", NAMES_OF)
def test_names_in_an_old_encoding_are_read_in_the_only_one_that_makes_sense_of_them(tmp_path: Path, codec: str) -> None:
    given, family, other = NAMES_OF[codec]
    row = f"1,,n,student,a,{given},{family},71,a@ex.test,,,,"

    rows, messages = read_users(tmp_path, row, row.replace("1,", "4,", 1).replace(given, other), *OTHERS, encoding=codec)

    assert (rows[0][1:3], rows[3][1:3]) == ((given, family), (other, family))
    assert len(messages) == (codec != "iso2022_jp")


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("Ren√©", "é"),
        ("Иван".encode().decode("cp1252"), "Иван"),
        ("Ren&eacute;", "é"),
        ("O&#39;Neil", "'"),
        ("O&rsquo;Neil", "\u2019"),
        ("Ann%20Lee", " "),
        ("Off 20%20", ""),
        ("Muñoz & Söhne", ""),
    ],
    ids=[
        "MacRoman",
        "Cyrillic",
        "a web page",
        "an apostrophe of a web page",
        "a printer's one",
        "a blank of an address",
        "a share",
        "an ampersand",
    ],
)
def test_a_name_that_was_garbled_before_it_came_is_named_with_what_it_was(tmp_path: Path, sent: str, meant: str) -> None:
    rows, messages = read_users(tmp_path, f"1,,n,student,a,{sent},Lee,71,a@ex.test,,,,", *OTHERS)

    assert rows[0][1] == sent
    assert [f"should be `{meant}`" in each and "line 2" in each for each in messages] == ([True] if meant else [])


def test_a_password_is_never_said_to_be_garbled(tmp_path: Path) -> None:
    _, messages = read_users(tmp_path, "1,,n,student,a,Al,Lee,71,a@ex.test,,,,pass&eacute;Ã©word", *OTHERS)

    assert messages == []


ROWS = [
    "north,active,,North,school,,",
    "south,active,,South,school,,",
    *(f"s{number},active,,School,school,," for number in range(5)),
]


@pytest.mark.parametrize(
    ("row", "at", "is_fast"),
    [
        pytest.param(",active,,Without an id,school,,", 1, True, id="a row without an id"),
        pytest.param(",FALSE,,,FALSE,,", 1, False, id="boxes that nobody ticked"),
        pytest.param(",,,,,,", 1, False, id="an empty row"),
        pytest.param(",active,,Without an id,school,,", 7, False, id="a last row without an id, which may be a footer"),
    ],
)
def test_a_row_without_an_id_does_not_make_a_file_slow_to_read(tmp_path: Path, row: str, at: int, is_fast: bool) -> None:
    path = tmp_path / "orgs.csv"
    path.write_text("\n".join([HEADER, *ROWS[:at], row, *ROWS[at:]]) + "\n")
    relations: list[str] = []

    def query(rows: str, absent: Collection[str] = ()) -> str:
        relations.append(rows)
        return f"SELECT * FROM {rows}"

    with connect() as connection:
        reading.load(connection, path, FIELDS["orgs"], "raw", query)

    assert (FAST in relations[-1]) is is_fast
