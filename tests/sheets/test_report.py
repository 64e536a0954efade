"""The log of a sync: the workbook's figures add up, and the CSVs beside it hold every row."""

import csv
import gzip
import io
import shutil
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from chalicelib.sheets import cells, report
from chalicelib.sheets.report import ReportFile, ReportHeader, write_report
from oneroster_engine.inspecting import trace
from oneroster_engine.planning.plan import plan_changes
from oneroster_engine.planning.policy import Policy
from oneroster_engine.selecting.selection import EVERYTHING, Selection
from oneroster_engine.staging.stage import stage_bundle
from tests.engine.districts import Rows, class_, enrollment, org, small, user, write_bundle
from tests.engine.test_plan import Platform

NOW = datetime(2026, 9, 1, 6, tzinfo=UTC)


HEADER = ReportHeader("=Riverside", "s1", "full", "Ann Admin", NOW, NOW, "Succeeded.")


def reported(room: Path, selection: Selection = EVERYTHING, **files: Rows) -> list[ReportFile]:
    stage_bundle(write_bundle(room / "bundle", "1.1", **small(**files)), room / "stage")
    plan_changes(room / "stage", selection, None, room / "plan", Policy(sync_id="s1", now=NOW))
    return write_report(room, room / "report", HEADER, selection)


def sheet(room: Path, name: str) -> list[tuple[Any, ...]]:
    return list(openpyxl.load_workbook(room / "report" / "report.xlsx")[name].iter_rows(values_only=True))


def table(room: Path, name: str) -> list[dict[str, str]]:
    text = gzip.decompress((room / "report" / f"{name}.csv.gz").read_bytes()).decode()
    assert text.startswith("\ufeff")  # by which Excel knows UTF-8
    assert text.count("\n") == text.count("\r\n") > 0
    text = text.removeprefix("\ufeff")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_what_was_read_is_kept_or_left_out_and_every_kept_row_has_an_outcome(tmp_path: Path) -> None:
    reported(tmp_path, users=[user(), user("bob"), user("cy", role="wizard")])

    head, *rows = sheet(tmp_path, "Summary")
    entities = [dict(zip(head, row, strict=True)) for row in rows[:6]]

    assert [row[""] if "" in row else row[None] for row in entities] == [
        "orgs", "academicSessions", "courses", "classes", "users", "enrollments",
    ]  # fmt: skip
    assert all(row["Rows read"] == row["Kept"] + row["Left out"] for row in entities)
    users = entities[4]
    assert (users["Rows read"], users["Left out"], users["Selected"], users["Created"]) == (3, 1, 2, 2)
    assert ("Group", "=Riverside") in {row[:2] for row in rows}
    book = openpyxl.load_workbook(tmp_path / "report" / "report.xlsx")
    assert all(page.auto_filter.ref.startswith("A1:") for page in book if page.title != "Summary"), "each list can be filtered"


def test_schools_are_counted_one_by_one(tmp_path: Path) -> None:
    reported(tmp_path, orgs=[org(), org("south")], users=[user(), user("bob", orgSourcedIds="south")])

    created = {(row[1], row[2]): row[3] for row in sheet(tmp_path, "Schools")[1:]}

    assert created[("north", "users")] == created[("south", "users")] == 1
    assert ("south", "classes") not in created


def test_a_school_that_is_left_out_is_one_line_that_says_how_many_rows_it_explains(tmp_path: Path) -> None:
    reported(
        tmp_path,
        orgs=[org(), org("gone", name="")],
        classes=[class_(), class_("c2", schoolSourcedId="gone")],
        enrollments=[enrollment(), *(enrollment(f"x{n}", classSourcedId="c2") for n in range(5))],
    )

    head, worst, *_ = sheet(tmp_path, "Problems")
    line = dict(zip(head, worst, strict=True))

    assert (line["Severity"], line["Explains rows"], line["File"], line["sourcedId"]) == ("error", 7, "orgs.csv", "gone")
    assert line["How to fix"]
    assert len([row for row in table(tmp_path, "problems") if row["severity"] == "error"]) == 7


def test_no_text_becomes_a_formula_in_the_workbook_or_in_a_csv(tmp_path: Path) -> None:
    reported(tmp_path, classes=[class_(title="=HYPERLINK(1)")], users=[user("-1", givenName="@Ann", familyName="Ünal")],
             enrollments=[enrollment(userSourcedId="-1")])  # fmt: skip

    kinds = {
        cell.data_type
        for page in openpyxl.load_workbook(tmp_path / "report" / "report.xlsx").worksheets
        for row in page.iter_rows()
        for cell in row
    }
    changes = {(row["entity"], row["sourcedId"]): row for row in table(tmp_path, "changes")}

    assert "f" not in kinds
    assert changes[("classes", "math-1")]["name"] == "'=HYPERLINK(1)"
    assert changes[("users", "'-1")]["name"] == "'@Ann Ünal"
    assert not [value for row in changes.values() for value in row.values() if value[:1] in ("=", "+", "-", "@")]


