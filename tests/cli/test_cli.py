"""The command line says what a sync of the same bundle would say, and ends with a code that says how it went."""

import csv
import json
import os
import pty
import subprocess
import sys
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from xml.etree import ElementTree

import duckdb
import pytest

from chalicelib.store import files
from oneroster_engine.sample_district import SHAPES, District, write
from tests.cli.running import ROOT, run, run_process
from tests.corpus.cases import CASES
from tests.steps.walk import Walk, make_group

SOURCES = {
    "1.1": District(SHAPES["T"], 1, "1.1", 1, problems=True),
    "1.2": District(SHAPES["T"], 2, "1.2", 1, problems=True),
}
READ = [case for case in CASES if not case.refused]
REFUSED = [case for case in CASES if case.refused]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def made(tmp_path: Path) -> Path:
    write(District(SHAPES["tiny"], 1, "1.1", 1, problems=True), tmp_path / "district.zip")
    write(District(SHAPES["tiny"], 1, "1.1", 1, problems=False), tmp_path / "clean.zip")
    (tmp_path / "broken.zip").write_bytes(b"no ZIP")
    return tmp_path


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("name", [*SOURCES, *[case.name for case in READ[::24]]])
def test_check_finds_row_for_row_what_a_sync_of_the_same_zip_finds(tmp_path: Path, name: str) -> None:
    bundle = tmp_path / "district.zip"
    if name in SOURCES:
        write(SOURCES[name], bundle)
    else:
        bundle.write_bytes(next(case.archive for case in READ if case.name == name))
    make_group()
    walk = Walk(bundle.read_bytes())
    walk.open()
    walk.stage()
    files.download(files.sync_key(walk.sync_id, "stage/problems.parquet"), tmp_path / "problems.parquet")
    files.download(files.sync_key(walk.sync_id, "stage/left_out.parquet"), tmp_path / "left_out.parquet")

    ended = run(tmp_path, "check", "district.zip", "--out", "findings", "--format", "json")

    answer = json.loads(ended.out)
    for table in ("problems", "left_out"):
        shown = rows_of(tmp_path / "findings" / f"{table}.csv")
        columns = ", ".join(f'"{column}"' for column in shown[0]) if shown else "1"
        with duckdb.connect() as connection:
            found = connection.execute(f"SELECT {columns} FROM read_parquet('{tmp_path}/{table}.parquet')").fetchall()
        # An apostrophe in front keeps a spreadsheet from taking a cell for a formula; nothing else differs.
        wanted = [["" if cell is None else str(cell) for cell in row] for row in found]
        assert sorted([cell.replace("'", "") for cell in row.values()] for row in shown) == sorted(
            [cell.replace("'", "") for cell in row] for row in wanted
        )
    counted = walk.sync.counts
    assert {entity: list(each.values()) for entity, each in answer["counts"].items()} == {
        "orgs": [counted.orgs.read, counted.orgs.kept, counted.orgs.left_out],
        "academicSessions": [counted.academic_sessions.read, counted.academic_sessions.kept, counted.academic_sessions.left_out],
        "courses": [counted.courses.read, counted.courses.kept, counted.courses.left_out],
        "classes": [counted.classes.read, counted.classes.kept, counted.classes.left_out],
        "users": [counted.users.read, counted.users.kept, counted.users.left_out],
        "enrollments": [counted.enrollments.read, counted.enrollments.kept, counted.enrollments.left_out],
    }
    assert ended.code == (1 if any(row["severity"] == "error" for row in rows_of(tmp_path / "findings" / "problems.csv")) else 0)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name.replace(" ", "-")) for case in REFUSED[::5]])
def test_a_bundle_that_a_sync_refuses_is_refused_in_the_same_sentence(tmp_path: Path, case: object) -> None:
    (tmp_path / "sent.zip").write_bytes(case.archive)  # type: ignore[attr-defined]

    as_text = run(tmp_path, "check", "sent.zip")
    as_json = run(tmp_path, "check", "sent.zip", "--format", "json")
    as_junit = run(tmp_path, "check", "sent.zip", "--format", "junit")

    assert (as_text.code, as_json.code, as_junit.code) == (3, 3, 3)
    refusal = as_text.err.removeprefix("Refused: ").rstrip("\n")
    assert as_text.out == ""
    assert json.loads(as_json.out)["refused"] == refusal
    error = ElementTree.fromstring(as_junit.out).find(".//error")
    assert error is not None
    assert error.get("message", "").split() == refusal.split()
    assert "othing was changed" not in refusal


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(["check", "clean.zip"], 0, id="clean"),
        pytest.param(["check", "district.zip"], 1, id="errors in rows"),
        pytest.param(["plan", "clean.zip", "clean.zip"], 0, id="nothing held"),
        pytest.param(["plan", "clean.zip", "broken.zip"], 3, id="refused"),
        pytest.param(["check", "absent.zip"], 4, id="no such file"),
        pytest.param(["check"], 4, id="no file named"),
        pytest.param(["check", "clean.zip", "--format", "xml"], 4, id="no such format"),
        pytest.param(["chekc", "clean.zip"], 4, id="no such command"),
        pytest.param(["why", "clean.zip"], 4, id="neither id nor name"),
        pytest.param(["why", "clean.zip", "--id", "nobody"], 1, id="nobody has the id"),
        pytest.param(["export", "clean.zip", "--out", "clean.zip"], 4, id="onto itself"),
        pytest.param(["check", "clean.zip", "--out", "district.zip"], 4, id="a file where the folder should be"),
        pytest.param(["plan", "clean.zip", "clean.zip", "--guard", "clean.zip"], 4, id="a guard that is none"),
        pytest.param(["plan", "clean.zip", "clean.zip", "--selection", "clean.zip"], 4, id="a selection that is none"),
        pytest.param([], 4, id="no command"),
        pytest.param(["--help"], 0, id="help"),
    ],
)
def test_the_exit_code_says_what_came_out_and_an_error_is_one_sentence(made: Path, arguments: list[str], code: int) -> None:
    ended = run(made, *arguments)

    assert ended.code == code, ended
    assert "Traceback" not in ended.err
    if code == 4 and arguments:
        first, *others = ended.err.splitlines()
        assert first.startswith("Error: ")
        assert all("--help" in line for line in others)


