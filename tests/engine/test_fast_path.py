"""What the fast path takes for granted is so."""

import duckdb
import pytest

from oneroster_engine.duckdb_session import text
from oneroster_engine.staging import cells, fast_path, rules
from oneroster_engine.staging.reading import no_rows
from oneroster_engine.standard.entities import ONLY_1_2, ROSTER_FILES, Field, fields_of

IDS = """CREATE TABLE ids_{0} (no INTEGER, sourcedId VARCHAR, "type" VARCHAR, schoolSourcedId VARCHAR)"""


@pytest.mark.parametrize(
    ("name", "version"), [(name, version) for name in ROSTER_FILES for version in ("1.1", "1.2") if (name, version) not in
                          {(each, "1.1") for each in ONLY_1_2}], ids=lambda each: str(each)
)  # fmt: skip
def test_a_file_that_is_not_there_has_the_columns_of_one_that_is(name: str, version: str) -> None:
    fields = fields_of(name, version)
    with duckdb.connect() as connection:
        for each in ROSTER_FILES:
            connection.execute(IDS.format(each))
        read = connection.execute(f"DESCRIBE {fast_path.query(name, fields)(no_rows(fields))}").fetchall()
        connection.execute(fast_path.empty_table(name, fields))
        made = connection.execute(f"DESCRIBE read_{name}").fetchall()
    assert [each[:2] for each in made] == [each[:2] for each in read]


@pytest.mark.parametrize("word", [*cells.COMMON_NOTHING, "#N/A", "#REF!"])
def test_no_word_for_nothing_passes_as_a_surely_fine_text(word: str) -> None:
    fine = rules.fine_cell("users", Field("middleName"), "cell")
    with duckdb.connect() as connection:
        assert connection.execute(f"SELECT {fine} FROM (SELECT {text(word)} AS cell)").fetchone() == (False,)