def test_a_sheet_that_is_full_says_where_the_other_rows_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MOST_ROWS", 10)
    reported(tmp_path, users=[user(f"u{n}", role="student" if n else "wizard") for n in range(25)], enrollments=[
        enrollment(userSourcedId="u1")])  # fmt: skip

    rows = sheet(tmp_path, "Changes")
    changes = table(tmp_path, "changes")

    assert len(rows) == 1 + 10 + 1
    assert rows[-1][0] == f"{len(changes) - 10} more rows are in changes.csv.gz."
    assert len(changes) == duckdb.read_parquet(str(tmp_path / "plan" / "changes.parquet")).shape[0]


def test_the_files_are_listed_with_the_size_they_have(tmp_path: Path) -> None:
    files = reported(tmp_path)

    assert {each.name: each.size_bytes for each in files} == {
        path.name: path.stat().st_size for path in (tmp_path / "report").iterdir()
    }
    assert [row["rule"] for row in table(tmp_path, "problems")] == ["manifest-absent"]
    assert list(table(tmp_path, "changes")[0]) == [*report.CHANGES, "before", "after"]


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed here")
def test_libreoffice_opens_the_report_with_every_sheet(tmp_path: Path) -> None:
    reported(tmp_path, users=[user(), user("cy", role="wizard")])
    soffice = ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--convert-to", "ods"]
    saved = tmp_path / "saved"

    subprocess.run([*soffice, "--outdir", str(saved), str(tmp_path / "report" / "report.xlsx")], check=True, timeout=120)

    content = zipfile.ZipFile(saved / "report.ods").read("content.xml").decode()
    assert [f'table:name="{name}"' in content for name in ("Summary", "Schools", "Problems", "Changes")] == [True] * 4
    assert "role is none of" in content


def test_everybody_in_the_source_is_listed_by_line_with_why_they_are_selected_or_are_not(tmp_path: Path) -> None:
    people = [user(), user("idle"), user("far", orgSourcedIds="south"), user("cy", role="wizard"), user("ann"), user("=x")]
    reported(tmp_path, Selection(orgs=frozenset({"north"})), orgs=[org(), org("south")], users=people)

    rows = table(tmp_path, "people")

    assert [(row["line"], row["sourcedId"], row["selected"]) for row in rows] == [
        ("2", "ann", "yes"), ("3", "idle", "no"), ("4", "far", "no"), ("5", "cy", "left out"), ("6", "ann", "left out"),
        ("7", "'=x", "no"),
    ]  # fmt: skip
    assert [row["reason"] for row in rows[:3]] == [trace.REASONS[key] for key in ("member", "other-members", "school")]
    assert rows[3]["reason"].startswith("users.csv, line 5: role is none of")
    assert "identical row" in rows[4]["reason"]
    assert list(rows[0]) == list(report.PEOPLE)


def test_removals_that_were_not_approved_are_listed_as_kept_and_as_nothing_else(tmp_path: Path) -> None:
    platform = Platform(tmp_path)
    platform.sync(small(users=[user(), user("bob")]))
    platform.sync(small(users=[user(givenName="Anna")]))

    write_report(platform.room, platform.room / "report", HEADER, EVERYTHING, with_removals=False)

    head, *rows = sheet(platform.room, "Summary")
    users = dict(zip(head, rows[4], strict=True))
    assert (users["Updated"], users["Deactivated"]) == (1, 0)
    assert ("Note", "Approved without removals. Not done: 1 planned removal; see the sheet Kept.") in {r[:2] for r in rows}
    assert {row[3] for row in sheet(platform.room, "Changes")[1:]} == {"update"}
    assert {row["action"] for row in table(platform.room, "changes")} == {"update"}
    kept = [(row["entity"], row["sourcedId"], row["kept"], row["inTheSource"]) for row in table(platform.room, "kept")]
    assert kept == [("users", "bob", "the record", "left the source")]
    deactivated = sheet(platform.room, "Schools")[0].index("Deactivated")
    assert {row[deactivated] for row in sheet(platform.room, "Schools")[1:]} == {0}


@pytest.mark.parametrize("letter", ["x", "\N{SNOWMAN}", "\N{GRINNING FACE}"])
def test_a_text_is_cut_where_excel_ends_a_cell(letter: str) -> None:
    cut = cells.clean(letter * 40_000)

    assert 32_765 < len(cut.encode("utf-16-le")) / 2 <= 32_767
    assert set(cut) == {letter}


def test_what_an_approval_without_removals_spared_is_named_and_not_listed_as_done(tmp_path: Path) -> None:
    platform, gil = Platform(tmp_path), user("gil", role="guardian")
    platform.sync(small(users=[user(agentSourcedIds="gil"), gil]))
    platform.sync(small(users=[user(phone="555"), gil]), removals=False)

    write_report(platform.room, platform.room / "report", HEADER, with_removals=False)

    notes = {row[1] for row in sheet(platform.room, "Summary") if row[0] == "Note"}
    assert "Spared, since the plan was approved without removals: 1 guardians and primary teachers." in notes
    (row,) = table(platform.room, "changes")
    assert (row["fields"], "gil" in row["after"]) == ("phone", True)
    kept = ("users", "ann", "G F", "north", "a guardian or primary teacher", "agentSourcedIds", '["gil"]', "[]")
    assert [tuple(row.values()) for row in table(platform.room, "kept")] == [kept]
    assert sheet(platform.room, "Kept")[1] == kept