@pytest.mark.parametrize(
    ("bundle", "status", "rejected", "comment"),
    [
        pytest.param("clean.zip", "Imported", "none", "1,395 of 1,395 records were imported.", id="clean"),
        pytest.param("district.zip", "Imported in part", "none", "root causes.", id="errors in rows"),
        pytest.param("broken.zip", "Rejected", "none", "ZIP", id="refused"),
    ],
)
def test_the_log_of_an_import_says_what_became_of_each_file(
    made: Path, bundle: str, status: str, rejected: str, comment: str
) -> None:
    said = dict(line.split(": ", 1) for line in run(made, "check", bundle, "--format", "log").out.splitlines())

    assert list(said) == ["Test identifier", "Date", "Status", "Files imported", "Files rejected", "Comment"]
    assert (said["Test identifier"], said["Status"]) == (bundle.removesuffix(".zip"), status)
    assert rejected in said["Files rejected"]
    assert comment in said["Comment"]
    assert date.fromisoformat(said["Date"]) <= datetime.now(UTC).date()


def test_a_plan_that_the_guard_holds_ends_with_two_and_says_why(made: Path) -> None:
    write(District(SHAPES["tiny"], 1, "1.1", 2, problems=False), made / "today.zip")
    (made / "guard.json").write_text('{"share": 0.01, "floor": 5}')

    ended = run(made, "plan", "clean.zip", "today.zip", "--guard", "guard.json", "--format", "json")

    answer = json.loads(ended.out)
    assert (ended.code, answer["held"]) == (2, True)
    assert {breach["entity"] for breach in answer["breaches"]} == {"users", "enrollments"}


def test_a_delta_is_merged_into_the_first_bundle_so_nobody_leaves(made: Path) -> None:
    with zipfile.ZipFile(made / "clean.zip") as whole, zipfile.ZipFile(made / "delta.zip", "w") as delta:
        header, first, *_ = whole.read("users.csv").decode().splitlines()
        cells = first.split(",")
        cells[1:3] = ["active", "2026-09-02T00:00:00.000Z"]
        manifest = "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.users,delta\n"
        for name, content in (
            ("manifest.csv", manifest),
            ("users.csv", f"{header}\n{','.join(cells[:8])},Renamed,{','.join(cells[9:])}\n"),
        ):
            delta.writestr(zipfile.ZipInfo(name), content)

    ended = run(made, "plan", "clean.zip", "delta.zip", "--format", "json")

    counts = json.loads(ended.out)["counts"]
    assert (counts["users"]["updated"], counts["users"]["deactivated"], counts["enrollments"]["ended"]) == (1, 0, 0)


def test_on_a_terminal_there_is_colour_and_a_bar_and_elsewhere_neither(made: Path) -> None:
    plain = run(made, "check", "district.zip")
    ours, theirs = pty.openpty()
    child = os.fork()
    if child == 0:
        os.chdir(made)
        for standard in (0, 1, 2):
            os.dup2(theirs, standard)
        command = [sys.executable, "-m", "oneroster_engine.cli", "check", "district.zip"]
        os.execve(sys.executable, command, {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TERM": "xterm"})
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:
        pass  # so a terminal says that the other side is gone
    os.waitpid(child, 0)

    assert "\x1b[" not in plain.out + plain.err
    assert plain.err == ""
    assert b"\x1b[31merror" in shown
    assert b"###" in shown


def test_a_sample_is_the_same_bytes_for_the_same_options_from_the_command_and_from_the_script(tmp_path: Path) -> None:
    by_command = run(tmp_path, "sample", "--version", "1.2", "--problems", "--out", "one.zip")
    by_script = run_process(
        [sys.executable, f"{ROOT}/samples/district.py", "--version", "1.2", "--problems", "--out", "two.zip"], tmp_path
    )

    assert (by_command.code, by_script.code) == (0, 0)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_whoever_reads_only_the_first_lines_sees_no_error(made: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)

    done = subprocess.run(
        [sys.executable, "-m", "oneroster_engine.cli", "check", "district.zip", "--format", "json"],
        cwd=made, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}, stdout=writing, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    os.close(writing)

    assert b"Traceback" not in done.stderr
