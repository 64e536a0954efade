"""What people open in a spreadsheet is text there, in whatever country."""

import csv
from pathlib import Path

import duckdb
import pytest

from oneroster_engine.spreadsheet_csv import as_text, write_csv


def written(tmp_path: Path, *values: str) -> list[str]:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE one AS SELECT unnest($values::VARCHAR[]) AS name", {"values": list(values)})
        write_csv(connection, "SELECT * FROM one", ["name"], tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        return [row["name"] for row in csv.DictReader(file)]


SIGNS = {"equals": "=", "plus": "+", "minus": "-", "at": "@", "fullwidth equals": "\uff1d", "fullwidth plus": "\uff0b",
         "fullwidth minus": "\uff0d", "fullwidth at": "\uff20", "small equals": "\ufe66", "minus sign": "\u2212"}  # fmt: skip
IN_FRONT = {"nothing": "", "a blank": " ", "a tab": "\t", "a no-break space": "\u00a0", "a zero-width space": "\u200b",
            "a byte order mark": "\ufeff", "a soft hyphen": "\u00ad", "a mark of direction": "\u202e", "a quote": '"',
            "a line end": "\n", "several": " \u200b\u2060\t"}  # fmt: skip


@pytest.mark.parametrize("front", IN_FRONT.values(), ids=IN_FRONT)
@pytest.mark.parametrize("sign", SIGNS.values(), ids=SIGNS)
def test_what_a_spreadsheet_takes_for_a_formula_gets_an_apostrophe_in_front_of_its_sign(
    tmp_path: Path, sign: str, front: str
) -> None:
    assert written(tmp_path, f"{front}{sign}SUM(1)") == [f"{front}'{sign}SUM(1)"]


@pytest.mark.parametrize("cut", [";", "\t", "; ", ';"', ";\u200b"], ids=["semicolon", "tab", "blank", "quote", "invisible"])
def test_so_does_what_begins_behind_the_separator_of_another_country(tmp_path: Path, cut: str) -> None:
    assert written(tmp_path, f"North{cut}=SUM(1);+2") == [f"North{cut}'=SUM(1);'+2"]


def test_names_ids_and_dates_stay_as_they_are(tmp_path: Path) -> None:
    names = [
        "O'Brien",
        "Anne-Marie",
        "a=b",
        "",
        "2026-09-01",
        "École; Élan",
        "ann@school.example",
        "北京",
        "'tis",
        "(a)",
        '{"a": -1}',
    ]

    assert written(tmp_path, *names) == names


def test_an_empty_cell_stays_empty() -> None:
    with duckdb.connect() as connection:
        assert connection.execute(f"SELECT {as_text('x')} FROM (SELECT NULL::VARCHAR AS x)").fetchone() == (None,)
